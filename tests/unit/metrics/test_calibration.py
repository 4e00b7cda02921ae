"""Slope, index, curve and net benefit of held-out probabilities."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from heldout.metrics.calibration import (
    LINE,
    SPLINE,
    THRESHOLDS,
    Curve,
    calibration_curve,
    calibration_in_the_large,
    integrated_calibration_index,
    logit_slope,
    net_benefit,
    net_benefit_of_all,
    recalibration,
)

Floats = NDArray[np.float64]
Drawn = tuple[Floats, NDArray[np.int64], NDArray[np.bool_]]


def drawn(n: int, *, repeats: int = 1, seed: int = 0, stretch: float = 1.0) -> Drawn:
    """Return probabilities, folds and events; probabilities are true where nothing is stretched."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n)
    events = rng.random(n) < expit(scores)
    folds = np.array([rng.permutation(np.arange(n) % 5) for _ in range(repeats)])
    # Repeats differ a little, as models fitted to other patients do.
    noise = rng.normal(scale=0.1 if repeats > 1 else 0.0, size=(repeats, n))
    return expit(stretch * scores + noise), folds, events


def with_events(n_events: int) -> Drawn:
    """Return eighty patients with a number of events, and probabilities that rank them a little."""
    rng = np.random.default_rng(3)
    events = np.arange(80) < n_events
    return expit(0.5 * events + rng.normal(size=80))[None, :], np.arange(80)[None, :] % 5, events


def unpenalised(column: Floats, events: NDArray[np.bool_], weights: Floats | None = None) -> Floats:
    """Return intercept and slopes of a library's logistic regression without a penalty."""
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
    model.fit(column.reshape(len(events), -1), events, sample_weight=weights)
    return np.concatenate([model.intercept_, model.coef_[0]])


@pytest.mark.parametrize("weighted", [False, True])
def test_the_slope_is_that_of_scikit_learn_in_each_repeat(weighted: bool) -> None:
    probability, folds, events = drawn(150, repeats=3, stretch=2)
    weights = np.random.default_rng(1).uniform(0.2, 3, 150) if weighted else None
    expected = [unpenalised(logit(row), events, weights)[1] for row in probability]
    found = logit_slope(probability, folds, events, weights)
    assert found == pytest.approx(np.mean(expected), rel=1e-5)


def test_true_probabilities_have_a_slope_of_one_and_an_index_near_zero() -> None:
    probability, folds, events = drawn(20_000)
    assert logit_slope(probability, folds, events) == pytest.approx(1, abs=0.05)
    assert integrated_calibration_index(probability, folds, events) == pytest.approx(0, abs=0.01)
    assert calibration_in_the_large(probability, events) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("stretch", [0.5, 2.0, -1.0])
def test_stretched_logits_have_the_inverse_slope(stretch: float) -> None:
    probability, folds, events = drawn(300)
    plain = logit_slope(probability, folds, events)
    stretched = logit_slope(expit(stretch * logit(probability)), folds, events)
    assert plain is not None
    assert stretched == pytest.approx(plain / stretch)


def test_calibration_in_the_large_is_the_shift_that_makes_the_mean_right() -> None:
    probability, _, events = drawn(200)
    shift = calibration_in_the_large(expit(logit(probability) - 0.7), events)
    assert shift is not None
    assert expit(logit(probability) - 0.7 + shift).mean() == pytest.approx(events.mean())


def test_the_index_of_few_is_the_distance_from_a_logistic_recalibration() -> None:
    probability, folds, events = drawn(120, repeats=2, stretch=1.8)
    assert recalibration(events) == LINE
    expected = []
    for row in probability:
        intercept, slope = unpenalised(logit(row), events)
        expected.append(np.abs(row - expit(intercept + slope * logit(row))).mean())
    found = integrated_calibration_index(probability, folds, events)
    assert found == pytest.approx(np.mean(expected), rel=1e-5)


def test_the_curve_of_many_is_a_natural_cubic_spline() -> None:
    """Of four knots, by other functions that span the same curves."""
    probability, folds, events = drawn(600)
    assert recalibration(events) == SPLINE
    scores = logit(probability[0])
    knots = np.quantile(scores, [0.05, 0.35, 0.65, 0.95])
    spline = CubicSpline(knots, np.eye(4), bc_type="natural")
    ends = scores.clip(knots[0], knots[-1])
    # Straight beyond the outer knots.
    columns = spline(ends) + (scores - ends)[:, None] * spline(ends, 1)
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=10_000)
    curve = model.fit(columns, events).predict_proba(columns)[:, 1]
    found = integrated_calibration_index(probability, folds, events)
    assert found == pytest.approx(np.abs(probability[0] - curve).mean(), rel=1e-3)


def test_a_bend_that_no_line_can_follow_is_seen_by_the_spline() -> None:
    rng = np.random.default_rng(0)
    probability = rng.uniform(0.05, 0.95, (1, 4000))
    # Those in the middle never have it half as often as is said.
    events = rng.random(4000) < np.abs(probability[0] - 0.5) * 2
    curve = calibration_curve(probability, np.zeros((1, 4000), dtype=int), events, seed=1)
    assert curve is not None
    assert curve.value[10] < 0.3 < 0.7 < min(curve.value[0], curve.value[-1])


def curves_of(cell: Drawn, seed: int = 1) -> tuple[Curve, Curve]:
    """Return both curves of patients who are enough."""
    probability, folds, events = cell
    curve = calibration_curve(probability, folds, events, seed=seed)
    benefit = net_benefit(probability, events, seed=seed)
    assert curve is not None
    assert benefit is not None
    return curve, benefit


def test_the_curve_lies_in_its_band_over_what_was_predicted() -> None:
    cell = drawn(150, repeats=3)
    curve, _ = curves_of(cell)
    assert (curve.at[0], curve.at[-1]) == pytest.approx(np.quantile(cell[0], [0.025, 0.975]))
    assert all(low < value < high for low, value, high in zip(*parts(curve), strict=True))
    assert all(first < second for first, second in pairwise(curve.value))


def parts(curve: Curve) -> tuple[tuple[float, ...], ...]:
    """Return the lower limits, the values and the upper limits."""
    return curve.low, curve.value, curve.high


def test_a_seed_draws_the_same_band_and_another_one_another() -> None:
    cell = drawn(100)
    assert curves_of(cell, 1) == curves_of(cell, 1) != curves_of(cell, 2)


def test_repeats_of_the_same_predictions_do_not_narrow_a_band() -> None:
    """Patients are drawn with all their repeats."""
    probability, folds, events = drawn(100)
    many = np.repeat(probability, 4, axis=0), np.repeat(folds, 4, axis=0), events
    for first, second in zip(curves_of((probability, folds, events)), curves_of(many), strict=True):
        assert np.array(parts(first)) == pytest.approx(np.array(parts(second)), abs=0.01)


def test_the_net_benefit_is_that_made_by_hand() -> None:
    probability, _, events = drawn(90, repeats=2)
    benefit = net_benefit(probability, events, seed=1)
    assert benefit is not None
    assert benefit.at == THRESHOLDS
    expected = []
    for row in probability:
        hits = sum(p >= 0.6 and event for p, event in zip(row, events, strict=True))
        alarms = sum(p >= 0.6 and not event for p, event in zip(row, events, strict=True))
        expected.append(hits / 90 - alarms / 90 * 0.6 / 0.4)
    assert benefit.value[THRESHOLDS.index(0.6)] == pytest.approx(np.mean(expected))


def test_who_is_treated_at_every_threshold_is_worth_what_treating_everybody_is() -> None:
    events = np.arange(100) < 40
    benefit = net_benefit(np.full((1, 100), 0.95), events, seed=1)
    assert benefit is not None
    assert benefit.value == pytest.approx(net_benefit_of_all(events))
    assert net_benefit_of_all(events)[THRESHOLDS.index(0.4)] == pytest.approx(0)


def test_who_is_never_treated_is_worth_nothing() -> None:
    benefit = net_benefit(np.full((1, 100), 0.01), np.arange(100) < 40, seed=1)
    assert benefit is not None
    assert {*benefit.value, *benefit.low, *benefit.high} == {0.0}


@pytest.mark.parametrize("n_events", [29, 51])
def test_below_thirty_in_the_rarer_class_nothing_is_estimated(n_events: int) -> None:
    probability, folds, events = with_events(n_events)
    assert recalibration(events) is None
    assert logit_slope(probability, folds, events) is None
    assert integrated_calibration_index(probability, folds, events) is None
    assert calibration_in_the_large(probability, events) is None
    assert calibration_curve(probability, folds, events, seed=1) is None
    assert net_benefit(probability, events, seed=1) is None


@pytest.mark.parametrize("n_events", [30, 50])
def test_from_thirty_on_everything_is(n_events: int) -> None:
    probability, folds, events = with_events(n_events)
    assert recalibration(events) == LINE
    assert logit_slope(probability, folds, events) is not None
    assert integrated_calibration_index(probability, folds, events) is not None
    assert None not in curves_of((probability, folds, events))


def test_the_spline_begins_at_a_hundred() -> None:
    assert recalibration(np.arange(200) < 99) == LINE
    assert recalibration(np.arange(200) < 100) == SPLINE


def test_a_model_that_says_the_same_of_every_patient_of_a_fold_has_no_slope() -> None:
    """The prevalence of training sets differs a little, and by that alone nobody is told apart."""
    _, folds, events = with_events(32)
    level = np.array([0.39, 0.4, 0.4, 0.41, 0.4])[folds]
    assert logit_slope(level, folds, events) is None
    assert calibration_curve(level, folds, events, seed=1) is None
    expected = np.abs(level - events.mean()).mean()
    assert integrated_calibration_index(level, folds, events) == pytest.approx(expected)


def test_certainty_counts_as_a_thousandth_from_it() -> None:
    probability, folds, events = with_events(40)
    certain = probability.copy()
    certain[0, [0, 1]], certain[0, [40, 41]] = (0.0, 1.0), (1.0, 0.0)
    near = certain.clip(0.001, 0.999)
    assert logit_slope(certain, folds, events) == logit_slope(near, folds, events)
    assert curves_of((certain, folds, events)) == curves_of((near, folds, events))


@pytest.mark.parametrize("turned", [False, True])
def test_probabilities_that_make_no_error_have_no_slope_but_a_curve(turned: bool) -> None:
    _, folds, events = with_events(40)
    sure = np.where(events != turned, 0.8, 0.3)[None, :]
    assert logit_slope(sure, folds, events) is None
    index = integrated_calibration_index(sure, folds, events)
    assert index == pytest.approx(0.75 if turned else 0.25, abs=1e-6)


def test_a_weight_of_two_is_the_patient_twice() -> None:
    probability, folds, events = drawn(120, repeats=2)
    twice = np.r_[:120, :40]
    weights = np.bincount(twice).astype(float)
    many = probability[:, twice], folds[:, twice], events[twice]
    index = integrated_calibration_index(probability, folds, events, weights)
    assert index == pytest.approx(integrated_calibration_index(*many))
    shift = calibration_in_the_large(probability, events, weights)
    assert shift == pytest.approx(calibration_in_the_large(many[0], many[2]))
    benefit = net_benefit(probability, events, weights, seed=1)
    assert benefit is not None
    assert benefit.value == pytest.approx(curves_of(many)[1].value)
    assert net_benefit_of_all(events, weights) == pytest.approx(net_benefit_of_all(many[2]))


def test_who_weighs_nothing_does_not_move_a_band() -> None:
    events = np.arange(200) % 2 == 0
    # The second hundred are predicted the wrong way round.
    probability = np.where(events == (np.arange(200) < 100), 0.9, 0.1)[None, :]
    weights = np.where(np.arange(200) < 100, 1.0, 0.0)
    benefit = net_benefit(probability, events, weights, seed=1)
    assert benefit is not None
    assert benefit.value[9] == pytest.approx(0.5)
    assert 0.35 < benefit.low[9] < 0.45 < 0.55 < benefit.high[9] < 0.65


def test_bands_are_as_wide_as_the_theory_of_large_samples_says() -> None:
    probability, folds, events = drawn(190)
    curve, benefit = curves_of((probability, folds, events))
    assert recalibration(events) == LINE
    # At .50 treating everybody is worth 2 r - 1, of a rate r that is binomial.
    everybody = net_benefit(np.full((1, 190), 0.95), events, seed=1)
    assert everybody is not None
    width = 2 * 1.96 * 2 * (events.mean() * (1 - events.mean()) / 190) ** 0.5
    assert everybody.high[9] - everybody.low[9] == pytest.approx(width, rel=0.15)
    assert benefit.high[9] - benefit.low[9] < width
    intercept, slope = unpenalised(logit(probability), events)
    design = np.column_stack([np.ones(190), logit(probability[0])])
    rate = expit(design @ [intercept, slope])
    spread = np.linalg.inv((design.T * (rate * (1 - rate))) @ design)
    at = np.column_stack([np.ones(21), logit(np.array(curve.at))])
    reach = 2 * 1.96 * np.einsum("np,pq,nq->n", at, spread, at) ** 0.5
    widths = logit(np.array(curve.high)) - logit(np.array(curve.low))
    assert widths == pytest.approx(reach, rel=0.2)


def test_a_model_that_tells_patients_of_one_fold_apart_has_a_slope() -> None:
    probability, folds, events = with_events(32)
    level = np.where(folds == 2, probability, 0.4)
    assert logit_slope(level, folds, events) is not None
