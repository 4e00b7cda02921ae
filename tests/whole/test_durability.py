"""Runs that are killed, stopped, starved of space or of rights: what is finished is kept."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heldout.cli import main
from heldout.engine.units import AHEAD
from heldout.record import read_record
from tests.limits import files_up_to
from tests.small_study import write_small_study

pytestmark = pytest.mark.slow

WORKERS = 2
N_UNITS, N_ROWS = 10, 8
STUDY = {
    "models": ["prevalence", "severity", "ridge", "xgboost"],
    "validation": {"outer": 5, "inner": 5, "repeats": 1},
    "inference": {"permutations": N_ROWS, "stop_early": False},
}
Process = subprocess.Popen[str]
# The command, told to note which units it begins and to kill itself at the n-th call of something.
DRIVER = """
import os, signal, sys
from importlib import import_module

BEGUN, PLACE, NAME, COUNT, HALF = {begun!r}, {place!r}, {name!r}, {count!r}, {half!r}

def noted(text):
    handle = os.open(BEGUN, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, text.encode() + b"\\n")
    os.close(handle)

def folds(plan, unit):
    from heldout.study.units import evaluate_unit
    noted(unit.file)
    return evaluate_unit(plan, unit)

def permutations(study, number):
    noted(str(number))
    return STATISTICS(study, number)

import heldout.study.permutations, heldout.study.units
heldout.study.units.evaluate_unit, STATISTICS = folds, heldout.study.permutations.statistics
heldout.study.permutations.statistics = permutations

if PLACE:
    module = import_module(PLACE)
    real, calls = getattr(module, NAME), []

    def fatal(*given, **named):
        calls.append(given)
        if len(calls) < COUNT:
            return real(*given, **named)
        if HALF:
            # What a machine that fails leaves of a line.
            given[0].open("a").write("\\n" + given[1][: len(given[1]) // 2])
        os.killpg(os.getpgid(0), signal.SIGKILL)

    setattr(module, NAME, fatal)

from heldout.__main__ import command
command()
"""


def write_study(folder: Path) -> Path:
    """Write a study whose permutations are made in threads; return its file."""
    return write_small_study(folder, **STUDY)


def only_record(folder: Path) -> Path:
    """Return the one record under a study folder."""
    (found,) = folder.glob("mlruns/records/*/*/manifest.json")
    return found.parent


def figures(folder: Path) -> dict[str, bytes]:
    """Return the bytes of everything in the record but what may differ between equal runs."""
    record = only_record(folder)
    read_record(record)
    names = set(json.loads((record / "manifest.json").read_text())["sha256"])
    return {name: (record / name).read_bytes() for name in sorted(names - {"environment.json"})}


def kept(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the finished folds and permutations that a stopped run left."""
    (units,) = folder.glob("mlruns/records/small/.*.units")
    rows = units / "permutations.jsonl"
    lines = rows.read_text(encoding="utf-8").split("\n") if rows.exists() else []
    return sorted(units.glob("o*.json")), [line for line in lines if line.endswith("]]")]


def start(*arguments: object, begun: Path, at: tuple[str, str, int] = ("", "", 0)) -> Process:
    """Start the command in a group of its own, to be killed at a call of a function."""
    place, name, count = at
    half = name == "append_line"
    code = DRIVER.format(begun=str(begun), place=place, name=name, count=count, half=half)
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: Process) -> tuple[int, str]:
    """Return the exit status of a command and its messages, unwrapped."""
    _, told = process.communicate(timeout=600)
    assert "Traceback" not in told
    return process.returncode, " ".join(told.split())


def wait_for(process: Process, folder: Path, n_units: int, n_rows: int = 0) -> None:
    """Return when a run has finished so many folds and permutations."""
    deadline = time.monotonic() + 600
    while not list(folder.glob("mlruns/records/small/.*.units")) or (
        len(kept(folder)[0]) < n_units or len(kept(folder)[1]) < n_rows
    ):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the figures of a run in one process that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert main(["run", str(write_study(folder)), "--workers", "1", "--no-mlflow"]) == 0
    return figures(folder)


def test_a_run_killed_at_every_stage_gives_the_same_bits(
    expected: dict[str, bytes], tmp_path: Path
) -> None:
    """SIGKILL takes what was handed out, some units a worker, and nothing else."""
    path, begun = write_study(tmp_path), tmp_path / "begun"
    kills = [
        ("heldout.study.units", "write_atomically", 4),
        ("heldout.study.permutations", "append_line", 3),
        ("heldout.files", "_write", 3),
        ("heldout.study.experiment", "publish", 1),
        ("heldout.tracking.runs", "_log_run", 3),
    ]
    for number, at in enumerate(kills):
        process = start("run", path, "--workers", WORKERS, begun=begun, at=at)
        status, told = ended(process)
        assert status == -signal.SIGKILL, (at, told)
        if number == 0:
            assert len(kept(tmp_path)[0]) == 3
    status, told = ended(start("run", path, begun=begun))
    assert status == 0, told
    assert "was finished before" in told
    assert figures(tmp_path) == expected
    assert not list(tmp_path.glob("mlruns/records/small/.*"))
    # The first two kills lost what was handed out and what the one who stores had in hand; the
    # others nothing.
    times = begun.read_text(encoding="utf-8").split()
    folds = [name for name in times if name.startswith("o")]
    assert len(set(folds)) == N_UNITS
    assert len(folds) - N_UNITS <= AHEAD * WORKERS + 1
    assert len(set(times) - set(folds)) == N_ROWS
    assert len(times) - len(folds) - N_ROWS <= AHEAD * WORKERS + 1
    assert all_runs_ended(tmp_path) == len(read_record(only_record(tmp_path)).cells) + 2


def all_runs_ended(folder: Path) -> int:
    """Return how many MLflow runs a study has, all of them finished."""
    from heldout.tracking.store import open_client, quiet

    with quiet():
        client = open_client(folder / "mlruns")
        (experiment,) = [one for one in client.search_experiments() if one.name == "small"]
        runs = client.search_runs([experiment.experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    return len(runs)


@pytest.mark.parametrize(
    ("how", "status", "rows"),
    [(signal.SIGINT, 130, 0), (signal.SIGTERM, 143, 0), (signal.SIGINT, 130, 2)],
)
def test_a_run_that_is_stopped_leaves_nobody_and_keeps_what_it_has(
    how: signal.Signals, status: int, rows: int, tmp_path: Path
) -> None:
    """Ctrl-C goes to the whole group, as a terminal sends it; the others to the command alone."""
    path, begun = write_study(tmp_path), tmp_path / "begun"
    arguments = ("run", path, "--workers", WORKERS, "--no-mlflow", "inference.permutations=50000")
    process = start(*arguments, begun=begun)
    wait_for(process, tmp_path, 2, rows)
    before = kept(tmp_path)
    if rows:
        assert ended(start(*arguments, begun=begun)) == (
            1,
            f"{shown(tmp_path)}: another process is carrying out this very run. Wait until it has "
            "ended; the same command then opens its record.",
        )
    (os.killpg if how == signal.SIGINT else os.kill)(process.pid, how)
    found, told = ended(process)
    assert found == status
    assert told.endswith("Stopped. The same command goes on from here.")
    assert gone(process.pid)
    after = kept(tmp_path)
    assert set(before[0]) <= set(after[0])
    assert set(before[1]) <= set(after[1])
    assert not list(tmp_path.glob("mlruns/records/small/.*.units/.*"))


ENDING = """
import os, signal, sys
import heldout.__main__ as entry

def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    dismiss()

dismiss, entry.dismiss = entry.dismiss, interrupted
entry.command()
"""


def test_ctrl_c_after_the_last_word_says_nothing(tmp_path: Path) -> None:
    """What a process does between its last word and its end is nobody's concern."""
    path = write_study(tmp_path)
    changes = ("inference.permutations=0", "models=[ridge]")
    command = [sys.executable, "-c", ENDING, "run", str(path), *changes]
    done = subprocess.run(
        [*command, "--no-mlflow", "--workers", str(WORKERS)],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    # How far the work was is told where that takes long.
    first, *_, last = [line for line in done.stderr.splitlines() if " of 10 folds" not in line]
    assert first.startswith(("Compiling the solvers", "Evaluating 10 outer folds"))
    assert last == "Drawing the report ..."
    assert "Traceback" not in done.stderr


def shown(folder: Path) -> str:
    """Return where a study keeps its records."""
    return str(folder / "mlruns" / "records" / "small")


def gone(group: int) -> bool:
    """Return whether a group has no process any more, sooner or later."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_a_run_begun_afresh_and_stopped_goes_on(expected: dict[str, bytes], tmp_path: Path) -> None:
    """'The same command goes on from here' holds with --fresh, too."""
    path, begun = write_study(tmp_path), tmp_path / "begun"
    arguments = ("run", path, "--workers", WORKERS, "--no-mlflow", "--fresh")
    at = ("heldout.study.units", "write_atomically", 5)
    assert ended(start(*arguments, begun=begun, at=at))[0] == -signal.SIGKILL
    status, told = ended(start(*arguments, begun=begun))
    assert status == 0
    assert "4 of them done before" in told
    assert figures(tmp_path) == expected


def test_a_disk_that_fills_up_in_the_middle_of_a_line_costs_that_line(
    expected: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_study(tmp_path)
    process = start("run", path, "--no-mlflow", begun=tmp_path / "begun")
    wait_for(process, tmp_path, N_UNITS, 1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (rows,) = tmp_path.glob("mlruns/records/small/.*.units/permutations.jsonl")
    long = 400_000
    rows.write_text("x" * long, encoding="utf-8")
    with files_up_to(long + 20):
        assert main(["run", str(path), "--workers", "1", "--no-mlflow"]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert told.endswith(
        f"{rows}: cannot be written (File too large). Free space, or allow writing there. What is "
        "finished is kept; the same command goes on from there."
    )
    assert rows.stat().st_size == long + 20
    assert main(["run", str(path), "--workers", "1", "--no-mlflow"]) == 0
    assert figures(tmp_path) == expected


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a disk that holds little and may be mounted anew."""
    place = tmp_path / "mlruns"
    place.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", place)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a disk, which only root has")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)


def test_no_right_and_no_space_are_told_and_what_is_finished_is_kept(
    expected: dict[str, bytes], small_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_study(tmp_path)

    def run(*options: str) -> tuple[int, str]:
        status = main(["run", str(path), "--workers", "1", *options])
        return status, " ".join(capsys.readouterr().err.split())

    mount("-o", "remount,ro", small_disk)
    status, told = run("--no-mlflow")
    assert status == 1
    assert told.endswith(
        f"{shown(tmp_path)}: cannot be written (Read-only file system). Free space, or allow "
        "writing there."
    )
    mount("-o", "remount,rw", small_disk)
    status, told = run("--no-mlflow")
    assert status == 1
    assert "cannot be written (No space left on device). Free space, or allow" in told
    first = len(kept(tmp_path)[0])
    assert 0 < first < N_UNITS
    mount("-o", "remount,size=150k", small_disk)
    status, told = run("--no-mlflow")
    assert status == 1, "all units fit, but not the record beside them"
    assert f"{first} of them done before" in told
    assert "cannot be written (No space left on device). Free space, or allow" in told
    assert not list(small_disk.glob("records/small/*/manifest.json"))
    mount("-o", "remount,size=600k", small_disk)
    status, told = run()
    assert status == 1, "MLflow's store takes more than the record"
    assert f"{small_disk}: MLflow's store could not be prepared" in told
    assert "Free space, or run with --no-mlflow." in told
    assert figures(tmp_path) == expected
    mount("-o", "remount,size=16m", small_disk)
    assert run()[0] == 0
    assert all_runs_ended(tmp_path) > 0
