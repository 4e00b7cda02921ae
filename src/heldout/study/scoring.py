"""From the units' results to cells: what every model says of patients held out, and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from heldout.arrays import Floats
from heldout.inference.calibration import Calibration, calibration_of
from heldout.inference.cells import Cell, score_cell
from heldout.inference.differences import Difference, difference_of
from heldout.inference.transport import Transport, site_left_out, transport_of
from heldout.kinds import KINDS, HeldOut
from heldout.metrics.intervals import (
    VARIANCE_FACTOR,
    corrected_interval,
    resampled_interval,
    resampled_variance,
)
from heldout.nested.folds import HEADLINE
from heldout.outcomes.outcome import Outcome
from heldout.splits import derive_seed
from heldout.study.design import Design
from heldout.study.units import Unit, UnitResult, site_units_of, units_of

_Units = Sequence[tuple[Unit, UnitResult]]


def score_units(
    design: Design, results: Sequence[UnitResult]
) -> tuple[tuple[Cell, ...], tuple[Difference, ...]]:
    """Return the cells of all outcomes, and what the headlines reach beyond their references.

    Parameters
    ----------
    design : Design
        The study.
    results : sequence of mapping
        In the order of `units_of`.

    Returns
    -------
    cells : tuple of Cell
        The headline of each outcome last; not yet tested. A declined outcome has cells too, which
        say why.
    differences : tuple of Difference
        Of the outcomes that were evaluated.
    """
    units = list(zip(units_of(design), results, strict=True))
    cells: list[Cell] = []
    differences: list[Difference] = []
    for number in range(len(design.outcomes)):
        scored, beside = _score_outcome(design, number, units)
        cells += scored
        differences += beside
    return tuple(cells), tuple(differences)


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


def with_intervals(
    design: Design, cells: Sequence[Cell], resampled: Mapping[tuple[str, str, str], Floats]
) -> tuple[Cell, ...]:
    """Return cells with the interval of the AUC that the experiment names.

    Parameters
    ----------
    design : Design
        The study.
    cells : sequence of Cell
        Of it, tested if there is a test; what has no interval gets none.
    resampled : mapping of (str, str, str) to array of shape (n_resamples, n_runs)
        By `heldout.study.resampling.resample_units`; empty for another interval.

    Returns
    -------
    tuple of Cell
    """
    return tuple(
        _with_interval(design, cell, resampled)
        if cell.of_kind.limits_by is not None and cell.low is not None
        else cell
        for cell in cells
    )


def _with_interval(
    design: Design, cell: Cell, resampled: Mapping[tuple[str, str, str], Floats]
) -> Cell:
    """Return a cell that has an AUC and an interval, with the one that is named."""
    kind, auc, name = cell.of_kind, cell.estimate, design.inference.interval
    assert auc is not None
    assert kind.limits_by is not None
    if name == "nadeau_bengio":
        by_fold = np.array(cell.fold_auc).reshape(-1, design.folds.n_folds)
        limits = corrected_interval(auc, by_fold)
    elif name == "bootstrap_cv":
        reached = resampled[cell.outcome, cell.follow_up, cell.model]
        limits = resampled_interval(auc, resampled_variance(reached, design.n_repeats))
    else:
        # Without a test there is no factor that permutations tell.
        known = cell.factor if name == "score_perm" else None
        factor = VARIANCE_FACTOR if known is None else known
        limits = kind.limits_by(auc, cell.n, cell.events, factor)
    return replace(
        cell, figures={**cell.figures, **dict(zip(kind.estimate.limits, limits, strict=True))}
    )


def calibrate_units(design: Design, results: Sequence[UnitResult]) -> tuple[Calibration, ...]:
    """Return the calibration of every evaluated cell of an outcome that has events.

    Parameters
    ----------
    design : Design
        The study.
    results : sequence of mapping
        In the order of `units_of`.

    Returns
    -------
    tuple of Calibration
        In the order of the cells of `score_units`.
    """
    units = list(zip(units_of(design), results, strict=True))
    calibrations = []
    for number in design.evaluated:
        outcome = design.outcomes[number]
        at = (outcome.name, outcome.follow_up)
        if KINDS[outcome.kind].has_events:
            seed = derive_seed(design.seed, "calibration", *at)
            calibrations += [
                calibration_of(*at, name, told, seed)
                for name, told in _held_out(design, number, units).items()
            ]
    return tuple(calibrations)


def transport_units(
    design: Design, results: Sequence[UnitResult], names: Sequence[str]
) -> tuple[Transport, ...]:
    """Return what the headline reaches at sites left out; nothing in a study without sites.

    Parameters
    ----------
    design : Design
        The study.
    results : sequence of mapping
        In the order of `site_units_of`.
    names : sequence of str
        Site of each patient.

    Returns
    -------
    tuple of Transport
        One for each evaluated outcome that has events.
    """
    left_out = list(zip(site_units_of(design), results, strict=True))
    transports = []
    for number in design.evaluated if design.site is not None else ():
        outcome = design.outcomes[number]
        if KINDS[outcome.kind].has_events:
            sites = [
                site_left_out(
                    names[result["test"][0]],
                    np.array(result["margin"]),
                    np.array(result["prediction"]),
                    outcome.values[result["test"]] == 1,
                    outcome.weights[result["test"]],
                )
                for unit, result in left_out
                if unit.outcome == number
            ]
            transports.append(transport_of(outcome.name, outcome.follow_up, sites))
    return tuple(transports)


def _score_outcome(
    design: Design, number: int, units: _Units
) -> tuple[list[Cell], list[Difference]]:
    """Return the cells of an outcome, the headline last, and what it reaches beyond references."""
    outcome, reason = design.outcomes[number], design.declined[number]
    if reason is not None:
        return [_declined(outcome, name, reason) for name in design.names_of(number)], []
    held_out = _held_out(design, number, units)
    cells = {
        name: score_cell(outcome.name, outcome.follow_up, name, KINDS[outcome.kind], told)
        for name, told in held_out.items()
    }
    differences = []
    for model in design.models_of(number):
        if model.constant:
            cells[model.name] = _without_interval(cells[model.name])
        elif model.reference:
            names = (HEADLINE, model.name)
            headline, reference = (cells[name] for name in names)
            differences.append(
                difference_of(headline, reference, *(held_out[name] for name in names))
            )
    return list(cells.values()), differences


def _declined(outcome: Outcome, name: str, reason: str) -> Cell:
    """Return the cell of a model at an outcome that was not evaluated."""
    return Cell(
        outcome=outcome.name,
        follow_up=outcome.follow_up,
        model=name,
        n=int(outcome.observed.sum()),
        events=outcome.events,
        kind=outcome.kind,
        status="declined",
        reason=reason,
    )


def _without_interval(cell: Cell) -> Cell:
    """Return the cell of a model that says the same of everybody: nobody doubts its estimate."""
    limits = cell.of_kind.limits
    return replace(
        cell, figures={name: value for name, value in cell.figures.items() if name not in limits}
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
        if unit.outcome != number:
            continue
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
            site=None if design.site is None else design.site[rows],
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
