"""The door for notebooks: the same engine on a table in memory."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import heldout
from heldout.errors import SpecError, StudyError
from heldout.spec.experiment import InferenceSpec, TuningSpec, ValidationSpec
from heldout.study.notebook import DEFAULTS, Question, experiment_on

SMALL: dict[str, Any] = {
    "outcomes": {"month1": "resp"},
    "features": ["age", "pain"],
    "models": ["prevalence", "ridge"],
    "seed": 1,
    "repeats": 1,
    "trials": 2,
    "permutations": 0,
}


def a_table(n_patients: int = 40) -> pd.DataFrame:
    """Return made-up patients; some of the outcomes are not observed."""
    rng = np.random.default_rng(4)
    table = pd.DataFrame(
        {
            "age": rng.normal(50, 10, n_patients),
            "pain": rng.normal(0, 1, n_patients),
            "sex": pd.Categorical(rng.choice(["f", "m"], n_patients), categories=["f", "m"]),
            "town": rng.choice(["A", "B"], n_patients),
            "resp": rng.integers(0, 2, n_patients).astype(float),
            "rare": (np.arange(n_patients) < 3).astype(float),
        }
    )
    table.loc[:3, "resp"] = np.nan
    table.loc[6, "age"] = np.nan
    return table


def test_a_table_is_evaluated_and_left_as_it_was() -> None:
    table = a_table()
    before = table.copy(deep=True)
    record = heldout.evaluate(table, **SMALL)
    pd.testing.assert_frame_equal(table, before)
    assert [(cell.follow_up, cell.model, cell.n) for cell in record.cells] == [
        ("month1", "prevalence", 36),
        ("month1", "ridge", 36),
    ]
    assert record.folder is None
    assert record.pipelines is None


def test_a_rare_outcome_is_declined_beside_one_that_is_not() -> None:
    record = heldout.evaluate(
        a_table(), **(SMALL | {"outcomes": {"month1": "resp", "month2": "rare"}})
    )
    assert [cell.status for cell in record.headline] == ["evaluated", "declined"]
    assert "3 events among 40 patients cannot fill 5" in str(record.headline[1].reason)


def test_refitted_pipelines_are_plain_and_know_the_table() -> None:
    record = heldout.evaluate(a_table(), refit=True, **(SMALL | {"features": ["age", "sex"]}))
    assert record.pipelines is not None
    pipeline = record.pipelines[("month1", "ridge")]
    assert [name for name, _ in pipeline.steps] == ["prepare", "model"]
    assert pipeline.predict_proba(np.array([[50.0, 1.0]])).shape == (1, 2)


def test_refitting_changes_no_figure() -> None:
    plain, refitted = (heldout.evaluate(a_table(), refit=refit, **SMALL) for refit in (False, True))
    assert plain.cells == refitted.cells


def test_adding_a_model_changes_nothing_for_the_others() -> None:
    """Seeds are named after what they are for, so a model's figures are its own."""
    alone = heldout.evaluate(a_table(), **(SMALL | {"models": ["ridge"]}))
    beside = heldout.evaluate(a_table(), **SMALL)
    assert alone.cells[0] == beside.cells[1]


def test_severity_alone_uses_the_column_it_is_given() -> None:
    settings = SMALL | {"models": ["severity", "ridge"], "severity": "pain"}
    record = heldout.evaluate(a_table(), **settings)
    explained = record.explanations[record.explanations["model"] == "severity"]
    assert set(explained["feature"]) == {"pain"}


def test_the_follow_up_named_beforehand_decides() -> None:
    table = a_table().assign(late=np.arange(40) % 2)
    outcomes = {"month1": "resp", "month6": "late"}
    record = heldout.evaluate(table, **(SMALL | {"outcomes": outcomes, "primary": "month6"}))
    assert [facts.primary for facts in record.outcomes] == [False, True]
    assert "month6" in record.verdict.sentences[0]
    # Of one there is nothing to choose.
    assert heldout.evaluate(table, **SMALL).outcomes[0].primary


def test_the_seed_decides_the_folds() -> None:
    first, second = (heldout.evaluate(a_table(), **(SMALL | {"seed": seed})) for seed in (1, 2))
    assert first.folds_digest != second.folds_digest


Change = Callable[[pd.DataFrame], object]
FAULTS: list[tuple[dict[str, Any], Change, str]] = [
    ({"models": ["rigde"]}, lambda t: None, "'rigde' is no known model.*Did you mean 'ridge'"),
    ({"models": ["prevalence"]}, lambda t: None, "only reference models"),
    ({"models": ["ridge", "ridge"]}, lambda t: None, "models: found model 'ridge' a second time"),
    ({"models": ["severity", "ridge"]}, lambda t: None, "'severity' needs the argument"),
    ({"permutations": -1}, lambda t: None, "permutations: found -1; required: at least 0"),
    ({"outcomes": {}}, lambda t: None, "outcomes: none is given"),
    ({"features": []}, lambda t: None, "features: none is given"),
    ({"features": ["age", "age"]}, lambda t: None, "'age' stands twice"),
    ({"features": ["agee"]}, lambda t: None, "'agee' is no known column.*Did you mean 'age'"),
    ({"features": ["town"]}, lambda t: None, "column 'town' holds texts"),
    (
        {"outcomes": {"m": "pain"}, "features": ["age"]},
        lambda t: None,
        "40 values that are not 0, 1 or missing",
    ),
    ({"features": ["age", "resp"]}, lambda t: None, "'resp' is an outcome; it tells the answer"),
    (
        {"muted": {"HO001": "Few."}},
        lambda t: None,
        "muted: found 'HO001'; required: a finding that holds back the word evidence: HO008, HO017",
    ),
    ({"primary": "month2"}, lambda t: None, "primary: 'month2' is no known follow-up"),
    ({"outer": 1}, lambda t: None, "outer: found 1; required: at least 2"),
    ({"trials": -3}, lambda t: None, "trials: found -3; required: at least 1"),
    ({}, lambda t: t.__setitem__("age", np.inf), "'age' holds infinite values"),
    (
        {"features": ["sex"]},
        lambda t: t.__setitem__("sex", pd.Categorical(["f"] * len(t))),
        "features: 'sex' has one level among the included patients",
    ),
]


FAULTS += [
    ({"outcomes": ["resp"]}, lambda t: None, r"outcomes: found a value of type list; .*month1"),
    ({"outcomes": {1: "resp"}}, lambda t: None, "outcomes: follow-ups and columns are named by"),
    (
        {"features": "age"},
        lambda t: None,
        r"features: found a value of type str; .*Write \['age'\]",
    ),
    ({"features": None}, lambda t: None, "features: found nothing; required: a list"),
    ({"features": [3]}, lambda t: None, "features: names are texts"),
    ({"models": "ridge"}, lambda t: None, r"models: found .*Write \['ridge'\]"),
    (
        {"site": 3},
        lambda t: None,
        "site, severity, primary: columns and follow-ups are named by texts",
    ),
    ({"seed": "x"}, lambda t: None, "seed: found 'x'; required: a whole number"),
    ({"seed": 1.5}, lambda t: None, r"seed: found 1\.5; required: a whole number"),
    ({"seed": True}, lambda t: None, "seed: found true; required: a whole number"),
    ({"seed": -1}, lambda t: None, "seed: found -1; required: at least 0"),
    (
        {},
        lambda t: t.insert(0, "age", 1.0, allow_duplicates=True),
        "table: has 2 columns 'age'. Rename or remove all but one",
    ),
    (
        {"features": ["age", "seen"]},
        lambda t: t.__setitem__("seen", pd.Timestamp("2024-03-01")),
        "column 'seen' holds dates",
    ),
    (
        {"features": ["age", "spans"]},
        lambda t: t.__setitem__("spans", pd.Timedelta(days=3)),
        "column 'spans' holds spans of time",
    ),
    (
        {"features": ["age", "c"]},
        lambda t: t.__setitem__("c", 1j),
        "column 'c' holds complex numbers",
    ),
    (
        {"outcomes": {"month1": "seen"}},
        lambda t: t.__setitem__("seen", pd.Timestamp("2024-03-01")),
        "column 'seen' holds dates",
    ),
    (
        {"features": ["7"]},
        lambda t: t.insert(0, 7, 1.0),
        "table: column 7 is not named by a text",
    ),
    (
        {},
        lambda t: setattr(t, "index", pd.Index([None, *range(39)], dtype=object)),
        "the index names no patient in 1 of 40 rows",
    ),
    (
        {},
        lambda t: setattr(t, "index", pd.Index([np.nan, *range(39)])),
        "the index names no patient in 1 of 40 rows",
    ),
    (
        {},
        lambda t: setattr(t, "index", pd.Index(["a\nb", *map(str, range(39))])),
        "1 of 40 names in the index have a control character",
    ),
]


@pytest.mark.parametrize(("changed", "change", "words"), FAULTS)
def test_a_faulty_call_ends_with_a_sentence(
    changed: dict[str, Any], change: Change, words: str
) -> None:
    table = a_table()
    change(table)
    with pytest.raises(StudyError, match=words):
        heldout.evaluate(table, **(SMALL | changed))


def test_an_unknown_setting_is_told_with_the_one_that_was_meant() -> None:
    with pytest.raises(SpecError, match=r"trails.* Did you mean 'trials'\?"):
        heldout.evaluate(a_table(), **SMALL, trails=3)  # type: ignore[call-arg]


def test_what_is_not_set_is_as_in_an_experiment() -> None:
    """The words of the docstring, the call's own defaults and an experiment's say the same."""
    experiment = experiment_on(
        a_table(), DEFAULTS, Question(outcomes={"month1": "resp"}, features=["age"])
    )
    assert experiment.validation == ValidationSpec()
    assert experiment.tuning == TuningSpec()
    assert experiment.inference == InferenceSpec()
    text = heldout.evaluate.__doc__ or ""
    stated = re.findall(r"^ +(\w[\w, ]*) : .*?, default (.*)$", text, re.M)
    by_name = {
        name: value
        for names, values in stated
        for name, value in zip(names.split(", "), values.split(", "), strict=True)
    }
    validation, inference = experiment.validation, experiment.inference
    assert by_name == {
        "seed": str(experiment.seed),
        "primary": str(DEFAULTS["primary"]),
        "outer": str(validation.outer),
        "inner": str(validation.inner),
        "repeats": "5",
        "trials": str(experiment.tuning.trials),
        "permutations": str(inference.permutations),
        "stop_early": str(inference.stop_early),
        "interval": inference.interval,
        "muted": str(experiment.muted),
        "explain": str(DEFAULTS["explain"]),
        "refit": str(DEFAULTS["refit"]),
        "workers": str(DEFAULTS["workers"]),
    }


def test_settings_may_be_numpys() -> None:
    names = np.array(SMALL["models"])
    few = heldout.evaluate(a_table(), **(SMALL | {"models": names, "trials": np.int64(2)}))
    assert few.cells == heldout.evaluate(a_table(), **(SMALL | {"trials": 2})).cells


def test_fewer_than_ten_patients_are_refused() -> None:
    with pytest.raises(StudyError, match="9 patients are included; at least 10 are required"):
        heldout.evaluate(a_table().head(9), **SMALL)


def test_patients_whose_names_differ_only_in_kind_stand_twice() -> None:
    table = a_table().set_axis([*range(39), "7"], axis=0)
    with pytest.raises(StudyError, match=r"rows 8, 40\) are of patients who stand more than once"):
        heldout.evaluate(table, **SMALL)


def test_a_number_is_predicted_on_request() -> None:
    table = a_table().assign(points=np.random.default_rng(3).normal(20, 5, 40))
    record = heldout.evaluate(table, **(SMALL | {"outcomes": {"month1": "points"}}), kind="number")
    assert [(cell.model, cell.kind, cell.n) for cell in record.cells] == [
        ("prevalence", "number", 40),
        ("ridge", "number", 40),
    ]
    assert record.outcomes[0].sd == pytest.approx(table["points"].std())
    assert record.verdict.sentences[0].startswith("No evidence that baseline predicts points")


def test_a_number_that_is_not_finite_is_refused() -> None:
    table = a_table().assign(points=[np.inf, "many", *range(38)])
    with pytest.raises(StudyError, match="'points' holds 2 values that are not finite numbers"):
        heldout.evaluate(table, **(SMALL | {"outcomes": {"month1": "points"}}), kind="number")


def test_a_number_given_as_yes_and_no_is_pointed_to_its_kind() -> None:
    wanted = SMALL | {"outcomes": {"month1": "pain"}, "features": ["age"]}
    with pytest.raises(StudyError, match=r"not 0, 1 or missing\. .*kind='number'"):
        heldout.evaluate(a_table(), **wanted)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(StudyError, match="kind: found 'count'; required: 'class' or 'number'"):
        heldout.evaluate(a_table(), **SMALL, kind="count")  # type: ignore[arg-type]


def test_a_number_that_is_the_same_for_all_is_declined() -> None:
    table = a_table().assign(points=7.0)
    with pytest.raises(StudyError, match="all 40 patients observed had the same number"):
        heldout.evaluate(table, **(SMALL | {"outcomes": {"month1": "points"}}), kind="number")


def test_a_number_nearly_the_same_for_all_is_declined() -> None:
    table = a_table().assign(points=(np.arange(40) < 3) * np.arange(40.0))
    with pytest.raises(StudyError, match="the numbers of 40 patients cannot fill 5 folds"):
        heldout.evaluate(table, **(SMALL | {"outcomes": {"month1": "points"}}), kind="number")


def test_a_number_observed_in_nine_patients_is_declined() -> None:
    table = a_table().assign(points=np.where(np.arange(40) < 9, np.arange(40.0), np.nan))
    with pytest.raises(StudyError, match="9 patients were observed, and 10 are the fewest"):
        heldout.evaluate(table, **(SMALL | {"outcomes": {"month1": "points"}}), kind="number")


def test_refitted_models_of_a_number_predict_it() -> None:
    table = a_table().assign(points=np.random.default_rng(3).normal(20, 5, 40))
    record = heldout.evaluate(
        table, **(SMALL | {"outcomes": {"month1": "points"}}), kind="number", refit=True
    )
    assert record.pipelines is not None
    pipeline = record.pipelines["month1", "prevalence"]
    features = table[["age", "pain"]].to_numpy()
    assert pipeline.predict(features) == pytest.approx(table["points"].mean())


@pytest.mark.parametrize("table", [{"age": [1]}, [[1, 2]], None, np.ones((20, 2))])
def test_what_is_no_data_frame_is_refused(table: Any) -> None:
    with pytest.raises(StudyError, match=r"^table: found .*; required: a pandas DataFrame"):
        heldout.evaluate(table, **SMALL)


def test_all_faults_of_a_call_come_out_at_once() -> None:
    with pytest.raises(StudyError, match=r"^4 faults:\n  1\. trails: (?s:.*)  4\. features: "):
        heldout.evaluate([], **(SMALL | {"outcomes": 1, "features": 2, "trails": 3}))  # type: ignore[arg-type]


def test_a_seed_of_numpy_is_the_same_seed() -> None:
    wanted = SMALL | {"models": ["ridge"]}
    first = heldout.evaluate(a_table(), **wanted)
    assert heldout.evaluate(a_table(), **(wanted | {"seed": np.int64(1)})).cells == first.cells


def test_an_outcome_that_differs_between_sites_is_told_before_the_answers() -> None:
    table = a_table()
    table["town"] = np.where(table["resp"].fillna(0) == 1, "a", "b")
    record = heldout.evaluate(table, **(SMALL | {"site": "town"}))
    first = record.verdict.sentences[0]
    assert first.startswith("HO027 comes before every figure below: ")
    assert "at site a" in first
    assert not record.verdict.withholds
    assert record.verdict.first == 2
