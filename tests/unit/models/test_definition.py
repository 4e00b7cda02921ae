"""Preparation and pipeline."""

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from heldout.models.catalogue import MODELS
from heldout.models.definition import build_pipeline, build_preparation, centre_of, predict_patients
from tests.tables import a_training_set

TRAINING = a_training_set(40)


def test_a_missing_value_becomes_the_median_of_the_training_patients() -> None:
    prepare = build_preparation("impute").fit([[1.0], [2.0], [9.0], [np.nan]])
    assert prepare.transform([[np.nan]]).tolist() == [[2.0]]


def test_a_column_without_any_value_becomes_zero() -> None:
    """One column out for each column in, or explanations would name the wrong features."""
    prepare = build_preparation("impute_scale").fit([[np.nan, 1.0], [np.nan, 3.0]])
    assert prepare.transform([[np.nan, 2.0]]).tolist() == [[0.0, 0.0]]


def test_linear_models_are_scaled_as_scikit_learn_scales() -> None:
    features = np.nan_to_num(TRAINING.features["all"])
    prepared = build_preparation("impute_scale").fit_transform(features)
    np.testing.assert_array_equal(prepared, StandardScaler().fit_transform(features))


def test_without_scaling_observed_values_stay_as_they_are() -> None:
    features = np.nan_to_num(TRAINING.features["all"])
    np.testing.assert_array_equal(build_preparation("impute").fit_transform(features), features)


@pytest.mark.parametrize("name", ["ridge", "random_forest"])
def test_a_pipeline_is_its_preparation_and_its_estimator(name: str) -> None:
    """Tuning fits the two apart, the final model together; both must be the same model."""
    model, features = MODELS[name], TRAINING.features["all"]
    candidate = centre_of(model.space)
    whole = build_pipeline(model, candidate, 3).fit(features, TRAINING.answers)
    prepare = build_preparation(model.preparation).fit(features)
    prepared = prepare.transform(features)
    estimator = model.estimator(candidate, 3).fit(prepared, TRAINING.answers)
    np.testing.assert_array_equal(whole.predict_proba(features), estimator.predict_proba(prepared))


def test_a_forests_margin_is_its_probability() -> None:
    model = MODELS["random_forest"]
    candidate = {"min_samples_leaf": 2, "max_features": 0.5}
    pipeline = build_pipeline(model, candidate, 3).fit(TRAINING.features["all"], TRAINING.answers)
    prepared = pipeline[:-1].transform(TRAINING.features["all"])
    margin, probability = predict_patients(model, pipeline[-1], prepared)
    np.testing.assert_array_equal(margin, probability)
