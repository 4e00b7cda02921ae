"""The values of a description; plain numbers and words, as the record keeps them."""

from __future__ import annotations

from dataclasses import dataclass

from heldout.arrays import Floats
from heldout.instruments.audit import Audited


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One variable in one group of patients.

    Attributes
    ----------
    group : str
        ``all``; ``event`` or ``no_event`` of the outcome, among the patients observed for it.
    n, missing : int
        Patients with and without a value.
    mean, sd, median, lower, upper : float or None
        Of a number: `lower` and `upper` are quartiles. None where there are too few values.
    counts : tuple of int
        Of a category: patients at each level.
    """

    group: str
    n: int
    missing: int
    mean: float | None = None
    sd: float | None = None
    median: float | None = None
    lower: float | None = None
    upper: float | None = None
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What patients are described by.

    Attributes
    ----------
    name, visit : str
        The score or declared column, and when it was known.
    label : str
        For people.
    unit : str or None
        As declared.
    levels : tuple of str
        Labels of a category's levels; empty for a number.
    """

    name: str
    visit: str
    label: str
    unit: str | None
    levels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(Described):
    """What one row of Table 1 is made of: a value a patient.

    Attributes
    ----------
    values : array of shape (n_patients,)
        Numbers; of a category the position of its level. NaN where not observed.
    """

    values: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Characteristic(Described):
    """One row of Table 1.

    Attributes
    ----------
    outcome, follow_up : str or None
        What the patients are grouped by, or correlated with; None if by nothing.
    groups : tuple of Summary
        Everybody, then patients with and without the event.
    difference : float or None
        Standardised difference, event minus no event; without a sign for a category.
    correlation : float or None
        Spearman correlation with an outcome that is a number.
    """

    outcome: str | None
    follow_up: str | None
    groups: tuple[Summary, ...]
    difference: float | None = None
    correlation: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFacts:
    """A visit, and how many included patients were observed at it by the outcomes' scores.

    `missed` counts patients with no value of that visit at all, `no_score` those who have some,
    but not the outcomes'; None where only the scores are known. `day` is None where only the order
    of the visits is.
    """

    name: str
    label: str
    day: float | None
    observed: int
    missed: int | None = None
    no_score: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCounts(Audited[int]):
    """How one score was made of items; `prorated`, `skipped` and `missing` are counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How precisely one score measured at one visit; None where it cannot be said.

    Attributes
    ----------
    name, visit : str
        The score as experiments write it, and when.
    n : int
        Patients who answered every item.
    parts : int
        Items, or domains, that the score adds up.
    alpha, alpha_low, alpha_high : float or None
        Cronbach's alpha with its 95 % interval.
    omega : float or None
        McDonald's omega of one factor.
    sem : float or None
        Standard error of measurement, in points, from alpha.
    reliable_points : float or None
        Change in points beyond which 1.96 errors of a difference lie.
    floor, ceiling : float or None
        Share of the patients with a score who have the lowest, and the highest, one.
    """

    name: str
    visit: str
    n: int
    parts: int
    alpha: float | None
    alpha_low: float | None
    alpha_high: float | None
    omega: float | None
    sem: float | None
    reliable_points: float | None
    floor: float | None
    ceiling: float | None
