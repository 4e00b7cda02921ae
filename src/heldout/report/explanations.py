"""Which explanations the page shows, and how openly.

An explanation of a model that does not beat chance explains chance, and looks as convincing
as any other. It is therefore folded away and watermarked, never shown as a finding. The
permutation test decides; without one, the interval does, and what it lets through is a hint.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from heldout.inference import LEVEL, Cell, area
from heldout.record import RunRecord, figure_name
from heldout.report.places import Place, chosen_share, has_evidence, part_of
from heldout.report.wording import (
    as_estimate,
    as_interval,
    as_p,
    as_signed_interval,
    counted,
)

_Section = dict[str, Any]
_MOST_FEATURES = 15
_WATERMARK = "no evidence that this model predicts"
_FOLDED = (
    "{title}: the explanation of a model that does not beat chance explains chance. "
    "Open it only to see what chance looks like."
)
_WITHHELD = "{title}: not shown, adjusted p = {p}"
_RULE = (
    " Importances of a model that predicts nothing are not shown: unless its adjusted p, or where "
    f"the primary headline was found its own p, is {area(LEVEL)} or less, they are folded away and "
    "marked. "
    "Open them only to see what chance looks like."
)
_HINT = "No permutation test was made: read it as a hint, not as a finding."


def build_explanations(record: RunRecord, places: Sequence[Place]) -> _Section:
    """Return what the figures of contributions show.

    Parameters
    ----------
    record : RunRecord
        Complete.
    places : sequence of Place
        Of the same record.

    Returns
    -------
    dict
        ``items`` holds one explanation for every outcome and follow-up that was evaluated: of
        the model that the procedure chose most often.
    """
    items = [
        _explanation(record, place, model)
        for place in places
        if place.facts.status == "evaluated"
        for model in [_most_chosen(record, place)]
    ]
    tested = any(cell.p is not None for cell in record.headline)
    return {
        "heading": "What the predictions were made of",
        "lead": (
            "SHAP values of patients held out, for the model that was chosen most often. They "
            "say what a model used, not what causes the outcome." + (_RULE if tested else "")
        ),
        "items": items,
    }


def _most_chosen(record: RunRecord, place: Place) -> str:
    """Return the model the procedure chose most often here; the first one if several."""
    rivals = [cell.model for cell in place.cells if not place.models[cell.model].reference]
    counts = {
        model: int(part_of(record.choices, place, model)["chosen"].astype(bool).sum())
        for model in rivals
    }
    return max(rivals, key=lambda model: counts[model])


def _predicts(record: RunRecord, place: Place, cell: Cell) -> bool:
    """Return whether the test says that a model predicts; without one, whether a hint does.

    A hint is an interval above chance, unless the verdict denies it.
    """
    evidence = has_evidence(place, cell)
    if evidence is not None:
        return evidence
    return record.verdict.level != "no_evidence" and cell.margin_low > 0


def _explanation(record: RunRecord, place: Place, model: str) -> _Section:
    """Return one model's explanation, folded and watermarked unless the model predicts."""
    cell = next(one for one in place.cells if one.model == model)
    shown_as = place.models[model].for_kind(cell.kind)
    label, unit = shown_as.label, shown_as.margin
    number = cell.kind == "number"
    figure = "R²" if number else "AUC"
    words = as_estimate(cell.estimate, cell.kind)
    low, high = (cell.r2_low, cell.r2_high) if number else (cell.auc_low, cell.auc_high)
    interval = as_signed_interval(low, high) if number else as_interval(low, high)
    open_, tested = _predicts(record, place, cell), cell.p is not None
    p = f"; p = {as_p(cell.p)}, adjusted {as_p(cell.p_adjusted)}" if tested else ""
    folded = _WITHHELD if tested else _FOLDED
    rows = part_of(record.explanations, place, model)
    features = _feature_strips(record, rows)
    shown = features[:_MOST_FEATURES]
    some = f" The {_MOST_FEATURES} largest of {len(features)} features are shown."
    return {
        "title": place.title,
        "figure": figure_name("shap", cell),
        "model": label,
        "unit": unit,
        "open": open_,
        "summary": None if open_ else folded.format(title=place.title, p=as_p(cell.p_adjusted)),
        "watermark": None if open_ else _WATERMARK,
        "axis": f"SHAP: contribution to the predicted {unit}{'' if number else ' of the event'}",
        "colours": ["lowest value", "highest value", "not observed"],
        "mean": "mean |SHAP|",
        "features": shown,
        "caption": (
            f"{label}, chosen in {chosen_share(record, place, model)} of the folds; its {figure} "
            f"is {words} (95 % interval {interval}{p}). "
            f"A point is one of {counted(place.facts.n, 'patient')}, averaged over repeats; to "
            f"the right of 0 a feature raises the predicted {unit}. Features are sorted by mean "
            "|SHAP|."
            + (some if len(features) > _MOST_FEATURES else "")
            + (f" {_HINT}" if open_ and not tested else "")
        ),
    }


def _feature_strips(record: RunRecord, rows: pd.DataFrame) -> list[_Section]:
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
                "value": [None if pd.isna(one) else float(one) for one in part["value"]],
            }
        )
    return sorted(strips, key=lambda strip: -float(strip["mean"]))
