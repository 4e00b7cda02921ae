"""Text tables, read so that nothing is guessed: every cell stays text until declared."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from codecs import BOM_UTF8
from pathlib import Path

import pandas as pd

from heldout.errors import CohortError, a_few, raise_faults

__all__ = ["file_in_study", "names_numbers", "read_table"]

# A spreadsheet's first row holds the names, so the first patient stands in row 2.
FIRST_ROW = 2


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
        found = path.is_file()
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
    if not found:
        raise CohortError(
            f"{where}: there is no file '{file}' in the study folder. Check the path; it is "
            "relative to the folder that holds configs/ and experiments/."
        )
    return path


def read_table(path: Path, missing: tuple[str, ...], shown: str) -> tuple[pd.DataFrame, str]:
    """Return a CSV file as a table of texts, and the digest of its bytes.

    Parameters
    ----------
    path : Path
        A comma-separated file in UTF-8 with one row of column names.
    missing : tuple of str
        Texts that mean: not observed. They become missing values, as blank cells always do.
    shown : str
        How messages call the file.

    Returns
    -------
    table : DataFrame
        Every cell a text without outer blanks, or missing. The index is the row number a
        spreadsheet shows.
    digest : str
        SHA-256 of the file.

    Raises
    ------
    CohortError
        If the file cannot be read, is empty, is not UTF-8, is not separated by commas, names a
        column twice or not at all, or has rows of unequal length.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CohortError(
            f"{shown}: cannot be read ({error.strerror}). Check its rights."
        ) from None
    rows = numbered_rows(decoded(raw, shown), shown)
    if len(rows) < FIRST_ROW:
        raise CohortError(f"{shown}: holds no rows of patients. Give a table with names and rows.")
    header, body = [name.strip() for name in rows[0][1]], rows[1:]
    raise_faults(CohortError, [f"{shown}: {fault}" for fault in shape_faults(header, body)])
    table = pd.DataFrame(
        [[cell.strip() for cell in row] for _, row in body],
        columns=header,
        index=[number for number, _ in body],
        dtype="str",
    )
    return table.mask(table.isin(["", *missing])), hashlib.sha256(raw).hexdigest()


def decoded(raw: bytes, shown: str) -> str:
    """Return a file's bytes as text."""
    raw = raw.removeprefix(BOM_UTF8)
    try:
        text, wrong = raw.decode(), raw.find(b"\0")
    except UnicodeDecodeError as error:
        text, wrong = "", error.start
    if wrong >= 0:
        line = raw[:wrong].count(b"\n") + 1
        raise CohortError(f"{shown}: line {line} is not UTF-8 text. Save the table as CSV (UTF-8).")
    return text


def numbered_rows(text: str, shown: str) -> list[tuple[int, list[str]]]:
    """Return the cells of every row that is not blank, with the row's number."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise CohortError(
            f"{shown}: line {reader.line_num} is not CSV ({error}). Check its quotes, and that "
            "commas separate its cells."
        ) from None
    return [(number, row) for number, row in enumerate(rows, start=1) if any(map(str.strip, row))]


def shape_faults(header: list[str], body: list[tuple[int, list[str]]]) -> list[str]:
    """Return what is wrong with the names and the lengths of the rows."""
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        return [
            "row 1 is a single cell, so commas do not separate the columns. Save the table as CSV "
            "with commas between cells and points in numbers."
        ]
    faults = []
    twice = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    if twice:
        at = a_few(number for number, name in enumerate(header, start=1) if name in twice)
        names = "a name" if names_numbers(header) else a_few(map(repr, twice))
        faults.append(f"{names} stands twice in row 1 (columns {at}). Rename or remove one.")
    if "" in header:
        faults.append(f"column {header.index('') + 1} has no name. Name it or remove it.")
    ragged = [number for number, row in body if len(row) != len(header)]
    if ragged:
        faults.append(
            f"{len(ragged)} of {len(body)} rows do not have {len(header)} cells "
            f"(rows {a_few(ragged)}). Check separators and quotes."
        )
    return faults


def names_numbers(header: list[str]) -> bool:
    """Return whether some column is named by a number, as where the row of names is missing.

    Such names may be a patient's answers, so messages do not repeat them.

    Examples
    --------
    >>> names_numbers(["id", "age"]), names_numbers(["P01", "34"])
    (False, True)
    """
    return any(is_number(name) for name in header)


def is_number(text: str) -> bool:
    """Return whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
