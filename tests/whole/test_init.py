"""`heldout init` on public tables, without any file of ours, and what the draft then does."""

import json
import shutil
from pathlib import Path

import pytest

from heldout.cli import main
from heldout.spec import load_experiment
from heldout.study import plan_study
from tests.unit.draft.drafts import points, rows_of, trial_rows, write_rows

DATA = Path(__file__).parents[2] / "experiments" / "data"

# Table -> instrument of the outcome, its source columns, visits and days, patients, site, n.
PUBLIC = {
    "nimh_ketamine/data.csv": (
        ("madrs", "MADRS_Total_b0"),
        {"b0": 0, "d2": 2, "d10": 10},
        ("participant_id", None, 58),
    ),
    "antidepressant_dia/data.csv": (
        ("hamd17", "BASVAL"),
        {"baseline": 0, "w1": 7, "w2": 14, "w4": 28, "w6": 42},
        ("PATIENT", "POOLINV", 172),
    ),
    "reisby_imipramine/long.csv": (
        ("hamd17", "hamd"),
        {"w0": 0, "w1": 7, "w2": 14, "w3": 21, "w4": 28, "w5": 35},
        ("id", None, 66),
    ),
}


@pytest.mark.parametrize("table", PUBLIC)
def test_a_public_table_is_recognised_and_its_draft_can_be_planned(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (instrument, start), visits, (patient, site, n_patients) = PUBLIC[table]
    shutil.copy(DATA / table, tmp_path / "mine.csv")
    study = tmp_path / "study"
    assert main(["init", str(study), "--data", str(tmp_path / "mine.csv"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    found = said["recognised"]
    assert (found["patient"], found["site"], found["patients"]) == (patient, site, n_patients)
    assert found["visits"] == visits
    experiment = load_experiment(study / said["experiment"])
    (outcome,) = experiment.outcomes
    assert experiment.cohort.columns[outcome.column].instrument == instrument
    plan = plan_study(experiment)
    assert len(plan.patients) == n_patients
    baseline = [one.inputs for one in plan.matrix.columns if one.name.startswith(outcome.column)]
    assert [inputs[0].removesuffix("_w0") for inputs in baseline] == [start]


def test_what_is_printed_fits_the_terminal_and_names_every_decision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(tmp_path / "t.csv", trial_rows())
    assert main(["init", str(tmp_path / "s"), "--data", str(data)]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines() if str(tmp_path) not in line)
    assert "outcome   madrs" in out
    assert "site      centre" in out
    assert "1. configs/cohort/s.yaml:" in out
    assert out.splitlines()[-1].startswith("Next: heldout plan ")


def test_a_table_with_nothing_recognisable_ends_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"a": row["sex"], "b": row["centre"]} for row in trial_rows()]
    data = write_rows(tmp_path / "t.csv", rows)
    assert main(["init", str(tmp_path / "s"), "--data", str(data)]) == 1
    printed = capsys.readouterr()
    assert "None of the 2 columns names the patients" in printed.err
    assert "Traceback" not in printed.err
    assert not (tmp_path / "s").exists()


def test_the_draft_can_be_planned_once_what_it_asks_is_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of(60, hamd_T0=points(20, 40), hamd_T1=points(2, 35), hamd_T2=points(2, 35))
    data = write_rows(tmp_path / "t.csv", rows)
    assert main(["init", str(tmp_path / "s"), "--data", str(data)]) == 0
    experiment = str(tmp_path / "s/experiments/s.yaml")
    assert main(["plan", experiment]) == 2
    assert "cohort.visits.t2.day: found nothing" in " ".join(capsys.readouterr().err.split())
    decided = ["cohort.visits.t1.day=7", "cohort.visits.t2.day=28"]
    assert main(["plan", experiment, *decided]) == 0


@pytest.mark.slow
def test_the_draft_can_be_run(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "t.csv", trial_rows(40))
    assert main(["init", str(tmp_path / "s"), "--data", str(data)]) == 0
    few = ["validation.repeats=1", "tuning.trials=2", "models=[prevalence, severity, ridge]"]
    experiment = str(tmp_path / "s/experiments/s.yaml")
    assert main(["run", experiment, *few, "--workers", "1", "--no-mlflow"]) == 0
