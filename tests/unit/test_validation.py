"""One outer fold: what is learnt, chosen and predicted."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from heldout.models.catalogue import MODELS
from heldout.models.definition import Model, Real, build_pipeline, predict_patients
from heldout.nested.folds import FoldResult, choose_model, evaluate_fold, fit_models
from heldout.nested.search import Search, Trial
from heldout.nested.training import Patients
from heldout.record import RunRecord
from heldout.splits import derive_seed, draw_folds, ranked_groups
from heldout.study.notebook import Question, evaluate, experiment_on
from heldout.study.plan import plan_study
from heldout.study.units import Unit, evaluate_unit, units_of
from tests.tables import (
    FEATURES,
    OUTCOMES,
    PATH,
    a_plan,
    a_procedure,
    a_table,
    a_training_set,
    numbers_of,
)

TRAINING = a_training_set(40)
UNSEEN = a_training_set(12, seed=1)


def fold_of(
    names: Sequence[str], training: Patients = TRAINING, path: tuple[str | int, ...] = PATH
) -> FoldResult:
    """Return one outer fold's result."""
    return evaluate_fold(training, UNSEEN.features, a_procedure(*names), path)


def found(name: str, *criteria: float) -> tuple[Model, Search]:
    """Return a model and a search that found these criteria."""
    trials = tuple(Trial(candidate={}, criterion=criterion) for criterion in criteria)
    return MODELS[name], Search(trials=trials)


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
        TRAINING, features=dict(TRAINING.features) | {"all": np.zeros((len(TRAINING.answers), 4))}
    )
    with_all, without = (fold_of(["severity", "ridge"], one).models for one in (TRAINING, changed))
    np.testing.assert_array_equal(with_all[0].margin, without[0].margin)
    assert not np.array_equal(with_all[1].margin, without[1].margin)


def test_predictions_are_those_of_the_best_candidate_fitted_on_the_whole_training_set() -> None:
    [one] = fold_of(["ridge"]).models
    best = one.fitted.search.best.candidate
    pipeline = build_pipeline(MODELS["ridge"], best, 0)
    pipeline.fit(TRAINING.features["all"], TRAINING.answers, model__sample_weight=TRAINING.weights)
    prepared = pipeline[:-1].transform(UNSEEN.features["all"])
    margin, probability = predict_patients(MODELS["ridge"], pipeline[-1], prepared)
    np.testing.assert_array_equal(one.margin, margin)
    np.testing.assert_array_equal(one.prediction, probability)


def test_the_prevalence_is_the_weighted_share_of_training_events() -> None:
    expected = np.average(TRAINING.answers, weights=TRAINING.weights)
    assert fold_of(["ridge"]).training_mean == pytest.approx(expected, abs=1e-15)


def test_an_elastic_net_of_nothing_predicts_the_training_prevalence() -> None:
    """As its kernel has it; the solver's first pass alone would move the intercept."""
    tiny = {"C": Real(low=1e-6, high=1e-5, log=True), "l1_ratio": Real(low=0.5, high=0.9)}
    model = replace(MODELS["elastic_net"], space=tiny)
    procedure = replace(a_procedure("elastic_net"), models=(model,))
    result = evaluate_fold(TRAINING, UNSEEN.features, procedure, PATH)
    [fold] = result.models
    assert not fold.fitted.pipeline[-1].coef_.any()
    assert fold.prediction == pytest.approx(result.training_mean, abs=1e-9)


def test_adding_a_model_changes_nothing_for_the_others() -> None:
    """Seeds are named after what they are for, not counted."""
    alone = fold_of(["random_forest"]).models[0]
    among = fold_of(["ridge", "elastic_net", "random_forest"]).models[2]
    assert alone.fitted.search == among.fitted.search
    np.testing.assert_array_equal(alone.margin, among.margin)


def test_another_training_set_gets_another_seed() -> None:
    """Forests of two folds must not share their draws, or their noise would be common."""
    first, second = (
        fold_of(["random_forest"], path=(*PATH[:-1], fold)).models[0] for fold in (0, 1)
    )
    seeds = {one.fitted.pipeline[-1].random_state for one in (first, second)}
    assert len(seeds) == 2


def test_a_solver_that_stopped_early_is_reported_and_does_not_warn() -> None:
    def impatient(candidate: object, seed: int) -> LogisticRegression:
        return LogisticRegression(solver="saga", max_iter=1, random_state=seed)

    model = replace(MODELS["ridge"], estimator=impatient)
    [one] = fit_models(TRAINING, a_procedure(model), PATH)
    assert not one.converged


def test_a_solver_that_finished_is_reported_as_converged() -> None:
    [one] = fit_models(TRAINING, a_procedure("ridge"), PATH)
    assert one.converged


def test_outer_folds_part_the_observed_patients() -> None:
    """Every observed patient is held out once in a repeat, and nobody who was not observed."""
    design = a_plan(a_table()).design
    for number, outcome in enumerate(design.outcomes):
        held_out = [
            patient
            for unit in units_of(design)
            if unit.outcome == number
            for patient in evaluate_unit(design, unit)["test"]
        ]
        assert sorted(held_out) == np.flatnonzero(outcome.observed).tolist()


def test_nobody_held_out_is_learnt_from() -> None:
    """The prevalence of a training set counts its events, so it shows who was in it."""
    design = a_plan(a_table()).design
    outcome = design.outcomes[0]
    for unit in units_of(design)[:5]:
        result = evaluate_unit(design, unit)
        others = outcome.observed.copy()
        others[result["test"]] = False
        assert result["training_mean"] == pytest.approx(outcome.values[others].mean(), abs=1e-15)


def test_patients_not_observed_are_neither_events_nor_non_events() -> None:
    """Adding patients who were lost to follow-up at both visits teaches nothing."""
    table = a_table()
    table.loc[["P004", "P031"], list(OUTCOMES.values())] = np.nan
    design = a_plan(table).design
    features = design.features.copy()
    lost = [~outcome.observed for outcome in design.outcomes]
    features[np.logical_and(*lost)] = 1e9
    changed = replace(design, features=features)
    unit = Unit(outcome=0, repeat=0, fold=0)
    assert evaluate_unit(changed, unit) == evaluate_unit(design, unit)


def test_each_follow_up_is_learnt_from_its_own_answers() -> None:
    design = a_plan(a_table(), outcomes=OUTCOMES).design
    first, second = (evaluate_unit(design, Unit(outcome=n, repeat=0, fold=0)) for n in (0, 1))
    assert first["training_mean"] != second["training_mean"]


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
        permutations=0,
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


NUMBERS = numbers_of(TRAINING)
EVERY = ["prevalence", "severity", "ridge", "elastic_net", "random_forest", "xgboost"]


def test_the_training_mean_of_a_number_is_its_weighted_mean() -> None:
    expected = np.average(NUMBERS.answers, weights=NUMBERS.weights)
    assert fold_of(["ridge"], NUMBERS).training_mean == pytest.approx(expected, abs=1e-12)


def test_a_number_is_learnt_by_every_models_regressor() -> None:
    fitted = [one.fitted for one in fold_of(EVERY, NUMBERS).models]
    assert [(one.model.name, one.model.kind) for one in fitted] == [
        (name, "number") for name in EVERY
    ]


def test_the_criterion_of_a_number_is_its_mean_squared_error() -> None:
    """Of the mean alone, to be computed by hand, on the inner folds it was judged by."""
    [one] = fit_models(NUMBERS, a_procedure("prevalence", n_inner=4), PATH)
    rng = np.random.default_rng(derive_seed(1, "inner", *PATH))
    folds = draw_folds(ranked_groups(NUMBERS.answers)[:, None], 4, rng)
    mean = np.empty(len(folds))
    for fold in range(4):
        known = folds != fold
        mean[~known] = np.average(NUMBERS.answers[known], weights=NUMBERS.weights[known])
    expected = np.average((NUMBERS.answers - mean) ** 2, weights=NUMBERS.weights)
    assert one.search.best.criterion == pytest.approx(expected, rel=1e-12)


def test_a_constant_added_to_a_number_is_added_to_its_predictions() -> None:
    moved = replace(NUMBERS, answers=np.float64(100) + NUMBERS.answers)
    for name in ("prevalence", "severity", "ridge", "elastic_net"):
        [before], [after] = (fold_of([name, "ridge"], one).models[:1] for one in (NUMBERS, moved))
        np.testing.assert_allclose(after.prediction, before.prediction + 100, atol=1e-9)


def number_record(table: pd.DataFrame, **more: Any) -> RunRecord:
    """Return a small study of a number in a table."""
    settings: dict[str, Any] = {"models": ["prevalence", "ridge"], "repeats": 2, "trials": 3}
    return evaluate(
        table,
        outcomes={"week4": "points"},
        features=FEATURES,
        kind="number",
        seed=1,
        permutations=0,
        **(settings | more),
    )


def a_number_table(n_patients: int = 40, signal: float = 6.0) -> pd.DataFrame:
    """Return a made-up table with points that feature ``a`` and noise make; some not observed."""
    table = a_table(n_patients)
    noise = np.random.default_rng(5).normal(0, 3, n_patients)
    points = 20 + signal * table["a"].fillna(0) + noise
    return table.assign(points=points.where(np.arange(n_patients) % 9 != 4))


def test_a_constant_added_to_a_number_changes_no_figure_of_ridge() -> None:
    table = a_number_table()
    before, after = (number_record(t) for t in (table, table.assign(points=table["points"] + 64)))
    for one, other in zip(before.cells, after.cells, strict=True):
        for name in ("r2", "r2_low", "r2_high", "mae", "spearman", "concordance"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-9)
    moved = after.predictions["prediction"] - before.predictions["prediction"]
    np.testing.assert_allclose(moved, 64, atol=1e-9)


def test_an_effect_on_a_number_is_found() -> None:
    ridge = next(c for c in number_record(a_number_table()).cells if c.model == "ridge")
    assert (ridge.r2 or 0) > 0.5
    assert (ridge.r2_low or 0) > 0
    assert (ridge.concordance or 0) > 0.75


def test_the_mean_explains_nothing_and_ranks_nobody() -> None:
    mean = number_record(a_number_table()).cells[0]
    assert (mean.r2, mean.r2_low, mean.r2_high) == (0.0, None, None)
    assert (mean.spearman, mean.concordance) == (0.0, 0.5)


def test_a_held_out_patients_row_and_number_teach_nothing() -> None:
    """Whatever stands in a test patient's row, the others' predictions in that fold are kept."""
    table = a_number_table()
    plan, poisoned = (
        plan_study(
            experiment_on(
                one,
                {
                    "models": ["prevalence", "ridge", "random_forest"],
                    "inner": 4,
                    "repeats": 1,
                    "trials": 2,
                    "permutations": 0,
                    "seed": 3,
                },
                Question(outcomes={"week4": "points"}, features=FEATURES, kind="number"),
            )
        ).design
        for one in (table, table.assign(points=table["points"].where(table.index != "P003", 1e6)))
    )
    features = poisoned.features.copy()
    features[3] = 1e9
    poisoned = replace(poisoned, features=features, folds=plan.folds)
    fold = int(plan.folds.folds[0][3])
    before, after = (
        evaluate_unit(p, Unit(outcome=0, repeat=0, fold=fold)) for p in (plan, poisoned)
    )
    place = before["test"].index(3)
    assert (after["training_mean"], after["chosen"]) == (before["training_mean"], before["chosen"])
    for one, other in zip(before["models"], after["models"], strict=True):
        assert other["trials"] == one["trials"]
        assert np.delete(other["prediction"], place).tolist() == (
            np.delete(one["prediction"], place).tolist()
        )


@pytest.mark.slow
def test_two_workers_predict_a_number_as_one_does() -> None:
    one, two = (
        number_record(a_number_table(), models=["ridge", "elastic_net", "xgboost"], workers=n)
        for n in (1, 2)
    )
    pd.testing.assert_frame_equal(one.predictions, two.predictions, check_exact=True)
    assert one.cells == two.cells


def test_a_number_has_columns_of_its_own_among_the_predictions() -> None:
    record = number_record(a_number_table())
    columns = ["observed", "prediction", "training_mean"]
    assert list(record.predictions.columns)[-3:] == columns
    assert not record.predictions[columns].isna().any(axis=None)
    observed = record.predictions.groupby("patient")["observed"].first()
    pd.testing.assert_series_equal(
        observed, a_number_table()["points"].dropna(), check_names=False, check_exact=True
    )


def test_the_mean_is_that_of_the_patients_in_the_other_folds() -> None:
    record = number_record(a_number_table())
    rows = record.predictions[record.predictions["model"] == "prevalence"]
    for _, repeat in rows.groupby("repeat"):
        for fold, tested in repeat.groupby("fold"):
            expected = repeat.loc[repeat["fold"] != fold, "observed"].mean()
            np.testing.assert_allclose(tested["training_mean"], expected, rtol=1e-12)
            np.testing.assert_allclose(tested["prediction"], expected, rtol=1e-12)
