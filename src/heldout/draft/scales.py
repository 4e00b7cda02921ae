"""Which columns are scores or items of which questionnaire: by name first, then by range."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import pandas as pd

from heldout.draft.dates import FEW
from heldout.draft.names import FAMILIES, TOTAL, VisitText, squeezed, visit_in, visit_text
from heldout.draft.opened import Opened
from heldout.spec.instrument import TOTAL_SCORE, InstrumentKey

Keys = Mapping[str, InstrumentKey]
# Of at least as many values, one outside of the range is an error of typing.
_ENOUGH = 10
_VERSION = r"(\d{1,2}|bech|ii)?"
_VERSIONS = {"bech": "6", "ii": "2"}
# Words that say nothing about which scale it is.
_NEUTRAL = re.compile(r"\{(visit|item)\}|(?<![a-z])(items?|it|i|q|frage)(?![a-z])", re.IGNORECASE)


def family_of(name: str) -> str:
    """Return the family of a key by its name: hamd17 and hamd6 are of one."""
    plain = squeezed(name)
    known = [family for family in FAMILIES if plain.startswith(family)]
    return max(known, key=len) if known else re.sub(r"\d+$", "", plain)


def named_keys(pattern: str, keys: Keys) -> tuple[list[str], str]:
    """Return the keys that a column's name may mean, the likeliest first, and what is left over.

    Parameters
    ----------
    pattern : str
        The column's name, its visit and item as ``{visit}`` and ``{item}``.
    keys : mapping of str to InstrumentKey
        All known ones.

    Returns
    -------
    names : list of str
        Empty if the name means none.
    rest : str
        What follows the instrument's name, such as ``certainty``; empty for a total.
    """
    plain = squeezed(_NEUTRAL.sub(" ", pattern))
    families: dict[str, list[str]] = {}
    for name in keys:
        families.setdefault(family_of(name), []).append(name)
    best: tuple[list[str], str] = ([], plain)
    for family, members in families.items():
        # The family first: after its name, a number says which version is meant.
        for alias in (family, squeezed(members[0]), *FAMILIES.get(family, ())):
            match = re.fullmatch(f"{TOTAL}?{alias}{_VERSION}{TOTAL}?{_VERSION}(.*?)", plain)
            if match is None or len(match[3]) >= len(best[1]):
                continue
            version = match[1] or match[2] or ""
            named = _versions(members, _VERSIONS.get(version, version), keys)
            best = (named, match[3]) if named else best
    return best


def _versions(members: list[str], version: str, keys: Keys) -> list[str]:
    """Return the keys of a family that a number in a name may mean, the commonest form first."""
    numbers = {name: {*re.findall(r"\d+", name), str(keys[name].items)} for name in members}
    fit = [name for name in members if not version or version in numbers[name]]
    # The long form is what people mean by the bare name: HAMD is the 17 items, not the 6.
    return sorted(fit, key=lambda name: (name != "hamd17", -keys[name].items, name))


def fitting_scores(
    names: list[str], rest: str, values: pd.Series, keys: Keys
) -> list[tuple[str, str]]:
    """Return the keys and scores that a column can be, by its values' range, the likeliest first.

    Parameters
    ----------
    names : list of str
        Keys that its name may mean.
    rest : str
        What its name says beyond the instrument: a score of the key, or nothing.
    values : Series
        Its observed numbers.
    keys : mapping of str to InstrumentKey
        All known ones.

    Returns
    -------
    list of (str, str)
        Those whose range holds all values; if there are none, those whose range holds nearly
        all: an error of typing does not make another scale of a column with a clear name.
    """
    if values.empty:
        return []
    inside = {
        (name, score): values.between(*keys[name].scores[score].range)
        for name in names
        if (score := _meant_score(name, rest, keys))
    }
    # A scale that holds every value is likelier than one that holds nearly all.
    return [fit for fit in inside if inside[fit].all()] or [
        fit for fit in inside if nearly_all(inside[fit])
    ]


def _meant_score(name: str, rest: str, keys: Keys) -> str | None:
    """Return the score of a key that a column's name means: its total, or what `rest` begins."""
    scores = keys[name].scores
    if not rest:
        return TOTAL_SCORE if TOTAL_SCORE in scores else None
    wanted = [score for score in scores if squeezed(score).startswith(rest)]
    return wanted[0] if len(wanted) == 1 else None


def nearly_all(inside: pd.Series) -> bool:
    """Return whether so few values lie outside that they are errors of typing.

    Parameters
    ----------
    inside : Series of bool
        Whether each value lies where it should.

    Returns
    -------
    bool

    Examples
    --------
    >>> nearly_all(pd.Series([True] * 19 + [False])), nearly_all(pd.Series([True, False]))
    (True, False)
    """
    outside = int((~inside).sum())
    return outside == 0 or (len(inside) >= _ENOUGH and outside <= max(1, FEW * len(inside)))


def counted_visits(opened: Opened, keys: Keys) -> dict[str, tuple[str, VisitText]]:
    """Return columns whose bare number counts visits, as in madrs_0, madrs_2, madrs_10.

    Parameters
    ----------
    opened : Opened
        The table.
    keys : mapping of str to InstrumentKey
        All known ones: a complete set of items is none of visits.

    Returns
    -------
    dict
        Column -> pattern and visit.
    """
    counted: dict[str, tuple[str, VisitText]] = {}
    for base, columns in item_bases(opened.cells.columns).items():
        names, rest = named_keys(base, keys)
        if not names or rest or visit_in(base):
            continue
        if _are_totals(columns, [keys[name] for name in names], opened):
            pattern = base.replace("{item}", "{visit}")
            for text, column in columns.items():
                visit = visit_text(text, unit="v")
                counted |= {column: (pattern, visit)} if visit else {}
    return counted


def _are_totals(columns: Mapping[str, str], keys: list[InstrumentKey], opened: Opened) -> bool:
    """Return whether numbered columns are no items, as all hold more than any item can."""
    numbers = sorted(map(int, columns))
    if len(numbers) < 2 or any(numbers == list(range(1, key.items + 1)) for key in keys):
        return False
    # madrs_1 to madrs_10 may be ten items; ten that each exceed 6 points are totals.
    highest = max(high for _, high in keys[0].bounds)
    return bool(min(opened.numbers([column]).max() for column in columns.values()) > highest)


def item_bases(patterns: Collection[str]) -> dict[str, dict[str, str]]:
    """Return, for every way to see an item's number in a pattern, its items: text -> pattern.

    Parameters
    ----------
    patterns : collection of str
        Names of columns.

    Returns
    -------
    dict of str to dict

    Examples
    --------
    >>> item_bases(["bdi2.1", "bdi2.2"])["bdi2.{item}"]
    {'1': 'bdi2.1', '2': 'bdi2.2'}
    """
    bases: dict[str, dict[str, str]] = {}
    for pattern in patterns:
        for match in re.finditer(r"(?<![0-9{])\d{1,2}(?![0-9])", pattern):
            base = pattern[: match.start()] + "{item}" + pattern[match.end() :]
            bases.setdefault(base, {})[match[0]] = pattern
    return bases
