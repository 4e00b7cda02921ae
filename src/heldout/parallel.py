"""One loop over units of work: here, in threads, in processes, or on a cluster.

A unit is a pure function of a context and its own name, so that it does not matter where, in which
order or how often it runs. Units come back as they end; who called stores them and puts them in
order. A worker that dies loses the unit it had, which is handed out again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import signal
import sys
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import metadata
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

from heldout.errors import StudyError, raise_faults

Item = TypeVar("Item")
Result = TypeVar("Result")
# Units handed out ahead of those that ended, for each worker: none waits for the next.
_AHEAD = 2
# Times a unit is handed out again because its worker died; Dask's own number is the same.
AGAIN = 3
# Seconds after which an idle process leaves by itself, also if its parent was killed.
_IDLE = 20
_LEFT_TOO_EARLY = "A worker stopped while some jobs were given to the executor"
# Seconds in which a scheduler must answer, and for which a cluster may be without any worker.
_ANSWER = 10
_PATIENCE = 60
# Seconds between looks at what came back from a cluster, or was taken by a process.
_LOOK = 0.005
# Seconds in which units handed out are taken, some milliseconds as a rule.
_TAKEN = 2
_KEPT = "What is finished is kept; the same command goes on from there."
_LIBRARIES = (
    "numpy", "scipy", "pandas", "scikit-learn", "xgboost", "numba", "optuna", "shap", "mlflow",
)  # fmt: skip
# Of an address -> whether it needs certificates.
_SCHEMES = {"tcp": False, "tls": True, "ws": False, "wss": True}
# Scheduler -> the most workers that this process saw there at once.
_SEEN: dict[str | None, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Where units run; no figure depends on it.

    Attributes
    ----------
    workers : int or None
        Threads or processes on this machine; None for one a core. A cluster has its own.
    name : str
        ``local``, or ``dask``.
    scheduler : str or None
        Address of a running Dask scheduler, such as ``tcp://host:8786``.
    """

    workers: int | None = None
    name: Literal["local", "dask"] = "local"
    scheduler: str | None = None

    @property
    def count(self) -> int:
        """How many units run at once on this machine."""
        return self.workers or os.cpu_count() or 1


@cache
def code_digest() -> str:
    """Return the SHA-256 of this package's own files.

    Returns
    -------
    str
        As they are on disk when it is first asked for.
    """
    digest = hashlib.sha256()
    root = Path(str(files("heldout")))
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".yaml"):
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def versions() -> dict[str, str]:
    """Return the versions of this package and of the libraries that decide figures.

    Returns
    -------
    dict of str to str
        Name -> version.
    """
    return {"heldout": metadata.version("heldout")} | {
        name: metadata.version(name) for name in _LIBRARIES
    }


def workers_of(engine: Engine) -> int:
    """Return how many workers an engine has.

    Parameters
    ----------
    engine : Engine
        Of this machine, or a cluster.

    Returns
    -------
    int
        Of a cluster the most that were seen at once; 0 if nothing was handed to it.
    """
    return engine.count if engine.name == "local" else _SEEN.get(engine.scheduler, 0)


def as_ended(
    function: Callable[[Any, Item], Result],
    context: Any,
    items: Iterable[Item],
    engine: Engine,
    *,
    threads: bool = False,
) -> Generator[tuple[Item, Result], None, None]:
    """Yield units with their results, in the order in which they end.

    Parameters
    ----------
    function : callable
        (context, item) -> result; pure, and importable by its name.
    context : object
        What all units share; sent to a worker once.
    items : iterable
        What tells units apart; read as they are handed out.
    engine : Engine
        Where.
    threads : bool
        Whether units spend their time outside of Python's lock, so that threads serve and nothing
        need be sent anywhere.

    Yields
    ------
    item, result
        Stop asking, and what is not yet handed out is not done.

    Raises
    ------
    StudyError
        If workers die again and again at a unit, or there is no cluster, or none that may do units
        of this program.
    """
    remaining = iter(items)
    first = list(islice(remaining, 2))
    queue = (item for part in (first, remaining) for item in part)
    if engine.name == "dask":
        if first:
            yield from _on_dask(function, context, queue, engine)
    elif engine.count == 1 or len(first) < 2:
        with _one_thread_each():
            for item in queue:
                yield item, function(context, item)
    else:
        with _pool(engine.count, threads) as submit:
            if threads:
                yield from _handed_out(submit, function, context, queue, engine.count)
            else:
                yield from _handed_out(
                    submit, _unpacked, (function, _packed(context)), queue, engine.count
                )


def _handed_out(
    submit: Callable[..., Any],
    function: Callable[..., Any],
    context: Any,
    items: Iterator[Item],
    workers: int,
) -> Iterator[tuple[Item, Any]]:
    """Yield results of futures as they end, always a few units ahead; lost ones are done again."""
    from concurrent.futures import FIRST_COMPLETED, wait

    from joblib.externals.loky.process_executor import TerminatedWorkerError

    flying: dict[Any, Item] = {}
    lost: list[Item] = []
    deaths: Counter[Item] = Counter()
    try:
        while True:
            more = islice(items, max(0, _AHEAD * workers - len(flying) - len(lost)))
            for item in (*lost, *more):
                flying[submit(function, context, item)] = item
            lost.clear()
            if not flying:
                return
            ended, _ = wait(flying, return_when=FIRST_COMPLETED)
            # In the order in which they were handed out, where several have ended.
            for future in [one for one in flying if one in ended]:
                item = flying.pop(future)
                try:
                    result = future.result()
                except TerminatedWorkerError:
                    # All units of the pool end like this; which one had the worker is not known.
                    lost.append(item)
                    continue
                for following in islice(items, 0 if lost else 1):
                    flying[submit(function, context, following)] = following
                yield item, result
            deaths.update(lost)
            if max(deaths.values(), default=0) > AGAIN:
                raise _too_many(AGAIN + 1, "Free memory, or run with fewer --workers.")
    except GeneratorExit:
        # Nobody asks any more: what has begun ends, and the rest is not begun.
        for future in flying:
            future.cancel()
        raise


def _too_many(deaths: int, remedy: str) -> StudyError:
    """Return the error for a unit whose workers die again and again."""
    return StudyError(
        f"A worker was killed {deaths} times at the same unit of work, most often because memory "
        f"ran out. A unit needs a process that lives until it ends. {remedy} {_KEPT}"
    )


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Hold numerical libraries at one thread: at these sizes more of them cost time."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@contextmanager
def _pool(workers: int, threads: bool) -> Iterator[Callable[..., Any]]:
    """Give a function that hands a unit to a thread or to a process of this machine."""
    if threads:
        from concurrent.futures import ThreadPoolExecutor

        with _one_thread_each():
            executor = ThreadPoolExecutor(workers)
            try:
                yield executor.submit
            finally:
                executor.shutdown(cancel_futures=True)
        return
    from multiprocessing.resource_tracker import ensure_running

    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    # Said by a thread of loky when a process leaves just as it is needed; another one takes its
    # place. Where warnings are errors it would end that thread, and the study would wait for ever.
    warnings.filterwarnings("ignore", _LEFT_TOO_EARLY, UserWarning)
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

    def processes() -> Any:
        """Return the pool, a new one if a worker of the last one died."""
        return get_reusable_executor(max_workers=workers, timeout=_IDLE, env=alone)

    latest: deque[Any] = deque(maxlen=_AHEAD * workers)

    # Whoever starts these lets Ctrl-C through again: here, and not between the workers' starts.
    ensure_running()
    processes()

    def submit(*unit: Any) -> Any:
        with _ctrl_c_held_back():
            try:
                future = processes().submit(*unit)
            except TerminatedWorkerError:
                # It died just between the two.
                future = processes().submit(*unit)
            latest.append(future)
        return future

    try:
        yield submit
    except GeneratorExit:
        raise
    except BaseException:
        # Whoever stops the study does not wait for units that nobody will read. A thread of loky
        # takes units from a queue; it fails, and says so, if one is still there when all end.
        until = time.monotonic() + _TAKEN
        while time.monotonic() < until and not all(one.running() or one.done() for one in latest):
            time.sleep(_LOOK)
        processes().shutdown(wait=False, kill_workers=True)
        raise


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Let Ctrl-C wait for a moment, and never reach a process or thread that begins in it.

    A terminal sends it to all of them. The study ends its processes, which need say nothing.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def dismiss() -> None:
    """End the idle processes of this machine; Python would wait until each has ended itself."""
    loky = sys.modules.get("joblib.externals.loky")
    if loky is not None:
        loky.get_reusable_executor(reuse=True, kill_workers=True).shutdown(kill_workers=True)


def _packed(context: Any) -> bytes:
    """Return a context as bytes, functions of the moment included."""
    from cloudpickle import dumps

    content: bytes = dumps(context)
    return content


@lru_cache(maxsize=2)
def _context_of(content: bytes) -> Any:
    """Return the context of bytes that this program sent to itself, once a worker."""
    from cloudpickle import loads

    return loads(content)


def _unpacked(sent: tuple[Callable[..., Any], bytes], item: Any) -> Any:
    """Return a unit's result in a worker."""
    function, content = sent
    with _one_thread_each():
        return function(_context_of(content), item)


def _on_dask(
    function: Callable[[Any, Item], Result],
    context: Any,
    items: Iterator[Item],
    engine: Engine,
) -> Iterator[tuple[Item, Result]]:
    """Yield units that a Dask cluster carries out."""
    with _hushed(), _connected(engine) as client:
        from distributed import CancelledError, KilledWorker, as_completed

        ours = identity()
        _check_workers(client, ours, engine)
        cluster = _Cluster(client, engine)
        with warnings.catch_warnings():
            # A large context is sent once all the same.
            warnings.simplefilter("ignore")
            # As a unit of its own: the scheduler makes it again if its worker dies.
            shared = client.submit(bytes, _packed(context), pure=False)
        flying: dict[Any, Item] = {}
        # Results are fetched as soon as they are there: what lies at a worker dies with it.
        back = as_completed(loop=client.loop, with_results=True, raise_errors=False)
        try:
            while True:
                for item in islice(items, max(0, _AHEAD * cluster.workers() - len(flying))):
                    one = client.submit(_unit_on_dask, ours, function, shared, item, pure=False)
                    flying[one] = item
                    back.add(one)
                if not flying:
                    return
                waited_since = time.monotonic()
                while not back.has_ready() and time.monotonic() - waited_since < 1:
                    time.sleep(_LOOK)
                for future, result in back.next_batch(block=False):
                    if future.status == "error":
                        raise result[1]
                    if isinstance(result, CancelledError):
                        raise result
                    yield flying.pop(future), result
        except CancelledError:
            raise cluster.gone() from None
        except KilledWorker:
            raise _too_many(AGAIN + 1, "Give the cluster's workers more memory.") from None


class _Cluster:
    """What is known of a cluster while units are on it; no worker for a minute is its end."""

    def __init__(self, client: Any, engine: Engine) -> None:
        self.client, self.scheduler = client, engine.scheduler
        self.count, self.asked = 0, -1.0
        self.alive = time.monotonic()

    def workers(self) -> int:
        """Return how many workers there are, asked once a second, at least 1.

        Raises
        ------
        StudyError
            If there was none for a minute, or the scheduler is gone.
        """
        now = time.monotonic()
        if now - self.asked >= 1:
            try:
                self.count, self.asked = len(self.client.nthreads()), now
            except OSError:
                raise self.gone() from None
            _SEEN[self.scheduler] = max(self.count, _SEEN.get(self.scheduler, 0))
        if self.count:
            self.alive = now
        elif now - self.alive > _PATIENCE:
            raise StudyError(
                f"--scheduler {self.scheduler}: no Dask worker for {_PATIENCE} s. At least one "
                f"must run. Start some: dask worker {self.scheduler} --nthreads 1. {_KEPT}"
            )
        return max(1, self.count)

    def gone(self) -> StudyError:
        """Return the error for a scheduler that ended before the study."""
        return StudyError(
            f"--scheduler {self.scheduler}: the Dask scheduler is gone. It must run until the "
            f"study ends. Start it and its workers again. {_KEPT}"
        )


@contextmanager
def _connected(engine: Engine) -> Iterator[Any]:
    """Give a client of a scheduler, or say that there is none."""
    try:
        from distributed import Client
    except ImportError:
        raise StudyError(
            "--engine dask needs the library distributed. Install it: pip install "
            "'heldout[distributed]'."
        ) from None
    nobody = StudyError(
        f"--scheduler {engine.scheduler}: no Dask scheduler answers there. The address of one "
        "that runs is required, such as tcp://127.0.0.1:8786. Start one: dask scheduler."
    )
    _check_scheme(str(engine.scheduler), nobody)
    try:
        client = Client(engine.scheduler, timeout=f"{_ANSWER}s", set_as_default=False)
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
    _import_quietly("distributed")
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


def _import_quietly(name: str) -> None:
    """Import a library if it is there, so that its loggers are."""
    from importlib import import_module

    with suppress(ImportError):
        import_module(name)


def identity() -> dict[str, str]:
    """Return what two processes must have in common for a unit to give the same bits in both."""
    return {"Python": platform.python_version(), "the code of heldout": code_digest()} | versions()


def unfit(ours: Mapping[str, str], dask_worker: Any) -> str | None:
    """Return why a worker may not do units of a study, or None; called in the worker."""
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


def _check_workers(client: Any, ours: Mapping[str, str], engine: Engine) -> None:
    """Raise StudyError if a worker may not do units of a study."""
    said = client.run(unfit, ours, on_error="return")
    faults = []
    for worker, fault in said.items():
        if isinstance(fault, Exception):
            fault = (
                f"cannot import this version of heldout ({type(fault).__name__}). Install the same "
                "version there as here, and start the worker again"
            )
        if fault is not None:
            faults.append(f"--scheduler {engine.scheduler}: its worker {worker} {fault}.")
    raise_faults(StudyError, faults)


def _unit_on_dask(
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
        raise StudyError(f"Dask's worker {worker.address} {fault}. {_KEPT}")
    return _unpacked((function, content), item)
