"""What is to be predicted: a rule and its arrays, never a bare column.

An outcome keeps the baseline score, the follow-up score and the rule that makes yes, no or
*not observed* of them, because a permutation test permutes the scores and applies the rule
again. Who was not observed is not a "no".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heldout.cohort import Cohort
from heldout.errors import OutcomeError, raise_faults, unknown_name
from heldout.spec import Experiment, InstrumentKey, OutcomeSpec, RuleSpec

__all__ = ["Outcome", "apply_rule", "derive_outcomes"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One outcome at one follow-up.

    Attributes
    ----------
    name, follow_up : str
        Together they name the outcome; `follow_up` is the visit's name.
    label : str
        In words, such as ``Response (MADRS fell by 50 % or more)``.
    column : str or None
        The declared column that was scored; None if the outcome was given as 0 and 1.
    rule : RuleSpec or None
        None if the scores are the outcome already.
    baseline, score : array of shape (n_patients,)
        Scores at baseline and at the follow-up; NaN where not observed.
    weights : array of shape (n_patients,)
        Patient weights for fitting and for metrics; all ones unless drop-out is weighted.
    primary : bool
        Whether this follow-up was named beforehand as the one that decides.
    """

    name: str
    follow_up: str
    label: str
    column: str | None
    rule: RuleSpec | None
    baseline: Floats
    score: Floats
    weights: Floats
    primary: bool

    @property
    def values(self) -> Floats:
        """1, 0, or NaN where not observed, by patient."""
        return apply_rule(self.rule, self.baseline, self.score)

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Whether the outcome is known, by patient."""
        return ~np.isnan(self.values)

    @property
    def events(self) -> int:
        """How many patients had the event."""
        return int(np.nansum(self.values))

    @property
    def smaller_class(self) -> int:
        """How many patients the rarer of the two answers has."""
        return min(self.events, int(self.observed.sum()) - self.events)

    @property
    def from_baseline(self) -> bool:
        """Whether the rule uses the baseline score, so that arithmetic alone predicts."""
        return self.rule is not None and self.rule.reduction is not None


def apply_rule(rule: RuleSpec | None, baseline: Floats, score: Floats) -> Floats:
    """Return 1 where the rule is met, 0 where not, NaN where it cannot be known.

    Parameters
    ----------
    rule : RuleSpec or None
        A share of reduction from baseline, a bound, or None for scores that are 0 and 1.
    baseline, score : array of shape (n_patients,)
        Scores in points; NaN where not observed.

    Returns
    -------
    array of shape (n_patients,)
        A reduction is unknown where either score is, and where the baseline is not above 0.

    Examples
    --------
    >>> rule = RuleSpec(reduction=0.5)
    >>> apply_rule(rule, np.array([30.0, 30.0, 30.0]), np.array([15.0, 16.0, np.nan]))
    array([ 1.,  0., nan])
    """
    if rule is None:
        return score.copy()
    known = ~np.isnan(score)
    if rule.reduction is not None:
        known &= baseline > 0
        # 20 - 10 must count as half whatever the binary fractions say.
        met = baseline - score >= rule.reduction * baseline - 1e-9
    elif rule.at_most is not None:
        met = score <= rule.at_most
    else:
        met = score >= (rule.at_least if rule.at_least is not None else np.inf)
    return np.where(known, met.astype(float), np.nan)


def derive_outcomes(
    experiment: Experiment, cohort: Cohort, keys: Mapping[str, InstrumentKey]
) -> tuple[Outcome, ...]:
    """Return every outcome of the experiment at each of its follow-ups.

    Parameters
    ----------
    experiment : Experiment
        Its ``outcomes`` name columns, rules and follow-ups.
    cohort : Cohort
        Scored.
    keys : mapping of str to InstrumentKey
        For directions.

    Returns
    -------
    tuple of Outcome
        In the order of the file.

    Raises
    ------
    OutcomeError
        With every fault: unknown columns and visits, follow-ups that are not after baseline,
        columns without a score at a visit, a reduction of something that should rise.
    """
    faults: list[str] = []
    for number, spec in enumerate(experiment.outcomes):
        faults += outcome_faults(experiment, cohort, keys, number, spec)
    raise_faults(OutcomeError, faults)
    return tuple(
        derive_outcome(cohort, spec, follow_up)
        for spec in experiment.outcomes
        for follow_up in spec.at
    )


def derive_outcome(cohort: Cohort, spec: OutcomeSpec, follow_up: str) -> Outcome:
    """Return one outcome at one follow-up."""
    baseline = cohort.spec.baseline
    n_patients = len(cohort.patients)
    known = cohort.has(spec.column, baseline)
    return Outcome(
        name=spec.name,
        follow_up=follow_up,
        label=outcome_label(cohort, spec),
        column=spec.column,
        rule=spec.rule,
        baseline=cohort.numbers(spec.column, baseline) if known else np.full(n_patients, np.nan),
        score=cohort.numbers(spec.column, follow_up),
        weights=np.ones(n_patients),
        primary=follow_up == spec.primary,
    )


def outcome_label(cohort: Cohort, spec: OutcomeSpec) -> str:
    """Return an outcome in words: its own label and its rule."""
    column = cohort.spec.columns[spec.column]
    scale = column.label or spec.column.upper()
    rule = spec.rule
    if rule.reduction is not None:
        words = f"{scale} fell by {rule.reduction:.0%} or more".replace("%", " %")
    elif rule.at_most is not None:
        words = f"{scale} of {rule.at_most:g} or less"
    else:
        words = f"{scale} of {rule.at_least:g} or more"
    return f"{spec.label or spec.name.replace('_', ' ').capitalize()} ({words})"


def outcome_faults(
    experiment: Experiment,
    cohort: Cohort,
    keys: Mapping[str, InstrumentKey],
    number: int,
    spec: OutcomeSpec,
) -> list[str]:
    """Return what is wrong with one outcome."""
    where = experiment.where("outcomes", number, "column")
    declared = cohort.spec.columns.get(spec.column)
    if declared is None:
        return [unknown_name(where, "declared column", spec.column, cohort.spec.columns)]
    if declared.kind not in (None, "number"):
        return [f"{where}: '{spec.column}' is a {declared.kind}. An outcome's rule needs a number."]
    faults = [
        fault
        for follow_up in spec.at
        if (fault := follow_up_fault(experiment, cohort, number, spec, follow_up))
    ]
    if spec.rule.reduction is not None:
        if not cohort.has(spec.column, cohort.spec.baseline):
            faults.append(
                f"{where}: a reduction needs '{spec.column}' at baseline "
                f"'{cohort.spec.baseline}', where it was not measured. Use at_most or at_least."
            )
        key = keys.get(declared.instrument or "")
        if key is not None and key.higher_is == "better":
            faults.append(
                f"{where}: '{spec.column}' rises as patients improve, so a reduction is no "
                "response. Use at_least."
            )
    return faults


def follow_up_fault(
    experiment: Experiment, cohort: Cohort, number: int, spec: OutcomeSpec, follow_up: str
) -> str:
    """Return what is wrong with one follow-up of an outcome, or nothing."""
    where = experiment.where("outcomes", number, "at")
    visits = cohort.spec.visits
    if follow_up not in visits:
        return unknown_name(where, "visit", follow_up, visits)
    if visits[follow_up].day <= visits[cohort.spec.baseline].day:
        return (
            f"{where}: visit '{follow_up}' (day {visits[follow_up].day:g}) is not after baseline "
            f"'{cohort.spec.baseline}'. An outcome lies at a follow-up."
        )
    if not cohort.has(spec.column, follow_up):
        measured = [visit for visit in visits if cohort.has(spec.column, visit)]
        return (
            f"{where}: '{spec.column}' was not measured at '{follow_up}', only at "
            f"{', '.join(measured)}. Choose one of these."
        )
    return ""
