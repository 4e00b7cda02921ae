"""XLSX workbooks: one sheet of values; what a table cannot hold is refused with its cells."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from typing import Any

from heldout.cohort.notation import Grid, cell_text
from heldout.errors import CohortError, a_few, raise_faults, unknown_name
from heldout.wording import counted


def read_workbook(raw: bytes, shown: str, *, sheet: str | None, decimal: str) -> Grid:
    """Return the cells of every row of a sheet that is not blank.

    Parameters
    ----------
    raw : bytes
        The file.
    shown : str
        How messages call it.
    sheet : str or None
        None if there is only one.
    decimal : {'.', ','}
        With what numbers are written.

    Returns
    -------
    Grid
        Formulas by the value that was last saved.

    Raises
    ------
    CohortError
        If openpyxl is missing, the file is no workbook, the sheet is not clear, cells are
        merged, or a formula was saved without its value.
    """
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise CohortError(
            f"{shown}: reading workbooks needs openpyxl, which is not installed. Run pip install "
            "'heldout[tables]', or save the sheet as CSV (UTF-8)."
        ) from None
    try:
        with warnings.catch_warnings():
            # openpyxl warns of styles and validations that it leaves out; they are no data.
            warnings.simplefilter("ignore")
            values = load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
            title = _chosen([worksheet.title for worksheet in values.worksheets], sheet, shown)
            marks, formulas, merged = _element_names(raw), set(), []
            if b"f" in marks:
                formulas = _formulas_of(load_workbook(io.BytesIO(raw), read_only=True)[title])
            rows, unsaved = _cells_of(values[title], formulas, decimal)
            if b"mergeCell" in marks:
                merged = sorted(map(str, load_workbook(io.BytesIO(raw))[title].merged_cells.ranges))
    except CohortError:
        raise
    except Exception as error:
        # A damaged file can fail in the archive, in its XML, and anywhere in openpyxl.
        raise CohortError(
            f"{shown}: is not a workbook that can be read ({type(error).__name__}). Open it in a "
            "spreadsheet program and save it as .xlsx without a password, or as CSV (UTF-8)."
        ) from None
    place, faults = f"{shown}, sheet '{title}'", []
    if merged:
        faults.append(f"{place}: cells {a_few(merged)} are merged. Unmerge them and fill each.")
    if unsaved:
        faults.append(
            f"{place}: {counted(len(unsaved), 'cell')} ({a_few(unsaved)}) "
            f"hold{'s' * (len(unsaved) == 1)} a formula without its value. Open the workbook in a "
            "spreadsheet program and save it, or paste the values."
        )
    raise_faults(CohortError, faults)
    return Grid(rows=rows)


def _element_names(raw: bytes) -> set[bytes]:
    """Return which of formulas (``f``) and merged cells there are in any sheet.

    Looking for them in the file is fast; reading it again to find none is not.
    """
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        elements = rb"<(?:\w+:)?(f|mergeCell)\b"
        return {mark for name in sheets for mark in re.findall(elements, archive.read(name))}


def _chosen(sheets: list[str], sheet: str | None, shown: str) -> str:
    """Return the sheet to read."""
    if sheet is not None and sheet not in sheets:
        raise CohortError(unknown_name(shown, "sheet", sheet, sheets))
    if sheet is None and len(sheets) != 1:
        raise CohortError(
            f"{shown}: has {len(sheets)} sheets ({a_few(map(repr, sheets))}). Set 'sheet' beside "
            "'file' to the one that holds the table."
        )
    return sheet or sheets[0]


def _formulas_of(sheet: Any) -> set[tuple[int, int]]:
    """Return row and column of every formula of a sheet."""
    sheet.reset_dimensions()
    cells = (cell for row in sheet.iter_rows() for cell in row)
    return {(cell.row, cell.column) for cell in cells if cell.data_type == "f"}


def _cells_of(
    sheet: Any, formulas: set[tuple[int, int]], decimal: str
) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Return rows that are not blank, all of one width, and the cells of unsaved formulas."""
    rows: list[tuple[int, list[str]]] = []
    unsaved: list[str] = []
    # Some programs write a wrong size of the sheet, and openpyxl would stop there.
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(), start=1):
        # A formula whose value is an empty text is saved: its cell is of type 'str'.
        unsaved += [
            cell.coordinate
            for column, cell in enumerate(row, start=1)
            if (number, column) in formulas and cell.value is None and cell.data_type != "str"
        ]
        texts = [cell_text(cell.value, decimal).strip() for cell in row]
        if any(texts):
            rows.append((number, texts))
    width = max((n + 1 for _, row in rows for n, text in enumerate(row) if text), default=0)
    filled = [(number, (row + [""] * width)[:width]) for number, row in rows]
    return filled, unsaved
