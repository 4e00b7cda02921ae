"""The command that makes a study whose truth is known."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from heldout.cli.terminal import shown, wrap

if TYPE_CHECKING:
    from heldout.cli.parser import AddCommand
    from heldout.simulate import SimulatedCohort

__all__ = ["add_commands", "simulate"]


def add_commands(add: AddCommand) -> None:
    """Add the command to the parser."""
    arg = add("simulate", simulate, "make a study folder of simulated patients, truth known")
    arg("folder", type=Path, metavar="DIR", help="the new folder")
    arg("--patients", type=int, default=36, help="36 if absent")
    arg("--sites", type=int, default=4, help="4 if absent")
    arg(
        "--effect",
        type=effect,
        action="append",
        default=[],
        metavar="CONSTRUCT=D",
        help="how far responders lie above others in a construct, in SD; may be said again",
    )
    arg("--dropout", choices=("none", "random", "informative"), default="random")
    arg("--format", choices=("csv", "redcap", "sav", "xlsx"), default="csv")
    arg("--seed", type=int, default=1, help="1 if absent")
    arg("--name", default="simulated", help="of the study; 'simulated' if absent")
    arg("--json", action="store_true", help="print one JSON object and nothing else")


def effect(text: str) -> tuple[str, float]:
    """Return construct and size of an effect, or make argparse complain."""
    construct, _, size = text.partition("=")
    try:
        return construct.strip(), float(size)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no effect; write CONSTRUCT=D, such as psychache=0.8"
        ) from None


def simulate(options: argparse.Namespace) -> int:
    """Write the study folder; print what is true in it, and the next command."""
    from heldout.simulate import Simulation, simulate_cohort, write_cohort

    simulated = simulate_cohort(
        Simulation(
            n_patients=options.patients,
            n_sites=options.sites,
            seed=options.seed,
            effects=dict(options.effect),
            dropout=options.dropout,
        )
    )
    path = write_cohort(simulated, options.folder, form=options.format, name=options.name)
    if options.json:
        said = {"experiment": str(path), "truth": asdict(simulated.truth)}
        print(json.dumps(said, allow_nan=False))
    else:
        print(simulated_text(simulated, path))
    return 0


def simulated_text(simulated: SimulatedCohort, path: Path) -> str:
    """Return what is said of a new study: its truth in words and figures, where to go on."""
    from heldout.simulate import truth_sentences, truth_table

    rows = truth_table(simulated.spec, simulated.truth)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    page = path.parent / "data" / path.stem / "README.md"
    return "\n".join(
        [
            "",
            *map(wrap, truth_sentences(simulated.truth)),
            "",
            *table,
            "",
            f"Table and truth  {shown(page.parent)}",
            f"Next             heldout run {shown(path)}",
        ]
    )
