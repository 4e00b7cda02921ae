"""Elastic-net logistic regression: exact minima for many candidates at once.

**Problem.** That of scikit-learn's ``LogisticRegression(solver="saga", C=C, l1_ratio=r)`` with
weights of patients, for patients i with features x_i, answers y_i of 0 or 1, weights w_i and
margins m_i = b0 + x_i'b::

    minimise over b and b0:
    C * sum_i w_i (log(1 + exp(m_i)) - y_i m_i) + r ||b||_1 + (1 - r)/2 ||b||_2^2

It is divided by C here; the intercept bears no penalty. scikit-learn's saga misses this minimum in
two cases, where it is returned here. It judges convergence by the coefficients alone and stops
after the first round if they are all 0, the intercept still on its way (scikit-learn issue 13021);
and its step ignores the weights, so that weights beyond 1 can keep it from converging (issues
21305, 31536).

**Algorithm.** Proximal Newton steps (Lee, Sun & Saunders 2014): the quadratic is the log loss's
own expansion about the last coefficients, restricted to the columns whose coefficient is not 0 or
whose slope exceeds the penalty, the intercept eliminated by weighted centring; it is minimised by
`heldout.kernels.penalised_quadratic`. Steps are halved until the objective has fallen enough
(Armijo's rule), so that separated classes and large C converge too. Candidates are taken by
falling strength of the L1 penalty, each from the solution of the one before, so that few
coefficients enter or leave between neighbours.

**Stopping rule.** The optimality conditions of every column, to 1e-13 of the sum of weighted
absolute residuals. 100 Newton steps that do not suffice have not converged, nor has one class
only.

**Cost.** Each candidate some three steps of ``n p + n k^2 / 2 + k^3 / 6``, for k coefficients that
are not 0.

References
----------
Lee JD, Sun Y, Saunders MA (2014) Proximal Newton-type methods for minimizing composite functions.
SIAM J Optim 24:1420-1443.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats
from heldout.kernels.compiled import PATH, compiled
from heldout.kernels.penalised_quadratic import (
    TOLERANCE,
    Penalty,
    Quadratic,
    falling,
    minimise,
    new_quadratic,
    worst_violation,
)
from heldout.kernels.products import predict, row_products

_Wholes = NDArray[np.int64]

_NEWTON_STEPS = 100
_HALVINGS = 40
# What a step must fall by, as a share of what its slope promises.
_ARMIJO = 1e-4


class _Logistic(NamedTuple):
    """A training set of classes, its coefficients and margins, and room for a Newton step."""

    train: Floats
    answers: Floats
    weights: Floats
    coefficients: Floats
    slopes: Floats
    centres: Floats
    margins: Floats
    residuals: Floats
    curvatures: Floats
    moves: Floats
    columns: _Wholes
    rows: Floats


class _Sums(NamedTuple):
    """Sums over patients: of residuals (the intercept's slope), curvatures, |residuals|."""

    residual: float
    curvature: float
    size: float


@compiled()
def _new_logistic(train: Floats, answers: Floats, weights: Floats) -> _Logistic:
    """Return a logistic problem with no coefficient yet."""
    count, size = train.shape
    return _Logistic(
        train,
        answers,
        weights,
        np.zeros(size),
        np.zeros(size),
        np.zeros(size),
        np.zeros(count),
        np.zeros(count),
        np.zeros(count),
        np.zeros(count),
        np.empty(size, dtype=np.int64),
        np.empty((size, count)),
    )


@compiled()
def _start(fit: _Logistic) -> tuple[float, bool]:
    """Set all coefficients to 0; return the intercept, and whether both classes are there."""
    events = (fit.weights * fit.answers).sum()
    others = (fit.weights * (1.0 - fit.answers)).sum()
    both = events > 0.0 and others > 0.0
    intercept = np.log(events / others) if both else 0.0
    fit.coefficients[:] = 0.0
    fit.margins[:] = intercept
    return intercept, both


@compiled()
def _expand(fit: _Logistic, squared: float) -> _Sums:
    """Write residuals, curvatures and slopes at the margins; return the sums over patients."""
    slopes, centres, train = fit.slopes, fit.centres, fit.train
    total, total_curvature, size = 0.0, 0.0, 0.0
    for j in range(slopes.size):
        slopes[j] = squared * fit.coefficients[j]
        centres[j] = 0.0
    for i in range(fit.answers.size):
        # Neither probability is 1 minus the other: that would cancel where a margin is large.
        small = np.exp(-abs(fit.margins[i]))
        larger = 1.0 / (1.0 + small)
        smaller = small * larger
        event = fit.answers[i] > 0.5
        wrong = smaller if event == (fit.margins[i] >= 0.0) else larger
        residual = -fit.weights[i] * wrong if event else fit.weights[i] * wrong
        curvature = fit.weights[i] * smaller * larger
        fit.residuals[i] = residual
        fit.curvatures[i] = curvature
        total += residual
        total_curvature += curvature
        size += abs(residual)
        for j in range(slopes.size):
            slopes[j] += residual * train[i, j]
            centres[j] += curvature * train[i, j]
    return _Sums(total, total_curvature, size)


@compiled()
def _model(fit: _Logistic, problem: Quadratic, sums: _Sums, bound: float) -> int:
    """Write the quadratic of a Newton step in the columns that may move; return their number.

    Parameters
    ----------
    fit : Logistic
    problem : Quadratic
        Written over.
    sums : Sums
    bound : float
        The slope beyond which a coefficient of 0 may move.

    Returns
    -------
    int
    """
    train, rows, roots = fit.train, fit.rows, fit.moves
    for i in range(roots.size):
        roots[i] = np.sqrt(fit.curvatures[i])
    count = 0
    for j in range(fit.coefficients.size):
        middle = fit.centres[j] / sums.curvature
        slope = fit.slopes[j] - sums.residual * middle
        if fit.coefficients[j] != 0.0 or abs(slope) > bound:
            fit.columns[count] = j
            problem.coefficients[count] = fit.coefficients[j]
            problem.slopes[count] = slope
            for i in range(roots.size):
                rows[count, i] = roots[i] * (train[i, j] - middle)
            count += 1
    row_products(rows, count, problem.gram)
    return count


@compiled()
def _aim(
    fit: _Logistic, problem: Quadratic, count: int, sums: _Sums, penalty: Penalty
) -> tuple[float, float]:
    """Write the steps of coefficients and margins to the minimum of the quadratic.

    Returns
    -------
    rise : float
        The step of the intercept.
    promise : float
        The change of the objective that the slope promises, below 0.
    """
    moves, train, step = fit.moves, fit.train, problem.step
    rise = -sums.residual
    promise = 0.0
    for a in range(count):
        j = fit.columns[a]
        old = fit.coefficients[j]
        step[a] = problem.coefficients[a] - old
        rise -= fit.centres[j] * step[a]
        promise += fit.slopes[j] * step[a]
        promise += penalty.absolute * (abs(problem.coefficients[a]) - abs(old))
    rise /= sums.curvature
    for i in range(moves.size):
        move = rise
        for a in range(count):
            move += step[a] * train[i, fit.columns[a]]
        moves[i] = move
    return rise, promise + sums.residual * rise


@compiled()
def _loss_after(fit: _Logistic, part: float) -> float:
    """Return the weighted log loss after part of a step."""
    total = 0.0
    for i in range(fit.answers.size):
        margin = fit.margins[i] + part * fit.moves[i]
        wrong = -margin if fit.answers[i] > 0.5 else margin
        total += fit.weights[i] * (max(wrong, 0.0) + np.log1p(np.exp(-abs(wrong))))
    return total


@compiled()
def _choose_part(
    fit: _Logistic, problem: Quadratic, count: int, penalty: Penalty, promise: float
) -> float:
    """Return the part of the step, halved until the objective falls enough."""
    step = problem.step
    before = _loss_after(fit, 0.0)
    size = before
    for a in range(count):
        size += penalty.absolute * abs(fit.coefficients[fit.columns[a]])
    part = 1.0
    for _ in range(_HALVINGS):
        fall = before - _loss_after(fit, part)
        for a in range(count):
            old = fit.coefficients[fit.columns[a]]
            new = old + part * step[a]
            fall -= penalty.absolute * (abs(new) - abs(old))
            fall -= 0.5 * penalty.squared * (new - old) * (new + old)
        # At the minimum both sides are rounding, and the whole step is the best guess.
        if fall >= -_ARMIJO * part * promise - TOLERANCE * size:
            break
        part *= 0.5
    return part


@compiled()
def _newton_step(
    fit: _Logistic, problem: Quadratic, sums: _Sums, penalty: Penalty
) -> tuple[float, bool]:
    """Take one proximal Newton step.

    Parameters
    ----------
    fit : Logistic
        Its coefficients and margins are written over.
    problem : Quadratic
        Written over.
    sums : Sums
        From `_expand`.
    penalty : Penalty

    Returns
    -------
    rise : float
        The step of the intercept.
    unique : bool
        Whether the quadratic has but one minimum.
    """
    tolerance = TOLERANCE * sums.size
    count = _model(fit, problem, sums, penalty.absolute + tolerance)
    unique = minimise(problem, count, penalty, tolerance) or penalty.squared > 0.0
    rise, promise = _aim(fit, problem, count, sums, penalty)
    part = _choose_part(fit, problem, count, penalty, promise)
    for a in range(count):
        j = fit.columns[a]
        if part == 1.0:
            # As it is: what was set to 0 must be 0 and not nearly so.
            fit.coefficients[j] = problem.coefficients[a]
        else:
            fit.coefficients[j] += part * problem.step[a]
    for i in range(fit.margins.size):
        fit.margins[i] += part * fit.moves[i]
    return part * rise, unique


@compiled()
def _descend(
    fit: _Logistic, problem: Quadratic, intercept: float, penalty: Penalty
) -> tuple[float, bool]:
    """Minimise the penalised log loss, from the coefficients and the intercept that are there.

    Parameters
    ----------
    fit : Logistic
        Its coefficients and margins are written over.
    problem : Quadratic
        Written over.
    intercept : float
    penalty : Penalty

    Returns
    -------
    intercept : float
    converged : bool
    """
    unique = True
    for _ in range(_NEWTON_STEPS):
        sums = _expand(fit, penalty.squared)
        worst = worst_violation(fit.coefficients, fit.slopes, fit.slopes.size, penalty.absolute)
        if max(worst, abs(sums.residual)) <= TOLERANCE * sums.size:
            return intercept, unique
        if not sums.curvature > 0.0:
            break
        rise, unique = _newton_step(fit, problem, sums, penalty)
        intercept += rise
    return intercept, False


@compiled()
def elastic_net_logistic_fit(
    train: Floats, answers: Floats, weights: Floats, c: float, l1_ratio: float
) -> tuple[Floats, float, bool]:
    """Return the coefficients of one elastic-net logistic regression.

    Parameters
    ----------
    train : ndarray of shape (n_train, p)
    answers : ndarray of shape (n_train,)
        0 or 1.
    weights : ndarray of shape (n_train,)
    c : float
        scikit-learn's ``C``.
    l1_ratio : float

    Returns
    -------
    coefficients : ndarray of shape (p,)
    intercept : float
    converged : bool
        False if there is one class only; all numbers are 0 then.
    """
    fit = _new_logistic(train, answers, weights)
    intercept, converged = _start(fit)
    if converged:
        penalty = Penalty(l1_ratio / c, (1.0 - l1_ratio) / c)
        intercept, converged = _descend(fit, new_quadratic(train.shape[1]), intercept, penalty)
    return fit.coefficients, intercept, converged


@compiled(PATH)
def elastic_net_logistic_path(
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
    seed: int,
) -> tuple[Floats, Floats]:
    """Fit an elastic-net logistic regression for each candidate.

    Parameters
    ----------
    train : ndarray of shape (n_train, p)
    answers : ndarray of shape (n_train,)
        0 or 1.
    weights : ndarray of shape (n_train,)
        Positive.
    candidates : ndarray of shape (n_candidates, 2)
        ``C`` and ``l1_ratio``.
    test : ndarray of shape (n_test, p)
    seed : int
        Not used: no chance is at work.

    Returns
    -------
    margins : ndarray of shape (n_candidates, n_test)
        Log-odds; 0 if there is one class only.
    converged : ndarray of shape (n_candidates,)
    """
    margins = np.zeros((candidates.shape[0], test.shape[0]))
    converged = np.zeros(candidates.shape[0])
    fit = _new_logistic(train, answers, weights)
    problem = new_quadratic(train.shape[1])
    intercept, both = _start(fit)
    if not both:
        return margins, converged
    absolute = candidates[:, 1] / candidates[:, 0]
    squared = (1.0 - candidates[:, 1]) / candidates[:, 0]
    for c in falling(absolute, squared):
        intercept, done = _descend(fit, problem, intercept, Penalty(absolute[c], squared[c]))
        finite = predict(test, fit.coefficients, intercept, margins[c])
        if done and finite:
            converged[c] = 1.0
        else:
            # Nothing to set out from.
            intercept, both = _start(fit)
    return margins, converged
