"""Where runs are kept, and how a run is named.

A run is named by what it depends on: experiment, data, code and library versions. So the
same command finds its own half-finished or finished work again, and nothing else's.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import socket
from datetime import UTC, datetime
from functools import cache
from glob import escape
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

from heldout.errors import RecordError

__all__ = ["code_digest", "environment_of", "find_record", "mlruns", "name_run", "record_folder"]

LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "xgboost", "optuna", "shap", "mlflow")


def mlruns(folder: Path) -> Path:
    """Return the folder of everything runs leave behind.

    Parameters
    ----------
    folder : Path
        The study folder.

    Returns
    -------
    Path
    """
    return folder / "mlruns"


def record_folder(folder: Path, name: str, run_id: str) -> Path:
    """Return the folder of a run's record."""
    return mlruns(folder) / "records" / name / run_id


@cache
def code_digest() -> str:
    """Return the SHA-256 of this package's own files."""
    digest = hashlib.sha256()
    root = Path(str(files("heldout")))
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".yaml"):
            digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def versions() -> dict[str, str]:
    """Return the versions of this package and of the libraries that decide figures."""
    return {"heldout": metadata.version("heldout")} | {
        name: metadata.version(name) for name in LIBRARIES
    }


def name_run(fingerprint: str, data_fingerprint: str) -> str:
    """Return a run's name: twelve hexadecimal digits.

    Parameters
    ----------
    fingerprint, data_fingerprint : str
        Digests of the experiment and of the data.

    Returns
    -------
    str
        The same for the same experiment, data, code and library versions.
    """
    parts = [fingerprint, data_fingerprint, code_digest(), json.dumps(versions(), sort_keys=True)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def environment_of(started: datetime, workers: int | None) -> dict[str, Any]:
    """Return what may differ between equal runs.

    Parameters
    ----------
    started : datetime
        In UTC.
    workers : int or None
        As asked for.

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
        "workers": workers or os.cpu_count(),
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
    }


def find_record(run: str, folder: Path) -> Path:
    """Return the folder of the record a user means.

    Parameters
    ----------
    run : str
        A record's folder, a run's name or its beginning, or an experiment's name or file (its
        newest run).
    folder : Path
        The study folder.

    Returns
    -------
    Path

    Raises
    ------
    RecordError
        If there is none, or more than one run begins like that.
    """
    if (Path(run) / "manifest.json").is_file():
        return Path(run)
    records = mlruns(folder) / "records"
    named = records / Path(run).stem
    if named.is_dir():
        finished = [path.parent for path in named.glob("[!.]*/manifest.json")]
        if finished:
            return max(finished, key=lambda path: (path / "manifest.json").stat().st_mtime)
    if Path(run).is_dir():
        return Path(run)
    found = sorted(path.parent for path in records.glob(f"*/{escape(run)}*/manifest.json"))
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(path.name for path in found)
        raise RecordError(f"'{run}' begins several runs: {listed}. Write more of its name.")
    raise RecordError(
        f"'{run}': no finished run of this name under {records}. Give a record's folder, a run's "
        "name or an experiment's name, or run the experiment first."
    )
