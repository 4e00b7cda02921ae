"""The fold plan: who is held out with whom."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from heldout.kinds import CLASS
from heldout.splits import (
    FoldPlan,
    cannot_fill,
    derive_seed,
    draw_folds,
    plan_folds,
    ranked_groups,
)
from heldout.study.design import site_numbers

Floats = NDArray[np.float64]
SEEDS = range(8)


def several_follow_ups(seed: int, n_patients: int = 36) -> Floats:
    """Return answers at three follow-ups of which some were not observed."""
    rng = np.random.default_rng(seed)
    answers = (rng.random((n_patients, 3)) < [0.3, 0.4, 0.6]).astype(np.float64)
    answers[rng.random(answers.shape) < 0.15] = np.nan
    return answers


def planned(answers: Floats, *, seed: int = 1, n_folds: int = 5, **more: list[str]) -> FoldPlan:
    """Return a fold plan of four repeats that must exist."""
    site = more.get("site")
    plan = plan_folds(answers, n_folds=n_folds, n_repeats=4, seed=seed, site=site_numbers(site))
    assert plan is not None
    return plan


def counts(plan: FoldPlan, who: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many of some patients are in each fold, a row a repeat."""
    return np.array([np.bincount(folds[who], minlength=plan.n_folds) for folds in plan.folds])


@pytest.mark.parametrize("seed", SEEDS)
def test_every_fold_of_every_repeat_holds_both_answers_of_every_outcome(seed: int) -> None:
    answers = several_follow_ups(seed)
    plan = planned(answers, seed=seed)
    least = min(counts(plan, column == x).min() for column in answers.T for x in (0, 1))
    assert least >= 1


def test_two_folds_leave_two_of_the_rarer_answer_to_learn_from() -> None:
    """With one alone, an inner training set would hold a single answer and nothing could be fitted.

    Seed 144 is one for which stratifying three outcomes at once puts all but one on one side.
    """
    rng = np.random.default_rng(144)
    answers = (rng.random((14, 4)) < 0.3).astype(np.float64)
    answers[rng.random(answers.shape) < 0.3] = np.nan
    answers = answers[:, [0, 1, 3]]
    plan = planned(answers, seed=144, n_folds=2)
    assert min(counts(plan, column == x).min() for column in answers.T for x in (0, 1)) >= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_folds_differ_little_in_size(seed: int) -> None:
    """36 patients in five folds are seven each; three outcomes at once may cost two patients."""
    sizes = counts(planned(several_follow_ups(seed), seed=seed), np.ones(36, dtype=bool))
    assert np.abs(sizes - 36 / 5).max() <= 2.3


def test_one_outcome_is_stratified_as_exactly_as_counts_allow() -> None:
    answers = np.repeat([1.0, 0.0], [14, 22])[:, None]
    plan = planned(answers)
    assert {tuple(sorted(row)) for row in counts(plan, answers[:, 0] == 1)} == {(2, 3, 3, 3, 3)}


@pytest.mark.parametrize("seed", SEEDS)
def test_rates_stay_close_at_every_follow_up(seed: int) -> None:
    """Chance alone leaves a fold without an event one time in six at 30 % of 36 patients."""
    answers = several_follow_ups(seed, n_patients=100)
    plan = planned(answers, seed=seed)
    for column in answers.T:
        events = counts(plan, column == 1)
        rates = events / (events + counts(plan, column == 0))
        assert np.abs(rates - np.nanmean(column)).max() < 0.16


def test_stratifying_beats_drawing_at_random() -> None:
    """The negative control of the closeness of the rates."""
    answers = several_follow_ups(0, n_patients=100)
    chance = np.array([np.random.default_rng(seed).permutation(100) % 5 for seed in range(4)])
    spread = [
        counts(plan, answers[:, 0] == 1).std()
        for plan in (planned(answers), FoldPlan(folds=chance, n_folds=5))
    ]
    assert spread[0] < 0.6 * spread[1]


def test_sites_are_balanced_over_the_folds() -> None:
    site = ["north"] * 10 + ["south"] * 30
    answers = np.tile([1.0, 0.0], 20)[:, None]
    assert counts(planned(answers, site=site), np.array(site) == "north").tolist() == [[2] * 5] * 4


def test_sites_that_are_not_given_are_not_balanced() -> None:
    """The negative control of the test above."""
    answers = np.tile([1.0, 0.0], 20)[:, None]
    first = counts(planned(answers), np.arange(40) < 10)
    assert first.tolist() != [[2] * 5] * 4


def test_one_site_is_as_good_as_none() -> None:
    answers = several_follow_ups(0)
    assert planned(answers, site=["north"] * 36).digest == planned(answers).digest


def test_the_same_seed_draws_the_same_folds() -> None:
    answers = several_follow_ups(0)
    np.testing.assert_array_equal(planned(answers).folds, planned(answers).folds)


def test_another_seed_draws_other_folds() -> None:
    answers = several_follow_ups(0)
    assert planned(answers, seed=1).digest != planned(answers, seed=2).digest


def test_repeats_differ() -> None:
    repeats = planned(several_follow_ups(0)).folds
    assert len({row.tobytes() for row in repeats}) == 4


def test_repeats_do_not_depend_on_how_many_there_are() -> None:
    """More repeats add to a study and change nothing that was there."""
    answers = several_follow_ups(0)
    two = plan_folds(answers, n_folds=5, n_repeats=2, seed=1)
    assert two is not None
    np.testing.assert_array_equal(two.folds, planned(answers).folds[:2])


def test_other_outcomes_decide_with_whom_a_patient_is_held_out() -> None:
    """One plan serves all follow-ups, so adding a follow-up draws other folds."""
    answers = several_follow_ups(0)
    assert planned(answers).digest != planned(answers[:, :2]).digest


def test_patients_without_any_answer_are_placed_too() -> None:
    answers = np.append(np.tile([1.0, 0.0], 10), [np.nan] * 5)[:, None]
    assert counts(planned(answers), np.isnan(answers[:, 0])).sum(axis=1).tolist() == [5] * 4


def test_there_is_no_plan_when_an_answer_is_rarer_than_the_folds() -> None:
    answers = np.repeat([1.0, 0.0], [4, 30])[:, None]
    assert plan_folds(answers, n_folds=5, n_repeats=1, seed=1) is None


def test_the_digest_changes_with_one_patient() -> None:
    plan = planned(several_follow_ups(0))
    folds = plan.folds.copy()
    folds[0, 0] = (folds[0, 0] + 1) % 5
    assert FoldPlan(folds=folds, n_folds=5).digest != plan.digest


def test_the_digest_tells_repeats_from_patients() -> None:
    """The same numbers in another shape are another plan."""
    folds = np.zeros((2, 6), dtype=np.int64)
    assert FoldPlan(folds=folds, n_folds=2).digest != FoldPlan(folds=folds.T, n_folds=2).digest


def test_folds_are_drawn_by_chance_among_equals() -> None:
    answers = np.tile([1.0, 0.0], 10)[:, None]
    first, second = (draw_folds(answers, 5, np.random.default_rng(seed)) for seed in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("n_smaller", "n_folds", "refused"),
    [(4, 5, True), (5, 5, False), (3, 2, True), (4, 2, False), (2, 2, True), (3, 3, False)],
)
def test_the_rarer_answer_must_fill_the_folds_and_the_training_sets(
    n_smaller: int, n_folds: int, refused: bool
) -> None:
    assert cannot_fill(n_smaller, n_folds) is refused


@pytest.mark.parametrize(
    ("names", "seed"),
    [
        ((1, "outer", 0), 406519228),
        ((20260101, "fit", "ridge", "response", "month6", 0, 4), 2321729254),
    ],
)
def test_derived_seeds_never_change(names: tuple[int, str], seed: int) -> None:
    """Another value would redraw the folds of every study ever recorded."""
    assert derive_seed(*names) == seed


def test_a_seed_does_not_run_its_names_together() -> None:
    assert derive_seed(1, "a", "bc") != derive_seed(1, "ab", "c")


def test_a_class_is_stratified_by_its_answers() -> None:
    answers = several_follow_ups(0)[:, 0]
    np.testing.assert_array_equal(CLASS.strata(answers), answers)


def test_a_number_is_stratified_by_the_thirds_of_its_ranks() -> None:
    numbers = (np.random.default_rng(0).permutation(30) ** 3).astype(np.float64)
    expected = np.sort(numbers).searchsorted(numbers) // 10
    np.testing.assert_array_equal(ranked_groups(numbers), expected)


def test_patients_without_a_number_are_in_no_stratum() -> None:
    strata = ranked_groups(np.array([np.nan, 1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(strata, [np.nan, 0, 1, 2])


def test_equal_numbers_share_a_stratum() -> None:
    """Who of them comes first would otherwise decide on the folds."""
    strata = ranked_groups(np.array([5.0] * 7 + [1.0, 9.0]))
    assert len(set(strata[:7])) == 1


def test_neither_unit_nor_order_of_a_number_changes_its_strata() -> None:
    numbers = np.random.default_rng(1).normal(size=36)
    order = np.random.default_rng(2).permutation(36)
    strata = ranked_groups(numbers)
    np.testing.assert_array_equal(ranked_groups(np.exp(numbers)), strata)
    np.testing.assert_array_equal(ranked_groups(numbers[order]), strata[order])


@pytest.mark.parametrize("seed", SEEDS)
def test_one_plan_spreads_classes_and_a_number_over_all_folds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    number = np.where(rng.random(36) < 0.1, np.nan, rng.normal(size=36))
    strata = ranked_groups(number)
    plan = planned(np.column_stack([several_follow_ups(seed), strata]), seed=seed)
    held_out = np.array([counts(plan, strata == third) for third in (0, 1, 2)])
    assert ((held_out >= 1).sum(axis=0) >= 2).all()
    assert np.ptp(held_out, axis=2).mean() < 2


def test_thirds_of_a_number_alone_are_spread_as_evenly_as_they_can_be() -> None:
    strata = ranked_groups(np.random.default_rng(0).normal(size=36))
    plan = planned(strata[:, None])
    for third in (0, 1, 2):
        assert np.ptp(counts(plan, strata == third), axis=1).max() <= 1


def test_a_fold_of_numbers_that_are_all_alike_is_no_fold() -> None:
    """No two patients of it could be ranked."""
    strata = ranked_groups(np.array([0.0] * 30 + [1.0, 2.0, 3.0]))[:, None]
    assert plan_folds(strata, n_folds=5, n_repeats=1, seed=1) is None


@given(st.permutations(range(31)), st.integers(1, 31))
def test_the_lowest_and_the_highest_third_are_of_one_size(order: list[int], n: int) -> None:
    """Whatever the number of patients; what is left over is in the middle, or at both ends."""
    numbers = np.array(order[:n], dtype=float)
    groups = ranked_groups(numbers)
    assert (ranked_groups(-numbers) == 2 - groups).all()
    assert (np.diff(groups[np.argsort(numbers)]) >= 0).all()
    assert np.ptp(np.bincount(groups.astype(int), minlength=3)) <= 1
