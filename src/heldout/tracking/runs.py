"""The one loop that talks to MLflow: what is to be shown of each cell, to its place.

Uses MLflow's client alone, never its global state: no tracking address and no active run is
left behind in a notebook that calls this.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from heldout.record import RunRecord
from heldout.tracking.address import is_server, shared_uri
from heldout.tracking.shown import RunPlan, Shown, plan_runs, shown_of
from heldout.tracking.store import (
    end_dead_runs,
    exclusive,
    open_client,
    prepare_store,
    process_tags,
    quiet,
    shown_store,
    telling,
)

# MLflow's own tag for what an experiment is about: it then opens on the runs' page.
_EXPERIMENT_KIND = {"mlflow.experimentKind": "custom_model_development"}


def log_record(record: RunRecord, figures: Mapping[str, str], mlruns: Path) -> tuple[str, ...]:
    """Show a record in MLflow, once however often it is asked for.

    Parameters
    ----------
    record : RunRecord
        Complete.
    figures : mapping of str to str
        Name -> SVG.
    mlruns : Path
        Holds the store, ``mlflow.db``, and ``artifacts/``; the environment may name another store.

    Returns
    -------
    tuple of str
        MLflow's names of the runs, in the order of its list: outcome by outcome, the primary one
        first, the headline before its models. Those that were there before, if complete.

    Raises
    ------
    TrackingError
        If the store cannot be used; the record is complete without it.
    """
    prepare_store(mlruns)
    with exclusive(mlruns), quiet():
        client = open_client(mlruns)
        with telling(
            f"{shown_store(mlruns)}: MLflow could not log run {record.run_id}",
            "A store that can be written to is required. The record is complete without it; put "
            "this right and run the experiment again: nothing is fitted twice.",
        ):
            # Before logging: a run that a killed process left would look as if it went on.
            end_dead_runs(client)
            experiment_id = _experiment_of(client, record, mlruns)
            return _log_runs(client, record, figures, experiment_id)


def _experiment_of(client: Any, record: RunRecord, mlruns: Path) -> str:
    """Return MLflow's experiment of a record's name, made or brought back where it must be."""
    name, shared = record.name, shared_uri()
    # A server keeps artifacts where it wants.
    artifacts = None
    if shared is None or not is_server(shared):
        artifacts = (mlruns.resolve() / "artifacts" / name).as_uri()
    experiment = _restored(client, name)
    if experiment is not None and artifacts not in (None, experiment.artifact_location):
        if shared is None:
            # The store was copied or moved here, or the name is that of MLflow's own experiment.
            aside = f"{name} (artifacts elsewhere, {experiment.experiment_id})"
            client.rename_experiment(experiment.experiment_id, aside)
            experiment = None
        else:
            # Another study has this name in a database that both use; it keeps it.
            name = f"{name} ({socket.gethostname()}:{mlruns.resolve().parent})"
            experiment = _restored(client, name)
    if experiment is not None:
        return str(experiment.experiment_id)
    note = {"mlflow.note.content": str(record.experiment["question"])}
    return str(client.create_experiment(name, artifacts, tags=_EXPERIMENT_KIND | note))


def _restored(client: Any, name: str) -> Any:
    """Return MLflow's experiment of a name, brought back if it was deleted; None if none is."""
    experiment = client.get_experiment_by_name(name)
    if experiment is not None and experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return experiment


def _log_runs(
    client: Any, record: RunRecord, figures: Mapping[str, str], experiment_id: str
) -> tuple[str, ...]:
    """Return the complete runs of a record, logged anew unless all of them are there."""
    plans = plan_runs(record)
    logged = {run.info.run_name: run.info for run in _runs_of(client, record, experiment_id)}
    complete = {info.run_name for info in logged.values() if info.status == "FINISHED"}
    if complete == logged.keys() == {plan.name for plan in plans}:
        return tuple(logged[plan.name].run_id for plan in plans)
    # Half a record would look like a whole one, so what there is of it goes first.
    for run in _runs_of(client, record, experiment_id):
        client.delete_run(run.info.run_id)
    with _none_left_running(client, record, experiment_id):
        return tuple(
            _log_run(client, plan, shown_of(record, plan.cell, figures), experiment_id)
            for plan in plans
        )


@contextmanager
def _none_left_running(client: Any, record: RunRecord, experiment_id: str) -> Iterator[None]:
    """Leave no run RUNNING, whatever ends the process here, a stop signal included."""
    try:
        yield
    except BaseException as error:
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
        for run in _runs_of(client, record, experiment_id, "attributes.status = 'RUNNING'"):
            client.set_terminated(run.info.run_id, status)
        raise


def _runs_of(client: Any, record: RunRecord, experiment_id: str, *also: str) -> list[Any]:
    """Return the MLflow runs of a record."""
    wanted = " and ".join([f"tags.`heldout.run` = '{record.run_id}'", *also])
    return list(client.search_runs([experiment_id], wanted, max_results=50_000))


def _log_run(client: Any, plan: RunPlan, shown: Shown, experiment_id: str) -> str:
    """Log one run in as few calls as MLflow allows, and return its number."""
    from mlflow.entities import Metric, Param

    # A figure of the whole cell is a series of one step.
    steps = {name: (value,) for name, value in shown.metrics.items()} | dict(shown.series)
    metrics = [
        Metric(name, value, plan.end, step)
        for name, values in steps.items()
        for step, value in enumerate(values)
    ]
    created = client.create_run(
        experiment_id,
        start_time=plan.start,
        tags={**shown.tags, **process_tags()},
        run_name=plan.name,
    )
    run_id = str(created.info.run_id)
    params = [Param(name, str(value)) for name, value in shown.params.items()]
    # The client divides what a store or server does not take at once.
    client.log_batch(run_id, metrics=metrics, params=params)
    for path, text in shown.artifacts.items():
        client.log_text(run_id, text, path)
    client.set_terminated(run_id, "FINISHED", plan.end)
    return run_id
