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

from heldout.arrays import Floats, Integers
from heldout.features import Piece
from heldout.models import (
    Kind,
    Model,
    build_pipeline,
    fitting_weights,
    models_for,
    predict_patients,
)
from heldout.spec import TuningSpec
from heldout.splits import derive_seed
from heldout.training import draw_sets, prepare_features
from heldout.tuning import Tuned, Tuning, is_less, tune_model

# 1 and 0 as whole numbers for a class, floats for a number.
_Answers = NDArray[np.int64] | NDArray[np.float64]
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
    answers: _Answers
    weights: Floats
    site: Integers | None
    path: tuple[str | int, ...]
    kind: Kind = "class"
    composition: tuple[Piece, ...] = ()

    def composition_of(self, model: Model) -> tuple[Piece, ...]:
        """Return how what a model sees is made of its features."""
        return self.composition if model.columns == "all" else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedModel:
    """A model tuned and fitted on one training set.

    `converged` is False if its solver stopped at its limit of iterations. `sigmoid` is the slope
    and the intercept by which a score becomes a probability.
    """

    model: Model
    tuning: Tuning
    pipeline: Any
    converged: bool
    sigmoid: tuple[float, float] = (1.0, 0.0)

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Return margins and predictions of patients, shape (n_patients,) each."""
        prepared = self.pipeline[:-1].transform(features)
        margin, prediction = predict_patients(self.model, self.pipeline[-1], prepared)
        if self.model.margin == "score":
            from scipy.special import expit

            slope, intercept = self.sigmoid
            prediction = expit(slope * margin + intercept)
        return margin, prediction


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

    test: Integers
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
    answers = np.asarray(training.answers, dtype=np.float64)
    sets = draw_sets(
        np.zeros((1, len(answers)), dtype=np.bool_),
        answers,
        training.weights,
        training.kind,
        n_inner=n_inner,
        seeds=[derive_seed(seed, "inner", *training.path)],
        site=training.site,
    )
    prepared: dict[tuple[str, str], Floats] = {}
    fitted = []
    for model in models_for(models, training.kind):
        features = training.features.get(model.columns)
        if features is None:
            continue
        way = (model.columns, model.preparation)
        if way not in prepared:
            composition = training.composition_of(model)
            prepared[way] = prepare_features(features, sets, model.preparation, composition)
        fit_seed = derive_seed(seed, "fit", model.name, *training.path)
        found = tune_model(
            model,
            prepared[way],
            sets,
            tuning,
            search_seeds=[_search_seed(tuning, seed, model, training.path)],
            fit_seeds=[fit_seed],
        )
        fitted.append(fit_model(model, found, features, training, fit_seed))
    return tuple(fitted)


def _search_seed(tuning: TuningSpec, seed: int, model: Model, path: tuple[str | int, ...]) -> int:
    """Return the sampler's seed; candidates that come all at once are the same in all folds."""
    return derive_seed(seed, "search", model.name, *(path if tuning.sampler == "tpe" else ()))


def fit_model(
    model: Model, tuned: Tuned, features: Floats, training: TrainingSet, seed: int
) -> FittedModel:
    """Return a model's pipeline with its best candidate, fitted on the training set."""
    from sklearn.exceptions import ConvergenceWarning

    [tuning], [sigmoid] = tuned.tunings, tuned.sigmoids.tolist()
    pipeline = build_pipeline(
        model, tuning.best.candidate, seed, composition=training.composition_of(model)
    )
    if model.kernel is not None and model.kernel.start is not None:
        prepared = np.ascontiguousarray(pipeline[:-1].fit_transform(features))
        answers = np.asarray(training.answers, dtype=np.float64)
        model.kernel.start(pipeline[-1], prepared, answers, training.weights)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        weights = fitting_weights(model, training.weights, "model")
        pipeline.fit(features, training.answers, **weights)
    failed = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return FittedModel(
        model=model,
        tuning=tuning,
        pipeline=pipeline,
        converged=not failed,
        sigmoid=(sigmoid[0], sigmoid[1]),
    )


def choose_model(tuned: Sequence[tuple[Model, Tuning]]) -> str:
    """Return the name of the model with the smallest inner criterion, references left out.

    Parameters
    ----------
    tuned : sequence of (Model, Tuning)
        All tuned on the same inner folds.

    Returns
    -------
    str
        The earlier one if two are equal to rounding.
    """
    rivals = [one for one in tuned if not one[0].reference]
    best = rivals[0]
    for rival in rivals[1:]:
        if is_less(rival[1].best.criterion, best[1].best.criterion):
            best = rival
    return best[0].name


def evaluate_fold(
    training: TrainingSet,
    test_features: Mapping[str, Floats],
    test: Integers,
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
        margin, prediction = one.predict(test_features[one.model.columns])
        folds.append(ModelFold(fitted=one, margin=margin, prediction=prediction))
    return FoldResult(
        test=test,
        training_mean=float(np.average(training.answers, weights=training.weights)),
        models=tuple(folds),
        chosen=choose_model([(one.model, one.tuning) for one in fitted]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Patients:
    """Patients of one outcome, all observed, to be held out in turn.

    Attributes
    ----------
    features : mapping of str to array of shape (n_patients, n_columns)
        As in `TrainingSet`.
    answers, weights : arrays of shape (n_patients,)
        1 and 0, or numbers; patient weights.
    site : array of int of shape (n_patients,), or None
        Site numbers.
    kind : str
        ``class`` or ``number``.
    composition : tuple of Piece
        As in `TrainingSet`.
    """

    features: Mapping[str, Floats]
    answers: Floats
    weights: Floats
    site: Integers | None
    kind: Kind
    composition: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutRepeat:
    """What every model says of patients held out, through one repeat of the folds.

    Attributes
    ----------
    margins, predictions : mapping of str to array of shape (n_patients,)
        By model, the headline last.
    training_mean : array of shape (n_patients,)
        Mean answer of the training set behind each prediction.
    """

    margins: Mapping[str, Floats]
    predictions: Mapping[str, Floats]
    training_mean: Floats


def hold_out_in_turn(
    patients: Patients,
    folds: Integers,
    models: Sequence[Model],
    tuning: TuningSpec,
    *,
    n_inner: int,
    seed: int,
    path: tuple[str | int, ...],
) -> HeldOutRepeat:
    """Return held-out predictions of all models and of the procedure that chooses among them.

    The same as `evaluate_fold` fold by fold, for those who need no pipeline of it: all outer
    folds of a model go through its kernel in one call.

    Parameters
    ----------
    patients : Patients
        Everybody observed.
    folds : array of int of shape (n_patients,)
        Outer fold of each, from 0, none of them empty.
    models : sequence of Model
        Each is fitted for the kind of the patients; those that need a severity are left out
        where it is not known.
    tuning : TuningSpec
        The search.
    n_inner : int
        Inner folds.
    seed : int
        The experiment's.
    path : tuple
        What this is for; names its seeds, the number of the fold at its end.

    Returns
    -------
    HeldOutRepeat
    """
    n_outer = int(folds.max()) + 1
    held_out = folds[None, :] == np.arange(n_outer)[:, None]
    sets = draw_sets(
        held_out,
        patients.answers,
        patients.weights,
        patients.kind,
        n_inner=n_inner,
        seeds=[derive_seed(seed, "inner", *path, fold) for fold in range(n_outer)],
        site=patients.site,
    )
    prepared: dict[tuple[str, str], Floats] = {}
    found: list[tuple[Model, Tuned]] = []
    for model in models_for(models, patients.kind):
        features = patients.features.get(model.columns)
        if features is None:
            continue
        way = (model.columns, model.preparation)
        if way not in prepared:
            composition = patients.composition if model.columns == "all" else ()
            prepared[way] = prepare_features(features, sets, model.preparation, composition)
        places = [(*path, fold) for fold in range(n_outer)]
        tuned = tune_model(
            model,
            prepared[way],
            sets,
            tuning,
            search_seeds=[_search_seed(tuning, seed, model, place) for place in places],
            fit_seeds=[derive_seed(seed, "fit", model.name, *place) for place in places],
            finish=True,
        )
        found.append((model, tuned))
    rows = np.arange(len(folds))
    margins = {model.name: tuned.margins[folds, rows] for model, tuned in found}
    predictions = {model.name: tuned.predictions[folds, rows] for model, tuned in found}
    choices = [
        choose_model([(model, tuned.tunings[fold]) for model, tuned in found])
        for fold in range(n_outer)
    ]
    margins[HEADLINE] = np.array([margins[choices[fold]][row] for row, fold in enumerate(folds)])
    predictions[HEADLINE] = np.array(
        [predictions[choices[fold]][row] for row, fold in enumerate(folds)]
    )
    means = np.array(
        [
            np.average(patients.answers[~left_out], weights=patients.weights[~left_out])
            for left_out in held_out
        ]
    )
    return HeldOutRepeat(margins=margins, predictions=predictions, training_mean=means[folds])
