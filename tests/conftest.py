"""Fixtures shared by all tests."""

import os

# Before numpy: at these sizes more threads cost time, and figures must not depend on them.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from heldout.cli import main
from tests.small_study import write_small_study

# A shell's background job ignores Ctrl-C, and so would the commands that tests start and stop.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """Give back the handler of SIGTERM that the command line sets."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def small_study(tmp_path: Path) -> Path:
    """Return the experiment file of a small simulated study."""
    return write_small_study(tmp_path)


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small study that was run once, without MLflow; do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    path = write_small_study(folder)
    assert main(["run", str(path), "--workers", "1", "--no-mlflow"]) == 0
    return folder
