"""`heldout init` on public tables, without any file of ours, and what the draft then does."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

from heldout.cli import main
from heldout.spec.composition import load_experiment
from heldout.study.plan import plan_study
from tests.unit.draft.drafts import dated_rows, points, rows_of, trial_rows, write_rows

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


def test_marks_that_still_stand_are_said_until_they_are_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An untouched draft once gave an AUC of .89, with the healthy controls in it."""
    shutil.copy(DATA / "nimh_ketamine/data.csv", tmp_path / "mine.csv")
    study = tmp_path / "s"
    assert main(["init", str(study), "--data", str(tmp_path / "mine.csv"), "--json"]) == 0
    decide = json.loads(capsys.readouterr().out)["decide"]
    experiment = study / "experiments/s.yaml"
    marked = {}
    for file in dict.fromkeys(one["file"] for one in decide):
        lines = (study / file).read_text().splitlines()
        marked[file] = [n for n, line in enumerate(lines, start=1) if "# DECIDE " in line]
    assert sum(map(len, marked.values())) == len(decide)
    assert main(["plan", str(experiment)]) == 0
    printed = capsys.readouterr()
    said = " ".join(printed.err.split())
    assert all(len(line) <= 80 for line in printed.err.splitlines() if str(tmp_path) not in line)
    cohort = marked["configs/cohort/s.yaml"]
    assert (
        f"configs/cohort/s.yaml: {len(cohort)} marks DECIDE still stand (lines "
        f"{', '.join(map(str, cohort))}). Decide each and delete its mark."
    ) in said
    (line,) = marked["experiments/s.yaml"]
    assert (
        f"{experiment}: 1 mark DECIDE still stands (line {line}). Decide it and delete the mark."
    ) in said
    assert "configs/features/s.yaml: 1 mark DECIDE still stands" in said
    assert "DECIDE" not in printed.out
    for file in marked:
        text = (study / file).read_text()
        (study / file).write_text(text.replace("# DECIDE ", "# decided "))
    assert main(["plan", str(experiment)]) == 0
    assert not capsys.readouterr().err


def test_a_mark_in_a_file_that_is_not_used_is_not_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(tmp_path / "t.csv", trial_rows())
    assert main(["init", str(tmp_path / "s"), "--data", str(data)]) == 0
    configs = tmp_path / "s/configs/cohort"
    clean = (configs / "s.yaml").read_text().replace("# DECIDE ", "# ")
    (configs / "clean.yaml").write_text(clean + "# In a draft, what to DECIDE is marked.\n")
    capsys.readouterr()
    experiment = str(tmp_path / "s/experiments/s.yaml")
    assert main(["plan", experiment, "use.cohort=clean"]) == 0
    assert "configs/cohort/" not in capsys.readouterr().err


def test_a_run_says_which_marks_stand_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import heldout.study.experiment

    class Reached(Exception):
        """The run began."""

    def run_experiment(*_: object, **__: object) -> None:
        raise Reached

    monkeypatch.setattr(heldout.study.experiment, "run_experiment", run_experiment)
    data = write_rows(tmp_path / "t.csv", trial_rows())
    assert main(["init", str(tmp_path / "s"), "--data", str(data)]) == 0
    capsys.readouterr()
    with pytest.raises(Reached):
        main(["run", str(tmp_path / "s/experiments/s.yaml")])
    assert "DECIDE still stand" in " ".join(capsys.readouterr().err.split())


def test_the_next_command_can_be_pasted_where_a_folder_has_a_blank_in_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(tmp_path / "t.csv", trial_rows())
    folder = tmp_path / "my study"
    assert main(["init", str(folder), "--data", str(data)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    words = shlex.split(last.removeprefix("Next: heldout "))
    assert words == ["plan", str(folder / "experiments/my_study.yaml")]


def test_a_dated_long_table_is_drafted_and_can_be_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_rows(tmp_path / "t.csv", dated_rows("%d.%m.%Y"))
    assert main(["init", str(tmp_path / "s"), "--data", str(data)]) == 0
    out = capsys.readouterr().out
    assert "40 patients, long: a row a patient and date ('Datum')" in out
    assert "day 0     first date of each patient" in out
    assert all(len(line) <= 80 for line in out.splitlines() if str(tmp_path) not in line)
    assert main(["plan", str(tmp_path / "s/experiments/s.yaml")]) == 0


@pytest.mark.slow
def test_the_draft_can_be_run(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "t.csv", trial_rows(40))
    assert main(["init", str(tmp_path / "s"), "--data", str(data)]) == 0
    few = ["validation.repeats=1", "tuning.trials=2", "models=[prevalence, severity, ridge]"]
    few += ["inference.permutations=0"]
    experiment = str(tmp_path / "s/experiments/s.yaml")
    assert main(["run", experiment, *few, "--workers", "1", "--no-mlflow"]) == 0
