"""A feature column's provenance, its recipe, and the matrix that carries both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from heldout.arrays import Piece
from heldout.errors import a_few


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureColumn:
    """Where a feature came from; travels to explanation, report and bundle.

    Attributes
    ----------
    name : str
        Unique in its matrix, such as ``madrs_b0`` or ``sex=M``.
    label : str
        For people, such as ``Sex: male``.
    inputs : tuple of str
        Columns of the patients' table that it is made of.
    visit : str
        When it was known; of several visits the last.
    builder : str
        The builder that made it.
    level : str or None
        The category's code for which it is 1; None for a number.
    levels : tuple of str
        All codes of the category; empty for a number.
    bounds : tuple of float, or None
        Lowest and highest value that an included patient can have.
    input_bounds : tuple of (float, float)
        Lowest and highest answer of each input, if these are items; otherwise empty.
    instrument, construct, unit : str or None
        As declared; None where there is none.
    higher_is : str or None
        ``worse`` or ``better``; None where nobody said, or it cannot be said.
    made_of : tuple of str
        Of a feature made of others: their names, with ``-`` in front where turned round.
    """

    name: str
    label: str
    inputs: tuple[str, ...]
    visit: str
    builder: str
    level: str | None = None
    levels: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None
    input_bounds: tuple[tuple[float, float], ...] = ()
    instrument: str | None = None
    construct: str | None = None
    unit: str | None = None
    higher_is: str | None = None
    made_of: tuple[str, ...] = ()

    @property
    def describe(self) -> str:
        """One line for people: what it is, when it was known, its range, and of what."""
        words = [f"{self.label} at {self.visit}"]
        if self.bounds is not None:
            words.append(f"{self.bounds[0]:g} to {self.bounds[1]:g} {self.unit or ''}".strip())
        elif self.unit:
            words.append(self.unit)
        words += [self.construct] if self.construct else []
        words += [f"higher is {self.higher_is}"] if self.higher_is else []
        return f"{self.name}: {', '.join(words)}; {self.builder} of {self.origin}"

    @property
    def origin(self) -> str:
        """What it was made of, in a few words."""
        return a_few(self.made_of or self.inputs, limit=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a column is made of one patient's row, as plain data that a bundle can hold.

    Attributes
    ----------
    steps : mapping
        ``kind`` and what that kind takes; ``of`` holds further steps.
        `heldout.instruments.arithmetic` lists the kinds.
    inputs : mapping of str to mapping
        Column of the patients' table -> what it may hold: ``bounds``, ``answers``, ``codes``
        (not assessed), ``levels``, and ``missing``, the texts for not observed.
    """

    steps: Mapping[str, Any]
    inputs: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """One column made of a patient's row alone; of itself what a group is of several."""

    column: FeatureColumn
    recipe: Recipe
    method: ClassVar[Literal["as_is"]] = "as_is"
    signs: ClassVar[tuple[int, ...]] = ()

    @property
    def columns(self) -> tuple[FeatureColumn, ...]:
        """What models see."""
        return (self.column,)

    @property
    def inputs(self) -> tuple[Raw, ...]:
        """What stands in the table."""
        return (self,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Columns that a training set makes of raw ones; `signs` turn inputs round before."""

    columns: tuple[FeatureColumn, ...]
    inputs: tuple[Raw, ...]
    method: Literal["mean", "principal", "factor"]
    signs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureMatrix:
    """What may be known at prediction time, before anything is learnt.

    Attributes
    ----------
    table : DataFrame of shape (n_patients, n_columns)
        float64; NaN where not observed. Never changed in place.
    columns : tuple of FeatureColumn
        In the order of the table.
    recipes : tuple of Recipe
        In the order of the table; empty for a table in memory.
    composition : tuple of Piece
        How training sets make of the table what models see; empty if that is the table itself.
    composed : tuple of FeatureColumn
        What models see, in the order of the composition; empty if that is the table itself.
    """

    table: pd.DataFrame
    columns: tuple[FeatureColumn, ...]
    recipes: tuple[Recipe, ...] = field(default=(), repr=False)
    composition: tuple[Piece, ...] = ()
    composed: tuple[FeatureColumn, ...] = ()

    @property
    def values(self) -> NDArray[np.float64]:
        """The table as an array; a fresh copy."""
        return self.table.to_numpy(dtype=np.float64, copy=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the table's columns."""
        return tuple(column.name for column in self.columns)

    @property
    def features(self) -> tuple[FeatureColumn, ...]:
        """What models see: the columns, or what training sets compose of them."""
        return self.composed or self.columns
