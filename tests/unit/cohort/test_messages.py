"""What messages may repeat of a table: never what may be an answer."""

from pathlib import Path
from typing import Any

import pytest

from heldout.errors import CohortError
from tests.unit.cohort.studies import (
    WIDE,
    long_cohort,
    long_rows,
    rows_of,
    scored,
    text_of,
    wide_cohort,
    with_cell,
    with_columns,
    write_study,
)

MOODS = ("calm", "restless", "hopeless", "sad", "numb", "tense")


def refusal(folder: Path, table: str, cohort: dict[str, Any]) -> str:
    """Return the message with which a table is refused."""
    with pytest.raises(CohortError) as refused:
        scored(write_study(folder, table, cohort))
    return str(refused.value)


def long_text(**columns: tuple[str, ...]) -> str:
    """Return the long table with columns added, one value a row in turn."""
    rows = [
        row | {name: values[number % len(values)] for name, values in columns.items()}
        for number, row in enumerate(long_rows())
    ]
    return text_of(rows)


def long_table(**changes: str) -> dict[str, str]:
    """Return how the long table is laid out, some keys replaced."""
    return {"file": "data.csv", "layout": "long", "visit": "visit"} | changes


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"patient": "age"}, "cohort.patient"),
        ({"patient": "note"}, "cohort.patient"),
        ({"site": "income"}, "cohort.site"),
        ({"site": "m_d0"}, "cohort.site"),
        ({"site": "note"}, "cohort.site"),
    ],
)
def test_what_names_patients_and_sites_is_not_what_was_measured(
    tmp_path: Path, changes: dict[str, Any], place: str
) -> None:
    column = next(iter(changes.values()))
    message = refusal(tmp_path, WIDE, wide_cohort(**changes))
    assert message.startswith(f"{place}: table column '{column}' is also read as '")
    assert "41" not in message.replace(str(tmp_path), "")
    assert "SECRETWORD" not in message


def test_a_category_may_be_the_site(tmp_path: Path) -> None:
    """Sites are named, and a feature may be made of them."""
    centre = {"kind": "category", "levels": {"north": "North", "south": "South"}}
    part = with_columns(wide_cohort(site="centre"), centre=centre)
    assert scored(write_study(tmp_path, WIDE, part)).site is not None


def test_a_column_with_a_text_for_nearly_each_patient_is_none_of_sites(tmp_path: Path) -> None:
    rows = [
        row | {"id": f"{row['id']}{copy}", "words": f"{MOODS[n]} {copy}"}
        for copy in range(2)
        for n, row in enumerate(rows_of())
    ]
    message = refusal(tmp_path, text_of(rows), wide_cohort(site="words"))
    assert message == (
        "cohort.site: table column 'words' has 12 different texts among 12 patients, and sites "
        "have several patients each. Write the column that names the sites, or remove 'site'."
    )


@pytest.mark.parametrize("column", ["m", "age", "note"])
def test_what_names_visits_is_not_what_was_measured(tmp_path: Path, column: str) -> None:
    part = long_cohort(table=long_table(visit=column))
    message = refusal(tmp_path, text_of(long_rows()), part)
    assert message.startswith(f"cohort.table.visit: table column '{column}' is also read as '")


def test_a_further_tables_patients_are_not_what_was_measured(tmp_path: Path) -> None:
    (tmp_path / "labs.csv").write_text("id,crp\n007,41\n")
    tables = {"labs": {"file": "labs.csv", "patient": "crp"}}
    part = with_columns(wide_cohort(tables=tables), crp={"kind": "number", "table": "labs"})
    message = refusal(tmp_path, WIDE, part)
    assert message.startswith("cohort.tables.labs.patient: table column 'crp' is also read as")


def test_numbers_that_are_no_declared_visits_are_counted_not_named(tmp_path: Path) -> None:
    part = long_cohort(table=long_table(visit="score"))
    message = refusal(tmp_path, long_text(score=("37", "38")), part)
    assert message == (
        "data.csv, column 'score': 18 rows name 2 visits (rows 2, 3, 4, 5, 6 and 13 more) not "
        "declared. Declared: d0, d2, d10. Declare the codes or list them under 'ignore_visits', or "
        "write the column that names the visit under 'visit'."
    )


def test_texts_met_once_each_are_no_visits_to_be_named(tmp_path: Path) -> None:
    moods = tuple(f"{mood} {number}" for mood in MOODS for number in range(3))
    part = long_cohort(table=long_table(visit="mood"))
    message = refusal(tmp_path, long_text(mood=moods), part)
    assert not [mood for mood in MOODS if mood in message]


def test_visits_that_are_not_declared_are_named_where_they_recur(tmp_path: Path) -> None:
    part = long_cohort(table=long_table(visit="event"))
    message = refusal(tmp_path, long_text(event=("start", "week 1", "end")), part)
    assert "visits 'end', 'start', 'week 1' are not declared. Declared: d0, d2, d10." in message


def test_pseudonyms_that_may_be_answers_are_counted_not_named(tmp_path: Path) -> None:
    """Ages under 'patient': two patients of the same age stand twice."""
    table = text_of([row | {"years": row["age"]} for row in rows_of(with_cell(3, "age", "41"))])
    message = refusal(tmp_path, table, wide_cohort(patient="years"))
    assert message == (
        "data.csv, column 'years': 2 rows (rows 2, 3) are of patients who stand more than once. "
        "One row a patient is required; merge or remove the others, or write the column of "
        "pseudonyms under 'patient'."
    )


def test_texts_that_most_rows_share_are_no_pseudonyms(tmp_path: Path) -> None:
    table = text_of([row | {"mood": MOODS[n % 2]} for n, row in enumerate(rows_of())])
    message = refusal(tmp_path, table, wide_cohort(patient="mood"))
    assert not [mood for mood in MOODS if mood in message]


@pytest.mark.parametrize(
    "table",
    [
        "P0,severe,x\nP1,mild,y\nP2,mild,z\n",
        "ann,severe depression,x\nben,severe depression,y\ncay,mild,z\n",
        "ann,2024-03-01,severe\nben,2024-04-01,mild\ncay,2023-01-12,none\n",
    ],
    ids=["pseudonyms", "a name below itself", "dates"],
)
def test_a_first_row_of_answers_is_not_repeated(tmp_path: Path, table: str) -> None:
    message = refusal(tmp_path, table, wide_cohort())
    assert (
        "cohort.patient: the table has no column 'id', and row 1 of its 3 columns reads like the "
        "rows below it. Row 1 must hold the names of the columns; add or correct them."
    ) in message
    assert "severe" not in message


def test_a_name_twice_in_a_first_row_of_answers_is_not_repeated(tmp_path: Path) -> None:
    message = refusal(tmp_path, "P0,severe,severe\nP1,mild,mild\nP2,mild,none\n", wide_cohort())
    assert message.startswith("data.csv: a name stands twice in row 1 (columns 2, 3).")


MARKS = ["N/A", ".", "NULL", "#N/A", "nan", "missing"]


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("column", ["income", "sex"])
def test_a_usual_mark_of_missing_values_is_named_with_its_remedy(
    tmp_path: Path, column: str, mark: str
) -> None:
    message = refusal(tmp_path, with_cell(3, column, mark), wide_cohort())
    assert message.endswith(
        f" 1 of these is '{mark}', which usually means 'not observed'; if so, write 'table: "
        f'{{missing: ["NA", "n/a", "NaN", "{mark}"]}}\' in the cohort file.'
    )


def test_the_remedy_is_of_the_table_in_which_the_mark_stands(tmp_path: Path) -> None:
    (tmp_path / "labs.csv").write_text("id,crp\n007,.\n001,.\n003,2\n")
    tables = {"labs": {"file": "labs.csv", "missing": ["-99"]}}
    part = with_columns(wide_cohort(tables=tables), crp={"kind": "number", "table": "labs"})
    assert "2 of these are '.', which" in (message := refusal(tmp_path, WIDE, part))
    assert """write 'tables: {labs: {missing: ["-99", "."]}}'""" in message


@pytest.mark.parametrize("text", ["SECRETWORD", "none", "unknown"])
def test_a_text_that_may_be_an_answer_is_not_named(tmp_path: Path, text: str) -> None:
    message = refusal(tmp_path, with_cell(3, "income", text), wide_cohort())
    assert text not in message
    assert "usually means" not in message


def test_a_nul_byte_is_called_by_its_name(tmp_path: Path) -> None:
    message = refusal(tmp_path, WIDE.replace("calm", "ca\0lm"), wide_cohort())
    assert message == (
        "data.csv: line 4 holds a NUL byte (a character with the code 0), which no text has. "
        "Delete it there, and look whether the file is damaged."
    )
