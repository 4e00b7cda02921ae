"""The MLflow store of a study: where it is, who may write, and who has died writing.

SQLite under ``mlruns/``, or what the environment names (`heldout.tracking.address`). MLflow builds
its schema in seconds and not in one transaction, so it is built beside its place and moved there;
one process of a study writes at a time; and a run whose process is gone is not left RUNNING.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from heldout.errors import TrackingError
from heldout.files import hold
from heldout.system import process_start, replace
from heldout.tracking.address import VARIABLE, check_answers, redacted, shared_uri, shown_uri

HOST, PID, START = "heldout.host", "heldout.pid", "heldout.start"
# Patience with another process that logs, which takes seconds.
_LOCK_SECONDS = 120
# MLflow reads these when it is imported; what a user has set stays.
SILENCE = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
}


def silent(_: str) -> None:
    """Say nothing."""


def store_uri(mlruns: Path) -> str:
    """Return the address of the store in a folder; absolute.

    Parameters
    ----------
    mlruns : Path
        Holds the store.

    Returns
    -------
    str

    Examples
    --------
    >>> store_uri(Path("/study/mlruns"))
    'sqlite:////study/mlruns/mlflow.db'
    """
    return _sqlite_uri(mlruns.resolve() / "mlflow.db")


def _sqlite_uri(path: Path) -> str:
    """Return the address of a SQLite file."""
    return f"sqlite:///{path.as_posix()}"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep MLflow's log lines, warnings and telemetry from whoever called."""
    for name, value in SILENCE.items():
        os.environ.setdefault(name, value)
    # For a notebook that imported MLflow before, with its log lines on.
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def exclusive(mlruns: Path) -> Iterator[None]:
    """Hold the store for this process alone; the system lets go if the process is killed.

    Parameters
    ----------
    mlruns : Path
        Made if it is absent.

    Raises
    ------
    TrackingError
        If the folder cannot be written to or has no locks, or another process holds the store
        for minutes.
    """
    try:
        mlruns.mkdir(parents=True, exist_ok=True)
        let_go = hold(mlruns / "mlflow.lock", _LOCK_SECONDS)
    except TimeoutError:
        raise TrackingError(
            f"{mlruns}: the store could not be held for {_LOCK_SECONDS} s. One process writes at "
            "a time. Wait for the other one to end, then run again."
        ) from None
    except OSError as error:
        raise _no_access(mlruns, error) from None
    try:
        yield
    finally:
        let_go()


def shown_store(mlruns: Path) -> str:
    """Return where the store of a study is, as messages call it.

    Parameters
    ----------
    mlruns : Path
        Holds the store, unless the environment names another one.

    Returns
    -------
    str

    Raises
    ------
    TrackingError
        If what the environment names is no store.
    """
    uri = shared_uri()
    return str(mlruns) if uri is None else shown_uri(uri)


def has_store(mlruns: Path) -> bool:
    """Return whether there is a store.

    Parameters
    ----------
    mlruns : Path
        May hold one.

    Returns
    -------
    bool
        True where the environment names one.

    Raises
    ------
    TrackingError
        If the folder may not be entered.
    """
    if shared_uri() is not None:
        return True
    try:
        return (mlruns / "mlflow.db").is_file()
    except OSError as error:
        raise _no_access(mlruns, error) from None


def _no_access(mlruns: Path, error: Exception) -> TrackingError:
    """Return the error for a folder that cannot be used."""
    return TrackingError(
        f"{mlruns}: cannot be written ({error}). MLflow's store is kept there. Allow writing "
        "there, or run with --no-mlflow."
    )


@contextmanager
def telling(fault: str, remedy: str) -> Iterator[None]:
    """Raise what MLflow, its database or the system raises as a TrackingError; within `quiet`.

    Parameters
    ----------
    fault : str
        Where, and what could not be done.
    remedy : str
        What is required, and what to do.

    Raises
    ------
    TrackingError
        Of both, with the first line of the error between them.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        first_line = redacted(str(error)).partition("\n")[0].rstrip(".")
        raise TrackingError(f"{fault} ({first_line}). {remedy}") from None


def prepare_store(mlruns: Path, say: Callable[[str], None] = silent) -> None:
    """Build the store's schema if it is absent, however many processes ask for it at once.

    Parameters
    ----------
    mlruns : Path
        Holds ``mlflow.db``, unless the environment names another store.
    say : callable
        Told when there is something to wait for.

    Raises
    ------
    TrackingError
        If the folder cannot be written to, or has no space; or if another store does not answer.
    """
    with exclusive(mlruns):
        shared = shared_uri()
        if shared is not None:
            prepare_shared(shared)
        elif not has_store(mlruns):
            say("Preparing MLflow's store, once; this takes a few seconds ...")
            fault = f"{mlruns}: MLflow's store could not be prepared"
            remedy = "It needs a few megabytes. Free space, or run with --no-mlflow."
            with quiet(), telling(fault, remedy):
                _build_store(mlruns.resolve())


def prepare_shared(uri: str) -> None:
    """Build the schema of a store beyond the study folder if it is absent.

    Parameters
    ----------
    uri : str
        Of a database or a server.

    Raises
    ------
    TrackingError
        If it does not answer, or cannot be used.
    """
    from mlflow import MlflowClient

    with (
        quiet(),
        telling(
            f"{shown_uri(uri)}: MLflow's store cannot be used",
            "A PostgreSQL database or an MLflow server that answers is required. The record is "
            f"complete without it. Start it, or correct {VARIABLE}, and run again: nothing is "
            "fitted twice. --no-mlflow goes without.",
        ),
    ):
        # First, as MLflow itself would wait for minutes where nobody answers.
        check_answers(uri)
        MlflowClient(uri).search_experiments(max_results=1)


def _build_store(mlruns: Path) -> None:
    """Build the store's schema beside its place and move it there; by whoever holds the lock."""
    from mlflow import MlflowClient

    # Never a name used before: MLflow remembers a path that it has built a schema at.
    fresh = mlruns / f".mlflow.{secrets.token_hex(4)}.db"
    try:
        MlflowClient(_sqlite_uri(fresh)).search_experiments(max_results=1)
        replace(fresh, mlruns / "mlflow.db")
    finally:
        # Also what processes that were killed left behind, and SQLite's journals of it.
        for unfinished in mlruns.glob(".mlflow.*.db*"):
            unfinished.unlink(missing_ok=True)


def open_client(mlruns: Path) -> Any:
    """Return MLflow's client for a store that is prepared.

    Parameters
    ----------
    mlruns : Path
        Holds ``mlflow.db``, unless the environment names another store.

    Returns
    -------
    mlflow.MlflowClient
        To be used within `quiet`.

    Raises
    ------
    TrackingError
        If the store was made by another version of MLflow, or is damaged.
    """
    from mlflow import MlflowClient

    with using(mlruns):
        return MlflowClient(shared_uri() or store_uri(mlruns))


def using(mlruns: Path) -> AbstractContextManager[None]:
    """Return what tells of a store that MLflow cannot use.

    Parameters
    ----------
    mlruns : Path
        Holds the store, unless the environment names another one.

    Returns
    -------
    context manager
        `telling`, of this store.
    """
    if shared_uri() is not None:
        return telling(
            f"{shown_store(mlruns)}: MLflow cannot use it",
            "A store that answers, of this version of MLflow, is required. Start it, or correct "
            f"{VARIABLE}.",
        )
    return telling(
        f"{mlruns / 'mlflow.db'}: MLflow cannot use it",
        "A store of this version that can be written to is required. Move it away: it is only a "
        "view of the records, and is made again when their experiments are run again.",
    )


def process_tags() -> dict[str, str]:
    """Return the tags by which a run knows its process.

    Returns
    -------
    dict of str to str
        Machine, number, and when it started.
    """
    return {
        HOST: socket.gethostname(),
        PID: str(os.getpid()),
        START: process_start(os.getpid()) or "",
    }


def end_dead_runs(client: Any) -> int:
    """Mark as KILLED the RUNNING runs of this machine whose process is gone.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the store.

    Returns
    -------
    int
        How many there were.
    """
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    mine = f"attributes.status = 'RUNNING' and tags.`{HOST}` = '{socket.gethostname()}'"
    dead = [
        run.info.run_id
        for run in client.search_runs(experiments, mine, max_results=50_000)
        if process_start(int(run.data.tags[PID])) != run.data.tags[START]
    ]
    for run_id in dead:
        client.set_terminated(run_id, "KILLED")
    return len(dead)
