"""What a model is: a preparation, a factory of an estimator, and a search space.

A model answers one kind of outcome, yes or no or a number; its `regressor` is the same model for
numbers, so that one name of an experiment serves both kinds.

The preparation stands apart from the estimator because it does not depend on the
hyper-parameters: it is fitted once per training set and shared by every candidate, and by
every model that asks for the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from heldout.features import Piece

__all__ = [
    "Candidate",
    "Choice",
    "Kind",
    "Model",
    "Real",
    "Whole",
    "build_pipeline",
    "build_preparation",
    "predict_patients",
]

Floats = NDArray[np.float64]
Candidate = Mapping[str, float | int | str]
# What is predicted: yes or no, or a number.
Kind = Literal["class", "number"]


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
    """One way to predict an outcome.

    Attributes
    ----------
    name, label : str
        For files, and for people.
    estimator : callable
        (candidate, seed) -> unfitted scikit-learn classifier or regressor, one thread.
    kind : str
        ``class`` if it predicts an event, ``number`` if it predicts a number.
    regressor : Model or None
        The same model for numbers.
    space : mapping
        Hyper-parameter -> what may be tried; empty if there is nothing to tune.
    preparation : str
        ``impute_scale`` or ``impute``; fitted inside each training set.
    columns : str
        ``all`` features, or the outcome's ``severity`` at baseline alone.
    reference : bool
        Whether it is a yardstick: shown beside the others, never chosen among them.
    margin : str
        Unit of its margin and its explanation: ``log-odds``, ``probability``, or ``points`` of
        the number that is predicted.
    explainer : str
        ``linear``, ``tree`` or ``none``.
    """

    name: str
    label: str
    estimator: Callable[[Candidate, int], Any]
    kind: Kind = "class"
    regressor: Model | None = None
    space: Space = field(default_factory=dict)
    preparation: Literal["impute_scale", "impute"] = "impute_scale"
    columns: Literal["all", "severity"] = "all"
    reference: bool = False
    margin: Literal["log-odds", "probability", "points"] = "log-odds"
    explainer: Literal["linear", "tree", "none"] = "linear"

    def for_kind(self, kind: Kind) -> Model:
        """Return this model for one kind of outcome; a model without a regressor is refused."""
        if kind == self.kind:
            return self
        if self.regressor is None:
            raise ValueError(f"model '{self.name}' cannot predict a {kind}")
        return self.regressor


def build_preparation(kind: str, composition: Sequence[Piece] = ()) -> Any:
    """Return the unfitted preparation: imputing, composing, and scaling for linear models.

    Parameters
    ----------
    kind : str
        ``impute_scale`` or ``impute``; missing values become the median.
    composition : sequence of Piece
        Of the feature matrix; empty if models see its columns.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Without a composition one column out for each column in; a column without any value
        becomes 0.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    steps: list[tuple[str, Any]] = [
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True))
    ]
    if composition:
        from heldout.models.composition import Composition

        steps.append(("compose", Composition(composition)))
    if kind == "impute_scale":
        steps.append(("scale", StandardScaler()))
    return Pipeline(steps)


def build_pipeline(
    model: Model, candidate: Candidate, seed: int, *, composition: Sequence[Piece] = ()
) -> Any:
    """Return the unfitted pipeline of a model with one choice of hyper-parameters.

    Parameters
    ----------
    model : Model
        From the catalogue.
    candidate : mapping
        A value for every hyper-parameter of the model's space.
    seed : int
        Of the estimator, where it uses chance.
    composition : sequence of Piece
        As in `build_preparation`.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Steps ``prepare`` and ``model``.
    """
    from sklearn.pipeline import Pipeline

    return Pipeline(
        [
            ("prepare", build_preparation(model.preparation, composition)),
            ("model", model.estimator(candidate, seed)),
        ]
    )


def predict_patients(model: Model, estimator: Any, prepared: Floats) -> tuple[Floats, Floats]:
    """Return margins and predictions of patients from a fitted estimator.

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
    margin, prediction : arrays of shape (n_patients,)
        For a class the prediction is the probability of the event, and the margin its log-odds
        or, for models that average votes, the probability itself. For a number both are the
        number predicted.
    """
    if model.kind == "number":
        number = np.asarray(estimator.predict(prepared), dtype=np.float64)
        return number, number
    probability = np.asarray(estimator.predict_proba(prepared)[:, 1], dtype=np.float64)
    if model.margin == "probability":
        return probability, probability
    if hasattr(estimator, "decision_function"):
        return np.asarray(estimator.decision_function(prepared), dtype=np.float64), probability
    margin = estimator.predict(prepared, output_margin=True)
    return np.asarray(margin, dtype=np.float64), probability
