"""What a candidate is judged by: one number of its held-out predictions, smaller is better.

**Problem.** Margins of the inner test patients, each judged by a model that never saw them, become
probabilities and then a Brier score, a log loss, or one minus the fold-paired AUC; of numbers, a
mean squared error. They are equal to `heldout.metrics` on the same arrays.

A margin is a log-odds, a probability, a number, or a support-vector score. A score has no unit: its
probability is Platt's sigmoid [1]_, and that of a patient of one inner fold comes from a sigmoid
fitted to the other folds, so that no patient's answer is in the own probability.

References
----------
.. [1] Platt (1999), Probabilistic outputs for support vector machines. Advances in Large Margin
   Classifiers, 61-74.
"""

from __future__ import annotations

import numpy as np

from heldout.arrays import Floats, Integers
from heldout.kernels.compiled import compiled
from heldout.kernels.platt import platt_fit

# Criteria.
BRIER, LOG_LOSS, AUC = 0, 1, 2
# Units of margins.
LOG_ODDS, PROBABILITY, NUMBER, SCORE = 0, 1, 2, 3
# A probability of 0 or 1 that is wrong would cost infinitely much.
_LEAST_PROBABILITY = 1e-15


@compiled()
def sigmoid(margin: float) -> float:
    """Return the probability of a log-odds; exact for margins of any size."""
    e = np.exp(-abs(margin))
    return float(1.0 / (1.0 + e) if margin >= 0 else e / (1.0 + e))


@compiled()
def platt_of(
    margins: Floats, answers: Floats, weights: Floats, folds: Integers, left_out: int
) -> tuple[float, float]:
    """Return slope and intercept of Platt's sigmoid, learnt from all folds but one."""
    others = (folds >= 0) & (folds != left_out)
    return platt_fit(margins[others], answers[others], weights[others])


@compiled()
def _predictions_of(
    margins: Floats,
    answers: Floats,
    weights: Floats,
    folds: Integers,
    unit: int,
    predictions: Floats,
) -> None:
    """Write the predictions of inner test patients; those outside (fold -1) are left alone."""
    if unit == SCORE:
        for fold in range(folds.max() + 1):
            slope, intercept = platt_of(margins, answers, weights, folds, fold)
            for i in range(len(folds)):
                if folds[i] == fold:
                    predictions[i] = sigmoid(slope * margins[i] + intercept)
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
    unit: int,
    criterion: int,
    room: Floats,
) -> float:
    """Return what a candidate is judged by; ``room`` is overwritten by its predictions."""
    # Ranks need no probabilities, so that scores need no sigmoid here.
    if criterion == AUC:
        return _paired_loss(margins, answers, weights, folds)
    _predictions_of(margins, answers, weights, folds, unit, room)
    loss, total = 0.0, 0.0
    for i in range(len(folds)):
        if folds[i] < 0:
            continue
        if criterion == BRIER:
            loss += weights[i] * (room[i] - answers[i]) ** 2
        else:
            given = room[i] if answers[i] == 1.0 else 1.0 - room[i]
            loss -= weights[i] * np.log(max(given, _LEAST_PROBABILITY))
        total += weights[i]
    return loss / total
