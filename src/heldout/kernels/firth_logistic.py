"""Firth's penalised logistic regression of a few columns, its intercept corrected.

**Problem.** With prepared features ``x_i``, answers ``y_i`` in {0, 1} and patient weights ``w_i``
the coefficients ``b`` and the intercept ``a`` maximise the likelihood under Jeffreys' prior [1]_::

    sum_i w_i (y_i f_i - log(1 + exp(f_i))) + log det(X' V X) / 2,    f_i = a + x_i . b

where X has a column of ones and V holds ``w_i p_i (1 - p_i)``. It is finite for separated answers
too [2]_. The intercept is then the one at which the mean probability is the share of events
(FLIC) [3]_: Firth's own draws probabilities towards one half.

**Algorithm.** Scoring: the step solves ``X' V X step = X' (w (y - p) + h (1/2 - p))`` with the
leverages h of the weighted regression, and is halved until the penalised likelihood is no lower.
The corrected intercept is found by Newton's method in one dimension.

**Stopping rule.** After a full step that moves no margin by more than 1e-10, relative to the
largest margin if that is above 1. Scoring converges linearly, in some ten steps. A problem that
takes 200 has not converged; nor has one with answers of one class, for which there is no finite
corrected intercept: its margins are 0. Columns that those before them determine, or that do not
vary, have a coefficient of 0, as in R's ``glm``.

**Cost.** ``n p^2`` a step; some 55 microseconds for 36 patients and three columns.

References
----------
.. [1] Firth (1993), Biometrika 80:27-38, doi:10.1093/biomet/80.1.27
.. [2] Heinze & Schemper (2002), Stat Med 21:2409-2419, doi:10.1002/sim.1047
.. [3] Puhr, Heinze, Nold, Lusa & Geroldinger (2017), Stat Med 36:2302-2317, doi:10.1002/sim.7273
"""

from __future__ import annotations

import numpy as np

from heldout.arrays import Floats
from heldout.kernels.cholesky import factorise, solve_factorised, solve_transposed
from heldout.kernels.compiled import FLOATS, MATRIX, PATH, compiled
from heldout.kernels.criteria import sigmoid
from heldout.kernels.products import predict

_STEPS = 200
_SMALL_STEP = 1e-10
_HALVINGS = 40
# What is left of a column beside those before it, as a share of the column, that is rounding.
_DETERMINED = 1e-8


@compiled()
def _independent(train: Floats) -> Floats:
    """Return a column of ones and those columns that others do not determine; others become 0."""
    n, p = train.shape
    design, basis = np.zeros((n, p + 1)), np.zeros((n, p + 1))
    design[:, p] = 1.0
    basis[:, p] = 1.0 / np.sqrt(n)
    # The intercept first: beside it a constant column is nothing.
    for place in range(p):
        column = train[:, place].copy()
        size = np.sqrt((column * column).sum())
        # Twice: once leaves the rounding of what was taken away.
        for _ in range(2):
            for before in range(-1, place):
                other = basis[:, before if before >= 0 else p]
                column -= (column * other).sum() * other
        left = np.sqrt((column * column).sum())
        if left > _DETERMINED * size:
            design[:, place] = train[:, place]
            basis[:, place] = column / left
    return design


@compiled()
def _objective(
    design: Floats, answers: Floats, weights: Floats, margins: Floats, factor: Floats
) -> float:
    """Return the penalised log-likelihood, and write the factorised information."""
    n, k = design.shape
    factor[:], total = 0.0, 0.0
    for i in range(n):
        f, row = margins[i], design[i]
        total += weights[i] * (answers[i] * f - max(f, 0.0) - np.log1p(np.exp(-abs(f))))
        # By both tails: 1 - p would be 0 for a large margin.
        v = weights[i] * sigmoid(f) * sigmoid(-f)
        for j in range(k):
            for m in range(j, k):
                factor[j, m] += v * row[j] * row[m]
    for j in range(k):
        # A column that is left out stands alone.
        if not design[:, j].any():
            factor[j, j] = 1.0
    factorise(factor)
    for j in range(k):
        total += np.log(factor[j, j])
    return total


@compiled()
def _scoring_step(
    design: Floats,
    answers: Floats,
    weights: Floats,
    margins: Floats,
    factor: Floats,
    step: Floats,
) -> None:
    """Write the step that the modified score asks for."""
    n, k = design.shape
    step[:], part = 0.0, np.empty(k)
    for i in range(n):
        p = sigmoid(margins[i])
        part[:] = design[i]
        solve_transposed(factor, part)
        leverage = 0.0
        for j in range(k):
            leverage += part[j] * part[j]
        leverage *= weights[i] * p * sigmoid(-margins[i])
        pull = weights[i] * (answers[i] - p) + leverage * (0.5 - p)
        for j in range(k):
            step[j] += pull * design[i, j]
    solve_factorised(factor, step)


@compiled()
def _corrected(margins: Floats, answers: Floats, weights: Floats) -> float:
    """Return by how much all margins must rise for the mean probability to be the share."""
    shift, low, high = 0.0, -np.inf, np.inf
    for _ in range(_STEPS):
        gap, slope = 0.0, 0.0
        for i in range(len(margins)):
            p = sigmoid(margins[i] + shift)
            gap += weights[i] * (answers[i] - p)
            slope += weights[i] * p * (1.0 - p)
        if gap > 0:
            low = shift
        else:
            high = shift
        # At most 2 a step, so that a flat tail throws nobody out of it.
        step = min(max(gap / slope, -2.0), 2.0) if slope > 0 else np.sign(gap) * 2.0
        aim = shift + step
        shift = aim if low <= aim <= high else 0.5 * (low + high)
        if abs(step) <= 1e-14 * max(1.0, abs(shift)):
            break
    return float(shift)


@compiled((MATRIX, FLOATS, FLOATS))
def firth_logistic_fit(train: Floats, answers: Floats, weights: Floats) -> tuple[Floats, bool]:
    """Return Firth's coefficients with the corrected intercept.

    Parameters
    ----------
    train : array of shape (n_patients, n_features)
        Prepared.
    answers, weights : arrays of shape (n_patients,)
        1 and 0; patient weights above 0.

    Returns
    -------
    solution : array of shape (n_features + 1,)
        The intercept last.
    converged : bool
    """
    n, p = train.shape
    solution, events = np.zeros(p + 1), answers.sum()
    if events == 0 or events == n:
        return solution, False
    design = _independent(train)
    share = (weights * answers).sum() / weights.sum()
    solution[p] = np.log(share / (1.0 - share))
    margins, turn, tried = np.full(n, solution[p]), np.empty(n), np.empty(n)
    factor, step = np.empty((p + 1, p + 1)), np.empty(p + 1)
    value, converged = _objective(design, answers, weights, margins, factor), False
    for _ in range(_STEPS):
        _scoring_step(design, answers, weights, margins, factor, step)
        predict(design, step, 0.0, turn)
        length, before = 1.0, value
        for _ in range(_HALVINGS):
            tried[:] = margins + length * turn
            value = _objective(design, answers, weights, tried, factor)
            # The rounding of a likelihood must not turn down a last good step.
            if value >= before - 1e-12 * abs(before):
                break
            length *= 0.5
        solution += length * step
        margins[:] = tried
        reach = max(1.0, np.abs(margins).max())
        if length == 1.0 and np.abs(turn).max() <= _SMALL_STEP * reach:
            converged = True
            break
    solution[p] += _corrected(margins, answers, weights)
    return solution, converged


@compiled(PATH)
def firth_logistic_path(
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
    seed: int,
) -> tuple[Floats, Floats]:
    """Return the margins of patients left out; all candidates are alike.

    Parameters
    ----------
    train, test : arrays of shape (n_patients, n_features)
        Prepared.
    answers, weights : arrays of shape (n_train,)
        1 and 0; patient weights above 0.
    candidates : array of shape (n_candidates, n_parameters)
        Not looked at.
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
    solution, done = firth_logistic_fit(train, answers, weights)
    margins, converged = np.zeros((len(candidates), len(test))), np.zeros(len(candidates))
    for c in range(len(candidates)):
        told = predict(test, solution[:p], float(solution[p]), margins[c])
        converged[c] = 1.0 if done and told else 0.0
    return margins, converged
