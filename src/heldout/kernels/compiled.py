"""How a kernel is compiled: once, kept on disk, and free of Python's lock while it runs.

Every kernel is a *path*: it fits one training set for each of a list of candidates, and returns
what each fit says of the patients who were left out of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba import types
from numba.core.caching import FunctionCache, IndexDataCacheFile

from heldout.kernels import source_digest

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
        dispatcher = numba.njit(nogil=True, error_model="numpy")(function)
        dispatcher._cache = _Kept(function)
        if signature is not None:
            dispatcher.compile(signature)
            dispatcher.disable_compile()
        compiled_function: Function = dispatcher
        return compiled_function

    return decorate


class _Kept(FunctionCache):  # type: ignore[misc] # numba has no types
    """Compiled code on disk that any change of any kernel makes stale.

    Numba's own cache looks at the file of the function alone. A kernel holds the kernels that it
    calls, of other files too; after an update it would go on with what they did before.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = IndexDataCacheFile(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=self._impl.locator.get_source_stamp() + source_digest(),
        )
