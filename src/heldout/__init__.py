"""Honest prediction of treatment response in small longitudinal clinical cohorts.

The way of the data, one module a stage; each may use only those above it::

    errors        the exceptions a user can meet
    spec          the experiment file: composed, overridden, validated
    cohort        the table, read and checked; who is included
    instruments   questionnaires as data; items to scores
    outcomes      a rule and its arrays, at each follow-up
    features      what is known at baseline, with its provenance
    splits        one patient-level fold plan for everything
    models        preparation, estimator and search space
    metrics       held-out predictions to numbers
    tuning        Optuna inside one training set
    validation    nested cross-validation of one fold
    inference     intervals and the verdict
    explain       SHAP on held-out patients
    record        everything a finished run is
    checks        numbered findings
    tracking      record to MLflow
    report        record to one HTML page
    export        a fitted model as a folder that stands alone
    study         the table of contents
    cli           the command line

Two doors lead in: `run_experiment` takes an experiment file, `evaluate` a table.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heldout.record import RunRecord, read_record, summary
    from heldout.spec import Experiment, load_experiment
    from heldout.study import evaluate, export_model, run_experiment

__all__ = [
    "Experiment",
    "RunRecord",
    "evaluate",
    "export_model",
    "load_experiment",
    "read_record",
    "run_experiment",
    "summary",
]

HOMES = {
    "Experiment": "heldout.spec",
    "RunRecord": "heldout.record",
    "evaluate": "heldout.study",
    "export_model": "heldout.study",
    "load_experiment": "heldout.spec",
    "read_record": "heldout.record",
    "run_experiment": "heldout.study",
    "summary": "heldout.record",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``heldout --help`` stays fast."""
    if name not in HOMES:
        raise AttributeError(f"module 'heldout' has no attribute '{name}'")
    return getattr(import_module(HOMES[name]), name)
