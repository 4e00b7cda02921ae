"""To which visit each row of a long table belongs: by its name, or by its day.

A row that names its visit is at that visit. A row that only has a day is at the nearest
planned visit whose window it lies in; where several could be meant, the rule is fixed, and
what it decided is noticed, not hidden.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from heldout.cohort.cells import days_since_1, numbers_of, plain_code
from heldout.cohort.noticing import Notice, noticed_of
from heldout.cohort.rows import Rows
from heldout.cohort.values import counted
from heldout.errors import a_few
from heldout.spec import CohortSpec, Experiment

__all__ = ["Placement", "changing", "place_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where the rows of a table belong.

    Attributes
    ----------
    visits : Series or None
        The declared visit of each row, missing where it belongs to none; None for a table
        of one row a patient.
    days : Series
        Days from baseline by which a patient's value on the row was known: the planned day
        of its visit, or its own.
    faults : list of str
        What is wrong with visits, days and dates.
    noticed : list of Notice
        What was decided about rows.
    """

    visits: pd.Series | None = None
    days: pd.Series = field(default_factory=lambda: pd.Series(dtype="float64"))
    faults: list[str] = field(default_factory=list)
    noticed: list[Notice] = field(default_factory=list)


def place_rows(experiment: Experiment, rows: Rows, first: Rows, read: list[str]) -> Placement:
    """Return the visit of every row of a table.

    Parameters
    ----------
    experiment : Experiment
        Its visits have days, codes and windows.
    rows : Rows
        Any table.
    first : Rows
        The first table; it may hold the patients' start.
    read : list of str
        The table's columns with one value a visit. A row without any of them competes for
        no visit.

    Returns
    -------
    Placement
    """
    spec, table = experiment.cohort, rows.spec
    if table.layout == "wide":
        return Placement(faults=twice_faults(rows, rows.ids, "a patient"))
    own, faults = days_of_rows(rows, first)
    if table.visit is not None:
        visits, found = named_visits(spec, rows, table.visit)
        faults += found
        who = (rows.ids + " at " + visits.astype("str")).where(visits.notna())
        if not rows.complementary:
            faults += twice_faults(rows, who, "a patient and visit")
        else:
            faults += clash_faults(rows, who, read)
        noticed, found = misdated(spec, rows, visits, own)
        return Placement(
            visits=visits, days=planned(spec, visits), faults=faults + found, noticed=noticed
        )
    faults += window_faults(experiment)
    if faults:
        return Placement(visits=pd.Series(index=own.index, dtype="object"), days=own, faults=faults)
    holds = rows.texts[read].notna().any(axis=1)
    who = (rows.ids + " on day " + own.map("{:g}".format)).where(holds)
    faults += twice_faults(rows, who, "a patient and day")
    visits, noticed = nearest_visits(spec, rows, own.where(holds))
    early = holds & (own < 0) & nearest(spec, own)["visit"].isna()
    faults += negative_faults(rows, early)
    days = planned(spec, visits).fillna(own)
    return Placement(visits=visits, days=days, faults=faults, noticed=noticed)


def planned(spec: CohortSpec, visits: pd.Series) -> pd.Series:
    """Return the planned day of each row's visit."""
    return visits.map({name: visit.day for name, visit in spec.visits.items()}).astype("float64")


def twice_faults(rows: Rows, who: pd.Series, unit: str) -> list[str]:
    """Return the fault of patients with several rows where one is required."""
    twice = who.notna() & who.duplicated(keep=False)
    if not twice.any():
        return []
    return [
        f"{rows.file}: patient {a_few(sorted(set(who[twice])))} stands more than once (rows "
        f"{a_few(who.index[twice])}). One row {unit} is required; merge or remove the others."
    ]


def clash_faults(rows: Rows, who: pd.Series, read: list[str]) -> list[str]:
    """Return the fault of rows of a patient and visit that do not complete each other."""
    several = rows.texts[read].notna().groupby(who).sum().gt(1)
    columns = [column for column in read if several[column].any()]
    if not columns:
        return []
    names = list(several.index[several.any(axis=1)])
    return [
        f"{rows.file}: patient {a_few(names)} has several rows (rows "
        f"{a_few(who.index[who.isin(names)])}) that hold {a_few(map(repr, columns))}. One value a "
        "patient and visit is required; remove the others."
    ]


def named_visits(spec: CohortSpec, rows: Rows, column: str) -> tuple[pd.Series, list[str]]:
    """Return the declared visit of each row, missing at ignored ones, and the faults found."""
    place = f"{rows.file}, column '{column}'"
    names = {name: plain_code(visit.code or name) for name, visit in spec.visits.items()}
    codes = {code: name for name, code in names.items()}
    raw = rows.texts[column].map(plain_code, na_action="ignore")
    visits = raw.map(codes).astype("object")
    faults = []
    if len(codes) < len(names):
        alike = [name for name, code in names.items() if list(names.values()).count(code) > 1]
        faults.append(
            f"{place}: visits {', '.join(alike)} are declared with one code. Give each its own."
        )
    if raw.isna().any():
        at = a_few(raw.index[raw.isna()])
        faults.append(f"{place}: rows {at} have no visit. Add it or drop them.")
    unknown = sorted(set(raw[visits.isna()].dropna()) - set(map(plain_code, spec.ignore_visits)))
    if unknown:
        faults.append(
            f"{place}: visit {a_few(map(repr, unknown))} is not declared. Declared: "
            f"{', '.join(codes)}. Declare it or list it under 'ignore_visits'."
        )
    return visits, faults


def days_of_rows(rows: Rows, first: Rows) -> tuple[pd.Series, list[str]]:
    """Return the days from baseline of each row, NaN where unknown, and the faults found."""
    table, texts = rows.spec, rows.texts
    column = table.day or table.date
    if column is None:
        return pd.Series(np.nan, index=texts.index), []
    place, faults = f"{rows.file}, column '{column}'", []
    if table.visit is None and texts[column].isna().any():
        at = a_few(texts.index[texts[column].isna()])
        faults.append(f"{place}: rows {at} have no {'day' if table.day else 'date'}. Add it.")
    if table.day is not None:
        days = numbers_of(texts[column], table.decimal)
        wrong = texts[column].notna() & days.isna()
        if wrong.any():
            remedy = "Write the days from baseline as numbers."
            faults.append(f"{place}: {counted(wrong, texts[column])} are not numbers. {remedy}")
        return days, faults
    dates, found = dates_of(rows, column, table.date_format)
    holder = rows if table.start in texts.columns else first
    starts, more = starts_of(holder, table.start or "", table.date_format)
    begun = rows.ids.map(starts)
    lacking = sorted(set(rows.ids[dates.notna() & begun.isna() & rows.ids.notna()]))
    if lacking and not more:
        more = [
            f"{holder.file}, column '{table.start}': {len(lacking)} patients have no start date "
            f"({a_few(lacking)}). Days are counted from it; add it."
        ]
    return dates - begun, faults + found + more


def dates_of(rows: Rows, column: str, date_format: str) -> tuple[pd.Series, list[str]]:
    """Return the dates of a column as days since year 1, and the fault of texts that are none."""
    texts = rows.texts[column]
    dates = days_since_1(texts, date_format)
    wrong = texts.notna() & dates.isna()
    if not wrong.any():
        return dates, []
    return dates, [
        f"{rows.file}, column '{column}': {counted(wrong, texts)} are not dates written as "
        f"{date_format}. Correct them, or set 'date_format' beside 'file' (dates of workbooks and "
        "SPSS are read as %Y-%m-%d)."
    ]


def starts_of(holder: Rows, column: str, date_format: str) -> tuple[pd.Series, list[str]]:
    """Return the start of every patient, and the faults found."""
    dates, faults = dates_of(holder, column, date_format)
    return dates.groupby(holder.ids).first(), faults + changing(holder, column, dates)


def changing(rows: Rows, column: str, values: pd.Series) -> list[str]:
    """Return the fault of a patient's value that is not the same in all rows."""
    n_patients = int(values.groupby(rows.ids).nunique().gt(1).sum())
    if not n_patients:
        return []
    return [
        f"{rows.file}, column '{column}': changes within {n_patients} patients. A value of "
        "the patient must be the same in all rows; correct the table, or declare a column of the "
        "visits with 'by_visit: true'."
    ]


def window_faults(experiment: Experiment) -> list[str]:
    """Return the fault of visits without a window, which days cannot be put to."""
    visits = experiment.cohort.visits
    without = [name for name, visit in visits.items() if visit.window is None]
    if not without:
        return []
    return [
        f"{experiment.where('cohort', 'visits', without[0])}: visits {a_few(without)} have no "
        "'window', and rows are put to visits by their day. Give each visit the days before and "
        "after that still count, such as 'window: 3'."
    ]


def nearest(spec: CohortSpec, days: pd.Series) -> pd.DataFrame:
    """Return of each row the nearest visit whose window it lies in, the gap, and ties."""
    # Sorted by day: of two visits equally near, the first found is the earlier one.
    visits = sorted(spec.visits.items(), key=lambda item: item[1].day)
    gaps = pd.DataFrame({name: (days - visit.day).abs() for name, visit in visits})
    windows = [np.inf if visit.window is None else visit.window for _, visit in visits]
    gaps = gaps.where(gaps.le(windows, axis=1), np.inf)
    least = gaps.min(axis=1)
    return pd.DataFrame(
        {
            "visit": gaps.idxmin(axis=1).where(np.isfinite(least)).astype("object"),
            "gap": least,
            "tied": np.isfinite(least) & (gaps.eq(least, axis=0).sum(axis=1) > 1),
        }
    )


def nearest_visits(spec: CohortSpec, rows: Rows, days: pd.Series) -> tuple[pd.Series, list[Notice]]:
    """Return the visit of each row, one row a patient and visit, and what was noticed."""
    found = nearest(spec, days).assign(patient=rows.ids, day=days)
    inside = found[found["visit"].notna()].sort_values(["gap", "day"], kind="stable")
    aside = inside.duplicated(["patient", "visit"])
    equal = inside.duplicated(["patient", "visit", "gap"], keep=False)
    chosen = inside.index[~aside]
    noticed, texts = [], []
    both = sorted(found.index[found["tied"]])
    if both:
        texts.append(
            f"{len(both)} rows lie equally near to two visits and count for the earlier one (rows "
            f"{a_few(both)})"
        )
    if aside.any():
        at = sorted(inside.index[aside])
        ties = int((equal & aside).sum())
        texts.append(
            f"{len(at)} rows are set aside, because another row of the patient is nearer to the "
            f"visit, or as near and earlier ({ties} times) (rows {a_few(at)})"
        )
    if texts:
        meant = [*both, *inside.index[aside]]
        noticed.append(noticed_of("HO012", f"{rows.file}: {'; '.join(texts)}.", rows.ids[meant]))
    outside = found.index[days.notna() & found["visit"].isna()]
    if len(outside):
        text = (
            f"{rows.file}: {len(outside)} of {int(days.notna().sum())} rows lie in no visit's "
            f"window and are not used (rows {a_few(outside)})."
        )
        noticed.append(noticed_of("HO013", text, rows.ids[outside]))
    return found["visit"].where(found.index.isin(chosen)), noticed


def misdated(
    spec: CohortSpec, rows: Rows, visits: pd.Series, days: pd.Series
) -> tuple[list[Notice], list[str]]:
    """Return what was noticed of days that do not fit the visit they are named for, and faults."""
    windows = {name: visit.window for name, visit in spec.visits.items()}
    due, window = planned(spec, visits), visits.map(windows).astype("float64")
    outside = (days - due).abs() > window
    early = (days < 0) & (due > 0) & (outside | window.isna())
    outside &= ~early
    if not outside.any():
        return [], negative_faults(rows, early)
    dated = days.notna() & visits.notna()
    text = (
        f"{rows.file}: in {int(outside.sum())} of {int(dated.sum())} rows the day lies outside the "
        f"window of the visit the row names (rows {a_few(outside.index[outside])}). The name of "
        "the visit decides."
    )
    return [noticed_of("HO014", text, rows.ids[outside])], negative_faults(rows, early)


def negative_faults(rows: Rows, early: pd.Series) -> list[str]:
    """Return the fault of rows before the patient's start that belong to no visit there."""
    if not early.any():
        return []
    column = rows.spec.day or rows.spec.date
    return [
        f"{rows.file}, column '{column}': {int(early.sum())} rows (rows "
        f"{a_few(early.index[early])}) have negative days, before the patient's start, and fit no "
        "visit there. Correct dates whose day and month were exchanged, or the start; or declare "
        "a visit with that day."
    ]
