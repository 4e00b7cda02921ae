"""Total scores of instruments."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from heldout.cohort import Cohort, included_bounds
from heldout.features.columns import FeatureColumn
from heldout.spec import InstrumentKey

__all__ = ["build_total"]


def build_total(
    cohort: Cohort, column: str, visit: str, keys: Mapping[str, InstrumentKey]
) -> tuple[FeatureColumn, NDArray[np.float64]]:
    """Return an instrument's total score at a visit as a feature.

    Parameters
    ----------
    cohort : Cohort
        Scored.
    column : str
        A declared column with an instrument.
    visit : str
        When it was measured.
    keys : mapping of str to InstrumentKey
        For the range, the construct and the number of items.

    Returns
    -------
    feature : FeatureColumn
        Its inputs are the items where the table holds items.
    values : array of shape (n_patients,)
        Points; NaN where not observed.
    """
    declared = cohort.spec.columns[column]
    key = keys[declared.instrument or ""]
    items = tuple(
        cohort.table_name(source)
        for source in cohort.sources
        if (source.name, source.visit) == (column, visit) and source.item > 0
    )
    item_bounds = tuple((float(key.item_min), float(highest)) for highest in key.item_max)
    feature = FeatureColumn(
        name=f"{column}_{visit}",
        label=declared.label or key.id.upper(),
        inputs=items or (cohort.source_column(column, visit),),
        visit=visit,
        builder="totals",
        bounds=included_bounds(cohort.spec, column, visit, key.range),
        input_bounds=item_bounds if items else (),
        instrument=key.id,
        construct=declared.construct_ or key.construct_,
        unit=declared.unit or "points",
    )
    return feature, cohort.numbers(column, visit)
