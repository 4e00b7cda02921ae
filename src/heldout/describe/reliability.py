"""How precisely a scale measures: reliability, error of measurement, floor and ceiling.

Descriptive, over patients; nothing here ever becomes a feature. Items are taken as they are
put together (after reversal and recode) from patients who answered all of them: filling in
a person's mean would flatter the scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from heldout.arrays import Floats
from heldout.cohort.people import Cohort
from heldout.describe.values import Reliability
from heldout.instruments.scoring import (
    itemised,
    items_at,
    read_answers,
    score_column,
    score_name,
    score_parts,
)
from heldout.spec.instrument import InstrumentKey

# Below this an estimate says nothing about the scale.
_FEWEST_PATIENTS = 10
# 95 % of the standard normal distribution, as Jacobson and Truax use it.
_RELIABLE = 1.96


def _complete(items: ArrayLike) -> Floats | None:
    """Return the patients with all items, or None if these are too few or do not differ."""
    values = np.asarray(items, dtype=np.float64)
    values = values[~np.isnan(values).any(axis=1)]
    if values.shape[1] < 2 or len(values) < _FEWEST_PATIENTS:
        return None
    return values if np.ptp(values.sum(axis=1)) > 0 else None


def cronbach_alpha(items: ArrayLike) -> tuple[float, float, float]:
    """Return Cronbach's alpha with Feldt's 95 % interval.

    With k items and n patients, ``alpha = k / (k - 1) * (1 - sum of item variances / variance
    of the sum)``, and ``(1 - true) / (1 - alpha)`` follows F with n - 1 and (n - 1)(k - 1)
    degrees of freedom.

    Parameters
    ----------
    items : array of shape (n_patients, n_items)
        After reversal; patients with NaN are left out.

    Returns
    -------
    alpha, low, high : float
        NaN with fewer than 2 items or 10 complete patients, or a sum that does not vary.

    References
    ----------
    .. [1] Cronbach (1951), Psychometrika 16:297-334.
    .. [2] Feldt (1965), Psychometrika 30:357-370.

    Examples
    --------
    >>> items = [[n % 5, n % 5, n % 4] for n in range(20)]
    >>> [round(value, 3) for value in cronbach_alpha(items)]
    [0.649, 0.26, 0.85]
    """
    values = _complete(items)
    if values is None:
        return math.nan, math.nan, math.nan
    from scipy.special import fdtri

    n, k = values.shape
    share = values.var(axis=0, ddof=1).sum() / values.sum(axis=1).var(ddof=1)
    alpha = k / (k - 1) * (1 - share)
    low, high = (
        1 - (1 - alpha) * fdtri(n - 1, (n - 1) * (k - 1), level) for level in (0.975, 0.025)
    )
    return float(alpha), float(low), float(high)


def mcdonald_omega(items: ArrayLike) -> float:
    """Return McDonald's omega of one factor, for the sum of the items as they are.

    One factor is fitted to the correlations by least squares off the diagonal (minres); with
    loadings l and deviations s, ``omega = (sum of s l)^2 / ((sum of s l)^2 + sum of s^2 (1 -
    l^2))``.

    Parameters
    ----------
    items : array of shape (n_patients, n_items)
        After reversal; patients with NaN are left out.

    Returns
    -------
    float
        NaN with fewer than 3 items (loadings are not determined) or 10 complete patients, an
        item that does not vary, a loading of 1 or more (Heywood), or no convergence.

    References
    ----------
    .. [1] McDonald (1999), Test Theory, chapter 6.
    .. [2] Harman & Jones (1966), Psychometrika 31:351-368 (minres).
    """
    values = _complete(items)
    if values is None or values.shape[1] < 3:
        return math.nan
    deviations = values.std(axis=0, ddof=1)
    if not deviations.all():
        return math.nan
    loadings = one_factor(np.corrcoef(values.T))
    if loadings is None:
        return math.nan
    common = float(deviations @ loadings) ** 2
    return common / (common + float(deviations**2 @ (1 - loadings**2)))


def one_factor(correlations: ArrayLike) -> Floats | None:
    """Return minres loadings on one factor, positive on the whole; None if improper.

    Parameters
    ----------
    correlations : array of shape (n_items, n_items)
        Of items.

    Returns
    -------
    array of shape (n_items,), or None
    """
    from scipy.optimize import minimize

    observed = np.asarray(correlations, dtype=np.float64)

    def misfit(loadings: Floats) -> tuple[float, Floats]:
        apart = observed - np.outer(loadings, loadings)
        np.fill_diagonal(apart, 0.0)
        return float((apart**2).sum()) / 2, -2 * apart @ loadings

    roots, vectors = np.linalg.eigh(observed)
    start = vectors[:, -1] * math.sqrt(roots[-1])
    fit = minimize(misfit, 0.9 * start, jac=True, method="BFGS", options={"gtol": 1e-7})
    # BFGS also stops short when steps no longer help; then only the gradient tells.
    if float(np.abs(fit.jac).max()) > 1e-4 or float(np.abs(fit.x).max()) >= 1:
        return None
    loadings: Floats = fit.x * np.sign(fit.x.sum() or 1.0)
    return loadings


def standard_error_of_measurement(sd: float, reliability: float) -> float:
    """Return the standard error of measurement, ``sd * sqrt(1 - reliability)``.

    Parameters
    ----------
    sd : float
        Of the scores.
    reliability : float
        Alpha or retest correlation; at most 1.

    Returns
    -------
    float
        In points of the scale.

    Examples
    --------
    >>> round(standard_error_of_measurement(7.5, 0.8), 3)
    3.354
    """
    return sd * math.sqrt(1 - reliability)


def reliable_change(
    first: ArrayLike, second: ArrayLike, *, reliability: float, sd: float
) -> Floats:
    """Return each patient's reliable change index.

    ``(second - first) / (sqrt(2) * SEM)``; beyond 1.96 either way, measurement error alone
    explains the change in fewer than 5 of 100 patients.

    Parameters
    ----------
    first, second : array of shape (n_patients,)
        Scores; NaN where not observed.
    reliability : float
        Of the scale, below 1.
    sd : float
        Of the scores at the first visit.

    Returns
    -------
    array of shape (n_patients,)
        Negative where the score fell; NaN where either score is missing.

    References
    ----------
    .. [1] Jacobson & Truax (1991), J Consult Clin Psychol 59:12-19.

    Examples
    --------
    >>> reliable_change([47.5], [32.5], reliability=0.8, sd=7.5).round(2)
    array([-3.16])
    """
    change = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    index: Floats = change / (math.sqrt(2) * standard_error_of_measurement(sd, reliability))
    return index


def floor_ceiling(scores: ArrayLike, bounds: tuple[float, float]) -> tuple[float, float]:
    """Return the shares of patients at the lowest and at the highest possible score.

    Parameters
    ----------
    scores : array of shape (n_patients,)
        NaN where not observed; such patients do not count.
    bounds : tuple of float
        Of the scale.

    Returns
    -------
    floor, ceiling : float
        NaN if nobody was observed.

    Examples
    --------
    >>> floor_ceiling([0.0, 0.0, 5.0, float("nan"), 60.0], (0, 60))
    (0.5, 0.25)
    """
    values = np.asarray(scores, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan, math.nan
    return float((values == bounds[0]).mean()), float((values == bounds[1]).mean())


def scale_reliability(cohort: Cohort, keys: Mapping[str, InstrumentKey]) -> tuple[Reliability, ...]:
    """Return how precisely every score measured that was made of items at baseline.

    Parameters
    ----------
    cohort : Cohort
        With its items.
    keys : mapping of str to InstrumentKey
        The keys of its instruments.

    Returns
    -------
    tuple of Reliability
        In the order of columns and scores; a score that is the highest of its items has none.
    """
    measured: list[Reliability] = []
    for column, key, visit in itemised(cohort, keys):
        if visit != cohort.spec.baseline:
            continue
        items = items_at(cohort, key, column, visit)
        prorate = cohort.spec.columns[column].prorate
        measured += [
            _reliability_of(key, items, score, prorate, name=score_name(column, score), visit=visit)
            for score in key.scored
            if key.scores[score].method != "max"
        ]
    return tuple(measured)


def _reliability_of(
    key: InstrumentKey, items: Floats, score: str, prorate: str, *, name: str, visit: str
) -> Reliability:
    """Return how precisely one score measured."""
    answers = read_answers(key, items)
    parts = score_parts(key, answers, score)
    alpha, low, high = cronbach_alpha(parts)
    scores = score_column(key, answers, score, prorate=prorate).values
    whole = ~np.isnan(parts).any(axis=1)
    sem = math.nan
    if not math.isnan(alpha):
        sem = standard_error_of_measurement(float(scores[whole].std(ddof=1)), min(alpha, 1.0))
    floor, ceiling = floor_ceiling(scores, key.scores[score].range)
    return Reliability(
        name=name,
        visit=visit,
        n=int(whole.sum()),
        parts=parts.shape[1],
        alpha=_known(alpha),
        alpha_low=_known(low),
        alpha_high=_known(high),
        omega=_known(mcdonald_omega(parts)),
        sem=_known(sem),
        reliable_points=_known(_RELIABLE * math.sqrt(2) * sem),
        floor=_known(floor),
        ceiling=_known(ceiling),
    )


def _known(value: float) -> float | None:
    """Return None for NaN: what could not be computed is no number in a record."""
    return None if math.isnan(value) else value
