"""How sure one may be of a figure: intervals, and what a study of this size could have found.

An interval over fold scores is not an interval: folds share patients. Every interval here is wider
than the patients alone would make it, because a chance pattern in a cohort moves all its held-out
predictions together. ``benchmarks/interval_coverage.py`` measures how often they hold the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from heldout.arrays import Floats
from heldout.metrics.discrimination import hanley_mcneil_variance

VARIANCE_FACTOR = 2.0
# Of a rank correlation, whose ranks are those of a fold.
_FACTOR_OF_RANKS = 1.5
# What learning from other patients of the same cohort would add, in patients.
LEARNT_FROM = 100.0
# By which a share of error varies though a model says nearly the mean, times the patients.
_LEAST_SPREAD = 1.5
_LARGEST_CORRELATION = 0.999
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


def learning_factor(n: int) -> float:
    """Return by how much the variance over patients of a mean error is multiplied.

    Parameters
    ----------
    n : int
        Patients, at least 1.

    Returns
    -------
    float
        ``1 + 100 / n``: the variance counts who was judged, and not who was learnt from, which
        weighs the more the fewer they are. The 100 was chosen by simulation.

    Examples
    --------
    >>> round(learning_factor(36), 2), learning_factor(100)
    (3.78, 2.0)
    """
    return 1 + LEARNT_FROM / n


def skill_interval(skill: float, variance: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of the share of an error that a model removes.

    Parameters
    ----------
    skill : float
        Variance explained or Brier skill; at most 1, below 0 if the training mean predicts better.
    variance : float
        Its variance over patients, by `heldout.metrics.numbers.skill_variance`.
    n : int
        Patients.

    Returns
    -------
    low, high : float
        With ``low <= skill <= high <= 1``.

    Notes
    -----
    The variance is multiplied by `learning_factor` and never taken to be below ``(1.5 / n)**2``: a
    model that nothing was learnt for predicts nearly the mean, and its patients then differ by
    nothing, though another cohort would have taught it worse.

    Examples
    --------
    >>> low, high = skill_interval(0.1, 0.01, 100)
    >>> round(low, 2), round(high, 2)
    (-0.18, 0.38)
    """
    reach = _Z_95 * (learning_factor(n) * variance + (_LEAST_SPREAD / n) ** 2) ** 0.5
    return skill - reach, min(1.0, skill + reach)


def error_interval(error: float, variance: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a mean error.

    Parameters
    ----------
    error : float
        At least 0.
    variance : float
        Its variance over patients, by `heldout.metrics.numbers.absolute_error_variance`.
    n : int
        Patients.

    Returns
    -------
    low, high : float
        With ``0 <= low <= error <= high``; the variance is multiplied by `learning_factor`.
    """
    reach = _Z_95 * (learning_factor(n) * variance) ** 0.5
    return max(0.0, error - reach), error + reach


def rank_interval(correlation: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of Spearman's correlation within folds.

    Parameters
    ----------
    correlation : float
        In [-1, 1].
    n : int
        Patients, at least 4.

    Returns
    -------
    low, high : float
        In (-1, 1), about Fisher's z with the variance ``1.5 (1 + correlation**2 / 2) / (n - 3)``:
        that of Bonett & Wright [1]_, and half as much again for who was learnt from.

    References
    ----------
    .. [1] Bonett & Wright (2000), Psychometrika 65:23-28, doi:10.1007/BF02294183

    Examples
    --------
    >>> low, high = rank_interval(0.5, 36)
    >>> round(low, 2), round(high, 2)
    (0.11, 0.76)
    """
    kept = min(max(correlation, -_LARGEST_CORRELATION), _LARGEST_CORRELATION)
    variance = _FACTOR_OF_RANKS * (1 + kept**2 / 2) / (n - 3)
    reach = _Z_95 * variance**0.5
    return math.tanh(math.atanh(kept) - reach), math.tanh(math.atanh(kept) + reach)


def _limit(inside: Callable[[float], bool], start: float, end: float) -> float:
    """Return the last area, on the way from `start` to `end`, that lies inside."""
    # Sixty halvings of an interval within [0, 1] go beyond what a float can tell apart.
    for _ in range(60):
        middle = (start + end) / 2
        start, end = (middle, end) if inside(middle) else (start, middle)
    return start
