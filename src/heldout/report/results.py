"""What the models reached, as the page says it: headlines, every model, predicted numbers.

An event is judged by its AUC, a number by the variance explained (R²); what differs between the
two is held in one small table here.
"""

from __future__ import annotations

from collections.abc import Sequence

from heldout.inference import Cell, chance_range
from heldout.record import RunRecord, figure_name
from heldout.report.places import Place, by_kind, chosen_share, has_evidence, part_of
from heldout.report.tables import Section, row, table
from heldout.report.wording import (
    as_area,
    as_estimate,
    as_interval,
    as_number,
    as_p,
    as_signed,
    as_signed_interval,
    counted,
)

_CHOSEN = "Model chosen inside the folds"
_CHANCE_NOTE = (
    "Points are fold-paired AUCs of patients held out, hollow for references; lines are 95 % "
    "intervals. In the shaded band an AUC cannot be told from .50 with so many patients and "
    "events."
)
_NUMBER_NOTE = (
    "Points are the variance explained out of fold (R²), hollow for references; lines are 95 % "
    "intervals, cut off at \N{MINUS SIGN}1. At 0 a model is as good as the mean of the training "
    "patients, left of it worse."
)
_ARITHMETIC_NOTE = (
    " The arrow marks what arithmetic alone gives: chance lies there for an outcome that is "
    "computed from the baseline score."
)
_FORESTS: dict[str, Section] = {
    "class": {
        "figure": "auc",
        "caption": _CHANCE_NOTE,
        "scale": "AUC",
        "limits": (0.0, 1.0),
        "ticks": (0.0, 0.25, 0.5, 0.75, 1.0),
    },
    "number": {
        "figure": "r2",
        "caption": _NUMBER_NOTE,
        "scale": "R²",
        "limits": (-1.0, 1.0),
        "ticks": (-1.0, -0.5, 0.0, 0.5, 1.0),
    },
}
_MODEL_COLUMNS = {
    "class": "Model | AUC# | 95 % interval#{} | Brier# | Brier skill# | Chosen in#",
    "number": "Model | R²# | 95 % interval#{} | Mean absolute error# | Spearman# | Chosen in#",
}
_MAXIMUM_NOTE = (
    "The highest number of this table is not an estimate: it was found by looking. The estimate "
    "is the headline, whose model is chosen inside the folds, before its patients are seen."
)


def build_headline(places: Sequence[Place]) -> Section:
    """Return the headline of every outcome and follow-up.

    Parameters
    ----------
    places : sequence of Place
        Of one record.

    Returns
    -------
    dict
        ``cards``, one a place; ``note`` says what their figures mean.
    """
    kinds = {place.facts.kind for place in places}
    words = []
    if "class" in kinds:
        words.append(
            "The Brier score is a squared error of probabilities; its skill is the share by which "
            "it beats predicting everybody's average, so 0 is no skill."
        )
    if "number" in kinds:
        words.append(
            "R² is the share of the variance explained; at 0 it predicts as well as the mean, "
            "below 0 worse."
        )
    if any(place.headline.p is not None for place in places):
        words.append(
            "p is of one headline alone; adjusted, it counts that all headlines and models were "
            "looked at."
        )
    if any(place.headline.arithmetic is not None for place in places):
        words.append(
            "Arithmetic alone is what the baseline score predicts of an outcome that is computed "
            "from it, even if the follow-up has nothing to do with it: chance lies there."
        )
    return {
        "heading": "The headline at each follow-up",
        "lead": (
            "What the whole procedure, including the choice of the model, achieves for patients it "
            "has not seen."
        ),
        "note": " ".join(words),
        "cards": [_headline_card(place) for place in places],
    }


def _headline_card(place: Place) -> Section:
    """Return one headline, or why there is none."""
    facts, cell = place.facts, place.headline
    card: Section = {
        "title": place.title,
        "detail": place.detail,
        "primary": "primary" if facts.primary else None,
        "sample": _sample(place),
        "reason": facts.reason,
        "auc": None,
        "facts": [],
    }
    if cell.status != "evaluated":
        return card
    tests = [["p", as_p(cell.p)], ["p, adjusted", as_p(cell.p_adjusted)]]
    evidence = has_evidence(place, cell)
    card |= {
        "above_chance": _above_chance(cell) if evidence is None else evidence,
        "chance": _chance_words(cell),
    }
    if cell.kind == "number":
        return card | {
            "auc": as_signed(cell.r2, 2),
            "interval": f"R², 95 % interval {as_signed_interval(cell.r2_low, cell.r2_high)}",
            "facts": [
                ["Mean absolute error", as_number(cell.mae)],
                ["of the mean alone", as_number(cell.mae_mean)],
                *(
                    [words, as_signed(value, 2)]
                    for words, value in (
                        ("Spearman", cell.spearman),
                        ("Calibration slope", cell.calibration_slope),
                    )
                    # Predictions that do not differ have neither.
                    if value is not None
                ),
                *tests,
            ],
        }
    return card | {
        "auc": as_area(cell.auc),
        "interval": f"AUC, 95 % interval {as_interval(cell.auc_low, cell.auc_high)}",
        "facts": [
            ["Brier score", as_signed(cell.brier, 3)],
            ["Brier skill", as_signed(cell.brier_skill, 2)],
            *tests,
        ],
    }


def _above_chance(cell: Cell) -> bool:
    """Return whether a cell's interval lies above chance, and above what arithmetic gives."""
    return cell.margin_low > 0


def _chance_words(cell: Cell) -> str | None:
    """Return where chance lies beside a cell's interval; None where it lies below .50 or 0."""
    number, known = cell.kind == "number", cell.arithmetic
    high = cell.r2_high if number else cell.auc_high
    name = "chance (.50)"
    if known is not None:
        name = f"arithmetic alone ({as_estimate(known, cell.kind)})"
    elif number:
        name = "0, the mean alone"
    if _above_chance(cell):
        return None if known is None else f"above {name}"
    if high is not None and high < (cell.chance if known is None else known):
        return f"below {name}"
    return f"{name}, lies inside" if number and known is None else f"{name} lies inside"


def _sample(place: Place) -> str:
    """Return how many patients, and events, an outcome has."""
    patients = counted(place.facts.n, "patient")
    if place.facts.kind == "number":
        return patients
    return f"{patients}, {counted(place.facts.events, 'event')}"


def build_forests(places: Sequence[Place]) -> Section:
    """Return what the figures of all models show: one of AUCs, one of the variance explained.

    Parameters
    ----------
    places : sequence of Place
        Of one record.

    Returns
    -------
    dict
        ``figures``; a kind of outcome that the study does not have has none.
    """
    return {
        "heading": "Every model beside chance",
        "figures": [
            _FORESTS[kind]
            | {
                "caption": _forest_caption(kind, of_kind),
                "groups": list(map(_forest_group, of_kind)),
            }
            for kind, of_kind in by_kind(places).items()
        ],
    }


def _forest_caption(kind: str, places: Sequence[Place]) -> str:
    """Return what a figure of all models shows."""
    coupled = any(place.headline.arithmetic is not None for place in places)
    return str(_FORESTS[kind]["caption"]) + (_ARITHMETIC_NOTE if coupled else "")


def _forest_group(place: Place) -> Section:
    """Return the rows of one outcome at one follow-up, or why there are none."""
    facts = place.facts
    group: Section = {
        "title": f"{place.title} · {place.visit}" if place.visit else place.title,
        "sample": _sample(place),
        "reason": facts.reason,
        "chance": None,
        "line": place.headline.chance,
        "arithmetic": place.headline.arithmetic,
        "arithmetic_words": _arithmetic_words(place.headline),
        "rows": [],
    }
    if facts.status != "evaluated":
        return group
    rows = [_forest_row(_CHOSEN, place.headline, "headline")]
    for cell in place.cells:
        kind = "reference" if place.models[cell.model].reference else "model"
        rows.append(_forest_row(_label_of(place, cell), cell, kind))
    group["rows"] = rows
    if facts.kind == "class":
        group["chance"] = list(chance_range(facts.events, facts.n - facts.events))
    return group


def _arithmetic_words(cell: Cell) -> str | None:
    """Return what arithmetic alone gives of a cell's outcome, as it stands beside the figure."""
    if cell.arithmetic is None:
        return None
    return f"arithmetic alone {as_estimate(cell.arithmetic, cell.kind)}"


def _label_of(place: Place, cell: Cell) -> str:
    """Return what a cell's model is called where it predicts this kind of outcome."""
    return place.models[cell.model].for_kind(cell.kind).label


def _forest_row(label: str, cell: Cell, kind: str) -> Section:
    """Return one point with its interval, and the words beside it."""
    number = cell.kind == "number"
    low, high = (cell.r2_low, cell.r2_high) if number else (cell.auc_low, cell.auc_high)
    words = as_signed_interval(low, high) if number else as_interval(low, high)
    figure = as_estimate(cell.estimate, cell.kind)
    point = {"point": cell.estimate, "low": low, "high": high}
    return {"label": label, "kind": kind, "words": f"{figure}  ({words})"} | point


def build_models(record: RunRecord, places: Sequence[Place]) -> Section:
    """Return every model at every outcome and follow-up, the headline first.

    Parameters
    ----------
    record : RunRecord
        Complete.
    places : sequence of Place
        Of the same record.

    Returns
    -------
    dict
        ``tables``: one for events, one for numbers, as far as the study has them.
    """
    tested = any(cell.p is not None for cell in (*record.cells, *record.headline))
    more = " | p# | p, adjusted#" if tested else ""
    return {
        "heading": "All models",
        "lead": _MAXIMUM_NOTE,
        "tables": [
            table(
                _MODEL_COLUMNS[kind].format(more),
                [_model_group(record, place, tested) for place in of_kind],
            )
            for kind, of_kind in by_kind(places).items()
        ],
    }


def _model_group(record: RunRecord, place: Place, tested: bool) -> Section:
    """Return the rows of one outcome at one follow-up, or why there are none."""
    group: Section = {"title": place.title, "detail": place.detail, "note": place.facts.reason}
    if place.facts.status != "evaluated":
        return group
    rows = [_model_row(_CHOSEN, place.headline, "headline", tested)]
    if (known := place.headline.arithmetic) is not None:
        empty = [""] * (5 if tested else 3)
        rows.append(
            row("Arithmetic alone", as_estimate(known, place.facts.kind), *empty, "benchmark")
        )
    for cell in place.cells:
        reference = place.models[cell.model].reference
        share = "reference" if reference else chosen_share(record, place, cell.model)
        rows.append(_model_row(_label_of(place, cell), cell, share, tested))
    return group | {"rows": rows}


def _model_row(label: str, cell: Cell, share: str, tested: bool) -> Section:
    """Return one model's figures."""
    if cell.kind == "number":
        figures = [as_signed(cell.r2, 2), as_signed_interval(cell.r2_low, cell.r2_high)]
        others = [as_number(cell.mae), as_signed(cell.spearman, 2)]
    else:
        figures = [as_area(cell.auc), as_interval(cell.auc_low, cell.auc_high)]
        others = [as_signed(cell.brier, 3), as_signed(cell.brier_skill, 2)]
    tests = [as_p(cell.p), as_p(cell.p_adjusted)] if tested else []
    return row(label, *figures, *tests, *others, share, strong=share == "headline")


def build_scatters(record: RunRecord, places: Sequence[Place]) -> Section | None:
    """Return what the figures of predicted and observed numbers show; nothing without a number.

    Parameters
    ----------
    record : RunRecord
        Complete.
    places : sequence of Place
        Of the same record.

    Returns
    -------
    dict or None
        ``items``, one a number that was evaluated: its points are pairs of prediction (mean
        over repeats) and observation, sorted, so that they do not follow the patients' order.
    """
    items = [
        _scatter(record, place)
        for place in places
        if place.facts.kind == "number" and place.facts.status == "evaluated"
    ]
    if not items:
        return None
    return {
        "heading": "Predicted and observed",
        "lead": (
            "Of patients held out, by the model chosen inside the folds. On the line a prediction "
            "is right; points one above the other say that it hardly differs between patients."
        ),
        "items": items,
    }


def _scatter(record: RunRecord, place: Place) -> Section:
    """Return the points of one number."""
    rows = part_of(record.predictions, place, place.headline.model)
    means = rows.groupby("patient")[["prediction", "observed"]].mean()
    points = sorted(zip(means["prediction"], means["observed"], strict=True))
    return {
        "title": place.title,
        "figure": figure_name("scatter", place.headline),
        "points": [[float(x), float(y)] for x, y in points],
        "axes": ["predicted", "observed"],
        "caption": (
            f"{place.title}: a point is one of {counted(len(points), 'patient')}, its prediction "
            f"averaged over repeats. R² {as_signed(place.headline.r2, 2)} (95 % interval "
            f"{as_signed_interval(place.headline.r2_low, place.headline.r2_high)})."
        ),
    }
