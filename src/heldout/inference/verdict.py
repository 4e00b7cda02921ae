"""The verdict: what the headline of each follow-up allows to say, in words and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heldout.inference.cells import Cell
from heldout.inference.intervals import chance_range
from heldout.inference.permutation import PermutationTest

# Of the permutation test.
LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What can be said with these patients.

    Attributes
    ----------
    level : str
        ``evidence``: the permutation test found something: the primary headline by its own p or,
        if none is primary, any headline by its p adjusted for all cells. ``no_evidence``: it did
        not; or, without a test, the interval of the primary headline, or of every headline if none
        is primary, does not lie above chance. ``untested``: it does, but no permutation test was
        made; or one of so few permutations that it could not have found anything.
    sentences : tuple of str
        The words, one sentence each; the first one is the verdict.
    numbers : mapping of str to float
        Of the cell that decides: patients, and AUC with interval, events and the AUCs that
        chance reaches, or the variance explained with interval and the mean absolute error.
    """

    level: str
    sentences: tuple[str, ...]
    numbers: Mapping[str, float] = field(default_factory=dict)


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


def derive_verdict(
    headline: Sequence[Cell], primary: Cell | None, test: PermutationTest | None = None
) -> Verdict:
    """Return what the headline of each follow-up allows to say.

    Parameters
    ----------
    headline : sequence of Cell
        The model-choosing procedure at every outcome and follow-up; at least one evaluated.
    primary : Cell or None
        The one named beforehand, if it was evaluated.
    test : PermutationTest or None
        The one behind the cells' p, if it was made.

    Returns
    -------
    Verdict
    """
    evaluated = [cell for cell in headline if cell.status == "evaluated"]
    if test is not None:
        return _tested_verdict(headline, evaluated, primary, test)
    above = [cell for cell in evaluated if cell.margin_low > 0]
    lead = primary or max(evaluated, key=lambda cell: (cell.margin_low, cell.estimate or 0))
    deciding = [cell for cell in above if primary is None or cell is primary]
    if deciding:
        level, words = "untested", [_above_chance(deciding)]
    else:
        level, words = "no_evidence", [_no_evidence(lead, evaluated)]
    if len(above) > len(deciding):
        words.append(_beyond_primary([cell for cell in above if cell is not primary], evaluated))
    declined = [cell.reason for cell in headline if cell.reason]
    reach, numbers = _reach_of_class(lead) if lead.kind == "class" else _reach_of_number(lead)
    return Verdict(level=level, sentences=(*words, reach, *declined), numbers=numbers)


def _tested_verdict(
    headline: Sequence[Cell],
    evaluated: Sequence[Cell],
    primary: Cell | None,
    test: PermutationTest,
) -> Verdict:
    """Return what a permutation test allows to say."""
    found = [cell for cell in evaluated if _reached(cell.p_adjusted)]
    named = primary is not None and _reached(primary.p)
    best = min(evaluated, key=lambda cell: (cell.p_adjusted or 1, cell.p or 1))
    lead = primary or best
    words = []
    if named:
        assert primary is not None
        words.append(f"Evidence that baseline predicts {_spoken(primary)}: {_with_p(primary)}.")
    elif primary is None and found:
        words.append(f"Evidence that baseline predicts {_spoken(best)}: {_with_p(best)}.")
    elif _blind(test):
        words.append(
            f"Not tested whether baseline predicts {_spoken(lead)}: {_with_chance(lead)}. With "
            f"{test.permutations} permutations no p is below "
            f"{probability(1 / (test.permutations + 1))}."
        )
    else:
        words.append(f"No evidence that baseline predicts {_spoken(lead)}: {_with_p(lead)}.")
    others = [cell for cell in found if cell is not (primary if primary else best)]
    if others:
        listed_ = "; ".join(f"{_spoken(cell)}: {_with_p(cell)}" for cell in others)
        words.append(f"Adjusted for all {len(evaluated)} headlines and every model: {listed_}.")
        if primary is not None and not named:
            words.append("The primary headline was not found, so this is a hint for another study.")
    words.append(_made(test))
    reach, numbers = _reach_of_class(lead) if lead.kind == "class" else _reach_of_number(lead)
    declined = [cell.reason for cell in headline if cell.reason]
    # A primary headline goes first: with a second chance beside it, noise would be found more often
    # than the level says.
    evidence = bool(found) if primary is None else named
    return Verdict(
        level="evidence" if evidence else "untested" if _blind(test) else "no_evidence",
        sentences=(*words, reach, *declined),
        numbers=numbers | {"p": lead.p or 0.0, "p_adjusted": lead.p_adjusted or 0.0},
    )


def _blind(test: PermutationTest) -> bool:
    """Return whether a test is of too few permutations to find anything, whatever the data."""
    return not test.stopped and not _reached(1 / (test.permutations + 1))


def _reached(p: float | None) -> bool:
    """Return whether a p is small enough; none is not."""
    return p is not None and p <= LEVEL


def _with_p(cell: Cell) -> str:
    """Return a cell's figure with what chance gives, its interval and its p."""
    return (
        f"{_with_chance(cell)}, p = {probability(cell.p)}, adjusted {probability(cell.p_adjusted)}"
    )


def _with_chance(cell: Cell) -> str:
    """Return a cell's figure with its interval and with what chance, or arithmetic, gives."""
    if cell.kind == "number":
        chance = "the mean alone explains 0"
        if cell.arithmetic is not None:
            chance = (
                f"arithmetic with the baseline score alone explains {percent(cell.arithmetic)} %"
            )
        return (
            f"out of fold, the model explains {_explained(cell)} of the variance (95 % interval "
            f"{_explained_interval(cell)}; {chance})"
        )
    chance = "chance is .50"
    if cell.arithmetic is not None:
        chance = f"arithmetic with the baseline score alone gives {area(cell.arithmetic)}"
    return (
        f"the AUC for patients held out is {area(cell.auc or 0)} (95 % interval "
        f"{area(cell.auc_low or 0)} to {area(cell.auc_high or 1)}; {chance})"
    )


def probability(p: float | None) -> str:
    """Return a p as it is printed: two digits, more where it is small, never 0.

    Parameters
    ----------
    p : float or None
        In (0, 1]; None counts as 1.

    Returns
    -------
    str

    Examples
    --------
    >>> probability(0.043), probability(0.00012), probability(0.2), probability(1.0)
    ('.043', '.0001', '.20', '1.00')
    """
    value = 1.0 if p is None else p
    digits = 2 if value >= 0.1 else 3 if value >= 0.001 else 4 if value >= 0.0001 else 6
    return f"{value:.{digits}f}".removeprefix("0")


def _made(test: PermutationTest) -> str:
    """Return how the test was made, and what looking for the best would find in noise."""
    how = "all there are" if test.enumerated else "tuning and the choice of a model inside"
    early = ", stopped early" if test.stopped else ""
    words = f"The test made {test.permutations} permutations ({how}{early})."
    if test.best_mean is None or test.best_high is None:
        return words
    return (
        f"{words} In them the best AUC of all models and follow-ups was {area(test.best_mean)} on "
        f"average, and {area(test.best_high)} or more in 1 of 20."
    )


def _reach_of_class(lead: Cell) -> tuple[str, dict[str, float]]:
    """Return what so few patients and events can show of an AUC, and the numbers behind."""
    low, high = chance_range(lead.events, lead.n - lead.events)
    words = (
        f"With {lead.n} patients and {lead.events} events, an AUC between {area(low)} and "
        f"{area(high)} cannot be told from chance."
    )
    return words, {
        "auc": lead.auc or 0.0,
        "auc_low": lead.auc_low or 0.0,
        "auc_high": lead.auc_high or 1.0,
        "n": lead.n,
        "events": lead.events,
        "chance_low": low,
        "chance_high": high,
    }


def _reach_of_number(lead: Cell) -> tuple[str, dict[str, float]]:
    """Return how far predictions of a number are off, and the numbers behind."""
    numbers = {
        name: getattr(lead, name) or 0.0 for name in ("r2", "r2_low", "r2_high", "mae", "mae_mean")
    }
    words = (
        f"The mean absolute error for the {lead.n} patients held out is {numbers['mae']:.3g}; "
        f"predicting the mean of the others gives {numbers['mae_mean']:.3g}."
    )
    return words, numbers | {"n": lead.n}


def _no_evidence(lead: Cell, evaluated: Sequence[Cell]) -> str:
    """Return the sentence for a headline that does not lie above chance."""
    others = ""
    if len(evaluated) > 1 and all(cell.margin_low <= 0 for cell in evaluated):
        inside = all(not _below_chance(cell) for cell in evaluated)
        words = (
            "chance lies inside the interval of all" if inside else "no interval lies above it in"
        )
        others = f"; {words} {len(evaluated)} headlines"
    return f"No evidence that baseline predicts {_spoken(lead)}: {_with_chance(lead)}{others}."


def _below_chance(cell: Cell) -> bool:
    """Return whether a cell's whole interval lies below chance."""
    high = cell.auc_high if cell.kind == "class" else cell.r2_high
    return high is not None and high < cell.chance


def _above_chance(above: Sequence[Cell]) -> str:
    """Return the sentence for headlines whose interval lies above chance."""
    return (
        f"The 95 % interval lies above chance for {_listed(above)}. No permutation test was made, "
        "so this is a hint and not yet evidence."
    )


def _beyond_primary(above: Sequence[Cell], evaluated: Sequence[Cell]) -> str:
    """Return the sentence for headlines above chance that were not named beforehand."""
    return (
        f"Beyond the primary follow-up, the interval lies above chance for {_listed(above)}: "
        f"chosen among {len(evaluated)} after looking, uncorrected."
    )


def _listed(cells: Sequence[Cell]) -> str:
    """Return cells with their figure and interval, as they are spoken of."""
    return "; ".join(f"{_spoken(cell)}: {_figure(cell)}" for cell in cells)


def _figure(cell: Cell) -> str:
    """Return the figure that decides and its interval in words."""
    if cell.kind == "number":
        return f"{_explained(cell)} of the variance explained ({_explained_interval(cell)})"
    return f"AUC {area(cell.auc or 0)} ({area(cell.auc_low or 0)} to {area(cell.auc_high or 1)})"


def _explained(cell: Cell) -> str:
    """Return the variance explained in whole percent."""
    return f"{percent(cell.r2)} %"


def _explained_interval(cell: Cell) -> str:
    """Return its interval in whole percent."""
    return f"{percent(cell.r2_low)} to {percent(cell.r2_high)} %"


def percent(share: float | None) -> str:
    """Return a share as it is printed, in whole percent.

    Parameters
    ----------
    share : float or None
        Below 0 if the mean does better; None counts as 0.

    Returns
    -------
    str

    Examples
    --------
    >>> percent(-0.042), percent(-0.001)
    ('-4', '0')
    """
    return str(round(100 * (share or 0.0)))


def _spoken(cell: Cell) -> str:
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
