"""The verdict: three questions, three answers, and before them whether they may be read at all.

*Is there anything* at baseline that goes with the outcome; *can it be predicted* for patients held
out; *does it add to severity*. A study that names a primary follow-up beforehand asks its three
questions of that one, by p-values of its own; what else is found is a hint. Without a primary
follow-up every question counts all that was looked at. The second question counts only after the
first: predictions of an outcome that nothing goes with cannot be evidence, so two tests at .05 stay
at .05 together.

References
----------
Marcus, Peritz & Gabriel (1976), Biometrika 63:655-660, doi:10.1093/biomet/63.3.655: closed testing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from heldout.inference.associations import OF_OUTCOME, OF_SCORE, Associated
from heldout.inference.cells import Cell
from heldout.inference.differences import Difference
from heldout.inference.permutation import PermutationTest, small
from heldout.inference.sentences import (
    cell_p_words,
    listed,
    made_words,
    p_words,
    spoken_of,
    with_chance,
    with_figures,
)
from heldout.metrics.differences import WORSE
from heldout.metrics.intervals import VARIANCE_FACTOR
from heldout.wording import counted, p_value, spoken

Level = Literal["evidence", "no_evidence", "untested", "withheld"]
_ANYTHING = "Is there anything?"
_PREDICTED = "Can it be predicted?"
_THERE = ("evidence", "withheld")
_ADDS = "Does it add to severity?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A finding that stands before the answers, because they are misread without it.

    Attributes
    ----------
    code : str
        Such as ``HO008``.
    text : str
        What was seen.
    muted : str or None
        Why it does not count here, in the words of the experiment.
    holds_back : bool
        Whether it contradicts what the figures seem to say, so that evidence is no word for it.
    """

    code: str
    text: str
    muted: str | None = None
    holds_back: bool = True

    @property
    def withholds(self) -> bool:
        """Whether it holds back the word evidence."""
        return self.holds_back and self.muted is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What can be said with these patients.

    Attributes
    ----------
    level : str
        Of the first question that was tested. ``evidence``; ``no_evidence``; ``untested``: no
        permutation test was made, or one of so few permutations that it could not have found
        anything, and no interval denies it; ``withheld``: there would be evidence, and a finding
        contradicts it.
    sentences : tuple of str
        The words, one sentence each; the first one is the verdict, or what contradicts it.
    numbers : mapping of str to float
        Of the headline that decides: patients, estimate with interval, p, and what the design could
        have found.
    first : int
        Sentences of the first paragraph: what stands before the answers, and these.
    anything, predicted : str
        Level of the first and of the second question.
    adds : str or None
        What the headline adds to baseline severity, in the word of its interval; None where
        severity was not measured.
    objections : tuple of Objection
        Findings that stand before the answers, muted ones too.
    """

    level: Level
    sentences: tuple[str, ...]
    numbers: Mapping[str, float] = field(default_factory=dict)
    first: int = 1
    anything: Level = "untested"
    predicted: Level = "untested"
    adds: str | None = None
    objections: tuple[Objection, ...] = ()

    @property
    def paragraphs(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The answers, and all that is said beside them."""
        return self.sentences[: self.first], self.sentences[self.first :]

    @property
    def withholds(self) -> bool:
        """Whether a finding that was not muted holds back the word evidence."""
        return any(objection.withholds for objection in self.objections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """All that a verdict is derived from.

    Attributes
    ----------
    headline : sequence of Cell
        The model-choosing procedure at every outcome and follow-up; at least one evaluated.
    primary : Cell or None
        The one named beforehand, if it was evaluated.
    test : PermutationTest or None
        The one behind the cells' p, if it was made.
    associated : sequence of Associated
        Of the outcomes that were tested.
    objections : sequence of Objection
        Findings that stand before the answers.
    labels : mapping of str to str
        Feature -> its label, to name the strongest.
    differences : sequence of Difference
        Of the headlines to their references.
    """

    headline: Sequence[Cell]
    primary: Cell | None = None
    test: PermutationTest | None = None
    associated: Sequence[Associated] = ()
    objections: Sequence[Objection] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    differences: Sequence[Difference] = ()

    @property
    def withholds(self) -> bool:
        """Whether a finding that was not muted holds back the word evidence."""
        return any(objection.withholds for objection in self.objections)

    @property
    def word(self) -> str:
        """What an answer begins with that says yes."""
        return "Held back" if self.withholds else "Evidence"

    @property
    def evaluated(self) -> list[Cell]:
        """The headlines that were evaluated."""
        return [cell for cell in self.headline if cell.status == "evaluated"]

    def associated_with(self, cell: Cell) -> Associated | None:
        """Return what goes with the outcome of a cell, if that was tested."""
        keys = (cell.outcome, cell.follow_up)
        return next((of for of in self.associated if (of.outcome, of.follow_up) == keys), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What one question comes to: its level, the cell it is of, and the words."""

    level: Level
    lead: Cell
    words: tuple[str, ...]


def derive_verdict(asked: Asked) -> Verdict:
    """Return what the headline of each follow-up, and its associations, allow to say.

    Parameters
    ----------
    asked : Asked
        Figures, test and findings.

    Returns
    -------
    Verdict
    """
    answers = _answers(asked)
    levels = [_held_back(answer.level, asked.withholds) for answer in answers]
    words = [word for answer in answers for word in answer.words]
    lead = answers[-1].lead
    reach, behind = reach_of(lead)
    beside = _beside_severity(asked, lead)
    added = () if beside is None else (_adds_words(lead, beside, is_there=levels[0] in _THERE),)
    declined = [cell.reason for cell in asked.headline if cell.reason]
    made = [] if asked.test is None else [made_words(asked.test)]
    first = (*_objections(asked, levels[0]), *words, *added)
    return Verdict(
        level=levels[0],
        sentences=(*first, *_associations(asked, answers), *reach, *made, *declined),
        first=len(first),
        numbers=_numbers_of(lead) | behind,
        anything=levels[0] if len(levels) > 1 else "untested",
        predicted=levels[-1],
        adds=None if beside is None else beside.word,
        objections=tuple(asked.objections),
    )


def _answers(asked: Asked) -> tuple[_Answer, ...]:
    """Return the answers to the first two questions, or to the second if only it was asked."""
    if asked.test is None:
        return (_by_intervals(asked),)
    if is_blind(asked.test):
        return (_blind(asked, asked.test),)
    # A record of an older version did not ask the first question.
    return (*([_anything(asked)] if asked.associated else []), _by_permutations(asked))


def reach_of(cell: Cell) -> tuple[tuple[str, ...], dict[str, float]]:
    """Return what the design of a cell can show, in sentences, and the numbers behind them.

    Parameters
    ----------
    cell : Cell
        Evaluated.

    Returns
    -------
    sentences : tuple of str
    numbers : dict of str to float
    """
    factor = VARIANCE_FACTOR if cell.factor is None else cell.factor
    return cell.of_kind.reach(cell.figures, cell.n, cell.events, cell.critical, factor)


def _held_back(level: Level, withheld: bool) -> Level:
    """Return a level, evidence held back where a finding contradicts it."""
    return "withheld" if level == "evidence" and withheld else level


def _objections(asked: Asked, level: Level) -> Iterator[str]:
    """Yield what stands before the answers; evidence is no word for what it contradicts."""
    for objection in asked.objections:
        if objection.muted is not None:
            reason = objection.muted.rstrip(".")
            yield f"{objection.code} was muted ({reason}): {objection.text}"
        elif objection.holds_back:
            yield f"{objection.code} stands against every claim below: {objection.text}"
        else:
            yield f"{objection.code} comes before every figure below: {objection.text}"
    if level == "withheld":
        yield (
            "So the word evidence is held back: mend the table, or mute the finding by its number "
            "with a reason (muted)."
        )


def _numbers_of(lead: Cell) -> dict[str, float]:
    """Return the estimate of a headline, its interval and its p."""
    name = lead.of_kind.estimate.name
    keys = (name, f"{name}_low", f"{name}_high")
    numbers = {key: lead.figures[key] for key in keys if key in lead.figures}
    if lead.p is not None and lead.p_adjusted is not None:
        numbers |= {"p": lead.p, "p_adjusted": lead.p_adjusted}
    return numbers if lead.chance is None else numbers | {"chance": lead.chance}


def _anything(asked: Asked) -> _Answer:
    """Answer whether anything at baseline goes with an outcome, by permutations."""
    by_cell = [(cell, asked.associated_with(cell)) for cell in asked.evaluated]
    known = [(cell, of) for cell, of in by_cell if of is not None]
    if asked.primary is not None:
        lead, of = next(pair for pair in known if pair[0] is asked.primary)
        p, adjusted = of.p, ""
    else:
        lead, of = min(known, key=lambda pair: (pair[1].p_adjusted, pair[1].p))
        p, adjusted = of.p_adjusted, "adjusted "
    level: Level = "evidence" if small(p) else "no_evidence"
    words = [_anything_words(asked, lead, of, p, adjusted)]
    others = [
        f"{spoken_of(cell)} (adjusted p = {p_words(of.p_adjusted, asked.test)})"
        for cell, of in known
        if cell is not lead and small(of.p_adjusted)
    ]
    if others:
        hint = "" if level == "evidence" else ", which is a hint for another study"
        words.append(f"Adjusted for all that was asked, also {listed(others)}{hint}.")
    return _Answer(level=level, lead=lead, words=tuple(words))


def _anything_words(asked: Asked, lead: Cell, of: Associated, p: float, adjusted: str) -> str:
    """Return the answer to the first question."""
    assert asked.test is not None
    beyond = ", beyond severity," if of.beyond_severity else ""
    said, what = f"{adjusted}p = {p_words(p, asked.test)}", spoken_of(lead)
    if not small(p):
        where = "" if asked.primary is not None or len(asked.evaluated) == 1 else ", the nearest"
        return (
            f"{_ANYTHING} No evidence that anything at baseline{beyond} goes with {what}{where} "
            f"({said})."
        )
    return (
        f"{_ANYTHING} {asked.word}: something at baseline{beyond} goes with {what} ({said}; "
        f"strongest: {_strongest(asked, lead, of)})."
    )


def _strongest(asked: Asked, lead: Cell, of: Associated) -> str:
    """Return the feature that goes with an outcome most, and which way."""
    label = asked.labels.get(of.strongest, of.strongest)
    higher = "higher" if of.correlation >= 0 else "lower"
    if "score_global" in of.values:
        return f"{label}, with a {higher} score at {lead.follow_up}"
    if lead.of_kind.has_events:
        return f"{label}, {higher} in patients with the event"
    return f"{label}, with a {higher} number"


def _by_permutations(asked: Asked) -> _Answer:
    """Answer whether an outcome can be predicted for patients held out, by permutations.

    A primary headline stands on its own p; all others on p's adjusted for all that is asked.
    """
    primary = asked.primary
    lead = primary or min(asked.evaluated, key=_smallest_p)
    of = asked.associated_with(lead)
    predicts = is_evidence(lead, lead, of, primary=primary is not None)
    begin = asked.word if predicts else "No evidence"
    figure = f"{_at(lead, asked)}{with_chance(lead)}, {cell_p_words(lead, asked.test)}"
    words = [f"{_PREDICTED} {begin}: {figure}."]
    if small(lead.p_adjusted if primary is None else lead.p) and not predicts:
        words.append("That p does not count, because the first question was not answered yes.")
    words += _also_predicted(asked, lead, "" if predicts else " A hint for another study.")
    level: Level = "evidence" if predicts else "no_evidence"
    return _Answer(level=level, lead=lead, words=tuple(words))


def _also_predicted(asked: Asked, lead: Cell, hint: str) -> list[str]:
    """Return the sentence for what was found beside the headline that decides, if anything was."""
    others = [
        f"{spoken_of(cell)}: {with_chance(cell)}"
        for cell in asked.evaluated
        if small(cell.p_adjusted) and cell is not lead
    ]
    return [f"Adjusted for all that was asked, also {listed(others)}.{hint}"] if others else []


def _associations(asked: Asked, answers: Sequence[_Answer]) -> Iterator[str]:
    """Yield what goes with the outcome of the first answer, by each statistic."""
    of = asked.associated_with(answers[0].lead)
    if of is None:
        return
    lead = answers[0].lead
    both = [
        (OF_SCORE, f"the score behind {spoken(lead.outcome)}"),
        (
            OF_OUTCOME,
            spoken(lead.outcome) if OF_SCORE[0] not in of.values else "the outcome itself",
        ),
    ]
    told = [
        f"of {what}{', baseline severity taken out' * (names is OF_SCORE and of.beyond_severity)}, "
        f"p = {p_words(of.p_values[names[0]], asked.test)} for all features together and "
        f"{p_words(of.p_values[names[1]], asked.test)} for the strongest one"
        for names, what in both
        if names[0] in of.values
    ]
    yield f"Associations, each by itself: {listed(told)}."


def _beside_severity(asked: Asked, lead: Cell) -> Difference | None:
    """Return what the headline that decides reaches beyond baseline severity alone."""
    keys = (lead.outcome, lead.follow_up, "severity")
    return next(
        (of for of in asked.differences if (of.outcome, of.follow_up, of.reference) == keys), None
    )


def _adds_words(lead: Cell, beside: Difference, *, is_there: bool) -> str:
    """Return the answer to the third question."""
    kind, estimate = lead.of_kind, lead.estimate or 0.0
    alone = kind.spoken(estimate - beside.difference)
    difference, low, high = map(kind.spoken, (beside.difference, beside.low, beside.high))
    joined = "than" if beside.word == WORSE else "to"
    words = (
        f"{_ADDS} {beside.word[:1].upper()}{beside.word[1:]} {joined} baseline severity alone "
        f"({alone}): a difference of {difference} (95 % interval {low} to {high})."
    )
    # At least half of what is predicted beyond no skill at all.
    mostly = estimate - kind.chance >= 2 * beside.difference and estimate > kind.chance
    return f"{words} Most of it is severity." if is_there and mostly else words


def _at(lead: Cell, asked: Asked) -> str:
    """Return which outcome a figure is of, where there are several."""
    return f"of {spoken_of(lead)}, " if len(asked.evaluated) > 1 else ""


def _by_intervals(asked: Asked) -> _Answer:
    """Return what intervals allow to say: at most that a test would be worth while."""
    evaluated, primary = asked.evaluated, asked.primary
    above = [cell for cell in evaluated if cell.margin_low > 0]
    # Without a primary the best one speaks, and the words say how many were looked at.
    lead = primary or max(evaluated, key=lambda cell: (cell.margin_low, cell.estimate or 0))
    deciding = [cell for cell in above if primary is None or cell is primary]
    beyond = [cell for cell in above if cell not in deciding]
    words = [_above_chance(deciding) if deciding else _not_above_chance(lead, evaluated)]
    if beyond:
        words.append(
            "Beyond the primary follow-up, the interval lies above chance for "
            f"{with_figures(beyond)}: chosen among {len(evaluated)} after looking, uncorrected."
        )
    return _Answer(level="untested" if deciding else "no_evidence", lead=lead, words=tuple(words))


def _above_chance(above: Sequence[Cell]) -> str:
    """Return the sentence for headlines whose interval lies above chance."""
    return (
        f"The 95 % interval lies above chance for {with_figures(above)}. No permutation test was "
        "made, so this is a hint and not yet evidence."
    )


def _not_above_chance(lead: Cell, evaluated: Sequence[Cell]) -> str:
    """Return the sentence for a headline whose interval does not lie above chance."""
    others = ""
    if len(evaluated) > 1 and all(cell.margin_low <= 0 for cell in evaluated):
        below = any(cell.high is not None and cell.high < cell.chance_level for cell in evaluated)
        where = (
            "no interval lies above it in" if below else "chance lies inside the interval of all"
        )
        others = f"; {where} {len(evaluated)} headlines"
    return f"No evidence that baseline predicts {spoken_of(lead)}: {with_chance(lead)}{others}."


def _blind(asked: Asked, test: PermutationTest) -> _Answer:
    """Return what a test of too few permutations allows to say: nothing."""
    lead = asked.primary or min(asked.evaluated, key=_smallest_p)
    words = (
        f"Not tested whether baseline predicts {spoken_of(lead)}: {with_chance(lead)}. With "
        f"{counted(test.permutations, 'permutation')} no p is below "
        f"{p_value(1 / (test.permutations + 1))}."
    )
    return _Answer(level="untested", lead=lead, words=(words,))


def is_blind(test: PermutationTest) -> bool:
    """Return whether a test is of too few permutations to find anything, whatever the data.

    Parameters
    ----------
    test : PermutationTest
        Any.

    Returns
    -------
    bool
    """
    # A test that stopped was reached often enough: its p is large, and not unknown.
    return not test.stopped and not small(1 / (test.permutations + 1))


def is_evidence(cell: Cell, headline: Cell, of: Associated | None, *, primary: bool) -> bool | None:
    """Return whether the permutation test says that a cell predicts.

    Parameters
    ----------
    cell : Cell
        The headline, or a model beside it.
    headline : Cell
        At the same outcome and follow-up.
    of : Associated or None
        What goes with the same outcome: the first question has to be answered yes. None in records
        that did not ask it.
    primary : bool
        Whether this follow-up was named beforehand. Its headline then stands on its own p, and a
        model on its own p once the headline is found; all others on an adjusted one.

    Returns
    -------
    bool or None
        None if no test was made.
    """
    if cell.p_adjusted is None:
        return None
    first = of is None or small(of.p if primary else of.p_adjusted)
    named = primary and small(headline.p) and small(cell.p)
    return first and (small(cell.p_adjusted) or named)


def _smallest_p(cell: Cell) -> tuple[float, float]:
    """Return by what the best of several cells is told."""
    return cell.p_adjusted or 1, cell.p or 1


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
