"""Where runs are kept, and how a run is named.

A run is named by what it depends on: experiment, data, code and library versions. So the
same command finds its own half-finished or finished work again, and nothing else's.
"""

from __future__ import annotations

import hashlib
import json
import platform
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import Any

from heldout.errors import RecordError
from heldout.parallel import Engine, code_digest, versions, workers_of


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


def environment_of(started: datetime, engine: Engine) -> dict[str, Any]:
    """Return what may differ between equal runs.

    Parameters
    ----------
    started : datetime
        In UTC.
    engine : Engine
        Where units ran.

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
        "workers": workers_of(engine),
        "engine": engine.name,
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
    found = sorted(path.parent for path in records.glob(f"*/{escape(run)}*/manifest.json"))
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(path.name for path in found)
        raise RecordError(f"'{run}' begins several runs: {listed}. Write more of its name.")
    no_record = " The folder of this name is no record: it has no manifest.json."
    raise RecordError(
        f"'{run}': no finished run of this name under {records}."
        f"{no_record if Path(run).is_dir() else ''} Give a record's folder, a run's name or an "
        "experiment's name, name the study folder with --folder, or run the experiment first."
    )
