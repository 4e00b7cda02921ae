"""CSV and TSV files: bytes to cells, and what to set where they were saved in another way."""

from __future__ import annotations

import csv
import io
import re
from codecs import BOM_UTF8

from heldout.cohort.notation import Grid
from heldout.errors import CohortError

MARKS = {",": "commas", ";": "semicolons", "\t": "tabs"}


def read_text(raw: bytes, shown: str, *, separator: str, encoding: str) -> Grid:
    """Return the cells of every row that is not blank.

    Parameters
    ----------
    raw : bytes
        The file.
    shown : str
        How messages call it.
    separator : str
        Comma, semicolon or tab, between cells.
    encoding : {'utf-8', 'latin-1', 'cp1252'}
        Of its characters.

    Returns
    -------
    Grid

    Raises
    ------
    CohortError
        If encoding or separator are plainly others, or quotes do not match.
    """
    text = _decoded(raw, shown, encoding)
    likely = other_mark(text, separator)
    if likely is not None:
        word = "tab" if likely == "\t" else likely
        comma = """ (and 'decimal: ","' if numbers have a decimal comma)""" * (likely == ";")
        raise CohortError(
            f"{shown}: row 1 is separated by {MARKS[likely]}, not by {MARKS[separator]}. Set "
            f"'separator: \"{word}\"' beside 'file'{comma}."
        )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise CohortError(
            f"{shown}: line {reader.line_num} is not CSV ({error}). Check its quotes, and that "
            f"{MARKS[separator]} separate its cells."
        ) from None
    numbered = enumerate(rows, start=1)
    return Grid(rows=[(number, row) for number, row in numbered if any(map(str.strip, row))])


def _decoded(raw: bytes, shown: str, encoding: str) -> str:
    """Return a file's bytes as text."""
    raw = raw.removeprefix(BOM_UTF8)
    fault = _coding_fault(raw, encoding)
    if fault is not None:
        at, words = fault
        line = raw[:at].count(b"\n") + 1
        raise CohortError(f"{shown}: line {line} {words}")
    return raw.decode(encoding)


def _coding_fault(raw: bytes, encoding: str) -> tuple[int, str] | None:
    """Return the first byte that is no text of an encoding, and what is wrong with it."""
    nul, is_default = raw.find(b"\0"), encoding == "utf-8"
    # UTF-16 has one beside nearly every letter; a few are a damage, or made by a program.
    if nul >= 0 and raw.count(b"\0") < len(raw) / 10:
        return nul, (
            "holds a NUL byte (a character with the code 0), which no text has. Delete it there, "
            "and look whether the file is damaged."
        )
    remedy = f"is not {'UTF-8' if is_default else encoding} text. Save the table as CSV (UTF-8)"
    if nul >= 0:
        return nul, f"{remedy}."
    try:
        raw.decode(encoding)
    except UnicodeDecodeError as error:
        excel = " (cp1252 for most files from Excel)" * is_default
        return error.start, f"{remedy}, or set 'encoding' beside 'file'{excel}."
    if is_default or raw.isascii() or not is_utf8(raw):
        return None
    return next(at for at, byte in enumerate(raw) if byte > 127), (
        f"is UTF-8 text, which 'encoding: {encoding}' would garble. Remove 'encoding', or set it "
        "to utf-8."
    )


def is_utf8(raw: bytes) -> bool:
    """Return whether bytes are UTF-8; other encodings almost never are by chance."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def other_mark(text: str, separator: str) -> str | None:
    """Return the mark that separates row 1 if it is plainly not the declared one."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    likely = max(MARKS, key=bare.count)
    return likely if bare.count(likely) > bare.count(separator) else None


def likely_form(raw: bytes, separator: str) -> tuple[str, str, str]:
    """Return what a text table says, and how it most likely was saved.

    Parameters
    ----------
    raw : bytes
        The file.
    separator : str
        What stands between its cells unless row 1 plainly says another mark.

    Returns
    -------
    text : str
    encoding : {'utf-8', 'cp1252', 'latin-1'}
    separator : str
        Comma, semicolon or tab.
    """
    encoding = "utf-8" if is_utf8(raw) else "cp1252"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        # A few bytes mean nothing in cp1252; in latin-1 every byte is a letter.
        encoding, text = "latin-1", raw.decode("latin-1")
    return text, encoding, other_mark(text, separator) or separator
