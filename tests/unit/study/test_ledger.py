"""How often data were analysed: lines of a file that people can break."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from heldout.study.folders import mlruns
from heldout.study.ledger import count_analyses, note_run, read_ledger


def a_run(run_id: str, fingerprint: str = "f1", data: str = "d1") -> Any:
    """Return what the ledger reads of a record."""
    return SimpleNamespace(
        run_id=run_id, name="small", fingerprint=fingerprint, data_fingerprint=data
    )


def runs_of(folder: Path) -> list[str]:
    """Return the runs that a ledger names."""
    return [entry["run"] for entry in read_ledger(folder)]


def test_a_study_that_never_ran_has_no_entries(tmp_path: Path) -> None:
    assert read_ledger(tmp_path) == []
    assert count_analyses(a_run("a"), tmp_path) == 1


def test_a_run_is_noted_once_in_the_order_in_which_they_ended(tmp_path: Path) -> None:
    for run_id in ("b", "a", "b"):
        note_run(a_run(run_id), tmp_path, "2026-01-01")
    assert runs_of(tmp_path) == ["b", "a"]


def test_a_broken_line_loses_that_line_only(tmp_path: Path) -> None:
    note_run(a_run("a"), tmp_path, "2026-01-01")
    path = mlruns(tmp_path) / "ledger.jsonl"
    whole = path.read_text(encoding="utf-8")
    last = json.dumps(json.loads(whole) | {"run": "z"})
    path.write_text(f'{whole}{{"run": "half\n[]\n{{"run": "x"}}\n{last}\n', encoding="utf-8")
    assert runs_of(tmp_path) == ["a", "z"]


def test_different_experiments_on_the_same_data_are_counted(tmp_path: Path) -> None:
    for run in (a_run("a"), a_run("b", "f2"), a_run("c", "f3", "d2"), a_run("d"), a_run("e", "f4")):
        note_run(run, tmp_path, "2026-01-01")
    numbers = [
        count_analyses(run, tmp_path)
        for run in (a_run("a"), a_run("d"), a_run("b", "f2"), a_run("e", "f4"), a_run("n", "f5"))
    ]
    assert numbers == [1, 1, 2, 3, 4]
    assert count_analyses(a_run("c", "f3", "d2"), tmp_path) == 1
