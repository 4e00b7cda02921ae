"""What `heldout plan` will stop at in a drafted column, in its own words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from heldout.cohort.conversion import Column, read_values
from heldout.cohort.sources import TOTAL, Source
from heldout.draft.dates import FEW
from heldout.draft.opened import Opened
from heldout.errors import a_few
from heldout.spec.cohort import ColumnSpec
from heldout.spec.instrument import TOTAL_SCORE, InstrumentKey


def plan_stops(
    opened: Opened,
    columns: Iterable[str],
    declared: ColumnSpec,
    key: InstrumentKey | None = None,
    score: str = TOTAL_SCORE,
) -> tuple[str, ...]:
    """Return a decision for every column that holds values it will not be read with.

    Parameters
    ----------
    opened : Opened
        The table.
    columns : iterable of str
        Of the table.
    declared : ColumnSpec
        As what they will be read.
    key : InstrumentKey, optional
        Of the instrument.
    score : str
        Of the key.

    Returns
    -------
    tuple of str
        Names, counts and rows; no value.
    """
    return tuple(
        f"'{column}': {fault}; plan will stop there. Correct the table, or what is declared."
        for column in dict.fromkeys(columns)
        for fault in _faults_of(opened, column, declared, key, score=score)
    )


def item_stops(
    opened: Opened, columns: Iterable[tuple[int, str]], key: InstrumentKey
) -> tuple[str, ...]:
    """Return a decision on items with answers that the key does not have, one for all columns.

    Parameters
    ----------
    opened : Opened
        The table.
    columns : iterable of (int, str)
        Item, and its column.
    key : InstrumentKey
        Of the instrument.

    Returns
    -------
    tuple of str
        Empty, or one: errors of typing, or, where many answers are wrong, another coding.
    """
    listed: list[str] = []
    outside = answers = 0
    for item, column in dict.fromkeys(columns):
        numbers = opened.numbers([column]).dropna()
        outside += int((~numbers.between(*key.bounds[item - 1])).sum())
        answers += len(numbers)
        faults = _faults_of(opened, column, ColumnSpec(instrument="x"), key, item=item)
        listed += [f"'{column}': {fault}" for fault in faults]
    if not listed:
        return ()
    # A few wrong answers are slips; many are a form that counts from 1 and not from 0.
    other = " Or is it another coding? Then recode them." if outside > FEW * answers else ""
    return (f"{a_few(listed, limit=3)}; plan will stop there. Correct the table.{other}",)


def _faults_of(
    opened: Opened,
    column: str,
    declared: ColumnSpec,
    key: InstrumentKey | None,
    *,
    item: int = TOTAL,
    score: str = TOTAL_SCORE,
) -> Iterator[str]:
    """Yield the faults that reading a column finds."""
    name = "x" if score == TOTAL_SCORE else f"x.{score}"
    source = Source(name=name, visit="", item=item, column=column)
    _, faults = read_values(
        Column(
            table=opened.cells,
            decimal=opened.spec.decimal,
            source=source,
            declared=declared,
            key=key,
        )
    )
    yield from (fault.rstrip(".") for fault in faults)
