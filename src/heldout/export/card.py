"""The model card: what the model is for, what it was learnt from, how well it does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

from heldout.features.columns import FeatureColumn, FeatureMatrix
from heldout.inference.cells import Cell
from heldout.inference.permutation import PermutationTest
from heldout.inference.verdict import Asked, derive_verdict, render_verdict
from heldout.kinds import KINDS
from heldout.metrics.calibration import FEWEST_TO_CALIBRATE
from heldout.nested.folds import FittedModel
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
    is_event, test = KINDS[outcome.kind].has_events, record.permutation
    candidate = json.dumps(dict(fitted.search.best.candidate), sort_keys=True)
    text = files("heldout.export").joinpath("card.md").read_text(encoding="utf-8")
    return Template(text).substitute(
        title=_plain(outcome.label),
        follow_up=outcome.follow_up,
        verdict=_verdict_of(record, outcome, cells["headline"]),
        question=_plain(record.experiment["question"]),
        model=fitted.model.label,
        candidate=candidate,
        n=outcome.n,
        events=f" ({outcome.events} with the event)" if is_event else "",
        estimates=_estimate_table(outcome, cells, _interval_words(record, outcome)),
        calibrated=_calibration_words(fitted, outcome) if is_event else "",
        arithmetic=_arithmetic_words(cells["headline"]),
        reading=_reading_words(test, outcome),
        inputs="\n".join(map(input_row, matrix.columns)),
        composed=_composed_words(matrix),
        cohort=_plain(record.experiment["cohort"]["title"]),
        n_patients=record.n_patients,
        unobserved=outcome.no_follow_up,
        included=_included(record),
        versions=_versions_of(record),
        refit=refit_words(record.environment, today),
        frozen=f"\n\n{' '.join(record.frozen.sentences)}" if record.frozen else "",
        run_id=record.run_id,
        experiment=record.fingerprint[:12],
        data=record.data_fingerprint[:12],
    )


def _verdict_of(record: RunRecord, outcome: OutcomeFacts, headline: Cell) -> str:
    """Return what the headline allows to say; only a primary one stands on its own p."""
    # Without a test there is no p to adjust, and the interval alone speaks.
    named = headline if outcome.primary or record.permutation is None else None
    asked = Asked(
        headline=[headline],
        primary=named,
        test=record.permutation,
        associated=record.associated,
        objections=record.verdict.objections,
        differences=record.differences,
        labels={column.name: column.label for column in record.features},
    )
    return render_verdict(derive_verdict(asked))


def _interval_words(record: RunRecord, outcome: OutcomeFacts) -> str:
    """Return what stands above the limits; an AUC has an interval that an experiment names."""
    of_auc = KINDS[outcome.kind].has_events
    return f"95 % interval ({record.interval})" if of_auc else "95 % interval"


def _estimate_table(outcome: OutcomeFacts, cells: Mapping[str, Cell], limited: str) -> str:
    """Return the held-out figures as a table; with p if a permutation test was made."""
    kind, tested = KINDS[outcome.kind], cells["headline"].p is not None
    shown = [
        figure
        for figure in kind.figures
        # Of few patients there is no calibration, and its columns would be empty.
        if figure.shown != "data" and any(figure.name in cell.figures for cell in cells.values())
    ]
    head = ["held-out estimate", kind.estimate.label, limited]
    head += [figure.label for figure in shown] + (["p", "p, adjusted"] if tested else [])
    rows = [head, ["---"] * len(head)]
    for label, cell in (
        ("the procedure that chose it", cells["headline"]),
        ("this kind of model alone", cells["model"]),
    ):
        figures = [figure.said(cell.figures) for figure in shown]
        tests = [p_value(cell.p), p_value(cell.p_adjusted)] if tested else []
        limits = interval(cell.low, cell.high)
        rows.append([label, kind.estimate.say(cell.estimate), limits, *figures, *tests])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _calibration_words(fitted: FittedModel, outcome: OutcomeFacts) -> str:
    """Return whether probabilities are more than scores."""
    if fitted.sigmoid is not None:
        return (
            " Probabilities are recalibrated: a sigmoid of the model's own, fitted to inner test "
            "patients, stands in schema.json."
        )
    rarer = min(outcome.events, outcome.n - outcome.events)
    if rarer < FEWEST_TO_CALIBRATE:
        return " Probabilities are uncalibrated scores."
    return ""


def _arithmetic_words(cell: Cell) -> str:
    """Return what the baseline score alone gives where the outcome is computed from it."""
    if cell.arithmetic is None:
        return ""
    return (
        "\n\nThe outcome is computed from the baseline score: arithmetic alone "
        f"{cell.of_kind.reached(cell.arithmetic)}, and chance lies there."
    )


def _reading_words(test: PermutationTest | None, outcome: OutcomeFacts) -> str:
    """Return how to read the p."""
    if test is None:
        return ""
    named = " This outcome was named as primary beforehand; its own p counts."
    return (
        f"\n\np is of {test.permutations} permutations of the whole study; adjusted, it counts "
        "all that was looked at with it."
        f"{named if outcome.primary else ''}"
    )


def _plain(text: str) -> str:
    """Return a user's text on one line, so that it can neither mark up nor break a table."""
    words = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    # A backslash would not do after another one.
    return words.replace("|", "&#124;")


def _included(record: RunRecord) -> str:
    """Return who was included, and so for whom the model may be asked."""
    rules = [_plain(step.label) for step in record.flow[1:]]
    return f"\nOnly for patients like those included: {'; '.join(rules)}." if rules else ""


def _versions_of(record: RunRecord) -> str:
    """Return the versions that a record's figures were made with."""
    versions = record.environment["versions"]
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def refit_words(then: Mapping[str, Any], today: Mapping[str, Any]) -> str:
    """Return whether the model was fitted with the versions and the code of the figures.

    Parameters
    ----------
    then : mapping
        ``versions`` and ``code`` of the figures.
    today : mapping
        Those that the model was fitted with.

    Returns
    -------
    str
    """
    changed = [
        f"{name} {version}"
        for name, version in today["versions"].items()
        if then["versions"].get(name) != version
    ]
    if today["code"] != then["code"]:
        changed.append("other code of heldout")
    return f"The model was fitted with {', '.join(changed)}." if changed else "So was the model."


def _composed_words(matrix: FeatureMatrix) -> str:
    """Return what is composed of the inputs, one line each."""
    learnt = [
        f"- {_plain(column.describe)}\n"
        for column in matrix.features
        if column not in matrix.columns
    ]
    head = "Of standardised inputs, with the training patients' means, it composes:\n\n"
    return f"{head}{''.join(learnt)}\n" if learnt else ""


def input_row(column: FeatureColumn) -> str:
    """Return one input as a row of the table.

    Parameters
    ----------
    column : FeatureColumn
        Of the matrix.

    Returns
    -------
    str
    """
    allowed = ", ".join(column.levels)
    if column.bounds is not None:
        allowed = f"{column.bounds[0]:g} to {column.bounds[1]:g}"
        allowed += " in all" if column.input_bounds else ""
    allowed, inputs = _plain(allowed), _plain(", ".join(column.inputs))
    label, unit = _plain(column.label), _plain(column.unit or "")
    return f"| {label} | {inputs} | {column.visit} | {allowed} | {unit} |"
