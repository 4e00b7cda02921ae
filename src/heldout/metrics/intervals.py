"""How sure one may be of a figure: intervals, and what a study of this size could have found.

An interval over fold scores is not an interval: folds share patients. Both intervals here double
the variance that patients alone would give, because a chance pattern in a cohort moves all its
held-out predictions together.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from heldout.arrays import Floats
from heldout.metrics.discrimination import hanley_mcneil_variance

VARIANCE_FACTOR = 2.0
_FEWEST_FOR_A_VARIANCE = 100
_Z_95 = 1.959963984540054


def score_interval(
    auc: float, n_events: int, n_non_events: int, *, factor: float = VARIANCE_FACTOR
) -> tuple[float, float]:
    """Return the 95 % score interval of a fold-paired AUC.

    The limits are the areas t at which ``(t - auc)**2 == z**2 * factor * V(t)``, with V the
    Hanley-McNeil variance in Newcombe's symmetrised form [1]_. They never leave [0, 1] and
    exist at an AUC of 0 or 1.

    Parameters
    ----------
    auc : float
        Fold-paired AUC, in [0, 1].
    n_events, n_non_events : int
        Patients with and without the event, both at least 1.
    factor : float
        By how much the variance of a fixed rule is multiplied; 2 by default, because the
        rules were learnt from the same patients that judge them.

    Returns
    -------
    low, high : float
        With ``0 <= low <= auc <= high <= 1``.

    References
    ----------
    .. [1] Newcombe (2006), Stat Med 25:559-573, doi:10.1002/sim.2324

    Examples
    --------
    >>> low, high = score_interval(0.5, 14, 22)
    >>> round(low, 2), round(high, 2)
    (0.26, 0.74)
    """
    n_pairs = (n_events, n_non_events)

    def inside(at: float) -> bool:
        return (at - auc) ** 2 <= _Z_95**2 * factor * hanley_mcneil_variance(at, *n_pairs)

    return _limit(inside, auc, 0.0), _limit(inside, auc, 1.0)


def variance_factor(permuted: Floats, n_events: int, n_non_events: int) -> float:
    """Return by how much the AUC of a learnt rule varies more than that of a fixed one.

    Parameters
    ----------
    permuted : array of shape (n_permutations,)
        The fold-paired AUC on permuted outcomes.
    n_events, n_non_events : int
        Patients with and without the event, both at least 1.

    Returns
    -------
    float
        Variance of the permuted AUC over that of a fixed rule at .50; at least 1. `VARIANCE_FACTOR`
        of fewer than 100 permutations, which do not tell a variance.
    """
    permuted = permuted[np.isfinite(permuted)]
    if len(permuted) < _FEWEST_FOR_A_VARIANCE:
        return VARIANCE_FACTOR
    fixed = hanley_mcneil_variance(0.5, n_events, n_non_events)
    return max(1.0, float(np.var(permuted, ddof=1)) / fixed)


def share_found(
    true_auc: float, critical: float, n_events: int, n_non_events: int, *, factor: float
) -> float:
    """Return the share of studies of this size that reach a critical AUC, if the true one is known.

    Parameters
    ----------
    true_auc : float
        Of the model, in (0, 1).
    critical : float
        AUC that the test requires.
    n_events, n_non_events : int
        Patients with and without the event, both at least 1.
    factor : float
        As in `score_interval`.

    Returns
    -------
    float
        By a normal distribution about the true AUC, with the variance behind `score_interval`.

    Examples
    --------
    >>> round(share_found(0.8, 0.68, 14, 22, factor=1.7), 2)
    0.88
    """
    spread = (factor * hanley_mcneil_variance(true_auc, n_events, n_non_events)) ** 0.5
    return 1 - NormalDist(true_auc, spread).cdf(critical)


def r_squared_interval(
    r_squared: float, variance: float, *, factor: float = VARIANCE_FACTOR
) -> tuple[float, float]:
    """Return the 95 % interval of the variance explained out of fold.

    Parameters
    ----------
    r_squared : float
        At most 1; below 0 if the training mean predicts better.
    variance : float
        Its variance over patients, by `heldout.metrics.numbers.r_squared_variance`.
    factor : float
        By how much that variance is multiplied; 2 by default, because it counts who was judged
        and not who was learnt from.

    Returns
    -------
    low, high : float
        With ``low <= r_squared <= high <= 1``.

    Notes
    -----
    ``benchmarks/regression_interval.py``, 150 cohorts of 36 patients each: where there is
    something to learn the interval holds the truth in 90 to 92 of 100, in 75 to 79 if the
    variance is not doubled. Where there is nothing it never lay above 0; it then is narrow
    about 0, because the model predicts nearly the mean, and misses in 17 of 100 a truth of -.05.

    Examples
    --------
    >>> low, high = r_squared_interval(0.1, 0.01)
    >>> round(low, 2), round(high, 2)
    (-0.18, 0.38)
    """
    reach = _Z_95 * (factor * variance) ** 0.5
    return r_squared - reach, min(1.0, r_squared + reach)


def _limit(inside: Callable[[float], bool], start: float, end: float) -> float:
    """Return the last area, on the way from `start` to `end`, that lies inside."""
    # Sixty halvings of an interval within [0, 1] go beyond what a float can tell apart.
    for _ in range(60):
        middle = (start + end) / 2
        start, end = (middle, end) if inside(middle) else (start, middle)
    return start
