"""One cell: an outcome at a follow-up with a model, and its figures from held-out predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats, Integers
from heldout.inference.intervals import r_squared_interval, score_interval
from heldout.metrics import (
    brier_score,
    brier_skill,
    calibration_slope,
    fold_paired_auc,
    fold_paired_concordance,
    mean_absolute_error,
    r_squared_out_of_fold,
    r_squared_variance,
    spearman,
)
from heldout.models import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One outcome at one follow-up with one model, scored on held-out patients.

    Figures that were not computed are None. `status` is ``evaluated`` or ``declined``, and
    `reason` says why it was declined. `fold_auc` holds the AUC of each fold, repeat by repeat:
    their spread is that of the splits and says nothing about other patients.

    `p` is of the cell alone, `p_adjusted` of having looked at all cells. `arithmetic` is the AUC,
    or the variance explained, that the baseline score has by arithmetic alone where the outcome is
    computed from it: chance is there, not at .50.

    Of a number (`kind` ``number``) the figures are those of `heldout.metrics`: `r2` is the
    variance explained out of fold with its interval, `mae` and its reference `mae_mean`, what the
    training mean reaches, are in the number's unit, `concordance` has chance at .50. It has no
    events, no area and no probability.
    """

    outcome: str
    follow_up: str
    model: str
    n: int
    events: int
    status: str
    reason: str | None = None
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    brier: float | None = None
    brier_skill: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    arithmetic: float | None = None
    fold_auc: tuple[float, ...] = ()
    kind: Kind = "class"
    r2: float | None = None
    r2_low: float | None = None
    r2_high: float | None = None
    mae: float | None = None
    mae_mean: float | None = None
    spearman: float | None = None
    concordance: float | None = None
    calibration_slope: float | None = None

    @property
    def estimate(self) -> float | None:
        """The figure that decides: the AUC of a class, the variance explained of a number."""
        return self.auc if self.kind == "class" else self.r2

    @property
    def chance(self) -> float:
        """What `estimate` is without any skill."""
        return 0.5 if self.kind == "class" else 0.0

    @property
    def margin_low(self) -> float:
        """How far the interval's lower limit lies above chance; below 0 if it does not.

        Chance lies where arithmetic with the baseline score puts it, if the outcome is made of it.
        """
        low = self.auc_low if self.kind == "class" else self.r2_low
        chance = self.chance if self.arithmetic is None else max(self.chance, self.arithmetic)
        return (low if low is not None else -math.inf) - chance


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """One cell's predictions of an event for held-out patients; its figures are made of these.

    Attributes
    ----------
    events : array of bool of shape (n_patients,)
        Observed patients only.
    margin, probability, prevalence : arrays of shape (n_repeats, n_patients)
        Held-out margins and probabilities, and the training prevalence behind each.
    folds : array of int of shape (n_repeats, n_patients)
        Fold in which each patient was tested.
    weights : array of shape (n_patients,)
        Patient weights.
    """

    events: NDArray[np.bool_]
    margin: Floats
    probability: Floats
    prevalence: Floats
    folds: NDArray[np.int64]
    weights: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutNumbers:
    """One cell's predictions of a number for held-out patients.

    Attributes
    ----------
    observed : array of shape (n_patients,)
        The number, observed patients only.
    prediction, training_mean : arrays of shape (n_repeats, n_patients)
        Held-out predictions, and the mean of the training set behind each.
    folds : array of int of shape (n_repeats, n_patients)
        Fold in which each patient was tested.
    weights : array of shape (n_patients,)
        Patient weights.
    """

    observed: Floats
    prediction: Floats
    training_mean: Floats
    folds: Integers
    weights: Floats


def score_cell(
    outcome: str, follow_up: str, model: str, held_out: HeldOut | HeldOutNumbers
) -> Cell:
    """Return the figures of one cell from its held-out predictions.

    Parameters
    ----------
    outcome, follow_up, model : str
        Which cell it is.
    held_out : HeldOut or HeldOutNumbers
        Its predictions.

    Returns
    -------
    Cell
        Evaluated; without a p-value.
    """
    if isinstance(held_out, HeldOut):
        return _score_class(outcome, follow_up, model, held_out)
    return _score_number(outcome, follow_up, model, held_out)


def _score_class(outcome: str, follow_up: str, model: str, held_out: HeldOut) -> Cell:
    """Return the figures of a cell that predicts an event."""
    events, folds, weights = held_out.events, held_out.folds, held_out.weights
    auc = fold_paired_auc(held_out.margin, folds, events, weights)
    n_events = int(events.sum())
    low, high = score_interval(auc, n_events, len(events) - n_events)
    per_fold = tuple(
        fold_paired_auc(
            held_out.margin[repeat : repeat + 1, tested],
            folds[repeat : repeat + 1, tested],
            events[tested],
            weights[tested],
        )
        for repeat in range(len(folds))
        for fold in np.unique(folds[repeat])
        for tested in [folds[repeat] == fold]
    )
    return Cell(
        outcome=outcome,
        follow_up=follow_up,
        model=model,
        n=len(events),
        events=n_events,
        status="evaluated",
        auc=auc,
        auc_low=low,
        auc_high=high,
        brier=brier_score(held_out.probability, events, weights),
        brier_skill=brier_skill(held_out.probability, held_out.prevalence, events, weights),
        fold_auc=per_fold,
    )


def _score_number(outcome: str, follow_up: str, model: str, held_out: HeldOutNumbers) -> Cell:
    """Return the figures of a cell that predicts a number."""
    prediction, observed = held_out.prediction, held_out.observed
    mean, folds, weights = held_out.training_mean, held_out.folds, held_out.weights
    r_squared = r_squared_out_of_fold(prediction, observed, mean, weights)
    variance = r_squared_variance(prediction, observed, mean, weights)
    low, high = r_squared_interval(r_squared, variance)
    slope = calibration_slope(prediction, folds, observed, weights)
    return Cell(
        outcome=outcome,
        follow_up=follow_up,
        model=model,
        n=len(observed),
        events=0,
        kind="number",
        status="evaluated",
        r2=r_squared,
        r2_low=low,
        r2_high=high,
        mae=mean_absolute_error(prediction, observed, weights),
        mae_mean=mean_absolute_error(mean, observed, weights),
        spearman=spearman(prediction, folds, observed, weights),
        concordance=fold_paired_concordance(prediction, folds, observed, weights),
        calibration_slope=slope,
    )
