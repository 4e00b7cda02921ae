"""From the units' results to cells: what every model says of patients held out, and its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from heldout.inference.cells import Cell, score_cell
from heldout.kinds import KINDS, HeldOut
from heldout.nested.folds import HEADLINE
from heldout.study.design import Design
from heldout.study.units import Unit, UnitResult, units_of

_Units = Sequence[tuple[Unit, UnitResult]]


def score_units(design: Design, results: Sequence[UnitResult]) -> tuple[Cell, ...]:
    """Return the cells of all outcomes, the headline of each last; not yet tested.

    Parameters
    ----------
    design : Design
        The study.
    results : sequence of mapping
        In the order of `units_of`.

    Returns
    -------
    tuple of Cell
        A declined outcome has cells too, which say why.
    """
    units = list(zip(units_of(design), results, strict=True))
    return tuple(
        cell
        for number in range(len(design.outcomes))
        for cell in _score_cells(design, number, units)
    )


def with_arithmetic(
    design: Design, cells: Sequence[Cell], arithmetic: Mapping[int, float | None]
) -> tuple[Cell, ...]:
    """Return cells with what the baseline score alone predicts of their outcomes.

    Parameters
    ----------
    design : Design
        The study.
    cells : sequence of Cell
        Of it.
    arithmetic : mapping of int to float or None
        Number of an outcome -> what arithmetic gives; where no test tells what chance is.

    Returns
    -------
    tuple of Cell
    """
    known = {
        (design.outcomes[number].name, design.outcomes[number].follow_up): value
        for number, value in arithmetic.items()
    }
    return tuple(
        replace(cell, arithmetic=known.get((cell.outcome, cell.follow_up))) for cell in cells
    )


def _score_cells(design: Design, number: int, units: _Units) -> Iterator[Cell]:
    """Yield the cells of an outcome, the headline last."""
    outcome, reason = design.outcomes[number], design.declined[number]
    if reason is None:
        own = [(unit, result) for unit, result in units if unit.outcome == number]
        kind = KINDS[outcome.kind]
        for name, held_out in _held_out(design, number, own).items():
            yield score_cell(outcome.name, outcome.follow_up, name, kind, held_out)
        return
    for name in design.names_of(number):
        yield Cell(
            outcome=outcome.name,
            follow_up=outcome.follow_up,
            model=name,
            n=int(outcome.observed.sum()),
            events=outcome.events,
            kind=outcome.kind,
            status="declined",
            reason=reason,
        )


def _held_out(design: Design, number: int, units: _Units) -> dict[str, HeldOut]:
    """Return what every model, and the headline, says of the patients held out of an outcome."""
    outcome = design.outcomes[number]
    rows, column = np.flatnonzero(outcome.observed), np.cumsum(outcome.observed) - 1
    shape = (design.n_repeats, len(rows))
    names = design.names_of(number)
    margin, prediction = ({name: np.full(shape, np.nan) for name in names} for _ in range(2))
    folds, training_mean = np.full(shape, -1, dtype=np.int64), np.full(shape, np.nan)
    for unit, result in units:
        at = (unit.repeat, column[result["test"]])
        folds[at], training_mean[at] = unit.fold, result["training_mean"]
        for model in result["models"]:
            for name in names_of(model, result):
                margin[name][at], prediction[name][at] = model["margin"], model["prediction"]
    return {
        name: HeldOut(
            answers=outcome.values[rows],
            margin=margin[name],
            prediction=prediction[name],
            training_mean=training_mean,
            folds=folds,
            weights=outcome.weights[rows],
        )
        for name in names
    }


def names_of(model: UnitResult, result: UnitResult) -> tuple[str, ...]:
    """Return under which names a model's predictions stand: the headline's too if it was chosen.

    Parameters
    ----------
    model : mapping
        One of a unit's models.
    result : mapping
        That unit's result.

    Returns
    -------
    tuple of str
    """
    name = str(model["model"])
    return (name, HEADLINE) if name == result["chosen"] else (name,)
