"""The command that drafts a study from a table."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heldout.cli.terminal import shown, wrap
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
    """Draft a study; print what was recognised, what must be decided, and what comes next."""
    from heldout.draft import draft_study, summary

    said = summary(draft_study(options.folder, options.data, sheet=options.sheet))
    if options.json:
        print(json.dumps(said, allow_nan=False))
        return 0
    print("\n".join(_draft_text(said)))
    return 0


def _draft_text(said: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is printed of a draft, line by line."""
    found = said["recognised"]
    days = [
        name if day is None else f"{name} (day {day:g})" for name, day in found["visits"].items()
    ]
    row = "a row a patient"
    if found["layout"] == "long":
        told = f"visit ('{found['visit']}')" if found["visit"] else f"date ('{found['date']}')"
        row += f" and {told}"
    given = {
        "table": f"{found['patients']} patients, {found['layout']}: {row}",
        "patient": found["patient"],
        "site": found["site"] or "none found",
        "visits": ", ".join(days),
        "day 0": (found["start"] or "first date of each patient") if found["date"] else "",
        "baseline": found["baseline"],
        "ignored": ", ".join(found["ignored_visits"]),
        "missing": ", ".join(found["missing"]),
        "outcome": found["outcome"] or "none found",
        "scales": ", ".join(n for n, one in found["columns"].items() if one["instrument"]),
        "features": ", ".join(n for n, one in found["columns"].items() if one["feature"]),
        "left out": "; ".join(f"{a_few(names)}: {why}" for why, names in found["left_out"].items()),
    }
    yield "Recognised"
    for name, words in given.items():
        if words:
            yield wrap(f"  {name:<9} {words}", " " * 12)
    yield from ("", "To decide; each stands in its file under DECIDE")
    for one in said["decide"]:
        yield wrap(f"  {one['number']}. {one['file']}:{one['line']}", " " * 5)
        yield wrap(f"     {one['text']}", " " * 5)
    experiment = shown(Path(said["folder"]) / said["experiment"])
    yield from ("", f"Next: heldout plan {shlex.quote(experiment)}")
