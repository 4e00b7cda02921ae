"""Compiled solvers that fit many small problems at once; nobody else knows they are compiled.

At 36 patients the arithmetic of a fit takes microseconds and the calls around it milliseconds. A
kernel fits all candidates of a training set in one call (`compiled.PATH` is what it must look
like), and `nested.nested_path` takes one through all training sets of a design. Each kernel's own
module says which problem it solves, how, when it stops, and which scikit-learn estimator it equals.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

# Name -> module and function; a module is imported, and compiled, when it is first asked for.
KERNELS = {
    "constant": ("constant", "constant_path"),
    "ridge_logistic": ("ridge_logistic", "ridge_logistic_path"),
    "firth_logistic": ("firth_logistic", "firth_logistic_path"),
    "elastic_net_logistic": ("elastic_net_logistic", "elastic_net_logistic_path"),
    "elastic_net_linear": ("elastic_net_linear", "elastic_net_linear_path"),
    "ridge_linear": ("ridge_linear", "ridge_linear_path"),
    "linear_svc": ("support_vector", "linear_svc_path"),
    "rbf_svc": ("support_vector", "rbf_svc_path"),
    "forest": ("forest", "forest_path"),
    "boosted_log_odds": ("boosting", "boosted_log_odds_path"),
    "boosted_numbers": ("boosting", "boosted_numbers_path"),
}


@cache
def load_kernel(name: str) -> Any:
    """Return a kernel's path.

    Parameters
    ----------
    name : str
        One of `KERNELS`.

    Returns
    -------
    compiled function
        Called as `heldout.kernels.compiled.PATH` says.
    """
    module, function = KERNELS[name]
    return getattr(import_module(f"heldout.kernels.{module}"), function)


@cache
def source_digest() -> bytes:
    """Return what compiled kernels depend on: a digest of all their sources.

    Returns
    -------
    bytes
        SHA-256 of the modules of this package and of the rule of the folds, which is compiled too.
    """
    here = Path(str(files("heldout.kernels")))
    digest = hashlib.sha256()
    for path in (*sorted(here.glob("*.py")), here.parent / "splits.py"):
        digest.update(path.read_bytes())
    return digest.digest()


def compiled_before() -> bool:
    """Return whether compiled kernels of these sources may be on disk already.

    Returns
    -------
    bool
        False if the next use will take its time to compile.
    """
    import numba

    here = Path(str(files("heldout.kernels")))
    kept = [here / "__pycache__", *Path(numba.config.CACHE_DIR or here).glob("*")]
    of_today = (source_digest(), numba.__version__.encode())
    return any(
        all(mark in index.read_bytes() for mark in of_today)
        for folder in kept
        for index in folder.glob("nested.nested_path*.nbi")
    )
