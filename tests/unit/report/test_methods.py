"""The Methods paragraph cannot be untrue: a setting that changes the study changes its words."""

import copy
import importlib
import pkgutil
import typing
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Literal

import pytest

import heldout.spec
from heldout.inference.permutation import PermutationTest
from heldout.record import RunRecord
from heldout.report.methods import build_methods
from heldout.spec.experiment import InferenceSpec, TuningSpec, ValidationSpec
from heldout.spec.parts import Part

Path = tuple[str | int, ...]
# Where a setting stands in an experiment.
SETTINGS: dict[str, Path] = {
    "TuningSpec.sampler": ("tuning", "sampler"),
    "TuningSpec.criterion": ("tuning", "criterion"),
    "InferenceSpec.interval": ("inference", "interval"),
    "OutcomeSpec.missing_visit": ("outcomes", 0, "missing_visit"),
    "RuleSpec.value": ("outcomes", 0, "rule", "value"),
    "FeatureSpec.method": ("features", 0, "method"),
    "ModelSpec.preparation": ("own_models", "linear", "preparation"),
    "ColumnSpec.prorate": ("cohort", "columns", "madrs", "prorate"),
}
# They say what a table or a questionnaire is, not what was done with it.
DESCRIPTIONS = {
    "TableSpec.layout",
    "TableSpec.separator",
    "TableSpec.decimal",
    "TableSpec.encoding",
    "ColumnSpec.kind",
    "ColumnSpec.higher_is",
    "InstrumentKey.rater",
    "ScoreKey.method",
    "ScoreKey.higher_is",
    "InstrumentKey.confidence",
}
# Another value of every setting of how models are validated, tuned and tested.
OTHERS: dict[str, dict[str, Any]] = {
    "validation": {"outer": 7, "inner": 3, "repeats": 20},
    "tuning": {"trials": 9, "sampler": "tpe", "criterion": "auc", "prune": True},
    "inference": {"permutations": 99, "stop_early": False, "interval": "score"},
}


def literals() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield every key of a specification that takes one of a few values, and these."""
    for module in pkgutil.iter_modules(heldout.spec.__path__, "heldout.spec."):
        for value in vars(importlib.import_module(module.name)).values():
            if not isinstance(value, type) or not issubclass(value, Part):
                continue
            for name, field in value.model_fields.items():
                values = tuple(values_of(field.annotation))
                if values and name in value.__annotations__:
                    yield f"{value.__name__}.{name}", values


def values_of(annotation: Any) -> Iterator[Any]:
    """Yield the values of the literals in an annotation."""
    inner = typing.get_args(annotation)
    if typing.get_origin(annotation) is Literal:
        yield from inner
    else:
        for part in inner:
            yield from values_of(part)


LITERALS = dict(literals())


# What a run of this version has, in so far as the words look at it.
ASKED: Any = (SimpleNamespace(beyond_severity=True),)


def run_with(record: RunRecord, path: Path, value: object) -> RunRecord:
    """Return the record of a run of an experiment that has everything, with one other value."""
    experiment: dict[str, Any] = copy.deepcopy(dict(record.experiment))
    experiment["cohort"]["columns"] = {"madrs": {"instrument": "madrs", "prorate": "none"}}
    experiment["features"] = [{"build": "components", "columns": ["madrs"], "method": None}]
    experiment["outcomes"] = [
        {"name": "response", "rule": {"value": None}, "missing_visit": "observed"}
    ]
    linear = {"label": "My model", "estimator": "sklearn.linear_model.LogisticRegression"}
    experiment["own_models"] = {"linear": linear}
    experiment["models"] = [*experiment["models"], "linear"]
    experiment["tuning"] = TuningSpec().model_dump()
    experiment["inference"] = InferenceSpec().model_dump()
    part: Any = experiment
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    inference = experiment["inference"]
    test = PermutationTest(
        permutations=min(inference["permutations"], 57),
        asked=inference["permutations"],
        stopped=inference["stop_early"],
        enumerated=False,
        redrawn=0,
        repeats=2,
        best_mean=0.6,
        best_high=0.8,
    )
    # Of permutations that tell how much the AUC varies.
    scaled = tuple(replace(cell, factor=1.7) for cell in record.headline)
    made: dict[str, Any] = {"permutation": test, "associated": ASKED, "headline": scaled}
    return replace(record, experiment=experiment, **made)


def words_of(record: RunRecord) -> str:
    return " ".join(build_methods(record)["paragraphs"])


def test_every_choice_among_values_is_known_here() -> None:
    """A new one changes the words, or says what a table or a questionnaire is."""
    assert set(LITERALS) == set(SETTINGS) | DESCRIPTIONS


@pytest.mark.parametrize("name", SETTINGS)
def test_every_value_of_a_setting_has_words_of_its_own(record: RunRecord, name: str) -> None:
    values = LITERALS[name]
    texts = {words_of(run_with(record, SETTINGS[name], value)) for value in values}
    assert len(texts) == len(values)


@pytest.mark.parametrize(
    ("part", "spec"),
    [("validation", ValidationSpec), ("tuning", TuningSpec), ("inference", InferenceSpec)],
)
def test_every_setting_of_the_design_changes_the_words(
    record: RunRecord, part: str, spec: type[Part]
) -> None:
    assert set(OTHERS[part]) == set(spec.model_fields)
    usual = words_of(run_with(record, ("seed",), record.experiment["seed"]))
    silent = [
        name
        for name, value in OTHERS[part].items()
        if words_of(run_with(record, (part, name), value)) == usual
    ]
    assert silent == []


@pytest.mark.parametrize("criterion", ["brier", "log_loss", "auc"])
def test_numbers_are_judged_by_their_squared_error_whatever_the_criterion(
    numbers: RunRecord, criterion: str
) -> None:
    changed = run_with(numbers, ("tuning", "criterion"), criterion)
    text = words_of(replace(changed, experiment={**changed.experiment, "models": ["ridge"]}))
    assert "the criterion was the squared error of numbers over" in text


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("tuning", "criterion"), "log_loss", "the criterion was the log loss over the inner"),
        (("tuning", "criterion"), "auc", "the model that is best by the AUC over the inner folds"),
        (("tuning", "prune"), True, "were behind after some inner folds were given up"),
        (("known_at",), "week2", "The prediction was made at week2."),
        (
            ("outcomes", 0, "missing_visit"),
            "non_responder",
            "For response, a missed visit counted as a failure.",
        ),
        (
            ("cohort", "columns", "madrs", "prorate"),
            "half",
            "Missing items of madrs were replaced by the patient's mean of the others where at "
            "least half of a score's items were there.",
        ),
        (
            ("own_models", "linear", "preparation"),
            "impute",
            "linear models saw features scaled there too. My model saw them as they are.",
        ),
        (("features", 0, "method"), None, "principal components were made of several scores"),
        (("features", 0, "build"), "constructs", "mean z-scores were made of several scores"),
    ],
)
def test_what_was_done_is_said(record: RunRecord, path: Path, value: object, words: str) -> None:
    assert words in words_of(run_with(record, path, value))


def test_trees_are_said_to_be_recalibrated_where_they_were(record: RunRecord) -> None:
    """Where they are listed, for events, and in records of versions that did it."""
    words = "Probabilities of random forest were recalibrated in training sets with 30 or more"
    trees = run_with(record, ("models",), ["ridge", "random_forest"])
    assert words in words_of(of_today(trees))
    assert "recalibrated" not in words_of(of_today(run_with(record, ("models",), ["ridge"])))
    assert "recalibrated" not in words_of(trees)


def test_the_factor_of_an_older_record_is_the_one_it_was_made_with(numbers: RunRecord) -> None:
    assert "multiplied by 1 + 100/n with n patients" in words_of(of_today(numbers))
    assert "multiplied by 2 because the models" in words_of(numbers)


def of_today(record: RunRecord) -> RunRecord:
    """Return a record as today's version keeps it: figures beside the estimate have limits."""
    limited = [
        replace(cell, figures={**cell.figures, **dict.fromkeys(cell.of_kind.limits, 0.1)})
        for cell in record.headline
    ]
    return replace(record, headline=tuple(limited))
