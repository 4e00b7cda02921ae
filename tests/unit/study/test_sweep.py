"""Forks of an experiment, and the ledger that counts them."""

from dataclasses import replace
from pathlib import Path

import pytest

import heldout
from heldout.errors import SpecError
from heldout.record import RunRecord
from heldout.study.ledger import count_analyses, note_run, read_ledger
from heldout.study.sweep import read_sweeps, sweep_experiment
from tests.tables import a_table
from tests.unit.spec.studies import an_experiment, write_study


def test_several_sweeps_are_crossed() -> None:
    forks = read_sweeps(["seed=1,2", "tuning.trials=3,4,5"])
    assert forks[0] == ("seed=1", "tuning.trials=3")
    assert forks[-1] == ("seed=2", "tuning.trials=5")
    assert len(forks) == 6


def test_commas_in_brackets_are_the_values_own() -> None:
    assert read_sweeps(["models=[ridge, svc],[ridge]", "x={a: [1, 2]},{a: 3}"])[0] == (
        "models=[ridge, svc]",
        "x={a: [1, 2]}",
    )


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["seed"], r"found 'seed'; required: key\.sub=value,value"),
        (["seed=1"], r"found 'seed=1'; required: .* at least two values"),
        (["=1,2"], r"found '=1,2'"),
        (["seed=1,,2"], r"found 'seed=1,,2'"),
        (["seed=1,2", "seed=3,4"], r"'seed' stands twice"),
        (["seed=1,1"], r"'seed' has 1 twice"),
        (["seed=" + ",".join(map(str, range(201)))], r"201 forks; at most 200"),
    ],
)
def test_a_sweep_that_is_none_is_refused(texts: list[str], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        read_sweeps(texts)


def test_all_forks_are_checked_before_any_runs(tmp_path: Path) -> None:
    path = write_study(tmp_path, an_experiment())
    forks = sweep_experiment(path, [], read_sweeps(["seed=1,2"]))
    assert [fork.seed for fork in forks] == [1, 2]
    with pytest.raises(SpecError) as caught:
        sweep_experiment(path, [], read_sweeps(["tuning.trials=0,3,-1"]))
    assert "tuning.trials: found 0" in str(caught.value)
    assert "tuning.trials: found -1" in str(caught.value)


@pytest.fixture(scope="module")
def record() -> RunRecord:
    """Return a small record."""
    return heldout.evaluate(
        a_table(),
        outcomes={"week4": "response4"},
        features=["a"],
        models=["ridge"],
        repeats=1,
        trials=1,
        permutations=0,
    )


def test_the_ledger_counts_different_experiments_on_the_same_data(
    tmp_path: Path, record: RunRecord
) -> None:
    (tmp_path / "mlruns").mkdir()
    runs = [
        replace(record, run_id=run, fingerprint=fingerprint, experiment={"name": "x"})
        for run, fingerprint in [("1", "a"), ("2", "b"), ("3", "a"), ("1", "a")]
    ]
    for run in runs:
        note_run(run, tmp_path, "now")
    # Noted once each; the third is the first experiment by another version.
    assert [entry["run"] for entry in read_ledger(tmp_path)] == ["1", "2", "3"]
    assert [count_analyses(run, tmp_path) for run in runs] == [1, 2, 1, 1]
    fresh = replace(runs[0], fingerprint="c")
    assert count_analyses(fresh, tmp_path) == 3
    assert count_analyses(replace(fresh, data_fingerprint="other"), tmp_path) == 1


def test_a_torn_line_of_the_ledger_counts_for_nothing(tmp_path: Path, record: RunRecord) -> None:
    (tmp_path / "mlruns").mkdir()
    named = replace(record, experiment={"name": "x"})
    note_run(named, tmp_path, "now")
    path = tmp_path / "mlruns" / "ledger.jsonl"
    path.write_text(path.read_text()[:-9])
    note_run(replace(named, run_id="2"), tmp_path, "now")
    assert [entry["run"] for entry in read_ledger(tmp_path)] == ["2"]
