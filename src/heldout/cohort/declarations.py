"""Whether the declared columns can be found in the tables, each at one visit and known then."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache

from heldout.cohort.messages import names_answers, names_numbers
from heldout.cohort.rows import Tables
from heldout.cohort.sources import Source, patterns_of, table_of, table_path, visits_fitting
from heldout.errors import a_few, did_you_mean
from heldout.spec.cohort import CohortSpec, TableSpec
from heldout.spec.experiment import Experiment
from heldout.spec.instrument import TOTAL_SCORE
from heldout.spec.places import KeyPath, dotted


def declaration_faults(experiment: Experiment, sources: list[Source]) -> list[str]:
    """Return faults of declared columns that no table could satisfy.

    Parameters
    ----------
    experiment : Experiment
        Its cohort part declares the columns.
    sources : list of Source
        Of all columns.

    Returns
    -------
    list of str
    """
    spec, faults = experiment.cohort, []
    measured = {source.declared for source in sources}
    for name, declared in spec.columns.items():
        where = experiment.where("cohort", "columns", name)
        if name not in measured:
            faults.append(f"{where}: 'visits' is empty. List a visit, or remove 'visits'.")
        missing = ("", *table_of(spec, declared.table).missing)
        unseen = [level for level in declared.levels or {} if level in missing]
        if unseen:
            table = dotted(table_path(declared.table))
            faults.append(
                f"{where}: level {a_few(map(repr, unseen))} also means 'not observed', so nobody "
                f"would have it. Set '{table}.missing' to the texts that mean nothing else."
            )
        if TOTAL_SCORE in (declared.scores or {}) and declared.column is not None:
            faults.append(f"{where}: the total stands in 'column' and in 'scores'. Remove one.")
    faults += _key_columns(experiment, sources)
    return faults + _two_visits(experiment, sources) + _undated(experiment)


def _key_columns(experiment: Experiment, sources: list[Source]) -> list[str]:
    """Return faults for columns of patients, visits or sites that also hold what was measured.

    What stands in them is named in messages, so it may be no answer.
    """
    # Reversed, so that of a column read twice the first declaration is named.
    read = {(source.table, source.column): source.declared for source in reversed(sources)}
    return [
        f"{experiment.where(*path)}: table column '{column}' is also read as "
        f"'{read[table, column]}'. What names patients, visits or sites is no measure; "
        f"write the column of {path[-1]}s here, or remove the other declaration."
        for table, path, column in _naming_columns(experiment.cohort, read)
        if column is not None and (table, column) in read
    ]


def _naming_columns(
    spec: CohortSpec, read: Mapping[tuple[str | None, str], str]
) -> Iterator[tuple[str | None, KeyPath, str | None]]:
    """Yield the columns that name patients, visits and sites: table, place of the key, column."""
    for name in (None, *spec.tables):
        table = table_of(spec, name)
        path = ("cohort", *table_path(name))
        yield name, _patient_path(path, table), table.patient or spec.patient
        yield name, (*path, "visit"), table.visit
        if name is None and spec.site is not None:
            # A category may be the site as well.
            declared = spec.columns.get(read.get((None, spec.site), ""))
            if declared is not None and declared.kind != "category":
                yield None, ("cohort", "site"), spec.site


def read_twice(spec: CohortSpec, sources: list[Source]) -> list[str]:
    """Return sentences about table columns that are read as two values of one visit."""
    readers: defaultdict[tuple[str | None, str, str], list[str]] = defaultdict(list)
    for source in sources:
        readers[source.table, source.column, source.visit].append(f"'{source.name}'")
    twice: defaultdict[tuple[str | None, str, str], list[str]] = defaultdict(list)
    for (table, column, visit), names in readers.items():
        if len(names) > 1:
            twice[table, " and as ".join(dict.fromkeys(names)), visit].append(repr(column))
    return [
        f"{table_of(spec, table).file}: {'columns' if columns[1:] else 'column'} {a_few(columns)} "
        f"{'are' if columns[1:] else 'is'} read as {names} at {visit}"
        f"{'' if ' and ' in names else ' twice'}."
        for (table, names, visit), columns in twice.items()
    ]


def _patient_path(path: KeyPath, table: TableSpec) -> KeyPath:
    """Return where it is written what a table's column of patients is called."""
    return (*path, "patient") if table.patient else ("cohort", "patient")


def _undated(experiment: Experiment) -> list[str]:
    """Return faults for columns named after a follow-up and declared without a visit.

    Without a visit a column counts as known at baseline; one called cgi_d28 is not.
    """
    spec, faults = experiment.cohort, []
    for name, declared in spec.columns.items():
        if declared.visits is not None or declared.by_visit:
            continue
        later = _later_words(spec, table_of(spec, declared.table).layout)
        for _, pattern, _ in patterns_of(name, declared):
            if isinstance(pattern, dict) or "{visit}" in pattern:
                continue
            words = re.split(r"[^A-Za-z0-9]+", pattern.replace("{item}", " "))
            named = [later[word.casefold()] for word in words if word.casefold() in later]
            if named:
                faults.append(
                    f"{experiment.where('cohort', 'columns', name)}: '{pattern}' is named after "
                    f"visit '{named[0]}' and declared without a visit, so it would count as known "
                    f"at baseline. Write 'visits: [{named[0]}]', or 'visits: [{spec.baseline}]' if "
                    "it was."
                )
    return faults


def _later_words(spec: CohortSpec, layout: str) -> dict[str, str]:
    """Return what follow-ups are called in names of columns, in small letters -> visit."""
    return {
        word.casefold(): name
        for name, visit in spec.visits.items()
        if visit.day > spec.visits[spec.baseline].day
        for word in (name, visit.code or name)
        # A long table has no visits in its names: there a bare number counts items.
        if layout == "wide" or not word.isdigit()
    }


def _two_visits(experiment: Experiment, sources: list[Source]) -> list[str]:
    """Return faults for table columns that are read as if measured at several visits.

    A follow-up's column declared a second time without its visit would pass for baseline.
    """
    spec, faults = experiment.cohort, []
    readers: defaultdict[tuple[str | None, str], dict[str, str]] = defaultdict(dict)
    for source in sources:
        layout = table_of(spec, source.table).layout
        if layout == "wide" or not spec.columns[source.declared].by_visit:
            readers[source.table, source.column].setdefault(source.visit, source.declared)
    for (table, column), by_visit in readers.items():
        if len(by_visit) > 1:
            where = experiment.where("cohort", "columns", list(by_visit.values())[-1])
            read = a_few(f"'{visit}' as '{name}'" for visit, name in by_visit.items())
            remedy = "give each visit its own column"
            if table_of(spec, table).layout == "long":
                remedy = "set 'by_visit: true'"
            faults.append(
                f"{where}: table column '{column}' is read at {read}. A value is known at one "
                f"visit; name that visit under 'visits', or {remedy}."
            )
    return faults


def column_faults(experiment: Experiment, tables: Tables, sources: list[Source]) -> list[str]:
    """Return a fault for every column that a table lacks.

    Parameters
    ----------
    experiment : Experiment
        Names the columns.
    tables : mapping
        As read.
    sources : list of Source
        Of all declared columns.

    Returns
    -------
    list of str
        No fault twice.
    """
    spec, first = experiment.cohort, list(tables[None].texts.columns)
    wanted: list[tuple[str | None, str | None, KeyPath]] = [
        (source.table, source.column, ("cohort", "columns", source.declared)) for source in sources
    ]
    wanted.append((None, spec.site, ("cohort", "site")))
    for name, rows in tables.items():
        wanted.append((name, rows.patient, _patient_path(rows.path, rows.spec)))
        # A patient's start may stand in the first table alone, for all tables.
        keys = ["visit", "day", "date", *(() if rows.spec.start in first else ["start"])]
        wanted += [(name, getattr(rows.spec, key), (*rows.path, key)) for key in keys]
    called = "the table" if len(tables) == 1 else "the table {}"

    @cache
    def unnamed(table: str | None) -> bool:
        cells = tables[table].texts.fillna("")
        return names_answers(list(cells.columns), cells.to_numpy().tolist())

    faults: dict[str, None] = {}
    for table, column, path in wanted:
        columns = list(tables[table].texts.columns)
        if column not in (None, *columns):
            words = _missing_column(column, columns, unnamed=unnamed(table))
            where = experiment.where(*path)
            faults[f"{where}: {called.format(tables[table].file)} has {words}"] = None
    return list(faults)


def _missing_column(column: str | None, columns: list[str], *, unnamed: bool) -> str:
    """Return the words for a column that a table does not have; a row of answers is not told."""
    if unnamed:
        looks = (
            f"and some of its {len(columns)} columns are named by numbers"
            if names_numbers(columns)
            else f"and row 1 of its {len(columns)} columns reads like the rows below it"
        )
        return (
            f"no column '{column}', {looks}. Row 1 must hold the names of the columns; add or "
            "correct them."
        )
    guess = did_you_mean(column or "", columns)
    return f"no column '{column}'. It has: {a_few(columns, limit=12)}.{guess}"


def undeclared_visits(
    experiment: Experiment, tables: Tables, read: Mapping[str | None, set[str]]
) -> list[str]:
    """Return faults for table columns that fit a pattern at a visit nobody declared.

    Parameters
    ----------
    experiment : Experiment
        Its cohort part has the patterns.
    tables : mapping
        As read.
    read : mapping
        Columns of each table that are read; of them the visit is known.

    Returns
    -------
    list of str
    """
    spec, faults = experiment.cohort, []
    known = {visit.code or name for name, visit in spec.visits.items()} | set(spec.ignore_visits)
    for name, declared in spec.columns.items():
        columns = set(tables[declared.table].texts.columns) - read[declared.table]
        unknown: set[str] = set()
        for _, pattern, _ in patterns_of(name, declared):
            unknown |= visits_fitting(pattern, columns) if isinstance(pattern, str) else set()
        unknown -= known
        if unknown:
            faults.append(
                f"{experiment.where('cohort', 'columns', name)}: the table also has visit "
                f"{a_few(map(repr, sorted(unknown)))}, which is not declared. Declare it under "
                "'visits' or list it under 'ignore_visits'."
            )
    return faults
