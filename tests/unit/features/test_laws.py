"""Laws of the features: no follow-up gets in, and each patient stands alone."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heldout.errors import CohortError
from heldout.features import FeatureMatrix
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


@settings(max_examples=40, deadline=None)
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


@settings(max_examples=40, deadline=None)
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


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, 5), min_size=1, max_size=5))
def test_a_patients_features_do_not_depend_on_the_others(
    folder: Path, untouched: FeatureMatrix, dropped: set[int]
) -> None:
    """What is learnt across patients is learnt inside a training set, never here."""
    rows = [row for number, row in enumerate(items_rows()) if number not in dropped]
    few = wide(folder, text_of(rows))
    assert few.columns == untouched.columns
    assert few.values.tobytes() == untouched.table.loc[few.table.index].to_numpy().tobytes()
