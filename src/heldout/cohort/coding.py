"""Values that look like codes of something else: of 'not observed', or of another level.

They are read as declared; what is noticed is told by the checks of the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pandas as pd

from heldout.cohort.conversion import Column
from heldout.cohort.messages import at_rows
from heldout.cohort.notation import numbers_of
from heldout.cohort.sources import TOTAL
from heldout.errors import a_few
from heldout.wording import counted

# What studies write for 'not observed' in a column of numbers.
_NEGATIVE = (-1, -7, -8, -9, -66, -77, -88, -98, -99, -888, -998, -999, -9999)
_POSITIVE = (98, 99, 997, 998, 999, 9998, 9999, 99999)
# Apart from the others by this share of their span or more.
APART, FEWEST = 0.5, 5
# What value labels call answers that are none.
_NO_ANSWER = re.compile(
    r"missing|refus|not applicable|n/?\.?a\b|unknown|don.?t know|no answer|no response|"
    r"not (answered|asked|done|assessed|known|available|reported|stated)|declined|"
    r"keine angabe|k\.\s?a\.|wei(ss|ß) nicht|verweigert|fehlend|trifft nicht zu|unbekannt|"
    r"mancante|non (applicabile|so|risponde|noto)|rifiut|sans objet|ne sait pas|manquant",
    re.IGNORECASE,
)


def suspicious(column: Column, values: pd.Series) -> Iterator[tuple[str, pd.Index]]:
    """Yield what is suspicious about the values of a table column, and in which rows.

    Parameters
    ----------
    column : Column
        Of a table, with what is declared of it.
    values : Series
        What was read of it.

    Yields
    ------
    tuple of str and Index
        What the values are that they should not be, in words without a value; the rows.
    """
    declared, name = column.declared, column.source.column
    if declared.kind == "text":
        return
    if declared.kind == "category":
        exchanged = _exchanged(declared.levels or {}, column.labels)
        at = values.index[column.texts.isin(exchanged)]
        if len(at):
            yield (
                f"'{name}': the file labels the codes {a_few(exchanged)} as other levels than "
                f"'{column.source.declared}' declares ({counted(len(at), 'value')}, {at_rows(at)})",
                at,
            )
        return
    apart = _set_apart(column, values)
    kinds = [(apart, "that the file's value labels set apart")]
    if column.key is None and declared.range is None:
        far = values.isin(_far_apart(values, (*_NEGATIVE, *_POSITIVE))) & ~apart
        kinds.append((far, "such as codes of missing values (-99, 999)"))
    for rows, what in kinds:
        at = rows.index[rows]
        if len(at):
            yield f"'{name}': {counted(len(at), 'value')} {what} ({at_rows(at)})", at


def _set_apart(column: Column, values: pd.Series) -> pd.Series:
    """Return which numbers are codes that the file's value labels set apart from answers."""
    labels = column.labels
    if not labels:
        return pd.Series(False, index=values.index)
    codes = pd.Series(list(labels), index=list(labels), dtype="str")
    labelled = numbers_of(codes, column.decimal).dropna()
    none = [
        number
        for code, number in labelled.items()
        if _NO_ANSWER.search(labels[str(code)]) and number not in column.not_assessed
    ]
    far = _far_apart(values, tuple(labelled)) if column.source.item == TOTAL else []
    return values.isin([*none, *far])


def _exchanged(levels: Mapping[str, str], labels: Mapping[str, str]) -> list[str]:
    """Return declared codes whose label in the file is declared for another code.

    Examples
    --------
    >>> _exchanged({"1": "female", "2": "male"}, {"1": "Male", "2": "Female"})
    ['1', '2']
    >>> _exchanged({"1": "female", "2": "male"}, {"1": "weiblich", "2": "maennlich"})
    []
    """
    declared = {label.strip().casefold(): code for code, label in levels.items()}
    return [
        code
        for code in levels
        if declared.get(labels.get(code, "").strip().casefold(), code) != code
    ]


def _far_apart(values: pd.Series, codes: tuple[float, ...]) -> list[float]:
    """Return codes that occur far from all other values, or as the only ones below 0.

    Examples
    --------
    >>> _far_apart(pd.Series([13.0, 40, 22, 65, 31, -99]), (-99, 99))
    [-99]
    >>> _far_apart(pd.Series([13.0, 40, 22, 99, 95, 31]), (-99, 99))
    []
    """
    known = values.dropna()
    present = set(known.tolist()).intersection(codes)
    # Most columns hold none, and every column of every table comes here.
    others = known[~known.isin(codes)] if present else known
    if not present or len(others) < FEWEST:
        return []
    low, high = others.min(), others.max()
    gap = APART * (high - low)
    return [
        code
        for code in codes
        if code in present and ((code < 0 <= low) or not low - gap <= code <= high + gap)
    ]
