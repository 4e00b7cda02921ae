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
from heldout.inference.permutation import exceedances, p_values, stop_after
from heldout.models.catalogue import MODELS
from heldout.outcomes.outcome import Outcome
from heldout.outcomes.rules import rule_of
from heldout.spec.experiment import InferenceSpec, TuningSpec, ValidationSpec
from heldout.spec.outcomes import RuleSpec
from heldout.splits import FoldPlan
from heldout.study import permutations
from heldout.study.design import Design
from heldout.study.permutations import (
    cells_of,
    orders_of,
    permute,
    permute_outcomes,
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


def run_test(study: Design, folder: Path | None = None, engine: Engine = ONE) -> Any:
    """Return the rows of a test and what it says of itself."""
    made = permute(study, folder=folder, engine=engine, progress=silent)
    assert made is not None
    return made.rows, made.test


def test_a_test_that_stops_tells_of_no_permutations_that_are_not_made() -> None:
    study = a_study(inference=InferenceSpec(permutations=400, stop_early=True))
    told: list[tuple[int, int, str]] = []
    made = permute(study, folder=None, engine=ONE, progress=lambda *one: told.append(one))
    assert made is not None
    assert made.test.stopped
    assert told[0] == (0, 400, "permutations")
    assert told[-1] == (len(made.rows) - 1, len(made.rows) - 1, "permutations")


# The arithmetic of p.


def test_p_counts_the_observed_and_is_never_0() -> None:
    rows = np.array([[9.0], *[[value] for value in range(9)]])
    p, adjusted = p_values(rows)
    assert (p[0], adjusted[0]) == (0.1, 0.1)


def test_equal_statistics_count_as_reached() -> None:
    rows = np.array([[0.5], [0.5 - 1e-14], [0.5], [0.4]])
    assert exceedances(rows)[0].tolist() == [2]


def test_the_adjusted_p_is_that_of_the_largest_studentised_cell() -> None:
    """By hand: two cells, the second ten times as wide; raw maxima would only look at it."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 2)) * [1.0, 10.0]
    rows[0] = [3.0, 10.0]
    z = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    expected = [(z.max(axis=1) >= z[0, cell]).mean() for cell in range(2)]
    assert p_values(rows)[1].tolist() == pytest.approx(expected)
    assert p_values(rows)[1][0] < 0.02


def test_no_adjusted_p_is_below_its_own() -> None:
    for seed in range(50):
        p, adjusted = p_values(np.random.default_rng(seed).normal(size=(40, 6)))
        assert (adjusted >= p).all()


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
    assert adjusted.max() < 0.05
    broken = rows.copy()
    broken[0, 2] = value
    found = p_values(broken)
    assert (found[0][2], found[1][2]) == (1.0, 1.0)
    others = [0, 1, 3, 4]
    assert (found[0][others] == p[others]).all()
    assert (found[1][others] >= adjusted[others]).all()
    broken = rows.copy()
    broken[[7, 50], 2] = value
    found = p_values(broken)
    assert found[0][2] == p[2] + 2 / 200
    assert (found[1] >= 3 / 200).all()
    assert stop_after(np.where(np.arange(200)[:, None] < 1, value, rows)) == 10


def test_what_noise_would_have_found_is_not_said_of_a_few_permutations() -> None:
    for count, told in ((19, False), (20, True)):
        wanted = InferenceSpec(permutations=count, stop_early=False)
        _, test = run_test(a_study(inference=wanted))
        assert (test.best_high is not None, test.best_mean is not None) == (told, told)


def test_the_test_stops_at_the_tenth_exceedance_of_the_best_cell() -> None:
    rows = np.zeros((100, 1))
    rows[0] = 1.0
    reached = [3, 7, 8, 20, 21, 30, 31, 32, 40, 55, 60]
    rows[reached] = 2.0
    # Studentising does not change the order within one cell.
    assert stop_after(rows) == 55
    assert stop_after(rows[:55]) is None
    assert stop_after(rows, first=55) == 56


def test_a_cell_named_beforehand_is_waited_for() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(300, 2))
    rows[0] = [1.5, 0.0]
    free, named = stop_after(rows), stop_after(rows, named=[0])
    assert free is not None
    assert named is not None
    assert named > free
    assert exceedances(rows[: named + 1])[0][0] == 10


# What moves.


def test_scores_missed_visits_and_weights_move_together_and_baselines_stay() -> None:
    rule = rule_of(RuleSpec(reduction=0.5))
    outcome = an_outcome(
        [1, 2, 3, 4],
        rule=rule,
        baseline=np.array([10.0, 20, 30, 40]),
        visits=("week1", "month1"),
        weights=np.array([1.0, 2, 3, 4]),
    )
    scores = np.array([[1.0, NAN], [2, 12], [3, 13], [4, 14]])
    outcome = replace(outcome, scores=scores)
    order = np.array([2, 0, 3, 1])
    [moved] = permute_outcomes([outcome], order)
    np.testing.assert_array_equal(moved.scores, outcome.scores[order])
    np.testing.assert_array_equal(moved.weights, [3, 1, 4, 2])
    np.testing.assert_array_equal(moved.baseline, outcome.baseline)
    # Computed again from each patient's own baseline: 13 of 10, missed, 14 of 30, 12 of 40.
    np.testing.assert_array_equal(moved.values, [0, NAN, 1, 1])


def test_all_outcomes_of_a_patient_move_together(monkeypatch: pytest.MonkeyPatch) -> None:
    first = an_outcome(np.arange(20) % 2)
    second = an_outcome(np.arange(20) % 2, name="other", weights=np.arange(1.0, 21))
    seen = []

    def watching(outcomes: Sequence[Outcome], order: Any) -> Any:
        made = permute_outcomes(outcomes, order)
        seen.append(order)
        np.testing.assert_array_equal(made[0].scores, made[1].scores)
        return made

    monkeypatch.setattr(permutations, "permute_outcomes", watching)
    statistics(a_study([first, second]), 3)
    assert not np.array_equal(seen[-1], np.arange(20))


def test_scores_move_within_a_site() -> None:
    site = (np.arange(20) >= 8).astype(np.int64)
    for number in range(1, 30):
        order = next(orders_of(a_study(site=site), number))
        assert sorted(order[:8]) == list(range(8))
        assert sorted(order) == list(range(20))


def test_permutation_0_moves_nobody() -> None:
    np.testing.assert_array_equal(next(orders_of(a_study(), 0)), np.arange(20))


def test_a_permutation_that_cannot_be_evaluated_is_drawn_again() -> None:
    """Only low baselines can halve to 5: many permutations leave too few events for the folds."""
    baseline = np.where(np.arange(20) < 7, 12.0, 6.0)
    scores = np.where(np.arange(20) < 7, 5.0, 9.0)
    outcome = an_outcome(scores, rule=rule_of(RuleSpec(reduction=0.5)), baseline=baseline)
    row = statistics(a_study([outcome], seed=2), 1)
    assert row.redrawn > 0
    _, test = run_test(a_study([outcome], seed=2))
    assert test.redrawn >= row.redrawn


def test_a_test_that_can_never_be_made_ends_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(permutations, "_ATTEMPTS", 5)
    baseline = np.where(np.arange(20) < 3, 12.0, 6.0)
    scores = np.where(np.arange(20) < 3, 5.0, 9.0)
    outcome = an_outcome(scores, rule=rule_of(RuleSpec(reduction=0.5)), baseline=baseline)
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
    outcome = an_outcome([1, 1, 1, 0, 0, 0])
    study = a_study([outcome], seed=3)
    study = replace(
        study,
        inference=InferenceSpec(permutations=1000),
        validation=ValidationSpec(outer=2, inner=2),
    )
    rows, test = run_test(study)
    x, y = study.features[:, 0], outcome.values
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


def test_observed_and_permuted_use_as_many_repeats() -> None:
    study = replace(a_study(), inference=InferenceSpec(permutations=2, repeats=3))
    rows, test = run_test(study)
    assert test.repeats == 3
    assert not np.array_equal(rows, run_test(a_study(inference=InferenceSpec(permutations=2)))[0])


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
