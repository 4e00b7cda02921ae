"""All features of an experiment as one matrix; nothing later than baseline gets in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from heldout.cohort import Cohort, included_levels
from heldout.errors import FeatureError, raise_faults, unknown_name
from heldout.features.clinical import build_clinical
from heldout.features.columns import FeatureColumn, FeatureMatrix
from heldout.features.totals import build_total
from heldout.spec import Experiment, FeatureSpec, InstrumentKey

__all__ = ["BUILDERS", "build_features", "severity_matrix"]

# builder -> what it takes, for messages.
BUILDERS = {
    "clinical": "a number or a category without an instrument",
    "totals": "a column with an instrument",
}


def build_features(
    experiment: Experiment, cohort: Cohort, keys: Mapping[str, InstrumentKey]
) -> FeatureMatrix:
    """Return the matrix of all features the experiment asks for.

    Parameters
    ----------
    experiment : Experiment
        Its ``features`` name builders and columns.
    cohort : Cohort
        Scored.
    keys : mapping of str to InstrumentKey
        The keys of its instruments.

    Returns
    -------
    FeatureMatrix
        In the order of the file.

    Raises
    ------
    FeatureError
        With every fault: unknown builders and columns, columns a builder cannot take, and
        every column that is known only after baseline, with its visit.
    """
    baseline = cohort.spec.baseline
    faults: list[str] = []
    built: list[tuple[FeatureColumn, NDArray[np.float64]]] = []
    for number, spec in enumerate(experiment.features):
        if spec.build not in BUILDERS:
            where = experiment.where("features", number, "build")
            faults.append(unknown_name(where, "builder", spec.build, BUILDERS))
            continue
        for place, column in enumerate(spec.columns):
            where = experiment.where("features", number, "columns", place)
            fault = column_fault(cohort, spec, column)
            if fault:
                faults.append(f"{where}: {fault}")
            elif spec.build == "totals":
                built.append(build_total(cohort, column, spec.visit or baseline, keys))
            else:
                built += build_clinical(cohort, column, spec.visit or baseline)
    names = [feature.name for feature, _ in built]
    twice = sorted({name for name in names if names.count(name) > 1})
    faults += [f"features: '{name}' is built twice. Keep one." for name in twice]
    raise_faults(FeatureError, faults)
    return matrix_of(cohort, built)


def matrix_of(
    cohort: Cohort, built: list[tuple[FeatureColumn, NDArray[np.float64]]]
) -> FeatureMatrix:
    """Return built columns as a matrix."""
    table = pd.DataFrame(
        {feature.name: values for feature, values in built},
        index=cohort.values.index,
        dtype="float64",
    )
    return FeatureMatrix(table=table, columns=tuple(feature for feature, _ in built))


def severity_matrix(
    cohort: Cohort, column: str | None, keys: Mapping[str, InstrumentKey]
) -> FeatureMatrix | None:
    """Return an outcome's own score at baseline as a matrix of one column.

    Parameters
    ----------
    cohort : Cohort
        Scored.
    column : str or None
        The declared column that the outcome is made of.
    keys : mapping of str to InstrumentKey
        The keys of the cohort's instruments.

    Returns
    -------
    FeatureMatrix or None
        None if the column was not measured at baseline.
    """
    baseline = cohort.spec.baseline
    if column is None or not cohort.has(column, baseline):
        return None
    if cohort.spec.columns[column].instrument is not None:
        return matrix_of(cohort, [build_total(cohort, column, baseline, keys)])
    return matrix_of(cohort, build_clinical(cohort, column, baseline))


def column_fault(cohort: Cohort, spec: FeatureSpec, column: str) -> str:
    """Return why a column cannot be taken by a builder, or nothing."""
    name, _ = meaning(cohort, spec, column)
    declared = cohort.spec.columns.get(name)
    if declared is None:
        return unknown_name("", "declared column", column, cohort.spec.columns).removeprefix(": ")
    fault = visit_fault(cohort, spec, column)
    if fault:
        return fault
    if name != column:
        return f"'{column}' is read as '{name}'. Features are called as declared; write '{name}'."
    if declared.kind == "text":
        return f"'{column}' is text, which is never a feature. Remove it, or declare its levels."
    if (declared.instrument is not None) != (spec.build == "totals"):
        return (
            f"builder '{spec.build}' cannot take '{column}'. It takes {BUILDERS[spec.build]}; "
            f"for this one use {'totals' if declared.instrument else 'clinical'}."
        )
    visit = spec.visit or cohort.spec.baseline
    if declared.kind == "category" and len(included_levels(cohort.spec, column, visit)) < 2:
        return f"'{column}' has one level among the included patients; it cannot differ. Remove it."
    return ""


def visit_fault(cohort: Cohort, spec: FeatureSpec, column: str) -> str:
    """Return why a column is not known when it would have to be, or nothing."""
    baseline, visits = cohort.spec.baseline, cohort.spec.visits
    name, visit = meaning(cohort, spec, column)
    if visit not in visits:
        return unknown_name("", "visit", visit, visits).removeprefix(": ")
    measured = [known for known in visits if known_at(cohort, name, known)]
    in_time = [known for known in measured if visits[known].day <= visits[baseline].day]
    if visits[visit].day <= visits[baseline].day and visit in measured:
        return ""
    if visits[visit].day <= visits[baseline].day and in_time:
        return (
            f"'{column}' was not measured at '{visit}', but at {', '.join(in_time)}. "
            f"Set 'visit: {in_time[-1]}'."
        )
    late = visit if visits[visit].day > visits[baseline].day else measured[0]
    return (
        f"'{column}' is known at visit '{late}' (day {visits[late].day:g}), which is later than "
        f"baseline '{baseline}' (day {visits[baseline].day:g}). A feature must be known at "
        "baseline, or it tells the answer. Remove it, or name a baseline column."
    )


def meaning(cohort: Cohort, spec: FeatureSpec, column: str) -> tuple[str, str]:
    """Return the declared column and the visit that are meant, by a table's own name too."""
    if column not in cohort.spec.columns:
        for source in cohort.sources:
            name, visit = source.name, source.visit
            called = (source.column, cohort.source_column(name, visit))
            if column in (*called, f"{name}_{visit}", f"{name}@{visit}"):
                return name, visit
    return column, spec.visit or cohort.spec.baseline


def known_at(cohort: Cohort, name: str, visit: str) -> bool:
    """Return whether a declared column has a value, or items, at a visit."""
    return any((source.name, source.visit) == (name, visit) for source in cohort.sources)
