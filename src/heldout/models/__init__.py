"""The catalogue of models: preparation, estimator and search space, one entry each.

Adding a model is one entry in `MODELS`, with what differs for numbers; the contract tests run by
themselves. Estimators are scikit-learn's or XGBoost's own, so that a
fitted model loads without this package. Whoever has another estimator names it in an entry of
``configs/models/``; see docs/models.md.
"""

from heldout.models.catalogue import MODELS
from heldout.models.definition import (
    Candidate,
    Choice,
    Kernel,
    Model,
    Real,
    Whole,
    build_pipeline,
    build_preparation,
    centre_of,
    fitting_weights,
    middle,
    models_for,
    predict_patients,
)
from heldout.models.named import check_models, models_of
from heldout.models.own import own_code

__all__ = [
    "MODELS",
    "Candidate",
    "Choice",
    "Kernel",
    "Model",
    "Real",
    "Whole",
    "build_pipeline",
    "build_preparation",
    "centre_of",
    "check_models",
    "fitting_weights",
    "middle",
    "models_for",
    "models_of",
    "own_code",
    "predict_patients",
]
