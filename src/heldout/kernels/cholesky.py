"""Cholesky's factorisation, written out, and what is solved by it.

As all sums of kernels these run in one order, so that they are the same on every machine.
"""

from __future__ import annotations

import numpy as np

from heldout.arrays import Floats
from heldout.kernels.compiled import compiled


@compiled()
def factorise(matrix: Floats) -> None:
    """Replace the upper triangle of a positive definite matrix by its Cholesky factor R, R'R.

    Parameters
    ----------
    matrix : array of shape (m, m)
        Only its upper triangle is looked at.
    """
    m = len(matrix)
    for k in range(m):
        row = matrix[k]
        inverse = 1.0 / np.sqrt(row[k])
        for j in range(k, m):
            row[j] *= inverse
        for i in range(k + 1, m):
            # Slices that begin at 0 let the compiler do several entries at a time.
            target, source, factor = matrix[i, i:], row[i:], row[i]
            for j in range(m - i):
                target[j] -= factor * source[j]


@compiled()
def solve_transposed(factor: Floats, values: Floats) -> None:
    """Replace values by the solution of R'x = values.

    Parameters
    ----------
    factor : array of shape (m, m)
        By `factorise`.
    values : array of shape (m,)
    """
    m = len(values)
    for k in range(m):
        values[k] /= factor[k, k]
        target, source, value = values[k + 1 :], factor[k, k + 1 :], values[k]
        for j in range(m - k - 1):
            target[j] -= value * source[j]


@compiled()
def solve_factorised(factor: Floats, values: Floats) -> None:
    """Replace values by the solution of R'R x = values.

    Parameters
    ----------
    factor : array of shape (m, m)
        By `factorise`.
    values : array of shape (m,)
    """
    solve_transposed(factor, values)
    m = len(values)
    for k in range(m - 1, -1, -1):
        total = values[k]
        for j in range(k + 1, m):
            total -= factor[k, j] * values[j]
        values[k] = total / factor[k, k]
