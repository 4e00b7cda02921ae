"""A plan that was frozen, and in what a later run of it deviates.

Nobody can be kept from changing a plan; a reader can be told that it was changed, and when the
question was named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """The last plan that was frozen before a run, beside what the run did.

    Attributes
    ----------
    date : str
        Of the freezing, in UTC, such as ``2026-11-29``.
    primary : str or None
        The primary outcome that was frozen, such as ``response at d28``; None if none was named.
    named : str or None
        Since when the run's own primary outcome is the one that was frozen: the date of the first
        of the last plans that agree on it; None if the run has another one, or none.
    changed : tuple of str
        Dotted keys of the experiment that are not as frozen.
    data_changed : bool
        Whether the data are not those that the plan was made of.
    analyses_before : int
        Different experiments that had been run on the frozen plan's data before it was frozen.
    """

    date: str
    primary: str | None
    named: str | None
    changed: tuple[str, ...]
    data_changed: bool
    analyses_before: int = 0

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a reader should know of it."""
        return tuple(self._said())

    def _said(self) -> Iterator[str]:
        """Yield what a reader should know."""
        if not self.changed and not self.data_changed:
            yield f"As frozen on {self.date}."
        else:
            what = [", ".join(self.changed)] if self.changed else []
            what += ["the data"] if self.data_changed else []
            yield f"Other than in the plan frozen on {self.date}: {'; '.join(what)}."
        if self.named is not None:
            yield f"The primary outcome, {self.primary}, was named on {self.named}."
        elif self.primary is not None:
            yield f"The primary outcome named then was {self.primary}, not that of this run."
        if self.analyses_before:
            times = "once" if self.analyses_before == 1 else f"{self.analyses_before} times"
            yield f"The data had been analysed {times} before the plan was frozen."


def changed_keys(before: object, after: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the dotted keys in which two composed experiments differ.

    Parameters
    ----------
    before, after : object
        As `heldout.spec.experiment.composed` gives them, or parts of them.
    path : tuple of str
        Where these parts stand.

    Yields
    ------
    str
        The deepest keys that differ. Entries of a list have numbers, from 0, as in overrides; a
        list of another length differs as a whole.

    Examples
    --------
    >>> list(changed_keys({"a": {"b": [1, 2]}, "c": 1}, {"a": {"b": [1, 3]}}))
    ['a.b.1', 'c']
    """
    parts, others = _parts_of(before), _parts_of(after)
    if parts is None or others is None or _longer(before, after):
        if before != after:
            yield ".".join(path)
        return
    for key in {**parts, **others}:
        yield from changed_keys(parts.get(key), others.get(key), (*path, key))
    # The order of free keys counts: a category's first level is its reference.
    if parts == others and list(parts) != list(others):
        yield ".".join(path)


def _longer(before: object, after: object) -> bool:
    """Return whether two are lists of different lengths."""
    return isinstance(before, list) and isinstance(after, list) and len(before) != len(after)


def _parts_of(value: object) -> Mapping[str, Any] | None:
    """Return the parts of a mapping or of a list; None of anything else."""
    if isinstance(value, list):
        return {str(number): part for number, part in enumerate(value)}
    return value if isinstance(value, dict) else None
