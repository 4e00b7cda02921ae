"""The command that drafts a study from a table."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heldout.cli.terminal import answer, shown, wrap
from heldout.errors import a_few

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


def add_commands(add: Callable[..., Callable[..., argparse.Action]]) -> None:
    """Add the command."""
    arg = add("init", init, "draft a study folder from a table, and say what must be decided")
    arg("folder", type=Path, metavar="DIR", help="new study folder")
    arg("--data", type=Path, required=True, metavar="FILE", help="CSV, TSV, XLSX or SAV table")
    arg("--sheet", help="of a workbook with several")
    arg("--json", action="store_true", help="print one JSON object and nothing else")


def init(options: argparse.Namespace) -> int:
    """Draft a study; print what was recognised, what must be decided, and what comes next.

    Parameters
    ----------
    options : Namespace
        As the parser read them.

    Returns
    -------
    int
        The exit status.
    """
    from heldout.draft.study import draft_study, summary

    drafted = summary(draft_study(options.folder, options.data, sheet=options.sheet))
    return answer(options, lambda: drafted, lambda: "\n".join(_draft_text(drafted)))


def _draft_text(drafted: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is printed of a draft, line by line."""
    yield "Recognised"
    for name, words in _recognised_words(drafted["recognised"]).items():
        if words:
            yield wrap(f"  {name:<9} {words}", " " * 12)
    yield from ("", "To decide; each stands in its file under DECIDE")
    for decision in drafted["decide"]:
        yield wrap("  {number}. {file}:{line}".format(**decision), " " * 5)
        yield wrap(f"     {decision['text']}", " " * 5)
    experiment = shown(Path(drafted["folder"]) / drafted["experiment"])
    yield from ("", f"Next: heldout plan {shlex.quote(experiment)}")


def _recognised_words(recognised: Mapping[str, Any]) -> dict[str, str]:
    """Return what was recognised, by a word each; empty where there is nothing to say."""
    columns, date = recognised["columns"], recognised["date"]
    visits = recognised["visits"].items()
    days = [name if day is None else f"{name} (day {day:g})" for name, day in visits]
    row = "".join(
        f" and {part} ('{recognised[part]}')" for part in ("visit", "date") if recognised[part]
    )

    def columns_that(are: str) -> str:
        return ", ".join(name for name, column in columns.items() if column[are])

    left_out = [f"{a_few(names)}: {why}" for why, names in recognised["left_out"].items()]
    return {
        "table": "{patients} patients, {layout}: a row a patient".format(**recognised) + row,
        "patient": recognised["patient"],
        "site": recognised["site"] or "none found",
        "visits": ", ".join(days),
        "day 0": (recognised["start"] or "first date of each patient") if date else "",
        "baseline": recognised["baseline"],
        "ignored": ", ".join(recognised["ignored_visits"]),
        "missing": ", ".join(recognised["missing"]),
        "outcome": recognised["outcome"] or "none found",
        "scales": columns_that("instrument"),
        "features": columns_that("feature"),
        "left out": "; ".join(left_out),
    }
