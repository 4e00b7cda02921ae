"""Which explanations the page shows, and how openly.

An explanation of a model that does not beat chance explains chance, and looks as convincing
as any other. It is therefore folded away and watermarked, never shown as a finding. The
permutation test decides; without one, the interval does, and what it lets through is a hint.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from heldout.inference.cells import Cell
from heldout.inference.permutation import LEVEL
from heldout.inference.sentences import cell_p_words
from heldout.record import RunRecord, figure_name, rows_of
from heldout.report.prose import section
from heldout.report.tables import Section
from heldout.report.targets import Target, chosen_share, has_evidence
from heldout.wording import counted, decimal, interval, p_value

_MOST_FEATURES = 15
_WATERMARK = "no evidence that this model predicts"
_FOLDED = (
    "{title}: the explanation of a model that does not beat chance explains chance. "
    "Open it only to see what chance looks like."
)
_WITHHELD = "{title}: not shown, adjusted p = {p}"
_HINT = "No permutation test was made: read it as a hint, not as a finding."


def build_explanations(record: RunRecord, targets: Sequence[Target]) -> Section:
    """Return what the figures of contributions show.

    Parameters
    ----------
    record : RunRecord
        Complete.
    targets : sequence of Target
        Of the same record.

    Returns
    -------
    dict
        ``items`` holds one explanation for every outcome and follow-up that was evaluated: of
        the model that the procedure chose most often.
    """
    items = [
        _explanation(record, target, _most_chosen(record, target))
        for target in targets
        if target.facts.status == "evaluated"
    ]
    tested = any(cell.p is not None for cell in record.headline)
    return section("explanations", tested=tested, level=decimal(LEVEL)) | {"items": items}


def _most_chosen(record: RunRecord, target: Target) -> Cell:
    """Return the model the procedure chose most often here; the first one if several."""
    # A reference is never chosen, so there is nothing of it to explain.
    rivals = [cell for cell in target.cells if not target.models[cell.model].reference]
    return max(rivals, key=lambda cell: rows_of(record.choices, cell)["chosen"].astype(bool).sum())


def _predicts(record: RunRecord, target: Target, cell: Cell) -> bool:
    """Return whether the test says that a model predicts; without one, whether a hint does.

    A hint is an interval above chance, unless the verdict denies it.
    """
    evidence = has_evidence(target, cell)
    if evidence is not None:
        return evidence
    return record.verdict.level != "no_evidence" and cell.margin_low > 0


def _explanation(record: RunRecord, target: Target, cell: Cell) -> Section:
    """Return one model's explanation, folded and watermarked unless the model predicts."""
    kind, model = target.kind, target.models[cell.model].for_kind(cell.kind)
    open_, tested = _predicts(record, target, cell), cell.p is not None
    p = f"; {cell_p_words(cell, record.permutation)}" if tested else ""
    of_event = " of the event" if kind.has_events else ""
    folded = _WITHHELD if tested else _FOLDED
    features = _feature_strips(record, rows_of(record.explanations, cell))
    some = f" The {_MOST_FEATURES} largest of {len(features)} features are shown."
    return {
        "title": target.title,
        "figure": figure_name("shap", cell),
        "model": model.label,
        "unit": model.margin,
        "open": open_,
        "summary": None if open_ else folded.format(title=target.title, p=p_value(cell.p_adjusted)),
        "watermark": None if open_ else _WATERMARK,
        "axis": f"SHAP: contribution to the predicted {model.margin}{of_event}",
        "colours": ["lowest value", "highest value", "not observed"],
        "mean": "mean |SHAP|",
        "features": features[:_MOST_FEATURES],
        "caption": (
            f"{model.label}, chosen in {chosen_share(record, cell)} of the folds; its "
            f"{kind.estimate.label} is {decimal(cell.estimate)} (95 % interval "
            f"{interval(cell.low, cell.high)}{p}). "
            f"A point is one of {counted(target.facts.n, 'patient')}, averaged over repeats; to "
            f"the right of 0 a feature raises the predicted {model.margin}. Features are sorted by "
            "mean |SHAP|."
            + (some if len(features) > _MOST_FEATURES else "")
            + (f" {_HINT}" if open_ and not tested else "")
        ),
    }


def _feature_strips(record: RunRecord, rows: pd.DataFrame) -> list[Section]:
    """Return the points of each feature, the largest mean contribution first."""
    columns = {column.name: column for column in record.features}
    strips = []
    for name in rows["feature"].unique().tolist():
        part, column = rows[rows["feature"] == name], columns.get(name)
        # Sorted, so that the order of the points does not follow the order of the patients.
        part = part.sort_values(["shap", "value"], kind="stable")
        unit = f", {column.unit}" if column is not None and column.unit else ""
        strips.append(
            {
                "label": f"{column.label if column is not None else name}{unit}",
                "mean": float(part["shap"].abs().mean()),
                "shap": part["shap"].astype(float).tolist(),
                "value": [None if pd.isna(value) else float(value) for value in part["value"]],
            }
        )
    return sorted(strips, key=lambda strip: -float(strip["mean"]))
