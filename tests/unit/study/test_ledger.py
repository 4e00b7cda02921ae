"""How often data were analysed: lines of a file that people can break."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from heldout.spec.composition import load_experiment
from heldout.spec.experiment import Experiment
from heldout.study.folders import mlruns
from heldout.study.ledger import (
    compare_with_frozen,
    count_analyses,
    freeze_plan,
    note_run,
    read_ledger,
)
from heldout.study.plan import StudyPlan, plan_study
from tests.small_study import simulated_patients, write_table


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


def planned(small_study: Path, *overrides: str) -> tuple[Experiment, StudyPlan]:
    """Return an experiment and its plan."""
    experiment = load_experiment(small_study, overrides)
    return experiment, plan_study(experiment)


def test_a_run_is_compared_with_the_last_plan_that_was_frozen(small_study: Path) -> None:
    folder = small_study.parents[1]
    assert compare_with_frozen(*planned(small_study)) is None
    freeze_plan(*planned(small_study, "outcomes.0.primary=d28"))
    as_planned = compare_with_frozen(*planned(small_study, "outcomes.0.primary=d28"))
    assert as_planned is not None
    assert (as_planned.changed, as_planned.data_changed) == ((), False)
    assert as_planned.primary == "response at d28"
    assert as_planned.named == as_planned.date
    other = compare_with_frozen(*planned(small_study, "outcomes.0.primary=d7", "seed=4"))
    assert other is not None
    assert other.changed == ("outcomes.0.primary", "seed")
    assert (other.primary, other.named) == ("response at d28", None)
    # A second plan is compared with; the first one stays.
    freeze_plan(*planned(small_study, "seed=4"))
    again = compare_with_frozen(*planned(small_study, "seed=4"))
    assert again is not None
    assert (again.changed, again.primary, again.named) == ((), None, None)
    lines = (mlruns(folder) / "ledger.jsonl").read_text(encoding="utf-8").strip().splitlines()
    assert [json.loads(line)["frozen"] for line in lines] == ["small", "small"]


def test_a_primary_outcome_was_named_when_it_was_first_frozen(small_study: Path) -> None:
    """Plans that agree on it carry its date back; one that does not ends that."""
    overrides = "outcomes.0.primary=d28"
    freeze_plan(*planned(small_study, overrides))
    ledger = mlruns(small_study.parents[1]) / "ledger.jsonl"
    line = json.loads(ledger.read_text(encoding="utf-8"))
    days = {"2026-01-01": "response at d28", "2026-02-01": "response at d7"} | {
        f"2026-0{month}-01": "response at d28" for month in (3, 4)
    }
    lines = [json.dumps(line | {"at": day, "primary": primary}) for day, primary in days.items()]
    ledger.write_text("\n".join(lines), encoding="utf-8")
    compared = compare_with_frozen(*planned(small_study, overrides))
    assert compared is not None
    assert (compared.date, compared.named) == ("2026-04-01", "2026-03-01")


def test_data_that_changed_and_looks_before_the_freezing_are_told(small_study: Path) -> None:
    folder = small_study.parents[1]
    mlruns(folder).mkdir()
    experiment, plan = planned(small_study)
    for fingerprint in ("f1", "f2", "f1"):
        note_run(a_run(fingerprint, fingerprint, plan.data_fingerprint), folder, "2026-01-01")
    note_run(a_run("x", "f3", "other data"), folder, "2026-01-01")
    freeze_plan(experiment, plan)
    note_run(a_run("y", "f4", plan.data_fingerprint), folder, "2026-01-01")
    write_table(folder, simulated_patients(seed=8))
    compared = compare_with_frozen(*planned(small_study))
    assert compared is not None
    assert (compared.data_changed, compared.changed, compared.analyses_before) == (True, (), 2)
    assert read_ledger(folder)[-1]["run"] == "y"
