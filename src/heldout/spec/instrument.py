"""The key of a questionnaire, as a validated data file.

A key holds facts about scoring only, never an item's wording: many questionnaires are
under copyright, their arithmetic is not. It says, in the order in which they are applied:
which answers mean *not assessed*, which items a skip rule sets to zero, which items are
reversed, which answers a score recodes, and how a score puts its items together. A range
that this arithmetic cannot reach, or can leave, is a fault of the key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from math import inf
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from heldout.errors import InstrumentError, a_few, raise_faults
from heldout.spec.faults import refuse_misfits, validated
from heldout.spec.parts import Name, Part, optional
from heldout.spec.places import KeyPath, place_of
from heldout.spec.yaml_file import read_yaml

TOTAL_SCORE = "total"
# No questionnaire is larger; a slip of the keyboard may be, and would be worked through.
MOST_ITEMS, MOST_POINTS = 1000, 10_000
_Faults = Iterator[tuple[KeyPath, str]]


class SkipRule(Part):
    """Items that were not asked because of earlier answers: zeros, not missing values."""

    items: tuple[int, ...] = Field(min_length=1, description="If all of these ...")
    equal: int = Field(description="... were answered with this raw value ...")
    zero: tuple[int, ...] = Field(min_length=1, description="... these count as 0 in every score.")
    also_answered: bool = optional(
        "Whether an answer given nevertheless counts as 0 too.", default=True
    )


class ScoreKey(Part):
    """One score of an instrument: a total or a subscale."""

    label: str | None = None
    items: tuple[int, ...] | None = optional("All of them if absent.")
    size: int | None = optional(
        "How many items it has, if it is not verified which.", ge=1, le=MOST_ITEMS
    )
    method: Literal["sum", "mean", "max", "sum_of_maxima"] = "sum"
    domains: tuple[tuple[int, ...], ...] | None = optional(
        "sum_of_maxima: the items of each domain, of which one counts."
    )
    recode: dict[Name, tuple[int, ...]] = optional(
        "One of the key's recodes -> the items it is applied to.", default={}
    )
    range: tuple[float, float]
    higher_is: Literal["worse", "better", "declared"] = Field(
        description="declared: depends on the version; the cohort file must say."
    )
    construct_: str | None = Field(
        default=None, alias="construct", description="The instrument's if absent."
    )
    alpha: float | None = optional("Published Cronbach alpha; the lowest of several.", gt=0, lt=1)
    retest: float | None = optional("Published retest r or ICC; the lowest of several.", gt=0, lt=1)
    scores_only: str | None = optional("Why it is not made of items: what could not be verified.")


class InstrumentKey(Part):
    """One instrument: its items, recodes, scores, direction, cut-offs and sources."""

    id: str
    name: str
    construct_: str = Field(alias="construct")
    rater: Literal["clinician", "self", "test"]
    window: str | None = optional("The time the answers are about.")
    language: str = optional("Language version the key was published for.", default="en")
    differs_in: dict[str, str] = optional(
        "Language whose version is scored in another way -> how.", default={}
    )
    items: int = Field(ge=1, le=MOST_ITEMS)
    item_min: int = Field(ge=-MOST_POINTS)
    item_max: int | tuple[int, ...] = Field(description="Of all items, or one an item.")
    allowed: dict[int, tuple[int, ...]] = optional(
        "Item -> its answers, where not every whole number is one.", default={}
    )
    not_assessed: dict[int, tuple[int, ...]] = optional(
        "Item -> answers that mean: not assessed. They become missing.", default={}
    )
    reverse: tuple[int, ...] = ()
    skip: tuple[SkipRule, ...] = ()
    recodes: dict[Name, dict[int, float]] = optional(
        "Name -> answer, after reversal -> what it counts as.", default={}
    )
    scores: dict[Name, ScoreKey] = Field(min_length=1)
    scores_only: str | None = optional("Why items are not scored: what could not be verified.")
    suicidality: tuple[int, ...] = optional(
        "Items that are never filled in: without them no score.", default=()
    )
    prorate: bool = optional("False: no missing item is ever filled in.", default=True)
    remission_at_most: float | None = None
    cutoffs: dict[str, tuple[float, float]] = optional(
        "Band of the total -> lowest and highest score.", default={}
    )
    caveats: tuple[str, ...] = ()
    confidence: Literal["high", "medium", "low"]
    sources: tuple[str, ...] = Field(min_length=1)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """Lowest and highest answer of each item, as answered."""
        given = self.item_max
        maxima = given if isinstance(given, tuple) else (given,) * self.items
        return tuple((float(self.item_min), float(highest)) for highest in maxima)

    @property
    def has_total(self) -> bool:
        """Whether there is one score of the whole instrument."""
        return TOTAL_SCORE in self.scores

    @property
    def scored(self) -> tuple[str, ...]:
        """The scores that can be made of items."""
        return tuple(name for name in self.scores if self.why_scores_only(name) is None)

    def items_of(self, score: str) -> tuple[int, ...]:
        """Return the items of a score, numbered from 1; none if they are not verified."""
        given = self.scores[score]
        if given.size is not None:
            return ()
        return tuple(range(1, self.items + 1)) if given.items is None else given.items

    def why_scores_only(self, score: str) -> str | None:
        """Return why a score cannot be made of items, or None if it can."""
        return self.scores[score].scores_only or self.scores_only

    def answers_of(self, item: int) -> tuple[int, ...]:
        """Return the answers an item can have, as answered, without *not assessed*."""
        low, high = self.bounds[item - 1]
        answers = self.allowed.get(item, range(int(low), int(high) + 1))
        return tuple(x for x in answers if x not in self.not_assessed.get(item, ()))

    def counts_of(self, score: str, item: int) -> tuple[float, float]:
        """Return the least and the most an item adds to a score, after reversal and recode."""
        answers = [float(x) for x in self.reversed_answers(item)]
        table = self.recode_of(score, item)
        if table is not None:
            answers = [table[int(x)] for x in answers if x in table]
        if any(item in rule.zero for rule in self.skip):
            answers.append(0.0)
        return min(answers, default=0.0), max(answers, default=0.0)

    def recode_of(self, score: str, item: int) -> dict[int, float] | None:
        """Return the recode of an item in a score, if it has one."""
        named = (name for name, items in self.scores[score].recode.items() if item in items)
        return next((self.recodes[name] for name in named), None)

    def attainable(self, score: str) -> tuple[float, float]:
        """Return the lowest and highest value that the arithmetic of a score can give."""
        given = self.scores[score]
        if given.size is not None:
            parts = [(min(b[0] for b in self.bounds), max(b[1] for b in self.bounds))] * given.size
        else:
            groups = given.domains or tuple((item,) for item in self.items_of(score))
            parts = [self.span_of(score, group) for group in groups]
        lows, highs = zip(*parts, strict=True)
        if given.method == "max":
            return max(lows), max(highs)
        share = len(parts) if given.method == "mean" else 1
        return sum(lows) / share, sum(highs) / share

    def span_of(self, score: str, group: Sequence[int]) -> tuple[float, float]:
        """Return the least and the most that a part of a score counts: its highest item."""
        least, most = zip(*(self.counts_of(score, item) for item in group), strict=True)
        return max(least), max(most)

    @model_validator(mode="after")
    def check_consistency(self) -> Self:
        """Require the parts of the key to agree with each other."""
        faults = [*self.item_faults(), *self.empty_faults()]
        # What follows would stumble over items that are not there.
        faults = faults or [*self.score_faults(), *self.rule_faults()]
        refuse_misfits(faults or list(self.range_faults()))
        return self

    def item_faults(self) -> _Faults:
        """Yield the faults in lists of items and their answers."""
        unusable = self._bound_fault()
        if unusable:
            yield ("item_max",), unusable
            return
        flat = [number for number, (low, high) in enumerate(self.bounds, start=1) if low >= high]
        if flat:
            yield ("item_max",), f"of item {a_few(flat)} is not above item_min, {self.item_min}."
        for path, items in self.named_items():
            wrong = [item for item in items if not 1 <= item <= self.items]
            if wrong:
                yield path, f"found item {wrong[0]}; required: 1 to {self.items}."
            twice = [item for item, times in Counter(items).items() if times > 1]
            if twice:
                yield path, f"found item {twice[0]} a second time. Remove it."
        yield from self._answer_faults()

    def _bound_fault(self) -> str | None:
        """Return why the highest answers are not those of items at all."""
        if isinstance(self.item_max, tuple) and len(self.item_max) != self.items:
            n_entries = len(self.item_max)
            return f"found {n_entries} entries; required: one for each of {self.items} items."
        highest = int(max(high for _, high in self.bounds))
        if highest > MOST_POINTS:
            return f"found {highest}; required: at most {MOST_POINTS}."
        return None

    def _answer_faults(self) -> _Faults:
        """Yield the faults of answers that are listed one by one."""
        for item, answers in self.allowed.items():
            low, high = self.bounds[item - 1] if 1 <= item <= self.items else (-inf, inf)
            if not answers or min(answers) < low or max(answers) > high:
                text = f"required: answers within the item's bounds, {low:g} to {high:g}."
                yield ("allowed", str(item)), text

    def empty_faults(self) -> _Faults:
        """Yield the faults of scores and domains without an item."""
        for name, score in self.scores.items():
            if score.items == ():
                text = "found an empty list; required: one item or more, or no key 'items' for all."
                yield ("scores", name, "items"), text
            for number, domain in enumerate(score.domains or ()):
                if not domain:
                    text = "found an empty list; required: the items of a domain. Remove it."
                    yield ("scores", name, "domains", number), text

    def named_items(self) -> Iterator[tuple[KeyPath, tuple[int, ...]]]:
        """Yield every list of items in the key, with its place."""
        yield ("reverse",), self.reverse
        yield ("suicidality",), self.suicidality
        yield ("allowed",), tuple(self.allowed)
        yield ("not_assessed",), tuple(self.not_assessed)
        for number, rule in enumerate(self.skip):
            yield ("skip", number), (*rule.items, *rule.zero)
        for name, score in self.scores.items():
            yield ("scores", name, "items"), score.items or ()
            yield ("scores", name, "domains"), tuple(chain(*score.domains or ()))
            yield ("scores", name, "recode"), tuple(chain(*score.recode.values()))

    def score_faults(self) -> _Faults:
        """Yield the faults of scores that do not fit the items, recodes and rules."""
        for name, score in self.scores.items():
            path, items = ("scores", name), set(self.items_of(name))
            unknown = [recode for recode in score.recode if recode not in self.recodes]
            if unknown:
                yield (
                    (*path, "recode"),
                    f"found '{unknown[0]}'; required: one of the key's recodes.",
                )
            if (score.method == "sum_of_maxima") != (score.domains is not None):
                yield path, "'domains' go with 'method: sum_of_maxima' only."
            elif score.domains is not None and set(chain(*score.domains)) != items:
                yield (*path, "domains"), "required: every item of the score in one domain."
            if set(chain(*score.recode.values())) - items:
                yield (*path, "recode"), "names an item that the score does not have."
            yield from self._size_faults(name, score)
            if score.method == "max" and self.prorate:
                yield path, "'method: max' needs 'prorate: false' in the key: a maximum of some."

    def _size_faults(self, name: str, score: ScoreKey) -> _Faults:
        """Yield the faults of a score of which only the number of items is known."""
        path = ("scores", name)
        if score.size is None:
            return
        if score.items or score.recode or score.domains or score.method == "max":
            yield path, "'size' stands alone: with it, no item of the score is known."
        if self.why_scores_only(name) is None:
            yield path, "'size' needs 'scores_only': why it is not known which items."

    def rule_faults(self) -> _Faults:
        """Yield the faults of skip rules and recodes that answers cannot meet."""
        for number, rule in enumerate(self.skip):
            # A rule that waits for an answer which nobody can give would never apply.
            deaf = [item for item in rule.items if rule.equal not in self.answers_of(item)]
            if deaf:
                yield ("skip", number, "equal"), f"item {deaf[0]} has no answer {rule.equal}."
        for name, score in self.scores.items():
            for recode, items in score.recode.items():
                # A recode is written for answers as they are after reversal, as manuals print it.
                answers = {x for item in items for x in self.reversed_answers(item)}
                lacking = answers - set(self.recodes.get(recode, answers))
                if lacking:
                    text = f"says nothing of answer {a_few(sorted(lacking))}, which '{name}' needs."
                    yield ("recodes", recode), text

    def reversed_answers(self, item: int) -> list[int]:
        """Return the answers of an item as they are after reversal."""
        low, high = self.bounds[item - 1]
        flip = item in self.reverse
        return [int(low + high) - x if flip else x for x in self.answers_of(item)]

    def range_faults(self) -> _Faults:
        """Yield the faults of ranges that the arithmetic does not give, and of cut-offs."""
        for name, score in self.scores.items():
            low, high = self.attainable(name)
            if score.range != (low, high):
                yield (
                    ("scores", name, "range"),
                    f"found {score.range[0]:g} to {score.range[1]:g}; the items and the method "
                    f"give {low:g} to {high:g}.",
                )
        yield from self.cutoff_faults()

    def cutoff_faults(self) -> _Faults:
        """Yield the faults of cut-offs: exchanged, outside the total, overlapping."""
        cuts = dict(self.cutoffs)
        if self.remission_at_most is not None:
            cuts["remission_at_most"] = (self.remission_at_most,) * 2
        total = self.scores.get(TOTAL_SCORE)
        for band, (low, high) in cuts.items():
            path: KeyPath = ("cutoffs", band) if band in self.cutoffs else (band,)
            if total is None:
                yield path, "cut-offs are of the total, and there is no score 'total'."
            elif low > high:
                yield path, f"found {low:g} to {high:g}; required: the lowest score first."
            elif not total.range[0] <= low <= high <= total.range[1]:
                yield path, f"lies outside the total, {total.range[0]:g} to {total.range[1]:g}."
        right = {name: band for name, band in self.cutoffs.items() if band[0] <= band[1]}
        bands = sorted(right.items(), key=lambda band: band[1])
        for (first, (_, end)), (second, (begin, _)) in pairwise(bands):
            if begin <= end:
                text = (
                    f"begins at {begin:g}, and '{first}' ends at {end:g}; required: bands that do "
                    "not overlap, so that each score is in one."
                )
                yield ("cutoffs", second), text


def read_instrument_key(path: Path) -> InstrumentKey:
    """Return the key in a YAML file.

    Parameters
    ----------
    path : Path
        The key's file.

    Returns
    -------
    InstrumentKey
        Validated: its parts agree with each other.

    Raises
    ------
    InstrumentError
        With every fault of the file.
    """
    reading = read_yaml(path, path.name)
    raise_faults(InstrumentError, reading.faults)
    key, faults = validated(InstrumentKey, reading.content, reading.places)
    called = reading.content.get("id") if isinstance(reading.content, dict) else None
    if isinstance(called, str) and called != path.stem:
        faults.append(
            f"{place_of(('id',), reading.places)}: found '{called}'; required: '{path.stem}', as "
            "the file is called, because instruments are named by their files. Make them agree."
        )
    raise_faults(InstrumentError, faults)
    assert key is not None
    return key
