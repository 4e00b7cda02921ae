"""What the features contribute to predictions of held-out patients.

Each held-out patient is explained by the model that predicted this patient, against that
model's own training patients as background; nothing is explained that the model has seen.
For every patient the contributions and the base value add up to the margin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from heldout.arrays import Floats
from heldout.models.definition import Model, predict_patients


def explain_patients(
    model: Model, pipeline: Any, background: Floats, patients: Floats
) -> tuple[Floats, Floats]:
    """Return SHAP values of patients, and the base value they start from.

    Parameters
    ----------
    model : Model
        Says which explainer is exact for it.
    pipeline : sklearn.pipeline.Pipeline
        Fitted; its preparation says which columns there are to explain.
    background : array of shape (n_training, n_features)
        Features the pipeline was fitted on; NaN where not observed.
    patients : array of shape (n_patients, n_features)
        Held-out patients' features.

    Returns
    -------
    contributions : array of shape (n_patients, n_prepared)
        Of what the model sees, composites too, in units of its margin: log-odds, probability for
        a forest, or points of a number.
    base : array of shape (n_patients,)
        Mean margin over the background; the same for all patients.

    Notes
    -----
    Interventional Shapley values: a feature that is left out takes the background's values.
    A model without an explainer predicts the same for everybody, so its contributions are 0.

    References
    ----------
    Lundberg & Lee (2017), NeurIPS 30:4765-4774.
    Lundberg et al. (2020), Nat Mach Intell 2:56-67, doi:10.1038/s42256-019-0138-9
    """
    prepared, estimator = pipeline[:-1].transform(patients), pipeline[-1]
    if model.explainer == "none":
        base, _ = predict_patients(model, estimator, prepared)
        return np.zeros(prepared.shape, dtype=np.float64), base
    import shap

    known = pipeline[:-1].transform(background)
    if model.explainer == "tree":
        # SHAP narrows the patients and leaves the background; both must fall as the trees split.
        known = known.astype(np.float32)
    # All of the training patients: the masker's default would draw 100 of them.
    masker = shap.maskers.Independent(known, max_samples=len(known))
    if model.explainer == "linear":
        explainer = shap.LinearExplainer(_linear_of(estimator), masker)
    else:
        explainer = shap.TreeExplainer(
            estimator, masker, feature_perturbation="interventional", model_output="raw"
        )
        explainer.model.thresholds = _narrowed(explainer.model.thresholds)
    values = np.asarray(explainer.shap_values(prepared), dtype=np.float64)
    base = np.asarray(explainer.expected_value, dtype=np.float64).reshape(-1)
    if values.ndim == 3:
        values, base = values[:, :, 1], base[1:]
    return values, np.full(len(prepared), base[0])


def _narrowed(thresholds: Floats) -> Floats:
    """Return thresholds of trees that single precision holds and that part its numbers alike.

    SHAP's walk rounds them to the nearest, on to a patient's value if that is close above; the
    patient would fall to the other side than in the model.
    """
    nearest = thresholds.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest > thresholds, below, nearest).astype(np.float64)


def _linear_of(estimator: Any) -> Any:
    """Return a linear model as SHAP takes it; of one on a scaled outcome its line in points."""
    if not hasattr(estimator, "transformer_"):
        return estimator
    scale, net = estimator.transformer_, estimator.regressor_
    return net.coef_ * scale.scale_[0], net.intercept_ * scale.scale_[0] + scale.mean_[0]
