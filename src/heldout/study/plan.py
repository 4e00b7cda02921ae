"""Everything decided before anything is fitted: who, what, from what, in which folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heldout.cohort import Cohort, FlowStep, read_cohort
from heldout.errors import DesignError
from heldout.features import FeatureMatrix, build_features, severity_matrix
from heldout.instruments import load_keys, score_instruments
from heldout.models import Model, check_models
from heldout.outcomes import Outcome, derive_outcomes
from heldout.record import VisitFacts
from heldout.spec import Experiment, TuningSpec, ValidationSpec, composed, fingerprint
from heldout.splits import FoldPlan, cannot_fill, plan_folds

__all__ = ["StudyPlan", "plan_study", "with_folds"]

FEWEST_PATIENTS = 10
# What patients with an event are called, where the field has a word.
EVENT_WORDS = {"response": "responders", "remission": "remitters"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """A study ready to be fitted.

    Attributes
    ----------
    experiment : mapping
        Composed, as the record stores it.
    fingerprint : str
        Digest of the experiment.
    folder : Path or None
        The study folder; None for a study in memory.
    models : tuple of Model
        In the experiment's order.
    validation, tuning, seed
        As in the experiment.
    patients : tuple of str
        Sorted pseudonyms; every array below follows this order.
    site : tuple of str, or None
        One a patient.
    outcomes : tuple of Outcome
        Evaluated or not.
    declined : tuple of str or None
        For each outcome, why it cannot be evaluated; None if it can.
    matrix : FeatureMatrix
        What is known at baseline.
    severity : tuple of FeatureMatrix or None
        For each outcome, its own score at baseline; None if it was not measured.
    folds : FoldPlan
        One for all outcomes and models.
    flow : tuple of FlowStep
        Patients at each step of inclusion.
    visits : tuple of VisitFacts
        In order of time.
    data_fingerprint : str
        Digest of the data.
    """

    experiment: Mapping[str, Any]
    fingerprint: str
    folder: Path | None
    models: tuple[Model, ...]
    validation: ValidationSpec
    tuning: TuningSpec
    seed: int
    patients: tuple[str, ...]
    site: tuple[str, ...] | None
    outcomes: tuple[Outcome, ...]
    declined: tuple[str | None, ...]
    matrix: FeatureMatrix
    severity: tuple[FeatureMatrix | None, ...]
    folds: FoldPlan
    flow: tuple[FlowStep, ...]
    visits: tuple[VisitFacts, ...]
    data_fingerprint: str


def plan_study(experiment: Experiment) -> StudyPlan:
    """Return the plan of an experiment; nothing is fitted.

    Parameters
    ----------
    experiment : Experiment
        Validated.

    Returns
    -------
    StudyPlan

    Raises
    ------
    StudyError
        Of the stage that found faults, with all of that stage's faults; `DesignError` if the
        cohort is too small, or no outcome can be evaluated.
    """
    models = check_models(experiment)
    keys = load_keys(experiment)
    cohort = score_instruments(read_cohort(experiment, keys), keys)
    outcomes = derive_outcomes(experiment, cohort, keys)
    matrix = build_features(experiment, cohort, keys)
    severity = tuple(severity_matrix(cohort, outcome.column, keys) for outcome in outcomes)
    declined, folds = with_folds(
        outcomes, experiment.validation, seed=experiment.seed, site=cohort.site
    )
    return StudyPlan(
        experiment=composed(experiment),
        fingerprint=fingerprint(experiment),
        folder=experiment.folder,
        models=models,
        validation=experiment.validation,
        tuning=experiment.tuning,
        seed=experiment.seed,
        patients=cohort.patients,
        site=cohort.site,
        outcomes=outcomes,
        declined=declined,
        matrix=matrix,
        severity=severity,
        folds=folds,
        flow=cohort.flow,
        visits=visit_facts(cohort, outcomes),
        data_fingerprint=cohort.data_fingerprint,
    )


def visit_facts(cohort: Cohort, outcomes: Sequence[Outcome]) -> tuple[VisitFacts, ...]:
    """Return how many patients have an outcome's score at each visit, in order of time."""
    columns = {outcome.column for outcome in outcomes if outcome.column is not None}
    facts = []
    for name, visit in sorted(cohort.spec.visits.items(), key=lambda item: item[1].day):
        scores = [cohort.numbers(column, name) for column in columns if cohort.has(column, name)]
        if not scores:
            continue
        observed = int(np.any(~np.isnan(scores), axis=0).sum())
        facts.append(
            VisitFacts(name=name, label=visit.label or name, day=visit.day, observed=observed)
        )
    return tuple(facts)


def with_folds(
    outcomes: Sequence[Outcome],
    validation: ValidationSpec,
    *,
    seed: int,
    site: Sequence[str] | None,
) -> tuple[tuple[str | None, ...], FoldPlan]:
    """Return why outcomes are declined, and one fold plan for all the others.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Of one cohort.
    validation : ValidationSpec
        Outer folds and repeats.
    seed : int
        The experiment's.
    site : sequence of str, or None
        One a patient.

    Returns
    -------
    declined : tuple of str or None
        One an outcome.
    folds : FoldPlan
        Fills every fold of every outcome that is not declined.

    Raises
    ------
    DesignError
        If there are fewer than ten patients, or no outcome can be evaluated.
    """
    n_patients = len(outcomes[0].score)
    if n_patients < FEWEST_PATIENTS:
        raise DesignError(
            f"{n_patients} patients are included; at least {FEWEST_PATIENTS} are required. With "
            "so few nothing can be held out. Check the inclusion rules and the table."
        )
    declined = [reason_to_decline(outcome, validation.outer) for outcome in outcomes]
    while None in declined:
        kept = [outcome for outcome, reason in zip(outcomes, declined, strict=True) if not reason]
        folds = plan_folds(
            np.column_stack([outcome.values for outcome in kept]),
            n_folds=validation.outer,
            n_repeats=validation.repeats,
            seed=seed,
            site=site,
        )
        if folds is not None:
            return tuple(declined), folds
        scarcest = min(kept, key=lambda outcome: outcome.smaller_class)
        declined[list(outcomes).index(scarcest)] = (
            f"{opening(scarcest)}: no division of the patients into {validation.outer} folds "
            "serves it together with the other outcomes."
        )
    reasons = "\n".join(f"  {reason}" for reason in declined)
    raise DesignError(
        f"No outcome can be evaluated:\n{reasons}\nAn honest estimate needs more patients, fewer "
        "folds (validation.outer), or another outcome."
    )


def opening(outcome: Outcome) -> str:
    """Return how every reason to decline begins."""
    return f"{outcome.name.replace('_', ' ').capitalize()} at {outcome.follow_up} was not evaluated"


def reason_to_decline(outcome: Outcome, n_folds: int) -> str | None:
    """Return why an outcome cannot be evaluated with nested folds, or None."""
    n_observed = int(outcome.observed.sum())
    if n_observed < FEWEST_PATIENTS:
        return (
            f"{opening(outcome)}: {n_observed} patients were observed, and {FEWEST_PATIENTS} are "
            "the fewest of whom some can be held out."
        )
    if outcome.smaller_class == 0:
        answer = "the event" if outcome.events else "no event"
        return f"{opening(outcome)}: all {n_observed} patients observed had {answer}."
    if cannot_fill(outcome.smaller_class, n_folds):
        word = EVENT_WORDS.get(outcome.name, "events")
        who = word if outcome.events == outcome.smaller_class else f"non-{word}"
        return (
            f"{opening(outcome)}: {outcome.smaller_class} {who} among {n_observed} patients "
            f"cannot fill {n_folds} stratified folds."
        )
    return None
