"""The house starts on every system, and keeps to what each of them has."""

import ctypes
import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from heldout import system
from heldout.cli import terminal

# What Windows lacks is taken away, and everything is imported.
WITHOUT_POSIX = """
import os, pkgutil, signal, sys

# numpy, scikit-learn and the like know what they may use where; only we are told.
class Blocked:
    NAMES = {"fcntl", "resource", "pwd", "grp", "termios"}

    def find_spec(self, name, path=None, target=None):
        caller = sys._getframe(1)
        while caller.f_globals.get("__name__", "").startswith(("importlib", "_frozen")):
            caller = caller.f_back
        if name in self.NAMES and caller.f_globals["__name__"].startswith("heldout"):
            raise ImportError(name)

for name in Blocked.NAMES:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Blocked())
lacking = {
    os: ("killpg", "setsid", "getpgid", "setpgid", "fork", "getuid", "geteuid", "mkfifo"),
    signal: ("pthread_sigmask", "SIGKILL", "SIGHUP", "SIGUSR1", "SIGALRM"),
}
import heldout, heldout.__main__
modules = [one.name for one in pkgutil.walk_packages(heldout.__path__, "heldout.")]
# Libraries first, with all they want: theirs is not the matter.
import mlflow, optuna, shap, matplotlib.pyplot, joblib, numba, xgboost, skops.io
for name in [name for name in sys.modules if name.partition(".")[0] == "heldout"]:
    del sys.modules[name]
for name in Blocked.NAMES:
    sys.modules.pop(name, None)
for module, names in lacking.items():
    for name in names:
        delattr(module, name)
for name in modules:
    __import__(name)
from heldout.cli import main
main(["--help"])
"""


def test_every_module_starts_where_there_is_no_posix() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert "usage: heldout" in done.stdout


def test_no_module_imports_what_one_system_lacks() -> None:
    """At its top, that is; the blocked imports above show it, and this that they would."""
    blocked = WITHOUT_POSIX.partition("lacking =")[0] + (
        "import types; ours = types.ModuleType('heldout.x'); exec('import fcntl', ours.__dict__)"
    )
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True)
    assert "ImportError: fcntl" in done.stderr


def test_a_process_is_told_from_a_later_one_of_its_number() -> None:
    mine = system.process_start(os.getpid())
    assert mine is not None
    assert system.process_start(os.getpid()) == mine
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert system.process_start(child.pid) not in (None, *([mine] if mine else []))
    assert system.process_start(child.pid) is None


def test_a_system_that_tells_no_start_tells_who_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS."""
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert system.process_start(os.getpid()) == ""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert system.process_start(child.pid) is None


@pytest.mark.skipif(sys.platform == "win32", reason="looks for processes by POSIX's means")
def test_a_group_ends_with_all_that_it_started() -> None:
    code = (
        "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'input()']);"
        "print('started', flush=True); time.sleep(1000)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **system.own_group(),
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        system.end_group(child, 100)
        # Both held its other end.
        assert child.stdout.read() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no Ctrl-C")
def test_ctrl_c_that_is_held_back_comes_afterwards() -> None:
    reached = []

    def interrupted() -> None:
        with system.ctrl_c_held_back():
            # To this thread: what others there are may hear what is sent to the process.
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            reached.append("end")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert reached == ["end"]


class Kernel:
    """Windows' kernel32, as far as it is asked."""

    def __init__(self, handle: int = 7, waited: int = 258) -> None:
        self.handle, self.waited = handle, waited
        self.told: list[Any] = []
        self.OpenProcess = lambda *_: self.handle

    def WaitForSingleObject(self, *_: object) -> int:
        return self.waited

    def GetProcessTimes(self, process: object, start: Any, *_: object) -> None:
        start._obj[0] = 123

    def CloseHandle(self, *_: object) -> None:
        self.told.append("closed")

    def SetConsoleCtrlHandler(self, handler: object, ignored: bool) -> None:
        self.told.append(ignored)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Return the kernel of a machine that takes itself for Windows."""
    kernel = Kernel()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "WinDLL", lambda *_, **__: kernel, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 87, raising=False)
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 512, raising=False)
    return kernel


def test_windows_tells_when_a_process_started(windows: Kernel) -> None:
    assert system.process_start(1) == "123"
    windows.waited = 0
    assert system.process_start(1) is None, "it has ended, and somebody holds its handle"
    assert windows.told == ["closed", "closed"]
    windows.handle = 0
    assert system.process_start(1) is None, "there is no such process"


def test_windows_tells_of_a_process_that_may_not_be_looked_at(
    windows: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows.handle = 0
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 5, raising=False)
    assert system.process_start(1) == ""


def test_windows_ignores_ctrl_c_while_processes_begin(windows: Kernel) -> None:
    with system.ctrl_c_held_back():
        assert windows.told == [True]
    assert windows.told == [True, False]
    assert system.own_group() == {"creationflags": 512}


def test_windows_moves_a_file_once_nobody_has_the_other_open(
    windows: Kernel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "new").write_text("new", encoding="utf-8")
    move, refused = Path.replace, [1, 2, 3]

    def replace(source: Path, target: Path) -> Path:
        if refused:
            refused.pop()
            raise PermissionError
        return move(source, target)

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(system, "_PAUSES", (0.0,) * 3)
    system.replace(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text(encoding="utf-8") == "new"
    refused += range(4)
    with pytest.raises(PermissionError):
        system.replace(tmp_path / "old", tmp_path / "new")
    assert not refused


class Console(io.TextIOWrapper):
    """A terminal, or a file, of some letters only."""

    def __init__(self, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="cp1252", write_through=True)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("is_terminal", "shown"),
    [(True, b"\xfc ? ? -.16"), (False, b"\xfc \\u2265 \\u0141 -.16")],
)
def test_a_letter_that_a_console_lacks_ends_nothing(
    is_terminal: bool, shown: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal it is a question mark; in a file no two patients' names become one."""
    console = Console(is_terminal)
    monkeypatch.setattr(sys, "stdout", console)
    terminal.spell_what_it_can()
    console.write("ü ≥ Ł \N{MINUS SIGN}.16")
    console.flush()
    assert isinstance(console.buffer, io.BytesIO)
    assert console.buffer.getvalue() == shown


def test_the_command_says_what_it_can_in_ascii() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "heldout", "instruments", "hamd17"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout.isascii()
