"""Who is in the study: one row a patient, every value with its column, visit and item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from heldout.cohort.inclusion import FlowStep, include, inclusion_faults
from heldout.cohort.sources import (
    TOTAL,
    Source,
    declaration_faults,
    missing_column,
    read_values,
    sources_of,
    undeclared_visits,
)
from heldout.cohort.tables import file_in_study, read_table
from heldout.errors import CohortError, a_few, raise_faults
from heldout.spec import CohortSpec, Experiment, InstrumentKey

__all__ = ["Cohort", "read_cohort"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The included patients, in the order of their pseudonyms.

    Attributes
    ----------
    spec : CohortSpec
        The cohort file.
    values : DataFrame of shape (n_patients, n_sources)
        Index: patient. Columns: (declared column, visit, item), item 0 for a value that is
        not one item. Numbers are float64, categories and texts their codes; missing where
        not observed. Never changed in place.
    site : tuple of str, or None
        One site a patient; ``""`` where unknown.
    flow : tuple of FlowStep
        Patients left at each step of inclusion; the first is the whole table.
    sources : tuple of Source
        Where each column of `values` came from.
    unused : int
        Columns of the table that no declared column reads.
    data_fingerprint : str
        SHA-256 of the table's file.
    """

    spec: CohortSpec
    values: pd.DataFrame
    site: tuple[str, ...] | None
    flow: tuple[FlowStep, ...]
    sources: tuple[Source, ...]
    unused: int
    data_fingerprint: str

    @property
    def patients(self) -> tuple[str, ...]:
        """The pseudonyms, sorted."""
        return tuple(self.values.index)

    def has(self, column: str, visit: str) -> bool:
        """Return whether a column has one value at a visit."""
        return (column, visit, TOTAL) in self.values.columns

    def numbers(self, column: str, visit: str) -> np.ndarray:
        """Return a column at a visit as numbers, NaN where not observed; a fresh copy."""
        return self.values[(column, visit, TOTAL)].to_numpy(dtype=np.float64, copy=True)

    def source_column(self, column: str, visit: str) -> str:
        """Return what a column at a visit is called in a table of a row a patient."""
        for source in self.sources:
            if (source.name, source.visit, source.item) == (column, visit, TOTAL):
                return self.table_name(source)
        return f"{column}_{visit}"

    def table_name(self, source: Source) -> str:
        """Return what a source is called in a table of a row a patient.

        The same column of a long table serves every visit, so the visit is added to its name.
        """
        declared = self.spec.columns[source.name]
        long = self.spec.table.layout == "long" and declared.by_visit
        return f"{source.column}_{source.visit}" if long else source.column


def read_cohort(experiment: Experiment, keys: Mapping[str, InstrumentKey]) -> Cohort:
    """Return the included patients of an experiment.

    Parameters
    ----------
    experiment : Experiment
        Its ``cohort`` part says where the table lies and what it holds.
    keys : mapping of str to InstrumentKey
        Keys of the instruments the columns name; their ranges are checked too.

    Returns
    -------
    Cohort
        Sorted by pseudonym, so that the order of the table's rows changes nothing.

    Raises
    ------
    CohortError
        With every fault of the table at once: columns that are missing, values that are not
        numbers, not among the levels or out of range, patients or visits that stand twice,
        visits that are not declared, values of a patient that change or are known too late.
    """
    spec = experiment.cohort
    where = experiment.where("cohort", "table", "file")
    path = file_in_study(experiment.folder, spec.table.file, where)
    table, digest = read_table(path, spec.table.missing, spec.table.file)
    sources = sources_of(spec, keys)
    read = {source.column for source in sources}
    read |= {column for column in (spec.patient, spec.site, spec.table.visit) if column}
    faults = declaration_faults(experiment, sources)
    faults += column_faults(experiment, table, sources)
    faults += undeclared_visits(experiment, list(table.columns), read)
    faults += inclusion_faults(experiment, sources)
    raise_faults(CohortError, faults)

    ids, visits, faults = identities(spec, table)
    sheet, more = values_of(experiment, keys, table, sources)
    raise_faults(CohortError, faults + more + site_faults(spec, table, ids))
    values, faults = by_patient(spec, sheet, sources, ids, visits)
    raise_faults(CohortError, faults)
    included, flow = include(spec, values)
    return Cohort(
        spec=spec,
        values=values.loc[included],
        site=sites_of(spec, table, ids, list(values.index[included])),
        flow=flow,
        sources=tuple(sources),
        unused=len(set(table.columns) - read),
        data_fingerprint=digest,
    )


def column_faults(experiment: Experiment, table: pd.DataFrame, sources: list[Source]) -> list[str]:
    """Return a fault for every column that the table lacks."""
    spec, columns = experiment.cohort, [str(column) for column in table.columns]
    wanted: list[tuple[str, tuple[str, ...]]] = [
        (source.column, ("cohort", "columns", source.name)) for source in sources
    ]
    wanted += [(spec.patient, ("cohort", "patient"))]
    wanted += [(spec.site, ("cohort", "site"))] if spec.site else []
    wanted += [(spec.table.visit, ("cohort", "table", "visit"))] if spec.table.visit else []
    faults = []
    for column, path in wanted:
        if column not in columns:
            fault = f"{experiment.where(*path)}: {missing_column(column, columns)}"
            if fault not in faults:
                faults.append(fault)
    return faults


def identities(
    spec: CohortSpec, table: pd.DataFrame
) -> tuple[pd.Series, pd.Series | None, list[str]]:
    """Return the patient of each row, its visit in long tables, and the faults in them."""
    ids, file = table[spec.patient], spec.table.file
    faults = []
    if ids.isna().any():
        rows = a_few(ids.index[ids.isna()])
        faults.append(f"{file}: rows {rows} have no patient in '{spec.patient}'. Add or drop them.")
    odd = ids.str.contains(r"[\x00-\x1f\x7f]", na=False)
    if odd.any():
        faults.append(
            f"{file}: rows {a_few(ids.index[odd])} have a control character, such as a line break, "
            f"in '{spec.patient}'. Remove it."
        )
    visits = None
    if spec.table.visit is not None:
        visits, found = visits_of_rows(spec, table[spec.table.visit])
        faults += found
    who = ids if visits is None else ids + " at " + visits.astype("str")
    twice = who.notna() & who.duplicated(keep=False)
    twice &= True if visits is None else visits.notna()
    if twice.any():
        names, rows = a_few(sorted(set(who[twice]))), a_few(who.index[twice])
        faults.append(
            f"{file}: patient {names} stands more than once (rows {rows}). One row "
            f"{'a patient' if visits is None else 'a patient and visit'} is required; merge or "
            "remove the others."
        )
    return ids, visits, faults


def visits_of_rows(spec: CohortSpec, texts: pd.Series) -> tuple[pd.Series, list[str]]:
    """Return the declared visit of each row, missing at ignored ones, and the faults found."""
    place = f"{spec.table.file}, column '{spec.table.visit}'"
    names = {name: plain_code(visit.code or name) for name, visit in spec.visits.items()}
    codes = {code: name for name, code in names.items()}
    raw = texts.map(plain_code, na_action="ignore")
    visits = raw.map(codes).astype("object")
    faults = []
    if len(codes) < len(names):
        alike = [name for name, code in names.items() if list(names.values()).count(code) > 1]
        faults.append(
            f"{place}: visits {', '.join(alike)} are declared with one code. Give each its own."
        )
    if raw.isna().any():
        rows = a_few(raw.index[raw.isna()])
        faults.append(f"{place}: rows {rows} have no visit. Add it or drop them.")
    unknown = sorted(set(raw[visits.isna()].dropna()) - set(map(plain_code, spec.ignore_visits)))
    if unknown:
        faults.append(
            f"{place}: visit {a_few(map(repr, unknown))} is not declared. Declared: "
            f"{', '.join(codes)}. Declare it or list it under 'ignore_visits'."
        )
    return visits, faults


def plain_code(text: str) -> str:
    """Return a visit's code without the ``.0`` that spreadsheets add to whole numbers."""
    return text.removesuffix(".0")


def values_of(
    experiment: Experiment,
    keys: Mapping[str, InstrumentKey],
    table: pd.DataFrame,
    sources: list[Source],
) -> tuple[dict[tuple[str, str], pd.Series], list[str]]:
    """Return the values of every table column as declared, and all faults in them."""
    sheet: dict[tuple[str, str], pd.Series] = {}
    faults: list[str] = []
    for source in sources:
        if (source.name, source.column) in sheet:
            continue
        declared = experiment.cohort.columns[source.name]
        bounds = declared.range
        if declared.instrument is not None:
            key = keys[declared.instrument]
            bounds = key.range if source.item == TOTAL else item_range(key, source.item)
        values, found = read_values(table, source, declared, bounds)
        sheet[source.name, source.column] = values
        where = experiment.where("cohort", "columns", source.name)
        faults += [
            f"{experiment.cohort.table.file}, column '{source.column}': {fault}. Correct the "
            f"table, or what {where} declares."
            for fault in found
        ]
    return sheet, faults


def item_range(key: InstrumentKey, item: int) -> tuple[float, float]:
    """Return the lowest and highest answer of an item."""
    return float(key.item_min), float(key.item_max[item - 1])


def by_patient(
    spec: CohortSpec,
    sheet: Mapping[tuple[str, str], pd.Series],
    sources: list[Source],
    ids: pd.Series,
    visits: pd.Series | None,
) -> tuple[pd.DataFrame, list[str]]:
    """Return one row a patient, sorted by pseudonym, and the faults of patients' values."""
    patients = sorted(set(ids.dropna()))
    columns: dict[tuple[str, str, int], pd.Series] = {}
    faults = []
    for source in sources:
        values = sheet[source.name, source.column].copy()
        if visits is None:
            values.index = pd.Index(ids)
        elif spec.columns[source.name].by_visit:
            values = values[visits == source.visit]
            values.index = pd.Index(ids[values.index])
        else:
            values, found = of_patients(spec, source, values, ids, visits)
            faults += found
        columns[(source.name, source.visit, source.item)] = values.reindex(patients)
    frame = pd.DataFrame(columns, index=pd.Index(patients, name="patient"))
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["column", "visit", "item"])
    return frame, faults


def of_patients(
    spec: CohortSpec, source: Source, values: pd.Series, ids: pd.Series, visits: pd.Series
) -> tuple[pd.Series, list[str]]:
    """Return one value a patient from a long table's rows, and the faults found.

    Only rows up to the source's visit count: what was written down later may tell the answer.
    """
    days = {name: visit.day for name, visit in spec.visits.items()}
    in_time = visits.map(days).astype("float64") <= days[source.visit]
    known = values[in_time].groupby(ids[in_time]).first()
    late = known.isna() & values.groupby(ids).first().reindex(known.index).notna()
    faults = changing(spec, source.column, values, ids)
    if late.any():
        faults.append(
            f"{spec.table.file}, column '{source.column}': stands only in rows after "
            f"'{source.visit}' for {int(late.sum())} patients. A value of the patient must be "
            f"known at '{source.visit}'; write it in that row, or set 'by_visit: true'."
        )
    return known, faults


def changing(spec: CohortSpec, column: str, values: pd.Series, ids: pd.Series) -> list[str]:
    """Return the fault of a value that changes within a patient."""
    beyond_one = values.groupby(ids).nunique() - 1
    n_patients = int((beyond_one > 0).sum())
    if not n_patients:
        return []
    return [
        f"{spec.table.file}, column '{column}': changes within {n_patients} patients. A value of "
        "the patient must be the same in all rows; correct the table, or declare a column of the "
        "visits with 'by_visit: true'."
    ]


def site_faults(spec: CohortSpec, table: pd.DataFrame, ids: pd.Series) -> list[str]:
    """Return the fault of patients who stand at several sites in a long table."""
    if spec.site is None or spec.table.layout == "wide":
        return []
    return changing(spec, spec.site, table[spec.site], ids)


def sites_of(
    spec: CohortSpec, table: pd.DataFrame, ids: pd.Series, patients: list[str]
) -> tuple[str, ...] | None:
    """Return the site of each patient, or None if the study has no sites."""
    if spec.site is None:
        return None
    site = table[spec.site].groupby(ids).first()
    return tuple(site.reindex(patients).fillna(""))
