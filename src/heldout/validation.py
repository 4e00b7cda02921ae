"""Nested cross-validation of one outer fold: everything learnt, learnt from its training set.

The one rule: what is fitted here sees training patients only, and what is predicted here is
predicted for test patients only. The procedure that chooses among the models chooses by the
inner folds, so its choice is part of what is validated.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heldout.features import Piece
from heldout.models import Kind, Model, build_pipeline, predict_patients
from heldout.spec import TuningSpec
from heldout.splits import derive_seed, draw_folds, strata_of
from heldout.tuning import Answers, InnerFold, Tuning, is_less, prepare_inner, tune_model

__all__ = [
    "HEADLINE",
    "FittedModel",
    "FoldResult",
    "ModelFold",
    "TrainingSet",
    "choose_model",
    "evaluate_fold",
    "fit_models",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# The name under which the procedure that chooses a model stands beside the models.
HEADLINE = "headline"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """Patients to learn from.

    Attributes
    ----------
    features : mapping of str to array of shape (n_patients, n_columns)
        ``all`` the features, and the outcome's ``severity`` where it is known.
    answers : array of shape (n_patients,)
        1 and 0 (int) for a class, or numbers (float); nobody unobserved.
    weights : array of shape (n_patients,)
        Patient weights.
    site : array of int of shape (n_patients,), or None
        Site numbers, for balanced inner folds.
    path : tuple
        What this set is for, such as (outcome, follow-up, repeat, fold); seeds are named by it.
    kind : str
        ``class`` or ``number``: which of the two every model learns here.
    composition : tuple of Piece
        How what models see is made of ``all`` features; empty if it is these.
    """

    features: Mapping[str, Floats]
    answers: Answers
    weights: Floats
    site: Ints | None
    path: tuple[str | int, ...]
    kind: Kind = "class"
    composition: tuple[Piece, ...] = ()

    def composition_of(self, model: Model) -> tuple[Piece, ...]:
        """Return how what a model sees is made of its features."""
        return self.composition if model.columns == "all" else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedModel:
    """A model tuned and fitted on one training set.

    `converged` is False if its solver stopped at its limit of iterations.
    """

    model: Model
    tuning: Tuning
    pipeline: Any
    converged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFold:
    """A fitted model's predictions for the patients held out.

    `margin` and `prediction` have shape (n_test,), in the order of the test patients; the
    prediction is the probability of the event, or the number.
    """

    fitted: FittedModel
    margin: Floats
    prediction: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """What one outer fold taught.

    Attributes
    ----------
    test : array of int of shape (n_test,)
        Positions of the held-out patients in the cohort.
    training_mean : float
        Mean answer of the training set: of a class its prevalence.
    models : tuple of ModelFold
        In the experiment's order.
    chosen : str
        The model that the procedure chose by the inner folds.
    """

    test: Ints
    training_mean: float
    models: tuple[ModelFold, ...]
    chosen: str


def fit_models(
    training: TrainingSet,
    models: Sequence[Model],
    tuning: TuningSpec,
    *,
    n_inner: int,
    seed: int,
) -> tuple[FittedModel, ...]:
    """Return every model tuned on inner folds and fitted on the whole training set.

    Parameters
    ----------
    training : TrainingSet
        The only patients anything is learnt from.
    models : sequence of Model
        Each is fitted for the kind of the training set. Those that need a severity are left
        out where it is not known.
    tuning : TuningSpec
        The search.
    n_inner : int
        Inner folds; the same for all models.
    seed : int
        The experiment's.

    Returns
    -------
    tuple of FittedModel
        In the order of `models`.
    """
    rng = np.random.default_rng(derive_seed(seed, "inner", *training.path))
    strata = strata_of(training.answers.astype(np.float64), training.kind)
    folds = draw_folds(strata[:, None], n_inner, rng, training.site)
    prepared: dict[tuple[str, str], tuple[InnerFold, ...]] = {}
    fitted = []
    for model in (model.for_kind(training.kind) for model in models):
        features = training.features.get(model.columns)
        if features is None:
            continue
        way = (model.columns, model.preparation)
        if way not in prepared:
            prepared[way] = prepare_inner(
                features,
                training.answers,
                training.weights,
                folds,
                model.preparation,
                composition=training.composition_of(model),
            )
        search = (model.name, *training.path) if tuning.sampler != "qmc" else (model.name,)
        fit_seed = derive_seed(seed, "fit", model.name, *training.path)
        found = tune_model(
            model,
            prepared[way],
            tuning,
            search_seed=derive_seed(seed, "search", *search),
            fit_seed=fit_seed,
        )
        fitted.append(fit_model(model, found, features, training, fit_seed))
    return tuple(fitted)


def fit_model(
    model: Model, tuning: Tuning, features: Floats, training: TrainingSet, seed: int
) -> FittedModel:
    """Return a model's pipeline with its best candidate, fitted on the training set."""
    from sklearn.exceptions import ConvergenceWarning

    pipeline = build_pipeline(
        model, tuning.best.candidate, seed, composition=training.composition_of(model)
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        pipeline.fit(features, training.answers, model__sample_weight=training.weights)
    failed = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return FittedModel(model=model, tuning=tuning, pipeline=pipeline, converged=not failed)


def choose_model(fitted: Sequence[FittedModel]) -> str:
    """Return the name of the model with the smallest inner criterion, references left out.

    Parameters
    ----------
    fitted : sequence of FittedModel
        All tuned on the same inner folds.

    Returns
    -------
    str
        The earlier one if two are equal to rounding.
    """
    rivals = [one for one in fitted if not one.model.reference]
    best = rivals[0]
    for rival in rivals[1:]:
        if is_less(rival.tuning.best.criterion, best.tuning.best.criterion):
            best = rival
    return best.model.name


def evaluate_fold(
    training: TrainingSet,
    test_features: Mapping[str, Floats],
    test: Ints,
    models: Sequence[Model],
    tuning: TuningSpec,
    *,
    n_inner: int,
    seed: int,
) -> FoldResult:
    """Return the predictions of all models, learnt from one set, for the patients held out.

    Parameters
    ----------
    training : TrainingSet
        Everything that may be learnt from.
    test_features : mapping of str to array of shape (n_test, n_columns)
        Features of the patients held out; their outcomes are not needed and not given.
    test : array of int of shape (n_test,)
        Their positions in the cohort.
    models : sequence of Model
        To fit.
    tuning : TuningSpec
        The search.
    n_inner : int
        Inner folds.
    seed : int
        The experiment's.

    Returns
    -------
    FoldResult
    """
    fitted = fit_models(training, models, tuning, n_inner=n_inner, seed=seed)
    folds = []
    for one in fitted:
        prepared = one.pipeline[:-1].transform(test_features[one.model.columns])
        margin, prediction = predict_patients(one.model, one.pipeline[-1], prepared)
        folds.append(ModelFold(fitted=one, margin=margin, prediction=prediction))
    return FoldResult(
        test=test,
        training_mean=float(np.average(training.answers, weights=training.weights)),
        models=tuple(folds),
        chosen=choose_model(fitted),
    )
