"""Whether held-out probabilities mean what they say, and whether acting on them would pay.

A probability is judged here as a number and not as a rank, so the folds of one repeat stand side by
side: each predicted every patient once, from training sets of one size and, the folds being
stratified, of one prevalence. Nothing is estimated below 30 patients in the rarer class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats

FEWEST_TO_CALIBRATE = 30
FEWEST_FOR_A_SPLINE = 100
LINE, SPLINE = "logistic recalibration", "restricted cubic spline of four knots"
# Probabilities closer to 0 or 1 count as this far from it: their logit would be infinite, and no
# cohort of some hundred patients can tell them apart.
NEAREST = 0.001
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
_N_DRAWS, _N_POINTS = 500, 21
_KNOTS = (0.05, 0.35, 0.65, 0.95)
# Logits that differ by less do so by rounding.
_EQUAL = 1e-9
_Folds = NDArray[np.integer]
_Events = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A curve with its pointwise 95 % band; each part has a value a point.

    The band counts who was judged and not who was learnt from: models are not fitted again.
    """

    at: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def rarer_class(events: _Events) -> int:
    """Return how many patients are in the rarer class.

    Parameters
    ----------
    events : array of bool of shape (n_patients,)
        Whether the patient had the event.

    Returns
    -------
    int
    """
    return int(min(events.sum(), (~events).sum()))


def recalibration(events: _Events) -> str | None:
    """Return how probabilities are related to events, given how many patients there are.

    Parameters
    ----------
    events : array of bool of shape (n_patients,)
        Whether the patient had the event.

    Returns
    -------
    str or None
        `LINE` from 30 patients in the rarer class on, `SPLINE` from 100 on; None below 30.
    """
    n = rarer_class(events)
    if n < FEWEST_TO_CALIBRATE:
        return None
    return LINE if n < FEWEST_FOR_A_SPLINE else SPLINE


def logit_slope(
    probability: Floats, folds: _Folds, events: _Events, weights: Floats | None = None
) -> float | None:
    """Return the calibration slope b of ``logit P(event) = a + b logit p``, where it can be known.

    Parameters
    ----------
    probability, folds : arrays of shape (n_repeats, n_patients)
        Held-out probabilities of the event, and the fold each patient was tested in. No missing
        values. Those closer than .001 to 0 or 1 count as .001 from it.
    events : array of bool of shape (n_patients,)
        Whether the patient had the event.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    float or None
        1 if probabilities spread as much as they should, below 1 if they are too extreme, above 1
        if they are too timid. Fitted in each repeat by maximum likelihood with one intercept, then
        averaged over repeats. None below 30 patients in the rarer class, where all probabilities of
        a fold are equal, and where they divide events from the others without an error.

    Notes
    -----
    An intercept for each fold would compare patients of one fitted model only, as the AUC does, and
    costs more than it mends: ``benchmarks/calibration_slope.py``, 70 patients in five stratified
    folds: true probabilities then have a median slope of 1.11 to 1.14 instead of 1.03 to 1.07, and
    a larger spread.

    References
    ----------
    Cox (1958), Biometrika 45:562-565, doi:10.1093/biomet/45.3-4.562
    """
    if recalibration(events) is None:
        return None
    slopes = []
    for logit, fold in zip(_logit(probability), folds, strict=True):
        if not _varies(logit, fold) or _divided(logit, events):
            return None
        slopes.append(_fit(_with_one(logit), events, _share(weights, events))[0, 1])
    return float(np.mean(slopes))


def calibration_in_the_large(
    probability: Floats, events: _Events, weights: Floats | None = None
) -> float | None:
    """Return the calibration in the large a of ``logit P(event) = a + logit p``.

    It means something for patients of another place or time alone. Within one cohort the training
    sets of stratified folds have the prevalence of their test sets, so it is about 0 by
    construction, whatever the model; it is kept in the data and not printed.

    Parameters
    ----------
    probability : array of shape (n_repeats, n_patients)
        Held-out probabilities of the event, clipped as in `logit_slope`.
    events : array of bool of shape (n_patients,)
        Whether the patient had the event.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    float or None
        Above 0 if events are more frequent than predicted; the mean over repeats. None below 30
        patients in the rarer class.

    References
    ----------
    Steyerberg & Vergouwe (2014), Eur Heart J 35:1925-1931, doi:10.1093/eurheartj/ehu207
    """
    if recalibration(events) is None:
        return None
    level, share = np.ones((len(events), 1)), _share(weights, events)
    shifts = [_fit(level, events, share, logit)[0, 0] for logit in _logit(probability)]
    return float(np.mean(shifts))


def integrated_calibration_index(
    probability: Floats, folds: _Folds, events: _Events, weights: Floats | None = None
) -> float | None:
    """Return how far probabilities lie from the calibration curve, on average over patients.

    Parameters
    ----------
    probability, folds : arrays of shape (n_repeats, n_patients)
        As in `logit_slope`.
    events : array of bool of shape (n_patients,)
        Whether the patient had the event.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    float or None
        In [0, 1], 0 if perfectly calibrated: the mean of ``|p - p_cal(p)|``. The curve ``p_cal`` is
        `recalibration`'s, a logistic regression on the logit or on its restricted cubic spline, and
        the overall rate where all probabilities of a fold are equal; fitted in each repeat, then
        averaged. None below 30 patients in the rarer class.

    References
    ----------
    Austin & Steyerberg (2019), Stat Med 38:4051-4065, doi:10.1002/sim.8281, with loess for the
    curve; Harrell (2015), Regression Modeling Strategies, 2nd ed., section 2.4.5 for the spline.
    """
    if recalibration(events) is None:
        return None
    share, indices = _share(weights, events), []
    for given, logit, fold in zip(probability, _logit(probability), folds, strict=True):
        knots = _knots(logit, fold, events)
        curve = _expit(_basis(logit, knots) @ _fit(_basis(logit, knots), events, share)[0])
        indices.append(np.average(np.abs(given - curve), weights=share[0]))
    return float(np.mean(indices))


def calibration_curve(
    probability: Floats,
    folds: _Folds,
    events: _Events,
    weights: Floats | None = None,
    *,
    seed: int,
) -> Curve | None:
    """Return the rate of events at each predicted probability, with a band over patients.

    Parameters
    ----------
    probability, folds : arrays of shape (n_repeats, n_patients)
        As in `logit_slope`.
    events : array of bool of shape (n_patients,)
        Whether the patient had the event.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Curve or None
        At 21 probabilities from the 2.5th to the 97.5th percentile of those predicted; fitted as
        for `integrated_calibration_index`, the mean over repeats. The band holds the middle 95 of
        100 of 500 bootstrap samples of patients, each with all its repeats. None below 30 patients
        in the rarer class, and where all probabilities of a fold are equal.
    """
    logits = _logit(probability)
    if recalibration(events) is None or not all(map(_varies, logits, folds)):
        return None
    low, high = np.quantile(_expit(logits), [0.025, 0.975])
    at = np.linspace(low, high, _N_POINTS)
    share = np.vstack([_share(weights, events), _drawn(weights, events, seed)])
    curves = np.zeros((len(share), _N_POINTS))
    for logit, fold in zip(logits, folds, strict=True):
        knots = _knots(logit, fold, events)
        fitted = _fit(_basis(logit, knots), events, share)
        curves += _expit(fitted @ _basis(_logit(at), knots).T) / len(logits)
    return _banded(at, curves)


def net_benefit(
    probability: Floats, events: _Events, weights: Floats | None = None, *, seed: int
) -> Curve | None:
    """Return what treating those at or above a threshold is worth, at every threshold.

    Parameters
    ----------
    probability : array of shape (n_repeats, n_patients)
        Held-out probabilities of the event.
    events : array of bool of shape (n_patients,)
        Whether the patient had the event.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Curve or None
        At the thresholds t = .05 to .95: ``TP/n - FP/n t/(1-t)``, the mean over repeats, in true
        positives a patient. The band is that of `calibration_curve`. None below 30 patients in the
        rarer class: it takes a probability at its word.

    References
    ----------
    Vickers & Elkin (2006), Med Decis Making 26:565-574, doi:10.1177/0272989X06295361
    """
    if recalibration(events) is None:
        return None
    at = np.array(THRESHOLDS)
    # Probabilities that are equal to a threshold but for rounding reach it.
    treated = (probability[:, :, None] >= at - 1e-12).mean(axis=0)
    gain = treated * np.where(events[:, None], 1.0, -at / (1 - at))
    share = np.vstack([_share(weights, events), _drawn(weights, events, seed)])
    return _banded(at, share @ gain / share.sum(axis=1, keepdims=True))


def net_benefit_of_all(events: _Events, weights: Floats | None = None) -> tuple[float, ...]:
    """Return what treating everybody is worth at every threshold; treating nobody is worth 0.

    Parameters
    ----------
    events : array of bool of shape (n_patients,)
        Whether the patient had the event.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    tuple of float
        At the thresholds of `net_benefit`.

    Examples
    --------
    >>> [round(value, 2) for value in net_benefit_of_all(np.array([True, False]))][9:11]
    [0.0, -0.11]
    """
    rate, at = float(np.average(events, weights=weights)), np.array(THRESHOLDS)
    return tuple(map(float, rate - (1 - rate) * at / (1 - at)))


def _logit(probability: Floats) -> Floats:
    """Return the logits of probabilities, of which none is closer to 0 or 1 than is allowed."""
    inside = np.clip(probability, NEAREST, 1 - NEAREST)
    return np.asarray(np.log(inside / (1 - inside)))


def _expit(logit: Floats) -> Floats:
    """Return the probabilities of logits."""
    return np.asarray(0.5 + 0.5 * np.tanh(logit / 2))


def _with_one(column: Floats) -> Floats:
    """Return a column behind one of ones."""
    return np.column_stack([np.ones(len(column)), column])


def _share(weights: Floats | None, events: _Events) -> Floats:
    """Return patient weights, as one row."""
    return np.ones((1, len(events))) if weights is None else weights[None, :]


def _drawn(weights: Floats | None, events: _Events, seed: int) -> Floats:
    """Return the weights of patients in bootstrap samples, a row a sample."""
    n = len(events)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=_N_DRAWS)
    return np.asarray(counts * _share(weights, events))


def _varies(logit: Floats, fold: NDArray[np.integer]) -> bool:
    """Return whether any fold says different things of its patients."""
    return any(np.ptp(logit[fold == number]) > _EQUAL for number in np.unique(fold))


def _divided(logit: Floats, events: _Events) -> bool:
    """Return whether logits divide events from the others: no slope is steep enough then."""
    with_event, without = logit[events], logit[~events]
    return bool(with_event.min() >= without.max() or with_event.max() <= without.min())


def _knots(logit: Floats, fold: NDArray[np.integer], events: _Events) -> Floats | None:
    """Return where the curve may bend: nowhere for a line; None if it is level."""
    if not _varies(logit, fold):
        return None
    knots = np.quantile(logit, _KNOTS)
    bends = recalibration(events) == SPLINE and np.diff(knots).min() > _EQUAL
    return knots if bends else np.empty(0)


def _basis(logit: Floats, knots: Floats | None) -> Floats:
    """Return the columns of a restricted cubic spline of logits: straight beyond outer knots."""
    if knots is None:
        return np.ones((len(logit), 1))
    columns = _with_one(logit)
    if len(knots):
        *inner, next_to_last, last = knots
        cubes = {knot: np.maximum(logit - knot, 0.0) ** 3 for knot in knots}
        gap = last - next_to_last
        bends = [
            cubes[knot]
            - cubes[next_to_last] * (last - knot) / gap
            + cubes[last] * (next_to_last - knot) / gap
            for knot in inner
        ]
        columns = np.column_stack([columns, *(bend / (last - knots[0]) ** 2 for bend in bends)])
    return columns


def _fit(design: Floats, events: _Events, weights: Floats, offset: Floats | float = 0.0) -> Floats:
    """Return the coefficients of logistic regressions by Newton's method, one a row of weights.

    A sample that a column divides has no maximum; it ends where a step changes nothing any more
    that can be seen.
    """
    fitted = np.zeros((len(weights), design.shape[1]))
    moving = np.arange(len(weights))
    # Far from data and far from singular: what is added is beyond the precision of a result.
    floor = 1e-10 * np.eye(design.shape[1])
    for _ in range(50):
        rate = _expit(fitted[moving] @ design.T + offset)
        weight = weights[moving]
        slope = (weight * (events - rate)) @ design
        curvature = np.einsum("bn,np,nq->bpq", weight * rate * (1 - rate), design, design)
        step = np.linalg.solve(curvature + floor, slope[:, :, None])[:, :, 0]
        # A full step from afar may overshoot without end.
        reach = np.abs(step @ design.T).max(axis=1, keepdims=True)
        fitted[moving] += step * 3.0 / np.maximum(reach, 3.0)
        moving = moving[reach[:, 0] > 1e-9]
        if not len(moving):
            break
    return fitted


def _banded(at: Floats, curves: Floats) -> Curve:
    """Return the first of several curves with the band of the others."""
    low, high = np.quantile(curves[1:], [0.025, 0.975], axis=0)
    return Curve(
        at=tuple(map(float, at)),
        value=tuple(map(float, curves[0])),
        low=tuple(map(float, low)),
        high=tuple(map(float, high)),
    )
