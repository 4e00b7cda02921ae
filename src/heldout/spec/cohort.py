"""What the cohort file may say: people, visits, tables and columns."""

from __future__ import annotations

import re
import warnings
from datetime import date, datetime
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from heldout.spec.faults import refuse_broken, refuse_misfits
from heldout.spec.parts import Code, Name, Part, Score, optional, undeclared
from heldout.spec.places import KeyPath

# What tables usually write where nothing was observed.
NOT_OBSERVED = ("", "NA", "n/a", "NaN")


class VisitSpec(Part):
    """One visit: when it was planned, and how the table calls it."""

    day: float = Field(description="Planned days from baseline; baseline itself is day 0.")
    label: str | None = optional("For tables and figures.")
    code: Code | None = optional("The visit's value in a long table; the visit's name if absent.")
    window: float | None = optional("Days before and after `day` that still count.", ge=0)


class TableSpec(Part):
    """Where a table lies and how it is laid out.

    The ending of the file says what it is: .csv, .tsv, .xlsx, or .sav (SPSS). A REDCap export
    is a long table whose visits stand in ``redcap_event_name``.
    """

    file: str = Field(description="CSV, TSV, XLSX or SAV file, relative to the study folder.")
    layout: Literal["wide", "long"] = optional(
        "wide: a row a patient. long: a row a patient and visit.", default="wide"
    )
    patient: str | None = optional("This table's column of patients; the cohort's if absent.")
    visit: str | None = optional("The long table's column of visits.")
    day: str | None = optional("The long table's column of days from baseline.")
    date: str | None = optional("The long table's column of dates.")
    start: str | None = optional("Column with the date of the patient's baseline (day 0).")
    date_format: str = optional("As strptime reads it: %d/%m/%Y.", default="%Y-%m-%d")
    missing: tuple[Code, ...] = optional("Texts that mean: not observed.", default=NOT_OBSERVED)
    separator: Literal[",", ";", "tab"] | None = optional(
        "Between cells; by the file's ending if absent."
    )
    decimal: Literal[".", ","] = optional("The decimal mark of numbers.", default=".")
    encoding: Literal["utf-8", "latin-1", "cp1252"] = Field(default="utf-8")
    sheet: str | None = optional("Of a workbook; the only one if absent.")

    @property
    def form(self) -> dict[str, Any]:
        """How the cells of the file are written, as `heldout.cohort.tables.read_table` takes it."""
        keys = ("separator", "decimal", "encoding", "sheet", "missing")
        return {key: getattr(self, key) for key in keys}

    @model_validator(mode="after")
    def check_visit(self) -> Self:
        """Require of long tables, and of them only, how rows are put to visits."""
        timed = (self.visit, self.day, self.date)
        rules = (
            (
                self.layout == "long" and timed == (None, None, None),
                "a long table needs 'visit', the column that names the visit, or 'day' or 'date'",
            ),
            (
                self.layout == "wide" and timed != (None, None, None),
                "'visit', 'day' and 'date' are for long tables; in a wide one write {visit} in "
                "columns",
            ),
            (self.day is not None and self.date is not None, "give 'day' or 'date', not both"),
            (
                (self.date is None) != (self.start is None),
                "'date' and 'start' go together: a day is counted from the patient's start",
            ),
            (
                self.separator == self.decimal,
                "the same mark separates cells and decimals; the table cannot be read",
            ),
            (
                not _tells_dates(self.date_format),
                "'date_format' does not tell a day, month and year; write it as %d/%m/%Y",
            ),
        )
        refuse_broken(rules)
        return self


def _tells_dates(date_format: str) -> bool:
    """Return whether a date written in a format is the same date when read."""
    day = date(2024, 11, 23)
    try:
        # Python warns of a format without a year, from 3.13 on; here it is refused.
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            # A day above 12 and no default month: what is not told comes back changed.
            return datetime.strptime(day.strftime(date_format), date_format).date() == day
    except (ValueError, re.error):
        return False


class InclusionSpec(Part):
    """One rule a patient must meet to be included, applied in order."""

    label: str = Field(description="For the flow of patients, such as 'MADRS 20 or more'.")
    column: Score
    visit: Name | None = optional("Baseline if absent.")
    among: tuple[Code, ...] | None = None
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def check_condition(self) -> Self:
        """Require exactly one kind of condition.

        Raises
        ------
        ValueError
            If there is none, or a list beside bounds; pydantic puts the place to it.
        """
        bounds = self.at_least is not None or self.at_most is not None
        if (self.among is not None) == bounds:
            raise ValueError("needs either 'among', or 'at_least' and/or 'at_most'")
        return self


class ColumnSpec(Part):
    """One declared column: what it holds and when it was known.

    A column measured at several visits writes ``{visit}`` in `column` (wide tables), or
    gives one source column per visit, or sets `by_visit` (long tables). An instrument may be
    given as items, as subscale scores, as a total, or as several of these; what can be
    computed from items is, and the rest is compared with it.
    """

    table: Name | None = optional("One of the further tables; the first one if absent.")
    column: str | dict[Name, str] | None = optional(
        "Source column, or visit -> source column; the name if absent. Of an instrument: its total."
    )
    items: str | None = optional("Source columns of the items, as a pattern with {item}, {visit}.")
    scores: dict[Name, str] | None = optional(
        "Score of the instrument's key -> source column, a pattern with {visit}."
    )
    kind: Literal["number", "category", "text"] | None = optional(
        "number if an instrument is given; text is never a feature."
    )
    unit: str | None = None
    range: tuple[float, float] | None = optional("Lowest and highest value.")
    levels: dict[Code, str] | None = optional("code -> label, in order.")
    instrument: Name | None = optional("Scored by this instrument's key.")
    language: str | None = optional("Language version used; required where keys differ by version.")
    prorate: Literal["none", "80%", "half"] = optional(
        "Missing items: none (the score is missing), or the person's mean of the "
        "others if at least 80 %, or half, of the score's items are there.",
        default="none",
    )
    higher_is: Literal["worse", "better"] | None = optional(
        "Of a number without an instrument, or of an instrument whose direction "
        "depends on the version."
    )
    construct_: str | None = Field(default=None, alias="construct", description="What it measures.")
    visits: tuple[Name, ...] | None = optional(
        "Visits at which it was measured; all declared ones if absent."
    )
    by_visit: bool = optional("Long tables: one value a visit.", default=False)
    label: str | None = None

    @model_validator(mode="after")
    def check_kind(self) -> Self:
        """Require what each kind needs."""
        refuse_broken((*self._scoring_rules(), *self._value_rules()))
        return self

    def _scoring_rules(self) -> tuple[tuple[bool, str], ...]:
        """Return what may be broken of a score and its items, and the words for it."""
        scored, items = self.instrument is not None, self.items
        of_key = items is not None or self.scores is not None or self.prorate != "none"
        return (
            (
                (of_key or self.language is not None) and not scored,
                "'items', 'scores', 'prorate' and 'language' need 'instrument', whose key they "
                "follow",
            ),
            (items is not None and "{item}" not in items, "'items' needs {item} in its pattern"),
            (self.prorate != "none" and items is None, "'prorate' needs 'items'"),
            (self.scores == {}, "'scores' names no score; write score: source column"),
        )

    def _value_rules(self) -> tuple[tuple[bool, str], ...]:
        """Return what may be broken of a column's values, and the words for it."""
        scored, lettered = self.instrument is not None, self.kind in ("category", "text")
        low, high = self.range or (0.0, 1.0)
        return (
            (scored and lettered, "a score is a number; remove 'kind'"),
            (not scored and self.kind is None, "needs 'kind': number, category or text"),
            (self.kind == "category" and not self.levels, "needs 'levels': code -> label"),
            (self.higher_is is not None and lettered, "'higher_is' is for numbers"),
            (
                scored and self.range is not None,
                "the instrument's key has the range; remove 'range'",
            ),
            (self.kind != "category" and self.levels is not None, "'levels' need 'kind: category'"),
            (self.column == {}, "'column' names no visit; write visit: source column"),
            (low >= high, "'range': [lowest, highest]"),
        )


class CohortSpec(Part):
    """The people, their visits and their table."""

    title: str
    source: str | None = optional("Where the data come from; licence.")
    simulated: bool = False
    table: TableSpec
    tables: dict[Name, TableSpec] = optional("Further tables, joined by patient.", default={})
    patient: str = Field(description="Source column of the patient identifier.")
    site: str | None = optional("Source column of the site, if several.")
    visits: dict[Name, VisitSpec] = Field(min_length=1)
    baseline: Name
    columns: dict[Name, ColumnSpec] = Field(min_length=1)
    include: tuple[InclusionSpec, ...] = ()
    ignore_visits: tuple[Code, ...] = optional(
        "Visits of the table that this study leaves out on purpose.", default=()
    )

    @model_validator(mode="after")
    def check_names(self) -> Self:
        """Require the baseline to be day 0, and what columns name to be declared."""
        # Days can be counted from a baseline only that is there.
        faults = undeclared(("baseline",), self.baseline, self.visits) or self.day_faults()
        for name, column in self.columns.items():
            if column.table is not None:
                path = ("columns", name, "table")
                faults += undeclared(path, column.table, self.tables, "table")
            for number, visit in enumerate(column.visits or ()):
                faults += undeclared(("columns", name, "visits", number), visit, self.visits)
            for visit in column.column if isinstance(column.column, dict) else ():
                faults += undeclared(("columns", name, "column", visit), visit, self.visits)
        refuse_misfits(faults)
        return self

    def day_faults(self) -> list[tuple[KeyPath, str]]:
        """Return the misfits of days: baseline is day 0, and no other visit has its day."""
        begin = self.visits[self.baseline].day
        if begin != 0:
            text = (
                f"found {begin:g} for the baseline '{self.baseline}'; required: 0, because days "
                "are counted from baseline. Write 0, and count those of the other visits from it."
            )
            return [(("visits", self.baseline, "day"), text)]
        return [
            (
                ("visits", name, "day"),
                f"found 0, the day of the baseline '{self.baseline}', so it cannot be told which "
                "comes first. Write part of a day, such as 0.2, if it is later, or -0.2 if not.",
            )
            for name, visit in self.visits.items()
            if name != self.baseline and visit.day == 0
        ]
