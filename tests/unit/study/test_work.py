"""What a plan says of its work before anything is fitted."""

from dataclasses import replace

from heldout.models import MODELS
from heldout.spec import InferenceSpec
from heldout.study.plan import StudyPlan
from heldout.study.work import work_lines, work_of
from tests.tables import a_plan, a_table


def plan_of(*models: str, permutations: int = 99) -> StudyPlan:
    """Return a plan of two outcomes, five outer and inner folds."""
    plan = a_plan(a_table(), models=models)
    return replace(plan, inference=InferenceSpec(permutations=permutations))


def test_every_candidate_on_every_inner_fold_and_the_best_once_more() -> None:
    plan = plan_of("prevalence", "ridge", "xgboost")
    trials = plan.tuning.trials
    outer, inner = plan.validation.outer, plan.validation.inner
    fits = {(one.outcome, one.model): one.fits for one in work_of(plan)}
    assert len(fits) == 6
    assert fits[0, "ridge"] == fits[1, "xgboost"] == outer * (inner * trials + 1)
    assert fits[0, "prevalence"] == outer * (inner + 1)


def test_the_path_of_every_model_is_said() -> None:
    lines = list(work_lines(plan_of("prevalence", "ridge", "xgboost")))
    assert lines[1] == "By compiled kernels: prevalence, ridge."
    assert lines[2] == "By the libraries: xgboost."
    assert "Up to 99 permutations" in lines[3]


def test_without_a_test_no_permutation_is_counted() -> None:
    assert list(work_lines(plan_of("ridge", permutations=0)))[-1].endswith("no permutation test.")


def test_no_more_permutations_are_promised_than_there_are() -> None:
    """Two sites of two patients who may exchange their scores, and many of one."""
    plan = plan_of("ridge")
    alone = (str(number) for number in range(len(plan.patients) - 4))
    few = replace(plan, site=("a", "a", "b", "b", *alone))
    line = list(work_lines(few))[-1]
    assert line.startswith("Up to 3 permutations of ")
    assert line.endswith("Less than a minute on one core.")


def test_a_model_that_an_outcome_cannot_have_has_no_work() -> None:
    plan = plan_of("severity", "ridge")
    without = replace(plan, severity=(None, plan.severity[1]))
    assert [(one.outcome, one.model) for one in work_of(without)] == [
        (0, "ridge"),
        *([(1, "severity")] if plan.severity[1] is not None else []),
        (1, "ridge"),
    ]
    assert MODELS["severity"].columns == "severity"
