"""Which models a study may name."""

import numpy as np
import pytest

from heldout.errors import SpecError
from heldout.kinds import KindName
from heldout.models.catalogue import MODELS
from heldout.models.definition import centre_of
from heldout.models.named import check_models
from heldout.spec.experiment import Experiment, experiment_from
from tests.unit.spec.studies import an_experiment


def naming(*models: str) -> Experiment:
    """Return an experiment with these models."""
    return experiment_from(an_experiment() | {"models": list(models)})


@pytest.mark.parametrize("strength", [0.01, 1.0, 100.0])
def test_ridge_is_solved_to_the_end(strength: float) -> None:
    """The slope of its own criterion is 0 where it stopped, written out by hand."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(36, 12))
    answers = (features[:, 0] + rng.normal(size=36) > 0).astype(float)
    model = MODELS["ridge"].estimator({"C": strength}, 0).fit(features, answers)
    apart = model.predict_proba(features)[:, 1] - answers
    slope = model.coef_[0] + strength * features.T @ apart
    assert np.abs(slope).max() < 1e-8 * max(1.0, strength)
    assert abs(apart.sum()) < 1e-8


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


@pytest.mark.parametrize("kind", ["class", "number"])
def test_the_fixed_ridge_is_the_middle_of_the_tuned_one(kind: KindName) -> None:
    """Told to scikit-learn and to the kernel alike."""
    fixed, tuned = (MODELS[name].for_kind(kind) for name in ("ridge_fixed", "ridge"))
    middle = centre_of(tuned.space)
    parameters = fixed.estimator({}, 0).get_params()
    assert {name: parameters[name] for name in middle} == pytest.approx(middle)
    assert fixed.kernel is not None
    assert fixed.kernel.row({}) == pytest.approx([*middle.values()])


def test_the_references_are_four_of_which_one_says_the_same_of_everybody() -> None:
    references = [model for model in MODELS.values() if model.reference]
    assert [model.name for model in references] == [
        "prevalence",
        "severity",
        "severity_age_sex",
        "ridge_fixed",
    ]
    assert [model.name for model in MODELS.values() if model.constant] == ["prevalence"]
    # Whatever is tuned could be chosen by looking.
    assert not any(
        dict(model.space) or dict(model.for_kind("number").space) for model in references
    )
