"""Commands about studies and their runs."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from heldout.cli.terminal import Progress, complain, shown, wrap

if TYPE_CHECKING:
    from heldout.inference import Cell
    from heldout.record import RunRecord

__all__ = ["export", "plan", "predict", "report", "run", "ui"]

# What stands above the headlines of each kind of outcome, after the name and the patients.
HEADLINE_COLUMNS = {
    "class": f"{'events':>8}  {'AUC':<5}{'95 % interval':<15}Brier skill",
    "number": f"  {'variance explained':<20}{'95 % interval':<17}mean absolute error",
}


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


def outcome_text(record: RunRecord, *, tracked: bool) -> str:
    """Return what a run says when it ends: verdict, headline, where to look."""
    lines = ["", wrap(record.verdict.sentences[0]), ""]
    lines += [wrap(sentence) for sentence in record.verdict.sentences[1:]]
    for kind, columns in HEADLINE_COLUMNS.items():
        cells = [cell for cell in record.headline if cell.kind == kind]
        lines += ["", f"{'headline':<26}{'n':>5}{columns}"] if cells else []
        lines += map(headline_line, cells)
    assert record.folder is not None
    lines += ["", f"Report      {shown(record.folder / 'report.html')}"]
    lines += [f"Record      {shown(record.folder)}"]
    lines += ["Comparison  heldout ui"] if tracked else []
    lines += [f"Export      heldout export {record.name} --to DIR"]
    return "\n".join(lines)


def headline_line(cell: Cell) -> str:
    """Return one headline as a line of the table of its kind."""
    from heldout.inference import area, percent

    events = f"{cell.events:>8}" if cell.kind == "class" else ""
    start = f"{cell.outcome + ' ' + cell.follow_up:<26}{cell.n:>5}{events}  "
    if cell.status != "evaluated":
        return f"{start}not evaluated"
    if cell.kind == "number":
        interval = f"{percent(cell.r2_low)} to {percent(cell.r2_high)} %"
        shares = f"{percent(cell.r2) + ' %':<20}{interval:<17}"
        return f"{start}{shares}{cell.mae:.3g} (mean: {cell.mae_mean:.3g})"
    interval = f"{area(cell.auc_low or 0)} to {area(cell.auc_high or 1)}"
    return f"{start}{area(cell.auc or 0):<5}{interval:<15}{cell.brier_skill:+.2f}"


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
