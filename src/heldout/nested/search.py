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

from heldout.arrays import Floats
from heldout.models.definition import Candidate, Choice, Model, Real, Whole, centre_of
from heldout.nested.judging import FIRST_FOLDS, judge_candidates, judge_in_turn
from heldout.nested.training import TrainingSets
from heldout.spec.experiment import TuningSpec

# Optuna's own: trials that come through before any is given up.
FIRST_TRIALS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One candidate and its criterion over the inner folds.

    If it was pruned, given up before the last of them, the criterion is that of the folds before.
    """

    candidate: Candidate
    criterion: float
    pruned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a search found: all trials, and the best that came through all inner folds."""

    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The trial with the smallest criterion; of trials equal to rounding the first."""
        whole = [trial for trial in self.trials if not trial.pruned]
        return whole[least([trial.criterion for trial in whole])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Searches:
    """A model's searches in all outer training sets, and what the winners say if asked.

    Attributes
    ----------
    searches : tuple of Search
        One an outer set.
    margins, predictions : arrays of shape (n_outer, n_patients)
        Of the patients held out, by the best candidate; NaN elsewhere, and if not asked for.
    sigmoids : array of shape (n_outer, 2)
        Slope and intercept that make log-odds of the best candidate's margins; NaN where there is
        no such sigmoid.
    """

    searches: tuple[Search, ...]
    margins: Floats
    predictions: Floats
    sigmoids: Floats


def least(criteria: Sequence[float]) -> int:
    """Return which of several criteria is the least; of those equal to rounding the first.

    Parameters
    ----------
    criteria : sequence of float
        At least one, at least 0; of a number they are in its unit squared.

    Returns
    -------
    int
        A difference of 1e-13, and of 1e-13 of criteria above 1, is none.
    """
    best = 0
    for number, criterion in enumerate(criteria):
        if criterion < criteria[best] - 1e-13 * max(1.0, criteria[best]):
            best = number
    return best


def tune_model(
    model: Model,
    prepared: Floats,
    sets: TrainingSets,
    tuning: TuningSpec,
    *,
    search_seeds: Sequence[int],
    fit_seeds: Sequence[int],
    finish: bool = False,
) -> Searches:
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
    Searches
        The first trial is the middle of the space.
    """
    if model.space and (tuning.sampler == "tpe" or tuning.prune):
        seeds = zip(search_seeds, fit_seeds, strict=True)
        return _joined(
            [
                _searched_in_turn(
                    model,
                    prepared[number : number + 1],
                    sets.outer_set(number),
                    tuning,
                    seeds=pair,
                    finish=finish,
                )
                for number, pair in enumerate(seeds)
            ]
        )
    candidates = ask_candidates(model, tuning.trials, tuning.sampler, search_seeds[0])
    judgement = judge_candidates(
        model,
        prepared,
        sets,
        candidates,
        fit_seeds=fit_seeds,
        criterion=tuning.criterion,
        finish=finish,
    )
    return Searches(
        searches=tuple(_search_of(candidates, row) for row in judgement.criteria.tolist()),
        margins=judgement.margins,
        predictions=judgement.predictions,
        sigmoids=judgement.sigmoids,
    )


def _search_of(candidates: Sequence[Candidate], criteria: Sequence[float]) -> Search:
    """Return the search in one outer set whose candidates came all at once."""
    return Search(
        trials=tuple(
            Trial(candidate=candidate, criterion=criterion)
            for candidate, criterion in zip(candidates, criteria, strict=True)
        )
    )


def _joined(parts: Sequence[Searches]) -> Searches:
    """Return searches of several outer sets as those of one design."""
    return Searches(
        searches=tuple(search for part in parts for search in part.searches),
        margins=np.concatenate([part.margins for part in parts]),
        predictions=np.concatenate([part.predictions for part in parts]),
        sigmoids=np.concatenate([part.sigmoids for part in parts]),
    )


def _searched_in_turn(
    model: Model,
    prepared: Floats,
    sets: TrainingSets,
    tuning: TuningSpec,
    *,
    seeds: tuple[int, int],
    finish: bool,
) -> Searches:
    """Return a search in one outer set that takes one candidate after the other.

    The sampler may learn from each before it gives the next, and the pruner knows those before.
    """
    import optuna

    search_seed, fit_seed = seeds
    study = _new_study(
        tuning.sampler,
        search_seed,
        pruner=optuna.pruners.MedianPruner(FIRST_TRIALS, n_warmup_steps=FIRST_FOLDS - 1),
    )
    study.enqueue_trial(centre_of(model.space))
    space = {name: _distribution(part) for name, part in model.space.items()}
    trials = []
    for _ in range(tuning.trials):
        suggestion = study.ask(space)
        candidate = dict(suggestion.params)
        if tuning.prune and model.kernel is None:
            trial = _pruned_trial(model, prepared[0], sets, suggestion, fit_seed, tuning.criterion)
        else:
            judgement = judge_candidates(
                model, prepared, sets, [candidate], fit_seeds=[fit_seed], criterion=tuning.criterion
            )
            trial = Trial(candidate=candidate, criterion=float(judgement.criteria[0, 0]))
        if trial.pruned:
            study.tell(suggestion, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(suggestion, trial.criterion)
        trials.append(trial)
    search = Search(trials=tuple(trials))
    if finish or model.recalibrated or model.margin == "score":
        judgement = judge_candidates(
            model,
            prepared,
            sets,
            [search.best.candidate],
            fit_seeds=[fit_seed],
            criterion=tuning.criterion,
            finish=finish,
        )
        margins, predictions = judgement.margins, judgement.predictions
        sigmoids = judgement.sigmoids
    else:
        margins = predictions = np.full((1, len(sets.answers)), np.nan)
        sigmoids = np.full((1, 2), np.nan)
    return Searches(searches=(search,), margins=margins, predictions=predictions, sigmoids=sigmoids)


def _pruned_trial(  # noqa: PLR0917 - a trial is all of these
    model: Model,
    prepared: Floats,
    sets: TrainingSets,
    suggestion: Any,
    fit_seed: int,
    criterion: str,
) -> Trial:
    """Return one candidate's trial in one outer set, given up once the pruner says so."""
    candidate, last, value = dict(suggestion.params), sets.roles.shape[1] - 2, np.nan
    for fold, value in judge_in_turn(
        model, prepared, sets, candidate, fit_seed=fit_seed, criterion=criterion
    ):
        suggestion.report(value, fold)
        if fold < last and suggestion.should_prune():
            return Trial(candidate=candidate, criterion=value, pruned=True)
    return Trial(candidate=candidate, criterion=value)


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

    distributions = {key: _distribution(part) for key, part in space}
    centre = centre_of(dict(space))
    study = _new_study(name, seed)
    # The sampler reads the space from a finished trial; no value of it is ever looked at.
    study.add_trial(
        optuna.trial.create_trial(params=centre, distributions=distributions, value=0.0)
    )
    drawn = [study.ask(distributions) for _ in range(trials - 1)]
    return ({**centre}, *({**trial.params} for trial in drawn))


def _new_study(name: str, seed: int, pruner: Any = None) -> Any:
    """Return an Optuna study in memory, by the name of its sampler."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if name == "qmc":
        with warnings.catch_warnings():
            # Its interface may change; the lock pins the version, and a test its candidates.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler: Any = optuna.samplers.QMCSampler(seed=seed, scramble=True)
    elif name == "tpe":
        sampler = optuna.samplers.TPESampler(seed=seed)
    else:
        sampler = optuna.samplers.RandomSampler(seed=seed)
    return optuna.create_study(direction="minimize", sampler=sampler, pruner=pruner)


def _distribution(part: Real | Whole | Choice) -> Any:
    """Return a part of a search space in Optuna's words."""
    from optuna import distributions

    if isinstance(part, Real):
        return distributions.FloatDistribution(part.low, part.high, log=part.log)
    if isinstance(part, Whole):
        return distributions.IntDistribution(part.low, part.high, log=part.log)
    return distributions.CategoricalDistribution(part.options)
