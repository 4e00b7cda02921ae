"""Models searched in the training sets of one outer division, and what they say of others.

The procedure that chooses among the models chooses by the inner folds, so its choice is part of
what is validated.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from heldout.arrays import Flags, Floats, Integers
from heldout.models.definition import (
    Model,
    build_pipeline,
    fitting_weights,
    models_for,
    predict_patients,
)
from heldout.nested.search import Search, Searches, least, tune_model
from heldout.nested.training import Patients, draw_sets, prepare_features
from heldout.spec.experiment import TuningSpec
from heldout.splits import derive_seed

# The name under which the procedure that chooses a model stands beside the models.
HEADLINE = "headline"
# What a training set is for, such as (outcome, follow-up, repeat, fold); seeds are named by it.
_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """What is done in every outer training set.

    Attributes
    ----------
    models : tuple of Model
        Each is fitted for the kind of the patients; those that need a severity are left out where
        it is not known.
    tuning : TuningSpec
        The search.
    n_inner : int
        Inner folds; the same for all models.
    seed : int
        The experiment's.
    """

    models: tuple[Model, ...]
    tuning: TuningSpec
    n_inner: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedModel:
    """A model tuned and fitted on one training set.

    `converged` is False if its solver stopped at its limit of iterations. `sigmoid` is the slope
    and the intercept by which a score, or a probability that is recalibrated, becomes the
    probability; None if there is none.
    """

    model: Model
    search: Search
    pipeline: Any
    converged: bool
    sigmoid: tuple[float, float] | None = None

    def predict(self, features: Floats) -> tuple[Floats, Floats]:
        """Return margins and predictions of patients, shape (n_patients,) each."""
        prepared = self.pipeline[:-1].transform(features)
        margin, prediction = predict_patients(self.model, self.pipeline[-1], prepared)
        if self.sigmoid is not None:
            from scipy.special import expit, logit

            from heldout.kernels.platt import LEAST_PROBABILITY

            kept = np.clip(prediction, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
            slope, intercept = self.sigmoid
            known = margin if self.model.margin == "score" else logit(kept)
            prediction = expit(slope * known + intercept)
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
    training_mean : float
        Mean answer of the training set: of a class its prevalence.
    models : tuple of ModelFold
        In the experiment's order.
    chosen : str
        The model that the procedure chose by the inner folds.
    """

    training_mean: float
    models: tuple[ModelFold, ...]
    chosen: str


def _search_models(
    patients: Patients, held_out: Flags, procedure: Procedure, paths: Sequence[_Path], finish: bool
) -> list[tuple[Model, Searches]]:
    """Return every model's searches in all training sets of an outer division.

    What is prepared for one model serves all others that ask for the same.
    """
    seed, tuning = procedure.seed, procedure.tuning
    sets = draw_sets(
        patients,
        held_out,
        n_inner=procedure.n_inner,
        seeds=[derive_seed(seed, "inner", *path) for path in paths],
    )
    prepared: dict[tuple[str, str], Floats] = {}
    searches = []
    for model in models_for(procedure.models, patients.kind):
        features, way = patients.features.get(model.columns), (model.columns, model.preparation)
        if features is None:
            continue
        if way not in prepared:
            composition = patients.composition_of(model)
            prepared[way] = prepare_features(features, sets, model.preparation, composition)
        searched = tune_model(
            model,
            prepared[way],
            sets,
            tuning,
            search_seeds=[_search_seed(procedure, model, path) for path in paths],
            fit_seeds=[_fit_seed(procedure, model, path) for path in paths],
            finish=finish,
        )
        searches.append((model, searched))
    return searches


def _search_seed(procedure: Procedure, model: Model, path: _Path) -> int:
    """Return the sampler's seed; candidates that come all at once are the same in all folds."""
    learns = procedure.tuning.sampler == "tpe"
    return derive_seed(procedure.seed, "search", model.name, *(path if learns else ()))


def _fit_seed(procedure: Procedure, model: Model, path: _Path) -> int:
    """Return the seed of a model's estimator, for models that use chance."""
    return derive_seed(procedure.seed, "fit", model.name, *path)


def fit_models(patients: Patients, procedure: Procedure, path: _Path) -> tuple[FittedModel, ...]:
    """Return every model tuned on inner folds and fitted on all patients.

    Parameters
    ----------
    patients : Patients
        The only ones anything is learnt from.
    procedure : Procedure
        Models, search and inner folds.
    path : tuple
        What this is for; names its seeds.

    Returns
    -------
    tuple of FittedModel
        In the order of the models.
    """
    from sklearn import config_context

    nobody = np.zeros((1, len(patients.answers)), dtype=np.bool_)
    searched = _search_models(patients, nobody, procedure, [path], finish=False)
    # The candidates were fitted before: looking at parameters again is a tenth of a small fit.
    with config_context(skip_parameter_validation=True):
        return tuple(
            fit_model(model, searches, patients, _fit_seed(procedure, model, path))
            for model, searches in searched
        )


def fit_model(model: Model, searches: Searches, patients: Patients, seed: int) -> FittedModel:
    """Return a model's pipeline with its best candidate, fitted on all patients.

    Parameters
    ----------
    model : Model
        For the kind of the patients.
    searches : Searches
        One search, of these patients.
    patients : Patients
        The training set.
    seed : int
        Of the estimator.

    Returns
    -------
    FittedModel
    """
    from sklearn.exceptions import ConvergenceWarning

    [search], [[slope, intercept]] = searches.searches, searches.sigmoids.tolist()
    features = patients.features[model.columns]
    pipeline = build_pipeline(
        model, search.best.candidate, seed, composition=patients.composition_of(model)
    )
    solve = None if model.kernel is None else model.kernel.solve
    if solve is not None:
        prepared = np.ascontiguousarray(pipeline[:-1].fit_transform(features))
        learnt = (prepared, patients.answers, patients.weights)
        solve(pipeline[-1], *learnt)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        weights = fitting_weights(model, patients.weights, "model")
        pipeline.fit(features, patients.targets, **weights)
    if solve is not None:
        solve(pipeline[-1], *learnt)
    failed = [issubclass(warning.category, ConvergenceWarning) for warning in caught]
    for warning, is_ours in zip(caught, failed, strict=True):
        if not is_ours:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return FittedModel(
        model=model,
        search=search,
        pipeline=pipeline,
        converged=not any(failed),
        sigmoid=None if math.isnan(slope) else (slope, intercept),
    )


def choose_model(searches: Sequence[tuple[Model, Search]]) -> str:
    """Return the name of the model with the smallest inner criterion, references left out.

    Parameters
    ----------
    searches : sequence of (Model, Search)
        All on the same inner folds.

    Returns
    -------
    str
        The earlier one if two are equal to rounding.
    """
    rivals = [(model, search) for model, search in searches if not model.reference]
    best, _ = rivals[least([search.best.criterion for _, search in rivals])]
    return best.name


def evaluate_fold(
    training: Patients, test_features: Mapping[str, Floats], procedure: Procedure, path: _Path
) -> FoldResult:
    """Return the predictions of all models, learnt from one set, for the patients held out.

    Parameters
    ----------
    training : Patients
        Everything that may be learnt from.
    test_features : mapping of str to array of shape (n_test, n_columns)
        Features of the patients held out; their outcomes are not needed and not given.
    procedure : Procedure
        Models, search and inner folds.
    path : tuple
        What this is for; names its seeds.

    Returns
    -------
    FoldResult
    """
    folds = []
    for fitted in fit_models(training, procedure, path):
        margin, prediction = fitted.predict(test_features[fitted.model.columns])
        folds.append(ModelFold(fitted=fitted, margin=margin, prediction=prediction))
    return FoldResult(
        training_mean=float(np.average(training.answers, weights=training.weights)),
        models=tuple(folds),
        chosen=choose_model([(fold.fitted.model, fold.fitted.search) for fold in folds]),
    )


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
    patients: Patients, folds: Integers, procedure: Procedure, path: _Path
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
    procedure : Procedure
        Models, search and inner folds.
    path : tuple
        What this is for; names its seeds, the number of the fold at its end.

    Returns
    -------
    HeldOutRepeat
    """
    rows, numbers = np.arange(len(folds)), range(int(folds.max()) + 1)
    held_out = folds[None, :] == np.arange(len(numbers))[:, None]
    paths = [(*path, fold) for fold in numbers]
    searched = _search_models(patients, held_out, procedure, paths, finish=True)
    margins = {model.name: searches.margins[folds, rows] for model, searches in searched}
    predictions = {model.name: searches.predictions[folds, rows] for model, searches in searched}
    choices = [
        choose_model([(model, searches.searches[fold]) for model, searches in searched])
        for fold in numbers
    ]
    for values in (margins, predictions):
        values[HEADLINE] = np.array([values[choices[fold]][row] for row, fold in enumerate(folds)])
    means = np.array(
        [
            np.average(patients.answers[~left_out], weights=patients.weights[~left_out])
            for left_out in held_out
        ]
    )
    return HeldOutRepeat(margins=margins, predictions=predictions, training_mean=means[folds])
