"""What is wrong with an outcome, all of it at once, before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from heldout.cohort.people import Cohort
from heldout.errors import unknown_name
from heldout.instruments.scales import scale_of, score_names
from heldout.outcomes.rules import Rule, rule_of
from heldout.spec.experiment import Experiment
from heldout.spec.instrument import InstrumentKey
from heldout.spec.outcomes import OutcomeSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """One outcome of an experiment, with what decides it."""

    experiment: Experiment
    cohort: Cohort
    number: int
    spec: OutcomeSpec
    rule: Rule

    def where(self, *path: str | int) -> str:
        """Return the place of one of the outcome's keys."""
        return self.experiment.where("outcomes", self.number, *path)

    def day(self, visit: str) -> float:
        """Return a declared visit's day."""
        return self.cohort.spec.visits[visit].day

    def placed(self, visit: str) -> str:
        """Return a declared visit in words, with its day."""
        return f"'{visit}' (day {self.day(visit):g})"


def outcome_faults(
    experiment: Experiment, cohort: Cohort, keys: Mapping[str, InstrumentKey], number: int
) -> list[str]:
    """Return what is wrong with one outcome.

    Parameters
    ----------
    experiment : Experiment
        Whose outcome it is.
    cohort : Cohort
        Scored.
    keys : mapping of str to InstrumentKey
        Keys of the cohort's instruments.
    number : int
        Which outcome, from 0.

    Returns
    -------
    list of str
        Complete messages; empty if it can be derived at every follow-up.
    """
    spec = experiment.outcomes[number]
    scale = scale_of(cohort.spec, keys, spec.column)
    # Without a score there is nothing that the other checks could look at.
    if scale is None:
        where = experiment.where("outcomes", number, "column")
        return [_no_score(where, cohort, keys, spec.column)]
    target = _Target(
        experiment=experiment, cohort=cohort, number=number, spec=spec, rule=rule_of(spec.rule)
    )
    return [
        *(fault for follow_up in spec.at if (fault := _follow_up_fault(target, follow_up))),
        *_earlier_visit_faults(target),
        *_baseline_faults(target),
        *_severity_faults(target, keys),
        *(
            f"{target.where(*path)}: {text}"
            for path, text in target.rule.faults(scale, spec.missing_visit)
        ),
    ]


def _severity_faults(target: _Target, keys: Mapping[str, InstrumentKey]) -> Iterator[str]:
    """Yield the fault of a severity that is no score, or was not measured at baseline."""
    cohort, name, where = target.cohort, target.spec.severity, target.where("severity")
    if name is None:
        return
    if scale_of(cohort.spec, keys, name) is None:
        yield _no_score(where, cohort, keys, name)
    elif not cohort.has(name, cohort.spec.baseline):
        yield (
            f"{where}: '{name}' was not measured at baseline '{cohort.spec.baseline}'. Name a "
            "score that was, or remove it."
        )


def _no_score(where: str, cohort: Cohort, keys: Mapping[str, InstrumentKey], name: str) -> str:
    """Return the fault of a name that is no score."""
    column, _, part = name.partition(".")
    declared = cohort.spec.columns.get(column)
    if declared is None:
        return unknown_name(where, "declared column", column, cohort.spec.columns)
    if declared.kind not in (None, "number"):
        return f"{where}: '{column}' is a {declared.kind}. An outcome's rule needs a number."
    known = score_names(cohort.spec, keys, column)
    if part:
        return unknown_name(where, f"score of '{column}'", name, known)
    return f"{where}: '{column}' has no total. Name one of its scores: {', '.join(known)}."


def _follow_up_fault(target: _Target, follow_up: str) -> str:
    """Return what is wrong with one follow-up, or nothing."""
    where, visits = target.where("at"), target.cohort.spec.visits
    baseline, landmark = target.cohort.spec.baseline, target.experiment.landmark
    if follow_up not in visits:
        return unknown_name(where, "visit", follow_up, visits)
    if target.day(follow_up) <= target.day(baseline):
        return (
            f"{where}: visit {target.placed(follow_up)} is not after baseline '{baseline}'. An "
            "outcome lies at a follow-up."
        )
    if target.day(follow_up) <= target.day(landmark):
        return (
            f"{where}: visit {target.placed(follow_up)} is not after {target.placed(landmark)}, at "
            "which the prediction is made; it would be known already. Choose a later follow-up, "
            "or an earlier 'known_at'."
        )
    return _unmeasured(target, where, follow_up)


def _unmeasured(target: _Target, where: str, visit: str) -> str:
    """Return the fault of a visit without the score, or nothing."""
    cohort, column = target.cohort, target.spec.column
    if cohort.has(column, visit):
        return ""
    measured = [name for name in cohort.spec.visits if cohort.has(column, name)]
    return (
        f"{where}: '{column}' was not measured at '{visit}', only at {', '.join(measured)}. "
        "Choose one of these."
    )


def _earlier_visit_faults(target: _Target) -> Iterator[str]:
    """Yield what is wrong with the visits of ``throughout`` and ``after``."""
    rule, landmark = target.spec.rule, target.experiment.landmark
    baseline = target.cohort.spec.baseline
    begin = max(landmark, baseline, key=target.day)
    if rule.after is not None:
        where = target.where("rule", "after", "visit")
        fault = _between_fault(target, where, rule.after.visit, baseline)
        if fault:
            yield fault
        # Sustained since the earlier rule was met: before that nobody was at risk.
        elif target.day(rule.after.visit) > target.day(begin):
            begin = rule.after.visit
    for number, visit in enumerate(rule.throughout):
        where = target.where("rule", "throughout", number)
        if fault := _between_fault(target, where, visit, begin):
            yield fault


def _between_fault(target: _Target, where: str, visit: str, begin: str) -> str:
    """Return the fault of a visit that is not between another and the follow-ups, or nothing."""
    visits = target.cohort.spec.visits
    if visit not in visits:
        return unknown_name(where, "visit", visit, visits)
    if target.day(visit) <= target.day(begin):
        return (
            f"{where}: visit {target.placed(visit)} is not after {target.placed(begin)}. Name a "
            "visit between that and the follow-up."
        )
    # A follow-up that is no declared visit has a fault of its own.
    early = [at for at in target.spec.at if at in visits and target.day(at) <= target.day(visit)]
    if early:
        return (
            f"{where}: visit {target.placed(visit)} is not before the follow-up "
            f"{target.placed(early[0])}. Name an earlier visit, or give that follow-up an outcome "
            "of its own."
        )
    return _unmeasured(target, where, visit)


def _baseline_faults(target: _Target) -> Iterator[str]:
    """Yield the fault of a rule that needs a baseline which was not measured."""
    column, baseline = target.spec.column, target.cohort.spec.baseline
    if target.cohort.has(column, baseline):
        return
    for need, instead in target.rule.baseline_needs:
        yield (
            f"{target.where('column')}: {need} needs '{column}' at baseline '{baseline}', where it "
            f"was not measured. Use {instead}."
        )
