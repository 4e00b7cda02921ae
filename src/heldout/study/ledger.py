"""How often these data were analysed: every run is noted, whatever it found.

A p is honest for one analysis. Whoever tries ten definitions and reports the best one has looked
ten times, and the next reader must be able to see it. The ledger counts; it judges nobody.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from heldout.files import append_line, read_entries
from heldout.record import RunRecord
from heldout.study.folders import mlruns


def _ledger_of(folder: Path) -> Path:
    """Return the file of a study's ledger."""
    return mlruns(folder) / "ledger.jsonl"


def read_ledger(folder: Path) -> list[dict[str, Any]]:
    """Return the runs that a study has noted, in the order in which they ended.

    Parameters
    ----------
    folder : Path
        The study folder.

    Returns
    -------
    list of dict
        ``run``, ``experiment``, ``fingerprint``, ``data``, ``ended``; a broken line is left out.
    """
    return [
        entry
        for entry in read_entries(_ledger_of(folder))
        if isinstance(entry, dict) and {"run", "fingerprint", "data"} <= entry.keys()
    ]


def note_run(record: RunRecord, folder: Path, ended: str) -> None:
    """Note a run, once.

    Parameters
    ----------
    record : RunRecord
        Finished.
    folder : Path
        The study folder.
    ended : str
        Time, as text.
    """
    # The same run once more is no second look at the data.
    if any(entry["run"] == record.run_id for entry in read_ledger(folder)):
        return
    entry = {
        "run": record.run_id,
        "experiment": record.name,
        "fingerprint": record.fingerprint,
        "data": record.data_fingerprint,
        "ended": ended,
    }
    append_line(_ledger_of(folder), json.dumps(entry))


def count_analyses(record: RunRecord, folder: Path) -> int:
    """Return which analysis of its data a run is: 1 for the first one.

    Parameters
    ----------
    record : RunRecord
        Noted, or not yet.
    folder : Path
        The study folder.

    Returns
    -------
    int
        Different experiments on the same data up to this one; the same experiment done again, by
        another version say, is no further look.
    """
    seen: list[str] = []
    for entry in read_ledger(folder):
        if entry["data"] == record.data_fingerprint and entry["fingerprint"] not in seen:
            seen.append(entry["fingerprint"])
    if record.fingerprint not in seen:
        seen.append(record.fingerprint)
    return seen.index(record.fingerprint) + 1
