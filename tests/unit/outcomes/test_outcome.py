"""An outcome knows who is observed, what it was made of, and what else it might have been."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.outcomes.outcome import Tally, missing_visit_counts, unobserved_counts
from heldout.outcomes.rules import rule_of
from heldout.spec.outcomes import RuleSpec
from tests.unit.outcomes.studies import BASELINE, RULES, SCORES, TABLE, an_outcome, expected


def test_the_observed_are_counted_without_the_others() -> None:
    outcome = an_outcome("response")
    assert (int(outcome.observed.sum()), outcome.events, outcome.smaller_class) == (8, 4, 4)


def test_the_rarer_answer_is_counted_whichever_it_is() -> None:
    """Everybody but one has the event, then one alone."""
    outcome = an_outcome("remission")
    lowest, *_, highest = np.unique(outcome.score[outcome.observed])
    for threshold in (lowest, highest - 1):
        bent = replace(outcome, rule=rule_of(RuleSpec(at_most=threshold)))
        observed = int(bent.observed.sum())
        assert bent.events != observed - bent.events
        assert bent.smaller_class == min(bent.events, observed - bent.events)


def test_a_number_has_no_events_and_no_classes() -> None:
    outcome = an_outcome("change")
    assert (outcome.kind, int(outcome.observed.sum())) == ("number", 9)
    assert (outcome.events, outcome.smaller_class) == (0, 0)


def test_the_score_is_the_follow_up_s() -> None:
    np.testing.assert_array_equal(an_outcome("response").score, TABLE[:, 3])


def test_asking_for_the_outcome_changes_no_score() -> None:
    outcome = an_outcome("remission")
    before = outcome.scores.copy()
    outcome.values[:] = 7
    np.testing.assert_array_equal(outcome.scores, before)


def test_a_missed_visit_counts_as_the_outcome_says() -> None:
    outcome = an_outcome("relapse", missing_visit="non_responder")
    np.testing.assert_array_equal(outcome.values, expected("-----00-0-101"))


@given(st.permutations(range(len(TABLE))))
def test_whole_rows_of_scores_may_be_moved_to_other_baselines(order: list[int]) -> None:
    """The permutation test moves follow-ups between patients, who keep their baselines."""
    outcome = an_outcome("sustained")
    moved = replace(outcome, scores=SCORES[order]).values
    for patient, source in enumerate(order):
        alone = replace(
            outcome,
            baseline=BASELINE[[patient]],
            scores=SCORES[[source]],
            weights=np.ones(1),
        )
        np.testing.assert_array_equal(alone.values, moved[[patient]])


def test_another_definition_may_be_asked_of_the_same_arrays() -> None:
    outcome = replace(an_outcome("response"), rule=rule_of(RULES["remission"]))
    np.testing.assert_array_equal(outcome.values, an_outcome("remission").values)


@pytest.mark.parametrize(
    ("rule", "uses"),
    [
        ("response", True),
        ("partial", True),
        ("remission", False),
        ("high", False),
        ("sustained", True),
        ("relapse", False),
        ("lost", True),
        ("reliable", True),
        ("score", False),
        ("change", True),
        ("percent", True),
    ],
)
def test_an_outcome_knows_whether_it_was_computed_from_baseline(rule: str, uses: bool) -> None:
    assert an_outcome(rule).from_baseline is uses


def test_an_outcome_given_as_0_and_1_was_not_computed_from_baseline() -> None:
    outcome = an_outcome(
        "response", rule=rule_of(None), scores=expected("10-----------")[:, np.newaxis]
    )
    assert outcome.from_baseline is False
    assert (outcome.kind, outcome.events) == ("class", 1)


# What each rule for missed visits would count.


def test_all_three_rules_for_missed_visits_are_counted_side_by_side() -> None:
    assert missing_visit_counts(an_outcome("response")) == {
        "observed": Tally(n=8, events=4),
        "non_responder": Tally(n=11, events=4),
        "last_observation": Tally(n=10, events=6),
    }


@pytest.mark.parametrize("missing_visit", ["observed", "non_responder", "last_observation"])
def test_the_counts_do_not_depend_on_the_rule_that_was_chosen(missing_visit: str) -> None:
    chosen = an_outcome("relapse", missing_visit=missing_visit)
    counts = missing_visit_counts(chosen)
    assert counts == missing_visit_counts(an_outcome("relapse"))
    assert counts[missing_visit] == Tally(n=int(chosen.observed.sum()), events=chosen.events)


def test_of_a_number_there_are_mean_and_sd_and_no_non_responder() -> None:
    counts = missing_visit_counts(an_outcome("score"))
    seen = counts["observed"]
    assert list(counts) == ["observed", "last_observation"]
    assert (seen.n, seen.events, seen.mean) == (10, None, 13.2)
    assert seen.sd == pytest.approx(np.std([15, 16, 15, 12, 8, 1, 10, 10, 24, 21], ddof=1))
    assert (counts["last_observation"].n, counts["last_observation"].mean) == (12, 152 / 12)


def test_of_one_patient_there_is_no_spread_and_of_none_no_mean() -> None:
    nobody = np.full_like(SCORES, np.nan)
    single = nobody.copy()
    single[0, 2] = 7
    one, none = an_outcome("score", scores=single), an_outcome("score", scores=nobody)
    assert missing_visit_counts(one)["observed"] == Tally(n=1, mean=7.0, sd=None)
    assert missing_visit_counts(none)["observed"] == Tally(n=0, mean=None, sd=None)


@pytest.mark.parametrize("changes", [{"higher_is": None}, {"rule": rule_of(None)}])
def test_there_is_no_non_responder_where_nobody_said_which_answer_is_good(
    changes: dict[str, Any],
) -> None:
    assert "non_responder" not in missing_visit_counts(an_outcome("remission", **changes))


# Why patients are not observed.


def test_who_is_not_observed_is_counted_by_reason() -> None:
    assert unobserved_counts(an_outcome("response")) == {
        "no usable baseline": 2,
        "missed the follow-up": 3,
    }


@pytest.mark.parametrize(
    ("rule", "reasons"),
    [
        ("remission", {"missed the follow-up": 3}),
        (
            "sustained",
            {
                "no usable baseline": 2,
                "missed the follow-up": 3,
                "missed a visit before the follow-up": 1,
            },
        ),
        (
            "relapse",
            {
                "did not meet the earlier rule": 5,
                "missed the earlier visit": 2,
                "missed the follow-up": 1,
            },
        ),
        ("lost", {"did not meet the earlier rule": 3}),
    ],
)
def test_every_rule_has_reasons_of_its_own(rule: str, reasons: dict[str, int]) -> None:
    found = unobserved_counts(an_outcome(rule))
    assert reasons.items() <= found.items()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("missing_visit", ["observed", "non_responder", "last_observation"])
def test_the_reasons_together_are_all_who_are_not_observed(rule: str, missing_visit: str) -> None:
    outcome = an_outcome(rule, missing_visit=missing_visit)
    assert sum(unobserved_counts(outcome).values()) == (~outcome.observed).sum()


# What patients are called.


@pytest.mark.parametrize(
    ("name", "rule", "words"),
    [
        ("response", "response", ("responders", "non-responders")),
        ("early_response", "response", ("responders", "non-responders")),
        ("remission", "remission", ("remitters", "non-remitters")),
        ("relapse", "relapse", ("relapses", "patients without relapse")),
        ("partial_response", "partial", ("partial responders", "not partial responders")),
        ("response", "sustained", ("sustained responders", "not sustained responders")),
        ("no_response", "high", ("events", "non-events")),
        ("response_or_remission", "remission", ("events", "non-events")),
        ("recovery", "clinical", ("events", "non-events")),
    ],
)
def test_patients_with_and_without_the_event_have_names(
    name: str, rule: str, words: tuple[str, str]
) -> None:
    assert an_outcome(rule, name=name).event_words == words


def test_an_outcome_without_a_rule_has_words_too() -> None:
    assert an_outcome("response", rule=rule_of(None)).event_words == (
        "responders",
        "non-responders",
    )


def test_two_visits_may_be_looked_at_before_the_follow_up() -> None:
    rule = rule_of(RuleSpec(at_most=20, throughout=("m1", "m3")))
    np.testing.assert_array_equal(
        an_outcome("remission", rule=rule).values, expected("101--1101-00-")
    )
