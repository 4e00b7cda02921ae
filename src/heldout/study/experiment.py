"""The main job: an experiment file in, a record, a page and an MLflow comparison out."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from heldout.engine.engine import Engine, workers_of
from heldout.errors import RecordError
from heldout.files import hold, write_atomically, writing
from heldout.models.own import own_code
from heldout.provenance import environment_of, name_run
from heldout.record import RunRecord, read_record, write_record
from heldout.spec.composition import load_experiment
from heldout.spec.experiment import Experiment, fingerprint
from heldout.study.assembly import assemble_record
from heldout.study.folders import mlruns, record_folder
from heldout.study.ledger import compare_with_frozen, note_run
from heldout.study.permutations import observed_row, permute
from heldout.study.plan import StudyPlan, plan_study
from heldout.study.resampling import resample_units
from heldout.study.scoring import (
    score_units,
    transport_units,
    with_arithmetic,
    with_intervals,
)
from heldout.study.units import (
    Progress,
    evaluate_sites,
    evaluate_units,
    silent,
    simulate_arithmetic,
)

# Marks units of a run that was begun afresh: after it was stopped, the same command goes on.
_AFRESH = "afresh"


def run_experiment(
    experiment: Experiment | Path | str,
    *,
    overrides: Sequence[str] = (),
    engine: Engine = Engine(),  # noqa: B008 - a frozen value
    fresh: bool = False,
    track: bool = True,
    progress: Progress = silent,
    say: Callable[[str], None] = silent,
) -> RunRecord:
    """Return the record of an experiment, after running what of it is not done yet.

    Parameters
    ----------
    experiment : Experiment, Path or str
        The experiment, or its file.
    overrides : sequence of str
        ``key.sub=value`` each; for a file only.
    engine : Engine
        Where units run: one process a core of this machine by default. No figure depends on it.
    fresh : bool
        Run again even if this run was finished, or begun, before.
    track : bool
        Show the run in MLflow.
    progress : callable
        Told what is being done, and how many of how many units are.
    say : callable
        Told what is going on, a sentence at a time.

    Returns
    -------
    RunRecord
        Written to ``mlruns/records/<experiment>/<run>/``, with ``report.html`` beside it.

    Raises
    ------
    StudyError
        Of the stage that could not be carried out, or if another process carries out this run.
    """
    if not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment, overrides)
    if track:
        # Before hours of work, not after them.
        from heldout.tracking.address import shared_uri

        shared_uri()
    plan = plan_study(experiment)
    # What is frozen from now on was not frozen before this run.
    frozen = compare_with_frozen(experiment, plan)
    run_id = _name_of(plan)
    folder = record_folder(experiment.folder, experiment.name, run_id)
    with _held(folder) as units:
        if folder.is_dir() and not fresh:
            say(f"Run {run_id} was finished before; its record is opened. --fresh runs it again.")
            record = read_record(folder)
        else:
            if fresh:
                _begin_afresh(units)
            _compile_kernels(say)
            record = evaluate_plan(plan, engine=engine, units=units, progress=progress)
            record = replace(record, frozen=frozen)
            write_record(record, folder)
            record = replace(record, folder=folder)
            note_run(record, experiment.folder, str(record.environment["started"]))
    say("Drawing the report ...")
    publish(record, track=track, say=say)
    return record


def _compile_kernels(say: Callable[[str], None]) -> None:
    """Compile what permutations and searches run in, if that was not done before; say so.

    Workers that compiled the same at once would each take that time.
    """
    from heldout.kernels import KERNELS, compiled_before, load_kernel

    if not compiled_before():
        say("Compiling the solvers, once; this takes about a minute ...")
    for name in KERNELS:
        load_kernel(name)
    import_module("heldout.kernels.nested")


def _begin_afresh(units: Path) -> None:
    """Remove the units that an earlier run finished, unless it was begun afresh and stopped."""
    if (units / _AFRESH).exists():
        return
    for file in units.iterdir():
        file.unlink()
    write_atomically(units / _AFRESH, "")


@contextmanager
def _held(folder: Path) -> Iterator[Path]:
    """Hold a run against other processes and give its folder of finished units, cleared at the end.

    The system lets go of it when a process dies, however it dies; the units stay then.
    """
    units, let_go = folder.with_name(f".{folder.name}.units"), _hold(folder)
    try:
        with writing(folder.parent):
            units.mkdir(exist_ok=True)
        _sweep(folder)
        yield units
        shutil.rmtree(units, ignore_errors=True)
    finally:
        let_go()


def _hold(folder: Path) -> Callable[[], None]:
    """Return what lets go of a run that no other process can carry out now, or raise why not."""
    records, lock = folder.parent, folder.with_name(f".{folder.name}.lock")
    with writing(records):
        records.mkdir(parents=True, exist_ok=True)
        lock.touch()
    try:
        return hold(lock)
    except TimeoutError:
        raise RecordError(
            f"{records}: another process is carrying out this very run. Wait until it has "
            "ended; the same command then opens its record."
        ) from None
    except OSError as error:
        raise RecordError(
            f"{records}: cannot be locked ({error.strerror}). Two processes must not carry "
            "out one run. Keep the study on a file system that has locks."
        ) from None


def _sweep(folder: Path) -> None:
    """Remove the half-written records of processes that were killed; by whoever holds the run."""
    unfinished = re.compile(rf"\.{re.escape(folder.name)}\.[0-9a-f]{{8}}")
    for path in folder.parent.iterdir():
        if unfinished.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)


def _name_of(plan: StudyPlan) -> str:
    """Return the name of a plan's run."""
    own = own_code(plan.design.models)
    return name_run(fingerprint(plan.experiment), plan.data_fingerprint, own)


def evaluate_plan(
    plan: StudyPlan, *, engine: Engine, units: Path | None = None, progress: Progress = silent
) -> RunRecord:
    """Return the record of a plan after evaluating its units.

    Parameters
    ----------
    plan : StudyPlan
        The study.
    engine : Engine
        Where units run. No figure depends on it.
    units : Path, optional
        Where finished units are kept, and found again; nowhere by default.
    progress : callable
        Told what is being done, and how many of how many units are.

    Returns
    -------
    RunRecord
        Not written.

    Raises
    ------
    StudyError
        If a model cannot be fitted, or workers die again and again.
    """
    started = datetime.now(UTC)
    where: Any = {"folder": units, "engine": engine, "progress": progress}
    results = evaluate_units(plan.design, **where)
    cells, differences = score_units(plan.design, results)
    sites = evaluate_sites(plan.design, **where)
    test = permute(plan.design, observed_row(plan.design, cells), **where)
    if test is None:
        arithmetic = simulate_arithmetic(plan.design, **where)
        cells = with_arithmetic(plan.design, cells, arithmetic)
    else:
        cells = test.applied(cells)
    by_resamples = plan.design.inference.interval == "bootstrap_cv"
    resampled = resample_units(plan.design, **where) if by_resamples else {}
    cells = with_intervals(plan.design, cells, resampled)
    return assemble_record(
        plan,
        results,
        cells,
        differences,
        test,
        run_id=_name_of(plan),
        environment=environment_of(started, workers=workers_of(engine), engine=engine.name),
        transport=transport_units(plan.design, sites, plan.site or ()),
    )


def publish(record: RunRecord, *, track: bool, say: Callable[[str], None]) -> None:
    """Write the page beside the record, and show the run in MLflow.

    Parameters
    ----------
    record : RunRecord
        Read from, or written to, its folder.
    track : bool
        Show the run in MLflow.
    say : callable
        Told what is going on.

    Raises
    ------
    StudyError
        If the page cannot be written, or the store cannot be used.
    """
    from heldout.report.figures import draw_figures
    from heldout.report.page import write_report

    assert record.folder is not None
    figures = draw_figures(record)
    write_report(record, figures, record.folder / "report.html")
    if track:
        from heldout.tracking.runs import log_record
        from heldout.tracking.store import prepare_store

        store = mlruns(record.folder.parents[3])
        prepare_store(store, say)
        say("Logging to MLflow ...")
        log_record(record, figures, store)
