"""MLflow beyond the study folder: a real PostgreSQL database, and a server on top of it."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest

from heldout.record import RunRecord, read_record
from heldout.report.figures import draw_figures
from heldout.tracking.address import VARIABLE, redacted, shared_uri, shown_uri
from heldout.tracking.runs import log_record
from heldout.tracking.store import quiet
from heldout.tracking.ui import start_ui

pytestmark = pytest.mark.slow

PASSWORD = "geh/eim@17"
ESCAPED = "geh%2Feim%4017"
START_SECONDS = 180
NUMBERS = count()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def programs() -> Path:
    """Return the folder of PostgreSQL's programs, or skip."""
    places = [Path(found).resolve().parent for found in [shutil.which("initdb") or ""] if found]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "initdb").is_file() and (place / "pg_ctl").is_file():
            return place
    pytest.skip("needs Debian's package postgresql: apt-get install postgresql")


class Database:
    """A database of its own, which its superuser may not run: another user does."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs, self.port = folder, programs(), free_port()
        self.user: str | None = None
        if os.geteuid() == 0:
            known = {one.pw_name for one in pwd.getpwall()}
            self.user = "postgres" if "postgres" in known else "nobody"
            shutil.chown(folder, self.user)
        secret = folder / "secret"
        secret.write_text(PASSWORD, encoding="utf-8")
        if self.user is not None:
            shutil.chown(secret, self.user)
        self.call(
            "initdb", "-U", "ana", "--auth=scram-sha-256", f"--pwfile={secret}", "-N", "-E", "UTF8"
        )
        self.start()

    def call(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs on the database."""
        subprocess.run(
            [self.programs / program, "-D", self.folder / "data", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            user=self.user,
            env=os.environ | {"LC_ALL": "C"},
        )

    def start(self) -> None:
        """Start the database, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off "
        options += f"-c unix_socket_directories={self.folder}"
        log = str(self.folder / "log")
        self.call("pg_ctl", "-w", "-t", str(START_SECONDS), "-o", options, "-l", log, "start")

    def stop(self) -> None:
        """Stop the database, whoever is connected."""
        self.call("pg_ctl", "-m", "immediate", "stop")

    def uri(self, password: str = ESCAPED, name: str = "") -> str:
        """Return the address of a database."""
        return f"postgresql://ana:{password}@127.0.0.1:{self.port}/{name or self.name}"


@pytest.fixture(scope="module")
def service() -> Iterator[Database]:
    # Not under pytest's folder, which only its owner may enter.
    with tempfile.TemporaryDirectory(prefix="heldout-") as folder:
        made = Database(Path(folder))
        yield made
        made.stop()


@pytest.fixture
def database(service: Database) -> Database:
    """Return a database in which nothing is logged yet, whichever test came first."""
    import psycopg

    service.name = f"mlflow{next(NUMBERS)}"
    with psycopg.connect(service.uri(name="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {service.name}".encode())
    return service


@pytest.fixture
def record(finished_study: Path, tmp_path: Path) -> RunRecord:
    """Return a finished record in a study folder of its own."""
    folder = shutil.copytree(finished_study, tmp_path / "study")
    (found,) = folder.glob("mlruns/records/*/*/manifest.json")
    return read_record(found.parent)


def run(record: RunRecord, uri: str) -> tuple[int, str]:
    """Run the record's experiment again, as a user does; return status and all it printed."""
    assert record.folder is not None
    path = record.folder.parents[3] / "experiments" / "small.yaml"
    done = subprocess.run(
        [sys.executable, "-m", "heldout", "run", str(path)],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {VARIABLE: uri, "NO_PROXY": "127.0.0.1"},
        check=False,
    )
    printed = done.stdout + done.stderr
    assert PASSWORD not in printed
    assert ESCAPED not in printed
    assert "Traceback" not in printed
    return done.returncode, " ".join(printed.split())


def runs_of(uri: str, name: str = "small") -> dict[str, list[Any]]:
    """Return the runs of an experiment by record."""
    from mlflow import MlflowClient

    found: dict[str, list[Any]] = {}
    with quiet():
        client = MlflowClient(uri)
        experiment = client.get_experiment_by_name(name)
        assert experiment is not None
        for one in client.search_runs([experiment.experiment_id]):
            found.setdefault(one.data.tags["heldout.run"], []).append(one)
    return found


def log(record: RunRecord, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log a record to a store."""
    assert record.folder is not None
    monkeypatch.setenv(VARIABLE, uri)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    log_record(record, draw_figures(record), record.folder.parents[2])


def test_runs_are_logged_to_a_database_and_read_back(
    database: Database, record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert record.folder is not None
    study, n_cells = record.folder.parents[3], len(record.cells) + len(record.headline)
    status, printed = run(record, database.uri())
    assert status == 0, printed
    assert not (study / "mlruns" / "mlflow.db").exists()
    first = runs_of(database.uri())
    assert {name: len(runs) for name, runs in first.items()} == {record.run_id: n_cells}
    expected = {
        (cell.outcome, cell.follow_up, cell.model): cell.auc
        for cell in (*record.cells, *record.headline)
    }
    found = {
        (one.data.tags["outcome"], one.data.tags["follow_up"], one.data.params["model"]): (
            one.data.metrics["cv.roc_auc"]
        )
        for one in first[record.run_id]
    }
    assert found == expected
    assert {one.info.status for one in first[record.run_id]} == {"FINISHED"}

    # The same again adds nothing; another run is added.
    assert run(record, database.uri())[0] == 0
    log(replace(record, run_id="0" * 12), database.uri(), monkeypatch)
    both = runs_of(database.uri())
    assert {name: len(runs) for name, runs in both.items()} == {
        record.run_id: n_cells,
        "0" * 12: n_cells,
    }
    ids = {one.info.run_id for one in first[record.run_id]}
    assert {one.info.run_id for one in both[record.run_id]} == ids

    # Another study of this name leaves the first one's experiment alone.
    other = shutil.copytree(study, tmp_path / "other")
    moved = replace(record, folder=other / record.folder.relative_to(study))
    log(moved, database.uri(), monkeypatch)
    assert runs_of(database.uri()).keys() == both.keys()
    name = f"small ({socket.gethostname()}:{other})"
    (apart,) = runs_of(database.uri(), name)[record.run_id][:1]
    assert apart.info.artifact_uri.startswith((other / "mlruns" / "artifacts").as_uri())


def test_a_database_that_cannot_be_used_is_told_without_its_password(
    database: Database, record: RunRecord
) -> None:
    """The record is there all the same, and the message comes at once."""
    begun = time.monotonic()
    status, printed = run(record, database.uri("wrong%2Fsecret"))
    shown = f"postgresql://ana:***@127.0.0.1:{database.port}/{database.name}"
    assert status == 1
    assert f"{shown}: MLflow's store cannot be used (" in printed
    assert "password authentication failed" in printed
    assert "nothing is fitted twice" in printed
    assert "secret" not in printed
    database.stop()
    try:
        status, printed = run(record, database.uri())
    finally:
        database.start()
    assert status == 1
    assert f"{shown}: MLflow's store cannot be used (" in printed
    assert "Connection refused" in printed
    assert time.monotonic() - begun < 240
    assert record.folder is not None
    assert read_record(record.folder).cells == record.cells


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[str]:
    """Return the address of an MLflow server on the database, which keeps the artifacts."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--port", str(port), "--artifacts-destination", str(tmp_path / "artifacts")]
    settings = {
        "MLFLOW_BACKEND_STORE_URI": database.uri(),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (tmp_path / "server.log").open("wb") as output:
        child = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env=os.environ | settings,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not healthy(port):
            assert child.poll() is None, (tmp_path / "server.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def healthy(port: int) -> bool:
    """Return whether a server says that it is well."""
    try:
        with build_opener(ProxyHandler({})).open(
            f"http://127.0.0.1:{port}/health", timeout=5
        ) as one:
            return bool(one.status == 200)
    except OSError:
        return False


def test_a_server_takes_runs_and_artifacts_and_is_pointed_to(
    server: str, record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = replace(record, experiment=dict(record.experiment) | {"name": "served"})
    log(named, server, monkeypatch)
    runs = runs_of(server, "served")[record.run_id]
    assert len(runs) == len(record.cells) + len(record.headline)
    assert {one.info.artifact_uri.partition(":")[0] for one in runs} == {"mlflow-artifacts"}
    assert list((tmp_path / "artifacts").rglob("*.svg"))
    assert record.folder is not None
    assert not (record.folder.parents[2] / "artifacts").exists()

    said: list[str] = []
    assert start_ui(record.folder.parents[2], say=said.append) == 0
    assert said[0] == "All runs of served:"
    experiment = runs[0].info.experiment_id
    assert said[1].strip().startswith(f"{server}/#/experiments/{experiment}/runs")


def test_a_server_that_is_not_there_is_told_at_once(record: RunRecord) -> None:
    begun = time.monotonic()
    status, printed = run(record, f"http://ana:{ESCAPED}@127.0.0.1:{free_port()}")
    assert status == 1
    assert "http://ana:***@127.0.0.1:" in printed
    assert "MLflow's store cannot be used (" in printed
    assert time.monotonic() - begun < 240


def test_the_pages_server_is_not_given_the_password_as_an_argument(
    database: Database, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody on a machine can read the arguments of a process, and only its user the rest."""
    log(record, database.uri(), monkeypatch)
    started: list[Any] = []

    class Seen(Exception):
        """Instead of starting."""

    def popen(command: list[str], *, env: dict[str, str], **_: Any) -> None:
        started.append((command, env))
        raise Seen

    monkeypatch.setattr("heldout.tracking.ui.subprocess.Popen", popen)
    assert record.folder is not None
    with pytest.raises(Seen):
        start_ui(record.folder.parents[2], free_port())
    ((command, env),) = started
    assert not [one for one in command if ESCAPED in one]
    assert env["MLFLOW_BACKEND_STORE_URI"] == database.uri()


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:///x.db",
        "mysql://ana:geheim@db/x",
        "geheim",
        "file:///x",
        "http://[::1",
        "http://host:port",
        "postgresql://ana:ge/heim@db:port/x",
    ],
)
def test_what_is_no_shared_store_is_refused(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from heldout.errors import TrackingError

    monkeypatch.setenv(VARIABLE, uri)
    with pytest.raises(TrackingError, match=r"^HELDOUT_TRACKING_URI: .* is no store\.") as caught:
        shared_uri()
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("uri", ["", "  "])
def test_a_variable_that_is_empty_names_no_store(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, uri)
    assert shared_uri() is None


def test_no_message_repeats_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "postgresql+psycopg://ana:p%40ss/w@db/mlflow?sslmode=require&password=other"
    monkeypatch.setenv(VARIABLE, uri)
    assert shown_uri(uri) == "postgresql+psycopg://ana:***@db/mlflow"
    text = redacted(f"no {uri}, user=ana password=p@ss/w {json.dumps({'p': 'p%40ss/w'})}")
    assert text == 'no postgresql+psycopg://ana:***@db/mlflow, user=ana password=*** {"p": "***"}'


def test_a_driver_that_is_not_installed_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from heldout.errors import TrackingError
    from heldout.tracking.store import prepare_store

    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv(VARIABLE, "postgresql+psycopg://ana:geheim@127.0.0.1:1/x")
    with pytest.raises(TrackingError, match=r"pip install 'psycopg\[binary\]'") as caught:
        prepare_store(tmp_path)
    assert "geheim" not in str(caught.value)
