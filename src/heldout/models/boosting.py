"""Gradient-boosted trees by XGBoost, and all candidates of one training set for less.

XGBoost's estimators make their own matrix of every training set and drive every round of boosting
through callbacks. `boosted_margins` makes the matrix once for all candidates and asks for the
rounds itself; the trees, and so the margins, are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from heldout.arrays import Floats
from heldout.models.definition import Candidate, Learnt, Real, Space, Whole

BOOSTING: Space = {
    "n_estimators": Whole(low=10, high=100, log=True),
    "learning_rate": Real(low=0.02, high=0.3, log=True),
    "max_depth": Whole(low=1, high=3),
    "subsample": Real(low=0.5, high=1.0),
    "colsample_bytree": Real(low=0.5, high=1.0),
    "reg_lambda": Real(low=0.1, high=30.0, log=True),
    "min_child_weight": Real(low=0.5, high=5.0, log=True),
}
# A patient weighs 1 in a squared error, and at most a quarter in a log loss.
BOOSTING_OF_NUMBERS: Space = {
    **BOOSTING,
    "reg_lambda": Real(low=0.4, high=120.0, log=True),
    "min_child_weight": Real(low=2.0, high=20.0, log=True),
}
# What every estimator is told beside its candidate.
EXACT = {"tree_method": "exact"}


def boosted_margins(
    objective: str, candidates: Sequence[Candidate], seed: int, patients: Learnt, test: Floats
) -> Floats:
    """Return margins of patients by every candidate, as its XGBoost estimator has them.

    Parameters
    ----------
    objective : str
        XGBoost's, of the estimator: log-odds or numbers.
    candidates : sequence of mapping
        At least one.
    seed : int
        Of every candidate.
    patients : tuple of arrays
        Features, answers and weights of those to learn from.
    test : array of shape (n_test, n_features)
        Features of those to predict.

    Returns
    -------
    array of shape (n_candidates, n_test)
    """
    from xgboost import Booster, DMatrix

    train, answers, weights = patients
    learn = DMatrix(train, label=answers, weight=weights, nthread=1)
    judge = DMatrix(test, nthread=1)
    margins = np.empty((len(candidates), len(test)))
    for number, candidate in enumerate(candidates):
        settings: dict[str, Any] = {**candidate, **EXACT, "objective": objective}
        rounds = settings.pop("n_estimators")
        booster = Booster(settings | {"random_state": seed, "nthread": 1}, [learn])
        for step in range(rounds):
            booster.update(learn, step)
        margins[number] = booster.predict(judge, output_margin=True)
    return margins
