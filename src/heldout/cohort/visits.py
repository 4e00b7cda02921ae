"""To which visit each row of a long table belongs: by its name, or by its day.

A row that names its visit is at that visit. A row that only has a day is at the nearest
planned visit whose window it lies in; where several could be meant, the rule is fixed, and
what it decided is noticed, not hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from heldout.cohort.conversion import wrong_values
from heldout.cohort.messages import at_rows, missing_hint, rows_have, shown_ids
from heldout.cohort.notation import days_since_1, is_number, numbers_of, plain_code
from heldout.cohort.noticing import Notice
from heldout.cohort.rows import Rows, instance_faults
from heldout.errors import a_few
from heldout.spec.cohort import CohortSpec, VisitSpec
from heldout.spec.experiment import Experiment
from heldout.wording import counted


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


def place_rows(
    experiment: Experiment, rows: Rows, first: Rows, read: list[str], each: list[str]
) -> Placement:
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
        The table's columns that are read.
    each : list of str
        Those of them with one value a visit. A row without any of these competes for no visit.

    Returns
    -------
    Placement
    """
    spec, table = experiment.cohort, rows.spec
    if table.layout == "wide":
        return Placement(faults=_twice_faults(rows, rows.ids, "a patient"))
    # The row's own day, if the table has days; where it names a visit, that decides.
    own, faults = _days_of_rows(rows, first)
    if table.visit is not None:
        visits, visit_faults = _named_visits(spec, rows, table.visit)
        faults += visit_faults
        who = (rows.ids + " at " + visits.astype("str")).where(visits.notna())
        if not rows.complementary:
            faults += _twice_faults(rows, who, "a patient and visit")
        else:
            # Of repeats it is not known which counts, so they need not agree either.
            faults += instance_faults(rows, who, read) or _clash_faults(rows, who, each)
        holds = rows.texts[read].notna().any(axis=1)
        noticed, day_faults = _misdated(spec, rows, visits.where(holds), own)
        faults += day_faults
        return Placement(visits=visits, days=_planned(spec, visits), faults=faults, noticed=noticed)
    faults += _window_faults(experiment)
    if faults:
        return Placement(visits=pd.Series(index=own.index, dtype="object"), days=own, faults=faults)
    # A form without an answer is no visit: it must not push a filled one aside.
    holds = rows.texts[each].notna().any(axis=1)
    who = (rows.ids + " on day " + own.map("{:g}".format)).where(holds)
    faults += _twice_faults(rows, who, "a patient and day")
    visits, noticed, early_faults = _nearest_visits(spec, rows, own.where(holds))
    faults += early_faults
    days = _planned(spec, visits).fillna(own)
    return Placement(visits=visits, days=days, faults=faults, noticed=noticed)


def _planned(spec: CohortSpec, visits: pd.Series) -> pd.Series:
    """Return the planned day of each row's visit."""
    return visits.map({name: visit.day for name, visit in spec.visits.items()}).astype("float64")


def _twice_faults(rows: Rows, who: pd.Series, unit: str) -> list[str]:
    """Return the fault of patients with several rows where one is required."""
    twice = who.notna() & who.duplicated(keep=False)
    if not twice.any():
        return []
    shown = shown_ids(rows.ids, sorted(set(who[twice])), recurring=float(twice.mean()))
    at = at_rows(who.index[twice])
    remedy = f"One row {unit} is required; merge or remove the others."
    if shown is not None:
        return [f"{rows.file}: patient {shown} stands more than once ({at}). {remedy}"]
    return [
        f"{rows.where(rows.patient)}: {int(twice.sum())} rows ({at}) are of patients who stand "
        f"more than once. {remedy[:-1]}, or write the column of pseudonyms under 'patient'."
    ]


def _clash_faults(rows: Rows, who: pd.Series, read: list[str]) -> list[str]:
    """Return the fault of rows of a patient and visit that do not complete each other."""
    several = rows.texts[read].notna().groupby(who).sum().gt(1)
    columns = [column for column in read if several[column].any()]
    if not columns:
        return []
    names = list(several.index[several.any(axis=1)])
    shown = shown_ids(rows.ids, names)
    called = (
        f"patient {shown} has" if shown else counted(len(names), "patient has", "patients have")
    )
    return [
        f"{rows.file}: {called} several rows ({at_rows(who.index[who.isin(names)])}) that hold "
        f"{a_few(map(repr, columns))}. One value a patient and visit is required; remove the "
        "others."
    ]


def _named_visits(spec: CohortSpec, rows: Rows, column: str) -> tuple[pd.Series, list[str]]:
    """Return the declared visit of each row, missing at ignored ones, and the faults found."""
    names = {name: plain_code(visit.code or name) for name, visit in spec.visits.items()}
    codes = {code: name for name, code in names.items()}
    raw = rows.texts[column].map(plain_code, na_action="ignore")
    visits = raw.map(codes).astype("object")
    faults = []
    if len(codes) < len(names):
        alike = [name for name, code in names.items() if list(names.values()).count(code) > 1]
        faults.append(f"visits {', '.join(alike)} are declared with one code. Give each its own.")
    if raw.isna().any():
        faults.append(f"{rows_have(raw.index[raw.isna()])} no visit. Add it or drop the row.")
    strange = raw[visits.isna()].dropna()
    strange = strange[~strange.isin(list(map(plain_code, spec.ignore_visits)))]
    if len(strange):
        known = f"Declared: {', '.join(codes)}."
        faults.append(_undeclared_words(strange, known, some_known=bool(visits.notna().any())))
    return visits, [f"{rows.where(column)}: {fault}" for fault in faults]


def _undeclared_words(strange: pd.Series, known: str, *, some_known: bool) -> str:
    """Return the words for visits that are not declared; what may be answers is not named.

    A wrong column under 'visit' holds answers. A visit is no number here, and is met in several
    rows, or stands beside others that are declared.
    """
    names = sorted(set(strange))
    if not any(map(is_number, names)) and (some_known or len(strange) >= 2 * len(names)):
        called, it = ("visit", "it") if len(names) == 1 else ("visits", "them")
        return (
            f"{called} {a_few(map(repr, names))} {'is' if it == 'it' else 'are'} not declared. "
            f"{known} Declare {it} or list {it} under 'ignore_visits'."
        )
    return (
        f"{counted(len(strange), 'row names', 'rows name')} {counted(len(names), 'visit')} "
        f"({at_rows(strange.index)}) not declared. {known} Declare the codes or list them under "
        "'ignore_visits', or write the column that names the visit under 'visit'."
    )


def _days_of_rows(rows: Rows, first: Rows) -> tuple[pd.Series, list[str]]:
    """Return the days from baseline of each row, NaN where unknown, and the faults found."""
    table, texts = rows.spec, rows.texts
    column = table.day or table.date
    if column is None:
        return pd.Series(np.nan, index=texts.index), []
    faults = []
    if table.visit is None and texts[column].isna().any():
        words = rows_have(texts.index[texts[column].isna()])
        day = "day" if table.day else "date"
        faults.append(f"{rows.where(column)}: {words} no {day}. Add it.")
    if table.date:
        days, date_faults = _days_since_start(rows, column, first)
        return days, faults + date_faults
    days = numbers_of(texts[column], table.decimal)
    verbs = ("is not a number", "are not numbers")
    remedy = ". Write the days from baseline as numbers."
    return days, faults + _unread_faults(rows, column, days, verbs, remedy)


def _unread_faults(
    rows: Rows, column: str, values: pd.Series, verbs: tuple[str, str], remedy: str
) -> list[str]:
    """Return the fault of texts of a column that could not be read as days or dates."""
    texts = rows.texts[column]
    wrong = texts.notna() & values.isna()
    if not wrong.any():
        return []
    hint = missing_hint(texts[wrong], rows.spec.missing, rows.name)
    return [f"{rows.where(column)}: {wrong_values(wrong, texts, *verbs)}{remedy}{hint}"]


def _days_since_start(rows: Rows, column: str, first: Rows) -> tuple[pd.Series, list[str]]:
    """Return the days from each patient's start to the dates of a column, and the faults."""
    start = rows.spec.start or ""
    dates, faults = _dates_of(rows, column, rows.spec.date_format)
    holder = rows if start in rows.texts.columns else first
    starts, start_faults = _dates_of(holder, start, rows.spec.date_format)
    start_faults += changing(holder, start, starts)
    # The first that is there: a start often stands in one row of a patient only.
    begun = rows.ids.map(starts.groupby(holder.ids).first())
    lacking = sorted(set(rows.ids[dates.notna() & begun.isna() & rows.ids.notna()]))
    if lacking and not start_faults:
        shown = shown_ids(rows.ids, lacking)
        start_faults.append(
            f"{holder.where(start)}: {counted(len(lacking), 'patient has', 'patients have')} no "
            f"start date{f' ({shown})' if shown else ''}. Days are counted from it; add it."
        )
    return dates - begun, faults + start_faults


def _dates_of(rows: Rows, column: str, date_format: str) -> tuple[pd.Series, list[str]]:
    """Return the dates of a column as days since year 1, and the fault of texts that are none."""
    dates = days_since_1(rows.texts[column], date_format)
    remedy = (
        f" written as {date_format}. Correct them, or set 'date_format' beside 'file' (dates of "
        "workbooks and SPSS are read as %Y-%m-%d)."
    )
    return dates, _unread_faults(rows, column, dates, ("is not a date", "are not dates"), remedy)


def changing(rows: Rows, column: str, values: pd.Series) -> list[str]:
    """Return the fault of a patient's value that is not the same in all rows."""
    n_patients = int(values.groupby(rows.ids).nunique().gt(1).sum())
    if not n_patients:
        return []
    return [
        f"{rows.where(column)}: changes within {counted(n_patients, 'patient')}. A value of the "
        "patient must be the same in all rows; correct the table, or declare a column of the "
        "visits with 'by_visit: true'."
    ]


def _window_faults(experiment: Experiment) -> list[str]:
    """Return the fault of visits without a window, which days cannot be put to."""
    visits = experiment.cohort.visits
    without = [name for name, visit in visits.items() if visit.window is None]
    if not without:
        return []
    visit, has = ("visit", "has") if len(without) == 1 else ("visits", "have")
    return [
        f"{experiment.where('cohort', 'visits', without[0])}: {visit} {a_few(without)} {has} no "
        "'window', and rows are put to visits by their day. Give each visit the days before and "
        "after that still count, such as 'window: 3'."
    ]


def _gaps(visits: Mapping[str, VisitSpec], days: pd.Series) -> pd.DataFrame:
    """Return how far each row's day is from every visit; the visits in order of their days."""
    in_time = sorted(visits, key=lambda name: visits[name].day)
    return pd.DataFrame({name: (days - visits[name].day).abs() for name in in_time})


def nearest(visits: Mapping[str, VisitSpec], days: pd.Series) -> pd.DataFrame:
    """Return of each row the nearest visit whose window it lies in, the gap, and ties.

    Parameters
    ----------
    visits : mapping of str to VisitSpec
        Their days, and windows; without one, any day may count for the visit.
    days : Series
        The day of each row; NaN where unknown.

    Returns
    -------
    DataFrame
        ``visit``, missing where there is none; of two equally near it is the earlier one.
        ``gap`` in days; ``tied`` where two are equally near.
    """
    gaps = _gaps(visits, days)
    windows = [visits[name].window for name in map(str, gaps)]
    gaps = gaps.where(gaps.le([np.inf if w is None else w for w in windows], axis=1), np.inf)
    gap = gaps.min(axis=1)
    visit = gaps.idxmin(axis=1).where(np.isfinite(gap)).astype("object")
    tied = np.isfinite(gap) & (gaps.eq(gap, axis=0).sum(axis=1) > 1)
    return pd.DataFrame({"visit": visit, "gap": gap, "tied": tied})


def _nearest_visits(
    spec: CohortSpec, rows: Rows, days: pd.Series
) -> tuple[pd.Series, list[Notice], list[str]]:
    """Return the visit of each row, a row a patient and visit, what was noticed, and faults."""
    near = nearest(spec.visits, days).assign(patient=rows.ids, day=days)
    # What was measured after the baseline day stands for baseline only where nothing else does.
    near["late"] = _after_baseline(spec, near["visit"], days)
    inside = near[near["visit"].notna()].sort_values(["late", "gap", "day"], kind="stable")
    aside = inside.duplicated(["patient", "visit"])
    texts, both = [], sorted(near.index[near["tied"]])
    if both:
        lie, count = ("lies", "counts") if len(both) == 1 else ("lie", "count")
        texts.append(
            f"{counted(len(both), 'row')} {lie} equally near to two visits and {count} for the "
            f"earlier one ({at_rows(both)})"
        )
    if aside.any():
        texts.append(_aside_words(inside, aside))
    text = f"{rows.file}: {'; '.join(texts)}."
    noticed = rows.notices("HO012", text, pd.Index([*both, *inside.index[aside]]))
    unplaced = days.notna() & near["visit"].isna()
    outside = near.index[unplaced]
    lie, be = ("lies", "is") if len(outside) == 1 else ("lie", "are")
    noticed += rows.notices(
        "HO013",
        f"{rows.file}: {len(outside)} of {int(days.notna().sum())} rows {lie} in no visit's window "
        f"and {be} not used ({at_rows(outside)}).",
        outside,
    )
    # Rows that are set aside belong to no visit; nothing of them is read.
    visits = near["visit"].where(near.index.isin(inside.index[~aside]))
    noticed += _late_baselines(spec, rows, visits, days)
    return visits, noticed, _negative_faults(rows, unplaced & (days < 0))


def _aside_words(inside: pd.DataFrame, aside: pd.Series) -> str:
    """Return how many rows give way to another one of the patient and visit, and why."""
    at = sorted(inside.index[aside])
    first = inside.groupby(["patient", "visit"])[["late", "gap"]].transform("first")
    ties = aside & (inside["gap"] == first["gap"]) & (inside["late"] == first["late"])
    late = aside & inside["late"] & ~first["late"].astype(bool)
    words = (
        f"{counted(len(at), 'row is', 'rows are')} set aside, because another row of the patient "
        f"is nearer to the visit, or as near and earlier ({counted(int(ties.sum()), 'time')})"
    )
    if late.any():
        n = counted(int(late.sum()), "time")
        words += f", or not after the baseline day, which counts first ({n})"
    return f"{words} ({at_rows(at)})"


def _after_baseline(spec: CohortSpec, visits: pd.Series, days: pd.Series) -> pd.Series:
    """Return which rows count as baseline and lie after the baseline day, which is day 0."""
    late: pd.Series = (visits == spec.baseline) & (days > 0)
    return late


def _late_baselines(
    spec: CohortSpec, rows: Rows, visits: pd.Series, days: pd.Series
) -> list[Notice]:
    """Return what is noticed of rows that count as baseline after the baseline day."""
    late = _after_baseline(spec, visits, days)
    at = late.index[late]
    lie, hold = ("lies", "it holds") if len(at) == 1 else ("lie", "they hold")
    text = (
        f"{rows.file}: {counted(len(at), 'row counts', 'rows count')} as baseline "
        f"'{spec.baseline}' and {lie} after the baseline day ({at_rows(at)}), so what {hold} was "
        "not measured before treatment."
    )
    return rows.notices("HO025", text, at)


def _misdated(
    spec: CohortSpec, rows: Rows, visits: pd.Series, days: pd.Series
) -> tuple[list[Notice], list[str]]:
    """Return what was noticed of days that do not fit the visit they are named for, and faults."""
    windows = {name: visit.window for name, visit in spec.visits.items()}
    due, window = _planned(spec, visits), visits.map(windows).astype("float64")
    # A visit without a window has no days of its own: it is asked whether another lies nearer.
    gap, alone = (days - due).abs(), window.isna()
    beyond, nearer = gap > window, alone & (gap > _gaps(spec.visits, days).min(axis=1))
    # Days before treatment at a visit after it: day and month were exchanged, most often.
    early = (days < 0) & (due > 0) & (beyond | alone)
    faults = _negative_faults(rows, early) + _future_faults(spec, rows, due, days)
    dated = int((days.notna() & visits.notna()).sum())
    texts, odd = [], (beyond | nearer) & ~early
    for which, where in (
        (beyond & odd, "lies outside the window of the visit the row names"),
        (nearer & odd, "lies nearer to another visit than to the one the row names"),
    ):
        if which.any():
            at = at_rows(which.index[which])
            texts.append(f"in {int(which.sum())} of {dated} rows the day {where} ({at})")
    text = f"{rows.file}: {'; '.join(texts)}. The name of the visit decides."
    noticed = _late_baselines(spec, rows, visits, days)
    return noticed + rows.notices("HO014", text, odd.index[odd]), faults


def _future_faults(spec: CohortSpec, rows: Rows, due: pd.Series, days: pd.Series) -> list[str]:
    """Return the fault of rows named for baseline whose day is later than the first follow-up's.

    Their values would be features, and the outcome may have been known by then.
    """
    later = {visit.day: name for name, visit in spec.visits.items() if visit.day > 0}
    first = min(later, default=np.inf)
    future = (due <= 0) & (days > first)
    if not future.any():
        return []
    name, lie = ("names", "lies") if future.sum() == 1 else ("name", "lie")
    return [
        f"{rows.where(rows.spec.day or rows.spec.date)}: {counted(int(future.sum()), 'row')} "
        f"({at_rows(future.index[future])}) {name} baseline, or a visit before it, and {lie} after "
        f"the day of '{later[first]}'. What is known at baseline is no later than the first "
        "follow-up; correct the day, the visit or the start."
    ]


def _negative_faults(rows: Rows, early: pd.Series) -> list[str]:
    """Return the fault of rows before the patient's start that belong to no visit there."""
    if not early.any():
        return []
    n = int(early.sum())
    have, fit = ("has a negative day", "fits") if n == 1 else ("have negative days", "fit")
    return [
        f"{rows.where(rows.spec.day or rows.spec.date)}: {counted(n, 'row')} "
        f"({at_rows(early.index[early])}) {have}, before the patient's start, and {fit} no visit "
        "there. Correct dates whose day and month were exchanged, or the start; or declare a visit "
        "with that day."
    ]
