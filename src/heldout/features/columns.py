"""A feature column's provenance, and the matrix that carries it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["FeatureColumn", "FeatureMatrix"]


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
        Columns of the patients' table that it is made of; several are added up.
    visit : str
        When it was known.
    builder : str
        The builder that made it.
    level : str or None
        The category's code for which it is 1; None for a number.
    levels : tuple of str
        All codes of the category; empty for a number.
    bounds : tuple of float, or None
        Lowest and highest value that an included patient can have.
    input_bounds : tuple of (float, float)
        Lowest and highest value of each input, if several are added up; otherwise empty.
    instrument, construct, unit : str or None
        As declared; None where there is none.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureMatrix:
    """What may be known at prediction time.

    Attributes
    ----------
    table : DataFrame of shape (n_patients, n_features)
        float64; NaN where not observed. Never changed in place.
    columns : tuple of FeatureColumn
        In the order of the table.
    """

    table: pd.DataFrame
    columns: tuple[FeatureColumn, ...]

    @property
    def values(self) -> NDArray[np.float64]:
        """The table as an array; a fresh copy."""
        return self.table.to_numpy(dtype=np.float64, copy=True)

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names."""
        return tuple(column.name for column in self.columns)
