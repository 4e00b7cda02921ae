"""The MLflow store of a study folder: where it is, who may write, and who has died writing.

SQLite under ``mlruns/``. MLflow builds its schema in seconds and not in one transaction, so
it is built beside its place and moved there; one process writes at a time; and a run whose
process is gone is not left RUNNING.
"""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from heldout.errors import TrackingError

__all__ = [
    "end_dead_runs",
    "exclusive",
    "open_client",
    "prepare_store",
    "process_tags",
    "quiet",
    "store_uri",
]

HOST, PID, START = "heldout.host", "heldout.pid", "heldout.start"
# Patience with another process that logs, which takes seconds.
LOCK_SECONDS = 120
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

    Examples
    --------
    >>> store_uri(Path("/study/mlruns"))
    'sqlite:////study/mlruns/mlflow.db'
    """
    return sqlite_uri(mlruns.resolve() / "mlflow.db")


def sqlite_uri(path: Path) -> str:
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
        If the folder cannot be written to, or another process holds the store for minutes.
    """
    try:
        mlruns.mkdir(parents=True, exist_ok=True)
        # SQLite's own lock works on every system and needs no file to be cleared away.
        lock = sqlite3.connect(mlruns / "mlflow.lock", timeout=LOCK_SECONDS, isolation_level=None)
    except (OSError, sqlite3.OperationalError) as error:
        raise TrackingError(
            f"{mlruns}: cannot be written ({error}). MLflow's store is kept there. Allow writing "
            "there, or run with --no-mlflow."
        ) from None
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        raise TrackingError(
            f"{mlruns}: the store could not be held ({error}). One process writes at a time. "
            "Wait for the other one to end, then run again."
        ) from None
    try:
        yield
    finally:
        lock.close()


def prepare_store(mlruns: Path, say: Callable[[str], None] = silent) -> None:
    """Build the store's schema if it is absent, however many processes ask for it at once.

    Parameters
    ----------
    mlruns : Path
        Holds ``mlflow.db``.
    say : callable
        Told when there is something to wait for.

    Raises
    ------
    TrackingError
        If the folder cannot be written to.
    """
    database = mlruns / "mlflow.db"
    with exclusive(mlruns):
        if database.is_file():
            return
        say("Preparing MLflow's store, once; this takes a few seconds ...")
        fresh = mlruns.resolve() / f".mlflow.{os.getpid()}.db"
        with quiet():
            from mlflow import MlflowClient

            try:
                MlflowClient(sqlite_uri(fresh)).search_experiments(max_results=1)
                fresh.replace(database)
            finally:
                fresh.unlink(missing_ok=True)


def open_client(mlruns: Path) -> Any:
    """Return MLflow's client for a store that is prepared.

    Parameters
    ----------
    mlruns : Path
        Holds ``mlflow.db``.

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
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return MlflowClient(store_uri(mlruns))
    except (MlflowException, SQLAlchemyError) as error:
        raise TrackingError(
            f"{mlruns / 'mlflow.db'}: MLflow cannot use it ({first_line(error)}). A store of this "
            "version is required. Move it away: it is only a view of the records, and is made "
            "again when their experiments are run again."
        ) from None


def first_line(error: Exception) -> str:
    """Return the first line of an error, without its stop."""
    return str(error).partition("\n")[0].rstrip(".")


def process_tags() -> dict[str, str]:
    """Return the tags by which a run knows its process."""
    return {
        HOST: socket.gethostname(),
        PID: str(os.getpid()),
        START: process_start(os.getpid()) or "",
    }


def process_start(pid: int) -> str | None:
    """Return when a process started; None if it is gone, nothing where the system is silent."""
    if not Path("/proc/self/stat").exists():
        return "" if answers(pid) else None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    except OSError:
        return None
    # After the name come the state, of which Z is dead, and as the 20th the start in ticks.
    return None if fields[0] in "ZX" else f"{boot}-{fields[19]}"


def answers(pid: int) -> bool:
    """Return whether a process is there, by signal 0; a system without it gets the benefit."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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
    experiments = [one.experiment_id for one in client.search_experiments()]
    mine = f"attributes.status = 'RUNNING' and tags.`{HOST}` = '{socket.gethostname()}'"
    dead = [
        run.info.run_id
        for run in client.search_runs(experiments, mine, max_results=50_000)
        if process_start(int(run.data.tags[PID])) != run.data.tags[START]
    ]
    for run_id in dead:
        client.set_terminated(run_id, "KILLED")
    return len(dead)
