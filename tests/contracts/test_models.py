"""What every model of the catalogue must keep; a new entry is tested by itself."""

import inspect
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from heldout.models.catalogue import MODELS
from heldout.models.definition import (
    Candidate,
    Choice,
    Model,
    Real,
    Whole,
    build_pipeline,
    centre_of,
    models_for,
    predict_patients,
)
from heldout.nested.folds import FittedModel, fit_models
from heldout.nested.search import Search, tune_model
from heldout.nested.training import Patients, draw_sets, prepare_features
from heldout.spec.experiment import TuningSpec
from tests.tables import PATH, a_procedure, a_training_set, numbers_of

Floats = NDArray[np.float64]
TRAINING = a_training_set(40)
UNSEEN = a_training_set(30, seed=1)
# Every model of the catalogue, for either kind of outcome.
EVERY = [one for kind in ("class", "number") for one in models_for([*MODELS.values()], kind)]
CLASSIFIERS = list(MODELS.values())
REGRESSORS = list(models_for([*MODELS.values()], "number"))


def name_of(model: Model) -> str:
    """Return what a test of a model is called."""
    return f"{model.name}-{model.kind}"


def learnt_from(model: Model, training: Patients = TRAINING) -> Patients:
    """Return patients with answers of the model's kind."""
    return training if model.kind == "class" else numbers_of(training)


def ends(what: Real | Whole | Choice) -> tuple[float | int | str, ...]:
    """Return the extreme values of a part of a search space."""
    return what.options if isinstance(what, Choice) else (what.low, what.high)


def corners_of(model: Model) -> list[Candidate]:
    """Return corners of a model's space: all of a small one, the two extremes of a large one."""
    values = [ends(what) for what in model.space.values()]
    corners = list(product(*values)) if len(values) < 4 else list(zip(*values, strict=True))
    return [dict(zip(model.space, corner, strict=True)) for corner in corners]


def fitted(model: Model, candidate: Candidate, training: Patients = TRAINING, seed: int = 5) -> Any:
    """Return a model's pipeline fitted on patients with missing values and weights."""
    training = learnt_from(model, training)
    pipeline = build_pipeline(model, candidate, seed)
    features = training.features[model.columns]
    return pipeline.fit(features, training.targets, model__sample_weight=training.weights)


def predictions(model: Model, pipeline: Any) -> tuple[Floats, Floats]:
    """Return margins and predictions for unseen patients."""
    prepared = pipeline[:-1].transform(UNSEEN.features[model.columns])
    return predict_patients(model, pipeline[-1], prepared)


def learnt(model: Model, training: Patients = TRAINING) -> FittedModel:
    """Return a model's middle as a study fits it: a score has its sigmoid."""
    procedure = a_procedure(model, trials=1, n_inner=3)
    [one] = fit_models(learnt_from(model, training), procedure, PATH)
    return one


def tuned(model: Model, trials: int = 3) -> Search:
    """Return a search among the training patients."""
    training = learnt_from(model)
    sets = draw_sets(
        training,
        np.zeros((1, len(training.answers)), dtype=np.bool_),
        n_inner=3,
        seeds=[0],
    )
    prepared = prepare_features(training.features[model.columns], sets, model.preparation)
    found = tune_model(
        model, prepared, sets, TuningSpec(trials=trials), search_seeds=[1], fit_seeds=[2]
    )
    return found.searches[0]


@pytest.mark.parametrize("model", EVERY, ids=name_of)
class TestEveryModel:
    """Run over the whole catalogue, for events and for numbers."""

    def test_stands_under_its_own_name(self, model: Model) -> None:
        assert MODELS[model.name].for_kind(model.kind) is model

    def test_has_words_for_people(self, model: Model) -> None:
        assert model.label[0].isupper()
        assert inspect.getdoc(model.estimator)

    def test_builds_a_pipeline_that_scikit_learn_can_copy(self, model: Model) -> None:
        pipeline = build_pipeline(model, centre_of(model.space), 5)
        assert repr(clone(pipeline)) == repr(pipeline)

    def test_is_made_of_scikit_learn_and_xgboost_alone(self, model: Model) -> None:
        """A bundle must load where this package is not installed; one reference makes none."""
        pipeline = fitted(model, centre_of(model.space))
        steps = [pipeline, pipeline[:-1], *pipeline["prepare"], pipeline["model"]]
        packages = {type(step).__module__.partition(".")[0] for step in steps}
        firth = name_of(model) == "severity_age_sex-class"
        assert packages - {"sklearn", "xgboost"} == ({"heldout"} if firth else set())

    def test_prepares_and_predicts_in_two_steps(self, model: Model) -> None:
        pipeline = build_pipeline(model, centre_of(model.space), 5)
        assert isinstance(pipeline, Pipeline)
        assert list(pipeline.named_steps) == ["prepare", "model"]

    def test_predicts_in_double_precision(self, model: Model) -> None:
        """Floats of the record survive to the last bit only as float64."""
        dtypes = {
            array.dtype for array in predictions(model, fitted(model, centre_of(model.space)))
        }
        assert dtypes == {np.dtype(np.float64)}

    def test_same_seed_gives_the_same_bits(self, model: Model) -> None:
        first, second = (
            predictions(model, fitted(model, centre_of(model.space))) for _ in range(2)
        )
        np.testing.assert_array_equal(first, second)

    def test_uses_one_thread(self, model: Model) -> None:
        """Workers share the cores; more threads in each cost time at these sizes."""
        parameters = model.estimator(centre_of(model.space), 5).get_params()
        assert parameters.get("n_jobs", 1) in (1, None)

    def test_takes_its_chance_from_the_seed(self, model: Model) -> None:
        parameters = model.estimator(centre_of(model.space), 5).get_params()
        # Linear regression by coordinate descent visits its columns in order.
        chancy = model.name in ("elastic_net", "random_forest", "xgboost")
        chancy &= name_of(model) != "elastic_net-number"
        assert (parameters.get("random_state") == 5) is chancy

    def test_every_hyper_parameter_reaches_the_estimator(self, model: Model) -> None:
        for corner in corners_of(model):
            # Of an estimator inside another one the name comes last.
            parameters = {
                name.rpartition("__")[2]: value
                for name, value in model.estimator(corner, 5).get_params().items()
            }
            assert {name: parameters[name] for name in corner} == dict(corner)

    def test_every_corner_of_the_space_fits(self, model: Model) -> None:
        for corner in corners_of(model):
            pipeline = build_pipeline(model, corner, 5)
            features = TRAINING.features[model.columns]
            prepared = pipeline[:-1].fit_transform(features)
            estimator = pipeline[-1]
            answers = learnt_from(model).answers
            estimator.fit(prepared, answers, sample_weight=TRAINING.weights)
            margin, prediction = predict_patients(model, estimator, prepared)
            assert np.isfinite(margin).all()
            assert np.isnan(prediction).all() == (model.margin == "score")

    def test_middle_lies_in_the_space(self, model: Model) -> None:
        for name, value in centre_of(model.space).items():
            low, high = ends(model.space[name])
            assert low < value < high  # type: ignore[operator]

    def test_is_tuned_within_its_space(self, model: Model) -> None:
        for trial in tuned(model).trials:
            assert set(trial.candidate) == set(model.space)
            for name, value in trial.candidate.items():
                low, high = ends(model.space[name])
                assert low <= value <= high  # type: ignore[operator]

    def test_is_tried_once_if_there_is_nothing_to_tune(self, model: Model) -> None:
        assert len(tuned(model).trials) == (3 if model.space else 1)

    @pytest.mark.parametrize("kind", ["separated", "twice the same", "empty", "constant"])
    def test_survives_awkward_features(self, model: Model, kind: str) -> None:
        """Small cohorts have them all; none may end a study with an error or a warning."""
        features = TRAINING.features["all"].copy()
        features[:, 1] = {
            "separated": TRAINING.answers * 40.0,
            "twice the same": features[:, 0],
            "empty": np.full(len(features), np.nan),
            "constant": np.ones(len(features)),
        }[kind]
        awkward = replace(
            learnt_from(model),
            features={
                "all": features,
                "severity": features[:, [1]],
                "severity_age_sex": features[:, :3],
            },
        )
        [one] = fit_models(awkward, a_procedure(model, n_inner=3), ("awkward",))
        assert isinstance(one, FittedModel)
        assert np.isfinite(one.predict(awkward.features[model.columns])).all()


@pytest.mark.parametrize("model", CLASSIFIERS, ids=name_of)
class TestEveryClassifier:
    """What is said of probabilities."""

    def test_predicts_a_probability_for_every_patient(self, model: Model) -> None:
        _, probability = learnt(model).predict(UNSEEN.features[model.columns])
        assert probability.shape == UNSEEN.answers.shape
        assert ((probability >= 0) & (probability <= 1)).all()

    def test_margin_ranks_as_the_probability(self, model: Model) -> None:
        margin, probability = learnt(model).predict(UNSEEN.features[model.columns])
        assert (np.diff(probability[np.argsort(margin)]) >= 0).all()

    def test_margin_is_in_the_unit_it_is_said_to_be(self, model: Model) -> None:
        one = learnt(model)
        margin, probability = one.predict(UNSEEN.features[model.columns])
        # Too few of the rarer class for any sigmoid but that of a score.
        assert (one.sigmoid is None) is (model.margin != "score")
        slope, intercept = one.sigmoid or (1.0, 0.0)
        log_odds = slope * margin + intercept
        expected = margin if model.margin == "probability" else 1 / (1 + np.exp(-log_odds))
        np.testing.assert_allclose(probability, expected, atol=1e-6)

    def test_probability_and_margin_are_those_of_the_event(self, model: Model) -> None:
        """Feature a alone carries a strong signal; prevalence ties everybody."""
        strong = a_training_set(80, signal=5.0)
        features, events = strong.features["all"][:, :1], strong.answers == 1
        names = ("all", "severity", "severity_age_sex")
        alone = replace(strong, features=dict.fromkeys(names, features))
        for values in learnt(model, alone).predict(features):
            distance = np.median(values[events]) - np.median(values[~events])
            assert distance == 0 if model.name == "prevalence" else distance > 0.01

    def test_learns_from_the_weights(self, model: Model) -> None:
        """Ten times the weight for events must raise the mean probability."""
        heavy = TRAINING.weights * np.where(TRAINING.answers == 1, 10, 1)
        features = UNSEEN.features[model.columns]
        _, even = learnt(model).predict(features)
        _, raised = learnt(model, replace(TRAINING, weights=heavy)).predict(features)
        assert raised.mean() > even.mean() + 0.05


@pytest.mark.parametrize("model", REGRESSORS, ids=name_of)
class TestEveryRegressor:
    """What is said of numbers."""

    def test_has_the_preparation_columns_and_role_of_its_classifier(self, model: Model) -> None:
        twin = MODELS[model.name]
        assert (model.preparation, model.columns, model.reference, model.explainer) == (
            (twin.preparation, twin.columns, twin.reference, twin.explainer)
        )

    def test_margin_is_the_prediction_in_points(self, model: Model) -> None:
        margin, prediction = predictions(model, fitted(model, centre_of(model.space)))
        np.testing.assert_array_equal(margin, prediction)
        assert model.margin == "points"

    def test_predicts_more_where_there_is_more(self, model: Model) -> None:
        """Feature a alone carries the number; the mean ties everybody."""
        training = numbers_of(a_training_set(80))
        features, answers = training.features["all"][:, :1], training.answers
        pipeline = build_pipeline(model, centre_of(model.space), 5).fit(features, answers)
        _, prediction = predict_patients(model, pipeline[-1], pipeline[:-1].transform(features))
        distance = np.median(prediction[answers > 20]) - np.median(prediction[answers <= 20])
        assert distance == 0 if model.name == "prevalence" else distance > 1

    @pytest.mark.parametrize(("shift", "scale"), [(1000.0, 1.0), (0.0, 10.0)])
    def test_follows_the_origin_and_the_unit_of_the_outcome(
        self, model: Model, shift: float, scale: float
    ) -> None:
        """A score in other points must not be another study; XGBoost rounds to single precision."""
        training = numbers_of(TRAINING)
        features = training.features[model.columns]
        unseen = UNSEEN.features[model.columns]
        plain, moved = (
            build_pipeline(model, centre_of(model.space), 5)
            .fit(features, answers, model__sample_weight=training.weights)
            .predict(unseen)
            for answers in (training.answers, shift + scale * training.answers)
        )
        tolerance = 0.05 if model.name == "xgboost" else 1e-3
        np.testing.assert_allclose(moved, shift + scale * plain, atol=tolerance)

    def test_learns_from_the_weights(self, model: Model) -> None:
        """Ten times the weight for high numbers must raise the mean prediction."""
        training = numbers_of(TRAINING)
        heavy = training.weights * np.where(training.answers > 20, 10, 1)
        pipeline = build_pipeline(model, centre_of(model.space), 5)
        pipeline.fit(training.features[model.columns], training.answers, model__sample_weight=heavy)
        _, even = predictions(model, fitted(model, centre_of(model.space)))
        _, raised = predictions(model, pipeline)
        assert raised.mean() > even.mean() + 1


def test_a_model_without_a_regressor_says_that_it_predicts_no_number() -> None:
    alone = replace(MODELS["ridge"], regressor=None)
    with pytest.raises(ValueError, match="'ridge' cannot predict a number"):
        alone.for_kind("number")
