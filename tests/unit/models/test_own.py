"""A user's own estimator becomes a model, or says why it cannot."""

import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import KNeighborsClassifier

from heldout.errors import SpecError, StudyError
from heldout.explain import explain_patients
from heldout.models.catalogue import MODELS
from heldout.models.definition import (
    Choice,
    Model,
    Real,
    Whole,
    build_pipeline,
    fitting_weights,
    predict_patients,
)
from heldout.models.named import check_models, models_of
from heldout.models.own import read_entry
from heldout.spec.experiment import composed, experiment_from
from tests.unit.spec.studies import an_experiment

NEIGHBOURS = "sklearn.neighbors.KNeighborsClassifier"
KNN: Mapping[str, Any] = MappingProxyType(
    {
        "estimator": NEIGHBOURS,
        "settings": {"weights": "distance"},
        "space": {"n_neighbors": {"whole": [3, 15]}, "p": {"choice": [1, 2]}},
    }
)


def entry(estimator: str = NEIGHBOURS, **more: Any) -> dict[str, Any]:
    """Return an entry of one of scikit-learn's estimators."""
    path = estimator if estimator.startswith(("sklearn.", "xgboost.")) else f"sklearn.{estimator}"
    return {"estimator": path, **more}


def model_of(content: Mapping[str, Any], name: str = "mine") -> Model:
    """Return the model of an entry without a fault."""
    found = read_entry(name, dict(content))
    assert found.faults == ()
    assert found.model is not None
    return found.model


def faults_of(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return an entry's faults: dotted place, and text."""
    found = read_entry("mine", dict(content))
    assert found.model is None
    return [(".".join(path), text) for path, text in found.faults]


def naming(*models: str, **own: Any) -> Any:
    """Return an experiment with these models and entries."""
    return experiment_from(an_experiment() | {"models": list(models), "own_models": own})


def test_an_entry_becomes_a_model() -> None:
    model = model_of(dict(KNN) | {"preparation": "impute"}, "nearest_ones")
    assert model.name == "nearest_ones"
    assert model.label == "Nearest ones"
    assert model.preparation == "impute"
    assert not model.reference
    assert model.kernel is None
    assert model.space == {"n_neighbors": Whole(low=3, high=15), "p": Choice(options=(1, 2))}
    assert not model.serves("number")


def test_people_read_the_label() -> None:
    assert model_of(dict(KNN) | {"label": "k nearest"}).label == "K nearest"


def test_a_real_space_keeps_its_scale() -> None:
    space = {"C": {"real": [0.001, 10], "log": True}}
    model = model_of(entry("linear_model.LogisticRegression", space=space))
    assert model.space == {"C": Real(low=0.001, high=10, log=True)}


def test_the_estimator_is_told_settings_candidate_seed_and_one_thread() -> None:
    settings = {"n_estimators": 7}
    content = entry("ensemble.RandomForestClassifier", settings=settings)
    parameters = model_of(content).estimator({"max_depth": 2}, 5).get_params()
    assert {name: parameters[name] for name in ("n_estimators", "max_depth", "random_state")} == {
        "n_estimators": 7,
        "max_depth": 2,
        "random_state": 5,
    }
    assert parameters["n_jobs"] == 1


def test_an_estimator_that_warns_of_its_threads_is_not_told_them() -> None:
    """In 1.9 LogisticRegression says that n_jobs will be removed, in every fit."""
    model = model_of(entry("linear_model.LogisticRegression"))
    assert model.estimator({}, 1).get_params()["n_jobs"] is None
    model.estimator({}, 1).fit([[0.0], [1.0], [2.0]], [0, 1, 1])


def test_the_estimator_is_the_users_class_itself() -> None:
    """Nothing of this package may be in a bundle."""
    assert type(model_of(KNN).estimator({}, 1)) is KNeighborsClassifier


def test_a_worker_gets_the_same_model() -> None:
    again = pickle.loads(pickle.dumps(model_of(KNN).estimator))
    assert again({"p": 1}, 3).get_params() == model_of(KNN).estimator({"p": 1}, 3).get_params()


def test_the_regressor_is_the_same_model_for_numbers() -> None:
    regressor = {
        "estimator": "sklearn.neighbors.KNeighborsRegressor",
        "space": {"n_neighbors": {"whole": [2, 9]}},
    }
    model = model_of(dict(KNN) | {"regressor": regressor, "label": "Near"})
    number = model.for_kind("number")
    assert (number.kind, number.margin, number.label) == ("number", "points", "Near")
    assert number.space == {"n_neighbors": Whole(low=2, high=9)}


def test_a_regressor_alone_serves_numbers_alone() -> None:
    model = model_of(entry("svm.SVR"))
    assert (model.kind, model.serves("class"), model.serves("number")) == ("number", False, True)


@pytest.mark.parametrize(
    ("content", "margin", "explainer", "weighted"),
    [
        (entry(), "probability", "none", False),
        (entry("linear_model.LogisticRegression"), "log-odds", "linear", True),
        (entry("discriminant_analysis.LinearDiscriminantAnalysis"), "log-odds", "linear", False),
        (entry("svm.LinearSVC"), "score", "linear", True),
        (entry("svm.SVC"), "score", "none", True),
        (entry("naive_bayes.GaussianNB"), "probability", "none", True),
        (entry("ensemble.ExtraTreesClassifier"), "probability", "tree", True),
        (entry("ensemble.GradientBoostingClassifier"), "log-odds", "tree", True),
        (
            entry("ensemble.GradientBoostingClassifier", settings={"loss": "exponential"}),
            "probability",
            "none",
            True,
        ),
        (
            entry("linear_model.SGDClassifier", space={"loss": {"choice": ["log_loss", "hinge"]}}),
            "score",
            "linear",
            True,
        ),
        (entry("svm.SVR", settings={"kernel": "linear"}), "points", "linear", True),
        (entry("svm.SVR"), "points", "none", True),
        # It has coefficients, and what it predicts is not their sum.
        (entry("linear_model.PoissonRegressor"), "points", "none", True),
        (entry("xgboost.XGBClassifier", settings={"n_estimators": 5}), "probability", "none", True),
    ],
    ids=lambda one: one["estimator"].rpartition(".")[2] if isinstance(one, dict) else None,
)
def test_what_is_seen_of_an_estimator(
    content: dict[str, Any], margin: str, explainer: str, weighted: bool
) -> None:
    model = model_of(content)
    assert (model.margin, model.explainer, model.weighted) == (margin, explainer, weighted)


@pytest.mark.parametrize(
    "content",
    [
        entry("linear_model.LogisticRegression"),
        entry("discriminant_analysis.LinearDiscriminantAnalysis"),
        entry("svm.LinearSVC"),
        entry("linear_model.RidgeClassifier"),
        entry("linear_model.SGDClassifier"),
        entry("tree.DecisionTreeClassifier", settings={"max_depth": 3}),
        entry("tree.ExtraTreeClassifier", settings={"max_depth": 3}),
        entry("ensemble.RandomForestClassifier", settings={"n_estimators": 10}),
        entry("ensemble.ExtraTreesClassifier", settings={"n_estimators": 10}),
        entry("ensemble.GradientBoostingClassifier", settings={"n_estimators": 10}),
        entry("ensemble.GradientBoostingRegressor", settings={"n_estimators": 10}),
        entry("ensemble.ExtraTreesRegressor", settings={"n_estimators": 10}),
        entry("svm.SVR", settings={"kernel": "linear"}),
        entry("linear_model.HuberRegressor"),
    ],
    ids=lambda one: one["estimator"].rpartition(".")[2],
)
def test_contributions_add_up_to_the_margin(content: dict[str, Any]) -> None:
    """An explainer is given only to models that it explains to the last digit."""
    model = model_of(content)
    assert model.explainer != "none"
    rng = np.random.default_rng(0)
    background, patients = rng.normal(size=(60, 4)), rng.normal(size=(5, 4))
    number = background @ [1.0, -1.0, 0.5, 0.0] + rng.normal(size=60)
    answers = (number > 0).astype(int) if model.kind == "class" else 20 + 5 * number
    pipeline = build_pipeline(model, {}, 1).fit(background, answers)
    contributions, base = explain_patients(model, pipeline, background, patients)
    margin, _ = predict_patients(model, pipeline[-1], pipeline[:-1].transform(patients))
    np.testing.assert_allclose(contributions.sum(axis=1) + base, margin, atol=1e-6)
    assert np.abs(contributions).max() > 0.01


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("KNN", r"found 'KNN'; required: module\.Class"),
        ("sklearn.neighbours.KNN", r"cannot be imported.*Did you mean 'sklearn\.neighbors'\?"),
        ("sklern.svm.SVC", r"\(ModuleNotFoundError\).*Did you mean 'sklearn'\?"),
        ("sklearn.svm.NuSVD", r"is not in sklearn\.svm; required: a class"),
        ("sklearn.naive_bayes.GausianNB", r"Did you mean 'GaussianNB'\?"),
        ("os.system", r"found 'os\.system', which is no class"),
        ("sklearn.neighbors", r"which is no class"),
        ("subprocess.Popen", r"has no fit, predict, get_params; required: a scikit-learn estim"),
        ("sklearn.preprocessing.StandardScaler", r"has no predict"),
        ("sklearn.cluster.KMeans", r"neither a classifier nor a regressor"),
        ("sklearn.ensemble.VotingClassifier", r"cannot be made.*missing 1 required"),
        ("sklearn.isotonic.IsotonicRegression", r"cannot be fitted to 80 made-up patients \(Val"),
    ],
)
def test_a_class_that_cannot_be_used_is_refused(path: str, message: str) -> None:
    [(place, text)] = faults_of({"estimator": path})
    assert place == "estimator"
    with pytest.raises(SpecError, match=message):
        raise SpecError(text)


def test_unknown_parameters_are_named_at_once() -> None:
    found = faults_of(
        entry(
            settings={"weight": "distance", "n_jobs": 3},
            space={"n_neighbours": {"whole": [3, 15]}},
        )
    )
    assert [place for place, _ in found] == [
        "settings.weight",
        "settings.n_jobs",
        "space.n_neighbours",
    ]
    assert "Did you mean 'weights'?" in found[0][1]
    assert "which is always 1" in found[1][1]
    assert "Did you mean 'n_neighbors'?" in found[2][1]


def test_the_seed_is_the_studys() -> None:
    content = entry("ensemble.RandomForestClassifier", settings={"random_state": 1})
    [(place, text)] = faults_of(content)
    assert place == "settings.random_state"
    assert "the study's seed" in text


def test_parameters_that_a_class_takes_without_naming_them_are_known() -> None:
    """XGBClassifier(objective, **kwargs)."""
    content = entry("xgboost.XGBClassifier", settings={"max_dept": 2, "n_estimators": 3})
    [(place, text)] = faults_of(content)
    assert place == "settings.max_dept"
    assert "Did you mean 'max_depth'?" in text


def test_values_that_the_estimator_refuses_are_found_before_anything_runs() -> None:
    [(place, text)] = faults_of(entry(settings={"weights": "distence"}))
    assert place == "estimator"
    assert "The 'weights' parameter of KNeighborsClassifier must be a str among" in text
    space = {"n_neighbors": {"whole": [0, 15]}, "weights": {"choice": ["uniform", "dist"]}}
    found = faults_of(entry(space=space))
    assert [place for place, _ in found] == ["space.n_neighbors", "space.weights"]
    assert "with n_neighbors 0, weights uniform" in found[0][1]


def test_bounds_that_made_up_patients_cannot_fill_are_no_fault() -> None:
    """They have ten features; a study may have more, and twelve components."""
    space = {"n_components": {"whole": [1, 12]}}
    assert model_of(entry("cross_decomposition.PLSRegression", space=space)).space


def test_estimator_and_regressor_are_not_exchanged() -> None:
    found = faults_of(
        entry("svm.SVR", regressor={"estimator": "sklearn.svm.SVC", "settings": {}, "space": {}})
    )
    assert [place for place, _ in found] == ["estimator", "regressor.estimator"]
    assert "is a regressor; required: a classifier" in found[0][1]
    assert "is a classifier; required: a regressor" in found[1][1]


def test_faults_of_the_regressor_are_placed_there() -> None:
    [(place, _)] = faults_of(dict(KNN) | {"regressor": entry("svm.SVR", settings={"c": 1})})
    assert place == "regressor.settings.c"


def test_a_class_that_predicts_nonsense_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_estimators.py").write_text(
        "import numpy as np\n"
        "from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin\n"
        "class Base(BaseEstimator):\n"
        "    def fit(self, X, y):\n"
        "        return self\n"
        "class Unsure(RegressorMixin, Base):\n"
        "    def predict(self, X):\n"
        "        return np.full(len(X), np.nan)\n"
        "class Blind(RegressorMixin, Base):\n"
        "    def predict(self, X):\n"
        "        return [1.0]\n"
        "class Broken(RegressorMixin, Base):\n"
        "    def predict(self, X):\n"
        "        raise KeyError('gone')\n"
        "class Mute(ClassifierMixin, Base):\n"
        "    def predict(self, X):\n"
        "        return np.zeros(len(X))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    expected = {
        "Unsure": "required: finite numbers of shape (80,)",
        "Blind": "array of shape (1,)",
        "Broken": "cannot predict made-up patients (KeyError",
        "Mute": "neither predict_proba nor decision_function",
    }
    for name, words in expected.items():
        [(_, text)] = faults_of({"estimator": f"odd_estimators.{name}"})
        assert words in text
    sys.modules.pop("odd_estimators")


def test_an_experiment_names_models_of_both_kinds_in_its_order() -> None:
    models = check_models(naming("knn", "ridge", knn=dict(KNN)))
    assert [model.name for model in models] == ["knn", "ridge"]
    assert models[1] is MODELS["ridge"]


def test_an_own_model_is_one_to_choose() -> None:
    assert len(check_models(naming("prevalence", "knn", knn=dict(KNN)))) == 2


@pytest.mark.parametrize("name", ["ridge", "headline"])
def test_a_name_of_heldouts_own_is_refused(name: str) -> None:
    experiment = naming("xgboost", **{name: dict(KNN)})
    with pytest.raises(SpecError, match=rf"own_models\.{name}: .*Rename the entry.*my_{name}"):
        check_models(experiment)


def test_faults_of_entries_and_names_come_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        check_models(naming("knn", "knm", "rigde", knn=entry("svm.SCV")))
    text = str(caught.value)
    assert len(caught.value.faults) == 3
    assert "own_models.knn.estimator: found 'sklearn.svm.SCV'" in text
    assert "'knm' is no known model" in text
    assert "Did you mean 'knn'?" in text
    assert "Did you mean 'ridge'?" in text
    assert "configs/models/rigde.yaml" in text


def test_a_record_knows_its_own_models() -> None:
    experiment = composed(naming("ridge", "knn", knn=dict(KNN) | {"label": "Nearest"}))
    assert models_of(experiment)["knn"].label == "Nearest"
    assert models_of(experiment)["ridge"] is MODELS["ridge"]


def test_a_record_from_before_own_models_knows_the_catalogue() -> None:
    assert models_of({"models": ["ridge"]}) == MODELS


def test_a_record_whose_class_is_gone_says_so() -> None:
    experiment = {"own_models": {"knn": {"estimator": "nowhere.Gone"}}}
    with pytest.raises(SpecError, match=r"own_models\.knn\.estimator: .*cannot be imported"):
        models_of(experiment)


def test_an_estimator_without_weights_is_told_none() -> None:
    model, even = model_of(KNN), np.ones(4)
    assert fitting_weights(model, even) == {}
    LinearDiscriminantAnalysis().fit(
        [[0], [1], [2], [4]], [0, 0, 1, 1], **fitting_weights(model, even)
    )
    assert fitting_weights(MODELS["ridge"], even, "model") == {"model__sample_weight": even}


def test_an_estimator_without_weights_learns_from_no_others() -> None:
    with pytest.raises(StudyError, match="'mine' learns from patients whose weights differ"):
        fitting_weights(model_of(KNN), np.array([1.0, 2.0]))


def test_compiled_models_cannot_be_pruned() -> None:
    tuning = {"prune": True, "sampler": "random"}
    data = an_experiment() | {"tuning": tuning, "own_models": {"knn": dict(KNN)}}
    fine = experiment_from(data | {"models": ["prevalence", "severity", "knn"]})
    assert len(check_models(fine)) == 3
    mixed = experiment_from(data | {"models": ["ridge", "knn", "xgboost"]})
    with pytest.raises(SpecError, match=r"tuning\.prune: found true with ridge, xgboost;"):
        check_models(mixed)
