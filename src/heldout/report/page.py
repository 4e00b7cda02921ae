"""One HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from heldout.files import write_atomically
from heldout.record import RunRecord
from heldout.report.contents import build_contents
from heldout.report.prose import environment


def render_page(record: RunRecord, figures: Mapping[str, str]) -> str:
    """Return the page of a record.

    Parameters
    ----------
    record : RunRecord
        Complete.
    figures : mapping of str to str
        Name -> SVG, as `heldout.report.figures.draw_figures` gives them.

    Returns
    -------
    str
        HTML; everything but the figures is escaped.
    """
    template = environment(markup=True).get_template("page.html.j2")
    return template.render(contents=build_contents(record), figures=figures)


def write_report(record: RunRecord, figures: Mapping[str, str], path: Path) -> None:
    """Write a record's page.

    Parameters
    ----------
    record : RunRecord
        Complete.
    figures : mapping of str to str
        As `heldout.report.figures.draw_figures` gives them.
    path : Path
        Of the HTML file; its folder exists.

    Raises
    ------
    RecordError
        If the folder cannot be written to.
    """
    write_atomically(path, render_page(record, figures))
