"""Words on the terminal: width 80, messages on standard error, progress while one waits."""

from __future__ import annotations

import sys
import textwrap
import time
from pathlib import Path

__all__ = ["Progress", "complain", "shown", "wrap"]

WIDTH = 80
# Seconds between lines of progress where the terminal cannot rewrite one.
LINE_EVERY = 10.0


def complain(text: str) -> None:
    """Write a message to standard error, wrapped to the terminal."""
    for line in text.splitlines():
        hang = " " * (len(line) - len(line.lstrip()))
        wrapped = textwrap.wrap(
            line, WIDTH, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
        )
        print("\n".join(wrapped or [""]), file=sys.stderr)


def shown(path: Path) -> str:
    """Return a path relative to here if it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


class Progress:
    """Tell on standard error how far the work is; rewrite the line where that is possible."""

    def __init__(self) -> None:
        self.started, self.before, self.told = time.monotonic(), None, 0.0

    before: int | None

    def __call__(self, done: int, total: int) -> None:
        """Tell that `done` of `total` units are finished."""
        now = time.monotonic()
        if self.before is None:
            self.before = done
            already = f", {done} of them done before" if done else ""
            complain(f"Evaluating {total} outer folds{already} ...")
        live = sys.stderr.isatty()
        if done == total and live:
            print(f"\r{'':<60}\r", end="", file=sys.stderr, flush=True)
        if done in (self.before, total) or (not live and now - self.told < LINE_EVERY):
            return
        self.told = now
        left = (now - self.started) / (done - self.before) * (total - done)
        text = f"  {done} of {total} folds, about {minutes(left)} left"
        end = "" if live else "\n"
        print(f"\r{text:<60}" if live else text, end=end, file=sys.stderr, flush=True)


def minutes(seconds: float) -> str:
    """Return a duration as it is spoken of.

    Examples
    --------
    >>> minutes(42.4), minutes(300)
    ('42 s', '5 min')
    """
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def wrap(text: str, indent: str = "") -> str:
    """Return a text wrapped to the width of the terminal."""
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
