"""The models: references first, then those that compete."""

from __future__ import annotations

from typing import Any

from heldout.errors import SpecError, raise_faults, unknown_name
from heldout.models.definition import Candidate, Model, Real, Whole
from heldout.spec import Experiment

__all__ = ["MODELS", "check_models"]

# So weak that it changes nothing but keeps the fit finite when one score separates.
NEARLY_NO_PENALTY = 100.0


def prevalence(candidate: Candidate, seed: int) -> Any:
    """Return a classifier that predicts the training set's share of events for everybody."""
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")


def severity(candidate: Candidate, seed: int) -> Any:
    """Return a logistic regression on one column, practically without penalty."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=NEARLY_NO_PENALTY, solver="newton-cholesky")


def ridge(candidate: Candidate, seed: int) -> Any:
    """Return a ridge logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=candidate["C"], solver="newton-cholesky", tol=1e-8)


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


def random_forest(candidate: Candidate, seed: int) -> Any:
    """Return a random forest of 100 trees."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        n_estimators=100,
        min_samples_leaf=candidate["min_samples_leaf"],
        max_features=candidate["max_features"],
        random_state=seed,
        n_jobs=1,
    )


def xgboost(candidate: Candidate, seed: int) -> Any:
    """Return gradient-boosted trees by XGBoost, one thread: more cost time at these sizes."""
    from xgboost import XGBClassifier

    return XGBClassifier(
        n_estimators=candidate["n_estimators"],
        learning_rate=candidate["learning_rate"],
        max_depth=candidate["max_depth"],
        subsample=candidate["subsample"],
        colsample_bytree=candidate["colsample_bytree"],
        reg_lambda=candidate["reg_lambda"],
        min_child_weight=candidate["min_child_weight"],
        tree_method="exact",
        random_state=seed,
        n_jobs=1,
    )


PENALTY = Real(low=1e-3, high=10.0, log=True)

MODELS = {
    model.name: model
    for model in (
        Model(
            name="prevalence",
            label="Prevalence",
            estimator=prevalence,
            reference=True,
            margin="probability",
            explainer="none",
        ),
        Model(
            name="severity",
            label="Baseline severity alone",
            estimator=severity,
            columns="severity",
            reference=True,
        ),
        Model(
            name="ridge",
            label="Ridge logistic regression",
            estimator=ridge,
            space={"C": PENALTY},
        ),
        Model(
            name="elastic_net",
            label="Elastic-net logistic regression",
            estimator=elastic_net,
            space={"C": PENALTY, "l1_ratio": Real(low=0.05, high=0.95)},
        ),
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
        Model(
            name="xgboost",
            label="Gradient-boosted trees (XGBoost)",
            estimator=xgboost,
            space={
                "n_estimators": Whole(low=10, high=100, log=True),
                "learning_rate": Real(low=0.02, high=0.3, log=True),
                "max_depth": Whole(low=1, high=3),
                "subsample": Real(low=0.5, high=1.0),
                "colsample_bytree": Real(low=0.5, high=1.0),
                "reg_lambda": Real(low=0.1, high=30.0, log=True),
                "min_child_weight": Real(low=0.5, high=5.0, log=True),
            },
            preparation="impute",
            explainer="tree",
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
