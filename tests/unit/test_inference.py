"""Intervals, the figures of a cell, and the verdict."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.metrics import brier_score_loss, roc_auc_score

from heldout.inference.cells import Cell, score_cell
from heldout.inference.permutation import PermutationTest, p_values
from heldout.inference.verdict import derive_verdict, render_verdict
from heldout.kinds import CLASS, NUMBER, HeldOut
from heldout.metrics.discrimination import fold_paired_concordance, hanley_mcneil_variance
from heldout.metrics.intervals import chance_range, r_squared_interval, score_interval
from heldout.metrics.numbers import (
    mean_absolute_error,
    r_squared_out_of_fold,
    r_squared_variance,
    spearman,
)
from tests.cells import cell_changed, cell_with

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


@pytest.mark.parametrize(("n_events", "n_non_events"), [(14, 22), (30, 70), (200, 300)])
def test_beyond_the_range_of_chance_an_interval_leaves_one_half_out(
    n_events: int, n_non_events: int
) -> None:
    low, high = chance_range(n_events, n_non_events)
    for inside, outside in ((low + 1e-6, low - 1e-6), (high - 1e-6, high + 1e-6)):
        for auc, holds in ((inside, True), (outside, False)):
            below, above = score_interval(auc, n_events, n_non_events)
            assert (below <= 0.5 <= above) is holds


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


def headline(auc: float, *, n: int = 36, events: int = 14, follow_up: str = "week8") -> Cell:
    """Return an evaluated headline."""
    low, high = score_interval(auc, events, n - events)
    return cell_with(
        outcome="sustained_response",
        follow_up=follow_up,
        model="headline",
        n=n,
        events=events,
        status="evaluated",
        auc=auc,
        auc_low=low,
        auc_high=high,
    )


DECLINED = cell_with(
    outcome="remission",
    follow_up="week8",
    model="headline",
    n=36,
    events=1,
    status="declined",
    reason="Remission at week8 was not evaluated: 1 event cannot fill 5 folds.",
)


def test_an_interval_that_holds_chance_is_no_evidence() -> None:
    verdict = derive_verdict([headline(0.7)], None)
    assert verdict.level == "no_evidence"
    assert verdict.sentences[0] == (
        "No evidence that baseline predicts sustained response at week8: the AUC for patients "
        "held out is .70 (95 % interval .43 to .87; chance is .50)."
    )


def test_an_interval_above_chance_is_a_hint_as_long_as_nothing_was_permuted() -> None:
    verdict = derive_verdict([headline(0.85)], None)
    assert verdict.level == "untested"
    assert "a hint and not yet evidence" in verdict.sentences[0]


def test_an_interval_that_begins_at_chance_is_not_above_it() -> None:
    assert derive_verdict([cell_changed(headline(0.8), auc_low=0.5)], None).level == "no_evidence"


def test_no_evidence_names_the_primary_follow_up() -> None:
    primary = headline(0.4)
    verdict = derive_verdict([headline(0.7, follow_up="week4"), primary], primary)
    assert "at week8" in verdict.sentences[0]
    assert "all 2 headlines" in verdict.sentences[0]


def test_a_follow_up_found_afterwards_does_not_overrule_the_primary_one() -> None:
    """What was named beforehand decides; the rest is told, with what it is worth."""
    primary, found = headline(0.45), headline(0.9, follow_up="week4")
    verdict = derive_verdict([found, primary], primary)
    assert verdict.level == "no_evidence"
    assert "at week8" in verdict.sentences[0]
    assert verdict.sentences[1].startswith("Beyond the primary follow-up")
    assert "week4" in verdict.sentences[1]
    assert "chosen among 2 after looking, uncorrected" in verdict.sentences[1]


def test_an_interval_below_chance_is_not_said_to_hold_chance() -> None:
    verdict = derive_verdict([headline(0.1, follow_up="week4"), headline(0.45)], None)
    assert "chance lies inside the interval of all" not in verdict.sentences[0]
    assert "no interval lies above it in 2 headlines" in verdict.sentences[0]


def test_the_verdict_says_what_chance_would_reach() -> None:
    assert derive_verdict([headline(0.7)], None).sentences[1] == (
        "With 36 patients and 14 events, an AUC between .22 and .78 cannot be told from chance."
    )


def test_the_verdict_repeats_why_an_outcome_was_declined() -> None:
    assert derive_verdict([headline(0.7), DECLINED], None).sentences[-1] == DECLINED.reason


def test_a_declined_outcome_is_not_counted_among_the_headlines() -> None:
    assert "headlines" not in derive_verdict([headline(0.7), DECLINED], None).sentences[0]


def test_the_verdict_keeps_the_numbers_of_the_cell_that_decides() -> None:
    cell = headline(0.7)
    numbers = derive_verdict([cell], None).numbers
    assert numbers["auc"] == 0.7
    assert (numbers["auc_low"], numbers["auc_high"]) == (cell.auc_low, cell.auc_high)
    assert (numbers["n"], numbers["events"]) == (36, 14)


def test_an_auc_of_zero_is_printed_as_zero() -> None:
    numbers = derive_verdict([headline(0.0)], None).numbers
    assert numbers["auc_high"] == score_interval(0.0, 14, 22)[1]


def test_the_verdict_is_rendered_as_its_sentences() -> None:
    verdict = derive_verdict([headline(0.7)], None)
    assert render_verdict(verdict) == " ".join(verdict.sentences)


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


def test_its_interval_doubles_the_variance_over_patients() -> None:
    given = held_out_numbers()
    cell = score_cell("score", "week8", "ridge", NUMBER, given)
    variance = r_squared_variance(given.prediction, given.answers, given.training_mean)
    assert cell.r2 is not None
    reach = 1.96 * (2 * variance) ** 0.5
    expected = (cell.r2 - reach, cell.r2 + reach)
    assert (cell.r2_low, cell.r2_high) == pytest.approx(expected, abs=1e-4)


def test_the_interval_of_the_variance_explained_ends_at_all_of_it() -> None:
    assert r_squared_interval(0.9, 0.04)[1] == 1.0


def number(r2: float, *, reach: float = 0.2, follow_up: str = "week8") -> Cell:
    """Return an evaluated headline of a number."""
    return cell_with(
        outcome="madrs_score",
        follow_up=follow_up,
        model="headline",
        n=36,
        events=0,
        kind="number",
        status="evaluated",
        r2=r2,
        r2_low=r2 - reach,
        r2_high=r2 + reach,
        mae=7.31,
        mae_mean=7.42,
    )


def test_a_number_that_is_not_explained_is_no_evidence() -> None:
    verdict = derive_verdict([number(-0.04, reach=0.26)], None)
    assert verdict.level == "no_evidence"
    assert verdict.sentences == (
        "No evidence that baseline predicts madrs score at week8: out of fold, the model explains "
        "\N{MINUS SIGN}4 % of the variance (95 % interval \N{MINUS SIGN}30 % to 22 %; the mean "
        "alone explains 0 %).",
        "The mean absolute error for the 36 patients held out is 7.31; predicting the mean of the "
        "others gives 7.42.",
    )


def test_an_interval_above_zero_is_a_hint() -> None:
    verdict = derive_verdict([number(0.35)], None)
    assert verdict.level == "untested"
    assert (
        "madrs score at week8: 35 % of the variance explained (15 % to 55 %)"
        in (verdict.sentences[0])
    )


def test_an_interval_that_begins_at_zero_is_not_above_it() -> None:
    assert derive_verdict([number(0.2, reach=0.2)], None).level == "no_evidence"


def test_a_number_does_not_overrule_a_primary_class() -> None:
    primary = headline(0.45)
    verdict = derive_verdict([number(0.5, follow_up="week4"), primary], primary)
    assert verdict.level == "no_evidence"
    assert "sustained response at week8" in verdict.sentences[0]
    assert "madrs score at week4: 50 % of the variance" in verdict.sentences[1]


def test_a_primary_number_decides_among_classes() -> None:
    primary = number(0.5)
    verdict = derive_verdict([headline(0.45), primary], primary)
    assert verdict.level == "untested"
    assert verdict.numbers["r2"] == 0.5


def test_a_number_worse_than_the_mean_is_not_said_to_hold_chance() -> None:
    verdict = derive_verdict([headline(0.45), number(-0.5)], None)
    assert "no interval lies above it in 2 headlines" in verdict.sentences[0]


TEST = PermutationTest(
    permutations=137,
    asked=999,
    stopped=True,
    enumerated=False,
    redrawn=2,
    repeats=1,
    best_mean=0.763,
    best_high=0.911,
)


def with_p(cell: Cell, p: float, adjusted: float, *, arithmetic: float | None = None) -> Cell:
    """Return a cell after a permutation test."""
    return replace(cell, p=p, p_adjusted=adjusted, arithmetic=arithmetic)


def test_evidence_for_the_primary_headline_is_by_its_own_p() -> None:
    primary = with_p(headline(0.8), 0.05, 0.31)
    verdict = derive_verdict([with_p(headline(0.5, follow_up="week4"), 0.5, 1.0), primary], primary,
                             TEST)  # fmt: skip
    assert verdict.level == "evidence"
    assert verdict.sentences[0] == (
        "Evidence that baseline predicts sustained response at week8: the AUC for patients held "
        "out is .80 (95 % interval .52 to .93; chance is .50), p = .050, adjusted .31."
    )


def test_an_interval_above_chance_is_no_evidence_if_the_test_found_none() -> None:
    primary = with_p(headline(0.85), 0.051, 0.2)
    verdict = derive_verdict([primary], primary, TEST)
    assert verdict.level == "no_evidence"
    assert verdict.sentences[0].startswith("No evidence that baseline predicts")
    assert "hint" not in render_verdict(verdict)


def test_without_a_primary_headline_the_adjusted_p_decides() -> None:
    found = with_p(headline(0.8), 0.001, 0.051)
    assert derive_verdict([found], None, TEST).level == "no_evidence"
    found = with_p(headline(0.8), 0.001, 0.05)
    assert derive_verdict([found], None, TEST).sentences[0].startswith("Evidence that baseline")


def test_what_was_found_beside_the_primary_headline_is_by_its_adjusted_p() -> None:
    primary = with_p(headline(0.9), 0.04, 0.2)
    other = with_p(headline(0.9, follow_up="week4"), 0.001, 0.02)
    verdict = derive_verdict([primary, other], primary, TEST)
    assert verdict.level == "evidence"
    assert verdict.sentences[0].startswith("Evidence that baseline predicts sustained response")
    assert verdict.sentences[1].startswith("Adjusted for all 2 headlines and every model:")
    assert "at week4" in verdict.sentences[1]
    assert "p = .001, adjusted .020" in verdict.sentences[1]
    assert "hint" not in render_verdict(verdict)


def test_what_was_found_although_the_primary_headline_was_not_is_a_hint() -> None:
    """Two chances at .05 are more than .05: in noise too, one of them would come true."""
    primary = with_p(headline(0.5), 0.051, 1.0)
    other = with_p(headline(0.9, follow_up="week4"), 0.001, 0.02)
    verdict = derive_verdict([primary, other], primary, TEST)
    assert verdict.level == "no_evidence"
    assert verdict.sentences[0].startswith("No evidence that baseline predicts sustained response")
    assert "at week4" in verdict.sentences[1]
    assert verdict.sentences[2] == (
        "The primary headline was not found, so this is a hint for another study."
    )


def test_with_a_primary_headline_noise_is_found_no_more_often_than_the_level_says() -> None:
    """One model at four follow-ups that have nothing in common: the most looks at one level."""
    rng = np.random.default_rng(20261125)
    found = 0
    for _ in range(1000):
        p, adjusted = p_values(np.repeat(rng.normal(size=(200, 4)), 2, axis=1))
        cells = [
            with_p(headline(0.6, follow_up=f"week{k}"), p[2 * k], adjusted[2 * k]) for k in range(4)
        ]
        found += derive_verdict(cells, cells[0], TEST).level == "evidence"
    assert found / 1000 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)


def test_a_test_of_too_few_permutations_to_find_anything_is_none() -> None:
    few = replace(TEST, permutations=5, stopped=False, best_mean=None, best_high=None)
    cell = with_p(headline(0.98), 0.17, 0.33)
    verdict = derive_verdict([cell], cell, few)
    assert verdict.level == "untested"
    assert verdict.sentences[0].startswith("Not tested whether baseline predicts sustained")
    assert verdict.sentences[0].endswith("With 5 permutations no p is below .17.")
    assert "o evidence" not in render_verdict(verdict)
    for enough in (replace(few, permutations=19), replace(few, permutations=11, stopped=True)):
        assert derive_verdict([cell], cell, enough).level == "no_evidence"


def test_a_headline_without_a_p_is_not_found() -> None:
    for primary in (headline(0.9), None):
        assert derive_verdict([headline(0.9)], primary, TEST).level == "no_evidence"


def test_without_a_test_an_interval_is_compared_with_what_arithmetic_gives() -> None:
    cell = replace(headline(0.8), arithmetic=0.6)
    assert cell.auc_low is not None
    assert 0.5 < cell.auc_low < 0.6
    verdict = derive_verdict([cell], cell)
    assert verdict.level == "no_evidence"
    assert "arithmetic with the baseline score alone gives .60)" in verdict.sentences[0]
    assert derive_verdict([replace(cell, arithmetic=0.5)], None).level == "untested"


def test_chance_lies_where_arithmetic_puts_it() -> None:
    verdict = derive_verdict([with_p(headline(0.7), 0.2, 0.4, arithmetic=0.636)], None, TEST)
    assert "arithmetic with the baseline score alone gives .64), p = .20" in verdict.sentences[0]
    assert "chance is" not in verdict.sentences[0]
    verdict = derive_verdict([with_p(number(0.3), 0.2, 0.4, arithmetic=0.25)], None, TEST)
    assert "with the baseline score alone explains 25 %), p = .20" in verdict.sentences[0]


def test_the_verdict_says_how_the_test_was_made_and_what_noise_would_have_found() -> None:
    cell = with_p(headline(0.7), 0.2, 0.4)
    assert derive_verdict([cell], None, TEST).sentences[1] == (
        "The test made 137 permutations (tuning and the choice of a model inside, stopped early). "
        "In them the best AUC of all models and follow-ups was .76 on average, and .91 or more in "
        "1 of 20."
    )
    numbers = replace(TEST, best_mean=None, best_high=None, stopped=False)
    assert derive_verdict([cell], None, numbers).sentences[1] == (
        "The test made 137 permutations (tuning and the choice of a model inside)."
    )


def test_the_numbers_of_a_tested_verdict_hold_its_p() -> None:
    verdict = derive_verdict([with_p(headline(0.7), 0.2, 0.4), DECLINED], None, TEST)
    assert (verdict.numbers["p"], verdict.numbers["p_adjusted"]) == (0.2, 0.4)
    assert verdict.sentences[-1] == DECLINED.reason


@pytest.mark.parametrize("n_events", [1, 3, 17])
def test_the_association_of_a_class_is_the_auc_of_scikit_learn(n_events: int) -> None:
    guess = np.random.default_rng(n_events).integers(0, 6, 20).astype(float)
    answers = (np.arange(20) < n_events).astype(float)
    assert CLASS.association(guess, answers) == pytest.approx(roc_auc_score(answers, guess))


def test_the_association_of_one_answer_alone_is_unknown() -> None:
    assert CLASS.association(np.arange(4.0), np.ones(4)) is None
    assert CLASS.association(np.arange(4.0), np.zeros(4)) is None
