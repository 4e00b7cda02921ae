"""How often data were analysed: lines of a file that people can break."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from heldout.study.folders import mlruns
from heldout.study.ledger import count_analyses, note_run, read_ledger


def a_run(run_id: str, fingerprint: str = "f1", data: str = "d1") -> Any:
    """Return what the ledger reads of a record."""
    return SimpleNamespace(
        run_id=run_id, name="small", fingerprint=fingerprint, data_fingerprint=data
    )


@pytest.fixture(name="study")
def study_with_runs(tmp_path: Path) -> Path:
    """Return a study folder in which something ran."""
    mlruns(tmp_path).mkdir()
    return tmp_path


def runs_of(folder: Path) -> list[str]:
    """Return the runs that a ledger names."""
    return [entry["run"] for entry in read_ledger(folder)]


def test_a_study_that_never_ran_has_no_entries(tmp_path: Path) -> None:
    assert read_ledger(tmp_path) == []
    assert count_analyses(a_run("a"), tmp_path) == 1


def test_a_run_is_noted_once_in_the_order_in_which_they_ended(study: Path) -> None:
    for run_id in ("b", "a", "b"):
        note_run(a_run(run_id), study, "2026-01-01")
    assert runs_of(study) == ["b", "a"]


def test_a_broken_line_loses_that_line_only(study: Path) -> None:
    note_run(a_run("a"), study, "2026-01-01")
    path = mlruns(study) / "ledger.jsonl"
    whole = path.read_text(encoding="utf-8")
    last = json.dumps(json.loads(whole) | {"run": "z"})
    path.write_text(f'{whole}\n{{"run": "half\n[]\n{{"run": "x"}}\n{last}\n', encoding="utf-8")
    assert runs_of(study) == ["a", "z"]


def test_different_experiments_on_the_same_data_are_counted(study: Path) -> None:
    for run in (a_run("a"), a_run("b", "f2"), a_run("c", "f3", "d2"), a_run("d"), a_run("e", "f4")):
        note_run(run, study, "2026-01-01")
    numbers = [
        count_analyses(run, study)
        for run in (a_run("a"), a_run("d"), a_run("b", "f2"), a_run("e", "f4"), a_run("n", "f5"))
    ]
    assert numbers == [1, 1, 2, 3, 4]
    assert count_analyses(a_run("c", "f3", "d2"), study) == 1
