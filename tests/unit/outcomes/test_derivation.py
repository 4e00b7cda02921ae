"""From a table and an experiment to outcomes: the right scores at the right visits."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heldout.errors import OutcomeError
from heldout.outcomes.derivation import derive_outcomes
from heldout.outcomes.outcome import Outcome
from heldout.spec.experiment import experiment_from
from heldout.spec.instrument import InstrumentKey
from tests.unit.cohort.studies import (
    items_cohort,
    items_rows,
    outcomes_of,
    scored,
    text_of,
    write_study,
)
from tests.unit.outcomes.studies import (
    BASELINE,
    SCORES,
    VISITS,
    a_cohort,
    asking,
    derived,
    expected,
    screened_cohort,
)


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
    outcomes = outcomes_of(write_study(tmp_path))
    np.testing.assert_array_equal(outcomes[1].values, [0, np.nan, np.nan, np.nan, 1, 1])


def test_an_outcome_keeps_every_score_from_baseline_to_its_follow_up(tmp_path: Path) -> None:
    outcome = derived(tmp_path)
    np.testing.assert_array_equal(outcome.baseline, BASELINE)
    np.testing.assert_array_equal(outcome.scores, SCORES)
    assert outcome.visits == VISITS


def test_an_outcome_keeps_no_score_after_its_follow_up(tmp_path: Path) -> None:
    outcome = derived(tmp_path, at=["m3"])
    np.testing.assert_array_equal(outcome.scores, SCORES[:, :2])
    assert outcome.visits == ("m1", "m3")


def test_visits_are_put_in_order_of_time_not_of_the_file(tmp_path: Path) -> None:
    experiment = asking(tmp_path)
    data = experiment.model_dump(mode="json", by_alias=True)
    data["cohort"]["visits"] = dict(reversed(data["cohort"]["visits"].items()))
    (outcome,) = outcomes_of(experiment_from(data, folder=tmp_path))
    assert outcome.visits == VISITS


def test_visits_where_the_score_was_not_measured_are_left_out(tmp_path: Path) -> None:
    column = {"column": "s_{visit}", "kind": "number", "visits": ["m0", "m3", "m6"]}
    outcome = derived(tmp_path, cohort=a_cohort(severity=column))
    assert outcome.visits == ("m3", "m6")


def test_without_a_measured_baseline_the_baseline_is_unknown(tmp_path: Path) -> None:
    column = {"column": "s_{visit}", "kind": "number", "visits": ["m1", "m3", "m6"]}
    outcome = derived(tmp_path, cohort=a_cohort(severity=column), rule={"at_most": 10})
    assert np.isnan(outcome.baseline).all()
    assert outcome.observed.sum() == 10


@pytest.mark.parametrize(
    ("missing_visit", "answers"),
    [
        ("observed", "101-1--10-00-"),
        ("non_responder", "10101--100000"),
        ("last_observation", "10111--10-001"),
    ],
)
def test_the_experiment_says_what_a_missed_visit_counts_as(
    tmp_path: Path, missing_visit: str, answers: str
) -> None:
    values = derived(tmp_path, missing_visit=missing_visit).values
    np.testing.assert_array_equal(values, expected(answers))


def test_what_was_known_at_the_prediction_is_not_carried_into_the_outcome(tmp_path: Path) -> None:
    """D and M missed month 6; their month 3 predicts and cannot be the answer as well."""
    settings = {"missing_visit": "last_observation", "known_at": "m3"}
    outcome = derived(tmp_path, **settings)
    assert outcome.visits == ("m6",)
    np.testing.assert_array_equal(outcome.values, expected("101-1--10-00-"))


def test_a_landmark_moves_no_baseline(tmp_path: Path) -> None:
    """Half of the score at the landmark is no response."""
    np.testing.assert_array_equal(derived(tmp_path, known_at="m1").baseline, BASELINE)


@pytest.mark.parametrize("known_at", ["m0", "m1", "m3"])
def test_relapse_may_be_asked_of_those_in_remission_at_the_landmark(
    tmp_path: Path, known_at: str
) -> None:
    rule = {"at_least": 22, "after": {"visit": "m3", "at_most": 10}}
    outcome = derived(tmp_path, name="relapse", rule=rule, known_at=known_at)
    np.testing.assert_array_equal(outcome.values, expected("-----00-0-10-"))
    assert outcome.visits[-2:] == ("m3", "m6")


def test_the_score_that_met_the_earlier_rule_is_not_carried_even_at_the_landmark(
    tmp_path: Path,
) -> None:
    rule = {"at_least": 22, "after": {"visit": "m1", "at_most": 12}}
    settings = {"rule": rule, "missing_visit": "last_observation", "known_at": "m3"}
    outcome = derived(tmp_path, **settings)
    assert outcome.visits == ("m1", "m6")
    assert np.isnan(outcome.values[12])


@pytest.mark.parametrize(
    ("column", "direction"), [("severity", "worse"), ("wellbeing", "better"), ("unsaid", None)]
)
def test_an_outcome_knows_the_direction_of_its_score(
    tmp_path: Path, column: str, direction: str | None
) -> None:
    assert derived(tmp_path, column=column, rule={"at_most": 10}).higher_is == direction


def test_reliable_change_follows_the_direction(tmp_path: Path) -> None:
    """The same patients on a scale that rises as they improve."""
    change = {"sd": 6.4, "reliability": 0.84}
    falling = derived(tmp_path, rule={"reliable_change": change | {"and_at_most": 10}})
    rising = derived(
        tmp_path, column="wellbeing", rule={"reliable_change": change | {"and_at_least": 50}}
    )
    np.testing.assert_array_equal(rising.values, falling.values)


def test_only_the_named_follow_up_is_primary(tmp_path: Path) -> None:
    outcomes = outcomes_of(asking(tmp_path, at=["m3", "m6"], primary="m6"))
    assert [outcome.primary for outcome in outcomes] == [False, True]


def test_every_patient_weighs_the_same(tmp_path: Path) -> None:
    assert derived(tmp_path).weights.tolist() == [1] * 13


def test_the_total_of_items_may_decide(tmp_path: Path) -> None:
    outcome = {"name": "better", "column": "hamd6", "rule": {"at_most": 5}, "at": ["d2"]}
    experiment = write_study(tmp_path, text_of(items_rows()), items_cohort(), outcomes=[outcome])
    assert outcomes_of(experiment)[0].observed.all()


# Scores that are not totals, on a cohort as scoring leaves it.

KEY = InstrumentKey.model_validate(
    {
        "id": "duo",
        "name": "Two scores and no total",
        "construct": "test",
        "rater": "self",
        "items": 2,
        "item_min": 0,
        "item_max": 60,
        "scores": {
            "worry": {"items": [1], "range": [0, 60], "higher_is": "worse"},
            "calm": {"items": [2], "range": [0, 60], "higher_is": "better", "label": "calmness"},
        },
        "confidence": "high",
        "sources": ["invented"],
    }
)


def of_duo(folder: Path, **changes: Any) -> Outcome:
    """Return the outcome of a subscale that scoring has put beside the columns."""
    cohort = scored(asking(folder))
    data = asking(folder, **changes).model_dump(mode="json", by_alias=True)
    data["cohort"]["columns"]["duo"] = {"instrument": "duo", "items": "x{item}_{visit}"}
    data["outcomes"][0]["column"] = changes["column"]
    experiment = experiment_from(data, folder=folder)
    values = cohort.values.copy()
    for visit in ("m0", *VISITS):
        values["duo.worry", visit, 0] = values["severity", visit, 0]
        values["duo.calm", visit, 0] = values["wellbeing", visit, 0]
    cohort = replace(cohort, spec=experiment.cohort, values=values)
    (outcome,) = derive_outcomes(experiment, cohort, {"duo": KEY})
    return outcome


def test_one_score_of_an_instrument_may_decide(tmp_path: Path) -> None:
    outcome = of_duo(tmp_path, column="duo.worry")
    np.testing.assert_array_equal(outcome.values, expected("101-1--10-00-"))
    assert outcome.label == "Response (DUO worry fell by 50 % or more)"
    assert (outcome.column, outcome.higher_is) == ("duo.worry", "worse")


def test_each_score_has_its_own_direction(tmp_path: Path) -> None:
    assert of_duo(tmp_path, column="duo.calm", rule={"at_least": 50}).higher_is == "better"


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (
            "duo",
            "outcomes[0].column: 'duo' has no total. Name one of its scores: duo.worry, duo.calm.",
        ),
        (
            "duo.wory",
            "outcomes[0].column: 'duo.wory' is no known score of 'duo'. Known: duo.worry, "
            "duo.calm. Did you mean 'duo.worry'?",
        ),
    ],
)
def test_a_score_that_is_not_there_is_refused(tmp_path: Path, column: str, text: str) -> None:
    with pytest.raises(OutcomeError) as refusal:
        of_duo(tmp_path, column=column)
    assert str(refusal.value) == text


def test_the_baseline_is_not_carried_even_if_the_prediction_comes_before_it(
    tmp_path: Path,
) -> None:
    """J was never seen again after baseline."""
    settings = {"missing_visit": "last_observation", "rule": {"at_most": 40}, "known_at": "scr"}
    outcome = derived(tmp_path, cohort=screened_cohort(), **settings)
    assert outcome.visits == VISITS
    assert np.isnan(outcome.values[9])
