"""Values that look like codes of something else: of 'not observed', or of another level.

They are read as declared; what is noticed is told by the checks of the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pandas as pd

from heldout.cohort.messages import at_rows, how_many
from heldout.cohort.notation import numbers_of
from heldout.cohort.sources import TOTAL, Source
from heldout.errors import a_few
from heldout.spec import ColumnSpec, InstrumentKey

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


def suspicious(
    texts: pd.Series,
    values: pd.Series,
    labels: Mapping[str, str],
    *,
    source: Source,
    declared: ColumnSpec,
    key: InstrumentKey | None,
    decimal: str,
) -> Iterator[tuple[str, pd.Series]]:
    """Yield what is suspicious about the values of a table column, and in which rows.

    Parameters
    ----------
    texts : Series of str
        Its cells.
    values : Series
        What was read of them.
    labels : mapping of str to str
        SPSS: code -> value label.
    source : Source
        What it is read as.
    declared : ColumnSpec
        What it should hold.
    key : InstrumentKey, optional
        Of the column's instrument.
    decimal : {'.', ','}
        The table's decimal mark.

    Yields
    ------
    tuple of str and Series of bool
        A text of column, count and rows, without a value; the rows.
    """
    if declared.kind == "text":
        return
    if declared.kind == "category":
        wrong = _exchanged(declared.levels or {}, labels)
        rows = texts.isin(wrong)
        if rows.any():
            yield (
                f"'{source.column}': the file labels the codes {a_few(wrong)} as other levels than "
                f"'{source.declared}' declares ({how_many(int(rows.sum()), 'value')}, "
                f"{at_rows(rows.index[rows])})",
                rows,
            )
        return
    meant = _set_apart(values, labels, source=source, key=key, decimal=decimal)
    if meant.any():
        yield _told(source, meant, "that the file's value labels set apart"), meant
    if key is None and declared.range is None:
        far = _far_apart(values, (*_NEGATIVE, *_POSITIVE))
        rows = values.isin(far) & ~meant if far else meant & False
        if rows.any():
            yield _told(source, rows, "such as codes of missing values (-99, 999)"), rows


def _set_apart(
    values: pd.Series,
    labels: Mapping[str, str],
    *,
    source: Source,
    key: InstrumentKey | None,
    decimal: str,
) -> pd.Series:
    """Return which numbers are codes that the file's value labels set apart from answers."""
    if not labels:
        return pd.Series(False, index=values.index)
    codes = pd.Series(list(labels), index=list(labels), dtype="str")
    labelled = numbers_of(codes, decimal).dropna()
    assessed = key.not_assessed.get(source.item, ()) if key is not None else ()
    none = [
        number
        for code, number in labelled.items()
        if _NO_ANSWER.search(labels[str(code)]) and number not in assessed
    ]
    far = _far_apart(values, tuple(labelled)) if source.item == TOTAL else []
    return values.isin([*none, *far])


def _told(source: Source, rows: pd.Series, what: str) -> str:
    """Return how many values of a column are what they should not be, and where."""
    n = how_many(int(rows.sum()), "value")
    return f"'{source.column}': {n} {what} ({at_rows(rows.index[rows])})"


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
