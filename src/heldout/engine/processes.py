"""Units in threads or processes of this machine."""

from __future__ import annotations

import sys
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from heldout.engine.units import (
    AGAIN,
    AHEAD,
    LOOK,
    carry_out,
    killed_again,
    one_thread_each,
    packed,
)
from heldout.system import ctrl_c_held_back

_Item = TypeVar("_Item")
# Seconds after which an idle process leaves by itself, also if its parent was killed.
_IDLE = 20
_LEFT_TOO_EARLY = "A worker stopped while some jobs were given to the executor"
# Seconds in which units handed out are taken, some milliseconds as a rule.
_TAKEN = 2


def in_threads(
    function: Callable[..., Any], context: Any, items: Iterator[_Item], workers: int
) -> Iterator[tuple[_Item, Any]]:
    """Yield units that threads of this process carry out.

    Parameters
    ----------
    function : callable
        (context, item) -> result.
    context : object
        What all units share.
    items : iterator
        What tells units apart.
    workers : int
        How many threads.

    Yields
    ------
    item, result
        As they end.
    """
    from concurrent.futures import ThreadPoolExecutor

    with one_thread_each():
        executor = ThreadPoolExecutor(workers)
        try:
            yield from _handed_out(executor.submit, function, context, items, workers)
        finally:
            executor.shutdown(cancel_futures=True)


def in_processes(
    function: Callable[..., Any], context: Any, items: Iterator[_Item], workers: int
) -> Iterator[tuple[_Item, Any]]:
    """Yield units that processes of this machine carry out.

    Parameters
    ----------
    function : callable
        (context, item) -> result; importable by its name, or sent as it is.
    context : object
        What all units share; sent to a process once.
    items : iterator
        What tells units apart.
    workers : int
        How many processes.

    Yields
    ------
    item, result
        As they end.

    Raises
    ------
    StudyError
        If processes die again and again at a unit.
    """
    with _pool(workers) as submit:
        yield from _handed_out(submit, carry_out, (function, packed(context)), items, workers)


def dismiss() -> None:
    """End the idle processes of this machine; Python would wait until each has ended itself."""
    loky = sys.modules.get("joblib.externals.loky")
    if loky is not None:
        loky.get_reusable_executor(reuse=True, kill_workers=True).shutdown(kill_workers=True)


def _handed_out(
    submit: Callable[..., Any],
    function: Callable[..., Any],
    context: Any,
    items: Iterator[_Item],
    workers: int,
) -> Iterator[tuple[_Item, Any]]:
    """Yield results of futures as they end, always a few units ahead; lost ones are done again."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    flying: dict[Any, _Item] = {}
    lost: list[_Item] = []
    deaths: Counter[_Item] = Counter()

    def hand_out(units: Iterable[_Item]) -> None:
        for unit in units:
            flying[submit(function, context, unit)] = unit

    try:
        while True:
            room = max(0, AHEAD * workers - len(flying) - len(lost))
            hand_out((*lost, *islice(items, room)))
            lost.clear()
            if not flying:
                return
            for future in _ended(flying):
                item = flying.pop(future)
                try:
                    result = future.result()
                except TerminatedWorkerError:
                    # All units of the pool end like this; which one had the worker is not known.
                    lost.append(item)
                    continue
                hand_out(islice(items, 0 if lost else 1))
                yield item, result
            deaths.update(lost)
            if max(deaths.values(), default=0) > AGAIN:
                raise killed_again("Free memory, or run with fewer --workers.")
    except GeneratorExit:
        # Nobody asks any more: what has begun ends, and the rest is not begun.
        for future in flying:
            future.cancel()
        raise


def _ended(flying: Iterable[Any]) -> list[Any]:
    """Return futures that have ended, at least one, in the order in which they were handed out."""
    from concurrent.futures import FIRST_COMPLETED, wait

    done, _ = wait(flying, return_when=FIRST_COMPLETED)
    return [future for future in flying if future in done]


@contextmanager
def _pool(workers: int) -> Iterator[Callable[..., Any]]:
    """Give a function that hands a unit to a process of this machine."""
    from multiprocessing.resource_tracker import ensure_running

    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    # Said by a thread of loky when a process leaves just as it is needed; another one takes its
    # place. Where warnings are errors it would end that thread, and the study would wait for ever.
    warnings.filterwarnings("ignore", _LEFT_TOO_EARLY, UserWarning)
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    latest: deque[Any] = deque(maxlen=AHEAD * workers)

    def processes() -> Any:
        """Return the pool, a new one if a worker of the last one died."""
        return get_reusable_executor(max_workers=workers, timeout=_IDLE, env=alone)

    def submit(*unit: Any) -> Any:
        with ctrl_c_held_back():
            try:
                future = processes().submit(*unit)
            except TerminatedWorkerError:
                # It died just between the two.
                future = processes().submit(*unit)
            latest.append(future)
        return future

    # Whoever starts these lets Ctrl-C through again: here, and not between the workers' starts.
    ensure_running()
    processes()
    try:
        yield submit
    except GeneratorExit:
        raise
    except BaseException:
        # Whoever stops the study does not wait for units that nobody will read. A thread of loky
        # takes units from a queue; it fails, and says so, if one is still there when all end.
        until = time.monotonic() + _TAKEN
        while time.monotonic() < until and not all(map(_is_taken, latest)):
            time.sleep(LOOK)
        processes().shutdown(wait=False, kill_workers=True)
        raise


def _is_taken(future: Any) -> bool:
    """Return whether a process has taken a unit, or ended it."""
    return bool(future.running() or future.done())
