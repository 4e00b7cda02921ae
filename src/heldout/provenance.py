"""What a run depends on, by which it is named: experiment, data, code and library versions.

So the same command finds its own half-finished or finished work again, and nothing else's.
"""

from __future__ import annotations

import hashlib
import json
import platform
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

_LIBRARIES = (
    "numpy", "scipy", "pandas", "scikit-learn", "xgboost", "numba", "optuna", "shap", "mlflow",
)  # fmt: skip


@cache
def code_digest() -> str:
    """Return the SHA-256 of this package's own files.

    Returns
    -------
    str
        As they are on disk when it is first asked for; the same on every system.
    """
    digest = hashlib.sha256()
    root = Path(str(files("heldout")))
    # Keys of questionnaires are code too: they decide what an answer counts.
    names = {
        path.relative_to(root).as_posix(): path
        for path in root.rglob("*")
        if path.suffix in (".py", ".yaml")
    }
    for name, path in sorted(names.items()):
        digest.update(name.encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def versions() -> dict[str, str]:
    """Return the versions of this package and of the libraries that decide figures.

    Returns
    -------
    dict of str to str
        Name -> version.
    """
    return {name: metadata.version(name) for name in ("heldout", *_LIBRARIES)}


def name_run(fingerprint: str, data_fingerprint: str, own: Sequence[str] = ()) -> str:
    """Return a run's name: twelve hexadecimal digits.

    Parameters
    ----------
    fingerprint, data_fingerprint : str
        Digests of the experiment and of the data.
    own : sequence of str
        What users' own estimators are made of.

    Returns
    -------
    str
        The same for the same experiment, data, code and library versions.
    """
    parts = [fingerprint, data_fingerprint, code_digest(), json.dumps(versions(), sort_keys=True)]
    parts += own
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def environment_of(started: datetime, *, workers: int, engine: str) -> dict[str, Any]:
    """Return what may differ between equal runs.

    Parameters
    ----------
    started : datetime
        In UTC.
    workers : int
        How many units ran at once.
    engine : str
        Name of where they ran.

    Returns
    -------
    dict
        Ready for JSON.
    """
    return {
        "versions": versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "code": code_digest(),
        "workers": workers,
        "engine": engine,
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
    }
