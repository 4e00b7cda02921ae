"""From an experiment and a scored cohort to its outcomes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from heldout.cohort.people import Cohort
from heldout.errors import OutcomeError, raise_faults
from heldout.instruments.scales import scale_of
from heldout.outcomes.faults import outcome_faults
from heldout.outcomes.outcome import Outcome
from heldout.outcomes.rules import Rule, rule_of
from heldout.spec.cohort import VisitSpec
from heldout.spec.experiment import Experiment
from heldout.spec.instrument import InstrumentKey
from heldout.spec.outcomes import OutcomeSpec

_MISSED = {
    "observed": "",
    "non_responder": "; a missed visit counts as a failure",
    "last_observation": "; the last score counts for a missed visit",
}


def derive_outcomes(
    experiment: Experiment, cohort: Cohort, keys: Mapping[str, InstrumentKey]
) -> tuple[Outcome, ...]:
    """Return every outcome of the experiment at each of its follow-ups.

    Parameters
    ----------
    experiment : Experiment
        Its ``outcomes`` name scores, rules and follow-ups; all lie after its landmark.
    cohort : Cohort
        Scored.
    keys : mapping of str to InstrumentKey
        Keys of the cohort's instruments: which scores there are, their ranges and directions.

    Returns
    -------
    tuple of Outcome
        In the order of the file.

    Raises
    ------
    OutcomeError
        With every fault: unknown scores and visits, visits in the wrong order or where the
        score was not measured, cut-offs outside the scale, rules that do not fit its direction
        or that all patients must answer alike.
    """
    faults: list[str] = []
    for number in range(len(experiment.outcomes)):
        faults += outcome_faults(experiment, cohort, keys, number)
    raise_faults(OutcomeError, faults)
    return tuple(
        _derive_outcome(experiment, cohort, keys, spec=spec, follow_up=follow_up)
        for spec in experiment.outcomes
        for follow_up in spec.at
    )


def _derive_outcome(
    experiment: Experiment,
    cohort: Cohort,
    keys: Mapping[str, InstrumentKey],
    *,
    spec: OutcomeSpec,
    follow_up: str,
) -> Outcome:
    """Return one outcome at one follow-up."""
    scale = scale_of(cohort.spec, keys, spec.column)
    assert scale is not None
    baseline, n_patients = cohort.spec.baseline, len(cohort.patients)
    # A bound on the score asks nothing of baseline, so the score may have begun later.
    known = cohort.has(spec.column, baseline)
    visits = _visits_up_to(experiment, cohort, spec, follow_up)
    rule = rule_of(spec.rule)
    return Outcome(
        name=spec.name,
        follow_up=follow_up,
        label=_label_of(spec, rule, scale.label, cohort.spec.visits, follow_up),
        column=spec.column,
        rule=rule,
        baseline=cohort.numbers(spec.column, baseline) if known else np.full(n_patients, np.nan),
        scores=np.column_stack([cohort.numbers(spec.column, visit) for visit in visits]),
        visits=visits,
        weights=np.ones(n_patients),
        primary=follow_up == spec.primary or _is_all_that_is_asked(experiment),
        higher_is=scale.higher_is,
        missing_visit=spec.missing_visit,
        bounds=scale.bounds,
    )


def _is_all_that_is_asked(experiment: Experiment) -> bool:
    """Return whether an experiment has one outcome at one follow-up: there is nothing to choose."""
    return len(experiment.outcomes) == 1 and len(experiment.outcomes[0].at) == 1


def _visits_up_to(
    experiment: Experiment, cohort: Cohort, spec: OutcomeSpec, follow_up: str
) -> tuple[str, ...]:
    """Return the visits an outcome looks at or may carry forward, in order of time.

    What was known when the prediction is made is never carried into the outcome: it would be
    predicted from itself. Nor is the baseline score, even if the prediction is made before it.
    """
    days = {name: visit.day for name, visit in cohort.spec.visits.items()}
    begin = max(days[experiment.landmark], days[cohort.spec.baseline])
    end = days[follow_up]
    earlier = spec.rule.after.visit if spec.rule.after is not None else None
    before = [
        name
        for name, day in days.items()
        if name == earlier or (begin < day < end and cohort.has(spec.column, name))
    ]
    return (*sorted(before, key=days.__getitem__), follow_up)


def _label_of(
    spec: OutcomeSpec, rule: Rule, scale: str, visits: Mapping[str, VisitSpec], follow_up: str
) -> str:
    """Return an outcome in words: its own label, its rule, and what a missed visit counts as."""
    name = spec.label or spec.name.replace("_", " ").capitalize()
    called = {visit: _within_sentence(given.label or visit) for visit, given in visits.items()}
    words = rule.words(scale, follow_up, called)
    return f"{name} ({words}{_MISSED[spec.missing_visit]})"


def _within_sentence(label: str) -> str:
    """Return a visit's label as it stands within a sentence."""
    # An abbreviation keeps its capitals: at EOT, not at eOT.
    return label[:1].lower() + label[1:] if label[1:2].islower() else label
