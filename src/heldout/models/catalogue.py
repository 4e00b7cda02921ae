"""The models: references first, then those that compete; each for events and for numbers.

Only the elastic net depends on the unit of what it predicts, because its penalty does not grow
with the square of the coefficients; it standardises the outcome inside the training set. All
other regressors follow a change of unit or of origin by themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heldout.models.boosting import (
    BOOSTING,
    BOOSTING_OF_NUMBERS,
    boosted_margins,
    boosted_numbers,
    xgboost,
    xgboost_of_numbers,
)
from heldout.models.definition import Candidate, Kernel, Model, Real, Whole

__all__ = ["MODELS"]

Floats = NDArray[np.float64]
# So weak that it changes nothing but keeps the fit finite when one score separates.
NEARLY_NO_PENALTY = 100.0
# At scikit-learn's own tolerances two solvers of one problem may choose different candidates.
TIGHT = 1e-10
SVC_TOLERANCE = 1e-8
# Of one column the kernel's ridge is then the straight line, to rounding.
NO_PENALTY = 1e-12


def prevalence(candidate: Candidate, seed: int) -> Any:
    """Return a classifier that predicts the training set's share of events for everybody."""
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")


def mean(candidate: Candidate, seed: int) -> Any:
    """Return a regressor that predicts the training set's mean for everybody."""
    from sklearn.dummy import DummyRegressor

    return DummyRegressor(strategy="mean")


def severity(candidate: Candidate, seed: int) -> Any:
    """Return a logistic regression on one column, practically without penalty."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=NEARLY_NO_PENALTY, solver="newton-cholesky", tol=TIGHT)


def straight_line(candidate: Candidate, seed: int) -> Any:
    """Return a linear regression on one column."""
    from sklearn.linear_model import LinearRegression

    return LinearRegression()


def ridge(candidate: Candidate, seed: int) -> Any:
    """Return a ridge logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=candidate["C"], solver="newton-cholesky", tol=TIGHT)


def ridge_of_numbers(candidate: Candidate, seed: int) -> Any:
    """Return a ridge linear regression."""
    from sklearn.linear_model import Ridge

    return Ridge(alpha=candidate["alpha"])


def elastic_net(candidate: Candidate, seed: int) -> Any:
    """Return an elastic-net logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        C=candidate["C"],
        l1_ratio=candidate["l1_ratio"],
        solver="saga",
        tol=1e-6,
        max_iter=20_000,
        random_state=seed,
    )


def start_elastic_net(estimator: Any, prepared: Floats, answers: Floats, weights: Floats) -> None:
    """Let an elastic-net logistic regression begin at the solution that its kernel found.

    The solver goes on from there to its own end. From zero it may stop before it has moved: it
    compares its steps with the largest coefficient, and of zeros there is none.
    """
    from heldout.kernels.elastic_net_logistic import elastic_net_logistic_fit

    coefficients, intercept, _ = elastic_net_logistic_fit(
        prepared, answers, weights, float(estimator.C), float(estimator.l1_ratio)
    )
    estimator.set_params(warm_start=True)
    estimator.coef_, estimator.intercept_ = coefficients[None, :], np.array([intercept])


def elastic_net_of_numbers(candidate: Candidate, seed: int) -> Any:
    """Return an elastic-net linear regression of the outcome in training standard deviations."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.linear_model import ElasticNet
    from sklearn.preprocessing import StandardScaler

    net = ElasticNet(
        alpha=candidate["alpha"], l1_ratio=candidate["l1_ratio"], tol=TIGHT, max_iter=100_000
    )
    return TransformedTargetRegressor(regressor=net, transformer=StandardScaler())


def linear_svc(candidate: Candidate, seed: int) -> Any:
    """Return a support-vector classifier without a kernel."""
    from sklearn.svm import SVC

    return SVC(kernel="linear", C=candidate["C"], tol=SVC_TOLERANCE)


def svc(candidate: Candidate, seed: int) -> Any:
    """Return a support-vector classifier with a radial kernel."""
    from sklearn.svm import SVC

    return SVC(kernel="rbf", C=candidate["C"], gamma=candidate["gamma"], tol=SVC_TOLERANCE)


def random_forest(candidate: Candidate, seed: int) -> Any:
    """Return a random forest of 100 trees."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(**forest_settings(candidate, seed))


def random_forest_of_numbers(candidate: Candidate, seed: int) -> Any:
    """Return a random forest of 100 regression trees."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(**forest_settings(candidate, seed))


def forest_settings(candidate: Candidate, seed: int) -> dict[str, Any]:
    """Return what both forests are told."""
    return {
        "n_estimators": 100,
        "min_samples_leaf": candidate["min_samples_leaf"],
        "max_features": candidate["max_features"],
        "random_state": seed,
        "n_jobs": 1,
    }


def for_both(model: Model, **changes: Any) -> Model:
    """Return a classifier with its regressor: the same model but for what is named."""
    number = replace(model, kind="number", margin="points", **changes)
    return replace(model, regressor=number)


PENALTY = Real(low=1e-3, high=10.0, log=True)
WIDTH = Real(low=1e-4, high=1.0, log=True)
CONSTANT = Kernel(name="constant", row=lambda candidate: (0.0,))
# Its eliminations grow as the square of the features, and a library's are faster for large ones.
MOST_CELLS_OF_RIDGE = 100_000
# A support-vector kernel keeps a number for each pair of patients.
MOST_PATIENTS_OF_SVC = 600
MODELS = {
    model.name: model
    for model in (
        for_both(
            Model(
                name="prevalence",
                label="Prevalence",
                estimator=prevalence,
                reference=True,
                margin="probability",
                explainer="none",
                kernel=CONSTANT,
            ),
            label="Mean",
            estimator=mean,
        ),
        for_both(
            Model(
                name="severity",
                label="Baseline severity alone",
                estimator=severity,
                columns="severity",
                reference=True,
                kernel=Kernel(name="ridge_logistic", row=lambda candidate: (NEARLY_NO_PENALTY,)),
            ),
            estimator=straight_line,
            kernel=Kernel(name="ridge_linear", row=lambda candidate: (NO_PENALTY,)),
        ),
        for_both(
            Model(
                name="ridge",
                label="Ridge logistic regression",
                estimator=ridge,
                space={"C": PENALTY},
                kernel=Kernel(name="ridge_logistic", most_cells=MOST_CELLS_OF_RIDGE),
            ),
            label="Ridge linear regression",
            estimator=ridge_of_numbers,
            # The penalty beside a sum over patients, as 1/C is: the same range, turned round.
            space={"alpha": Real(low=0.1, high=1000.0, log=True)},
            kernel=Kernel(name="ridge_linear"),
        ),
        for_both(
            Model(
                name="elastic_net",
                label="Elastic-net logistic regression",
                estimator=elastic_net,
                space={"C": PENALTY, "l1_ratio": Real(low=0.05, high=0.95)},
                kernel=Kernel(name="elastic_net_logistic", start=start_elastic_net),
            ),
            label="Elastic-net linear regression",
            estimator=elastic_net_of_numbers,
            # The penalty beside a mean over patients: 1/(n C) for some thirty of them.
            space={
                "alpha": Real(low=0.003, high=3.0, log=True),
                "l1_ratio": Real(low=0.05, high=0.95),
            },
            kernel=Kernel(name="elastic_net_linear"),
        ),
        Model(
            name="linear_svc",
            label="Linear support-vector classifier",
            estimator=linear_svc,
            space={"C": PENALTY},
            margin="score",
            explainer="none",
            kernel=Kernel(name="linear_svc", most_patients=MOST_PATIENTS_OF_SVC),
        ),
        Model(
            name="svc",
            label="Support-vector classifier (RBF)",
            estimator=svc,
            space={"C": Real(low=0.01, high=1000.0, log=True), "gamma": WIDTH},
            margin="score",
            explainer="none",
            kernel=Kernel(name="rbf_svc", most_patients=MOST_PATIENTS_OF_SVC),
        ),
        for_both(
            Model(
                name="random_forest",
                label="Random forest",
                estimator=random_forest,
                space={
                    "min_samples_leaf": Whole(low=1, high=8),
                    "max_features": Real(low=0.1, high=1.0),
                },
                preparation="impute",
                margin="probability",
                explainer="tree",
                kernel=Kernel(name="forest"),
            ),
            estimator=random_forest_of_numbers,
        ),
        for_both(
            Model(
                name="xgboost",
                label="Gradient-boosted trees (XGBoost)",
                estimator=xgboost,
                space=BOOSTING,
                preparation="impute",
                explainer="tree",
                trainer=boosted_margins,
            ),
            estimator=xgboost_of_numbers,
            space=BOOSTING_OF_NUMBERS,
            trainer=boosted_numbers,
        ),
    )
}
