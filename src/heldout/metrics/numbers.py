"""How close held-out predictions of a number come to what was observed.

The yardstick of every patient is the mean of the training set that predicted this patient, as
the training prevalence is for probabilities; the mean of all patients would have seen them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats

_Folds = NDArray[np.integer]
_FEWEST_TO_CALIBRATE = 100


def r_squared_out_of_fold(
    prediction: Floats, observed: Floats, training_mean: Floats, weights: Floats | None = None
) -> float:
    """Return the share of the training mean's squared error that a model removes.

    Parameters
    ----------
    prediction : array of shape (n_repeats, n_patients)
        Held-out predictions. No missing values.
    observed : array of shape (n_patients,)
        The number.
    training_mean : array of shape (n_repeats, n_patients)
        Mean of the training set behind each prediction.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    float
        At most 1; 0 is no better than the mean, below 0 is worse. Squared errors are averaged
        over the repeats before they are compared.

    References
    ----------
    Campbell & Thompson (2008), Rev Financ Stud 21:1509-1531, doi:10.1093/rfs/hhm055: the
    R squared out of sample, against the mean known beforehand.

    Examples
    --------
    >>> observed, mean = np.array([10.0, 20.0]), np.array([[15.0, 15.0]])
    >>> round(r_squared_out_of_fold(np.array([[12.0, 19.0]]), observed, mean), 3)
    0.9
    """
    error, reference = _squared_errors(prediction, observed, training_mean)
    return float(1 - np.average(error, weights=weights) / np.average(reference, weights=weights))


def r_squared_by_fold(
    prediction: Floats,
    folds: _Folds,
    observed: Floats,
    training_mean: Floats,
    weights: Floats | None = None,
) -> Floats:
    """Return the part that each fold has in the out-of-fold R squared; their mean is the whole.

    Parameters
    ----------
    prediction, folds : arrays of shape (n_repeats, n_patients)
        Held-out predictions, and the fold each patient was tested in. No missing values.
    observed : array of shape (n_patients,)
        The number.
    training_mean : array of shape (n_repeats, n_patients)
        Mean of the training set behind each prediction.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    array of shape (n_repeats, n_folds)
        Squared error that was removed in the fold, over the mean fold's squared error of the
        training mean. A share of the fold's own error would not add up to the whole.
    """
    share = np.ones(len(observed)) if weights is None else weights
    reference = (training_mean - observed) ** 2
    removed = share * (reference - (prediction - observed) ** 2)
    parts = np.array(
        [
            np.bincount(fold, row, minlength=int(folds.max()) + 1)
            for fold, row in zip(folds, removed, strict=True)
        ]
    )
    return np.asarray(parts * parts.size / (share * reference).sum())


def skill_variance(
    prediction: Floats, observed: Floats, training_mean: Floats, weights: Floats | None = None
) -> float:
    """Return the variance over patients of the out-of-fold R squared, the predictions as given.

    Parameters
    ----------
    prediction : array of shape (n_repeats, n_patients)
        Held-out predictions. No missing values.
    observed : array of shape (n_patients,)
        The number, or 1 and 0: of probabilities R squared is the Brier skill. At least two
        patients.
    training_mean : array of shape (n_repeats, n_patients)
        Mean of the training set behind each prediction.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    float
        Of a ratio of two means over the same patients, by the delta method: R squared is
        ``sum(w (e0 - e)) / sum(w e0)`` with a patient's squared errors e and e0 (of the mean).

    References
    ----------
    Cochran (1977), Sampling Techniques, 3rd ed., section 2.11 (the ratio estimator).
    """
    return _ratio_variance(*_squared_errors(prediction, observed, training_mean), weights)


def absolute_error_variance(
    prediction: Floats, observed: Floats, weights: Floats | None = None
) -> float:
    """Return the variance over patients of the mean absolute error, the predictions as given.

    Parameters
    ----------
    prediction : array of shape (n_repeats, n_patients)
        Held-out predictions.
    observed : array of shape (n_patients,)
        The number; at least two patients.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    float
        In the number's unit squared.
    """
    error = np.abs(prediction - observed).mean(axis=0)
    return _ratio_variance(error, np.ones(len(error)), weights)


def _ratio_variance(error: Floats, reference: Floats, weights: Floats | None) -> float:
    """Return the variance of a ratio of two means over the same patients."""
    n, share = len(error), np.ones(len(error)) if weights is None else weights
    residual = share * (error - (share @ error) / (share @ reference) * reference)
    # One degree of freedom went into the ratio that the residuals were taken about.
    return float(n / (n - 1) * (residual @ residual) / (share @ reference) ** 2)


def _squared_errors(
    prediction: Floats, observed: Floats, training_mean: Floats
) -> tuple[Floats, Floats]:
    """Return each patient's squared error and that of the training mean, over the repeats."""
    error = ((prediction - observed) ** 2).mean(axis=0)
    return error, ((training_mean - observed) ** 2).mean(axis=0)


def mean_absolute_error(
    prediction: Floats, observed: Floats, weights: Floats | None = None
) -> float:
    """Return how far predictions are off on average.

    Parameters
    ----------
    prediction : array of shape (n_repeats, n_patients)
        Held-out predictions.
    observed : array of shape (n_patients,)
        The number.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    float
        In the number's unit.

    Examples
    --------
    >>> mean_absolute_error(np.array([[12.0, 19.0]]), np.array([10.0, 20.0]))
    1.5
    """
    return float(np.average(np.abs(prediction - observed).mean(axis=0), weights=weights))


def spearman(
    prediction: Floats, folds: _Folds, observed: Floats, weights: Floats | None = None
) -> float:
    """Return Spearman's rank correlation among patients tested by the same fitted model.

    Parameters
    ----------
    prediction, folds : arrays of shape (n_repeats, n_patients)
        Held-out predictions, and the fold each patient was tested in. No missing values.
    observed : array of shape (n_patients,)
        The number.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    float
        In [-1, 1]. Both are ranked inside each fold, centred there, and correlated over all
        folds and repeats. 0 if every fold's predictions are equal: they rank nobody.

    References
    ----------
    Spearman (1904), Am J Psychol 15:72-101.

    Examples
    --------
    >>> predicted, folds = np.array([[1.0, 2.0, 9.0, 8.0]]), np.array([[0, 0, 1, 1]])
    >>> spearman(predicted, folds, np.array([3.0, 4.0, 1.0, 2.0]))
    0.0
    """
    from scipy.stats import rankdata

    # Ranks within a fold: predictions of two fitted models are on no common scale.
    product, predicted, seen = _sums_within_folds(prediction, folds, observed, weights, rankdata)
    return float(product / (predicted * seen) ** 0.5) if predicted * seen > 0 else 0.0


def calibration_slope(
    prediction: Floats, folds: _Folds, observed: Floats, weights: Floats | None = None
) -> float | None:
    """Return the slope of the observed number on its prediction, where it can be known.

    Parameters
    ----------
    prediction, folds : arrays of shape (n_repeats, n_patients)
        Held-out predictions, and the fold each patient was tested in. No missing values.
    observed : array of shape (n_patients,)
        The number.
    weights : array of shape (n_patients,), optional
        Patient weights. All ones by default.

    Returns
    -------
    float or None
        1 if predictions spread as much as they should, below 1 if they are too extreme. Slope
        and intercepts are fitted by least squares with an intercept for each fold. None below
        100 patients, where the slope cannot be told from 1 or from 0, and where all
        predictions of a fold are equal.

    References
    ----------
    Archer et al. (2021), Stat Med 40:133-146, doi:10.1002/sim.8766: a precise slope needs some
    hundreds of patients; the bound of 100 is this package's own and a lenient one.
    """
    if len(observed) < _FEWEST_TO_CALIBRATE:
        return None
    product, predicted, seen = _sums_within_folds(
        prediction, folds, observed, weights, lambda values: values
    )
    # Equal predictions differ by rounding; that is no spread to fit a slope to.
    return product / predicted if predicted > 1e-12 * seen else None


def _sums_within_folds(
    prediction: Floats,
    folds: _Folds,
    observed: Floats,
    weights: Floats | None,
    scale: Callable[[Floats], Floats],
) -> tuple[float, float, float]:
    """Return the sums of products and squares about each fold's means, after scaling there.

    In the order prediction times observed, prediction squared, observed squared.
    """
    share = np.ones(len(observed)) if weights is None else weights
    sums = np.zeros(3)
    for predicted, fold in zip(prediction, folds, strict=True):
        for number in np.unique(fold):
            tested = fold == number
            weight = share[tested]
            predictions, observations = (
                scaled - np.average(scaled, weights=weight)
                for scaled in (scale(predicted[tested]), scale(observed[tested]))
            )
            sums += [
                weight @ (predictions * observations),
                weight @ predictions**2,
                weight @ observations**2,
            ]
    product, squared, seen = map(float, sums)
    return product, squared, seen
