"""Who the patients are: Table 1, who was observed at each visit, how scores were made.

Nothing here is learnt: these are descriptions of the patients included, made across patients,
and no feature, model or fold uses them. Differences are standardised and never tested: at this
size the p-value of a baseline difference is noise.
"""

from heldout.characteristics.table import standardised_difference, table_one
from heldout.characteristics.values import (
    AuditCounts,
    Characteristic,
    Summary,
    Variable,
    VisitFacts,
)
from heldout.characteristics.variables import baseline_variables
from heldout.characteristics.visits import count_scores, observe_visits

__all__ = [
    "AuditCounts",
    "Characteristic",
    "Summary",
    "Variable",
    "VisitFacts",
    "baseline_variables",
    "count_scores",
    "observe_visits",
    "standardised_difference",
    "table_one",
]
