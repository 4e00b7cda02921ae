"""The catalogue of models: preparation, estimator and search space, one function each.

Adding a model is a function for either kind of outcome and one entry in `MODELS`; the
contract tests run by themselves. Estimators are scikit-learn's or XGBoost's own, so that a
fitted model loads without this package.
"""

from heldout.models.catalogue import MODELS, check_models
from heldout.models.definition import (
    Candidate,
    Choice,
    Kind,
    Model,
    Real,
    Whole,
    build_pipeline,
    build_preparation,
    predict_patients,
)

__all__ = [
    "MODELS",
    "Candidate",
    "Choice",
    "Kind",
    "Model",
    "Real",
    "Whole",
    "build_pipeline",
    "build_preparation",
    "check_models",
    "predict_patients",
]
