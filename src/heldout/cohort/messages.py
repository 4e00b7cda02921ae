"""Counts, rows and pseudonyms in words, and which texts of a table no message may repeat."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from heldout.cohort.notation import is_number
from heldout.errors import a_few

# What tables write where nothing was observed; in small letters.
_USUAL_MARKS = {"n/a", "#n/a", "na", "nan", "n.a.", "n.a", "k.a.", "null", "missing", "miss"}
_USUAL_MARKS |= {".", "..", "-", "--", "?", "#null!", "#div/0!", "#value!", "#ref!"}


def at_rows(rows: Iterable[object]) -> str:
    """Return the first few rows as text.

    Examples
    --------
    >>> at_rows([7]), at_rows([3, 9])
    ('row 7', 'rows 3, 9')
    """
    listed = list(rows)
    return f"row{'s' * (len(listed) != 1)} {a_few(listed)}"


def rows_have(rows: pd.Index) -> str:
    """Return some rows and the verb for what they have, or do not have."""
    return f"{at_rows(rows)} {'has' if len(rows) == 1 else 'have'}"


def shown_ids(column: pd.Series, ids: Collection[str], *, recurring: float = 0) -> str | None:
    """Return pseudonyms as text, or None where they may be patients' answers.

    A wrong column under 'patient' holds answers: plain numbers, or the same few texts again
    and again. Numbers that begin with a zero are no answers.

    Parameters
    ----------
    column : Series of str
        All pseudonyms of the table.
    ids : collection of str
        Those to be named.
    recurring : float
        Share of the rows that repeat a pseudonym where they should not.

    Returns
    -------
    str or None
    """
    known = column.dropna()
    if known.str.fullmatch("0[0-9]+").any():
        return a_few(ids)
    return None if recurring > 0.5 or known.map(is_number).any() else a_few(ids)


def names_numbers(header: Sequence[str]) -> bool:
    """Return whether some column is named by a number, as where the row of names is missing.

    Examples
    --------
    >>> names_numbers(["id", "age"]), names_numbers(["P01", "34"])
    (False, True)
    """
    return any(is_number(name) for name in header)


def names_answers(header: Sequence[str], body: Iterable[Sequence[str]]) -> bool:
    """Return whether row 1 reads like the rows below it, so that messages may not repeat it.

    Parameters
    ----------
    header : sequence of str
        The names of the columns.
    body : iterable of sequence of str
        The cells of the rows below; rows may be of unequal length.

    Returns
    -------
    bool
        If a name is a number, stands in its own column too, or has digits and the shape of
        most cells below it, as P01 above P02 and P03.

    Examples
    --------
    >>> names_answers(["id", "mood"], [["P02", "low"], ["P03", "fair"]])
    False
    >>> names_answers(["P01", "low"], [["P02", "low"], ["P03", "fair"]])
    True
    """
    rows = [[cell.strip() for cell in row] for row in body]
    for place, name in enumerate(header):
        cells = [row[place] for row in rows if len(row) > place and row[place]]
        shape = _shape_of(name)
        same = sum("9" in shape and _shape_of(cell) == shape for cell in cells)
        if name in cells or 2 * same > len(cells):
            return True
    return names_numbers(header)


def _shape_of(text: str) -> str:
    """Return a text with its runs of digits as 9 and of letters as a.

    Examples
    --------
    >>> _shape_of("P01"), _shape_of("2024-03-01")
    ('a9', '9-9-9')
    """
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", text))


def missing_hint(texts: pd.Series, missing: Sequence[str], table: str | None) -> str:
    """Return how to declare texts that usually mean 'not observed', or nothing.

    Parameters
    ----------
    texts : Series of str
        Cells that are not what their column declares.
    missing : sequence of str
        The texts that the table declares to mean 'not observed'.
    table : str or None
        The further table; None for the first.

    Returns
    -------
    str
        Begins with a blank; names only marks that are no answers.
    """
    marks = sorted({text for text in texts if text.casefold() in _USUAL_MARKS})
    if not marks:
        return ""
    n = int(texts.isin(marks).sum())
    quoted = ", ".join(f'"{text}"' for text in (*filter(None, missing), *marks))
    inner = f"{{missing: [{quoted}]}}"
    said = f"table: {inner}" if table is None else f"tables: {{{table}: {inner}}}"
    named = a_few(map(repr, marks))
    return (
        f" {n} of these {'is' if n == 1 else 'are'} {named}, which usually means 'not observed'; "
        f"if so, write '{said}' in the cohort file."
    )
