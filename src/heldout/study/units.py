"""The unit of work: one outer fold of one outcome, pure in the design and its own name.

A unit returns plain values and is stored when it ends, so that serial, parallel and resumed
runs are the same loop over units and give the same bits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from heldout.arrays import Floats
from heldout.engine.engine import Engine, as_ended
from heldout.explain import explain_patients
from heldout.files import write_atomically
from heldout.inference.arithmetic import known_by_arithmetic
from heldout.inference.transport import sites_to_leave_out
from heldout.kinds import KINDS
from heldout.models.definition import build_preparation
from heldout.nested.folds import ModelFold, evaluate_fold
from heldout.nested.training import Patients
from heldout.splits import derive_seed
from heldout.study.design import Design

UnitResult = Mapping[str, Any]
# Called with the units done so far, all that there may be, and what they are.
Progress = Callable[[int, int, str], None]


def silent(*_: object) -> None:
    """Say nothing."""


_Unit = TypeVar("_Unit", bound=Hashable)
# What units are -> what a result of theirs has; a stored one without these is none.
_RESULTS: Mapping[str, Collection[str]] = {
    "outer folds": {"test", "training_mean", "chosen", "models", "composed"},
    "arithmetic simulations": {"reached"},
    "sites left out": {"test", "chosen", "margin", "prediction"},
    "resamples": {"reached"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One outer fold of one outcome, by number."""

    outcome: int
    repeat: int
    fold: int

    @property
    def file(self) -> str:
        """Name of the file that keeps the unit's result."""
        return f"o{self.outcome}-r{self.repeat}-f{self.fold}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteUnit:
    """One site left out of one outcome, by number."""

    outcome: int
    site: int

    @property
    def file(self) -> str:
        """Name of the file that keeps the unit's result."""
        return f"o{self.outcome}-s{self.site}.json"


def site_units_of(design: Design) -> list[SiteUnit]:
    """Return every site that is left out of an outcome.

    Parameters
    ----------
    design : Design
        The study.

    Returns
    -------
    list of SiteUnit
        Outcome by outcome; none of a number, or where too few sites are large enough.
    """
    return [
        SiteUnit(outcome=number, site=site)
        for number in design.evaluated
        if KINDS[(outcome := design.outcomes[number]).kind].has_events
        for site in sites_to_leave_out(design.site, outcome.values == 1, outcome.observed)
    ]


def units_of(design: Design) -> list[Unit]:
    """Return every outer fold of a design, in the order of the record.

    Parameters
    ----------
    design : Design
        The study.

    Returns
    -------
    list of Unit
    """
    return [
        Unit(outcome=number, repeat=repeat, fold=fold)
        for number in design.evaluated
        for repeat in range(design.n_repeats)
        for fold in range(design.validation.outer)
    ]


def evaluate_unit(design: Design, unit: Unit) -> UnitResult:
    """Return one unit's predictions, choices, trials and explanations as plain values.

    Parameters
    ----------
    design : Design
        The study.
    unit : Unit
        Which outer fold.

    Returns
    -------
    mapping
        Ready for JSON; floats survive to the last bit.
    """
    target = design.outcomes[unit.outcome]
    rows = np.flatnonzero(target.observed)
    held_out = design.folds.folds[unit.repeat][rows] == unit.fold
    train, test = rows[~held_out], rows[held_out]
    path = (target.name, target.follow_up, unit.repeat, unit.fold)
    training = design.patients(unit.outcome, train)
    features = design.features_of(unit.outcome, test)
    result = evaluate_fold(training, features, design.procedure, path)
    return {
        "test": test.tolist(),
        "training_mean": result.training_mean,
        "chosen": result.chosen,
        "models": [
            _model_values(fold, training, features, explain=design.explain)
            for fold in result.models
        ],
        "composed": _composed_values(training, features["all"]),
    }


def evaluate_site(design: Design, unit: SiteUnit) -> UnitResult:
    """Return what the model that all other sites chose says of the patients of one.

    Parameters
    ----------
    design : Design
        The study.
    unit : SiteUnit
        Which site.

    Returns
    -------
    mapping
        Ready for JSON.
    """
    target = design.outcomes[unit.outcome]
    rows = np.flatnonzero(target.observed)
    assert design.site is not None
    left_out = design.site[rows] == unit.site
    test = rows[left_out]
    result = evaluate_fold(
        design.patients(unit.outcome, rows[~left_out]),
        design.features_of(unit.outcome, test),
        design.procedure,
        (target.name, target.follow_up, "site", unit.site),
    )
    chosen = next(fold for fold in result.models if fold.fitted.model.name == result.chosen)
    return {
        "test": test.tolist(),
        "chosen": result.chosen,
        "margin": chosen.margin.tolist(),
        "prediction": chosen.prediction.tolist(),
    }


def evaluate_sites(
    design: Design, *, folder: Path | None, engine: Engine, progress: Progress
) -> list[UnitResult]:
    """Return the results of all sites that are left out.

    Parameters
    ----------
    design : Design
        The study.
    folder, engine, progress
        As in `evaluate_units`.

    Returns
    -------
    list of mapping
        In the order of `site_units_of`.
    """
    files = {unit: unit.file for unit in site_units_of(design)}
    if not files:
        return []
    results = carry_out(evaluate_site, design, files, folder, engine, progress, "sites left out")
    return [results[unit] for unit in files]


def _composed_values(training: Patients, features: Floats) -> list[list[float | None]]:
    """Return what models see of patients held out; None where no input was observed.

    Nothing if that is the features themselves.
    """
    if not training.composition:
        return []
    prepare = build_preparation("impute", training.composition).fit(training.features["all"])
    inputs = [piece.inputs for piece in training.composition for _ in range(piece.n)]
    # A composite of medians alone is nobody's value, and the page must not draw it as one.
    unseen = np.column_stack([np.isnan(features[:, columns]).all(axis=1) for columns in inputs])
    values = prepare.transform(features)
    return [
        [None if gone else value for value, gone in zip(row, hidden, strict=True)]
        for row, hidden in zip(values.tolist(), unseen, strict=True)
    ]


def _model_values(
    fold: ModelFold,
    training: Patients,
    features: Mapping[str, Floats],
    *,
    explain: bool,
) -> dict[str, Any]:
    """Return a fitted model's fold as plain values, explained if that is wanted."""
    fitted = fold.fitted
    columns = fitted.model.columns
    contributions = np.empty((0, 0))
    if explain:
        contributions, _ = explain_patients(
            fitted.model, fitted.pipeline, training.features[columns], features[columns]
        )
    return {
        "model": fitted.model.name,
        "candidate": dict(fitted.search.best.candidate),
        "criterion": fitted.search.best.criterion,
        "converged": fitted.converged,
        "trials": [
            [dict(trial.candidate), trial.criterion, trial.pruned] for trial in fitted.search.trials
        ],
        "margin": fold.margin.tolist(),
        "prediction": fold.prediction.tolist(),
        "contributions": contributions.tolist(),
    }


def evaluate_units(
    design: Design, *, folder: Path | None, engine: Engine, progress: Progress
) -> list[UnitResult]:
    """Return the results of all outer folds, of which those stored before are not done again.

    Parameters
    ----------
    design : Design
        The study.
    folder : Path or None
        Where finished units are kept; None keeps none.
    engine : Engine
        Where. The results do not depend on it.
    progress : callable
        Told the units done and all units, whenever a unit ends.

    Returns
    -------
    list of mapping
        In the order of `units_of`.
    """
    files = {unit: unit.file for unit in units_of(design)}
    results = carry_out(evaluate_unit, design, files, folder, engine, progress, "outer folds")
    return [results[unit] for unit in files]


def simulate_arithmetic(
    design: Design, *, folder: Path | None, engine: Engine, progress: Progress
) -> dict[int, float | None]:
    """Return what the baseline score alone predicts of each outcome that is computed from it.

    Parameters
    ----------
    design : Design
        The study.
    folder, engine, progress
        As in `evaluate_units`.

    Returns
    -------
    dict of int to float or None
        By number of the outcome, as `heldout.inference.arithmetic.known_by_arithmetic` returns it.
    """
    files = {
        number: f"o{number}-arithmetic.json"
        for number in design.evaluated
        if design.outcomes[number].from_baseline
    }
    what = "arithmetic simulations"
    results = carry_out(_arithmetic_values, design, files, folder, engine, progress, what)
    return {number: results[number]["reached"] for number in files}


def _arithmetic_values(design: Design, number: int) -> UnitResult:
    """Return what arithmetic reaches of one outcome."""
    outcome = design.outcomes[number]
    seed = derive_seed(design.seed, "arithmetic", outcome.name, outcome.follow_up)
    return {"reached": known_by_arithmetic(outcome, design.site, seed)}


def carry_out(  # noqa: PLR0917 - a loop over units is all of these
    function: Callable[[Design, _Unit], UnitResult],
    design: Design,
    files: Mapping[_Unit, str],
    folder: Path | None,
    engine: Engine,
    progress: Progress,
    what: str,
) -> dict[_Unit, UnitResult]:
    """Return units with their results, each stored in its file as it ends.

    Parameters
    ----------
    function : callable
        (design, unit) -> its result, which JSON can hold.
    design : Design
        The study.
    files : mapping of unit to str
        In which file a unit's result is kept.
    folder, engine, progress
        As in `evaluate_units`.
    what : str
        What the units are, for people.

    Returns
    -------
    dict of unit to mapping
    """
    done: dict[_Unit, UnitResult] = {}
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        done = _stored_units(folder, files, _RESULTS[what])
    progress(len(done), len(files), what)
    missing = [unit for unit in files if unit not in done]
    for unit, result in as_ended(function, design, missing, engine):
        if folder is not None:
            write_atomically(folder / files[unit], json.dumps(result, allow_nan=False))
        done[unit] = result
        progress(len(done), len(files), what)
    return done


def _stored_units(
    folder: Path, files: Mapping[_Unit, str], keys: Collection[str]
) -> dict[_Unit, UnitResult]:
    """Return the results of units that an earlier run finished."""
    stored: dict[_Unit, UnitResult] = {}
    for unit, file in files.items():
        try:
            result = json.loads((folder / file).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            # Not finished, or damaged: it is done again.
            continue
        if isinstance(result, dict) and set(result) == keys:
            stored[unit] = result
    return stored
