"""What an experiment may say: frozen models, unknown keys refused.

`Experiment` and its parts hold all that can change a result and nothing else. Validation
happens here, at the door; behind it every value can be trusted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)

from heldout.errors import SpecError, did_you_mean, raise_faults
from heldout.spec.faults import refuse_misfits, validated
from heldout.spec.places import KeyPath, Places, place_of

__all__ = [
    "CohortSpec",
    "ColumnSpec",
    "Experiment",
    "FeatureSpec",
    "InclusionSpec",
    "OutcomeSpec",
    "RuleSpec",
    "TableSpec",
    "TuningSpec",
    "ValidationSpec",
    "VisitSpec",
    "composed",
    "experiment_from",
    "fingerprint",
]

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]


def as_text(value: object) -> object:
    """Return whole numbers as text, so that a code such as 1 may be written bare.

    Other numbers are left, and refused: 1.50 would come back as another text, 1.5.
    """
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Code = Annotated[str, BeforeValidator(as_text)]
DEFAULT_MODELS = ("prevalence", "severity", "ridge", "elastic_net", "random_forest", "xgboost")


class Part(BaseModel):
    """A part of the experiment: frozen, and unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False
    )


def repeated(names: Sequence[str], kind: str) -> list[tuple[KeyPath, str]]:
    """Return a misfit for every name that stands in a list for a second time."""
    return [
        ((number,), f"found {kind} '{name}' a second time. Remove it, or rename it.")
        for number, name in enumerate(names)
        if name in names[:number]
    ]


def undeclared(path: KeyPath, name: str, declared: Iterable[str]) -> list[tuple[KeyPath, str]]:
    """Return a misfit if a visit is not among the declared ones."""
    visits = list(declared)
    if name in visits:
        return []
    text = f"found visit '{name}'; required: one of {', '.join(visits)}."
    return [(path, text + (did_you_mean(name, visits) or " Declare it, or correct the name."))]


class VisitSpec(Part):
    """One visit: when it was planned, and how the table calls it."""

    day: float = Field(description="Planned days from baseline; baseline itself is day 0.")
    label: str | None = Field(default=None, description="For tables and figures.")
    code: Code | None = Field(
        default=None, description="The visit's value in a long table; the visit's name if absent."
    )


class TableSpec(Part):
    """Where the table lies and how it is laid out."""

    file: str = Field(description="CSV file, relative to the study folder.")
    layout: Literal["wide", "long"] = Field(
        default="wide", description="wide: a row a patient. long: a row a patient and visit."
    )
    visit: str | None = Field(default=None, description="The long table's column of visits.")
    missing: tuple[Code, ...] = Field(
        default=("", "NA", "n/a", "NaN"), description="Texts that mean: not observed."
    )

    @model_validator(mode="after")
    def check_visit(self) -> Self:
        """Require the visit column in long tables only."""
        if self.layout == "long" and self.visit is None:
            raise ValueError("a long table needs 'visit', the column that names the visit")
        if self.layout == "wide" and self.visit is not None:
            raise ValueError("'visit' is for long tables; in a wide one write {visit} in columns")
        return self


class InclusionSpec(Part):
    """One rule a patient must meet to be included, applied in order."""

    label: str = Field(description="For the flow of patients, such as 'MADRS 20 or more'.")
    column: Name
    visit: Name | None = Field(default=None, description="Baseline if absent.")
    among: tuple[Code, ...] | None = None
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def check_condition(self) -> Self:
        """Require exactly one kind of condition."""
        bounds = self.at_least is not None or self.at_most is not None
        if (self.among is not None) == bounds:
            raise ValueError("needs either 'among', or 'at_least' and/or 'at_most'")
        return self


class ColumnSpec(Part):
    """One declared column: what it holds and when it was known.

    A column measured at several visits writes ``{visit}`` in `column` (wide tables), or
    gives one source column per visit, or sets `by_visit` (long tables).
    """

    column: str | dict[Name, str] | None = Field(
        default=None, description="Source column, or visit -> source column; the name if absent."
    )
    items: str | None = Field(
        default=None, description="Source columns of the items, as a pattern with {item}, {visit}."
    )
    kind: Literal["number", "category", "text"] | None = Field(
        default=None, description="number if an instrument is given; text is never a feature."
    )
    unit: str | None = None
    range: tuple[float, float] | None = Field(default=None, description="Lowest and highest value.")
    levels: dict[Code, str] | None = Field(default=None, description="code -> label, in order.")
    instrument: Name | None = Field(default=None, description="Scored by this instrument's key.")
    construct_: str | None = Field(default=None, alias="construct", description="What it measures.")
    visits: tuple[Name, ...] | None = Field(
        default=None, description="Visits at which it was measured; all declared ones if absent."
    )
    by_visit: bool = Field(default=False, description="Long tables: one value a visit.")
    label: str | None = None

    @model_validator(mode="after")
    def check_kind(self) -> Self:
        """Require what each kind needs."""
        scored, items = self.instrument is not None, self.items
        rules = (
            (items is not None and not scored, "'items' need 'instrument', whose key adds them up"),
            (items is not None and "{item}" not in items, "'items' needs {item} in its pattern"),
            (items is not None and self.column is not None, "give 'items' or 'column', not both"),
            (scored and self.kind in ("category", "text"), "a score is a number; remove 'kind'"),
            (not scored and self.kind is None, "needs 'kind': number, category or text"),
            (self.kind == "category" and not self.levels, "needs 'levels': code -> label"),
            (
                scored and self.range is not None,
                "the instrument's key has the range; remove 'range'",
            ),
            (self.kind != "category" and self.levels is not None, "'levels' need 'kind: category'"),
            (self.column == {}, "'column' names no visit; write visit: source column"),
            (
                self.range is not None and self.range[0] >= self.range[1],
                "'range': [lowest, highest]",
            ),
        )
        refuse_misfits([((), f"{text}.") for broken, text in rules if broken])
        return self


class CohortSpec(Part):
    """The people, their visits and their table."""

    title: str
    source: str | None = Field(default=None, description="Where the data come from; licence.")
    simulated: bool = False
    table: TableSpec
    patient: str = Field(description="Source column of the patient identifier.")
    site: str | None = Field(default=None, description="Source column of the site, if several.")
    visits: dict[Name, VisitSpec] = Field(min_length=1)
    baseline: Name
    columns: dict[Name, ColumnSpec] = Field(min_length=1)
    include: tuple[InclusionSpec, ...] = ()
    ignore_visits: tuple[Code, ...] = Field(
        default=(), description="Visits of the table that this study leaves out on purpose."
    )

    @model_validator(mode="after")
    def check_names(self) -> Self:
        """Require the baseline, and every visit a column names, to be declared."""
        faults = undeclared(("baseline",), self.baseline, self.visits)
        for name, column in self.columns.items():
            for number, visit in enumerate(column.visits or ()):
                faults += undeclared(("columns", name, "visits", number), visit, self.visits)
            for visit in column.column if isinstance(column.column, dict) else ():
                faults += undeclared(("columns", name, "column", visit), visit, self.visits)
        refuse_misfits(faults)
        return self


class RuleSpec(Part):
    """How an outcome is made of the follow-up score, and of the baseline score."""

    reduction: float | None = Field(
        default=None, gt=0, lt=1, description="Response: fell by at least this share of baseline."
    )
    at_most: float | None = Field(default=None, description="Remission: this score or lower.")
    at_least: float | None = Field(default=None, description="This score or higher.")

    @model_validator(mode="after")
    def check_one(self) -> Self:
        """Require exactly one rule."""
        rules = ("reduction", "at_most", "at_least")
        given = [name for name in rules if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"found {' and '.join(given) or 'no rule'}; "
                f"required: exactly one of {', '.join(rules)}"
            )
        return self


class OutcomeSpec(Part):
    """One outcome at one or several follow-ups."""

    name: Name
    label: str | None = None
    column: Name = Field(description="The declared column whose score decides.")
    rule: RuleSpec
    at: tuple[Name, ...] = Field(min_length=1, description="Follow-up visits.")
    primary: Name | None = Field(default=None, description="The follow-up decided on beforehand.")

    @model_validator(mode="after")
    def check_primary(self) -> Self:
        """Require the primary follow-up to be one of those asked for, and each one once."""
        faults = [(("at", *path), text) for path, text in repeated(self.at, "follow-up")]
        if self.primary is not None and self.primary not in self.at:
            listed = ", ".join(self.at)
            words = f"found '{self.primary}', which is not among 'at' ({listed}). Make them agree."
            faults.append((("primary",), words))
        refuse_misfits(faults)
        return self


class FeatureSpec(Part):
    """One feature builder with its columns."""

    build: str = Field(description="The builder: clinical or totals.")
    columns: tuple[str, ...] = Field(min_length=1)
    visit: Name | None = Field(default=None, description="Baseline if absent.")


class ValidationSpec(Part):
    """Nested cross-validation."""

    outer: int = Field(default=5, ge=2, le=20, description="Outer folds.")
    inner: int = Field(default=5, ge=2, le=20, description="Inner folds, for tuning.")
    repeats: int = Field(default=10, ge=1, le=200)


class TuningSpec(Part):
    """The search inside each outer training set."""

    trials: int = Field(default=30, ge=1, le=10_000, description="Candidates per model.")
    sampler: Literal["qmc", "tpe", "random"] = "qmc"
    criterion: Literal["brier"] = "brier"


class Experiment(Part):
    """What shall be done: all that can change a result."""

    name: Name
    question: str
    cohort: CohortSpec
    features: tuple[FeatureSpec, ...] = Field(min_length=1)
    outcomes: tuple[OutcomeSpec, ...] = Field(min_length=1)
    models: tuple[str, ...] = Field(default=DEFAULT_MODELS, min_length=1)
    validation: ValidationSpec = ValidationSpec()
    tuning: TuningSpec = TuningSpec()
    seed: int = Field(ge=0, le=2**32 - 1)

    _places: Places = PrivateAttr(default_factory=dict)
    _folder: Path = PrivateAttr(default_factory=Path.cwd)

    @property
    def folder(self) -> Path:
        """The study folder: every path in the experiment is relative to it."""
        return self._folder

    def where(self, *path: str | int) -> str:
        """Return the place of a key as its author wrote it: file, line and dotted path."""
        return place_of(path, self._places)

    @field_validator("models")
    @classmethod
    def check_models(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        """Require every model once."""
        refuse_misfits(repeated(models, "model"))
        return models

    @field_validator("outcomes")
    @classmethod
    def check_outcomes(cls, outcomes: tuple[OutcomeSpec, ...]) -> tuple[OutcomeSpec, ...]:
        """Require every name of an outcome once."""
        faults = repeated([outcome.name for outcome in outcomes], "outcome")
        refuse_misfits([((*path, "name"), text) for path, text in faults])
        return outcomes

    def __eq__(self, other: object) -> bool:
        """Return whether both say the same, wherever they were written."""
        return isinstance(other, Experiment) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(fingerprint(self))


def experiment_from(
    data: Mapping[str, Any],
    *,
    places: Places | None = None,
    folder: Path | None = None,
    found: Sequence[str] = (),
    unread: Collection[str] = (),
) -> Experiment:
    """Return the validated experiment of a composed mapping.

    Parameters
    ----------
    data : mapping
        The composed experiment; no ``use`` is left in it.
    places : mapping, optional
        Key path -> file and line, for messages.
    folder : Path, optional
        The study folder; the current one by default.
    found : sequence of str
        Faults found while composing, reported together with those of the content.
    unread : collection of str
        Keys whose piece could not be read: what is missing there is not a fault of its own.

    Returns
    -------
    Experiment
        Frozen.

    Raises
    ------
    SpecError
        With every fault at once: place, found, required, and a did-you-mean.
    """
    known = places or {}
    experiment, faults = validated(Experiment, data, known, unread)
    raise_faults(SpecError, [*found, *faults])
    assert experiment is not None
    experiment._places = known
    experiment._folder = (folder or Path.cwd()).resolve()
    return experiment


def composed(experiment: Experiment) -> dict[str, Any]:
    """Return the whole experiment as plain values, defaults written out.

    Parameters
    ----------
    experiment : Experiment
        Any.

    Returns
    -------
    dict
        `experiment_from` makes an equal experiment of it.
    """
    return experiment.model_dump(mode="json", by_alias=True)


def fingerprint(experiment: Experiment) -> str:
    """Return 64 hexadecimal digits that are equal for equal experiments.

    The order of free keys counts: a category's first level is its reference.

    Parameters
    ----------
    experiment : Experiment
        Any.

    Returns
    -------
    str
        SHA-256 of the composed experiment.
    """
    text = json.dumps(composed(experiment), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
