"""Tables in memory: a pandas DataFrame as the texts that a file of the same cells would hold.

The patients are named by the index. Everything behind this door reads texts, so a table in
memory meets the same checks as a file; numbers come back to the last bit, because a float's
shortest text does. Only what a file cannot hold is refused here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from heldout.cohort.notation import cell_text
from heldout.errors import CohortError, a_few, raise_faults, unknown_name
from heldout.spec.places import Argument, KeyPath

# What the cohort part of an experiment writes under `patient` for a table in memory.
INDEX = "(index)"
# How messages call a table in memory, and what `file` says of it.
TABLE = "table"
_CONTROL = r"[\x00-\x1f\x7f]"


def declare_columns(frame: pd.DataFrame, columns: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return what the cohort part of an experiment would declare of columns in memory.

    Parameters
    ----------
    frame : DataFrame
        A table of a row a patient, whose index names the patients.
    columns : iterable of str
        Names of its columns.

    Returns
    -------
    dict of str to dict
        Source column, kind, and levels of a category in the order of its categories. A column
        of numbers or truth values is a number, every other one a text.

    Raises
    ------
    CohortError
        With every fault of the columns.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [41, 35], "sex": pd.Categorical(["f", "m"])})
    >>> declare_columns(frame, ["age"])
    {'age': {'column': 'age', 'kind': 'number'}}
    >>> declare_columns(frame, ["sex"])["sex"]["levels"]
    {'f': 'f', 'm': 'm'}
    """
    names = list(dict.fromkeys(columns))
    raise_faults(CohortError, _column_faults(frame, names, TABLE))
    return {name: {"column": name, **_declaration(frame[name])} for name in names}


def places_in_memory(columns: Mapping[str, str]) -> dict[KeyPath, str]:
    """Return how messages call the declared columns of a table in memory.

    Parameters
    ----------
    columns : mapping of str to str
        Declared column -> column of the table.

    Returns
    -------
    dict of tuple to str
        For `heldout.spec.experiment.experiment_from`.
    """
    return {
        ("cohort", "columns", name): Argument(f"{TABLE}: column '{column}'")
        for name, column in columns.items()
    }


def _declaration(column: pd.Series) -> dict[str, Any]:
    """Return kind and levels of a column."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = {text: text for text in map(_text, column.cat.categories)}
        return {"kind": "category", "levels": levels}
    plain = pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)
    return {"kind": "number" if plain else "text"}


def texts_in_memory(
    frame: pd.DataFrame,
    used: Collection[str],
    *,
    shown: str,
    patient: str,
    decimal: str,
    missing: Collection[str],
    dates: Collection[str | None] = (),
) -> tuple[pd.DataFrame, str]:
    """Return a table in memory as `heldout.cohort.tables.read_table` returns one of a file.

    Parameters
    ----------
    frame : DataFrame
        The table; never changed.
    used : collection of str
        The columns that are read; all others are left blank.
    shown : str
        How messages call the table.
    patient : str
        What the column of pseudonyms is called; the index is written there.
    decimal : {'.', ','}
        With what numbers are written.
    missing : collection of str
        Texts that mean: not observed.
    dates : collection of str or None
        The columns that may hold dates.

    Returns
    -------
    table : DataFrame
        Every cell a text or missing; the rows are numbered from 1. Whole numbers that index
        the table are filled with zeros, so that they sort as numbers.
    digest : str
        SHA-256 of the columns used, in the order of the pseudonyms.

    Raises
    ------
    CohortError
        With every fault of columns that are lacking, double, or hold what no file could, and
        of the index.
    """
    columns = sorted(set(used) - {patient})
    ids = _ids_of(frame.index)
    faults = _column_faults(frame, columns, shown, dates)
    if patient in frame.columns:
        faults.append(f"{shown}: column '{patient}' is called as its index is. Rename it.")
    raise_faults(CohortError, faults + _id_faults(ids, shown))
    numbers = pd.RangeIndex(1, len(frame) + 1)
    texts = {patient: ids} | {name: _texts_of(frame[name], decimal) for name in columns}
    table = pd.DataFrame(texts, index=numbers, dtype="str")
    table = table.mask(table.isin(["", *missing]))
    digest = hashlib.sha256(table.sort_values(patient).to_csv(index=False).encode()).hexdigest()
    blank = [name for name in dict.fromkeys(map(str, frame.columns)) if name not in table]
    return table.reindex(columns=[*table.columns, *blank]).astype("str"), digest


def _texts_of(column: pd.Series, decimal: str) -> list[str]:
    """Return a column's cells as texts, blank where not observed."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        # A gap makes whole-number categories floats in the cells, never in the categories.
        levels = [_text(level, decimal) for level in column.cat.categories]
        return [levels[code] if code >= 0 else "" for code in column.cat.codes]
    cells = zip(column.astype("object"), column.isna(), strict=True)
    return ["" if lacking else _text(cell, decimal) for cell, lacking in cells]


def _text(value: object, decimal: str = ".") -> str:
    """Return the text of a value; truth values are the numbers 1 and 0."""
    plain = value.item() if isinstance(value, np.generic) else value
    return cell_text(int(plain) if isinstance(plain, bool) else plain, decimal).strip()


def _ids_of(index: pd.Index) -> list[str]:
    """Return the patients' names as texts, blank where there is none."""
    names = ["" if pd.api.types.is_scalar(n) and pd.isna(n) else _text(n) for n in index]
    width = max(map(len, names), default=0) if pd.api.types.is_integer_dtype(index.dtype) else 0
    return [name.rjust(width, "0") for name in names]


def _id_faults(ids: list[str], shown: str) -> list[str]:
    """Return the faults of the patients' names: none, or with a line break."""
    faults, names = [], pd.Series(ids, dtype="str")
    if lacking := int((names == "").sum()):
        faults.append(
            f"{shown}: the index names no patient in {lacking} of {len(ids)} rows. Give each a "
            "name, or reset the index."
        )
    if odd := int(names.str.contains(_CONTROL).sum()):
        faults.append(
            f"{shown}: {odd} of {len(ids)} names in the index have a control character, such as a "
            "line break. Remove it."
        )
    return faults


def _column_faults(
    frame: pd.DataFrame, columns: Iterable[str], shown: str, dates: Collection[str | None] = ()
) -> list[str]:
    """Return the faults of columns that are lacking or double, or hold what no file could."""
    names, faults = list(frame.columns), []
    for name in columns:
        times = names.count(name)
        if times == 1:
            what = _strange_content(frame[name], dated=name in dates)
            faults += [f"{shown}: column '{name}' {what}"] if what else []
        elif times:
            faults.append(f"{shown}: has {times} columns '{name}'. Rename or remove all but one.")
        elif name in map(str, names):
            faults.append(f"{shown}: column {name} is not named by a text. Rename the columns.")
        else:
            faults.append(unknown_name(shown, "column", name, map(str, names)))
    return faults


def _strange_content(column: pd.Series, *, dated: bool) -> str:
    """Return what a column holds that is no number, level or text, and what to do; or nothing."""
    types = pd.api.types
    for is_of, content in (
        (types.is_complex_dtype, "complex numbers"),
        (types.is_timedelta64_dtype, "spans of time"),
        (lambda dtype: types.is_datetime64_any_dtype(dtype) and not dated, "dates"),
    ):
        if is_of(column.dtype):
            return f"holds {content}. Make it plain numbers."
    if types.is_float_dtype(column.dtype) and column.abs().eq(np.inf).any():
        return "holds infinite values. Mark them missing."
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = [_text(level) for level in column.cat.categories]
        if "" in levels:
            return "has a category without a text. Rename it, or mark its cells missing."
        alike = sorted({level for level in levels if levels.count(level) > 1})
        if alike:
            return f"has categories that read alike ({a_few(map(repr, alike))}). Rename them."
    return ""
