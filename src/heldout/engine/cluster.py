"""Units on a Dask cluster: its workers must be of this very code, and may die."""

from __future__ import annotations

import logging
import platform
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, TypeVar

from heldout.engine.units import AHEAD, LOOK, carry_out, killed_again, packed
from heldout.errors import StudyError, raise_faults
from heldout.files import KEPT
from heldout.provenance import code_digest, versions

_Item = TypeVar("_Item")
# Seconds in which a scheduler must answer, and for which a cluster may be without any worker.
_ANSWER = 10
_PATIENCE = 60
# Of an address -> whether it needs certificates.
_SCHEMES = {"tcp": False, "tls": True, "ws": False, "wss": True}
# Scheduler -> the most workers that this process saw there at once.
_SEEN: dict[str, int] = {}


def workers_seen(scheduler: str) -> int:
    """Return the most workers that this process saw at a scheduler at once; 0 if it never asked.

    Parameters
    ----------
    scheduler : str
        Its address.

    Returns
    -------
    int
    """
    return _SEEN.get(scheduler, 0)


def on_cluster(
    function: Callable[..., Any], context: Any, items: Iterator[_Item], scheduler: str
) -> Iterator[tuple[_Item, Any]]:
    """Yield units that a Dask cluster carries out.

    Parameters
    ----------
    function : callable
        (context, item) -> result; importable by its name, or sent as it is.
    context : object
        What all units share; sent to a worker once.
    items : iterator
        What tells units apart.
    scheduler : str
        Address of a running Dask scheduler.

    Yields
    ------
    item, result
        As they end.

    Raises
    ------
    StudyError
        If there is no cluster, or none that may do units of this program, or it ends, or its
        workers die again and again at a unit.
    """
    with _hushed(), _connected(scheduler) as client:
        from distributed import CancelledError, KilledWorker, as_completed

        ours = identity()
        _check_workers(client, ours, scheduler)
        cluster = _Cluster(client, scheduler)
        with warnings.catch_warnings():
            # A large context is sent once all the same.
            warnings.simplefilter("ignore")
            # As a unit of its own: the scheduler makes it again if its worker dies.
            shared = client.submit(bytes, packed(context), pure=False)
        flying: dict[Any, _Item] = {}
        # Results are fetched as soon as they are there: what lies at a worker dies with it.
        back = as_completed(loop=client.loop, with_results=True, raise_errors=False)
        try:
            while True:
                for item in islice(items, max(0, AHEAD * cluster.workers() - len(flying))):
                    future = client.submit(_unit, ours, function, shared, item, pure=False)
                    flying[future] = item
                    back.add(future)
                if not flying:
                    return
                for future, result in _come_back(back):
                    yield flying.pop(future), result
        except CancelledError:
            raise cluster.gone() from None
        except KilledWorker:
            raise killed_again("Give the cluster's workers more memory.") from None


def _come_back(back: Any) -> Iterator[tuple[Any, Any]]:
    """Yield futures that came back with their results, or none within a second; raise an error."""
    from distributed import CancelledError

    since = time.monotonic()
    while not back.has_ready() and time.monotonic() - since < 1:
        time.sleep(LOOK)
    for future, result in back.next_batch(block=False):
        if future.status == "error":
            raise result[1]
        if isinstance(result, CancelledError):
            raise result
        yield future, result


class _Cluster:
    """What is known of a cluster while units are on it; no worker for a minute is its end."""

    def __init__(self, client: Any, scheduler: str) -> None:
        self.client, self.scheduler = client, scheduler
        self.count, self.looked = 0, -1.0
        self.alive = time.monotonic()

    def workers(self) -> int:
        """Return how many workers there are, counted once a second, at least 1.

        Raises
        ------
        StudyError
            If there was none for a minute, or the scheduler is gone.
        """
        now = time.monotonic()
        if now - self.looked >= 1:
            try:
                self.count, self.looked = len(self.client.nthreads()), now
            except OSError:
                raise self.gone() from None
            _SEEN[self.scheduler] = max(self.count, workers_seen(self.scheduler))
        if self.count:
            self.alive = now
        elif now - self.alive > _PATIENCE:
            raise StudyError(
                f"--scheduler {self.scheduler}: no Dask worker for {_PATIENCE} s. At least one "
                f"must run. Start some: dask worker {self.scheduler} --nthreads 1. {KEPT}"
            )
        return max(1, self.count)

    def gone(self) -> StudyError:
        """Return the error for a scheduler that ended before the study."""
        return StudyError(
            f"--scheduler {self.scheduler}: the Dask scheduler is gone. It must run until the "
            f"study ends. Start it and its workers again. {KEPT}"
        )


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    """Give a client of a scheduler, or say that there is none."""
    try:
        from distributed import Client
    except ImportError:
        raise StudyError(
            "--engine dask needs the library distributed. Install it: pip install "
            "'heldout[distributed]'."
        ) from None
    nobody = StudyError(
        f"--scheduler {scheduler}: no Dask scheduler answers there. The address of one "
        "that runs is required, such as tcp://127.0.0.1:8786. Start one: dask scheduler."
    )
    _check_scheme(scheduler, nobody)
    try:
        client = Client(scheduler, timeout=f"{_ANSWER}s", set_as_default=False)
    except (OSError, ValueError):
        raise nobody from None
    with client:
        yield client


def _check_scheme(address: str, nobody: StudyError) -> None:
    """Raise StudyError for a way of talking that is not set up; a client fails late, and long."""
    from distributed.security import Security

    scheme = address.partition("://")[0] if "://" in address else "tcp"
    if scheme not in _SCHEMES:
        raise nobody
    if _SCHEMES[scheme] and Security().get_connection_args("client")["ssl_context"] is None:
        raise StudyError(
            f"--scheduler {address}: Dask knows no certificates. Those of the cluster are required "
            "for an encrypted address. Set distributed.comm.tls (ca-file, client.cert, client.key) "
            "in Dask's configuration, ~/.config/dask/distributed.yaml."
        )


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep what Dask's client logs from the terminal: what matters is raised, and said once."""
    with suppress(ImportError):
        # So that its loggers are there.
        import distributed  # noqa: F401
    names = [*logging.root.manager.loggerDict, "asyncio"]
    loggers = [
        logging.getLogger(name)
        for name in names
        if name.partition(".")[0] in {"distributed", "tornado", "asyncio"}
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def identity() -> dict[str, str]:
    """Return what two processes must have in common for a unit to give the same bits in both.

    Returns
    -------
    dict of str to str
        What it is -> its version or digest.
    """
    return {"Python": platform.python_version(), "the code of heldout": code_digest()} | versions()


def unfit(ours: Mapping[str, str], dask_worker: Any) -> str | None:
    """Return why a worker may not do units of a study; called in the worker.

    Parameters
    ----------
    ours : mapping of str to str
        `identity` of the process that hands units out.
    dask_worker : distributed.Worker
        Given by Dask under this name.

    Returns
    -------
    str or None
        What follows the worker's name in a message.
    """
    theirs = identity()
    differing = [name for name, value in ours.items() if theirs.get(name) != value]
    if differing:
        return (
            f"differs in {', '.join(differing)}. Equal bits need equal code. Install the same "
            "version there as here, and start the worker again"
        )
    threads = dask_worker.state.nthreads
    if threads != 1:
        return (
            f"has {threads} threads. A unit needs a process of its own. Start it with "
            "--nthreads 1, and more of them with --nworkers"
        )
    return None


def _check_workers(client: Any, ours: Mapping[str, str], scheduler: str) -> None:
    """Raise StudyError if a worker may not do units of a study."""
    answers = client.run(unfit, ours, on_error="return")
    faults = []
    for worker, fault in answers.items():
        if isinstance(fault, Exception):
            fault = (
                f"cannot import this version of heldout ({type(fault).__name__}). Install the same "
                "version there as here, and start the worker again"
            )
        if fault is not None:
            faults.append(f"--scheduler {scheduler}: its worker {worker} {fault}.")
    raise_faults(StudyError, faults)


def _unit(
    ours: Mapping[str, str],
    function: Callable[..., Any],
    content: bytes,
    item: Any,
) -> Any:
    """Return a unit's result in a worker of a cluster, which may have come later than the study."""
    from distributed import get_worker

    worker = get_worker()
    fault = unfit(ours, worker)
    if fault is not None:
        raise StudyError(f"Dask's worker {worker.address} {fault}. {KEPT}")
    return carry_out((function, content), item)
