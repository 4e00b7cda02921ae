"""What is kept on disk of compiled kernels is used as long as no kernel's text changes."""

import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

CALLED = """
from heldout.kernels.compiled import compiled

@compiled()
def called(number):
    return number + 1
"""
CALLING = """
from heldout.kernels.called import called
from heldout.kernels.compiled import compiled

@compiled()
def calling(number):
    return 10 * called(number)
"""
PRINT = """
from heldout.kernels.calling import calling
print(calling(2), sum(calling.stats.cache_hits.values()))
"""
BEFORE = "from heldout.kernels import compiled_before; print(compiled_before())"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of this package, without anything compiled."""
    package = tmp_path / "heldout"
    shutil.copytree(str(files("heldout")), package, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def printed(package: Path, program: str) -> str:
    """Return what a program prints in a process of its own, with a copy of this package."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("changed", ["kernels/called.py", "splits.py"])
def test_a_kernel_is_compiled_again_if_what_it_calls_has_changed(
    copied: Path, changed: str
) -> None:
    """Numba itself would go on with the old text of a function from another file."""
    (copied / "kernels" / "called.py").write_text(CALLED, encoding="utf-8")
    (copied / "kernels" / "calling.py").write_text(CALLING, encoding="utf-8")
    assert printed(copied, PRINT) == "30 0"
    assert printed(copied, PRINT) == "30 1"
    file = copied / changed
    file.write_text(
        file.read_text(encoding="utf-8").replace("number + 1", "number + 2") + "\n",
        encoding="utf-8",
    )
    after = "40 0" if changed == "kernels/called.py" else "30 0"
    assert printed(copied, PRINT) == after


def test_a_user_is_told_of_compiling_whenever_it_will_take_place(copied: Path) -> None:
    import heldout.kernels.nested

    assert heldout.kernels.compiled_before()
    assert printed(copied, BEFORE) == "False"
    kept = copied / "kernels" / "__pycache__"
    kept.mkdir(exist_ok=True)
    for index in (Path(str(files("heldout"))) / "kernels" / "__pycache__").glob("nested.*.nbi"):
        shutil.copy(index, kept)
    assert printed(copied, BEFORE) == "True"
    with (copied / "kernels" / "platt.py").open("a", encoding="utf-8") as file:
        file.write("\n")
    assert printed(copied, BEFORE) == "False"
