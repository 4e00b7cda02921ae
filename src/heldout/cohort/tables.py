"""Tables of any file, read so that nothing is guessed: every cell stays text until declared."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from heldout.cohort.messages import at_rows, names_answers
from heldout.cohort.notation import Grid
from heldout.cohort.spss import read_spss
from heldout.cohort.text import read_text
from heldout.cohort.workbook import read_workbook
from heldout.errors import CohortError, a_few, raise_faults
from heldout.spec.cohort import NOT_OBSERVED

# Ending of a file -> what may be said of it beside `file`, apart from the decimal mark.
_ENDINGS = {
    ".csv": ("separator", "encoding"),
    ".tsv": ("separator", "encoding"),
    ".xlsx": ("sheet",),
    ".sav": ("encoding",),
}


def file_in_study(folder: Path, file: str, where: str) -> Path:
    """Return the path of a file that must lie inside the study folder.

    Parameters
    ----------
    folder : Path
        The study folder.
    file : str
        The path as written, relative to the study folder.
    where : str
        Place of the path in the experiment, for messages.

    Returns
    -------
    Path
        Absolute.

    Raises
    ------
    CohortError
        If the path leads out of the study folder, or no file is there.
    """
    try:
        path = (folder / file).resolve()
        is_there = path.is_file()
    except (OSError, RuntimeError, ValueError):
        # A name that is too long, a link to itself, a NUL, a folder that may not be read.
        raise CohortError(
            f"{where}: the path cannot be followed. Give the path of a file in the study folder."
        ) from None
    if not path.is_relative_to(folder.resolve()):
        raise CohortError(
            f"{where}: '{file}' leads out of the study folder. Data are read from inside it only; "
            "copy the file into the study."
        )
    if not is_there:
        raise CohortError(
            f"{where}: there is no file '{file}' in the study folder. Check the path; it is "
            "relative to the folder that holds configs/ and experiments/."
        )
    return path


def read_table(
    path: Path,
    shown: str,
    *,
    missing: Sequence[str] = NOT_OBSERVED,
    separator: Literal[",", ";", "tab"] | None = None,
    decimal: Literal[".", ","] = ".",
    encoding: Literal["utf-8", "latin-1", "cp1252"] = "utf-8",
    sheet: str | None = None,
) -> tuple[pd.DataFrame, str]:
    """Return a CSV, TSV, XLSX or SPSS file as a table of texts, and the digest of its bytes.

    Parameters
    ----------
    path : Path
        A file with one row of column names; its ending says what it is.
    shown : str
        How messages call the file.
    missing : sequence of str
        Texts that mean: not observed. They become missing values, as blank cells always do.
    separator : {',', ';', 'tab'}, optional
        Between the cells of a CSV or TSV file; by its ending if absent.
    decimal : {'.', ','}
        The decimal mark. Cells of a text file stay as written; numbers of a workbook or an
        SPSS file are written with it. `heldout.cohort.notation.numbers_of` makes numbers of both.
    encoding : {'utf-8', 'latin-1', 'cp1252'}
        Of a text file, or of an SPSS file that does not say its own.
    sheet : str, optional
        Of a workbook; the only one if absent.

    Returns
    -------
    table : DataFrame
        Every cell a text without outer blanks, or missing. The index is the row number a
        spreadsheet shows, or the case number of SPSS. ``attrs["labels"]`` maps columns to
        SPSS column labels, ``attrs["levels"]`` columns to value labels by code; both are
        empty for other files.
    digest : str
        SHA-256 of the file.

    Raises
    ------
    CohortError
        If the file cannot be read as what its ending says, holds no rows, names a column
        twice or not at all, or has rows of unequal length.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CohortError(
            f"{shown}: cannot be read ({error.strerror}). Check its rights."
        ) from None
    ending = path.suffix.lower()
    given = {"separator": separator, "encoding": encoding, "sheet": sheet}
    raise_faults(CohortError, _ending_faults(ending, given, shown))
    if ending == ".xlsx":
        grid = read_workbook(raw, shown, sheet=sheet, decimal=decimal)
    elif ending == ".sav":
        grid = read_spss(path, shown, encoding=encoding, decimal=decimal)
    else:
        word = separator or ("tab" if ending == ".tsv" else ",")
        mark = "\t" if word == "tab" else word
        grid = read_text(raw, shown, separator=mark, encoding=encoding)
    return _as_table(grid, missing, shown), hashlib.sha256(raw).hexdigest()


def _ending_faults(ending: str, given: dict[str, str | None], shown: str) -> list[str]:
    """Return why a kind of file cannot be read, or not with what is said of it."""
    if ending not in _ENDINGS:
        also = " Save it as .xlsx." if ending == ".xls" else " Save it as one of these."
        return [f"{shown}: is not a file that can be read; readable: {', '.join(_ENDINGS)}.{also}"]
    return [
        f"{shown}: '{name}' says nothing about {ending} files. Remove it."
        for name, value in given.items()
        if name not in _ENDINGS[ending] and value not in (None, "utf-8")
    ]


def _as_table(grid: Grid, missing: Sequence[str], shown: str) -> pd.DataFrame:
    """Return rows of cells as a table with names."""
    if len(grid.rows) <= 1:
        raise CohortError(f"{shown}: holds no rows of patients. Give a table with names and rows.")
    header, body = [name.strip() for name in grid.rows[0][1]], grid.rows[1:]
    raise_faults(CohortError, [f"{shown}: {fault}" for fault in _shape_faults(header, body)])
    table = pd.DataFrame(
        [[cell.strip() for cell in row] for _, row in body],
        columns=header,
        index=[number for number, _ in body],
        dtype="str",
    )
    # Never the list that pandas has of its own: None and NULL may be codes of a study.
    table = table.mask(table.isin(["", *missing]))
    table.attrs.update(labels=grid.labels, levels=grid.levels)
    return table


def _shape_faults(header: list[str], body: list[tuple[int, list[str]]]) -> list[str]:
    """Return what is wrong with the names and the lengths of the rows."""
    faults = []
    twice = [name for name, times in Counter(header).items() if name and times > 1]
    if twice:
        at = a_few(number for number, name in enumerate(header, start=1) if name in twice)
        unnamed = names_answers(header, dict(body).values())
        names = "a name" if unnamed else a_few(map(repr, twice))
        faults.append(f"{names} stands twice in row 1 (columns {at}). Rename or remove one.")
    if "" in header:
        faults.append(f"column {header.index('') + 1} has no name. Name it or remove it.")
    ragged = [number for number, row in body if len(row) != len(header)]
    if ragged:
        do = "does" if len(ragged) == 1 else "do"
        faults.append(
            f"{len(ragged)} of {len(body)} rows {do} not have {len(header)} cells "
            f"({at_rows(ragged)}). Check separators and quotes."
        )
    return faults
