"""What a check is, what it may look at, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

from heldout.cohort.people import Cohort
from heldout.errors import a_few
from heldout.features.columns import FeatureMatrix
from heldout.outcomes.outcome import Outcome
from heldout.spec.experiment import Experiment
from heldout.spec.instrument import InstrumentKey

_MOST_LISTED = 12
_Subject = TypeVar("_Subject")


class Seen(NamedTuple):
    """What a check saw; the fields are those of a finding."""

    verdict: Literal["issue", "tip", "passed", "not_applicable"]
    text: str
    who: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check(Generic[_Subject]):
    """One entry of the catalogue.

    Attributes
    ----------
    code : str
        Such as ``HO011``.
    title : str
        What is looked at.
    needs : type
        Of what it looks at: `Cohort` (how tables were read), `StudyData`, or `RunRecord`.
    see : callable
        From that to what was seen.
    stands_first : {"holds back", "qualifies"} or None
        Whether an issue stands before the answers of the verdict; and whether it holds back the
        word evidence too, because it may explain all that was found.
    """

    code: str
    title: str
    needs: type[_Subject]
    see: Callable[[_Subject], Seen]
    stands_first: Literal["holds back", "qualifies"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyData:
    """All that a check of the data may look at.

    Attributes
    ----------
    experiment : Experiment
        For the moment at which the prediction is made.
    cohort : Cohort
        Scored, and only those included.
    keys : mapping of str to InstrumentKey
        The keys of its instruments.
    outcomes : tuple of Outcome
        Derived from the cohort.
    matrix : FeatureMatrix
        Built from the cohort.
    """

    experiment: Experiment
    cohort: Cohort
    keys: Mapping[str, InstrumentKey]
    outcomes: tuple[Outcome, ...]
    matrix: FeatureMatrix


def named(items: str, words: str, fine: str, verdict: Literal["issue", "tip"] = "issue") -> Seen:
    """Return what is said of items, for which ``{}`` stands; without any, that all is fine."""
    return Seen(verdict, words.format(items)) if items else Seen("passed", fine)


def listed(items: Iterable[str]) -> str:
    """Return items as one text, shortened where it is long."""
    return a_few(items, _MOST_LISTED)


def sentences(*parts: tuple[Sequence[str], str]) -> str:
    """Return what is said of lists that hold something; ``{}`` stands for the items."""
    return " ".join(words.format(listed(items)) for items, words in parts if items)
