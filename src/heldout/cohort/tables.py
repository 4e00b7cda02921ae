"""Text tables, read so that nothing is guessed: every cell stays text until declared."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import pandas as pd

from heldout.errors import CohortError, a_few, raise_faults

__all__ = ["file_in_study", "read_table"]

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
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise CohortError(
            f"{where}: '{file}' leads out of the study folder. Data are read from inside it only; "
            "copy the file into the study."
        )
    if not path.is_file():
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
        Texts that mean: not observed. They become missing values.
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
        If the file is empty, is not UTF-8, names a column twice or not at all, or has rows of
        unequal length.
    """
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise CohortError(
            f"{shown}: row {line} is not UTF-8 text. Save the table as CSV (UTF-8)."
        ) from None
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise CohortError(f"{shown}: is not a CSV file ({error}). Check its quotes.") from None
    rows_kept = [(number, row) for number, row in enumerate(rows, start=1) if any(map(str.strip, row))]
    if len(rows_kept) < FIRST_ROW:
        raise CohortError(f"{shown}: holds no rows of patients. Give a table with names and rows.")
    header = [name.strip() for name in rows_kept[0][1]]
    body = rows_kept[1:]
    raise_faults(CohortError, [f"{shown}: {fault}" for fault in shape_faults(header, body)])
    table = pd.DataFrame(
        [[cell.strip() for cell in row] for _, row in body],
        columns=header,
        index=[number for number, _ in body],
        dtype="str",
    )
    return table.mask(table.isin(list(missing))), hashlib.sha256(raw).hexdigest()


def shape_faults(header: list[str], body: list[tuple[int, list[str]]]) -> list[str]:
    """Return what is wrong with the names and the lengths of the rows."""
    faults = []
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        faults.append(f"column {a_few(map(repr, twice))} stands twice. Rename or remove one.")
    if "" in header:
        faults.append(f"column {header.index('') + 1} has no name. Name it or remove it.")
    ragged = [number for number, row in body if len(row) != len(header)]
    if ragged:
        faults.append(
            f"{len(ragged)} of {len(body)} rows do not have {len(header)} cells "
            f"(rows {a_few(ragged)}). Check separators and quotes."
        )
    return faults
