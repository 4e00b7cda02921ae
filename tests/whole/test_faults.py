"""A user's mistake ends with exit status 1 or 2 and one message, never a traceback."""

import json
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heldout.cli import main
from tests.small_study import experiment_of, simulated_patients, write_table

Change = Callable[[dict[str, Any]], object]


def run_changed(
    path: Path, change: Change, capsys: pytest.CaptureFixture[str], *overrides: str
) -> tuple[int, str]:
    """Change the experiment, run it, and return exit status and message."""
    experiment = experiment_of()
    change(experiment)
    path.write_text(json.dumps(experiment), encoding="utf-8")
    status = main(["run", str(path), "--workers", "1", "--no-mlflow", *overrides])
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert not printed.out
    return status, " ".join(printed.err.split())


EXPERIMENT_FAULTS: dict[str, tuple[Change, str]] = {
    "unknown key": (
        lambda e: e.update(tunning={"trials": 3}),
        "unknown key 'tunning'; allowed: .* Did you mean 'tuning'",
    ),
    "unknown model": (
        lambda e: e.update(models=["prevalence", "rigde"]),
        "'rigde' is no known model.*Did you mean 'ridge'",
    ),
    "piece that is not there": (
        lambda e: e.update(use={"models": "standrad"}),
        "use.models: 'standrad' is no known piece in configs/models/.*Did you mean 'standard'",
    ),
    "data file missing": (
        lambda e: e["cohort"]["table"].update(file="dta.csv"),
        "there is no file 'dta.csv' in the study folder",
    ),
    "column missing": (
        lambda e: e["cohort"]["columns"]["age"].update(column="agee"),
        "the table has no column 'agee'.*Did you mean 'age'",
    ),
    "value out of range": (
        lambda e: e["cohort"]["columns"]["bmi"].update(range=[10, 37]),
        r"column 'bmi': \d+ of 40 values \(rows? .*\) lies? outside 10..37",
    ),
    "text in a numeric column": (
        lambda e: e["cohort"]["columns"].update(sex={"kind": "number"}),
        r"column 'sex': 40 of 40 values \(rows 2, 3.*\) are not numbers",
    ),
    "follow-up column as a feature": (
        lambda e: e["features"].append({"build": "totals", "columns": ["madrs_d28"]}),
        r"'madrs_d28' is known at visit 'd28' \(day 28\), which is later than baseline",
    ),
    "one class only": (
        lambda e: e["outcomes"][0].update(rule={"at_most": 59}),
        "No outcome can be evaluated:.*all .* patients observed had the event",
    ),
    "negative trials": (
        lambda e: e["tuning"].update(trials=-5),
        "tuning.trials: found -5; required: at least 1",
    ),
}


@pytest.mark.parametrize("fault", EXPERIMENT_FAULTS)
def test_a_faulty_experiment_ends_with_a_message(
    fault: str, small_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, words = EXPERIMENT_FAULTS[fault]
    pieces = small_study.parents[1] / "configs" / "models"
    pieces.mkdir()
    (pieces / "standard.yaml").write_text("[prevalence, ridge]", encoding="utf-8")
    status, message = run_changed(small_study, change, capsys)
    assert status in (1, 2)
    assert re.search(words, message), message


def test_a_patient_who_stands_twice_is_named(
    small_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = simulated_patients()
    write_table(small_study.parents[1], [*rows, rows[3]])
    status, message = run_changed(small_study, lambda e: None, capsys)
    assert status == 1
    assert "patient 003 stands more than once (rows 5, 42)" in message


@pytest.mark.parametrize("workers", ["0", "-1", "1.5", "two"])
def test_a_number_of_workers_is_above_0(
    workers: str, small_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["run", str(small_study), f"--workers={workers}"])
    words = f"argument --workers: '{workers}' is not a whole number above 0"
    assert words in capsys.readouterr().err


def test_fewer_than_ten_patients_are_refused(
    small_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(small_study.parents[1], simulated_patients()[:9])
    status, message = run_changed(small_study, lambda e: None, capsys)
    assert status == 1
    assert "9 patients are included; at least 10 are required" in message


def test_an_outcome_with_one_class_is_declined_and_the_rest_goes_on(
    small_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = experiment_of() | {"models": ["ridge"], "validation": {"repeats": 1}}
    sure = {"name": "sure", "column": "madrs", "rule": {"at_most": 59}, "at": ["d7"]}
    experiment["outcomes"].append(sure)
    small_study.write_text(json.dumps(experiment), encoding="utf-8")
    arguments = ["run", str(small_study), "--workers", "1", "--no-mlflow", "--json"]
    assert main(arguments) == 0
    declined = json.loads(capsys.readouterr().out)["headline"][2]
    assert (declined["status"], declined["auc"]) == ("declined", None)
    assert declined["reason"] == (
        "Sure at d7 was not evaluated: all 40 patients observed had the event."
    )


@pytest.mark.parametrize("command", ["report", "export", "run"])
def test_a_damaged_record_is_not_read(
    command: str, finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(finished_study, tmp_path / "study")
    (record,) = folder.glob("mlruns/records/small/*")
    table = record / "predictions.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("d28", "d7"), encoding="utf-8")
    capsys.readouterr()
    arguments = {
        "report": ["report", str(record)],
        "export": ["export", str(record), "--to", str(tmp_path / "bundle")],
        "run": ["run", str(folder / "experiments" / "small.yaml"), "--no-mlflow"],
    }
    assert main(arguments[command]) == 1
    message = " ".join(capsys.readouterr().err.split())
    assert "predictions.csv: was changed after the run" in message


def test_a_taken_port_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["ui", "--folder", str(tmp_path), "--port", str(port)]) == 1
    message = capsys.readouterr().err
    assert str(port) in message
    assert "Traceback" not in message


def test_what_the_system_refuses_is_a_message(
    small_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path too long for the system stands for everything it may refuse."""
    name = "x" * 5000
    assert main(["report", name, "--folder", str(small_study.parents[1])]) == 1
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["walk"], ["run"], ["ui", "--port", "x"]])
def test_wrong_usage_ends_with_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


def test_debug_shows_where_a_fault_was_found(small_study: Path) -> None:
    from heldout.errors import SpecError

    with pytest.raises(SpecError):
        main(["run", str(small_study), "seed=x", "--debug"])
