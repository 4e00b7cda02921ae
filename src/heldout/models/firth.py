"""Firth's logistic regression as a scikit-learn classifier; a kernel solves it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model._base import LinearClassifierMixin

from heldout.arrays import Floats


class FirthLogisticRegression(LinearClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Logistic regression under Jeffreys' prior, its intercept corrected; nothing to set.

    What it maximises, and why, says `heldout.kernels.firth_logistic`. It is finite however well a
    score separates those with the event, and its mean probability is the share of events.

    Attributes
    ----------
    classes_ : array of shape (2,)
        0 and 1.
    coef_ : array of shape (1, n_features)
        Log-odds a unit of each feature.
    intercept_ : array of shape (1,)
        Log-odds.

    References
    ----------
    Heinze & Schemper (2002), Stat Med 21:2409-2419, doi:10.1002/sim.1047
    Puhr et al. (2017), Stat Med 36:2302-2317, doi:10.1002/sim.7273
    """

    def fit(
        self, features: Floats, answers: Any, sample_weight: Floats | None = None
    ) -> FirthLogisticRegression:
        """Learn from patients.

        Parameters
        ----------
        features : array of shape (n_patients, n_features)
            Without missing values.
        answers : array of shape (n_patients,)
            1 and 0.
        sample_weight : array of shape (n_patients,), optional
            Above 0; all ones by default.

        Returns
        -------
        FirthLogisticRegression
            Itself.
        """
        from sklearn.exceptions import ConvergenceWarning

        from heldout.kernels.firth_logistic import firth_logistic_fit

        table = np.ascontiguousarray(features, dtype=np.float64)
        weights = np.ones(len(table)) if sample_weight is None else sample_weight
        solution, converged = firth_logistic_fit(
            table,
            np.ascontiguousarray(answers, dtype=np.float64),
            np.ascontiguousarray(weights, dtype=np.float64),
        )
        if not converged:
            warnings.warn("Firth's regression has not converged", ConvergenceWarning, stacklevel=2)
        self.classes_ = np.array([0, 1])
        self.coef_, self.intercept_ = solution[None, :-1], solution[-1:]
        return self

    def predict_proba(self, features: Floats) -> Floats:
        """Return probabilities.

        Parameters
        ----------
        features : array of shape (n_patients, n_features)
            Without missing values.

        Returns
        -------
        array of shape (n_patients, 2)
            Of no event, and of the event.
        """
        from scipy.special import expit

        margin = self.decision_function(features)
        return np.column_stack([expit(-margin), expit(margin)])
