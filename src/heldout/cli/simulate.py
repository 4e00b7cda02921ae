"""The command that makes a study whose truth is known."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from heldout.cli.terminal import answer, shown, wrap

if TYPE_CHECKING:
    from heldout.cli.parser import AddCommand
    from heldout.simulate.cohort import Simulation
    from heldout.simulate.studies import SimulatedCohort

# As `heldout.simulate` knows them; named here, as the parser starts without numpy.
_CONSTRUCTS = (
    "mentalization",
    "psychache",
    "social_cognition",
    "suicidality",
    "rigidity",
    "depression",
)
# What a simulation calls its parts -> the option that says them.
_OPTIONS = {
    "n_patients": "--patients",
    "n_sites": "--sites",
    "seed": "--seed",
    "effects": "--effect",
    "name": "--name",
}


def add_commands(add: AddCommand) -> None:
    """Add the command to the parser."""
    arg = add("simulate", simulate, "make a study folder of simulated patients, truth known")
    arg("folder", type=Path, metavar="DIR", help="the new folder")
    arg("--patients", type=int, default=36, help="36 if absent")
    arg("--sites", type=int, default=4, help="4 if absent")
    arg(
        "--effect",
        type=_effect,
        action="append",
        default=[],
        metavar="CONSTRUCT=D",
        help="how far responders lie above others in a construct, in SD; may be said again for "
        f"another one. Constructs: {', '.join(_CONSTRUCTS)}",
    )
    arg("--dropout", choices=("none", "random", "informative"), default="random")
    arg("--format", choices=("csv", "redcap", "sav", "xlsx"), default="csv")
    arg("--seed", type=int, default=1, help="1 if absent")
    arg("--name", default="simulated", help="of the study; 'simulated' if absent")
    arg("--json", action="store_true", help="print one JSON object and nothing else")


def _effect(text: str) -> tuple[str, float]:
    """Return construct and size of an effect, or make argparse complain."""
    construct, _, size = text.partition("=")
    try:
        return construct.strip(), float(size)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no effect; write CONSTRUCT=D, such as psychache=0.8"
        ) from None


def simulate(options: argparse.Namespace) -> int:
    """Write the study folder; print what is true in it, and the next command.

    Parameters
    ----------
    options : Namespace
        As the parser read them.

    Returns
    -------
    int
        0.

    Raises
    ------
    SpecError
        If there is no such study, or no room for it; faults name options.
    """
    from heldout.errors import SpecError, raise_faults
    from heldout.simulate.studies import simulate_cohort, write_cohort

    try:
        simulated = simulate_cohort(_simulation_of(options))
        path = write_cohort(simulated, options.folder, form=options.format, name=options.name)
    except SpecError as error:
        # Whoever types a command knows its options, and not what Python calls them.
        raise_faults(SpecError, list(map(_as_option, error.faults or [str(error)])))
        raise
    return answer(
        options,
        lambda: {"experiment": str(path), "truth": asdict(simulated.truth)},
        lambda: _simulated_text(simulated, path),
    )


def _simulation_of(options: argparse.Namespace) -> Simulation:
    """Return what shall be simulated."""
    from heldout.errors import SpecError, raise_faults
    from heldout.simulate.cohort import Simulation

    faults = [
        f"--effect: '{construct}' is said {times} times. Say it once, with one size."
        for construct, times in Counter(construct for construct, _ in options.effect).items()
        if times > 1
    ]
    raise_faults(SpecError, faults)
    return Simulation(
        n_patients=options.patients,
        n_sites=options.sites,
        seed=options.seed,
        effects=dict(options.effect),
        dropout=options.dropout,
    )


def _as_option(fault: str) -> str:
    """Return a fault of a simulation with the option in the place of the argument.

    Examples
    --------
    >>> _as_option("n_sites: found 0; required: 1 up to the number of patients.")
    '--sites: found 0; required: 1 up to the number of patients.'
    """
    name, colon, rest = fault.partition(":")
    return f"{_OPTIONS.get(name, name)}{colon}{rest}"


def _simulated_text(simulated: SimulatedCohort, path: Path) -> str:
    """Return what is said of a new study: its truth in words and figures, where to go on."""
    from heldout.simulate.texts import truth_sentences, truth_table

    _, *rows = truth_table(simulated.spec, simulated.truth)
    page = path.parent / "data" / path.stem / "README.md"
    return "\n".join(
        [
            "",
            *map(wrap, truth_sentences(simulated.truth, together=True)),
            "",
            *_table_lines(rows),
            "",
            f"Table and truth  {shown(page.parent)}",
            f"Next             heldout run {shown(path)}",
        ]
    )


def _table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the truth at every follow-up, under names that leave room for the figures."""
    names = ("follow-up", "seen", "response", "remission", "MADRS (SD)")
    areas = ("constructs", "scores", "MADRS")
    table = [(*names, *areas), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    start = sum(widths[: len(names)]) + 2 * len(names)
    return [f"{'':<{start}}AUC of", *lines]
