"""Ridge logistic regression, one training set and many penalties.

**Problem.** With prepared features ``x_i``, answers ``y_i`` in {0, 1} and patient weights
``w_i``, the coefficients ``b`` and the unpenalised intercept ``a`` minimise::

    C * sum_i w_i (log(1 + exp(f_i)) - y_i f_i) + (b . b) / 2,    f_i = a + x_i . b

which is what scikit-learn's ``LogisticRegression(C=C)`` minimises.

**Algorithm.** Newton's method with a line search [1]_. Where there are more features than patients
the step is solved for the patients (``b = X' u``, so that everything is said by the Gram
matrix ``X X'``), else for the features; either matrix is positive definite and factorised by
Cholesky. Penalties are solved from the strongest to the weakest, each from the solution before,
for the patients along the tangent of the path that these solutions lie on.

**Stopping rule.** After a full step that moves no margin by more than 1e-6, relative to the
largest margin if that is above 1. Newton's convergence is quadratic, so what is left is of the
order of its square. A candidate that takes 200 steps has not converged; nor has one with answers
of one class, for which there is no finite intercept: its margins are 0.

**Cost.** ``m^3 / 6`` multiplications a step, m the smaller of patients and features, and some four
steps a candidate.

References
----------
.. [1] Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, 2nd ed.,
   sections 4.4.1 and 18.3.5 (the computation for more features than patients).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from heldout.arrays import Floats
from heldout.kernels.cholesky import factorise, solve_factorised
from heldout.kernels.compiled import PATH, compiled
from heldout.kernels.products import predict, row_products

_STEPS = 200
_SMALL_STEP = 1e-6
# A line search gives up after halving a step so often: it is then at the limit of rounding.
_HALVINGS = 40


class _Room(NamedTuple):
    """Arrays that a path uses again and again: a factorised matrix, and rows of one number each."""

    work: Floats
    rows: Floats


@compiled()
def _add_scaled(target: Floats, factor: float, row: Floats) -> None:
    """Add a multiple of one array to another, in place."""
    for j in range(len(target)):
        target[j] += factor * row[j]


@compiled()
def _loss(margins: Floats, answers: Floats, weights: Floats) -> float:
    """Return the weighted log loss; exact for margins of any size."""
    total = 0.0
    for i in range(len(margins)):
        f = margins[i]
        total += weights[i] * (max(f, 0.0) + np.log1p(np.exp(-abs(f))) - answers[i] * f)
    return total


@compiled()
def _curvatures(
    margins: Floats, answers: Floats, weights: Floats, slope: Floats, curve: Floats
) -> None:
    """Write the first and second derivative of the log loss by each margin."""
    for i in range(len(margins)):
        e = np.exp(-abs(margins[i]))
        p = 1.0 / (1.0 + e) if margins[i] >= 0 else e / (1.0 + e)
        slope[i] = weights[i] * (p - answers[i])
        curve[i] = weights[i] * e / ((1.0 + e) * (1.0 + e))


@compiled()
def _search_line(
    margins: Floats,
    turn: Floats,
    penalty: Floats,
    answers: Floats,
    weights: Floats,
    tried: Floats,
) -> float:
    """Return the share of a step after which the objective is no higher; ``tried`` is there.

    ``penalty`` holds the loss at the start, and the penalty's slope and curvature along the step;
    the loss is written back.
    """
    share, start = 1.0, penalty[0]
    for _ in range(_HALVINGS):
        for i in range(len(margins)):
            tried[i] = margins[i] + share * turn[i]
        penalty[0] = _loss(tried, answers, weights)
        change = share * penalty[1] + 0.5 * share * share * penalty[2]
        # The rounding of a loss must not turn down a last good step.
        if penalty[0] + change <= start + 1e-12 * abs(start):
            break
        share *= 0.5
    return share


@compiled()
def _factorise_patients(
    gram: Floats, curve: Floats, root: Floats, work: Floats, ones: Floats
) -> None:
    """Factorise ``I + D K D`` with ``D`` the root of the curvatures, and solve it for ``D 1``.

    The matrix is well conditioned whatever the curvatures are.
    """
    n = len(curve)
    for i in range(n):
        root[i] = np.sqrt(curve[i])
        ones[i] = root[i]
    for i in range(n):
        target, source, scale = work[i], gram[i], root[i]
        for j in range(n):
            target[j] = scale * source[j] * root[j]
        target[i] += 1.0
    factorise(work)
    solve_factorised(work, ones)


@compiled()
def _step_of_patients(
    gram: Floats,
    pull: Floats,
    balance: float,
    root: Floats,
    work: Floats,
    ones: Floats,
    move: Floats,
) -> float:
    """Write the move of the dual variables that undoes a pull, and return the intercept's.

    ``(I + D D K) move = -pull - D D 1 shift``, and the dual variables, whose sum is ``balance``
    before, add up to 0 after: the intercept's own equation.
    """
    n = len(pull)
    right = move
    right[:] = 0.0
    for j in range(n):
        _add_scaled(right, pull[j], gram[j])
    for i in range(n):
        right[i] *= root[i]
    solve_factorised(work, right)
    level, total = balance, 0.0
    for i in range(n):
        level += root[i] * right[i] - pull[i]
        total += root[i] * ones[i]
    shift = level / total if total > 0 else 0.0
    for i in range(n):
        move[i] = root[i] * (right[i] - shift * ones[i]) - pull[i]
    return shift


@compiled()
def _follow_tangent(
    gram: Floats, dual: Floats, margins: Floats, growth: float, room: _Room
) -> None:
    """Go along the path's tangent to a C that is larger by a factor of ``exp(growth)``."""
    move, root, ones, pull = room.rows[2], room.rows[3], room.rows[6], room.rows[7]
    for i in range(len(dual)):
        pull[i] = -growth * dual[i]
    shift = _step_of_patients(gram, pull, 0.0, root, room.work, ones, move)
    for j in range(len(dual)):
        _add_scaled(margins, move[j], gram[j])
    for i in range(len(dual)):
        dual[i] += move[i]
        margins[i] += shift


@compiled()
def _newton_of_patients(
    gram: Floats,
    answers: Floats,
    weights: Floats,
    dual: Floats,
    margins: Floats,
    growth: float,
    room: _Room,
) -> bool:
    """Minimise from where ``dual`` and ``margins`` stand, in place; weights hold C already.

    They stand at the solution for a C that was smaller by a factor of ``exp(growth)``, whose
    factorisation is still in the room, and begin by going along the path's tangent; with a growth
    of 0 there was no solution before.
    """
    n = len(answers)
    slope, curve, move, root = room.rows[0], room.rows[1], room.rows[2], room.rows[3]
    turn, tried, ones, pull = room.rows[4], room.rows[5], room.rows[6], room.rows[7]
    work, penalty = room.work, np.zeros(3)
    if growth > 0:
        _follow_tangent(gram, dual, margins, growth, room)
    penalty[0] = _loss(margins, answers, weights)
    for _ in range(_STEPS):
        _curvatures(margins, answers, weights, slope, curve)
        balance = 0.0
        for i in range(n):
            pull[i] = slope[i] + dual[i]
            balance += dual[i]
        _factorise_patients(gram, curve, root, work, ones)
        shift = _step_of_patients(gram, pull, balance, root, work, ones, move)
        turn[:] = 0.0
        for j in range(n):
            _add_scaled(turn, move[j], gram[j])
        penalty[1:], largest, reach = 0.0, 0.0, 1.0
        for i in range(n):
            penalty[1] += dual[i] * turn[i]
            penalty[2] += move[i] * turn[i]
            turn[i] += shift
            largest = max(largest, abs(turn[i]))
            reach = max(reach, abs(margins[i]))
        share = _search_line(margins, turn, penalty, answers, weights, tried)
        for i in range(n):
            dual[i] += share * move[i]
            margins[i] = tried[i]
        if share == 1.0 and largest <= _SMALL_STEP * reach:
            return True
    return False


@compiled()
def _step_of_features(
    train: Floats, slope: Floats, curve: Floats, solution: Floats, work: Floats, move: Floats
) -> None:
    """Write Newton's move of the coefficients and, last, of the intercept."""
    n, p = train.shape
    work[:] = 0.0
    move[:] = 0.0
    for i in range(n):
        row = train[i]
        for j in range(p):
            factor = curve[i] * row[j]
            for k in range(j, p):
                work[j, k] += factor * row[k]
            work[j, p] += factor
        work[p, p] += curve[i]
        _add_scaled(move[:p], -slope[i], row)
        move[p] -= slope[i]
    for j in range(p):
        work[j, j] += 1.0
        move[j] -= solution[j]
    factorise(work)
    solve_factorised(work, move)


@compiled()
def _newton_of_features(
    train: Floats, answers: Floats, weights: Floats, solution: Floats, margins: Floats
) -> bool:
    """Minimise over coefficients and, last, the intercept, in place; weights hold C already."""
    n, p = train.shape
    slope, curve = np.empty(n), np.empty(n)
    work, move = np.empty((p + 1, p + 1)), np.empty(p + 1)
    turn, tried, penalty = np.empty(n), np.empty(n), np.zeros(3)
    penalty[0] = _loss(margins, answers, weights)
    for _ in range(_STEPS):
        _curvatures(margins, answers, weights, slope, curve)
        _step_of_features(train, slope, curve, solution, work, move)
        penalty[1:], largest, reach = 0.0, 0.0, 1.0
        for j in range(p):
            penalty[1] += solution[j] * move[j]
            penalty[2] += move[j] * move[j]
        for i in range(n):
            turn[i] = move[p]
            for j in range(p):
                turn[i] += train[i, j] * move[j]
            largest = max(largest, abs(turn[i]))
            reach = max(reach, abs(margins[i]))
        share = _search_line(margins, turn, penalty, answers, weights, tried)
        for j in range(p + 1):
            solution[j] += share * move[j]
        for i in range(n):
            margins[i] = tried[i]
        if share == 1.0 and largest <= _SMALL_STEP * reach:
            return True
    return False


@compiled()
def ridge_logistic_fit(
    train: Floats, answers: Floats, weights: Floats, penalties: Floats
) -> tuple[Floats, Floats]:
    """Return the coefficients of every penalty.

    Parameters
    ----------
    train : array of shape (n_patients, n_features)
        Prepared.
    answers, weights : arrays of shape (n_patients,)
        1 and 0; patient weights above 0.
    penalties : array of shape (n_candidates,)
        The inverse penalty ``C`` of each candidate.

    Returns
    -------
    solutions : array of shape (n_candidates, n_features + 1)
        The intercept last.
    converged : array of shape (n_candidates,)
        1 or 0.
    """
    n, p = train.shape
    solutions, converged = np.zeros((len(penalties), p + 1)), np.zeros(len(penalties))
    events = answers.sum()
    if events == 0 or events == n:
        return solutions, converged
    # The smaller system of equations: one a patient, or one a feature.
    few = n <= p
    gram = np.empty((n, n))
    if few:
        row_products(train, n, gram)
    dual, margins, scaled, before = np.zeros(n), np.zeros(n), np.empty(n), 0.0
    room = _Room(np.empty((n, n)), np.empty((8, n)))
    solution = np.zeros(p + 1)
    for place in np.argsort(penalties, kind="mergesort"):
        c = penalties[place]
        scaled[:] = c * weights
        if few:
            # The first penalty has no solution before it, so the path has no tangent yet.
            growth = np.log(c / before) if before > 0 else 0.0
            done = _newton_of_patients(gram, answers, scaled, dual, margins, growth, room)
            before = c
            solution[:] = 0.0
            for i in range(n):
                _add_scaled(solution[:p], dual[i], train[i])
            solution[p] = margins[0]
            for j in range(n):
                solution[p] -= gram[0, j] * dual[j]
        else:
            done = _newton_of_features(train, answers, scaled, solution, margins)
        solutions[place] = solution
        converged[place] = 1.0 if done else 0.0
    return solutions, converged


@compiled(PATH)
def ridge_logistic_path(
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
    seed: int,
) -> tuple[Floats, Floats]:
    """Return the margins of patients left out, for every penalty.

    Parameters
    ----------
    train, test : arrays of shape (n_patients, n_features)
        Prepared.
    answers, weights : arrays of shape (n_train,)
        1 and 0; patient weights above 0.
    candidates : array of shape (n_candidates, 1)
        ``C``.
    seed : int
        Not used: nothing is left to chance.

    Returns
    -------
    margins : array of shape (n_candidates, n_test)
        Log-odds of the event; 0 where numbers overflow.
    converged : array of shape (n_candidates,)
        1 or 0.
    """
    p = train.shape[1]
    solutions, converged = ridge_logistic_fit(train, answers, weights, candidates[:, 0].copy())
    margins = np.zeros((len(candidates), len(test)))
    for c in range(len(candidates)):
        if not predict(test, solutions[c, :p], solutions[c, p], margins[c]):
            converged[c] = 0.0
    return margins, converged
