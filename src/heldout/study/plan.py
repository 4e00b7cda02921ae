"""Everything decided before anything is fitted: who, what, from what, in which folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from heldout.cohort import FlowStep, include_patients, read_cohort
from heldout.describe import Description, describe_cohort
from heldout.errors import DesignError
from heldout.features import FeatureMatrix, build_features, severity_matrix
from heldout.findings import Finding, StudyData, run_checks
from heldout.instruments import load_keys, score_instruments
from heldout.models import Model, check_models
from heldout.outcomes import Outcome, derive_outcomes
from heldout.spec import (
    Experiment,
    InferenceSpec,
    TuningSpec,
    ValidationSpec,
    composed,
    fingerprint,
)
from heldout.splits import FoldPlan, cannot_fill, plan_folds, strata_of

_FEWEST_PATIENTS = 10


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
    validation, tuning, inference, seed
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
    data_fingerprint : str
        Digest of the data.
    findings : tuple of Finding
        What was seen in the data; empty for a study in memory.
    description : Description
        Of the patients; empty for a study in memory.
    explain : bool
        Whether held-out predictions are explained.
    """

    experiment: Mapping[str, Any]
    fingerprint: str
    folder: Path | None
    models: tuple[Model, ...]
    validation: ValidationSpec
    tuning: TuningSpec
    inference: InferenceSpec
    seed: int
    patients: tuple[str, ...]
    site: tuple[str, ...] | None
    outcomes: tuple[Outcome, ...]
    declined: tuple[str | None, ...]
    matrix: FeatureMatrix
    severity: tuple[FeatureMatrix | None, ...]
    folds: FoldPlan
    flow: tuple[FlowStep, ...]
    data_fingerprint: str
    findings: tuple[Finding, ...] = ()
    description: Description = field(default_factory=Description)
    explain: bool = True


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
    cohort = include_patients(experiment, cohort)
    outcomes = derive_outcomes(experiment, cohort, keys)
    matrix = build_features(experiment, cohort, keys)
    severity = tuple(severity_matrix(cohort, outcome.column, keys) for outcome in outcomes)
    declined, folds = with_folds(
        outcomes, experiment.validation, seed=experiment.seed, site=cohort.site
    )
    data = StudyData(
        experiment=experiment, cohort=cohort, keys=keys, outcomes=outcomes, matrix=matrix
    )
    return StudyPlan(
        experiment=composed(experiment),
        fingerprint=fingerprint(experiment),
        folder=experiment.folder,
        models=models,
        validation=experiment.validation,
        tuning=experiment.tuning,
        inference=experiment.inference,
        seed=experiment.seed,
        patients=cohort.patients,
        site=cohort.site,
        outcomes=outcomes,
        declined=declined,
        matrix=matrix,
        severity=severity,
        folds=folds,
        flow=cohort.flow,
        data_fingerprint=cohort.data_fingerprint,
        findings=run_checks(cohort) + run_checks(data),
        description=describe_cohort(experiment, cohort, keys, outcomes),
    )


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
    if n_patients < _FEWEST_PATIENTS:
        raise DesignError(
            f"{n_patients} patients are included; at least {_FEWEST_PATIENTS} are required. With "
            "so few nothing can be held out. Check the inclusion rules and the table."
        )
    declined = [reason_to_decline(outcome, validation.outer) for outcome in outcomes]
    while None in declined:
        kept = [outcome for outcome, reason in zip(outcomes, declined, strict=True) if not reason]
        folds = plan_folds(
            np.column_stack([strata_of(outcome.values, outcome.kind) for outcome in kept]),
            n_folds=validation.outer,
            n_repeats=validation.repeats,
            seed=seed,
            site=site,
        )
        if folds is not None:
            return tuple(declined), folds
        scarcest = min(kept, key=_rarer_answers)
        declined[list(outcomes).index(scarcest)] = (
            f"{_opening(scarcest)}: no division of the patients into {validation.outer} folds "
            "serves it together with the other outcomes."
        )
    reasons = "\n".join(f"  {reason}" for reason in declined)
    raise DesignError(
        f"No outcome can be evaluated:\n{reasons}\nAn honest estimate needs more patients, fewer "
        "folds (validation.outer), or another outcome."
    )


def _opening(outcome: Outcome) -> str:
    """Return how every reason to decline begins."""
    return f"{outcome.name.replace('_', ' ').capitalize()} at {outcome.follow_up} was not evaluated"


def reason_to_decline(outcome: Outcome, n_folds: int) -> str | None:
    """Return why an outcome cannot be evaluated with nested folds, or None."""
    n_observed = int(outcome.observed.sum())
    if n_observed < _FEWEST_PATIENTS:
        return (
            f"{_opening(outcome)}: {n_observed} patients were observed, and {_FEWEST_PATIENTS} are "
            "the fewest of whom some can be held out."
        )
    if outcome.kind == "number":
        return _reason_to_decline_number(outcome, n_folds)
    if outcome.smaller_class == 0:
        answer = "the event" if outcome.events else "no event"
        return f"{_opening(outcome)}: all {n_observed} patients observed had {answer}."
    if cannot_fill(outcome.smaller_class, n_folds):
        with_event, without = outcome.event_words
        who = with_event if outcome.events == outcome.smaller_class else without
        return (
            f"{_opening(outcome)}: {outcome.smaller_class} {who} among {n_observed} patients "
            f"cannot fill {n_folds} stratified folds."
        )
    return None


def _reason_to_decline_number(outcome: Outcome, n_folds: int) -> str | None:
    """Return why a number observed in enough patients cannot be evaluated, or None."""
    n_observed = int(outcome.observed.sum())
    if np.ptp(outcome.values[outcome.observed]) == 0:
        return f"{_opening(outcome)}: all {n_observed} patients observed had the same number."
    if cannot_fill(_rarer_answers(outcome), n_folds):
        return (
            f"{_opening(outcome)}: the numbers of {n_observed} patients cannot fill {n_folds} "
            "folds that each hold lower and higher ones."
        )
    return None


def _rarer_answers(outcome: Outcome) -> int:
    """Return how many patients are outside the largest group that the folds are balanced by."""
    strata = strata_of(outcome.values, outcome.kind)[outcome.observed]
    return len(strata) - int(np.bincount(strata.astype(np.int64)).max(initial=0))
