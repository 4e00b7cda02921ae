#!/bin/sh
# The Pythons of this machine that can run heldout, and environments made of them.
#
#   python.sh list           each version once as "3.13 /path/of/python", the one to use first
#   python.sh env FOLDER     make or renew the virtual environment FOLDER, if it needs it
#
# The one to use is PYTHON where that is set, else `python3` of the path if it is new enough, else
# the newest that the path or pyenv has.
set -eu

minors="14 13 12 11"

# Print the version and the path of a Python that is fit. It is asked, not believed: pyenv puts
# commands on the path for versions that are not active, and Debian has Pythons without venv. The
# path is of what a virtual environment was made from, so that one can be remade from within. What
# answers nothing is no Python, however well it ends.
asked() {
  "$1" -c '
import sys
assert (3, 11) <= sys.version_info[:2] <= (3, 14)
import ensurepip, venv
print("%d.%d" % sys.version_info[:2], getattr(sys, "_base_executable", None) or sys.executable)
' 2>/dev/null | grep .
}

candidates() {
  echo python3
  for minor in $minors; do
    echo "python3.$minor"
    for path in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python; do echo "$path"; done
  done
}

list() {
  candidates | while read -r candidate; do asked "$candidate" || :; done | awk '!seen[$1]++'
}

choose() {
  if [ -n "${PYTHON:-}" ]; then
    asked "$PYTHON" || refuse "PYTHON=$PYTHON cannot be used."
  else
    candidates | {
      while read -r candidate; do asked "$candidate" && exit; done
      refuse "No Python was found that can be used ($(python3 --version 2>&1 || echo 'no python3'))."
    }
  fi
}

refuse() {
  {
    echo "$1"
    echo "Needed: 3.11, 3.12, 3.13 or 3.14, with venv and pip (Debian and Ubuntu: python3-venv)."
    echo "Install one, or say where it is: make run PYTHON=/path/to/python"
  } >&2
  exit 1
}

env() {
  chosen=$(choose)
  version=${chosen%% *} python=${chosen#* }
  wanted="$version $(cat requirements.lock pyproject.toml | cksum)"
  if [ "$(cat "$1/.made" 2>/dev/null)" = "$wanted" ] && "$1/bin/python" -c '' 2>/dev/null; then
    return
  fi
  echo "Installing into $1, with Python $version (two to three minutes the first time) ..."
  rm -rf "$1"
  "$python" -m venv "$1"
  # What to install is known to the last byte: nothing is resolved here.
  pip="$1/bin/python -m pip --disable-pip-version-check --quiet"
  $pip install --no-deps --require-hashes -r requirements.lock
  $pip install --no-deps -e .
  echo "$wanted" >"$1/.made"
}

case "${1:-}" in
  list) list ;;
  env) env "${2:?the folder}" ;;
  *) sed -n '2,8p' "$0" && exit 2 ;;
esac
