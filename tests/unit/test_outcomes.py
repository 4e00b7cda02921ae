"""What is to be predicted, and who was not observed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.errors import OutcomeError
from heldout.outcomes import Outcome, apply_rule
from heldout.spec import Experiment, RuleSpec
from tests.unit.cohort.studies import (
    SECRETS,
    items_cohort,
    items_rows,
    outcomes_of,
    text_of,
    wide_cohort,
    with_columns,
    write_study,
)
from tests.unit.instruments.test_keys import write_own_key

HALF = RuleSpec(reduction=0.5)


def asking(folder: Path, **changes: Any) -> Experiment:
    """Return a study whose single outcome has some keys replaced."""
    outcome = {"name": "response", "column": "madrs", "rule": {"reduction": 0.5}, "at": ["d2"]}
    return write_study(folder, outcomes=[outcome | changes])


def outcome_of(folder: Path, **changes: Any) -> Outcome:
    """Return the single outcome of a study."""
    (outcome,) = outcomes_of(asking(folder, **changes))
    return outcome


def one(rule: RuleSpec | None, baseline: float, score: float) -> float:
    """Apply a rule to one patient."""
    return float(apply_rule(rule, np.array([baseline]), np.array([score]))[0])


def test_every_follow_up_has_its_outcome_in_the_order_of_the_file(tmp_path: Path) -> None:
    remission = {"name": "remission", "column": "madrs", "rule": {"at_most": 10}, "at": ["d2"]}
    response = remission | {"name": "response", "rule": {"reduction": 0.5}, "at": ["d10", "d2"]}
    outcomes = outcomes_of(write_study(tmp_path, outcomes=[remission, response]))
    assert [(outcome.name, outcome.follow_up) for outcome in outcomes] == [
        ("remission", "d2"),
        ("response", "d10"),
        ("response", "d2"),
    ]


def test_who_was_not_observed_is_no_non_responder(tmp_path: Path) -> None:
    """Patients 002 (no baseline), 003 (no follow-up) and 005 (baseline 0) cannot be judged."""
    values = outcome_of(tmp_path, at=["d10"]).values
    np.testing.assert_array_equal(values, [0, np.nan, np.nan, np.nan, 1, 1])


def test_the_observed_are_counted_without_the_others(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path, at=["d10"])
    assert (outcome.observed.sum(), outcome.events, outcome.smaller_class) == (3, 2, 1)


def test_an_outcome_without_baseline_in_its_rule_needs_no_baseline(tmp_path: Path) -> None:
    values = outcome_of(tmp_path, rule={"at_most": 10}, at=["d10"]).values
    np.testing.assert_array_equal(values, [0, 1, np.nan, 1, 1, 1])


def test_a_rule_at_least_counts_its_bound(tmp_path: Path) -> None:
    values = outcome_of(tmp_path, rule={"at_least": 13}).values
    np.testing.assert_array_equal(values, [0, 0, 1, 0, 1, 1])


@pytest.mark.parametrize(("score", "met"), [(9, 1), (10, 1), (10.5, 0), (11, 0)])
def test_remission_includes_the_cut_off(score: float, met: float) -> None:
    assert one(RuleSpec(at_most=10), 30, score) == met


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


@pytest.mark.parametrize("baseline", [np.nan, 0.0, -3.0])
def test_a_reduction_from_no_positive_baseline_is_unobserved(baseline: float) -> None:
    """Half of nothing is nothing: everybody would respond."""
    assert np.isnan(one(HALF, baseline, 0.0))


@pytest.mark.parametrize("rule", [HALF, RuleSpec(at_most=10), RuleSpec(at_least=10), None])
def test_a_missing_score_is_unobserved_under_every_rule(rule: RuleSpec | None) -> None:
    assert np.isnan(one(rule, 30, np.nan))


def test_scores_that_are_the_outcome_stay_as_they_are() -> None:
    assert one(None, np.nan, 1) == 1


def test_a_rule_applies_to_permuted_scores_as_to_new_ones(tmp_path: Path) -> None:
    """The permutation test moves scores between patients and asks the rule again."""
    outcome = outcome_of(tmp_path)
    assert outcome.rule is not None
    order = np.array([5, 4, 3, 2, 1, 0])
    again = apply_rule(outcome.rule, outcome.baseline[order], outcome.score[order])
    np.testing.assert_array_equal(again, outcome.values[order])


def test_asking_for_the_outcome_changes_no_score(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path, rule={"at_most": 10})
    before = outcome.score.copy()
    outcome.values[:] = 7
    np.testing.assert_array_equal(outcome.score, before)


@pytest.mark.parametrize(("rule", "uses"), [({"reduction": 0.5}, True), ({"at_most": 10}, False)])
def test_an_outcome_knows_whether_it_was_computed_from_baseline(
    tmp_path: Path, rule: dict[str, float], uses: bool
) -> None:
    assert outcome_of(tmp_path, rule=rule).from_baseline is uses


def test_only_the_named_follow_up_is_primary(tmp_path: Path) -> None:
    outcomes = outcomes_of(asking(tmp_path, at=["d2", "d10"], primary="d10"))
    assert [outcome.primary for outcome in outcomes] == [False, True]


def test_every_patient_weighs_the_same(tmp_path: Path) -> None:
    assert outcome_of(tmp_path).weights.tolist() == [1] * 6


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, "Response (MADRS fell by 50 % or more)"),
        ({"name": "early_remission", "rule": {"at_most": 10}}, "Early remission (MADRS of 10 or"),
        ({"label": "Relapse", "rule": {"at_least": 22}}, "Relapse (MADRS of 22 or more)"),
    ],
)
def test_an_outcome_is_put_in_words(tmp_path: Path, changes: dict[str, Any], label: str) -> None:
    assert outcome_of(tmp_path, **changes).label.startswith(label)


def test_the_total_of_items_may_decide(tmp_path: Path) -> None:
    outcome = {"name": "better", "column": "hamd6", "rule": {"at_most": 5}, "at": ["d2"]}
    experiment = write_study(tmp_path, text_of(items_rows()), items_cohort(), outcomes=[outcome])
    assert outcomes_of(experiment)[0].observed.all()


@pytest.mark.parametrize(
    ("changes", "pattern"),
    [
        (
            {"column": "mardrs"},
            r"\.column: 'mardrs' is no known declared column\..* Did you mean 'madrs'\?$",
        ),
        ({"column": "sex"}, r"\.column: 'sex' is a category\. An outcome's rule needs a number\.$"),
        ({"column": "note"}, r"\.column: 'note' is a text\."),
        ({"at": ["d3"]}, r"\.at: 'd3' is no known visit\. Known: d0, d2, d10\.$"),
        ({"at": ["d0"]}, r"\.at: visit 'd0' \(day 0\) is not after baseline 'd0'\."),
        (
            {"column": "income", "rule": {"at_least": 1}},
            r"\.at: 'income' was not measured at 'd2', only at d0\. Choose one of these\.$",
        ),
    ],
)
def test_an_outcome_that_cannot_be_derived_is_refused(
    tmp_path: Path, changes: dict[str, Any], pattern: str
) -> None:
    with pytest.raises(OutcomeError, match=rf"^outcomes\[0\]{pattern}") as refusal:
        outcome_of(tmp_path, **changes)
    assert not [secret for secret in SECRETS if secret in str(refusal.value)]


def test_a_visit_before_baseline_is_no_follow_up(tmp_path: Path) -> None:
    visits = wide_cohort()["visits"] | {"d2": {"day": -2}}
    experiment = write_study(tmp_path, cohort=wide_cohort(visits=visits))
    with pytest.raises(OutcomeError, match=r"visit 'd2' \(day -2\) is not after baseline 'd0'"):
        outcomes_of(experiment)


def test_a_reduction_needs_a_baseline_measurement(tmp_path: Path) -> None:
    madrs = {"instrument": "madrs", "column": "m_{visit}", "visits": ["d2", "d10"]}
    experiment = write_study(tmp_path, cohort=with_columns(wide_cohort(), madrs=madrs))
    with pytest.raises(OutcomeError, match=r"a reduction needs 'madrs' at baseline 'd0'.* at_most"):
        outcomes_of(experiment)


def test_a_reduction_of_what_should_rise_is_no_response(tmp_path: Path) -> None:
    """Half the well-being would be counted as success."""
    write_own_key(tmp_path, higher_is="better")
    with pytest.raises(OutcomeError, match=r"'madrs' rises as patients improve.* Use at_least\.$"):
        outcome_of(tmp_path)


def test_all_faults_of_all_outcomes_come_out_at_once(tmp_path: Path) -> None:
    first = {"name": "a", "column": "madrs", "rule": {"at_most": 10}, "at": ["d0", "d3"]}
    second = {"name": "b", "column": "sex", "rule": {"at_most": 10}, "at": ["d2"]}
    experiment = write_study(tmp_path, outcomes=[first, second])
    with pytest.raises(
        OutcomeError, match=r"^3 faults:\n.*outcomes\[0\].*\n.*outcomes\[0\].*\n.*outcomes\[1\]"
    ):
        outcomes_of(experiment)
