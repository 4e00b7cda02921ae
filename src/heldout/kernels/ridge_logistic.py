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
from heldout.kernels.compiled import PATH, compiled
from heldout.kernels.products import predict, row_products

_STEPS = 200
_SMALL_STEP = 1e-6
# A line search gives up after halving a step so often: it is then at the limit of rounding.
_HALVINGS = 40


class _Problem(NamedTuple):
    """A training set, where its solution stands, and the work space of its solver.

    Where patients are `few`, `rows` is their Gram matrix and `variables` are theirs; otherwise
    `rows` are their features, and `variables` the coefficients and, last, the intercept. `weights`
    hold C already. `move` is a step of the variables, `turn` that of the `margins`, `tried` the
    margins after a part of it. `penalty` holds the loss, and the penalty's slope and curvature
    along the step. `work` is a factorised matrix; `root`, `ones` and `pull` are those of patients.
    """

    few: bool
    rows: Floats
    answers: Floats
    weights: Floats
    variables: Floats
    margins: Floats
    move: Floats
    turn: Floats
    tried: Floats
    slope: Floats
    curve: Floats
    penalty: Floats
    work: Floats
    root: Floats
    ones: Floats
    pull: Floats


@compiled()
def _new_problem(train: Floats, answers: Floats) -> _Problem:
    """Return the problem of a training set at 0, without the weights of its patients."""
    n, p = train.shape
    few = n <= p
    size = n if few else p + 1
    rows = train
    if few:
        rows = np.empty((n, n))
        row_products(train, n, rows)
    return _Problem(
        few,
        rows,
        answers,
        np.empty(n),
        np.zeros(size),
        np.zeros(n),
        np.empty(size),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.zeros(3),
        np.empty((size, size)),
        np.empty(n),
        np.empty(n),
        np.empty(n),
    )


@compiled()
def _add_scaled(target: Floats, factor: float, row: Floats) -> None:
    """Add a multiple of one array to another, in place."""
    for j in range(len(target)):
        target[j] += factor * row[j]


@compiled()
def _factorise(matrix: Floats) -> None:
    """Replace the upper triangle of a positive definite matrix by its Cholesky factor R, R'R."""
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
def _solve_factorised(factor: Floats, values: Floats) -> None:
    """Replace values by the solution of R'R x = values."""
    m = len(values)
    for k in range(m):
        values[k] /= factor[k, k]
        target, source, value = values[k + 1 :], factor[k, k + 1 :], values[k]
        for j in range(m - k - 1):
            target[j] -= value * source[j]
    for k in range(m - 1, -1, -1):
        total = values[k]
        for j in range(k + 1, m):
            total -= factor[k, j] * values[j]
        values[k] = total / factor[k, k]


@compiled()
def _loss(problem: _Problem, margins: Floats) -> float:
    """Return the weighted log loss; exact for margins of any size."""
    answers, weights = problem.answers, problem.weights
    total = 0.0
    for i in range(len(margins)):
        f = margins[i]
        total += weights[i] * (max(f, 0.0) + np.log1p(np.exp(-abs(f))) - answers[i] * f)
    return total


@compiled()
def _find_curvatures(problem: _Problem) -> None:
    """Write the first and second derivative of the log loss by each margin."""
    margins, answers, weights = problem.margins, problem.answers, problem.weights
    for i in range(len(margins)):
        e = np.exp(-abs(margins[i]))
        p = 1.0 / (1.0 + e) if margins[i] >= 0 else e / (1.0 + e)
        problem.slope[i] = weights[i] * (p - answers[i])
        problem.curve[i] = weights[i] * e / ((1.0 + e) * (1.0 + e))


@compiled()
def _search_line(problem: _Problem) -> float:
    """Return the share of a step after which the objective is no higher; write what it leads to."""
    margins, turn, tried, penalty = problem.margins, problem.turn, problem.tried, problem.penalty
    share, start = 1.0, penalty[0]
    for _ in range(_HALVINGS):
        for i in range(len(margins)):
            tried[i] = margins[i] + share * turn[i]
        penalty[0] = _loss(problem, tried)
        change = share * penalty[1] + 0.5 * share * share * penalty[2]
        if penalty[0] + change <= start + 1e-12 * abs(start):
            break
        share *= 0.5
    return share


@compiled()
def _factorise_patients(problem: _Problem) -> None:
    """Factorise ``I + D K D`` with ``D`` the root of the curvatures, and solve it for ``D 1``.

    The matrix is well conditioned whatever the curvatures are.
    """
    root, ones, work, n = problem.root, problem.ones, problem.work, len(problem.root)
    for i in range(n):
        root[i] = np.sqrt(problem.curve[i])
        ones[i] = root[i]
    for i in range(n):
        target, source, scale = work[i], problem.rows[i], root[i]
        for j in range(n):
            target[j] = scale * source[j] * root[j]
        target[i] += 1.0
    _factorise(work)
    _solve_factorised(work, ones)


@compiled()
def _undo_pull(problem: _Problem, balance: float) -> float:
    """Write the move of the dual variables that undoes their pull, and return the intercept's.

    ``(I + D D K) move = -pull - D D 1 shift``, and the dual variables, whose sum is ``balance``
    before, add up to 0 after: the intercept's own equation.
    """
    root, ones, pull, right = problem.root, problem.ones, problem.pull, problem.move
    n = len(pull)
    right[:] = 0.0
    for j in range(n):
        _add_scaled(right, pull[j], problem.rows[j])
    for i in range(n):
        right[i] *= root[i]
    _solve_factorised(problem.work, right)
    level, total = balance, 0.0
    for i in range(n):
        level += root[i] * right[i] - pull[i]
        total += root[i] * ones[i]
    shift = level / total if total > 0 else 0.0
    for i in range(n):
        right[i] = root[i] * (right[i] - shift * ones[i]) - pull[i]
    return shift


@compiled()
def _follow_tangent(problem: _Problem, growth: float) -> None:
    """Go along the path's tangent to a C that is larger by a factor of ``exp(growth)``.

    The factorisation is still that of the solution before.
    """
    dual, margins, move = problem.variables, problem.margins, problem.move
    for i in range(len(dual)):
        problem.pull[i] = -growth * dual[i]
    shift = _undo_pull(problem, 0.0)
    for j in range(len(dual)):
        _add_scaled(margins, move[j], problem.rows[j])
    for i in range(len(dual)):
        dual[i] += move[i]
        margins[i] += shift


@compiled()
def _step_of_patients(problem: _Problem) -> None:
    """Write Newton's move of the dual variables, and what comes of it."""
    dual, move, turn, penalty = problem.variables, problem.move, problem.turn, problem.penalty
    balance = 0.0
    for i in range(len(dual)):
        problem.pull[i] = problem.slope[i] + dual[i]
        balance += dual[i]
    _factorise_patients(problem)
    shift = _undo_pull(problem, balance)
    turn[:] = 0.0
    for j in range(len(dual)):
        _add_scaled(turn, move[j], problem.rows[j])
    penalty[1:] = 0.0
    for i in range(len(dual)):
        penalty[1] += dual[i] * turn[i]
        penalty[2] += move[i] * turn[i]
        turn[i] += shift


@compiled()
def _step_of_features(problem: _Problem) -> None:
    """Write Newton's move of the coefficients and, last, of the intercept; what comes of it."""
    train, work, penalty = problem.rows, problem.work, problem.penalty
    move, turn = problem.move, problem.turn
    n, p = train.shape
    work[:] = 0.0
    move[:] = 0.0
    for i in range(n):
        row = train[i]
        for j in range(p):
            factor = problem.curve[i] * row[j]
            for k in range(j, p):
                work[j, k] += factor * row[k]
            work[j, p] += factor
        work[p, p] += problem.curve[i]
        _add_scaled(move[:p], -problem.slope[i], row)
        move[p] -= problem.slope[i]
    for j in range(p):
        work[j, j] += 1.0
        move[j] -= problem.variables[j]
    _factorise(work)
    _solve_factorised(work, move)
    penalty[1:] = 0.0
    for j in range(p):
        penalty[1] += problem.variables[j] * move[j]
        penalty[2] += move[j] * move[j]
    for i in range(n):
        turn[i] = move[p]
        for j in range(p):
            turn[i] += train[i, j] * move[j]


@compiled()
def _minimise(problem: _Problem) -> bool:
    """Minimise from where variables and margins stand, in place; return whether it converged."""
    margins, turn = problem.margins, problem.turn
    problem.penalty[0] = _loss(problem, margins)
    for _ in range(_STEPS):
        _find_curvatures(problem)
        if problem.few:
            _step_of_patients(problem)
        else:
            _step_of_features(problem)
        share = _search_line(problem)
        largest, reach = 0.0, 1.0
        for i in range(len(margins)):
            largest = max(largest, abs(turn[i]))
            reach = max(reach, abs(margins[i]))
        margins[:] = problem.tried
        _add_scaled(problem.variables, share, problem.move)
        if share == 1.0 and largest <= _SMALL_STEP * reach:
            return True
    return False


@compiled()
def _write_solution(problem: _Problem, train: Floats, solution: Floats) -> None:
    """Write the coefficients and, last, the intercept."""
    if not problem.few:
        solution[:] = problem.variables
        return
    p = train.shape[1]
    solution[p] = problem.margins[0]
    for i in range(len(train)):
        _add_scaled(solution[:p], problem.variables[i], train[i])
        solution[p] -= problem.rows[0, i] * problem.variables[i]


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
    problem, before = _new_problem(train, answers), 0.0
    for place in np.argsort(penalties, kind="mergesort"):
        c = penalties[place]
        problem.weights[:] = c * weights
        if problem.few and 0.0 < before < c:
            _follow_tangent(problem, np.log(c / before))
        converged[place] = 1.0 if _minimise(problem) else 0.0
        _write_solution(problem, train, solutions[place])
        before = c
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
        Log-odds of the event.
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
