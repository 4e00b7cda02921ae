"""How precisely a scale measures."""

import math
from pathlib import Path

import numpy as np
import pytest

from heldout.describe.reliability import (
    cronbach_alpha,
    floor_ceiling,
    mcdonald_omega,
    one_factor,
    reliable_change,
    scale_reliability,
    standard_error_of_measurement,
)
from heldout.describe.values import Reliability
from heldout.instruments.keys import load_keys
from heldout.spec.experiment import Experiment
from tests.unit.cohort.studies import scored, wide_cohort, with_columns, write_study

# Made up: 20 patients, 4 items.
ITEMS = np.array(
    [
        [3, 2, 2, 2], [2, 2, 3, 2], [3, 1, 4, 2], [2, 1, 3, 2], [4, 3, 4, 5], [1, 1, 2, 1],
        [2, 2, 1, 0], [0, 2, 0, 2], [3, 1, 3, 3], [4, 4, 4, 5], [2, 2, 3, 1], [1, 2, 3, 3],
        [0, 0, 0, 1], [2, 3, 3, 2], [2, 0, 0, 2], [4, 4, 4, 4], [4, 1, 2, 3], [3, 1, 4, 2],
        [2, 2, 3, 1], [3, 2, 2, 2],
    ],
    dtype=np.float64,
)  # fmt: skip


def one_factor_items(loadings: list[float], n_patients: int = 400) -> np.ndarray:
    """Return items whose sample correlations are exactly those of one factor."""
    true = np.array(loadings)
    wanted = np.outer(true, true)
    np.fill_diagonal(wanted, 1.0)
    noise = np.random.default_rng(0).normal(size=(n_patients, len(true)))
    noise -= noise.mean(axis=0)
    white = noise @ np.linalg.inv(np.linalg.cholesky(np.cov(noise.T)).T)
    items: np.ndarray = white @ np.linalg.cholesky(wanted).T
    return items


def test_alpha_and_its_interval_are_those_of_pingouin() -> None:
    """pingouin 0.7.0: cronbach_alpha(ITEMS, ci=0.95) gives 0.83301668, [0.670, 0.927]."""
    alpha, low, high = cronbach_alpha(ITEMS)
    assert alpha == pytest.approx(0.8330166772218703, abs=1e-12)
    assert (round(low, 3), round(high, 3)) == (0.670, 0.927)


def test_minres_loadings_are_those_of_factor_analyzer() -> None:
    """factor_analyzer 0.5.1: FactorAnalyzer(1, rotation=None, method="minres")."""
    loadings = one_factor(np.corrcoef(ITEMS.T))
    assert loadings is not None
    np.testing.assert_allclose(loadings, [0.796007, 0.651129, 0.763846, 0.773775], atol=2e-6)


def test_omega_is_that_of_the_loadings_of_factor_analyzer() -> None:
    """From its loadings and the items' deviations: 0.83805545."""
    assert mcdonald_omega(ITEMS) == pytest.approx(0.838055, abs=2e-6)


def test_omega_of_exactly_one_factor_is_its_formula() -> None:
    loadings = [0.9, 0.7, 0.5, 0.6]
    expected = 2.7**2 / (2.7**2 + sum(1 - one**2 for one in loadings))
    assert mcdonald_omega(one_factor_items(loadings)) == pytest.approx(expected, abs=1e-6)


def test_omega_equals_alpha_where_all_loadings_are_equal() -> None:
    items = one_factor_items([0.7] * 5)
    assert mcdonald_omega(items) == pytest.approx(cronbach_alpha(items)[0], abs=1e-6)


def test_omega_is_about_the_sum_of_the_items_as_they_are() -> None:
    """An item in points of ten weighs more in the sum than in the correlations."""
    items = one_factor_items([0.9, 0.7, 0.5, 0.6])
    items[:, 0] *= 10
    common = (10 * 0.9 + 0.7 + 0.5 + 0.6) ** 2
    error = 100 * (1 - 0.81) + (1 - 0.49) + (1 - 0.25) + (1 - 0.36)
    assert mcdonald_omega(items) == pytest.approx(common / (common + error), abs=1e-6)


def test_an_improper_solution_has_no_omega() -> None:
    """With three items, loadings follow from three correlations; here one is above 1."""
    correlations = np.array([[1, 0.9, 0.9], [0.9, 1, 0.5], [0.9, 0.5, 1]])
    assert one_factor(correlations) is None


@pytest.mark.parametrize(
    "items",
    [
        ITEMS[:9],
        ITEMS[:, :1],
        np.ones((20, 4)),
        np.full((20, 4), np.nan),
    ],
    ids=["nine patients", "one item", "no variance", "nobody"],
)
def test_what_cannot_be_said_is_nan(items: np.ndarray) -> None:
    assert all(math.isnan(value) for value in (*cronbach_alpha(items), mcdonald_omega(items)))


def test_two_items_have_an_alpha_and_no_omega() -> None:
    assert cronbach_alpha(ITEMS[:, :2])[0] > 0
    assert math.isnan(mcdonald_omega(ITEMS[:, :2]))


def test_an_item_without_variance_has_no_omega() -> None:
    items = ITEMS.copy()
    items[:, 0] = 1
    assert math.isnan(mcdonald_omega(items))


def test_patients_with_a_missing_item_are_left_out() -> None:
    holed = np.vstack([ITEMS, [[5, np.nan, 5, 5]]])
    assert cronbach_alpha(holed) == cronbach_alpha(ITEMS)
    assert mcdonald_omega(holed) == mcdonald_omega(ITEMS)


def test_the_reliable_change_index_is_that_of_jacobson_and_truax() -> None:
    """Their example: from 47.5 to 32.5 with SD 7.5 and a retest r of 0.80 is -3.16."""
    index = reliable_change([47.5, np.nan], [32.5, 30.0], reliability=0.8, sd=7.5)
    assert round(index[0], 2) == -3.16
    assert math.isnan(index[1])


def test_a_perfect_scale_has_no_error() -> None:
    assert standard_error_of_measurement(9.0, 1.0) == 0


def test_floor_and_ceiling_are_of_those_observed() -> None:
    assert floor_ceiling([0, 0, 5, math.nan, 60], (0, 60)) == (0.5, 0.25)
    assert all(math.isnan(share) for share in floor_ceiling([math.nan], (0, 60)))


def madrs_study(folder: Path) -> Experiment:
    """Return a study with items of the PHQ-9 at baseline and of the SSI; 12 patients."""
    names = [f"P{number:02d}" for number in range(12)]
    head = ["id", "age", "sex", "centre", "m_d0", "m_d2", "m_d10", "income", "note"]
    head += [f"p{item}_{visit}" for visit in ("d0", "d2") for item in range(1, 10)]
    lines = [",".join(head)]
    for number, name in enumerate(names):
        answers = [str((number * item) % 4) for item in range(1, 10)] * 2
        answers[0] = "" if number == 0 else answers[0]
        lines.append(",".join([name, "40", "F", "a", "30", "20", "10", "", "", *answers]))
    phq9 = {"items": "p{item}_{visit}", "instrument": "phq9", "visits": ["d0", "d2"]}
    phq9 |= {"prorate": "80%"}
    return write_study(folder, "\n".join(lines), with_columns(wide_cohort(), phq9=phq9))


def reliability_in(folder: Path) -> Reliability:
    """Return the reliability of the only score made of items."""
    experiment = madrs_study(folder)
    found = scale_reliability(scored(experiment), load_keys(experiment))
    assert [(one.name, one.visit) for one in found] == [("phq9", "d0")]
    return found[0]


def test_reliability_is_told_at_baseline_of_unimputed_items(tmp_path: Path) -> None:
    """The first patient's score is prorated and counts for floor and ceiling only."""
    found = reliability_in(tmp_path)
    items = np.array([[(n * item) % 4 for item in range(1, 10)] for n in range(1, 12)], float)
    assert (found.n, found.parts) == (11, 9)
    assert found.alpha == pytest.approx(cronbach_alpha(items)[0])
    assert found.alpha is not None
    sem = items.sum(axis=1).std(ddof=1) * math.sqrt(1 - found.alpha)
    assert found.sem == pytest.approx(sem)
    assert found.reliable_points == pytest.approx(1.96 * math.sqrt(2) * sem)
    # Of 12 patients, those whose number is a multiple of 4 answered 0 throughout: 0, 4 and 8.
    assert (found.floor, found.ceiling) == (3 / 12, 0)


def test_what_cannot_be_said_is_none_in_a_record(tmp_path: Path) -> None:
    """The items of this made-up table have no proper factor."""
    assert reliability_in(tmp_path).omega is None
