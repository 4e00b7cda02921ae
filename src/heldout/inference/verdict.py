"""The verdict: what the headline of each follow-up allows to say, in words and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heldout.inference.cells import Cell
from heldout.inference.permutation import PermutationTest
from heldout.wording import decimal, p_value

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a test, or intervals without one, say: the level, the cell that decides, the words."""

    level: str
    lead: Cell
    words: tuple[str, ...]


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
    if test is None:
        answer = _by_intervals(evaluated, primary)
    else:
        answer = _by_permutations(evaluated, primary, test)
    lead = answer.lead
    name = lead.of_kind.estimate.name
    numbers = {key: lead.figures[key] for key in (name, f"{name}_low", f"{name}_high")}
    reach, behind = lead.of_kind.reach(lead.figures, lead.n, lead.events)
    numbers |= behind
    if lead.p is not None and lead.p_adjusted is not None:
        numbers |= {"p": lead.p, "p_adjusted": lead.p_adjusted}
    declined = [cell.reason for cell in headline if cell.reason]
    return Verdict(level=answer.level, sentences=(*answer.words, reach, *declined), numbers=numbers)


def _by_intervals(evaluated: Sequence[Cell], primary: Cell | None) -> _Answer:
    """Return what intervals allow to say: at most that a test would be worth while."""
    above = [cell for cell in evaluated if cell.margin_low > 0]
    # Without a primary the best one speaks, and the words say how many were looked at.
    lead = primary or max(evaluated, key=lambda cell: (cell.margin_low, cell.estimate or 0))
    deciding = [cell for cell in above if primary is None or cell is primary]
    beyond = [cell for cell in above if cell not in deciding]
    first = _above_chance(deciding) if deciding else _not_above_chance(lead, evaluated)
    words = [first]
    if beyond:
        words.append(
            "Beyond the primary follow-up, the interval lies above chance for "
            f"{_listed(beyond)}: chosen among {len(evaluated)} after looking, uncorrected."
        )
    return _Answer(level="untested" if deciding else "no_evidence", lead=lead, words=tuple(words))


def _above_chance(above: Sequence[Cell]) -> str:
    """Return the sentence for headlines whose interval lies above chance."""
    return (
        f"The 95 % interval lies above chance for {_listed(above)}. No permutation test was made, "
        "so this is a hint and not yet evidence."
    )


def _not_above_chance(lead: Cell, evaluated: Sequence[Cell]) -> str:
    """Return the sentence for a headline whose interval does not lie above chance."""
    others = ""
    if len(evaluated) > 1 and all(cell.margin_low <= 0 for cell in evaluated):
        below = any(cell.high is not None and cell.high < cell.chance for cell in evaluated)
        where = (
            "no interval lies above it in" if below else "chance lies inside the interval of all"
        )
        others = f"; {where} {len(evaluated)} headlines"
    return f"No evidence that baseline predicts {lead.spoken}: {with_chance(lead)}{others}."


def _listed(cells: Sequence[Cell]) -> str:
    """Return cells with their figure and interval."""
    return "; ".join(
        f"{cell.spoken}: {cell.of_kind.short.format(_said(cell))} ({_interval(cell)})"
        for cell in cells
    )


def _by_permutations(
    evaluated: Sequence[Cell], primary: Cell | None, test: PermutationTest
) -> _Answer:
    """Return what a permutation test allows to say.

    A primary headline goes first: with a second chance beside it, noise would be found more often
    than the level says.
    """
    reached = [cell for cell in evaluated if _is_small(cell.p_adjusted)]
    lead = primary or min(evaluated, key=_smallest_p)
    # What was named beforehand needs no adjusting for what was looked at beside it.
    evidence = bool(reached) if primary is None else _is_small(primary.p)
    if evidence:
        level, first = "evidence", f"Evidence that baseline predicts {_with_p(lead)}."
    elif _is_blind(test):
        level = "untested"
        first = (
            f"Not tested whether baseline predicts {lead.spoken}: {with_chance(lead)}. With "
            f"{test.permutations} permutations no p is below "
            f"{p_value(1 / (test.permutations + 1))}."
        )
    else:
        level, first = "no_evidence", f"No evidence that baseline predicts {_with_p(lead)}."
    words = [first]
    if others := [cell for cell in reached if cell is not lead]:
        words.append(
            f"Adjusted for all {len(evaluated)} headlines and every model: "
            f"{'; '.join(map(_with_p, others))}."
        )
        if not evidence:
            words.append("The primary headline was not found, so this is a hint for another study.")
    return _Answer(level=level, lead=lead, words=(*words, _made(test)))


def _smallest_p(cell: Cell) -> tuple[float, float]:
    """Return by what the best of several cells is told."""
    return cell.p_adjusted or 1, cell.p or 1


def _is_blind(test: PermutationTest) -> bool:
    """Return whether a test is of too few permutations to find anything, whatever the data."""
    # A test that stopped was reached often enough: its p is large, and not unknown.
    return not test.stopped and not _is_small(1 / (test.permutations + 1))


def _is_small(p: float | None) -> bool:
    """Return whether a p is small enough; none is not."""
    return p is not None and p <= LEVEL


def _with_p(cell: Cell) -> str:
    """Return a cell with its figure, what chance gives, its interval and its p."""
    return f"{cell.spoken}: {with_chance(cell)}, {p_words(cell)}"


def p_words(cell: Cell) -> str:
    """Return a tested cell's p and adjusted p, as sentences say them.

    Parameters
    ----------
    cell : Cell
        With its p.

    Returns
    -------
    str
        Such as ``p = .20, adjusted .37``.
    """
    return f"p = {p_value(cell.p)}, adjusted {p_value(cell.p_adjusted)}"


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
    kind, chance = cell.of_kind, cell.of_kind.nothing
    if cell.arithmetic is not None:
        chance = f"arithmetic with the baseline score alone {kind.reached(cell.arithmetic)}"
    figure = kind.sentence.format(_said(cell))
    return f"{figure} (95 % interval {_interval(cell)}; {chance})"


def _said(cell: Cell) -> str:
    """Return a cell's figure as sentences say it."""
    return cell.of_kind.spoken(cell.estimate)


def _interval(cell: Cell) -> str:
    """Return a cell's interval as sentences say it."""
    return f"{cell.of_kind.spoken(cell.low)} to {cell.of_kind.spoken(cell.high)}"


def _made(test: PermutationTest) -> str:
    """Return how the test was made, and what looking for the best would find in noise."""
    how = "all there are" if test.enumerated else "tuning and the choice of a model inside"
    early = ", stopped early" if test.stopped else ""
    words = f"The test made {test.permutations} permutations ({how}{early})."
    if test.best_mean is None or test.best_high is None:
        return words
    return (
        f"{words} In them the best AUC of all models and follow-ups was {decimal(test.best_mean)} "
        f"on average, and {decimal(test.best_high)} or more in 1 of 20."
    )


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
