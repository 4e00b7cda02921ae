"""How a table is laid out: who stands in a row, where the visits are, and when they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar

import pandas as pd

from heldout.draft.dates import DATE, FEW, MOST_VISITS, Dated, find_dates
from heldout.draft.names import (
    PATIENT_NAMES,
    SITE_NAMES,
    VISIT_NAMES,
    VisitText,
    name_of,
    squeezed,
    visit_in,
    visit_text,
)
from heldout.errors import CohortError, a_few
from heldout.spec.cohort import VisitSpec

# Column -> its name as a pattern -> the visits' names and the columns that hold them; ""
# where a name tells no visit.
Series = dict[str, dict[str, str]]
_Parsed = tuple[str, VisitText]
Cells = TypeVar("Cells", pd.Series, pd.DataFrame)
_UNITS_OF_COLUMNS = {"week": "w", "wk": "w", "month": "m", "day": "d", "avisitdy": "d"}
# Where a series has follow-ups only, the column of its bare name is its baseline.
_BASELINE = VisitText(text="baseline", day=0.0, rank=0.0, called="baseline")


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitGuess:
    """One visit: its name, what the table writes, the days if the text says them, a window."""

    name: str
    text: str
    day: float | None
    window: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Rows, patients, visits.

    Attributes
    ----------
    patient, site, visit : str or None
        Source columns; `visit` of a long table only, where one names the visits.
    named : bool
        Whether the patients' column is named so; otherwise it is a guess from its values.
    visits : tuple of VisitGuess
        In order of time.
    ignored : tuple of str
        Visits whose day the table does not tell, beside others whose day it does.
    unused : tuple of str
        Columns that were seen at ignored visits only.
    series : dict
        Every other column, in the order of its name.
    dated : Dated or None
        Of a long table whose rows are put to visits by their dates.
    rows : Series or None
        Of a long table: the text of each row's visit; missing in rows of none.
    """

    patient: str
    site: str | None
    visit: str | None
    named: bool
    visits: tuple[VisitGuess, ...]
    ignored: tuple[str, ...]
    unused: tuple[str, ...]
    series: Series
    dated: Dated | None = None
    rows: pd.Series | None = field(default=None, repr=False, compare=False)

    @property
    def long(self) -> bool:
        """Whether a patient has a row for each visit."""
        return self.rows is not None

    @property
    def baseline(self) -> VisitGuess:
        """The visit at day 0, or the first one."""
        return next((visit for visit in self.visits if visit.day == 0), self.visits[0])

    def at(self, texts: Cells, visit: VisitGuess) -> Cells:
        """Return what columns hold in the rows of a visit; everything in a wide table."""
        return texts if self.rows is None else texts[self.rows == visit.text]


def find_layout(cells: pd.DataFrame, counted: Mapping[str, _Parsed] | None = None) -> Layout:
    """Return how a table is laid out.

    Parameters
    ----------
    cells : DataFrame
        Texts; missing where not observed.
    counted : mapping, optional
        Column -> pattern and visit, where a bare number in its name counts visits.

    Returns
    -------
    Layout
        The order of the table's columns and rows changes nothing in it.

    Raises
    ------
    CohortError
        If no column can name the patients, or rows of a patient cannot be put to visits.
    """
    columns = sorted(map(str, cells.columns), key=lambda name: (name.casefold(), name))
    cells = cells[columns]
    patient, named = _find_patient(cells)
    visit, dated = _find_visits(cells, patient)
    site = _find_site(cells, patient)
    keys = {patient, site, visit} | ({dated.column, dated.start} if dated else set())
    rest = cells[[name for name in columns if name not in keys]]
    if visit is None and dated is None:
        rows, (texts, series) = None, _wide_series(rest, counted)
    else:
        rows = dated.visits if dated else cells[visit]
        texts = _planned_texts(dated.planned) if dated else _named_texts(rows)
        series = _long_series(rest, cells[patient], rows)
    visits, ignored = _in_time(texts)
    kept = _by_visit(series, visits)
    unused = {column for stem in series.keys() - kept for column in series[stem].values()}
    return Layout(
        patient=patient,
        site=site,
        visit=visit,
        named=named,
        visits=tuple(visits.values()),
        ignored=tuple(ignored),
        unused=tuple(sorted(unused)),
        series=kept,
        dated=dated,
        rows=rows,
    )


def _by_visit(series: Series, visits: Mapping[str, VisitGuess]) -> Series:
    """Return the columns that were seen at visits that are known, by the visits' names."""
    names = {key: visit.name for key, visit in visits.items()} | {"": ""}
    named = {
        stem: {names[key]: column for key, column in at.items() if key in names}
        for stem, at in series.items()
    }
    return {stem: at for stem, at in named.items() if at}


def _find_patient(cells: pd.DataFrame) -> tuple[str, bool]:
    """Return the column that names the patients, and whether it is called so."""
    # Who has no pseudonym cannot be told from others who have none.
    whole = [str(name) for name in cells if cells[name].notna().all()]
    called = {squeezed(name): name for name in reversed(whole)}
    for known in PATIENT_NAMES:
        if known in called:
            return called[known], True
    unlike = [
        name
        for name in whole
        if cells[name].is_unique and not cells[name].str.contains(r"[.,]\d|\s", na=False).any()
    ]
    # Called ...id, then by the alphabet, so that the order of columns decides nothing.
    guessed = sorted(unlike, key=lambda name: (not squeezed(name).endswith("id"), name))
    if not guessed:
        raise CohortError(
            f"None of the {cells.shape[1]} columns names the patients: none is called id, pid, "
            "patient, participant_id or record_id with a value in every row, and none differs in "
            "every row. Give the table such a column, or rename the one that is it."
        )
    return guessed[0], False


def _find_visits(cells: pd.DataFrame, patient: str) -> tuple[str | None, Dated | None]:
    """Return what tells the visits of a patient apart in a long table: a column, or dates."""
    several = cells[patient].duplicated(keep=False)
    if not several.any():
        return None, None
    n_patients, twice = cells[patient].nunique(), sorted(set(cells.loc[several, patient]))
    # Of so few, a date or a month may tell the rows apart by chance.
    by_chance = len(twice) <= FEW * n_patients
    visit = None if by_chance else _find_visit(cells, patient)
    if visit is not None:
        if cells[visit].nunique() > MOST_VISITS:
            raise CohortError(
                f"Column '{visit}' holds {cells[visit].nunique()} different entries, more than "
                "visits can be. Give the table a column 'visit' that names the planned visit of "
                "each row."
            )
        return visit, None
    dated, why = (None, "") if by_chance else find_dates(cells, patient)
    if dated is not None:
        return None, dated
    start = f"Column '{patient}' names {n_patients} patients in {len(cells)} rows"
    if len(twice) * 2 < n_patients:
        raise CohortError(
            f"{start}: patient {a_few(twice)} stands more than once (rows "
            f"{a_few(cells.index[several])}). One row a patient is required; merge or remove the "
            "others. Or, if the rows are visits, give the table a column 'visit'."
        )
    raise CohortError(
        f"{start}, and no column tells the visits of a patient apart.{why} Give the table a column "
        "'visit' (or week, day, month, redcap_event_name) with a value in every row, once a "
        "patient."
    )


def _find_visit(cells: pd.DataFrame, patient: str) -> str | None:
    """Return the column that names the visits of a table with several rows a patient, or None."""
    called = {
        squeezed(name): name
        for name in map(str, cells)
        if name != patient and _parts_rows(cells[[patient, name]])
    }
    for known in VISIT_NAMES:
        if known in called:
            return called[known]
    for name in called.values():
        texts = cells[name].unique()
        if len(texts) <= MOST_VISITS and all(map(visit_text, texts)):
            return name
    return None


def _parts_rows(pair: pd.DataFrame) -> bool:
    """Return whether a column tells the rows of each patient apart, by something but dates."""
    texts = pair.iloc[:, 1]
    whole = texts.notna().all() and not pair.duplicated().any()
    return bool(whole and not texts.str.fullmatch(DATE).all())


def _find_site(cells: pd.DataFrame, patient: str) -> str | None:
    """Return the column of sites, or None; of several the one with the fewest sites."""
    fit = []
    for name in map(str, cells):
        sites = cells.groupby(patient)[name].nunique()
        distinct = cells[name].nunique()
        if SITE_NAMES.fullmatch(squeezed(name)) and sites.max() == 1 and 2 <= distinct < len(sites):
            fit.append((distinct, name))
    # Countries and regions have fewer sites than centres, and are what folds can balance.
    return min(fit)[1] if fit else None


def _wide_series(
    cells: pd.DataFrame, counted: Mapping[str, _Parsed] | None
) -> tuple[dict[str, list[VisitText]], Series]:
    """Return the visits that columns' names tell, and the columns by name and visit."""
    parsed = _visits_in_names(map(str, cells), counted or {})
    texts: dict[str, list[VisitText]] = {}
    series = Series()
    for name in map(str, cells):
        stem, visit = parsed.get(name, ("", _BASELINE))
        if not stem or visit.key in series.get(stem, {}):
            series[name] = {"": name}
            continue
        series.setdefault(stem, {})[visit.key] = name
        texts.setdefault(visit.key, []).append(visit)
    return texts, series


def _visits_in_names(columns: Iterable[str], counted: Mapping[str, _Parsed]) -> dict[str, _Parsed]:
    """Return the columns whose names tell a visit, as pattern and visit."""
    columns = list(columns)
    parsed = {name: match for name in columns if (match := visit_in(name))} | dict(counted)
    at: dict[str, set[str]] = {}
    for stem, visit in parsed.values():
        at.setdefault(stem.casefold(), set()).add(visit.key)
    # One column at one visit may be called so by chance (vitamin_b12); two visits are not.
    known = {key for keys in at.values() if len(keys) > 1 for key in keys}
    parsed = {
        name: (stem.casefold(), visit)
        for name, (stem, visit) in parsed.items()
        if visit.key in known
    }
    bare = {
        squeezed(stem.replace("{visit}", "")): stem
        for stem, keys in at.items()
        if keys & known and _BASELINE.key not in keys
    }
    return {
        name: (bare[squeezed(name)], _BASELINE) for name in columns if squeezed(name) in bare
    } | parsed


def _named_texts(rows: pd.Series) -> dict[str, list[VisitText]]:
    """Return the visits that a long table's column names."""
    unit = _UNITS_OF_COLUMNS.get(squeezed(str(rows.name)), "v")
    texts = {}
    for rank, text in enumerate(sorted(rows.unique())):
        unknown = VisitText(text=text, day=None, rank=1e4 + rank, called=text)
        texts[text] = [visit_text(text, unit=unit) or unknown]
    return texts


def _planned_texts(planned: Mapping[str, VisitSpec]) -> dict[str, list[VisitText]]:
    """Return the visits that a long table's dates propose."""
    return {
        name: [
            VisitText(text=name, day=visit.day, rank=visit.day, called=name, window=visit.window)
        ]
        for name, visit in planned.items()
    }


def _long_series(cells: pd.DataFrame, patients: pd.Series, rows: pd.Series) -> Series:
    """Return the columns of a long table; the changing ones by visit."""
    series = Series()
    for name in map(str, cells):
        changing = cells[name].groupby(patients).nunique().max() > 1
        seen = sorted(rows[cells[name].notna()].dropna().unique())
        series[name] = dict.fromkeys(seen, name) if changing else {"": name}
    return series


def _in_time(
    texts: Mapping[str, list[VisitText]],
) -> tuple[dict[str, VisitGuess], list[str]]:
    """Return the visits in order of time, and the texts of those of which nothing tells when.

    The latter are left out only where other follow-ups have a day: T1 beside d2 and d10.
    """
    some_day = any(visit.day for visit in chain(*texts.values()))
    visits: dict[str, VisitGuess] = {}
    ignored: set[str] = set()
    for key in sorted(texts, key=lambda key: (*texts[key][0].order, key)):
        first = texts[key][0]
        if first.day is None and (some_day or first.rank < 0):
            ignored |= {visit.text for visit in texts[key]}
            continue
        written = Counter(visit.text for visit in texts[key])
        text = min(written, key=lambda text: (-written[text], text))
        visit = next(visit for visit in texts[key] if visit.text == text)
        name = name_of(visit.called, {visit.name for visit in visits.values()})
        visits[key] = VisitGuess(name=name, text=text, day=first.day, window=visit.window)
    return visits, sorted(ignored)
