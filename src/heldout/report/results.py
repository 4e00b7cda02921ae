"""What the models reached, as the page says it: headlines, every model, predicted numbers.

An event is judged by its AUC, a number by the variance explained (R²); the figures and words of
both are declared in `heldout.kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heldout.inference.cells import Cell
from heldout.kinds import KINDS, Figure, KindName
from heldout.metrics.differences import REGION
from heldout.record import RunRecord, figure_name, rows_of
from heldout.report.prose import section
from heldout.report.tables import Section, row, table
from heldout.report.targets import Target, by_kind, chosen_share, has_evidence
from heldout.wording import counted, decimal, interval, p_value

_CHOSEN = "Model chosen inside the folds"
_ARITHMETIC_NOTE = (
    " The arrow marks what arithmetic alone gives: chance lies there for an outcome that is "
    "computed from the baseline score."
)
_FORESTS: Mapping[KindName, Section] = {
    "class": {
        "figure": "auc",
        "caption": (
            "Points are fold-paired AUCs of patients held out, hollow for references; lines are "
            "95 % intervals. The broken line is chance; an AUC of the headline in the shaded band "
            "has a p above .05 by itself."
        ),
        "limits": (0.0, 1.0),
        "ticks": (0.0, 0.25, 0.5, 0.75, 1.0),
    },
    "number": {
        "figure": "r2",
        "caption": (
            "Points are the variance explained out of fold (R²), hollow for references; lines are "
            "95 % intervals, cut off at \N{MINUS SIGN}1. At 0 a model is as good as the mean of "
            "the training patients, left of it worse; the broken line is chance."
        ),
        "limits": (-1.0, 1.0),
        "ticks": (-1.0, -0.5, 0.0, 0.5, 1.0),
    },
}
_MAXIMUM_NOTE = (
    "The highest number of this table is not an estimate: it was found by looking. The estimate "
    "is the headline, whose model is chosen inside the folds, before its patients are seen."
)


def build_headline(targets: Sequence[Target]) -> Section:
    """Return the headline of every outcome and follow-up.

    Parameters
    ----------
    targets : sequence of Target
        Of one record.

    Returns
    -------
    dict
        ``cards``, one a target; ``note`` says what their figures mean.
    """
    headlines = [target.headline for target in targets]
    words = section(
        "headline",
        kinds=list(by_kind(targets)),
        tested=any(cell.p is not None for cell in headlines),
        coupled=any(cell.arithmetic is not None for cell in headlines),
        sites=any("auc_within_sites" in cell.figures for cell in headlines),
        limits=any(cell.has_limits for cell in headlines),
    )
    return words | {"cards": list(map(_headline_card, targets))}


def _headline_card(target: Target) -> Section:
    """Return one headline, or why there is none."""
    facts, cell, kind = target.facts, target.headline, target.kind
    card: Section = {
        "title": target.title,
        "detail": target.detail,
        "primary": "primary" if facts.primary else None,
        "sample": target.sample,
        "reason": facts.reason,
        "auc": None,
        "facts": [],
    }
    if cell.status != "evaluated":
        return card
    evidence = has_evidence(target, cell)
    figures = [
        [figure.label, figure.said(cell.figures)]
        for figure in kind.figures
        # Predictions that do not differ have no slope, say.
        if figure.shown != "data" and figure.name in cell.figures
    ]
    return card | {
        "above_chance": cell.margin_low > 0 if evidence is None else evidence,
        "chance": _chance_words(cell, evidence),
        "auc": kind.estimate.say(cell.estimate),
        "interval": f"{kind.estimate.label}, 95 % interval {interval(cell.low, cell.high)}",
        "facts": [*figures, ["p", p_value(cell.p)], ["p, adjusted", p_value(cell.p_adjusted)]],
    }


def _chance_words(cell: Cell, evidence: bool | None) -> str:
    """Return where chance lies beside a cell's figure: by the test, or else by the interval."""
    name = f"chance ({decimal(cell.chance_level)})"
    if cell.chance is None and cell.arithmetic is not None:
        name = f"arithmetic alone ({decimal(cell.arithmetic)})"
    if evidence is not None:
        return f"{'above' if evidence else 'not told from'} {name}"
    if cell.margin_low > 0:
        return f"above {name}"
    if cell.high is not None and cell.high < cell.chance_level:
        return f"below {name}"
    return f"{name} lies inside"


def build_forests(targets: Sequence[Target]) -> Section:
    """Return what the figures of all models show: one of AUCs, one of the variance explained.

    Parameters
    ----------
    targets : sequence of Target
        Of one record.

    Returns
    -------
    dict
        ``figures``; a kind of outcome that the study does not have has none.
    """
    figures = [_forest(kind, of_kind) for kind, of_kind in by_kind(targets).items()]
    return {"heading": "Every model beside chance", "figures": figures}


def _forest(kind: KindName, targets: Sequence[Target]) -> Section:
    """Return what the figure of one kind of outcome shows."""
    coupled = any(target.headline.arithmetic is not None for target in targets)
    return _FORESTS[kind] | {
        "scale": KINDS[kind].estimate.label,
        "caption": str(_FORESTS[kind]["caption"]) + (_ARITHMETIC_NOTE if coupled else ""),
        "groups": list(map(_forest_group, targets)),
    }


def _forest_group(target: Target) -> Section:
    """Return the rows of one outcome at one follow-up, or why there are none."""
    facts, known = target.facts, target.headline.arithmetic
    group: Section = {
        "title": f"{target.title} · {target.visit}" if target.visit else target.title,
        "sample": target.sample,
        "reason": facts.reason,
        "chance": None,
        "line": target.headline.chance_level if known is None else target.kind.chance,
        "arithmetic": known,
        "arithmetic_words": None if known is None else f"arithmetic alone {decimal(known)}",
        "rows": [],
    }
    if facts.status != "evaluated":
        return group
    rows = [_forest_row(_CHOSEN, target.headline, "headline")]
    for cell in target.cells:
        role = "reference" if target.models[cell.model].reference else "model"
        rows.append(_forest_row(target.label_of(cell), cell, role))
    group["rows"] = rows
    if target.kind.has_events and target.headline.critical is not None:
        group["chance"] = [0.0, target.headline.critical]
    return group


def _forest_row(label: str, cell: Cell, role: str) -> Section:
    """Return one point with its interval, and the words beside it."""
    words = f"{decimal(cell.estimate)}  ({_limits(cell)})"
    limits = {"point": cell.estimate, "low": cell.low, "high": cell.high}
    return {"label": label, "kind": role, "words": words} | limits


def _limits(cell: Cell) -> str:
    """Return a cell's interval; a model that says the same of everybody has none."""
    return "by definition" if cell.low is None else interval(cell.low, cell.high)


def build_differences(record: RunRecord, targets: Sequence[Target]) -> Section | None:
    """Return what the headline reaches beyond each reference; nothing without one.

    Parameters
    ----------
    record : RunRecord
        Complete.
    targets : sequence of Target
        Of the same record.

    Returns
    -------
    dict or None
        ``table``, a group an outcome and follow-up.
    """
    groups = [_difference_group(record, target) for target in targets]
    groups = [group for group in groups if group["rows"]]
    columns = "Beside | Difference# | 95 % interval# | Worse# | Same# | Better# | The headline"
    words = section("differences", region=decimal(REGION))
    return words | {"table": table(columns, groups)} if groups else None


def _difference_group(record: RunRecord, target: Target) -> Section:
    """Return the references of one outcome at one follow-up."""
    cells = {cell.model: cell for cell in target.cells}
    rows = [
        row(
            target.label_of(cells[beside.reference]),
            decimal(beside.difference),
            interval(beside.low, beside.high),
            *map(decimal, (beside.p_worse, beside.p_equivalent, beside.p_better)),
            beside.word,
        )
        for beside in record.differences
        if (beside.outcome, beside.follow_up) == (target.facts.name, target.facts.follow_up)
    ]
    detail = ", ".join(filter(None, (target.kind.estimate.label, target.detail)))
    return {"title": target.title, "detail": detail, "rows": rows}


def build_models(record: RunRecord, targets: Sequence[Target]) -> Section:
    """Return every model at every outcome and follow-up, the headline first.

    Parameters
    ----------
    record : RunRecord
        Complete.
    targets : sequence of Target
        Of the same record.

    Returns
    -------
    dict
        ``tables``: one for events, one for numbers, as far as the study has them.
    """
    tested, tables = any(cell.p is not None for cell in (*record.cells, *record.headline)), []
    for kind, of_kind in by_kind(targets).items():
        cells = [cell for target in of_kind for cell in (target.headline, *target.cells)]
        figures = KINDS[kind].tables(cell.figures for cell in cells)
        groups = [_model_group(record, target, tested, figures) for target in of_kind]
        tables.append(table(_model_columns(kind, tested, figures), groups))
    return {
        "heading": "All models",
        "lead": _MAXIMUM_NOTE,
        "tables": tables,
    }


def _model_columns(kind: KindName, tested: bool, figures: Sequence[Figure]) -> str:
    """Return the columns of a table of models, as `table` takes them."""
    labels = [figure.label for figure in figures]
    tests = ["p", "p, adjusted"] if tested else []
    numbers = [KINDS[kind].estimate.label, "95 % interval", *tests, *labels, "Chosen in"]
    return " | ".join(["Model", *(f"{name}#" for name in numbers)])


def _model_group(
    record: RunRecord, target: Target, tested: bool, figures: Sequence[Figure]
) -> Section:
    """Return the rows of one outcome at one follow-up, or why there are none."""
    group: Section = {"title": target.title, "detail": target.detail, "note": target.facts.reason}
    if target.facts.status != "evaluated":
        return group
    rows = [_model_row(_CHOSEN, target.headline, "headline", tested, figures)]
    if (known := target.headline.arithmetic) is not None:
        empty = [""] * (1 + 2 * tested + len(figures))
        rows.append(row("Arithmetic alone", decimal(known), *empty, "benchmark"))
    for cell in target.cells:
        reference = target.models[cell.model].reference
        share = "reference" if reference else chosen_share(record, cell)
        rows.append(_model_row(target.label_of(cell), cell, share, tested, figures))
    return group | {"rows": rows}


def _model_row(
    label: str, cell: Cell, share: str, tested: bool, figures: Sequence[Figure]
) -> Section:
    """Return one model's figures."""
    estimates = [cell.of_kind.estimate.say(cell.estimate), _limits(cell)]
    tests = [p_value(cell.p), p_value(cell.p_adjusted)] if tested else []
    values = [figure.say(cell.figures.get(figure.name)) for figure in figures]
    return row(label, *estimates, *tests, *values, share, strong=share == "headline")


def build_scatters(record: RunRecord, targets: Sequence[Target]) -> Section | None:
    """Return what the figures of predicted and observed numbers show; nothing without a number.

    Parameters
    ----------
    record : RunRecord
        Complete.
    targets : sequence of Target
        Of the same record.

    Returns
    -------
    dict or None
        ``items``, one a number that was evaluated: its points are pairs of prediction (mean
        over repeats) and observation, sorted, so that they do not follow the patients' order.
    """
    items = [
        _scatter(record, target)
        for target in targets
        if not target.kind.has_events and target.facts.status == "evaluated"
    ]
    return section("scatters") | {"items": items} if items else None


def _scatter(record: RunRecord, target: Target) -> Section:
    """Return the points of one number."""
    cell = target.headline
    rows = rows_of(record.predictions, cell)
    means = rows.groupby("patient")[["prediction", "observed"]].mean()
    # Sorted, so that no point can be found by a patient's row in the table.
    points = sorted(zip(means["prediction"], means["observed"], strict=True))
    return {
        "title": target.title,
        "figure": figure_name("scatter", cell),
        "points": [[float(x), float(y)] for x, y in points],
        "axes": ["predicted", "observed"],
        "caption": (
            f"{target.title}: a point is one of {counted(len(points), 'patient')}, its prediction "
            f"averaged over repeats. R² {decimal(cell.estimate)} (95 % interval "
            f"{interval(cell.low, cell.high)})."
        ),
    }
