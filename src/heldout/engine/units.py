"""What a unit of work is to every engine: what is sent of it, and when too many were lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from heldout.errors import StudyError
from heldout.files import KEPT

# Units handed out ahead of those that ended, for each worker: none waits for the next.
AHEAD = 2
# Times a unit is handed out again because its worker died; Dask's own number is the same.
AGAIN = 3
# Seconds between looks at what came back from a cluster, or was taken by a process.
LOOK = 0.005


def packed(context: Any) -> bytes:
    """Return a context as bytes, functions of the moment included.

    Parameters
    ----------
    context : object
        What all units share.

    Returns
    -------
    bytes
    """
    from cloudpickle import dumps

    content: bytes = dumps(context)
    return content


@lru_cache(maxsize=2)
def _context_of(content: bytes) -> Any:
    """Return the context of bytes that this program sent to itself, once a worker."""
    from cloudpickle import loads

    return loads(content)


def carry_out(sent: tuple[Callable[..., Any], bytes], item: Any) -> Any:
    """Return a unit's result in a worker, of a function and a packed context.

    Parameters
    ----------
    sent : (callable, bytes)
        The function, and the context as `packed` gives it.
    item : object
        What tells the unit apart.

    Returns
    -------
    object
    """
    function, content = sent
    with one_thread_each():
        return function(_context_of(content), item)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Hold numerical libraries at one thread: at these sizes more of them cost time."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def killed_again(remedy: str) -> StudyError:
    """Return the error for a unit whose workers die again and again.

    Parameters
    ----------
    remedy : str
        What to do where the units ran.

    Returns
    -------
    StudyError
    """
    return StudyError(
        f"A worker was killed {AGAIN + 1} times at the same unit of work, most often because "
        f"memory ran out. A unit needs a process that lives until it ends. {remedy} {KEPT}"
    )
