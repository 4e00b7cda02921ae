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
from importlib import import_module
from typing import Any, Literal

import numpy as np

from heldout.arrays import Floats, Piece
from heldout.errors import StudyError
from heldout.kinds import KindName

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

    options: tuple[bool | int | float | str, ...]


Space = Mapping[str, Real | Whole | Choice]


def middle(what: Real | Whole | Choice) -> float | int | str:
    """Return the middle of a part of a search space, on its own scale.

    Parameters
    ----------
    what : Real, Whole or Choice
        Of a choice the first option is its middle.

    Returns
    -------
    float, int or str
    """
    if isinstance(what, Choice):
        return what.options[0]
    value = (what.low * what.high) ** 0.5 if what.log else (what.low + what.high) / 2
    return round(value) if isinstance(what, Whole) else value


def centre_of(space: Space) -> dict[str, float | int | str]:
    """Return the candidate in the middle of a search space.

    Parameters
    ----------
    space : mapping
        Hyper-parameter -> what may be tried.

    Returns
    -------
    dict
        Empty if there is nothing to tune.
    """
    return {name: middle(what) for name, what in space.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes an unfitted estimator of a candidate and a seed, in any process that can import it.

    Attributes
    ----------
    path : str
        The class with its module.
    settings : mapping
        What every estimator is told.
    given : tuple of str
        What it takes of ``random_state``, the seed, and ``n_jobs``, which is always 1: at these
        sizes more threads cost time.
    """

    path: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    given: tuple[str, ...] = ()

    def __call__(self, candidate: Candidate, seed: int) -> Any:
        """Return the unfitted estimator."""
        module, _, name = self.path.rpartition(".")
        given = {"random_state": seed, "n_jobs": 1}
        told = {parameter: given[parameter] for parameter in self.given}
        return getattr(import_module(module), name)(**told, **self.settings, **candidate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """The compiled solver of the problem that a model's estimator solves.

    Attributes
    ----------
    name : str
        One of `heldout.kernels.KERNELS`.
    row : callable
        candidate -> its hyper-parameters as numbers, in the solver's order.
    solve : callable or None
        (estimator, prepared, answers, weights) -> None: gives an estimator the kernel's solution,
        to begin at and to keep, where its own solver comes less near.
    most_patients, most_cells : int or None
        Patients, and patients times features, above which the library's solver is as fast, by
        ``docs/speed.md``; None if it never is.
    """

    name: str
    row: Callable[[Candidate], Sequence[float]] = lambda candidate: tuple(
        float(value) for value in candidate.values()
    )
    solve: Callable[[Any, Floats, Floats, Floats], None] | None = None
    most_patients: int | None = None
    most_cells: int | None = None

    def serves(self, n_patients: int, n_features: int) -> bool:
        """Return whether a problem is of a size at which the kernel is the faster one."""
        return (self.most_patients is None or n_patients <= self.most_patients) and (
            self.most_cells is None or n_patients * n_features <= self.most_cells
        )


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
        ``all`` features, the outcome's ``severity`` at baseline alone, or ``severity_age_sex``:
        beside it the patient's age and sex, as far as they are known.
    reference : bool
        Whether it is a yardstick: shown beside the others, never chosen among them.
    margin : str
        Unit of its margin and its explanation: ``log-odds``, ``probability``, ``points`` of the
        number that is predicted, or ``score``: a number without a unit, which becomes a
        probability by a sigmoid fitted to inner test patients.
    explainer : str
        ``linear``, ``tree`` or ``none``.
    kernel : Kernel or None
        The compiled solver of the same problem, if there is one. It judges candidates and makes
        permutations affordable; what is explained and exported is always the estimator's.
    weighted : bool
        Whether its estimator takes patient weights.
    recalibrated : bool
        Whether its probabilities go through a sigmoid fitted to inner test patients, where the
        rarer class is large enough for one.
    """

    name: str
    label: str
    estimator: Callable[[Candidate, int], Any]
    kind: KindName = "class"
    regressor: Model | None = None
    space: Space = field(default_factory=dict)
    preparation: Literal["impute_scale", "impute"] = "impute_scale"
    columns: Literal["all", "severity", "severity_age_sex"] = "all"
    reference: bool = False
    margin: Literal["log-odds", "probability", "points", "score"] = "log-odds"
    explainer: Literal["linear", "tree", "none"] = "linear"
    kernel: Kernel | None = None
    weighted: bool = True
    recalibrated: bool = False

    @property
    def constant(self) -> bool:
        """Whether it says the same of everybody, so that its estimate is known beforehand."""
        return self.kernel is not None and self.kernel.name == "constant"

    def serves(self, kind: KindName) -> bool:
        """Return whether there is this model for one kind of outcome."""
        return kind == self.kind or self.regressor is not None

    def for_kind(self, kind: KindName) -> Model:
        """Return this model for one kind of outcome.

        Parameters
        ----------
        kind : str
            ``class`` or ``number``.

        Returns
        -------
        Model

        Raises
        ------
        ValueError
            If the model has no regressor and is asked for one.
        """
        if kind == self.kind:
            return self
        if self.regressor is None:
            raise ValueError(f"model '{self.name}' cannot predict a {kind}")
        return self.regressor


def models_for(models: Sequence[Model], kind: KindName) -> tuple[Model, ...]:
    """Return the models of a list that one kind of outcome can have, for that kind.

    Parameters
    ----------
    models : sequence of Model
        As the experiment lists them.
    kind : str
        ``class`` or ``number``.

    Returns
    -------
    tuple of Model
        In the same order; a support-vector classifier, say, has no numbers.
    """
    return tuple(model.for_kind(kind) for model in models if model.serves(kind))


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
        # A column that nobody of a small training set has must not move the others up.
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True))
    ]
    if composition:
        from heldout.models.pieces import Composition

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


def fitting_weights(model: Model, weights: Floats, step: str = "") -> dict[str, Floats]:
    """Return the argument by which a model's estimator is told the patient weights.

    Parameters
    ----------
    model : Model
        Any.
    weights : array of shape (n_patients,)
        Of the patients to learn from.
    step : str
        Name of the pipeline's step that is the estimator; empty for the estimator itself.

    Returns
    -------
    dict
        Empty for an estimator that takes no weights, if all are 1.

    Raises
    ------
    StudyError
        If such a model shall learn from other weights.
    """
    if model.weighted:
        return {f"{step}__sample_weight" if step else "sample_weight": weights}
    # Left out in silence, weights would make another estimate than the experiment says.
    if not (weights == 1).all():
        raise StudyError(
            f"models: '{model.name}' learns from patients whose weights differ, and its estimator "
            "takes no weights (its fit has no sample_weight). Leave it out, or take another one."
        )
    return {}


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
        or, for models that average votes, the probability itself. A score's probability is not
        known here: its prediction is NaN. For a number both are the number predicted.
    """
    if model.kind == "number":
        number = np.asarray(estimator.predict(prepared), dtype=np.float64)
        return number, number
    if model.margin == "score":
        score = np.asarray(estimator.decision_function(prepared), dtype=np.float64)
        return score, np.full(len(score), np.nan)
    probability = np.asarray(estimator.predict_proba(prepared)[:, 1], dtype=np.float64)
    if model.margin == "probability":
        return probability, probability
    if hasattr(estimator, "decision_function"):
        return np.asarray(estimator.decision_function(prepared), dtype=np.float64), probability
    # XGBoost's way of saying it; scikit-learn's classifiers have the function above.
    margin = estimator.predict(prepared, output_margin=True)
    return np.asarray(margin, dtype=np.float64), probability
