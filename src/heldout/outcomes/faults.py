"""What is wrong with an outcome, all of it at once, before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from heldout.cohort import Cohort
from heldout.errors import unknown_name
from heldout.instruments.scales import Scale, scale_of, score_names
from heldout.outcomes.rules import reliable_points
from heldout.spec import EarlierRule, Experiment, InstrumentKey, OutcomeSpec, RuleSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One outcome of an experiment, with the score that decides it."""

    experiment: Experiment
    cohort: Cohort
    number: int
    spec: OutcomeSpec
    scale: Scale

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
    if scale is None:
        where = experiment.where("outcomes", number, "column")
        return [_no_score(where, cohort, keys, spec.column)]
    asked = _Asked(experiment=experiment, cohort=cohort, number=number, spec=spec, scale=scale)
    return [
        *(fault for follow_up in spec.at if (fault := _follow_up_fault(asked, follow_up))),
        *_earlier_visit_faults(asked),
        *_baseline_faults(asked),
        *_direction_faults(asked),
        *_range_faults(asked),
    ]


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


def _follow_up_fault(asked: _Asked, follow_up: str) -> str:
    """Return what is wrong with one follow-up, or nothing."""
    where, visits = asked.where("at"), asked.cohort.spec.visits
    baseline, landmark = asked.cohort.spec.baseline, asked.experiment.landmark
    if follow_up not in visits:
        return unknown_name(where, "visit", follow_up, visits)
    if asked.day(follow_up) <= asked.day(baseline):
        return (
            f"{where}: visit {asked.placed(follow_up)} is not after baseline '{baseline}'. An "
            "outcome lies at a follow-up."
        )
    if asked.day(follow_up) <= asked.day(landmark):
        return (
            f"{where}: visit {asked.placed(follow_up)} is not after {asked.placed(landmark)}, at "
            "which the prediction is made; it would be known already. Choose a later follow-up, "
            "or an earlier 'known_at'."
        )
    return _unmeasured(asked, where, follow_up)


def _unmeasured(asked: _Asked, where: str, visit: str) -> str:
    """Return the fault of a visit without the score, or nothing."""
    cohort, column = asked.cohort, asked.spec.column
    if cohort.has(column, visit):
        return ""
    measured = [name for name in cohort.spec.visits if cohort.has(column, name)]
    return (
        f"{where}: '{column}' was not measured at '{visit}', only at {', '.join(measured)}. "
        "Choose one of these."
    )


def _earlier_visit_faults(asked: _Asked) -> Iterator[str]:
    """Yield what is wrong with the visits of ``throughout`` and ``after``."""
    rule, landmark = asked.spec.rule, asked.experiment.landmark
    baseline = asked.cohort.spec.baseline
    begin = max(landmark, baseline, key=asked.day)
    if rule.after is not None:
        where = asked.where("rule", "after", "visit")
        fault = _between_fault(asked, where, rule.after.visit, baseline)
        if fault:
            yield fault
        elif asked.day(rule.after.visit) > asked.day(begin):
            begin = rule.after.visit
    for number, visit in enumerate(rule.throughout):
        where = asked.where("rule", "throughout", number)
        if fault := _between_fault(asked, where, visit, begin):
            yield fault


def _between_fault(asked: _Asked, where: str, visit: str, begin: str) -> str:
    """Return the fault of a visit that is not between another and the follow-ups, or nothing."""
    visits = asked.cohort.spec.visits
    if visit not in visits:
        return unknown_name(where, "visit", visit, visits)
    if asked.day(visit) <= asked.day(begin):
        return (
            f"{where}: visit {asked.placed(visit)} is not after {asked.placed(begin)}. Name a "
            "visit between that and the follow-up."
        )
    early = [at for at in asked.spec.at if at in visits and asked.day(at) <= asked.day(visit)]
    if early:
        return (
            f"{where}: visit {asked.placed(visit)} is not before the follow-up "
            f"{asked.placed(early[0])}. Name an earlier visit, or give that follow-up an outcome "
            "of its own."
        )
    return _unmeasured(asked, where, visit)


def _baseline_faults(asked: _Asked) -> Iterator[str]:
    """Yield the fault of a rule that needs a baseline which was not measured."""
    rule, column, baseline = asked.spec.rule, asked.spec.column, asked.cohort.spec.baseline
    if asked.cohort.has(column, baseline):
        return
    needed = {
        "a reduction": rule.reduction,
        "reliable change": rule.reliable_change,
        "a change": rule.value if rule.value in ("change", "percent_change") else None,
        "an earlier reduction": rule.after.reduction if rule.after is not None else None,
    }
    for what in (what for what, given in needed.items() if given is not None):
        instead = "value: score" if what == "a change" else "at_most or at_least"
        yield (
            f"{asked.where('column')}: {what} needs '{column}' at baseline '{baseline}', where it "
            f"was not measured. Use {instead}."
        )


def _direction_faults(asked: _Asked) -> Iterator[str]:
    """Yield what does not fit the direction of the score."""
    rule, column, higher_is = asked.spec.rule, asked.spec.column, asked.scale.higher_is
    reductions = [rule.reduction, rule.after.reduction if rule.after is not None else None]
    if higher_is == "better" and any(reductions):
        yield (
            f"{asked.where('column')}: '{column}' rises as patients improve, so a reduction is no "
            "response. Use at_least."
        )
    bounded = rule.at_most is not None or rule.at_least is not None
    unclear = [
        words
        for words, used in {
            "reliable change": rule.reliable_change is not None,
            "'missing_visit: non_responder'": bounded
            and asked.spec.missing_visit == "non_responder",
        }.items()
        if used and higher_is is None
    ]
    for words in unclear:
        yield (
            f"{asked.where('column')}: {words} needs to know which end of '{column}' is the good "
            f"one. Give '{asked.scale.column}' a 'higher_is: worse' or 'higher_is: better' in the "
            "cohort file."
        )
    if rule.reliable_change is None:
        return
    wrong = "and_at_most" if higher_is == "better" else "and_at_least"
    if higher_is is not None and getattr(rule.reliable_change, wrong) is not None:
        right = "and_at_least" if wrong == "and_at_most" else "and_at_most"
        yield (
            f"{asked.where('rule', 'reliable_change', wrong)}: higher '{column}' is {higher_is}, "
            f"so improvement does not cross this bound. Use {right}."
        )


def _range_faults(asked: _Asked) -> Iterator[str]:
    """Yield the faults of rules that all patients must answer alike, as the scale's range says."""
    if asked.scale.bounds is None:
        return
    rule, (low, high) = asked.spec.rule, asked.scale.bounds
    yield from _bound_faults(asked, rule, ("rule",))
    if rule.after is not None:
        yield from _bound_faults(asked, rule.after, ("rule", "after"))
    change = rule.reliable_change
    if change is None:
        return
    if reliable_points(change) >= high - low:
        yield (
            f"{asked.where('rule', 'reliable_change')}: reliable change is more than "
            f"{reliable_points(change):.1f} points here, and {_span(asked)}, so nobody can have "
            "it. Check 'sd' and 'reliability'."
        )
    for name, end in (("and_at_most", high), ("and_at_least", low)):
        cut = getattr(change, name)
        if cut is not None and (not low <= cut <= high or cut == end):
            yield (
                f"{asked.where('rule', 'reliable_change', name)}: found {cut:g}, and {_span(asked)}"
                ", so nobody can cross it. Choose a cut-off inside."
            )


def _bound_faults(
    asked: _Asked, rule: RuleSpec | EarlierRule, path: tuple[str, ...]
) -> Iterator[str]:
    """Yield the faults of a reduction or a bound that all patients must answer alike."""
    assert asked.scale.bounds is not None
    low, high = asked.scale.bounds
    for name, end in (("at_most", high), ("at_least", low)):
        cut = getattr(rule, name)
        if cut is not None and (not low <= cut <= high or cut == end):
            yield (
                f"{asked.where(*path, name)}: found {cut:g}, and {_span(asked)}, so all patients "
                "would answer alike. Choose a cut-off inside."
            )
    if rule.reduction is not None and high - low < rule.reduction * high:
        yield (
            f"{asked.where(*path, 'reduction')}: found {rule.reduction:g}, and {_span(asked)}, so "
            f"nobody can fall by more than {max(0.0, 1 - low / high):.2g} of a score. Choose a "
            "smaller share, or at_most."
        )


def _span(asked: _Asked) -> str:
    """Return the range of the score in words."""
    assert asked.scale.bounds is not None
    low, high = asked.scale.bounds
    return f"'{asked.spec.column}' runs from {low:g} to {high:g}"
