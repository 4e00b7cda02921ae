"""Units on disk: what is whole is not done again, what is damaged is."""

import json
from pathlib import Path

import pytest

from heldout.engine.engine import Engine
from heldout.study.design import Design
from heldout.study.units import UnitResult, evaluate_units, silent, units_of
from tests.tables import a_plan, a_table

ONE = Engine(workers=1)


@pytest.fixture(scope="module")
def design() -> Design:
    """Return a design of one outcome and a model that learns nothing but a mean."""
    return a_plan(a_table(), outcomes={"week4": "response4"}).design


def evaluated(design: Design, folder: Path | None) -> list[UnitResult]:
    """Return the results of all units."""
    return evaluate_units(design, folder=folder, engine=ONE, progress=silent)


def test_stored_units_are_those_that_are_computed(design: Design, tmp_path: Path) -> None:
    first = evaluated(design, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {u.file for u in units_of(design)}
    assert evaluated(design, tmp_path) == first == evaluated(design, None)


def test_a_unit_that_is_whole_is_read_and_not_done_again(design: Design, tmp_path: Path) -> None:
    evaluated(design, tmp_path)
    path = tmp_path / units_of(design)[2].file
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chosen": "nobody"}))
    assert [unit["chosen"] == "nobody" for unit in evaluated(design, tmp_path)] == [
        number == 2 for number in range(5)
    ]


@pytest.mark.parametrize("content", ["", '{"test": [', "[]", "{}", '{"test": [1]}'])
def test_a_damaged_unit_is_done_again(design: Design, tmp_path: Path, content: str) -> None:
    whole = evaluated(design, tmp_path)
    (tmp_path / units_of(design)[1].file).write_text(content)
    assert evaluated(design, tmp_path) == whole
