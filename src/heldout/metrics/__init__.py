"""Numbers from held-out predictions: bare arrays in, numbers out.

Nothing here knows of cohorts, models or folders, so every function can be checked
against published values by anyone.
"""

from heldout.metrics.discrimination import (
    fold_paired_auc,
    fold_paired_concordance,
    hanley_mcneil_variance,
    pair_wins,
)
from heldout.metrics.intervals import (
    VARIANCE_FACTOR,
    chance_range,
    r_squared_interval,
    score_interval,
)
from heldout.metrics.numbers import (
    calibration_slope,
    mean_absolute_error,
    r_squared_out_of_fold,
    r_squared_variance,
    spearman,
)
from heldout.metrics.probability import brier_score, brier_skill

__all__ = [
    "VARIANCE_FACTOR",
    "brier_score",
    "brier_skill",
    "calibration_slope",
    "chance_range",
    "fold_paired_auc",
    "fold_paired_concordance",
    "hanley_mcneil_variance",
    "mean_absolute_error",
    "pair_wins",
    "r_squared_interval",
    "r_squared_out_of_fold",
    "r_squared_variance",
    "score_interval",
    "spearman",
]
