"""Platt's sigmoid against scikit-learn's, and where that stops short against its own conditions.

Recalibration has no equal there; it is held against scipy's optimiser.

Scikit-learn's search ends at a gradient of 1e-6: its probabilities are good to some 1e-6, and its
slope to some 1e-5 of itself.
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.calibration import _sigmoid_calibration

from heldout.kernels.platt import bounded_log_odds, platt_fit, recalibration_fit

Floats = NDArray[np.float64]


def problem(
    seed: int, *, scale: float = 1.0, apart: float = 1.0, weighted: bool = True
) -> tuple[Floats, Floats, Floats]:
    """Return margins, answers and weights."""
    rng = np.random.default_rng(seed)
    answers = (rng.random(29) < 0.4).astype(np.float64)
    answers[:2] = 0.0, 1.0
    margins = scale * (rng.normal(size=29) + apart * (answers - 0.5))
    return margins, answers, rng.uniform(0.3, 3.0, 29) if weighted else np.ones(29)


def reference(margins: Floats, answers: Floats, weights: Floats) -> tuple[float, float]:
    """Return scikit-learn's slope and intercept, with our signs."""
    slope, intercept = _sigmoid_calibration(margins, answers, weights)
    return -slope, -intercept


def targets_of(answers: Floats, weights: Floats) -> Floats:
    """Return Platt's targets."""
    events, others = weights[answers > 0].sum(), weights[answers <= 0].sum()
    return np.asarray(np.where(answers > 0, (events + 1) / (events + 2), 1 / (others + 2)))


@pytest.mark.parametrize("weighted", [False, True])
# Margins up to 30 in size, and larger ones, which scikit-learn scales.
@pytest.mark.parametrize("scale", [0.05, 1.0, 5.0, 40.0, 1e3])
# Classes that are alike, differ, and are separated by little and by much.
@pytest.mark.parametrize("apart", [0.0, 1.0, 5.0, 100.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_slope_and_intercept_are_scikit_learns(
    scale: float, apart: float, seed: int, *, weighted: bool
) -> None:
    margins, answers, weights = problem(seed, scale=scale, apart=apart, weighted=weighted)
    slope, intercept = platt_fit(margins, answers, weights)
    expected = reference(margins, answers, weights)
    np.testing.assert_allclose(slope, expected[0], rtol=1e-5, atol=1e-6 / scale)
    np.testing.assert_allclose(intercept, expected[1], rtol=0, atol=2e-6)
    np.testing.assert_allclose(
        expit(slope * margins + intercept),
        expit(expected[0] * margins + expected[1]),
        rtol=0,
        atol=1e-6,
    )


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e5])
@pytest.mark.parametrize("apart", [0.0, 1.0, 100.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_gradient_is_0(scale: float, apart: float, seed: int) -> None:
    """Of a convex loss that is what makes a minimum."""
    margins, answers, weights = problem(seed, scale=scale, apart=apart)
    slope, intercept = platt_fit(margins, answers, weights)
    residuals = weights * (expit(slope * margins + intercept) - targets_of(answers, weights))
    assert abs(residuals.sum()) < 1e-11
    assert abs(residuals @ margins) < 1e-11 * scale * (1.0 + apart)


@pytest.mark.parametrize("many", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(10))
def test_the_gradient_is_0_where_a_full_newton_step_overshoots(seed: int, many: float) -> None:
    """Two patients of one class, far from those of the other."""
    margins, _, weights = problem(seed, apart=0.0)
    answers = np.full(29, many)
    answers[:2] = 1.0 - many
    margins = margins + 100.0 * answers
    slope, intercept = platt_fit(margins, answers, weights)
    residuals = weights * (expit(slope * margins + intercept) - targets_of(answers, weights))
    assert abs(residuals.sum()) < 1e-11
    assert abs(residuals @ margins) < 1e-9


@pytest.mark.parametrize("margin", [0.0, 0.3, -2.0, 29.0, -31.0, 1e4])
def test_of_equal_margins_the_nearest_minimum_is_taken(margin: float) -> None:
    answers, weights = np.array([0.0, 1.0, 1.0, 0.0, 1.0]), np.array([1.0, 2.0, 1.0, 1.0, 0.5])
    margins = np.full(5, margin)
    slope, intercept = platt_fit(margins, answers, weights)
    assert slope * margin + intercept == pytest.approx(
        np.log(1 / (weights.sum() / (weights @ targets_of(answers, weights)) - 1)), abs=1e-12
    )
    expected = reference(margins, answers, weights)
    np.testing.assert_allclose(intercept, expected[1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(slope, expected[0], rtol=1e-5, atol=1e-12)


def test_a_solvers_last_digits_are_no_score() -> None:
    margins, answers, weights = problem(3)
    slope, _ = platt_fit(0.7 + 1e-9 * margins, answers, weights)
    same, _ = platt_fit(np.full(29, 0.7), answers, weights)
    assert slope == pytest.approx(same, abs=1e-7)


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_one_class_has_no_slope(answer: float) -> None:
    margins, _, weights = problem(4)
    slope, intercept = platt_fit(margins, np.full(29, answer), weights)
    assert slope == pytest.approx(0.0, abs=1e-9)
    odds = weights.sum() + 1
    assert intercept == pytest.approx(np.log(odds if answer else 1 / odds), abs=1e-9)


@pytest.mark.parametrize(
    "margins",
    [
        [1e308, -1e308, 3.0],
        [1e-320, 0.0, 0.0],
        [0.0, 0.0, 1e9],
        [5.0, 5.0 + 1e-11, 5.0],
        [-1.0, 1.0, 1e15],
    ],
)
def test_slope_and_intercept_are_finite(margins: list[float]) -> None:
    slope, intercept = platt_fit(np.array(margins), np.array([0.0, 1.0, 1.0]), np.ones(3))
    assert np.isfinite([slope, intercept]).all()


def test_without_patients_all_is_open() -> None:
    assert platt_fit(np.empty(0), np.empty(0), np.empty(0)) == (0.0, 0.0)


def test_the_order_of_patients_does_not_matter() -> None:
    margins, answers, weights = problem(5)
    order = np.random.default_rng(0).permutation(29)
    np.testing.assert_allclose(
        platt_fit(margins[order], answers[order], weights[order]),
        platt_fit(margins, answers, weights),
        rtol=1e-10,
    )


def test_twice_the_weight_is_the_patient_twice() -> None:
    margins, answers, weights = problem(6)
    rows = np.concatenate([np.arange(29), np.arange(10)])
    np.testing.assert_allclose(
        platt_fit(margins[rows], answers[rows], weights[rows]),
        platt_fit(margins, answers, weights * np.where(np.arange(29) < 10, 2.0, 1.0)),
        rtol=1e-10,
    )


@pytest.mark.parametrize("factor", [1e-3, 7.0, 1e6])
def test_the_unit_of_margins_does_not_matter(factor: float) -> None:
    margins, answers, weights = problem(7)
    slope, intercept = platt_fit(margins, answers, weights)
    other, same = platt_fit(factor * margins + 3.0 * factor, answers, weights)
    assert other * factor == pytest.approx(slope, rel=1e-9)
    assert same + 3.0 * factor * other == pytest.approx(intercept, abs=1e-9)


def test_turning_the_sign_of_margins_turns_the_sign_of_the_slope() -> None:
    margins, answers, weights = problem(8)
    slope, intercept = platt_fit(margins, answers, weights)
    np.testing.assert_allclose(
        platt_fit(-margins, answers, weights), (-slope, intercept), rtol=1e-10
    )


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("apart", [0.0, 1.0, 100.0])
@pytest.mark.parametrize("seed", range(3))
def test_recalibration_is_the_penalised_likelihoods(scale: float, apart: float, seed: int) -> None:
    log_odds, answers, weights = problem(seed, scale=scale, apart=apart)

    def loss(line: Floats) -> float:
        told = line[0] * log_odds + line[1]
        likely = weights @ (np.logaddexp(0, told) - answers * told)
        return float(likely + 0.5 * ((line[0] - 1) ** 2 + line[1] ** 2))

    found = minimize(loss, [1.0, 0.0], bounds=[(0, None), (None, None)], tol=1e-14)
    np.testing.assert_allclose(recalibration_fit(log_odds, answers, weights), found.x, atol=2e-5)


def test_many_patients_whose_probabilities_are_right_are_left_as_they_are() -> None:
    rng = np.random.default_rng(0)
    log_odds = rng.normal(size=100_000)
    answers = (rng.random(100_000) < expit(log_odds)).astype(float)
    found = recalibration_fit(log_odds, answers, np.ones(100_000))
    np.testing.assert_allclose(found, (1.0, 0.0), atol=0.03)


def test_recalibration_never_turns_the_order() -> None:
    log_odds, answers, weights = problem(1, apart=3.0)
    slope, intercept = recalibration_fit(-log_odds, answers, weights)
    assert slope == 0.0
    alone = recalibration_fit(np.zeros(29), answers, weights)
    assert intercept == pytest.approx(alone[1])


def test_without_patients_nothing_is_recalibrated() -> None:
    assert recalibration_fit(np.empty(0), np.empty(0), np.empty(0)) == (1.0, 0.0)


def test_log_odds_are_kept_from_the_infinite() -> None:
    kept = [bounded_log_odds(probability) for probability in (0.0, 0.004, 0.5, 1.0)]
    np.testing.assert_allclose(kept, [-np.log(199), -np.log(199), 0.0, np.log(199)])
