"""SPSS files: codes stay codes, and labels of columns and values are kept beside them."""

from __future__ import annotations

from pathlib import Path

from heldout.cohort.notation import Grid, cell_text
from heldout.errors import CohortError

# As ReadStat calls them; the file itself says so since SPSS 16.
_ENCODINGS = {"utf-8": None, "latin-1": "LATIN1", "cp1252": "WINDOWS-1252"}


def read_spss(path: Path, shown: str, *, encoding: str, decimal: str) -> Grid:
    """Return the cells of every case.

    Parameters
    ----------
    path : Path
        A .sav file.
    shown : str
        How messages call it.
    encoding : {'utf-8', 'latin-1', 'cp1252'}
        Of files that do not say their own; utf-8 trusts the file.
    decimal : {'.', ','}
        With what numbers are written.

    Returns
    -------
    Grid
        Rows are numbered as SPSS numbers cases. Values that SPSS declares missing are blank,
        dates are written year-month-day.

    Raises
    ------
    CohortError
        If pyreadstat is missing, or the file is not one of SPSS.
    """
    try:
        import pyreadstat
    except ImportError:
        raise CohortError(
            f"{shown}: reading SPSS files needs pyreadstat, which is not installed. Run pip "
            "install 'heldout[tables]', or save the table as CSV (UTF-8)."
        ) from None
    try:
        columns, about = pyreadstat.read_sav(
            str(path), output_format="dict", encoding=_ENCODINGS[encoding]
        )
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, ValueError, OverflowError):
        raise CohortError(
            f"{shown}: is not an SPSS file that can be read. Save it again in SPSS as .sav or CSV "
            "(UTF-8); if its letters are the matter, set 'encoding' beside 'file'."
        ) from None
    cases = [
        [cell_text(cell, decimal) for cell in row] for row in zip(*columns.values(), strict=True)
    ]
    numbered = [(number, row) for number, row in enumerate(cases, start=1) if any(row)]
    levels = {
        column: {cell_text(code, decimal): label for code, label in labels.items()}
        for column, labels in about.variable_value_labels.items()
    }
    named = {column: label for column, label in about.column_names_to_labels.items() if label}
    return Grid(rows=[(0, list(columns)), *numbered], labels=named, levels=levels)
