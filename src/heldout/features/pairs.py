"""Two scores as one feature: their product, their quotient, or who sees more of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from heldout.errors import a_few
from heldout.features.columns import Raw, Recipe
from heldout.features.known import Asked, find_pair
from heldout.instruments.scales import scale_of

_Bounds = tuple[float, float]
_Join = Callable[[Asked, Raw, Raw], Raw | str]


def build_interactions(asked: Asked) -> Iterator[Raw | str]:
    """Yield products of two scores, each counted from the middle of its declared range.

    The middle is declared, not learnt, so that no patient informs another.

    Parameters
    ----------
    asked : Asked
        With ``pairs``.

    Yields
    ------
    Raw or str
    """
    yield from _each_pair(asked, _interaction)


def build_ratios(asked: Asked) -> Iterator[Raw | str]:
    """Yield quotients of two scores, of which the second cannot be 0.

    Parameters
    ----------
    asked : Asked
        With ``pairs``.

    Yields
    ------
    Raw or str
    """
    yield from _each_pair(asked, _ratio)


def build_discrepancies(asked: Asked) -> Iterator[Raw | str]:
    """Yield what a clinician sees minus what the patient says, in percent of their ranges.

    Parameters
    ----------
    asked : Asked
        With ``pairs``: the clinician's score first.

    Yields
    ------
    Raw or str
    """
    yield from _each_pair(asked, _discrepancy)


def _each_pair(asked: Asked, join: _Join) -> Iterator[Raw | str]:
    """Yield what a function makes of each pair whose scores are there; its faults get a place."""
    for number in range(len(asked.spec.pairs or ())):
        found = find_pair(asked, number)
        if isinstance(found, list):
            yield from found
        else:
            made = join(asked, *found)
            yield f"{asked.where('pairs', number)}: {made}" if isinstance(made, str) else made


def _interaction(asked: Asked, one: Raw, other: Raw) -> Raw | str:
    """Return the product of two scores about their middles."""
    ranges = [_declared_range(asked, raw) for raw in (one, other)]
    if None in ranges:
        return f"{_unranged(one, other, ranges)} An interaction is taken about the middle of it."
    centres = [sum(bounds) / 2 for bounds in ranges if bounds]
    ends = [
        [bound - centre for bound in raw.column.bounds or ()]
        for raw, centre in zip((one, other), centres, strict=True)
    ]
    products = [a * b for a, b in product(*ends)]
    return joined(
        asked,
        one,
        other,
        {"kind": "product", "centres": centres},
        sign="*",
        bounds=(min(products), max(products)),
    )


def _ratio(asked: Asked, one: Raw, other: Raw) -> Raw | str:
    """Return the quotient of two scores."""
    if one.column.bounds is None or other.column.bounds is None:
        ranges = [one.column.bounds, other.column.bounds]
        return f"{_unranged(one, other, ranges)} A ratio needs it, to know that it is not of 0."
    low, high = other.column.bounds
    if low <= 0 <= high:
        return (
            f"'{other.column.name}' goes from {low:g} to {high:g}, and nothing can be divided by "
            "0. Choose another denominator, or include patients above 0 only."
        )
    quotients = [a / b for a, b in product(one.column.bounds, other.column.bounds)]
    bounds = (min(quotients), max(quotients))
    return joined(asked, one, other, {"kind": "ratio"}, sign="/", bounds=bounds)


def _discrepancy(asked: Asked, one: Raw, other: Raw) -> Raw | str:
    """Return a clinician's score minus a patient's, both in percent of their ranges."""
    raters = [_rater_of(asked, raw) for raw in (one, other)]
    if raters != ["clinician", "self"]:
        said = " and ".join(rater or "nobody named" for rater in raters)
        return f"the raters are {said}; required: a clinician first, then the patient (self)."
    directions = [raw.column.higher_is for raw in (one, other)]
    if None in directions or len(set(directions)) > 1:
        return "higher does not mean the same in both. Name two scores with one direction."
    ranges = [_declared_range(asked, raw) for raw in (one, other)]
    return joined(
        asked,
        one,
        other,
        {"kind": "percent", "ranges": [list(bounds or ()) for bounds in ranges]},
        sign="-",
        bounds=(-100.0, 100.0),
        unit="% of range",
    )


def joined(
    asked: Asked,
    one: Raw,
    other: Raw,
    steps: dict[str, Any],
    *,
    sign: str,
    bounds: _Bounds | None,
    **changes: Any,
) -> Raw:
    """Return the column that two others make together; it is known when the later one is."""
    first, second = one.column, other.column
    visits = asked.cohort.spec.visits
    shared = first.construct if first.construct == second.construct else None
    column = replace(
        first,
        name=f"{first.name}{sign}{second.name}",
        label=f"{first.label} {sign} {second.label}",
        visit=max((first.visit, second.visit), key=lambda visit: visits[visit].day),
        builder=asked.spec.build,
        made_of=(first.name, second.name),
        inputs=tuple(dict.fromkeys((*first.inputs, *second.inputs))),
        bounds=bounds,
        input_bounds=(),
        **{"construct": shared, "instrument": None, "unit": None, "higher_is": None} | changes,
    )
    recipe = Recipe(
        steps=steps | {"of": [one.recipe.steps, other.recipe.steps]},
        inputs={**one.recipe.inputs, **other.recipe.inputs},
    )
    return Raw(column=column, recipe=recipe)


def _declared_range(asked: Asked, raw: Raw) -> _Bounds | None:
    """Return the declared range of a score, whoever was included."""
    scale = scale_of(asked.cohort.spec, asked.keys, raw.recipe.steps["name"])
    return None if scale is None else scale.bounds


def _rater_of(asked: Asked, raw: Raw) -> str | None:
    """Return who rates a score."""
    column = str(raw.recipe.steps["name"]).partition(".")[0]
    instrument = asked.cohort.spec.columns[column].instrument
    return None if instrument is None else asked.keys[instrument].rater


def _unranged(one: Raw, other: Raw, ranges: list[_Bounds | None]) -> str:
    """Return the words for scores without a range."""
    pairs = zip((one, other), ranges, strict=True)
    names = a_few(f"'{raw.column.name}'" for raw, bounds in pairs if bounds is None)
    return f"{names} has no range. Declare 'range' in the cohort file."
