"""The models: references first, then those that compete; each for events and for numbers.

Only the elastic net depends on the unit of what it predicts, because its penalty does not grow
with the square of the coefficients; it standardises the outcome inside the training set. All
other regressors follow a change of unit or of origin by themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from heldout.errors import SpecError, raise_faults, unknown_name
from heldout.models.definition import Candidate, Model, Real, Space, Whole
from heldout.spec import Experiment

__all__ = ["MODELS", "check_models"]

# So weak that it changes nothing but keeps the fit finite when one score separates.
NEARLY_NO_PENALTY = 100.0


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

    return LogisticRegression(C=NEARLY_NO_PENALTY, solver="newton-cholesky")


def straight_line(candidate: Candidate, seed: int) -> Any:
    """Return a linear regression on one column."""
    from sklearn.linear_model import LinearRegression

    return LinearRegression()


def ridge(candidate: Candidate, seed: int) -> Any:
    """Return a ridge logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=candidate["C"], solver="newton-cholesky", tol=1e-8)


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
        tol=1e-4,
        max_iter=5000,
        random_state=seed,
    )


def elastic_net_of_numbers(candidate: Candidate, seed: int) -> Any:
    """Return an elastic-net linear regression of the outcome in training standard deviations."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.linear_model import ElasticNet
    from sklearn.preprocessing import StandardScaler

    net = ElasticNet(alpha=candidate["alpha"], l1_ratio=candidate["l1_ratio"], max_iter=5000)
    return TransformedTargetRegressor(regressor=net, transformer=StandardScaler())


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


def xgboost(candidate: Candidate, seed: int) -> Any:
    """Return gradient-boosted trees by XGBoost, one thread: more cost time at these sizes."""
    from xgboost import XGBClassifier

    return XGBClassifier(**boosting_settings(candidate, seed))


def xgboost_of_numbers(candidate: Candidate, seed: int) -> Any:
    """Return gradient-boosted regression trees by XGBoost, one thread."""
    from xgboost import XGBRegressor

    return XGBRegressor(**boosting_settings(candidate, seed))


def boosting_settings(candidate: Candidate, seed: int) -> dict[str, Any]:
    """Return what both kinds of boosted trees are told."""
    return {
        "n_estimators": candidate["n_estimators"],
        "learning_rate": candidate["learning_rate"],
        "max_depth": candidate["max_depth"],
        "subsample": candidate["subsample"],
        "colsample_bytree": candidate["colsample_bytree"],
        "reg_lambda": candidate["reg_lambda"],
        "min_child_weight": candidate["min_child_weight"],
        "tree_method": "exact",
        "random_state": seed,
        "n_jobs": 1,
    }


def for_both(model: Model, **changes: Any) -> Model:
    """Return a classifier with its regressor: the same model but for what is named."""
    number = replace(model, kind="number", margin="points", **changes)
    return replace(model, regressor=number)


PENALTY = Real(low=1e-3, high=10.0, log=True)
BOOSTING: Space = {
    "n_estimators": Whole(low=10, high=100, log=True),
    "learning_rate": Real(low=0.02, high=0.3, log=True),
    "max_depth": Whole(low=1, high=3),
    "subsample": Real(low=0.5, high=1.0),
    "colsample_bytree": Real(low=0.5, high=1.0),
    "reg_lambda": Real(low=0.1, high=30.0, log=True),
    "min_child_weight": Real(low=0.5, high=5.0, log=True),
}

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
            ),
            estimator=straight_line,
        ),
        for_both(
            Model(
                name="ridge",
                label="Ridge logistic regression",
                estimator=ridge,
                space={"C": PENALTY},
            ),
            label="Ridge linear regression",
            estimator=ridge_of_numbers,
            # The penalty beside a sum over patients, as 1/C is: the same range, turned round.
            space={"alpha": Real(low=0.1, high=1000.0, log=True)},
        ),
        for_both(
            Model(
                name="elastic_net",
                label="Elastic-net logistic regression",
                estimator=elastic_net,
                space={"C": PENALTY, "l1_ratio": Real(low=0.05, high=0.95)},
            ),
            label="Elastic-net linear regression",
            estimator=elastic_net_of_numbers,
            # The penalty beside a mean over patients: 1/(n C) for some thirty of them.
            space={
                "alpha": Real(low=0.003, high=3.0, log=True),
                "l1_ratio": Real(low=0.05, high=0.95),
            },
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
            ),
            estimator=xgboost_of_numbers,
            # A patient weighs 1 in a squared error, and at most a quarter in a log loss.
            space=dict(BOOSTING)
            | {
                "reg_lambda": Real(low=0.4, high=120.0, log=True),
                "min_child_weight": Real(low=2.0, high=20.0, log=True),
            },
        ),
    )
}


def check_models(experiment: Experiment) -> tuple[Model, ...]:
    """Return the experiment's models in its order.

    Parameters
    ----------
    experiment : Experiment
        Its ``models`` are names of the catalogue.

    Returns
    -------
    tuple of Model

    Raises
    ------
    SpecError
        If a name is not in the catalogue, or no model is left to choose among.
    """
    faults = [
        unknown_name(experiment.where("models", number), "model", name, MODELS)
        for number, name in enumerate(experiment.models)
        if name not in MODELS
    ]
    raise_faults(SpecError, faults)
    models = tuple(MODELS[name] for name in experiment.models)
    if all(model.reference for model in models):
        rivals = ", ".join(name for name, model in MODELS.items() if not model.reference)
        raise SpecError(
            f"{experiment.where('models')}: only reference models are named. The headline chooses "
            f"among others; add at least one of: {rivals}."
        )
    return models
