"""Numbered findings about reading: what was decided about rows, and about whom."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from heldout.findings import Finding
from heldout.spec import CohortSpec

# Code -> title, and what is said if nothing was seen.
CHECKS = {
    "HO011": (
        "Patients who stand in a further table only",
        "Every patient of the further tables is in the first one.",
    ),
    "HO012": ("Rows that compete for a visit", "No two rows of a patient compete for a visit."),
    "HO013": ("Rows in no visit's window", "Every row lies in the window of a visit."),
    "HO014": (
        "Visits that do not fit their day",
        "Every row's day lies in the window of the visit it names, or, where that has none, "
        "nearer to it than to any other visit.",
    ),
    "HO025": (
        "Baseline measured after the baseline day",
        "No row that counts as baseline lies after the baseline day.",
    ),
    "HO026": (
        "Columns that are read twice",
        "No column of a table is read as two values of a visit.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What was seen in one table: the finding's code, the words, and pseudonyms."""

    code: str
    text: str
    who: tuple[str, ...]


def noticed_of(code: str, text: str, ids: pd.Series) -> Notice:
    """Return a notice about the patients of some rows."""
    return Notice(code=code, text=text, who=tuple(sorted(set(ids.dropna()))))


def findings_of(spec: CohortSpec, noticed: list[Notice]) -> tuple[Finding, ...]:
    """Return the findings about reading, one a check.

    Parameters
    ----------
    spec : CohortSpec
        Says which checks apply.
    noticed : list of Notice
        What was seen, table by table.

    Returns
    -------
    tuple of Finding
        What was not seen has passed, or does not apply.
    """
    applies = _applicable(spec)
    findings = []
    for code, (title, fine) in CHECKS.items():
        seen = [notice for notice in noticed if notice.code == code]
        words = " ".join(notice.text for notice in seen)
        verdict, text = ("issue", words) if seen else ("passed", fine)
        if not seen and not applies[code]:
            verdict, text = "not_applicable", _APPLIES_TO[code]
        who = tuple(sorted({patient for notice in seen for patient in notice.who}))
        findings.append(Finding(code=code, title=title, verdict=verdict, text=text, who=who))
    return tuple(findings)


_APPLIES_TO = {
    "HO011": "There is one table.",
    "HO012": "No table puts rows to visits by their day.",
    "HO013": "No table puts rows to visits by their day.",
    "HO014": "No table has both a visit and its day.",
    "HO025": "No table says on which day a row was measured.",
    "HO026": "",
}


def _applicable(spec: CohortSpec) -> dict[str, bool]:
    """Return which checks have something to look at."""
    timed = [table for table in (spec.table, *spec.tables.values()) if table.day or table.date]
    by_day = any(table.visit is None for table in timed)
    both = any(table.visit is not None for table in timed)
    return {
        "HO011": bool(spec.tables),
        "HO012": by_day,
        "HO013": by_day,
        "HO014": both,
        "HO025": bool(timed),
        "HO026": True,
    }
