"""A numbered finding: what a check saw in the data or in the method, and what it means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one numbered check; codes are never used again for another check.

    Attributes
    ----------
    code : str
        Such as ``HO011``; ``docs/findings/HO011.md`` says what it means and what to do.
    title : str
        What was looked at.
    verdict : str
        ``issue`` (read the results differently because of it), ``tip`` (worth knowing),
        ``passed`` or ``not_applicable``.
    text : str
        What was seen: columns, counts, rows; never a patient's answer.
    who : tuple of str
        Pseudonyms of the patients it is about, or of pairs of them, to mend the table; left
        out of pages.
    """

    code: str
    title: str
    verdict: str
    text: str
    who: tuple[str, ...] = ()
