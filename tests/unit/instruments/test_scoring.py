"""Items of a cohort to scores."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from heldout.cohort.people import Cohort
from heldout.instruments.keys import load_key, load_keys
from heldout.instruments.scoring import score_array, score_instruments, wrong_answers
from heldout.spec.experiment import Experiment
from tests.unit.cohort.studies import (
    Row,
    items_cohort,
    items_rows,
    long_cohort,
    long_rows,
    rows_of,
    scored,
    text_of,
    wide_cohort,
    with_columns,
    write_study,
)


def rfq_study(folder: Path, **declared: Any) -> Experiment:
    """Return a study with eight items of the RFQ-8 at two visits; 002 left the first one out."""
    rows = rows_of()
    for number, row in enumerate(rows):
        for visit in ("d0", "d2"):
            row |= {f"r{item}_{visit}": str((number + item) % 7 + 1) for item in range(1, 9)}
        row |= {"c_d0": "1.5", "c_d2": "2.5", "c_d10": "0.5"}
    rows[3]["r1_d0"] = ""
    rfq8 = {"items": "r{item}_{visit}", "instrument": "rfq8", "visits": ["d0", "d2"]} | declared
    return write_study(folder, text_of(rows), with_columns(wide_cohort(), rfq8=rfq8))


def by_patient(cohort: Cohort, name: str, visit: str) -> dict[str, float]:
    """Return a score of each patient."""
    return dict(zip(cohort.patients, cohort.numbers(name, visit), strict=True))


@pytest.mark.parametrize("visit", ["d0", "d2"])
def test_a_total_is_the_sum_of_its_items(tmp_path: Path, visit: str) -> None:
    cohort = scored(write_study(tmp_path, text_of(items_rows()), items_cohort()))
    rows = {row["id"]: row for row in items_rows()}
    expected = [
        sum(float(rows[patient][f"h{item}_{visit}"] or "nan") for item in range(1, 7))
        for patient in cohort.patients
    ]
    np.testing.assert_array_equal(cohort.numbers("hamd6", visit), expected)


def test_a_missing_item_gives_a_missing_total(tmp_path: Path) -> None:
    """No answer is invented; imputing is a step of a model and learns in a training set."""
    cohort = scored(write_study(tmp_path, text_of(items_rows()), items_cohort()))
    assert [p for p, x in by_patient(cohort, "hamd6", "d0").items() if np.isnan(x)] == ["002"]


def test_a_missing_item_spoils_no_other_visit(tmp_path: Path) -> None:
    cohort = scored(write_study(tmp_path, text_of(items_rows()), items_cohort()))
    assert not np.isnan(cohort.numbers("hamd6", "d2")).any()


def test_prorating_is_what_the_column_declares(tmp_path: Path) -> None:
    part = items_cohort()
    part["columns"]["hamd6"] |= {"prorate": "80%"}
    cohort = scored(write_study(tmp_path, text_of(items_rows()), part))
    row = next(row for row in items_rows() if row["id"] == "002")
    points = sum(float(row[f"h{item}_d0"] or 0) for item in range(1, 7))
    # Item 4, of at most 4 of the 22 points, is missing.
    assert by_patient(cohort, "hamd6", "d0")["002"] == pytest.approx(points / 18 * 22)


def test_every_score_of_a_key_stands_under_its_name(tmp_path: Path) -> None:
    cohort = scored(rfq_study(tmp_path))
    for visit in ("d0", "d2"):
        assert cohort.has("rfq8.certainty", visit)
        assert cohort.has("rfq8.uncertainty", visit)
        assert not cohort.has("rfq8", visit)
    # 007 stands first: answers 2 3 4 5 6 7 1 2, of which 2 counts 2 and 3 counts 1.
    assert by_patient(cohort, "rfq8.certainty", "d0")["007"] == 3 / 6


def test_a_missing_item_spoils_only_the_scores_that_use_it(tmp_path: Path) -> None:
    cohort = scored(rfq_study(tmp_path))
    assert np.isnan(by_patient(cohort, "rfq8.certainty", "d0")["002"])
    assert not np.isnan(by_patient(cohort, "rfq8.uncertainty", "d0")["002"])


def test_a_reported_score_beside_items_is_kept_apart(tmp_path: Path) -> None:
    cohort = scored(rfq_study(tmp_path, scores={"certainty": "c_{visit}"}))
    assert by_patient(cohort, "rfq8.certainty", "d0")["007"] == 3 / 6
    assert set(cohort.reported["rfq8.certainty", "d0", 0]) == {1.5}


def test_a_reported_score_that_items_cannot_give_is_the_value(tmp_path: Path) -> None:
    """The ODQ's subscales are taken as computed by the study, beside its items too."""
    experiment = write_study(tmp_path)
    cohort = replace(
        scored(experiment),
        reported=pd.DataFrame({("odq26.not_caring", "d0", 0): [9.0] * 6}, index=PATIENTS),
    )
    after = score_instruments(cohort, load_keys(experiment))
    assert set(after.numbers("odq26.not_caring", "d0")) == {9.0}
    assert after.reported.empty


PATIENTS = pd.Index(["001", "002", "003", "005", "007", "010"], name="patient")


def test_a_visit_that_has_a_total_only_keeps_it(tmp_path: Path) -> None:
    part = items_cohort()
    part["columns"]["hamd6"] |= {"column": {"d10": "m_d10"}}
    cohort = scored(write_study(tmp_path, text_of(items_rows()), part))
    assert by_patient(cohort, "hamd6", "d10")["007"] == 9
    assert cohort.has("hamd6", "d0")


def test_items_of_a_long_table_are_scored_at_every_visit(tmp_path: Path) -> None:
    rows: list[Row] = [
        row | {f"h{item}": "1" for item in range(1, 7)} | {"h6": "2"} for row in long_rows()
    ]
    hamd6 = {"items": "h{item}", "instrument": "hamd6", "by_visit": True}
    part = with_columns(long_cohort(), hamd6=hamd6)
    cohort = scored(write_study(tmp_path, text_of(rows), part))
    assert [set(cohort.numbers("hamd6", visit)) for visit in ("d0", "d2", "d10")] == [{7}] * 3


def test_a_cohort_read_as_totals_is_left_alone(tmp_path: Path) -> None:
    experiment = write_study(tmp_path)
    cohort = scored(experiment)
    assert score_instruments(cohort, load_keys(experiment)) is cohort


def test_a_skipped_item_counts_0_whatever_its_recode_makes_of_0() -> None:
    sidas = load_key("sidas", Path())
    total = sidas.scores["total"].model_copy(update={"recode": {"up": (1, 2, 3, 4, 5)}})
    recodes = {"up": {answer: answer + 1.0 for answer in range(11)}}
    key = sidas.model_copy(update={"recodes": recodes, "scores": {"total": total}})
    assert score_array(key, [[0, 5, 5, 5, 5]])["total"].tolist() == [1]


def test_an_array_of_another_width_is_our_own_fault() -> None:
    with pytest.raises(ValueError, match=r"madrs has 10 items; found an array of \(2, 9\)"):
        score_array(load_key("madrs", Path()), np.zeros((2, 9)))


@pytest.mark.parametrize(
    ("name", "item", "right", "wrong"),
    [
        ("madrs", 1, [0, 6, np.nan], [-1, 7, 2.5, np.inf]),
        ("hamd17", 16, [0, 2, 3], [4]),
        ("hamd17", 15, [3, 4], [5]),
        ("ymrs", 5, [0, 2, 8], [1, 3, 9]),
        ("gaf", 1, [0, 1, 100], [-1, 101]),
    ],
)
def test_an_answer_is_one_that_its_item_can_have(
    name: str, item: int, right: list[float], wrong: list[float]
) -> None:
    key = load_key(name, Path())
    items = np.full((len(right) + len(wrong), key.items), np.nan)
    items[:, item - 1] = [*right, *wrong]
    found = wrong_answers(key, items)
    assert found[:, item - 1].tolist() == [False] * len(right) + [True] * len(wrong)
    assert found.sum() == len(wrong)
