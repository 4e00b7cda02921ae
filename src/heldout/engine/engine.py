"""One loop over units of work, wherever they run."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Literal, TypeVar

from heldout.engine.cluster import on_cluster, workers_seen
from heldout.engine.processes import in_processes, in_threads
from heldout.engine.units import one_thread_each

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


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
    return engine.count if engine.name == "local" else workers_seen(str(engine.scheduler))


def as_ended(
    function: Callable[[Any, _Item], _Result],
    context: Any,
    items: Iterable[_Item],
    engine: Engine,
    *,
    threads: bool = False,
) -> Generator[tuple[_Item, _Result], None, None]:
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
    # For a single unit no process is worth its start.
    first = list(islice(remaining, 2))
    queue = chain(first, remaining)
    if engine.name == "dask":
        if first:
            yield from on_cluster(function, context, queue, str(engine.scheduler))
    elif engine.count == 1 or len(first) < 2:
        with one_thread_each():
            for item in queue:
                yield item, function(context, item)
    else:
        run = in_threads if threads else in_processes
        yield from run(function, context, queue, engine.count)
