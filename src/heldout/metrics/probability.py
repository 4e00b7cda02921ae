"""How close held-out probabilities come to what happened.

The Brier score is a mean squared error, so it is stable at 30 patients, where a
calibration slope is not; the skill says what a model adds to the training prevalence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats


def brier_score(
    probability: Floats, events: NDArray[np.bool_], weights: Floats | None = None
) -> float:
    """Return the mean squared difference between probability and event.

    Parameters
    ----------
    probability : array of shape (n_repeats, n_patients)
        Held-out probabilities of the event, in [0, 1].
    events : array of bool of shape (n_patients,)
        Whether the patient had the event.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    float
        In [0, 1]; 0 is perfect, p(1 - p) is what the prevalence p alone reaches.

    References
    ----------
    Brier (1950), Mon Weather Rev 78:1-3.

    Examples
    --------
    >>> round(brier_score(np.array([[0.8, 0.3]]), np.array([True, False])), 3)
    0.065
    """
    squared = (probability - events.astype(float)) ** 2
    return float(np.average(squared.mean(axis=0), weights=weights))


def brier_skill(
    probability: Floats,
    prevalence: Floats,
    events: NDArray[np.bool_],
    weights: Floats | None = None,
) -> float:
    """Return the share of the training prevalence's Brier score that a model removes.

    Parameters
    ----------
    probability : array of shape (n_repeats, n_patients)
        Held-out probabilities of the event.
    prevalence : array of shape (n_repeats, n_patients)
        Share of events in the training set of the model that predicted the patient.
    events : array of bool of shape (n_patients,)
        Whether the patient had the event.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    float
        At most 1; 0 is no better than the prevalence, below 0 is worse.

    Examples
    --------
    >>> events = np.array([True, False])
    >>> round(brier_skill(np.array([[0.8, 0.3]]), np.array([[0.5, 0.5]]), events), 2)
    0.74
    """
    reference = brier_score(prevalence, events, weights)
    return 1 - brier_score(probability, events, weights) / reference
