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
