"""From declared columns to columns of the table, and from texts to values.

A *source* is one column of the table in its meaning: which declared column, which visit,
which item. Everything is looked up before anything is read, and all faults of the table
are reported together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from heldout.cohort.tables import names_numbers
from heldout.errors import a_few, did_you_mean
from heldout.spec import CohortSpec, ColumnSpec, Experiment, InstrumentKey

__all__ = ["Source", "declaration_faults", "read_values", "sources_of", "undeclared_visits"]

TOTAL = 0
# Beyond this, sums of squares leave the range of floating point numbers.
LARGEST = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One column of the table in its meaning.

    `item` is 0 for a value that is not one item of a questionnaire.
    """

    name: str
    visit: str
    item: int
    column: str


def sources_of(spec: CohortSpec, keys: Mapping[str, InstrumentKey]) -> list[Source]:
    """Return every source the cohort file declares, in its order.

    Parameters
    ----------
    spec : CohortSpec
        The cohort file.
    keys : mapping of str to InstrumentKey
        Keys of the instruments that the columns name; they say how many items there are.

    Returns
    -------
    list of Source
        For a long table the same column serves every visit.
    """
    return [
        Source(name=name, visit=visit, item=item, column=column)
        for name, declared in spec.columns.items()
        for visit, item, column in places_of(name, declared, spec, keys)
    ]


def places_of(
    name: str, declared: ColumnSpec, spec: CohortSpec, keys: Mapping[str, InstrumentKey]
) -> Iterator[tuple[str, int, str]]:
    """Yield visit, item and table column of one declared column."""
    pattern = declared.items or declared.column or name
    if isinstance(pattern, dict):
        yield from ((visit, TOTAL, column) for visit, column in pattern.items())
        return
    items = range(1, keys[declared.instrument or ""].items + 1) if declared.items else [TOTAL]
    for visit in visits_of(declared, pattern, spec):
        for item in items:
            column = pattern.replace("{visit}", spec.visits[visit].code or visit)
            yield visit, item, column.replace("{item}", str(item))


def visits_of(declared: ColumnSpec, pattern: str, spec: CohortSpec) -> tuple[str, ...]:
    """Return the visits at which a declared column was measured."""
    if declared.visits is not None:
        return declared.visits
    repeated = "{visit}" in pattern or declared.by_visit
    return tuple(spec.visits) if repeated else (spec.baseline,)


def declaration_faults(experiment: Experiment, sources: list[Source]) -> list[str]:
    """Return faults of declared columns that no table could satisfy."""
    spec, faults = experiment.cohort, []
    measured = {source.name for source in sources}
    for name, declared in spec.columns.items():
        where = experiment.where("cohort", "columns", name)
        if name not in measured:
            faults.append(f"{where}: 'visits' is empty. List a visit, or remove 'visits'.")
        unseen = [level for level in declared.levels or {} if level in ("", *spec.table.missing)]
        if unseen:
            faults.append(
                f"{where}: level {a_few(map(repr, unseen))} also means 'not observed', so nobody "
                "would have it. Set 'table.missing' to the texts that mean nothing else."
            )
    return faults + two_visits(experiment, sources) + undated(experiment)


def undated(experiment: Experiment) -> list[str]:
    """Return faults for columns named after a follow-up and declared without a visit.

    Without a visit a column counts as known at baseline; one called cgi_d28 is not.
    """
    spec, faults = experiment.cohort, []
    later = {
        word.casefold(): name
        for name, visit in spec.visits.items()
        if visit.day > spec.visits[spec.baseline].day
        for word in (name, visit.code or name)
        if spec.table.layout == "wide" or not word.isdigit()
    }
    for name, declared in spec.columns.items():
        pattern = declared.items or declared.column or name
        dated = declared.visits is not None or declared.by_visit
        if dated or isinstance(pattern, dict) or "{visit}" in pattern:
            continue
        words = re.split(r"[^A-Za-z0-9]+", pattern.replace("{item}", " "))
        named = [later[word.casefold()] for word in words if word.casefold() in later]
        if named:
            faults.append(
                f"{experiment.where('cohort', 'columns', name)}: '{pattern}' is named after visit "
                f"'{named[0]}' and declared without a visit, so it would count as known at "
                f"baseline. Write 'visits: [{named[0]}]', or 'visits: [{spec.baseline}]' if it was."
            )
    return faults


def two_visits(experiment: Experiment, sources: list[Source]) -> list[str]:
    """Return faults for table columns that are read as if measured at several visits.

    A follow-up's column declared a second time without its visit would pass for baseline.
    """
    spec, faults = experiment.cohort, []
    readers: dict[str, dict[str, str]] = {}
    for source in sources:
        if spec.table.layout == "wide" or not spec.columns[source.name].by_visit:
            readers.setdefault(source.column, {}).setdefault(source.visit, source.name)
    for column, by_visit in readers.items():
        if len(by_visit) > 1:
            where = experiment.where("cohort", "columns", list(by_visit.values())[-1])
            read = a_few(f"'{visit}' as '{name}'" for visit, name in by_visit.items())
            remedy = "give each visit its own column"
            if spec.table.layout == "long":
                remedy = "set 'by_visit: true'"
            faults.append(
                f"{where}: table column '{column}' is read at {read}. A value is known at one "
                f"visit; name that visit under 'visits', or {remedy}."
            )
    return faults


def undeclared_visits(experiment: Experiment, columns: list[str], claimed: set[str]) -> list[str]:
    """Return faults for table columns that fit a pattern at a visit nobody declared."""
    spec, faults = experiment.cohort, []
    known = {visit.code or name for name, visit in spec.visits.items()} | set(spec.ignore_visits)
    for name, declared in spec.columns.items():
        pattern = declared.items or declared.column
        if not isinstance(pattern, str) or "{visit}" not in pattern:
            continue
        shape = re.escape(pattern).replace(r"\{visit\}", "([A-Za-z0-9]+)")
        shape = shape.replace(r"\{item\}", "[0-9]+")
        found = [re.fullmatch(shape, column) for column in columns if column not in claimed]
        unknown = sorted({match[1] for match in found if match and match[1] not in known})
        if unknown:
            faults.append(
                f"{experiment.where('cohort', 'columns', name)}: the table also has visit "
                f"{a_few(map(repr, unknown))}, which is not declared. Declare it under 'visits' "
                "or list it under 'ignore_visits'."
            )
    return faults


def read_values(
    table: pd.DataFrame, source: Source, declared: ColumnSpec, bounds: tuple[float, float] | None
) -> tuple[pd.Series, list[str]]:
    """Return the values of one source, and the faults found in them.

    Parameters
    ----------
    table : DataFrame
        Texts; the index is the row number.
    source : Source
        The column to read.
    declared : ColumnSpec
        What it should hold.
    bounds : tuple of float, optional
        Lowest and highest value allowed.

    Returns
    -------
    values : Series
        Numbers, or codes and texts; missing where not observed.
    faults : list of str
        Names of columns, counts and row numbers; no value of any patient.
    """
    texts = table[source.column]
    if declared.kind == "text":
        return texts, []
    if declared.kind == "category":
        return texts, level_faults(texts, declared)
    numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
    no_number = texts.notna() & ~(numbers.abs() <= LARGEST)
    faults = []
    if no_number.any():
        faults.append(f"{counted(no_number, texts)} are not numbers (a decimal point, no unit)")
    if bounds is not None:
        outside = numbers.notna() & ~numbers.between(*bounds)
        if outside.any():
            low, high = (f"{bound:g}" for bound in bounds)
            faults.append(f"{counted(outside, texts)} lie outside {low}..{high}")
    return numbers, faults


def level_faults(texts: pd.Series, declared: ColumnSpec) -> list[str]:
    """Return the fault of a category whose codes are not all declared."""
    levels = list(declared.levels or {})
    unknown = texts.notna() & ~texts.isin(levels)
    if not unknown.any():
        return []
    return [f"{counted(unknown, texts)} are not among the levels {', '.join(levels)}"]


def counted(wrong: pd.Series, texts: pd.Series) -> str:
    """Return how many of the observed values are wrong, and in which rows."""
    rows = [int(row) for row in wrong.index[wrong]]
    return f"{len(rows)} of {int(texts.notna().sum())} values (rows {a_few(rows)})"


def missing_column(column: str, columns: list[str]) -> str:
    """Return the words for a column the table does not have."""
    if names_numbers(columns):
        return (
            f"the table has no column '{column}', and some of its {len(columns)} columns are named "
            "by numbers. Row 1 must hold the names of the columns; add or correct them."
        )
    listed = a_few(columns, limit=12)
    return f"the table has no column '{column}'. It has: {listed}.{did_you_mean(column, columns)}"
