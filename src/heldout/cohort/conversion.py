"""From texts to values: numbers in range, answers a form has, levels that are declared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from heldout.cohort.messages import at_rows
from heldout.cohort.notation import numbers_of
from heldout.cohort.sources import TOTAL, Source
from heldout.errors import a_few
from heldout.spec.cohort import ColumnSpec
from heldout.spec.instrument import InstrumentKey

# Beyond this, sums of squares leave the range of floating point numbers.
_LARGEST = 1e15
_MARKS = {".": "a decimal point", ",": "a decimal comma"}
_BE = ("is", "are")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table, and what it is declared to hold.

    Attributes
    ----------
    table : DataFrame
        Texts; the index is the row number.
    decimal : {'.', ','}
        The table's decimal mark.
    source : Source
        What the column is read as.
    declared : ColumnSpec
        What it should hold.
    key : InstrumentKey, optional
        Of its instrument; it knows the answers to items and the ranges of scores.
    """

    table: pd.DataFrame
    decimal: str
    source: Source
    declared: ColumnSpec
    key: InstrumentKey | None

    @property
    def texts(self) -> pd.Series:
        """Its cells."""
        return self.table[self.source.column]

    @property
    def labels(self) -> dict[str, str]:
        """Code -> value label of an SPSS file."""
        return dict(self.table.attrs.get("levels", {}).get(self.source.column, {}))

    @property
    def not_assessed(self) -> tuple[int, ...]:
        """Answers to an item that mean: not assessed."""
        return () if self.key is None else self.key.not_assessed.get(self.source.item, ())


def read_values(column: Column) -> tuple[pd.Series, list[str]]:
    """Return the values of one column, and the faults found in them.

    Parameters
    ----------
    column : Column
        Of a table, with what is declared of it.

    Returns
    -------
    values : Series
        Numbers, or codes and texts; missing where not observed.
    faults : list of str
        Names of columns, counts and row numbers; no value of any patient.
    """
    texts = column.texts
    if column.declared.kind == "text":
        return texts, []
    if column.declared.kind == "category":
        return texts, _level_faults(texts, list(column.declared.levels or {}), list(column.labels))
    numbers = numbers_of(texts, column.decimal)
    numbers = numbers.where(numbers.abs() <= _LARGEST)
    no_number = texts.notna() & numbers.isna()
    faults = []
    if no_number.any():
        faults.append(_no_number_fault(texts, no_number, column.decimal))
    for wrong, verbs, words in _misfits(numbers, column):
        if wrong.any():
            faults.append(f"{wrong_values(wrong, texts, *verbs)} {words}")
    return numbers, faults


def unread(column: Column, values: pd.Series) -> pd.Series:
    """Return the cells of a column that are not what it declares: no numbers, no levels."""
    texts = column.texts
    if column.declared.kind == "category":
        return texts[texts.notna() & ~texts.isin(list(column.declared.levels or {}))]
    return texts[texts.notna() & values.isna()]


def _no_number_fault(texts: pd.Series, no_number: pd.Series, decimal: str) -> str:
    """Return the fault of texts that are no numbers, or have another mark than the declared one."""
    # 3,5 with a declared point would be 35 to a reader that drops marks: it is refused instead.
    other = "," if decimal == "." else "."
    other_way = no_number & texts.str.contains(other, regex=False, na=False)
    other_way &= numbers_of(texts, other).notna()
    if not other_way.any():
        words = wrong_values(no_number, texts, "is not a number", "are not numbers")
        return f"{words} ({_MARKS[decimal]}, no unit)"
    words = f"{wrong_values(other_way, texts, 'has', 'have')} {_MARKS[other]}"
    as_declared = texts.str.contains(decimal, regex=False, na=False) & ~no_number
    if as_declared.any():
        rows = at_rows(as_declared.index[as_declared])
        have = "has" if as_declared.sum() == 1 else "have"
        return (
            f"{words}, and {int(as_declared.sum())} ({rows}) {have} {_MARKS[decimal]}. Write all "
            "numbers of the table with one mark, and declare it with 'decimal' beside 'file'."
        )
    return (
        f"{words}, and 'decimal' is '{decimal}'. Set 'decimal: \"{other}\"' beside 'file', or "
        "correct the table."
    )


def _misfits(
    numbers: pd.Series, column: Column
) -> Iterator[tuple[pd.Series, tuple[str, str], str]]:
    """Yield which numbers cannot be, and why: out of range, or no answer of the form.

    The verb stands apart, for one and for several.
    """
    key, source = column.key, column.source
    observed = numbers.notna()
    bounds = column.declared.range
    if key is not None and source.item != TOTAL:
        bounds = key.bounds[source.item - 1]
        observed &= ~numbers.isin(column.not_assessed)
        answers = key.allowed.get(source.item)
        if answers is not None:
            listed = ", ".join(map(str, answers))
            yield observed & ~numbers.isin(answers), _BE, f"not among the answers {listed}"
            return
        fraction = observed & numbers.between(*bounds) & (numbers % 1 != 0)
        verbs = ("is not a whole number,", "are not whole numbers,")
        yield fraction, verbs, "as answers to an item are"
    elif key is not None:
        bounds = key.scores[source.score].range
    if bounds is not None:
        low, high = (f"{bound:g}" for bound in bounds)
        yield observed & ~numbers.between(*bounds), ("lies", "lie"), f"outside {low}..{high}"


def _level_faults(texts: pd.Series, levels: list[str], labelled: list[str]) -> list[str]:
    """Return the fault of a category whose codes are not all declared."""
    unknown = texts.notna() & ~texts.isin(levels)
    if not unknown.any():
        return []
    fault = f"{wrong_values(unknown, texts, *_BE)} not among the levels {', '.join(levels)}"
    if labelled:
        strange = int((unknown & ~texts.isin(labelled)).sum())
        fault += f" ({strange} not among the file's value labels either, which are of codes "
        fault += f"{a_few(labelled, limit=12)})"
    return [fault]


def wrong_values(wrong: pd.Series, texts: pd.Series, verb: str, plural: str) -> str:
    """Return how many of the observed values are wrong, in which rows, and what they do."""
    rows = [int(row) for row in wrong.index[wrong]]
    do = verb if len(rows) == 1 else plural
    return f"{len(rows)} of {int(texts.notna().sum())} values ({at_rows(rows)}) {do}"
