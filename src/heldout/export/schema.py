"""A bundle's schema: what columns may hold, how features are made, what training composed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from heldout.errors import ExportError
from heldout.export.predict import FIRST_ROW, FORMAT, Refused, matrix_of, score_items
from heldout.features.columns import FeatureColumn, FeatureMatrix
from heldout.record import OutcomeFacts, RunRecord

_Plain = dict[str, Any]
# What of a recipe says where its value stands in a cohort, which new patients are not in.
_OF_COHORTS = ("name", "visit", "item")


def schema_of(
    record: RunRecord,
    matrix: FeatureMatrix,
    outcome: OutcomeFacts,
    composition: _Plain | None,
    sigmoid: tuple[float, float] | None,
) -> _Plain:
    """Return what the inputs must look like and how features are made of them.

    Parameters
    ----------
    record : RunRecord
        The study.
    matrix : FeatureMatrix
        With recipes.
    outcome : OutcomeFacts
        What is predicted.
    composition : dict or None
        From `taken_apart`.
    sigmoid : tuple of float or None
        Slope and intercept by which the pipeline's probabilities are recalibrated.

    Returns
    -------
    dict
        Ready for JSON.
    """
    inputs: _Plain = {}
    scores: _Plain = {}
    recipes = [_separated(recipe.steps, scores) for recipe in matrix.recipes]
    for recipe in matrix.recipes:
        for name, rule in recipe.inputs.items():
            inputs.setdefault(name, dict(rule))
    return {
        "format": FORMAT,
        "kind": outcome.kind,
        "outcome": outcome.name,
        "label": outcome.label,
        "follow_up": outcome.follow_up,
        "patient": record.experiment["cohort"]["patient"],
        "inputs": inputs,
        "scores": scores,
        "features": [
            _origin_of(column) | {"recipe": recipe}
            for column, recipe in zip(matrix.columns, recipes, strict=True)
        ],
        "composition": composition,
        "seen": [_origin_of(column) for column in matrix.features],
        "recalibration": None if sigmoid is None else _recalibration_of(*sigmoid),
    }


def _recalibration_of(slope: float, intercept: float) -> _Plain:
    """Return the sigmoid of the log-odds of probabilities that are kept from 0 and 1."""
    from heldout.kernels.platt import LEAST_PROBABILITY

    return {"slope": slope, "intercept": intercept, "least": LEAST_PROBABILITY}


def _origin_of(column: FeatureColumn) -> _Plain:
    """Return where a feature came from."""
    names = ("name", "label", "visit", "instrument", "construct", "unit", "higher_is")
    return {name: getattr(column, name) for name in names} | {"made_of": list(column.made_of)}


def _separated(steps: Mapping[str, Any], scores: _Plain) -> _Plain:
    """Return a recipe's steps, the arithmetic of scores being put beside, each once."""
    if "of" in steps:
        return {**steps, "of": [_separated(part, scores) for part in steps["of"]]}
    if steps["kind"] != "score":
        return {name: value for name, value in steps.items() if name not in _OF_COHORTS}
    called = f"{steps['name']}_{steps['visit']}"
    scores[called] = {
        name: value for name, value in steps.items() if name not in ("kind", *_OF_COHORTS)
    }
    return {"kind": "score", "score": called}


def taken_apart(pipeline: Any, matrix: FeatureMatrix) -> tuple[Any, _Plain | None]:
    """Return a fitted pipeline without this package's classes, and what these have learnt.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Fitted; steps ``prepare`` and ``model``.
    matrix : FeatureMatrix
        What it was fitted on.

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        The same one if nothing is composed; otherwise what comes after composing.
    composition : dict or None
        ``medians`` of the training patients, and ``pieces``: ``inputs`` by position, with
        ``mean``, ``sd`` and ``weights``, which are None for a column left as it is.
    """
    from sklearn.pipeline import Pipeline

    steps = pipeline["prepare"].steps
    names = [name for name, _ in steps]
    if "compose" not in names:
        return pipeline, None
    composed = pipeline["prepare"]["compose"]
    pieces = [
        {"inputs": list(piece.inputs)}
        | {
            name: None if learnt is None else getattr(learnt, name).tolist()
            for name in ("mean", "sd", "weights")
        }
        for piece, learnt in zip(matrix.composition, composed.maps_, strict=True)
    ]
    medians = pipeline["prepare"]["impute"].statistics_.tolist()
    # What comes before is done by numpy alone from what is written into the schema: a class of
    # this package would have to be installed where the bundle is used.
    rest = [*steps[names.index("compose") + 1 :], ("model", pipeline["model"])]
    return Pipeline(rest), {"medians": medians, "pieces": pieces}


def made_up_patient(schema: _Plain) -> dict[str, str]:
    """Return a patient who does not exist and whom the schema takes.

    Parameters
    ----------
    schema : dict
        From `schema_of`.

    Returns
    -------
    dict of str to str
        The middle of every range, the last level of each category, and answers that make a
        score near the middle of what an included patient can have.

    Raises
    ------
    ExportError
        If the inclusion rules leave no such patient.
    """
    patient = {name: _middle(rule) for name, rule in schema["inputs"].items()}
    # Scores that inclusion leaves little room go last, as shared items are theirs then.
    for score in sorted(schema["scores"].values(), key=_freedom, reverse=True):
        patient |= _answers_for(score, schema["inputs"], patient)
    try:
        matrix_of([(FIRST_ROW, patient)], schema)
    except Refused as error:
        raise ExportError(
            f"No patient could be made up to test the model with: {error} Check the inclusion "
            "rules, or export another model."
        ) from None
    return patient


def _middle(rule: _Plain) -> str:
    """Return the middle of what an input may hold."""
    if "levels" in rule:
        return str(rule["levels"][-1])
    if "answers" in rule:
        return f"{rule['answers'][len(rule['answers']) // 2]:g}"
    return f"{sum(rule['bounds'] or (0.0, 0.0)) / 2:g}"


def _freedom(score: _Plain) -> float:
    """Return how much of its range a score leaves to included patients."""
    parts = np.array(score["parts"], dtype=float)
    low, high = score["bounds"]
    return float((high - low) / max(np.ptp(parts.sum(axis=0)), 1.0))


def _answers_for(score: _Plain, inputs: _Plain, patient: Mapping[str, str]) -> dict[str, str]:
    """Return answers to a score's items that come nearest to the middle of its bounds."""
    names = [item["column"] for item in score["items"]]
    path = list(_raised(names, inputs, [float(patient[name]) for name in names]))
    values = score_items(score, dict(zip(names, np.array(path).T, strict=True)))
    # The middle, as scores near their limits may be excluded by a rule.
    best = int(np.nanargmin(np.abs(values - sum(score["bounds"]) / 2)))
    return {name: f"{answer:g}" for name, answer in zip(names, path[best], strict=True)}


def _raised(names: Sequence[str], inputs: _Plain, start: Sequence[float]) -> Iterator[list[float]]:
    """Yield answers as they are, then every item's answers one after another, over and over."""
    answers = list(start)
    yield list(answers)
    for _ in range(2):
        for step in (1, -1):
            for position, name in enumerate(names):
                for answer in inputs[name]["answers"][::step]:
                    answers[position] = float(answer)
                    yield list(answers)
