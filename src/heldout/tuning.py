"""Optuna inside training sets: candidates asked, judged by inner folds, told.

The inner folds are fixed before the search and the preparation is fitted once for each of them, so
candidates differ in their hyper-parameters and in nothing else. By default all candidates come at
once, from Optuna's quasi-random sampler, and are the same in all folds: at 36 patients a search
that learns from its trials buys nothing that can be measured, and it cannot be batched. One
in-memory study a search; trials leave as a table. The criterion is a mean squared error unless the
experiment says otherwise: an inner fold holds two or three events, too few for an AUC.

A search may be told to prune: then candidates come one by one, and one that after some inner folds
is worse than half of those that came through is given up, if a library judges it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from heldout.arrays import Floats, Integers
from heldout.errors import StudyError
from heldout.models import (
    Candidate,
    Choice,
    Model,
    Real,
    Whole,
    fitting_weights,
    middle,
    predict_patients,
)
from heldout.spec import TuningSpec
from heldout.training import HELD_OUT, LEARN, TrainingSets

_CRITERIA = {"brier": 0, "log_loss": 1, "auc": 2}
_UNITS = {"log-odds": 0, "probability": 1, "points": 2, "score": 3}
# By which a mean of probabilities may lie outside of 0 and 1.
_ROUNDING = 1e-9
# Optuna's own: trials that come through before any is given up.
FIRST_TRIALS = 5
# Inner folds before a candidate may be given up: of one fold a few patients decide.
FIRST_FOLDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One candidate and its criterion over the inner folds.

    If it was pruned, given up before the last of them, the criterion is that of the folds before.
    """

    candidate: Candidate
    criterion: float
    pruned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What a search found: all trials, and the best that came through all inner folds."""

    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The trial with the smallest criterion; of trials equal to rounding the first."""
        whole = [trial for trial in self.trials if not trial.pruned]
        best = whole[0]
        for trial in whole[1:]:
            if is_less(trial.criterion, best.criterion):
                best = trial
        return best


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Candidates of one model through all outer training sets.

    Attributes
    ----------
    criteria : array of shape (n_outer, n_candidates)
        By the inner test patients; smaller is better.
    best : array of int of shape (n_outer,)
        The candidate chosen.
    margins, predictions : arrays of shape (n_outer, n_patients)
        Of the patients held out, by the best candidate; NaN elsewhere, and if not asked for.
    converged : array of shape (n_outer,)
        1 if the solver of the last fit converged.
    sigmoids : array of shape (n_outer, 2)
        Slope and intercept that make log-odds of the best candidate's margins.
    """

    criteria: Floats
    best: Integers
    margins: Floats
    predictions: Floats
    converged: Floats
    sigmoids: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A model's searches in all outer training sets, and what the winners say if asked."""

    tunings: tuple[Tuning, ...]
    margins: Floats
    predictions: Floats
    sigmoids: Floats


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


def runs_compiled(model: Model, n_patients: int, n_features: int) -> bool:
    """Return whether a model's candidates are judged by its kernel, or by the library.

    Parameters
    ----------
    model : Model
        For the outcome's kind.
    n_patients, n_features : int
        Of the outcome: patients observed, and what the model sees of them.

    Returns
    -------
    bool
        True if the model has a kernel and the problem is of a size at which it is the faster one.
    """
    return model.kernel is not None and model.kernel.serves(n_patients, n_features)


def judge_candidates(
    model: Model,
    prepared: Floats,
    sets: TrainingSets,
    candidates: Sequence[Candidate],
    *,
    fit_seeds: Sequence[int],
    criterion: str = "brier",
    finish: bool = False,
) -> Judged:
    """Return what candidates are worth by the inner folds, and what the best say if asked.

    Parameters
    ----------
    model : Model
        For the kind of the sets.
    prepared : array of shape (n_outer, n_inner + 1, n_patients, n_features)
        By `prepare_features`.
    sets : TrainingSets
        Roles and answers.
    candidates : sequence of mapping
        At least one.
    fit_seeds : sequence of int
        One an outer set, for estimators that use chance.
    criterion : str
        ``brier``, ``log_loss`` or ``auc`` (one minus it); of numbers the mean squared error.
    finish : bool
        Whether to fit the best candidate on the outer training set, for patients held out.

    Returns
    -------
    Judged
    """
    code = _CRITERIA[criterion] if model.kind == "class" else 0
    unit, seeds = _UNITS[model.margin], np.array(fit_seeds, dtype=np.int64)
    n_patients, n_features = prepared.shape[2:]
    if not runs_compiled(model, n_patients, n_features):
        return _judged_by_library(model, prepared, sets, candidates, seeds, (unit, code, finish))
    from heldout.kernels import load_kernel
    from heldout.kernels.nested import nested_path

    assert model.kernel is not None
    rows = np.array([model.kernel.row(one) for one in candidates], dtype=np.float64)
    table = rows.reshape(len(candidates), -1)
    found: Any = nested_path(
        load_kernel(model.kernel.name),
        prepared,
        sets.roles,
        np.asarray(sets.answers, dtype=np.float64),
        sets.weights,
        table,
        seeds,
        unit,
        code,
        finish,
    )
    return Judged(**dict(zip(Judged.__dataclass_fields__, found, strict=True)))


def _judged_by_library(  # noqa: PLR0917 - a nested design is all of these
    model: Model,
    prepared: Floats,
    sets: TrainingSets,
    candidates: Sequence[Candidate],
    seeds: Integers,
    ways: tuple[int, int, bool],
) -> Judged:
    """Return the same as a kernel does, by fitting the model's estimator for every candidate."""
    from heldout.kernels.nested import chosen, predicted

    (unit, criterion, finish), (n_outer, n_sets, n_patients) = ways, sets.roles.shape
    answers = np.asarray(sets.answers, dtype=np.float64)
    criteria = np.empty((n_outer, len(candidates)))
    best, converged = np.zeros(n_outer, dtype=np.int64), np.zeros(n_outer)
    margins = np.full((n_outer, n_patients), np.nan)
    predictions, sigmoids = margins.copy(), np.zeros((n_outer, 2))
    for k in range(n_outer):
        inner, room = np.zeros((len(candidates), n_patients)), np.empty(n_patients)
        for j in range(n_sets - 1):
            told = library_path(model, prepared[k, j], sets, (k, j), candidates, int(seeds[k]))
            inner[:, sets.roles[k, j] == HELD_OUT] = told[0]
        found = chosen(
            inner, answers, sets.weights, sets.inner_folds(k), unit, criterion, room, criteria[k]
        )
        best[k], sigmoids[k] = found[0], found[1:]
        if finish:
            winner = [candidates[best[k]]]
            told = library_path(model, prepared[k, -1], sets, (k, -1), winner, int(seeds[k]))
            held_out = np.flatnonzero(sets.roles[k, -1] == HELD_OUT)
            margins[k, held_out], converged[k] = told[0][0], told[1][0]
            for row in held_out:
                predictions[k, row] = predicted(margins[k, row], unit, sigmoids[k])
    return Judged(
        criteria=criteria,
        best=best,
        margins=margins,
        predictions=predictions,
        converged=converged,
        sigmoids=sigmoids,
    )


def library_path(  # noqa: PLR0917 - a path of fits is all of these
    model: Model,
    prepared: Floats,
    sets: TrainingSets,
    place: tuple[int, int],
    candidates: Sequence[Candidate],
    seed: int,
) -> tuple[Floats, Floats]:
    """Return margins and convergence of every candidate on one training set, by the library."""
    from sklearn import config_context

    role = sets.roles[place]
    train, test = prepared[role == LEARN], prepared[role == HELD_OUT]
    answers, weights = sets.answers[role == LEARN], sets.weights[role == LEARN]
    answers = answers.astype(np.int64) if sets.kind == "class" else answers
    margins, converged = np.empty((len(candidates), len(test))), np.ones(len(candidates))
    if not len(test):
        return margins, converged
    if model.trainer is not None:
        return model.trainer(candidates, seed, (train, answers, weights), test), converged
    told = fitting_weights(model, weights)
    # What was prepared is finite, and the spaces were checked: looking again is a sixth of a fit.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        for number, candidate in enumerate(candidates):
            try:
                found = margins_by(model, candidate, seed, (train, answers, told), test)
                margins[number], converged[number] = found
            except Exception as error:
                raise StudyError(_unfit(model, candidate, len(train), error)) from error
    return margins, converged


def margins_by(
    model: Model,
    candidate: Candidate,
    seed: int,
    patients: tuple[Floats, Floats | Integers, dict[str, Floats]],
    test: Floats,
) -> tuple[Floats, bool]:
    """Return the margins of one candidate's estimator, and whether its solver converged."""
    from sklearn.exceptions import ConvergenceWarning

    train, answers, weights = patients
    estimator = model.estimator(candidate, seed)
    with warnings.catch_warnings(record=True) as caught:
        # A candidate that has not converged is judged by what it predicts, like any other.
        warnings.simplefilter("always", ConvergenceWarning)
        estimator.fit(train, answers, **weights)
    margins, _ = predict_patients(model, estimator, test)
    if not np.isfinite(margins).all():
        raise ValueError("a prediction is not finite")
    if model.margin == "probability" and not (np.abs(margins - 0.5) <= 0.5 + _ROUNDING).all():
        raise ValueError("a probability is not between 0 and 1")
    return margins, not any(issubclass(one.category, ConvergenceWarning) for one in caught)


def _unfit(model: Model, candidate: Candidate, n_patients: int, error: Exception) -> str:
    """Return the message for a candidate that cannot be fitted; a library's words may hold data."""
    return (
        f"models: '{model.name}' with {dict(candidate)} could not be fitted to {n_patients} "
        f"patients ({type(error).__name__}). Narrow its space or correct its settings; --debug "
        "shows the library's own words."
    )


def tune_model(
    model: Model,
    prepared: Floats,
    sets: TrainingSets,
    tuning: TuningSpec,
    *,
    search_seeds: Sequence[int],
    fit_seeds: Sequence[int],
    finish: bool = False,
) -> Tuned:
    """Return all trials of a model's search in every outer training set.

    Parameters
    ----------
    model : Model
        With an empty space there is one trial.
    prepared : array of shape (n_outer, n_inner + 1, n_patients, n_features)
        By `prepare_features`.
    sets : TrainingSets
        Roles and answers.
    tuning : TuningSpec
        How many trials, Optuna's sampler, and the criterion.
    search_seeds, fit_seeds : sequence of int
        Of the sampler, and of the estimator in all its fits; one an outer set. Candidates that
        come all at once come from the first seed.
    finish : bool
        As in `judge_candidates`.

    Returns
    -------
    Tuned
        The first trial is the middle of the space.
    """
    if model.space and (tuning.sampler == "tpe" or tuning.prune):
        return _tuned_in_turn(
            model,
            prepared,
            sets,
            tuning,
            search_seeds=search_seeds,
            fit_seeds=fit_seeds,
            finish=finish,
        )
    candidates = ask_candidates(model, tuning.trials, tuning.sampler, search_seeds[0])
    found = judge_candidates(
        model,
        prepared,
        sets,
        candidates,
        fit_seeds=fit_seeds,
        criterion=tuning.criterion,
        finish=finish,
    )
    tunings = tuple(
        Tuning(
            trials=tuple(
                Trial(candidate=candidate, criterion=value)
                for candidate, value in zip(candidates, row, strict=True)
            )
        )
        for row in found.criteria.tolist()
    )
    return Tuned(
        tunings=tunings,
        margins=found.margins,
        predictions=found.predictions,
        sigmoids=found.sigmoids,
    )


def _tuned_in_turn(
    model: Model,
    prepared: Floats,
    sets: TrainingSets,
    tuning: TuningSpec,
    *,
    search_seeds: Sequence[int],
    fit_seeds: Sequence[int],
    finish: bool,
) -> Tuned:
    """Return the trials of a search that takes one candidate after the other.

    The sampler may learn from each before it gives the next, and the pruner knows those before.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {name: _distribution(what) for name, what in model.space.items()}
    centre = {name: middle(what) for name, what in model.space.items()}
    tunings, ends = [], []
    for k, seed in enumerate(search_seeds):
        part = TrainingSets(
            roles=sets.roles[k : k + 1], answers=sets.answers, weights=sets.weights, kind=sets.kind
        )
        ways: dict[str, Any] = {"fit_seeds": [fit_seeds[k]], "criterion": tuning.criterion}
        study = optuna.create_study(
            direction="minimize",
            sampler=_sampler(tuning.sampler, seed),
            pruner=optuna.pruners.MedianPruner(FIRST_TRIALS, n_warmup_steps=FIRST_FOLDS - 1),
        )
        study.enqueue_trial(centre)
        trials = []
        for _ in range(tuning.trials):
            asked = study.ask(space)
            if tuning.prune and model.kernel is None:
                trial = _judged_in_turn(model, prepared[k], part, asked, **ways)
            else:
                candidate = dict(asked.params)
                found = judge_candidates(model, prepared[k : k + 1], part, [candidate], **ways)
                trial = Trial(candidate=candidate, criterion=float(found.criteria[0, 0]))
            if trial.pruned:
                study.tell(asked, state=optuna.trial.TrialState.PRUNED)
            else:
                study.tell(asked, trial.criterion)
            trials.append(trial)
        tunings.append(Tuning(trials=tuple(trials)))
        if finish or model.margin == "score":
            best = [tunings[-1].best.candidate]
            end = judge_candidates(model, prepared[k : k + 1], part, best, finish=finish, **ways)
            ends.append((end.margins, end.predictions, end.sigmoids))
        else:
            unasked = np.full((1, len(sets.answers)), np.nan)
            ends.append((unasked, unasked, np.array([[1.0, 0.0]])))
    margins, predictions, sigmoids = map(np.concatenate, zip(*ends, strict=True))
    return Tuned(
        tunings=tuple(tunings), margins=margins, predictions=predictions, sigmoids=sigmoids
    )


def _judged_in_turn(
    model: Model,
    prepared: Floats,
    part: TrainingSets,
    asked: Any,
    *,
    fit_seeds: Sequence[int],
    criterion: str,
) -> Trial:
    """Return one candidate's trial in one outer set, given up once the pruner says so.

    What is told after each inner fold is the criterion of the patients judged so far.
    """
    from heldout.kernels.nested import chosen

    code = _CRITERIA[criterion] if model.kind == "class" else 0
    unit, candidate = _UNITS[model.margin], dict(asked.params)
    folds, answers = part.inner_folds(0), np.asarray(part.answers, dtype=np.float64)
    inner, room, told = np.zeros((1, len(folds))), np.empty(len(folds)), np.empty(1)
    n_inner = part.roles.shape[1] - 1
    for j in range(n_inner):
        margins, _ = library_path(model, prepared[j], part, (0, j), [candidate], fit_seeds[0])
        inner[:, part.roles[0, j] == HELD_OUT] = margins
        if j + 1 < FIRST_FOLDS:
            continue
        known = np.where(folds <= j, folds, -1)
        chosen(inner, answers, part.weights, known, unit, code, room, told)
        asked.report(float(told[0]), j)
        if j + 1 < n_inner and asked.should_prune():
            return Trial(candidate=candidate, criterion=float(told[0]), pruned=True)
    return Trial(candidate=candidate, criterion=float(told[0]))


def ask_candidates(model: Model, trials: int, name: str, seed: int) -> tuple[Candidate, ...]:
    """Return the candidates of a search that does not learn from its trials, all at once.

    Parameters
    ----------
    model : Model
        With an empty space there is one candidate.
    trials : int
        How many.
    name : str
        Optuna's sampler: ``qmc`` or ``random``.
    seed : int
        Of the sampler.

    Returns
    -------
    tuple of mapping
        The first is the middle of the space.
    """
    if not model.space:
        return ({},)
    return _asked_at_once(tuple(model.space.items()), trials, name, seed)


@lru_cache(maxsize=256)
def _asked_at_once(
    space: tuple[tuple[str, Real | Whole | Choice], ...], trials: int, name: str, seed: int
) -> tuple[Candidate, ...]:
    """Return the candidates of a space: the middle, then what the sampler gives in one batch."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = {key: _distribution(what) for key, what in space}
    centre = {key: middle(what) for key, what in space}
    study = optuna.create_study(direction="minimize", sampler=_sampler(name, seed))
    # The sampler reads the space from a finished trial; no value of it is ever looked at.
    study.add_trial(
        optuna.trial.create_trial(params=centre, distributions=distributions, value=0.0)
    )
    asked = [study.ask(distributions) for _ in range(trials - 1)]
    return ({**centre}, *({**one.params} for one in asked))


def _sampler(name: str, seed: int) -> Any:
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


def _distribution(what: Real | Whole | Choice) -> Any:
    """Return a part of a search space in Optuna's words."""
    from optuna import distributions

    if isinstance(what, Real):
        return distributions.FloatDistribution(what.low, what.high, log=what.log)
    if isinstance(what, Whole):
        return distributions.IntDistribution(what.low, what.high, log=what.log)
    return distributions.CategoricalDistribution(what.options)
