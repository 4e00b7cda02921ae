"""The models: references first, then those that compete; each for events and for numbers.

Only the elastic net depends on the unit of what it predicts, because its penalty does not grow
with the square of the coefficients; it standardises the outcome inside the training set. All
other regressors follow a change of unit or of origin by themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from heldout.arrays import Floats
from heldout.models.definition import Candidate, Kernel, Maker, Model, Real, Space, Whole

# So weak that it changes nothing but keeps the fit finite when one score separates.
_NEARLY_NO_PENALTY = 100.0
# The middle of what ridge tries, below: strong, as some thirty patients and features need it.
_FIXED_C, _FIXED_ALPHA = 0.1, 10.0
# At scikit-learn's own tolerances two solvers of one problem may choose different candidates.
_TIGHT = 1e-10
_SVC_TOLERANCE = 1e-8
# Of one column the kernel's ridge is then the straight line, to rounding.
_NO_PENALTY = 1e-12


def _solve_elastic_net(estimator: Any, prepared: Floats, answers: Floats, weights: Floats) -> None:
    """Give an elastic-net logistic regression the solution that its kernel found.

    Before the fit it is where the solver begins: from zero it may stop before it has moved, because
    it compares its steps with the largest coefficient, and of zeros there is none. After the fit it
    is what stays: the solver's first pass moves the intercept away from it, by up to six points of
    a probability where all coefficients are 0.
    """
    from heldout.kernels.elastic_net_logistic import elastic_net_logistic_fit

    coefficients, intercept, _ = elastic_net_logistic_fit(
        prepared, answers, weights, float(estimator.C), float(estimator.l1_ratio)
    )
    estimator.set_params(warm_start=True)
    estimator.coef_, estimator.intercept_ = coefficients[None, :], np.array([intercept])


def _elastic_net_of_numbers(candidate: Candidate, seed: int) -> Any:
    """Return an elastic-net linear regression of the outcome in training standard deviations."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.linear_model import ElasticNet
    from sklearn.preprocessing import StandardScaler

    net = ElasticNet(
        alpha=candidate["alpha"], l1_ratio=candidate["l1_ratio"], tol=_TIGHT, max_iter=100_000
    )
    return TransformedTargetRegressor(regressor=net, transformer=StandardScaler())


def _for_both(model: Model, **changes: Any) -> Model:
    """Return a classifier with its regressor: the same model but for what is named."""
    number = replace(model, kind="number", margin="points", **changes)
    return replace(model, regressor=number)


_NEWTON = {"solver": "newton-cholesky", "tol": _TIGHT}
_LOGISTIC = Maker(path="sklearn.linear_model.LogisticRegression", settings=_NEWTON)
_TREES = {"n_estimators": 100}
_GIVEN = ("random_state", "n_jobs")
_PENALTY = Real(low=1e-3, high=10.0, log=True)
_WIDTH = Real(low=1e-4, high=1.0, log=True)
_CONSTANT = Kernel(name="constant", row=lambda candidate: (0.0,))
# Its eliminations grow as the square of the features, and a library's are faster for large ones.
_MOST_CELLS_OF_RIDGE = 100_000
# A support-vector kernel keeps a number for each pair of patients.
_MOST_PATIENTS_OF_SVC = 600
# The kernel of boosted trees numbers patients in 16 bits.
_MOST_PATIENTS_OF_BOOSTING = 65_536
# As the kernel grows them; XGBoost's own default puts values into bins.
_EXACT = {"tree_method": "exact"}
_BOOSTING: Space = {
    "n_estimators": Whole(low=10, high=100, log=True),
    "learning_rate": Real(low=0.02, high=0.3, log=True),
    "max_depth": Whole(low=1, high=3),
    "subsample": Real(low=0.5, high=1.0),
    "colsample_bytree": Real(low=0.5, high=1.0),
    "reg_lambda": Real(low=0.1, high=30.0, log=True),
    "min_child_weight": Real(low=0.5, high=5.0, log=True),
}
# A patient weighs 1 in a squared error, and at most a quarter in a log loss.
_BOOSTING_OF_NUMBERS: Space = {
    **_BOOSTING,
    "reg_lambda": Real(low=0.4, high=120.0, log=True),
    "min_child_weight": Real(low=2.0, high=20.0, log=True),
}


def _boosting_kernel(name: str) -> Kernel:
    """Return a kernel of boosted trees."""
    return Kernel(
        name=name,
        row=lambda candidate: tuple(float(candidate[setting]) for setting in _BOOSTING),
        most_patients=_MOST_PATIENTS_OF_BOOSTING,
    )


MODELS = {
    model.name: model
    for model in (
        _for_both(
            Model(
                name="prevalence",
                label="Prevalence",
                estimator=Maker(
                    path="sklearn.dummy.DummyClassifier", settings={"strategy": "prior"}
                ),
                reference=True,
                margin="probability",
                explainer="none",
                kernel=_CONSTANT,
            ),
            label="Mean",
            estimator=Maker(path="sklearn.dummy.DummyRegressor"),
        ),
        _for_both(
            Model(
                name="severity",
                label="Baseline severity alone",
                estimator=replace(_LOGISTIC, settings=_NEWTON | {"C": _NEARLY_NO_PENALTY}),
                columns="severity",
                reference=True,
                kernel=Kernel(name="ridge_logistic", row=lambda candidate: (_NEARLY_NO_PENALTY,)),
            ),
            estimator=Maker(path="sklearn.linear_model.LinearRegression"),
            kernel=Kernel(name="ridge_linear", row=lambda candidate: (_NO_PENALTY,)),
        ),
        _for_both(
            Model(
                name="severity_age_sex",
                label="Severity with age and sex",
                estimator=Maker(path="heldout.models.firth.FirthLogisticRegression"),
                columns="severity_age_sex",
                reference=True,
                kernel=Kernel(name="firth_logistic"),
            ),
            estimator=Maker(path="sklearn.linear_model.LinearRegression"),
            kernel=Kernel(name="ridge_linear", row=lambda candidate: (_NO_PENALTY,)),
        ),
        _for_both(
            Model(
                name="ridge_fixed",
                label="Ridge of a fixed penalty",
                estimator=replace(_LOGISTIC, settings=_NEWTON | {"C": _FIXED_C}),
                reference=True,
                kernel=Kernel(
                    name="ridge_logistic",
                    row=lambda candidate: (_FIXED_C,),
                    most_cells=_MOST_CELLS_OF_RIDGE,
                ),
            ),
            estimator=Maker(path="sklearn.linear_model.Ridge", settings={"alpha": _FIXED_ALPHA}),
            kernel=Kernel(name="ridge_linear", row=lambda candidate: (_FIXED_ALPHA,)),
        ),
        _for_both(
            Model(
                name="ridge",
                label="Ridge logistic regression",
                estimator=_LOGISTIC,
                space={"C": _PENALTY},
                kernel=Kernel(name="ridge_logistic", most_cells=_MOST_CELLS_OF_RIDGE),
            ),
            label="Ridge linear regression",
            estimator=Maker(path="sklearn.linear_model.Ridge"),
            # The penalty beside a sum over patients, as 1/C is: the same range, turned round.
            space={"alpha": Real(low=0.1, high=1000.0, log=True)},
            kernel=Kernel(name="ridge_linear"),
        ),
        _for_both(
            Model(
                name="elastic_net",
                label="Elastic-net logistic regression",
                estimator=replace(
                    _LOGISTIC,
                    settings={"solver": "saga", "tol": 1e-6, "max_iter": 20_000},
                    given=("random_state",),
                ),
                space={"C": _PENALTY, "l1_ratio": Real(low=0.05, high=0.95)},
                kernel=Kernel(name="elastic_net_logistic", solve=_solve_elastic_net),
            ),
            label="Elastic-net linear regression",
            estimator=_elastic_net_of_numbers,
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
            estimator=Maker(
                path="sklearn.svm.SVC", settings={"kernel": "linear", "tol": _SVC_TOLERANCE}
            ),
            space={"C": _PENALTY},
            margin="score",
            explainer="none",
            kernel=Kernel(name="linear_svc", most_patients=_MOST_PATIENTS_OF_SVC),
        ),
        Model(
            name="svc",
            label="Support-vector classifier (RBF)",
            estimator=Maker(
                path="sklearn.svm.SVC", settings={"kernel": "rbf", "tol": _SVC_TOLERANCE}
            ),
            space={"C": Real(low=0.01, high=1000.0, log=True), "gamma": _WIDTH},
            margin="score",
            explainer="none",
            kernel=Kernel(name="rbf_svc", most_patients=_MOST_PATIENTS_OF_SVC),
        ),
        _for_both(
            Model(
                name="random_forest",
                label="Random forest",
                estimator=Maker(
                    path="sklearn.ensemble.RandomForestClassifier",
                    settings=_TREES,
                    given=_GIVEN,
                ),
                space={
                    "min_samples_leaf": Whole(low=1, high=8),
                    "max_features": Real(low=0.1, high=1.0),
                },
                preparation="impute",
                margin="probability",
                explainer="tree",
                kernel=Kernel(name="forest"),
                recalibrated=True,
            ),
            recalibrated=False,
            estimator=Maker(
                path="sklearn.ensemble.RandomForestRegressor", settings=_TREES, given=_GIVEN
            ),
        ),
        _for_both(
            Model(
                name="xgboost",
                label="Gradient-boosted trees (XGBoost)",
                estimator=Maker(path="xgboost.XGBClassifier", settings=_EXACT, given=_GIVEN),
                space=_BOOSTING,
                preparation="impute",
                explainer="tree",
                kernel=_boosting_kernel("boosted_log_odds"),
                recalibrated=True,
            ),
            recalibrated=False,
            estimator=Maker(path="xgboost.XGBRegressor", settings=_EXACT, given=_GIVEN),
            space=_BOOSTING_OF_NUMBERS,
            kernel=_boosting_kernel("boosted_numbers"),
        ),
    )
}
