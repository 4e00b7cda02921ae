"""What a table may get wrong, and that no message repeats what a patient answered."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from heldout.errors import CohortError
from tests.unit.cohort.studies import (
    SECRETS,
    WIDE,
    items_cohort,
    items_rows,
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

NUMBER, WORD = SECRETS


class Fault(NamedTuple):
    """A table, what the cohort file says of it, and how the message must read."""

    table: str | bytes
    pattern: str
    cohort: dict[str, Any] | None = None


def long_fault(number: int, column: str, value: str, pattern: str) -> Fault:
    """Return a fault of one cell of the long table."""
    return Fault(with_cell(number, column, value, long_rows()), pattern, long_cohort())


def renamed(old: str, new: str) -> str:
    """Return the wide table with one column renamed."""
    header, rest = WIDE.split("\n", 1)
    return header.replace(old, new) + "\n" + rest


def site_changes() -> Fault:
    """Return a long table in which a patient moves."""
    text = with_cell(3, "centre", WORD, long_rows())
    return Fault(
        text,
        r"^data\.csv, column 'centre': changes within 1 patient\.",
        long_cohort(site="centre"),
    )


FAULTS = {
    "file missing": Fault(
        WIDE,
        r"^cohort\.table\.file: there is no file 'dat\.csv' in the study folder",
        wide_cohort(table={"file": "dat.csv"}),
    ),
    "empty file": Fault("", r"^data\.csv: holds no rows of patients\. Give a table"),
    "header only": Fault(WIDE.split("\n")[0], r"^data\.csv: holds no rows of patients"),
    "header and blank rows": Fault(
        WIDE.split("\n")[0] + "\n,,,,,,,,\n\n", r"^data\.csv: holds no rows"
    ),
    "not UTF-8": Fault(
        WIDE.replace("calm", "müde").encode("latin-1"),
        r"^data\.csv: line 4 is not UTF-8 text\. Save the table as CSV \(UTF-8\), or set 'enc",
    ),
    "UTF-16": Fault(WIDE.encode("utf-16"), r"^data\.csv: line 1 is not UTF-8 text"),
    "UTF-16 without a mark": Fault(WIDE.encode("utf-16-le"), r"^data\.csv: line 1 is not UTF-8"),
    "ragged rows": Fault(
        WIDE.replace("800,", "800").replace("50,\n", "50,,,\n"),
        r"^data\.csv: 2 of 6 rows do not have 9 cells \(rows 5, 7\)\. Check separators",
    ),
    "decimal comma": Fault(
        WIDE.replace("9137.25", "9137,25"),
        r"^data\.csv: 1 of 6 rows does not have 9 cells \(row 2\)",
    ),
    "semicolons": Fault(
        WIDE.replace(",", ";"), r"^data\.csv: row 1 is separated by semicolons, not by commas\. Set"
    ),
    "tabs": Fault(
        WIDE.replace(",", "\t"), r"^data\.csv: row 1 is separated by tabs, .* 'separator: \"tab\"'"
    ),
    "open quote": Fault(
        WIDE.replace(WORD, f'"{WORD}'), r"^data\.csv: line 7 is not CSV \(unexpected end of data\)"
    ),
    "column twice": Fault(
        renamed("centre", "age"),
        r"^data\.csv: 'age' stands twice in row 1 \(columns 2, 4\)\. Rename or remove one\.$",
    ),
    "unnamed column": Fault(renamed("centre", ""), r"^data\.csv: column 4 has no name\. Name it"),
    "unnamed and twice": Fault(
        renamed("centre,m_d0", ",age"), r"^2 faults:\n  1\. data\.csv: 'age' .*\n  2\. data\.csv: "
    ),
    "no row of names": Fault(
        WIDE.split("\n", 1)[1],
        r"^(?s:8 faults:.*)cohort\.patient: the table has no column 'id', and some of its 9 "
        r"columns are named by numbers\. Row 1 must hold the names",
    ),
    "no row of names, one answer twice": Fault(
        f"x,{NUMBER},{NUMBER}\nb,1,2\n",
        r"^data\.csv: a name stands twice in row 1 \(columns 2, 3\)",
    ),
    "column missing": Fault(
        renamed("age", "agee"),
        r"^cohort\.columns\.age: the table has no column 'age'\. It has: id, agee, sex, .*\. "
        r"Did you mean 'agee'\?$",
    ),
    "patient column missing": Fault(
        WIDE,
        r"^cohort\.patient: the table has no column 'pid'.* mean 'id'",
        wide_cohort(patient="pid"),
    ),
    "site column missing": Fault(
        WIDE, r"^cohort\.site: the table has no column 'site'", wide_cohort(site="site")
    ),
    "visit column missing": Fault(
        text_of(long_rows()),
        r"^cohort\.table\.visit: the table has no column 'week'",
        long_cohort(table={"file": "data.csv", "layout": "long", "visit": "week"}),
    ),
    "item column missing": Fault(
        text_of(items_rows()).replace("h6_d2", "g"),
        r"^cohort\.columns\.hamd6: the table has no column 'h6_d2'",
        items_cohort(),
    ),
    "out of the declared range": Fault(
        with_cell(4, "age", NUMBER),
        r"^data\.csv, column 'age': 1 of 6 values \(row 4\) lies outside 18\.\.100\. Correct the "
        r"table, or what cohort\.columns\.age declares\.$",
    ),
    "out of the instrument's range": Fault(
        with_cell(2, "m_d10", NUMBER), r"^data\.csv, column 'm_d10': 1 of 5 .* outside 0\.\.60\."
    ),
    "below the range": Fault(
        with_cell(4, "age", f"-{NUMBER}"), r"column 'age': 1 of 6 .* lies outside 18\.\.100\."
    ),
    "out of the item's range": Fault(
        with_cell(3, "h6_d0", "9137.25", items_rows()),
        r"^data\.csv, column 'h6_d0': 1 of 6 values \(row 3\) lies outside 0\.\.2\.",
        items_cohort(),
    ),
    "text in a column of numbers": Fault(
        with_cell(5, "income", WORD),
        r"^data\.csv, column 'income': 1 of 5 values \(row 5\) is not a number \(",
    ),
    "unknown level": Fault(
        with_cell(3, "sex", WORD),
        r"^data\.csv, column 'sex': 1 of 6 values \(row 3\) is not among the levels M, F\.",
    ),
    "level that means missing": Fault(
        WIDE,
        r"^cohort\.columns\.sex: level 'NA' also means 'not observed'",
        with_columns(
            wide_cohort(), sex={"kind": "category", "levels": {"M": "m", "F": "f", "NA": "x"}}
        ),
    ),
    "patient twice": Fault(
        with_cell(3, "id", "007"),
        r"^data\.csv: patient 007 stands more than once \(rows 2, 3\)\. One row a patient is",
    ),
    "patient and visit twice": long_fault(
        3, "visit", "d0", r"^data\.csv: patient 007 at d0 stands more than once \(rows 2, 3\)\. One"
    ),
    "no pseudonym": Fault(
        with_cell(3, "id", " "), r"^data\.csv: row 3 has no patient in 'id'\. Add or drop it\.$"
    ),
    "no pseudonym where blank was not declared missing": Fault(
        with_cell(4, "m_d10", "", rows_of(with_cell(3, "id", ""))),
        r"^data\.csv: row 3 has no patient in 'id'",
        wide_cohort(table={"file": "data.csv", "missing": ["-99"]}),
    ),
    "no visit": long_fault(4, "visit", "", r"^data\.csv, column 'visit': row 4 has no visit\."),
    "undeclared visit in a long table": long_fault(
        4,
        "visit",
        "d28",
        r"^data\.csv, column 'visit': visit 'd28' is not declared\. Declared: d0, d2, d10\. "
        r"Declare it or list it under 'ignore_visits'\.$",
    ),
    "undeclared visit in a wide pattern": Fault(
        renamed("centre", "m_d28"),
        r"^cohort\.columns\.madrs: the table also has visit 'd28', which is not declared\.",
    ),
    "two visits with one code": Fault(
        text_of(long_rows()),
        r"column 'visit': visits d0, d2 are declared with one code\.",
        long_cohort(
            visits={"d0": {"day": 0}, "d2": {"day": 2, "code": "d0"}, "d10": {"day": 10}},
            ignore_visits=["d2"],
        ),
    ),
    "patient's value changes": long_fault(
        3,
        "age",
        "42",
        r"^data\.csv, column 'age': changes within 1 patient\. A value of the patient",
    ),
    "site changes": site_changes(),
    "patient's value known too late": long_fault(
        2,
        "income",
        "",
        r"^data\.csv, column 'income': stands only in rows after 'd0' for 1 patient\. A value of "
        r"the patient must be known at 'd0'",
    ),
    "follow-up declared as baseline": Fault(
        WIDE,
        r"cohort\.columns\.sly: table column 'm_d2' is read at 'd2' as 'madrs', 'd0' as 'sly'\.",
        with_columns(wide_cohort(), sly={"column": "m_d2", "kind": "number"}),
    ),
    "a follow-up's name without its visit": Fault(
        WIDE.replace(",income", ",cgi_D10", 1),
        r"^cohort\.columns\.income: 'cgi_D10' is named after visit 'd10' and declared without a "
        r"visit.*Write 'visits: \[d10\]', or 'visits: \[d0\]' if it was\.$",
        with_columns(wide_cohort(), income={"column": "cgi_D10", "kind": "number"}),
    ),
    "control character in a pseudonym": Fault(
        WIDE + '"p\r9",' + ",".join([""] * WIDE.splitlines()[0].count(",")) + "\n",
        r"has a control character, such as a line break, in 'id'",
    ),
    "a number too large to be squared": Fault(
        WIDE.replace(",1200,", ",1e308,"),
        r"column 'income': 1 of 5 values \(row 4\) is not a number",
    ),
    "one column for all visits of a wide table": Fault(
        WIDE,
        r"^cohort\.columns\.age: table column 'age' is read at 'd0' as 'age', 'd2' as 'age', 'd10'",
        with_columns(wide_cohort(), age={"kind": "number", "by_visit": True}),
    ),
    "no visit at all": Fault(
        WIDE,
        r"^cohort\.columns\.age: 'visits' is empty\. List a visit, or remove 'visits'\.$",
        with_columns(wide_cohort(), age={"kind": "number", "visits": []}),
    ),
    "several columns missing": Fault(
        renamed("age,sex", "a,b"),
        r"^2 faults:\n  1\. cohort\.columns\.age: .*\n  2\. .*columns\.sex: ",
    ),
    "several values wrong": Fault(
        with_cell(
            7, "id", "007", rows_of(with_cell(4, "sex", WORD, rows_of(with_cell(3, "age", NUMBER))))
        ),
        r"^3 faults:\n  1\. .*patient 007 .*\n  2\. .*column 'age': .*\n  3\. .*column 'sex': ",
    ),
    "declaration and columns wrong together": Fault(
        renamed("sex", "s"),
        r"^3 faults:(?s:.*)is empty(?s:.*)no column 'sex'(?s:.*)include\[0\]: 'bmi' is no known",
        with_columns(
            wide_cohort(include=[{"label": "x", "column": "bmi", "at_least": 1}]),
            age={"kind": "number", "visits": []},
        ),
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_named_with_its_place_and_remedy(tmp_path: Path, fault: Fault) -> None:
    experiment = write_study(tmp_path, fault.table, fault.cohort)
    with pytest.raises(CohortError, match=fault.pattern):
        scored(experiment)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_no_message_repeats_an_answer(tmp_path: Path, fault: Fault) -> None:
    """Messages end up in logs, issues and e-mails."""
    experiment = write_study(tmp_path, fault.table, fault.cohort)
    with pytest.raises(CohortError) as refusal:
        scored(experiment)
    assert not [secret for secret in SECRETS if secret in str(refusal.value)]


@pytest.mark.parametrize(
    "text",
    ["inf", "-Infinity", "nan", "1e999", "None", "True", "1 000", "1_000", "0x1F", "\u22124"],
)
def test_only_finite_decimal_numbers_are_numbers(tmp_path: Path, text: str) -> None:
    experiment = write_study(tmp_path, with_cell(3, "income", text))
    with pytest.raises(CohortError, match=r"'income': 1 of 5 values \(row 3\) is not a number"):
        scored(experiment)


@pytest.mark.parametrize("column", ["m", "income"])
def test_a_visits_value_may_change_but_a_patients_may_not(tmp_path: Path, column: str) -> None:
    """The fault is about the declaration, not about the column."""
    text = with_cell(3, column, "44", long_rows())
    part = with_columns(long_cohort(), income={"kind": "number", "by_visit": True})
    assert len(scored(write_study(tmp_path, text, part)).patients) == 6


def test_a_pattern_that_also_fits_the_pseudonyms_is_no_fault(tmp_path: Path) -> None:
    dose = {"column": "i{visit}", "kind": "number", "visits": ["d0"]}
    text = renamed("income", "id0")
    part = with_columns(wide_cohort(), dose=dose, income={"column": "age", "kind": "number"})
    assert scored(write_study(tmp_path, text, part)).has("dose", "d0")
