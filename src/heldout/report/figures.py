"""The figures, drawn from the contents, as SVG that is the same on every drawing.

Everything is placed in pixels on one empty canvas: a figure is a typographic object here, and
its text stays text. Colours are written as CSS variables with the light colour to fall back
on, so that a page can turn them dark and a file of its own is still right.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from textwrap import fill, wrap
from typing import TYPE_CHECKING, Any

from heldout.record import RunRecord
from heldout.report.contents import build_contents
from heldout.wording import MINUS, decimal, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 540
INK, MUTED, RULE, BAND = "#20262d", "#68717c", "#d5dae0", "#e9edf2"
ACCENT, PAPER, WARNING = "#1c5f8c", "#ffffff", "#a4481a"
LOW, MIDDLE, HIGH, MISSING = "#2f7fc1", "#a3a3a3", "#e07b1a", "#8a8f96"
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    RULE: "rule",
    BAND: "band",
    ACCENT: "accent",
    PAPER: "paper",
    WARNING: "warning",
}
STYLE: dict[Any, Any] = {
    # Labels are the user's text: a dollar sign in them is a dollar sign.
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 12.0,
    "text.color": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "heldout",
    "path.simplify": False,
}
_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_Limits = tuple[float, float]
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def draw_figures(record: RunRecord) -> dict[str, str]:
    """Return the figures of a record.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    dict of str to str
        Name, such as ``auc`` or ``shap.response.d2.ridge``, -> SVG; byte-equal for equal records.
    """
    import matplotlib as mpl

    contents = build_contents(record)
    with mpl.rc_context(STYLE):
        return {
            what["figure"]: _as_svg(draw(what), what["figure"])
            for draw, every in (
                (_draw_forest, contents["forests"]["figures"]),
                (_draw_noise, [(contents["noise"] or {}).get("figure")]),
                (_draw_curve, (contents["calibration"] or {}).get("figures", ())),
                (_draw_scatter, (contents["scatters"] or {}).get("items", ())),
                (_draw_explanation, contents["explanations"]["items"]),
            )
            for what in filter(None, every)
        }


def _empty_canvas(height: float) -> tuple[Figure, Axes]:
    """Return a figure and an axes whose units are pixels, from the top left corner."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH / 72, height / 72), dpi=72, facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, _WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def _write(axes: Axes, x: float, y: float, words: str, side: str = "center", **style: Any) -> None:
    """Write words at the height of a point: from it on, up to it, or around it."""
    axes.text(x, y, words, va="center", ha=side, **{"color": MUTED} | style)


def _rule(
    axes: Axes, xs: _Limits, ys: _Limits, color: str = RULE, *, lw: float = 1, **style: Any
) -> None:
    """Draw a line as thin as a pixel."""
    axes.plot(xs, ys, color=color, lw=lw, **style)


def _draw_axis(axes: Axes, span: _Limits, y: float, marks: Mapping[float, str]) -> None:
    """Draw a scale: its line, and a tick and a number at each mark."""
    _rule(axes, span, (y, y))
    for x, label in marks.items():
        _rule(axes, (x, x), (y, y + 4))
        _write(axes, x, y + 14, label)


def _tick_label(value: float) -> str:
    """Return a share, or an R squared, as it stands at a scale."""
    return f"{value:.0f}".replace("-", MINUS) if value == round(value) else decimal(value)


def _as_svg(figure: Figure, name: str) -> str:
    """Return a figure as an SVG element whose ids are its own, fit for a page with others."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=_NO_METADATA)
    text = buffer.getvalue()

    def adapted(match: re.Match[str]) -> str:
        tag = match.group()
        tag = re.sub(r'\bid="', f'id="{name}-', tag)
        tag = re.sub(r'href="#', f'href="#{name}-', tag)
        tag = tag.replace("url(#", f"url(#{name}-").replace("'DejaVu Sans'", _FONTS)
        for colour, variable in _VARIABLES.items():
            tag = tag.replace(colour, f"var(--{variable}, {colour})")
        return tag

    return re.sub(r"<[^>]+>", adapted, text[text.index("<svg") :])


ROW, LABELS_END, SCALE_START, SCALE_END = 21, 208, 220, 412


def _across(value: float, limits: _Limits) -> float:
    """Return where a figure lies on the scale; what lies outside is put at its end."""
    low, high = limits
    share = (min(max(value, low), high) - low) / (high - low)
    return SCALE_START + share * (SCALE_END - SCALE_START)


def _draw_forest(forest: dict[str, Any]) -> Figure:
    """Return the figure of all models: a group an outcome and follow-up, a row a model."""
    heights = [
        56 + ROW * max(len(group["rows"]), 1) + _room_above(group) for group in forest["groups"]
    ]
    figure, axes = _empty_canvas(sum(heights) + 34)
    top = 4.0
    for group, height in zip(forest["groups"], heights, strict=True):
        _draw_group(axes, group, top, forest["limits"])
        top += height
    marks = {_across(tick, forest["limits"]): _tick_label(tick) for tick in forest["ticks"]}
    _draw_axis(axes, (SCALE_START, SCALE_END), top - 6, marks)
    _write(axes, LABELS_END - 6, top + 8, forest["scale"], "right")
    return figure


def _room_above(group: dict[str, Any]) -> int:
    """Return what a group needs above its rows for the mark of what arithmetic alone gives."""
    return 0 if group["arithmetic"] is None else 14


def _draw_group(axes: Axes, group: dict[str, Any], top: float, limits: _Limits) -> None:
    """Draw one outcome at one follow-up, or the words that say why there is nothing to draw."""
    declined = group["reason"] is not None
    title = shortened(group["title"], 48)
    _write(axes, 0, top + 12, title, "left", color=MUTED if declined else INK, weight="bold")
    _write(axes, _WIDTH, top + 12, group["sample"], "right")
    first = top + 40 + _room_above(group)
    if declined:
        _write(axes, 0, first, fill(group["reason"], 78), "left", linespacing=1.5)
        return
    edges = first - ROW / 2, first + ROW * (len(group["rows"]) - 0.5)
    if group["chance"] is not None:
        band = [_across(limit, limits) for limit in group["chance"]]
        axes.fill_between(band, *edges, color=BAND, lw=0)
    line = _across(group["line"], limits)
    _rule(axes, (line, line), edges, MUTED, dashes=(3, 3))
    if group["arithmetic"] is not None:
        x = _across(group["arithmetic"], limits)
        _rule(axes, (x, x), edges, WARNING, dashes=(1, 2))
        axes.plot([x], [edges[0] - 5], marker="v", ms=6, mfc=WARNING, mec=WARNING)
        # To the left of the mark it would hide the names of models on a wide scale.
        _write(axes, x + 9, edges[0] - 6, group["arithmetic_words"], "left", color=WARNING)
    for number, row in enumerate(group["rows"]):
        _draw_row(axes, row, first + ROW * number, limits)


def _draw_row(axes: Axes, row: dict[str, Any], y: float, limits: _Limits) -> None:
    """Draw one model's point and interval, with its name and its figures."""
    strong = row["kind"] == "headline"
    colour = {"headline": ACCENT, "model": INK, "reference": MUTED}[row["kind"]]
    weight = "bold" if strong else "normal"
    point = _across(row["point"], limits)
    # A model that says the same of everybody has no interval.
    low, high = (
        point if row[part] is None else _across(row[part], limits) for part in ("low", "high")
    )
    _write(axes, LABELS_END, y, row["label"], "right", color=colour, weight=weight)
    width = 2.6 if strong else 1.3
    _rule(axes, (low, high), (y, y), colour, lw=width, solid_capstyle="butt")
    axes.plot(
        [point], [y], marker="D" if strong else "o", ms=7 if strong else 5.5,
        mfc=PAPER if row["kind"] == "reference" else colour, mec=colour, mew=1.3,
    )  # fmt: skip
    _write(axes, _WIDTH, y, row["words"], "right", color=colour, weight=weight)


BARS, BARS_START, BARS_END, BARS_TOP = 110, 90, 430, 46


def _draw_noise(noise: dict[str, Any]) -> Figure:
    """Return the figure of the best AUC of every permutation, with the observed one."""
    figure, axes = _empty_canvas(BARS_TOP + BARS + 48)
    low, high = map(float, noise["limits"])
    bottom, words = BARS_TOP + BARS, noise["words"]
    middle, most = (BARS_START + BARS_END) / 2, max(bar["n"] for bar in noise["bars"])

    def across(x: float) -> float:
        return BARS_START + (BARS_END - BARS_START) * (x - low) / (high - low)

    for bar in noise["bars"]:
        sides = [across(bar["low"]) + 0.5, across(bar["high"]) - 0.5]
        axes.fill_between(sides, bottom - BARS * bar["n"] / most, bottom, color=RULE, lw=0)
    for name, side, shift in (("mean", "right", -5), ("high", "left", 5)):
        if noise[name] is None:
            continue
        x = across(noise[name])
        _rule(axes, (x, x), (BARS_TOP - 8, bottom), MUTED, dashes=(3, 3))
        _write(axes, x + shift, BARS_TOP - 8, words[name], side)
    x = across(noise["observed"])
    _rule(axes, (x, x), (BARS_TOP - 24, bottom), ACCENT, lw=2)
    axes.plot([x], [BARS_TOP - 24], marker="D", ms=7, mfc=ACCENT, mec=ACCENT)
    side, shift = ("right", -9) if x > middle else ("left", 9)
    _write(axes, x + shift, BARS_TOP - 34, words["observed"], side, color=ACCENT, weight="bold")
    ticks = [tick / 10 for tick in range(round(10 * low), 11)]
    marks = {across(tick): _tick_label(tick) for tick in ticks}
    _draw_axis(axes, (BARS_START, BARS_END), bottom, marks)
    _write(axes, BARS_START - 12, BARS_TOP, str(most), "right")
    _write(axes, BARS_START - 12, bottom, "0", "right")
    _write(axes, BARS_START - 56, BARS_TOP + BARS / 2, words["count"], rotation=90)
    _write(axes, middle, bottom + 36, words["scale"])
    return figure


PLOT, PLOT_START, PLOT_TOP = 300, 120, 16


def _draw_scatter(scatter: dict[str, Any]) -> Figure:
    """Return the figure of predicted and observed numbers: a square, a line, a point a patient."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _empty_canvas(PLOT_TOP + PLOT + 48)
    every = [value for point in scatter["points"] for value in point]
    # One scale for both axes, so that the line of equality is the diagonal.
    ticks = [float(tick) for tick in MaxNLocator(5).tick_values(min(every), max(every))]
    low, high = ticks[0], ticks[-1]

    def along(value: float) -> float:
        return PLOT * (value - low) / (high - low)

    left, right, bottom = PLOT_START, PLOT_START + PLOT, PLOT_TOP + PLOT
    marks = {along(tick): f"{tick:g}".replace("-", MINUS) for tick in ticks}
    _draw_square(axes, (marks, marks), scatter["axes"])
    _rule(axes, (left, right), (bottom, PLOT_TOP), MUTED, dashes=(3, 3))
    xs = [left + along(x) for x, _ in scatter["points"]]
    ys = [bottom - along(y) for _, y in scatter["points"]]
    axes.scatter(xs, ys, s=30, c=ACCENT, alpha=0.75, linewidths=0, zorder=3)
    return figure


def _draw_square(
    axes: Axes, marks: tuple[Mapping[float, str], Mapping[float, str]], names: Sequence[str]
) -> None:
    """Draw the sides of a square, and along two of them their marks (from the corner) and names."""
    left, right, bottom = PLOT_START, PLOT_START + PLOT, PLOT_TOP + PLOT
    for level in (PLOT_TOP, bottom):
        _rule(axes, (left, right), (level, level))
    for side in (left, right):
        _rule(axes, (side, side), (PLOT_TOP, bottom))
    for x, label in marks[0].items():
        _write(axes, left + x, bottom + 14, label)
    for y, label in marks[1].items():
        _write(axes, left - 10, bottom - y, label, "right")
    _write(axes, left + PLOT / 2, bottom + 34, names[0])
    _write(axes, left - 52, PLOT_TOP + PLOT / 2, names[1], rotation=90)


def _draw_curve(curve: dict[str, Any]) -> Figure:
    """Return the figure of a curve in its band, with what it is compared with as broken lines."""
    figure, axes = _empty_canvas(PLOT_TOP + PLOT + 48)
    along, up = curve["ticks"]
    bottom = PLOT_TOP + PLOT
    across, upwards = (
        dict(zip(_placed(ticks, ticks), map(_tick_label, ticks), strict=True))
        for ticks in (along, up)
    )
    _draw_square(axes, (across, upwards), curve["axes"])

    def drawn(points: Sequence[Sequence[float]]) -> list[list[float]]:
        first, *others = zip(*points, strict=True)
        heights = [[bottom - y for y in _placed(other, up)] for other in others]
        return [[PLOT_START + x for x in _placed(first, along)], *heights]

    xs, lows, highs = drawn(curve["band"])
    axes.fill_between(xs, lows, highs, color=BAND, lw=0)
    for line in curve["beside"]:
        # A line that leaves the square ends there; one at its edge would be another line.
        inside = [point for point in line if point[1] >= up[0]]
        axes.plot(*drawn(inside), color=MUTED, lw=1, dashes=(3, 3))
    axes.plot(*drawn(curve["line"]), color=ACCENT, lw=2.2)
    return figure


def _placed(values: Sequence[float], ticks: Sequence[float]) -> list[float]:
    """Return how far from the corner of the square figures lie; those outside, at its edge."""
    low, high = ticks[0], ticks[-1]
    return [PLOT * (min(max(value, low), high) - low) / (high - low) for value in values]


STRIP, STRIP_START, STRIP_END = 34, 184, 466


def _draw_explanation(model: dict[str, Any]) -> Figure:
    """Return the figure of one model's contributions: a strip a feature, a point a patient."""
    features, middle = model["features"], (STRIP_START + STRIP_END) / 2
    bottom = 40 + STRIP * len(features)
    figure, axes = _empty_canvas(bottom + 48)
    _draw_key(axes, model)
    # Zero stands in the middle, so that both directions can be compared.
    reach = max((abs(x) for strip in features for x in strip["shap"]), default=0.0) or 1.0

    def across(x: float) -> float:
        return STRIP_START + (x / reach + 1) * (STRIP_END - STRIP_START) / 2

    _rule(axes, (across(0), across(0)), (36, bottom), MUTED)
    for number, strip in enumerate(features):
        _draw_strip(axes, strip, 40 + STRIP * (number + 0.5), across)
    for x in (-reach, 0.0, reach):
        _write(axes, across(x), bottom + 14, f"{x:+.2g}".replace("-", MINUS) if x else "0")
    _write(axes, middle, bottom + 34, model["axis"])
    if model["watermark"]:
        # Over the whole figure, so that no part of it is taken for a finding.
        style: dict[str, Any] = {"size": 17, "weight": "bold", "alpha": 0.75, "zorder": 9}
        for y in range(80, max(int(bottom), 81), 150):
            _write(axes, middle, y, model["watermark"], color=WARNING, rotation=8, **style)
    return figure


def _draw_key(axes: Axes, model: dict[str, Any]) -> None:
    """Draw what the colours of the points mean."""
    faces = ((LOW, LOW), (HIGH, HIGH), (MISSING, "none"))
    for number, (words, (colour, face)) in enumerate(zip(model["colours"], faces, strict=True)):
        x = 120.0 + 105 * number
        axes.plot([x + 4], [14], "o", ms=6, mfc=face, mec=colour, mew=1)
        _write(axes, x + 14, 14, words, "left")
    _write(axes, _WIDTH, 14, model["mean"], "right")


def _draw_strip(
    axes: Axes, strip: dict[str, Any], y: float, across: Callable[[float], float]
) -> None:
    """Draw the contributions of one feature, coloured by its value."""
    _rule(axes, (STRIP_START, STRIP_END), (y, y), lw=0.7)
    label = "\n".join(wrap(strip["label"], 26, max_lines=2, placeholder="…"))
    _write(axes, STRIP_START - 14, y, label, "right", color=INK)
    mean = f"{strip['mean']:.2f}" if strip["mean"] < 10 else f"{strip['mean']:.0f}"
    _write(axes, _WIDTH, y, mean, "right")
    xs, colours = list(map(across, strip["shap"])), _value_colours(strip["value"])
    ys = [y + offset for offset in _swarm(xs)]
    faces = ["none" if colour == MISSING else colour for colour in colours]
    axes.scatter(xs, ys, s=26, c=faces, edgecolors=colours, linewidths=0.8, zorder=3)


def _swarm(xs: list[float]) -> list[float]:
    """Return how far each point steps aside so that points of one place can be told apart."""
    taken: Counter[int] = Counter()
    offsets = []
    for x in xs:
        rank = taken[round(x / 5)]
        taken[round(x / 5)] += 1
        step = (rank + 1) // 2 * 4.0
        offsets.append(step if rank % 2 else -step)
    widest = max(map(abs, offsets), default=0.0)
    squeeze = min(1.0, (STRIP / 2 - 4) / widest) if widest else 1.0
    return [offset * squeeze for offset in offsets]


def _value_colours(values: list[float | None]) -> list[str]:
    """Return a colour a value, from the feature's lowest to its highest."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    colours = LinearSegmentedColormap.from_list("value", [LOW, MIDDLE, HIGH])

    def colour_of(value: float) -> str:
        return to_hex(colours((value - low) / (high - low) if high > low else 0.5))

    return [MISSING if value is None else colour_of(value) for value in values]
