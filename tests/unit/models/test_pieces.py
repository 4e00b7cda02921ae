"""Composites learnt from training patients: z-scores, principal components, factor scores."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone

from heldout.arrays import Piece
from heldout.models.catalogue import MODELS
from heldout.models.definition import build_pipeline, build_preparation
from heldout.models.pieces import Composition, learn_map

Floats = NDArray[np.float64]
LOADINGS = np.array([0.8, 0.7, 0.6, 0.5])


def one_factor(n_patients: int, *, seed: int = 0) -> tuple[Floats, Floats]:
    """Return a factor and four scores that load on it, in different units."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=n_patients)
    noise = rng.normal(size=(n_patients, 4)) * np.sqrt(1 - LOADINGS**2)
    return factor, (factor[:, None] * LOADINGS + noise) * [1, 10, 5, 3] + [0, 50, -3, 7]


def piece(method: Any, *inputs: int, n: int = 1, signs: tuple[int, ...] = ()) -> Piece:
    """Return a composite of some columns."""
    return Piece(inputs=inputs, method=method, signs=signs or (1,) * len(inputs), n=n)


def composed(pieces: list[Piece], features: Floats) -> Floats:
    """Return what models see of the patients that were learnt from."""
    return np.asarray(Composition(pieces).fit(features).transform(features))


ALL = (0, 1, 2, 3)
EACH_METHOD = pytest.mark.parametrize("method", ["mean", "principal", "factor"])


def test_a_construct_is_the_mean_of_z_scores_turned_round() -> None:
    features = np.array([[1.0, 8.0], [2.0, 6.0], [3.0, 1.0]])
    z = (features - features.mean(axis=0)) / features.std(axis=0)
    found = composed([piece("mean", 0, 1, signs=(1, -1))], features)
    np.testing.assert_allclose(found[:, 0], (z[:, 0] - z[:, 1]) / 2, atol=1e-15)


def test_a_column_that_is_not_composed_passes_to_the_last_bit() -> None:
    _, features = one_factor(30)
    found = composed([piece("as_is", 2), piece("mean", 0, 2), piece("as_is", 0)], features)
    assert found[:, [0, 2]].tobytes() == features[:, [2, 0]].tobytes()


def test_one_component_of_two_scores_is_their_scaled_mean() -> None:
    """The first axis of any positive correlation of two is the diagonal."""
    _, features = one_factor(200)
    component = composed([piece("principal", 0, 1)], features)
    mean = composed([piece("mean", 0, 1)], features)
    np.testing.assert_allclose(component, mean * np.sqrt(2), atol=1e-12)


def test_components_are_those_of_the_correlation_matrix() -> None:
    _, features = one_factor(80)
    found = composed([piece("principal", *ALL, n=4)], features)
    values, axes = np.linalg.eigh(np.corrcoef(features.T))
    np.testing.assert_allclose(found.var(axis=0), values[::-1], atol=1e-12)
    z = (features - features.mean(axis=0)) / features.std(axis=0)
    np.testing.assert_allclose(np.abs(found), np.abs(z @ axes[:, ::-1]), atol=1e-10)


@pytest.mark.parametrize("method", ["principal", "factor"])
@pytest.mark.parametrize("turned", [(0,), (1, 2, 3), ALL])
def test_the_largest_loading_is_positive(method: str, turned: tuple[int, ...]) -> None:
    _, features = one_factor(200)
    features[:, turned] *= -1
    weights = learn_map(piece(method, *ALL), features).weights[:, 0]
    assert weights[np.abs(weights).argmax()] > 0


def test_of_equal_loadings_the_first_is_positive() -> None:
    """The second axis of two scores is their difference, whose sign rounding would choose."""
    for seed in range(20):
        _, features = one_factor(25, seed=seed)
        weights = learn_map(piece("principal", 0, 1, n=2), features[:, :2]).weights
        assert weights[0, 1] > 0
        assert weights[1, 1] < 0


def test_factor_scores_are_thomsons_regression_scores() -> None:
    """With many patients the weights are those of the true loadings: R^-1 loadings."""
    _, features = one_factor(200_000)
    correlations = np.outer(LOADINGS, LOADINGS)
    np.fill_diagonal(correlations, 1)
    expected = np.linalg.solve(correlations, LOADINGS)
    found = learn_map(piece("factor", *ALL), features).weights[:, 0]
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_factor_scores_are_nearer_to_the_factor_than_any_score() -> None:
    factor, features = one_factor(20_000)
    score = composed([piece("factor", *ALL)], features)[:, 0]
    alone = max(np.corrcoef(factor, column)[0, 1] for column in features.T)
    assert np.corrcoef(factor, score)[0, 1] > alone + 0.03


@EACH_METHOD
def test_every_method_survives_a_few_awkward_patients(method: str) -> None:
    """A fold of 20 with a constant score, and one that is another's copy; no warning either."""
    _, features = one_factor(20)
    features[:, 1], features[:, 3] = 4.0, features[:, 2]
    found = composed([piece(method, *ALL)], features)
    assert np.isfinite(found).all()


@EACH_METHOD
def test_a_score_that_does_not_differ_counts_nothing(method: str) -> None:
    """Its spread is that of rounding, which a division would blow up for new patients."""
    _, features = one_factor(20)
    features[:, 1] = 0.1 + 0.2
    learnt = Composition([piece(method, *ALL)]).fit(features)
    changed = features.copy()
    changed[:, 1] = 1e6
    np.testing.assert_array_equal(learnt.transform(changed), learnt.transform(features))


def test_components_that_are_not_there_are_nothing() -> None:
    """Of two equal scores there is no second component; noise may not stand for it."""
    features = np.repeat(one_factor(20)[1][:, :1], 2, axis=1)
    found = composed([piece("principal", 0, 1, n=2)], features)
    assert found[:, 1].tolist() == [0.0] * 20


@EACH_METHOD
def test_a_unit_changes_nothing(method: str) -> None:
    _, features = one_factor(40)
    found = composed([piece(method, *ALL)], features)
    other = composed([piece(method, *ALL)], features * [2, 0.5, 100, 1] + 3)
    np.testing.assert_allclose(other, found, atol=1e-9)


@EACH_METHOD
def test_a_patient_is_composed_alone_as_in_company(method: str) -> None:
    _, features = one_factor(40)
    learnt = Composition([piece(method, *ALL), piece("as_is", 1)]).fit(features)
    together = learnt.transform(features)
    alone = np.vstack([learnt.transform(row[np.newaxis]) for row in features])
    assert alone.tobytes() == together.tobytes()


def test_missing_values_are_imputed_before_they_are_composed() -> None:
    features = np.array([[1.0, 5.0], [np.nan, 7.0], [3.0, 9.0], [8.0, 5.0]])
    prepare = build_preparation("impute", [piece("mean", 0, 1)]).fit(features)
    filled = features.copy()
    filled[1, 0] = 3.0
    expected = composed([piece("mean", 0, 1)], filled)
    np.testing.assert_array_equal(prepare.transform(features), expected)


def test_linear_models_are_scaled_after_composing() -> None:
    names = [name for name, _ in build_preparation("impute_scale", [piece("mean", 0)]).steps]
    assert names == ["impute", "compose", "scale"]


def test_without_a_composition_there_is_no_step_for_it() -> None:
    assert [name for name, _ in build_preparation("impute").steps] == ["impute"]


def test_scikit_learn_can_copy_it() -> None:
    pipeline = build_pipeline(MODELS["ridge"], {"C": 1.0}, 1, composition=[piece("mean", 0, 1)])
    assert repr(clone(pipeline)) == repr(pipeline)
