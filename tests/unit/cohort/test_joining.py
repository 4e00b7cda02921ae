"""Several tables of the same patients, and REDCap's rows that complete each other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heldout.cohort.people import Cohort
from heldout.errors import CohortError
from tests.unit.cohort.exports import cohort_of
from tests.unit.cohort.test_visits import finding

PEOPLE = "id,sex,madrs_base,madrs_week2\n01,F,40,20\n02,M,41,\n03,F,42,22\n"


def read(folder: Path, labs: str, people: str = PEOPLE, **labs_table: Any) -> Cohort:
    """Return a wide cohort joined with a further table of laboratory values."""
    (folder / "people.csv").write_text(people)
    (folder / "labs.csv").write_text(labs)
    part = {
        "title": "Joined",
        "table": {"file": "people.csv"},
        "tables": {"labs": {"file": "labs.csv"} | labs_table},
        "patient": "id",
        "visits": {"base": {"day": 0}, "week2": {"day": 14, "code": "2"}},
        "baseline": "base",
        "columns": {
            "sex": {"kind": "category", "levels": {"F": "f", "M": "m"}},
            "madrs": {"column": {"base": "madrs_base", "week2": "madrs_week2"}}
            | {"instrument": "madrs"},
            "crp": {"kind": "number", "table": "labs"},
        },
    }
    if labs_table.get("layout") == "long":
        part["columns"]["crp"]["by_visit"] = True  # type: ignore[index]
        part["visits"]["base"]["code"] = "0"  # type: ignore[index]
    return cohort_of(folder, part)


def test_tables_are_joined_by_patient_in_any_order(tmp_path: Path) -> None:
    cohort = read(tmp_path, "id,crp\n03,3.5\n01,1.5\n02,2.5\n")
    assert cohort.numbers("crp", "base").tolist() == [1.5, 2.5, 3.5]
    assert finding(cohort, "HO011").verdict == "passed"


def test_the_first_table_says_who_the_patients_are(tmp_path: Path) -> None:
    cohort = read(tmp_path, "id,crp\n01,1.5\n99,2.5\n")
    assert cohort.patients == ("01", "02", "03")
    assert np.isnan(cohort.numbers("crp", "base")).tolist() == [False, True, True]
    found = finding(cohort, "HO011")
    assert (found.verdict, found.who) == ("issue", ("99",))
    assert found.text == "labs.csv: 1 of 2 patients is not in people.csv and is left out."


def test_a_further_table_has_its_own_layout_names_and_missing_codes(tmp_path: Path) -> None:
    labs = "code,week,crp\n01,0,1.5\n01,2,-9\n02,2,2.5\n"
    table: dict[str, Any] = {
        "layout": "long",
        "visit": "week",
        "patient": "code",
        "missing": ["-9"],
    }
    cohort = read(tmp_path, labs, **table)
    np.testing.assert_array_equal(cohort.numbers("crp", "base"), [1.5, np.nan, np.nan])
    np.testing.assert_array_equal(cohort.numbers("crp", "week2"), [np.nan, 2.5, np.nan])


@pytest.mark.parametrize(
    ("people", "labs"),
    [
        (PEOPLE, "id,crp\n1,1.5\n2,2.5\n"),
        (PEOPLE, "id,crp\n1.0,1.5\n2.0,2.5\n"),
        (PEOPLE.replace("\n0", "\n"), "id,crp\n01,1.5\n02,2.5\n"),
    ],
)
def test_zeros_lost_in_either_table_are_named(tmp_path: Path, people: str, labs: str) -> None:
    """Joined as written, these patients would silently have no values at all."""
    with pytest.raises(CohortError, match="ids with leading zeros read as numbers"):
        read(tmp_path, labs, people)


def test_faults_of_all_files_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"^2 faults:\n  1\. people\.csv: .*\n  2\. labs\.csv: "):
        read(tmp_path, "", "id,id\n1,2\n")


def test_a_column_of_two_tables_has_two_names_in_a_table_of_features(tmp_path: Path) -> None:
    people = PEOPLE.replace("sex", "crp").replace(",F,", ",1,").replace(",M,", ",2,")
    (tmp_path / "people.csv").write_text(people)
    (tmp_path / "labs.csv").write_text("id,crp\n01,3\n02,4\n03,5\n")
    part = {
        "title": "Joined",
        "table": {"file": "people.csv"},
        "tables": {"labs": {"file": "labs.csv"}},
        "patient": "id",
        "visits": {"base": {"day": 0}},
        "baseline": "base",
        "columns": {
            "first": {"column": "crp", "kind": "number"},
            "second": {"column": "crp", "kind": "number", "table": "labs"},
        },
    }
    cohort = cohort_of_plain(tmp_path, part)
    assert [cohort.table_name(source) for source in cohort.sources] == ["crp", "labs.crp"]
    assert cohort.numbers("second", "base").tolist() == [3, 4, 5]


def cohort_of_plain(folder: Path, part: dict[str, Any]) -> Cohort:
    """Return a cohort that no outcome is asked of."""
    from heldout.cohort.people import read_cohort
    from heldout.spec.experiment import experiment_from

    data = {
        "name": "joined",
        "question": "Who?",
        "cohort": part,
        "features": [{"build": "clinical", "columns": ["first"]}],
        "outcomes": [{"name": "r", "column": "first", "rule": {"at_most": 1}, "at": ["base"]}],
        "seed": 1,
    }
    return read_cohort(experiment_from(data, folder=folder), {})


HEAD = "id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,sex,race___1,m,other\n"


def redcap(folder: Path, rows: str) -> Cohort:
    """Return the cohort of a REDCap export."""
    (folder / "redcap.csv").write_text(HEAD + rows)
    part = {
        "title": "REDCap",
        "table": {"file": "redcap.csv", "layout": "long", "visit": "redcap_event_name"},
        "patient": "id",
        "visits": {
            "base": {"day": 0, "code": "baseline_arm_1"},
            "week2": {"day": 14, "code": "week_2_arm_1"},
        },
        "baseline": "base",
        "columns": {
            "sex": {"kind": "category", "levels": {"1": "f", "2": "m"}},
            "race": {"column": "race___1", "kind": "number", "range": [0, 1]},
            "madrs": {"column": "m", "instrument": "madrs", "by_visit": True},
        },
    }
    return cohort_of(folder, part)


def test_repeats_that_nothing_is_read_from_are_left_out(tmp_path: Path) -> None:
    cohort = redcap(
        tmp_path,
        "01,baseline_arm_1,,,1,0,40,\n01,baseline_arm_1,adverse_events,1,,,,x\n"
        "01,baseline_arm_1,adverse_events,2,,,,y\n01,week_2_arm_1,,,,,20,\n",
    )
    assert cohort.numbers("madrs", "week2").tolist() == [20]


def test_rows_of_an_event_complete_each_other(tmp_path: Path) -> None:
    cohort = redcap(tmp_path, "01,baseline_arm_1,,,1,,,\n01,baseline_arm_1,,,,1,40,\n")
    assert cohort.numbers("madrs", "base").tolist() == [40]
    assert cohort.numbers("race", "base").tolist() == [1]


def test_an_empty_row_of_an_event_is_fine(tmp_path: Path) -> None:
    cohort = redcap(tmp_path, "01,baseline_arm_1,,,1,0,40,\n01,week_2_arm_1,,,,,,\n")
    assert np.isnan(cohort.numbers("madrs", "week2")).tolist() == [True]


TWICE = r"redcap\.csv: 2 rows \(rows 3, 4\) are of a repeating event and hold 'm'\. Which repeat"


@pytest.mark.parametrize(
    "rows",
    [
        "01,week_2_arm_1,,1,,,,\n01,week_2_arm_1,,2,,,0,\n",
        "01,week_2_arm_1,,1,,,20,\n01,week_2_arm_1,,2,,,0,\n",
        "01,week_2_arm_1,,,,,20,\n01,week_2_arm_1,,2,,,,\n",
    ],
    ids=["second", "both", "first"],
)
def test_repeats_of_an_event_do_not_complete_each_other(tmp_path: Path, rows: str) -> None:
    """Items of two assessments would be added up to one score."""
    with pytest.raises(CohortError, match=f"^{TWICE}"):
        redcap(tmp_path, "01,baseline_arm_1,,,1,0,40,\n" + rows)


def test_repeats_of_an_event_that_hold_nothing_are_fine(tmp_path: Path) -> None:
    rows = "01,baseline_arm_1,,,1,0,40,\n01,week_2_arm_1,,1,,,,x\n01,week_2_arm_1,,2,,,,y\n"
    assert redcap(tmp_path, rows).numbers("madrs", "base").tolist() == [40]


def test_a_repeating_event_with_one_repeat_a_patient_is_fine(tmp_path: Path) -> None:
    rows = "01,baseline_arm_1,,1,1,0,40,\n01,week_2_arm_1,,1,,,20,\n"
    assert redcap(tmp_path, rows).numbers("madrs", "week2").tolist() == [20]


def spelled(folder: Path, first: str, second: str) -> Cohort:
    """Return a long cohort of which one patient's follow-up bears another spelling."""
    (folder / "long.csv").write_text(
        f"id,visit,m\n{first},base,40\n{second},week2,20\nx9,base,41\nx9,week2,22\n"
    )
    part = {
        "title": "Spelled",
        "table": {"file": "long.csv", "layout": "long", "visit": "visit"},
        "patient": "id",
        "visits": {"base": {"day": 0}, "week2": {"day": 14}},
        "baseline": "base",
        "columns": {"madrs": {"column": "m", "instrument": "madrs", "by_visit": True}},
    }
    return cohort_of(folder, part)


@pytest.mark.parametrize(
    ("first", "second"), [("001", "1"), ("001", "001.0"), ("P001", "p001"), ("007", "7,0")]
)
def test_one_pseudonym_in_two_spellings_is_refused(tmp_path: Path, first: str, second: str) -> None:
    """One patient would be two: a baseline without a follow-up, and the reverse."""
    with pytest.raises(CohortError, match="would be several patients") as refused:
        spelled(tmp_path, first, f'"{second}"')
    named = " and ".join(sorted([first, second]))
    assert f"long.csv, column 'id': {named} (row 3) are one pseudonym" in str(refused.value)


def test_pseudonyms_that_differ_otherwise_are_two_patients(tmp_path: Path) -> None:
    assert spelled(tmp_path, "P1", "P10").patients == ("P1", "P10", "x9")


def test_spellings_that_may_be_answers_are_counted_not_named(tmp_path: Path) -> None:
    """A wrong column of patients holds 3.0 in one row and 3 in another."""
    with pytest.raises(
        CohortError, match=r"1 pseudonym \(row 3\) is written in several"
    ) as refused:
        spelled(tmp_path, "37", "37.0")
    # The path may hold any digits.
    assert "37" not in str(refused.value).replace(str(tmp_path), "")


def test_other_capitals_in_a_further_table_are_named(tmp_path: Path) -> None:
    people = PEOPLE.replace("\n0", "\nP0")
    with pytest.raises(CohortError, match=r"patients p01, p02 are not .* with other capitals"):
        read(tmp_path, "id,crp\np01,1.5\np02,2.5\nP03,1\n", people)


def test_one_patient_in_another_spelling_is_told_of_in_the_singular(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"patient 1 is not in people\.csv, but 01 is: ids"):
        read(tmp_path, "id,crp\n1,1.5\n02,2.5\n")
