"""Which columns are scores or items of which questionnaire: by name first, then by range."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import pandas as pd

from heldout.cohort.cells import numbers_of
from heldout.draft.dates import FEW
from heldout.draft.names import (
    FAMILIES,
    TOTAL,
    VisitText,
    squeezed,
    visit_in,
    visit_text,
)
from heldout.spec import InstrumentKey
from heldout.spec.instrument import TOTAL_SCORE

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
        for alias in {family, squeezed(members[0]), *FAMILIES.get(family, ())}:
            found = re.fullmatch(f"{TOTAL}?{alias}{_VERSION}{TOTAL}?{_VERSION}(.*?)", plain)
            if found is None or len(found[3]) >= len(best[1]):
                continue
            version = found[1] or found[2] or ""
            named = _versions(members, _VERSIONS.get(version, version), keys)
            best = (named, found[3]) if named else best
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
    meant = [(name, score) for name in names if (score := _meant_score(name, rest, keys))]
    inside = {one: values.between(*keys[one[0]].scores[one[1]].range) for one in meant}
    if values.empty:
        return []
    return [one for one in meant if inside[one].all()] or [
        one for one in meant if nearly_all(inside[one])
    ]


def _meant_score(name: str, rest: str, keys: Keys) -> str | None:
    """Return the score of a key that a column's name means: its total, or what `rest` begins."""
    scores = keys[name].scores
    if not rest:
        return TOTAL_SCORE if TOTAL_SCORE in scores else None
    wanted = [one for one in scores if squeezed(one).startswith(rest)]
    return wanted[0] if len(wanted) == 1 else None


def nearly_all(inside: pd.Series) -> bool:
    """Return whether so few values lie outside that they are errors of typing.

    Examples
    --------
    >>> nearly_all(pd.Series([True] * 19 + [False])), nearly_all(pd.Series([True, False]))
    (True, False)
    """
    outside = int((~inside).sum())
    return outside == 0 or (len(inside) >= _ENOUGH and outside <= max(1, FEW * len(inside)))


def counted_visits(
    cells: pd.DataFrame, keys: Keys, decimal: str
) -> dict[str, tuple[str, VisitText]]:
    """Return columns whose bare number counts visits, as in madrs_0, madrs_2, madrs_10.

    Parameters
    ----------
    cells : DataFrame
        Texts.
    keys : mapping of str to InstrumentKey
        All known ones: a complete set of items is none of visits.
    decimal : str
        The decimal mark.

    Returns
    -------
    dict
        Column -> pattern and visit.
    """
    found: dict[str, tuple[str, VisitText]] = {}
    for base, columns in item_bases(cells.columns).items():
        names, rest = named_keys(base, keys)
        numbers = sorted(int(text) for text in columns)
        if not names or rest or len(numbers) < 2 or visit_in(base):
            continue
        highest = max(high for _, high in keys[names[0]].bounds)
        scores = [numbers_of(cells[column], decimal).max() for column in columns.values()]
        if any(numbers == list(range(1, keys[name].items + 1)) for name in names):
            continue
        if min(scores) > highest:
            pattern = base.replace("{item}", "{visit}")
            for text, column in columns.items():
                visit = visit_text(text, unit="v")
                found |= {column: (pattern, visit)} if visit else {}
    return found


def item_bases(patterns: Collection[str]) -> dict[str, dict[str, str]]:
    """Return, for every way to see an item's number in a pattern, its items: text -> pattern.

    Examples
    --------
    >>> item_bases(["bdi2.1", "bdi2.2"])["bdi2.{item}"]
    {'1': 'bdi2.1', '2': 'bdi2.2'}
    """
    bases: dict[str, dict[str, str]] = {}
    for pattern in patterns:
        for found in re.finditer(r"(?<![0-9{])\d{1,2}(?![0-9])", pattern):
            base = pattern[: found.start()] + "{item}" + pattern[found.end() :]
            bases.setdefault(base, {})[found[0]] = pattern
    return bases
