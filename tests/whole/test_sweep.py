"""One experiment in several forms: one comparison, the same folds, every fork counted."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from heldout.cli import main
from heldout.cli.studies import sweep_text
from heldout.record import read_record
from heldout.study.ledger import read_ledger
from heldout.tracking.store import quiet, store_uri
from tests.cells import cell_changed
from tests.small_study import write_small_study

pytestmark = pytest.mark.slow

LONG = "models=[prevalence, severity, ridge]"
SWEEP = ("--sweep", "tuning.trials=2,3", "--sweep", f"{LONG},[prevalence, ridge]")
N_FORKS, N_HEADLINES = 4, 2


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return a study file beside which nothing was run yet."""
    return write_small_study(tmp_path, validation={"outer": 5, "inner": 5, "repeats": 1})


def test_forks_stand_side_by_side_in_one_comparison(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(study), *SWEEP, "--workers", "1"]) == 0
    printed, told = capsys.readouterr()
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 80
    heads = [line for line in lines if line.endswith("adjusted  skill")]
    assert [head[:22].strip() for head in heads] == ["response d7", "response d28"]
    # A fork's name is too long for its column here, and stands above its figures.
    first = lines[lines.index(heads[0]) + 1 :][: 2 * N_FORKS]
    assert first[::2] == [
        f"tuning.trials={trials} {models}"
        for trials in (2, 3)
        for models in (LONG, "models=[prevalence, ridge]")
    ]
    assert all(line.startswith(" " * 22) and len(line) <= len(heads[0]) for line in first[1::2])
    assert "All forks share their folds" in printed
    assert f"{N_FORKS} forks are {N_FORKS} looks at the same patients" in printed
    assert "This is analysis 4 of these data" in printed
    assert "Fork 1 of 4: tuning.trials=2" in told
    assert "Fork 4 of 4: tuning.trials=3 models=[prevalence, ridge]" in told

    folder = study.parent.parent
    paths = [path.parent for path in folder.glob("mlruns/records/*/*/manifest.json")]
    records = {path: read_record(path) for path in paths}
    assert len(records) == N_FORKS
    assert len({record.folds_digest for record in records.values()}) == 1
    assert len(read_ledger(folder)) == N_FORKS

    from mlflow import MlflowClient

    with quiet():
        client = MlflowClient(store_uri(folder / "mlruns"))
        (experiment,) = [one for one in client.search_experiments() if one.name != "Default"]
        runs = client.search_runs([experiment.experiment_id])
    assert {one.data.tags["heldout.run"] for one in runs} == {
        record.run_id for record in records.values()
    }


def test_a_program_reads_all_forks_and_nothing_is_done_twice(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A short name stands in its column, and forks of the seed share no folds."""
    command = ["run", str(study), "--sweep", "tuning.trials=2,3", "--no-mlflow", "--workers", "1"]
    assert main([*command, "--json"]) == 0
    forks = json.loads(capsys.readouterr().out)
    assert [one["fork"] for one in forks] == ["tuning.trials=2", "tuning.trials=3"]
    assert all(len(one["headline"]) == N_HEADLINES for one in forks)

    assert main(command) == 0
    printed = capsys.readouterr().out
    assert printed.count("\ntuning.trials=2       ") == N_HEADLINES
    assert "Comparison" not in printed

    assert main(["run", str(study), "--sweep", "seed=3,4", "--no-mlflow", "--workers", "1"]) == 0
    assert "The forks do not share their folds" in capsys.readouterr().out


def test_a_follow_up_that_no_fork_could_evaluate_is_one_line(finished_study: Path) -> None:
    (found,) = finished_study.glob("mlruns/records/*/*/manifest.json")
    record = read_record(found.parent)
    first, second = record.headline
    declined = replace(record, headline=(first, replace(second, status="declined")))
    lines = sweep_text(["a", "b"], [declined, declined], tracked=False).splitlines()
    assert lines.count("response d28: not evaluated in any fork.") == 1
    assert len([line for line in lines if line.startswith(("a  ", "b  "))]) == 2
    # One fork that could is enough for a table.
    lines = sweep_text(["a", "b"], [record, declined], tracked=False).splitlines()
    assert len([line for line in lines if line.startswith(("a  ", "b  "))]) == 4
    assert [line for line in lines if line.startswith("b  ") and line.endswith("not evaluated")]


def test_forks_with_other_outcomes_have_tables_of_their_own(finished_study: Path) -> None:
    """Also one of the same name that is a number: its figures have other heads."""
    (found,) = finished_study.glob("mlruns/records/*/*/manifest.json")
    record = read_record(found.parent)
    first = record.headline[0]
    other = replace(first, outcome="remission")
    number = cell_changed(first, kind="number", r2=0.1, r2_low=-0.2, r2_high=0.4, mae=5, mae_mean=6)
    forks = [replace(record, headline=(one,)) for one in (first, other, number)]
    lines = sweep_text(["a", "b", "c"], forks, tracked=False).splitlines()
    heads = [number for number, line in enumerate(lines) if "95 % interval" in line]
    assert [lines[head].split()[:2] for head in heads] == [
        ["response", "d7"],
        ["remission", "d7"],
        ["response", "d7"],
    ]
    assert [lines[head + 1][:3] for head in heads] == ["a  ", "b  ", "c  "]
    assert ["R²" in lines[head] for head in heads] == [False, False, True]


def test_a_fork_that_is_wrong_stops_all_before_any_runs(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(study.parent.parent.rglob("*"))
    assert main(["run", str(study), "--sweep", "tuning.trials=2,0"]) == 2
    assert "tuning.trials: found 0" in capsys.readouterr().err
    faulty = ["tuning.trials=0", "validation.outer=99"]
    assert main(["run", str(study), "--sweep", "seed=1,2", *faulty]) == 2
    told = capsys.readouterr().err
    assert told.startswith("2 faults:")
    assert (told.count("faults"), told.count("outer: found")) == (1, 1)
    assert sorted(study.parent.parent.rglob("*")) == before
