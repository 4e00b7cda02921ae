"""The parser: every command, its arguments, and what they are called."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from heldout.cli import demo, draft, questionnaires, simulate, studies
from heldout.cli.terminal import complain

_Command = Callable[[argparse.Namespace], int]
_Adder = Callable[..., argparse.Action]
AddCommand = Callable[[str, _Command, str], _Adder]


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; overrides may stand before, between and after them.

    Parameters
    ----------
    arguments : sequence of str, or None
        Without the name of the command; None for those of the process.

    Returns
    -------
    Namespace
    """
    top = _parser()
    options, rest = top.parse_known_args(arguments)
    if rest and ("overrides" not in options or any(word.startswith("-") for word in rest)):
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.overrides += rest
    return options


class _Parser(argparse.ArgumentParser):
    """A parser whose messages fit the terminal."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the usage, and leave."""
        self.print_usage(sys.stderr)
        complain(f"{self.prog}: error: {message}")
        self.exit(2)


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = _Parser(
        prog="heldout",
        description="Honest prediction of treatment response in small clinical cohorts.",
        epilog="heldout COMMAND --help says more about a command.",
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and leave")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    shared = _Parser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="show tracebacks")

    def add(name: str, command: _Command, words: str) -> _Adder:
        parser = commands.add_parser(name, parents=[shared], help=words, description=f"{words}.")
        parser.set_defaults(command=command)
        return parser.add_argument

    _add_studies(add)
    draft.add_commands(add)
    questionnaires.add_commands(add)
    simulate.add_commands(add)
    return top


def _add_studies(add: AddCommand) -> None:
    """Add the commands about studies and their runs."""
    arg = add("run", studies.run, "run an experiment, or go on with it")
    _add_experiment(arg)
    arg(
        "--sweep",
        action="append",
        default=[],
        metavar="key=a,b",
        help="run once for each value; several are crossed",
    )
    arg("--fresh", action="store_true", help="run again what was finished before")
    _add_running(arg)

    arg = add("plan", studies.plan, "show the experiment, its design and what it can answer")
    _add_experiment(arg)
    arg("--quick", action="store_true", help="do not simulate which AUC would be found")
    arg("--freeze", action="store_true", help="note this plan; runs say what they do otherwise")

    arg = add("report", studies.report, "write the HTML page of a run again")
    _add_run(arg)

    arg = add("ui", studies.ui, "open MLflow's comparison of the runs")
    arg("--port", type=_positive, default=5000, help="5000 if absent")
    _add_folder(arg)

    arg = add("export", studies.export, "fit on all patients and write a folder that stands alone")
    _add_run(arg)
    arg("--to", type=Path, required=True, help="the new folder")
    arg("--outcome", help="the primary one if absent")
    arg("--follow-up", help="the primary one if absent")
    arg("--model", help="the one the procedure chooses if absent")

    arg = add("predict", studies.predict, "score new patients with an exported folder")
    arg("bundle", type=Path, help="exported folder")
    arg("patients", type=Path, help="CSV file of new patients")
    arg("--out", type=Path, metavar="FILE", help="new .csv or .tsv file for them")

    words = "write the ketamine study, 36 real patients, into a folder and run it"
    arg = add("demo", demo.demo, words)
    words = "the new folder; heldout_demo if absent"
    arg("folder", type=Path, nargs="?", default=Path("heldout_demo"), metavar="DIR", help=words)
    _add_running(arg)


class _Version(argparse.Action):
    """Print the version, looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the version and leave."""
        from importlib import metadata

        print(f"heldout {metadata.version('heldout')}")
        parser.exit()


def _positive(text: str) -> int:
    """Return a whole number above 0, or make argparse complain."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def _add_experiment(arg: _Adder) -> None:
    """Add the arguments that name an experiment."""
    arg("experiment", type=Path, help="experiment file")
    arg("overrides", nargs="*", metavar="key=value", help="lay values over the file")


def _add_running(arg: _Adder) -> None:
    """Add the options of how a study runs, which change none of its figures."""
    arg("--workers", type=_positive, help="threads or processes; one a core if absent")
    arg("--engine", choices=["local", "dask"], default="local", help="where units of work run")
    arg("--scheduler", metavar="ADDRESS", help="of a running Dask scheduler")
    arg("--no-mlflow", action="store_true", help="do not show the run in MLflow")
    arg("--json", action="store_true", help="print one JSON object and nothing else")


def _add_folder(arg: _Adder) -> None:
    """Add the option that says which study is meant."""
    arg("--folder", type=Path, default=Path(), help="the study folder; this one if absent")


def _add_run(arg: _Adder) -> None:
    """Add the argument that names a run."""
    arg("run", help="an experiment's name (its newest run), a run's name, or a record's folder")
    _add_folder(arg)
