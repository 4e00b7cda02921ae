"""Commands about studies and their runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from heldout.cli.terminal import Progress, complain, new_table, shown, wrap
from heldout.errors import SpecError

if TYPE_CHECKING:
    from heldout.engine import Engine
    from heldout.inference import Cell
    from heldout.kinds import KindName
    from heldout.record import RunRecord
    from heldout.spec import Experiment

_NAME_WIDTH = 22


def run(options: argparse.Namespace) -> int:
    """Run an experiment; print the verdict first, then where to look."""
    from heldout.record import summary
    from heldout.study import run_experiment

    if options.sweep:
        return _run_sweep(options)
    experiment = _loaded(options)
    with Progress() as progress:
        record = run_experiment(
            experiment,
            engine=_engine_of(options),
            fresh=options.fresh,
            track=not options.no_mlflow,
            progress=progress,
            say=complain,
        )
    if options.json:
        print(json.dumps(summary(record) | {"analysis": _analysis_of(record)}, allow_nan=False))
    else:
        print(outcome_text(record, tracked=not options.no_mlflow))
    return 0


def _run_sweep(options: argparse.Namespace) -> int:
    """Run an experiment in several forms, and print them side by side."""
    from heldout.record import summary
    from heldout.study import run_experiment
    from heldout.study.sweep import read_sweeps, sweep_experiment

    engine = _engine_of(options)
    forks = sweep_experiment(options.experiment, options.overrides, read_sweeps(options.sweep))
    records = []
    for number, fork in enumerate(forks, start=1):
        complain(f"Fork {number} of {len(forks)}: {' '.join(fork.overrides)}")
        with Progress() as progress:
            records.append(
                run_experiment(
                    fork.experiment,
                    engine=engine,
                    fresh=options.fresh,
                    track=not options.no_mlflow,
                    progress=progress,
                    say=complain,
                )
            )
    named = [" ".join(fork.overrides) for fork in forks]
    if options.json:
        forked = [
            {"fork": name} | summary(record) | {"analysis": _analysis_of(record)}
            for name, record in zip(named, records, strict=True)
        ]
        print(json.dumps(forked, allow_nan=False))
    else:
        print(sweep_text(named, records, tracked=not options.no_mlflow))
    return 0


def sweep_text(named: Sequence[str], records: Sequence[RunRecord], *, tracked: bool) -> str:
    """Return the forks of a sweep side by side, headline by headline."""
    lines = []
    # A fork may have outcomes of its own, and one of the same name that is another kind.
    everywhere = dict.fromkeys(
        (cell.outcome, cell.follow_up, cell.kind) for record in records for cell in record.headline
    )
    for *place, kind in everywhere:
        cells = [
            (name, cell)
            for name, record in zip(named, records, strict=True)
            for cell in record.headline
            if [cell.outcome, cell.follow_up, cell.kind] == [*place, kind]
        ]
        if all(cell.status != "evaluated" for _, cell in cells):
            lines += ["", wrap(f"{' '.join(place)}: not evaluated in any fork.")]
            continue
        lines += ["", table_head(" ".join(place), kind)]
        for name, cell in cells:
            fits = len(name) < _NAME_WIDTH
            lines += [] if fits else [wrap(name)]
            lines += [table_line(name if fits else "", cell)]
    shared = len({record.folds_digest for record in records}) == 1
    lines += [
        "",
        wrap(
            "All forks share their folds: differences are those of the forks, not of the splits."
            if shared
            else "The forks do not share their folds: part of any difference is that of the splits."
        ),
        wrap(
            f"{len(records)} forks are {len(records)} looks at the same patients; the best of them "
            "is not an estimate, and no p is adjusted for having tried the others."
        ),
    ]
    lines += [wrap(words) for words in [_counted(records[-1])] if words]
    lines += ["", "Comparison  heldout ui"] if tracked else []
    return "\n".join(lines)


def _analysis_of(record: RunRecord) -> int:
    """Return which analysis of its data a record is, by the study's ledger."""
    from heldout.study.ledger import count_analyses

    assert record.folder is not None
    return count_analyses(record, record.folder.parents[3])


def _counted(record: RunRecord) -> str:
    """Return how often these data were analysed, in words; nothing for the first time."""
    number = _analysis_of(record)
    if number == 1:
        return ""
    return (
        f"This is analysis {number} of these data in this study (mlruns/ledger.jsonl). What is "
        "found after looking so often needs other patients to confirm it."
    )


def _engine_of(options: argparse.Namespace) -> Engine:
    """Return where units shall run, or say which options do not go together."""
    from heldout.engine import Engine

    if options.engine == "dask" and options.scheduler is None:
        raise SpecError(
            "--engine dask: needs --scheduler ADDRESS, such as tcp://localhost:8786. Start one "
            "with: dask scheduler."
        )
    if options.engine != "dask" and options.scheduler is not None:
        raise SpecError("--scheduler: is for --engine dask only. Add it, or leave this out.")
    return Engine(workers=options.workers, name=options.engine, scheduler=options.scheduler)


def _loaded(options: argparse.Namespace) -> Experiment:
    """Return the experiment that is asked for; say which marks of a draft still stand."""
    from heldout.spec import load_experiment
    from heldout.spec.marks import standing_marks

    experiment = load_experiment(options.experiment, options.overrides)
    for message in standing_marks(options.experiment, experiment):
        complain(message)
    return experiment


def outcome_text(record: RunRecord, *, tracked: bool) -> str:
    """Return what a run says when it ends: verdict, headline, where to look."""
    lines = ["", wrap(record.verdict.sentences[0]), ""]
    lines += [wrap(sentence) for sentence in record.verdict.sentences[1:]]
    lines += [wrap(words) for words in [_counted(record)] if words]
    for kind in ("class", "number"):
        cells = [cell for cell in record.headline if cell.kind == kind]
        lines += ["", table_head("headline", kind)] if cells else []
        lines += [table_line(f"{cell.outcome} {cell.follow_up}", cell) for cell in cells]
    assert record.folder is not None
    lines += ["", f"Report      {shown(record.folder / 'report.html')}"]
    lines += [f"Record      {shown(record.folder)}"]
    study = record.folder.resolve().parents[3]
    here = study == Path.cwd()
    folder = "" if here else f" --folder {quote(shown(study))}"
    run = record.name if here else quote(shown(record.folder))
    lines += [f"Comparison  heldout ui{folder}"] if tracked else []
    lines += [f"Export      heldout export {run} --to DIR"]
    return "\n".join(lines)


def table_head(name: str, kind: KindName) -> str:
    """Return what stands above the headlines of a kind."""
    from heldout.kinds import KINDS

    of_kind = KINDS[kind]
    counts = f"{'n':>5}" + (f"{'events':>8}" if of_kind.has_events else "")
    figures = "".join(f"{figure.short:<8}" for figure in of_kind.figures if figure.short)
    estimate = f"{of_kind.estimate.label:<5}{'95 % interval':<15}{'p':<6}{'adjusted':<10}"
    return f"{name:<{_NAME_WIDTH}}{counts}  {estimate}{figures}".rstrip()


def table_line(name: str, cell: Cell) -> str:
    """Return one headline as a line of the table of its kind."""
    from heldout.wording import interval, p_value

    kind = cell.of_kind
    counts = f"{cell.n:>5}" + (f"{cell.events:>8}" if kind.has_events else "")
    start = f"{name:<{_NAME_WIDTH}}{counts}  "
    if cell.status != "evaluated":
        return f"{start}not evaluated"
    p, adjusted = ("-" if p is None else p_value(p) for p in (cell.p, cell.p_adjusted))
    figures = "".join(
        f"{figure.say(cell.figures.get(figure.name)):<8}" for figure in kind.figures if figure.short
    )
    estimate = f"{kind.estimate.say(cell.estimate):<5}{interval(cell.low, cell.high):<15}"
    return f"{start}{estimate}{p:<6}{adjusted:<10}{figures}".rstrip()


def plan(options: argparse.Namespace) -> int:
    """Print the composed experiment and the facts of its design."""
    from heldout.study import plan_study
    from heldout.study.facts import render_plan

    experiment = _loaded(options)
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

    mark = "," if options.out is None else new_table(options.out, options.patients)
    text = predict_file(options.bundle, options.patients).to_csv(
        index=False, sep=mark, lineterminator="\n"
    )
    if options.out is None:
        print(text, end="")
    else:
        from heldout.files import write_atomically

        write_atomically(options.out, text)
    return 0
