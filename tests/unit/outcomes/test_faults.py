"""Outcomes that cannot be derived: where, what was found, what to do; all at once."""

from pathlib import Path
from typing import Any

import pytest

from heldout.errors import OutcomeError
from tests.unit.cohort.studies import outcomes_of, wide_cohort, with_columns, write_study
from tests.unit.outcomes.studies import a_cohort, asking, screened_cohort

PLACE = "outcomes[0]."
RELIABLE = {"sd": 6.4, "reliability": 0.84}


def refusal_of(folder: Path, **changes: Any) -> str:
    """Return what is said of a study's outcomes."""
    with pytest.raises(OutcomeError) as refusal:
        outcomes_of(asking(folder, **changes))
    return str(refusal.value)


def measured(*visits: str) -> dict[str, Any]:
    """Return a cohort whose severity was measured at some visits only."""
    column = {"column": "s_{visit}", "kind": "number", "visits": list(visits)}
    return a_cohort(severity=column)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"column": "severety"},
            "column: 'severety' is no known declared column. Known: severity, wellbeing, unsaid, "
            "sex. Did you mean 'severity'?",
        ),
        ({"column": "sex"}, "column: 'sex' is a category. An outcome's rule needs a number."),
        (
            {"column": "severity.total"},
            "column: 'severity.total' is no known score of 'severity'. Known: severity. Did you "
            "mean 'severity'?",
        ),
        (
            {"at": ["m7"]},
            "at: 'm7' is no known visit. Known: m0, m1, m3, m6.",
        ),
        (
            {"at": ["m0"]},
            "at: visit 'm0' (day 0) is not after baseline 'm0'. An outcome lies at a follow-up.",
        ),
        (
            {"at": ["m1"], "known_at": "m3"},
            "at: visit 'm1' (day 30) is not after 'm3' (day 90), at which the prediction is made; "
            "it would be known already. Choose a later follow-up, or an earlier 'known_at'.",
        ),
        (
            {"at": ["m3"], "known_at": "m3"},
            "at: visit 'm3' (day 90) is not after 'm3' (day 90), at which the prediction is made; "
            "it would be known already. Choose a later follow-up, or an earlier 'known_at'.",
        ),
        (
            {"cohort": measured("m0", "m3")},
            "at: 'severity' was not measured at 'm6', only at m0, m3. Choose one of these.",
        ),
    ],
)
def test_the_score_and_the_follow_up_must_be_there(
    tmp_path: Path, changes: dict[str, Any], text: str
) -> None:
    assert refusal_of(tmp_path, **changes) == PLACE + text


@pytest.mark.parametrize(
    ("throughout", "text"),
    [
        ("m7", "'m7' is no known visit. Known: m0, m1, m3, m6."),
        (
            "m0",
            "visit 'm0' (day 0) is not after 'm0' (day 0). Name a visit between that and the "
            "follow-up.",
        ),
        (
            "m6",
            "visit 'm6' (day 180) is not before the follow-up 'm6' (day 180). Name an earlier "
            "visit, or give that follow-up an outcome of its own.",
        ),
    ],
)
def test_a_visit_of_a_sustained_outcome_lies_before_the_follow_up(
    tmp_path: Path, throughout: str, text: str
) -> None:
    rule = {"reduction": 0.5, "throughout": [throughout]}
    assert refusal_of(tmp_path, rule=rule) == f"{PLACE}rule.throughout[0]: {text}"


def test_a_visit_of_a_sustained_outcome_lies_before_every_follow_up(tmp_path: Path) -> None:
    rule = {"reduction": 0.5, "throughout": ["m3"]}
    assert "is not before the follow-up 'm1' (day 30)" in refusal_of(
        tmp_path, rule=rule, at=["m1", "m6"]
    )


def test_a_sustained_outcome_must_not_be_known_in_part_at_the_prediction(tmp_path: Path) -> None:
    rule = {"reduction": 0.5, "throughout": ["m1", "m3"]}
    text = refusal_of(tmp_path, rule=rule, known_at="m1")
    assert text.startswith(f"{PLACE}rule.throughout[0]: visit 'm1' (day 30) is not after 'm1'")


def test_the_score_must_have_been_measured_at_every_visit_of_the_rule(tmp_path: Path) -> None:
    rule = {"at_least": 22, "throughout": ["m3"], "after": {"visit": "m1", "at_most": 10}}
    words = "was not measured at '{}', only at m0, m6. Choose one of these."
    assert refusal_of(tmp_path, rule=rule, cohort=measured("m0", "m6")) == (
        "2 faults:\n"
        f"  1. {PLACE}rule.after.visit: 'severity' {words.format('m1')}\n"
        f"  2. {PLACE}rule.throughout[0]: 'severity' {words.format('m3')}"
    )


@pytest.mark.parametrize(
    ("visit", "text"),
    [
        ("m9", "'m9' is no known visit. Known: m0, m1, m3, m6."),
        (
            "m0",
            "visit 'm0' (day 0) is not after 'm0' (day 0). Name a visit between that and the "
            "follow-up.",
        ),
        (
            "m6",
            "visit 'm6' (day 180) is not before the follow-up 'm6' (day 180). Name an earlier "
            "visit, or give that follow-up an outcome of its own.",
        ),
    ],
)
def test_the_earlier_rule_lies_between_baseline_and_follow_up(
    tmp_path: Path, visit: str, text: str
) -> None:
    rule = {"at_least": 22, "after": {"visit": visit, "at_most": 10}}
    assert refusal_of(tmp_path, rule=rule) == f"{PLACE}rule.after.visit: {text}"


def test_a_relapse_that_lasts_lasts_after_the_earlier_rule(tmp_path: Path) -> None:
    rule = {"at_least": 22, "throughout": ["m1"], "after": {"visit": "m3", "at_most": 10}}
    assert refusal_of(tmp_path, rule=rule) == (
        f"{PLACE}rule.throughout[0]: visit 'm1' (day 30) is not after 'm3' (day 90). Name a visit "
        "between that and the follow-up."
    )


@pytest.mark.parametrize(
    ("rule", "what", "instead"),
    [
        ({"reduction": 0.5}, "a reduction", "at_most or at_least"),
        ({"value": "change"}, "a change", "value: score"),
        ({"value": "percent_change"}, "a change", "value: score"),
        (
            {"at_least": 22, "after": {"visit": "m3", "reduction": 0.5}},
            "an earlier reduction",
            "at_most or at_least",
        ),
    ],
)
def test_what_is_computed_from_baseline_needs_one(
    tmp_path: Path, rule: dict[str, Any], what: str, instead: str
) -> None:
    cohort = measured("m1", "m3", "m6")
    assert refusal_of(tmp_path, rule=rule, cohort=cohort) == (
        f"{PLACE}column: {what} needs 'severity' at baseline 'm0', where it was not measured. Use "
        f"{instead}."
    )


def test_reliable_change_needs_a_baseline_and_a_direction(tmp_path: Path) -> None:
    cohort = measured("m1", "m3", "m6")
    assert refusal_of(tmp_path, rule={"reliable_change": RELIABLE}, cohort=cohort) == (
        "2 faults:\n"
        f"  1. {PLACE}column: reliable change needs 'severity' at baseline 'm0', where it was not "
        "measured. Use at_most or at_least.\n"
        f"  2. {PLACE}column: reliable change needs to know which end of 'severity' is the good "
        "one. Give 'severity' a 'higher_is: worse' or 'higher_is: better' in the cohort file."
    )


def test_a_missed_visit_is_a_failure_only_if_the_direction_is_known(tmp_path: Path) -> None:
    changes = {"column": "unsaid", "rule": {"at_most": 10}, "missing_visit": "non_responder"}
    assert refusal_of(tmp_path, **changes) == (
        f"{PLACE}column: 'missing_visit: non_responder' needs to know which end of 'unsaid' is "
        "the good one. Give 'unsaid' a 'higher_is: worse' or 'higher_is: better' in the cohort "
        "file."
    )


@pytest.mark.parametrize(
    "rule", [{"reduction": 0.5}, {"at_most": 30, "after": {"visit": "m3", "reduction": 0.5}}]
)
def test_a_reduction_of_what_should_rise_is_no_response(
    tmp_path: Path, rule: dict[str, Any]
) -> None:
    """Half the well-being would be counted as success."""
    assert refusal_of(tmp_path, column="wellbeing", rule=rule) == (
        f"{PLACE}column: 'wellbeing' rises as patients improve, so a reduction is no response. "
        "Use at_least."
    )


@pytest.mark.parametrize(
    ("column", "bound", "direction", "other"),
    [
        ("severity", "and_at_least", "worse", "and_at_most"),
        ("wellbeing", "and_at_most", "better", "and_at_least"),
    ],
)
def test_the_bound_of_clinical_significance_fits_the_direction(
    tmp_path: Path, column: str, bound: str, direction: str, other: str
) -> None:
    rule = {"reliable_change": RELIABLE | {bound: 30}}
    assert refusal_of(tmp_path, column=column, rule=rule) == (
        f"{PLACE}rule.reliable_change.{bound}: higher '{column}' is {direction}, so improvement "
        f"does not cross this bound. Use {other}."
    )


@pytest.mark.parametrize(
    ("bound", "cut"), [("at_most", -1), ("at_most", 60), ("at_least", 0), ("at_least", 61)]
)
def test_a_cut_off_that_all_patients_answer_alike_is_refused(
    tmp_path: Path, bound: str, cut: float
) -> None:
    words = (
        f"{bound}: found {cut}, and 'severity' runs from 0 to 60, so all patients would answer "
        "alike. Choose a cut-off inside."
    )
    assert refusal_of(tmp_path, rule={bound: cut}) == f"{PLACE}rule.{words}"
    earlier = {"at_least": 22, "after": {"visit": "m3", bound: cut}}
    assert refusal_of(tmp_path, rule=earlier) == f"{PLACE}rule.after.{words}"


@pytest.mark.parametrize(("bound", "cut"), [("at_most", 0), ("at_least", 60), ("at_most", 59)])
def test_a_cut_off_at_the_end_that_some_may_answer_otherwise_is_allowed(
    tmp_path: Path, bound: str, cut: float
) -> None:
    assert outcomes_of(asking(tmp_path, rule={bound: cut}))


def test_a_share_that_the_scale_does_not_allow_is_refused(tmp_path: Path) -> None:
    """On a scale from 20 to 60 nobody can lose three quarters of a score."""
    column = {"column": "s_{visit}", "kind": "number", "range": [20, 60], "higher_is": "worse"}
    table = "id,s_m0,s_m6,sex\n" + "".join(f"{n},40,30,F\n" for n in range(3))
    cohort = a_cohort(severity=column | {"visits": ["m0", "m6"]})
    del cohort["columns"]["wellbeing"], cohort["columns"]["unsaid"]
    outcome = {"name": "r", "column": "severity", "rule": {"reduction": 0.75}, "at": ["m6"]}
    features = [{"build": "clinical", "columns": ["sex"]}]
    experiment = write_study(tmp_path, table, cohort, outcomes=[outcome], features=features)
    with pytest.raises(OutcomeError) as refusal:
        outcomes_of(experiment)
    assert str(refusal.value) == (
        f"{PLACE}rule.reduction: found 0.75, and 'severity' runs from 20 to 60, so nobody can fall "
        "by more than 0.67 of a score. Choose a smaller share, or at_most."
    )


def test_reliable_change_wider_than_the_scale_is_refused(tmp_path: Path) -> None:
    rule = {"reliable_change": {"sd": 64, "reliability": 0.84}}
    assert refusal_of(tmp_path, rule=rule) == (
        f"{PLACE}rule.reliable_change: reliable change is more than 71.0 points here, and "
        "'severity' runs from 0 to 60, so nobody can have it. Check 'sd' and 'reliability'."
    )


@pytest.mark.parametrize(
    ("column", "bound", "cut"),
    [
        ("severity", "and_at_most", 60),
        ("severity", "and_at_most", -1),
        ("wellbeing", "and_at_least", 0),
        ("wellbeing", "and_at_least", 61),
    ],
)
def test_a_bound_that_nobody_can_cross_is_refused(
    tmp_path: Path, column: str, bound: str, cut: float
) -> None:
    rule = {"reliable_change": RELIABLE | {bound: cut}}
    assert refusal_of(tmp_path, column=column, rule=rule) == (
        f"{PLACE}rule.reliable_change.{bound}: found {cut}, and '{column}' runs from 0 to 60, so "
        "nobody can cross it. Choose a cut-off inside."
    )


def test_a_score_of_unknown_range_may_have_any_cut_off(tmp_path: Path) -> None:
    assert outcomes_of(asking(tmp_path, column="unsaid", rule={"at_most": 600}))


def test_a_cut_off_of_an_instrument_is_checked_by_its_key(tmp_path: Path) -> None:
    outcome = {"name": "r", "column": "madrs", "rule": {"at_most": 61}, "at": ["d2"]}
    with pytest.raises(OutcomeError, match=r"found 61, and 'madrs' runs from 0 to 60, so all"):
        outcomes_of(write_study(tmp_path, outcomes=[outcome]))


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


def test_all_faults_of_all_outcomes_come_out_at_once(tmp_path: Path) -> None:
    first = {"name": "a", "column": "madrs", "rule": {"at_most": 61}, "at": ["d0", "d3"]}
    second = {"name": "b", "column": "sex", "rule": {"at_most": 10}, "at": ["d2"]}
    experiment = write_study(tmp_path, outcomes=[first, second])
    with pytest.raises(OutcomeError) as refusal:
        outcomes_of(experiment)
    lines = str(refusal.value).splitlines()
    assert lines[0] == "4 faults:"
    places = ["outcomes[0].at", "outcomes[0].at", "outcomes[0].rule.at_most", "outcomes[1].column"]
    assert [line.split()[1].rstrip(":") for line in lines[1:]] == places


def test_baseline_is_no_visit_of_a_sustained_outcome_however_early_the_prediction(
    tmp_path: Path,
) -> None:
    rule = {"at_most": 10, "throughout": ["m0"]}
    text = refusal_of(tmp_path, rule=rule, cohort=screened_cohort(), known_at="scr")
    assert text.startswith(f"{PLACE}rule.throughout[0]: visit 'm0' (day 0) is not after 'm0' (day")
