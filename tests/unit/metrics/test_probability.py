"""The Brier score and its skill."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss

from heldout.metrics.probability import brier_score, brier_skill

Floats = NDArray[np.float64]
EVENTS = np.random.default_rng(0).random(30) < 0.4


def probabilities(n_repeats: int) -> Floats:
    """Return random probabilities for thirty patients."""
    return np.random.default_rng(1).random((n_repeats, 30))


def test_it_is_scikit_learns_score() -> None:
    probability = probabilities(1)
    expected = brier_score_loss(EVENTS, probability[0])
    assert brier_score(probability, EVENTS) == pytest.approx(expected, abs=1e-14)


def test_it_takes_weights_as_scikit_learn_does() -> None:
    probability, weights = probabilities(1), np.random.default_rng(2).uniform(0.1, 4, 30)
    expected = brier_score_loss(EVENTS, probability[0], sample_weight=weights)
    assert brier_score(probability, EVENTS, weights) == pytest.approx(expected, abs=1e-14)


def test_repeats_are_averaged_as_scores_not_as_probabilities() -> None:
    """Averaged probabilities are those of an ensemble nobody exports, and flatter."""
    probability = probabilities(3)
    each = [brier_score_loss(EVENTS, row) for row in probability]
    assert brier_score(probability, EVENTS) == pytest.approx(np.mean(each), abs=1e-14)


def test_the_prevalence_has_no_skill() -> None:
    prevalence = np.tile([0.3, 0.4, 0.5], 10)[None, :]
    assert brier_skill(prevalence, prevalence, EVENTS) == 0.0


def test_certainty_that_comes_true_is_all_skill() -> None:
    assert brier_skill(EVENTS[None, :].astype(float), np.full((1, 30), 0.4), EVENTS) == 1.0


def test_worse_than_the_prevalence_is_below_zero() -> None:
    assert brier_skill((~EVENTS)[None, :].astype(float), np.full((1, 30), 0.4), EVENTS) < 0


def test_the_skill_weighs_model_and_prevalence_alike() -> None:
    """Weights of 0 leave patients out of both."""
    weights = np.arange(30) < 12
    probability, prevalence = probabilities(1), np.linspace(0.1, 0.9, 30)[None, :]
    few = brier_skill(probability[:, :12], prevalence[:, :12], EVENTS[:12])
    assert brier_skill(probability, prevalence, EVENTS, weights.astype(float)) == pytest.approx(few)
