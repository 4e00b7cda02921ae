"""What a cell's text means as a number or a date, and what text a number or a date becomes.

Every kind of file ends as texts, so one way leads from a text to a number. A workbook's or
an SPSS file's number becomes the shortest text that comes back as the same number, written
with the decimal mark of its table; so the same cohort is the same from any of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import numpy as np
import pandas as pd

_DIGITS = r"[+-]?(\d+(MARK\d*)?|MARK\d+)([eE][+-]?\d+)?"
_NUMBERS = {mark: re.compile(_DIGITS.replace("MARK", re.escape(mark)), re.ASCII) for mark in ".,"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What a file holds, before anything is declared.

    Attributes
    ----------
    rows : list of (int, list of str)
        Number of the row as its program shows it, and its cells; the names first.
    labels : dict of str to str
        SPSS: column -> what it is called for people.
    levels : dict of str to dict
        SPSS: column -> code -> value label.
    """

    rows: list[tuple[int, list[str]]]
    labels: dict[str, str] = field(default_factory=dict)
    levels: dict[str, dict[str, str]] = field(default_factory=dict)


def numbers_of(texts: pd.Series, decimal: str = ".") -> pd.Series:
    """Return texts as numbers.

    Parameters
    ----------
    texts : Series of str
        Cells; missing where not observed.
    decimal : {'.', ','}
        The decimal mark.

    Returns
    -------
    Series of float64
        NaN where missing, and where the text is not a finite decimal number.

    Examples
    --------
    >>> numbers_of(pd.Series(["3", "0,25", "1.5", "inf"], dtype="str"), ",").tolist()
    [3.0, 0.25, nan, nan]
    """
    shape = _NUMBERS[decimal]
    numbers = [
        float(text.replace(decimal, ".")) if shape.fullmatch(text) else np.nan
        for text in texts.fillna("")
    ]
    return pd.Series(numbers, index=texts.index, dtype="float64")


def is_number(text: str) -> bool:
    """Return whether a text is a number with either decimal mark.

    Parameters
    ----------
    text : str
        A cell.

    Returns
    -------
    bool
    """
    return any(shape.fullmatch(text) for shape in _NUMBERS.values())


def cell_text(value: Any, decimal: str) -> str:
    """Return the text of a cell of a workbook or an SPSS file.

    Examples
    --------
    >>> [cell_text(value, ".") for value in (3.0, 0.1, None, True, datetime(2024, 3, 1))]
    ['3', '0.1', '', 'TRUE', '2024-03-01']
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        # As spreadsheets show it, so that levels can be declared as they are seen.
        return str(value).upper()
    if isinstance(value, float):
        # Spreadsheets keep whole numbers as floats: 3 is not "3.0" there. Above, digits are lost.
        whole = value.is_integer() and abs(value) < 1e15
        return str(int(value)) if whole else repr(value).replace(".", decimal)
    if isinstance(value, datetime):
        day_only = value.time() == time()
        return value.date().isoformat() if day_only else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def days_since_1(texts: pd.Series, date_format: str) -> pd.Series:
    """Return dates as days since the first day of year 1; NaN where missing or no date.

    Parameters
    ----------
    texts : Series of str
        Cells; missing where not observed.
    date_format : str
        As strptime reads it.

    Returns
    -------
    Series of float64
    """
    return texts.map(lambda text: _ordinal(text, date_format), na_action="ignore").astype("float64")


def _ordinal(text: str, date_format: str) -> float:
    """Return one date as a number of days, or NaN."""
    try:
        return float(datetime.strptime(text, date_format).toordinal())
    except ValueError:
        return np.nan


def plain_code(text: str) -> str:
    """Return a code without the ``.0`` that spreadsheets add to whole numbers."""
    return re.sub(r"[.,]0$", "", text)
