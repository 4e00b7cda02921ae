"""What an experiment may say of outcomes."""

from typing import Any

import pytest

from heldout.errors import SpecError
from heldout.spec.experiment import Experiment, composed, experiment_from
from tests.unit.spec.studies import an_experiment

RELIABLE = {"sd": 6.4, "reliability": 0.84}
ONE = "required: exactly one of reduction, at_most, at_least"


def asking(**changes: Any) -> Experiment:
    """Return an experiment whose outcome has some keys replaced."""
    data = an_experiment()
    return experiment_from(data | {"outcomes": [data["outcomes"][0] | changes]})


@pytest.mark.parametrize(
    "rule",
    [
        {"reduction": 0.5},
        {"reduction": 0.25, "and_less_than": 0.5},
        {"at_most": 10, "throughout": ["d2"]},
        {"at_least": 22, "after": {"visit": "d2", "at_most": 10}},
        {"at_most": 40, "after": {"visit": "d2", "at_least": 70}},
        {"reliable_change": RELIABLE | {"and_at_most": 10}},
        {"value": "percent_change"},
    ],
)
def test_every_rule_survives_being_composed(rule: dict[str, Any]) -> None:
    experiment = asking(rule=rule)
    assert experiment_from(composed(experiment)) == experiment


def test_missed_visits_are_left_out_unless_the_experiment_says_otherwise() -> None:
    assert asking().outcomes[0].missing_visit == "observed"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({}, f"rule: found no rule; {ONE}, reliable_change, value."),
        (
            {"reduction": 0.5, "value": "change"},
            f"rule: found reduction and value; {ONE}, reliable_change, value.",
        ),
        (
            {"at_most": 10, "and_less_than": 0.5},
            "rule: 'and_less_than' goes with 'reduction' and must be more than it.",
        ),
        (
            {"reduction": 0.5, "and_less_than": 0.25},
            "rule: 'and_less_than' goes with 'reduction' and must be more than it.",
        ),
        (
            {"value": "score", "throughout": ["d2"]},
            "rule: 'throughout' and 'after' need a rule that is met or not, not a 'value'.",
        ),
        (
            {"at_most": 10, "throughout": ["d2", "d2"]},
            "rule.throughout[1]: found visit 'd2' a second time. Remove it, or rename it.",
        ),
        ({"at_least": 22, "after": {"visit": "d2"}}, f"rule.after: found no rule; {ONE}."),
        (
            {"at_least": 22, "after": {"visit": "d2", "at_most": 10, "reduction": 0.5}},
            f"rule.after: found reduction and at_most; {ONE}.",
        ),
        (
            {"reliable_change": RELIABLE | {"and_at_most": 10, "and_at_least": 5}},
            "rule.reliable_change: give and_at_most or and_at_least, not both.",
        ),
        (
            {"reliable_change": {"sd": 6.4}},
            "rule.reliable_change.reliability: found no key 'reliability', which is required: Of "
            "the scale; test-retest where known. Add it.",
        ),
    ],
)
def test_a_rule_that_says_too_little_or_too_much_is_refused(
    rule: dict[str, Any], text: str
) -> None:
    with pytest.raises(SpecError) as refusal:
        asking(rule=rule)
    assert str(refusal.value) == f"outcomes[0].{text}"


def test_a_number_has_no_non_responders() -> None:
    with pytest.raises(SpecError) as refusal:
        asking(rule={"value": "score"}, missing_visit="non_responder")
    assert str(refusal.value) == (
        "outcomes[0].missing_visit: 'non_responder' needs a rule that is met or not. Use another, "
        "or remove it."
    )
