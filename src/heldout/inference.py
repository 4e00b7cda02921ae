"""How sure one may be: intervals, what chance gives, and the verdict.

An interval over fold scores is not an interval: folds share patients. The default here is a
score interval on the fold-paired AUC whose variance is doubled, because a chance pattern in
a cohort moves all its held-out margins together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heldout.metrics import (
    brier_score,
    brier_skill,
    fold_paired_auc,
    hanley_mcneil_variance,
)

__all__ = [
    "Cell",
    "HeldOut",
    "Verdict",
    "area",
    "chance_range",
    "derive_verdict",
    "render_verdict",
    "score_cell",
    "score_interval",
]

Floats = NDArray[np.float64]
VARIANCE_FACTOR = 2.0
Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One outcome at one follow-up with one model, scored on held-out patients.

    Figures that were not computed are None. `status` is ``evaluated`` or ``declined``, and
    `reason` says why it was declined. `fold_auc` holds the AUC of each fold, repeat by repeat:
    their spread is that of the splits and says nothing about other patients.
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
    fold_auc: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What can be said with these patients.

    Attributes
    ----------
    level : str
        ``no_evidence``: the interval of the primary headline, or of every headline if none is
        primary, does not lie above chance. ``untested``: it does, but no permutation test was
        made.
    sentences : tuple of str
        The words, one sentence each; the first one is the verdict.
    numbers : mapping of str to float
        AUC, interval, patients and events of the cell that decides.
    """

    level: str
    sentences: tuple[str, ...]
    numbers: Mapping[str, float] = field(default_factory=dict)


def score_interval(
    auc: float, n_events: int, n_non_events: int, *, factor: float = VARIANCE_FACTOR
) -> tuple[float, float]:
    """Return the 95 % score interval of a fold-paired AUC.

    The limits are the areas t at which ``(t - auc)**2 == z**2 * factor * V(t)``, with V the
    Hanley-McNeil variance in Newcombe's symmetrised form [1]_. They never leave [0, 1] and
    exist at an AUC of 0 or 1.

    Parameters
    ----------
    auc : float
        Fold-paired AUC, in [0, 1].
    n_events, n_non_events : int
        Patients with and without the event, both at least 1.
    factor : float
        By how much the variance of a fixed rule is multiplied; 2 by default, because the
        rules were learnt from the same patients that judge them.

    Returns
    -------
    low, high : float
        With ``0 <= low <= auc <= high <= 1``.

    References
    ----------
    .. [1] Newcombe (2006), Stat Med 25:559-573, doi:10.1002/sim.2324

    Examples
    --------
    >>> low, high = score_interval(0.5, 14, 22)
    >>> round(low, 2), round(high, 2)
    (0.26, 0.74)
    """
    n_pairs = (n_events, n_non_events)

    def inside(at: float) -> bool:
        return (at - auc) ** 2 <= Z_95**2 * factor * hanley_mcneil_variance(at, *n_pairs)

    return limit(inside, auc, 0.0), limit(inside, auc, 1.0)


def chance_range(
    n_events: int, n_non_events: int, *, factor: float = VARIANCE_FACTOR
) -> tuple[float, float]:
    """Return the AUCs whose 95 % interval holds .50: those that cannot be told from chance.

    Parameters
    ----------
    n_events, n_non_events : int
        Patients with and without the event, both at least 1.
    factor : float
        As in `score_interval`.

    Returns
    -------
    low, high : float
        Within [0, 1], symmetric about .50.

    Examples
    --------
    >>> low, high = chance_range(6, 23)
    >>> round(low, 2), round(high, 2)
    (0.13, 0.87)
    """
    reach = Z_95 * (factor * hanley_mcneil_variance(0.5, n_events, n_non_events)) ** 0.5
    return max(0.0, 0.5 - reach), min(1.0, 0.5 + reach)


def limit(inside: Callable[[float], bool], start: float, end: float) -> float:
    """Return the last area, on the way from `start` to `end`, that lies inside."""
    for _ in range(60):
        middle = (start + end) / 2
        start, end = (middle, end) if inside(middle) else (start, middle)
    return start


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """One cell's predictions for held-out patients; every figure is computed from these.

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


def score_cell(outcome: str, follow_up: str, model: str, held_out: HeldOut) -> Cell:
    """Return the figures of one cell from its held-out predictions.

    Parameters
    ----------
    outcome, follow_up, model : str
        Which cell it is.
    held_out : HeldOut
        Its predictions.

    Returns
    -------
    Cell
        Evaluated; without a p-value.
    """
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


def area(value: float) -> str:
    """Return an area as it is printed: two digits, no leading zero.

    Parameters
    ----------
    value : float
        In [0, 1].

    Returns
    -------
    str

    Examples
    --------
    >>> area(0.5), area(1.0)
    ('.50', '1.00')
    """
    return f"{value:.2f}".removeprefix("0")


def derive_verdict(headline: Sequence[Cell], primary: Cell | None) -> Verdict:
    """Return what the headline of each follow-up allows to say.

    Parameters
    ----------
    headline : sequence of Cell
        The model-choosing procedure at every outcome and follow-up; at least one evaluated.
    primary : Cell or None
        The one named beforehand, if it was evaluated.

    Returns
    -------
    Verdict
    """
    evaluated = [cell for cell in headline if cell.status == "evaluated"]
    above = [cell for cell in evaluated if (cell.auc_low or 0) > 0.5]
    lead = primary or max(evaluated, key=lambda cell: (cell.auc_low or 0, cell.auc or 0))
    deciding = [cell for cell in above if primary is None or cell is primary]
    if deciding:
        level, words = "untested", [above_chance(deciding)]
    else:
        level, words = "no_evidence", [no_evidence(lead, evaluated)]
    if len(above) > len(deciding):
        words.append(beyond_primary([cell for cell in above if cell is not primary], evaluated))
    low, high = chance_range(lead.events, lead.n - lead.events)
    reach = (
        f"With {lead.n} patients and {lead.events} events, an AUC between {area(low)} and "
        f"{area(high)} cannot be told from chance."
    )
    declined = [cell.reason for cell in headline if cell.reason]
    return Verdict(
        level=level,
        sentences=(*words, reach, *declined),
        numbers={
            "auc": lead.auc or 0.0,
            "auc_low": lead.auc_low or 0.0,
            "auc_high": lead.auc_high or 1.0,
            "n": lead.n,
            "events": lead.events,
            "chance_low": low,
            "chance_high": high,
        },
    )


def no_evidence(lead: Cell, evaluated: Sequence[Cell]) -> str:
    """Return the sentence for a headline that does not lie above chance."""
    others = ""
    if len(evaluated) > 1 and all((cell.auc_low or 0) <= 0.5 for cell in evaluated):
        inside = all((cell.auc_high or 1) >= 0.5 for cell in evaluated)
        words = (
            "chance lies inside the interval of all" if inside else "no interval lies above it in"
        )
        others = f"; {words} {len(evaluated)} headlines"
    return (
        f"No evidence that baseline predicts {spoken(lead)}: the AUC for patients held out is "
        f"{area(lead.auc or 0)} (95 % interval {area(lead.auc_low or 0)} to "
        f"{area(lead.auc_high or 1)}; chance is .50){others}."
    )


def above_chance(above: Sequence[Cell]) -> str:
    """Return the sentence for headlines whose interval lies above chance."""
    return (
        f"The 95 % interval lies above chance for {listed(above)}. No permutation test was made, "
        "so this is a hint and not yet evidence."
    )


def beyond_primary(above: Sequence[Cell], evaluated: Sequence[Cell]) -> str:
    """Return the sentence for headlines above chance that were not named beforehand."""
    return (
        f"Beyond the primary follow-up, the interval lies above chance for {listed(above)}: chosen "
        f"among {len(evaluated)} after looking, uncorrected."
    )


def listed(cells: Sequence[Cell]) -> str:
    """Return cells with their AUC and interval, as they are spoken of."""
    return "; ".join(
        f"{spoken(cell)}: AUC {area(cell.auc or 0)} "
        f"({area(cell.auc_low or 0)} to {area(cell.auc_high or 1)})"
        for cell in cells
    )


def spoken(cell: Cell) -> str:
    """Return a cell's outcome and follow-up as they are spoken of."""
    return f"{cell.outcome.replace('_', ' ')} at {cell.follow_up}"


def render_verdict(verdict: Verdict) -> str:
    """Return a verdict as one text, for terminal, page, card and machine output alike.

    Parameters
    ----------
    verdict : Verdict
        Any level.

    Returns
    -------
    str
        Its sentences.
    """
    return " ".join(verdict.sentences)
