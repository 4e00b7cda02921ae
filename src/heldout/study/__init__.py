"""The table of contents: from an experiment, or a table, to a finished run."""

from heldout.study.experiment import run_experiment
from heldout.study.notebook import evaluate
from heldout.study.plan import StudyPlan, plan_study
from heldout.study.places import find_record

__all__ = ["StudyPlan", "evaluate", "find_record", "plan_study", "run_experiment"]
