"""Marks that a draft leaves for a person to decide, where they still stand."""

from __future__ import annotations

import re
from pathlib import Path

from heldout.errors import a_few
from heldout.spec.experiment import Experiment

# Of a comment, at its beginning: a mark that is only spoken of is none.
_MARK = re.compile(r"(^|\s)#\s*DECIDE\b")
_MOST_LINES = 12


def standing_marks(path: Path | str, experiment: Experiment) -> list[str]:
    """Return a message for every file of an experiment in which a mark DECIDE still stands.

    Parameters
    ----------
    path : Path or str
        The experiment's file.
    experiment : Experiment
        As loaded from it; it says which pieces are used.

    Returns
    -------
    list of str
        The experiment's own file first; empty if everything is decided.
    """
    files = {str(path): Path(path)}
    for kind in Experiment.model_fields:
        written = re.match(r"(.+):\d+(, |$)", experiment.where(kind))
        if written:
            files.setdefault(written[1], experiment.folder / written[1])
    return [message for shown, file in files.items() if (message := _marks_in(file, shown))]


def _marks_in(file: Path, shown: str) -> str:
    """Return how many marks stand in a file and where, or nothing."""
    lines = file.read_text(encoding="utf-8").splitlines()
    marked = [number for number, line in enumerate(lines, start=1) if _MARK.search(line)]
    if not marked:
        return ""
    many = len(marked) > 1
    return (
        f"{shown}: {len(marked)} mark{'s' if many else ''} DECIDE still stand{'' if many else 's'} "
        f"(line{'s' if many else ''} {a_few(marked, _MOST_LINES)}). Decide "
        f"{'each and delete its' if many else 'it and delete the'} mark."
    )
