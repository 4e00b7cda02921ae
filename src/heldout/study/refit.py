"""The model a study exports: the same procedure, once more, on all patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from heldout.errors import ExportError, raise_faults, unknown_name
from heldout.export.bundle import write_bundle
from heldout.nested.folds import choose_model, fit_models
from heldout.record import OutcomeFacts, RunRecord
from heldout.spec.experiment import experiment_from
from heldout.study.folders import record_folder
from heldout.study.plan import StudyPlan, plan_study


def export_model(
    record: RunRecord,
    folder: Path,
    *,
    outcome: str | None = None,
    follow_up: str | None = None,
    model: str | None = None,
) -> Path:
    """Refit a study's model on all observed patients and write it as a bundle.

    Parameters
    ----------
    record : RunRecord
        Read from disk, or of a table in memory; its data must still be there, unchanged.
    folder : Path
        The bundle's folder; must not exist.
    outcome, follow_up : str, optional
        Which outcome; the primary one by default, else the first that was evaluated.
    model : str, optional
        Which model; by default the one the procedure chooses on all patients.

    Returns
    -------
    Path
        The bundle.

    Raises
    ------
    ExportError
        If the outcome was not evaluated, the model is not in the study, or the data have
        changed since the run.
    """
    facts = _wanted_outcome(record, outcome, follow_up)
    # A prevalence says the same of everybody; there is nothing to take along.
    names = [name for name in record.experiment["models"] if name != "prevalence"]
    if model is not None and model not in names:
        raise ExportError(unknown_name("--model", "model of this study", model, names))
    experiment = record.source or experiment_from(
        _of_today(record.experiment), folder=_study_of(record)
    )
    plan = plan_study(experiment)
    # The card tells the run's figures, which must be of the patients that are learnt from now.
    if plan.data_fingerprint != record.data_fingerprint:
        raise ExportError(
            f"The table of run {record.run_id} has changed since the run. Restore it, or run the "
            "experiment again and export that run."
        )
    return _refitted_bundle(plan, record, facts, model, folder)


def _of_today(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's experiment without what only an older version knew, and no model needs."""
    inference = dict(experiment.get("inference", {}))
    inference.pop("repeats", None)
    return {**experiment, "inference": inference}


def _study_of(record: RunRecord) -> Path:
    """Return the study folder of a record, where its data are."""
    folder = record.folder
    assert folder is not None
    expected = record_folder(Path(), record.name, record.run_id).parts
    if folder.parts[-len(expected) :] != expected:
        raise ExportError(
            f"{folder}: lies outside its study, and a model is fitted from the study's data. "
            f"Export run {record.run_id} in the study folder."
        )
    return folder.parents[len(expected) - 1]


def _refitted_bundle(
    plan: StudyPlan, record: RunRecord, facts: OutcomeFacts, model: str | None, folder: Path
) -> Path:
    """Tune, choose and fit on all observed patients, and write the bundle."""
    design = plan.design
    number = record.outcomes.index(facts)
    patients = design.patients(number, np.flatnonzero(design.outcomes[number].observed))
    models = tuple(candidate for candidate in design.models if model in (None, candidate.name))
    procedure = replace(design.procedure, models=models)
    fitted = fit_models(patients, procedure, (facts.name, facts.follow_up, "all"))
    if not fitted:
        raise ExportError(f"--model: '{model}' cannot be fitted: its columns are not in the table.")
    name = model or choose_model([(each.model, each.search) for each in fitted])
    chosen = next(each for each in fitted if each.model.name == name)
    return write_bundle(record, chosen, plan.matrix_of(number, chosen.model), facts, folder)


def _wanted_outcome(record: RunRecord, outcome: str | None, follow_up: str | None) -> OutcomeFacts:
    """Return the outcome a user means, or say why it cannot be exported."""
    faults, fitting = [], list(record.outcomes)
    for field, value, option in (
        ("name", outcome, "--outcome"),
        ("follow_up", follow_up, "--follow-up"),
    ):
        known = list(dict.fromkeys(getattr(facts, field) for facts in record.outcomes))
        if value is not None:
            fitting = [facts for facts in fitting if getattr(facts, field) == value]
        if value not in (None, *known):
            faults.append(unknown_name(option, f"{option[2:]} of this study", str(value), known))
    raise_faults(ExportError, faults)
    evaluated = [facts for facts in fitting if facts.status == "evaluated"]
    if not evaluated:
        reasons = " ".join(facts.reason for facts in fitting if facts.reason)
        raise ExportError(f"Nothing to export. {reasons} Choose an outcome that was evaluated.")
    return next((facts for facts in evaluated if facts.primary), evaluated[0])
