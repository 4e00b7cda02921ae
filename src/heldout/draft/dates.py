"""Long tables that date their rows: the column of dates, day 0 of a patient, and the visits.

Visits are proposed only where the days from day 0 lie in groups with clear gaps between
them; days as they came are no planned visits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from statistics import median

import pandas as pd

from heldout.cohort.notation import days_since_1
from heldout.cohort.visits import nearest
from heldout.draft.names import DATE_NAMES, START_NAMES, squeezed
from heldout.errors import a_few
from heldout.spec.cohort import VisitSpec
from heldout.wording import counted

DATE = re.compile(r"\d{4}-\d\d?-\d\d?([ T].*)?|\d\d?[./]\d\d?[./]\d{2,4}")
# The first that fits wins: where day and month could be exchanged, the day stands first.
_FORMATS = (
    *("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%d/%m/%y"),
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"),
)
_EXCHANGED = {"%d/%m/%Y": "%m/%d/%Y"}
# As few may be wrong and the rest still be believed: dates, rows, visits that were not planned.
FEW = 0.05
# A start lies near the first date of most patients; a date of birth does not.
_NEAR = 31
FEWEST_PATIENTS, MOST_VISITS = 2, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """How a long table dates its rows, and the visits that its days propose.

    Attributes
    ----------
    column : str
        Of dates.
    date_format : str
        As strptime reads it.
    start : str or None
        The column of each patient's day 0; None if day 0 is the first date.
    starts : Series
        Patient -> text of the first date.
    visits : Series
        The visit of each row, such as ``d7``; missing in rows of none.
    planned : dict
        The proposed visits, each with its day and window.
    doubts : tuple of str
        What a person must decide about the dates; `proposed` about the visits.
    """

    column: str
    date_format: str
    start: str | None
    starts: pd.Series = field(repr=False, compare=False)
    visits: pd.Series = field(repr=False, compare=False)
    planned: dict[str, VisitSpec]
    doubts: tuple[str, ...] = ()
    proposed: str = ""


def find_dates(cells: pd.DataFrame, patient: str) -> tuple[Dated | None, str]:
    """Return how a table with several rows a patient dates them, or why it cannot be told.

    Parameters
    ----------
    cells : DataFrame
        Texts; missing where not observed.
    patient : str
        The column of pseudonyms.

    Returns
    -------
    dated : Dated or None
    why : str
        Words for a message where there are dates and no visits; else nothing.
    """
    others = [name for name in map(str, cells) if name != patient]
    formats = {name: form for name in others if (form := _format_of(cells[name]))}
    ids = cells[patient]
    changing = {}
    for name, date_format in formats.items():
        dates = days_since_1(cells[name], date_format)
        again = dates.notna() & pd.DataFrame({"id": ids, "date": dates}).duplicated()
        if max(dates.isna().mean(), again.mean()) <= FEW and dates.groupby(ids).nunique().max() > 1:
            changing[name] = dates
    if not changing:
        return None, ""
    column = min(
        changing, key=lambda name: (squeezed(name) not in DATE_NAMES, changing[name].isna().sum())
    )
    dates, date_format = changing[column], formats[column]
    steady = cells[[name for name in formats if name not in changing]]
    start, starts = _start_column(steady, ids, dates.groupby(ids).min(), date_format)
    days = dates - ids.map(starts)
    planned = _clustered(days, ids)
    if not planned:
        return None, f" The days between the dates in '{column}' lie in no clear groups."
    # As the cohort reader will.
    visits = nearest(planned, days)["visit"]
    first_rows = dates.sort_values(kind="stable").groupby(ids).head(1).index
    return Dated(
        column=column,
        date_format=date_format,
        start=start,
        starts=pd.Series(cells.loc[first_rows, column].array, index=ids[first_rows]).sort_index(),
        visits=visits,
        planned=planned,
        doubts=(
            *_exchange_doubts(cells[column], column, date_format),
            *_date_doubts(cells, dates, ids, column),
            *_start_doubts(cells, ids, starts, start),
        ),
        proposed=_proposal(column, days, visits),
    ), ""


def _format_of(texts: pd.Series) -> str | None:
    """Return how a column of dates is written, or None if it is none."""
    known = texts.dropna()
    if known.empty or known.str.fullmatch(DATE).mean() < 1 - FEW:
        return None
    shares = {form: days_since_1(known, form).notna().mean() for form in _FORMATS}
    best = max(_FORMATS, key=lambda form: shares[form])
    return best if shares[best] >= 1 - FEW else None


def _start_column(
    cells: pd.DataFrame, ids: pd.Series, first: pd.Series, date_format: str
) -> tuple[str | None, pd.Series]:
    """Return the column of each patient's day 0, and the days; None and the first dates if none."""
    fit = []
    for name in map(str, cells):
        dates = days_since_1(cells[name], date_format)
        starts = dates.groupby(ids).first()
        gaps = (starts - first).abs().dropna()
        steady = dates.groupby(ids).nunique().gt(1).mean() <= FEW
        if steady and len(gaps) >= (1 - FEW) * len(first) and gaps.median() <= _NEAR:
            named = any(word in squeezed(name) for word in START_NAMES)
            fit.append((not named, gaps.median(), name, starts))
    if not fit:
        return None, first
    *_, name, starts = min(fit, key=lambda candidate: candidate[:3])
    return name, starts


def _clustered(days: pd.Series, ids: pd.Series) -> dict[str, VisitSpec]:
    """Return visits of groups of days with clear gaps between them; none if there are not.

    A group in which many patients have two rows holds several visits, and is parted at its
    widest gap. What only very few patients have is no planned visit.

    Parameters
    ----------
    days : Series
        From each patient's day 0; NaN where unknown.
    ids : Series
        The patient of each row.

    Returns
    -------
    dict
        Visit -> day and window.

    Examples
    --------
    >>> days = pd.Series([0.0, 7, 29, 0, 8, 31, 0, 6, 30])
    >>> visits = _clustered(days, pd.Series(list("aaabbbccc")))
    >>> {name: (visit.day, visit.window) for name, visit in visits.items()}
    {'d0': (0.0, 1.0), 'd7': (7.0, 1.0), 'd30': (30.0, 1.0)}
    """
    known = days.dropna().sort_values()
    waiting, groups = [known], []
    while waiting:
        group = waiting.pop()
        gaps = group.diff()
        if ids[group.index].duplicated().sum() <= FEW * len(group) or gaps.max() == 0:
            groups.append(group)
        else:
            widest = int(gaps.argmax())
            waiting += [group.iloc[:widest], group.iloc[widest:]]
    fewest = max(FEWEST_PATIENTS, 2 * FEW * ids[known.index].nunique())
    groups = [group for group in groups if ids[group.index].nunique() >= fewest]
    groups.sort(key=lambda group: group.iloc[0])
    rest = len(known) - sum(map(len, groups))
    if not 2 <= len(groups) <= MOST_VISITS or rest > FEW * len(known) or not _parted(groups):
        return {}
    start = min(groups, key=lambda group: abs(median(group)))
    return dict(_planned(group, is_start=group is start) for group in groups)


def _planned(group: pd.Series, *, is_start: bool) -> tuple[str, VisitSpec]:
    """Return the name of the visit that a group of days is, its day and its window."""
    day = 0.0 if is_start else float(round(median(group)))
    window = float(ceil(max(day - group.iloc[0], group.iloc[-1] - day, 1)))
    name = f"d{day:g}" if day >= 0 else f"before{-day:g}"
    return name, VisitSpec(day=day, window=window)


def _parted(groups: list[pd.Series]) -> bool:
    """Return whether gaps between groups are wide beside the groups and the gaps in them."""
    for early, late in pairwise(groups):
        gap = late.iloc[0] - early.iloc[-1]
        width = max(group.iloc[-1] - group.iloc[0] for group in (early, late))
        inside = max(group.diff().fillna(0).max() for group in (early, late))
        if gap <= 1 or gap * 2 < width or gap <= inside:
            return False
    return True


def _exchange_doubts(texts: pd.Series, column: str, date_format: str) -> list[str]:
    """Return the doubt that day and month may stand the other way round."""
    other = _EXCHANGED.get(date_format)
    if other is None or days_since_1(texts.dropna(), other).isna().any():
        return []
    return [f"'{column}' is read day first; every date of it could be month first ({other}) too."]


def _date_doubts(cells: pd.DataFrame, dates: pd.Series, ids: pd.Series, column: str) -> list[str]:
    """Return what the plan will stop at: rows without a date, and two of a patient and date."""
    texts, doubts = cells[column], []
    for wrong, words in (
        (texts.isna(), "without a date"),
        (texts.notna() & dates.isna(), "with a date written in another way"),
    ):
        if wrong.any():
            at = f"{counted(int(wrong.sum()), 'row')} ({a_few(wrong.index[wrong])})"
            doubts.append(f"'{column}': {at} {words}; plan will stop there. Correct the table.")
    pairs = pd.DataFrame({"id": ids, "date": dates})[dates.notna()]
    twice = pairs.index[pairs.duplicated(keep=False)]
    if len(twice):
        doubts.append(
            f"patient {a_few(sorted(set(ids[twice])))} has several rows of one date in '{column}' "
            f"(rows {a_few(twice)}); plan will stop at them. Merge or remove the others."
        )
    return doubts


def _start_doubts(
    cells: pd.DataFrame, ids: pd.Series, starts: pd.Series, start: str | None
) -> list[str]:
    """Return what is to be decided about the patients' day 0."""
    if start is None:
        return []
    doubts = [f"'{start}' is taken for each patient's day 0; is it when treatment began?"]
    without = sorted(set(ids) - set(starts.dropna().index))
    if without:
        doubts.append(
            f"{counted(len(without), 'patient')} ({a_few(without)}) without a date in '{start}'; "
            "plan will stop at that. Add it."
        )
    changes = cells[start].groupby(ids).nunique().gt(1)
    if changes.any():
        listed = a_few(changes.index[changes])
        doubts.append(
            f"'{start}' changes within patient {listed}; plan will stop there. Correct it."
        )
    return doubts


def _proposal(column: str, days: pd.Series, visits: pd.Series) -> str:
    """Return the question about the visits that were proposed."""
    outside = days.index[days.notna() & visits.isna()]
    rest = f" In none of them: {counted(len(outside), 'row')} ({a_few(outside)})."
    return (
        f"days and windows are proposed from how the dates in '{column}' lie; write the planned "
        f"ones.{rest if len(outside) else ''}"
    )
