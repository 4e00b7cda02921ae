"""A user's own estimator, in words."""

from pathlib import Path
from typing import Any

import pytest

from heldout.errors import SpecError
from heldout.spec.composition import load_experiment
from heldout.spec.experiment import composed, experiment_from, fingerprint
from heldout.spec.faults import validated
from heldout.spec.models import ModelSpec
from tests.unit.spec.studies import an_experiment, write_study

KNN: dict[str, Any] = {
    "estimator": "sklearn.neighbors.KNeighborsClassifier",
    "settings": {"weights": "distance"},
    "space": {"n_neighbors": {"whole": [3, 15]}, "p": {"choice": [1, 2]}},
    "label": "k nearest neighbours",
}


def faults_of(**changes: Any) -> str:
    """Return what is wrong with an entry, one fault a line."""
    return "\n".join(validated(ModelSpec, KNN | changes, {})[1])


def naming(*models: str, **own: Any) -> dict[str, Any]:
    """Return an experiment with these models, and entries that it writes itself."""
    return an_experiment() | {"models": list(models)} | ({"own_models": own} if own else {})


def test_an_entry_without_a_fault_is_taken() -> None:
    assert faults_of() == ""


def test_the_values_of_settings_stay_what_they_are() -> None:
    settings = {"number": 1, "real": 1.0, "truth": True, "text": "1", "list": [10, 5]}
    found, _ = validated(ModelSpec, KNN | {"settings": settings}, {})
    assert found is not None
    expected = {**settings, "list": (10, 5)}
    assert {name: (type(one), one) for name, one in found.settings.items()} == {
        name: (type(one), one) for name, one in expected.items()
    }


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"whole": [15, 3]}, r"space\.k\.whole: found \[15, 3\]; .*Turn them round"),
        ({"real": [2, 2]}, r"space\.k\.real: found \[2, 2\]; .*belongs under settings"),
        ({"real": [0, 1], "log": True}, r"space\.k\.real: .*required: bounds above 0"),
        ({"real": [1]}, r"space\.k\.real\[1\]: .*required: one entry more"),
        ({"whole": [1.5, 3]}, r"space\.k\.whole\[0\]: found 1\.5; required: a whole number"),
        ({}, r"space\.k: found none of them; required: one of real, whole and choice"),
        ({"real": [1, 2], "whole": [1, 2]}, r"space\.k: found real and whole"),
        ({"choice": []}, r"space\.k\.choice: found 0 values; required: two or more"),
        ({"choice": ["a"]}, r"space\.k\.choice: found 1 values"),
        ({"choice": ["a", "a"]}, r"space\.k\.choice: found 2 values; .*all different"),
        ({"choice": [1, 2], "log": True}, r"space\.k\.log: found log: true beside a choice"),
        ({"whol": [1, 2]}, r"unknown key 'whol'.*Did you mean 'whole'\?"),
    ],
)
def test_a_space_with_nothing_to_try_is_refused(space: dict[str, Any], message: str) -> None:
    found, faults = validated(ModelSpec, KNN | {"space": {"k": space}}, {})
    assert found is None
    assert len(faults) == 1
    with pytest.raises(SpecError, match=message):
        raise SpecError(faults[0])


def test_values_that_are_equal_in_python_alone_are_different_options() -> None:
    assert faults_of(space={"k": {"choice": [1, True]}}) == ""


def test_a_parameter_is_set_or_tuned() -> None:
    both = faults_of(settings={"p": 2})
    assert both == "space.p: found 'p' in settings too. Keep one of the two."


def test_all_faults_of_an_entry_are_named_at_once() -> None:
    text = faults_of(
        preparation="imput",
        setting={},
        settings={"metric": None},
        regressor={"space": {"k": {"whole": [2, 1]}}},
    )
    assert "preparation: found 'imput'" in text
    assert "Did you mean 'impute'?" in text
    assert "unknown key 'setting'" in text
    assert "settings.metric: found nothing" in text
    assert "regressor.estimator: found no key 'estimator'" in text
    assert "regressor.space.k.whole: found [2, 1]" in text
    assert len(text.splitlines()) == 5


def test_a_named_entry_of_configs_is_composed(tmp_path: Path) -> None:
    path = write_study(tmp_path, naming("ridge", "knn"), models__knn=KNN, models__other=KNN)
    experiment = load_experiment(path)
    assert experiment.models == ("ridge", "knn")
    assert list(experiment.own_models) == ["knn"]
    assert composed(experiment)["own_models"]["knn"]["space"]["n_neighbors"]["whole"] == [3, 15]


def test_a_composed_entry_needs_its_file_no_more(tmp_path: Path) -> None:
    """A record is refitted from what it stores."""
    first = load_experiment(write_study(tmp_path, naming("ridge", "knn"), models__knn=KNN))
    (tmp_path / "configs" / "models" / "knn.yaml").unlink()
    assert experiment_from(composed(first)) == first
    assert load_experiment(write_study(tmp_path, composed(first))) == first


def test_a_changed_entry_is_another_experiment(tmp_path: Path) -> None:
    prints = set()
    for weights in ("distance", "uniform", "distance"):
        entry = KNN | {"settings": {"weights": weights}}
        path = write_study(tmp_path, naming("ridge", "knn"), models__knn=entry)
        prints.add(fingerprint(load_experiment(path)))
    assert len(prints) == 2


def test_what_the_experiment_writes_is_laid_over_the_entry(tmp_path: Path) -> None:
    own = naming("ridge", "knn", knn={"settings": {"weights": "uniform"}})
    path = write_study(tmp_path, own, models__knn=KNN)
    experiment = load_experiment(path, ["own_models.knn.preparation=impute"])
    entry = experiment.own_models["knn"]
    assert (entry.settings, entry.preparation) == ({"weights": "uniform"}, "impute")
    assert list(entry.space) == ["n_neighbors", "p"]


def test_an_entry_may_be_named_on_the_command_line(tmp_path: Path) -> None:
    path = write_study(tmp_path, naming("ridge"), models__knn=KNN)
    assert list(load_experiment(path, ["models=[ridge, knn]"]).own_models) == ["knn"]


def test_a_list_of_models_is_no_entry(tmp_path: Path) -> None:
    path = write_study(tmp_path, naming("ridge"), models__ridge=["ridge", "xgboost"])
    assert load_experiment(path).own_models == {}


def test_faults_of_an_entry_are_placed_in_its_file(tmp_path: Path) -> None:
    own = naming("ridge", "knn", knn={"preparation": "none"})
    path = write_study(tmp_path, own, models__knn="estimator: a.b\nspace:\n  k: {whole: [2, 1]}\n")
    with pytest.raises(SpecError) as caught:
        load_experiment(path)
    assert "configs/models/knn.yaml:3, own_models.knn.space.k.whole: found [2, 1]" in str(
        caught.value
    )
    assert "small.yaml:" in str(caught.value)
    assert "own_models.knn.preparation: found 'none'" in str(caught.value)


def test_an_entry_that_is_no_yaml_is_placed_too(tmp_path: Path) -> None:
    path = write_study(tmp_path, naming("ridge", "knn"), models__knn="estimator: [a\n")
    with pytest.raises(SpecError, match=r"configs/models/knn\.yaml:"):
        load_experiment(path)


@pytest.mark.parametrize("name", ["../secret", "./knn", "knn.yaml", "models/knn"])
def test_a_models_name_cannot_leave_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "secret.yaml").write_text("estimator: a.b\n")
    path = write_study(tmp_path, naming("ridge", name), models__knn=KNN)
    assert load_experiment(path).own_models == {}


@pytest.mark.parametrize("models", ["knn", {"knn": KNN}, [["knn"]]])
def test_models_that_are_no_list_of_names_are_refused_as_before(
    tmp_path: Path, models: object
) -> None:
    path = write_study(tmp_path, an_experiment() | {"models": models}, models__knn=KNN)
    with pytest.raises(SpecError, match=r"models.*required"):
        load_experiment(path)


def test_pruning_needs_candidates_that_come_one_by_one() -> None:
    tuning = {"prune": True, "sampler": "random"}
    assert experiment_from(an_experiment() | {"tuning": tuning}).tuning.prune
    with pytest.raises(SpecError, match=r"tuning\.prune: found true with sampler qmc.*tpe or rand"):
        experiment_from(an_experiment() | {"tuning": {"prune": True}})
