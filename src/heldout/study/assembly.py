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
from heldout.findings.catalogue import holds_back, run_checks, standing_first
from heldout.inference.associations import OF_SCORE, Associated, association_names, correlations
from heldout.inference.cells import Cell
from heldout.inference.differences import Difference
from heldout.inference.transport import Transport
from heldout.inference.verdict import Asked, Objection, Verdict, derive_verdict
from heldout.kinds import KINDS
from heldout.models.definition import Model
from heldout.nested.folds import HEADLINE
from heldout.outcomes.outcome import Outcome, missing_visit_counts, unobserved_counts
from heldout.record import OutcomeFacts, RunRecord, no_permutations
from heldout.spec.experiment import composed, fingerprint
from heldout.study.permutations import JointTest
from heldout.study.plan import StudyPlan
from heldout.study.scoring import calibrate_units, names_of
from heldout.study.units import Unit, UnitResult, units_of

_Row = dict[str, Any]
_Units = Sequence[tuple[Unit, UnitResult]]
_EXPLANATION_COLUMNS = ["outcome", "follow_up", "model", "patient", "feature", "value", "shap"]


def assemble_record(
    plan: StudyPlan,
    results: Sequence[UnitResult],
    cells: Sequence[Cell],
    differences: Sequence[Difference],
    test: JointTest | None,
    *,
    run_id: str,
    environment: Mapping[str, Any],
    transport: Sequence[Transport] = (),
) -> RunRecord:
    """Return the record of a study whose units are all done.

    Parameters
    ----------
    plan : StudyPlan
        The study.
    results : sequence of mapping
        In the order of `units_of`.
    cells : sequence of Cell
        As they are printed: tested, and with the interval that is named.
    differences : sequence of Difference
        By `score_units`.
    test : JointTest or None
        The permutation test, if one was made.
    run_id : str
        Name of the run.
    environment : mapping
        What may differ between equal runs.
    transport : sequence of Transport
        By `transport_units`.

    Returns
    -------
    RunRecord
        With its findings.
    """
    design = plan.design
    units = list(zip(units_of(design), results, strict=True))
    headline = tuple(cell for cell in cells if cell.model == HEADLINE)
    associated = _associated(plan, test)
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
        associated=associated,
        differences=tuple(differences),
        calibration=Deferred(lambda: calibrate_units(design, results)),
        transport=tuple(transport),
        verdict=Verdict(level="untested", sentences=()),
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
    asked = Asked(
        headline=headline,
        primary=_primary_of(headline, design.outcomes),
        test=None if test is None else test.test,
        associated=associated,
        objections=_objections(plan, record),
        differences=differences,
        labels={column.name: column.label for column in plan.matrix.features},
    )
    record = replace(record, verdict=derive_verdict(asked))
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
                for name in names_of(model, result)
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
    shap /= plan.design.n_repeats
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
    seen /= plan.design.n_repeats
    pieces = [piece for piece in matrix.composition for _ in range(piece.n)]
    for column, piece in enumerate(pieces):
        if piece.method == "as_is":
            seen[:, column] = raw[:, piece.inputs[0]]
    return seen


def _objections(plan: StudyPlan, record: RunRecord) -> tuple[Objection, ...]:
    """Return the findings that stand before the answers, muted or not."""
    seen = (*plan.objections, *standing_first(record))
    muted = plan.experiment.muted
    return tuple(
        Objection(
            code=finding.code,
            text=finding.text,
            muted=muted.get(finding.code),
            holds_back=holds_back(finding.code),
        )
        for finding in seen
    )


def _associated(plan: StudyPlan, test: JointTest | None) -> tuple[Associated, ...]:
    """Return what goes with each outcome that was tested."""
    if test is None:
        return ()
    design, profile = plan.design, plan.design.profile
    return tuple(
        _associated_with(plan, test, design.outcomes[number], profile)
        for number in design.evaluated
    )


def _associated_with(
    plan: StudyPlan, test: JointTest, outcome: Outcome, profile: Floats
) -> Associated:
    """Return what goes with one outcome."""
    names, at = association_names(outcome), (outcome.name, outcome.follow_up)
    columns = [(name, test.cells.index((*at, name))) for name in names]
    tested = [(name, test.rows[0, column], *test.p_values(column)) for name, column in columns]
    p, p_adjusted = test.p_of_largest(*at)
    related = correlations(profile, outcome, plan.design.site, of_score=OF_SCORE[0] in names)
    strongest = int(np.abs(related).argmax())
    return Associated(
        outcome=outcome.name,
        follow_up=outcome.follow_up,
        n=int(outcome.observed.sum()),
        beyond_severity=outcome.has_severity,
        values={name: float(value) for name, value, _, _ in tested},
        p_values={name: own for name, _, own, _ in tested},
        adjusted={name: adjusted for name, _, _, adjusted in tested},
        p=p,
        p_adjusted=p_adjusted,
        strongest=plan.matrix.features[strongest].name,
        correlation=float(related[strongest]),
    )


def _permutation_table(test: JointTest | None) -> pd.DataFrame:
    """Return one row a permutation and one column a cell; nothing if there was no test."""
    if test is None:
        return no_permutations()
    table = pd.DataFrame(test.rows, columns=[".".join(cell) for cell in test.cells])
    table.insert(0, "permutation", range(len(table)))
    return table
