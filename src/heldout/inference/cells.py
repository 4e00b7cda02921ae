"""One cell: an outcome at a follow-up with a model, and its figures from held-out predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from heldout.arrays import Floats
from heldout.inference.permutation import chance_of, critical_of
from heldout.kinds import KINDS, HeldOut, Kind, KindName

# Every figure that a cell of any kind can have.
_FIGURES = tuple(dict.fromkeys(name for kind in KINDS.values() for name in kind.declared))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One outcome at one follow-up with one model, scored on held-out patients.

    `status` is ``evaluated`` or ``declined``, and `reason` says why it was declined. `figures` are
    those that its kind declares in `heldout.kinds`, by name, such as ``auc``, ``auc_low`` and
    ``auc_high``; each is an attribute too, None where it was not computed. `fold_auc` holds the AUC
    of each fold, repeat by repeat: their spread is that of the splits and says nothing about other
    patients.

    `p` is of the cell alone, `p_adjusted` of having looked at all cells: a headline's at all that
    the verdict asks, a model's at every model too. `chance` is the mean of the estimate over the
    permutations, `critical` what the test asked for at .05, `factor` by how much more the estimate
    varied over them than that of a fixed rule; None without a test. `arithmetic` is then the AUC,
    or the variance explained, that the baseline score has by arithmetic alone where the outcome is
    computed from it.
    """

    outcome: str
    follow_up: str
    model: str
    n: int
    events: int
    status: str
    reason: str | None = None
    kind: KindName = "class"
    figures: Mapping[str, float] = field(default_factory=dict)
    fold_auc: tuple[float, ...] = ()
    p: float | None = None
    p_adjusted: float | None = None
    arithmetic: float | None = None
    chance: float | None = None
    critical: float | None = None
    factor: float | None = None

    def __getattr__(self, name: str) -> float | None:
        """Return a declared figure; None if it was not computed."""
        if name in _FIGURES:
            return self.figures.get(name)
        raise AttributeError(f"a cell has no figure '{name}'; it can have: {', '.join(_FIGURES)}")

    @property
    def of_kind(self) -> Kind:
        """What its kind declares."""
        return KINDS[self.kind]

    @property
    def spoken(self) -> str:
        """Its outcome and follow-up as they are spoken of."""
        return f"{self.outcome.replace('_', ' ')} at {self.follow_up}"

    @property
    def estimate(self) -> float | None:
        """The figure that decides: the AUC of a class, the variance explained of a number."""
        return self.figures.get(self.of_kind.estimate.name)

    @property
    def low(self) -> float | None:
        """The lower limit of its 95 % interval."""
        return self.figures.get(f"{self.of_kind.estimate.name}_low")

    @property
    def high(self) -> float | None:
        """The upper limit."""
        return self.figures.get(f"{self.of_kind.estimate.name}_high")

    @property
    def has_limits(self) -> bool:
        """Whether a figure beside the estimate has an interval; in older records none has."""
        beside = self.of_kind.figures
        return any(figure.limits.keys() & self.figures.keys() for figure in beside)

    @property
    def chance_level(self) -> float:
        """What `estimate` is without any skill.

        The mean over permutations where there was a test; else what arithmetic with the baseline
        score gives, if the outcome is made of it.
        """
        if self.chance is not None:
            return self.chance
        nothing = self.of_kind.chance
        return nothing if self.arithmetic is None else max(nothing, self.arithmetic)

    @property
    def margin_low(self) -> float:
        """How far the interval's lower limit lies above chance; below 0 if it does not."""
        return (self.low if self.low is not None else -math.inf) - self.chance_level


def cell_values(cell: Cell) -> dict[str, Any]:
    """Return a cell as plain values, every figure of any kind by its name.

    Parameters
    ----------
    cell : Cell
        Any.

    Returns
    -------
    dict
        As records and machine output show it; a figure that was not computed is None.
    """
    values: dict[str, Any] = {}
    for part in fields(cell):
        if part.name == "figures":
            values |= {name: cell.figures.get(name) for name in _FIGURES}
        else:
            values[part.name] = getattr(cell, part.name)
    return values


def cell_of(values: Mapping[str, Any]) -> Cell:
    """Return the cell that `cell_values` made plain.

    Parameters
    ----------
    values : mapping
        Of this version or an older one, which had fewer figures.

    Returns
    -------
    Cell

    Raises
    ------
    TypeError
        If a value is no part of a cell.
    """
    figures = {name: values[name] for name in _FIGURES if values.get(name) is not None}
    parts = {name: value for name, value in values.items() if name not in _FIGURES}
    return Cell(figures=figures, **parts)


def score_cell(outcome: str, follow_up: str, model: str, kind: Kind, held_out: HeldOut) -> Cell:
    """Return the figures of one cell from its held-out predictions.

    Parameters
    ----------
    outcome, follow_up, model : str
        Which cell it is.
    kind : Kind
        Of the outcome.
    held_out : HeldOut
        Its predictions.

    Returns
    -------
    Cell
        Evaluated; without a p-value.
    """
    by_fold = [
        kind.estimate.compute(held_out.in_fold(repeat, fold))
        for repeat in range(len(held_out.folds) if kind.has_events else 0)
        for fold in np.unique(held_out.folds[repeat])
    ]
    return Cell(
        outcome=outcome,
        follow_up=follow_up,
        model=model,
        n=len(held_out.answers),
        events=int(held_out.answers.sum()) if kind.has_events else 0,
        status="evaluated",
        kind=kind.name,
        figures=kind.score(held_out),
        fold_auc=tuple(value for value in by_fold if value is not None),
    )


def tested_cell(cell: Cell, rows: Floats, column: int, *, p: float, p_adjusted: float) -> Cell:
    """Return a cell with what the permutations say of it; its interval stays.

    Parameters
    ----------
    cell : Cell
        Evaluated.
    rows : array of shape (n_permutations + 1, n_cells)
        Of the joint test, the observed row first.
    column : int
        The cell's.
    p, p_adjusted : float
        Of the test.

    Returns
    -------
    Cell
    """
    return replace(
        cell,
        p=p,
        p_adjusted=p_adjusted,
        chance=chance_of(rows, column),
        critical=critical_of(rows, column),
        factor=cell.of_kind.factor(rows[1:, column], cell.n, cell.events),
    )
