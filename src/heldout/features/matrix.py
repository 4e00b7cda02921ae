"""All features of an experiment as one matrix; nothing later than the prediction gets in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from heldout.arrays import Floats, Piece
from heldout.cohort.people import Cohort
from heldout.errors import FeatureError, raise_faults, unknown_name
from heldout.features.change import build_early_change
from heldout.features.clinical import age_and_sex, build_clinical
from heldout.features.columns import FeatureMatrix, Group, Raw
from heldout.features.composites import build_components, build_constructs
from heldout.features.items import build_items
from heldout.features.known import Request, known_at, raw_of
from heldout.features.missingness import build_missingness
from heldout.features.pairs import build_discrepancies, build_interactions, build_ratios
from heldout.features.scores import build_subscales, build_totals
from heldout.features.site import build_site
from heldout.instruments.arithmetic import make_column
from heldout.spec.experiment import Experiment
from heldout.spec.features import FeatureSpec
from heldout.spec.instrument import InstrumentKey

_Built = Raw | Group | str


@dataclass(frozen=True, slots=True)
class _Builder:
    """A function that yields columns and faults, what it takes, and which keys it knows."""

    build: Callable[[Request], Iterable[_Built]]
    takes: str
    needs: str | None = "columns"
    knows: tuple[str, ...] = ("visit",)


BUILDERS = {
    "clinical": _Builder(build_clinical, "a number or a category without an instrument"),
    "totals": _Builder(build_totals, "a column with an instrument"),
    "subscales": _Builder(build_subscales, "scores such as rfq8.certainty, or an instrument"),
    "items": _Builder(build_items, "an instrument that is given as items"),
    "constructs": _Builder(build_constructs, "name -> scores with a direction", "constructs"),
    "components": _Builder(build_components, "scores", knows=("visit", "n", "method", "name")),
    "missingness": _Builder(build_missingness, "a score, a number or a category"),
    "interactions": _Builder(build_interactions, "two scores with a range", "pairs"),
    "ratios": _Builder(build_ratios, "two scores, the second never 0", "pairs"),
    "discrepancy": _Builder(build_discrepancies, "a clinician's score and a patient's", "pairs"),
    "early_change": _Builder(build_early_change, "scores, if there is 'known_at'", knows=()),
    "site": _Builder(build_site, "the sites in order, if they are listed", None, ("columns",)),
}


def build_features(
    experiment: Experiment, cohort: Cohort, keys: Mapping[str, InstrumentKey]
) -> FeatureMatrix:
    """Return the matrix of all features the experiment asks for.

    Parameters
    ----------
    experiment : Experiment
        Its ``features`` name builders and what they are made of.
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
        every column that is known only after the prediction, with its visit.
    """
    built: list[Raw | Group] = []
    faults: list[str] = []
    for number, spec in enumerate(experiment.features):
        request = Request(experiment=experiment, cohort=cohort, keys=keys, spec=spec, number=number)
        parts: list[_Built] = [*_request_faults(request)]
        # A builder sees only keys that it knows; it would ignore the others in silence.
        parts = parts or [*BUILDERS[spec.build].build(request)]
        faults += [part for part in parts if isinstance(part, str)]
        built += [part for part in parts if not isinstance(part, str)]
    seen = [column.name for part in built for column in part.columns]
    twice = sorted({name for name in seen if seen.count(name) > 1})
    faults += [f"features: '{name}' is built twice. Keep one." for name in twice]
    if not seen and not faults:
        faults.append("features: no builder makes a feature. Name at least one column.")
    raise_faults(FeatureError, faults)
    return _matrix_of(cohort, built)


def _request_faults(request: Request) -> list[str]:
    """Return why a request is none of its builder: an unknown one, or keys it does not know."""
    spec = request.spec
    builder = BUILDERS.get(spec.build)
    if builder is None:
        return [unknown_name(request.where("build"), "builder", spec.build, BUILDERS)]
    known = {"build", builder.needs, *builder.knows}
    given = [name for name in FeatureSpec.model_fields if getattr(spec, name) not in (None, ())]
    faults = [
        f"{request.where(name)}: builder '{spec.build}' does not take '{name}'. Remove it."
        for name in given
        if name not in known
    ]
    if builder.needs is not None and not getattr(spec, builder.needs):
        faults.append(
            f"{request.where()}: builder '{spec.build}' needs '{builder.needs}': {builder.takes}."
        )
    return faults


def _matrix_of(cohort: Cohort, built: Sequence[Raw | Group]) -> FeatureMatrix:
    """Return built columns as a matrix; what only groups need stands in the table too."""
    raws: dict[str, Raw] = {}
    for part in built:
        for raw in part.inputs:
            # Two constructs may share a score, which stands in the table once.
            raws.setdefault(raw.column.name, raw)
    pieces = _pieces_of(built, list(raws))
    # Without a composite models see the table itself, and no fold has to make anything.
    learnt = any(piece.method != "as_is" for piece in pieces)
    read = partial(_read, cohort)
    table = pd.DataFrame(
        {name: make_column(raw.recipe.steps, read) for name, raw in raws.items()},
        index=cohort.values.index,
        dtype="float64",
    )
    return FeatureMatrix(
        table=table,
        columns=tuple(raw.column for raw in raws.values()),
        recipes=tuple(raw.recipe for raw in raws.values()),
        composition=pieces if learnt else (),
        composed=tuple(column for part in built for column in part.columns) if learnt else (),
    )


def _pieces_of(built: Sequence[Raw | Group], names: Sequence[str]) -> tuple[Piece, ...]:
    """Return what models see as pieces of a table whose columns have these names."""
    return tuple(
        Piece(
            inputs=tuple(names.index(raw.column.name) for raw in part.inputs),
            method=part.method,
            signs=part.signs,
            n=len(part.columns),
        )
        for part in built
    )


def _read(cohort: Cohort, recipe: Mapping[str, Any]) -> Floats:
    """Return what a recipe reads of a cohort; scores were made by `heldout.instruments`."""
    if "name" not in recipe:
        sites = np.array(cohort.site or (), dtype=object)
        return np.where(sites == "", np.nan, (sites == recipe["level"]).astype(float))
    values = cohort.values[(recipe["name"], recipe["visit"], recipe.get("item", 0))]
    if recipe["kind"] == "level":
        return np.where(values.isna(), np.nan, (values == recipe["level"]).astype(float))
    return np.asarray(values, dtype=np.float64)


def reference_matrices(
    experiment: Experiment, cohort: Cohort, column: str | None, keys: Mapping[str, InstrumentKey]
) -> dict[str, FeatureMatrix]:
    """Return what the references of an outcome see: its own score at baseline, and who is asked.

    Parameters
    ----------
    experiment : Experiment
        Whose cohort it is.
    cohort : Cohort
        Scored.
    column : str or None
        The score that the outcome is made of.
    keys : mapping of str to InstrumentKey
        The keys of the cohort's instruments.

    Returns
    -------
    dict of str to FeatureMatrix
        ``severity``, of one column, unless the score was not measured at baseline; beside it
        ``severity_age_sex`` if `heldout.features.clinical.age_and_sex` knows an age or a sex
        among the declared columns: whichever of the two there is.
    """
    baseline = cohort.spec.baseline
    if column is None or not cohort.has(column, baseline):
        return {}
    severity = raw_of(cohort, keys, known_at(cohort, keys, column, baseline))
    spec = FeatureSpec(build="clinical", columns=age_and_sex(cohort.spec.columns))
    request = Request(experiment=experiment, cohort=cohort, keys=keys, spec=spec, number=0)
    # What cannot be a feature, such as a sex that all patients share, is no fault here.
    person = [raw for raw in build_clinical(request) if isinstance(raw, Raw)]
    matrices = {"severity": _matrix_of(cohort, [severity])}
    if person:
        matrices["severity_age_sex"] = _matrix_of(cohort, [severity, *person])
    return matrices
