"""Items to scores."""

from pathlib import Path

import numpy as np
import pytest

from heldout.instruments import load_keys, score_instruments
from tests.unit.cohort.studies import (
    items_cohort,
    items_rows,
    long_cohort,
    long_rows,
    scored,
    text_of,
    with_columns,
    write_study,
)


@pytest.mark.parametrize("visit", ["d0", "d2"])
def test_a_total_is_the_sum_of_its_items(tmp_path: Path, visit: str) -> None:
    cohort = scored(write_study(tmp_path, text_of(items_rows()), items_cohort()))
    by_patient = {row["id"]: row for row in items_rows()}
    expected = [
        sum(float(by_patient[patient][f"h{item}_{visit}"] or "nan") for item in range(1, 7))
        for patient in cohort.patients
    ]
    np.testing.assert_array_equal(cohort.numbers("hamd6", visit), expected)


def test_a_missing_item_gives_a_missing_total(tmp_path: Path) -> None:
    """No answer is invented; imputing is a step of a model and learns in a training set."""
    cohort = scored(write_study(tmp_path, text_of(items_rows()), items_cohort()))
    missing = np.isnan(cohort.numbers("hamd6", "d0"))
    assert dict(zip(cohort.patients, missing, strict=True))["002"]
    assert missing.sum() == 1


def test_a_missing_item_spoils_no_other_visit(tmp_path: Path) -> None:
    cohort = scored(write_study(tmp_path, text_of(items_rows()), items_cohort()))
    assert not np.isnan(cohort.numbers("hamd6", "d2")).any()


def test_items_of_a_long_table_are_added_up_at_every_visit(tmp_path: Path) -> None:
    rows = [row | {f"h{item}": row["m"][-1:] for item in range(1, 7)} for row in long_rows()]
    rows = [row | {f"h{item}": "1" for item in range(1, 7)} | {"h6": "2"} for row in rows]
    hamd6 = {"items": "h{item}", "instrument": "hamd6", "by_visit": True}
    part = with_columns(long_cohort(), hamd6=hamd6)
    cohort = scored(write_study(tmp_path, text_of(rows), part))
    assert [set(cohort.numbers("hamd6", visit)) for visit in ("d0", "d2", "d10")] == [{7}] * 3


def test_a_cohort_read_as_totals_is_left_alone(tmp_path: Path) -> None:
    experiment = write_study(tmp_path)
    cohort = scored(experiment)
    assert score_instruments(cohort, load_keys(experiment)) is cohort
