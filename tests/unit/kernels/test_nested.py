"""One model through nested training sets: compiled and by the library, the same table."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import log_loss

import heldout.nested.judging
from heldout.kernels.nested import Judgement
from heldout.metrics.discrimination import fold_paired_auc
from heldout.metrics.probability import brier_score
from heldout.models.catalogue import MODELS
from heldout.models.definition import Choice, Model
from heldout.nested.folds import fit_models
from heldout.nested.judging import judge_candidates
from heldout.nested.search import ask_candidates
from heldout.nested.training import (
    HELD_OUT,
    LEARN,
    Patients,
    TrainingSets,
    draw_sets,
    prepare_features,
)
from heldout.splits import derive_seed, draw_folds
from tests.tables import a_procedure

Floats = NDArray[np.float64]
N_OUTER, N_INNER = 3, 4
REFERENCES = ["prevalence", "severity", "severity_age_sex", "ridge_fixed"]
EXACT = [*REFERENCES, "ridge", "linear_svc", "svc"]
# What a model of some columns sees of them all.
WIDTHS = {"all": 12, "severity": 1, "severity_age_sex": 3}


def patients(n: int = 45, seed: int = 0, kind: str = "class") -> tuple[Floats, Floats, Floats]:
    """Return features with holes, answers, and weights."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 12))
    number = features[:, 0] + features[:, 1] + rng.normal(size=n)
    features[rng.random(features.shape) < 0.05] = np.nan
    answers = (number > 0).astype(np.float64) if kind == "class" else number
    return features, answers, rng.uniform(0.5, 2, n)


def nested_sets(
    answers: Floats, weights: Floats, kind: Any = "class", seed: int = 1
) -> TrainingSets:
    """Return nested training sets of an outer division."""
    strata = answers[:, None] if kind == "class" else np.zeros((len(answers), 1))
    outer = draw_folds(strata, N_OUTER, np.random.default_rng(seed))
    return draw_sets(
        Patients(features={}, answers=answers, weights=weights, kind=kind),
        outer[None, :] == np.arange(N_OUTER)[:, None],
        n_inner=N_INNER,
        seeds=range(N_OUTER),
    )


def judged(model: Model, *, compiled: bool, trials: int = 6, **ways: Any) -> Judgement:
    """Return a model's candidates judged on one problem, by its kernel or by the library."""
    features, answers, weights = patients(kind=model.kind)
    sets = nested_sets(answers, weights, model.kind)
    prepared = prepare_features(features[:, : WIDTHS[model.columns]], sets, model.preparation)
    candidates = ask_candidates(model, trials, "qmc", 3)
    one = model if compiled else replace(model, kernel=None)
    settings: Mapping[str, Any] = {"fit_seeds": [5] * N_OUTER, "finish": True} | ways
    return judge_candidates(one, prepared, sets, candidates, **settings)


@pytest.mark.parametrize("criterion", ["brier", "log_loss", "auc"])
@pytest.mark.parametrize("name", EXACT)
def test_a_kernel_and_the_library_give_the_same_table(name: str, criterion: str) -> None:
    """Criteria of every candidate, the winners, and the predictions of patients held out."""
    fast = judged(MODELS[name], compiled=True, criterion=criterion)
    slow = judged(MODELS[name], compiled=False, criterion=criterion)
    # scikit-learn's support-vector machine stops at its tolerance of 1e-8.
    close = 1e-6 if "svc" in name else 1e-9
    np.testing.assert_allclose(fast.criteria, slow.criteria, atol=close)
    np.testing.assert_array_equal(fast.best, slow.best)
    np.testing.assert_allclose(fast.margins, slow.margins, atol=10 * close)
    np.testing.assert_allclose(fast.predictions, slow.predictions, atol=10 * close)


@pytest.mark.parametrize("name", [*REFERENCES, "ridge", "elastic_net"])
def test_of_numbers_too(name: str) -> None:
    model = MODELS[name].for_kind("number")
    fast, slow = judged(model, compiled=True), judged(model, compiled=False)
    # scikit-learn's coordinate descent stops at its duality gap.
    close = 1e-6 if name == "elastic_net" else 1e-9
    np.testing.assert_allclose(fast.criteria, slow.criteria, atol=close)
    np.testing.assert_allclose(fast.predictions, slow.predictions, atol=10 * close)


@pytest.mark.parametrize("kind", ["class", "number"])
def test_of_boosted_trees_too_where_nothing_is_drawn(kind: Any) -> None:
    model = MODELS["xgboost"].for_kind(kind)
    all_taken = dict.fromkeys(("subsample", "colsample_bytree"), Choice(options=(1.0,)))
    whole = replace(model, space={**model.space, **all_taken})
    fast, slow = judged(whole, compiled=True), judged(whole, compiled=False)
    np.testing.assert_allclose(fast.criteria, slow.criteria, atol=1e-6)
    np.testing.assert_array_equal(fast.best, slow.best)
    np.testing.assert_allclose(fast.predictions, slow.predictions, atol=1e-5)


def test_the_table_says_what_was_held_out_and_nothing_else() -> None:
    _, answers, weights = patients()
    sets = nested_sets(answers, weights)
    found = judged(MODELS["ridge"], compiled=True)
    np.testing.assert_array_equal(np.isnan(found.margins), sets.roles[:, -1] != HELD_OUT)
    assert judged(MODELS["ridge"], compiled=True, finish=False).margins.size == found.margins.size
    assert np.isnan(judged(MODELS["ridge"], compiled=True, finish=False).margins).all()


@pytest.mark.parametrize("compiled", [True, False])
def test_answers_of_patients_held_out_change_nothing(compiled: bool) -> None:
    """Flip them all: every criterion and every prediction stays to the last bit."""
    features, answers, weights = patients()
    sets = nested_sets(answers, weights)
    model = MODELS["ridge"] if compiled else replace(MODELS["ridge"], kernel=None)
    prepared = prepare_features(features, sets, model.preparation)
    candidates = ask_candidates(model, 4, "qmc", 3)
    for k in range(N_OUTER):
        flipped = np.where(sets.roles[k, -1] == HELD_OUT, 1 - answers, answers)
        one, other = (
            judge_candidates(
                model,
                prepared,
                replace(sets, answers=told),
                candidates,
                fit_seeds=[1] * 3,
                finish=True,
            )
            for told in (answers, flipped)
        )
        np.testing.assert_array_equal(one.criteria[k], other.criteria[k])
        np.testing.assert_array_equal(one.margins[k], other.margins[k])


def test_the_criteria_are_those_of_the_metrics() -> None:
    """By hand, from the library's own fits on one outer set."""
    features, answers, weights = patients()
    sets = nested_sets(answers, weights)
    model = MODELS["ridge"]
    prepared = prepare_features(features, sets, model.preparation)
    [candidate] = ask_candidates(model, 1, "qmc", 3)
    probability, folds = np.full(len(answers), np.nan), np.full(len(answers), -1)
    for j in range(N_INNER):
        role = sets.roles[0, j]
        estimator = model.estimator(candidate, 0)
        estimator.fit(
            prepared[0, j][role == LEARN],
            answers[role == LEARN].astype(int),
            sample_weight=weights[role == LEARN],
        )
        test = role == HELD_OUT
        probability[test] = estimator.predict_proba(prepared[0, j][test])[:, 1]
        folds[test] = j
    known = folds >= 0
    events = answers[known] == 1
    row = probability[known][None, :]
    expected = {
        "brier": brier_score(row, events, weights[known]),
        "log_loss": log_loss(events, probability[known], sample_weight=weights[known]),
        # One repeat: pairs that met once, weighted by their product.
        "auc": 1 - fold_paired_auc(row, folds[known][None, :], events, weights[known]),
    }
    for criterion, value in expected.items():
        found = judged(model, compiled=True, trials=1, criterion=criterion)
        assert found.criteria[0, 0] == pytest.approx(value, abs=1e-9)


def test_as_many_fits_are_made_as_the_design_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hidden refits: every candidate on every inner set, and the best one on the outer set."""
    fits = []
    original = heldout.nested.judging.margins_by

    def counting(*arguments: Any) -> Any:
        fits.append(arguments[1])
        return original(*arguments)

    monkeypatch.setattr(heldout.nested.judging, "margins_by", counting)
    judged(MODELS["ridge"], compiled=False, trials=6)
    assert len(fits) == N_OUTER * (N_INNER * 6 + 1)


def test_a_score_becomes_a_probability_without_the_patients_own_answer() -> None:
    """Platt's sigmoid of a fold comes from the other folds: flip one fold's answers and look."""
    found = judged(MODELS["svc"], compiled=True)
    known = ~np.isnan(found.predictions)
    assert ((found.predictions[known] > 0) & (found.predictions[known] < 1)).all()
    for k in range(N_OUTER):
        rows = ~np.isnan(found.margins[k])
        slope, intercept = found.sigmoids[k]
        expected = 1 / (1 + np.exp(-(slope * found.margins[k, rows] + intercept)))
        np.testing.assert_allclose(found.predictions[k, rows], expected, atol=1e-12)


def trees(n: int, *, compiled: bool, **ways: Any) -> tuple[Judgement, TrainingSets]:
    """Return boosted trees of which nothing is drawn, judged on some patients, and their sets."""
    features, answers, weights = patients(n)
    sets = nested_sets(answers, weights)
    prepared = prepare_features(features, sets, "impute")
    whole = {"subsample": Choice(options=(1.0,)), "colsample_bytree": Choice(options=(1.0,))}
    model = MODELS["xgboost"]
    model = replace(model, space=dict(model.space) | whole)
    candidates = ask_candidates(model, 4, "qmc", 3)
    used = model if compiled else replace(model, kernel=None)
    settings: Mapping[str, Any] = {"fit_seeds": [5] * N_OUTER, "finish": True} | ways
    return judge_candidates(used, prepared, sets, candidates, **settings), sets


@pytest.mark.parametrize("criterion", ["brier", "log_loss"])
def test_trees_are_recalibrated_by_inner_folds_alike_by_kernel_and_library(criterion: str) -> None:
    fast, sets = trees(120, compiled=True, criterion=criterion)
    slow, _ = trees(120, compiled=False, criterion=criterion)
    for told, other in zip(fast, slow, strict=True):
        np.testing.assert_allclose(told, other, atol=1e-4)
    for k in range(N_OUTER):
        rows, (slope, intercept) = sets.roles[k, -1] == HELD_OUT, fast.sigmoids[k]
        kept = np.clip(fast.margins[k, rows], -np.log(199), np.log(199))
        expected = 1 / (1 + np.exp(-(slope * kept + intercept)))
        np.testing.assert_allclose(fast.predictions[k, rows], expected, atol=1e-12)
        assert slope >= 0


def test_below_thirty_of_the_rarer_class_trees_stay_as_they_are() -> None:
    found, sets = trees(60, compiled=True)
    rarer = min(sets.answers.sum(), len(sets.answers) - sets.answers.sum())
    assert rarer * 2 / 3 < 30
    assert np.isnan(found.sigmoids).all()
    rows = ~np.isnan(found.margins)
    expected = 1 / (1 + np.exp(-found.margins[rows]))
    np.testing.assert_allclose(found.predictions[rows], expected, atol=1e-12)


def test_the_answers_of_patients_held_out_do_not_recalibrate() -> None:
    """Flip them all: nothing that is said of them moves."""
    features, answers, weights = patients(120)
    sets = nested_sets(answers, weights).outer_set(0)
    rows = sets.roles[0, -1] == HELD_OUT
    prepared = prepare_features(features, sets, "impute")
    told = []
    for seen in (answers, np.where(rows, 1 - answers, answers)):
        model = MODELS["random_forest"]
        found = judge_candidates(
            model,
            prepared,
            replace(sets, answers=seen),
            ask_candidates(model, 3, "qmc", 3),
            fit_seeds=[5],
            finish=True,
        )
        assert not np.isnan(found.sigmoids).any()
        told.append(found.predictions[0, rows])
    np.testing.assert_array_equal(*told)


@pytest.mark.parametrize("name", ["ridge", "elastic_net", "linear_svc", "svc", "random_forest"])
def test_what_is_explained_and_exported_says_what_the_kernel_says(name: str) -> None:
    """The library's pipeline, fitted again with the chosen candidate, on patients held out."""
    features, answers, weights = patients(60, seed=2)
    train, test = np.arange(60) < 45, np.arange(60) >= 45
    model = MODELS[name]
    training = Patients(
        features={"all": features[train]}, answers=answers[train], weights=weights[train]
    )
    [fitted] = fit_models(training, a_procedure(model, trials=6, n_inner=4), ("equal",))
    sets = draw_sets(
        Patients(features={}, answers=answers, weights=weights),
        test[None, :],
        n_inner=4,
        seeds=[derive_seed(1, "inner", "equal")],
    )
    prepared = prepare_features(features, sets, model.preparation)
    found = judge_candidates(
        model,
        prepared,
        sets,
        ask_candidates(model, 6, "qmc", derive_seed(1, "search", name)),
        fit_seeds=[derive_seed(1, "fit", name, "equal")],
        finish=True,
    )
    margin, prediction = fitted.predict(features[test])
    # Of two forests of 100 trees the chance of the trees is what differs.
    close = {"random_forest": 0.2, "elastic_net": 1e-4}.get(name, 1e-6)
    np.testing.assert_allclose(found.margins[0, test], margin, atol=close)
    np.testing.assert_allclose(found.predictions[0, test], prediction, atol=close)
