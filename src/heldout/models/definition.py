"""What a model is: a preparation, a factory of an estimator, and a search space.

The preparation stands apart from the estimator because it does not depend on the
hyper-parameters: it is fitted once per training set and shared by every candidate, and by
every model that asks for the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Candidate",
    "Choice",
    "Model",
    "Real",
    "Whole",
    "build_pipeline",
    "build_preparation",
    "predict_events",
]

Floats = NDArray[np.float64]
Candidate = Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """A real number between two bounds, searched on a logarithmic scale if `log`."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number between two bounds, both included."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of several values."""

    options: tuple[str, ...]


Space = Mapping[str, Real | Whole | Choice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One way to predict an event.

    Attributes
    ----------
    name, label : str
        For files, and for people.
    estimator : callable
        (candidate, seed) -> unfitted scikit-learn classifier, one thread.
    space : mapping
        Hyper-parameter -> what may be tried; empty if there is nothing to tune.
    preparation : str
        ``impute_scale`` or ``impute``; fitted inside each training set.
    columns : str
        ``all`` features, or the outcome's ``severity`` at baseline alone.
    reference : bool
        Whether it is a yardstick: shown beside the others, never chosen among them.
    margin : str
        Unit of its margin and its explanation: ``log-odds`` or ``probability``.
    explainer : str
        ``linear``, ``tree`` or ``none``.
    """

    name: str
    label: str
    estimator: Callable[[Candidate, int], Any]
    space: Space = field(default_factory=dict)
    preparation: Literal["impute_scale", "impute"] = "impute_scale"
    columns: Literal["all", "severity"] = "all"
    reference: bool = False
    margin: Literal["log-odds", "probability"] = "log-odds"
    explainer: Literal["linear", "tree", "none"] = "linear"


def build_preparation(kind: str) -> Any:
    """Return the unfitted preparation: median imputation, and scaling for linear models.

    Parameters
    ----------
    kind : str
        ``impute_scale`` or ``impute``.

    Returns
    -------
    sklearn.pipeline.Pipeline
        One column out for each column in; a column without any value becomes 0.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    steps: list[tuple[str, Any]] = [
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True))
    ]
    if kind == "impute_scale":
        steps.append(("scale", StandardScaler()))
    return Pipeline(steps)


def build_pipeline(model: Model, candidate: Candidate, seed: int) -> Any:
    """Return the unfitted pipeline of a model with one choice of hyper-parameters.

    Parameters
    ----------
    model : Model
        From the catalogue.
    candidate : mapping
        A value for every hyper-parameter of the model's space.
    seed : int
        Of the estimator, where it uses chance.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Steps ``prepare`` and ``model``.
    """
    from sklearn.pipeline import Pipeline

    return Pipeline(
        [
            ("prepare", build_preparation(model.preparation)),
            ("model", model.estimator(candidate, seed)),
        ]
    )


def predict_events(model: Model, estimator: Any, prepared: Floats) -> tuple[Floats, Floats]:
    """Return margins and probabilities of the event from a fitted estimator.

    Parameters
    ----------
    model : Model
        Whose margin it is.
    estimator : object
        Fitted, without its preparation.
    prepared : array of shape (n_patients, n_features)
        Prepared features.

    Returns
    -------
    margin, probability : arrays of shape (n_patients,)
        The margin is the log-odds, or the probability itself for models that average votes.
    """
    probability = np.asarray(estimator.predict_proba(prepared)[:, 1], dtype=np.float64)
    if model.margin == "probability":
        return probability, probability
    if hasattr(estimator, "decision_function"):
        return np.asarray(estimator.decision_function(prepared), dtype=np.float64), probability
    margin = estimator.predict(prepared, output_margin=True)
    return np.asarray(margin, dtype=np.float64), probability
