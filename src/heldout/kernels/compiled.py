"""How a kernel is compiled: once, kept on disk, and free of Python's lock while it runs.

Every kernel is a *path*: it fits one training set for each of a list of candidates, and returns
what each fit says of the patients who were left out of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba import types

__all__ = ["FLOATS", "MATRIX", "PATH", "compiled"]

Function = TypeVar("Function", bound=Callable[..., Any])

FLOATS = types.Array(types.float64, 1, "C")
MATRIX = types.Array(types.float64, 2, "C")
# (train, answers, weights, candidates, test, seed) -> (margins, converged)
PATH = types.Tuple((MATRIX, FLOATS))(MATRIX, FLOATS, FLOATS, MATRIX, MATRIX, types.int64)


def compiled(signature: Any = None) -> Callable[[Function], Function]:
    """Return a decorator that compiles a function; with a signature it does so at once.

    Parameters
    ----------
    signature : numba signature, optional
        Such as `PATH`; without one a function is compiled for the types it is called with.

    Returns
    -------
    callable
        Compiled functions are kept on disk beside the source, hold no lock while they run, and
        follow NumPy where something is divided by 0.
    """

    def decorate(function: Function) -> Function:
        made: Function = numba.njit(signature, cache=True, nogil=True, error_model="numpy")(
            function
        )
        return made

    return decorate
