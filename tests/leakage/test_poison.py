"""Poison: what is known only about patients held out must not change what is learnt.

Every test changes something that honest code cannot see, and compares to the last bit.
"""

from collections.abc import Sequence
from dataclasses import fields, replace

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from heldout.models.catalogue import MODELS
from heldout.nested.folds import FoldResult, evaluate_fold
from heldout.record import RunRecord
from heldout.study.design import Design
from heldout.study.notebook import evaluate
from heldout.study.units import Unit, evaluate_unit
from tests.tables import FEATURES, OUTCOMES, a_plan, a_table

Positions = NDArray[np.int64]
UNIT = Unit(outcome=0, repeat=0, fold=2)
TABLES = ("predictions", "choices", "trials", "explanations", "permutations")


@pytest.fixture(scope="module")
def design() -> Design:
    """Return a small study with every model of the catalogue."""
    return a_plan(a_table(), models=list(MODELS)).design


@pytest.fixture(scope="module")
def honest(design: Design) -> FoldResult:
    """Return what one outer fold teaches on clean data."""
    return fold_of(design)


def held_out(design: Design) -> Positions:
    """Return the positions of the patients held out."""
    observed = design.outcomes[UNIT.outcome].observed
    return np.flatnonzero(observed & (design.folds.folds[UNIT.repeat] == UNIT.fold))


def fold_of(design: Design) -> FoldResult:
    """Return one outer fold with its fitted pipelines, which a unit's plain values leave out."""
    test = held_out(design)
    train = np.setdiff1d(np.flatnonzero(design.outcomes[UNIT.outcome].observed), test)
    return evaluate_fold(
        design.patients(UNIT.outcome, train),
        design.features_of(UNIT.outcome, test),
        design.procedure,
        ("poison",),
    )


def poisoned_features(design: Design, rows: Positions) -> Design:
    """Return the design with extreme values for some patients, severity included."""

    def poisoned(values: NDArray[np.float64]) -> NDArray[np.float64]:
        values = values.copy()
        values[rows] = 1e9
        return values

    references = tuple(
        {name: poisoned(table) for name, table in known.items()} for known in design.references
    )
    return replace(design, features=poisoned(design.features), references=references)


def poisoned_answers(design: Design, rows: Positions) -> Design:
    """Return the design with some patients' answers turned round, the folds being kept."""
    outcome = design.outcomes[UNIT.outcome]
    scores = outcome.scores.copy()
    scores[rows] = 1 - scores[rows]
    outcomes = (replace(outcome, scores=scores), *design.outcomes[1:])
    return replace(design, outcomes=outcomes)


def learnt(result: FoldResult) -> list[tuple[object, ...]]:
    """Return everything that was learnt in training: trials, choice, and fitted pipelines."""
    return [
        (one.fitted.search, result.chosen, result.training_mean, joblib.hash(one.fitted.pipeline))
        for one in result.models
    ]


def test_features_of_patients_held_out_teach_nothing(design: Design, honest: FoldResult) -> None:
    poisoned = fold_of(poisoned_features(design, held_out(design)))
    assert learnt(poisoned) == learnt(honest)


def test_features_of_a_patient_held_out_do_not_touch_the_others(
    design: Design, honest: FoldResult
) -> None:
    """Preparation must take each patient's row alone."""
    poisoned = fold_of(poisoned_features(design, held_out(design)[:1]))
    for before, after in zip(honest.models, poisoned.models, strict=True):
        np.testing.assert_array_equal(before.margin[1:], after.margin[1:])
        np.testing.assert_array_equal(before.prediction[1:], after.prediction[1:])


def test_features_of_patients_who_are_learnt_from_do_teach(
    design: Design, honest: FoldResult
) -> None:
    """The negative control: the comparison sees a single poisoned patient in training."""
    row = np.setdiff1d(np.flatnonzero(design.outcomes[0].observed), held_out(design))[:1]
    poisoned = learnt(fold_of(poisoned_features(design, row)))
    same = [one for one, before in zip(poisoned, learnt(honest), strict=True) if one == before]
    assert same == []


def test_answers_of_patients_held_out_teach_nothing(design: Design, honest: FoldResult) -> None:
    poisoned = fold_of(poisoned_answers(design, held_out(design)))
    assert learnt(poisoned) == learnt(honest)


@pytest.mark.slow
def test_answers_of_patients_held_out_change_no_prediction_and_no_explanation(
    design: Design,
) -> None:
    poisoned = poisoned_answers(design, held_out(design))
    assert evaluate_unit(poisoned, UNIT) == evaluate_unit(design, UNIT)


def test_answers_of_patients_who_are_learnt_from_do_teach(
    design: Design, honest: FoldResult
) -> None:
    """The negative control of the two tests above."""
    row = np.setdiff1d(np.flatnonzero(design.outcomes[0].observed), held_out(design))[:1]
    assert learnt(fold_of(poisoned_answers(design, row))) != learnt(honest)


def record_of(
    table: pd.DataFrame,
    *,
    models: Sequence[str] = ("prevalence", "ridge"),
    workers: int = 1,
) -> RunRecord:
    """Return the record of a small study on a table."""
    return evaluate(
        table,
        outcomes=OUTCOMES,
        features=FEATURES,
        seed=1,
        site="centre",
        severity="severity",
        models=models,
        repeats=1,
        trials=2,
        workers=workers,
        permutations=3,
    )


def assert_same_record(first: RunRecord, second: RunRecord) -> None:
    """Compare two records to the last bit, but for what may differ between equal runs."""
    for name in TABLES:
        pd.testing.assert_frame_equal(
            getattr(first, name), getattr(second, name), check_exact=True, obj=name
        )
    others = [one.name for one in fields(RunRecord) if one.name not in {*TABLES, "environment"}]
    for name in others:
        assert getattr(first, name) == getattr(second, name), name


def test_the_order_of_the_patients_changes_no_bit() -> None:
    table = a_table()
    shuffled = table.sample(frac=1, random_state=3)
    assert not shuffled.index.equals(table.index)
    assert_same_record(record_of(shuffled), record_of(table))


def test_the_names_of_columns_that_are_not_used_change_no_bit() -> None:
    table = a_table()
    assert_same_record(record_of(table.assign(later=table["response8"])), record_of(table))


def test_a_patient_observed_at_no_follow_up_changes_no_prediction_of_others() -> None:
    """That patient stands in the table and in the flow, and is neither learnt from nor judged."""
    table = a_table()
    table.loc["P039", list(OUTCOMES.values())] = np.nan
    changed = table.copy()
    changed.loc["P039", [*FEATURES, "severity"]] = 1e9
    first, second = record_of(table), record_of(changed)
    assert first.cells == second.cells
    pd.testing.assert_frame_equal(first.predictions, second.predictions, check_exact=True)


@pytest.mark.slow
def test_two_workers_give_the_same_bits_as_one() -> None:
    models = ["prevalence", "severity", "ridge_fixed", "ridge", "xgboost"]
    one, two = (record_of(a_table(), models=models, workers=workers) for workers in (1, 2))
    assert_same_record(one, two)


@pytest.mark.slow
def test_permuted_answers_are_predicted_at_chance() -> None:
    """Ten permutations of sixty patients: one AUC spreads by about .09, their mean by .03.

    Three such errors are allowed either way. Learning from the patients held out would show
    as .8 and more; pooling folds or leaving one out as less than .4.
    """
    table = a_table(60, signal=3.0)
    aucs: list[float] = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        answers = rng.permutation(table[list(OUTCOMES.values())].to_numpy())
        permuted = table.assign(response4=answers[:, 0], response8=answers[:, 1])
        aucs += [cell.auc or 0 for cell in record_of(permuted).headline]
    assert abs(np.mean(aucs) - 0.5) < 0.09


def test_a_signal_is_predicted_above_chance() -> None:
    """The negative control: the same design finds what is there before it is permuted."""
    cells = record_of(a_table(60, signal=3.0)).headline
    assert min(cell.auc or 0 for cell in cells) > 0.75
