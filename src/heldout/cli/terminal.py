"""Words on the terminal: width 80, messages on standard error, progress while one waits."""

from __future__ import annotations

import codecs
import io
import json
import sys
import textwrap
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

from heldout.errors import SpecError, StudyError

WIDTH = 80
# Ending of a text table -> what stands between its cells.
TEXT_TABLES = {".csv": ",", ".tsv": "\t"}
# Seconds between lines of progress where the terminal cannot rewrite one.
_LINE_EVERY = 10.0
# Below these, too little was seen for an estimate: share of the folds, seconds between them.
LEAST_SHARE, LEAST_SECONDS = 0.05, 5.0


# Letters of ours that some consoles lack, and what stands for them: a minus must stay a minus.
_SPELT = {"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-", "\N{HORIZONTAL ELLIPSIS}": "...", "²": "2"}


def spell_what_it_can() -> None:
    """Let nothing end for want of a letter in standard output, as in a Windows console.

    A minus becomes a hyphen. Of other letters a terminal shows a question mark; a file or a program
    is given the letter's number, so that no two words become one.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        otherwise = "replace" if sys.stdout.isatty() else "backslashreplace"
        codecs.register_error("heldout", partial(_spelt, codecs.lookup_error(otherwise)))
        sys.stdout.reconfigure(errors="heldout")


def _spelt(
    otherwise: Callable[[UnicodeError], tuple[str | bytes, int]], error: UnicodeError
) -> tuple[str | bytes, int]:
    """Return what stands for a letter that cannot be written, and where to go on."""
    if isinstance(error, UnicodeEncodeError):
        letter = error.object[error.start]
        if letter in _SPELT:
            return _SPELT[letter], error.start + 1
        # One letter at a time: the next may be one of ours.
        error.end = error.start + 1
    return otherwise(error)


def complain(text: str) -> None:
    """Write a message to standard error, wrapped to the terminal.

    Parameters
    ----------
    text : str
        Of one line or several; each keeps its indent.
    """
    for line in text.splitlines():
        hang = " " * (len(line) - len(line.lstrip()))
        wrapped = textwrap.wrap(
            line, WIDTH, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
        )
        print("\n".join(wrapped or [""]), file=sys.stderr)


def shown(path: Path) -> str:
    """Return a path relative to here if it lies below.

    Parameters
    ----------
    path : Path
        Of anything.

    Returns
    -------
    str
    """
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def answer(options: Namespace, facts: Callable[[], object], text: Callable[[], str]) -> int:
    """Print what a command comes to, and return the exit status.

    Parameters
    ----------
    options : Namespace
        Of the command; with ``--json`` a machine reads the answer.
    facts, text : callable
        The same for machines and for people; only one of them is called.

    Returns
    -------
    int
        0.
    """
    print(json.dumps(facts(), allow_nan=False) if options.json else text())
    return 0


def new_table(out: Path, read: Path) -> str:
    """Return the mark between the cells of a table to be written, or refuse to write it.

    Parameters
    ----------
    out : Path
        Where it shall be written; what is there already is never written over.
    read : Path
        The table that it is made of.

    Returns
    -------
    str
        Comma or tab.

    Raises
    ------
    SpecError
        If its name does not say which.
    StudyError
        If it exists.
    """
    if out.suffix.lower() not in TEXT_TABLES:
        raise SpecError(
            f"--out: '{out}' does not end in {' or '.join(TEXT_TABLES)}, and nothing else can be "
            "written. Give the file such a name."
        )
    if out.exists() or out.is_symlink():
        same = out.exists() and read.exists() and out.samefile(read)
        what = "is the very table that is read" if same else "exists already"
        raise StudyError(f"--out: {out} {what}; nothing was written. Name another file.")
    return TEXT_TABLES[out.suffix.lower()]


class Progress:
    """Tell on standard error how far the work is; rewrite the line where that is possible.

    As a context it also tells while no unit ends. One after the other it can be told of several
    kinds of units.
    """

    def __init__(self) -> None:
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.what, self.last_told = "", 0.0
        self.telling = threading.Thread(target=self.keep_telling, daemon=True)
        self.before = self.done = self.total = 0
        # When the first unit ended and how many had by then, and when the last one did.
        self.first, self.first_done, self.last = 0.0, 0, 0.0

    def __enter__(self) -> Self:
        self.telling.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.ended.set()
        self.telling.join()

    def keep_telling(self) -> None:
        """Tell again and again, until the work ends."""
        while not self.ended.wait(_LINE_EVERY / 10):
            with self.lock:
                if not self.ended.is_set():
                    self.tell(time.monotonic())

    def __call__(self, done: int, total: int, what: str = "outer folds") -> None:
        """Tell that `done` of `total` units of a kind are finished."""
        with self.lock:
            now = time.monotonic()
            if what != self.what:
                self.what, self.last_told, self.before, self.first = what, now, done, 0.0
                already = f", {done} of them done before" if done else ""
                units = what.removesuffix("s") if total == 1 else what
                complain(f"Evaluating {total} {units}{already} ...")
            elif done > self.before:
                if not self.first:
                    self.first, self.first_done = now, done
                self.last = now
            self.done, self.total = done, total
            if done == total and sys.stderr.isatty():
                print(f"\r{'':<{WIDTH - 1}}\r", end="", file=sys.stderr, flush=True)
            self.tell(now)

    def tell(self, now: float) -> None:
        """Say how far the work is, unless that was said just now."""
        live = sys.stderr.isatty()
        just_now = self.done == self.before if live else now - self.last_told < _LINE_EVERY
        if self.done == self.total or just_now:
            return
        self.last_told = now
        left = self.left(now)
        about = "" if left is None else f", about {_minutes(left)} left"
        text = f"  {self.done} of {self.total} {self.what.rpartition(' ')[2]}{about}"
        end = "" if live else "\n"
        print(f"\r{text:<{WIDTH - 1}}" if live else text, end=end, file=sys.stderr, flush=True)

    def left(self, now: float) -> float | None:
        """Return the seconds left, or None as long as nobody can know.

        What comes before the first unit's end, starting workers above all, comes only once.
        """
        if not self.first:
            return None
        seen, units = self.last - self.first, self.done - self.first_done
        share = (self.done - self.before) / (self.total - self.before)
        if share < LEAST_SHARE or seen < LEAST_SECONDS:
            return None
        left = seen / units * (self.total - self.done) - (now - self.last)
        return left if left > 0 else None


def _minutes(seconds: float) -> str:
    """Return a duration as it is spoken of.

    Examples
    --------
    >>> _minutes(42.4), _minutes(300)
    ('42 s', '5 min')
    """
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def wrap(text: str, indent: str = "") -> str:
    """Return a text wrapped to the width of the terminal.

    Parameters
    ----------
    text : str
        On one line.
    indent : str
        Of the second line and those below it.

    Returns
    -------
    str
    """
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
