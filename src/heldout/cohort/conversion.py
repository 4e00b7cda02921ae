"""From texts to values: numbers in range, answers a form has, levels that are declared."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from heldout.cohort.messages import at_rows
from heldout.cohort.notation import numbers_of
from heldout.cohort.sources import TOTAL, Source
from heldout.errors import a_few
from heldout.spec import ColumnSpec, InstrumentKey

# Beyond this, sums of squares leave the range of floating point numbers.
_LARGEST = 1e15
_MARKS = {".": "a decimal point", ",": "a decimal comma"}
_BE = ("is", "are")


def read_values(
    table: pd.DataFrame,
    source: Source,
    declared: ColumnSpec,
    *,
    key: InstrumentKey | None,
    decimal: str,
) -> tuple[pd.Series, list[str]]:
    """Return the values of one source, and the faults found in them.

    Parameters
    ----------
    table : DataFrame
        Texts; the index is the row number.
    source : Source
        The column to read.
    declared : ColumnSpec
        What it should hold.
    key : InstrumentKey, optional
        Of the column's instrument; it knows the answers to items and the ranges of scores.
    decimal : {'.', ','}
        The table's decimal mark.

    Returns
    -------
    values : Series
        Numbers, or codes and texts; missing where not observed.
    faults : list of str
        Names of columns, counts and row numbers; no value of any patient.
    """
    texts = table[source.column]
    if declared.kind == "text":
        return texts, []
    if declared.kind == "category":
        labels = table.attrs.get("levels", {}).get(source.column, {})
        return texts, _level_faults(texts, list(declared.levels or {}), list(labels))
    numbers = numbers_of(texts, decimal)
    numbers = numbers.where(numbers.abs() <= _LARGEST)
    no_number = texts.notna() & numbers.isna()
    faults = _mark_faults(texts, no_number, decimal) if no_number.any() else []
    if no_number.any() and not faults:
        form = f"{_MARKS[decimal]}, no unit"
        words = counted(no_number, texts, "is not a number", "are not numbers")
        faults.append(f"{words} ({form})")
    for wrong, verbs, words in _misfits(numbers, source, declared, key):
        if wrong.any():
            faults.append(f"{counted(wrong, texts, *verbs)} {words}")
    return numbers, faults


def unread(texts: pd.Series, values: pd.Series, declared: ColumnSpec) -> pd.Series:
    """Return the cells of a column that are not what it declares: no numbers, no levels."""
    if declared.kind == "category":
        return texts[texts.notna() & ~texts.isin(list(declared.levels or {}))]
    return texts[texts.notna() & values.isna()]


def _mark_faults(texts: pd.Series, no_number: pd.Series, decimal: str) -> list[str]:
    """Return the fault of numbers with another decimal mark than the declared one."""
    other = "," if decimal == "." else "."
    other_way = no_number & texts.str.contains(other, regex=False, na=False)
    other_way &= numbers_of(texts, other).notna()
    if not other_way.any():
        return []
    as_declared = texts.str.contains(decimal, regex=False, na=False) & ~no_number
    found = counted(other_way, texts, "has", "have")
    if as_declared.any():
        rows = at_rows(as_declared.index[as_declared])
        have = "has" if as_declared.sum() == 1 else "have"
        return [
            f"{found} {_MARKS[other]}, and {int(as_declared.sum())} ({rows}) {have} "
            f"{_MARKS[decimal]}. Write all numbers of the table with one mark, and declare it with "
            "'decimal' beside 'file'."
        ]
    return [
        f"{found} {_MARKS[other]}, and 'decimal' is '{decimal}'. Set "
        f"'decimal: \"{other}\"' beside 'file', or correct the table."
    ]


def _misfits(
    numbers: pd.Series, source: Source, declared: ColumnSpec, key: InstrumentKey | None
) -> Iterator[tuple[pd.Series, tuple[str, str], str]]:
    """Yield which numbers cannot be, and why: out of range, or no answer of the form.

    The verb stands apart, for one and for several.
    """
    observed = numbers.notna()
    bounds = declared.range
    if key is not None and source.item != TOTAL:
        bounds = key.bounds[source.item - 1]
        observed &= ~numbers.isin(key.not_assessed.get(source.item, ()))
        answers = key.allowed.get(source.item)
        if answers is not None:
            yield (
                observed & ~numbers.isin(answers),
                _BE,
                f"not among the answers {_listed(answers)}",
            )
            return
        fraction = observed & numbers.between(*bounds) & (numbers % 1 != 0)
        verbs = ("is not a whole number,", "are not whole numbers,")
        yield fraction, verbs, "as answers to an item are"
    elif key is not None:
        bounds = key.scores[source.score].range
    if bounds is not None:
        low, high = (f"{bound:g}" for bound in bounds)
        yield observed & ~numbers.between(*bounds), ("lies", "lie"), f"outside {low}..{high}"


def _listed(answers: tuple[int, ...]) -> str:
    """Return answers as text."""
    return ", ".join(map(str, answers))


def _level_faults(texts: pd.Series, levels: list[str], labelled: list[str]) -> list[str]:
    """Return the fault of a category whose codes are not all declared."""
    unknown = texts.notna() & ~texts.isin(levels)
    if not unknown.any():
        return []
    fault = f"{counted(unknown, texts, *_BE)} not among the levels {', '.join(levels)}"
    if labelled:
        strange = int((unknown & ~texts.isin(labelled)).sum())
        fault += f" ({strange} not among the file's value labels either, which are of codes "
        fault += f"{a_few(labelled, limit=12)})"
    return [fault]


def counted(wrong: pd.Series, texts: pd.Series, one: str, many: str) -> str:
    """Return how many of the observed values are wrong, in which rows, and what they do."""
    rows = [int(row) for row in wrong.index[wrong]]
    verb = one if len(rows) == 1 else many
    return f"{len(rows)} of {int(texts.notna().sum())} values ({at_rows(rows)}) {verb}"
