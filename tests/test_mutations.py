"""The list of breaks cannot rot: every old text stands once, every test file is there."""

from pathlib import Path

import pytest
from benchmarks.mutations import BREAKS, ROOT, Break


@pytest.mark.parametrize("change", BREAKS, ids=lambda change: change.name)
def test_a_break_can_be_made(change: Break) -> None:
    text = Path(ROOT / "src" / "heldout" / change.file).read_text(encoding="utf-8")
    assert text.count(change.old) == 1
    assert change.new != change.old
    assert change.tests
    assert all((ROOT / test).exists() for test in change.tests)


def test_breaks_are_named_once() -> None:
    names = [change.name for change in BREAKS]
    assert len(names) == len(set(names))


# The tree's root also holds what only hands out names, or has no decision in it.
WITHOUT = {
    "py.typed",
    "__pycache__",
    "__init__",
    "__main__",
    "arrays",
    "deferred",
    "errors",
    "explain",
    "record",
}


def test_every_package_is_broken_somewhere() -> None:
    parts = {path.name.removesuffix(".py") for path in (ROOT / "src" / "heldout").iterdir()}
    broken = {change.package for change in BREAKS}
    assert broken >= parts - WITHOUT
    assert len(BREAKS) >= 60
