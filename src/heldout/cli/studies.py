"""Commands about studies and their runs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from heldout.cli.terminal import Progress, answer, complain, new_table, shown, wrap
from heldout.errors import SpecError

if TYPE_CHECKING:
    from heldout.engine.engine import Engine
    from heldout.inference.cells import Cell
    from heldout.kinds import Kind, KindName
    from heldout.record import RunRecord
    from heldout.spec.experiment import Experiment

# Of the name, of estimate, interval, p and adjusted p, and of each further figure.
_NAME_WIDTH, _WIDTHS, _FIGURE_WIDTH = 22, (5, 15, 6, 10), 8
_TIP = (
    "Tip: --freeze notes this plan, its primary outcome and today's date in mlruns/ledger.jsonl; "
    "runs then say what they did otherwise."
)
# Seconds after which a plan says what takes so long.
_PATIENCE = 5.0
# A reference, the difference, its interval, the probability of being better, and the word.
_BESIDE = "{:<20}{:<6}{:<15}{:<8}{}"


def run(options: argparse.Namespace) -> int:
    """Run an experiment; print the verdict first, then where to look.

    Parameters
    ----------
    options : Namespace
        As the parser read them.

    Returns
    -------
    int
        The exit status.
    """
    if options.sweep:
        return _run_sweep(options)
    experiment = _loaded(options)
    record = _run_one(experiment, _engine_of(options), options)
    tracked = not options.no_mlflow
    return answer(options, lambda: _facts_of(record), lambda: outcome_text(record, tracked=tracked))


def _run_sweep(options: argparse.Namespace) -> int:
    """Run an experiment in several forms, and print them side by side."""
    from heldout.study.sweep import read_sweeps, sweep_experiment

    # Before anything else: wrong options must not be said after an hour of the first fork.
    engine = _engine_of(options)
    forks = read_sweeps(options.sweep)
    experiments = sweep_experiment(options.experiment, options.overrides, forks)
    named, records = list(map(" ".join, forks)), []
    for number, (name, experiment) in enumerate(zip(named, experiments, strict=True), start=1):
        complain(f"Fork {number} of {len(forks)}: {name}")
        records.append(_run_one(experiment, engine, options))
    pairs = zip(named, records, strict=True)
    return answer(
        options,
        lambda: [{"fork": name} | _facts_of(record) for name, record in pairs],
        lambda: sweep_text(named, records, tracked=not options.no_mlflow),
    )


def _run_one(experiment: Experiment, engine: Engine, options: argparse.Namespace) -> RunRecord:
    """Return the record of one experiment, telling how far it is."""
    from heldout.study.experiment import run_experiment

    with Progress() as progress:
        return run_experiment(
            experiment,
            engine=engine,
            fresh=options.fresh,
            track=not options.no_mlflow,
            progress=progress,
            say=complain,
        )


def _facts_of(record: RunRecord) -> dict[str, Any]:
    """Return what machine output says of a run."""
    from heldout.record import summary

    return summary(record) | {"analysis": _analysis_of(record)}


def sweep_text(named: Sequence[str], records: Sequence[RunRecord], *, tracked: bool) -> str:
    """Return the forks of a sweep side by side, headline by headline.

    Parameters
    ----------
    named : sequence of str
        What is other in each fork.
    records : sequence of RunRecord
        Of the same forks.
    tracked : bool
        Whether MLflow shows them.

    Returns
    -------
    str
    """
    # A fork may have outcomes of its own, and one of the same name that is another kind.
    targets: dict[tuple[str, str, KindName], list[tuple[str, Cell]]] = {}
    for name, record in zip(named, records, strict=True):
        for cell in record.headline:
            target = cell.outcome, cell.follow_up, cell.kind
            targets.setdefault(target, []).append((name, cell))
    lines: list[str] = []
    for (outcome, follow_up, kind), cells in targets.items():
        lines += ["", *_fork_lines(f"{outcome} {follow_up}", kind, cells)]
    shared = len({record.folds_digest for record in records}) == 1
    words = [
        "All forks share their folds: differences are those of the forks, not of the splits."
        if shared
        else "The forks do not share their folds: part of any difference is that of the splits.",
        f"{len(records)} forks are {len(records)} looks at the same patients; the best of them "
        "is not an estimate, and no p is adjusted for having tried the others.",
        *_counted(records[-1]),
    ]
    lines += ["", *map(wrap, words)]
    lines += ["", "Comparison  heldout ui"] if tracked else []
    return "\n".join(lines)


def _fork_lines(target: str, kind: KindName, cells: Sequence[tuple[str, Cell]]) -> Iterator[str]:
    """Yield one headline in every fork that has it."""
    if all(cell.status != "evaluated" for _, cell in cells):
        yield wrap(f"{target}: not evaluated in any fork.")
        return
    yield table_head(target, kind)
    for name, cell in cells:
        fits = len(name) < _NAME_WIDTH
        if not fits:
            yield wrap(name)
        yield table_line(name if fits else "", cell)


def _analysis_of(record: RunRecord) -> int:
    """Return which analysis of its data a record is, by the study's ledger."""
    from heldout.study.ledger import count_analyses

    assert record.folder is not None
    return count_analyses(record, record.folder.parents[3])


def _counted(record: RunRecord) -> Iterator[str]:
    """Yield how often these data were analysed, in words; nothing for the first time."""
    number = _analysis_of(record)
    if number > 1:
        yield (
            f"This is analysis {number} of these data in this study (mlruns/ledger.jsonl). What is "
            "found after looking so often needs other patients to confirm it."
        )


def _engine_of(options: argparse.Namespace) -> Engine:
    """Return where units shall run, or say which options do not go together."""
    from heldout.engine.engine import Engine

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
    from heldout.spec.composition import load_experiment
    from heldout.spec.marks import standing_marks

    experiment = load_experiment(options.experiment, options.overrides)
    for message in standing_marks(options.experiment, experiment):
        complain(message)
    return experiment


def outcome_text(record: RunRecord, *, tracked: bool) -> str:
    """Return what a run says when it ends: verdict, headline, where to look.

    Parameters
    ----------
    record : RunRecord
        Complete, and written to its folder.
    tracked : bool
        Whether MLflow shows it.

    Returns
    -------
    str
    """
    answers, beside = record.verdict.paragraphs
    frozen = record.frozen.sentences if record.frozen else ()
    lines = ["", *map(wrap, answers), ""]
    lines += map(wrap, (*beside, *frozen, *_counted(record)))
    kinds: dict[KindName, list[str]] = {"class": [], "number": []}
    for cell in record.headline:
        kinds[cell.kind].append(table_line(f"{cell.outcome} {cell.follow_up}", cell))
    for kind, rows in kinds.items():
        lines += ["", table_head("headline", kind), *rows] if rows else []
        lines += _difference_lines(record, kind)
    assert record.folder is not None
    study = record.folder.resolve().parents[3]
    # The commands that are shown can be copied, wherever they are read.
    here = study == Path.cwd()
    folder = "" if here else f" --folder {quote(shown(study))}"
    run = record.name if here else quote(shown(record.folder))
    lines += ["", f"Report      {shown(record.folder / 'report.html')}"]
    lines += [f"Record      {shown(record.folder)}"]
    lines += [f"Comparison  heldout ui{folder}"] if tracked else []
    lines += [f"Export      heldout export {run} --to DIR"]
    return "\n".join(lines)


def _difference_lines(record: RunRecord, kind: KindName) -> list[str]:
    """Return what the headlines of a kind reach beyond their references, below each headline."""
    from heldout.kinds import KINDS
    from heldout.wording import decimal, interval

    lines: list[str] = []
    for cell in record.headline:
        besides = [
            beside
            for beside in record.differences
            if (beside.outcome, beside.follow_up) == (cell.outcome, cell.follow_up)
        ]
        if cell.kind != kind or not besides:
            continue
        label = KINDS[kind].estimate.label
        lines = lines or [
            "",
            _BESIDE.format("headline minus", label, "95 % interval", "better", ""),
        ]
        lines.append(f"{cell.outcome} {cell.follow_up}")
        for beside in besides:
            figures = decimal(beside.difference), interval(beside.low, beside.high)
            better = decimal(beside.p_better)
            lines.append(_BESIDE.format(f"  {beside.reference}", *figures, better, beside.word))
    return [line.rstrip() for line in lines]


def table_head(name: str, kind: KindName) -> str:
    """Return what stands above the headlines of a kind.

    Parameters
    ----------
    name : str
        Of the first column.
    kind : {'class', 'number'}
        Whose figures stand there.

    Returns
    -------
    str
    """
    from heldout.kinds import KINDS

    of_kind = KINDS[kind]
    figures = [figure.short for figure in of_kind.figures if figure.short]
    texts = [of_kind.estimate.label, "95 % interval", "p", "adjusted", *figures]
    return _table_row(of_kind, name, ("n", "events"), texts)


def _table_row(kind: Kind, name: str, counts: tuple[object, object], texts: Sequence[str]) -> str:
    """Return a row of the table of a kind: name, patients and events, then texts."""
    n, events = counts
    start = f"{name:<{_NAME_WIDTH}}{n:>5}" + (f"{events:>8}" if kind.has_events else "")
    columns = zip(texts, chain(_WIDTHS, repeat(_FIGURE_WIDTH)), strict=False)
    return f"{start}  {''.join(f'{text:<{width}}' for text, width in columns)}".rstrip()


def table_line(name: str, cell: Cell) -> str:
    """Return one headline as a line of the table of its kind.

    Parameters
    ----------
    name : str
        In the first column.
    cell : Cell
        Evaluated or not.

    Returns
    -------
    str
    """
    from heldout.wording import interval, p_value

    kind, counts = cell.of_kind, (cell.n, cell.events)
    if cell.status != "evaluated":
        return _table_row(kind, name, counts, ["not evaluated"])
    p, adjusted = ("-" if p is None else p_value(p) for p in (cell.p, cell.p_adjusted))
    figures = [figure.say(cell.figures.get(figure.name)) for figure in kind.figures if figure.short]
    estimate = [kind.estimate.say(cell.estimate), interval(cell.low, cell.high)]
    return _table_row(kind, name, counts, [*estimate, p, adjusted, *figures])


def plan(options: argparse.Namespace) -> int:
    """Print the composed experiment and the facts of its design.

    Parameters
    ----------
    options : Namespace
        As the parser read them.

    Returns
    -------
    int
        The exit status.
    """
    from heldout.study.facts import render_plan
    from heldout.study.ledger import compare_with_frozen, freeze_plan
    from heldout.study.plan import plan_study
    from heldout.study.prospect import prospects_of

    experiment = _loaded(options)
    made = plan_study(experiment)
    prospects = prospects_of(
        made.design, experiment.folder, simulate=not options.quick, progress=_told_late()
    )
    if options.freeze:
        freeze_plan(experiment, made)
    frozen = compare_with_frozen(experiment, made)
    notes = frozen.sentences if frozen else [_TIP]
    print(render_plan(experiment, made, prospects, notes))
    return 0


def _told_late() -> Callable[[int, int], None]:
    """Return what tells of simulations, after five seconds and every five from then on."""
    last = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > _PATIENCE:
            last = time.monotonic()
            complain(f"Simulating what this plan can find: {done} of {total} of an outcome ...")

    return tell


def report(options: argparse.Namespace) -> int:
    """Write the page of a run again and say where it is.

    Parameters
    ----------
    options : Namespace
        As the parser read them.

    Returns
    -------
    int
        The exit status.
    """
    from heldout.record import read_record
    from heldout.study.experiment import publish
    from heldout.study.folders import find_record

    record = read_record(find_record(options.run, options.folder.resolve()))
    publish(record, track=False, say=complain)
    assert record.folder is not None
    print(shown(record.folder / "report.html"))
    return 0


def ui(options: argparse.Namespace) -> int:
    """Serve MLflow's pages until stopped.

    Parameters
    ----------
    options : Namespace
        As the parser read them.

    Returns
    -------
    int
        The exit status.
    """
    from heldout.study.folders import mlruns
    from heldout.tracking.ui import start_ui

    say = partial(print, flush=True)
    return start_ui(mlruns(options.folder.resolve()), port=options.port, say=say)


def export(options: argparse.Namespace) -> int:
    """Write the bundle of a run's model and say where it is.

    Parameters
    ----------
    options : Namespace
        As the parser read them.

    Returns
    -------
    int
        The exit status.
    """
    from heldout.record import read_record
    from heldout.study.folders import find_record
    from heldout.study.refit import export_model

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
    """Print, or write, the probabilities of new patients.

    Parameters
    ----------
    options : Namespace
        As the parser read them.

    Returns
    -------
    int
        The exit status.
    """
    from heldout.export.bundle import predict_file
    from heldout.files import write_atomically

    mark = "," if options.out is None else new_table(options.out, options.patients)
    table = predict_file(options.bundle, options.patients)
    text = table.to_csv(index=False, sep=mark, lineterminator="\n")
    if options.out is None:
        print(text, end="")
    else:
        write_atomically(options.out, text)
    return 0
