"""What is true in a simulated cohort, found on a large fresh population.

The truth hangs on effects and response rate alone, never on the seed of a cohort: studies that
differ in their seed share it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats
from heldout.instruments.scoring import score_array
from heldout.simulate.answers import (
    CONSTRUCTS,
    QUESTIONNAIRES,
    draw_answers,
    draw_traits,
    score_names,
    shipped_key,
)
from heldout.simulate.cohort import Simulation, draw_course, weights_of
from heldout.simulate.course import BASELINE, FOLLOW_UPS

# The standard error of an AUC is .002 with so many patients, half of them responders, and .003
# where questionnaires must be answered too.
POPULATION, ANSWERING = 100_000, 40_000
# Sites of the population: so many that none weighs anything.
_SITES = 1_000
REDUCTION, REMISSION = 0.5, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpTruth:
    """What is true at one follow-up, of all patients, lost or not.

    Attributes
    ----------
    follow_up : str
        The visit.
    response, remission : float
        Share with a 50 % reduction, and with a MADRS of 10 or less.
    madrs_mean, madrs_sd : float
        Points.
    differences : mapping of str to float
        Construct -> responders minus non-responders, in SD within these groups: effects, and
        what correlated constructs take from them.
    auc_constructs : float
        Of the best rule for response that could see the constructs themselves: their weighted
        sum, as improvement was made of it. No questionnaire reaches it.
    auc_scores : float
        Of the best linear rule on what the study holds, every questionnaire's score and
        baseline MADRS, arithmetic included: what a model that learnt from endless patients
        would reach.
    auc_severity : float
        Of baseline MADRS alone, which is arithmetic: a 50 % reduction is made of it.
    """

    follow_up: str
    response: float
    remission: float
    madrs_mean: float
    madrs_sd: float
    differences: Mapping[str, float]
    auc_constructs: float
    auc_scores: float
    auc_severity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is true in a simulated cohort.

    Attributes
    ----------
    effects : mapping of str to float
        Constructs that matter -> the effect asked for; empty if nothing matters.
    effects_at : tuple of str
        Follow-ups with these effects.
    scores : tuple of str
        Names of the scores that measure these constructs.
    follow_ups : tuple of FollowUpTruth
        In order of time.
    """

    effects: Mapping[str, float]
    effects_at: tuple[str, ...]
    scores: tuple[str, ...]
    follow_ups: tuple[FollowUpTruth, ...]


def find_truth(spec: Simulation) -> Truth:
    """Return what is true in the cohorts of a simulation.

    Parameters
    ----------
    spec : Simulation
        Its number of patients, seed, drop-out and missing answers change nothing.

    Returns
    -------
    Truth

    Examples
    --------
    >>> truth = find_truth(Simulation())
    >>> truth.effects, truth.follow_ups[-1].auc_constructs
    ({}, 0.5)
    """
    effects = {name: size for name, size in spec.effects.items() if size}
    at = tuple(FOLLOW_UPS) if spec.effects_at is None else spec.effects_at
    wanted = tuple(sorted(effects.items()))
    measuring = [name for name, asked in QUESTIONNAIRES.items() if asked.construct in effects]
    return Truth(
        effects=effects,
        effects_at=at if effects else (),
        scores=tuple(chain.from_iterable(map(score_names, measuring))),
        follow_ups=_follow_up_truths(wanted, spec.effects_at, spec.response_rate),
    )


@cache
def _follow_up_truths(
    effects: tuple[tuple[str, float], ...], effects_at: tuple[str, ...] | None, rate: float
) -> tuple[FollowUpTruth, ...]:
    """Return the truth of every follow-up; kept, as benchmarks ask for the same many times."""
    spec = replace(Simulation(), effects=dict(effects), effects_at=effects_at, response_rate=rate)
    rng = spec.rng("population")
    traits = draw_traits(POPULATION, rng)
    totals, _ = draw_course(spec, traits, rng.integers(_SITES, size=POPULATION), rng)
    baseline = totals[BASELINE]
    constructs = np.column_stack([traits[name] for name in CONSTRUCTS])
    scores = np.column_stack([*_observed_scores(traits, rng), baseline[:ANSWERING]])
    weights = weights_of(spec)
    truths = []
    for name in FOLLOW_UPS:
        total = totals[name]
        response = total <= (1 - REDUCTION) * baseline
        truths.append(
            FollowUpTruth(
                follow_up=name,
                response=float(response.mean()),
                remission=float((total <= REMISSION).mean()),
                madrs_mean=float(total.mean()),
                madrs_sd=float(total.std()),
                differences=_differences_of(constructs, response),
                auc_constructs=rank_auc(constructs @ weights[name], response),
                auc_scores=_best_auc(scores, response[:ANSWERING]),
                auc_severity=rank_auc(baseline, response),
            )
        )
    return tuple(truths)


def _differences_of(constructs: Floats, response: NDArray[np.bool_]) -> dict[str, float]:
    """Return responders minus non-responders in each construct, in SD within these groups."""
    yes, no = constructs[response], constructs[~response]
    # Within the groups: over all patients the difference would count as spread, too.
    within = np.sqrt((len(yes) * yes.var(axis=0) + len(no) * no.var(axis=0)) / len(constructs))
    differences = (yes.mean(axis=0) - no.mean(axis=0)) / within
    return dict(zip(CONSTRUCTS, differences.tolist(), strict=True))


def _best_auc(scores: Floats, response: NDArray[np.bool_]) -> float:
    """Return the AUC of Fisher's rule, learnt on one half and judged on the other, both ways."""
    # Judged on who it learnt from, a rule of twenty scores would look better than it is.
    known, half = np.column_stack([np.ones(len(scores)), scores]), len(scores) // 2
    areas = []
    for learning, judged in ((slice(half), slice(half, None)), (slice(half, None), slice(half))):
        rule = np.linalg.lstsq(known[learning], response[learning].astype(np.float64))[0]
        areas.append(rank_auc(known[judged] @ rule, response[judged]))
    return float(np.mean(areas))


def _observed_scores(traits: Mapping[str, Floats], rng: np.random.Generator) -> list[Floats]:
    """Return every score of the questionnaires that a study uses, of the first patients."""
    scores = []
    for name, questionnaire in QUESTIONNAIRES.items():
        key, trait = shipped_key(name), traits[questionnaire.construct][:ANSWERING]
        scored = score_array(key, draw_answers(questionnaire, key, trait, rng))
        scores += [scored[score] for score in questionnaire.scores]
    return scores


def rank_auc(rule: Floats, response: NDArray[np.bool_]) -> float:
    """Return how often a responder has more of a rule than a non-responder; ties count half.

    Parameters
    ----------
    rule : array of shape (n_patients,)
        Higher: response is likelier.
    response : array of bool of shape (n_patients,)
        Who responded.

    Returns
    -------
    float

    Examples
    --------
    >>> rank_auc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, False, True, True]))
    0.875
    """
    from scipy.stats import rankdata

    n_yes = int(response.sum())
    n_no = len(response) - n_yes
    ranks = rankdata(rule)[response].sum() - n_yes * (n_yes + 1) / 2
    return float(ranks / (n_yes * n_no))
