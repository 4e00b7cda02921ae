"""Who of the table is included, rule by rule, and how many were left after each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from heldout.cohort.sources import TOTAL, Source, scores_at
from heldout.errors import unknown_name
from heldout.spec.cohort import CohortSpec, ColumnSpec, InclusionSpec
from heldout.spec.experiment import Experiment
from heldout.spec.instrument import InstrumentKey


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStep:
    """How many patients were left after one step of inclusion."""

    label: str
    n: int


def inclusion_faults(
    experiment: Experiment, keys: Mapping[str, InstrumentKey], sources: list[Source]
) -> list[str]:
    """Return the faults of every inclusion rule that cannot be applied.

    Parameters
    ----------
    experiment : Experiment
        Its cohort part holds the rules.
    keys : mapping of str to InstrumentKey
        Which scores there will be.
    sources : list of Source
        When they are measured.

    Returns
    -------
    list of str
    """
    spec, faults = experiment.cohort, []
    measured = scores_at(spec, keys, sources)
    for number, rule in enumerate(spec.include):
        where = experiment.where("cohort", "include", number)
        visit = rule.visit or spec.baseline
        if rule.column not in measured:
            faults.append(unknown_name(where, "declared column or score", rule.column, measured))
        elif visit not in spec.visits:
            faults.append(unknown_name(where, "visit", visit, spec.visits))
        elif visit not in measured[rule.column]:
            faults.append(
                f"{where}: '{rule.column}' was not measured at '{visit}', only at "
                f"{', '.join(measured[rule.column])}. Choose one of these."
            )
        else:
            declared = spec.columns[rule.column.partition(".")[0]]
            faults += _condition_faults(where, rule, declared)
    return faults


def _condition_faults(where: str, rule: InclusionSpec, declared: ColumnSpec) -> list[str]:
    """Return why a rule's condition does not suit what the column holds."""
    if (rule.among is None) != (declared.kind in (None, "number")):
        kind = declared.kind or "number"
        use = "'at_least' or 'at_most'" if kind == "number" else "'among'"
        return [f"{where}: '{rule.column}' is a {kind}. Use {use}."]
    if declared.levels is None:
        return []
    codes = [code for code in rule.among or () if code not in declared.levels]
    return [
        unknown_name(where, f"level of '{rule.column}'", code, declared.levels) for code in codes
    ]


def include(spec: CohortSpec, values: pd.DataFrame) -> tuple[np.ndarray, tuple[FlowStep, ...]]:
    """Return who is included, and how many were left after each rule."""
    kept = np.ones(len(values), dtype=bool)
    flow = [FlowStep(label="In the table", n=len(values))]
    for rule in spec.include:
        known = values[(rule.column, rule.visit or spec.baseline, TOTAL)]
        # Who was not observed is left out with those who fail, and counted: it may be many.
        unknown = int((kept & known.isna()).sum())
        label = f"{rule.label} ({unknown} not observed)" if unknown else rule.label
        kept &= _meets(rule, known)
        flow.append(FlowStep(label=label, n=int(kept.sum())))
    return kept, tuple(flow)


def included_bounds(
    spec: CohortSpec, column: str, visit: str, bounds: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Return the lowest and highest value an included patient can have.

    Parameters
    ----------
    spec : CohortSpec
        Its inclusion rules narrow the range.
    column, visit : str
        Which value.
    bounds : tuple of float, or None
        The declared range.

    Returns
    -------
    tuple of float, or None
        None if no range was declared.
    """
    if bounds is None:
        return None
    low, high = bounds
    for rule in spec.include:
        if (rule.column, rule.visit or spec.baseline) == (column, visit):
            low = max(low, rule.at_least if rule.at_least is not None else low)
            high = min(high, rule.at_most if rule.at_most is not None else high)
    return float(low), float(high)


def included_levels(spec: CohortSpec, column: str, visit: str) -> dict[str, str]:
    """Return the levels of a category that an included patient can have, in their order.

    Parameters
    ----------
    spec : CohortSpec
        Its inclusion rules leave levels out.
    column, visit : str
        Which category.

    Returns
    -------
    dict of str to str
        Code -> label.
    """
    levels = dict(spec.columns[column].levels or {})
    for rule in spec.include:
        if rule.among is not None and (rule.column, rule.visit or spec.baseline) == (column, visit):
            levels = {code: label for code, label in levels.items() if code in rule.among}
    return levels


def _meets(rule: InclusionSpec, values: pd.Series) -> np.ndarray:
    """Return which patients meet a rule; who was not observed does not."""
    if rule.among is not None:
        return values.isin(list(rule.among)).to_numpy()
    low = -np.inf if rule.at_least is None else rule.at_least
    high = np.inf if rule.at_most is None else rule.at_most
    return values.between(low, high).to_numpy()
