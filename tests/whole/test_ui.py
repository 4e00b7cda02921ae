"""MLflow's user interface through the command line: its pages, and its end."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from heldout.cli import main

pytestmark = pytest.mark.slow


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def answer(address: str, body: dict[str, Any] | None = None) -> str:
    """Return what a server on this machine answers, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    raw = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        address, data=raw, headers={"Content-Type": "application/json"}
    )
    with opener.open(request, timeout=300) as response:
        return str(response.read().decode())


def processes_about(text: str) -> list[str]:
    """Return the command lines of running processes that hold a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at running processes")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_the_user_interface_shows_the_runs_and_leaves_no_server_behind(
    number: signal.Signals, status: int, finished_study: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(finished_study, tmp_path / "study")
    assert main(["run", str(folder / "experiments" / "small.yaml")]) == 0
    address = f"http://127.0.0.1:{(port := free_port())}"
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "heldout", "ui", "--port", str(port), "--folder", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            told = [process.stdout.readline() for _ in range(5)]
            assert f"{address}/#/experiments/1/runs" in told[1]
            assert f"{address}/#/compare-runs?runs=[" in told[3]
            runs = answer(f"{address}/api/2.0/mlflow/runs/search", {"experiment_ids": ["1"]})
            names = {
                run["info"]["run_name"].partition(" · ")[2] for run in json.loads(runs)["runs"]
            }
            assert "headline" in names
            assert processes_about(str(port))
            process.send_signal(number)
            assert process.wait(300) == status
            assert process.stderr.read() == ""
        finally:
            # What went wrong is told; a server that is still there would be waited for.
            process.kill()
    assert processes_about(str(port)) == []
