"""How the tables were read: what was decided about rows, and about whom."""

from __future__ import annotations

from collections.abc import Callable

from heldout.cohort.people import Cohort
from heldout.findings.check import Seen

# Code -> what is said where nothing was noticed under it.
_FINE = {
    "HO011": "Every patient of the further tables is in the first one.",
    "HO012": "No two rows of a patient compete for a visit.",
    "HO013": "Every row lies in the window of a visit.",
    "HO014": (
        "Every row's day lies in the window of the visit it names, or, where that has none, nearer "
        "to it than to any other visit."
    ),
    "HO025": "No row that counts as baseline lies after the baseline day.",
    "HO026": "No column of a table is read as two values of a visit.",
}


def noticed(code: str) -> Callable[[Cohort], Seen]:
    """Return the check of what was noticed under a code while tables were read.

    Parameters
    ----------
    code : str
        Of a notice.

    Returns
    -------
    callable
        From a cohort to what was seen.
    """

    def see(cohort: Cohort) -> Seen:
        unseen = _unseen(cohort)
        if code in unseen:
            return Seen("not_applicable", unseen[code])
        notices = [notice for notice in cohort.noticed if notice.code == code]
        if not notices:
            return Seen("passed", _FINE[code])
        patients = {patient for notice in notices for patient in notice.who}
        return Seen("issue", " ".join(notice.text for notice in notices), tuple(sorted(patients)))

    return see


def _unseen(cohort: Cohort) -> dict[str, str]:
    """Return the codes under which these tables let nothing be noticed, and why."""
    tables = (cohort.spec.table, *cohort.spec.tables.values())
    timed = [table for table in tables if table.day or table.date]
    unseen = {} if cohort.spec.tables else {"HO011": "There is one table."}
    if not any(table.visit is None for table in timed):
        unseen |= dict.fromkeys(("HO012", "HO013"), "No table puts rows to visits by their day.")
    if all(table.visit is None for table in timed):
        unseen["HO014"] = "No table has both a visit and its day."
    if not timed:
        unseen["HO025"] = "No table says on which day a row was measured."
    return unseen
