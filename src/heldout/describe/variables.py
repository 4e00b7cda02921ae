"""Which variables describe the patients at baseline: one value a patient each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from heldout.cohort import Cohort, included_levels
from heldout.describe.values import Variable
from heldout.instruments.scales import scale_of, score_names
from heldout.spec import Experiment, InstrumentKey


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
    wanted = []
    for spec in experiment.features:
        named = [*spec.columns, *(name for pair in spec.pairs or () for name in pair)]
        named += [name for names in (spec.constructs or {}).values() for name in names]
        wanted += [(name, spec.visit or baseline) for name in named]
    wanted += [(outcome.column, baseline) for outcome in experiment.outcomes]
    found = [_site_variable(cohort)] if cohort.site is not None else []
    for name, visit in dict.fromkeys(wanted):
        found += _variables_of(cohort, keys, name, visit)
    return tuple({(one.name, one.visit): one for one in found}.values())


def _site_variable(cohort: Cohort) -> Variable:
    """Return the patients' sites as a category."""
    places = sorted({site for site in cohort.site or () if site})
    values = [places.index(site) if site else np.nan for site in cohort.site or ()]
    return Variable(
        name="site",
        visit=cohort.spec.baseline,
        label="Site",
        unit=None,
        values=np.array(values, dtype=np.float64),
        levels=tuple(places),
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
        if not cohort.has(name, visit):
            return []
        levels = included_levels(cohort.spec, name, visit)
        positions = {code: float(place) for place, code in enumerate(levels)}
        codes = cohort.values[(name, visit, 0)].map(positions)
        label = declared.label or name.replace("_", " ").capitalize()
        return [
            Variable(
                name=name,
                visit=visit,
                label=label,
                unit=None,
                values=np.asarray(codes, dtype=np.float64),
                levels=tuple(levels.values()),
            )
        ]
    names = [name] if cohort.has(name, visit) else score_names(cohort.spec, keys, column)
    scales = [scale_of(cohort.spec, keys, one) for one in names if cohort.has(one, visit)]
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
