"""What differs between Linux, macOS and Windows: signals, groups of processes, bytes of files.

Only this module names what one of them lacks, and it imports nothing that one of them lacks, so
that the rest of the house starts everywhere.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from subprocess import Popen

# Opens a file for bytes; elsewhere than on Windows there is no other way.
BINARY: int = getattr(os, "O_BINARY", 0)
# What asks a process to end, beside Ctrl-C: a request, a terminal that closes, Ctrl-Break.
ENDINGS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
# Seconds between attempts to move a file over one that a virus scanner or an indexer has open.
_PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
# Windows' own numbers: rights to ask for and to wait for a process, and the error for no such one.
_QUERY_AND_WAIT = 0x1000 | 0x100000
_NO_SUCH_PROCESS = 87


def replace(source: Path, target: Path) -> None:
    """Move a file or a folder to its place, over what is there.

    Parameters
    ----------
    source, target : Path
        On one disk. A folder takes the place of an empty one at most, and on Windows of none.

    Raises
    ------
    OSError
        If it cannot be moved; on Windows after seconds in which others had it open.
    """
    for pause in _PAUSES if sys.platform == "win32" else ():
        with suppress(PermissionError):
            source.replace(target)
            return
        time.sleep(pause)
    source.replace(target)


@contextmanager
def ctrl_c_held_back() -> Iterator[None]:
    """Let Ctrl-C wait for a moment, and never reach a process or thread that begins in it.

    A terminal sends it to all processes. The study ends its own, which need say nothing. Windows
    cannot keep it for later: within the moment it is lost there.
    """
    if sys.platform == "win32":
        import ctypes

        # Processes inherit it.
        ignore_ctrl_c = ctypes.WinDLL("kernel32").SetConsoleCtrlHandler
        ignore_ctrl_c(None, True)
        try:
            yield
        finally:
            ignore_ctrl_c(None, False)
    else:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def own_group() -> dict[str, Any]:
    """Return what starts a process in a group of its own, as arguments of ``Popen``.

    Returns
    -------
    dict
        Ctrl-C does not reach the group, and `end_group` ends it.
    """
    if sys.platform == "win32":
        from subprocess import CREATE_NEW_PROCESS_GROUP

        return {"creationflags": CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def end_group(child: Popen[bytes], patience: float) -> None:
    """End a process that was started in a group of its own, and all that it started.

    Parameters
    ----------
    child : Popen
        Running or not.
    patience : float
        Seconds in which it may end by itself, once it was asked to.
    """
    from subprocess import DEVNULL, TimeoutExpired, run

    if sys.platform == "win32":
        command = ["taskkill", "/T", "/F", "/PID", str(child.pid)]
        run(command, stdout=DEVNULL, stderr=DEVNULL, check=False)  # noqa: S603 - our own arguments
        with suppress(TimeoutExpired):
            child.wait(patience)
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(TimeoutExpired):
            child.wait(patience)


def process_start(pid: int) -> str | None:
    """Return when a process started, by which it is told from a later one of its number.

    Parameters
    ----------
    pid : int
        Its number.

    Returns
    -------
    str or None
        None if it is gone; nothing where the system does not tell, as on macOS.
    """
    if sys.platform == "win32":
        return _windows_start(pid)
    if not Path("/proc/self/stat").exists():
        return "" if _answers(pid) else None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    except OSError:
        return None
    # After the name come the state, of which Z is dead, and as the 20th the start in ticks.
    return None if fields[0] in "ZX" else f"{boot}-{fields[19]}"


def _answers(pid: int) -> bool:
    """Return whether a process is there, by signal 0."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _windows_start(pid: int) -> str | None:
    """Return what `process_start` does, of Windows."""
    import ctypes

    if sys.platform != "win32":
        raise NotImplementedError
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = ctypes.c_void_p
    process = ctypes.c_void_p(kernel.OpenProcess(_QUERY_AND_WAIT, False, pid))
    if not process:
        # Whoever may not be looked at is there.
        return None if ctypes.get_last_error() == _NO_SUCH_PROCESS else ""
    try:
        if kernel.WaitForSingleObject(process, 0) == 0:
            return None
        # Start, end, and time in the system and in the program.
        times = (ctypes.c_uint64 * 4)()
        kernel.GetProcessTimes(process, *(ctypes.byref(times, 8 * k) for k in range(4)))
        return str(times[0])
    finally:
        kernel.CloseHandle(process)
