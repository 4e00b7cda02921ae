"""The search inside one training set."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from heldout.models import MODELS, Choice, Model, Real, Whole
from heldout.spec import TuningSpec
from heldout.splits import draw_folds
from heldout.tuning import InnerFold, Trial, Tuning, middle, prepare_inner, tune_model
from heldout.validation import TrainingSet
from tests.tables import a_training_set

Ints = NDArray[np.int64]
TRAINING = a_training_set(60)


def inner_folds(training: TrainingSet = TRAINING) -> Ints:
    """Return five inner folds."""
    answers = training.answers[:, None].astype(np.float64)
    return draw_folds(answers, 5, np.random.default_rng(0))


def prepared(kind: str, training: TrainingSet = TRAINING) -> tuple[InnerFold, ...]:
    """Return the inner folds, prepared."""
    return prepare_inner(
        training.features["all"], training.answers, training.weights, inner_folds(training), kind
    )


def tuned(
    model: Model,
    *,
    trials: int = 4,
    sampler: str = "qmc",
    search_seed: int = 3,
    training: TrainingSet = TRAINING,
) -> Tuning:
    """Return a search on the inner folds."""
    tuning = TuningSpec.model_validate({"trials": trials, "sampler": sampler})
    inner = prepared(model.preparation, training)
    return tune_model(model, inner, tuning, search_seed=search_seed, fit_seed=1)


def brier_by_scikit_learn(pipeline: object) -> float:
    """Return the cross-validated Brier score of a pipeline, refitted whole in every fold."""
    features, events, weights = TRAINING.features["all"], TRAINING.answers, TRAINING.weights
    probability = np.full(len(events), np.nan)
    for train, test in PredefinedSplit(inner_folds()).split():
        step = pipeline.steps[-1][0]  # type: ignore[attr-defined]
        pipeline.fit(  # type: ignore[attr-defined]
            features[train], events[train], **{f"{step}__sample_weight": weights[train]}
        )
        probability[test] = pipeline.predict_proba(features[test])[:, 1]  # type: ignore[attr-defined]
    return float(brier_score_loss(events, probability, sample_weight=weights))


def test_the_criterion_is_the_cross_validated_brier_score_of_the_whole_pipeline() -> None:
    """Prepared once a fold or refitted whole: the same to rounding, or preparation leaks."""
    for trial in tuned(MODELS["ridge"]).trials:
        pipeline = make_pipeline(
            SimpleImputer(strategy="median"),
            StandardScaler(),
            LogisticRegression(C=trial.candidate["C"], solver="newton-cholesky", tol=1e-8),
        )
        assert trial.criterion == pytest.approx(brier_by_scikit_learn(pipeline), abs=1e-12)


def test_the_criterion_of_a_forest_is_that_of_the_whole_pipeline_too() -> None:
    [trial] = tuned(MODELS["random_forest"], trials=1).trials
    pipeline = make_pipeline(
        SimpleImputer(strategy="median"),
        RandomForestClassifier(100, random_state=1, n_jobs=1, **trial.candidate),
    )
    assert trial.criterion == pytest.approx(brier_by_scikit_learn(pipeline), abs=1e-12)


def test_preparing_on_all_rows_would_give_another_criterion() -> None:
    """The negative control: a leak of the preparation would be seen above."""
    features = StandardScaler().fit_transform(
        SimpleImputer().fit_transform(TRAINING.features["all"])
    )
    honest = prepared("impute_scale")
    leaked = tuple(
        InnerFold(
            train=features[inner_folds() != fold],
            train_answers=one.train_answers,
            train_weights=one.train_weights,
            test=features[inner_folds() == fold],
            test_answers=one.test_answers,
            test_weights=one.test_weights,
        )
        for fold, one in enumerate(honest)
    )
    [first], [second] = (
        tune_model(MODELS["ridge"], inner, TuningSpec(trials=1), search_seed=3, fit_seed=1).trials
        for inner in (honest, leaked)
    )
    assert abs(first.criterion - second.criterion) > 1e-6


def test_inner_folds_part_the_training_patients() -> None:
    """Every patient is judged once, and never by a model that was fitted on that patient."""
    features = np.arange(len(TRAINING.answers), dtype=np.float64)[:, None]
    folds = inner_folds()
    inner = prepare_inner(features, TRAINING.answers, TRAINING.weights, folds, "impute")
    everybody = set(range(len(features)))
    judged = [patient for fold in inner for patient in fold.test[:, 0]]
    assert sorted(judged) == sorted(everybody)
    for fold in inner:
        assert set(fold.train[:, 0]) == everybody - set(fold.test[:, 0])


def test_an_inner_fold_keeps_each_patients_answer_and_weight() -> None:
    features = np.arange(len(TRAINING.answers), dtype=np.float64)[:, None]
    folds = inner_folds()
    for fold in prepare_inner(features, TRAINING.answers, TRAINING.weights, folds, "impute"):
        for rows, events, weights in (
            (fold.train[:, 0].astype(int), fold.train_answers, fold.train_weights),
            (fold.test[:, 0].astype(int), fold.test_answers, fold.test_weights),
        ):
            np.testing.assert_array_equal(events, TRAINING.answers[rows])
            np.testing.assert_array_equal(weights, TRAINING.weights[rows])


def test_inner_test_rows_do_not_change_what_inner_training_rows_become() -> None:
    features = TRAINING.features["all"].copy()
    folds = inner_folds()
    features[folds == 0] = 1e9
    changed = prepare_inner(features, TRAINING.answers, TRAINING.weights, folds, "impute_scale")
    np.testing.assert_array_equal(changed[0].train, prepared("impute_scale")[0].train)


@pytest.mark.parametrize("sampler", ["qmc", "tpe", "random"])
def test_the_first_candidate_is_the_middle_of_the_space(sampler: str) -> None:
    assert tuned(MODELS["ridge"], trials=1, sampler=sampler).trials[0].candidate == {"C": 0.1}


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (Real(low=1, high=3), 2.0),
        (Real(low=0.01, high=100, log=True), 1.0),
        (Whole(low=1, high=8), 4),
        (Whole(low=10, high=1000, log=True), 100),
        (Choice(options=("first", "second")), "first"),
    ],
)
def test_the_middle_is_on_the_spaces_own_scale(
    what: Real | Whole | Choice, expected: float | str
) -> None:
    found = middle(what)
    assert found == (expected if isinstance(expected, str) else pytest.approx(expected))
    assert type(found) is type(expected)


def test_the_quasi_random_candidates_are_pinned() -> None:
    """Optuna calls this sampler experimental; another sequence would change every study."""
    candidates = [trial.candidate["C"] for trial in tuned(MODELS["ridge"]).trials]
    assert candidates == pytest.approx(
        [0.1, 0.6275141435812512, 0.014221831972480241, 0.0053670578901201015], rel=1e-12
    )


def test_quasi_random_candidates_of_several_dimensions_are_pinned() -> None:
    [_, second, third] = tuned(MODELS["random_forest"], trials=3).trials
    assert second.candidate == pytest.approx(
        {"min_samples_leaf": 6, "max_features": 0.5812230377458036}, rel=1e-12
    )
    assert third.candidate == pytest.approx(
        {"min_samples_leaf": 3, "max_features": 0.11597043657675386}, rel=1e-12
    )


@pytest.mark.parametrize("trials", [1, 2, 7])
def test_there_are_as_many_trials_as_were_asked_for(trials: int) -> None:
    assert len(tuned(MODELS["ridge"], trials=trials).trials) == trials


def test_more_trials_add_to_the_first_ones() -> None:
    assert tuned(MODELS["ridge"], trials=5).trials[:3] == tuned(MODELS["ridge"], trials=3).trials


@pytest.mark.parametrize("sampler", ["qmc", "tpe", "random"])
def test_the_same_seed_tries_the_same(sampler: str) -> None:
    first, second = (tuned(MODELS["ridge"], sampler=sampler, trials=12) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("sampler", ["qmc", "tpe", "random"])
def test_another_seed_tries_something_else(sampler: str) -> None:
    first, second = (tuned(MODELS["ridge"], sampler=sampler, search_seed=seed) for seed in (3, 4))
    assert first != second


def tuning_of(*criteria: float) -> Tuning:
    """Return trials with these criteria."""
    return Tuning(
        trials=tuple(Trial(candidate={"C": i}, criterion=c) for i, c in enumerate(criteria))
    )


def test_the_best_trial_has_the_smallest_criterion() -> None:
    assert tuning_of(0.25, 0.21, 0.23).best.candidate == {"C": 1}


def test_of_equal_trials_the_first_is_best() -> None:
    assert tuning_of(0.25, 0.21, 0.21).best.candidate == {"C": 1}


def test_a_difference_of_rounding_is_no_difference() -> None:
    """Another processor may round the last bit otherwise; the choice must not follow it."""
    assert tuning_of(0.21, 0.21 - 5e-14).best.candidate == {"C": 0}


def test_a_signal_is_found_and_noise_is_not() -> None:
    """The prevalence is the yardstick: tuned ridge beats it on a signal and not on noise."""
    gains = []
    for signal in (3.0, 0.0):
        training = a_training_set(80, seed=2, signal=signal)
        best = tuned(MODELS["ridge"], training=training).best.criterion
        gains.append(tuned(MODELS["prevalence"], training=training).best.criterion - best)
    assert gains[0] > 0.08
    assert gains[1] < 0.02
