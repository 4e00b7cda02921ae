"""Products of patients and coefficients, written out: what several kernels are made of.

Sums run along a patient's features in their order, one entry at a time, so that they are the same
to the last bit on every machine; a library's products are not, and cost more at these sizes.
"""

from __future__ import annotations

import numpy as np

from heldout.arrays import Floats
from heldout.kernels.compiled import compiled


@compiled()
def row_products(rows: Floats, count: int, products: Floats) -> None:
    """Write the inner products of the first rows of a matrix.

    Parameters
    ----------
    rows : ndarray of shape (at least count, length)
    count : int
        How many rows count.
    products : ndarray of shape (at least count, at least count)
        Its first ``count`` rows and columns are written over.
    """
    length = rows.shape[1]
    for a in range(count):
        b = a
        # Four sums at a time, because each addition waits for the one before it.
        while b + 4 <= count:
            first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
            for i in range(length):
                factor = rows[a, i]
                first += factor * rows[b, i]
                second += factor * rows[b + 1, i]
                third += factor * rows[b + 2, i]
                fourth += factor * rows[b + 3, i]
            products[a, b] = first
            products[a, b + 1] = second
            products[a, b + 2] = third
            products[a, b + 3] = fourth
            b += 4
        while b < count:
            first = 0.0
            for i in range(length):
                first += rows[a, i] * rows[b, i]
            products[a, b] = first
            b += 1
    for a in range(count):
        for b in range(a):
            products[a, b] = products[b, a]


@compiled()
def inner_products(rows: Floats, columns: Floats, products: Floats) -> None:
    """Fill in the inner product of every row with every column's patient."""
    for i in range(rows.shape[0]):
        for j in range(columns.shape[0]):
            total = 0.0
            for k in range(rows.shape[1]):
                total += rows[i, k] * columns[j, k]
            products[i, j] = total


@compiled()
def predict(test: Floats, coefficients: Floats, intercept: float, margins: Floats) -> bool:
    """Write the margins of the patients who were left out; return whether all are finite."""
    finite = True
    for t in range(test.shape[0]):
        margin = intercept
        for j in range(coefficients.size):
            margin += test[t, j] * coefficients[j]
        if np.isfinite(margin):
            margins[t] = margin
        else:
            finite = False
    return finite
