"""Files and folders that are whole or not there, and locks that end with their process."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from heldout.errors import ExportError, RecordError
from heldout.files import append_line, hold, whole_folder, write_atomically, write_files
from tests.limits import files_up_to


def names(folder: Path) -> list[str]:
    """Return what a folder holds, hidden files too."""
    return sorted(os.listdir(folder))  # noqa: PTH208 - hidden files count


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "unit.json"
    write_atomically(path, "old")
    with files_up_to(1000), pytest.raises(RecordError, match=r"unit\.json: cannot be written"):
        write_atomically(path, "new" * 1000)
    assert path.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["unit.json"]


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    """The same bytes on every system: UTF-8, and no other line breaks."""
    write_atomically(tmp_path / "text", "ü\nx\r\n")
    append_line(tmp_path / "text", "ö")
    assert (tmp_path / "text").read_bytes() == b"\xc3\xbc\nx\r\n\n\xc3\xb6"


def test_a_line_that_fits_in_part_is_refused(tmp_path: Path) -> None:
    """The system takes its beginning without complaint."""
    path = tmp_path / "rows"
    with files_up_to(20):
        append_line(path, "[1]")
        with pytest.raises(RecordError, match="cannot be written"):
            append_line(path, "[2, 3, 4, 5, 6, 7, 8, 9]")
    append_line(path, "[3]")
    assert path.read_text(encoding="utf-8").split("\n") == ["", "[1]", "[2, 3, 4, 5, 6,", "[3]"]


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_takes_its_place_or_that_of_an_empty_one(there: bool, tmp_path: Path) -> None:
    place = tmp_path / "new" / "folder"
    if there:
        place.mkdir(parents=True)
    with whole_folder(place) as new:
        assert names(place) == [] if there else not place.exists()
        write_files(new, {"a/b.txt": "ü", "c": b"\0"})
    assert (place / "a" / "b.txt").read_text(encoding="utf-8") == "ü"
    assert (place / "c").read_bytes() == b"\0"
    assert names(place.parent) == ["folder"]


def test_a_folder_that_holds_something_is_replaced_only_if_that_is_said(tmp_path: Path) -> None:
    place = tmp_path / "folder"
    place.mkdir()
    (place / "old").touch()
    with (
        pytest.raises(ExportError, match=r"folder: cannot be written \(.*\)\. Name another\."),
        whole_folder(place, error=ExportError, remedy="Name another.") as new,
    ):
        write_files(new, {"new": ""})
    assert names(place) == ["old"]
    with whole_folder(place, over=True) as new:
        write_files(new, {"new": ""})
    assert names(place) == ["new"]
    assert names(tmp_path) == ["folder"]


def test_a_folder_that_cannot_be_moved_leaves_the_older_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on Windows, where another program may hold a file in it."""
    place = tmp_path / "folder"
    with whole_folder(place) as new:
        write_files(new, {"old": ""})

    def replace(source: Path, target: Path) -> None:
        if target == place and (source / "new").exists():
            raise PermissionError(errno.EACCES, "Permission denied")
        source.replace(target)

    monkeypatch.setattr("heldout.files.replace", replace)
    with pytest.raises(RecordError, match="denied"), whole_folder(place, over=True) as new:
        write_files(new, {"new": ""})
    assert names(place) == ["old"]
    assert names(tmp_path) == ["folder"]


def test_a_folder_whose_filling_fails_leaves_nothing(tmp_path: Path) -> None:
    with files_up_to(1000), pytest.raises(RecordError, match=r"folder: cannot be written"):  # noqa: SIM117
        with whole_folder(tmp_path / "folder") as new:
            write_files(new, {"small": "x", "large": "x" * 2000})
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "folder"):
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_a_lock_is_held_once_and_leaves_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    let_go = hold(lock)
    with pytest.raises(TimeoutError):
        hold(lock, 0)
    let_go()
    assert names(tmp_path) == []
    hold(lock, 0)()
    assert names(tmp_path) == []


HOLDER = """
import sys
from pathlib import Path
from heldout.files import hold

let_go = hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_system_lets_go_of_what_a_killed_process_held(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(TimeoutError):
            hold(lock, 0)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert lock.exists()
    hold(lock, 0)()
    assert names(tmp_path) == []


def test_a_lock_that_its_holder_removed_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who opened it before it was removed locks what nobody else can see, and must look again."""
    import fcntl

    lock, flock = tmp_path / "lock", fcntl.flock
    removed: list[Path] = []

    def late(handle: int, how: int) -> None:
        if not removed:
            removed.append(lock)
            lock.unlink()
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    let_go = hold(lock)
    assert lock.exists()
    with pytest.raises(TimeoutError):
        hold(lock, 0)
    let_go()


@pytest.mark.parametrize("fault", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_holds_nothing(
    fault: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A lock that is a mere file would outlive its process, or not be seen by all."""
    import fcntl

    def flock(handle: int, how: int) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match=os.strerror(fault)) as caught:
        hold(tmp_path / "lock")
    assert not isinstance(caught.value, TimeoutError)
