"""Whether probabilities can be taken at their word, as the page says and draws it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from heldout.inference.calibration import Calibration
from heldout.inference.cells import Cell
from heldout.metrics.calibration import Curve
from heldout.record import RunRecord, figure_name
from heldout.report.prose import section
from heldout.report.tables import ABSENT, Section, row, table
from heldout.report.targets import Target
from heldout.wording import decimal

_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def build_calibration(record: RunRecord, targets: Sequence[Target]) -> Section | None:
    """Return slope and index of every model, and the curves of the headlines.

    Parameters
    ----------
    record : RunRecord
        Complete.
    targets : sequence of Target
        Of the same record.

    Returns
    -------
    dict or None
        ``table``, a group an outcome and follow-up, and ``figures``, two a headline; nothing where
        no outcome has enough patients.
    """
    known = {
        (of.outcome, of.follow_up, of.model): of for of in record.calibration if of.reason is None
    }
    groups: list[Section] = []
    figures: list[Section] = []
    for target in targets:
        headline = target.headline
        of = known.get((headline.outcome, headline.follow_up, headline.model))
        if of is None:
            continue
        rows = [_row("Model chosen inside the folds", headline, strong=True)]
        rows += [_row(target.label_of(cell), cell) for cell in target.cells]
        detail = f"{of.rarer} patients in the rarer class, {of.method}"
        groups.append({"title": target.title, "detail": detail, "rows": rows})
        figures += filter(None, (_curve(target, of), _decision(target, of)))
    if not groups:
        return None
    columns = "Model | Slope# | Index (ICI)#"
    return section("calibration") | {"table": table(columns, groups), "figures": figures}


def _row(label: str, cell: Cell, *, strong: bool = False) -> Section:
    """Return one model's figures; a model that says the same of everybody has no slope."""
    digits = {"calibration_slope": 2, "ici": 3}
    said = [
        decimal(cell.figures[name], n) if name in cell.figures else ABSENT
        for name, n in digits.items()
    ]
    return row(label, *said, strong=strong)


def _curve(target: Target, of: Calibration) -> Section | None:
    """Return what the figure of a calibration curve shows."""
    if of.curve is None:
        return None
    return {
        "figure": figure_name("calibration", target.headline),
        "line": _points(of.curve),
        "band": _band(of.curve),
        "beside": [[[0.0, 0.0], [1.0, 1.0]]],
        "ticks": (_SHARES, _SHARES),
        "axes": ["predicted probability", "rate of events"],
        "caption": (
            f"{target.title}: the rate of events at each predicted probability ({of.method}), with "
            "a pointwise 95 % band over patients. On the broken line probabilities are right."
        ),
    }


def _decision(target: Target, of: Calibration) -> Section | None:
    """Return what the figure of the net benefit shows."""
    if of.net_benefit is None:
        return None
    at, top = of.net_benefit.at, max(*of.net_benefit.high, 0.1)
    most = math.ceil(10 * top) / 10
    return {
        "figure": figure_name("net_benefit", target.headline),
        "line": _points(of.net_benefit),
        "band": _band(of.net_benefit),
        "beside": [
            [[0.0, 0.0], [1.0, 0.0]],
            [[x, y] for x, y in zip(at, of.net_benefit_of_all, strict=True)],
        ],
        "ticks": (_SHARES, (-0.1, 0.0, most / 2, most)),
        "axes": ["treated from this probability on", "net benefit"],
        "caption": (
            f"{target.title}: net benefit of treating whoever has at least a probability, in true "
            "positives a patient, with a pointwise 95 % band over patients. The broken lines are "
            "treating nobody (0) and everybody; below both, the model does harm there."
        ),
    }


def _points(curve: Curve) -> list[list[float]]:
    """Return the points of a curve."""
    return [[x, y] for x, y in zip(curve.at, curve.value, strict=True)]


def _band(curve: Curve) -> list[list[float]]:
    """Return the points of a curve's band: where, from, up to."""
    return [list(point) for point in zip(curve.at, curve.low, curve.high, strict=True)]
