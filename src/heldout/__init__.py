"""Honest prediction of treatment response in small longitudinal clinical cohorts.

The way of the data, one module a stage; each may use only those above it::

    arrays        the names that array types have
    deferred      a sequence that is made when it is first read
    errors        the exceptions a user can meet
    wording       numbers, counts and durations in one style
    system        what differs between Linux, macOS and Windows
    files         files and folders that are whole or not there; locks
    provenance    what a run depends on, and its name
    spec          the experiment file: composed, overridden, validated
    engine        one loop over units: here, in threads, in processes, on a cluster
    cohort        the table, read and checked; who is included
    instruments   questionnaires as data; items to scores
    outcomes      a rule and its arrays, at each follow-up
    features      what is known at baseline, with its provenance
    describe      Table 1, reliability, how scores were made, who was observed when
    simulate      cohorts with known truth
    splits        one patient-level fold plan for everything
    kernels       compiled solvers that fit many small problems at once
    metrics       held-out predictions to numbers and intervals
    kinds         a class and a number: statistic, chance, figures, words
    models        preparation, estimator and search space
    nested        nested cross-validation: training sets, search, folds
    inference     cells, the permutation test, and the verdict
    explain       SHAP on held-out patients
    record        everything a finished run is
    findings      one catalogue of numbered checks of tables, data and method
    tracking      record to MLflow
    report        record to one HTML page
    export        a fitted model as a folder that stands alone
    study         the table of contents
    draft         a study folder drafted from a table
    cli           the command line

Two doors lead in: `run_experiment` takes an experiment file, `evaluate` a table. `score_items`
scores one questionnaire and needs no study; `simulate_cohort` makes patients whose truth is known.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heldout.engine.engine import Engine
    from heldout.instruments.table import Scored, score_items
    from heldout.record import RunRecord, read_record, summary
    from heldout.simulate.studies import SimulatedCohort, simulate_cohort
    from heldout.spec.composition import load_experiment
    from heldout.spec.experiment import Experiment
    from heldout.study.experiment import run_experiment
    from heldout.study.notebook import evaluate
    from heldout.study.refit import export_model

__all__ = [
    "Engine",
    "Experiment",
    "RunRecord",
    "Scored",
    "SimulatedCohort",
    "evaluate",
    "export_model",
    "load_experiment",
    "read_record",
    "run_experiment",
    "score_items",
    "simulate_cohort",
    "summary",
]

HOMES = {
    "Engine": "heldout.engine.engine",
    "Experiment": "heldout.spec.experiment",
    "RunRecord": "heldout.record",
    "Scored": "heldout.instruments.table",
    "SimulatedCohort": "heldout.simulate.studies",
    "evaluate": "heldout.study.notebook",
    "export_model": "heldout.study.refit",
    "load_experiment": "heldout.spec.composition",
    "read_record": "heldout.record",
    "run_experiment": "heldout.study.experiment",
    "score_items": "heldout.instruments.table",
    "simulate_cohort": "heldout.simulate.studies",
    "summary": "heldout.record",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``heldout --help`` stays fast."""
    if name not in HOMES:
        raise AttributeError(f"module 'heldout' has no attribute '{name}'")
    return getattr(import_module(HOMES[name]), name)
