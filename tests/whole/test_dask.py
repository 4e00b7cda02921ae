"""Units on a Dask cluster: the same bits, whoever dies, and one clear word where there is none."""

import gc
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import heldout
from heldout.cli import main
from heldout.engine import cluster as clusters
from heldout.engine.engine import Engine, as_ended
from heldout.engine.units import AGAIN, AHEAD
from heldout.errors import StudyError
from tests.whole.test_durability import ended, figures, kept, start, wait_for, write_study

pytestmark = pytest.mark.slow

N_UNITS, N_ROWS = 10, 8
START_SECONDS = 300
KEPT = "What is finished is kept; the same command goes on from there."


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Cluster:
    """A scheduler and its workers, as a user starts them, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.processes: list[subprocess.Popen[bytes]] = []
        # Units that came back.
        self.done: list[int] = []
        self.scheduler = self.dask("scheduler", "--host", "127.0.0.1", "--port", str(self.port))
        self.until(lambda: self.answers())

    def dask(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start one of Dask's commands."""
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments, "--no-dashboard"],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=os.environ | environment,
            )
        self.processes.append(process)
        return process

    def worker(self, *, threads: int = 1, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker that nobody starts again, and wait until it is there."""
        before = self.workers()
        process = self.dask(
            "worker", self.address, "--nthreads", str(threads), "--no-nanny",
            "--host", "127.0.0.1", "--local-directory", str(self.folder), **environment,
        )  # fmt: skip
        self.until(lambda: self.workers() > before)
        return process

    def answers(self) -> bool:
        """Return whether the scheduler listens."""
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def workers(self) -> int:
        """Return how many workers the scheduler knows."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            return len(client.nthreads())

    def until(self, there: Any) -> None:
        """Return when something is there."""
        deadline = time.monotonic() + START_SECONDS
        while not there():
            assert time.monotonic() < deadline
            assert all(one.poll() is None for one in self.processes[-1:])
            time.sleep(0.1)

    def stop(self) -> None:
        """Leave nobody behind."""
        for process in self.processes:
            process.kill()
            process.wait()


@contextmanager
def a_cluster(folder: Path) -> Iterator[Cluster]:
    """Give a scheduler without workers."""
    made = Cluster(folder)
    try:
        yield made
    finally:
        made.stop()
        # What the client left is cleared away here: in the middle of an import by pytest that
        # makes Python 3.11 fail ("AST constructor recursion depth mismatch").
        gc.collect()


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with a_cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the figures of a run in one process."""
    folder = tmp_path_factory.mktemp("serial")
    assert main(["run", str(write_study(folder)), "--workers", "1", "--no-mlflow"]) == 0
    return figures(folder)


def on(cluster: Cluster) -> tuple[str, ...]:
    """Return the options that send a run to a cluster."""
    return ("--no-mlflow", "--engine", "dask", "--scheduler", cluster.address)


def refused(engine: Engine) -> pytest.ExceptionInfo[StudyError]:
    """Return the error that an engine raises before or instead of its units."""

    # Of the moment, so that it is sent as it is: a worker has no tests to import.
    def never(context: Any, item: int) -> int:
        raise NotImplementedError

    with pytest.raises(StudyError) as caught:
        list(as_ended(never, None, range(3), engine))
    return caught


def collected(cluster: Cluster, items: int, at: int, act: Callable[[], object]) -> list[int]:
    """Return the units that ended until the end; after some of them, do something."""
    done: list[int] = []
    engine = Engine(name="dask", scheduler=cluster.address)
    try:
        for item, _ in as_ended(lambda context, item: time.sleep(0.2), None, range(items), engine):
            done.append(item)
            if len(done) == at:
                act()
    finally:
        cluster.done = done
    return done


def test_two_processes_give_the_bits_of_one(expected: dict[str, bytes], tmp_path: Path) -> None:
    assert main(["run", str(write_study(tmp_path)), "--workers", "2", "--no-mlflow"]) == 0
    assert figures(tmp_path) == expected


def test_a_cluster_gives_the_bits_of_one_process_though_a_worker_is_killed(
    expected: dict[str, bytes], cluster: Cluster, tmp_path: Path
) -> None:
    """What the worker had in hand is done again by the other one, and nothing else."""
    path, begun = write_study(tmp_path / "study"), tmp_path / "begun"
    victim, _ = cluster.worker(), cluster.worker()
    process = start("run", path, *on(cluster), begun=begun)
    wait_for(process, tmp_path / "study", 3)
    victim.send_signal(signal.SIGKILL)
    status, told = ended(process)
    assert status == 0, told
    assert told.startswith(("Compiling", "Evaluating"))
    assert "distributed" not in told
    assert figures(tmp_path / "study") == expected
    times = begun.read_text(encoding="utf-8").split()
    folds = [name for name in times if name.startswith("o")]
    assert len(set(folds)) == N_UNITS
    # What the worker had in hand or had ended, but nobody had fetched yet.
    assert len(folds) - N_UNITS <= 2 * AHEAD
    assert len(times) - len(folds) == N_ROWS


def test_a_scheduler_that_ends_is_told_and_the_run_goes_on_elsewhere(
    expected: dict[str, bytes], cluster: Cluster, tmp_path: Path
) -> None:
    path = write_study(tmp_path / "study")
    cluster.worker()
    process = start("run", path, *on(cluster), begun=tmp_path / "begun")
    wait_for(process, tmp_path / "study", 3)
    cluster.scheduler.kill()
    status, told = ended(process)
    assert status == 1
    assert told.endswith(
        f"--scheduler {cluster.address}: the Dask scheduler is gone. It must run until the study "
        f"ends. Start it and its workers again. {KEPT}"
    )
    n_kept = len(kept(tmp_path / "study")[0])
    status, told = ended(start("run", path, "--no-mlflow", begun=tmp_path / "begun"))
    assert status == 0
    assert f"{n_kept} of them done before" in told
    assert figures(tmp_path / "study") == expected


def test_no_scheduler_is_told_in_one_message(tmp_path: Path) -> None:
    path, port = write_study(tmp_path), free_port()
    process = start(
        "run", path, "--no-mlflow", "--engine", "dask", "--scheduler", f"tcp://127.0.0.1:{port}",
        begun=tmp_path / "begun",
    )  # fmt: skip
    status, told = ended(process)
    assert status == 1
    message = (
        f"--scheduler tcp://127.0.0.1:{port}: no Dask scheduler answers there. The address of one "
        "that runs is required, such as tcp://127.0.0.1:8786. Start one: dask scheduler."
    )
    assert re.fullmatch(
        rf"(Compiling .*\.\.\. )?Evaluating 10 outer folds \.\.\. (0 of 10 folds )*{message}", told
    )


def test_an_encrypted_address_needs_certificates() -> None:
    caught = refused(Engine(name="dask", scheduler="tls://127.0.0.1:8786"))
    assert caught.match(r"--scheduler tls://127.0.0.1:8786: Dask knows no certificates. .*ca-file")


@pytest.mark.parametrize(
    "address", ["nonsense://x", "ucx://1.2.3.4:1", "127.0.0.1:99999", "tcp://no such host:1"]
)
def test_an_address_that_is_none_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "_ANSWER", 1)
    caught = refused(Engine(name="dask", scheduler=address))
    assert caught.match(r"--scheduler .*: no Dask scheduler answers there")


def test_whoever_waits_for_workers_does_not_wait_for_ever(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where none ever came, nor where the last one is gone."""
    monkeypatch.setattr(clusters, "_PATIENCE", 3)
    engine = Engine(name="dask", scheduler=cluster.address)
    message = f"{cluster.address}: no Dask worker for 3 s. At least one must run. Start some: "
    caught = refused(engine)
    assert message in str(caught.value)
    assert str(caught.value).endswith(KEPT)

    only = cluster.worker()
    with pytest.raises(StudyError) as caught:
        collected(cluster, 50, 3, only.kill)
    assert message in str(caught.value)
    assert 3 <= len(cluster.done) < 20


def test_a_unit_that_always_kills_its_worker_ends_the_study(cluster: Cluster) -> None:
    for _ in range(AGAIN + 1):
        cluster.worker()

    def fatal(context: Any, item: int) -> int:
        if item == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    with pytest.raises(StudyError, match="killed 4 times at the same unit of work") as caught:
        list(as_ended(fatal, None, range(3), Engine(name="dask", scheduler=cluster.address)))
    assert "Give the cluster's workers more memory." in str(caught.value)


def test_a_worker_that_came_later_does_nothing_if_its_code_differs(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Nor does one that is there at the start, nor one of several threads; all are named."""
    shutil.copytree(Path(heldout.__file__).parent, tmp_path / "heldout")
    with (tmp_path / "heldout" / "errors.py").open("a", encoding="utf-8") as file:
        file.write("# Not the same any more.\n")
    engine = Engine(name="dask", scheduler=cluster.address)
    cluster.worker()
    other = "differs in the code of heldout. Equal bits need equal code. Install the same version"
    with pytest.raises(StudyError, match=r"^Dask's worker tcp://127\.0\.0\.1:\d+ differs") as late:
        collected(cluster, 500, 1, lambda: cluster.worker(PYTHONPATH=str(tmp_path)))
    assert other in str(late.value)
    assert cluster.done

    cluster.worker(threads=3)
    caught = refused(engine)
    assert len(caught.value.faults) == 2
    assert other in str(caught.value)
    assert "has 3 threads. A unit needs a process of its own. Start it with" in str(caught.value)


def test_a_worker_without_heldout_is_told(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "heldout").mkdir()
    (tmp_path / "heldout" / "__init__.py").touch()
    cluster.worker(PYTHONPATH=str(tmp_path))
    caught = refused(Engine(name="dask", scheduler=cluster.address))
    assert caught.match(r"its worker tcp://.* cannot import this version of heldout")
