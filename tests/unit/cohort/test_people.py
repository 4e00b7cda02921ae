"""Who is in the study, and what each value was."""

import random
from pathlib import Path

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from heldout.cohort.people import Cohort
from tests.unit.cohort.studies import (
    PATIENTS,
    WIDE,
    features_of,
    long_cohort,
    long_rows,
    outcomes_of,
    rows_of,
    scored,
    text_of,
    wide_cohort,
    with_columns,
    write_study,
)


def test_patients_are_sorted_and_their_zeros_kept(tmp_path: Path) -> None:
    """A pseudonym is a text: read as a number, 007 and 7 would be one patient."""
    assert scored(write_study(tmp_path)).patients == PATIENTS


def test_a_pattern_finds_the_column_of_every_visit(tmp_path: Path) -> None:
    cohort = scored(write_study(tmp_path))
    assert cohort.numbers("madrs", "d2").tolist() == [10, 8, 13, 3, 15, 41]


def test_a_column_may_name_the_source_of_each_visit(tmp_path: Path) -> None:
    madrs = {"instrument": "madrs", "column": {"d0": "m_d0", "d2": "m_d10"}}
    cohort = scored(write_study(tmp_path, cohort=with_columns(wide_cohort(), madrs=madrs)))
    np.testing.assert_array_equal(cohort.numbers("madrs", "d2"), [11, 4, np.nan, 2, 9, 10])


def test_a_visit_that_a_mapping_leaves_out_has_no_value(tmp_path: Path) -> None:
    madrs = {"instrument": "madrs", "column": {"d0": "m_d0", "d2": "m_d10"}}
    cohort = scored(write_study(tmp_path, cohort=with_columns(wide_cohort(), madrs=madrs)))
    assert not cohort.has("madrs", "d10")


def test_a_long_table_holds_the_same_values_as_a_wide_one(tmp_path: Path) -> None:
    wide = scored(write_study(tmp_path))
    long = scored(write_study(tmp_path, text_of(long_rows()), long_cohort()))
    assert_frame_equal(long.values, wide.values, check_exact=True)


def test_a_patient_without_a_row_at_a_visit_is_not_observed_there(tmp_path: Path) -> None:
    rows = [row for row in long_rows() if (row["id"], row["visit"]) != ("007", "d2")]
    cohort = scored(write_study(tmp_path, text_of(rows), long_cohort()))
    assert np.isnan(cohort.numbers("madrs", "d2")).tolist() == [False] * 4 + [True, False]


@pytest.mark.parametrize("codes", [("0", "1", "2"), ("0.0", "1.0", "2.0")])
def test_codes_of_visits_are_understood_as_spreadsheets_write_them(
    tmp_path: Path, codes: tuple[str, str, str]
) -> None:
    names = ("d0", "d2", "d10")
    visits = {name: {"day": n, "code": codes[n]} for n, name in enumerate(names)}
    rows = [row | {"visit": f"{names.index(row['visit'])}.0"} for row in long_rows()]
    cohort = scored(write_study(tmp_path, text_of(rows), long_cohort(visits=visits)))
    assert cohort.numbers("madrs", "d2").tolist() == [10, 8, 13, 3, 15, 41]


def test_ignored_visits_leave_no_trace(tmp_path: Path) -> None:
    rows = [*long_rows(), long_rows()[0] | {"visit": "extra", "m": "1"}]
    ignoring = write_study(tmp_path, text_of(rows), long_cohort(ignore_visits=["extra"]))
    values = scored(ignoring).values
    plain = scored(write_study(tmp_path, text_of(long_rows()), long_cohort())).values
    assert_frame_equal(values, plain, check_exact=True)


def test_a_patient_without_a_baseline_row_has_nothing_at_baseline(tmp_path: Path) -> None:
    """What was written down at a follow-up is not known at baseline, age or not."""
    rows = [row for row in long_rows() if (row["id"], row["visit"]) != ("007", "d0")]
    cohort = scored(write_study(tmp_path, text_of(rows), long_cohort()))
    assert np.isnan(cohort.numbers("age", "d0")).tolist() == [False] * 4 + [True, False]


def test_one_table_column_may_be_declared_as_two_kinds(tmp_path: Path) -> None:
    band = {"column": "age", "kind": "category", "levels": {str(n): str(n) for n in range(18, 99)}}
    cohort = scored(write_study(tmp_path, cohort=with_columns(wide_cohort(), band=band)))
    assert cohort.values[("band", "d0", 0)].tolist() == ["35", "29", "52", "47", "41", "60"]


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_the_order_of_the_rows_changes_nothing(tmp_path: Path, layout: str) -> None:
    rows, part = (rows_of(), wide_cohort()) if layout == "wide" else (long_rows(), long_cohort())
    part |= {"site": "centre"}
    ordered = write_study(tmp_path, text_of(rows), part)
    first, outcomes, matrix = scored(ordered), outcomes_of(ordered), features_of(ordered)
    random.Random(4).shuffle(rows)
    shuffled = write_study(tmp_path, text_of(rows), part)
    second = scored(shuffled)
    assert_frame_equal(second.values, first.values, check_exact=True)
    assert_frame_equal(features_of(shuffled).table, matrix.table, check_exact=True)
    assert second.site == first.site
    for one, other in zip(outcomes_of(shuffled), outcomes, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def test_every_patient_has_a_site_in_the_order_of_patients(tmp_path: Path) -> None:
    cohort = scored(write_study(tmp_path, cohort=wide_cohort(site="centre")))
    assert cohort.site == ("south", "south", "north", "south", "north", "north")


def test_an_unknown_site_is_an_empty_name(tmp_path: Path) -> None:
    text = WIDE.replace("001,35,M,south", "001,35,M,")
    assert scored(write_study(tmp_path, text, wide_cohort(site="centre"))).site == (
        *("", "south", "north"),
        *("south", "north", "north"),
    )


def test_a_study_without_sites_has_none(tmp_path: Path) -> None:
    assert scored(write_study(tmp_path)).site is None


def test_columns_that_nobody_reads_are_counted(tmp_path: Path) -> None:
    assert scored(write_study(tmp_path, cohort=wide_cohort())).unused == 1


def test_the_fingerprint_follows_the_file(tmp_path: Path) -> None:
    first = scored(write_study(tmp_path)).data_fingerprint
    assert scored(write_study(tmp_path, WIDE.replace("1200", "1201"))).data_fingerprint != first


def called(cohort: Cohort, column: str, visit: str) -> str:
    """Return what a value at a visit is called in a table of a row a patient."""
    names = {(source.name, source.visit): cohort.table_name(source) for source in cohort.sources}
    return str(names[column, visit])


def test_a_source_column_is_called_as_in_the_table(tmp_path: Path) -> None:
    assert called(scored(write_study(tmp_path)), "madrs", "d2") == "m_d2"


def test_a_long_tables_column_is_called_with_its_visit(tmp_path: Path) -> None:
    """One column serves all visits there, and a bundle must tell them apart."""
    cohort = scored(write_study(tmp_path, text_of(long_rows()), long_cohort()))
    assert called(cohort, "madrs", "d2") == "m_d2"
