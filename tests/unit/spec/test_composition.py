"""From files to one experiment."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.errors import SpecError
from heldout.spec.composition import laid_over, load_experiment, study_folder
from tests.unit.spec.studies import a_cohort, an_experiment, write_study

keys = st.sampled_from("abc")
trees = st.recursive(
    st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(keys, trees, max_size=3)


def using(**use: object) -> dict[str, Any]:
    """Return an experiment that uses pieces instead of writing them."""
    return {"use": use} | {k: v for k, v in an_experiment().items() if k not in use}


def over(base: object, top: object) -> Any:
    """Return `top` laid over `base`, places aside."""
    return laid_over(base, top, (), {}, {})


def test_a_used_piece_stands_under_its_kind(tmp_path: Path) -> None:
    path = write_study(tmp_path, using(cohort="trd"), cohort__trd=a_cohort())
    assert load_experiment(path).cohort.title == "Small"


def test_what_the_experiment_writes_is_laid_over_the_piece(tmp_path: Path) -> None:
    own = using(cohort="trd") | {"cohort": {"visits": {"d2": {"day": 3}}}}
    visits = load_experiment(write_study(tmp_path, own, cohort__trd=a_cohort())).cohort.visits
    assert {name: visit.day for name, visit in visits.items()} == {"d0": 0, "d2": 3, "d10": 10}


def test_a_list_replaces_the_list_of_the_piece(tmp_path: Path) -> None:
    own = using(models="all") | {"models": ["ridge"]}
    path = write_study(tmp_path, own, models__all=["ridge", "xgboost"])
    assert load_experiment(path).models == ("ridge",)


def test_faults_are_placed_in_the_file_they_were_written_in(tmp_path: Path) -> None:
    own = using(tuning="fast") | {"tuning": {"sampler": "best"}}
    path = write_study(tmp_path, own, tuning__fast="# few\ntrials: 0\nsampler: qmc\n")
    with pytest.raises(SpecError) as caught:
        load_experiment(path)
    line = path.read_text().splitlines().index("  sampler: best") + 1
    assert "configs/tuning/fast.yaml:2, tuning.trials: found 0" in str(caught.value)
    assert f"small.yaml:{line}, tuning.sampler: found 'best'" in str(caught.value)


def test_what_is_missing_in_a_replaced_list_is_not_placed_in_the_piece(tmp_path: Path) -> None:
    own = using(features="all") | {"features": [{"columns": ["age"]}]}
    path = write_study(tmp_path, own, features__all=an_experiment()["features"])
    with pytest.raises(SpecError, match=r"small\.yaml:\d+, features\[0\]\.build: found no key"):
        load_experiment(path)


def test_a_file_without_a_name_gives_its_own(tmp_path: Path) -> None:
    experiment = {k: v for k, v in an_experiment().items() if k != "name"}
    assert load_experiment(write_study(tmp_path, experiment)).name == "small"


def test_a_file_name_that_is_no_name_says_where_the_name_came_from(tmp_path: Path) -> None:
    experiment = {k: v for k, v in an_experiment().items() if k != "name"}
    path = write_study(tmp_path, experiment).rename(tmp_path / "my-study.yaml")
    with pytest.raises(SpecError, match=r"the file's name is used\), name: .* Write my_study\."):
        load_experiment(path)


@pytest.mark.parametrize("text", ["- a\n- b\n", "only words\n", "5\n"])
def test_an_experiment_must_be_keys_and_values(tmp_path: Path, text: str) -> None:
    with pytest.raises(SpecError, match=r"small\.yaml: found .*; required: 'key: value' lines"):
        load_experiment(write_study(tmp_path, text))


@pytest.mark.parametrize(
    ("use", "pattern"),
    [
        (
            {"cohort": "tdr"},
            r"'tdr' is no known piece in configs/cohort/\. .* Did you mean 'trd'\?",
        ),
        ({"cohrt": "trd"}, r"use\.cohrt: found no pieces of kind 'cohrt' .* Did you mean 'cohort'"),
        ({"cohort": ["trd"]}, r"use\.cohort: found a list of 1; required: the name of one piece"),
        ({"cohort": None}, r"use\.cohort: found nothing; required: the name of one piece"),
        ("trd", r"use: found 'trd'; required: 'kind: name' pairs"),
    ],
)
def test_a_use_that_leads_nowhere_is_refused(tmp_path: Path, use: object, pattern: str) -> None:
    path = write_study(tmp_path, an_experiment() | {"use": use}, cohort__trd=a_cohort())
    with pytest.raises(SpecError, match=rf"small\.yaml:\d+, .*{pattern}"):
        load_experiment(path)


@pytest.mark.parametrize(
    "use",
    [
        {"cohort": "../../secret"},
        {"cohort": "../models/secret"},
        {"cohort": "{root}/secret"},
        {"cohort": "./trd"},
        {"cohort": "trd.yaml"},
        {"../configs/cohort": "trd"},
        {"..": "secret"},
        {".": "trd"},
    ],
)
def test_a_use_cannot_leave_its_folder(tmp_path: Path, use: dict[str, str]) -> None:
    (tmp_path / "secret.yaml").write_text("title: secret\n")
    use = {kind: name.replace("{root}", str(tmp_path)) for kind, name in use.items()}
    path = write_study(
        tmp_path, using(**use), cohort__trd=a_cohort(), models__secret="title: secret\n"
    )
    with pytest.raises(SpecError, match=r"is no known piece in|found no pieces of kind"):
        load_experiment(path)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", r"configs/cohort/trd\.yaml: found nothing in the file"),
        ("title: [", r"configs/cohort/trd\.yaml:1: found text that is not YAML"),
        ("title: a\ntitle: b\n", r"configs/cohort/trd\.yaml:2: found key 'title' twice"),
    ],
)
def test_a_broken_piece_is_one_fault_not_a_list_of_missing_keys(
    tmp_path: Path, text: str, pattern: str
) -> None:
    path = write_study(tmp_path, using(cohort="trd"), cohort__trd=text)
    with pytest.raises(SpecError, match=f"^{pattern}"):
        load_experiment(path)


def test_faults_of_pieces_of_content_and_of_overrides_come_out_at_once(tmp_path: Path) -> None:
    own = using(cohort="tdr", features="none") | {"seed": -1, "cohort": {"titel": "x"}}
    path = write_study(tmp_path, own, cohort__trd=a_cohort(), features__none="")
    with pytest.raises(SpecError) as caught:
        load_experiment(path, ["tuning.trails=3", "no override"])
    message = str(caught.value)
    assert message.startswith("6 faults:")
    for fault in (
        "found 'no override'",
        "use.cohort: 'tdr' is no known piece",
        "configs/features/none.yaml: found nothing",
        "cohort.titel: found unknown key",
        "command line, tuning.trails: found unknown key",
        "seed: found -1",
    ):
        assert fault in message


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed=7", ("seed", 7)),
        ("outcomes.0.at=[d2]", ("outcomes", [{"at": ["d2"]}])),
        ("outcomes[0].at=[d2]", ("outcomes", [{"at": ["d2"]}])),
        ("tuning.trials=5", ("tuning", {"trials": 5})),
        ("cohort.site=006", ("cohort", {"site": "006"})),
        (
            "cohort.columns.sex.levels.1=man",
            ("cohort", {"columns": {"sex": {"levels": {"1": "man"}}}}),
        ),
        ("question=a = b", ("question", "a = b")),
    ],
)
def test_an_override_sets_one_key(
    tmp_path: Path, override: str, expected: tuple[str, object]
) -> None:
    def holds(whole: Any, part: Any) -> bool:
        if isinstance(part, dict):
            return all(holds(whole[key], value) for key, value in part.items())
        if isinstance(part, list) and part and isinstance(part[0], dict):
            return all(holds(w, p) for w, p in zip(whole, part, strict=True))
        return bool(whole == part)

    experiment = load_experiment(write_study(tmp_path, an_experiment()), [override])
    key, value = expected
    assert holds(experiment.model_dump(mode="json")[key], value)


def test_the_last_override_of_a_key_wins(tmp_path: Path) -> None:
    path = write_study(tmp_path, an_experiment())
    assert load_experiment(path, ["seed=7", "seed=8"]).seed == 8


def test_an_override_without_a_value_unsets_a_key(tmp_path: Path) -> None:
    own = an_experiment() | {"cohort": a_cohort() | {"site": "centre"}}
    assert load_experiment(write_study(tmp_path, own), ["cohort.site="]).cohort.site is None


def test_an_override_of_use_takes_another_piece(tmp_path: Path) -> None:
    other = a_cohort() | {"title": "Other"}
    path = write_study(tmp_path, using(cohort="trd"), cohort__trd=a_cohort(), cohort__other=other)
    assert load_experiment(path, ["use.cohort=other"]).cohort.title == "Other"


@pytest.mark.parametrize(
    ("override", "pattern"),
    [
        ("seed", r"^command line: found 'seed'; required: key\.sub=value"),
        ("=3", r"^command line: found '=3'; required: key\.sub=value"),
        ("tuning..trials=3", r"^command line: found 'tuning\.\.trials=3'; required"),
        (
            "tuning.trails=3",
            r"^command line, tuning\.trails: found unknown key .* mean 'trials'\?$",
        ),
        ("tunning.trials=3", r"^command line, tunning: found unknown key .* mean 'tuning'\?$"),
        ("cohort.table.file=3", r"^command line, cohort\.table\.file: found 3; required: a text"),
        ("features=[{columns: [x]}]", r"^command line, features\[0\]\.build: found no key"),
        ("tuning={trials: 0}", r"^command line, tuning\.trials: found 0; required: at least 1"),
        ("seed.x=3", r"^command line, seed\.x: found no 'seed\.x' to set; 'seed' is 1\."),
        ("models.9=svm", r"^command line, models\.9: .* 'models' is a list of 2\..* from 0\.$"),
        ("models.²=svm", r"^command line, models\.²: found no"),
        ("models.-1=svm", r"^command line, models\.-1: found no"),
        ("models=[ridge", r"^command line, models: found text that is not YAML"),
        ("tuning={trials: 1, trials: 2}", r"^command line, tuning: found key 'trials' twice\."),
        ("seed=*x", r"^command line, seed: found the alias '\*x'"),
        ("use.cohort=zzz", r"^command line, use\.cohort: found no pieces of kind 'cohort'"),
    ],
)
def test_a_wrong_override_is_placed_on_the_command_line(
    tmp_path: Path, override: str, pattern: str
) -> None:
    path = write_study(tmp_path, an_experiment())
    with pytest.raises(SpecError, match=pattern):
        load_experiment(path, [override])


@given(mappings, mappings)
def test_laying_over_keeps_every_key_and_the_top_wins(
    base: dict[str, Any], top: dict[str, Any]
) -> None:
    merged = over(base, top)
    assert set(merged) == set(base) | set(top)
    assert all(merged[key] == over(base.get(key), top[key]) for key in top)
    assert all(merged[key] == base[key] for key in set(base) - set(top))


@given(mappings, mappings)
def test_laying_the_same_over_twice_changes_nothing_more(
    base: dict[str, Any], top: dict[str, Any]
) -> None:
    assert over(over(base, top), top) == over(base, top)


def test_the_study_folder_is_the_nearest_one_with_configs(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    assert study_folder(tmp_path / "experiments" / "deep" / "x.yaml") == tmp_path.resolve()


def test_without_configs_the_study_folder_is_above_experiments(tmp_path: Path) -> None:
    assert study_folder(tmp_path / "experiments" / "x.yaml") == tmp_path.resolve()
