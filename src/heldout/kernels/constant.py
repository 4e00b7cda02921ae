"""The mean of the training patients, predicted for everybody: what all others are measured by.

**Problem.** The weighted mean of the answers; of classes the prevalence. As scikit-learn's
``DummyClassifier(strategy="prior")`` and ``DummyRegressor()``.
"""

from __future__ import annotations

import numpy as np

from heldout.arrays import Floats
from heldout.kernels.compiled import PATH, compiled


@compiled(PATH)
def constant_path(
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
    seed: int,
) -> tuple[Floats, Floats]:
    """Return the weighted mean answer, for every candidate and patient.

    Parameters
    ----------
    train, test : arrays of shape (n_patients, n_features)
        Not looked at.
    answers, weights : arrays of shape (n_train,)
        1 and 0, or numbers; patient weights above 0.
    candidates : array of shape (n_candidates, n_parameters)
        Not looked at.
    seed : int
        Not used.

    Returns
    -------
    margins : array of shape (n_candidates, n_test)
    converged : array of shape (n_candidates,)
        All 1.
    """
    total, weight = 0.0, 0.0
    for i in range(len(answers)):
        total += weights[i] * answers[i]
        weight += weights[i]
    margins = np.full((len(candidates), len(test)), total / weight)
    return margins, np.ones(len(candidates))
