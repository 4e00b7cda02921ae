"""The dual of a support-vector machine, for any kernel matrix: what both machines come down to.

The problem, the algorithm, its precision and its stopping rule are those of
`heldout.kernels.support_vector`, whose module says them in full.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats
from heldout.kernels.compiled import compiled

# The violation at which pairs give way to Newton's steps; slacks are -1 and 1 at first.
_COARSE = 0.3
# The violation at which a fit has converged.
_TIGHT = 1e-11
# What rounding leaves of a violation, relative to the sum of |d_i| and the largest K_ii.
_ROUNDING = 1e-15
# The least curvature of a pair, as libsvm's TAU.
_LEAST_CURVATURE = 1e-12
# A curvature that is 0 but for rounding, relative to the largest K_ii.
_FLAT = 1e-13
# What single precision changes of a slack, relative to the same as ROUNDING.
_ON_MARGIN = 3e-8
# A variable this close to its limit, relative to their distance, is at the limit: otherwise the
# rounding of sum(d) = 0 could leave one variable free that is not, and decide the intercept.
_AT_LIMIT = 1e-13
_MOST_TURNS = 1000
_LATER_PAIRS = 4


class Machine(NamedTuple):
    """One dual problem with where its solution stands, and the work space of its solver.

    `exact` (n, n) is the kernel, `gram` the same in single precision; `signs` (n,) 1 or -1; `low`
    and `high` (n,) the limits of `dual` (n,); `slack` (n,) is ``signs - gram @ dual``. `free`
    (n,) numbers the variables off their limits, `square` (n, n) and `step` (n,) are Newton's.
    """

    exact: Floats
    gram: Floats
    signs: Floats
    low: Floats
    high: Floats
    dual: Floats
    slack: Floats
    free: NDArray[np.int64]
    square: Floats
    step: Floats


@compiled()
def two_classes(answers: Floats) -> bool:
    """Return whether both answers occur."""
    return bool(np.any(answers > 0.0) and not np.all(answers > 0.0))


@compiled()
def new_machine(answers: Floats) -> Machine:
    """Return a problem at ``dual = 0`` whose kernel and limits are still to be filled in."""
    n = answers.shape[0]
    return Machine(
        np.empty((n, n)),
        np.empty((n, n)),
        np.where(answers > 0.0, 1.0, -1.0),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n),
        np.empty(n),
        np.empty(n, np.int64),
        np.empty((n, n)),
        np.empty(n),
    )


@compiled()
def squared_distances(rows: Floats, columns: Floats, apart: Floats) -> None:
    """Fill in the squared distance of every row from every column's patient."""
    for i in range(rows.shape[0]):
        for j in range(columns.shape[0]):
            total = 0.0
            for k in range(rows.shape[1]):
                difference = rows[i, k] - columns[j, k]
                total += difference * difference
            apart[i, j] = total


@compiled()
def gaussian(apart: Floats, gamma: float, kernel: Floats) -> None:
    """Fill in ``exp(-gamma * squared distance)``."""
    for i in range(apart.shape[0]):
        for j in range(apart.shape[1]):
            kernel[i, j] = np.exp(-gamma * apart[i, j])


@compiled()
def gaussian_gram(apart: Floats, gamma: float, kernel: Floats) -> None:
    """Fill in the same between training patients, half of the exponentials."""
    for i in range(apart.shape[0]):
        kernel[i, i] = 1.0
        for j in range(i):
            kernel[i, j] = np.exp(-gamma * apart[i, j])
            kernel[j, i] = kernel[i, j]


@compiled()
def round_to_single(machine: Machine) -> None:
    """Fill in the kernel between training patients as libsvm keeps it, in single precision."""
    exact, gram = machine.exact, machine.gram
    for i in range(exact.shape[0]):
        for j in range(exact.shape[1]):
            gram[i, j] = np.float64(np.float32(exact[i, j]))


@compiled()
def _move(machine: Machine, i: int, length: float) -> None:
    """Move one variable, onto its limit where it comes that close."""
    low, high = machine.low[i], machine.high[i]
    value = machine.dual[i] + length
    close = _AT_LIMIT * (high - low)
    if value > high - close:
        value = high
    elif value < low + close:
        value = low
    machine.dual[i] = value


@compiled()
def balance(machine: Machine) -> None:
    """Take what rounding has made of the sum, which is 0, off the variable with the most room."""
    total, most, place = 0.0, 0.0, -1
    for i in range(machine.dual.shape[0]):
        value = machine.dual[i]
        total += value
        room = min(value - machine.low[i], machine.high[i] - value)
        if room > most:
            most, place = room, i
    if place >= 0:
        _move(machine, place, -total)


@compiled()
def set_limits(machine: Machine, weights: Floats, penalty: float, before: float) -> None:
    """Set the limits of a penalty and bring the solution of the one before within them.

    Where some variable was at a limit, all are scaled with the penalty: the limits stay where they
    are in proportion and the sum stays 0. Where none was, the solution is already the next one's.
    """
    limited = False
    for i in range(weights.shape[0]):
        value = machine.dual[i]
        limited |= value != 0.0 and (value == machine.low[i] or value == machine.high[i])
    ratio = penalty / before if limited else 1.0
    for i in range(weights.shape[0]):
        limit = penalty * weights[i]
        machine.low[i] = 0.0 if machine.signs[i] > 0.0 else -limit
        machine.high[i] = limit if machine.signs[i] > 0.0 else 0.0
        machine.dual[i] *= ratio
        _move(machine, i, 0.0)
    balance(machine)


@compiled()
def _tolerance_at(size: float) -> float:
    """Return the violation that is not distinguishable from 0, for slacks of that size."""
    return max(_TIGHT, _ROUNDING * size)


@compiled()
def _find_slack(machine: Machine) -> float:
    """Compute the slack afresh; return the size of what it is the sum of."""
    gram, dual, slack = machine.gram, machine.dual, machine.slack
    size, largest = 0.0, 0.0
    slack[:] = machine.signs
    for j in range(dual.shape[0]):
        value = dual[j]
        largest = max(largest, gram[j, j])
        if value != 0.0:
            size += abs(value)
            for i in range(slack.shape[0]):
                slack[i] -= value * gram[j, i]
    return size * largest


@compiled()
def _pair_curvature(gram: Floats, up: int, down: int) -> float:
    """Return the curvature of the objective where one variable rises as another falls."""
    curvature = gram[up, up] + gram[down, down] - 2.0 * gram[up, down]
    return curvature if curvature > 0.0 else _LEAST_CURVATURE


@compiled()
def _choose_pair(machine: Machine) -> tuple[int, int, float]:
    """Return the variable to raise, the one to lower, and the violation.

    The first has the largest slack of those that may rise; the second promises the largest fall
    of the objective with it, of those that may fall and have less slack; -1 where there is none.
    """
    gram, slack, dual = machine.gram, machine.slack, machine.dual
    up, down = -1, -1
    highest, lowest, most = -np.inf, np.inf, -1.0
    for i in range(slack.shape[0]):
        if dual[i] < machine.high[i] and slack[i] > highest:
            highest = slack[i]
            up = i
    if up < 0:
        return up, down, np.nan
    for i in range(slack.shape[0]):
        if dual[i] > machine.low[i] and slack[i] < highest:
            lowest = min(lowest, slack[i])
            fall = (highest - slack[i]) * (highest - slack[i]) / _pair_curvature(gram, up, i)
            if fall > most:
                most = fall
                down = i
    return up, down, max(0.0, highest - lowest)


@compiled()
def _descend(machine: Machine, enough: float, most: int) -> float:
    """Move pairs of variables until the violation is `enough`, at most so many; return it."""
    gram, slack, dual = machine.gram, machine.slack, machine.dual
    for _ in range(most):
        up, down, violation = _choose_pair(machine)
        if down < 0 or violation <= enough:
            return violation
        length = (slack[up] - slack[down]) / _pair_curvature(gram, up, down)
        length = min(length, machine.high[up] - dual[up], dual[down] - machine.low[down])
        _move(machine, up, length)
        _move(machine, down, -length)
        for i in range(slack.shape[0]):
            slack[i] -= length * (gram[up, i] - gram[down, i])
    return _choose_pair(machine)[2]


@compiled()
def _substitute(square: Floats, step: Floats, n: int, column: int) -> None:
    """Solve the first n eliminated equations backwards, with a column as their right side."""
    for k in range(n - 1, -1, -1):
        value = square[k, column]
        for b in range(k + 1, n):
            value -= square[k, b] * step[b]
        step[k] = value / square[k, k]


@compiled()
def _find_flat_direction(square: Floats, step: Floats, k: int, last: int) -> float:
    """Fill in the way down along which variable k, with those before it, meets no curvature.

    Returns
    -------
    float
        How far down it leads: inf where the curvature is not positive.
    """
    slope, curvature = square[k, last], square[k, k]
    sign = 1.0 if slope > 0.0 else -1.0
    for a in range(k):
        square[a, last] = -sign * square[a, k]
    _substitute(square, step, k, last)
    step[k] = sign
    step[k + 1 : last] = 0.0
    step[last] = -np.sum(step[: k + 1])
    longest: float = abs(slope) / curvature if curvature > 0.0 else np.inf
    return longest


@compiled()
def _fill_square(machine: Machine, n_free: int) -> float:
    """Fill in the problem of Newton's step of the free variables; return what counts as flat.

    The last free variable balances the others, so that the sum stays: the others' curvature is
    ``K_ij - K_ir - K_rj + K_rr`` and their slope the slack less the last one's. `square` holds
    the upper triangle of the first, and the second as one more column.
    """
    gram, slack, free, square = machine.gram, machine.slack, machine.free, machine.square
    last = n_free - 1
    r = free[last]
    largest: float = gram[r, r]
    for a in range(last):
        i = free[a]
        largest = max(largest, gram[i, i])
        for b in range(a, last):
            j = free[b]
            square[a, b] = (gram[i, j] - gram[r, j]) + (gram[r, r] - gram[i, r])
        square[a, last] = slack[i] - slack[r]
    return _FLAT * largest


@compiled()
def _eliminate_one(square: Floats, k: int, last: int) -> None:
    """Eliminate variable k from the equations after it."""
    for a in range(k + 1, last):
        factor = square[k, a] / square[k, k]
        for b in range(a, last + 1):
            square[a, b] -= factor * square[k, b]


@compiled()
def _eliminate(square: Floats, last: int, flat: float, tolerance: float) -> int:
    """Eliminate until there is a way down without curvature; return its place, or `last`.

    That is a variable of negative curvature, or of none but with a slope. One of neither is left
    where it is.
    """
    for k in range(last):
        if square[k, k] <= flat:
            if square[k, k] < -flat or abs(square[k, last]) > tolerance:
                return k
            square[k, k] = np.inf
        _eliminate_one(square, k, last)
    return last


@compiled()
def _is_convex(square: Floats, last: int, flat: float) -> bool:
    """Return whether all curvature is positive; eliminates until it is not."""
    for k in range(last):
        if square[k, k] <= flat:
            return False
        _eliminate_one(square, k, last)
    return True


@compiled()
def _find_step(machine: Machine, n_free: int, tolerance: float) -> float:
    """Fill in Newton's step of the free variables, or a direction without curvature.

    Returns
    -------
    float
        How much of it leads to the minimum along it: 1 for Newton's step, otherwise maybe inf.
    """
    square, step = machine.square, machine.step
    last = n_free - 1
    flat = _fill_square(machine, n_free)
    place = _eliminate(square, last, flat, tolerance)
    if place < last:
        return _find_flat_direction(square, step, place, last)
    _substitute(square, step, last, last)
    step[last] = -np.sum(step[:last])
    return 1.0


@compiled()
def _refine(machine: Machine, size: float) -> tuple[bool, float]:
    """Take Newton's step of the free variables, to the first limit that one of them meets.

    Returns
    -------
    whole : bool
        Whether the free variables are now at their minimum: no limit was in the way.
    size : float
        Of what the slacks are the sum of, as the argument.
    """
    dual, free, step = machine.dual, machine.free, machine.step
    n_free = 0
    for i in range(dual.shape[0]):
        if machine.low[i] < dual[i] < machine.high[i]:
            free[n_free] = i
            n_free += 1
    if n_free < 2:
        return True, size
    longest = _find_step(machine, n_free, _tolerance_at(size))
    length, first = longest, -1
    for a in range(n_free):
        i = free[a]
        if step[a] != 0.0:
            limit = machine.high[i] if step[a] > 0.0 else machine.low[i]
            room = (limit - dual[i]) / step[a]
            if room < length:
                length, first = room, a
    for a in range(n_free):
        _move(machine, free[a], length * step[a])
    if first >= 0:
        i = free[first]
        dual[i] = machine.high[i] if step[first] > 0.0 else machine.low[i]
    balance(machine)
    return first < 0 and longest == 1.0, _find_slack(machine)


@compiled()
def _minimise(machine: Machine) -> tuple[bool, float]:
    """Minimise from where the dual variables stand; return whether it converged, and the size."""
    n = machine.dual.shape[0]
    size = _find_slack(machine)
    violation = _descend(machine, max(_COARSE, _tolerance_at(size)), 2 * n)
    for _ in range(_MOST_TURNS):
        if violation <= _tolerance_at(size):
            # Once more, because pairs have only brought the slacks up to date.
            size = _find_slack(machine)
            violation = _choose_pair(machine)[2]
        # A violation that is no number has not converged, nor will it.
        if not violation > _tolerance_at(size):
            return violation <= _tolerance_at(size), size
        for _ in range(2 * n):
            whole, size = _refine(machine, size)
            if whole:
                break
        violation = _descend(machine, _tolerance_at(size), _LATER_PAIRS)
    return False, size


@compiled()
def find_intercept(machine: Machine) -> float:
    """Return the mean slack of the free variables or, without any, the middle of what is left."""
    slack, dual = machine.slack, machine.dual
    total, n_free = 0.0, 0
    highest, lowest = -np.inf, np.inf
    for i in range(slack.shape[0]):
        may_rise, may_fall = dual[i] < machine.high[i], dual[i] > machine.low[i]
        if may_rise:
            highest = max(highest, slack[i])
        if may_fall:
            lowest = min(lowest, slack[i])
        if may_rise and may_fall:
            total += slack[i]
            n_free += 1
    return total / n_free if n_free > 0 else (highest + lowest) / 2.0


@compiled()
def _is_repeated(exact: Floats, i: int, chosen: NDArray[np.int64], n_chosen: int) -> bool:
    """Return whether a patient has the same features as one of those chosen."""
    for a in range(n_chosen):
        j = chosen[a]
        if (exact[i, i] - exact[i, j]) + (exact[j, j] - exact[i, j]) == 0.0:
            return True
    return False


@compiled()
def _is_determined(machine: Machine, size: float) -> bool:
    """Return whether single precision leaves only one solution.

    It does where all patients on the margin, free or not, have positive curvature together. Of
    patients with the same features one counts; the others' kernel is the same in any precision.
    """
    at = find_intercept(machine)
    width = _tolerance_at(size) + _ON_MARGIN * size
    free, count = machine.free, 0
    for i in range(machine.slack.shape[0]):
        on_margin = abs(machine.slack[i] - at) <= width
        if on_margin and not _is_repeated(machine.exact, i, free, count):
            free[count] = i
            count += 1
    if count < 2:
        return True
    flat = _fill_square(machine, count)
    return _is_convex(machine.square, count - 1, flat)


@compiled()
def solve(machine: Machine) -> bool:
    """Solve the dual problem from where it stands; return whether it converged."""
    converged, size = _minimise(machine)
    if not (converged and _is_determined(machine, size)):
        machine.gram[:] = machine.exact
        converged, _ = _minimise(machine)
        round_to_single(machine)
    return converged
