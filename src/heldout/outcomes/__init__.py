"""What is to be predicted: a rule and its arrays, never a bare column.

An outcome keeps the baseline score, the scores at every visit its rule looks at, and the rule
that makes yes, no, a number or *not observed* of them, because a permutation test permutes the
scores and applies the rule again. Who was not observed is not a "no", unless the experiment
says so; then what the other rules would count stands beside it.
"""

from heldout.outcomes.derivation import derive_outcomes
from heldout.outcomes.outcome import Outcome, Tally, missing_visit_counts, unobserved_counts
from heldout.outcomes.rules import Rule, rule_of

__all__ = [
    "Outcome",
    "Rule",
    "Tally",
    "derive_outcomes",
    "missing_visit_counts",
    "rule_of",
    "unobserved_counts",
]
