"""What a candidate is judged by: one number of its held-out predictions, smaller is better.

**Problem.** Margins of the inner test patients, each judged by a model that never saw them, become
probabilities and then a Brier score, a log loss, or one minus the fold-paired AUC; of numbers, a
mean squared error. They are equal to `heldout.metrics` on the same arrays.

A margin is a log-odds, a probability, a number, or a support-vector score. A score has no unit: its
probability is Platt's sigmoid [1]_. Where a model is recalibrated, its probability goes through a
sigmoid too. That of a patient of one inner fold comes from a sigmoid fitted to the other folds, so
that no patient's answer is in the own probability.

References
----------
.. [1] Platt (1999), Probabilistic outputs for support vector machines. Advances in Large Margin
   Classifiers, 61-74.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import types

from heldout.arrays import Floats, Integers
from heldout.kernels.compiled import compiled
from heldout.kernels.platt import bounded_log_odds, platt_fit, recalibration_fit

# Criteria.
BRIER, LOG_LOSS, AUC = 0, 1, 2
# Units of margins.
LOG_ODDS, PROBABILITY, NUMBER, SCORE = 0, 1, 2, 3
# A probability of 0 or 1 that is wrong would cost infinitely much.
_LEAST_PROBABILITY = 1e-15


class Rule(NamedTuple):
    """How margins become predictions, and what these are judged by.

    Attributes
    ----------
    unit : int
        Of the margins.
    fewest : int
        Patients of the rarer class that a sigmoid takes; below 0 there is none.
    criterion : int
        What is minimised.
    """

    unit: int
    fewest: int
    criterion: int


RULE = types.NamedUniTuple(types.int64, 3, Rule)


@compiled()
def sigmoid(margin: float) -> float:
    """Return the probability of a log-odds; exact for margins of any size."""
    e = np.exp(-abs(margin))
    return float(1.0 / (1.0 + e) if margin >= 0 else e / (1.0 + e))


@compiled()
def fits_sigmoid(answers: Floats, folds: Integers, fewest: int) -> bool:
    """Return whether the rarer class of a training set is large enough for a sigmoid."""
    events = np.sum((folds >= 0) & (answers == 1.0))
    return bool(0 <= fewest <= min(events, np.sum(folds >= 0) - events))


@compiled()
def sigmoid_of(
    margins: Floats, answers: Floats, weights: Floats, folds: Integers, unit: int, left_out: int
) -> tuple[float, float]:
    """Return slope and intercept of a model's sigmoid, learnt from all folds but one."""
    others = (folds >= 0) & (folds != left_out)
    told = margins[others]
    if unit == SCORE:
        return platt_fit(told, answers[others], weights[others])
    for i in range(len(told)):
        told[i] = calibrated_margin(told[i], unit)
    return recalibration_fit(told, answers[others], weights[others])


@compiled()
def calibrated_margin(margin: float, unit: int) -> float:
    """Return what a sigmoid is applied to: a score, or log-odds kept from the infinite."""
    if unit == SCORE:
        return margin
    return bounded_log_odds(sigmoid(margin) if unit == LOG_ODDS else margin)


@compiled()
def _predictions_of(
    margins: Floats,
    answers: Floats,
    weights: Floats,
    folds: Integers,
    rule: Rule,
    predictions: Floats,
) -> None:
    """Write the predictions of inner test patients; those outside (fold -1) are left alone."""
    unit, fewest, _ = rule
    if fits_sigmoid(answers, folds, fewest):
        for fold in range(folds.max() + 1):
            slope, intercept = sigmoid_of(margins, answers, weights, folds, unit, fold)
            for i in range(len(folds)):
                if folds[i] == fold:
                    known = calibrated_margin(margins[i], unit)
                    predictions[i] = sigmoid(slope * known + intercept)
        return
    for i in range(len(folds)):
        if folds[i] >= 0:
            predictions[i] = sigmoid(margins[i]) if unit == LOG_ODDS else margins[i]


@compiled()
def _paired_loss(margins: Floats, answers: Floats, weights: Floats, folds: Integers) -> float:
    """Return one minus the fold-paired AUC; a half if no event ever met a non-event."""
    lost, total = 0.0, 0.0
    for i in range(len(folds)):
        if folds[i] < 0 or answers[i] != 1.0:
            continue
        for j in range(len(folds)):
            if folds[j] == folds[i] and answers[j] == 0.0:
                pair = weights[i] * weights[j]
                total += pair
                if margins[i] < margins[j]:
                    lost += pair
                elif margins[i] == margins[j]:
                    lost += 0.5 * pair
    return lost / total if total > 0 else 0.5


@compiled()
def criterion_of(
    margins: Floats,
    answers: Floats,
    weights: Floats,
    folds: Integers,
    rule: Rule,
    room: Floats,
) -> float:
    """Return what a candidate is judged by; ``room`` is overwritten by its predictions."""
    # Ranks need no probabilities, so that nothing needs a sigmoid here.
    if rule.criterion == AUC:
        return _paired_loss(margins, answers, weights, folds)
    _predictions_of(margins, answers, weights, folds, rule, room)
    loss, total = 0.0, 0.0
    for i in range(len(folds)):
        if folds[i] < 0:
            continue
        if rule.criterion == BRIER:
            loss += weights[i] * (room[i] - answers[i]) ** 2
        else:
            given = room[i] if answers[i] == 1.0 else 1.0 - room[i]
            loss -= weights[i] * np.log(max(given, _LEAST_PROBABILITY))
        total += weights[i]
    return loss / total
