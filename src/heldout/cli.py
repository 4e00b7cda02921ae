"""The command line: thin commands over plain functions.

Exit status 0: done. 1: the study could not be carried out, and one message says why.
2: wrong usage. A traceback is shown for ``--debug`` and for our own faults only.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from heldout.errors import StudyError

if TYPE_CHECKING:
    from heldout.record import RunRecord

__all__ = ["main"]

WIDTH = 80
# Seconds between lines of progress where the terminal cannot rewrite one.
LINE_EVERY = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the command's own name; those of the process by default.

    Returns
    -------
    int
        0 done, 1 could not be carried out, 2 wrong usage, 130 stopped from the keyboard.
    """
    settle_environment()
    options = parsed(arguments)
    try:
        return int(options.command(options))
    except StudyError as error:
        if options.debug:
            raise
        complain(str(error))
        return error.exit_status
    except BrokenPipeError:
        # Whoever read our output has left; that is not a fault.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if options.debug:
            raise
        complain(
            f"{error.filename or 'A file'}: {error.strerror}. Check that it exists, and may be "
            "read and written."
        )
        return 1
    except (KeyboardInterrupt, SystemExit) as ending:
        if options.command is run:
            complain("Stopped. The same command goes on from here.")
        return int(ending.code or 0) if isinstance(ending, SystemExit) else 130


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; overrides may stand before, between and after them."""
    top = parser()
    options, rest = top.parse_known_args(arguments)
    if rest and ("overrides" not in options or any(one.startswith("-") for one in rest)):
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.overrides += rest
    return options


def settle_environment() -> None:
    """Hold threads at one per worker before numpy is imported, and libraries quiet."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, stop)


def stop(number: int, frame: FrameType | None) -> None:
    """Turn a request to end into an ordinary exit, so that everything is closed."""
    raise SystemExit(128 + number)


def complain(text: str) -> None:
    """Write a message to standard error, wrapped to the terminal."""
    for line in text.splitlines():
        hang = " " * (len(line) - len(line.lstrip()))
        wrapped = textwrap.wrap(
            line, WIDTH, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
        )
        print("\n".join(wrapped or [""]), file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="heldout",
        description="Honest prediction of treatment response in small clinical cohorts.",
        epilog="heldout COMMAND --help says more about a command.",
    )
    top.add_argument("--version", action=Version, nargs=0, help="show the version and leave")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="show tracebacks")

    def add(name: str, command: Callable[[argparse.Namespace], int], words: str) -> Adder:
        one = commands.add_parser(name, parents=[shared], help=words, description=f"{words}.")
        one.set_defaults(command=command)
        return one.add_argument

    arg = add("run", run, "run an experiment, or go on with it")
    arg("experiment", type=Path, help="experiment file")
    arg("overrides", nargs="*", metavar="key=value", help="lay values over the file")
    arg("--workers", type=positive, help="processes; one a core if absent")
    arg("--fresh", action="store_true", help="run again what was finished before")
    arg("--no-mlflow", action="store_true", help="do not show the run in MLflow")
    arg("--json", action="store_true", help="print one JSON object and nothing else")

    arg = add("plan", plan, "show the composed experiment and its design; fits nothing")
    arg("experiment", type=Path, help="experiment file")
    arg("overrides", nargs="*", metavar="key=value", help="lay values over the file")

    arg = add("report", report, "write the HTML page of a run again")
    add_run(arg)

    arg = add("ui", ui, "open MLflow's comparison of the runs")
    arg("--port", type=positive, default=5000, help="5000 if absent")
    add_folder(arg)

    arg = add("export", export, "fit on all patients and write a folder that stands alone")
    add_run(arg)
    arg("--to", type=Path, required=True, help="the new folder")
    arg("--outcome", help="the primary one if absent")
    arg("--follow-up", help="the primary one if absent")
    arg("--model", help="the one the procedure chooses if absent")

    arg = add("predict", predict, "score new patients with an exported folder")
    arg("bundle", type=Path, help="exported folder")
    arg("patients", type=Path, help="CSV file of new patients")
    arg("--out", type=Path, help="write here instead of the screen")
    return top


Adder = Callable[..., argparse.Action]


class Version(argparse.Action):
    """Print the version, looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print the version and leave."""
        from importlib import metadata

        print(f"heldout {metadata.version('heldout')}")
        parser.exit()


def positive(text: str) -> int:
    """Return a whole number above 0, or make argparse complain."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def add_folder(arg: Adder) -> None:
    """Add the option that says which study is meant."""
    arg("--folder", type=Path, default=Path(), help="the study folder; this one if absent")


def add_run(arg: Adder) -> None:
    """Add the argument that names a run."""
    arg("run", help="an experiment's name (its newest run), a run's name, or a record's folder")
    add_folder(arg)


def run(options: argparse.Namespace) -> int:
    """Run an experiment; print the verdict first, then where to look."""
    from heldout.record import summary
    from heldout.study import run_experiment

    record = run_experiment(
        options.experiment,
        overrides=options.overrides,
        workers=options.workers,
        fresh=options.fresh,
        track=not options.no_mlflow,
        progress=Progress(),
        say=complain,
    )
    if options.json:
        print(json.dumps(summary(record), allow_nan=False))
    else:
        print(outcome_text(record, tracked=not options.no_mlflow))
    return 0


class Progress:
    """Tell on standard error how far the work is; rewrite the line where that is possible."""

    def __init__(self) -> None:
        self.started, self.before, self.told = time.monotonic(), None, 0.0

    before: int | None

    def __call__(self, done: int, total: int) -> None:
        """Tell that `done` of `total` units are finished."""
        now = time.monotonic()
        if self.before is None:
            self.before = done
            already = f", {done} of them done before" if done else ""
            complain(f"Evaluating {total} outer folds{already} ...")
        live = sys.stderr.isatty()
        if done == total and live:
            print(f"\r{'':<60}\r", end="", file=sys.stderr, flush=True)
        if done in (self.before, total) or (not live and now - self.told < LINE_EVERY):
            return
        self.told = now
        left = (now - self.started) / (done - self.before) * (total - done)
        text = f"  {done} of {total} folds, about {minutes(left)} left"
        end = "" if live else "\n"
        print(f"\r{text:<60}" if live else text, end=end, file=sys.stderr, flush=True)


def minutes(seconds: float) -> str:
    """Return a duration as it is spoken of.

    Examples
    --------
    >>> minutes(42.4), minutes(300)
    ('42 s', '5 min')
    """
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def wrap(text: str, indent: str = "") -> str:
    """Return a text wrapped to the width of the terminal."""
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def outcome_text(record: RunRecord, *, tracked: bool) -> str:
    """Return what a run says when it ends: verdict, headline, where to look."""
    from heldout.inference import area

    lines = ["", wrap(record.verdict.sentences[0]), ""]
    lines += [wrap(sentence) for sentence in record.verdict.sentences[1:]]
    lines += [
        "",
        f"{'headline':<26}{'n':>5}{'events':>8}  {'AUC':<5}{'95 % interval':<15}Brier skill",
    ]
    for cell in record.headline:
        name = f"{cell.outcome} {cell.follow_up}"
        start = f"{name:<26}{cell.n:>5}{cell.events:>8}  "
        if cell.auc is None or cell.auc_low is None or cell.auc_high is None:
            lines.append(f"{start}not evaluated")
            continue
        interval = f"{area(cell.auc_low)} to {area(cell.auc_high)}"
        lines.append(f"{start}{area(cell.auc):<5}{interval:<15}{cell.brier_skill:+.2f}")
    assert record.folder is not None
    lines += ["", f"Report      {shown(record.folder / 'report.html')}"]
    lines += [f"Record      {shown(record.folder)}"]
    lines += ["Comparison  heldout ui"] if tracked else []
    lines += [f"Export      heldout export {record.name} --to DIR"]
    return "\n".join(lines)


def shown(path: Path) -> str:
    """Return a path relative to here if it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def plan(options: argparse.Namespace) -> int:
    """Print the composed experiment and the facts of its design."""
    from heldout.spec import load_experiment
    from heldout.study import plan_study
    from heldout.study.facts import render_plan

    experiment = load_experiment(options.experiment, options.overrides)
    print(render_plan(experiment, plan_study(experiment)))
    return 0


def report(options: argparse.Namespace) -> int:
    """Write the page of a run again and say where it is."""
    from heldout.record import read_record
    from heldout.study import find_record, publish

    record = read_record(find_record(options.run, options.folder.resolve()))
    publish(record, track=False, say=complain)
    assert record.folder is not None
    print(shown(record.folder / "report.html"))
    return 0


def ui(options: argparse.Namespace) -> int:
    """Serve MLflow's pages until stopped."""
    from heldout.study import mlruns
    from heldout.tracking import start_ui

    def say(text: str) -> None:
        print(text, flush=True)

    status: int = start_ui(mlruns(options.folder.resolve()), port=options.port, say=say)
    return status


def export(options: argparse.Namespace) -> int:
    """Write the bundle of a run's model and say where it is."""
    from heldout.record import read_record
    from heldout.study import export_model, find_record

    record = read_record(find_record(options.run, options.folder.resolve()))
    complain("Fitting on all patients ...")
    folder = export_model(
        record,
        options.to,
        outcome=options.outcome,
        follow_up=options.follow_up,
        model=options.model,
    )
    print(shown(folder))
    return 0


def predict(options: argparse.Namespace) -> int:
    """Print, or write, the probabilities of new patients."""
    from heldout.export import predict_file

    text = predict_file(options.bundle, options.patients).to_csv(index=False)
    if options.out is None:
        print(text, end="")
    else:
        from heldout.record import write_atomically

        write_atomically(options.out, text)
    return 0
