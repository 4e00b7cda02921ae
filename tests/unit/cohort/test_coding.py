"""Codes that were read as values, and columns that were read as two things."""

from pathlib import Path
from typing import Any

import pytest

from heldout.cohort.people import Cohort
from tests.unit.cohort.exports import cohort_of, write_spss
from tests.unit.cohort.test_visits import finding

VALUES = (13, 40, 22, 65, 31, 18, 27)


def read(folder: Path, values: tuple[object, ...], **declared: Any) -> Cohort:
    """Return a cohort with a number of each patient; rows begin with 2."""
    rows = "".join(f"p{n},40,{value}\n" for n, value in enumerate(values))
    (folder / "data.csv").write_text(f"id,m,x\n{rows}")
    return cohort_of(folder, cohort_part({"kind": "number"} | declared))


def cohort_part(declared: dict[str, Any], file: str = "data.csv", **columns: Any) -> dict[str, Any]:
    """Return a cohort part of a score and a column 'x'."""
    return {
        "title": "Coded",
        "table": {"file": file},
        "patient": "id",
        "visits": {"base": {"day": 0}},
        "baseline": "base",
        "columns": {"madrs": {"column": "m", "instrument": "madrs"}, "x": declared} | columns,
    }


@pytest.mark.parametrize("code", [-99, -9, -1, 99, 999, 9999])
def test_a_code_of_missing_values_among_numbers_is_noticed(tmp_path: Path, code: int) -> None:
    cohort = read(tmp_path, (*VALUES, code, *VALUES, code))
    (notice,) = cohort.noticed
    assert (notice.code, notice.who) == ("HO023", ("p15", "p7"))
    assert notice.text == (
        "data.csv, column 'x': 2 values such as codes of missing values (-99, 999) (rows 9, 17)"
    )


@pytest.mark.parametrize(
    "values",
    [
        (*VALUES, 99, 97, 101),
        (*VALUES, -99, -80, -120),
        (-12, -3, 4, 8, -1, 2, 6),
        (13, 40, 99),
        VALUES,
    ],
    ids=["others near", "others below", "differences", "too few", "none"],
)
def test_a_value_that_may_be_one_is_not_called_a_code(
    tmp_path: Path, values: tuple[int, ...]
) -> None:
    assert read(tmp_path, values).noticed == ()


def test_a_declared_range_has_decided_already(tmp_path: Path) -> None:
    assert read(tmp_path, (*VALUES, 99), range=[0, 99]).noticed == ()


def spss(
    folder: Path, values: tuple[float, ...], labels: dict[float, str], declared: dict[str, Any]
) -> Cohort:
    """Return the cohort of an SPSS file with value labels; rows begin with 1."""
    rows: Any = [{"id": f"p{n}", "m": 40.0, "x": float(x)} for n, x in enumerate(values)]
    write_spss(folder / "data.sav", rows, variable_value_labels={"x": labels})
    return cohort_of(folder, cohort_part(declared, "data.sav"))


@pytest.mark.parametrize("declared", [{"kind": "number"}, {"kind": "number", "range": [0, 99]}])
@pytest.mark.parametrize("label", ["Not applicable", "refused", "keine Angabe", "far away"])
def test_labelled_values_apart_from_the_others_are_noticed(
    tmp_path: Path, declared: dict[str, Any], label: str
) -> None:
    cohort = spss(tmp_path, (*VALUES, 98), {98.0: label}, declared)
    (notice,) = cohort.noticed
    assert (notice.code, notice.who) == ("HO023", ("p7",))
    assert notice.text == (
        "data.sav, column 'x': 1 value that the file's value labels set apart (row 8)"
    )


def test_a_label_that_says_no_answer_is_noticed_within_the_range(tmp_path: Path) -> None:
    labels = {1.0: "never", 2.0: "often", 3.0: "don't know"}
    cohort = spss(tmp_path, (1, 2, 3, 1, 2, 1), labels, {"kind": "number"})
    assert cohort.noticed[0].who == ("p2",)


def test_labels_of_the_ends_of_a_scale_are_fine(tmp_path: Path) -> None:
    labels = {0.0: "not at all", 10.0: "extremely"}
    assert spss(tmp_path, (0, 3, 5, 7, 10, 8, 2), labels, {"kind": "number"}).noticed == ()


LEVELS = {"kind": "category", "levels": {"1": "female", "2": "male"}}


def test_exchanged_levels_are_noticed(tmp_path: Path) -> None:
    """All men would be called women, in every table and figure."""
    cohort = spss(tmp_path, (1, 2, 1), {1.0: "Male", 2.0: "Female"}, LEVELS)
    (notice,) = cohort.noticed
    assert notice.code == "HO023"
    assert notice.text == (
        "data.sav, column 'x': the file labels the codes 1, 2 as other levels than 'x' declares "
        "(3 values, rows 1, 2, 3)"
    )


@pytest.mark.parametrize("labels", [{1.0: "Female", 2.0: "Male"}, {1.0: "donna", 2.0: "uomo"}, {}])
def test_levels_as_labelled_or_in_other_words_are_fine(
    tmp_path: Path, labels: dict[float, str]
) -> None:
    assert spss(tmp_path, (1, 2, 1), labels, LEVELS).noticed == ()


def test_a_column_read_as_two_values_of_a_visit_is_an_issue(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("id,m,x\np0,40,3\n")
    again = {"kind": "number", "column": "x"}
    cohort = cohort_of(tmp_path, cohort_part({"kind": "number"}, again=again))
    found = finding(cohort, "HO026")
    assert (found.verdict, found.text) == (
        "issue",
        "data.csv: column 'x' is read as 'x' and as 'again' at base.",
    )


def test_items_read_as_two_questionnaires_are_an_issue(tmp_path: Path) -> None:
    names = [f"q{n}" for n in range(1, 11)]
    (tmp_path / "data.csv").write_text(f"id,m,x,{','.join(names)}\np0,40,3{',2' * 10}\n")
    two = {"items": "q{item}", "instrument": "gad7"}
    mine = {"items": "q{item}", "instrument": "phq9"}
    cohort = cohort_of(tmp_path, cohort_part({"kind": "number"}, gad7=two, phq9=mine))
    assert finding(cohort, "HO026").text == (
        "data.csv: columns 'q1', 'q2', 'q3', 'q4', 'q5' and 2 more are read as 'gad7' and as "
        "'phq9' at base."
    )


def test_a_column_of_a_long_table_read_at_every_visit_is_fine(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("id,visit,m,x\np0,base,40,3\np0,week2,20,4\n")
    part = cohort_part({"kind": "number", "by_visit": True})
    part["table"] = {"file": "data.csv", "layout": "long", "visit": "visit"}
    part["visits"] = {"base": {"day": 0}, "week2": {"day": 14}}
    part["columns"]["madrs"] = {"column": "m", "instrument": "madrs", "by_visit": True}
    assert finding(cohort_of(tmp_path, part), "HO026").verdict == "passed"
