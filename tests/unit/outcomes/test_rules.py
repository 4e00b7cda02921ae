"""What rules make of scores: thirteen patients by hand, and laws."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from heldout.outcomes.conditions import ReliableChange
from heldout.outcomes.rules import rule_of
from heldout.spec.outcomes import RuleSpec
from tests.unit.outcomes.studies import (
    BASELINE,
    NAMES,
    NAN,
    RULES,
    SCORES,
    TABLE,
    VISITS,
    Floats,
    an_outcome,
    expected,
)

HALF = RULES["response"]
MISSING = ("observed", "non_responder", "last_observation")


def applied(rule: RuleSpec | None, table: Floats, **settings: Any) -> Floats:
    """Apply a rule to a table of baseline and three visits."""
    settings = {"visits": VISITS, "higher_is": "worse"} | settings
    return rule_of(rule).apply(table[:, 0], table[:, 1:], **settings)


def one(rule: RuleSpec | None, baseline: float, score: float, **settings: Any) -> float:
    """Apply a rule to one patient at one visit."""
    return float(rule_of(rule).apply(np.array([baseline]), np.array([[score]]), **settings)[0])


@pytest.mark.parametrize(
    ("rule", "answers"),
    [  #            ABCDEFGHIJKLM
        ("response", "101-1--10-00-"),
        ("partial", "010-0--00-01-"),
        ("remission", "000-01111-00-"),
        ("high", "000-00000-10-"),
        ("sustained", "100----00-00-"),
        ("relapse", "-----00-0-10-"),
        ("lost", "00--------10-"),
        ("reliable", "111-1-010-01-"),
        ("clinical", "000-0-010-00-"),
    ],
)
def test_rules_answer_as_worked_by_hand(rule: str, answers: str) -> None:
    assert len(answers) == len(NAMES)
    np.testing.assert_array_equal(applied(RULES[rule], TABLE), expected(answers))


@pytest.mark.parametrize(
    ("rule", "answers"),
    [  #            ABCDEFGHIJKLM
        ("response", "10101--100000"),
        ("partial", "01000--000010"),
        ("remission", "0000011110000"),
        ("high", "0001000001101"),
        ("sustained", "10000--000000"),
        ("relapse", "-----00-0-101"),
        ("reliable", "11101-0100010"),
        ("clinical", "00000-0100000"),
    ],
)
def test_who_missed_a_visit_may_count_as_not_having_done_well(rule: str, answers: str) -> None:
    """A relapse is the failure, so there it is the yes; nobody without a baseline is judged."""
    values = applied(RULES[rule], TABLE, missing_visit="non_responder")
    np.testing.assert_array_equal(values, expected(answers))


@pytest.mark.parametrize(
    ("month3", "month6", "worse", "better"),
    [
        (5, NAN, 0, 0),
        (NAN, 5, 0, 0),
        (30, NAN, 1, 0),
        (NAN, NAN, 1, 0),
        (30, 30, 1, 1),
    ],
)
def test_a_sustained_worsening_that_was_not_there_once_is_no_failure(
    month3: float, month6: float, worse: float, better: float
) -> None:
    """A missed visit counts as one done badly; the other one was seen, and decides."""
    table = np.array([[30, 20, month3, month6]])
    rule = RuleSpec(at_least=22, throughout=("m3",))
    for higher_is, answer in (("worse", worse), ("better", better)):
        values = rule_of(rule).apply(
            table[:, 0],
            table[:, 1:],
            visits=VISITS,
            higher_is=higher_is,
            missing_visit="non_responder",
        )
        assert values.tolist() == [answer]


@pytest.mark.parametrize(
    ("rule", "answers"),
    [  #            ABCDEFGHIJKLM
        ("response", "10111--10-001"),
        ("remission", "000001111-001"),
        ("sustained", "10011--00-001"),
        ("relapse", "-----00-0-10-"),
        ("reliable", "11111-010-011"),
    ],
)
def test_the_last_score_may_count_for_a_missed_visit(rule: str, answers: str) -> None:
    """J was never seen again: the baseline is not carried. Of M's relapse nothing is known."""
    values = applied(RULES[rule], TABLE, missing_visit="last_observation")
    np.testing.assert_array_equal(values, expected(answers))


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [
        ("score", [15, 16, 15, NAN, 12, 8, 1, 10, 10, NAN, 24, 21, NAN]),
        ("change", [-15, -14, -15, NAN, -18, NAN, 1, -30, -2, NAN, -6, -9, NAN]),
        (
            "percent",
            [-50, -140 / 3, -50, NAN, -60, NAN, NAN, -75, -50 / 3, NAN, -20, -30, NAN],
        ),
    ],
)
def test_numbers_are_as_worked_by_hand(rule: str, numbers: list[float]) -> None:
    np.testing.assert_allclose(applied(RULES[rule], TABLE), numbers, rtol=1e-12)


def test_a_number_may_be_carried_forward_too() -> None:
    values = applied(RULES["score"], TABLE, missing_visit="last_observation")
    assert (values[3], values[12]) == (12, 8)
    assert np.isnan(values[9])


def test_the_last_of_several_scores_is_carried() -> None:
    rule = RULES["score"]
    table = np.array([[30, 20, NAN, NAN], [30, NAN, 14, NAN]], dtype=float)
    assert applied(rule, table, missing_visit="last_observation").tolist() == [20, 14]


def test_only_scores_after_the_earlier_rule_tell_of_a_relapse() -> None:
    """Month 3 put the patient at risk; month 4, after it, may stand for month 6."""
    scores = np.array([[25, 10, 23, NAN], [25, 10, NAN, NAN]], dtype=float)
    values = rule_of(RULES["relapse"]).apply(
        np.array([30.0, 30.0]),
        scores,
        visits=("m1", "m3", "m4", "m6"),
        higher_is="worse",
        missing_visit="last_observation",
    )
    np.testing.assert_array_equal(values, [1, NAN])


def test_a_missed_earlier_visit_is_never_filled_in() -> None:
    """Whether a patient was at risk must have been seen."""
    table = np.array([[30, 5, NAN, 30]], dtype=float)
    for missing_visit in MISSING:
        assert np.isnan(applied(RULES["relapse"], table, missing_visit=missing_visit))


@pytest.mark.parametrize(("score", "met"), [(9, 1), (10, 1), (10.5, 0), (11, 0)])
def test_remission_includes_the_cut_off(score: float, met: float) -> None:
    assert one(RuleSpec(at_most=10), 30, score) == met


@pytest.mark.parametrize(("score", "met"), [(21, 0), (21.5, 0), (22, 1), (23, 1)])
def test_a_rule_at_least_includes_its_bound(score: float, met: float) -> None:
    assert one(RuleSpec(at_least=22), 30, score) == met


@pytest.mark.parametrize("baseline", [20, 30, 0.2, 0.7, 1.1, 2.3, 33.3])
def test_exactly_half_is_a_response(baseline: float) -> None:
    assert one(HALF, baseline, baseline / 2) == 1


@given(st.integers(1, 600), st.integers(1, 99))
def test_exactly_the_share_is_a_response_in_tenths_of_points(tenths: int, share: int) -> None:
    """Binary fractions must not decide whether a patient responded."""
    rule = RuleSpec(reduction=share / 100)
    assert one(rule, tenths / 10, tenths * (100 - share) / 1000) == 1


@given(st.integers(1, 600), st.integers(0, 600))
def test_a_response_is_what_integers_say_it_is(baseline: int, score: int) -> None:
    assert one(HALF, baseline / 10, score / 10) == (2 * score <= baseline)


def test_a_little_less_than_half_is_none() -> None:
    assert one(HALF, 20, 10.001) == 0


@pytest.mark.parametrize("rule", ["response", "partial", "percent"])
@pytest.mark.parametrize("baseline", [NAN, 0.0, -3.0])
def test_a_share_of_no_positive_baseline_is_unobserved(rule: str, baseline: float) -> None:
    """Half of nothing is nothing: everybody would respond."""
    for missing_visit in MISSING:
        assert np.isnan(one(RULES[rule], baseline, -4.0, missing_visit=missing_visit))


def test_scores_that_are_the_outcome_stay_as_they_are() -> None:
    assert one(None, NAN, 1.0) == 1


@pytest.mark.parametrize(
    ("sd", "reliability", "points"), [(6.4, 0.84, 7.1), (6.4, 0.91, 5.3), (5.5, 0.84, 6.1)]
)
def test_reliable_change_is_the_formula_of_jacobson_and_truax(
    sd: float, reliability: float, points: float
) -> None:
    """With baseline spreads of two cohorts of patients with treatment-resistant depression."""
    assert ReliableChange(sd, reliability).points == pytest.approx(points, abs=0.05)


def test_reliable_change_is_more_than_the_points_not_as_many() -> None:
    """With a reliability of one half the standard error of a difference is the spread itself."""
    rule = RuleSpec.model_validate({"reliable_change": {"sd": 5, "reliability": 0.5}})
    assert one(rule, 30, 30 - 9.8) == 0
    assert one(rule, 30, 30 - 9.81) == 1


@pytest.mark.parametrize(
    ("baseline", "score", "met"), [(30, 10, 1), (30, 11, 0), (10, 0, 0), (11, 0, 1), (18, 10.5, 0)]
)
def test_clinically_significant_change_crosses_the_cut_off(
    baseline: float, score: float, met: float
) -> None:
    """Who began on the good side of it cannot cross it."""
    assert one(RULES["clinical"], baseline, score) == met


def test_reliable_change_is_an_improvement_not_a_worsening() -> None:
    assert one(RULES["reliable"], 20, 40) == 0


def test_a_missed_visit_of_unknown_meaning_is_not_filled_in() -> None:
    """Nobody said whether more is better, so nobody knows which answer is the failure."""
    assert np.isnan(one(RuleSpec(at_least=22), 30, NAN, missing_visit="non_responder"))


@pytest.mark.parametrize(
    ("rule", "higher_is", "answer"),
    [
        (RuleSpec(at_most=10), "worse", 0),
        (RuleSpec(at_least=22), "worse", 1),
        (RuleSpec(at_most=10), "better", 1),
        (RuleSpec(at_least=22), "better", 0),
    ],
)
def test_the_direction_says_which_answer_is_the_failure(
    rule: RuleSpec, higher_is: str, answer: float
) -> None:
    found = one(rule, 30, NAN, higher_is=higher_is, missing_visit="non_responder")
    assert found == answer


# Laws, on any tables of a 60-point scale with missing visits.

cells = st.one_of(st.integers(0, 60).map(float), st.just(NAN))
tables = st.integers(1, 12).flatmap(lambda n: npst.arrays(np.float64, (n, 4), elements=cells))
any_rule = st.sampled_from([*RULES.values(), None])
any_missing = st.sampled_from(MISSING)


@given(tables, any_rule, any_missing)
def test_a_patient_s_outcome_never_depends_on_other_patients(
    table: Floats, rule: RuleSpec | None, missing_visit: str
) -> None:
    together = applied(rule, table, missing_visit=missing_visit)
    alone = [applied(rule, row[np.newaxis], missing_visit=missing_visit)[0] for row in table]
    np.testing.assert_array_equal(together, alone)


@given(tables, any_rule, any_missing, st.randoms(use_true_random=False))
def test_moving_patients_moves_their_outcomes(
    table: Floats, rule: RuleSpec | None, missing_visit: str, random: Any
) -> None:
    order = list(range(len(table)))
    random.shuffle(order)
    moved = applied(rule, table[order], missing_visit=missing_visit)
    np.testing.assert_array_equal(moved, applied(rule, table, missing_visit=missing_visit)[order])


@given(tables)
def test_none_partial_and_full_response_part_the_observed(table: Floats) -> None:
    quarter = applied(RuleSpec(reduction=0.25), table)
    partial, full = applied(RULES["partial"], table), applied(HALF, table)
    known = ~np.isnan(full)
    np.testing.assert_array_equal(np.isnan(partial), ~known)
    np.testing.assert_array_equal((1 - quarter + partial + full)[known], 1)


@given(tables, any_missing)
def test_a_sustained_response_is_a_response_at_each_visit(
    table: Floats, missing_visit: str
) -> None:
    sustained = applied(RULES["sustained"], table, missing_visit=missing_visit) == 1
    at_month_6 = applied(HALF, table, missing_visit=missing_visit)
    at_month_3 = applied(HALF, table[:, :-1], missing_visit=missing_visit)
    assert (at_month_6[sustained] == 1).all()
    assert (at_month_3[sustained] == 1).all()


@given(tables, any_missing)
def test_clinically_significant_change_is_reliable(table: Floats, missing_visit: str) -> None:
    clinical = applied(RULES["clinical"], table, missing_visit=missing_visit)
    reliable = applied(RULES["reliable"], table, missing_visit=missing_visit)
    assert (reliable[clinical == 1] == 1).all()
    np.testing.assert_array_equal(np.isnan(clinical), np.isnan(reliable))


@given(tables)
def test_reliable_change_is_the_same_on_the_scale_turned_round(table: Floats) -> None:
    turned = RuleSpec.model_validate(
        {"reliable_change": {"sd": 6.4, "reliability": 0.84, "and_at_least": 50}}
    )
    np.testing.assert_array_equal(
        applied(turned, 60 - table, higher_is="better"), applied(RULES["clinical"], table)
    )


@given(tables, any_rule)
def test_a_missed_follow_up_is_no_answer_unless_the_experiment_says_so(
    table: Floats, rule: RuleSpec | None
) -> None:
    assert np.isnan(applied(rule, table)[np.isnan(table[:, -1])]).all()


@given(tables, any_rule, any_missing)
def test_what_was_observed_stays_whatever_a_missed_visit_counts_as(
    table: Floats, rule: RuleSpec | None, missing_visit: str
) -> None:
    seen = applied(rule, table)
    filled = applied(rule, table, missing_visit=missing_visit)
    known = ~np.isnan(seen)
    np.testing.assert_array_equal(filled[known], seen[known])


@given(tables, any_rule, any_missing)
def test_rules_change_no_score_and_warn_of_nothing(
    table: Floats, rule: RuleSpec | None, missing_visit: str
) -> None:
    before = table.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        applied(rule, table, missing_visit=missing_visit)[:] = 7
    np.testing.assert_array_equal(table, before)


def test_the_thirteen_are_the_arrays_of_the_outcome() -> None:
    """The hand-worked answers hold for `Outcome.values` too."""
    np.testing.assert_array_equal(
        an_outcome("relapse").values,
        rule_of(RULES["relapse"]).apply(BASELINE, SCORES, visits=VISITS),
    )
