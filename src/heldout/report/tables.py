"""Tables of the page as plain values: columns, groups of rows, texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Section = dict[str, Any]
ABSENT = "\N{EN DASH}"


def table(columns: str, groups: Sequence[Section], *, stack: bool = False) -> Section:
    """Return a table.

    Parameters
    ----------
    columns : str
        Names with ``|`` between them; one that ends in ``#`` holds numbers.
    groups : sequence of dict
        Each with ``rows``, and a ``title``, a ``detail`` and a ``note`` where it has them.
    stack : bool
        Whether a narrow page sets every row as a list instead of scrolling.

    Returns
    -------
    dict
    """
    heads = [
        {"name": name.removesuffix("#"), "number": name.endswith("#")}
        for name in map(str.strip, columns.split("|"))
    ]
    empty: Section = {"title": None, "detail": None, "note": None, "rows": []}
    return {"stack": stack, "columns": heads, "groups": [empty | group for group in groups]}


def row(*values: object, strong: bool = False, inner: bool = False) -> Section:
    """Return a table's row.

    Parameters
    ----------
    *values : object
        Written as texts, one a column; a line end starts a second line.
    strong : bool
        Whether it stands out.
    inner : bool
        Whether it belongs to the row above.

    Returns
    -------
    dict
    """
    return {"strong": strong, "inner": inner, "values": [str(value) for value in values]}
