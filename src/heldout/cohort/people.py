"""Who is in the study: one row a patient, every value with its score name, visit and item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from heldout.cohort.coding import suspicious
from heldout.cohort.conversion import Column, read_values, unread
from heldout.cohort.declarations import (
    column_faults,
    declaration_faults,
    read_twice,
    undeclared_visits,
)
from heldout.cohort.inclusion import FlowStep, include, inclusion_faults
from heldout.cohort.messages import missing_hint
from heldout.cohort.noticing import Notice
from heldout.cohort.rows import Rows, Tables, id_faults, join_tables, read_tables, without_repeats
from heldout.cohort.sources import TOTAL, Source, reported_beside_items, sources_of, table_of
from heldout.cohort.visits import Placement, changing, place_rows
from heldout.errors import CohortError, raise_faults
from heldout.spec.cohort import CohortSpec
from heldout.spec.experiment import Experiment
from heldout.spec.instrument import InstrumentKey
from heldout.wording import counted

# With fewer patients, nearly each may be alone at a site.
_FEWEST_FOR_SITES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Patients in the order of their pseudonyms: everybody as read, later who is included.

    Attributes
    ----------
    spec : CohortSpec
        The cohort file.
    values : DataFrame of shape (n_patients, n_sources)
        Index: patient. Columns: (name, visit, item): the declared column and its item, or,
        with item 0, a score name (``madrs``, ``rfq8.certainty``) or declared column. Numbers
        are float64, categories and texts their codes; missing where not observed. Never
        changed in place.
    site : tuple of str, or None
        One site a patient; ``""`` where unknown.
    flow : tuple of FlowStep
        Patients left at each step of inclusion; the first is the whole table.
    sources : tuple of Source
        Where each column of `values` that was read came from.
    declared : tuple of Source
        All that the cohort file declares, scores beside their items too.
    reported : DataFrame
        Scores that the tables hold beside the items they are made of, in the form of
        `values`; to be compared, never used.
    noticed : tuple of Notice
        What was decided about rows, and suspicious about values, while the tables were read; a
        check of the code that it bears makes a finding of it.
    unused : int
        Columns of the tables that no declared column reads.
    data_fingerprint : str
        SHA-256 of the table's file, or over the digests of several.
    """

    spec: CohortSpec
    values: pd.DataFrame
    site: tuple[str, ...] | None
    flow: tuple[FlowStep, ...]
    sources: tuple[Source, ...]
    unused: int
    data_fingerprint: str
    reported: pd.DataFrame = field(default_factory=pd.DataFrame)
    noticed: tuple[Notice, ...] = ()
    declared: tuple[Source, ...] = ()

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

    def table_name(self, source: Source) -> str:
        """Return what a source is called in a table of a row a patient.

        The same column of a long table serves every visit, so the visit is added to its name;
        a name that two tables share is led by the further table's.
        """
        declared = self.spec.columns[source.declared]
        long = table_of(self.spec, source.table).layout == "long" and declared.by_visit
        name = f"{source.column}_{source.visit}" if long else source.column
        shared = any(
            (other.column, other.visit) == (source.column, source.visit)
            and other.table != source.table
            for other in self.sources
        )
        return f"{source.table}.{name}" if shared and source.table else name


def read_cohort(experiment: Experiment, keys: Mapping[str, InstrumentKey]) -> Cohort:
    """Return all patients in the tables of an experiment.

    Parameters
    ----------
    experiment : Experiment
        Its ``cohort`` part says where the tables lie and what they hold.
    keys : mapping of str to InstrumentKey
        Keys of the instruments the columns name; their ranges are checked too.

    Returns
    -------
    Cohort
        Sorted by pseudonym, so that the order of the tables' rows changes nothing. Who stands
        in a further table only is left out.

    Raises
    ------
    CohortError
        With every fault of the tables at once: columns that are missing, values that are not
        numbers, not among the levels or out of range, patients or visits that stand twice,
        visits that are not declared, dates that are none, values of a patient that change or
        are known too late.
    """
    spec = experiment.cohort
    sources = sources_of(spec, keys)
    tables, digest = read_tables(experiment, sources)
    read = _columns_read(spec, tables, sources)
    faults = declaration_faults(experiment, sources)
    faults += column_faults(experiment, tables, sources)
    faults += undeclared_visits(experiment, tables, read)
    faults += inclusion_faults(experiment, keys, sources)
    raise_faults(CohortError, faults)

    tables, placed, noticed, faults = _place_tables(experiment, tables, sources)
    noticed += [Notice(code="HO026", text=text, who=()) for text in read_twice(spec, sources)]
    sheet, coded, more = _values_of(experiment, keys, tables, sources)
    raise_faults(CohortError, faults + more + _site_faults(experiment, tables[None]))
    values, faults = _by_patient(spec, sheet, sources, tables, placed)
    raise_faults(CohortError, faults)
    beside = reported_beside_items(spec, keys, sources)
    kept = [source for source in sources if source not in beside]
    return Cohort(
        spec=spec,
        values=values[[source.cell for source in kept]],
        reported=values[[source.cell for source in beside]],
        site=_sites_of(spec, tables[None], list(values.index)),
        flow=(FlowStep(label="In the table", n=len(values)),),
        sources=tuple(kept),
        declared=tuple(sources),
        noticed=(*noticed, *coded),
        unused=sum(len(set(tables[name].texts.columns) - read[name]) for name in tables),
        data_fingerprint=digest,
    )


def include_patients(experiment: Experiment, cohort: Cohort) -> Cohort:
    """Return the cohort of those whom every inclusion rule lets in.

    Parameters
    ----------
    experiment : Experiment
        Its cohort part holds the rules.
    cohort : Cohort
        Everybody, scored: a rule may look at a score that is made of items.

    Returns
    -------
    Cohort
        With how many were left after each rule.
    """
    kept, flow = include(experiment.cohort, cohort.values)
    site = cohort.site
    if site is not None:
        site = tuple(place for place, inside in zip(site, kept, strict=True) if inside)
    return replace(cohort, values=cohort.values.loc[kept], site=site, flow=flow)


def _columns_read(
    spec: CohortSpec, tables: Tables, sources: list[Source]
) -> dict[str | None, set[str]]:
    """Return the columns of each table that are read for a declared column or as a key."""
    read: dict[str | None, set[str]] = {}
    for name, rows in tables.items():
        keys = {rows.patient, rows.spec.visit, rows.spec.day, rows.spec.date, rows.spec.start}
        declared = {source.column for source in sources if source.table == name}
        read[name] = declared | {column for column in keys if column}
    read[None] |= {spec.site} if spec.site else set()
    return read


def _place_tables(
    experiment: Experiment, tables: Tables, sources: list[Source]
) -> tuple[dict[str | None, Rows], dict[str | None, Placement], list[Notice], list[str]]:
    """Return the rows that count, where they belong, what was noticed, and the faults."""
    spec = experiment.cohort
    kept: dict[str | None, Rows] = {}
    placed: dict[str | None, Placement] = {}
    faults: list[str] = []
    for name, rows in tables.items():
        own = [source for source in sources if source.table == name]
        read = list(dict.fromkeys(source.column for source in own))
        each = [source.column for source in own if spec.columns[source.declared].by_visit]
        kept[name], repeat_faults = without_repeats(rows, read)
        faults += repeat_faults + id_faults(kept[name])
        placed[name] = place_rows(
            experiment, kept[name], kept[None], read, list(dict.fromkeys(each))
        )
        faults += placed[name].faults
    noticed, join_faults = join_tables(kept)
    noticed += chain.from_iterable(placement.noticed for placement in placed.values())
    return kept, placed, noticed, faults + join_faults


def _values_of(
    experiment: Experiment,
    keys: Mapping[str, InstrumentKey],
    tables: Tables,
    sources: list[Source],
) -> tuple[dict[tuple[str, str], pd.Series], list[Notice], list[str]]:
    """Return the values of every table column as declared, what is odd, and all faults in them."""
    sheet: dict[tuple[str, str], pd.Series] = {}
    noticed: list[Notice] = []
    faults: list[str] = []
    for source in sources:
        if (source.name, source.column) in sheet:
            continue
        rows, declared = tables[source.table], experiment.cohort.columns[source.declared]
        column = Column(
            table=rows.texts,
            decimal=rows.spec.decimal,
            source=source,
            declared=declared,
            key=None if declared.instrument is None else keys[declared.instrument],
        )
        values, misread = read_values(column)
        sheet[source.name, source.column] = values
        if misread:
            where = experiment.where("cohort", "columns", source.declared)
            declared_at = "" if rows.file in experiment.tables else f", or what {where} declares"
            hint = missing_hint(unread(column, values), rows.spec.missing, rows.name)
            remedy = f". Correct the table{declared_at}.{hint}"
            faults += [
                f"{rows.where(source.column)}: {fault}" + ("" if fault.endswith(".") else remedy)
                for fault in misread
            ]
        for text, at in suspicious(column, values):
            noticed += rows.notices("HO023", f"{rows.file}, column {text}", at)
    return sheet, noticed, faults


def _by_patient(
    spec: CohortSpec,
    sheet: Mapping[tuple[str, str], pd.Series],
    sources: list[Source],
    tables: Tables,
    placed: Mapping[str | None, Placement],
) -> tuple[pd.DataFrame, list[str]]:
    """Return one row a patient, sorted by pseudonym, and the faults of patients' values."""
    patients = sorted(set(tables[None].ids.dropna()))
    # Of tables of one row a patient, as was checked: where the row of each patient is.
    orders = {
        name: pd.Index(rows.ids).get_indexer(patients)
        for name, rows in tables.items()
        if placed[name].visits is None
    }
    columns: dict[tuple[str, str, int], Any] = {}
    faults: dict[str, None] = {}
    for source in sources:
        values = sheet[source.name, source.column]
        rows, placement = tables[source.table], placed[source.table]
        if source.table in orders:
            # Grouping each column, or finding its rows again, would cost the most here.
            columns[source.cell] = values.array.take(orders[source.table], allow_fill=True)
            continue
        if spec.columns[source.declared].by_visit:
            values = values[placement.visits == source.visit].groupby(rows.ids).first()
        else:
            values, changes = _of_patients(spec, source, values, rows, placement.days)
            faults |= dict.fromkeys(changes)
        columns[source.cell] = values.reindex(patients)
    frame = pd.DataFrame(columns, index=pd.Index(patients, name="patient"))
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["column", "visit", "item"])
    return frame, list(faults)


def _of_patients(
    spec: CohortSpec, source: Source, values: pd.Series, rows: Rows, days: pd.Series
) -> tuple[pd.Series, list[str]]:
    """Return one value a patient from a long table's rows, and the faults found.

    Only rows up to the source's visit count: what was written down later may tell the answer.
    """
    in_time = days <= spec.visits[source.visit].day
    known = values[in_time].groupby(rows.ids[in_time]).first()
    late = known.isna() & values.groupby(rows.ids).first().reindex(known.index).notna()
    faults = changing(rows, source.column, values)
    if late.any():
        faults.append(
            f"{rows.where(source.column)}: stands only in rows after '{source.visit}' for "
            f"{counted(int(late.sum()), 'patient')}. A value of the patient must be known at "
            f"'{source.visit}'; write it in that row, or set 'by_visit: true'."
        )
    return known, faults


def _site_faults(experiment: Experiment, rows: Rows) -> list[str]:
    """Return the faults of sites that change within a patient, or that are none.

    Sites are named where one is not expected, so a column of answers must not pass for them.
    """
    column = experiment.cohort.site
    if column is None:
        return []
    texts, n_patients = rows.texts[column], rows.ids.nunique()
    if n_patients >= _FEWEST_FOR_SITES and 2 * texts.nunique() > n_patients:
        return [
            f"{experiment.where('cohort', 'site')}: table column '{column}' has {texts.nunique()} "
            f"different texts among {n_patients} patients, and sites have several patients each. "
            "Write the column that names the sites, or remove 'site'."
        ]
    return [] if rows.spec.layout == "wide" else changing(rows, column, texts)


def _sites_of(spec: CohortSpec, rows: Rows, patients: list[str]) -> tuple[str, ...] | None:
    """Return the site of each patient, or None if the study has no sites."""
    if spec.site is None:
        return None
    site = rows.texts[spec.site].groupby(rows.ids).first()
    return tuple(site.reindex(patients).fillna(""))
