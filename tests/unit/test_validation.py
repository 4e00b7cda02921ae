"""One outer fold: what is learnt, chosen and predicted."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from heldout.models import MODELS, Model, build_pipeline, predict_events
from heldout.spec import TuningSpec
from heldout.study import evaluate
from heldout.study.units import Unit, evaluate_unit, units_of
from heldout.tuning import Trial, Tuning
from heldout.validation import (
    FittedModel,
    FoldResult,
    TrainingSet,
    choose_model,
    evaluate_fold,
    fit_models,
)
from tests.tables import FEATURES, OUTCOMES, a_plan, a_table, a_training_set

TRAINING = a_training_set(40)
UNSEEN = a_training_set(12, seed=1)
TUNING = TuningSpec(trials=2)


def models(*names: str) -> list[Model]:
    """Return models of the catalogue."""
    return [MODELS[name] for name in names]


def fold_of(names: Sequence[str], training: TrainingSet = TRAINING) -> FoldResult:
    """Return one outer fold's result."""
    test = np.arange(len(UNSEEN.events))
    return evaluate_fold(training, UNSEEN.features, test, models(*names), TUNING, n_inner=2, seed=1)


def found(name: str, *criteria: float) -> FittedModel:
    """Return a model whose search found these criteria."""
    trials = tuple(Trial(candidate={}, criterion=criterion) for criterion in criteria)
    return FittedModel(
        model=MODELS[name], tuning=Tuning(trials=trials), pipeline=None, converged=True
    )


def test_the_model_with_the_smallest_inner_criterion_is_chosen() -> None:
    fitted = [found("ridge", 0.24, 0.22), found("xgboost", 0.23, 0.21), found("elastic_net", 0.25)]
    assert choose_model(fitted) == "xgboost"


def test_references_are_never_chosen() -> None:
    """They are the yardstick; a procedure that chose them would be measured against itself."""
    assert choose_model(
        [found("prevalence", 0.1), found("severity", 0.1), found("ridge", 0.25)]
    ) == ("ridge")


def test_of_equal_models_the_first_is_chosen() -> None:
    fitted = [found("ridge", 0.22), found("xgboost", 0.22 - 5e-14)]
    assert choose_model(fitted) == "ridge"


def test_models_keep_their_order() -> None:
    result = fold_of(["xgboost", "prevalence", "ridge"])
    names = [one.fitted.model.name for one in result.models]
    assert names == ["xgboost", "prevalence", "ridge"]


def test_a_model_of_severity_is_left_out_where_severity_is_unknown() -> None:
    unknown = replace(TRAINING, features={"all": TRAINING.features["all"]})
    names = [one.fitted.model.name for one in fold_of(["severity", "ridge"], unknown).models]
    assert names == ["ridge"]


def test_severity_is_predicted_from_severity_alone() -> None:
    changed = replace(
        TRAINING, features=dict(TRAINING.features) | {"all": np.zeros((len(TRAINING.events), 4))}
    )
    with_all, without = (fold_of(["severity", "ridge"], one).models for one in (TRAINING, changed))
    np.testing.assert_array_equal(with_all[0].margin, without[0].margin)
    assert not np.array_equal(with_all[1].margin, without[1].margin)


def test_predictions_are_those_of_the_best_candidate_fitted_on_the_whole_training_set() -> None:
    [one] = fold_of(["ridge"]).models
    best = one.fitted.tuning.best.candidate
    pipeline = build_pipeline(MODELS["ridge"], best, 0)
    pipeline.fit(TRAINING.features["all"], TRAINING.events, model__sample_weight=TRAINING.weights)
    prepared = pipeline[:-1].transform(UNSEEN.features["all"])
    margin, probability = predict_events(MODELS["ridge"], pipeline[-1], prepared)
    np.testing.assert_array_equal(one.margin, margin)
    np.testing.assert_array_equal(one.probability, probability)


def test_the_prevalence_is_the_weighted_share_of_training_events() -> None:
    expected = np.average(TRAINING.events, weights=TRAINING.weights)
    assert fold_of(["ridge"]).prevalence == pytest.approx(expected, abs=1e-15)


def test_adding_a_model_changes_nothing_for_the_others() -> None:
    """Seeds are named after what they are for, not counted."""
    alone = fold_of(["random_forest"]).models[0]
    among = fold_of(["ridge", "elastic_net", "random_forest"]).models[2]
    assert alone.fitted.tuning == among.fitted.tuning
    np.testing.assert_array_equal(alone.margin, among.margin)


def test_another_training_set_gets_another_seed() -> None:
    """Forests of two folds must not share their draws, or their noise would be common."""
    elsewhere = replace(TRAINING, path=("response4", "week4", 0, 1))
    first, second = (fold_of(["random_forest"], one).models[0] for one in (TRAINING, elsewhere))
    seeds = {one.fitted.pipeline[-1].random_state for one in (first, second)}
    assert len(seeds) == 2


def test_a_solver_that_stopped_early_is_reported_and_does_not_warn() -> None:
    def impatient(candidate: object, seed: int) -> LogisticRegression:
        return LogisticRegression(solver="saga", max_iter=1, random_state=seed)

    model = replace(MODELS["ridge"], estimator=impatient)
    [one] = fit_models(TRAINING, [model], TUNING, n_inner=2, seed=1)
    assert not one.converged


def test_a_solver_that_finished_is_reported_as_converged() -> None:
    [one] = fit_models(TRAINING, models("ridge"), TUNING, n_inner=2, seed=1)
    assert one.converged


def test_outer_folds_part_the_observed_patients() -> None:
    """Every observed patient is held out once in a repeat, and nobody who was not observed."""
    plan = a_plan(a_table())
    for number, outcome in enumerate(plan.outcomes):
        held_out = [
            patient
            for unit in units_of(plan)
            if unit.outcome == number
            for patient in evaluate_unit(plan, unit)["test"]
        ]
        assert sorted(held_out) == np.flatnonzero(outcome.observed).tolist()


def test_nobody_held_out_is_learnt_from() -> None:
    """The prevalence of a training set counts its events, so it shows who was in it."""
    plan = a_plan(a_table())
    outcome = plan.outcomes[0]
    for unit in units_of(plan)[:5]:
        result = evaluate_unit(plan, unit)
        others = outcome.observed.copy()
        others[result["test"]] = False
        assert result["prevalence"] == pytest.approx(outcome.values[others].mean(), abs=1e-15)


def test_patients_not_observed_are_neither_events_nor_non_events() -> None:
    """Adding patients who were lost to follow-up at both visits teaches nothing."""
    table = a_table()
    table.loc[["P004", "P031"], list(OUTCOMES.values())] = np.nan
    plan = a_plan(table)
    features = plan.matrix.table.copy()
    lost = [~outcome.observed for outcome in plan.outcomes]
    features.loc[np.logical_and(*lost)] = 1e9
    changed = replace(plan, matrix=replace(plan.matrix, table=features))
    unit = Unit(outcome=0, repeat=0, fold=0)
    assert evaluate_unit(changed, unit) == evaluate_unit(plan, unit)


def test_each_follow_up_is_learnt_from_its_own_answers() -> None:
    plan = a_plan(a_table(), outcomes=OUTCOMES)
    first, second = (evaluate_unit(plan, Unit(outcome=n, repeat=0, fold=0)) for n in (0, 1))
    assert first["prevalence"] != second["prevalence"]


def test_the_headline_is_the_prediction_of_the_model_chosen_in_each_fold() -> None:
    """The procedure is judged by what it would have predicted, fold by fold."""
    record = evaluate(
        a_table(seed=4),
        outcomes={"week4": "response4"},
        features=FEATURES,
        seed=1,
        models=["prevalence", "ridge", "elastic_net", "xgboost"],
        repeats=1,
        trials=2,
    )
    chosen = record.choices[record.choices["chosen"]]
    assert len(set(chosen["model"])) > 1
    place = ["repeat", "fold", "model"]
    expected = record.predictions.merge(chosen[place], on=place)
    headline = record.predictions[record.predictions["model"] == "headline"]
    columns = ["patient", "margin", "probability", "event", "fold"]
    pd.testing.assert_frame_equal(
        headline[columns].sort_values("patient", ignore_index=True),
        expected[columns].sort_values("patient", ignore_index=True),
        check_exact=True,
    )
