"""How figures, their p and the test behind them are said in a sentence; one style everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from heldout.inference.cells import Cell
from heldout.inference.permutation import PermutationTest, monte_carlo_error
from heldout.wording import counted, decimal, p_value, spoken

# Where the error of counting permutations could move a p across .05.
_UNSURE_FROM, _UNSURE_TO = 0.01, 0.10


def p_words(p: float | None, test: PermutationTest | None = None) -> str:
    """Return a p, with the error of counting permutations where that matters.

    Parameters
    ----------
    p : float or None
        None if nothing was tested.
    test : PermutationTest or None
        Behind it.

    Returns
    -------
    str
        Such as ``.043 ± .006``; the error is one standard error, from .01 to .10 only.
    """
    words = p_value(p)
    if p is None or test is None or test.enumerated or not _UNSURE_FROM < p < _UNSURE_TO:
        return words
    error = monte_carlo_error(p, test.permutations)
    return f"{words} ± {decimal(error, digits=3)}"


def cell_p_words(cell: Cell, test: PermutationTest | None = None) -> str:
    """Return a tested cell's p and adjusted p, as sentences say them.

    Parameters
    ----------
    cell : Cell
        With its p.
    test : PermutationTest or None
        Behind it, for the error of counting.

    Returns
    -------
    str
        Such as ``p = .20, adjusted .37``.
    """
    return f"p = {p_words(cell.p, test)}, adjusted {p_words(cell.p_adjusted, test)}"


def with_chance(cell: Cell) -> str:
    """Return a cell's figure with its interval and with what chance, or arithmetic, gives.

    Parameters
    ----------
    cell : Cell
        Evaluated.

    Returns
    -------
    str
        Part of a sentence, such as ``the AUC for patients held out is .56 (95 % interval ...)``.
    """
    kind = cell.of_kind
    chance = f"chance is {kind.spoken(cell.chance_level)}"
    if cell.chance is None and cell.arithmetic is not None:
        chance = f"arithmetic with the baseline score alone {kind.reached(cell.arithmetic)}"
    figure = kind.sentence.format(_said(cell))
    return f"{figure} (95 % interval {_interval(cell)}; {chance})"


def _said(cell: Cell) -> str:
    """Return a cell's figure as sentences say it."""
    return cell.of_kind.spoken(cell.estimate)


def _interval(cell: Cell) -> str:
    """Return a cell's interval as sentences say it."""
    return f"{cell.of_kind.spoken(cell.low)} to {cell.of_kind.spoken(cell.high)}"


def made_words(test: PermutationTest) -> str:
    """Return how the test was made, and what looking for the best would find in noise.

    Parameters
    ----------
    test : PermutationTest
        Any.

    Returns
    -------
    str
        Sentences.
    """
    how = "all there are" if test.enumerated else "tuning and the choice of a model inside"
    early = ""
    if test.stopped:
        early = f"; of {test.asked} asked for, those left could not change what is decided"
    words = f"The test made {test.permutations} permutations ({how}{early})."
    if test.unmoved:
        words += f" {counted(test.unmoved, 'patient')} could change places with nobody."
    best = best_words(test)
    return f"{words} In them {best}." if best else words


def best_words(test: PermutationTest) -> str:
    """Return what looking for the best of the table finds in noise.

    Parameters
    ----------
    test : PermutationTest
        Any.

    Returns
    -------
    str
        Part of a sentence; empty where too few permutations tell it.
    """
    if test.best_mean is None:
        return ""
    words = f"the best AUC of all models and follow-ups was {decimal(test.best_mean)} on average"
    if test.best_high is None:
        return words
    return f"{words}, and {decimal(test.best_high)} or more in 1 of 20"


def spoken_of(cell: Cell) -> str:
    """Return a cell's outcome and follow-up as they are spoken of.

    Parameters
    ----------
    cell : Cell
        Any.

    Returns
    -------
    str
    """
    return f"{spoken(cell.outcome)} at {cell.follow_up}"


def with_figures(cells: Sequence[Cell]) -> str:
    """Return cells with their figure and interval.

    Parameters
    ----------
    cells : sequence of Cell
        Evaluated.

    Returns
    -------
    str
    """
    return listed(
        [
            f"{spoken_of(cell)}: {cell.of_kind.short.format(_said(cell))} ({_interval(cell)})"
            for cell in cells
        ]
    )


def listed(parts: Sequence[str]) -> str:
    """Return parts of a sentence as a list.

    Parameters
    ----------
    parts : sequence of str
        At least one.

    Returns
    -------
    str
    """
    return "; ".join(parts)
