"""What every column of a table most likely is, and what cannot be known from the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from heldout.draft.columns import ColumnGuess, plain_column
from heldout.draft.layout import Layout, find_layout
from heldout.draft.measures import items_of, merged, most_likely, scores_of, with_baseline
from heldout.draft.names import name_of
from heldout.draft.opened import Opened
from heldout.draft.scales import Keys, counted_visits, named_keys
from heldout.spec.instrument import TOTAL_SCORE


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """Everything that was recognised in a table.

    Attributes
    ----------
    opened : Opened
        The table.
    layout : Layout
        Its rows, patients and visits.
    columns : tuple of ColumnGuess
        Instruments first, each kind by name.
    outcome : ColumnGuess or None
        The severity scale proposed for the outcome.
    observed : dict
        Visit -> patients with the outcome's total, or items.
    left_out : dict
        Source column -> why it is not declared.
    doubt : str
        What must be decided about which visit is baseline; else empty.
    """

    opened: Opened
    layout: Layout
    columns: tuple[ColumnGuess, ...]
    outcome: ColumnGuess | None
    observed: Mapping[str, int]
    left_out: Mapping[str, str]
    doubt: str

    @property
    def baseline(self) -> str:
        """The name of the visit that is baseline."""
        return self.layout.baseline.name

    @property
    def features(self) -> tuple[ColumnGuess, ...]:
        """Columns that are known at baseline, as far as can be seen."""
        known = {"", self.baseline}
        return tuple(
            column
            for column in self.columns
            if known & column.visits
            and not (column.late or column.constant)
            and column.kind != "text"
        )


def recognise(opened: Opened, keys: Keys) -> Recognised:
    """Return what a table most likely holds.

    Parameters
    ----------
    opened : Opened
        The table.
    keys : mapping of str to InstrumentKey
        All known questionnaires.

    Returns
    -------
    Recognised
        The order of the table's columns and rows changes nothing in it.

    Raises
    ------
    CohortError
        If nobody can be told apart, or visits cannot.
    """
    cells = opened.cells
    layout = find_layout(cells, counted_visits(opened, keys))
    series = dict(layout.series)
    left_out = dict.fromkeys(layout.unused, "seen only at visits of which nothing tells the day")
    # Items before scores: each takes what it reads out of the series, and the rest is plain.
    instruments = list(items_of(series, opened, layout, keys, left_out))
    instruments = merged([*instruments, *scores_of(series, opened, keys)])
    likely = most_likely(instruments)
    layout, outcome, doubt = with_baseline(layout, likely, series, opened)
    instruments.sort(key=lambda column: (column is not likely, column.name))
    if outcome is not None:
        instruments[0] = outcome
    plain: list[ColumnGuess] = []
    for stem, at in series.items():
        guess = plain_column(stem, at, opened, layout)
        if isinstance(guess, str):
            left_out |= dict.fromkeys(at.values(), guess)
            continue
        name = name_of(guess.name, {column.name for column in (*instruments, *plain)})
        plain.append(replace(guess, name=name, doubts=_misfit(stem, guess, opened, keys)))
    plain.sort(key=lambda column: (column.kind == "text", column.name))
    return Recognised(
        opened=opened,
        layout=layout,
        columns=(*instruments, *plain),
        outcome=outcome,
        observed=_counts(outcome, cells, layout),
        left_out=left_out,
        doubt=doubt,
    )


def _misfit(stem: str, guess: ColumnGuess, opened: Opened, keys: Keys) -> tuple[str, ...]:
    """Return the doubts about a column, and that about one called as a score that it is not."""
    names, rest = named_keys(stem, keys)
    if not names or rest or guess.kind != "number" or not keys[names[0]].has_total:
        return guess.doubts
    low, high = keys[names[0]].scores[TOTAL_SCORE].range
    values = opened.numbers(guess.at.values()).dropna()
    outside = int((~values.between(low, high)).sum())
    return (
        f"'{stem.replace('{visit}', '')}' is called like {names[0]}, but {outside} of "
        f"{len(values)} values lie outside {low:g}..{high:g}; it is declared as a plain number.",
        *guess.doubts,
    )


def _counts(outcome: ColumnGuess | None, cells: pd.DataFrame, layout: Layout) -> dict[str, int]:
    """Return how many patients have the outcome's scale at each visit."""
    if outcome is None:
        return {}
    counts = {}
    for visit in layout.visits:
        column = outcome.at.get(visit.name) or outcome.items.get(visit.name, "")
        texts = cells.get(column.replace("{item}", "1"))
        if texts is not None:
            seen = layout.at(texts, visit).dropna()
            counts[visit.name] = int(cells.loc[seen.index, layout.patient].nunique())
    return counts
