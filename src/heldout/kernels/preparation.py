"""Imputing, composing and scaling of many training sets in one go.

**Problem.** What models see of every patient, for every training set of a nested design: missing
values become the median of the training patients, a composite becomes a weighted sum of its
standardised columns, and each column is centred and scaled, everything learnt from the training
patients alone. The same as scikit-learn's ``SimpleImputer(strategy="median",
keep_empty_features=True)``, our ``Composition`` and ``StandardScaler``, to rounding.

**Algorithm.** A training set's columns one at a time: the observed values are sorted for the
median; means and deviations (of the population) are those of the filled column. A column that does
not vary, by the scaler's own rule [1]_, is centred only. Weights are not used, as in the reference.

**Cost.** ``n log n`` a column and training set: a fraction of one fit.

References
----------
.. [1] scikit-learn, ``sklearn.preprocessing._data._is_constant_feature``, after Chan, Golub &
   LeVeque (1983), Am Stat 37:242-247, on the rounding error of a variance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats
from heldout.kernels.compiled import compiled

_Roles = NDArray[np.int8]
_EPSILON = 2.220446049250313e-16
# As in `heldout.models.pieces`: inputs that differ less than this do not differ.
_EQUAL = 1e-9


@compiled()
def _median_of(column: Floats, role: _Roles, values: Floats) -> float:
    """Return the median of the training patients' observed values; 0 if there is none."""
    count = 0
    for i in range(len(column)):
        if role[i] == 1 and not np.isnan(column[i]):
            values[count] = column[i]
            count += 1
    if count == 0:
        return 0.0
    # Insertion sort: some thirty values, most of them few distinct whole numbers.
    if count <= 64:
        for i in range(1, count):
            value, j = values[i], i - 1
            while j >= 0 and values[j] > value:
                values[j + 1] = values[j]
                j -= 1
            values[j + 1] = value
    else:
        values[:count].sort()
    half = count // 2
    return float(values[half] if count % 2 else (values[half - 1] + values[half]) / 2)


@compiled()
def _moments_of(column: Floats, role: _Roles) -> tuple[float, float]:
    """Return mean and variance (of the population) of the training patients' values."""
    total, count = 0.0, 0
    for i in range(len(column)):
        if role[i] == 1:
            total += column[i]
            count += 1
    mean = total / count
    square, rest = 0.0, 0.0
    for i in range(len(column)):
        if role[i] == 1:
            apart = column[i] - mean
            square += apart * apart
            # What the mean lost by rounding; it is taken out of the squares below.
            rest += apart
    return mean, max(0.0, (square - rest * rest / count) / count)


@compiled()
def _standardise(column: Floats, role: _Roles, tolerance: float) -> None:
    """Centre and scale a column in place; where it does not vary, centre it only.

    With a tolerance of 0 the scaler's rule decides what does not vary, else a deviation up to
    the tolerance, which becomes all zeros.
    """
    mean, variance = _moments_of(column, role)
    count = 0
    for i in range(len(role)):
        count += 1 if role[i] == 1 else 0
    deviation = np.sqrt(variance)
    if tolerance > 0:
        still = deviation <= tolerance * max(1.0, abs(mean))
    else:
        bound = count * _EPSILON * variance + (count * mean * _EPSILON) ** 2
        still = variance <= bound or deviation < 10 * _EPSILON
    for i in range(len(column)):
        apart = column[i] - mean
        if still:
            column[i] = 0.0 if tolerance > 0 else apart
        else:
            column[i] = apart / deviation


@compiled()
def prepare_sets(features: Floats, roles: _Roles, mixing: Floats, scale: bool) -> Floats:
    """Return what models see of every patient, for every training set.

    Parameters
    ----------
    features : array of shape (n_patients, n_columns)
        NaN where not observed.
    roles : array of int8 of shape (n_sets, n_patients)
        1 for the training patients of a set; all others are only transformed.
    mixing : array of shape (n_columns, n_features)
        How composites are made of standardised columns; of no columns if there are none. A
        feature that is a column as it is has a single NaN, at its column.
    scale : bool
        Whether to centre and scale.

    Returns
    -------
    array of shape (n_sets, n_patients, n_features)
        Without missing values.
    """
    n_sets, n_patients = roles.shape
    n_columns = features.shape[1]
    composed = len(mixing) > 0
    width = mixing.shape[1] if composed else n_columns
    prepared = np.empty((n_sets, n_patients, width))
    filled, values = np.empty((n_columns, n_patients)), np.empty(n_patients)
    column, part = np.empty(n_patients), np.empty(n_patients)
    for s in range(n_sets):
        role = roles[s]
        for j in range(n_columns):
            for i in range(n_patients):
                column[i] = features[i, j]
            middle = _median_of(column, role, values)
            for i in range(n_patients):
                filled[j, i] = middle if np.isnan(column[i]) else column[i]
        for k in range(width):
            if composed:
                _compose(filled, role, mixing[:, k], column, part)
            else:
                column[:] = filled[k]
            if scale:
                _standardise(column, role, 0.0)
            prepared[s, :, k] = column
    return prepared


@compiled()
def _compose(filled: Floats, role: _Roles, mixing: Floats, column: Floats, part: Floats) -> None:
    """Write one feature of all patients: a column as it is, or a sum of standardised ones."""
    column[:] = 0.0
    for j in range(len(filled)):
        if np.isnan(mixing[j]):
            column[:] = filled[j]
        elif mixing[j] != 0:
            part[:] = filled[j]
            _standardise(part, role, _EQUAL)
            for i in range(len(column)):
                column[i] += mixing[j] * part[i]
