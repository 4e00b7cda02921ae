"""Files and folders that are whole or not there, lines that are added, and locks.

What is written lies hidden beside its place until it is complete, and is moved there then: who
reads sees the old one or the whole new one, and a process that is killed leaves no half.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from heldout.errors import RecordError, StudyError
from heldout.system import BINARY, replace

KEPT = "What is finished is kept; the same command goes on from there."
_FREE = "Free space, or allow writing there."


@contextmanager
def writing(
    path: Path, error: type[StudyError] = RecordError, remedy: str = _FREE
) -> Iterator[None]:
    """Tell what the system says of a place that cannot be written to.

    Parameters
    ----------
    path : Path
        What the message names.
    error : type of StudyError
        The stage's exception.
    remedy : str
        What to do.

    Raises
    ------
    StudyError
        Of the type given, instead of an OSError.
    """
    try:
        yield
    except OSError as fault:
        why = fault.strerror or fault
        raise error(f"{path}: cannot be written ({why}). {remedy}") from None


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old one or the whole new one.

    Parameters
    ----------
    path : Path
        Its folder exists.
    content : str or bytes
        Text is written as UTF-8, its line breaks as they are.

    Raises
    ------
    RecordError
        If the folder cannot be written to.
    """
    temporary = _beside(path)
    try:
        with writing(path):
            _write(temporary, content)
            replace(temporary, path)
    finally:
        # Also where a signal ends the process; it is gone already if it took its place.
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def whole_folder(
    folder: Path,
    *,
    over: bool = False,
    error: type[StudyError] = RecordError,
    remedy: str = _FREE,
) -> Iterator[Path]:
    """Give a folder to fill, and move it to its place once it is filled; if it fails, nothing.

    Parameters
    ----------
    folder : Path
        Its place.
    over : bool
        Whether it may take the place of a folder that holds something.
    error : type of StudyError
        The stage's exception.
    remedy : str
        What to do if it cannot be written.

    Yields
    ------
    Path
        Hidden, beside the place, and empty.

    Raises
    ------
    StudyError
        Of the type given, if it cannot be written.
    """
    new, old = _beside(folder), _beside(folder)
    try:
        with writing(folder, error, remedy):
            new.mkdir(parents=True)
            yield new
            if over and folder.exists():
                replace(folder, old)
            else:
                # Not every system moves a folder over an empty one.
                with suppress(OSError):
                    folder.rmdir()
            replace(new, folder)
    finally:
        if old.exists() and not folder.exists():
            replace(old, folder)
        for path in (new, old):
            shutil.rmtree(path, ignore_errors=True)


def write_files(folder: Path, contents: Mapping[str, str | bytes]) -> None:
    """Write files into a folder that nobody reads yet.

    Parameters
    ----------
    folder : Path
        From `whole_folder`.
    contents : mapping of str to str or bytes
        Path in the folder -> what the file holds; text is written as UTF-8.

    Raises
    ------
    OSError
        If they cannot be written; `whole_folder` tells it.
    """
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, content)


def append_line(path: Path, line: str) -> None:
    """Add a line to a file, whole or, if the machine fails, in part: a reader skips what is broken.

    Parameters
    ----------
    path : Path
        Its folder exists; the file need not.
    line : str
        Without a line break.

    Raises
    ------
    RecordError
        If it cannot be written.
    """
    with writing(path, remedy=f"{_FREE} {KEPT}"):
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | BINARY, 0o644)
        try:
            # The break comes first, so that what follows a half line stands on a line of its own.
            rest = memoryview(b"\n" + line.encode())
            while rest:
                # A disk that fills up takes the beginning, and refuses only what comes then.
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)


def read_entries(path: Path) -> Iterator[Any]:
    """Yield what the lines of a file hold as JSON; a broken line is left out.

    Parameters
    ----------
    path : Path
        From `append_line`; nothing if there is no such file.

    Yields
    ------
    object
    """
    if path.exists():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError):
                yield json.loads(line)


def hold(path: Path, patience: float = 1.0) -> Callable[[], None]:
    """Hold a lock against other processes, and return what lets go of it.

    The system lets go of it when the process dies, however it dies.

    Parameters
    ----------
    path : Path
        A file of no content, which is made, and removed by whoever lets go.
    patience : float
        Seconds for which another process may hold it; some, for one that is just letting go.

    Returns
    -------
    callable
        Lets go; so does forgetting it.

    Raises
    ------
    TimeoutError
        If another process holds it.
    OSError
        If the file cannot be made, or its file system has no locks.
    """
    # It takes long to import, and most commands hold nothing.
    from filelock import FileLock

    # Made here, so that it has the rights of every other file: it may be left to somebody else.
    path.touch()
    # A lock that outlives its process, which is what there is without locks, would be none.
    lock = FileLock(path, timeout=patience, fallback_to_soft=False)
    lock.acquire()

    def let_go() -> None:
        # While it is held, so that nobody's lock is removed; who waited for it makes a new one.
        # Windows removes no open file, and filelock does it there.
        with suppress(OSError):
            path.unlink()
        lock.release()

    return let_go


def _write(path: Path, content: str | bytes) -> None:
    """Write a new file, and return when it is on the disk."""
    with path.open("xb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


def _beside(path: Path) -> Path:
    """Return a hidden path in the same folder that nobody else uses."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")
