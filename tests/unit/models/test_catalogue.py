"""Which models a study may name."""

import pytest

from heldout.errors import SpecError
from heldout.models import MODELS, check_models
from heldout.spec import Experiment, experiment_from
from tests.unit.spec.studies import an_experiment


def naming(*models: str) -> Experiment:
    """Return an experiment with these models."""
    return experiment_from(an_experiment() | {"models": list(models)})


def test_models_keep_the_order_of_the_experiment() -> None:
    names = [model.name for model in check_models(naming("xgboost", "prevalence", "ridge"))]
    assert names == ["xgboost", "prevalence", "ridge"]


def test_an_unknown_model_is_refused_with_a_suggestion() -> None:
    with pytest.raises(SpecError, match=r"'rigde' is no known model.*Did you mean 'ridge'\?"):
        check_models(naming("prevalence", "rigde"))


def test_all_unknown_models_are_named_at_once() -> None:
    with pytest.raises(SpecError, match=r"(?s)2 faults.*'svm'.*'lasso'"):
        check_models(naming("svm", "lasso"))


def test_references_alone_leave_nothing_to_choose() -> None:
    with pytest.raises(SpecError, match=r"only reference models.*ridge, elastic_net"):
        check_models(naming("prevalence", "severity"))


def test_the_references_are_prevalence_and_severity() -> None:
    assert [model.name for model in MODELS.values() if model.reference] == [
        "prevalence",
        "severity",
    ]
