"""The main job: an experiment file in, a record, a page and an MLflow comparison out."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from heldout.errors import RecordError
from heldout.record import RunRecord, read_record, write_record
from heldout.spec import Experiment, load_experiment
from heldout.study.assembly import assemble_record
from heldout.study.places import environment_of, mlruns, name_run, record_folder
from heldout.study.plan import StudyPlan, plan_study
from heldout.study.units import Progress, evaluate_units

__all__ = ["run_experiment"]


def silent(*_: object) -> None:
    """Say nothing."""


def run_experiment(
    experiment: Experiment | Path | str,
    *,
    overrides: Sequence[str] = (),
    workers: int | None = None,
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
    workers : int, optional
        Processes; one a core by default. No figure depends on it.
    fresh : bool
        Run again even if this run was finished, or begun, before.
    track : bool
        Show the run in MLflow.
    progress : callable
        Told units done and all units.
    say : callable
        Told what is going on, a sentence at a time.

    Returns
    -------
    RunRecord
        Written to ``mlruns/records/<experiment>/<run>/``, with ``report.html`` beside it.

    Raises
    ------
    StudyError
        Of the stage that could not be carried out.
    """
    if not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment, overrides)
    plan = plan_study(experiment)
    run_id = name_run(plan.fingerprint, plan.data_fingerprint)
    folder = record_folder(experiment.folder, experiment.name, run_id)
    with held(units_folder(folder)) as units:
        if folder.is_dir() and not fresh:
            say(f"Run {run_id} was finished before; its record is opened. --fresh runs it again.")
            record = read_record(folder)
        else:
            if fresh:
                clear(units)
            record = evaluated(plan, units, folder, workers=workers, progress=progress)
    say("Drawing the report ...")
    publish(record, track=track, say=say)
    return record


def units_folder(folder: Path) -> Path:
    """Return where a run keeps its finished units until its record is complete."""
    return folder.with_name(f".{folder.name}.units")


def clear(units: Path) -> None:
    """Remove the units that an earlier run finished."""
    for file in units.iterdir():
        file.unlink()


@contextmanager
def held(units: Path) -> Iterator[Path]:
    """Hold a run's folder of finished units against other processes, and clear it at the end.

    The system lets go of it when a process dies, however it dies; the units stay then.
    """
    try:
        units.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(
            f"{units.parent}: cannot be written ({error.strerror}). Free space, or allow writing "
            "there."
        ) from None
    handle = os.open(units, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield units
        shutil.rmtree(units, ignore_errors=True)
    except BlockingIOError:
        raise RecordError(
            f"{units.parent}: another process is carrying out this very run. Wait until it has "
            "ended; the same command then opens its record."
        ) from None
    finally:
        os.close(handle)


def evaluated(
    plan: StudyPlan, units: Path, folder: Path, *, workers: int | None, progress: Progress
) -> RunRecord:
    """Return the record of a plan after evaluating its units and writing it down."""
    started = datetime.now(UTC)
    results = evaluate_units(plan, folder=units, workers=workers, progress=progress)
    record = assemble_record(
        plan,
        results,
        run_id=folder.name,
        environment=environment_of(started, workers),
    )
    write_record(record, folder)
    return replace(record, folder=folder)


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
    """
    from heldout.report import draw_figures, write_report

    assert record.folder is not None
    figures = draw_figures(record)
    write_report(record, figures, record.folder / "report.html")
    if track:
        from heldout.tracking import log_record, prepare_store

        store = mlruns(record.folder.parents[3])
        prepare_store(store, say)
        say("Logging to MLflow ...")
        log_record(record, figures, store)
