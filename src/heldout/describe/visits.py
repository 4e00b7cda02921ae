"""Who was observed at each visit, and how the scores were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np

from heldout.cohort.memory import INDEX
from heldout.cohort.people import Cohort
from heldout.describe.values import AuditCounts, VisitFacts
from heldout.instruments.audit import audit_scores
from heldout.outcomes.outcome import Outcome
from heldout.spec.instrument import InstrumentKey

_NAMED = ("prorated", "skipped", "missing")


def observe_visits(cohort: Cohort, outcomes: Sequence[Outcome]) -> tuple[VisitFacts, ...]:
    """Return how many patients have an outcome's score at each visit, in order of time.

    Parameters
    ----------
    cohort : Cohort
        Scored, and only those included.
    outcomes : sequence of Outcome
        Their scores count; visits at which none of them was measured are left out.

    Returns
    -------
    tuple of VisitFacts
    """
    columns = {outcome.column for outcome in outcomes if outcome.column is not None}
    at_visit = cohort.values.columns.get_level_values(1)
    facts = []
    for name, visit in sorted(cohort.spec.visits.items(), key=lambda item: item[1].day):
        scores = [cohort.numbers(column, name) for column in columns if cohort.has(column, name)]
        if not scores:
            continue
        # Any value of the visit shows that the patient was there, and what was not filled in.
        seen = cohort.values.loc[:, at_visit == name].notna().to_numpy().any(axis=1)
        scored = np.any(~np.isnan(scores), axis=0)
        facts.append(
            VisitFacts(
                name=name,
                label=visit.label or name,
                # A table in memory says the order of its visits, not their days.
                day=None if cohort.spec.patient == INDEX else visit.day,
                observed=int(scored.sum()),
                missed=int((~seen).sum()),
                no_score=int((seen & ~scored).sum()),
            )
        )
    return tuple(facts)


def count_scores(cohort: Cohort, keys: Mapping[str, InstrumentKey]) -> tuple[AuditCounts, ...]:
    """Return how the scores were made of items, with counts in the place of pseudonyms.

    Parameters
    ----------
    cohort : Cohort
        Scored, and only those included.
    keys : mapping of str to InstrumentKey
        The keys of its instruments.

    Returns
    -------
    tuple of AuditCounts
        As `heldout.instruments.audit.audit_scores` orders them.
    """
    plain = [part.name for part in fields(AuditCounts) if part.name not in _NAMED]
    return tuple(
        AuditCounts(
            **{name: getattr(audit, name) for name in plain}
            | {name: len(getattr(audit, name)) for name in _NAMED},
        )
        for audit in audit_scores(cohort, keys)
    )
