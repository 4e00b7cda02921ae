"""The joint permutation test: its arithmetic, what it moves, and that it is exact."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations as all_orders
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from heldout.engine.engine import Engine
from heldout.errors import DesignError
from heldout.inference.arithmetic import guess_of, known_by_arithmetic
from heldout.inference.associations import ASSOCIATIONS
from heldout.inference.moving import exchangeable, fit_on_severity, move_outcomes
from heldout.inference.permutation import (
    Comparison,
    chance_of,
    critical_of,
    monte_carlo_error,
    p_of,
    stop_after,
)
from heldout.models.catalogue import MODELS
from heldout.outcomes.outcome import Outcome
from heldout.outcomes.rules import rule_of
from heldout.spec.experiment import InferenceSpec, TuningSpec, ValidationSpec
from heldout.spec.outcomes import RuleSpec
from heldout.splits import FoldPlan
from heldout.study import permutations
from heldout.study.design import Design
from heldout.study.permutations import (
    asked_of,
    cells_of,
    comparisons_of,
    named_cells,
    orders_of,
    permute,
    statistics,
)

Floats = NDArray[np.float64]
ONE = Engine(workers=1)
NAN = np.nan


def silent(*_: object) -> None:
    """Say nothing."""


def an_outcome(scores: Any, **changes: Any) -> Outcome:
    """Return an outcome that was given as 0 and 1."""
    n = len(scores)
    one = Outcome(
        name="resp",
        follow_up="month1",
        label="Response",
        column=None,
        rule=rule_of(None),
        baseline=np.full(n, NAN),
        scores=np.array(scores, dtype=np.float64)[:, None],
        visits=("month1",),
        weights=np.ones(n),
        primary=False,
    )
    return replace(one, **changes)


def a_study(
    outcomes: Sequence[Outcome] | None = None, *, n: int = 20, seed: int = 0, **changes: Any
) -> Design:
    """Return a small study whose features say nothing."""
    rng = np.random.default_rng(seed)
    given = outcomes or [an_outcome(rng.permutation(np.arange(n) % 2))]
    study = Design(
        features=rng.normal(size=(len(given[0].scores), 4)),
        composition=(),
        references=({},) * len(given),
        outcomes=tuple(given),
        declined=(None,) * len(given),
        folds=FoldPlan(folds=np.zeros((1, 1), dtype=np.int64), n_folds=3),
        site=None,
        models=(MODELS["ridge"], MODELS["prevalence"]),
        validation=ValidationSpec(outer=3, inner=2, repeats=1),
        tuning=TuningSpec(trials=2),
        inference=InferenceSpec(permutations=12, stop_early=False),
        seed=5,
    )
    return replace(study, **changes)


def observed_of(study: Design) -> list[float]:
    """Return an observed row in which nothing is found."""
    return [0.0 if name in ASSOCIATIONS else 0.5 for _, name in cells_of(study)]


def run_test(study: Design, folder: Path | None = None, engine: Engine = ONE) -> Any:
    """Return the rows of a test and what it says of itself."""
    observed = observed_of(study)
    made = permute(study, observed, folder=folder, engine=engine, progress=silent)
    assert made is not None
    return made.rows, made.test


def test_a_test_that_stops_tells_of_no_permutations_that_are_not_made() -> None:
    study = a_study(inference=InferenceSpec(permutations=400, stop_early=True))
    told: list[tuple[int, int, str]] = []
    observed = observed_of(study)
    made = permute(
        study, observed, folder=None, engine=ONE, progress=lambda *event: told.append(event)
    )
    assert made is not None
    assert made.test.stopped
    assert told[0] == (0, 400, "permutations")
    assert told[-1] == (len(made.rows) - 1, len(made.rows) - 1, "permutations")


# The arithmetic of p.


def alone(column: int) -> Comparison:
    """Return the comparison of one cell with itself."""
    return Comparison((column,), (column,))


def p_values(rows: Floats) -> tuple[list[float], list[float]]:
    """Return each cell's p, and its p adjusted for all cells."""
    every = tuple(range(rows.shape[1]))
    adjusted = [p_of(rows, Comparison((column,), every)) for column in every]
    return [p_of(rows, alone(column)) for column in every], adjusted


def test_p_counts_the_observed_and_is_never_0() -> None:
    rows = np.array([[9.0], *[[value] for value in range(9)]])
    assert p_values(rows) == ([0.1], [0.1])


def test_equal_statistics_count_as_reached() -> None:
    rows = np.array([[0.5], [0.5 - 1e-14], [0.5], [0.4]])
    assert p_of(rows, alone(0)) == 3 / 4


def test_the_adjusted_p_is_that_of_the_largest_studentised_cell() -> None:
    """By hand: two cells, the second ten times as wide; raw maxima would only look at it."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 2)) * [1.0, 10.0]
    rows[0] = [3.0, 10.0]
    z = (rows - rows[:100].mean(axis=0)) / rows[:100].std(axis=0)
    expected = [(z.max(axis=1) >= z[0, cell]).mean() for cell in range(2)]
    assert p_values(rows)[1] == pytest.approx(expected)
    assert p_values(rows)[1][0] < 0.02


def test_the_p_of_the_largest_of_several_is_that_of_the_best_of_them() -> None:
    rows = np.random.default_rng(2).normal(size=(200, 4))
    rows[0] = [0.5, 2.5, 1.0, 4.0]
    both = p_of(rows, Comparison((0, 1), (0, 1)))
    assert both == min(p_of(rows, Comparison((column,), (0, 1))) for column in (0, 1))
    assert p_of(rows, alone(1)) <= both <= p_of(rows, Comparison((0, 1), (0, 1, 2, 3)))


def test_no_adjusted_p_is_below_its_own() -> None:
    for seed in range(50):
        p, adjusted = p_values(np.random.default_rng(seed).normal(size=(40, 6)))
        assert (np.array(adjusted) >= p).all()


def test_a_cell_that_never_varies_is_never_found() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 2))
    rows[:, 1] = 0.5
    p, adjusted = p_values(rows)
    assert (p[1], adjusted[1]) == (1.0, 1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_statistic_that_is_no_number_never_speaks_for_a_finding(value: float) -> None:
    rows = np.random.default_rng(0).normal(size=(200, 5))
    rows[0] = 3.0
    p, adjusted = p_values(rows)
    assert max(adjusted) < 0.05
    broken = rows.copy()
    broken[0, 2] = value
    assert (p_values(broken)[0][2], p_values(broken)[1][2]) == (1.0, 1.0)
    for column in (0, 1, 3, 4):
        assert p_values(broken)[0][column] == p[column]
        assert p_values(broken)[1][column] >= adjusted[column]
    broken = rows.copy()
    broken[[150, 170], 2] = value
    assert p_values(broken)[0][2] == p[2] + 2 / 200
    assert min(p_values(broken)[1]) >= 3 / 200


def test_chance_is_the_mean_over_enough_permutations() -> None:
    rows = np.arange(42.0).reshape(21, 2)
    assert chance_of(rows, 1) == rows[1:, 1].mean()
    assert chance_of(rows[:20], 1) is None


@pytest.mark.parametrize("count", [20, 99, 199, 999])
def test_the_critical_value_is_the_largest_that_is_not_enough(count: int) -> None:
    rows = np.random.default_rng(count).normal(size=(count + 1, 1))
    critical = critical_of(rows, 0)
    assert critical is not None
    for observed, enough in ((critical, False), (critical + 1e-6, True)):
        rows[0] = observed
        assert (p_of(rows, alone(0)) <= 0.05) is enough
    assert critical_of(rows[:20], 0) is None


def test_the_error_of_counting_is_that_of_a_share() -> None:
    assert monte_carlo_error(0.05, 999) == pytest.approx(np.sqrt(0.05 * 0.95 / 999))


# When it stops.


def reached(count: int, when: Sequence[int]) -> Floats:
    """Return rows of one cell that these permutations reach."""
    rows = np.linspace(0, 0.5, count + 1)[:, None]
    rows[0] = 1.0
    rows[list(when)] = 2.0
    return rows


def test_the_test_stops_when_too_many_permutations_have_reached_the_observed() -> None:
    """Of 999, 50 or more make a p above .05; the fiftieth decides."""
    rows = reached(999, range(101, 999, 2))
    assert stop_after(rows, [alone(0)], 999) == 101 + 2 * 49
    assert stop_after(rows[:199], [alone(0)], 999) is None


def test_the_test_stops_when_too_few_permutations_are_left() -> None:
    """With 3 that reach it, 46 more would still be a p of .05; from 47 on all must be seen."""
    rows = reached(999, [1, 2, 3])
    assert stop_after(rows, [alone(0)], 999) == 999 - 46


def test_the_test_goes_on_until_the_scale_is_made() -> None:
    rows = reached(999, range(1, 90))
    assert stop_after(rows, [alone(0)], 999) == 99
    assert stop_after(reached(19, [1, 2]), [alone(0)], 19) == 19


def test_the_test_goes_on_until_everything_is_decided() -> None:
    rows = np.hstack([reached(999, range(1, 400)), reached(999, range(1, 999, 15))])
    first, second = ([alone(column)] for column in range(2))
    both = stop_after(rows, [alone(0), alone(1)], 999)
    assert stop_after(rows, first, 999) == 99
    assert both == stop_after(rows, second, 999)
    assert both is not None
    assert both > 99


@pytest.mark.parametrize("asked", [39, 199, 999])
def test_a_curtailed_test_decides_as_the_full_one_does(asked: int) -> None:
    """And its p, of the permutations made, lies on the same side of .05."""
    rng, decided = np.random.default_rng(asked), set()
    every = Comparison((0, 1, 2), (0, 1, 2))
    for _ in range(60):
        rows = rng.normal(size=(asked + 1, 3))
        rows[0] += rng.uniform(0, 3)
        comparisons = [every, alone(1)]
        stop = stop_after(rows, comparisons, asked) or asked
        for comparison in comparisons:
            full, short = (p_of(rows[: n + 1], comparison) for n in (asked, stop))
            assert (full <= 0.05) is (short <= 0.05)
            decided.add(full <= 0.05)
    assert decided == {True, False}


def test_the_verdict_decides_by_the_primary_and_by_everything_asked() -> None:
    primary = coupled(24, primary=True)
    cells = cells_of(a_study([primary, an_outcome(np.arange(24) % 2, name="other")], n=24))
    names = [name for _, name in cells]
    own = ["ridge", "prevalence", "headline", "global", "strongest", "score_global"]
    other = ["ridge", "prevalence", "headline", "global", "strongest"]
    assert names == [*own, "score_strongest", *other]
    # A yes or no is asked of the score behind it; one that was given as such, of itself.
    assert asked_of(named_cells(cells)) == (2, 5, 6, 9, 10, 11)
    assert comparisons_of(cells) == (
        Comparison((2, 5, 6), (2, 5, 6)),
        Comparison((2,), (2,)),
        *(Comparison((column,), (2, 5, 6, 9, 10, 11)) for column in (9, 10, 11)),
    )


def test_what_noise_would_have_found_is_not_said_of_a_few_permutations() -> None:
    for count, mean, high in ((19, False, False), (20, True, False), (200, True, True)):
        wanted = InferenceSpec(permutations=count, stop_early=False)
        _, test = run_test(a_study(inference=wanted))
        assert (test.best_mean is not None, test.best_high is not None) == (mean, high)


# What moves.


def test_scores_missed_visits_and_weights_move_together_and_baselines_stay() -> None:
    outcome = an_outcome([1, 2, 3, 4], visits=("week1", "month1"), weights=np.arange(1.0, 5))
    outcome = replace(outcome, scores=np.array([[1.0, NAN], [2, 12], [3, 13], [4, 14]]))
    order = np.array([2, 0, 3, 1])
    [moved] = move_outcomes([outcome], order, None)
    np.testing.assert_array_equal(moved.scores, outcome.scores[order])
    np.testing.assert_array_equal(moved.weights, [3, 1, 4, 2])


def test_of_a_score_measured_at_baseline_residuals_move() -> None:
    """By hand: 2 visits fitted on baseline, each residual row goes whole to another patient."""
    baseline = np.array([10.0, 20.0, 30.0, 40.0])
    scores = np.array([[11.0, 4.0], [18.0, NAN], [33.0, 9.0], [38.0, 14.0]]) + 0.5
    outcome = an_outcome([0] * 4, rule=rule_of(RuleSpec(reduction=0.5)), baseline=baseline)
    outcome = replace(outcome, scores=scores, visits=("week1", "month1"))
    fitted = fit_on_severity(outcome, None)
    for visit in range(2):
        both = ~np.isnan(scores[:, visit])
        line = np.polyfit(baseline[both], scores[both, visit], 1)
        np.testing.assert_allclose(fitted[:, visit], np.polyval(line, baseline))
    order = np.array([2, 0, 3, 1])
    [moved] = move_outcomes([outcome], order, None)
    np.testing.assert_allclose(moved.scores, fitted + (scores - fitted)[order])
    np.testing.assert_array_equal(moved.baseline, baseline)
    # Computed again from each patient's own baseline.
    share = 1 - moved.scores[:, 1] / baseline
    expected = np.where(np.isnan(share), NAN, share >= 0.5)
    np.testing.assert_array_equal(moved.values, expected)


def test_who_stays_keeps_the_own_scores_to_the_last_bit() -> None:
    outcome = coupled(30)
    order = np.arange(30)
    order[[3, 7]] = [7, 3]
    [moved] = move_outcomes([outcome], order, None)
    stays = order == np.arange(30)
    np.testing.assert_array_equal(moved.scores[stays], outcome.scores[stays])
    assert (moved.scores[~stays] != outcome.scores[~stays]).any()


def test_moved_scores_stay_whole_and_on_their_scale() -> None:
    outcome = replace(coupled(60), bounds=(0.0, 60.0))
    outcome = replace(outcome, scores=np.where(outcome.scores < 15, 0.0, outcome.scores))
    order = np.random.default_rng(3).permutation(60)
    [moved] = move_outcomes([outcome], order, None)
    assert (moved.scores == np.round(moved.scores)).all()
    assert moved.scores.min() == 0
    halves = replace(outcome, scores=outcome.scores / 2 + 0.25, bounds=None)
    [moved] = move_outcomes([halves], order, None)
    assert (moved.scores != np.round(moved.scores)).any()
    assert moved.scores.min() < 0


def test_residuals_are_taken_within_sites() -> None:
    outcome = coupled(40)
    site = np.arange(40) % 2
    shifted = replace(outcome, scores=outcome.scores + 9.0 * site[:, None])
    left = outcome.scores - fit_on_severity(outcome, site)
    np.testing.assert_allclose(shifted.scores - fit_on_severity(shifted, site), left)
    for number in range(2):
        assert left[site == number].mean() == pytest.approx(0, abs=1e-9)


def test_scores_move_among_patients_who_missed_the_same_visits() -> None:
    scores = np.column_stack([np.arange(20.0), np.arange(20.0)])
    scores[:6, 1] = NAN
    outcome = replace(an_outcome(scores[:, 0]), scores=scores, visits=("week1", "month1"))
    assert [list(rows) for rows in exchangeable([outcome], None)] == [
        list(range(6, 20)),
        list(range(6)),
    ]
    site = (np.arange(20) % 2).astype(np.int64)
    groups = exchangeable([outcome], site)
    assert sorted(map(len, groups)) == [3, 3, 7, 7]
    for rows in groups:
        assert len(set(site[rows])) == 1
        assert len(set(np.isnan(scores[rows, 1]))) == 1


def test_a_pattern_of_too_few_is_joined_with_the_nearest_one() -> None:
    scores = np.zeros((15, 3))
    # Four missed the last visit, two the last two, one all three but nobody else.
    scores[8:12, 2] = NAN
    scores[12:14, 1:] = NAN
    scores[14] = NAN
    outcome = replace(an_outcome(np.zeros(15)), scores=scores, visits=("a", "b", "c"))
    groups = {tuple(rows) for rows in exchangeable([outcome], None)}
    assert groups == {tuple(range(8)), (8, 9, 10, 11), (12, 13, 14)}
    few = exchangeable([replace(outcome, scores=scores[12:], baseline=np.full(3, NAN))], None)
    assert [list(rows) for rows in few] == [[0, 1, 2]]


def test_who_stands_alone_in_a_site_cannot_move() -> None:
    site = np.array([0] * 19 + [1])
    _, test = run_test(a_study(site=site, inference=InferenceSpec(permutations=2)))
    assert test.unmoved == 1


def test_all_outcomes_of_a_patient_move_together(monkeypatch: pytest.MonkeyPatch) -> None:
    first = an_outcome(np.arange(20) % 2)
    second = an_outcome(np.arange(20) % 2, name="other", weights=np.arange(1.0, 21))
    seen = []

    def watching(outcomes: Sequence[Outcome], order: Any, site: Any) -> Any:
        made = move_outcomes(outcomes, order, site)
        seen.append(order)
        np.testing.assert_array_equal(made[0].scores, made[1].scores)
        return made

    monkeypatch.setattr(permutations, "move_outcomes", watching)
    statistics(a_study([first, second]), 3)
    assert not np.array_equal(seen[-1], np.arange(20))


def test_scores_move_within_a_site() -> None:
    site = (np.arange(20) >= 8).astype(np.int64)
    for number in range(1, 30):
        order = next(orders_of(a_study(site=site), number))
        assert sorted(order[:8]) == list(range(8))
        assert sorted(order) == list(range(20))


def remitted(baseline: Any, scores: Any) -> Outcome:
    """Return a remission, a score of 1 or less, whose residuals given baseline move."""
    return an_outcome(scores, rule=rule_of(RuleSpec(at_most=1)), baseline=np.array(baseline))


def test_a_permutation_that_cannot_be_evaluated_is_drawn_again() -> None:
    """Of four remissions, moved residuals often leave too few to fill the folds."""
    baseline = 10 + np.arange(20.0)
    scores = np.where(np.arange(20) < 4, 1.0, baseline / 2 + np.tile([-3.0, 3], 10))
    outcome = remitted(baseline, scores)
    study = a_study([outcome], seed=2)
    rows = [statistics(study, number) for number in range(1, 9)]
    assert sum(row.redrawn for row in rows) > 0
    _, test = run_test(study)
    assert test.redrawn >= sum(row.redrawn for row in rows)


def test_a_test_that_can_never_be_made_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three remissions, each of which needs a residual that three of twenty patients have."""
    monkeypatch.setattr(permutations, "_ATTEMPTS", 5)
    outcome = remitted([10.0] * 3 + [20.0] * 10 + [30.0] * 7, [0.0] * 3 + [24.0] * 10 + [26.0] * 7)
    with pytest.raises(DesignError, match=r"inference\.permutations: 5 permutations in a row"):
        statistics(a_study([outcome]), 1)


# That it is exact, and the same everywhere.


def test_with_six_patients_p_is_that_of_all_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    """All 720, with a statistic that needs no folds: the enumeration's p, to the last digit."""
    monkeypatch.setattr(permutations, "reason_to_decline", lambda *_: None)
    plan = FoldPlan(folds=np.zeros((1, 6), dtype=np.int64), n_folds=1)
    monkeypatch.setattr(permutations, "plan_folds", lambda *_, **__: plan)

    def difference(study: Design, place: int, outcome: Outcome, *_: Any) -> list[float]:
        x, y = study.features[:, 0], outcome.values
        return [float(x[y == 1].mean() - x[y == 0].mean())] * len(cells_of(study))

    monkeypatch.setattr(permutations, "_outcome_statistics", difference)
    monkeypatch.setattr(permutations, "_associated", lambda *_: [])
    outcome = an_outcome([1, 1, 1, 0, 0, 0])
    study = a_study([outcome], seed=3)
    study = replace(
        study,
        inference=InferenceSpec(permutations=1000),
        validation=ValidationSpec(outer=2, inner=2),
    )
    x, y = study.features[:, 0], outcome.values
    made = permute(
        study,
        difference(study, 0, outcome),
        folder=None,
        engine=ONE,
        progress=silent,
    )
    assert made is not None
    rows, test = made.rows, made.test
    every = [
        x[y[list(order)] == 1].mean() - x[y[list(order)] == 0].mean()
        for order in all_orders(range(6))
    ]
    expected = np.mean(np.array(every) >= every[0] - 1e-12)
    assert (test.permutations, test.enumerated, test.stopped) == (719, True, False)
    assert p_values(rows)[0][0] == expected
    assert p_values(rows)[1][0] == expected


def test_the_same_rows_on_one_worker_on_two_and_after_a_kill(tmp_path: Path) -> None:
    study = a_study(n=24)
    once, _ = run_test(study)
    twice, _ = run_test(study, engine=Engine(workers=2))
    np.testing.assert_array_equal(once, twice)
    killed, again = tmp_path / "killed", tmp_path / "again"
    for folder in (killed, again):
        folder.mkdir()
    run_test(study, killed)
    lines = (killed / "permutations.jsonl").read_text().splitlines()
    # Half of them, the last one torn in the middle.
    torn = lines[7][: len(lines[7]) // 2]
    # What nobody of us wrote, though it is JSON.
    nonsense = ["[8, 0, []]", "[9, 0, [NaN, NaN, NaN]]", "[1e400, 0, []]", "null", "\x00"]
    (again / "permutations.jsonl").write_text("\n".join([*lines[:7], *nonsense, torn]))
    resumed, _ = run_test(study, again)
    np.testing.assert_array_equal(once, resumed)
    assert len((again / "permutations.jsonl").read_text().splitlines()) > len(lines)


def test_permutations_done_before_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = a_study()
    first, _ = run_test(study, tmp_path)
    monkeypatch.setattr(permutations, "statistics", None)
    second, _ = run_test(study, tmp_path)
    np.testing.assert_array_equal(first, second)


def test_what_ran_beyond_the_stop_is_not_counted() -> None:
    """Two workers run ahead; the test ends where one worker ends."""
    study = replace(a_study(n=24), inference=InferenceSpec(permutations=200))
    one, single = run_test(study)
    two, double = run_test(study, engine=Engine(workers=2))
    np.testing.assert_array_equal(one, two)
    assert single == double
    assert single.stopped
    assert single.permutations < 200


def test_a_permutation_uses_as_many_repeats_as_the_estimate() -> None:
    folds = FoldPlan(folds=np.zeros((3, 1), dtype=np.int64), n_folds=3)
    two = InferenceSpec(permutations=2)
    rows, test = run_test(a_study(inference=two, folds=folds))
    assert test.repeats == 3
    assert not np.array_equal(rows, run_test(a_study(inference=two))[0])


# What arithmetic alone predicts.


def coupled(n: int, seed: int = 0, **changes: Any) -> Outcome:
    """Return a response whose follow-up score does not depend on baseline."""
    rng = np.random.default_rng(seed)
    baseline = np.clip(np.round(rng.normal(34, 5, n)), 20, 60)
    scores = np.clip(np.round(rng.normal(17, 8, n)), 0, 60)
    return an_outcome(scores, rule=rule_of(RuleSpec(reduction=0.5)), baseline=baseline, **changes)


def test_baseline_alone_predicts_a_reduction_by_arithmetic() -> None:
    """The published .634 is of such a mechanism: baseline 34 (5), follow-up independent of it."""
    value = known_by_arithmetic(coupled(2000), None, 1)
    assert value == pytest.approx(0.62, abs=0.03)


def test_arithmetic_is_that_of_the_best_guess_and_not_of_a_straight_line() -> None:
    """A partial response is missed from both sides, and a percent change bends with baseline."""
    partial = replace(coupled(600), rule=rule_of(RuleSpec(reduction=0.25, and_less_than=0.5)))
    baseline, rates = partial.baseline, []
    events = [
        np.mean((1 - partial.score / one >= 0.25) & (1 - partial.score / one < 0.5))
        for one in baseline
    ]
    rng = np.random.default_rng(3)
    for _ in range(300):
        share = 1 - rng.permutation(partial.score) / baseline
        rates.append(roc_auc_score((share >= 0.25) & (share < 0.5), events))
    value = known_by_arithmetic(partial, None, 1)
    assert value is not None
    assert value == pytest.approx(np.mean(rates), abs=0.005)
    assert value > 0.54
    baseline = np.clip(np.round(rng.normal(28, 9, 600)), 12, 50)
    bent = replace(coupled(600), rule=rule_of(RuleSpec(value="percent_change")), baseline=baseline)
    straight = [
        np.corrcoef(baseline, 1 - rng.permutation(bent.score) / baseline)[0, 1] ** 2
        for _ in range(300)
    ]
    explained = known_by_arithmetic(bent, None, 1)
    assert explained is not None
    assert explained > np.mean(straight) + 0.05


def test_for_a_reduction_the_best_guess_is_in_the_order_of_the_baseline_score() -> None:
    outcome = coupled(300)
    baseline = np.round(outcome.baseline)
    guess = guess_of(replace(outcome, baseline=baseline))
    in_order = np.unique(baseline, return_inverse=True)[1]
    assert (guess == in_order).all() or (guess == in_order.max() - in_order).all()


def test_an_outcome_that_is_not_computed_from_baseline_has_no_arithmetic() -> None:
    outcome = replace(coupled(40), rule=rule_of(RuleSpec(at_most=10)))
    assert known_by_arithmetic(outcome, None, 1) is None


def test_a_change_is_predicted_by_baseline_too() -> None:
    outcome = replace(coupled(400), rule=rule_of(RuleSpec(value="change")))
    value = known_by_arithmetic(outcome, None, 1)
    spread = np.var(outcome.baseline) / (np.var(outcome.baseline) + np.var(outcome.score))
    assert value == pytest.approx(spread, abs=0.02)
