"""Optuna inside one training set: ask a candidate, score it on inner folds, tell.

The inner folds are fixed before the search and the preparation is fitted once for each of
them, so candidates differ in their hyper-parameters and in nothing else. One in-memory study
per outer training set; trials leave as a table. The criterion is the mean squared error: of a
number in its unit squared, and of a probability the Brier score (``tuning.criterion: brier``),
because an inner fold holds two or three events, too few for an AUC.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heldout.features import Piece
from heldout.models import (
    Candidate,
    Choice,
    Model,
    Real,
    Whole,
    build_preparation,
    predict_patients,
)
from heldout.spec import TuningSpec

__all__ = ["Answers", "InnerFold", "Trial", "Tuning", "is_less", "prepare_inner", "tune_model"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# 1 and 0 as whole numbers for a class, floats for a number.
Answers = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerFold:
    """One inner division, prepared: rows to fit on and rows to be judged on."""

    train: Floats
    train_answers: Answers
    train_weights: Floats
    test: Floats
    test_answers: Answers
    test_weights: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One candidate and its criterion over the inner folds."""

    candidate: Candidate
    criterion: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What a search found: all trials, and the best, the first one if several are equal."""

    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The trial with the smallest criterion; of trials equal to rounding the first."""
        best = self.trials[0]
        for trial in self.trials[1:]:
            if is_less(trial.criterion, best.criterion):
                best = trial
        return best


def is_less(criterion: float, other: float) -> bool:
    """Return whether a criterion is less than another by more than rounding.

    Parameters
    ----------
    criterion, other : float
        At least 0; of a number they are in its unit squared.

    Returns
    -------
    bool
        A difference of 1e-13, and of 1e-13 of criteria above 1, is none.
    """
    return criterion < other - 1e-13 * max(1.0, other)


def prepare_inner(
    features: Floats,
    answers: Answers,
    weights: Floats,
    folds: Ints,
    preparation: str,
    *,
    composition: Sequence[Piece] = (),
) -> tuple[InnerFold, ...]:
    """Return the inner folds with their preparation fitted, once for all candidates.

    Parameters
    ----------
    features : array of shape (n_patients, n_features)
        Of the outer training set; NaN where not observed.
    answers : array of shape (n_patients,)
        1 and 0, or numbers.
    weights : array of shape (n_patients,)
        Patient weights.
    folds : array of int of shape (n_patients,)
        Inner fold of each patient.
    preparation : str
        As in `Model.preparation`.
    composition : sequence of Piece
        Of the feature matrix; empty if models see its columns.

    Returns
    -------
    tuple of InnerFold
        Each prepared from its own training rows only.
    """
    inner = []
    for fold in np.unique(folds):
        test = folds == fold
        prepare = build_preparation(preparation, composition).fit(features[~test])
        inner.append(
            InnerFold(
                train=prepare.transform(features[~test]),
                train_answers=answers[~test],
                train_weights=weights[~test],
                test=prepare.transform(features[test]),
                test_answers=answers[test],
                test_weights=weights[test],
            )
        )
    return tuple(inner)


def tune_model(
    model: Model,
    inner: Sequence[InnerFold],
    tuning: TuningSpec,
    *,
    search_seed: int,
    fit_seed: int,
) -> Tuning:
    """Return all trials of a model's search inside one training set.

    Parameters
    ----------
    model : Model
        With an empty space there is one trial.
    inner : sequence of InnerFold
        Prepared.
    tuning : TuningSpec
        How many trials, and Optuna's sampler.
    search_seed, fit_seed : int
        Of the sampler, and of the estimator in all its fits.

    Returns
    -------
    Tuning
        The first trial is the middle of the space.
    """
    if not model.space:
        return Tuning(trials=(Trial(candidate={}, criterion=judge(model, {}, inner, fit_seed)),))
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="minimize", sampler=sampler(tuning.sampler, search_seed))
    space = {name: distribution(what) for name, what in model.space.items()}
    study.enqueue_trial({name: middle(what) for name, what in model.space.items()})
    trials = []
    for _ in range(tuning.trials):
        asked = study.ask(space)
        criterion = judge(model, asked.params, inner, fit_seed)
        study.tell(asked, criterion)
        trials.append(Trial(candidate=dict(asked.params), criterion=criterion))
    return Tuning(trials=tuple(trials))


def judge(model: Model, candidate: Candidate, inner: Sequence[InnerFold], seed: int) -> float:
    """Return a candidate's mean squared error over all inner test patients."""
    from sklearn.exceptions import ConvergenceWarning

    loss, weight = 0.0, 0.0
    with warnings.catch_warnings():
        # A candidate that has not converged is judged by what it predicts, like any other.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for fold in inner:
            estimator = model.estimator(candidate, seed)
            estimator.fit(fold.train, fold.train_answers, sample_weight=fold.train_weights)
            _, prediction = predict_patients(model, estimator, fold.test)
            loss += float(fold.test_weights @ (prediction - fold.test_answers) ** 2)
            weight += float(fold.test_weights.sum())
    return loss / weight


def sampler(name: str, seed: int) -> Any:
    """Return Optuna's sampler of a name."""
    import optuna

    if name == "qmc":
        with warnings.catch_warnings():
            # Its interface may change; the lock pins the version, and a test its candidates.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.QMCSampler(seed=seed, scramble=True)
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def distribution(what: Real | Whole | Choice) -> Any:
    """Return a part of a search space in Optuna's words."""
    from optuna import distributions

    if isinstance(what, Real):
        return distributions.FloatDistribution(what.low, what.high, log=what.log)
    if isinstance(what, Whole):
        return distributions.IntDistribution(what.low, what.high, log=what.log)
    return distributions.CategoricalDistribution(what.options)


def middle(what: Real | Whole | Choice) -> float | int | str:
    """Return the middle of a part of a search space, on its own scale."""
    if isinstance(what, Choice):
        return what.options[0]
    value = (what.low * what.high) ** 0.5 if what.log else (what.low + what.high) / 2
    return round(value) if isinstance(what, Whole) else value
