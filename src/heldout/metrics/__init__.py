"""Numbers from held-out predictions: bare arrays in, numbers out.

Nothing here knows of cohorts, models or folders, so every function can be checked
against published values by anyone.
"""

from heldout.metrics.discrimination import fold_paired_auc, hanley_mcneil_variance, pair_wins
from heldout.metrics.probability import brier_score, brier_skill

__all__ = [
    "brier_score",
    "brier_skill",
    "fold_paired_auc",
    "hanley_mcneil_variance",
    "pair_wins",
]
