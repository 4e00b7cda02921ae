"""From the units' results to the record: tables first, then every figure from the tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from heldout.features import FeatureMatrix
from heldout.findings import run_checks
from heldout.inference import (
    Cell,
    HeldOut,
    HeldOutNumbers,
    derive_verdict,
    p_values,
    score_cell,
)
from heldout.models import models_for
from heldout.outcomes import Outcome, missing_visit_counts, unobserved_counts
from heldout.record import OutcomeFacts, RunRecord, no_permutations
from heldout.study.permutations import Permuted, arithmetic_of
from heldout.study.plan import StudyPlan
from heldout.study.units import Unit, UnitResult, units_of
from heldout.validation import HEADLINE

_Row = dict[str, Any]
# What of the predictions each kind of outcome is scored by.
_CLASS_COLUMNS = ("margin", "probability", "prevalence")
_EXPLANATION_COLUMNS = ["outcome", "follow_up", "model", "patient", "feature", "value", "shap"]
_NUMBER_COLUMNS = ("prediction", "training_mean")


def assemble_record(
    plan: StudyPlan,
    results: Sequence[UnitResult],
    permuted: Permuted | None,
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
    permuted : Permuted or None
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
    units = list(zip(units_of(plan), results, strict=True))
    predictions = _prediction_table(plan, units)
    cells, headline = _score_cells(plan, predictions)
    known = _known_by_arithmetic(plan)
    cells, headline = (
        tuple(_tested(cell, known, permuted) for cell in one) for one in (cells, headline)
    )
    primary = next(
        (
            cell
            for cell, outcome in zip(headline, plan.outcomes, strict=True)
            if outcome.primary and cell.status == "evaluated"
        ),
        None,
    )
    record = RunRecord(
        run_id=run_id,
        experiment=plan.experiment,
        fingerprint=plan.fingerprint,
        data_fingerprint=plan.data_fingerprint,
        folds_digest=plan.folds.digest,
        n_patients=len(plan.patients),
        sites=tuple(sorted({site for site in plan.site or () if site})),
        flow=plan.flow,
        visits=plan.description.visits,
        outcomes=tuple(map(_outcome_facts, plan.outcomes, plan.declined)),
        features=plan.matrix.features,
        cells=cells,
        headline=headline,
        verdict=derive_verdict(headline, primary, None if permuted is None else permuted.test),
        findings=(),
        predictions=predictions,
        choices=_choice_table(plan, units),
        trials=_trial_table(plan, units),
        explanations=_explanation_table(plan, units),
        environment=environment,
        permutations=_permutation_table(permuted),
        permutation=None if permuted is None else permuted.test,
        characteristics=plan.description.characteristics,
        reliability=plan.description.reliability,
        score_audit=plan.description.score_audit,
    )
    return replace(record, findings=plan.findings + run_checks(record))


def _outcome_facts(outcome: Outcome, reason: str | None) -> OutcomeFacts:
    """Return an outcome counted."""
    no_score, values = np.isnan(outcome.score), outcome.values[outcome.observed]
    described = outcome.kind == "number" and len(values) > 1
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


def _place(plan: StudyPlan, unit: Unit) -> _Row:
    """Return the columns that say which unit a row comes from."""
    outcome = plan.outcomes[unit.outcome]
    return {
        "outcome": outcome.name,
        "follow_up": outcome.follow_up,
        "repeat": unit.repeat,
        "fold": unit.fold,
    }


def _prediction_table(plan: StudyPlan, units: Sequence[tuple[Unit, UnitResult]]) -> pd.DataFrame:
    """Return one row per held-out patient, model and repeat; the headline's rows too."""
    rows: list[_Row] = []
    for unit, result in units:
        outcome, mean = plan.outcomes[unit.outcome], result["training_mean"]
        values = outcome.values
        for one in result["models"]:
            names = [one["model"], *([HEADLINE] if one["model"] == result["chosen"] else [])]
            rows += [
                _place(plan, unit)
                | {
                    "model": name,
                    "patient": plan.patients[patient],
                }
                | _answered(outcome.kind, values[patient], margin, prediction, mean)
                for name in names
                for patient, margin, prediction in zip(
                    result["test"], one["margin"], one["prediction"], strict=True
                )
            ]
    return pd.DataFrame(rows)


def _answered(kind: str, answer: float, margin: float, prediction: float, mean: float) -> _Row:
    """Return an answer and what was predicted, in columns named for the outcome's kind."""
    if kind == "number":
        return {"observed": answer, "prediction": prediction, "training_mean": mean}
    return {
        "event": int(answer),
        "margin": margin,
        "probability": prediction,
        "prevalence": mean,
    }


def _choice_table(plan: StudyPlan, units: Sequence[tuple[Unit, UnitResult]]) -> pd.DataFrame:
    """Return one row per fold and model: its best candidate and whether it was chosen."""
    return pd.DataFrame(
        [
            _place(plan, unit)
            | {
                "model": one["model"],
                "candidate": _as_text(one["candidate"]),
                "criterion": one["criterion"],
                "converged": one["converged"],
                "chosen": one["model"] == result["chosen"],
            }
            for unit, result in units
            for one in result["models"]
        ]
    )


def _trial_table(plan: StudyPlan, units: Sequence[tuple[Unit, UnitResult]]) -> pd.DataFrame:
    """Return one row per candidate tried."""
    return pd.DataFrame(
        [
            _place(plan, unit)
            | {
                "model": one["model"],
                "trial": number,
                "candidate": _as_text(candidate),
                "criterion": criterion,
                "pruned": pruned,
            }
            for unit, result in units
            for one in result["models"]
            for number, (candidate, criterion, pruned) in enumerate(one["trials"])
        ]
    )


def _as_text(candidate: Mapping[str, Any]) -> str:
    """Return a candidate as one text in a fixed form."""
    return json.dumps(candidate, sort_keys=True)


def _explanation_table(plan: StudyPlan, units: Sequence[tuple[Unit, UnitResult]]) -> pd.DataFrame:
    """Return one row per model, patient and feature: SHAP averaged over the repeats."""
    tables = []
    for number, outcome in enumerate(plan.outcomes):
        for model in models_for(plan.models, outcome.kind):
            matrix = plan.matrix if model.columns == "all" else plan.severity[number]
            if matrix is None or plan.declined[number] is not None:
                continue
            if model.explainer == "none" or not plan.explain:
                continue
            total = np.zeros((len(plan.patients), len(matrix.features)))
            for unit, result in units:
                if unit.outcome != number:
                    continue
                one = next(one for one in result["models"] if one["model"] == model.name)
                total[result["test"]] += np.asarray(one["contributions"])
            rows = np.flatnonzero(outcome.observed)
            shap = (total / plan.validation.repeats)[rows]
            values = _seen_values(plan, matrix, units, number)[rows]
            tables.append(
                pd.DataFrame(
                    {
                        "outcome": outcome.name,
                        "follow_up": outcome.follow_up,
                        "model": model.name,
                        "patient": np.repeat([plan.patients[row] for row in rows], shap.shape[1]),
                        "feature": [column.name for column in matrix.features] * len(rows),
                        "value": values.ravel(),
                        "shap": shap.ravel(),
                    }
                )
            )
    if not tables:
        return pd.DataFrame(columns=_EXPLANATION_COLUMNS)
    return pd.concat(tables, ignore_index=True)


def _seen_values(
    plan: StudyPlan, matrix: FeatureMatrix, units: Sequence[tuple[Unit, UnitResult]], number: int
) -> NDArray[np.float64]:
    """Return what models saw of each patient; composites are the mean over the repeats' folds."""
    raw = matrix.values
    if not matrix.composition:
        return raw
    total = np.zeros((len(plan.patients), len(matrix.features)))
    for unit, result in units:
        if unit.outcome == number:
            total[result["test"]] += np.array(result["composed"], dtype=np.float64)
    seen = total / plan.validation.repeats
    pieces = [piece for piece in matrix.composition for _ in range(piece.n)]
    for place, piece in enumerate(pieces):
        if piece.method == "as_is":
            seen[:, place] = raw[:, piece.inputs[0]]
    return seen


def _score_cells(
    plan: StudyPlan, predictions: pd.DataFrame
) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
    """Return the cells of all models, and the headline of each outcome."""
    cells: list[Cell] = []
    headline: list[Cell] = []
    for number in range(len(plan.outcomes)):
        models = models_for(plan.models, plan.outcomes[number].kind)
        for model in (*(one.name for one in models), HEADLINE):
            cell = _cell_of(plan, predictions, number, model)
            if cell is not None:
                (headline if model == HEADLINE else cells).append(cell)
    return tuple(cells), tuple(headline)


def _known_by_arithmetic(plan: StudyPlan) -> dict[tuple[str, str], float | None]:
    """Return what the baseline score alone predicts of each outcome that was evaluated."""
    return {
        (one.name, one.follow_up): arithmetic_of(one, plan.site, plan.seed)
        for one, reason in zip(plan.outcomes, plan.declined, strict=True)
        if reason is None
    }


def _tested(
    cell: Cell, known: Mapping[tuple[str, str], float | None], permuted: Permuted | None
) -> Cell:
    """Return a cell with what arithmetic predicts of its outcome, and with its p."""
    cell = replace(cell, arithmetic=known.get((cell.outcome, cell.follow_up)))
    name = (cell.outcome, cell.follow_up, cell.model)
    if permuted is None or name not in permuted.cells:
        return cell
    place = permuted.cells.index(name)
    alone, adjusted = p_values(permuted.rows)
    return replace(cell, p=float(alone[place]), p_adjusted=float(adjusted[place]))


def _permutation_table(permuted: Permuted | None) -> pd.DataFrame:
    """Return one row a permutation and one column a cell; nothing if there was no test."""
    if permuted is None:
        return no_permutations()
    table = pd.DataFrame(permuted.rows, columns=[".".join(cell) for cell in permuted.cells])
    table.insert(0, "permutation", range(len(table)))
    return table


def _cell_of(plan: StudyPlan, predictions: pd.DataFrame, number: int, model: str) -> Cell | None:
    """Return one cell, or None for a model whose columns this outcome does not have."""
    outcome, reason = plan.outcomes[number], plan.declined[number]
    observed = outcome.observed
    needs = {one.name: one.columns for one in plan.models}.get(model, "all")
    if needs == "severity" and plan.severity[number] is None:
        return None
    if reason is not None:
        return Cell(
            outcome=outcome.name,
            follow_up=outcome.follow_up,
            model=model,
            n=int(observed.sum()),
            events=outcome.events,
            kind=outcome.kind,
            status="declined",
            reason=reason,
        )
    rows = predictions[predictions["model"] == model]
    rows = rows[(rows["outcome"] == outcome.name) & (rows["follow_up"] == outcome.follow_up)]
    number = outcome.kind == "number"
    columns = ["fold", *(_NUMBER_COLUMNS if number else _CLASS_COLUMNS)]
    table = rows.pivot(index="repeat", columns="patient", values=columns)
    patients = [name for name, known in zip(plan.patients, observed, strict=True) if known]
    arrays = {column: table[column][patients].to_numpy() for column in columns}
    folds, weights = arrays.pop("fold").astype(np.int64), outcome.weights[observed]
    answers = outcome.values[observed]
    held_out: HeldOut | HeldOutNumbers
    if number:
        held_out = HeldOutNumbers(observed=answers, folds=folds, weights=weights, **arrays)
    else:
        held_out = HeldOut(events=answers == 1, folds=folds, weights=weights, **arrays)
    return score_cell(outcome.name, outcome.follow_up, model, held_out)
