"""What a name in the experiment means, and whether it was known when the prediction is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from heldout.cohort.inclusion import included_bounds
from heldout.cohort.people import Cohort
from heldout.cohort.sources import Source, sources_of, table_of
from heldout.errors import a_few, unknown_name
from heldout.features.columns import FeatureColumn, Raw, Recipe
from heldout.instruments.scales import Scale, scale_of, score_names
from heldout.instruments.scoring import arithmetic_of, relevant_items
from heldout.spec.cohort import ColumnSpec
from heldout.spec.experiment import Experiment
from heldout.spec.features import FeatureSpec
from heldout.spec.instrument import InstrumentKey

# Between a score and a visit that is not the request's: madrs@week2.
AT = "@"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One builder of an experiment, with all that it may look at."""

    experiment: Experiment
    cohort: Cohort
    keys: Mapping[str, InstrumentKey]
    spec: FeatureSpec
    number: int

    def where(self, *path: str | int) -> str:
        """Return the place of a key of this request."""
        return self.experiment.where("features", self.number, *path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A score, number or category at a visit up to the prediction."""

    name: str
    visit: str
    declared: ColumnSpec
    scale: Scale | None

    def called(self, baseline: str) -> str:
        """Return its name as a feature: scores always say when, other values if not baseline."""
        plain = self.declared.instrument is None and self.visit == baseline
        return self.name if plain else f"{self.name}_{self.visit}"

    @property
    def label(self) -> str:
        """For people."""
        if self.scale is not None:
            return self.scale.label
        return self.declared.label or self.name.replace("_", " ").capitalize()


def find_known(request: Request, text: str, *path: str | int) -> Known | str:
    """Return what a name means, or why it cannot be a feature, with its place.

    Parameters
    ----------
    request : Request
        The request.
    text : str
        A declared column, ``column.score``, or either with ``@visit``.
    *path : str or int
        Place of the name in the request.

    Returns
    -------
    Known or str
    """
    spec, keys = request.cohort.spec, request.keys
    name, visit = _meaning(request, text)
    column, _, score = name.partition(".")
    declared = spec.columns.get(column)
    known = list(spec.columns)
    if score and declared is not None and declared.instrument is not None:
        known = [column, *score_names(spec, keys, column)]
    if declared is None or (score and name not in known):
        fault = unknown_name(
            "", "declared column or score", text.partition(AT)[0], dict.fromkeys(known)
        )
    else:
        fault = _visit_fault(request, name, visit, text) or _name_fault(name, visit, declared, text)
    if fault:
        return f"{request.where(*path)}: {fault.removeprefix(': ')}"
    return known_at(request.cohort, keys, name, visit)


def _name_fault(name: str, visit: str, declared: ColumnSpec, text: str) -> str:
    """Return why a name is not written as features are, or names none; nothing if it does."""
    if text not in (name, f"{name}{AT}{visit}"):
        return f"'{text}' is read as '{name}'. Features are called as declared; write '{name}'."
    if declared.kind == "text":
        return f"'{text}' is text, which is never a feature. Remove it, or declare its levels."
    return ""


def find_score(request: Request, text: str, *path: str | int) -> Raw | str:
    """Return a number at a visit as a column, or why there is none.

    Parameters
    ----------
    request : Request
        The request.
    text : str
        As in `find_known`.
    *path : str or int
        Place of the name in the request.

    Returns
    -------
    Raw or str
    """
    known = find_known(request, text, *path)
    if isinstance(known, str):
        return known
    if known.declared.kind == "category":
        return (
            f"{request.where(*path)}: '{text}' is a category, and builder "
            f"'{request.spec.build}' takes numbers. Remove it."
        )
    if not request.cohort.has(known.name, known.visit):
        names = score_names(request.cohort.spec, request.keys, known.name.partition(".")[0])
        there = [name for name in names if request.cohort.has(name, known.visit)]
        return (
            f"{request.where(*path)}: '{text}' has no one score at '{known.visit}'. Name one that "
            f"it has: {a_few(there, limit=12) or 'none'}."
        )
    return raw_of(request.cohort, request.keys, known)


def find_scores(
    request: Request, texts: Sequence[str], *path: str | int
) -> tuple[list[Raw], list[str]]:
    """Return the numbers of a list as columns, and why others are none.

    Parameters
    ----------
    request : Request
        The request.
    texts : sequence of str
        As in `find_known`, each.
    *path : str or int
        Place of the list in the request.

    Returns
    -------
    scores : list of Raw
    faults : list of str
    """
    scores = [find_score(request, text, *path, number) for number, text in enumerate(texts)]
    return (
        [score for score in scores if isinstance(score, Raw)],
        [score for score in scores if isinstance(score, str)],
    )


def known_at(cohort: Cohort, keys: Mapping[str, InstrumentKey], name: str, visit: str) -> Known:
    """Return a declared column, or a score of one, at a visit."""
    declared = cohort.spec.columns[name.partition(".")[0]]
    return Known(name=name, visit=visit, declared=declared, scale=scale_of(cohort.spec, keys, name))


def raw_of(cohort: Cohort, keys: Mapping[str, InstrumentKey], known: Known) -> Raw:
    """Return a number at a visit as a column: a score of an instrument, or a plain number."""
    scale = known.scale
    assert scale is not None
    name, visit, declared = known.name, known.visit, known.declared
    bounds = included_bounds(cohort.spec, name, visit, scale.bounds)
    steps: dict[str, object] = {"kind": "number", "name": name, "visit": visit}
    missing = list(table_of(cohort.spec, declared.table).missing)
    items = sources_at(cohort, keys, scale.column, visit, items=True)
    key = keys[declared.instrument] if declared.instrument else None
    if key is not None and items and scale.score in key.scored:
        columns = {item: items[item] for item in relevant_items(key, scale.score)}
        arithmetic = arithmetic_of(key, scale.score, list(columns), prorate=declared.prorate)
        arithmetic["items"] = [
            {"column": column} | entry
            for column, entry in zip(columns.values(), arithmetic["items"], strict=True)
        ]
        steps |= {"kind": "score", "bounds": bounds, **arithmetic}
        inputs = {column: item_rule(key, item, missing) for item, column in columns.items()}
        answers = tuple(key.bounds[item - 1] for item in columns)
    else:
        source = sources_at(cohort, keys, name, visit).get(0, f"{name}_{visit}")
        steps |= {"column": source}
        inputs = {source: {"bounds": bounds, "missing": missing}}
        answers = ()
    builder = "totals" if key is not None else "clinical"
    column = FeatureColumn(
        name=known.called(cohort.spec.baseline),
        label=known.label,
        inputs=tuple(inputs),
        visit=visit,
        builder="subscales" if "." in name else builder,
        bounds=bounds,
        input_bounds=answers,
        instrument=scale.instrument,
        construct=scale.construct,
        unit=scale.unit,
        higher_is=scale.higher_is,
    )
    return Raw(column=column, recipe=Recipe(steps=steps, inputs=inputs))


def item_rule(key: InstrumentKey, item: int, missing: Sequence[str]) -> dict[str, Any]:
    """Return what the table's column of an item may hold."""
    codes = list(key.not_assessed.get(item, ()))
    answers = list(key.answers_of(item))
    return {"answers": answers, "codes": codes, "missing": list(missing)}


def sources_at(
    cohort: Cohort,
    keys: Mapping[str, InstrumentKey],
    name: str,
    visit: str,
    *,
    items: bool = False,
) -> dict[int, str]:
    """Return the table's columns of a name at a visit: its items, or the value itself as 0."""
    everything = cohort.declared or tuple(sources_of(cohort.spec, keys))
    # Scores reported beside items are no sources of the cohort; of some they are all there is.
    naming = replace(cohort, sources=everything)
    sources: dict[int, Source] = {
        source.item: source
        for source in everything
        if (source.name, source.visit, source.item > 0) == (name, visit, items)
    }
    return {item: naming.table_name(source) for item, source in sources.items()}


def _visit_fault(request: Request, name: str, visit: str, text: str) -> str:
    """Return why a name is not known when it would have to be, or nothing."""
    spec, landmark = request.cohort.spec, request.experiment.landmark
    days = {known: spec.visits[known].day for known in spec.visits}
    if visit not in days:
        return unknown_name("", "visit", visit, days).removeprefix(": ")
    measured = _measured_at(request.cohort, name)
    in_time = [known for known in measured if days[known] <= days[landmark]]
    if days[visit] <= days[landmark] and visit in measured:
        return ""
    if days[visit] <= days[landmark] and in_time:
        return f"'{text}' was not measured at '{visit}', but at {', '.join(in_time)}. " + (
            "Name a score that was." if AT in text else f"Set 'visit: {in_time[-1]}'."
        )
    late = visit if days[visit] > days[landmark] or not measured else measured[0]
    begin = f"'{text}' is known at visit '{late}' (day {days[late]:g}), which is later than"
    if request.experiment.known_at is None:
        return (
            f"{begin} baseline '{landmark}' (day {days[landmark]:g}). A feature must be known at "
            "baseline, or it tells the answer. Remove it, or name a baseline column."
        )
    return (
        f"{begin} '{landmark}' (day {days[landmark]:g}), at which is predicted (known_at). A "
        "feature must be known then, or it tells the answer. Remove it, or name an earlier visit."
    )


def _measured_at(cohort: Cohort, name: str) -> list[str]:
    """Return the visits at which a name has a value, a score of its own, or items."""
    there = {
        str(place[1])
        for place in cohort.values.columns.to_list()
        if place[0] == name or str(place[0]).startswith(f"{name}.")
    }
    return [visit for visit in cohort.spec.visits if visit in there]


def _meaning(request: Request, text: str) -> tuple[str, str]:
    """Return the score and the visit that are meant, by a table's own name too."""
    cohort = request.cohort
    columns, visit = cohort.spec.columns, request.spec.visit or cohort.spec.baseline
    name, at, named = text.partition(AT)
    if name.partition(".")[0] in columns:
        return name, named if at else visit
    for source in cohort.sources:
        called = (source.column, cohort.table_name(source), f"{source.name}_{source.visit}")
        if text in called:
            return source.name, source.visit
    return text, visit
