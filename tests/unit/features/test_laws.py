"""Laws of the features: no follow-up gets in, and each patient stands alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heldout.cohort.people import Cohort, include_patients, read_cohort
from heldout.errors import CohortError
from heldout.features.columns import FeatureMatrix
from heldout.features.matrix import build_features
from heldout.instruments.keys import load_keys
from heldout.instruments.scoring import score_instruments
from heldout.spec.experiment import Experiment
from heldout.spec.instrument import InstrumentKey
from tests.unit.cohort.studies import (
    Row,
    features_of,
    items_cohort,
    items_rows,
    long_cohort,
    long_rows,
    text_of,
    with_cell,
    write_study,
)
from tests.unit.features.studies import EVERY_BUILDER, FACTOR, made_up_rows, study

FEATURES = [
    {"build": "clinical", "columns": ["age", "sex", "income"]},
    {"build": "totals", "columns": ["madrs"]},
]
WITH_ITEMS = [*FEATURES, {"build": "totals", "columns": ["hamd6"]}]
AFTER_BASELINE = ("m_d2", "m_d10", *(f"h{item}_d2" for item in range(1, 7)))
ANSWERS = st.sampled_from(["", "NA", "0", "1", "2"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one folder for all examples of a law."""
    return tmp_path_factory.mktemp("laws")


@pytest.fixture(scope="module")
def untouched(folder: Path) -> FeatureMatrix:
    """Return the features of the wide table as it is."""
    return wide(folder, text_of(items_rows()))


def wide(folder: Path, text: str) -> FeatureMatrix:
    """Return the features of a wide table with items."""
    return features_of(write_study(folder, text, items_cohort(), features=WITH_ITEMS))


def long(folder: Path, rows: list[Row]) -> FeatureMatrix:
    """Return the features of a long table."""
    return features_of(write_study(folder, text_of(rows), long_cohort(), features=FEATURES))


def same(one: FeatureMatrix, other: FeatureMatrix) -> bool:
    """Return whether two matrices are equal to the last bit."""
    return (
        one.columns == other.columns
        and one.table.index.equals(other.table.index)
        and one.values.tobytes() == other.values.tobytes()
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 7), st.sampled_from(AFTER_BASELINE), ANSWERS)
def test_no_follow_up_value_changes_a_feature(
    folder: Path, untouched: FeatureMatrix, row: int, column: str, answer: str
) -> None:
    """A feature that moves with a later answer has read the answer."""
    assert same(wide(folder, with_cell(row, column, answer, items_rows())), untouched)


@pytest.mark.parametrize(
    ("column", "answer"),
    [("age", "55"), ("sex", "M"), ("m_d0", "55"), ("h1_d0", "0"), ("h6_d0", "1")],
)
def test_a_baseline_value_does_change_a_feature(
    folder: Path, untouched: FeatureMatrix, column: str, answer: str
) -> None:
    """Without this the law above would also hold for features that read nothing."""
    assert not same(wide(folder, with_cell(2, column, answer, items_rows())), untouched)


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([n for n, row in enumerate(long_rows()) if row["visit"] != "d0"]),
    st.sampled_from([("m", "1"), ("m", ""), ("age", ""), ("sex", ""), ("age", "44"), ("sex", "F")]),
)
def test_no_row_after_baseline_changes_a_feature(
    folder: Path, number: int, cell: tuple[str, str]
) -> None:
    """In long tables a patient's value stands in late rows too: it must agree, or is refused."""
    column, answer = cell
    rows = long_rows()
    rows[number][column] = answer
    try:
        poisoned = long(folder, rows)
    except CohortError:
        return
    assert same(poisoned, long(folder, long_rows()))


def test_rows_after_baseline_can_be_dropped(folder: Path) -> None:
    early = [row for row in long_rows() if row["visit"] != "d10"]
    assert same(long(folder, early), long(folder, long_rows()))


@settings(max_examples=10, deadline=None)
@given(st.sets(st.integers(0, 5), min_size=1, max_size=5))
def test_a_patients_features_do_not_depend_on_the_others(
    folder: Path, untouched: FeatureMatrix, dropped: set[int]
) -> None:
    """What is learnt across patients is learnt inside a training set, never here."""
    rows = [row for number, row in enumerate(items_rows()) if number not in dropped]
    few = wide(folder, text_of(rows))
    assert few.columns == untouched.columns
    assert few.values.tobytes() == untouched.table.loc[few.table.index].to_numpy().tobytes()


REQUESTS = [*EVERY_BUILDER.values(), FACTOR]
ROWS = made_up_rows(12)


class Made(NamedTuple):
    """A study with every builder, read once: a law changes values, not files."""

    experiment: Experiment
    keys: dict[str, InstrumentKey]
    cohort: Cohort

    def matrix(self, values: pd.DataFrame) -> FeatureMatrix:
        """Return what all builders make of values as they were read."""
        cohort = score_instruments(replace(self.cohort, values=values, site=None), self.keys)
        sites = dict(zip(self.cohort.patients, self.cohort.site or (), strict=True))
        cohort = replace(cohort, site=tuple(sites[one] for one in values.index))
        cohort = include_patients(self.experiment, cohort)
        return build_features(self.experiment, cohort, self.keys)


@pytest.fixture(scope="module")
def every(folder: Path) -> Made:
    """Return the made-up study, as read."""
    experiment = study(folder, *REQUESTS, rows=ROWS)
    keys = load_keys(experiment)
    return Made(experiment, keys, read_cohort(experiment, keys))


@pytest.fixture(scope="module")
def whole(every: Made) -> FeatureMatrix:
    """Return what all builders make of it."""
    return every.matrix(every.cohort.values)


def row_of(matrix: FeatureMatrix, patient: str) -> bytes:
    """Return one patient's columns."""
    return matrix.table.loc[patient].to_numpy(np.float64).tobytes()


def poisoned(values: pd.DataFrame, number: int, visits: tuple[str, ...], answer: float) -> Any:
    """Return values in which one patient answered every item of some visits alike."""
    items = [place for place in values.columns if place[1] in visits and int(place[2]) > 0]
    changed = values.copy()
    changed.loc[values.index[number], items] = answer
    return changed


PATIENT = st.integers(0, 11)
ANSWER = st.sampled_from([np.nan, 1.0, 2.0])


@settings(max_examples=10, deadline=None)
@given(PATIENT, ANSWER)
def test_no_builder_reads_another_patients_row(
    every: Made, whole: FeatureMatrix, number: int, answer: float
) -> None:
    values = every.cohort.values
    changed = every.matrix(poisoned(values, number, ("b0", "w1"), answer))
    others = set(changed.table.index) & set(whole.table.index) - {values.index[number]}
    assert others
    assert {row_of(changed, one) == row_of(whole, one) for one in others} == {True}


@settings(max_examples=10, deadline=None)
@given(st.sets(PATIENT, min_size=1, max_size=9))
def test_dropping_patients_leaves_the_rows_of_the_others(
    every: Made, whole: FeatureMatrix, dropped: set[int]
) -> None:
    few = every.matrix(every.cohort.values.drop(every.cohort.values.index[list(dropped)]))
    assert few.columns == whole.columns
    assert few.composition == whole.composition
    assert {row_of(few, one) == row_of(whole, one) for one in few.table.index} == {True}


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(12)))
def test_permuting_patients_permutes_the_matrix(
    every: Made, whole: FeatureMatrix, order: list[int]
) -> None:
    permuted = every.matrix(every.cohort.values.iloc[order])
    expected = [one for one in every.cohort.values.index[order] if one in whole.table.index]
    assert list(permuted.table.index) == expected
    assert {row_of(permuted, one) == row_of(whole, one) for one in expected} == {True}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_the_tables_columns_changes_nothing(
    folder: Path, whole: FeatureMatrix, seed: int
) -> None:
    names = np.random.default_rng(seed).permutation(list(ROWS[0]))
    rows = [{name: row[name] for name in names} for row in ROWS]
    assert same(features_of(study(folder, *REQUESTS, rows=rows)), whole)


@settings(max_examples=10, deadline=None)
@given(PATIENT, ANSWER)
def test_nothing_after_the_landmark_changes_a_feature(
    every: Made, whole: FeatureMatrix, number: int, answer: float
) -> None:
    late = poisoned(every.cohort.values, number, ("w4",), answer)
    assert same(every.matrix(late), whole)


def test_a_value_at_the_landmark_does_change_a_feature(every: Made, whole: FeatureMatrix) -> None:
    """The negative control of the law above."""
    number = every.cohort.patients.index(whole.table.index[0])
    changed = poisoned(every.cohort.values, number, ("w1",), np.nan)
    assert not same(every.matrix(changed), whole)
