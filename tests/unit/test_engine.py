"""One loop over units, wherever they run: every unit once, in any order, and lost ones again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heldout.engine.cluster import identity, unfit
from heldout.engine.engine import Engine, as_ended, workers_of
from heldout.engine.units import AGAIN, AHEAD
from heldout.errors import StudyError

ENGINES = {"serial": (1, False), "threads": (3, True), "processes": (2, False)}


class Worker:
    """What Dask's worker tells of itself."""

    def __init__(self, threads: int) -> None:
        self.state = self
        self.nthreads = threads


def killing(flags: Path, times: int) -> Callable[[Any, int], int]:
    """Return a unit that takes its process along where it is 5, as often as is asked."""

    def unit(context: Any, item: int) -> int:
        if item == 5 and len(list(flags.iterdir())) < times:
            (flags / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return int(context) * item

    return unit


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("items", [0, 1, 17])
def test_every_unit_comes_back_once(name: str, items: int) -> None:
    workers, threads = ENGINES[name]
    ended = as_ended(
        lambda context, item: context * item,
        3,
        iter(range(items)),
        Engine(workers=workers),
        threads=threads,
    )
    assert sorted(ended) == [(item, 3 * item) for item in range(items)]


@pytest.mark.parametrize("name", ENGINES)
def test_a_fault_of_a_unit_is_raised_as_it_is(name: str) -> None:
    def unit(context: Any, item: int) -> int:
        if item == 2:
            raise StudyError("Of the unit.")
        return item

    workers, threads = ENGINES[name]
    with pytest.raises(StudyError, match=r"^Of the unit\.$"):
        list(as_ended(unit, None, range(8), Engine(workers=workers), threads=threads))


@pytest.mark.parametrize("name", ["serial", "threads"])
def test_what_is_not_asked_for_is_not_done(name: str) -> None:
    done = []

    def unit(context: Any, item: int) -> int:
        done.append(item)
        return item

    workers, threads = ENGINES[name]
    ended = as_ended(unit, None, range(1000), Engine(workers=workers), threads=threads)
    next(ended)
    ended.close()
    assert len(done) < 20


def test_the_unit_of_a_killed_process_is_handed_out_again(tmp_path: Path) -> None:
    """As often as the system kills it for want of memory, up to a limit; others lose nothing."""
    ended = as_ended(killing(tmp_path, AGAIN), 3, range(12), Engine(workers=2))
    assert sorted(ended) == [(item, 3 * item) for item in range(12)]
    assert len(list(tmp_path.iterdir())) == AGAIN


def test_a_unit_that_always_loses_its_process_ends_the_study(tmp_path: Path) -> None:
    done = []
    with pytest.raises(StudyError) as caught:
        done += list(as_ended(killing(tmp_path, 99), 3, range(12), Engine(workers=2)))
    assert str(caught.value) == (
        "A worker was killed 4 times at the same unit of work, most often because memory ran out. "
        "A unit needs a process that lives until it ends. Free memory, or run with fewer "
        "--workers. What is finished is kept; the same command goes on from there."
    )
    assert len(list(tmp_path.iterdir())) == AGAIN + 1


IDLE_PROCESSES = """
import time, warnings
from heldout.engine import processes
from heldout.engine.engine import Engine, as_ended

warnings.simplefilter("error")
processes._IDLE = 0.05

def items():
    for k in range(40):
        time.sleep(0.05 + 0.003 * k)
        yield k

ended = as_ended(lambda context, item: item, None, items(), Engine(workers=2))
print(sorted(item for item, _ in ended) == list(range(40)))
"""


def test_a_process_that_leaves_as_it_is_needed_stops_nothing() -> None:
    """Nor where warnings are errors, as in these tests; the pauses provoke it, nothing waits."""
    done = subprocess.run(
        [sys.executable, "-c", IDLE_PROCESSES],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout == "True\n"
    assert "A worker stopped" not in done.stderr


FAULT_AFTER_A_UNIT = """
import time
from joblib.externals.loky import process_executor
from heldout.engine import processes
from heldout.engine.engine import Engine, as_ended

# However busy the machine is.
processes._TAKEN = 100

class Slow(process_executor._ExecutorManagerThread):
    def is_shutting_down(self):
        time.sleep(0.1)
        return super().is_shutting_down()

process_executor._ExecutorManagerThread = Slow

def unit(context, item):
    if item == 2:
        raise ValueError(item)
    return item

try:
    for item, _ in as_ended(unit, None, range(40), Engine(workers=2)):
        time.sleep(0.5 if item == 0 else 0)
except ValueError as fault:
    print(fault)
"""


def test_a_fault_just_after_a_unit_was_handed_out_is_all_that_is_said() -> None:
    """No thread of loky complains of the unit it had not taken yet, however slow it is."""
    done = subprocess.run(
        [sys.executable, "-c", FAULT_AFTER_A_UNIT],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("2\n", "")


CTRL_C_HELD_BACK = """
import signal
from heldout.engine.engine import Engine, as_ended

def held_back(context, item):
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set())

ended = as_ended(held_back, None, range(8), Engine(workers=2))
print({result for _, result in ended}, held_back(None, 0))
"""


def test_ctrl_c_reaches_the_study_and_none_of_its_processes() -> None:
    """Not even those that have just begun, which would each print where they were."""
    done = subprocess.run(
        [sys.executable, "-c", CTRL_C_HELD_BACK],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout == "{True} False\n"


def test_units_that_ended_before_the_kill_are_not_done_again(tmp_path: Path) -> None:
    flags, begun = tmp_path / "flags", tmp_path / "begun"
    flags.mkdir()
    inner = killing(flags, 1)

    def unit(context: Any, item: int) -> int:
        with begun.open("a", encoding="utf-8") as file:
            file.write(f"{item}\n")
        while item == 5 and len(begun.read_text(encoding="utf-8").split()) < 12:
            # The other process ends some units first.
            time.sleep(0.01)
        return inner(context, item)

    assert len(list(as_ended(unit, 1, range(30), Engine(workers=2)))) == 30
    times = [int(line) for line in begun.read_text(encoding="utf-8").split()]
    assert times.count(5) == 2
    # What the other process had in hand, and what both had been given already.
    assert len(times) - 30 <= 2 * AHEAD


def test_dask_that_is_not_installed_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    engine = Engine(name="dask", scheduler="tcp://127.0.0.1:1")
    with pytest.raises(StudyError, match=r"pip install 'heldout\[distributed\]'"):
        list(as_ended(lambda context, item: item, None, [1], engine))


def test_a_cluster_is_not_looked_for_if_there_is_nothing_to_do() -> None:
    engine = Engine(name="dask", scheduler="tcp://127.0.0.1:1")
    assert list(as_ended(lambda context, item: item, None, [], engine)) == []
    assert workers_of(engine) == 0


def test_a_worker_with_other_code_or_more_threads_may_do_nothing() -> None:
    ours = identity()
    assert unfit(ours, Worker(1)) is None
    fault = unfit(ours | {"numpy": "1.0", "the code of heldout": "0"}, Worker(1))
    assert fault is not None
    assert fault.startswith("differs in the code of heldout, numpy. ")
    fault = unfit(ours, Worker(8))
    assert fault is not None
    assert fault.startswith("has 8 threads. ")


STOPPING = """
import sys
from heldout.engine.engine import Engine, as_ended
from tests.unit.test_engine import slowly
units = as_ended(slowly, 1, range(50), Engine(workers=2))
next(units)
units.close()
"""


def slowly(context: Any, item: int) -> int:
    """Return a unit's result after a moment."""
    time.sleep(0.2)
    return item


def test_who_stops_asking_hears_nothing_of_it() -> None:
    """A test that stops early leaves units behind; no thread may complain of them."""
    done = subprocess.run(
        [sys.executable, "-c", STOPPING], capture_output=True, text=True, timeout=300, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
