"""What MLflow is to show of a record, as plain values; MLflow is unknown here.

No pseudonym and no feature of a patient is among them: held-out predictions carry a running
number in place of the pseudonym.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from heldout.inference.cells import Cell
from heldout.inference.sentences import cell_p_words
from heldout.inference.verdict import render_verdict
from heldout.models.named import models_of
from heldout.nested.folds import HEADLINE
from heldout.record import RunRecord, figure_name, rows_of

# Short enough to read in a column; the record has the whole digests.
_DIGEST_DIGITS = 12
# A model has one colour in all charts; black is the headline's. Told apart by colour-blind eyes.
_HEADLINE_COLOUR = "#1a1a1a"
_COLOURS = ("#999999", "#56b4e9", "#0072b2", "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#b2a100")
_TRIAL_COLUMNS = ["repeat", "fold", "trial", "candidate", "criterion"]
# Of every cell, beside the figures that its kind declares.
_TESTED = {
    "cv.p": "p",
    "cv.p_adjusted": "p_adjusted",
    "cv.arithmetic": "arithmetic",
    "cv.chance": "chance",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What MLflow is to show of one cell.

    Attributes
    ----------
    tags : mapping of str to str
        To search and to group runs by.
    params : mapping of str to str or int
        What was chosen before the run.
    metrics : mapping of str to float
        Figures of the whole cell.
    series : mapping of str to tuple of float
        Metric -> a value a step, counted from 0.
    artifacts : mapping of str to str
        Path -> the text of the file.
    """

    tags: Mapping[str, str]
    params: Mapping[str, str | int]
    metrics: Mapping[str, float]
    series: Mapping[str, tuple[float, ...]]
    artifacts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """One MLflow run to be: its name, its cell, and when it began and ended (ms since 1970)."""

    name: str
    cell: Cell
    start: int
    end: int


def plan_runs(record: RunRecord) -> tuple[RunPlan, ...]:
    """Return the MLflow runs of a record, in the order in which the user interface lists them.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    tuple of RunPlan
        Outcome by outcome, the primary one first; the headline before its models. A declined
        outcome has its headline alone, which says why.
    """
    primary = {(facts.name, facts.follow_up) for facts in record.outcomes if facts.primary}
    cells = [
        cell
        for head in sorted(record.headline, key=lambda head: _key_of(head) not in primary)
        for cell in (head, *record.cells)
        if cell is head or (_key_of(cell) == _key_of(head) and cell.status == "evaluated")
    ]
    began = datetime.fromisoformat(str(record.environment["started"])).timestamp()
    start = round(1000 * began)
    end = start + math.ceil(1000 * float(record.environment["seconds"]))
    return tuple(
        # The list shows the latest first, so a millisecond apart keeps it in this order.
        RunPlan(name=_run_name(cell), cell=cell, start=start + len(cells) - rank, end=end)
        for rank, cell in enumerate(cells, start=1)
    )


def _key_of(cell: Cell) -> tuple[str, str]:
    """Return a cell's outcome and follow-up: cells with the same ones are compared."""
    return cell.outcome, cell.follow_up


def _run_name(cell: Cell) -> str:
    """Return what a run is called, such as ``response d2 · ridge``."""
    what = cell.model if cell.status == "evaluated" else cell.status
    return f"{cell.outcome} {cell.follow_up} · {what}"


def shown_of(record: RunRecord, cell: Cell, figures: Mapping[str, str]) -> Shown:
    """Return everything that MLflow is to show of one cell.

    Parameters
    ----------
    record : RunRecord
        Complete.
    cell : Cell
        One of its cells, or of its headline.
    figures : mapping of str to str
        Name -> SVG. One named by `heldout.record.figure_name` belongs to that cell; figures
        of no one cell are shown with every headline.

    Returns
    -------
    Shown
    """
    # A number has no AUC of its folds, and a headline no search of its own.
    series = {"fold.roc_auc": cell.fold_auc} if cell.fold_auc else {}
    trials = rows_of(record.trials, cell)
    artifacts: dict[str, str] = {}
    if len(trials):
        series["trial.value"] = tuple(map(float, trials["criterion"]))
        artifacts["trials.csv"] = _as_csv(trials[_TRIAL_COLUMNS])
    if cell.status == "evaluated":
        artifacts["predictions.csv"] = _as_csv(_held_out(record, cell))
    if cell.model == HEADLINE:
        artifacts["verdict.txt"] = render_verdict(record.verdict) + "\n"
        start = re.escape(f"{cell.outcome}.{cell.follow_up}.")
        columns = list(record.permutations.filter(regex=f"^{start}"))
        if columns:
            artifacts["permutations.csv"] = _as_csv(record.permutations[["permutation", *columns]])
    artifacts |= {f"{name}.svg": svg for name, svg in figures.items() if _belongs(name, cell)}
    return Shown(
        tags=_tags_of(record, cell),
        params=_params_of(record, cell),
        metrics=_figures_of(cell) | _differences_of(record, cell) | _elsewhere(record, cell),
        series=series,
        artifacts=artifacts,
    )


def _figures_of(cell: Cell) -> dict[str, float]:
    """Return the figures of a cell, as far as there are any."""
    figures = {metric: cell.figures.get(name) for name, metric in cell.of_kind.declared.items()}
    figures |= {metric: getattr(cell, name) for metric, name in _TESTED.items()}
    return {metric: value for metric, value in figures.items() if value is not None}


def _differences_of(record: RunRecord, cell: Cell) -> dict[str, float]:
    """Return what a headline reaches beyond each reference; nothing of another cell."""
    figures: dict[str, float] = {}
    for beside in record.differences if cell.model == HEADLINE else ():
        if (beside.outcome, beside.follow_up) == _key_of(cell):
            metric = f"{cell.of_kind.estimate.metric}_minus.{beside.reference}"
            figures |= {metric: beside.difference}
            figures |= {f"{metric}_lo": beside.low, f"{metric}_hi": beside.high}
            figures |= {f"{metric}_p_better": beside.p_better, f"{metric}_p_worse": beside.p_worse}
            figures |= {f"{metric}_p_equivalent": beside.p_equivalent}
    return figures


def _elsewhere(record: RunRecord, cell: Cell) -> dict[str, float]:
    """Return what a headline reaches at sites left out; nothing of another cell."""
    for of in record.transport if cell.model == HEADLINE else ():
        if (of.outcome, of.follow_up) == _key_of(cell) and of.pooled is not None:
            metric = f"{cell.of_kind.estimate.metric}_other_sites"
            limits = {f"{metric}_lo": of.pooled.low, f"{metric}_hi": of.pooled.high}
            return {metric: of.pooled.auc} | limits
    return {}


def _tags_of(record: RunRecord, cell: Cell) -> dict[str, str]:
    """Return a run's tags."""
    return {
        "study": record.name,
        "outcome": cell.outcome,
        "follow_up": cell.follow_up,
        "kind": "headline" if cell.model == HEADLINE else "model",
        "status": cell.status,
        "heldout.run": record.run_id,
        "config_sha": record.fingerprint[:_DIGEST_DIGITS],
        "data_digest": record.data_fingerprint[:_DIGEST_DIGITS],
        "folds_digest": record.folds_digest[:_DIGEST_DIGITS],
        "mlflow.note.content": _description(record, cell),
        "mlflow.runColor": _colour(record, cell),
        "mlflow.source.name": "heldout",
        "mlflow.source.type": "LOCAL",
    }


def _colour(record: RunRecord, cell: Cell) -> str:
    """Return the colour of a cell's model in charts."""
    if cell.model == HEADLINE:
        return _HEADLINE_COLOUR
    return _COLOURS[list(record.experiment["models"]).index(cell.model) % len(_COLOURS)]


def _description(record: RunRecord, cell: Cell) -> str:
    """Return what a run's page says first: the verdict, why it was declined, or how to read it."""
    if cell.reason is not None:
        return cell.reason
    if cell.model == HEADLINE:
        return render_verdict(record.verdict)
    known, kind = models_of(record.experiment), cell.of_kind
    label = known[cell.model].for_kind(cell.kind).label if cell.model in known else cell.model
    words = p = ""
    if cell.arithmetic is not None:
        words = f"; arithmetic alone {kind.reached(cell.arithmetic)}"
    if (test := record.permutation) is not None and cell.p is not None:
        p = f", {cell_p_words(cell, test)} ({test.permutations} permutations)"
    figure = kind.short.format(kind.spoken(cell.estimate))
    if cell.low is None:
        return f"{label}: {figure} by definition{words}; it says the same of everybody."
    limits = f"{kind.spoken(cell.low)} to {kind.spoken(cell.high)}"
    return (
        f"{label}: {figure} for patients held out (95 % interval {limits}{words}){p}. The best of "
        "several models is not an estimate; the headline is one."
    )


def _params_of(record: RunRecord, cell: Cell) -> dict[str, str | int]:
    """Return the few parameters by which runs differ."""
    validation, tuning = record.experiment["validation"], record.experiment["tuning"]
    return {
        "model": cell.model,
        "outcome": cell.outcome,
        "follow_up": cell.follow_up,
        "n": cell.n,
        **({"events": cell.events, "interval": record.interval} if cell.of_kind.has_events else {}),
        "features": _n_features(record, cell),
        "outer": validation["outer"],
        "inner": validation["inner"],
        "repeats": validation["repeats"],
        "trials": tuning["trials"],
        "sampler": tuning["sampler"],
        "permutations": 0 if record.permutation is None else record.permutation.asked,
    }


def _n_features(record: RunRecord, cell: Cell) -> int:
    """Return how many features a model reads: a reference its own columns, a constant none."""
    model = models_of(record.experiment).get(cell.model)
    if model is not None and model.constant:
        return 0
    if model is not None and model.columns != "all":
        # Which columns a reference has, a record knows from their explanation.
        return max(1, rows_of(record.explanations, cell)["feature"].nunique())
    return len(record.features)


def _held_out(record: RunRecord, cell: Cell) -> pd.DataFrame:
    """Return a cell's held-out predictions, patients numbered alike in all cells of the record."""
    table = record.predictions
    # A number instead of the pseudonym: what MLflow holds is shown to others.
    numbered = table.assign(patient=pd.factorize(table["patient"])[0] + 1)
    columns = ["patient", "repeat", "fold", *cell.of_kind.columns.values()]
    return rows_of(numbered, cell)[columns]


def _as_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV."""
    return str(table.to_csv(index=False, lineterminator="\n"))


def _belongs(figure: str, cell: Cell) -> bool:
    """Return whether a figure is shown with a cell; its kind alone names one of no one cell."""
    kind = figure.partition(".")[0]
    return figure == figure_name(kind, cell) or (figure == kind and cell.model == HEADLINE)
