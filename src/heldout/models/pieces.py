"""Composites learnt inside a training set: constructs, principal components, factor scores.

Whatever the method, a composite is a linear map of standardised inputs, so that a fitted one
is three arrays: a bundle holds them as numbers, and no class of this package. Columns that are
not composed pass through to the last bit. Patient weights are not used, as in imputing and
scaling.

References
----------
Regression scores of factors: Thomson (1935), J Educ Psychol 26:241-246; uniquenesses are at
least .005, as in R's factanal.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from heldout.arrays import Floats, Piece

_LEAST_UNIQUENESS = 0.005
# Loadings and spreads closer than this are equal but for rounding.
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class _LinearMap:
    """What a piece has learnt: ``(inputs - mean) / sd @ weights``.

    `mean` and `sd` have shape (n_inputs,), `weights` (n_inputs, n_outputs).
    """

    mean: Floats
    sd: Floats
    weights: Floats

    def apply(self, inputs: Floats) -> Floats:
        """Return the composites of patients, shape (n_patients, n_outputs)."""
        # Added up input by input, so that a patient's composite is the same in any company.
        standardised = (inputs - self.mean) / self.sd
        return np.asarray((standardised[:, :, np.newaxis] * self.weights).sum(axis=1))


class Composition(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """The columns that models see, of columns without missing values.

    Parameters
    ----------
    pieces : sequence of Piece
        Of a `FeatureMatrix`.

    Attributes
    ----------
    maps_ : tuple of LinearMap or None
        For each piece what it has learnt; None for a column that is left as it is.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces

    def fit(self, features: Floats, answers: Any = None) -> Composition:
        """Learn every composite from training patients, shape (n_patients, n_columns)."""
        self.maps_ = tuple(
            None if piece.method == "as_is" else learn_map(piece, features[:, list(piece.inputs)])
            for piece in self.pieces
        )
        return self

    def transform(self, features: Floats) -> Floats:
        """Return what models see of patients, shape (n_patients, n_features)."""
        blocks = []
        for piece, learnt in zip(self.pieces, self.maps_, strict=True):
            inputs = features[:, list(piece.inputs)]
            blocks.append(inputs if learnt is None else learnt.apply(inputs))
        return np.hstack(blocks)


def learn_map(piece: Piece, inputs: Floats) -> _LinearMap:
    """Return what one composite learns from training patients.

    Parameters
    ----------
    piece : Piece
        Not ``as_is``.
    inputs : array of shape (n_patients, n_inputs)
        Without missing values. An input that does not differ counts nothing.

    Returns
    -------
    LinearMap
        Of components and factors the largest loading is positive, the first of equal ones.
    """
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0)
    still = spread <= _EQUAL * np.maximum(1.0, np.abs(mean))
    sd = np.where(still, 1.0, spread)
    standardised = np.where(still, 0.0, (inputs - mean) / sd)
    signs = np.array(piece.signs, dtype=np.float64)
    if piece.method == "mean":
        weights = (signs / len(signs))[:, np.newaxis]
    else:
        learn = _principal_axes if piece.method == "principal" else _factor_weights
        loadings, weights = learn(standardised * signs, piece.n)
        weights = weights * _orientation(loadings) * signs[:, np.newaxis]
    return _LinearMap(mean=mean, sd=sd, weights=np.where(still[:, np.newaxis], 0.0, weights))


def _orientation(loadings: Floats) -> Floats:
    """Return 1 or -1 a column, so that its largest loading becomes positive."""
    sizes = np.abs(loadings)
    first = (sizes >= sizes.max(axis=0) - _EQUAL).argmax(axis=0)
    return np.where(loadings[first, np.arange(loadings.shape[1])] < 0, -1.0, 1.0)


def _principal_axes(standardised: Floats, n: int) -> tuple[Floats, Floats]:
    """Return loadings and weights of the first components; 0 where there are fewer."""
    _, sizes, axes = np.linalg.svd(standardised, full_matrices=False)
    is_axis = sizes[:n] > _EQUAL * max(1.0, float(sizes[0]))
    weights = np.zeros((standardised.shape[1], n))
    weights[:, : len(is_axis)] = np.where(is_axis[:, np.newaxis], axes[: len(is_axis)], 0.0).T
    return weights, weights


def _factor_weights(standardised: Floats, n: int) -> tuple[Floats, Floats]:
    """Return loadings of maximum likelihood, unrotated, and weights of regression scores."""
    from sklearn.decomposition import FactorAnalysis
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # A factor that has not converged is used as it stands; the model is judged with it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        learnt = FactorAnalysis(n, tol=1e-6, max_iter=1000, svd_method="lapack").fit(standardised)
    loadings = learnt.components_.T
    scaled = loadings / np.maximum(learnt.noise_variance_, _LEAST_UNIQUENESS)[:, np.newaxis]
    weights = np.linalg.solve(np.eye(n) + loadings.T @ scaled, scaled.T).T
    return loadings, weights
