"""Contributions of features to predictions of held-out patients."""

from itertools import combinations
from math import factorial
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from heldout.explain import explain_patients
from heldout.models.catalogue import MODELS
from heldout.models.definition import Model, build_pipeline, centre_of, predict_patients

Floats = NDArray[np.float64]
EXPLAINED = [
    model.for_kind(kind)
    for model in MODELS.values()
    for kind in ("class", "number")
    if model.explainer != "none"
]
# XGBoost sums in single precision.
TOLERANCE = {"xgboost": 1e-4}


class Study(NamedTuple):
    """A model fitted on a background, and patients held out."""

    model: Model
    pipeline: Any
    background: Floats
    patients: Floats

    def margin(self, features: Floats) -> Floats:
        """Return the margin of any rows."""
        prepared = self.pipeline[:-1].transform(features)
        return predict_patients(self.model, self.pipeline[-1], prepared)[0]


def study_of(model: Model, n_features: int = 3) -> Study:
    """Return a model fitted on 130 patients, more than a masker would take by itself."""
    rng = np.random.default_rng(0)
    background, patients = rng.normal(size=(130, n_features)), rng.normal(size=(4, n_features))
    events = background.sum(axis=1) + background[:, 0] ** 2 + rng.normal(size=130) > 1
    background[rng.random(background.shape) < 0.1] = np.nan
    patients[0, 0] = np.nan
    candidate = centre_of(model.space)
    points = 30 + 5 * background[:, 0] ** 2
    answers = events.astype(int) if model.kind == "class" else np.nan_to_num(points, nan=30.0)
    pipeline = build_pipeline(model, candidate, 1).fit(background, answers)
    return Study(model, pipeline, background, patients)


def shapley_values(study: Study) -> Floats:
    """Return interventional Shapley values by their definition, over all coalitions."""
    n_features = study.background.shape[1]

    def worth(patient: Floats, known: tuple[int, ...]) -> float:
        rows = study.background.copy()
        rows[:, known] = patient[list(known)]
        return float(study.margin(rows).mean())

    values = np.zeros(study.patients.shape)
    for row, patient in enumerate(study.patients):
        for feature in range(n_features):
            others = [other for other in range(n_features) if other != feature]
            for size in range(n_features):
                share = factorial(size) * factorial(n_features - size - 1) / factorial(n_features)
                for known in combinations(others, size):
                    gain = worth(patient, (*known, feature)) - worth(patient, known)
                    values[row, feature] += share * gain
    return values


@pytest.mark.parametrize("model", EXPLAINED, ids=lambda model: f"{model.name}-{model.kind}")
class TestEveryExplainedModel:
    """Run over all models that have an explainer."""

    def test_contributions_and_base_add_up_to_the_margin(self, model: Model) -> None:
        study = study_of(model)
        contributions, base = explain_patients(*study)
        expected = study.margin(study.patients)
        tolerance = TOLERANCE.get(model.name, 1e-6)
        np.testing.assert_allclose(contributions.sum(axis=1) + base, expected, atol=tolerance)

    def test_the_base_is_the_mean_margin_of_all_training_patients(self, model: Model) -> None:
        """Of all 130: a masker left to itself would draw 100 of them."""
        study = study_of(model)
        _, base = explain_patients(*study)
        tolerance = TOLERANCE.get(model.name, 1e-6)
        np.testing.assert_allclose(base, study.margin(study.background).mean(), atol=tolerance)

    def test_contributions_are_shapley_values_against_all_training_patients(
        self, model: Model
    ) -> None:
        study = study_of(model)
        contributions, _ = explain_patients(*study)
        tolerance = TOLERANCE.get(model.name, 1e-6)
        np.testing.assert_allclose(contributions, shapley_values(study), atol=tolerance)

    def test_one_feature_carries_the_whole_prediction(self, model: Model) -> None:
        study = study_of(model, n_features=1)
        contributions, base = explain_patients(*study)
        tolerance = TOLERANCE.get(model.name, 1e-6)
        expected = study.margin(study.patients) - base
        np.testing.assert_allclose(contributions[:, 0], expected, atol=tolerance)

    def test_explaining_twice_gives_the_same_bits(self, model: Model) -> None:
        study = study_of(model)
        np.testing.assert_array_equal(explain_patients(*study)[0], explain_patients(*study)[0])

    def test_explaining_changes_neither_patients_nor_background(self, model: Model) -> None:
        study = study_of(model)
        before = study.background.copy(), study.patients.copy()
        explain_patients(*study)
        np.testing.assert_array_equal((study.background, study.patients)[0], before[0])
        np.testing.assert_array_equal((study.background, study.patients)[1], before[1])


def test_a_model_that_predicts_the_same_for_everybody_has_no_contributions() -> None:
    contributions, _ = explain_patients(*study_of(MODELS["prevalence"]))
    assert contributions.tolist() == [[0.0] * 3] * 4


def test_the_base_of_the_prevalence_is_its_margin() -> None:
    study = study_of(MODELS["prevalence"])
    _, base = explain_patients(*study)
    np.testing.assert_array_equal(base, study.margin(study.patients))


def test_the_base_of_the_mean_is_the_mean() -> None:
    study = study_of(MODELS["prevalence"].for_kind("number"))
    contributions, base = explain_patients(*study)
    assert not contributions.any()
    np.testing.assert_array_equal(base, study.margin(study.patients))


def test_a_patient_just_above_a_split_falls_as_in_the_model() -> None:
    """24.7 lies above the middle of 24.6 and 24.8 in single precision, by less than it can tell."""
    model = MODELS["random_forest"]
    background = np.repeat([[24.6], [24.8]], 20, axis=0)
    candidate = {"min_samples_leaf": 1, "max_features": 1.0}
    events = np.repeat([0, 1], 20)
    pipeline = build_pipeline(model, candidate, 1).fit(background, events)
    patient = np.array([[24.7]])
    contributions, base = explain_patients(model, pipeline, background, patient)
    expected = pipeline.predict_proba(patient)[0, 1]
    assert contributions.sum() + base[0] == pytest.approx(expected, abs=1e-6)
