"""Ridge regression of numbers: every penalty from one tridiagonal factorisation.

The problem is that of scikit-learn's ``Ridge(alpha)`` with weights of patients, for patients i
with features x_i, answers y_i and weights w_i:

    minimise over b and b0:  sum_i w_i (y_i - b0 - x_i'b)^2 + alpha * ||b||_2^2.

The intercept b0 bears no penalty, so that features and answers may be centred by their weighted
means; every patient is then multiplied by the root of the weight, which leaves A (n x p) and r.
With fewer features than patients, b = (A'A + alpha I)^-1 A'r; otherwise b = A'(AA' + alpha I)^-1 r,
which is the same b from a matrix of the smaller size k = min(n, p) (Saunders, Gammerman & Vovk
1998).

Algorithm. Householder reflections turn the Gram matrix into a tridiagonal one, G = QTQ', once;
Q also turns the right-hand side and what the patients left out are multiplied with. A penalty only
adds alpha to the diagonal of T, so that each candidate costs one tridiagonal solution of k steps
and no further factorisation (Elden 1977). Eigenvalues would serve as well, but the iteration that
finds them costs several times as much as what is done here. T + alpha I is positive definite and
is solved by LDL' without pivots, which is stable for such matrices (Higham 2002, section 9.6).

Stopping rule. None: the solution is direct. A candidate is declined, with converged = 0 and the
weighted mean as its prediction, if a pivot is not larger than the rounding of the Gram matrix,
which takes alpha = 0 (or nearly so) and dependent columns.

Cost. n p k for the Gram matrix, 4/3 k^3 for the factorisation, n_test p k for the products with
those who were left out; then n_test k for each candidate.

References
----------
Elden L (1977) Algorithms for the regularization of ill-conditioned least squares problems. BIT
17:134-145. Golub GH, Van Loan CF (2013) Matrix Computations, 4th ed., section 8.3.1. Higham NJ
(2002) Accuracy and Stability of Numerical Algorithms, 2nd ed. Saunders C, Gammerman A, Vovk V
(1998) Ridge regression learning algorithm in dual variables. ICML 515-521.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from heldout.arrays import Floats
from heldout.kernels.compiled import PATH, compiled
from heldout.kernels.products import inner_products, predict, row_products

# A pivot below this share of the largest entry of the Gram matrix is rounding.
_ROUNDING = 1e-12
# Squares below this lose digits, so that a reflection made of them would not be one.
_NEGLIGIBLE = 1e-290


class _Centred(NamedTuple):
    """A training set about its weighted means, multiplied by the roots of the weights."""

    features: Floats
    answers: Floats
    feature_means: Floats
    answer_mean: float


class _Tridiagonal(NamedTuple):
    """A symmetric matrix as QTQ': the diagonals of T, and the reflections whose product is Q."""

    diagonal: Floats
    beside: Floats
    reflections: Floats


@compiled()
def centre(train: Floats, answers: Floats, weights: Floats) -> _Centred:
    """Return the training set about its weighted means, patients times the root of the weight.

    Parameters
    ----------
    train : ndarray of shape (n_train, p)
    answers, weights : ndarray of shape (n_train,)

    Returns
    -------
    Centred
    """
    count, size = train.shape
    means, total = np.zeros(size), weights.sum()
    for i in range(count):
        for j in range(size):
            means[j] += weights[i] * train[i, j]
    means = means / total
    answer_mean = (weights * answers).sum() / total
    roots = np.sqrt(weights)
    features = np.empty((count, size))
    for i in range(count):
        for j in range(size):
            features[i, j] = roots[i] * (train[i, j] - means[j])
    return _Centred(features, roots * (answers - answer_mean), means, answer_mean)


@compiled()
def _tridiagonalise(matrix: Floats) -> _Tridiagonal:
    """Return a symmetric matrix as QTQ' by Householder reflections.

    Parameters
    ----------
    matrix : ndarray of shape (k, k)
        Written over: what is left in its rows are the reflections.

    Returns
    -------
    Tridiagonal
        Reflection c is I - vv' with v in row c, from entry c + 1 on.
    """
    size = matrix.shape[0]
    diagonal = np.zeros(size)
    beside = np.zeros(size)
    image = np.empty(size)
    for c in range(size):
        diagonal[c] = matrix[c, c]
        if c + 1 < size:
            beside[c] = _mirror(matrix, c)
            _reflect(matrix, c, image)
    return _Tridiagonal(diagonal, beside, matrix)


@compiled()
def _mirror(matrix: Floats, c: int) -> float:
    """Write v over row c, so that I - vv' clears the row beyond the entry beside the diagonal.

    Returns
    -------
    float
        What that entry becomes.
    """
    size = matrix.shape[0]
    squares = 0.0
    for j in range(c + 2, size):
        squares += matrix[c, j] * matrix[c, j]
    head: float = matrix[c, c + 1]
    if squares <= _NEGLIGIBLE:
        matrix[c, c + 1] = 0.0
        for j in range(c + 2, size):
            matrix[c, j] = 0.0
        return head
    norm: float = np.sqrt(head * head + squares)
    # The sign that adds: the other would cancel.
    other = -norm if head > 0.0 else norm
    scale = 1.0 / np.sqrt(norm * (norm + abs(head)))
    matrix[c, c + 1] = (head - other) * scale
    for j in range(c + 2, size):
        matrix[c, j] *= scale
    return other


@compiled()
def _reflect(matrix: Floats, c: int, image: Floats) -> None:
    """Reflect the square beyond row c from both sides, by the v that is in row c.

    Parameters
    ----------
    matrix : ndarray of shape (k, k)
        Its square beyond row c is written over.
    c : int
    image : ndarray of shape (k,)
        Written over.
    """
    size = matrix.shape[0]
    for j in range(c + 1, size):
        image[j] = 0.0
    for i in range(c + 1, size):
        factor = matrix[c, i]
        for j in range(c + 1, size):
            image[j] += factor * matrix[i, j]
    half = 0.0
    for j in range(c + 1, size):
        half += 0.5 * image[j] * matrix[c, j]
    for j in range(c + 1, size):
        image[j] -= half * matrix[c, j]
    for i in range(c + 1, size):
        ours, its = matrix[c, i], image[i]
        for j in range(c + 1, size):
            matrix[i, j] -= ours * image[j] + its * matrix[c, j]


@compiled()
def _turn(reflections: Floats, vector: Floats) -> None:
    """Multiply a vector by Q'.

    Parameters
    ----------
    reflections : ndarray of shape (k, k)
        Of `_Tridiagonal`.
    vector : ndarray of shape (k,)
        Written over.
    """
    size = vector.size
    for c in range(size - 1):
        product = 0.0
        for j in range(c + 1, size):
            product += reflections[c, j] * vector[j]
        for j in range(c + 1, size):
            vector[j] -= product * reflections[c, j]


@compiled()
def _solve(tridiagonal: _Tridiagonal, alpha: float, right: Floats, solution: Floats) -> bool:
    """Solve (T + alpha I) x = right by LDL'.

    Parameters
    ----------
    tridiagonal : Tridiagonal
    alpha : float
    right : ndarray of shape (k,)
    solution : ndarray of shape (2, k)
        Written over; x is its first row.

    Returns
    -------
    bool
        False if a pivot is mere rounding; x is of no use then.
    """
    size = right.size
    largest = 0.0
    for c in range(size):
        largest = max(largest, abs(tridiagonal.diagonal[c]))
    # What eliminates the entry beside the diagonal, and what it leaves of the right-hand side.
    ratio, before = 0.0, 0.0
    for c in range(size):
        above = tridiagonal.beside[c - 1] if c > 0 else 0.0
        pivot = tridiagonal.diagonal[c] + alpha - ratio * above
        if not pivot > _ROUNDING * largest:
            return False
        before = right[c] - ratio * before
        ratio = tridiagonal.beside[c] / pivot
        solution[0, c] = before / pivot
        solution[1, c] = ratio
    for c in range(size - 2, -1, -1):
        solution[0, c] -= solution[1, c] * solution[0, c + 1]
    return True


@compiled()
def _factorise(centred: _Centred, directions: Floats) -> tuple[_Tridiagonal, Floats, Floats]:
    """Turn the Gram matrix tridiagonal, in the smaller of patients and features.

    Parameters
    ----------
    centred : Centred
    directions : ndarray of shape (m, p)
        What the coefficients are to be multiplied with.

    Returns
    -------
    tridiagonal : Tridiagonal
    right : ndarray of shape (k,)
        The right-hand side, turned.
    turned : ndarray of shape (m, k)
        The directions, turned: their product with (T + alpha I)^-1 right is that with b.
    """
    count, size = centred.features.shape
    if count < size:
        rows = centred.features
        right = centred.answers.copy()
        turned = np.empty((directions.shape[0], count))
        inner_products(directions, rows, turned)
    else:
        rows = np.ascontiguousarray(centred.features.T)
        turned = directions.copy()
        right = np.zeros(size)
        for i in range(count):
            for j in range(size):
                right[j] += centred.features[i, j] * centred.answers[i]
    gram = np.empty((right.size, right.size))
    row_products(rows, right.size, gram)
    tridiagonal = _tridiagonalise(gram)
    _turn(tridiagonal.reflections, right)
    for d in range(turned.shape[0]):
        _turn(tridiagonal.reflections, turned[d])
    return tridiagonal, right, turned


@compiled(PATH)
def ridge_linear_path(
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
    seed: int,
) -> tuple[Floats, Floats]:
    """Fit a ridge regression of numbers for each candidate.

    Parameters
    ----------
    train : ndarray of shape (n_train, p)
    answers : ndarray of shape (n_train,)
        Numbers.
    weights : ndarray of shape (n_train,)
        Positive.
    candidates : ndarray of shape (n_candidates, 1)
        ``alpha``.
    test : ndarray of shape (n_test, p)
    seed : int
        Not used: no chance is at work.

    Returns
    -------
    margins : ndarray of shape (n_candidates, n_test)
        Predicted numbers.
    converged : ndarray of shape (n_candidates,)
        0 where the matrix is singular, or numbers overflow; there the weighted mean is predicted.
    """
    centred = centre(train, answers, weights)
    tridiagonal, right, turned = _factorise(centred, test - centred.feature_means)
    solution = np.empty((2, right.size))
    margins = np.full((candidates.shape[0], test.shape[0]), centred.answer_mean)
    converged = np.zeros(candidates.shape[0])
    for c in range(candidates.shape[0]):
        if _solve(tridiagonal, candidates[c, 0], right, solution):
            finite = predict(turned, solution[0], centred.answer_mean, margins[c])
            converged[c] = 1.0 if finite else 0.0
    return margins, converged
