"""The compiled preparation against scikit-learn's steps, set by set."""

import numpy as np
import pytest
from numpy.typing import NDArray

from heldout.arrays import Piece
from heldout.models.definition import build_preparation
from heldout.nested.training import LEARN, Patients, draw_sets, prepare_features

Floats = NDArray[np.float64]
PIECES = (
    Piece(inputs=(0,)),
    Piece(inputs=(1, 2, 3), method="mean", signs=(1, -1, 1), n=1),
    Piece(inputs=(7,)),
    Piece(inputs=(4, 5), method="mean", signs=(-1, 1), n=1),
)
FACTOR = (Piece(inputs=(0, 1, 2, 6), method="factor", signs=(1, 1, 1, 1), n=1), Piece(inputs=(7,)))
PRINCIPAL = (Piece(inputs=(0, 1, 2), method="principal", signs=(1, 1, 1), n=2),)


def answers_of_patients(n: int = 40, seed: int = 0) -> Floats:
    """Return questionnaire-like columns: few values, holes, one constant, one empty."""
    rng = np.random.default_rng(seed)
    features = rng.integers(0, 5, size=(n, 10)).astype(np.float64)
    features[:, 6] += rng.normal(size=n)
    features[rng.random(features.shape) < 0.15] = np.nan
    features[:, 4] = 0.1
    features[:, 9] = np.nan
    return features


def sets_of(n: int = 40, seed: int = 0) -> object:
    """Return three outer folds of nested training sets."""
    rng = np.random.default_rng(seed)
    outer = rng.integers(0, 3, n)
    return draw_sets(
        Patients(features={}, answers=rng.integers(0, 2, n).astype(np.float64), weights=np.ones(n)),
        outer[None, :] == np.arange(3)[:, None],
        n_inner=4,
        seeds=[1, 2, 3],
    )


@pytest.mark.parametrize("preparation", ["impute", "impute_scale"])
@pytest.mark.parametrize("composition", [(), PIECES, FACTOR, PRINCIPAL])
@pytest.mark.parametrize("n", [40, 150])
def test_every_set_is_prepared_as_by_scikit_learn(
    preparation: str, composition: tuple[Piece, ...], n: int
) -> None:
    features, sets = answers_of_patients(n), sets_of(n)
    prepared = prepare_features(features, sets, preparation, composition)  # type: ignore[arg-type]
    roles = sets.roles  # type: ignore[attr-defined]
    for k, j in np.ndindex(roles.shape[:2]):
        steps = build_preparation(preparation, composition).fit(features[roles[k, j] == LEARN])
        np.testing.assert_allclose(prepared[k, j], steps.transform(features), atol=1e-12)


@pytest.mark.parametrize("spread", [1e-14, 1e-12, 1e-9])
def test_a_column_that_varies_very_little_is_scaled_as_by_scikit_learn(spread: float) -> None:
    features, sets = answers_of_patients(), sets_of()
    features[:, 4] = spread * np.random.default_rng(1).normal(size=len(features))
    prepared = prepare_features(features, sets, "impute_scale", ())  # type: ignore[arg-type]
    roles = sets.roles  # type: ignore[attr-defined]
    steps = build_preparation("impute_scale", ()).fit(features[roles[0, 0] == LEARN])
    wanted = steps.transform(features)
    assert np.ptp(wanted[:, 4]) > 1
    np.testing.assert_allclose(prepared[0, 0], wanted, atol=1e-9)


@pytest.mark.parametrize("composition", [(), PIECES])
def test_patients_outside_a_training_set_teach_it_nothing(composition: tuple[Piece, ...]) -> None:
    features, sets = answers_of_patients(), sets_of()
    roles = sets.roles  # type: ignore[attr-defined]
    before = prepare_features(features, sets, "impute_scale", composition)  # type: ignore[arg-type]
    for k, j in np.ndindex(roles.shape[:2]):
        poisoned = features.copy()
        poisoned[roles[k, j] != LEARN] = 1e6
        after = prepare_features(poisoned, sets, "impute_scale", composition)  # type: ignore[arg-type]
        known = roles[k, j] == LEARN
        np.testing.assert_array_equal(after[k, j][known], before[k, j][known])


def test_every_patient_of_an_outer_set_is_judged_once() -> None:
    roles = sets_of().roles  # type: ignore[attr-defined]
    for k in range(3):
        learnt = roles[k, -1] == LEARN
        assert ((roles[k, :-1] == 0).sum(axis=0) == learnt).all()
        assert ((roles[k, :-1] >= 0).all(axis=0) == learnt).all()
