"""Which Python `make` takes is decided before anything is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="where there is no make")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a folder with the commands that the choice needs, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for command in ("make", "sh", "awk", "cat", "cksum", "grep", "head", "rm"):
        (folder / command).symlink_to(str(shutil.which(command)))
    return folder


def put(folder: Path, command: str, text: str) -> Path:
    """Write a command into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / command).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    (folder / command).chmod(0o755)
    return folder / command


def ask(path: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command that sees nothing but a folder's commands and an empty home."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": str(path), "HOME": str(path.parent), **more},
        capture_output=True,
        text=True,
        check=False,
    )


OLD = 'test "$1" = --version && echo Python 3.10.13'
NEW = f'exec {sys.executable} "$@"'


@pytest.mark.parametrize("more", [{}, {"PYTHON": "python3"}])
def test_without_a_python_that_is_fit_nothing_is_made(
    path: Path, tmp_path: Path, more: dict[str, str]
) -> None:
    put(path, "python3", OLD)
    made = tmp_path / "venv"
    refused = ask(path, "make", "env", f"VENV={made}", **more)
    assert refused.returncode != 0
    assert "Needed: 3.11, 3.12, 3.13 or 3.14, with venv and pip" in refused.stderr
    assert ("Python 3.10.13" if not more else "PYTHON=python3 cannot be used") in refused.stderr
    assert not made.exists()


def test_what_answers_nothing_is_no_python_and_leaves_what_was_made(
    path: Path, tmp_path: Path
) -> None:
    """An environment was removed before the mistake was seen."""
    silent = put(tmp_path / "other", "python", "exit 0")
    kept = put(tmp_path / "venv", "kept", "")
    done = ask(path, "sh", ".ci/python.sh", "env", str(kept.parent), PYTHON=os.fspath(silent))
    assert done.returncode != 0
    assert f"PYTHON={silent} cannot be used." in done.stderr
    assert kept.exists()


def test_python3_of_the_path_comes_first(path: Path) -> None:
    put(path, "python3", NEW)
    put(path, "python3.14", "echo 3.14 /newer")
    listed = ask(path, "sh", ".ci/python.sh", "list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [HERE, "3.14"]


def test_the_newest_stands_in_for_a_python3_that_is_too_old(path: Path, tmp_path: Path) -> None:
    """Those of pyenv too; one that the path names but that does not start is passed over."""
    put(path, "python3", OLD)
    put(path, "python3.13", "exit 127")
    put(path, "python3.11", "echo 3.11 /old")
    put(tmp_path / ".pyenv" / "versions" / "3.12.9" / "bin", "python", "echo 3.12 /pyenv")
    listed = ask(path, "sh", ".ci/python.sh", "list").stdout
    assert listed.splitlines() == ["3.12 /pyenv", "3.11 /old"]


def test_an_environment_is_made_of_what_a_venv_was_made_from(path: Path) -> None:
    """Else the one that is active could not be made again."""
    put(path, "python3", NEW)
    (line,) = ask(path, "sh", ".ci/python.sh", "list").stdout.splitlines()
    assert line == f"{HERE} {sys._base_executable}"  # type: ignore[attr-defined]


def test_each_environment_knows_what_it_was_made_from(path: Path, tmp_path: Path) -> None:
    """One that another Python or another lock made is made again; ours is left alone."""
    asked = (
        'case "$1 $2" in "-m venv") mkdir -p $3/bin; cp $0 $3/bin/python;; "-m pip") ;; '
        "*) echo 3.12 $0;; esac"
    )
    for command in ("mkdir", "cp"):
        (path / command).symlink_to(str(shutil.which(command)))
    first = put(tmp_path / "other", "python", asked)
    second = put(tmp_path / "another", "python", asked.replace("3.12", "3.13"))
    told = [
        ask(path, "sh", ".ci/python.sh", "env", str(tmp_path / "venv"), PYTHON=os.fspath(python))
        for python in (first, first, second, first)
    ]
    assert [done.returncode for done in told] == [0] * 4
    installed = ["Installing" in done.stdout for done in told]
    assert installed == [True, False, True, True]
    assert "with Python 3.13 " in told[2].stdout
