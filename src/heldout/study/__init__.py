"""The table of contents: from an experiment, or a table, to a finished run."""

from heldout.study.experiment import publish, run_experiment
from heldout.study.folders import find_record, mlruns
from heldout.study.notebook import evaluate
from heldout.study.plan import StudyPlan, plan_study
from heldout.study.refit import export_model

__all__ = [
    "StudyPlan",
    "evaluate",
    "export_model",
    "find_record",
    "mlruns",
    "plan_study",
    "publish",
    "run_experiment",
]
