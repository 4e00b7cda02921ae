"""What may be asked of a score: one small value a kind, with all that is to be known of it.

Pure functions of arrays, one patient a row, no row ever looking at another. A new kind is a
class here, its line in `_CONDITIONS`, and its key in `heldout.spec.outcomes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar, Literal

import numpy as np

from heldout.arrays import Flags, Floats
from heldout.instruments.scales import Scale
from heldout.spec.outcomes import EarlierRule, RuleSpec

# 20 - 10 must count as half whatever the binary fractions say.
_HAIR = 1e-9

Fault = tuple[tuple[str, ...], str]
Side = Literal["at_most", "at_least"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What is asked of a patient's score at one visit, and of the baseline score.

    Attributes
    ----------
    kind : str
        Whether the answer is yes or no (``class``), or a ``number``.
    needs : str
        What of it needs the baseline score, in words; empty if nothing does.
    instead : str
        What to ask where the baseline score was not measured.
    degree : str
        What the event is called beside its name, such as ``partial``.
    """

    kind: ClassVar[Literal["class", "number"]] = "class"
    needs: ClassVar[str] = ""
    instead: ClassVar[str] = "at_most or at_least"

    @property
    def degree(self) -> str:
        """What an event is called beside its name; empty for most."""
        return ""

    def serves(self, baseline: Floats) -> Flags:
        """Return for whom the baseline is what is needed of it: all, if nothing is."""
        return ~np.isnan(baseline) if self.needs else np.ones(len(baseline), dtype=np.bool_)

    def answers(self, baseline: Floats, score: Floats, higher_is: str | None) -> Floats:
        """Return 1, 0 or a number, and NaN where it cannot be known, by patient."""
        known = ~np.isnan(score) & self.serves(baseline)
        return np.where(known, self.met(baseline, score, higher_is), np.nan)

    def met(self, baseline: Floats, score: Floats, higher_is: str | None) -> Flags:
        """Return where the answer is yes, of patients whose scores are known.

        Raises
        ------
        NotImplementedError
            Of an outcome that was given, not made of scores.
        """
        raise NotImplementedError

    def failure(self, higher_is: str | None) -> float | None:
        """Return the answer of a patient who did not do well, or None if there is none."""
        return 0.0 if self.kind == "class" else None

    def words(self, scale: str) -> str:
        """Return it in words about what the score is called.

        Raises
        ------
        NotImplementedError
            Of an outcome that was given, not made of scores.
        """
        raise NotImplementedError

    def direction_faults(self, scale: Scale) -> Iterator[Fault]:
        """Yield what does not fit the direction of the score, with the key that is at fault."""
        yield from ()

    def range_faults(self, low: float, high: float, span: str) -> Iterator[Fault]:
        """Yield why all patients must answer alike on such a scale; paths begin at the rule."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Given(Condition):
    """Scores that are 0 and 1 already."""

    def answers(self, baseline: Floats, score: Floats, higher_is: str | None) -> Floats:
        """Return the scores."""
        return score

    def failure(self, higher_is: str | None) -> float | None:
        """Return None: nobody said what a 1 means."""
        return None


@dataclass(frozen=True, slots=True)
class Reduction(Condition):
    """The score fell by a share of baseline at least, and by less than another if given."""

    share: float
    less_than: float | None = None
    needs: ClassVar[str] = "a reduction"

    @property
    def degree(self) -> str:
        """Partial, if a larger reduction is none."""
        return "" if self.less_than is None else "partial"

    def serves(self, baseline: Floats) -> Flags:
        """Return where the baseline is above 0: half of nothing is nothing."""
        return baseline > 0

    def met(self, baseline: Floats, score: Floats, higher_is: str | None) -> Flags:
        """Return where the score fell by the share, but not by the other."""
        met = _fell_by(self.share, baseline, score)
        if self.less_than is not None:
            met &= ~_fell_by(self.less_than, baseline, score)
        return met

    def words(self, scale: str) -> str:
        """Return such as ``MADRS fell by 25 % or more but by less than 50 %``."""
        below = "" if self.less_than is None else f" but by less than {_percent(self.less_than)}"
        return f"{scale} fell by {_percent(self.share)} or more{below}"

    def direction_faults(self, scale: Scale) -> Iterator[Fault]:
        """Yield the fault of a score that rises as patients improve."""
        if scale.higher_is == "better":
            yield (
                ("column",),
                f"'{scale.name}' rises as patients improve, so a reduction is no response. Use "
                "at_least.",
            )

    def range_faults(self, low: float, high: float, span: str) -> Iterator[Fault]:
        """Yield the fault of a share that nobody can lose."""
        # The largest share that can be lost: from the highest score to the lowest.
        if high - low < self.share * high:
            yield (
                ("reduction",),
                f"found {self.share:g}, and {span}, so nobody can fall by more than "
                f"{max(0.0, 1 - low / high):.2g} of a score. Choose a smaller share, or at_most.",
            )


@dataclass(frozen=True, slots=True)
class Bound(Condition):
    """The score lies at a cut-off or on one side of it."""

    side: Side
    cut: float

    def met(self, baseline: Floats, score: Floats, higher_is: str | None) -> Flags:
        """Return where the score is there."""
        return self.holds(score)

    def holds(self, score: Floats) -> Flags:
        """Return which scores lie on this side."""
        return score <= self.cut if self.side == "at_most" else score >= self.cut

    def failure(self, higher_is: str | None) -> float | None:
        """Return 1 if this is the bad side, 0 if it is the good one, None if nobody said."""
        return None if higher_is is None else float(self.side != _good_side(higher_is))

    def words(self, scale: str) -> str:
        """Return such as ``MADRS of 10 or less``."""
        return f"{scale} of {self.cut:g} or {'less' if self.side == 'at_most' else 'more'}"

    def outside(self, low: float, high: float) -> bool:
        """Return whether all scores of a scale lie on one side."""
        return not low <= self.cut <= high or self.cut == (high if self.side == "at_most" else low)

    def range_faults(self, low: float, high: float, span: str) -> Iterator[Fault]:
        """Yield the fault of a cut-off that parts nobody."""
        if self.outside(low, high):
            yield (
                (self.side,),
                f"found {self.cut:g}, and {span}, so all patients would answer alike. Choose a "
                "cut-off inside.",
            )


@dataclass(frozen=True, slots=True)
class ReliableChange(Condition):
    """Improved by more points than measurement error explains, across a bound if one is given.

    References
    ----------
    .. [1] Jacobson NS, Truax P (1991). Clinical significance: a statistical approach to
       defining meaningful change in psychotherapy research. J Consult Clin Psychol 59, 12-19.

    Examples
    --------
    >>> round(ReliableChange(sd=6.4, reliability=0.84).points, 1)
    7.1
    """

    sd: float
    reliability: float
    bound: Bound | None = None
    needs: ClassVar[str] = "reliable change"

    @property
    def points(self) -> float:
        """The points that measurement error alone exceeds in one patient of twenty.

        1.96 times the standard error of the difference of two scores. A reliable change is
        more than that.
        """
        return 1.96 * self.sd * sqrt(2) * sqrt(1 - self.reliability)

    def met(self, baseline: Floats, score: Floats, higher_is: str | None) -> Flags:
        """Return where patients improved that much, and crossed the bound."""
        fall = baseline - score
        met = (-fall if higher_is == "better" else fall) > self.points + _HAIR
        if self.bound is not None:
            # Clinically significant is to cross the bound: who was there already did not.
            met &= self.bound.holds(score) & ~self.bound.holds(baseline)
        return met

    def words(self, scale: str) -> str:
        """Return such as ``MADRS improved by more than 7.1 points``."""
        words = f"{scale} improved by more than {self.points:.1f} points"
        if self.bound is None:
            return words
        begin, end = ("above", "less") if self.bound.side == "at_most" else ("below", "more")
        return f"{words}, from {begin} {self.bound.cut:g} to that or {end}"

    def direction_faults(self, scale: Scale) -> Iterator[Fault]:
        """Yield the fault of a direction that nobody gave, or that the bound does not fit."""
        if scale.higher_is is None:
            yield unknown_direction("reliable change", scale)
        elif self.bound is not None and self.bound.side != _good_side(scale.higher_is):
            yield (
                ("rule", "reliable_change", f"and_{self.bound.side}"),
                f"higher '{scale.name}' is {scale.higher_is}, so improvement does not cross this "
                f"bound. Use and_{_good_side(scale.higher_is)}.",
            )

    def range_faults(self, low: float, high: float, span: str) -> Iterator[Fault]:
        """Yield the faults of points that nobody can improve by, and of such a bound."""
        if self.points >= high - low:
            yield (
                ("reliable_change",),
                f"reliable change is more than {self.points:.1f} points here, and {span}, so "
                "nobody can have it. Check 'sd' and 'reliability'.",
            )
        if self.bound is not None and self.bound.outside(low, high):
            yield (
                ("reliable_change", f"and_{self.bound.side}"),
                f"found {self.bound.cut:g}, and {span}, so nobody can cross it. Choose a cut-off "
                "inside.",
            )


@dataclass(frozen=True, slots=True)
class Score(Condition):
    """The score as a number."""

    kind: ClassVar[Literal["class", "number"]] = "number"

    def answers(self, baseline: Floats, score: Floats, higher_is: str | None) -> Floats:
        """Return the scores."""
        return score

    def words(self, scale: str) -> str:
        """Return what the score is called."""
        return scale


@dataclass(frozen=True, slots=True)
class Change(Condition):
    """The score minus the baseline score, as a number."""

    kind: ClassVar[Literal["class", "number"]] = "number"
    needs: ClassVar[str] = "a change"
    instead: ClassVar[str] = "value: score"

    def answers(self, baseline: Floats, score: Floats, higher_is: str | None) -> Floats:
        """Return the changes."""
        return score - baseline

    def words(self, scale: str) -> str:
        """Return such as ``MADRS, change from baseline``."""
        return f"{scale}, change from baseline"


@dataclass(frozen=True, slots=True)
class PercentChange(Condition):
    """The change in percent of the baseline score, where that is above 0."""

    kind: ClassVar[Literal["class", "number"]] = "number"
    needs: ClassVar[str] = "a change"
    instead: ClassVar[str] = "value: score"

    def serves(self, baseline: Floats) -> Flags:
        """Return where the baseline is above 0."""
        return baseline > 0

    def answers(self, baseline: Floats, score: Floats, higher_is: str | None) -> Floats:
        """Return the changes in percent."""
        return 100 * (score - baseline) / np.where(baseline > 0, baseline, np.nan)

    def words(self, scale: str) -> str:
        """Return such as ``MADRS, change from baseline in %``."""
        return f"{scale}, change from baseline in %"


def _reliable_change(spec: RuleSpec) -> ReliableChange:
    """Return reliable change as the experiment gives it."""
    given = spec.reliable_change
    assert given is not None
    cuts: dict[Side, float | None] = {"at_most": given.and_at_most, "at_least": given.and_at_least}
    bounds = [Bound(side, cut) for side, cut in cuts.items() if cut is not None]
    return ReliableChange(given.sd, given.reliability, *bounds)


_NUMBERS = {"score": Score, "change": Change, "percent_change": PercentChange}
# Key of the rule in the experiment file -> what it makes of the rule.
_CONDITIONS: dict[str, Callable[[Any], Condition]] = {
    "reduction": lambda spec: Reduction(spec.reduction, getattr(spec, "and_less_than", None)),
    "at_most": lambda spec: Bound("at_most", spec.at_most),
    "at_least": lambda spec: Bound("at_least", spec.at_least),
    "reliable_change": _reliable_change,
    "value": lambda spec: _NUMBERS[spec.value](),
}


def condition_of(spec: RuleSpec | EarlierRule) -> Condition:
    """Return the condition that a part of an experiment states.

    Parameters
    ----------
    spec : RuleSpec or EarlierRule
        Validated, so that exactly one of its keys is a condition.

    Returns
    -------
    Condition

    Examples
    --------
    >>> condition_of(RuleSpec(reduction=0.5))
    Reduction(share=0.5, less_than=None)
    """
    return _CONDITIONS[spec.given[0]](spec)


def unknown_direction(what: str, scale: Scale) -> Fault:
    """Return the fault of something that needs to know which end of a score is the good one.

    Parameters
    ----------
    what : str
        What needs it, in words.
    scale : Scale
        Of the score.

    Returns
    -------
    tuple of (tuple of str, str)
        The key of the outcome that is at fault, and the message without a place.
    """
    return (
        ("column",),
        f"{what} needs to know which end of '{scale.name}' is the good one. Give '{scale.column}' "
        "a 'higher_is: worse' or 'higher_is: better' in the cohort file.",
    )


def _good_side(higher_is: str) -> Side:
    """Return the side of a cut-off on which patients do well."""
    return "at_least" if higher_is == "better" else "at_most"


def _fell_by(share: float, baseline: Floats, score: Floats) -> Flags:
    """Return where a score is lower than at baseline by at least a share of it."""
    return baseline - score >= share * baseline - _HAIR


def _percent(share: float) -> str:
    """Return a share in percent, with as many digits as it needs."""
    return f"{100 * share:.4g} %"
