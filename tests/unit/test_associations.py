"""Whether anything goes with an outcome: the statistics, against other software and by laws."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from heldout.inference.associations import (
    ASSOCIATIONS,
    OF_OUTCOME,
    association_names,
    association_statistics,
    correlations,
)
from heldout.outcomes.outcome import Outcome
from heldout.outcomes.rules import rule_of
from heldout.spec.outcomes import RuleSpec

N = 40
RNG = np.random.default_rng(20261129)
FEATURES = RNG.normal(size=(N, 5))
SITE = np.arange(N) % 3


def an_outcome(rule: RuleSpec | None = None, **changes: Any) -> Outcome:
    """Return an outcome of scores that go with baseline severity and the first feature."""
    baseline = np.round(RNG.normal(30, 5, N))
    scores = 0.5 * baseline + 3 * FEATURES[:, 0] + RNG.normal(0, 4, N)
    outcome = Outcome(
        name="response",
        follow_up="week4",
        label="",
        column="madrs",
        rule=rule_of(rule or RuleSpec(reduction=0.5)),
        baseline=baseline,
        scores=scores[:, None],
        visits=("week4",),
        weights=np.ones(N),
        primary=True,
        higher_is="worse",
    )
    return replace(outcome, **changes)


def test_without_sites_a_correlation_is_that_of_scipy() -> None:
    outcome = an_outcome()
    expected = [pearsonr(feature, outcome.values).statistic for feature in FEATURES.T]
    assert correlations(FEATURES, outcome, None) == pytest.approx(expected)
    ours = association_statistics(FEATURES, outcome, None, OF_OUTCOME)
    assert ours == pytest.approx([np.square(expected).sum(), np.abs(expected).max()])


def test_beyond_severity_it_is_the_partial_correlation() -> None:
    """By the precision matrix of feature, score and severity."""
    outcome = an_outcome()
    for number, feature in enumerate(FEATURES.T):
        three = np.column_stack([feature, outcome.score, outcome.baseline])
        precision = np.linalg.inv(np.cov(three.T))
        partial = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
        ours = correlations(FEATURES, outcome, None, of_score=True)[number]
        assert ours == pytest.approx(partial)


def test_with_sites_it_is_the_correlation_within_them() -> None:
    outcome = an_outcome()
    table = pd.DataFrame(np.column_stack([FEATURES, outcome.values]))
    within = table - table.groupby(SITE).transform("mean")
    expected = within.corr().to_numpy()[:-1, -1]
    assert correlations(FEATURES, outcome, SITE) == pytest.approx(expected)
    # A difference between sites, in features or in scores, is nothing.
    apart = FEATURES + 10.0 * SITE[:, None]
    assert correlations(apart, outcome, SITE) == pytest.approx(expected)


def test_a_weight_of_two_is_a_patient_twice() -> None:
    outcome = an_outcome()
    weights = np.where(np.arange(N) < 7, 2.0, 1.0)
    rows = np.concatenate([np.arange(N), np.arange(7)])
    twice = replace(
        outcome,
        baseline=outcome.baseline[rows],
        scores=outcome.scores[rows],
        weights=outcome.weights[rows],
    )
    weighted = replace(outcome, weights=weights)
    for of_score in (False, True):
        assert correlations(FEATURES, weighted, None, of_score=of_score) == pytest.approx(
            correlations(FEATURES[rows], twice, None, of_score=of_score)
        )


def test_only_observed_patients_count() -> None:
    outcome = an_outcome()
    scores = outcome.scores.copy()
    scores[:9] = np.nan
    gone, there = replace(outcome, scores=scores), slice(9, None)
    left = replace(
        outcome,
        baseline=outcome.baseline[there],
        scores=outcome.scores[there],
        weights=outcome.weights[there],
    )
    assert correlations(FEATURES, gone, None) == pytest.approx(
        correlations(FEATURES[there], left, None)
    )


def test_what_does_not_vary_goes_with_nothing() -> None:
    flat = FEATURES.copy()
    flat[:, 1] = 3.0
    flat[:, 2] = 5.0 * SITE
    outcome = an_outcome()
    related = correlations(flat, outcome, SITE)
    assert related[[1, 2]].tolist() == [0, 0]
    assert np.abs(related[[0, 3, 4]]).min() > 0
    # Nor does severity itself, beyond severity.
    severe = np.column_stack([FEATURES, outcome.baseline])
    assert correlations(severe, outcome, None, of_score=True)[-1] == 0


def test_a_severity_that_sites_explain_takes_out_nothing_more() -> None:
    by_site = an_outcome(baseline=20.0 + SITE)
    assert correlations(FEATURES, by_site, SITE, of_score=True) == pytest.approx(
        correlations(FEATURES, replace(by_site, rule=rule_of(RuleSpec(value="score"))), SITE)
    )


def test_the_score_is_asked_where_there_is_one_behind_the_answer() -> None:
    assert association_names(an_outcome()) == ASSOCIATIONS
    nothing = np.full(N, np.nan)
    remission = an_outcome(RuleSpec(at_most=15), baseline=nothing)
    assert association_names(remission) == ASSOCIATIONS
    number = an_outcome(RuleSpec(value="score"), baseline=nothing)
    assert association_names(number) == OF_OUTCOME
    given = an_outcome(RuleSpec(at_least=1), baseline=nothing, scores=(np.arange(N) % 2.0)[:, None])
    assert association_names(given) == OF_OUTCOME
