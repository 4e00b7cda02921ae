"""Table 1, the visits and the counts of scoring: descriptions against hand-worked numbers."""

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from heldout.describe.table_one import standardised_difference, table_one
from heldout.describe.values import Characteristic, Summary, Variable
from heldout.describe.variables import baseline_variables
from heldout.describe.visits import count_scores, observe_visits
from heldout.instruments.audit import audit_scores
from heldout.outcomes.outcome import Outcome
from heldout.outcomes.rules import rule_of
from heldout.spec.outcomes import RuleSpec
from tests.unit.findings.test_data import PATIENTS, N, Study, made_up_values, prorated, study_of

NAN = math.nan


@pytest.fixture
def study() -> Study:
    """Return a study in which nothing is wrong."""
    return study_of(made_up_values())


def a_variable(values: list[float], levels: tuple[str, ...] = ()) -> Variable:
    """Return a variable of given values."""
    return Variable(
        name="x",
        visit="d0",
        label="X",
        unit=None,
        values=np.array(values, dtype=np.float64),
        levels=levels,
    )


def an_outcome(scores: list[float], rule: RuleSpec | None = None) -> Outcome:
    """Return an outcome given as scores."""
    return Outcome(
        name="response",
        follow_up="d28",
        label="Response",
        column=None,
        rule=rule_of(rule),
        baseline=np.full(len(scores), NAN),
        scores=np.array(scores, dtype=np.float64)[:, None],
        visits=("d28",),
        weights=np.ones(len(scores)),
        primary=False,
    )


def row_of(variable: Variable, outcome: Outcome | None = None) -> Characteristic:
    """Return one row of Table 1."""
    return table_one([variable], outcome)[0]


def test_a_number_is_summarised_as_worked_by_hand() -> None:
    found = row_of(a_variable([1, 2, 3, 4, 10, NAN])).groups
    assert found == (
        Summary(
            group="all", n=5, missing=1, mean=4.0, sd=math.sqrt(12.5), median=3, lower=2, upper=4
        ),
    )


def test_a_category_is_counted_by_level() -> None:
    found = row_of(a_variable([0, 1, 1, NAN], ("female", "male", "other"))).groups[0]
    assert (found.n, found.missing, found.counts, found.mean) == (3, 1, (1, 2, 0), None)


def test_the_groups_are_the_patients_observed_for_the_outcome() -> None:
    """Who was not observed has neither the event nor no event."""
    row = row_of(a_variable([1, 2, 3, 4]), an_outcome([1, 0, 0, NAN]))
    assert [(one.group, one.n, one.mean) for one in row.groups] == [
        ("all", 4, 2.5),
        ("event", 1, 1.0),
        ("no_event", 2, 2.5),
    ]


def test_a_number_to_predict_makes_no_groups_but_a_rank_correlation() -> None:
    outcome = an_outcome([10, 20, 40, 30, NAN], RuleSpec(value="score"))
    row = row_of(a_variable([1, 2, 3, 4, 5]), outcome)
    assert [one.group for one in row.groups] == ["all"]
    # One pair of neighbours is swapped: 1 - 6 * 2 / (4 * 15).
    assert row.correlation == pytest.approx(0.8)
    assert row.difference is None


def test_a_variable_nobody_has_is_missing_and_not_a_number() -> None:
    row = row_of(a_variable([NAN, NAN]), an_outcome([1, 0]))
    assert row.groups[0] == Summary(group="all", n=0, missing=2)
    assert row.difference is None


def test_the_difference_of_a_number_is_cohens_d_with_its_sign() -> None:
    """Means 4 and 2, variances 4 and 1 of three and four: pooled variance (8 + 3) / 5."""
    first, second = np.array([2.0, 4, 6]), np.array([1.5, 1.5, 1.5, 3.5])
    assert standardised_difference(first, second) == pytest.approx(2 / math.sqrt(11 / 5))
    assert standardised_difference(second, first) == pytest.approx(-2 / math.sqrt(11 / 5))


def test_the_difference_of_two_levels_is_the_known_formula() -> None:
    """|p - q| / sqrt((p (1 - p) + q (1 - q)) / 2), Austin 2009."""
    first, second = np.repeat([0.0, 1.0], [3, 7]), np.repeat([0.0, 1.0], [6, 4])
    expected = 0.3 / math.sqrt((0.21 + 0.24) / 2)
    assert standardised_difference(first, second, n_levels=2) == pytest.approx(expected)


def test_the_difference_of_three_levels_is_yang_and_daltons() -> None:
    """Shares .2 .3 .5 and .5 .3 .2; T = (.3, .5), C = (.3, .2) without the first level.

    S has .21 and .205 on its diagonal and -.105 off it, so that d is
    .3 * sqrt(.21 / (.21 * .205 - .105 ** 2)).
    """
    first, second = np.repeat([0.0, 1.0, 2.0], [2, 3, 5]), np.repeat([0.0, 1.0, 2.0], [5, 3, 2])
    expected = 0.3 * math.sqrt(0.21 / (0.21 * 0.205 - 0.105**2))
    assert standardised_difference(first, second, n_levels=3) == pytest.approx(expected)


@pytest.mark.parametrize("n_levels", [3, 4])
def test_a_level_that_nobody_has_changes_nothing(n_levels: int) -> None:
    first, second = np.repeat([0.0, 2.0], [3, 7]), np.repeat([0.0, 2.0], [6, 4])
    assert standardised_difference(first, second, n_levels=n_levels) == pytest.approx(
        0.3 / math.sqrt(0.225)
    )


@pytest.mark.parametrize(
    ("first", "second", "n_levels"),
    [
        ([1.0], [2.0, 3.0], 0),
        ([1.0, 1.0], [2.0, 2.0], 0),
        ([0.0, 0.0], [1.0, 1.0], 2),
        ([0.0, 0.0], [0.0], 2),
        ([NAN, NAN], [0.0, 1.0], 2),
    ],
)
def test_a_difference_that_does_not_exist_is_none(
    first: list[float], second: list[float], n_levels: int
) -> None:
    found = standardised_difference(np.array(first), np.array(second), n_levels=n_levels)
    assert found is None


def test_a_row_can_be_written_as_json(study: Study) -> None:
    rows = table_one(
        baseline_variables(study.experiment, study.cohort, study.keys), study.outcomes[0]
    )
    assert json.dumps([asdict(row) for row in rows], allow_nan=False)


def test_the_variables_are_the_features_columns_and_the_outcomes_score(study: Study) -> None:
    found = baseline_variables(study.experiment, study.cohort, study.keys)
    assert [(one.name, one.visit, one.unit) for one in found] == [
        ("age", "d0", "years"),
        ("madrs", "d0", "points"),
    ]


def test_sites_stand_first_and_an_unknown_one_is_missing(study: Study) -> None:
    site = ("B", "A", "", *["A"] * (N - 3))
    sited = replace(study.cohort, site=site)
    first, *_ = baseline_variables(study.experiment, sited, study.keys)
    assert (first.name, first.levels) == ("site", ("A", "B"))
    assert row_of(first).groups[0].counts == (N - 2, 1)
    assert row_of(first).groups[0].missing == 1


def test_a_visit_tells_who_missed_it_from_who_lacks_the_score(study: Study) -> None:
    values = study.cohort.values.copy()
    values.loc[PATIENTS[:3], [place for place in values.columns if place[1] == "d28"]] = np.nan
    values.loc[PATIENTS[:5], ("madrs", "d28", 0)] = np.nan
    facts = observe_visits(replace(study.cohort, values=values), study.outcomes)
    assert [(one.name, one.observed, one.missed, one.no_score) for one in facts] == [
        ("d0", N, 0, 0),
        ("d28", N - 5, 3, 2),
    ]


def test_counts_of_scoring_name_nobody(study: Study) -> None:
    changed = prorated(study)
    counted = count_scores(changed.cohort, changed.keys)
    named = audit_scores(changed.cohort, changed.keys)
    assert {one.visit: one.prorated for one in counted} == {"d0": 1, "d28": 0}
    assert [one.prorated for one in counted] == [len(one.prorated) for one in named]
    assert "P07" not in json.dumps([asdict(one) for one in counted])
