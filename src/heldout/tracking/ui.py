"""MLflow's user interface on a study's store: its server as a child process, and its pages."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from heldout.errors import TrackingError
from heldout.system import end_group, own_group
from heldout.tracking.address import is_server, redacted, shared_uri, shown_uri
from heldout.tracking.store import (
    SILENCE,
    end_dead_runs,
    exclusive,
    has_store,
    open_client,
    prepare_shared,
    quiet,
    shown_store,
    silent,
    store_uri,
    using,
)

# Whoever can open the pages can delete runs, so nobody on another machine can.
_HOST = "127.0.0.1"
# The server's own imports take seconds, more on a busy machine.
_START_SECONDS = 180
_STOP_SECONDS = 10
_PORTS_TRIED = 100
_LAST_PORT = 65_535
# MLflow's pages are about language models unless they are told.
_TRAINING = "workflowType=machine_learning"
_NEWEST_FIRST = ("attributes.start_time DESC",)


def start_ui(mlruns: Path, port: int = 5000, *, say: Callable[[str], None] = silent) -> int:
    """Serve MLflow's user interface until it is stopped, and return its exit status.

    Where the environment names an MLflow server, its pages are named and nothing is started.

    Parameters
    ----------
    mlruns : Path
        Holds the store.
    port : int
        Where to listen, for this machine alone.
    say : callable
        Told which pages to open, once they can be opened.

    Returns
    -------
    int
        0 after Ctrl-C.

    Raises
    ------
    TrackingError
        If there is no run to show, the port is taken, or the server ends before it answers.
    """
    shared = shared_uri()
    if shared is not None and is_server(shared):
        for line in page_lines(newest_pages(mlruns), shown_uri(shared).rstrip("/")):
            say(line)
        return 0
    _check_port(port)
    pages = newest_pages(mlruns)
    with _server(mlruns, port) as (child, output):
        _wait_for_answer(child, output, port)
        for line in page_lines(pages, f"http://{_HOST}:{port}"):
            say(line)
        say("Ctrl-C stops the server.")
        try:
            return child.wait()
        except KeyboardInterrupt:
            return 0


def newest_pages(mlruns: Path) -> dict[str, str]:
    """Return the pages that show the newest study, after ending dead runs.

    Parameters
    ----------
    mlruns : Path
        Holds the store, unless the environment names another one.

    Returns
    -------
    dict of str to str
        Title -> path, to follow the server's address.

    Raises
    ------
    TrackingError
        If there is no run to show, or the store cannot be used.
    """
    if not has_store(mlruns):
        raise _no_runs(mlruns)
    shared = shared_uri()
    if shared is not None:
        prepare_shared(shared)
        mlruns.mkdir(parents=True, exist_ok=True)
    with exclusive(mlruns), quiet(), using(mlruns):
        client = open_client(mlruns)
        end_dead_runs(client)
        lead = _newest_headline(client)
        if lead is None:
            raise _no_runs(mlruns)
        alike = [
            f"tags.`{name}` = '{lead.data.tags[name]}'"
            for name in ("heldout.run", "outcome", "follow_up")
        ]
        experiment = str(lead.info.experiment_id)
        runs = client.search_runs([experiment], " and ".join(alike), order_by=_NEWEST_FIRST)
    title = "{outcome} at {follow_up}, models side by side".format(**lead.data.tags)
    return {
        f"All runs of {lead.data.tags['study']}": _list_path(experiment),
        title: _comparison_path(experiment, [run.info.run_id for run in runs]),
    }


def _newest_headline(client: Any) -> Any:
    """Return the newest headline's run, or None; of a record logged twice, where it was last."""
    headlines = client.search_runs(
        [experiment.experiment_id for experiment in client.search_experiments()],
        "tags.kind = 'headline' and tags.status = 'evaluated'",
        order_by=_NEWEST_FIRST,
    )

    def age(run: Any) -> tuple[int, int]:
        return run.info.start_time, int(run.info.experiment_id)

    return max(headlines, key=age, default=None)


def page_lines(pages: Mapping[str, str], server: str) -> Iterator[str]:
    """Yield each page's title, and below it its address, which is longer than a line.

    Parameters
    ----------
    pages : mapping of str to str
        From `newest_pages`.
    server : str
        Address of the server.

    Yields
    ------
    str
    """
    for title, path in pages.items():
        yield f"{title}:"
        yield f"  {server}{path}"


def _no_runs(mlruns: Path) -> TrackingError:
    """Return the error for a store without anything to show."""
    return TrackingError(
        f"{shown_store(mlruns)}: no runs yet. MLflow shows runs that are finished. Run an "
        "experiment first: heldout run EXPERIMENT."
    )


def _check_port(port: int) -> None:
    """Raise TrackingError if a port cannot be listened on, and name one that can."""
    fault = _fault_of_port(port)
    if fault is None:
        return
    # Below 1024 most systems let nobody listen but root.
    others = range(max(port + 1, 1024), min(port + _PORTS_TRIED, _LAST_PORT))
    free = next((other for other in others if _fault_of_port(other) is None), None)
    advice = "Stop what listens there." if free is None else f"Try --port {free}."
    raise TrackingError(
        f"{_HOST}:{port}: the port cannot be used ({fault}). MLflow's server needs a free one. "
        f"{advice}"
    )


def _fault_of_port(port: int) -> str | None:
    """Return why a port cannot be listened on, or None."""
    if not 0 < port <= _LAST_PORT:
        return f"ports are 1 to {_LAST_PORT}"
    try:
        with socket.create_server((_HOST, port)):
            return None
    except OSError as error:
        return (error.strerror or str(error)).lower()


@contextmanager
def _server(mlruns: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Run MLflow's server with its output kept aside, and leave none of its processes behind."""
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1"]
    command += ["--host", _HOST, "--port", str(port)]
    command += ["--artifacts-destination", str(mlruns.resolve() / "artifacts")]
    command += ["--uvicorn-opts", "--log-level warning"]
    quietly = {**SILENCE, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ}
    shared = shared_uri()
    if shared is None:
        command += ["--backend-store-uri", store_uri(mlruns)]
    else:
        # Not among the arguments, which everybody on the machine can read: it may hold a password.
        quietly["MLFLOW_BACKEND_STORE_URI"] = shared
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            command,
            cwd=mlruns,
            env=quietly,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # MLflow starts processes of its own, which are stopped as one group.
            **own_group(),
        )
        try:
            yield child, output
        finally:
            end_group(child, _STOP_SECONDS)


def _wait_for_answer(child: subprocess.Popen[bytes], output: IO[bytes], port: int) -> None:
    """Return when the server answers; raise TrackingError if it ends, or takes minutes."""
    deadline = time.monotonic() + _START_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        if _answers(port):
            return
        time.sleep(0.2)
    output.seek(0)
    lines = redacted(output.read().decode(errors="replace")).strip().splitlines()
    raise TrackingError(
        f"{_HOST}:{port}: MLflow's server did not answer ({lines[-1] if lines else 'no output'}). "
        "It must start before its pages can be opened. Try again, or another --port."
    )


def _answers(port: int) -> bool:
    """Return whether a server says that it is well; asked directly, past any proxy."""
    connection = http.client.HTTPConnection(_HOST, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _comparison_path(experiment_id: str, run_ids: Sequence[str]) -> str:
    """Return the path of the page that shows runs side by side.

    Examples
    --------
    >>> _comparison_path("1", ["ab", "cd"])
    '/#/compare-runs?runs=[%22ab%22,%22cd%22]&experiments=[%221%22]&workflowType=machine_learning'
    """
    runs, experiments = (
        quote(json.dumps(names, separators=(",", ":")), safe="[],")
        for names in (list(run_ids), [experiment_id])
    )
    return f"/#/compare-runs?runs={runs}&experiments={experiments}&{_TRAINING}"


def _list_path(experiment_id: str) -> str:
    """Return the path of the list of an experiment's runs, with a chart of each metric beside it.

    Examples
    --------
    >>> _list_path("1")
    '/#/experiments/1/runs?compareRunsMode=CHART&workflowType=machine_learning'
    """
    return f"/#/experiments/{experiment_id}/runs?compareRunsMode=CHART&{_TRAINING}"
