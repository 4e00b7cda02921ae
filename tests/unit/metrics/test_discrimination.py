"""The fold-paired AUC and its variance."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from heldout.metrics.discrimination import (
    fold_paired_auc,
    hanley_mcneil_variance,
    pair_wins,
    within_site_auc,
)

Floats = NDArray[np.float64]


class Judged(NamedTuple):
    """Margins, folds and events of some patients, with weights."""

    margin: Floats
    folds: NDArray[np.int64]
    events: NDArray[np.bool_]
    weights: Floats


@st.composite
def judged_patients(draw: st.DrawFn) -> Judged:
    """Draw few patients with few different margins, so that ties and empty folds occur."""
    shape = draw(st.integers(1, 3)), draw(st.integers(2, 10))
    events = draw(arrays(np.bool_, shape[1]))
    events[:2] = [True, False]
    return Judged(
        margin=draw(arrays(np.int64, shape, elements=st.integers(-3, 3))).astype(np.float64),
        folds=draw(arrays(np.int64, shape, elements=st.integers(0, 3))),
        events=events,
        weights=draw(arrays(np.int64, shape[1], elements=st.integers(1, 5))).astype(np.float64),
    )


def auc_of(judged: Judged) -> float:
    """Return the weighted fold-paired AUC under test."""
    return fold_paired_auc(judged.margin, judged.folds, judged.events, judged.weights)


def auc_by_hand(judged: Judged) -> float:
    """Return the fold-paired AUC by looking at every pair in turn."""
    won, possible = 0.0, 0.0
    for i in np.flatnonzero(judged.events):
        for j in np.flatnonzero(~judged.events):
            wins = [
                1.0 if margin[i] > margin[j] else 0.5 if margin[i] == margin[j] else 0.0
                for margin, fold in zip(judged.margin, judged.folds, strict=True)
                if fold[i] == fold[j]
            ]
            if wins:
                weight = judged.weights[i] * judged.weights[j]
                won += weight * sum(wins) / len(wins)
                possible += weight
    return won / possible if possible else float("nan")


@settings(deadline=None)
@given(judged_patients())
def test_the_auc_is_the_mean_over_pairs_that_met(judged: Judged) -> None:
    np.testing.assert_allclose(auc_of(judged), auc_by_hand(judged), rtol=1e-12)


@settings(deadline=None)
@given(judged_patients(), st.data())
def test_a_constant_added_within_a_fold_changes_nothing(
    judged: Judged, data: st.DataObject
) -> None:
    """Margins of different fitted models have no common zero; pooling them is what biases."""
    repeats = len(judged.folds)
    shifts = data.draw(arrays(np.int64, (repeats, 4), elements=st.integers(-50, 50)))
    shifted = judged.margin + np.take_along_axis(shifts, judged.folds, axis=1)
    np.testing.assert_equal(auc_of(judged._replace(margin=shifted)), auc_of(judged))


@settings(deadline=None)
@given(judged_patients())
def test_turning_the_margins_round_turns_the_auc_round(judged: Judged) -> None:
    turned = auc_of(judged._replace(margin=-judged.margin))
    np.testing.assert_allclose(turned, 1 - auc_of(judged), rtol=1e-12)


def balanced_folds(seed: int) -> Judged:
    """Return four folds of three events and five non-events each."""
    rng = np.random.default_rng(seed)
    events = np.tile([True] * 3 + [False] * 5, 4)
    margin = rng.normal(size=(1, 32)) + events
    return Judged(margin, np.repeat(np.arange(4), 8)[None, :], events, np.ones(32))


def test_with_balanced_folds_it_is_the_mean_of_the_folds_areas() -> None:
    margin, folds, events, _ = balanced_folds(0)
    areas = [roc_auc_score(events[folds[0] == k], margin[0, folds[0] == k]) for k in range(4)]
    assert fold_paired_auc(margin, folds, events) == pytest.approx(np.mean(areas), abs=1e-14)


def test_one_fold_of_all_patients_gives_the_ordinary_weighted_area() -> None:
    margin, folds, events, _ = balanced_folds(1)
    weights = np.random.default_rng(1).uniform(0.2, 3, 32)
    area = fold_paired_auc(margin, np.zeros_like(folds), events, weights)
    assert area == pytest.approx(roc_auc_score(events, margin[0], sample_weight=weights), abs=1e-14)


def test_pooling_the_folds_would_give_another_number() -> None:
    """The negative control: if this failed, the tests above could not tell pairing from pooling."""
    margin, folds, events, _ = balanced_folds(2)
    apart = margin + 10 * folds
    assert abs(fold_paired_auc(apart, folds, events) - roc_auc_score(events, apart[0])) > 0.1


def test_ties_are_half_a_win() -> None:
    margin, folds, events, _ = balanced_folds(3)
    assert fold_paired_auc(np.zeros_like(margin), folds, events) == 0.5


def test_weights_of_one_are_no_weights() -> None:
    judged = balanced_folds(4)
    assert auc_of(judged) == fold_paired_auc(judged.margin, judged.folds, judged.events)


def test_a_weight_of_two_counts_like_a_patient_who_stands_twice() -> None:
    margin, folds, events, weights = balanced_folds(5)
    weights[0] = 2
    twice = np.append(np.arange(32), 0)
    assert fold_paired_auc(margin, folds, events, weights) == pytest.approx(
        fold_paired_auc(margin[:, twice], folds[:, twice], events[twice]), abs=1e-14
    )


def test_it_is_not_a_number_when_no_event_met_a_non_event() -> None:
    folds, events = np.array([[0, 1]]), np.array([True, False])
    assert np.isnan(fold_paired_auc(np.array([[1.0, 0.0]]), folds, events))


def test_pairs_are_counted_over_the_repeats() -> None:
    margin = np.array([[2.0, 1.0, 0.0], [1.0, 1.0, 2.0]])
    folds = np.array([[0, 0, 1], [0, 0, 0]])
    wins, meetings = pair_wins(margin, folds, np.array([True, False, False]))
    assert wins.tolist() == [[1.5, 0.0]]
    assert meetings.tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize(("auc", "n_events", "n_non_events"), [(0.5, 18, 18), (0.8, 14, 22)])
def test_the_variance_is_hanley_and_mcneils_with_sizes_made_equal(
    auc: float, n_events: int, n_non_events: int
) -> None:
    """Written as in the 1982 paper, by Q1 and Q2; Newcombe puts the mean size for both sizes."""
    size = (n_events + n_non_events) / 2
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (size - 1) * (q1 - auc**2) + (size - 1) * (q2 - auc**2)
    expected = spread / (n_events * n_non_events)
    assert hanley_mcneil_variance(auc, n_events, n_non_events) == pytest.approx(expected, rel=1e-12)


def test_at_one_half_the_variance_is_that_of_the_rank_sum() -> None:
    """Without ties the rank-sum area of noise has variance (m + n + 1) / (12 m n)."""
    exact = (20 + 30 + 1) / (12 * 20 * 30)
    assert hanley_mcneil_variance(0.5, 20, 30) == pytest.approx(exact, rel=1e-12)


def test_events_and_non_events_may_change_places() -> None:
    assert hanley_mcneil_variance(0.7, 10, 30) == pytest.approx(hanley_mcneil_variance(0.3, 30, 10))


def test_a_site_that_does_better_adds_nothing_to_the_area_within_sites() -> None:
    rng = np.random.default_rng(0)
    site, events = np.repeat([0, 1, 2], 40), rng.random(120) < np.repeat([0.1, 0.5, 0.9], 40)
    folds = np.array([rng.permutation(np.arange(120) % 5) for _ in range(3)])
    # A model that knows the site and nothing else.
    margin = site + 1e-3 * rng.normal(size=(3, 120))
    assert fold_paired_auc(margin, folds, events) > 0.8
    assert within_site_auc(margin, folds, events, site) == pytest.approx(0.5, abs=0.1)


def test_the_area_within_sites_is_the_mean_over_pairs_of_one_site_and_fold() -> None:
    rng = np.random.default_rng(1)
    site, events, margin = rng.integers(0, 3, 60), rng.random(60) < 0.4, rng.normal(size=(1, 60))
    folds, weights = rng.integers(0, 4, (1, 60)), rng.uniform(0.5, 2, 60)
    won = total = 0.0
    for event in np.flatnonzero(events):
        for other in np.flatnonzero(~events):
            if site[event] == site[other] and folds[0, event] == folds[0, other]:
                total += weights[event] * weights[other]
                won += weights[event] * weights[other] * (margin[0, event] > margin[0, other])
    assert within_site_auc(margin, folds, events, site, weights) == pytest.approx(won / total)


def test_of_one_site_the_area_within_sites_is_the_area() -> None:
    rng = np.random.default_rng(2)
    margin, events = rng.normal(size=(2, 30)), rng.random(30) < 0.5
    folds, nowhere = rng.integers(0, 3, (2, 30)), np.zeros(30, dtype=np.int64)
    assert within_site_auc(margin, folds, events, nowhere) == fold_paired_auc(margin, folds, events)
    apart = events.astype(np.int64)
    assert np.isnan(within_site_auc(margin, folds, events, apart))
