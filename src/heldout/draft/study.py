"""A study folder written from a table, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from heldout.draft.configs import (
    Decision,
    Line,
    cohort_lines,
    experiment_lines,
    feature_lines,
    reasons,
    rendered,
    start_name,
    starts_file,
)
from heldout.draft.names import name_of
from heldout.draft.opened import MISSING, open_table
from heldout.draft.recognition import Recognised, recognise
from heldout.errors import StudyError
from heldout.files import whole_folder, write_files
from heldout.instruments.keys import instrument_names, load_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A drafted study.

    Attributes
    ----------
    folder : Path
        The study folder.
    experiment : str
        Its experiment file, relative to the folder; `files` are all of them.
    recognised : Recognised
        From its table.
    decisions : tuple of Decision
        In the order of the files.
    """

    folder: Path
    experiment: str
    files: tuple[str, ...]
    recognised: Recognised
    decisions: tuple[Decision, ...]


def draft_study(folder: Path, data: Path, *, sheet: str | None = None) -> Draft:
    """Write a study folder drafted from a table, and return what was recognised.

    Parameters
    ----------
    folder : Path
        New, or empty.
    data : Path
        CSV, TSV, XLSX or SAV; it is copied into the folder.
    sheet : str, optional
        Of a workbook with several.

    Returns
    -------
    Draft
        The experiment runs once everything marked DECIDE with the value null is decided.

    Raises
    ------
    CohortError
        If the table cannot be read, or patients or visits cannot be told apart.
    StudyError
        If the folder is not empty or cannot be written.
    """
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StudyError(
            f"{folder}: exists and is not empty. Nothing was written; give a new folder."
        )
    keys = {name: load_key(name, folder) for name in instrument_names(folder)}
    facts = recognise(open_table(data, sheet), keys)
    name, table = name_of(folder.name), f"data/{data.name}"
    drafted: dict[str, Iterable[Line]] = {
        f"configs/cohort/{name}.yaml": cohort_lines(facts, folder.name, table),
        f"configs/features/{name}.yaml": feature_lines(facts),
        f"experiments/{name}.yaml": experiment_lines(facts, name),
    }
    contents: dict[str, str | bytes] = {}
    decisions: list[Decision] = []
    for file, lines in drafted.items():
        contents[file], more = rendered(file, lines, len(decisions) + 1)
        decisions += more
    # The study has its own copy: what was analysed stays, whatever becomes of the file.
    contents[table] = data.read_bytes()
    if facts.layout.dated and not facts.layout.dated.start:
        contents[starts_file(table)] = _starts_text(facts)
    # A half-written study would be corrected by somebody who takes it for a whole one.
    with whole_folder(folder) as new:
        write_files(new, contents)
    return Draft(
        folder=folder,
        experiment=f"experiments/{name}.yaml",
        files=tuple(contents),
        recognised=facts,
        decisions=tuple(decisions),
    )


def _starts_text(facts: Recognised) -> str:
    """Return the table of each patient's site and first date."""
    layout, cells = facts.layout, facts.opened.cells
    assert layout.dated is not None
    starts = layout.dated.starts.rename(start_name(facts)).rename_axis(layout.patient).reset_index()
    if layout.site:
        sites = cells.groupby(layout.patient)[layout.site].first()
        starts.insert(1, layout.site, starts[layout.patient].map(sites))
    return str(starts.to_csv(index=False, lineterminator="\n"))


def summary(draft: Draft) -> dict[str, Any]:
    """Return what machine output shows of a draft.

    Parameters
    ----------
    draft : Draft
        Any.

    Returns
    -------
    dict
        ``folder``, ``experiment``, ``files``, ``recognised`` and ``decide``; no patient's value.
    """
    facts, layout = draft.recognised, draft.recognised.layout
    return {
        "folder": str(draft.folder),
        "experiment": draft.experiment,
        "files": list(draft.files),
        "recognised": {
            "patients": int(facts.opened.cells[layout.patient].nunique()),
            "layout": "long" if layout.long else "wide",
            "patient": layout.patient,
            "site": layout.site,
            "visit": layout.visit,
            "date": layout.dated.column if layout.dated else None,
            "start": layout.dated.start if layout.dated else None,
            "visits": {visit.name: visit.day for visit in layout.visits},
            "ignored_visits": list(layout.ignored),
            "baseline": facts.baseline,
            "missing": [text for text in facts.opened.spec.missing if text not in MISSING],
            "outcome": facts.outcome.name if facts.outcome else None,
            "observed": dict(facts.observed),
            "columns": {
                column.name: {
                    "kind": column.kind,
                    "instrument": column.instrument,
                    "why": column.why,
                    "feature": column in facts.features,
                }
                for column in facts.columns
            },
            "left_out": reasons(facts),
        },
        "decide": list(map(asdict, draft.decisions)),
    }
