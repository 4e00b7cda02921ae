"""All that a worker needs of a study: who, what is predicted from what, in which folds, how.

A design is small and plain, so that it can be sent to a process or a cluster; what describes the
patients stays at home in the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heldout.arrays import Floats, Integers, Piece
from heldout.errors import DesignError
from heldout.kinds import KINDS
from heldout.models.definition import Model, models_for
from heldout.nested.folds import HEADLINE, Procedure
from heldout.nested.training import LEARN, Patients, TrainingSets, prepare_features
from heldout.outcomes.outcome import Outcome
from heldout.spec.experiment import InferenceSpec, TuningSpec, ValidationSpec
from heldout.splits import FoldPlan, cannot_fill, plan_folds

# Repeats of the outer folds unless the experiment says how many: few events, more luck of a draw.
_REPEATS, _REPEATS_OF_FEW, _FEW_EVENTS = 5, 10, 10
# Below that a fold of five holds fewer than two, among whom nobody can be ranked.
_FEWEST_PATIENTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A study as units of work see it; every array follows the order of the patients.

    Attributes
    ----------
    outcomes : tuple of Outcome
        Evaluated or not.
    declined : tuple of str or None
        For each outcome, why it cannot be evaluated; None if it can.
    folds : FoldPlan
        One for all outcomes and models.
    features : array of shape (n_patients, n_columns)
        What is known at baseline; NaN where not observed.
    composition : tuple of Piece
        How what models see is made of the features; empty if it is these.
    references : tuple of mapping of str to array of shape (n_patients, n_columns)
        For each outcome, what its reference models see, by `Model.columns`: its own score at
        baseline, and beside it age and sex; without what was not measured.
    site : array of int of shape (n_patients,), or None
        Site numbers, from 0.
    models : tuple of Model
        In the experiment's order.
    validation, tuning, inference, seed
        As in the experiment.
    explain : bool
        Whether held-out predictions are explained.
    """

    outcomes: tuple[Outcome, ...]
    declined: tuple[str | None, ...]
    folds: FoldPlan
    features: Floats
    composition: tuple[Piece, ...]
    references: tuple[Mapping[str, Floats], ...]
    site: Integers | None
    models: tuple[Model, ...]
    validation: ValidationSpec
    tuning: TuningSpec
    inference: InferenceSpec
    seed: int
    explain: bool = True

    @property
    def evaluated(self) -> tuple[int, ...]:
        """The numbers of the outcomes that are evaluated."""
        return tuple(number for number, reason in enumerate(self.declined) if reason is None)

    @property
    def n_features(self) -> int:
        """How many features models see."""
        return sum(piece.n for piece in self.composition) or self.features.shape[1]

    @property
    def n_repeats(self) -> int:
        """How often patients are divided into outer folds, for estimate and test alike."""
        return len(self.folds.folds)

    @property
    def profile(self) -> Floats:
        """Features as models see them, prepared without any outcome; no missing values."""
        n_patients = len(self.features)
        everybody = TrainingSets(
            roles=np.full((1, 1, n_patients), LEARN, dtype=np.int8),
            answers=np.zeros(n_patients),
            weights=np.ones(n_patients),
            kind="number",
        )
        prepared = prepare_features(self.features, everybody, "impute_scale", self.composition)
        return np.asarray(prepared[0, 0], dtype=np.float64)

    @property
    def procedure(self) -> Procedure:
        """What is done in every training set."""
        return Procedure(
            models=self.models,
            tuning=self.tuning,
            n_inner=self.validation.inner,
            seed=self.seed,
        )

    def models_of(self, number: int) -> tuple[Model, ...]:
        """Return the models that one outcome can have, for its kind."""
        return tuple(
            model
            for model in models_for(self.models, self.outcomes[number].kind)
            if model.columns in ("all", *self.references[number])
        )

    def names_of(self, number: int) -> tuple[str, ...]:
        """Return what one outcome is evaluated of: its models, and the headline last."""
        return (*(model.name for model in self.models_of(number)), HEADLINE)

    def features_of(self, number: int, rows: Integers) -> dict[str, Floats]:
        """Return what is known of some patients, by `Model.columns`, as far as it is known."""
        references = {name: table[rows] for name, table in self.references[number].items()}
        return {"all": self.features[rows]} | references

    def width_of(self, number: int, model: Model) -> int:
        """Return how many columns a model of one outcome sees."""
        if model.columns == "all":
            return self.n_features
        return int(self.references[number][model.columns].shape[1])

    def patients(self, number: int, rows: Integers, outcome: Outcome | None = None) -> Patients:
        """Return patients to learn an outcome from, or to hold out in turn.

        Parameters
        ----------
        number : int
            Which outcome.
        rows : array of int
            Patients who were all observed.
        outcome : Outcome, optional
            The same outcome with other scores, in place of the observed one.

        Returns
        -------
        Patients
        """
        target = outcome or self.outcomes[number]
        return Patients(
            features=self.features_of(number, rows),
            answers=target.values[rows],
            weights=target.weights[rows],
            site=None if self.site is None else self.site[rows],
            kind=target.kind,
            composition=self.composition,
        )


def site_numbers(site: Sequence[str] | None) -> Integers | None:
    """Return sites as numbers from 0, in alphabetical order.

    Parameters
    ----------
    site : sequence of str, or None
        One a patient.

    Returns
    -------
    array of int of shape (n_patients,), or None
    """
    return None if site is None else np.unique(np.asarray(site), return_inverse=True)[1]


def joint_strata(outcomes: Sequence[Outcome]) -> Floats:
    """Return the groups that every fold shall hold in proportion, of several outcomes at once.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Of one cohort.

    Returns
    -------
    array of shape (n_patients, n_outcomes)
        NaN where not observed.
    """
    return np.column_stack([KINDS[outcome.kind].strata(outcome.values) for outcome in outcomes])


def repeats_for(outcomes: Sequence[Outcome], validation: ValidationSpec) -> int:
    """Return how often patients are divided into outer folds.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Of one cohort; those that cannot be evaluated do not count.
    validation : ValidationSpec
        Its `repeats`, or none.

    Returns
    -------
    int
        What was asked for; otherwise 5, or 10 if fewer than 10 patients have the rarer answer.
    """
    if validation.repeats is not None:
        return validation.repeats
    rarer = [
        outcome.smaller_class
        for outcome in outcomes
        if KINDS[outcome.kind].has_events and reason_to_decline(outcome, validation.outer) is None
    ]
    return _REPEATS_OF_FEW if min(rarer, default=_FEW_EVENTS) < _FEW_EVENTS else _REPEATS


def with_folds(
    outcomes: Sequence[Outcome],
    validation: ValidationSpec,
    *,
    seed: int,
    site: Integers | None,
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
    site : array of int of shape (n_patients,), or None
        Site numbers, from 0.

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
            joint_strata(kept),
            n_folds=validation.outer,
            n_repeats=repeats_for(outcomes, validation),
            seed=seed,
            site=site,
        )
        if folds is not None:
            return tuple(declined), folds
        # The outcome that is hardest to divide gives way, so that most of them stay.
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
    if not KINDS[outcome.kind].has_events:
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
    strata = KINDS[outcome.kind].strata(outcome.values)[outcome.observed]
    return len(strata) - int(np.bincount(strata.astype(np.int64)).max(initial=0))
