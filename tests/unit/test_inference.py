"""Intervals, and the figures of a cell."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.metrics import brier_score_loss, roc_auc_score

from heldout.inference.cells import Cell, score_cell
from heldout.kinds import CLASS, NUMBER, HeldOut
from heldout.metrics.discrimination import fold_paired_concordance, hanley_mcneil_variance
from heldout.metrics.intervals import (
    VARIANCE_FACTOR,
    error_interval,
    rank_interval,
    score_interval,
    share_found,
    skill_interval,
    variance_factor,
)
from heldout.metrics.numbers import (
    absolute_error_variance,
    mean_absolute_error,
    r_squared_out_of_fold,
    skill_variance,
    spearman,
)

AUCS = st.floats(0, 1)
SIZES = st.integers(1, 200)


def limits_by_root(auc: float, n_events: int, n_non_events: int) -> list[float]:
    """Return both limits by Brent's method, from the formula as it is published."""
    size = (n_events + n_non_events) / 2

    def excess(at: float) -> float:
        q1, q2 = at / (2 - at), 2 * at**2 / (1 + at)
        spread = at * (1 - at) + (size - 1) * (q1 - at**2 + q2 - at**2)
        variance = 2 * spread / (n_events * n_non_events)
        return float((at - auc) ** 2 - norm.ppf(0.975) ** 2 * variance)

    return [brentq(excess, *bracket, xtol=1e-14) for bracket in ((0.0, auc), (auc, 1.0))]


@pytest.mark.parametrize(
    ("auc", "n_events", "n_non_events"),
    [(0.5, 18, 18), (0.61, 14, 22), (0.69, 14, 22), (0.95, 30, 70), (0.2, 5, 40)],
)
def test_the_limits_are_the_roots_that_another_solver_finds(
    auc: float, n_events: int, n_non_events: int
) -> None:
    low, high = score_interval(auc, n_events, n_non_events)
    assert [low, high] == pytest.approx(limits_by_root(auc, n_events, n_non_events), abs=1e-9)


@given(AUCS, SIZES, SIZES)
def test_the_interval_holds_the_auc_and_stays_among_areas(
    auc: float, n_events: int, n_non_events: int
) -> None:
    low, high = score_interval(auc, n_events, n_non_events)
    assert 0 <= low <= auc <= high <= 1


@given(st.floats(0.01, 0.99), SIZES, SIZES)
def test_at_its_limits_the_interval_solves_its_equation(
    auc: float, n_events: int, n_non_events: int
) -> None:
    for at in score_interval(auc, n_events, n_non_events):
        allowed = norm.ppf(0.975) ** 2 * 2 * hanley_mcneil_variance(at, n_events, n_non_events)
        assert (at - auc) ** 2 == pytest.approx(allowed, abs=1e-9)


@given(AUCS, SIZES, SIZES)
def test_turning_the_auc_round_turns_the_interval_round(
    auc: float, n_events: int, n_non_events: int
) -> None:
    low, high = score_interval(auc, n_events, n_non_events)
    turned = score_interval(1 - auc, n_non_events, n_events)
    assert turned == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_a_perfect_auc_still_has_an_interval() -> None:
    low, high = score_interval(1.0, 14, 22)
    assert high == 1.0
    assert 0.7 < low < 0.95


def test_an_auc_of_zero_still_has_an_interval() -> None:
    low, high = score_interval(0.0, 14, 22)
    assert low == 0.0
    assert 0.05 < high < 0.3


def test_36_patients_leave_an_interval_of_nearly_half_the_scale() -> None:
    """With 14 events chance reaches from .26 to .74; that is the design's honest width."""
    low, high = score_interval(0.5, 14, 22)
    assert high - low == pytest.approx(0.48, abs=0.005)


def test_a_variance_factor_of_one_gives_the_classical_narrower_interval() -> None:
    low, high = score_interval(0.5, 14, 22, factor=1)
    assert high - low == pytest.approx(0.36, abs=0.005)


def test_more_patients_shrink_the_interval() -> None:
    widths = [np.ptp(score_interval(0.7, n // 2, n // 2)) for n in (20, 36, 60, 100, 1000)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.1


def test_the_factor_is_that_of_the_permutations_and_never_below_one() -> None:
    fixed = hanley_mcneil_variance(0.5, 14, 22)
    permuted = norm.ppf((np.arange(1000) + 0.5) / 1000)
    factor = variance_factor(0.5 + permuted * (1.7 * fixed) ** 0.5, 14, 22)
    assert factor == pytest.approx(1.7, abs=0.01)
    assert variance_factor(0.5 + permuted * (0.4 * fixed) ** 0.5, 14, 22) == 1.0
    assert variance_factor(np.linspace(0, 1, 99), 14, 22) == VARIANCE_FACTOR


def test_the_share_of_studies_that_find_a_true_auc_is_that_of_a_normal_distribution() -> None:
    spread = np.sqrt(1.7 * hanley_mcneil_variance(0.8, 14, 22))
    expected = norm.sf(0.68, loc=0.8, scale=spread)
    assert share_found(0.8, 0.68, 14, 22, factor=1.7) == pytest.approx(expected)
    assert share_found(0.8, 0.8, 14, 22, factor=1.7) == pytest.approx(0.5)


def held_out(n_repeats: int = 3) -> HeldOut:
    """Return predictions of thirty patients, fifteen a fold."""
    rng = np.random.default_rng(0)
    events = np.arange(30) % 5 < 2
    margin = rng.normal(size=(n_repeats, 30)) + events
    return HeldOut(
        answers=events.astype(np.float64),
        margin=margin,
        prediction=1 / (1 + np.exp(-margin)),
        training_mean=np.full((n_repeats, 30), 0.4),
        folds=np.tile(np.arange(30) // 15, (n_repeats, 1)),
        weights=np.ones(30),
    )


def scored(given: HeldOut) -> Cell:
    """Return the figures of a cell."""
    return score_cell("response", "week8", "ridge", CLASS, given)


def test_a_cell_counts_its_patients_and_events() -> None:
    cell = scored(held_out())
    assert (cell.n, cell.events, cell.status) == (30, 12, "evaluated")


def test_a_cells_interval_is_that_of_its_auc() -> None:
    cell = scored(held_out())
    assert cell.auc is not None
    assert (cell.auc_low, cell.auc_high) == score_interval(cell.auc, 12, 18)


def test_a_cells_fold_areas_are_those_of_each_fold_of_each_repeat() -> None:
    given = held_out()
    expected = [
        roc_auc_score(given.answers[rows], margin[rows])
        for margin in given.margin
        for rows in (slice(0, 15), slice(15, 30))
    ]
    assert scored(given).fold_auc == pytest.approx(expected, abs=1e-14)


def test_with_equal_folds_that_stay_the_auc_is_the_mean_of_the_fold_areas() -> None:
    cell = scored(held_out())
    assert cell.auc == pytest.approx(np.mean(cell.fold_auc), abs=1e-14)


def test_a_cell_is_ranked_by_margins_and_judged_by_probabilities() -> None:
    """A saturated probability ties patients whom the margin still ranks."""
    given = held_out()
    flat = scored(replace(given, prediction=np.full((3, 30), 0.4)))
    assert flat.auc == scored(given).auc
    assert flat.brier == pytest.approx(brier_score_loss(given.answers, np.full(30, 0.4)))


def test_a_cell_weighs_its_patients() -> None:
    weights = np.where(np.arange(30) < 15, 1.0, 0.0)
    cell = scored(replace(held_out(), weights=weights + 1e-12))
    assert cell.auc == pytest.approx(np.mean(cell.fold_auc[::2]), abs=1e-6)


def test_figures_that_were_not_made_are_none() -> None:
    cell = scored(held_out())
    assert (cell.p, cell.p_adjusted, cell.reason) == (None, None, None)


def held_out_numbers(n_repeats: int = 3) -> HeldOut:
    """Return predictions of a number for thirty patients, fifteen a fold."""
    rng = np.random.default_rng(0)
    observed = rng.normal(20, 8, 30)
    prediction = 20 + 0.5 * (observed - 20) + rng.normal(0, 4, (n_repeats, 30))
    return HeldOut(
        answers=observed,
        margin=prediction,
        prediction=prediction,
        training_mean=rng.normal(20, 0.5, (n_repeats, 30)),
        folds=np.tile(np.arange(30) // 15, (n_repeats, 1)),
        weights=np.ones(30),
    )


def test_a_cell_of_a_number_has_its_own_figures_and_no_other() -> None:
    given = held_out_numbers()
    cell = score_cell("score", "week8", "ridge", NUMBER, given)
    assert (cell.kind, cell.n, cell.events, cell.status) == ("number", 30, 0, "evaluated")
    arrays = (given.prediction, given.answers, given.training_mean)
    assert cell.r2 == r_squared_out_of_fold(*arrays)
    assert cell.mae == mean_absolute_error(given.prediction, given.answers)
    assert cell.mae_mean == mean_absolute_error(given.training_mean, given.answers)
    assert cell.spearman == spearman(given.prediction, given.folds, given.answers)
    assert cell.concordance == fold_paired_concordance(given.prediction, given.folds, given.answers)
    assert (cell.auc, cell.brier, cell.fold_auc, cell.calibration_slope) == (None, None, (), None)


def test_its_intervals_widen_the_variance_over_patients() -> None:
    """Thirty patients: by 1 + 100 / 30."""
    given = held_out_numbers()
    cell = score_cell("score", "week8", "ridge", NUMBER, given)
    variance = skill_variance(given.prediction, given.answers, given.training_mean)
    assert cell.r2 is not None
    assert cell.mae is not None
    reach = 1.96 * ((1 + 100 / 30) * variance + (1.5 / 30) ** 2) ** 0.5
    expected = (cell.r2 - reach, cell.r2 + reach)
    assert (cell.r2_low, cell.r2_high) == pytest.approx(expected, abs=1e-4)
    errors = np.abs(given.prediction - given.answers).mean(axis=0)
    reach = 1.96 * ((1 + 100 / 30) * errors.var(ddof=1) / 30) ** 0.5
    expected = (cell.mae - reach, cell.mae + reach)
    assert (cell.mae_low, cell.mae_high) == pytest.approx(expected, abs=1e-4)
    assert (cell.spearman_low, cell.spearman_high) == rank_interval(cell.spearman or 0.0, 30)


def test_a_brier_skill_has_the_interval_of_a_variance_explained() -> None:
    given = held_out_numbers()
    events = (given.answers > np.median(given.answers)).astype(float)
    chances = np.clip(0.5 + (given.prediction - given.prediction.mean()) / 100, 0, 1)
    told = replace(
        given, answers=events, prediction=chances, training_mean=np.full(chances.shape, 0.5)
    )
    figures = CLASS.score(told)
    interval = skill_interval(
        figures["brier_skill"], skill_variance(chances, events, told.training_mean), 30
    )
    assert (figures["brier_skill_low"], figures["brier_skill_high"]) == interval


def test_an_interval_ends_where_its_figure_does() -> None:
    assert skill_interval(0.9, 0.04, 36)[1] == 1.0
    assert error_interval(0.1, 1.0, 36)[0] == 0.0
    low, high = rank_interval(1.0, 36)
    assert 0.99 < low < high < 1.0


def test_a_model_that_learnt_nothing_is_not_sure_of_it() -> None:
    """Its patients differ by nothing, and another cohort would have taught it worse."""
    low, high = skill_interval(0.0, 0.0, 36)
    assert (low, high) == pytest.approx((-0.082, 0.082), abs=1e-3)


def test_patients_of_weight_two_count_as_two_in_the_variance_of_an_error() -> None:
    given = held_out_numbers()
    rows = np.repeat(np.arange(30), 2)
    twice = absolute_error_variance(given.prediction[:, rows], given.answers[rows])
    same = absolute_error_variance(given.prediction, given.answers, np.full(30, 2.0))
    assert twice * 59 == pytest.approx(same * 29)


@pytest.mark.parametrize("n_events", [1, 3, 17])
def test_the_association_of_a_class_is_the_auc_of_scikit_learn(n_events: int) -> None:
    guess = np.random.default_rng(n_events).integers(0, 6, 20).astype(float)
    answers = (np.arange(20) < n_events).astype(float)
    assert CLASS.association(guess, answers) == pytest.approx(roc_auc_score(answers, guess))


def test_the_association_of_one_answer_alone_is_unknown() -> None:
    assert CLASS.association(np.arange(4.0), np.ones(4)) is None
    assert CLASS.association(np.arange(4.0), np.zeros(4)) is None
