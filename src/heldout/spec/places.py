"""Where a key stands: its path, and the file and line its author wrote it on."""

from __future__ import annotations

from collections.abc import Mapping

KeyPath = tuple[str | int, ...]
Places = Mapping[KeyPath, str]


class Argument(str):
    """A place that needs no path behind it, such as the argument of a call."""

    __slots__ = ()


def dotted(path: KeyPath) -> str:
    """Return a key's path as text.

    Parameters
    ----------
    path : tuple of str and int
        Keys, and numbers of entries from 0.

    Returns
    -------
    str

    Examples
    --------
    >>> dotted(("outcomes", 1, "rule"))
    'outcomes[1].rule'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def place_of(path: KeyPath, places: Places) -> str:
    """Return file, line and dotted path of a key, or of its nearest written parent.

    Where the parent is an `Argument`, it is the whole place.

    Parameters
    ----------
    path : tuple of str or int
        The key's path; numbers are entries of lists.
    places : mapping
        Key path -> file and line.

    Examples
    --------
    >>> place_of(("tuning", "trials"), {(): "x.yaml:1", ("tuning",): "x.yaml:9"})
    'x.yaml:9, tuning.trials'
    """
    for length in range(len(path), -1, -1):
        place = places.get(path[:length])
        if place is not None:
            shown = [place] if isinstance(place, Argument) else [place, dotted(path)]
            return ", ".join(filter(None, shown))
    return dotted(path) or "top level"
