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
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from heldout.errors import TrackingError
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
        If the folder cannot be written to, its lock is not one, or another process holds the
        store for minutes.
    """
    path = mlruns / "mlflow.lock"
    try:
        mlruns.mkdir(parents=True, exist_ok=True)
        # SQLite's own lock works on every system and needs no file to be cleared away.
        lock = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)
    except (OSError, sqlite3.OperationalError) as error:
        raise _no_access(mlruns, error) from None
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        raise TrackingError(
            f"{mlruns}: the store could not be held ({error}). One process writes at a time. "
            "Wait for the other one to end, then run again."
        ) from None
    except sqlite3.DatabaseError as error:
        lock.close()
        raise TrackingError(
            f"{path}: cannot be locked ({error}). A lock is an empty file. Delete it, then run "
            "again: nothing is kept in it."
        ) from None
    try:
        yield
    finally:
        lock.close()


def place_of(mlruns: Path) -> str:
    """Return where the store of a study is, as messages call it."""
    uri = shared_uri()
    return str(mlruns) if uri is None else shown_uri(uri)


def has_store(mlruns: Path) -> bool:
    """Return whether there is a store; raise TrackingError if its folder may not be entered."""
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
def telling(found: str, remedy: str) -> Iterator[None]:
    """Raise what MLflow, its database or the system raises as a TrackingError; within `quiet`.

    Parameters
    ----------
    found : str
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
        raise TrackingError(f"{found} ({first_line}). {remedy}") from None


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
            return
        if has_store(mlruns):
            return
        say("Preparing MLflow's store, once; this takes a few seconds ...")
        with (
            quiet(),
            telling(
                f"{mlruns}: MLflow's store could not be prepared",
                "It needs a few megabytes. Free space, or run with --no-mlflow.",
            ),
        ):
            _build_store(mlruns.resolve())


def prepare_shared(uri: str) -> None:
    """Build the schema of a store beyond the study folder if it is absent, or say why not."""
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
        check_answers(uri)
        MlflowClient(uri).search_experiments(max_results=1)


def _build_store(mlruns: Path) -> None:
    """Build the store's schema beside its place and move it there; by whoever holds the lock."""
    from mlflow import MlflowClient

    # Never a name used before: MLflow remembers a path that it has built a schema at.
    fresh = mlruns / f".mlflow.{secrets.token_hex(4)}.db"
    try:
        MlflowClient(_sqlite_uri(fresh)).search_experiments(max_results=1)
        fresh.replace(mlruns / "mlflow.db")
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
    """Return what tells of a store that MLflow cannot use."""
    if shared_uri() is not None:
        return telling(
            f"{place_of(mlruns)}: MLflow cannot use it",
            "A store that answers, of this version of MLflow, is required. Start it, or correct "
            f"{VARIABLE}.",
        )
    return telling(
        f"{mlruns / 'mlflow.db'}: MLflow cannot use it",
        "A store of this version that can be written to is required. Move it away: it is only a "
        "view of the records, and is made again when their experiments are run again.",
    )


def process_tags() -> dict[str, str]:
    """Return the tags by which a run knows its process."""
    return {
        HOST: socket.gethostname(),
        PID: str(os.getpid()),
        START: _process_start(os.getpid()) or "",
    }


def _process_start(pid: int) -> str | None:
    """Return when a process started; None if it is gone, nothing where the system is silent."""
    if not Path("/proc/self/stat").exists():
        return "" if _answers(pid) else None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    except OSError:
        return None
    # After the name come the state, of which Z is dead, and as the 20th the start in ticks.
    return None if fields[0] in "ZX" else f"{boot}-{fields[19]}"


def _answers(pid: int) -> bool:
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
        if _process_start(int(run.data.tags[PID])) != run.data.tags[START]
    ]
    for run_id in dead:
        client.set_terminated(run_id, "KILLED")
    return len(dead)
