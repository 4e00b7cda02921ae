"""Which variables describe the patients at baseline: one value a patient each."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import numpy as np

from heldout.cohort.inclusion import included_levels
from heldout.cohort.people import Cohort
from heldout.describe.values import Variable
from heldout.instruments.scales import scale_of, score_names
from heldout.spec.experiment import Experiment
from heldout.spec.features import FeatureSpec
from heldout.spec.instrument import InstrumentKey


def baseline_variables(
    experiment: Experiment, cohort: Cohort, keys: Mapping[str, InstrumentKey]
) -> tuple[Variable, ...]:
    """Return what the patients are described by: sites, features' sources, outcomes' scores.

    Parameters
    ----------
    experiment : Experiment
        Its features and outcomes say what matters.
    cohort : Cohort
        Scored, and only those included.
    keys : mapping of str to InstrumentKey
        The keys of its instruments.

    Returns
    -------
    tuple of Variable
        Each one once, in the order of the experiment.
    """
    baseline = cohort.spec.baseline
    wanted = [
        (name, spec.visit or baseline) for spec in experiment.features for name in _named_in(spec)
    ]
    # Severity describes patients even where it is no feature.
    wanted += [(outcome.column, baseline) for outcome in experiment.outcomes]
    variables = [] if cohort.site is None else [_site_variable(cohort)]
    for name, visit in dict.fromkeys(wanted):
        variables += _variables_of(cohort, keys, name, visit)
    return tuple({(variable.name, variable.visit): variable for variable in variables}.values())


def _named_in(spec: FeatureSpec) -> list[str]:
    """Return the scores and columns that a builder's entry names."""
    groups = (spec.columns, *(spec.pairs or ()), *(spec.constructs or {}).values())
    return list(chain(*groups))


def _site_variable(cohort: Cohort) -> Variable:
    """Return the patients' sites as a category."""
    sites = sorted({site for site in cohort.site or () if site})
    values = [sites.index(site) if site else np.nan for site in cohort.site or ()]
    return Variable(
        name="site",
        visit=cohort.spec.baseline,
        label="Site",
        unit=None,
        values=np.array(values, dtype=np.float64),
        levels=tuple(sites),
    )


def _variables_of(
    cohort: Cohort, keys: Mapping[str, InstrumentKey], name: str, visit: str
) -> list[Variable]:
    """Return a declared column, or all of its scores where it has no total; texts are left out."""
    column = name.partition(".")[0]
    declared = cohort.spec.columns.get(column)
    if declared is None or declared.kind == "text":
        return []
    if declared.kind == "category":
        measured = cohort.has(name, visit)
        return [_category_variable(cohort, name, visit, declared.label)] if measured else []
    names = [name] if cohort.has(name, visit) else score_names(cohort.spec, keys, column)
    scales = [scale_of(cohort.spec, keys, name) for name in names if cohort.has(name, visit)]
    return [
        Variable(
            name=scale.name,
            visit=visit,
            label=scale.label,
            unit=scale.unit,
            values=cohort.numbers(scale.name, visit),
        )
        for scale in scales
        if scale is not None
    ]


def _category_variable(cohort: Cohort, name: str, visit: str, label: str | None) -> Variable:
    """Return a category as the positions of its levels."""
    levels = included_levels(cohort.spec, name, visit)
    # Codes may be texts; a table of numbers holds the positions of their levels.
    positions = {code: float(position) for position, code in enumerate(levels)}
    return Variable(
        name=name,
        visit=visit,
        label=label or name.replace("_", " ").capitalize(),
        unit=None,
        values=np.asarray(cohort.values[(name, visit, 0)].map(positions), dtype=np.float64),
        levels=tuple(levels.values()),
    )
