"""From the units' results to the record: tables first, then every figure from the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from heldout.arrays import Floats
from heldout.deferred import Deferred
from heldout.features.columns import FeatureMatrix
from heldout.findings.catalogue import run_checks
from heldout.inference.cells import Cell, score_cell
from heldout.inference.differences import Difference, difference_of
from heldout.inference.permutation import p_values
from heldout.inference.verdict import derive_verdict
from heldout.kinds import KINDS, HeldOut
from heldout.models.definition import Model
from heldout.nested.folds import HEADLINE
from heldout.outcomes.outcome import Outcome, missing_visit_counts, unobserved_counts
from heldout.record import OutcomeFacts, RunRecord, no_permutations
from heldout.spec.experiment import composed, fingerprint
from heldout.study.design import Design
from heldout.study.permutations import JointTest
from heldout.study.plan import StudyPlan
from heldout.study.units import Unit, UnitResult, units_of

_Row = dict[str, Any]
_Units = Sequence[tuple[Unit, UnitResult]]
_EXPLANATION_COLUMNS = ["outcome", "follow_up", "model", "patient", "feature", "value", "shap"]


def assemble_record(
    plan: StudyPlan,
    results: Sequence[UnitResult],
    arithmetic: Mapping[int, float | None],
    test: JointTest | None,
    *,
    run_id: str,
    environment: Mapping[str, Any],
) -> RunRecord:
    """Return the record of a study whose units are all done.

    Parameters
    ----------
    plan : StudyPlan
        The study.
    results : sequence of mapping
        In the order of `units_of`.
    arithmetic : mapping of int to float or None
        Number of an outcome -> what the baseline score alone predicts of it.
    test : JointTest or None
        The permutation test, if one was made.
    run_id : str
        Name of the run.
    environment : mapping
        What may differ between equal runs.

    Returns
    -------
    RunRecord
        With its findings.
    """
    design = plan.design
    units = list(zip(units_of(design), results, strict=True))
    cells, differences = _score_outcomes(design, units, arithmetic, test)
    headline = tuple(cell for cell in cells if cell.model == HEADLINE)
    primary = _primary_of(headline, design.outcomes)
    record = RunRecord(
        run_id=run_id,
        experiment=composed(plan.experiment),
        fingerprint=fingerprint(plan.experiment),
        data_fingerprint=plan.data_fingerprint,
        folds_digest=design.folds.digest,
        n_patients=len(plan.patients),
        sites=tuple(sorted({site for site in plan.site or () if site})),
        flow=plan.flow,
        visits=plan.description.visits,
        outcomes=tuple(map(_outcome_facts, design.outcomes, design.declined)),
        features=plan.matrix.features,
        cells=tuple(cell for cell in cells if cell.model != HEADLINE),
        headline=headline,
        differences=differences,
        verdict=derive_verdict(headline, primary, None if test is None else test.test),
        findings=(),
        predictions=_prediction_table(plan, units),
        choices=_choice_table(plan, units),
        trials=_trial_table(plan, units),
        explanations=_explanation_table(plan, units),
        environment=environment,
        permutations=_permutation_table(test),
        permutation=None if test is None else test.test,
        characteristics=plan.description.characteristics,
        reliability=plan.description.reliability,
        score_audit=plan.description.score_audit,
        source=plan.experiment if plan.experiment.tables else None,
    )
    # Looked for when they are first read: a simulation calls this by the hundred and never does.
    return replace(record, findings=Deferred(lambda: (*plan.findings, *run_checks(record))))


def _primary_of(headline: Sequence[Cell], outcomes: Sequence[Outcome]) -> Cell | None:
    """Return the headline that was named beforehand, if it was evaluated."""
    for cell, outcome in zip(headline, outcomes, strict=True):
        if outcome.primary and cell.status == "evaluated":
            return cell
    return None


def _outcome_facts(outcome: Outcome, reason: str | None) -> OutcomeFacts:
    """Return an outcome counted."""
    no_score, values = np.isnan(outcome.score), outcome.values[outcome.observed]
    described = not KINDS[outcome.kind].has_events and len(values) > 1
    return OutcomeFacts(
        name=outcome.name,
        follow_up=outcome.follow_up,
        label=outcome.label,
        primary=outcome.primary,
        n=int(outcome.observed.sum()),
        events=outcome.events,
        no_baseline=int((~outcome.observed & ~no_score).sum()),
        no_follow_up=int((~outcome.observed & no_score).sum()),
        from_baseline=outcome.from_baseline,
        status="evaluated" if reason is None else "declined",
        reason=reason,
        kind=outcome.kind,
        mean=float(values.mean()) if described else None,
        sd=float(values.std(ddof=1)) if described else None,
        missing_rules=missing_visit_counts(outcome),
        unobserved=unobserved_counts(outcome),
    )


def _fit_columns(plan: StudyPlan, unit: Unit, model: str) -> _Row:
    """Return the columns that say which model of which unit a row comes from."""
    outcome = plan.design.outcomes[unit.outcome]
    return {
        "outcome": outcome.name,
        "follow_up": outcome.follow_up,
        "repeat": unit.repeat,
        "fold": unit.fold,
        "model": model,
    }


def _held_out(design: Design, number: int, units: _Units) -> dict[str, HeldOut]:
    """Return what every model, and the headline, says of the patients held out of an outcome."""
    outcome = design.outcomes[number]
    rows, column = np.flatnonzero(outcome.observed), np.cumsum(outcome.observed) - 1
    shape = (design.validation.repeats, len(rows))
    names = design.names_of(number)
    margin, prediction = ({name: np.full(shape, np.nan) for name in names} for _ in range(2))
    folds, training_mean = np.full(shape, -1, dtype=np.int64), np.full(shape, np.nan)
    for unit, result in units:
        at = (unit.repeat, column[result["test"]])
        folds[at], training_mean[at] = unit.fold, result["training_mean"]
        for model in result["models"]:
            for name in _names_of(model, result):
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


def _names_of(model: UnitResult, result: UnitResult) -> tuple[str, ...]:
    """Return under which names a model's predictions stand: the headline's too if it was chosen."""
    name = str(model["model"])
    return (name, HEADLINE) if name == result["chosen"] else (name,)


def _prediction_table(plan: StudyPlan, units: _Units) -> pd.DataFrame:
    """Return one row per held-out patient, model and repeat; the headline's rows too."""
    tables = []
    for unit, result in units:
        outcome, test = plan.design.outcomes[unit.outcome], result["test"]
        kind, patients = KINDS[outcome.kind], [plan.patients[patient] for patient in test]
        answers = outcome.values[test].tolist()
        for model in result["models"]:
            values = {
                "answers": list(map(int, answers)) if kind.has_events else answers,
                "margin": model["margin"],
                "prediction": model["prediction"],
                "training_mean": result["training_mean"],
            }
            figures = {column: values[part] for part, column in kind.columns.items()}
            tables += [
                _fit_columns(plan, unit, name) | {"patient": patients} | figures
                for name in _names_of(model, result)
            ]
    return _table_of(tables)


def _table_of(blocks: Sequence[_Row]) -> pd.DataFrame:
    """Return blocks of columns below each other; a value that is no list stands in every row."""
    columns: dict[str, list[Any]] = {name: [] for block in blocks for name in block}
    for block in blocks:
        n = len(block["patient"])
        for name, cells in columns.items():
            value = block.get(name, np.nan)
            cells += value if isinstance(value, list) else [value] * n
    return pd.DataFrame(columns)


def _choice_table(plan: StudyPlan, units: _Units) -> pd.DataFrame:
    """Return one row per fold and model: its best candidate and whether it was chosen."""
    rows = [
        _fit_columns(plan, unit, model["model"])
        | {
            "candidate": _as_text(model["candidate"]),
            "criterion": model["criterion"],
            "converged": model["converged"],
            "chosen": model["model"] == result["chosen"],
        }
        for unit, result in units
        for model in result["models"]
    ]
    return pd.DataFrame(rows)


def _trial_table(plan: StudyPlan, units: _Units) -> pd.DataFrame:
    """Return one row per candidate tried."""
    rows = [
        _fit_columns(plan, unit, model["model"])
        | {
            "trial": number,
            "candidate": _as_text(candidate),
            "criterion": criterion,
            "pruned": pruned,
        }
        for unit, result in units
        for model in result["models"]
        for number, (candidate, criterion, pruned) in enumerate(model["trials"])
    ]
    return pd.DataFrame(rows)


def _as_text(candidate: Mapping[str, Any]) -> str:
    """Return a candidate as one text in a fixed form."""
    return json.dumps(candidate, sort_keys=True)


def _explanation_table(plan: StudyPlan, units: _Units) -> pd.DataFrame:
    """Return one row per model, patient and feature: SHAP averaged over the repeats."""
    design = plan.design
    tables = [
        _explained(plan, units, number, model)
        for number in (design.evaluated if design.explain else ())
        for model in design.models_of(number)
        if model.explainer != "none"
    ]
    return pd.concat(tables or [pd.DataFrame(columns=_EXPLANATION_COLUMNS)], ignore_index=True)


def _explained(plan: StudyPlan, units: _Units, number: int, model: Model) -> pd.DataFrame:
    """Return one model's rows at one outcome."""
    results = [result for unit, result in units if unit.outcome == number]
    outcome = plan.design.outcomes[number]
    matrix = plan.matrix_of(number, model)
    shap = np.zeros((len(plan.patients), len(matrix.features)))
    for result in results:
        fold = next(fold for fold in result["models"] if fold["model"] == model.name)
        shap[result["test"]] += np.asarray(fold["contributions"])
    # Every patient is held out once in each repeat.
    shap /= plan.design.validation.repeats
    rows = np.flatnonzero(outcome.observed)
    return pd.DataFrame(
        {
            "outcome": outcome.name,
            "follow_up": outcome.follow_up,
            "model": model.name,
            "patient": np.repeat([plan.patients[row] for row in rows], shap.shape[1]),
            "feature": [column.name for column in matrix.features] * len(rows),
            "value": _seen_values(plan, matrix, results)[rows].ravel(),
            "shap": shap[rows].ravel(),
        }
    )


def _seen_values(plan: StudyPlan, matrix: FeatureMatrix, results: Sequence[UnitResult]) -> Floats:
    """Return what models saw of each patient; composites are the mean over the repeats' folds."""
    raw = matrix.values
    if not matrix.composition:
        return raw
    seen = np.zeros((len(plan.patients), len(matrix.features)))
    for result in results:
        seen[result["test"]] += np.array(result["composed"], dtype=np.float64)
    seen /= plan.design.validation.repeats
    pieces = [piece for piece in matrix.composition for _ in range(piece.n)]
    for column, piece in enumerate(pieces):
        if piece.method == "as_is":
            seen[:, column] = raw[:, piece.inputs[0]]
    return seen


def _score_outcomes(
    design: Design, units: _Units, arithmetic: Mapping[int, float | None], test: JointTest | None
) -> tuple[list[Cell], tuple[Difference, ...]]:
    """Return all cells, tested, and what the headlines reach beyond their references."""
    cells: list[Cell] = []
    differences: list[Difference] = []
    for number in range(len(design.outcomes)):
        scored, beside = _score_outcome(design, number, units)
        cells += [
            _tested(replace(cell, arithmetic=arithmetic.get(number)), test) for cell in scored
        ]
        differences += beside
    return cells, tuple(differences)


def _score_outcome(
    design: Design, number: int, units: _Units
) -> tuple[list[Cell], list[Difference]]:
    """Return the cells of an outcome, the headline last, and what it reaches beyond references."""
    outcome, reason = design.outcomes[number], design.declined[number]
    if reason is not None:
        return [_declined(outcome, name, reason) for name in design.names_of(number)], []
    own = [(unit, result) for unit, result in units if unit.outcome == number]
    held_out = _held_out(design, number, own)
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


def _tested(cell: Cell, test: JointTest | None) -> Cell:
    """Return a cell with its p, if it was tested."""
    name = (cell.outcome, cell.follow_up, cell.model)
    if test is None or name not in test.cells:
        return cell
    place = test.cells.index(name)
    alone, adjusted = p_values(test.rows)
    return replace(cell, p=float(alone[place]), p_adjusted=float(adjusted[place]))


def _permutation_table(test: JointTest | None) -> pd.DataFrame:
    """Return one row a permutation and one column a cell; nothing if there was no test."""
    if test is None:
        return no_permutations()
    table = pd.DataFrame(test.rows, columns=[".".join(cell) for cell in test.cells])
    table.insert(0, "permutation", range(len(table)))
    return table
