"""All that describes the patients of a study, in one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heldout.cohort.people import Cohort
from heldout.deferred import Deferred
from heldout.describe.reliability import scale_reliability
from heldout.describe.table_one import table_one
from heldout.describe.values import AuditCounts, Characteristic, Reliability, VisitFacts
from heldout.describe.variables import baseline_variables
from heldout.describe.visits import count_scores, observe_visits
from heldout.outcomes.outcome import Outcome
from heldout.spec.experiment import Experiment
from heldout.spec.instrument import InstrumentKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What describes the patients; empty where nothing is declared of a table.

    Attributes
    ----------
    visits : sequence of VisitFacts
        In order of time.
    characteristics : sequence of Characteristic
        Table 1: every baseline variable, overall and by the first outcome.
    reliability : sequence of Reliability
        Of every scale with items.
    score_audit : sequence of AuditCounts
        How each score was made of its items, and for how many patients it could not be.
    """

    visits: Sequence[VisitFacts] = ()
    characteristics: Sequence[Characteristic] = ()
    reliability: Sequence[Reliability] = ()
    score_audit: Sequence[AuditCounts] = ()


def describe_cohort(
    experiment: Experiment,
    cohort: Cohort,
    keys: Mapping[str, InstrumentKey],
    outcomes: Sequence[Outcome],
) -> Description:
    """Return what describes the patients of a study.

    Parameters
    ----------
    experiment : Experiment
        Its features and outcomes say what matters.
    cohort : Cohort
        Scored, and only those included.
    keys : mapping of str to InstrumentKey
        The keys of its instruments.
    outcomes : sequence of Outcome
        Derived from the cohort; Table 1 is by the primary one, or else by the first.

    Returns
    -------
    Description
        Each part is made when it is first read.
    """
    grouping = next((outcome for outcome in outcomes if outcome.primary), outcomes[0])
    # A simulation reads none of this, and would pay for it in each of its studies.
    return Description(
        visits=Deferred(lambda: observe_visits(cohort, outcomes)),
        characteristics=Deferred(
            lambda: table_one(baseline_variables(experiment, cohort, keys), grouping)
        ),
        reliability=Deferred(lambda: scale_reliability(cohort, keys)),
        score_audit=Deferred(lambda: count_scores(cohort, keys)),
    )
