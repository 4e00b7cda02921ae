"""A quadratic with an L1 penalty: what both elastic nets come down to.

**Problem.** Over the first few coefficients b, for a Gram matrix G and a right-hand side r::

    minimise b'Gb / 2 - r'b + absolute ||b||_1 + squared / 2 ||b||_2^2

**Algorithm.** On the Gram matrix (the covariance updates of Friedman, Hastie & Tibshirani 2010),
by turns of two steps that never raise the objective: the minimum on the face, that is with the
signs of all coefficients kept, by LDL', going only as far as the first coefficient that would
change its sign, which is set to 0 (Lee, Battle, Raina & Ng 2007); once the whole step was taken, a
round of coordinate descent, which lets coefficients enter. Coordinate descent alone needs
thousands of rounds where there are more columns than patients and the penalty is weak; a face
takes one solution.

**Stopping rule.** The optimality conditions themselves, for every column: the slope of the smooth
part equals minus the penalty's where a coefficient is not 0, and does not exceed the L1 penalty
where it is, both to a tolerance that the caller gives. 300 faces that do not suffice, and
dependent columns in a solution without a squared penalty, which is not unique then, have not
converged.

**Cost.** ``k^3 / 6`` a face, for k coefficients that are not 0.

References
----------
Friedman J, Hastie T, Tibshirani R (2010) Regularization paths for generalized linear models via
coordinate descent. J Stat Softw 33(1). Lee H, Battle A, Raina R, Ng AY (2007) Efficient sparse
coding algorithms. NIPS 19:801-808.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats
from heldout.kernels.compiled import compiled

_Wholes = NDArray[np.int64]

# Of the optimality conditions, in the size of what they sum up.
TOLERANCE = 1e-13
_FACES = 300
# A pivot below this share of its diagonal entry is rounding: its column depends on others.
_DEPENDENT = 1e-12


class Penalty(NamedTuple):
    """What a candidate adds: absolute * ||b||_1 + squared / 2 * ||b||_2^2."""

    absolute: float
    squared: float


class Quadratic(NamedTuple):
    """A quadratic in the first few coefficients, with what its solution needs room for.

    The Gram matrix is without the penalty, the slopes are with the squared penalty.
    """

    gram: Floats
    coefficients: Floats
    slopes: Floats
    factor: Floats
    inverse: Floats
    step: Floats
    support: _Wholes


@compiled()
def new_quadratic(size: int) -> Quadratic:
    """Return room for a quadratic in at most so many coefficients, which are all 0."""
    return Quadratic(
        np.empty((size, size)),
        np.zeros(size),
        np.zeros(size),
        np.empty((size, size)),
        np.empty(size),
        np.empty(size),
        np.empty(size, dtype=np.int64),
    )


@compiled()
def _violation(coefficient: float, slope: float, absolute: float) -> float:
    """Return by how much one coefficient violates the conditions of a minimum."""
    if coefficient > 0.0:
        return abs(slope + absolute)
    if coefficient < 0.0:
        return abs(slope - absolute)
    return max(abs(slope) - absolute, 0.0)


@compiled()
def worst_violation(coefficients: Floats, slopes: Floats, count: int, absolute: float) -> float:
    """Return the largest violation among the first coefficients."""
    worst = 0.0
    for j in range(count):
        worst = max(worst, _violation(coefficients[j], slopes[j], absolute))
    return worst


@compiled()
def _shrink(value: float, absolute: float) -> float:
    """Return a number moved towards 0 by the L1 penalty, and not beyond."""
    if value > absolute:
        return value - absolute
    if value < -absolute:
        return value + absolute
    return 0.0


@compiled()
def _change(problem: Quadratic, count: int, j: int, step: float, squared: float) -> None:
    """Add a step to one coefficient and bring all slopes up to date."""
    gram, slopes = problem.gram, problem.slopes
    problem.coefficients[j] += step
    for i in range(count):
        slopes[i] += step * gram[j, i]
    slopes[j] += squared * step


@compiled()
def _sweep(problem: Quadratic, count: int, penalty: Penalty, tolerance: float) -> None:
    """Go once through the coefficients and minimise in each alone."""
    for j in range(count):
        old = problem.coefficients[j]
        curvature = problem.gram[j, j] + penalty.squared
        if old == 0.0 and abs(problem.slopes[j]) <= penalty.absolute + tolerance:
            continue
        if curvature > 0.0:
            new = _shrink(curvature * old - problem.slopes[j], penalty.absolute) / curvature
            _change(problem, count, j, new - old, penalty.squared)
            problem.coefficients[j] = new


@compiled()
def _gather_face(problem: Quadratic, count: int, penalty: Penalty) -> int:
    """Copy the coefficients that are not 0 and their part of the problem; return their number."""
    gram, support, factor = problem.gram, problem.support, problem.factor
    size = 0
    for j in range(count):
        value = problem.coefficients[j]
        if value != 0.0:
            sign = 1.0 if value > 0.0 else -1.0
            support[size] = j
            problem.step[size] = -problem.slopes[j] - sign * penalty.absolute
            size += 1
    for a in range(size):
        row = support[a]
        for b in range(a, size):
            factor[a, b] = gram[row, support[b]]
        factor[a, a] += penalty.squared
        problem.inverse[a] = _DEPENDENT * factor[a, a]
    return size


@compiled()
def _solve_face(problem: Quadratic, size: int) -> bool:
    """Turn the right-hand side into the step to the minimum on the face.

    Returns
    -------
    bool
        False if columns depend on others; their coefficients are left as they are.
    """
    factor, step, inverse = problem.factor, problem.step, problem.inverse
    independent = True
    # Row by row, so that the inner loop runs along memory and does not wait for itself.
    for c in range(size):
        pivot = factor[c, c]
        if pivot <= inverse[c]:
            independent = False
            inverse[c] = 0.0
            continue
        inverse[c] = 1.0 / pivot
        for a in range(c + 1, size):
            ratio = factor[c, a] * inverse[c]
            for b in range(a, size):
                factor[a, b] -= ratio * factor[c, b]
            step[a] -= ratio * step[c]
    for c in range(size - 1, -1, -1):
        rest = step[c]
        for a in range(c + 1, size):
            rest -= factor[c, a] * step[a]
        step[c] = rest * inverse[c]
    return independent


@compiled()
def _step_on_face(problem: Quadratic, count: int, penalty: Penalty) -> tuple[bool, bool]:
    """Go to the minimum on the face, or to the first coefficient that becomes 0 on the way.

    Returns
    -------
    stopped : bool
        Whether a coefficient became 0 on the way.
    independent : bool
        Whether no column of the face depends on others.
    """
    size = _gather_face(problem, count, penalty)
    independent = _solve_face(problem, size)
    coefficients, step, support = problem.coefficients, problem.step, problem.support
    part = 1.0
    first = -1
    if penalty.absolute > 0.0:
        for a in range(size):
            old = coefficients[support[a]]
            if old * (old + part * step[a]) < 0.0:
                part = -old / step[a]
                first = support[a]
    for a in range(size):
        _change(problem, count, support[a], part * step[a], penalty.squared)
    if first >= 0:
        coefficients[first] = 0.0
    return first >= 0, independent


@compiled()
def minimise(problem: Quadratic, count: int, penalty: Penalty, tolerance: float) -> bool:
    """Minimise a quadratic with its penalty, from the coefficients that it holds.

    Parameters
    ----------
    problem : Quadratic
        Its coefficients and slopes are written over.
    count : int
        How many coefficients it has.
    penalty : Penalty
    tolerance : float
        The largest violation that is let pass.

    Returns
    -------
    bool
        Whether the one minimum was reached.
    """
    for _ in range(_FACES):
        stopped, independent = _step_on_face(problem, count, penalty)
        if stopped:
            continue
        worst = worst_violation(problem.coefficients, problem.slopes, count, penalty.absolute)
        if independent and worst <= tolerance:
            return True
        _sweep(problem, count, penalty, tolerance)
    return False


@compiled()
def falling(absolute: Floats, squared: Floats) -> _Wholes:
    """Return the order of penalties: strongest L1 first, among equals strongest L2."""
    order = np.argsort(-squared, kind="mergesort")
    by_both: _Wholes = order[np.argsort(-absolute[order], kind="mergesort")]
    return by_both
