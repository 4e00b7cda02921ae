"""Whole runs through the command line."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from heldout.cli import main
from heldout.cli.parser import parsed
from heldout.cli.studies import outcome_text
from heldout.record import read_record
from heldout.study.folders import find_record
from heldout.wording import decimal
from tests.small_study import (
    SECRET_ANSWER,
    experiment_of,
    simulated_patients,
    write_small_study,
    write_table,
)

CELL = {
    "outcome", "follow_up", "model", "n", "events", "status", "reason", "auc", "auc_low",
    "auc_high", "brier", "brier_skill", "p", "p_adjusted", "arithmetic", "kind", "r2", "r2_low",
    "r2_high", "mae", "mae_mean", "spearman", "concordance", "calibration_slope", "chance",
    "critical", "factor", "ici", "calibration_in_the_large", "auc_within_sites",
    "brier_skill_low", "brier_skill_high", "mae_low", "mae_high", "spearman_low", "spearman_high",
}  # fmt: skip
TABLES = ("predictions", "choices", "trials", "explanations", "permutations")
FIGURES = ("record.json", *(f"{table}.csv" for table in TABLES))


def only_record(folder: Path) -> Path:
    """Return the one record under a study folder."""
    (found,) = folder.glob("mlruns/records/*/*/manifest.json")
    return found.parent


def figures(folder: Path) -> dict[str, bytes]:
    """Return the bytes of everything that must be equal between equal runs."""
    return {name: (only_record(folder) / name).read_bytes() for name in FIGURES}


TWO_WORKERS = ("--workers", "2", "--no-mlflow")
# The command, told to wait at the fourth unit that it would store.
WAITS_TO_BE_KILLED = """
import time
import heldout.study.units as units

def write_and_wait(path, content, number=iter(range(20))):
    if next(number) == 3:
        print("3 are stored", flush=True)
        while True:
            time.sleep(1)
    write(path, content)

write, units.write_atomically = units.write_atomically, write_and_wait
from heldout.__main__ import command
command()
"""


def heldout(*arguments: str) -> subprocess.Popen[str]:
    """Start the command in a process group of its own."""
    return started([sys.executable, "-m", "heldout", *arguments])


def started(command: list[str]) -> subprocess.Popen[str]:
    """Start a process in a group of its own."""
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_json_is_one_object_and_nothing_else(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(finished_study, tmp_path / "study")
    path = folder / "experiments" / "small.yaml"
    assert main(["run", str(path), "--no-mlflow", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    told = {"run_id", "record", "report", "verdict", "answers", "associated", "permutation"}
    assert set(printed) == told | {
        "cells", "headline", "differences", "frozen", "calibration", "transport", "analysis",
    }  # fmt: skip
    assert all(set(cell) == CELL for cell in printed["cells"] + printed["headline"])
    assert Path(printed["report"]).is_file()
    assert [cell["follow_up"] for cell in printed["headline"]] == ["d7", "d28"]


def test_a_finished_run_is_opened_not_repeated(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(finished_study, tmp_path / "study")
    before = (only_record(folder) / "environment.json").read_bytes()
    assert main(["run", str(folder / "experiments" / "small.yaml"), "--no-mlflow"]) == 0
    assert "was finished before" in capsys.readouterr().err
    assert (only_record(folder) / "environment.json").read_bytes() == before


def test_the_order_of_the_rows_changes_no_figure(finished_study: Path, tmp_path: Path) -> None:
    path = write_small_study(tmp_path)
    write_table(tmp_path, simulated_patients()[::-1])
    assert main(["run", str(path), "--workers", "1", "--no-mlflow"]) == 0
    shuffled, ordered = (read_record(only_record(one)) for one in (tmp_path, finished_study))
    assert (shuffled.cells, shuffled.headline) == (ordered.cells, ordered.headline)
    assert shuffled.predictions.equals(ordered.predictions)
    assert shuffled.explanations.equals(ordered.explanations)


@pytest.mark.slow
def test_two_workers_give_the_bits_of_one(finished_study: Path, tmp_path: Path) -> None:
    path = write_small_study(tmp_path)
    assert main(["run", str(path), "--workers", "2", "--no-mlflow"]) == 0
    assert figures(tmp_path) == figures(finished_study)


@pytest.mark.slow
@pytest.mark.parametrize("killer", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_goes_on_and_gives_the_same_bits(
    finished_study: Path, tmp_path: Path, killer: signal.Signals
) -> None:
    """What a run has finished is not done again, and nothing tells that it was killed."""
    path = write_small_study(tmp_path)
    process = started([sys.executable, "-c", WAITS_TO_BE_KILLED, "run", str(path), *TWO_WORKERS])
    assert process.stdout is not None
    assert process.stdout.readline() == "3 are stored\n", process.communicate()
    os.killpg(process.pid, killer)
    process.communicate()
    assert process.returncode != 0
    stored = {
        file.name: file.stat().st_mtime_ns
        for file in tmp_path.glob("mlruns/records/small/.*.units/o*.json")
    }
    assert len(stored) == 3
    again = heldout("run", str(path), "--workers", "1", "--no-mlflow")
    _, told = again.communicate()
    assert again.returncode == 0
    assert f"{len(stored)} of them done before" in told
    assert figures(tmp_path) == figures(finished_study)
    assert not list(tmp_path.glob("mlruns/records/small/.*"))


def test_a_damaged_unit_is_done_again(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_small_study(tmp_path)
    run_id = only_record(finished_study).name
    units = tmp_path / "mlruns" / "records" / "small" / f".{run_id}.units"
    units.mkdir(parents=True)
    (units / "o0-r0-f0.json").write_text("{}", encoding="utf-8")
    (units / "o0-r0-f1.json").write_text("{", encoding="utf-8")
    assert main(["run", str(path), "--workers", "1", "--no-mlflow"]) == 0
    assert "done before" not in capsys.readouterr().err
    assert figures(tmp_path) == figures(finished_study)


def test_a_run_that_another_process_carries_out_is_declined(
    small_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two processes on one run would fit everything twice and fight over its folder."""
    from heldout.files import hold
    from heldout.provenance import name_run
    from heldout.spec.composition import load_experiment
    from heldout.spec.experiment import fingerprint
    from heldout.study.plan import plan_study

    plan = plan_study(load_experiment(small_study))
    run_id = name_run(fingerprint(plan.experiment), plan.data_fingerprint)
    records = small_study.parents[1] / "mlruns" / "records" / "small"
    records.mkdir(parents=True)
    let_go = hold(records / f".{run_id}.lock")
    assert main(["run", str(small_study), "--no-mlflow"]) == 1
    let_go()
    assert "another process is carrying out this very run" in capsys.readouterr().err
    assert not list(records.iterdir())


def test_nothing_printed_repeats_a_patients_answer(
    small_study: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(small_study), "--workers", "1", "--no-mlflow", "tuning.trials=1"]) == 0
    printed = capfd.readouterr()
    assert SECRET_ANSWER not in printed.out + printed.err


def test_the_verdict_comes_first_and_fits_the_terminal(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(finished_study, tmp_path / "study")
    assert main(["run", str(folder / "experiments" / "small.yaml"), "--no-mlflow"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert lines[0].startswith(("No evidence", "The 95 % interval"))
    assert max(map(len, [line for line in lines if "mlruns" not in line])) <= 80


@pytest.mark.parametrize("inside", [True, False])
def test_the_commands_that_are_hinted_at_work_from_here(
    finished_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    """Beside the study lies, as often, its folder, which is called like the experiment."""
    folder = shutil.copytree(finished_study, tmp_path / "small")
    monkeypatch.chdir(folder if inside else tmp_path)
    text = outcome_text(read_record(only_record(folder)), tracked=True)
    commands = {
        line.split()[0]: line.split()[2:] for line in text.splitlines() if "heldout" in line
    }
    assert commands["Comparison"] == (["ui"] if inside else ["ui", "--folder", "small"])
    hinted = parsed(commands["Export"])
    assert find_record(hinted.run, hinted.folder.resolve()).resolve() == only_record(folder)


def test_the_headline_stands_beside_its_references_within_a_terminal(finished_study: Path) -> None:
    record = read_record(only_record(finished_study))
    lines = outcome_text(record, tracked=True).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("headline minus"))
    facts = record.headline[0]
    assert lines[start + 1] == f"{facts.outcome} {facts.follow_up}"
    beside = record.differences[0]
    words = lines[start + 2].split()
    assert (words[0], words[1]) == (beside.reference, decimal(beside.difference))
    assert lines[start + 2].endswith(beside.word)
    assert max(map(len, lines[start : start + 3])) <= 80


def test_a_quick_plan_fits_nothing_and_writes_nothing(
    small_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(small_study), "validation.repeats=7", "--quick"]) == 0
    printed = capsys.readouterr().out
    assert "repeats: 7" in printed
    assert "2 outcomes x 7 repeats x 5 outer folds = 70 units" in printed
    assert not (small_study.parents[1] / "mlruns").exists()


def test_a_plan_can_be_run_as_an_experiment(
    small_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What plan prints is the experiment, whole: saved as a file it is the same experiment."""
    assert main(["plan", str(small_study)]) == 0
    first = capsys.readouterr().out
    copy = small_study.with_name("copy.yaml")
    copy.write_text(first.split("# Design")[0], encoding="utf-8")
    assert main(["plan", str(copy)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == first.splitlines()[1:]


@pytest.mark.slow
def test_a_number_and_a_class_go_through_one_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One fold plan, one record and one page serve both kinds of outcome."""
    score = {"name": "score", "column": "madrs", "rule": {"value": "score"}, "at": ["d28"]}
    outcomes = [*experiment_of()["outcomes"], score]
    path = write_small_study(tmp_path, outcomes=outcomes, models=["prevalence", "ridge"])
    assert main(["run", str(path), "--no-mlflow", "--workers", "1"]) == 0
    figure = r"\N{MINUS SIGN}?1?\.\d\d"
    assert re.search(rf"score d28 +38 +{figure} +{figure} to {figure} ", capsys.readouterr().out)
    record = read_record(only_record(tmp_path))
    assert [cell.kind for cell in record.headline] == ["class", "class", "number"]
    by_kind = record.predictions.groupby("outcome")
    folds = {name: rows.groupby(["patient", "repeat"])["fold"].first() for name, rows in by_kind}
    both = folds["score"].index.intersection(folds["response"].index)
    assert len(both) > 60
    assert (folds["score"][both] == folds["response"][both]).all()


KNN = """
estimator: sklearn.neighbors.KNeighborsClassifier
space: {n_neighbors: {whole: [2, 20]}}
"""


def test_a_pruned_candidate_is_marked_and_is_never_the_best(tmp_path: Path) -> None:
    path = write_small_study(
        tmp_path,
        models=["prevalence", "knn"],
        validation={"outer": 5, "inner": 5, "repeats": 1},
        tuning={"trials": 12, "sampler": "random", "prune": True},
    )
    own = tmp_path / "configs" / "models" / "knn.yaml"
    own.parent.mkdir()
    own.write_text(KNN, encoding="utf-8")
    assert main(["run", str(path), "--workers", "1", "--no-mlflow"]) == 0
    record = read_record(only_record(tmp_path))
    tried = record.trials[record.trials["model"] == "knn"]
    assert 0 < tried["pruned"].sum() < len(tried)
    through = tried[~tried["pruned"]].groupby(["outcome", "follow_up", "repeat", "fold"])
    best = through["criterion"].min().rename("best").reset_index()
    chosen = record.choices[record.choices["model"] == "knn"].merge(best)
    assert len(chosen) == 10
    assert (chosen["criterion"] - chosen["best"]).abs().max() < 1e-12
