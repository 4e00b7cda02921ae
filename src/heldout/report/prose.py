"""Texts of the page that lie beside the code as they will be read, and how they are filled."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from heldout.report.tables import Section

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment(*, markup: bool) -> Environment:
    """Return what fills the files under ``templates/``; a name that is not given is an error.

    Parameters
    ----------
    markup : bool
        Whether what is filled in is escaped, as HTML needs it, and bound to its percent sign.

    Returns
    -------
    jinja2.Environment
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("heldout.report", "templates"),
        autoescape=markup,  # noqa: S701 - the page escapes the paragraphs that it takes.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_unbroken if markup else None,
    )


def _unbroken(value: object) -> object:
    """Return a text whose percent signs stay on the line of their number."""
    return value.replace(" %", "\N{NO-BREAK SPACE}%") if isinstance(value, str) else value


def paragraphs(name: str, **facts: object) -> list[str]:
    """Return the paragraphs of a text, each on one line; those with nothing in them are left out.

    Parameters
    ----------
    name : str
        Of the text.
    **facts : object
        What it is filled with.

    Returns
    -------
    list of str
    """
    text = environment(markup=False).get_template(f"{name}.txt.j2").render(facts)
    # White space in a file is layout; in what is filled in it says nothing either.
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def section(name: str, **facts: object) -> Section:
    """Return what a section of the page begins with.

    Parameters
    ----------
    name : str
        Of the section, as in the contents.
    **facts : object
        What its words are filled with.

    Returns
    -------
    dict
        ``heading``, ``lead``, and a ``note`` where it has one.
    """
    texts = paragraphs("sections", section=name, **facts)
    # In this order, and the note last, so that a section without one simply ends before it.
    return dict(zip(("heading", "lead", "note"), texts, strict=False))
