"""How the tables were read: what was decided about rows, and about whom."""

from __future__ import annotations

from heldout.cohort.people import Cohort
from heldout.findings.check import Seen
from heldout.spec.cohort import TableSpec

_NOT_BY_DAY = "No table puts rows to visits by their day."


def strangers(cohort: Cohort) -> Seen:
    """Name patients of further tables whom the first table does not have.

    Parameters
    ----------
    cohort : Cohort
        With what was noticed while its tables were read.

    Returns
    -------
    Seen
    """
    if not cohort.spec.tables:
        return Seen("not_applicable", "There is one table.")
    return _noticed(cohort, "HO011", "Every patient of the further tables is in the first one.")


def competing_rows(cohort: Cohort) -> Seen:
    """Name rows that are equally near to a visit, of which one counts.

    Parameters
    ----------
    cohort : Cohort
        With what was noticed while its tables were read.

    Returns
    -------
    Seen
    """
    if not _rows_by_day(cohort):
        return Seen("not_applicable", _NOT_BY_DAY)
    return _noticed(cohort, "HO012", "No two rows of a patient compete for a visit.")


def rows_outside_windows(cohort: Cohort) -> Seen:
    """Name rows that belong to no visit.

    Parameters
    ----------
    cohort : Cohort
        With what was noticed while its tables were read.

    Returns
    -------
    Seen
    """
    if not _rows_by_day(cohort):
        return Seen("not_applicable", _NOT_BY_DAY)
    return _noticed(cohort, "HO013", "Every row lies in the window of a visit.")


def misdated_visits(cohort: Cohort) -> Seen:
    """Name rows whose day does not fit the visit they are named for.

    Parameters
    ----------
    cohort : Cohort
        With what was noticed while its tables were read.

    Returns
    -------
    Seen
    """
    if all(table.visit is None for table in _timed_tables(cohort)):
        return Seen("not_applicable", "No table has both a visit and its day.")
    fine = (
        "Every row's day lies in the window of the visit it names, or, where that has none, "
        "nearer to it than to any other visit."
    )
    return _noticed(cohort, "HO014", fine)


def late_baselines(cohort: Cohort) -> Seen:
    """Name rows that count as baseline and were measured later.

    Parameters
    ----------
    cohort : Cohort
        With what was noticed while its tables were read.

    Returns
    -------
    Seen
    """
    if not _timed_tables(cohort):
        return Seen("not_applicable", "No table says on which day a row was measured.")
    fine = "No row that counts as baseline lies after the baseline day."
    return _noticed(cohort, "HO025", fine)


def columns_read_twice(cohort: Cohort) -> Seen:
    """Name columns of a table that are read as two values of a visit.

    Parameters
    ----------
    cohort : Cohort
        With what was noticed while its tables were read.

    Returns
    -------
    Seen
    """
    return _noticed(cohort, "HO026", "No column of a table is read as two values of a visit.")


def _noticed(cohort: Cohort, code: str, fine: str) -> Seen:
    """Return what was noticed under a code while reading, or that all is fine."""
    notices = [notice for notice in cohort.noticed if notice.code == code]
    if not notices:
        return Seen("passed", fine)
    patients = {patient for notice in notices for patient in notice.who}
    return Seen("issue", " ".join(notice.text for notice in notices), tuple(sorted(patients)))


def _timed_tables(cohort: Cohort) -> list[TableSpec]:
    """Return the tables that say when their rows were measured."""
    tables = (cohort.spec.table, *cohort.spec.tables.values())
    return [table for table in tables if table.day or table.date]


def _rows_by_day(cohort: Cohort) -> bool:
    """Return whether a table puts rows to visits by their day."""
    return any(table.visit is None for table in _timed_tables(cohort))
