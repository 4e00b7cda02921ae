"""From declared columns to columns of the tables.

A *source* is one column of a table in its meaning: which score or declared column, which
visit, which item. Everything is looked up before anything is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from heldout.spec.cohort import CohortSpec, ColumnSpec, TableSpec
from heldout.spec.instrument import TOTAL_SCORE, InstrumentKey
from heldout.spec.places import KeyPath

TOTAL = 0
_Pattern = str | dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One column of a table in its meaning.

    Attributes
    ----------
    name : str
        The declared column for an item, a total or a plain value; ``column.score`` for
        another score of an instrument.
    visit : str
        When it was measured.
    item : int
        0 for a value that is not one item of a questionnaire.
    column : str
        What the table calls it.
    table : str or None
        One of the further tables; None for the first.
    """

    name: str
    visit: str
    item: int
    column: str
    table: str | None = None

    @property
    def cell(self) -> tuple[str, str, int]:
        """Where it stands in the values of a cohort."""
        return self.name, self.visit, self.item

    @property
    def declared(self) -> str:
        """The declared column it belongs to."""
        return self.name.partition(".")[0]

    @property
    def score(self) -> str:
        """The score of the instrument's key, if it is one."""
        return self.name.partition(".")[2] or TOTAL_SCORE


def table_of(spec: CohortSpec, name: str | None) -> TableSpec:
    """Return one of the tables; None is the first.

    Parameters
    ----------
    spec : CohortSpec
        The cohort file.
    name : str or None
        One of its further tables; None for the first.

    Returns
    -------
    TableSpec
    """
    return spec.table if name is None else spec.tables[name]


def table_path(name: str | None) -> KeyPath:
    """Return where the cohort file describes one of the tables; None is the first."""
    return ("table",) if name is None else ("tables", name)


def sources_of(spec: CohortSpec, keys: Mapping[str, InstrumentKey]) -> list[Source]:
    """Return every source the cohort file declares, in its order.

    Parameters
    ----------
    spec : CohortSpec
        The cohort file.
    keys : mapping of str to InstrumentKey
        Keys of the instruments that the columns name; they say how many items there are.

    Returns
    -------
    list of Source
        For a long table the same column serves every visit.
    """
    return [
        Source(name=score, visit=visit, item=item, column=column, table=declared.table)
        for name, declared in spec.columns.items()
        for score, visit, item, column in _places_of(name, declared, spec, keys)
    ]


def patterns_of(name: str, declared: ColumnSpec) -> Iterator[tuple[str, _Pattern, bool]]:
    """Yield score name, pattern of source columns, and whether it is of items."""
    if declared.items is not None:
        yield name, declared.items, True
    for score, pattern in (declared.scores or {}).items():
        yield _score_name(name, score), pattern, False
    if declared.column is not None or not (declared.items or declared.scores):
        yield name, declared.column or name, False


def _score_name(column: str, score: str) -> str:
    """Return how experiments write one score of a declared column's instrument."""
    return column if score == TOTAL_SCORE else f"{column}.{score}"


def _places_of(
    name: str, declared: ColumnSpec, spec: CohortSpec, keys: Mapping[str, InstrumentKey]
) -> Iterator[tuple[str, str, int, str]]:
    """Yield score name, visit, item and table column of one declared column."""
    for score, pattern, of_items in patterns_of(name, declared):
        if isinstance(pattern, dict):
            yield from ((score, visit, TOTAL, column) for visit, column in pattern.items())
            continue
        items = range(1, keys[declared.instrument or ""].items + 1) if of_items else [TOTAL]
        for visit in _visits_of(declared, pattern, spec):
            column = pattern.replace("{visit}", spec.visits[visit].code or visit)
            for item in items:
                yield score, visit, item, column.replace("{item}", str(item))


def _visits_of(declared: ColumnSpec, pattern: str, spec: CohortSpec) -> tuple[str, ...]:
    """Return the visits at which a declared column was measured."""
    if declared.visits is not None:
        return declared.visits
    repeated = "{visit}" in pattern or declared.by_visit
    return tuple(spec.visits) if repeated else (spec.baseline,)


def visits_fitting(pattern: str, columns: Iterable[str]) -> set[str]:
    """Return what columns that fit a pattern of source columns have for its visit.

    Parameters
    ----------
    pattern : str
        With ``{visit}``, and ``{item}`` for those of a questionnaire.
    columns : iterable of str
        Of a table.

    Returns
    -------
    set of str
        Empty for a pattern without a visit.
    """
    if "{visit}" not in pattern:
        return set()
    # No underscore, or madrs_{visit} would fit madrs_total_w4 as a visit called total_w4.
    shape = re.escape(pattern).replace(r"\{visit\}", "([A-Za-z0-9]+)")
    shape = shape.replace(r"\{item\}", "[0-9]+")
    return {match[1] for column in columns if (match := re.fullmatch(shape, column))}


def reported_beside_items(
    spec: CohortSpec, keys: Mapping[str, InstrumentKey], sources: list[Source]
) -> list[Source]:
    """Return the sources of scores that are computed from items at the same visit."""
    itemised = {(source.name, source.visit) for source in sources if source.item != TOTAL}
    return [
        source
        for source in sources
        if source.item == TOTAL
        and (source.declared, source.visit) in itemised
        and source.score in _key_of(spec, keys, source.declared).scored
    ]


def scores_at(
    spec: CohortSpec, keys: Mapping[str, InstrumentKey], sources: list[Source]
) -> dict[str, list[str]]:
    """Return the visits of every score name, and of every other declared column."""
    visits: dict[str, dict[str, None]] = {}
    for source in sources:
        # Items are no score: what is made of them is.
        names = [source.name]
        if source.item != TOTAL:
            scored = _key_of(spec, keys, source.name).scored
            names = [_score_name(source.name, score) for score in scored]
        for name in names:
            visits.setdefault(name, {})[source.visit] = None
    return {name: list(at) for name, at in visits.items()}


def _key_of(spec: CohortSpec, keys: Mapping[str, InstrumentKey], column: str) -> InstrumentKey:
    """Return the key of a declared column's instrument."""
    return keys[spec.columns[column].instrument or ""]
