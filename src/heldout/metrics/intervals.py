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
# A correlation or an area is taken to be no larger where its scale has no end.
_LARGEST = 0.999
_FEWEST_FOR_A_VARIANCE = 100
# Bootstrap samples of a cohort, and divisions of each, whose luck is told from the patients'.
N_RESAMPLES, N_RUNS = 100, 2
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


def corrected_scale(by_fold: Floats) -> float:
    """Return the standard error of a mean over folds whose training sets overlap.

    Parameters
    ----------
    by_fold : array of shape (n_repeats, n_folds)
        A figure of each fold; no missing values.

    Returns
    -------
    float
        ``s sqrt(1/J + 1/(K-1))`` with s the standard deviation of J = R K folds, R repeats of K:
        1/(K-1) is the share of test to training patients [1]_.

    References
    ----------
    .. [1] Nadeau & Bengio (2003), Mach Learn 52:239-281, doi:10.1023/A:1024068626366
    """
    n, n_folds = by_fold.size, by_fold.shape[1]
    share: float = 1 / n + 1 / (n_folds - 1)
    return float(by_fold.std(ddof=1)) * math.sqrt(share)


def corrected_interval(auc: float, by_fold: Floats) -> tuple[float, float]:
    """Return the 95 % interval of Nadeau and Bengio, of an AUC.

    Parameters
    ----------
    auc : float
        Fold-paired AUC, in [0, 1].
    by_fold : array of shape (n_repeats, n_folds)
        AUC of each fold; no missing values.

    Returns
    -------
    low, high : float
        With ``0 <= low <= auc <= high <= 1``: by `corrected_scale` and Student's t with one degree
        of freedom less than there are folds, as published.

    Examples
    --------
    >>> low, high = corrected_interval(0.7, np.array([[0.5, 0.9, 0.7, 0.6, 0.8]]))
    >>> round(low, 2), round(high, 2)
    (0.41, 0.99)
    """
    from scipy.stats import t

    reach = corrected_scale(by_fold) * float(t.ppf(0.975, by_fold.size - 1))
    return max(0.0, auc - reach), min(1.0, auc + reach)


def resampled_variance(resampled: Floats, n_repeats: int) -> float:
    """Return the variance between cohorts of a cross-validated figure, from resampled cohorts.

    Parameters
    ----------
    resampled : array of shape (n_resamples, n_runs)
        The figure in each resample, cross-validated in as many runs, at least two, each on a
        division of its own.
    n_repeats : int
        Divisions behind the printed figure.

    Returns
    -------
    float
        The variance of the means of the runs, less what dividing adds to it, and not below 0; and
        what dividing adds to the printed figure [1]_.

    References
    ----------
    .. [1] Cai et al. (2023), Bootstrapping the cross-validation estimate, arXiv:2307.00260

    Examples
    --------
    >>> round(resampled_variance(np.array([[0.5, 0.7], [0.8, 0.8], [0.6, 0.4]]), 5), 4)
    0.0193
    """
    within = float(resampled.var(axis=1, ddof=1).mean())
    between = float(resampled.mean(axis=1).var(ddof=1)) - within / int(resampled.shape[1])
    return max(0.0, between) + within / n_repeats


def resampled_interval(auc: float, variance: float) -> tuple[float, float]:
    """Return the 95 % interval of an AUC by a variance that resampled cohorts tell.

    Parameters
    ----------
    auc : float
        Fold-paired AUC, in [0, 1].
    variance : float
        By `resampled_variance`.

    Returns
    -------
    low, high : float
        With ``0 <= low <= auc <= high <= 1``, symmetric on the scale of log-odds.

    Examples
    --------
    >>> low, high = resampled_interval(0.7, 0.01)
    >>> round(low, 2), round(high, 2)
    (0.48, 0.86)
    """
    kept = min(max(auc, 1 - _LARGEST), _LARGEST)
    reach = _Z_95 * variance**0.5 / (kept * (1 - kept))
    centre = math.log(kept / (1 - kept))
    low, high = (1 / (1 + math.exp(-(centre + side * reach))) for side in (-1, 1))
    return min(low, auc), max(high, auc)


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
    kept = min(max(correlation, -_LARGEST), _LARGEST)
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
