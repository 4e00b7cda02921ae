"""The figures, drawn from the contents, as SVG that is the same on every drawing.

Everything is placed in pixels on one empty canvas: a figure is a typographic object here, and
its text stays text. Colours are written as CSS variables with the light colour to fall back
on, so that a page can turn them dark and a file of its own is still right.
"""

from __future__ import annotations

import io
import re
from textwrap import fill, wrap
from typing import TYPE_CHECKING, Any

from heldout.record import RunRecord
from heldout.report.contents import build_contents
from heldout.wording import shortened

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
_MINUS = "\N{MINUS SIGN}"
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
        figures = {
            one["figure"]: _as_svg(_draw_forest(one), one["figure"])
            for one in contents["forests"]["figures"]
        }
        if contents["noise"] and (one := contents["noise"]["figure"]):
            figures[one["figure"]] = _as_svg(_draw_noise(one), one["figure"])
        for one in (contents["scatters"] or {"items": []})["items"]:
            figures[one["figure"]] = _as_svg(_draw_scatter(one), one["figure"])
        for one in contents["explanations"]["items"]:
            figures[one["figure"]] = _as_svg(_draw_explanation(one), one["figure"])
    return figures


def _empty_canvas(height: float) -> tuple[Figure, Axes]:
    """Return a figure and an axes whose units are pixels, from the top left corner."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH / 72, height / 72), dpi=72, facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, _WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


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
    _draw_scale(axes, top - 6, forest)
    return figure


def _room_above(group: dict[str, Any]) -> int:
    """Return what a group needs above its rows for the mark of what arithmetic alone gives."""
    return 0 if group["arithmetic"] is None else 14


def _draw_group(axes: Axes, group: dict[str, Any], top: float, limits: _Limits) -> None:
    """Draw one outcome at one follow-up, or the words that say why there is nothing to draw."""
    declined = group["reason"] is not None
    axes.text(
        0, top + 12, shortened(group["title"], 48), va="center", weight="bold",
        color=MUTED if declined else INK,
    )  # fmt: skip
    axes.text(_WIDTH, top + 12, group["sample"], va="center", ha="right", color=MUTED)
    first = top + 40 + _room_above(group)
    if declined:
        axes.text(0, first, fill(group["reason"], 78), va="center", color=MUTED, linespacing=1.5)
        return
    bottom = first + ROW * (len(group["rows"]) - 0.5)
    if group["chance"] is not None:
        low, high = (_across(one, limits) for one in group["chance"])
        axes.fill_between([low, high], first - ROW / 2, bottom, color=BAND, lw=0)
    line = [_across(group["line"], limits)] * 2
    axes.plot(line, [first - ROW / 2, bottom], color=MUTED, lw=1, dashes=(3, 3))
    if group["arithmetic"] is not None:
        _draw_arithmetic(axes, group, first - ROW / 2, bottom, limits)
    for number, row in enumerate(group["rows"]):
        _draw_row(axes, row, first + ROW * number, limits)


def _draw_arithmetic(
    axes: Axes, group: dict[str, Any], top: float, bottom: float, limits: _Limits
) -> None:
    """Mark where chance lies for an outcome that is computed from the baseline score."""
    x = _across(group["arithmetic"], limits)
    axes.plot([x, x], [top, bottom], color=WARNING, lw=1, dashes=(1, 2))
    axes.plot([x], [top - 5], marker="v", ms=6, mfc=WARNING, mec=WARNING)
    # To the left of the mark it would hide the names of models on a wide scale.
    axes.text(x + 9, top - 6, group["arithmetic_words"], va="center", color=WARNING)


def _draw_row(axes: Axes, row: dict[str, Any], y: float, limits: _Limits) -> None:
    """Draw one model's point and interval, with its name and its figures."""
    strong = row["kind"] == "headline"
    colour = {"headline": ACCENT, "model": INK, "reference": MUTED}[row["kind"]]
    weight = "bold" if strong else "normal"
    axes.text(LABELS_END, y, row["label"], va="center", ha="right", color=colour, weight=weight)
    axes.plot(
        [_across(row["low"], limits), _across(row["high"], limits)], [y, y],
        color=colour, lw=2.6 if strong else 1.3, solid_capstyle="butt",
    )  # fmt: skip
    axes.plot(
        [_across(row["point"], limits)], [y],
        marker="D" if strong else "o", ms=7 if strong else 5.5,
        mfc=PAPER if row["kind"] == "reference" else colour, mec=colour, mew=1.3,
    )  # fmt: skip
    axes.text(_WIDTH, y, row["words"], va="center", ha="right", color=colour, weight=weight)


def _draw_scale(axes: Axes, y: float, forest: dict[str, Any]) -> None:
    """Draw the scale under all groups."""
    axes.plot([SCALE_START, SCALE_END], [y, y], color=RULE, lw=1)
    for tick in forest["ticks"]:
        x = _across(tick, forest["limits"])
        label = f"{tick:.0f}" if tick == round(tick) else f"{tick:.2f}".replace("0.", ".")
        axes.plot([x] * 2, [y, y + 4], color=RULE, lw=1)
        axes.text(x, y + 14, label.replace("-", _MINUS), va="center", ha="center", color=MUTED)
    axes.text(LABELS_END - 6, y + 14, forest["scale"], va="center", ha="right", color=MUTED)


BARS, BARS_START, BARS_END, BARS_TOP = 110, 90, 430, 46


def _draw_noise(one: dict[str, Any]) -> Figure:
    """Return the figure of the best AUC of every permutation, with the observed one."""
    figure, axes = _empty_canvas(BARS_TOP + BARS + 48)
    low, high = map(float, one["limits"])
    bottom, words = BARS_TOP + BARS, one["words"]
    most = max(bar["n"] for bar in one["bars"])

    def place(x: float) -> float:
        return BARS_START + (BARS_END - BARS_START) * (x - low) / (high - low)

    for bar in one["bars"]:
        left, right = place(bar["low"]) + 0.5, place(bar["high"]) - 0.5
        axes.fill_between([left, right], bottom - BARS * bar["n"] / most, bottom, color=RULE, lw=0)
    for name, side in (("mean", "right"), ("high", "left")):
        x = place(one[name])
        axes.plot([x, x], [BARS_TOP - 8, bottom], color=MUTED, lw=1, dashes=(3, 3))
        shift = -5 if side == "right" else 5
        axes.text(x + shift, BARS_TOP - 8, words[name], va="center", ha=side, color=MUTED)
    x = place(one["observed"])
    axes.plot([x, x], [BARS_TOP - 24, bottom], color=ACCENT, lw=2)
    axes.plot([x], [BARS_TOP - 24], marker="D", ms=7, mfc=ACCENT, mec=ACCENT)
    side, shift = ("right", -9) if x > (BARS_START + BARS_END) / 2 else ("left", 9)
    axes.text(
        x + shift, BARS_TOP - 34, words["observed"],
        va="center", ha=side, weight="bold", color=ACCENT,
    )  # fmt: skip
    axes.plot([BARS_START, BARS_END], [bottom, bottom], color=RULE, lw=1)
    for tick in range(round(10 * low), 11):
        x = place(tick / 10)
        label = "1" if tick == 10 else f".{tick}0" if tick else "0"
        axes.plot([x, x], [bottom, bottom + 4], color=RULE, lw=1)
        axes.text(x, bottom + 14, label, va="center", ha="center", color=MUTED)
    axes.text(BARS_START - 12, BARS_TOP, str(most), va="center", ha="right", color=MUTED)
    axes.text(BARS_START - 12, bottom, "0", va="center", ha="right", color=MUTED)
    axes.text(
        BARS_START - 56, BARS_TOP + BARS / 2, words["count"],
        va="center", ha="center", color=MUTED, rotation=90,
    )  # fmt: skip
    middle = (BARS_START + BARS_END) / 2
    axes.text(middle, bottom + 36, words["scale"], va="center", ha="center", color=MUTED)
    return figure


PLOT, PLOT_START, PLOT_TOP = 300, 120, 16


def _draw_scatter(one: dict[str, Any]) -> Figure:
    """Return the figure of predicted and observed numbers: a square, a line, a point a patient."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _empty_canvas(PLOT_TOP + PLOT + 48)
    every = [value for point in one["points"] for value in point]
    ticks = [float(tick) for tick in MaxNLocator(5).tick_values(min(every), max(every))]
    low, high = ticks[0], ticks[-1]

    def along(value: float) -> float:
        return PLOT * (value - low) / (high - low)

    left, right, bottom = PLOT_START, PLOT_START + PLOT, PLOT_TOP + PLOT
    for level in (PLOT_TOP, bottom):
        axes.plot([left, right], [level, level], color=RULE, lw=1)
    for side in (left, right):
        axes.plot([side, side], [PLOT_TOP, bottom], color=RULE, lw=1)
    axes.plot([left, right], [bottom, PLOT_TOP], color=MUTED, lw=1, dashes=(3, 3))
    for tick in ticks:
        label = f"{tick:g}".replace("-", _MINUS)
        axes.text(left + along(tick), bottom + 14, label, va="center", ha="center", color=MUTED)
        axes.text(left - 10, bottom - along(tick), label, va="center", ha="right", color=MUTED)
    axes.scatter(
        [left + along(x) for x, _ in one["points"]],
        [bottom - along(y) for _, y in one["points"]],
        s=30, c=ACCENT, alpha=0.75, linewidths=0, zorder=3,
    )  # fmt: skip
    horizontal, vertical = one["axes"]
    middle = left + PLOT / 2
    axes.text(middle, bottom + 34, horizontal, va="center", ha="center", color=MUTED)
    axes.text(
        left - 52, PLOT_TOP + PLOT / 2, vertical,
        va="center", ha="center", color=MUTED, rotation=90,
    )  # fmt: skip
    return figure


STRIP, STRIP_START, STRIP_END = 34, 184, 466


def _draw_explanation(one: dict[str, Any]) -> Figure:
    """Return the figure of one model's contributions: a strip a feature, a point a patient."""
    features = one["features"]
    bottom = 40 + STRIP * len(features)
    figure, axes = _empty_canvas(bottom + 48)
    _draw_key(axes, one)
    reach = max((abs(x) for strip in features for x in strip["shap"]), default=0.0) or 1.0

    def place(x: float) -> float:
        return STRIP_START + (x / reach + 1) * (STRIP_END - STRIP_START) / 2

    axes.plot([place(0)] * 2, [36, bottom], color=MUTED, lw=1)
    for number, strip in enumerate(features):
        _draw_strip(axes, strip, 40 + STRIP * (number + 0.5), place)
    for x in (-reach, 0.0, reach):
        words = f"{x:+.2g}".replace("-", _MINUS) if x else "0"
        axes.text(place(x), bottom + 14, words, va="center", ha="center", color=MUTED)
    middle = (STRIP_START + STRIP_END) / 2
    axes.text(middle, bottom + 34, one["axis"], va="center", ha="center", color=MUTED)
    if one["watermark"]:
        _draw_watermark(axes, one["watermark"], bottom)
    return figure


def _draw_key(axes: Axes, one: dict[str, Any]) -> None:
    """Draw what the colours of the points mean."""
    x = 120.0
    for words, colour, face in zip(
        one["colours"], (LOW, HIGH, MISSING), (LOW, HIGH, "none"), strict=True
    ):
        axes.plot([x + 4], [14], "o", ms=6, mfc=face, mec=colour, mew=1)
        axes.text(x + 14, 14, words, va="center", color=MUTED)
        x += 105
    axes.text(_WIDTH, 14, one["mean"], va="center", ha="right", color=MUTED)


def _draw_strip(axes: Axes, strip: dict[str, Any], y: float, place: Any) -> None:
    """Draw the contributions of one feature, coloured by its value."""
    axes.plot([STRIP_START, STRIP_END], [y, y], color=RULE, lw=0.7)
    label = "\n".join(wrap(strip["label"], 26, max_lines=2, placeholder="…"))
    axes.text(STRIP_START - 14, y, label, va="center", ha="right", color=INK)
    mean = f"{strip['mean']:.2f}" if strip["mean"] < 10 else f"{strip['mean']:.0f}"
    axes.text(_WIDTH, y, mean, va="center", ha="right", color=MUTED)
    xs = [place(x) for x in strip["shap"]]
    colours = _value_colours(strip["value"])
    faces = [
        "none" if value is None else colour
        for value, colour in zip(strip["value"], colours, strict=True)
    ]
    axes.scatter(
        xs,
        [y + offset for offset in _swarm(xs)],
        s=26,
        c=faces,
        edgecolors=colours,
        linewidths=0.8,
        zorder=3,
    )


def _swarm(xs: list[float]) -> list[float]:
    """Return how far each point steps aside so that points of one place can be told apart."""
    taken: dict[int, int] = {}
    offsets = []
    for x in xs:
        bin_ = round(x / 5)
        rank = taken.get(bin_, 0)
        taken[bin_] = rank + 1
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
    return [
        MISSING
        if value is None
        else to_hex(colours((value - low) / (high - low) if high > low else 0.5))
        for value in values
    ]


def _draw_watermark(axes: Axes, words: str, bottom: float) -> None:
    """Write over the whole figure what it must not be taken for."""
    for y in range(80, max(int(bottom), 81), 150):
        axes.text(
            (STRIP_START + STRIP_END) / 2, y, words, va="center", ha="center", rotation=8,
            size=17, weight="bold", color=WARNING, alpha=0.75, zorder=9,
        )  # fmt: skip
