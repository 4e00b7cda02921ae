"""Declared columns as they stand: age, sex, body mass index, order of treatment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heldout.cohort import Cohort, included_bounds, included_levels
from heldout.features.columns import FeatureColumn

__all__ = ["build_clinical"]

Built = tuple[FeatureColumn, NDArray[np.float64]]


def build_clinical(cohort: Cohort, column: str, visit: str) -> list[Built]:
    """Return a declared column as features.

    A number is one feature. A category with k declared levels is k - 1 features of 0 and 1,
    the first level being the reference; the levels are declared, not learnt, so that this
    reads one patient's row only. Levels and values that the inclusion rules leave out are left
    out here too.

    Parameters
    ----------
    cohort : Cohort
        The patients.
    column : str
        A declared column of kind number or category.
    visit : str
        When it was known.

    Returns
    -------
    list of (FeatureColumn, array of shape (n_patients,))
        NaN where not observed.
    """
    declared = cohort.spec.columns[column]
    label = declared.label or column.replace("_", " ").capitalize()
    source = cohort.source_column(column, visit)
    name = column if visit == cohort.spec.baseline else f"{column}_{visit}"
    if declared.kind != "category":
        feature = FeatureColumn(
            name=name,
            label=label,
            inputs=(source,),
            visit=visit,
            builder="clinical",
            bounds=included_bounds(cohort.spec, column, visit, declared.range),
            construct=declared.construct_,
            unit=declared.unit,
        )
        return [(feature, cohort.numbers(column, visit))]
    codes = cohort.values[(column, visit, 0)]
    levels = included_levels(cohort.spec, column, visit)
    return [
        (
            FeatureColumn(
                name=f"{name}={code}",
                label=f"{label}: {words}",
                inputs=(source,),
                visit=visit,
                builder="clinical",
                level=code,
                levels=tuple(levels),
                construct=declared.construct_,
            ),
            np.where(codes.isna(), np.nan, (codes == code).astype(float)),
        )
        for code, words in list(levels.items())[1:]
    ]
