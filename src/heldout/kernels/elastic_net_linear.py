"""Elastic-net linear regression of numbers: exact minima for many candidates at once.

**Problem.** That of scikit-learn's ``ElasticNet(alpha, l1_ratio=r)`` on answers standardised by
their mean and standard deviation in the training set, both without weights, and with the weights
scaled to the mean 1::

    minimise over b and b0:
    1/(2n) sum_i w_i (y_i - m_i)^2 + alpha r ||b||_1 + alpha (1 - r)/2 ||b||_2^2

for patients i with features x_i, answers y_i, weights w_i and m_i = b0 + x_i'b. The intercept
bears no penalty; predictions are turned back into the unit of the answers.

**Algorithm.** The intercept is eliminated by weighted centring; one Gram matrix serves all
candidates, which `heldout.kernels.penalised_quadratic` minimises by falling strength of the L1
penalty, each from the solution of the one before. Sorted by l1_ratio first, neighbours would
differ by the whole range of alpha: 12 faces a candidate instead of 3 (n = 22, p = 30, 20
candidates).

**Stopping rule.** The optimality conditions of every column, to 1e-13 of the longest column or
answer.

**Cost.** ``n p^2 / 2`` once; each candidate some two to four faces.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from heldout.arrays import Floats
from heldout.kernels.compiled import PATH, compiled
from heldout.kernels.penalised_quadratic import (
    TOLERANCE,
    Penalty,
    Quadratic,
    falling,
    minimise,
    new_quadratic,
)
from heldout.kernels.products import predict, row_products
from heldout.kernels.ridge_linear import centre


class _Standardised(NamedTuple):
    """The right-hand side of a linear problem, X'Wy/n about the means, and what turns it back."""

    right: Floats
    feature_means: Floats
    weighted_mean: float
    mean: float
    deviation: float


@compiled()
def _standardise(
    train: Floats, answers: Floats, weights: Floats, problem: Quadratic
) -> _Standardised:
    """Return the linear problem about its means, the answers in standard deviations.

    Parameters
    ----------
    train : ndarray of shape (n_train, p)
    answers, weights : ndarray of shape (n_train,)
    problem : Quadratic
        Its Gram matrix is written over, by X'WX/n about the means.

    Returns
    -------
    Standardised
        Where the answers are constant the deviation is 0, or their rounding.
    """
    count, size = train.shape
    mean = (answers / count).sum()
    apart = answers - mean
    deviation = np.sqrt((apart * apart / count).sum())
    units = apart / deviation if deviation > 0.0 else np.zeros(count)
    centred = centre(train, units, weights)
    total = weights.sum()
    right = np.zeros(size)
    for i in range(count):
        for j in range(size):
            right[j] += centred.features[i, j] * centred.answers[i] / total
    row_products(np.ascontiguousarray(centred.features.T), size, problem.gram)
    problem.gram[:] = problem.gram / total
    return _Standardised(right, centred.feature_means, centred.answer_mean, mean, deviation)


@compiled()
def _settle(linear: _Standardised, problem: Quadratic, penalty: Penalty) -> bool:
    """Minimise the penalised squares from the coefficients that are there; return whether done."""
    size = linear.right.size
    longest = 1.0
    for j in range(size):
        longest = max(longest, np.sqrt(problem.gram[j, j]))
        problem.slopes[j] = penalty.squared * problem.coefficients[j] - linear.right[j]
    for k in range(size):
        value = problem.coefficients[k]
        if value != 0.0:
            for j in range(size):
                problem.slopes[j] += value * problem.gram[k, j]
    return minimise(problem, size, penalty, TOLERANCE * longest)


@compiled()
def _turn_back(linear: _Standardised, standard: Floats, coefficients: Floats) -> float:
    """Write the coefficients in the unit of the answers; return the intercept."""
    intercept = linear.mean + linear.deviation * linear.weighted_mean
    for j in range(standard.size):
        coefficients[j] = linear.deviation * standard[j]
        intercept -= coefficients[j] * linear.feature_means[j]
    return intercept


@compiled(PATH)
def elastic_net_linear_path(
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
    seed: int,
) -> tuple[Floats, Floats]:
    """Fit an elastic-net linear regression for each candidate.

    Parameters
    ----------
    train : ndarray of shape (n_train, p)
    answers : ndarray of shape (n_train,)
        Numbers.
    weights : ndarray of shape (n_train,)
        Positive.
    candidates : ndarray of shape (n_candidates, 2)
        ``alpha`` and ``l1_ratio``.
    test : ndarray of shape (n_test, p)
    seed : int
        Not used: no chance is at work.

    Returns
    -------
    margins : ndarray of shape (n_candidates, n_test)
        Predicted numbers.
    converged : ndarray of shape (n_candidates,)
    """
    margins = np.zeros((candidates.shape[0], test.shape[0]))
    converged = np.zeros(candidates.shape[0])
    problem = new_quadratic(train.shape[1])
    linear = _standardise(train, answers, weights, problem)
    coefficients = np.empty(train.shape[1])
    absolute = candidates[:, 0] * candidates[:, 1]
    squared = candidates[:, 0] * (1.0 - candidates[:, 1])
    for c in falling(absolute, squared):
        done = _settle(linear, problem, Penalty(absolute[c], squared[c]))
        intercept = _turn_back(linear, problem.coefficients, coefficients)
        finite = predict(test, coefficients, intercept, margins[c])
        if done and finite:
            converged[c] = 1.0
        else:
            # Nothing to set out from.
            problem.coefficients[:] = 0.0
    return margins, converged
