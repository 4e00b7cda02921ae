"""Sigmoids of margins: probabilities of a model that gives none, or that gives uneven ones.

**Problem.** As scikit-learn's ``CalibratedClassifierCV(method="sigmoid")``: with margins ``f_i``,
answers ``y_i`` in {0, 1} and patient weights ``w_i``, whose sums over events and non-events are
``W1`` and ``W0``, slope ``a`` and intercept ``b`` minimise::

    sum_i w_i (log(1 + exp(a f_i + b)) - t_i (a f_i + b)),
    t_i = (W1 + 1) / (W1 + 2) for an event, 1 / (W0 + 2) for another

so that the probability of an event is ``1 / (1 + exp(-(a f + b)))``. In Platt's and scikit-learn's
own notation, ``1 / (1 + exp(A f + B))``, slope and intercept have the other sign. The targets are
never 0 or 1, so that the minimum is finite where margins separate the classes.

Where all margins are equal there is a line of minima. Ours is the one nearest to scikit-learn's
start ``a = 0, b = log((W1 + 1) / (W0 + 1))``, in which its search ends too. Margins within 1e-8,
relative to the largest if that is above 1, count as equal: a solver's last digits are no score.

**Recalibration.** Trees give probabilities, and often too extreme or too timid ones. Of their
log-odds ``f_i`` slope and intercept minimise, as Cox [3]_ but for a weak pull to leave things as
they are::

    sum_i w_i (log(1 + exp(a f_i + b)) - y_i (a f_i + b)) + ((a - 1)^2 + b^2) / 2,  a >= 0

The pull is that of a normal prior of standard deviation 1: little beside thirty events. A slope
below 0 would turn round the order that the margins give, so that all get one probability instead.
Probabilities nearer to 0 or 1 than half a vote of a hundred trees are taken to be that near.

**Algorithm.** Newton's method with backtracking, as Lin, Lin & Weng [2]_, on centred margins of
size 1, from scikit-learn's start.

**Stopping rule.** When the gradient is at most 1e-13 of the sum of weights. Scikit-learn stops its
L-BFGS-B at a gradient of 1e-6 or a relative fall of the loss of 1e-14. Where margins differ by 1e-3
or more its probabilities then are ours to about 1e-6 and its slope to about 1e-5 of itself; where
they differ by less it may hardly leave its start.

**Cost.** Some six steps of one exponential a patient and as many for the loss.

References
----------
.. [1] Platt (1999), Probabilistic outputs for support vector machines. Advances in Large Margin
   Classifiers, 61-74.
.. [2] Lin, Lin & Weng (2007), A note on Platt's probabilistic outputs for support vector machines.
   Machine Learning 68:267-276.
.. [3] Cox (1958), Two further applications of a model for binary regression. Biometrika 45:562-565.
"""

from __future__ import annotations

import numpy as np
from numba import types

from heldout.arrays import Floats
from heldout.kernels.compiled import FLOATS, compiled

_STEPS = 100
_HALVINGS = 40
_SMALL_GRADIENT = 1e-13
# Armijo's share of the promised fall that a step has to reach.
_SHARE = 1e-4
# A step that promises less than this part of the loss is taken without asking the loss, whose
# rounding could not tell; so near to the minimum Newton's steps are right in full.
_SURE = 1e-9
# Curvature that a nearly singular step gets, relative to its own; as in reference 2.
_RIDGE = 1e-12
# Half the range of margins that count as equal, relative to the largest if that is above 1.
_EQUAL = 1e-8
# Half a vote of a forest of a hundred trees, as a probability.
LEAST_PROBABILITY = 0.005
# Scikit-learn divides margins by the largest from here on, which moves the nearest of the minima.
_LARGE_MARGIN = 30.0


@compiled()
def _loss_of(
    margins: Floats, targets: Floats, weights: Floats, slope: float, at: float, pull: float
) -> float:
    """Return the weighted log loss of a sigmoid, with a pull to slope 1 and intercept 0."""
    total = 0.5 * pull * ((slope - 1.0) * (slope - 1.0) + at * at)
    for i in range(margins.shape[0]):
        log_odds = slope * margins[i] + at
        total += weights[i] * (
            max(log_odds, 0.0) + np.log1p(np.exp(-abs(log_odds))) - targets[i] * log_odds
        )
    return total


@compiled()
def _newton_step(
    margins: Floats, targets: Floats, weights: Floats, slope: float, at: float, pull: float
) -> tuple[float, float, float, float]:
    """Return Newton's step of slope and intercept, the largest gradient, and the slope along it."""
    g_slope, g_at = pull * (slope - 1.0), pull * at
    h_slope, h_both, h_at = pull, 0.0, pull
    for i in range(margins.shape[0]):
        log_odds = slope * margins[i] + at
        e = np.exp(-abs(log_odds))
        probability = 1.0 / (1.0 + e) if log_odds >= 0.0 else e / (1.0 + e)
        residual = weights[i] * (probability - targets[i])
        curvature = weights[i] * e / ((1.0 + e) * (1.0 + e))
        g_slope += residual * margins[i]
        g_at += residual
        h_slope += curvature * margins[i] * margins[i]
        h_both += curvature * margins[i]
        h_at += curvature
    ridge = _RIDGE * (h_slope + h_at) + np.finfo(np.float64).tiny
    h_slope += ridge
    h_at += ridge
    determinant = h_slope * h_at - h_both * h_both
    d_slope = (h_both * g_at - h_at * g_slope) / determinant
    d_at = (h_both * g_slope - h_slope * g_at) / determinant
    return d_slope, d_at, max(abs(g_slope), abs(g_at)), d_slope * g_slope + d_at * g_at


@compiled()
def _minimise(
    margins: Floats, targets: Floats, weights: Floats, slope: float, at: float, pull: float
) -> tuple[float, float]:
    """Return slope and intercept at the least loss, from a start, for margins of size 1 or so."""
    enough = _SMALL_GRADIENT * np.sum(weights)
    loss = _loss_of(margins, targets, weights, slope, at, pull)
    for _ in range(_STEPS):
        d_slope, d_at, gradient, along = _newton_step(margins, targets, weights, slope, at, pull)
        if not gradient > enough:
            break
        length = 1.0
        if -along > _SURE * loss:
            for _ in range(_HALVINGS):
                new = _loss_of(
                    margins, targets, weights, slope + length * d_slope, at + length * d_at, pull
                )
                if new <= loss + _SHARE * length * along:
                    loss = new
                    break
                length *= 0.5
        slope += length * d_slope
        at += length * d_at
    return slope, at


@compiled()
def _nearest_minimum(margin: float, log_odds: float, start: float) -> tuple[float, float]:
    """Return slope and intercept that give one margin its log-odds, nearest to ``(0, start)``."""
    scale = abs(margin) if abs(margin) >= _LARGE_MARGIN else 1.0
    scaled = margin / scale
    step = (log_odds - start) / (scaled * scaled + 1.0)
    return step * scaled / scale, start + step


@compiled(types.UniTuple(types.float64, 2)(FLOATS, FLOATS, FLOATS))
def platt_fit(margins: Floats, answers: Floats, weights: Floats) -> tuple[float, float]:
    """Fit the sigmoid that turns margins into probabilities.

    Parameters
    ----------
    margins : array of shape (n_patients,)
        Of patients that the model had not seen.
    answers : array of shape (n_patients,)
        0 or 1.
    weights : array of shape (n_patients,)
        Positive.

    Returns
    -------
    slope, intercept : float
        The probability of an event is ``1 / (1 + exp(-(slope * margin + intercept)))``. Always
        finite; without patients 0 and 0.
    """
    if margins.shape[0] == 0:
        return 0.0, 0.0
    events = weights[answers > 0.0].sum()
    others = weights[answers <= 0.0].sum()
    targets = np.where(answers > 0.0, (events + 1.0) / (events + 2.0), 1.0 / (others + 2.0))
    start = np.log((events + 1.0) / (others + 1.0))
    lowest, highest = margins.min(), margins.max()
    half = 0.5 * highest - 0.5 * lowest
    middle = lowest + half
    if half <= _EQUAL * max(1.0, abs(lowest), abs(highest)):
        reached = (weights * targets).sum()
        log_odds = np.log(reached / (weights.sum() - reached))
        return _nearest_minimum(middle, log_odds, start)
    slope, at = _minimise((margins - middle) / half, targets, weights, 0.0, start, 0.0)
    slope /= half
    return slope, at - slope * middle


@compiled()
def bounded_log_odds(probability: float) -> float:
    """Return the log-odds of a probability that is kept from 0 and 1."""
    kept = min(max(probability, LEAST_PROBABILITY), 1.0 - LEAST_PROBABILITY)
    return float(np.log(kept / (1.0 - kept)))


@compiled(types.UniTuple(types.float64, 2)(FLOATS, FLOATS, FLOATS))
def recalibration_fit(log_odds: Floats, answers: Floats, weights: Floats) -> tuple[float, float]:
    """Fit the sigmoid that makes uneven probabilities even.

    Parameters
    ----------
    log_odds : array of shape (n_patients,)
        Of patients that the model had not seen, by `bounded_log_odds`.
    answers : array of shape (n_patients,)
        0 or 1.
    weights : array of shape (n_patients,)
        Positive.

    Returns
    -------
    slope, intercept : float
        The probability of an event is ``1 / (1 + exp(-(slope * log_odds + intercept)))``; 1 and 0
        without patients.
    """
    slope, at = _minimise(log_odds, answers, weights, 1.0, 0.0, 1.0)
    if slope < 0.0:
        # The loss has one minimum, so that the least one with a slope of at least 0 has slope 0.
        _, at = _minimise(np.zeros_like(log_odds), answers, weights, 1.0, 0.0, 1.0)
        slope = 0.0
    return slope, at
