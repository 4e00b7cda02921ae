"""Who the patients are: Table 1, precision of the scales, how scores were made, the visits.

Nothing here is learnt: these are descriptions of the patients included, made across patients,
and no feature, model or fold uses them. Differences are standardised and never tested: at this
size the p-value of a baseline difference is noise.
"""

from heldout.describe.description import Description, describe_cohort
from heldout.describe.reliability import reliable_change, scale_reliability
from heldout.describe.table_one import standardised_difference, table_one
from heldout.describe.values import (
    AuditCounts,
    Characteristic,
    Reliability,
    Summary,
    Variable,
    VisitFacts,
)
from heldout.describe.variables import baseline_variables
from heldout.describe.visits import count_scores, observe_visits

__all__ = [
    "AuditCounts",
    "Characteristic",
    "Description",
    "Reliability",
    "Summary",
    "Variable",
    "VisitFacts",
    "baseline_variables",
    "count_scores",
    "describe_cohort",
    "observe_visits",
    "reliable_change",
    "scale_reliability",
    "standardised_difference",
    "table_one",
]
