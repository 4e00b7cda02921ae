"""What a plan says of its work before anything is fitted."""

from dataclasses import replace

import numpy as np
import pytest

from heldout.models.catalogue import MODELS
from heldout.spec.experiment import InferenceSpec
from heldout.study.design import Design
from heldout.study.work import work_lines, work_of
from tests.tables import a_plan, a_table


def design_of(*models: str, permutations: int = 99) -> Design:
    """Return a design of two outcomes, five outer and inner folds."""
    design = a_plan(a_table(), models=models).design
    return replace(design, inference=InferenceSpec(permutations=permutations))


def test_every_candidate_on_every_inner_fold_and_the_best_once_more() -> None:
    design = design_of("prevalence", "ridge", "xgboost")
    trials = design.tuning.trials
    outer, inner = design.validation.outer, design.validation.inner
    fits = {(one.outcome, one.model): one.fits for one in work_of(design)}
    assert len(fits) == 6
    assert fits[0, "ridge"] == fits[1, "xgboost"] == outer * (inner * trials + 1)
    assert fits[0, "prevalence"] == outer * (inner + 1)


def test_the_path_of_every_model_is_said() -> None:
    mine = replace(MODELS["xgboost"], name="mine", kernel=None)
    models = (MODELS["prevalence"], MODELS["xgboost"], mine)
    lines = list(work_lines(replace(design_of("ridge"), models=models)))
    assert lines[1] == "By compiled kernels: prevalence, xgboost."
    assert lines[2] == "By the libraries: mine."
    assert "Up to 99 permutations" in lines[3]


def test_without_a_test_no_permutation_is_counted() -> None:
    assert list(work_lines(design_of("ridge", permutations=0)))[-1].endswith("no permutation test.")


def test_no_more_permutations_are_promised_than_there_are() -> None:
    """Two sites of two patients who may exchange their scores, and many of one."""
    design = design_of("ridge")
    alone = range(2, len(design.features) - 2)
    few = replace(design, site=np.array([0, 0, 1, 1, *alone]))
    line = list(work_lines(few))[-1]
    assert line.startswith("Up to 3 permutations of ")
    assert line.endswith("Less than a minute on one core.")


def test_a_model_that_an_outcome_cannot_have_has_no_work() -> None:
    design = design_of("severity", "ridge")
    without = replace(design, references=({}, design.references[1]))
    assert [(one.outcome, one.model) for one in work_of(without)] == [
        (0, "ridge"),
        (1, "severity"),
        (1, "ridge"),
    ]
    assert MODELS["severity"].columns == "severity"


def test_the_last_fit_of_every_fold_takes_its_time() -> None:
    """By the library, 60 ms each: much more than a kernel takes for all of its candidates."""
    design = design_of("ridge", permutations=0)
    many = replace(design, folds=replace(design.folds, folds=design.folds.folds[:1].repeat(600, 0)))
    folds = 2 * 600 * design.validation.outer
    candidates = 600 * sum(part.seconds for part in work_of(many))
    assert candidates < folds * 0.06 / 10
    minutes = round((candidates + folds * 0.06) / 60 + 0.5)
    assert list(work_lines(many))[-1].startswith(f"About {minutes} min on one core")


def test_where_nothing_is_to_be_found_two_hundred_permutations_are_usual() -> None:
    """Fifty of them have then reached the observed, on average over all p."""
    shares = (np.arange(1000) + 0.5) / 1000
    made = np.where(shares < 0.05, 999, np.clip(50 / shares, 99, 999))
    assert made.mean() == pytest.approx(200, abs=15)
    models = (replace(MODELS["xgboost"], kernel=None),)
    sixty, many = (
        list(work_lines(replace(design_of("ridge", permutations=number), models=models)))[-1]
        for number in (200, 999)
    )
    usual = sixty.partition("each. ")[2].removesuffix(".")
    assert many.partition("each. ")[2].startswith(f"{usual} if nothing is to be found, and up to ")
