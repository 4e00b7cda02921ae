"""All candidates of boosted trees from one matrix: the same to the last bit."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from heldout.kinds import KindName
from heldout.models.catalogue import MODELS
from heldout.models.definition import predict_patients
from heldout.nested.search import ask_candidates

Floats = NDArray[np.float64]


def problem(
    kind: KindName, n: int, n_features: int, seed: int
) -> tuple[Floats, Any, Floats, Floats]:
    """Return features, answers and weights to learn from, and features to predict."""
    rng = np.random.default_rng(seed)
    features, unseen = rng.normal(size=(n, n_features)), rng.normal(size=(9, n_features))
    # Ties and small whole numbers, as questionnaires have them.
    features[:, 0], unseen[:, 0] = np.round(features[:, 0]), np.round(unseen[:, 0])
    number = features[:, 0] + features[:, 1] + rng.normal(size=n)
    answers = (number > 0.4).astype(np.int64) if kind == "class" else 1000 + 7 * number
    return features, answers, rng.uniform(0.2, 3, n), unseen


@pytest.mark.parametrize("weights", ["even", "uneven"])
@pytest.mark.parametrize(("n", "n_features"), [(29, 30), (12, 3), (150, 8)])
@pytest.mark.parametrize("kind", ["class", "number"])
def test_margins_are_those_of_the_estimator_to_the_last_bit(
    kind: KindName, n: int, n_features: int, weights: str
) -> None:
    """Base score, objective, weights and chance: nothing may differ."""
    model = MODELS["xgboost"].for_kind(kind)
    features, answers, uneven, unseen = problem(kind, n, n_features, seed=n)
    given = np.ones(n) if weights == "even" else uneven
    candidates = ask_candidates(model, 12, "qmc", 1)
    assert model.trainer is not None
    found = model.trainer(candidates, 7, (features, answers, given), unseen)
    for row, candidate in zip(found, candidates, strict=True):
        estimator = model.estimator(candidate, 7).fit(features, answers, sample_weight=given)
        expected, _ = predict_patients(model, estimator, unseen)
        np.testing.assert_array_equal(row, expected)


def test_every_candidate_of_a_batch_is_as_if_it_were_alone() -> None:
    model = MODELS["xgboost"]
    features, answers, weights, unseen = problem("class", 40, 6, seed=3)
    candidates = ask_candidates(model, 5, "qmc", 1)
    assert model.trainer is not None
    together = model.trainer(candidates, 2, (features, answers, weights), unseen)
    for row, candidate in zip(together[::-1], candidates[::-1], strict=True):
        alone = model.trainer([candidate], 2, (features, answers, weights), unseen)
        np.testing.assert_array_equal(row, alone[0])


def test_chance_comes_from_the_seed() -> None:
    model = MODELS["xgboost"]
    features, answers, weights, unseen = problem("class", 40, 6, seed=3)
    candidate = {**ask_candidates(model, 1, "qmc", 1)[0], "subsample": 0.5}
    assert model.trainer is not None
    one, other = (
        model.trainer([candidate], seed, (features, answers, weights), unseen) for seed in (1, 2)
    )
    assert (one != other).any()
