"""How a table is laid out: who stands in a row, where the visits are, and when they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import pandas as pd

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
from heldout.errors import CohortError

__all__ = ["Layout", "Series", "VisitGuess", "find_layout"]

# Column -> its name as a pattern -> the visits' names and the columns that hold them; ""
# where a name tells no visit.
Series = dict[str, dict[str, str]]
Parsed = tuple[str, VisitText]
UNITS_OF_COLUMNS = {"week": "w", "wk": "w", "month": "m", "day": "d", "avisitdy": "d"}
MOST_VISITS = 30
# Where a series has follow-ups only, the column of its bare name is its baseline.
BASELINE = VisitText(text="baseline", day=0.0, rank=0.0, called="baseline")


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitGuess:
    """One visit: its name, what the table writes, and the days if the text says them."""

    name: str
    text: str
    day: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Rows, patients, visits.

    Attributes
    ----------
    patient, site, visit : str or None
        Source columns; `visit` of a long table only.
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
    """

    patient: str
    site: str | None
    visit: str | None
    named: bool
    visits: tuple[VisitGuess, ...]
    ignored: tuple[str, ...]
    unused: tuple[str, ...]
    series: Series


def find_layout(cells: pd.DataFrame, counted: Mapping[str, Parsed] | None = None) -> Layout:
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
    patient, named = find_patient(cells)
    visit = find_visit(cells, patient) if cells[patient].duplicated().any() else None
    if visit is not None and cells[visit].nunique() > MOST_VISITS:
        raise CohortError(
            f"Column '{visit}' holds {cells[visit].nunique()} different entries, more than visits "
            "can be. Give the table a column 'visit' that names the planned visit of each row."
        )
    site = find_site(cells, patient)
    rest = cells.drop(columns=[column for column in (patient, site, visit) if column])
    if visit is None:
        texts, series = wide_series(rest, counted)
    else:
        texts, series = long_series(rest, cells[patient], cells[visit])
    visits, ignored = in_time(texts)
    known = {key: guess.name for key, guess in visits.items()} | {"": ""}
    kept = {
        stem: {known[key]: column for key, column in at.items() if key in known}
        for stem, at in series.items()
    }
    unused = {column for stem, at in series.items() if not kept[stem] for column in at.values()}
    return Layout(
        patient=patient,
        site=site,
        visit=visit,
        named=named,
        visits=tuple(visits.values()),
        ignored=tuple(ignored),
        unused=tuple(sorted(unused)),
        series={stem: at for stem, at in kept.items() if at},
    )


def find_patient(cells: pd.DataFrame) -> tuple[str, bool]:
    """Return the column that names the patients, and whether it is called so."""
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
    guessed = sorted(unlike, key=lambda name: (not squeezed(name).endswith("id"), name))
    if not guessed:
        raise CohortError(
            f"None of the {cells.shape[1]} columns names the patients: none is called id, pid, "
            "patient, participant_id or record_id with a value in every row, and none differs in "
            "every row. Give the table such a column, or rename the one that is it."
        )
    return guessed[0], False


def find_visit(cells: pd.DataFrame, patient: str) -> str:
    """Return the column that names the visits of a table with several rows a patient."""

    def parts_rows(name: str) -> bool:
        pair = cells[[patient, name]]
        return bool(pair[name].notna().all() and not pair.duplicated().any())

    called = {
        squeezed(name): name for name in map(str, cells) if name != patient and parts_rows(name)
    }
    for known in VISIT_NAMES:
        if known in called:
            return called[known]
    for name in called.values():
        texts = cells[name].unique()
        if len(texts) <= MOST_VISITS and all(visit_text(text) for text in texts):
            return name
    raise CohortError(
        f"Column '{patient}' names {cells[patient].nunique()} patients in {len(cells)} rows, and "
        "no column tells the visits of a patient apart. Give the table a column 'visit' (or week, "
        "day, month, redcap_event_name) with a value in every row, once a patient."
    )


def find_site(cells: pd.DataFrame, patient: str) -> str | None:
    """Return the column of sites, or None; of several the one with the fewest sites."""
    fit = []
    for name in map(str, cells):
        sites = cells.groupby(patient)[name].nunique()
        distinct = cells[name].nunique()
        if SITE_NAMES.fullmatch(squeezed(name)) and sites.max() == 1 and 2 <= distinct < len(sites):
            fit.append((distinct, name))
    return min(fit)[1] if fit else None


def wide_series(
    cells: pd.DataFrame, counted: Mapping[str, Parsed] | None
) -> tuple[dict[str, list[VisitText]], Series]:
    """Return the visits that columns' names tell, and the columns by name and visit."""
    parsed = {name: found for name in map(str, cells) if (found := visit_in(name))} | dict(
        counted or {}
    )
    at: dict[str, set[str]] = {}
    for stem, visit in parsed.values():
        at.setdefault(stem.casefold(), set()).add(visit.key)
    # One column at one visit may be called so by chance (vitamin_b12); two visits are not.
    known = {key for keys in at.values() if len(keys) > 1 for key in keys}
    bare = {
        squeezed(stem.replace("{visit}", "")): stem
        for stem, keys in at.items()
        if keys & known and BASELINE.key not in keys
    }
    texts: dict[str, list[VisitText]] = {}
    series = Series()
    for name in map(str, cells):
        stem, visit = parsed.get(name, (name, BASELINE))
        if name not in parsed or visit.key not in known:
            stem, visit = bare.get(squeezed(name), ""), BASELINE
        stem, key = stem.casefold(), visit.key
        if not stem or key in series.get(stem, {}):
            series[name] = {"": name}
            continue
        series.setdefault(stem, {})[key] = name
        texts.setdefault(key, []).append(visit)
    return texts, series


def long_series(
    cells: pd.DataFrame, patients: pd.Series, visits: pd.Series
) -> tuple[dict[str, list[VisitText]], Series]:
    """Return the visits of a long table, and its columns; the changing ones by visit."""
    unit = UNITS_OF_COLUMNS.get(squeezed(str(visits.name)), "v")
    texts = {}
    for rank, text in enumerate(sorted(visits.unique())):
        unknown = VisitText(text=text, day=None, rank=1e4 + rank, called=text)
        texts[text] = [visit_text(text, unit=unit) or unknown]
    series = Series()
    for name in map(str, cells):
        changing = cells[name].groupby(patients).nunique().max() > 1
        seen = sorted(visits[cells[name].notna()].unique())
        series[name] = dict.fromkeys(seen, name) if changing else {"": name}
    return texts, series


def in_time(texts: Mapping[str, list[VisitText]]) -> tuple[dict[str, VisitGuess], list[str]]:
    """Return the visits in order of time, and the texts of those of which nothing tells when.

    The latter are left out only where other follow-ups have a day: T1 beside d2 and d10.
    """
    dated = any(visit.day for visits in texts.values() for visit in visits)
    found: dict[str, VisitGuess] = {}
    ignored: set[str] = set()

    def order(key: str) -> tuple[float, float, str]:
        visit = texts[key][0]
        return (inf if visit.day is None else visit.day, visit.rank, key)

    for key in sorted(texts, key=order):
        visit = texts[key][0]
        if visit.day is None and (dated or visit.rank < 0):
            ignored |= {one.text for one in texts[key]}
            continue
        written = Counter(one.text for one in texts[key])
        text = min(written, key=lambda one: (-written[one], one))
        called = next(one.called for one in texts[key] if one.text == text)
        name = name_of(called, {guess.name for guess in found.values()})
        found[key] = VisitGuess(name=name, text=text, day=visit.day)
    return found, sorted(ignored)
