"""One model through many training sets: every candidate judged inside, the best one held out.

**Problem.** For every outer training set: fit each candidate on each inner training set, judge it
by the inner test patients, take the best, fit it on the whole outer training set, and say what it
makes of the patients held out.

**Algorithm.** One compiled loop over outer sets, inner sets and candidates, with a kernel's path in
its middle, so that a unit of some ten milliseconds runs without Python's lock.

**Tie rule.** The first of equal candidates wins; a difference of 1e-13, and of 1e-13 of criteria
above 1, is none.

**Cost.** ``n_outer * (n_inner * n_candidates + 1)`` fits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

from heldout.arrays import Floats, Integers
from heldout.kernels.compiled import FLOATS, MATRIX, PATH, compiled
from heldout.kernels.criteria import (
    LOG_ODDS,
    RULE,
    Rule,
    calibrated_margin,
    criterion_of,
    fits_sigmoid,
    sigmoid,
    sigmoid_of,
)

_Roles = NDArray[np.int8]

_PREPARED = types.Array(types.float64, 4, "C")
_ROLES = types.Array(types.int8, 3, "C")
_INTS = types.Array(types.int64, 1, "C")


class Judgement(NamedTuple):
    """Candidates of one model through all outer training sets.

    Attributes
    ----------
    criteria : array of shape (n_outer, n_candidates)
        By the inner test patients; smaller is better.
    best : array of int of shape (n_outer,)
        The candidate chosen.
    margins, predictions : arrays of shape (n_outer, n_patients)
        Of the patients held out, by the best candidate; NaN elsewhere, and if not asked for.
    converged : array of shape (n_outer,)
        1 if the solver of the last fit converged.
    sigmoids : array of shape (n_outer, 2)
        Slope and intercept by which the best candidate's margins become log-odds; NaN where they
        are what they are.
    """

    criteria: Floats
    best: Integers
    margins: Floats
    predictions: Floats
    converged: Floats
    sigmoids: Floats


_RESULT = types.NamedTuple((MATRIX, _INTS, MATRIX, MATRIX, FLOATS, MATRIX), Judgement)


@compiled()
def _divided(
    table: Floats, role: _Roles, answers: Floats, weights: Floats
) -> tuple[Floats, Floats, Floats, Floats, Integers]:
    """Return features, answers and weights to learn from, and features and rows of the others."""
    train, test = np.flatnonzero(role == 1), np.flatnonzero(role == 0)
    return table[train], answers[train], weights[train], table[test], test


@compiled()
def _smallest(criteria: Floats) -> int:
    """Return the first candidate than which none is better by more than rounding."""
    best = 0
    for c in range(1, len(criteria)):
        if criteria[c] < criteria[best] - 1e-13 * max(1.0, criteria[best]):
            best = c
    return best


@compiled()
def chosen(
    inner: Floats,
    answers: Floats,
    weights: Floats,
    folds: Integers,
    rule: Rule,
    room: Floats,
    criteria: Floats,
) -> tuple[int, float, float]:
    """Write every candidate's criterion; return the best one and the sigmoid of its margins."""
    for c in range(len(criteria)):
        criteria[c] = criterion_of(inner[c], answers, weights, folds, rule, room)
    best = _smallest(criteria)
    if not fits_sigmoid(answers, folds, rule.fewest):
        return best, np.nan, np.nan
    slope, intercept = sigmoid_of(inner[best], answers, weights, folds, rule.unit, -1)
    return best, slope, intercept


@compiled()
def predicted(margin: float, unit: int, line: Floats) -> float:
    """Return the probability, or the number, that a margin stands for."""
    if not np.isnan(line[0]):
        return sigmoid(line[0] * calibrated_margin(margin, unit) + line[1])
    return sigmoid(margin) if unit == LOG_ODDS else margin


@compiled(
    _RESULT(
        types.FunctionType(PATH),
        _PREPARED,
        _ROLES,
        FLOATS,
        FLOATS,
        MATRIX,
        _INTS,
        RULE,
        types.boolean,
    )
)
def nested_path(  # noqa: PLR0913 - a nested design is all of these
    path: Any,
    prepared: Floats,
    roles: _Roles,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    seeds: Integers,
    rule: Rule,
    finish: bool,
) -> Judgement:
    """Return the criteria, the choices and the held-out predictions of one model.

    Parameters
    ----------
    path : compiled function
        A kernel; of the loop in plain Python, `nested_path.py_func`, any function like one.
    prepared : array of shape (n_outer, n_inner + 1, n_patients, n_features)
        What the model sees of every patient, by training set; the outer set is the last.
    roles : array of int8 of shape (n_outer, n_inner + 1, n_patients)
        1 to learn from, 0 to judge by, -1 neither.
    answers, weights : arrays of shape (n_patients,)
        1 and 0, or numbers; patient weights.
    candidates : array of shape (n_candidates, n_parameters)
        In the kernel's order of parameters.
    seeds : array of int of shape (n_outer,)
        For kernels that use chance; the same for all fits of an outer set.
    rule : Rule
        How margins become predictions, and what these are judged by.
    finish : bool
        Whether to fit the best candidate on the whole outer set, for patients held out.

    Returns
    -------
    Judgement
    """
    n_outer, n_sets, n_patients, _ = prepared.shape
    n_inner, n_candidates = n_sets - 1, len(candidates)
    criteria = np.empty((n_outer, n_candidates))
    best, converged = np.zeros(n_outer, dtype=np.int64), np.zeros(n_outer)
    margins = np.full((n_outer, n_patients), np.nan)
    predictions = np.full((n_outer, n_patients), np.nan)
    sigmoids = np.zeros((n_outer, 2))
    inner, room = np.zeros((n_candidates, n_patients)), np.empty(n_patients)
    folds = np.empty(n_patients, dtype=np.int64)
    for k in range(n_outer):
        # Who is outside of the training set stays at -1, and nobody is judged by them.
        folds[:] = -1
        for j in range(n_inner):
            x, y, w, others, test = _divided(prepared[k, j], roles[k, j], answers, weights)
            reached, _ = path(x, y, w, candidates, others, seeds[k])
            folds[test] = j
            inner[:, test] = reached
        best[k], sigmoids[k, 0], sigmoids[k, 1] = chosen(
            inner, answers, weights, folds, rule, room, criteria[k]
        )
        if not finish:
            continue
        x, y, w, others, test = _divided(prepared[k, -1], roles[k, -1], answers, weights)
        reached, done = path(x, y, w, candidates[best[k] : best[k] + 1], others, seeds[k])
        converged[k] = done[0]
        for i in range(len(test)):
            margins[k, test[i]] = reached[0, i]
            predictions[k, test[i]] = predicted(reached[0, i], rule.unit, sigmoids[k])
    return Judgement(criteria, best, margins, predictions, converged, sigmoids)
