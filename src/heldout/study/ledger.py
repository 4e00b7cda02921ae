"""How often these data were analysed, and what was planned: every run is noted, whatever it found.

A p is honest for one analysis. Whoever tries ten definitions and reports the best one has looked
ten times, and the next reader must be able to see it; so must who names the question afterwards.
The ledger counts and dates; it judges nobody. Lines are added and never changed.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from heldout.files import append_line, read_entries, writing
from heldout.record import RunRecord
from heldout.spec.experiment import Experiment, composed, fingerprint
from heldout.spec.frozen import Frozen, changed_keys
from heldout.study.folders import mlruns
from heldout.study.plan import StudyPlan

_OF_RUN = {"run", "fingerprint", "data"}
_OF_FROZEN = {"frozen", "at", "fingerprint", "data", "primary", "experiment"}


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
    return [entry for entry in _entries(folder) if entry.keys() >= _OF_RUN]


def _entries(folder: Path) -> list[dict[str, Any]]:
    """Return every whole line of a study's ledger."""
    return [entry for entry in read_entries(_ledger_of(folder)) if isinstance(entry, dict)]


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


def freeze_plan(experiment: Experiment, plan: StudyPlan) -> None:
    """Note a plan, its primary outcome and the time; plans frozen before stay.

    Parameters
    ----------
    experiment : Experiment
        As it was asked for.
    plan : StudyPlan
        Its plan.

    Raises
    ------
    RecordError
        If the ledger cannot be written.
    """
    ledger = _ledger_of(experiment.folder)
    entry = {
        "frozen": experiment.name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "fingerprint": fingerprint(plan.experiment),
        "data": plan.data_fingerprint,
        "primary": _primary_of(plan),
        # As asked for: what the plan fills in may follow from the data alone.
        "experiment": composed(experiment),
    }
    with writing(ledger.parent):
        ledger.parent.mkdir(parents=True, exist_ok=True)
    append_line(ledger, json.dumps(entry))


def compare_with_frozen(experiment: Experiment, plan: StudyPlan) -> Frozen | None:
    """Return the last frozen plan of an experiment's name, and in what it is another one now.

    Parameters
    ----------
    experiment : Experiment
        As it is asked for.
    plan : StudyPlan
        Its plan.

    Returns
    -------
    Frozen or None
        None if no plan of this name was frozen.
    """
    entries, name = _entries(experiment.folder), experiment.name
    frozen = [
        (place, entry)
        for place, entry in enumerate(entries)
        if entry.keys() >= _OF_FROZEN and entry["frozen"] == name
    ]
    if not frozen:
        return None
    place, last = frozen[-1]
    primary, named = _primary_of(plan), None
    if primary is not None:
        for _, entry in reversed(frozen):
            if entry["primary"] != primary:
                break
            named = _date_of(entry)
    looked = {
        entry["fingerprint"]
        for entry in entries[:place]
        if entry.keys() >= _OF_RUN and entry["data"] == last["data"]
    }
    return Frozen(
        date=_date_of(last),
        primary=last["primary"],
        named=named,
        changed=tuple(changed_keys(last["experiment"], composed(experiment))),
        data_changed=last["data"] != plan.data_fingerprint,
        analyses_before=len(looked),
    )


def _date_of(entry: dict[str, Any]) -> str:
    """Return the day on which a plan was frozen."""
    return str(entry["at"])[:10]


def _primary_of(plan: StudyPlan) -> str | None:
    """Return the primary outcome of a plan, in words."""
    for outcome in plan.design.outcomes:
        if outcome.primary:
            return f"{outcome.name.replace('_', ' ')} at {outcome.follow_up}"
    return None
