"""The model card: what the model is for, what it was learnt from, how well it does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from heldout.features import FeatureColumn, FeatureMatrix
from heldout.inference import Cell, PermutationTest, derive_verdict, render_verdict
from heldout.kinds import KINDS
from heldout.nested import FittedModel
from heldout.record import OutcomeFacts, RunRecord
from heldout.wording import interval, p_value


def render_card(
    record: RunRecord,
    fitted: FittedModel,
    matrix: FeatureMatrix,
    outcome: OutcomeFacts,
    cells: Mapping[str, Cell],
    *,
    today: Mapping[str, Any],
) -> str:
    """Return the model card in Markdown.

    Parameters
    ----------
    record : RunRecord
        The study.
    fitted : FittedModel
        The model, fitted on all observed patients.
    matrix : FeatureMatrix
        What it takes; its columns are named, its rows are not used.
    outcome : OutcomeFacts
        What it predicts.
    cells : mapping of str to Cell
        Held-out figures: ``headline`` of the procedure, ``model`` of this model.
    today : mapping
        ``versions`` and ``code`` that the model was fitted with, as in a record's environment.

    Returns
    -------
    str
    """
    is_event = KINDS[outcome.kind].has_events
    events = f" ({outcome.events} with the event)" if is_event else ""
    candidate = json.dumps(dict(fitted.search.best.candidate), sort_keys=True)
    lines = [
        f"# {_plain(outcome.label)} at {outcome.follow_up}",
        "",
        _verdict_of(record.permutation, outcome, cells["headline"]),
        "",
        "## Intended use",
        "",
        "Research. Not validated in other patients; not for decisions about a patient.",
        f"It answers: {_plain(record.experiment['question'])}",
        "",
        "## Model",
        "",
        f"{fitted.model.label}, hyper-parameters {candidate}, chosen by the inner folds on all "
        f"{outcome.n} observed patients{events} and fitted to them.",
        "",
        "## How well it does",
        "",
        *_estimate_table(outcome, cells),
        "",
        "The first row is the estimate to quote."
        + (" Probabilities are uncalibrated scores." if is_event else ""),
        *_arithmetic_lines(cells["headline"]),
        *_reading_lines(record.permutation, outcome),
        "",
        "## Inputs",
        "",
        "| feature | columns of the table | visit | range or levels | unit |",
        "|---|---|---|---|---|",
        *map(input_row, matrix.columns),
        "",
        *_composed_lines(matrix),
        "A value out of range or a missing column is refused; columns that are not needed are "
        "passed over. An empty cell is filled with the training patients' median.",
        "",
        "## Data",
        "",
        f"{_plain(record.experiment['cohort']['title'])}: {record.n_patients} patients included; "
        f"{outcome.no_follow_up} not observed at {outcome.follow_up}.",
        *_included(record),
        "No row of a patient is in this folder.",
        "",
        f"The figures were made with {_versions_of(record)}. "
        f"{refit_words(record.environment, today)}",
        "",
        f"Run {record.run_id}; experiment {record.fingerprint[:12]}; data "
        f"{record.data_fingerprint[:12]}.",
        "",
    ]
    return "\n".join(lines)


def _verdict_of(test: PermutationTest | None, outcome: OutcomeFacts, headline: Cell) -> str:
    """Return what the headline allows to say; only a primary one stands on its own p."""
    named = headline if outcome.primary or test is None else None
    return render_verdict(derive_verdict([headline], named, test))


def _estimate_table(outcome: OutcomeFacts, cells: Mapping[str, Cell]) -> list[str]:
    """Return the held-out figures as a table; with p if a permutation test was made."""
    kind, tested = KINDS[outcome.kind], cells["headline"].p is not None
    shown = [figure for figure in kind.figures if figure.shown != "data"]
    head = ["held-out estimate", kind.estimate.label, "95 % interval"]
    head += [figure.label for figure in shown] + (["p", "p, adjusted"] if tested else [])
    rows = [head, ["---"] * len(head)]
    for name, cell in (
        ("the procedure that chose it", cells["headline"]),
        ("this kind of model alone", cells["model"]),
    ):
        figures = [figure.say(cell.figures.get(figure.name)) for figure in shown]
        tests = [p_value(cell.p), p_value(cell.p_adjusted)] if tested else []
        limits = interval(cell.low, cell.high)
        rows.append([name, kind.estimate.say(cell.estimate), limits, *figures, *tests])
    return [f"| {' | '.join(row)} |" for row in rows]


def _arithmetic_lines(cell: Cell) -> list[str]:
    """Return what the baseline score alone gives where the outcome is computed from it."""
    if cell.arithmetic is None:
        return []
    return [
        "",
        "The outcome is computed from the baseline score: arithmetic alone "
        f"{cell.of_kind.reached(cell.arithmetic)}, and chance lies there.",
    ]


def _reading_lines(test: PermutationTest | None, outcome: OutcomeFacts) -> list[str]:
    """Return how to read the p."""
    if test is None:
        return []
    named = " This outcome was named as primary beforehand; its own p counts."
    return [
        "",
        f"p is of {test.permutations} permutations of the whole study; adjusted, of having looked "
        f"at all its outcomes, follow-ups and models.{named if outcome.primary else ''}",
    ]


def _plain(text: str) -> str:
    """Return a user's text on one line, so that it can neither mark up nor break a table."""
    words = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    # A backslash would not do after another one.
    return words.replace("|", "&#124;")


def _included(record: RunRecord) -> list[str]:
    """Return who was included, and so for whom the model may be asked."""
    rules = [_plain(step.label) for step in record.flow[1:]]
    return [f"Only for patients like those included: {'; '.join(rules)}."] if rules else []


def _versions_of(record: RunRecord) -> str:
    """Return the versions that a record's figures were made with."""
    versions = record.environment["versions"]
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def refit_words(then: Mapping[str, Any], today: Mapping[str, Any]) -> str:
    """Return whether the model was fitted with the versions and the code of the figures."""
    changed = [
        f"{name} {version}"
        for name, version in today["versions"].items()
        if then["versions"].get(name) != version
    ]
    if today["code"] != then["code"]:
        changed.append("other code of heldout")
    return f"The model was fitted with {', '.join(changed)}." if changed else "So was the model."


def _composed_lines(matrix: FeatureMatrix) -> list[str]:
    """Return what is composed of the inputs, one line each."""
    learnt = [
        f"- {_plain(column.describe)}" for column in matrix.features if column not in matrix.columns
    ]
    if not learnt:
        return []
    return [
        "Of standardised inputs, with the training patients' means, it composes:",
        "",
        *learnt,
        "",
    ]


def input_row(column: FeatureColumn) -> str:
    """Return one input as a row of the table."""
    allowed = ", ".join(column.levels)
    if column.bounds is not None:
        allowed = f"{column.bounds[0]:g} to {column.bounds[1]:g}"
        allowed += " in all" if column.input_bounds else ""
    allowed, inputs = _plain(allowed), _plain(", ".join(column.inputs))
    label, unit = _plain(column.label), _plain(column.unit or "")
    return f"| {label} | {inputs} | {column.visit} | {allowed} | {unit} |"
