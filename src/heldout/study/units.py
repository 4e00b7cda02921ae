"""The unit of work: one outer fold of one outcome, pure in the plan and its own name.

A unit returns plain values and is stored when it ends, so that serial, parallel and resumed
runs are the same loop over units and give the same bits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heldout.engine import Engine, as_ended
from heldout.explain import explain_patients
from heldout.features import FeatureMatrix
from heldout.files import write_atomically
from heldout.models import build_preparation
from heldout.study.plan import StudyPlan
from heldout.validation import ModelFold, TrainingSet, evaluate_fold

UnitResult = Mapping[str, Any]
_RESULT_KEYS = {"test", "training_mean", "chosen", "models", "composed"}
# Called with the units done so far, all that there may be, and what they are.
Progress = Callable[[int, int, str], None]


def silent(*_: object) -> None:
    """Say nothing."""


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


def units_of(plan: StudyPlan) -> list[Unit]:
    """Return every unit of a plan, in the order of the record."""
    return [
        Unit(outcome=number, repeat=repeat, fold=fold)
        for number, reason in enumerate(plan.declined)
        if reason is None
        for repeat in range(plan.validation.repeats)
        for fold in range(plan.validation.outer)
    ]


def training_set(
    plan: StudyPlan,
    outcome: int,
    rows: NDArray[np.int64],
    path: tuple[str | int, ...],
) -> TrainingSet:
    """Return patients of a plan to learn one outcome from.

    Parameters
    ----------
    plan : StudyPlan
        The study.
    outcome : int
        Which outcome.
    rows : array of int
        Positions of patients who were all observed.
    path : tuple
        What the set is for; names its seeds.

    Returns
    -------
    TrainingSet
    """
    target = plan.outcomes[outcome]
    answers = target.values[rows]
    site = None
    if plan.site is not None:
        site = np.unique(np.asarray(plan.site), return_inverse=True)[1][rows]
    return TrainingSet(
        features=features_of(plan, outcome, rows),
        answers=answers.astype(np.int64) if target.kind == "class" else answers,
        weights=target.weights[rows],
        site=site,
        path=path,
        kind=target.kind,
        composition=plan.matrix.composition,
    )


def features_of(
    plan: StudyPlan, outcome: int, rows: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Return the features of some patients, and the outcome's severity where it is known."""
    severity: FeatureMatrix | None = plan.severity[outcome]
    features = {"all": plan.matrix.values[rows]}
    return features if severity is None else features | {"severity": severity.values[rows]}


def evaluate_unit(plan: StudyPlan, unit: Unit) -> UnitResult:
    """Return one unit's predictions, choices, trials and explanations as plain values.

    Parameters
    ----------
    plan : StudyPlan
        The study.
    unit : Unit
        Which outer fold.

    Returns
    -------
    mapping
        Ready for JSON; floats survive to the last bit.
    """
    target = plan.outcomes[unit.outcome]
    rows = np.flatnonzero(target.observed)
    held_out = plan.folds.folds[unit.repeat][rows] == unit.fold
    train, test = rows[~held_out], rows[held_out]
    path = (target.name, target.follow_up, unit.repeat, unit.fold)
    training = training_set(plan, unit.outcome, train, path)
    features = features_of(plan, unit.outcome, test)
    result = evaluate_fold(
        training,
        features,
        test,
        plan.models,
        plan.tuning,
        n_inner=plan.validation.inner,
        seed=plan.seed,
    )
    models = [_model_values(one, training, features, explain=plan.explain) for one in result.models]
    return {
        "test": test.tolist(),
        "training_mean": result.training_mean,
        "chosen": result.chosen,
        "models": models,
        "composed": _composed_values(training, features["all"]),
    }


def _composed_values(
    training: TrainingSet, features: NDArray[np.float64]
) -> list[list[float | None]]:
    """Return what models see of patients held out; None where no input was observed.

    Nothing if that is the features themselves.
    """
    if not training.composition:
        return []
    prepare = build_preparation("impute", training.composition).fit(training.features["all"])
    inputs = [piece.inputs for piece in training.composition for _ in range(piece.n)]
    unseen = np.column_stack([np.isnan(features[:, one]).all(axis=1) for one in inputs])
    values = prepare.transform(features)
    return [
        [None if gone else value for value, gone in zip(row, hidden, strict=True)]
        for row, hidden in zip(values.tolist(), unseen, strict=True)
    ]


def _model_values(
    one: ModelFold,
    training: TrainingSet,
    features: Mapping[str, NDArray[np.float64]],
    *,
    explain: bool,
) -> dict[str, Any]:
    """Return a fitted model's fold as plain values, explained if that is wanted."""
    fitted = one.fitted
    columns = fitted.model.columns
    contributions, base = np.empty((0, 0)), np.empty(0)
    if explain:
        contributions, base = explain_patients(
            fitted.model, fitted.pipeline, training.features[columns], features[columns]
        )
    return {
        "model": fitted.model.name,
        "candidate": dict(fitted.tuning.best.candidate),
        "criterion": fitted.tuning.best.criterion,
        "converged": fitted.converged,
        "trials": [
            [dict(trial.candidate), trial.criterion, trial.pruned] for trial in fitted.tuning.trials
        ],
        "margin": one.margin.tolist(),
        "prediction": one.prediction.tolist(),
        "base": base.tolist(),
        "contributions": contributions.tolist(),
    }


def evaluate_units(
    plan: StudyPlan, *, folder: Path | None, engine: Engine, progress: Progress
) -> list[UnitResult]:
    """Return the results of all units, of which those stored before are not done again.

    Parameters
    ----------
    plan : StudyPlan
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
    units = units_of(plan)
    done = {} if folder is None else _stored_units(folder, units)
    missing = [unit for unit in units if unit not in done]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    progress(len(done), len(units), "outer folds")
    for unit, result in as_ended(evaluate_unit, plan, missing, engine):
        if folder is not None:
            write_atomically(folder / unit.file, json.dumps(result, allow_nan=False))
        done[unit] = result
        progress(len(done), len(units), "outer folds")
    return [done[unit] for unit in units]


def _stored_units(folder: Path, units: list[Unit]) -> dict[Unit, UnitResult]:
    """Return the results of units that an earlier run finished."""
    found: dict[Unit, UnitResult] = {}
    for unit in units:
        try:
            result = json.loads((folder / unit.file).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            # Not finished, or damaged: it is done again.
            continue
        if isinstance(result, dict) and set(result) == _RESULT_KEYS:
            found[unit] = result
    return found
