"""Two scores as one feature: their product, their quotient, or who sees more of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from heldout.errors import a_few
from heldout.features.columns import FeatureColumn, Raw, Recipe
from heldout.features.known import Request, find_scores
from heldout.instruments.scales import scale_of

_Bounds = tuple[float, float]
# Between the names of what a recipe joins.
_SIGNS = {"product": "*", "ratio": "/", "percent": "-", "change": "-"}
_Join = Callable[[Request, Raw, Raw], Raw | str]


def build_interactions(request: Request) -> Iterator[Raw | str]:
    """Yield products of two scores, each counted from the middle of its declared range.

    The middle is declared, not learnt, so that no patient informs another.

    Parameters
    ----------
    request : Request
        With ``pairs``.

    Yields
    ------
    Raw or str
    """
    yield from _each_pair(request, _interaction)


def build_ratios(request: Request) -> Iterator[Raw | str]:
    """Yield quotients of two scores, of which the second cannot be 0.

    Parameters
    ----------
    request : Request
        With ``pairs``.

    Yields
    ------
    Raw or str
    """
    yield from _each_pair(request, _ratio)


def build_discrepancies(request: Request) -> Iterator[Raw | str]:
    """Yield what a clinician sees minus what the patient says, in percent of their ranges.

    Parameters
    ----------
    request : Request
        With ``pairs``: the clinician's score first.

    Yields
    ------
    Raw or str
    """
    yield from _each_pair(request, _discrepancy)


def _each_pair(request: Request, join: _Join) -> Iterator[Raw | str]:
    """Yield what a function makes of each pair whose scores are there; its faults get a place."""
    for number, pair in enumerate(request.spec.pairs or ()):
        scores, faults = find_scores(request, pair, "pairs", number)
        if faults:
            yield from faults
            continue
        left, right = scores
        same = left.column.name == right.column.name
        built = (
            f"'{pair[0]}' stands on both sides. Name two." if same else join(request, left, right)
        )
        yield f"{request.where('pairs', number)}: {built}" if isinstance(built, str) else built


def _interaction(request: Request, left: Raw, right: Raw) -> Raw | str:
    """Return the product of two scores about their middles."""
    ranges = [_declared_range(request, raw) for raw in (left, right)]
    if None in ranges:
        return f"{_unranged(left, right, ranges)} An interaction is taken about the middle of it."
    centres = [sum(bounds) / 2 for bounds in ranges if bounds]
    ends = [
        [bound - centre for bound in raw.column.bounds or ()]
        for raw, centre in zip((left, right), centres, strict=True)
    ]
    # A product is linear in each factor, so its extremes lie at the corners.
    products = [a * b for a, b in product(*ends)]
    return joined(
        request,
        left,
        right,
        {"kind": "product", "centres": centres},
        bounds=(min(products), max(products)),
    )


def _ratio(request: Request, left: Raw, right: Raw) -> Raw | str:
    """Return the quotient of two scores."""
    if left.column.bounds is None or right.column.bounds is None:
        ranges = [left.column.bounds, right.column.bounds]
        return f"{_unranged(left, right, ranges)} A ratio needs it, to know that it is not of 0."
    low, high = right.column.bounds
    # Declared, not observed: one patient at 0 later, and the column would be infinite.
    if low <= 0 <= high:
        return (
            f"'{right.column.name}' goes from {low:g} to {high:g}, and nothing can be divided by "
            "0. Choose another denominator, or include patients above 0 only."
        )
    quotients = [a / b for a, b in product(left.column.bounds, right.column.bounds)]
    bounds = (min(quotients), max(quotients))
    return joined(request, left, right, {"kind": "ratio"}, bounds=bounds)


def _discrepancy(request: Request, left: Raw, right: Raw) -> Raw | str:
    """Return a clinician's score minus a patient's, both in percent of their ranges."""
    raters = [_rater_of(request, raw) for raw in (left, right)]
    # The sign means something only where it is known who stands first.
    if raters != ["clinician", "self"]:
        said = " and ".join(rater or "nobody named" for rater in raters)
        return f"the raters are {said}; required: a clinician first, then the patient (self)."
    directions = [raw.column.higher_is for raw in (left, right)]
    if None in directions or len(set(directions)) > 1:
        return "higher does not mean the same in both. Name two scores with one direction."
    ranges = [_declared_range(request, raw) for raw in (left, right)]
    return joined(
        request,
        left,
        right,
        {"kind": "percent", "ranges": [list(bounds or ()) for bounds in ranges]},
        bounds=(-100.0, 100.0),
        unit="% of range",
    )


def joined(
    request: Request,
    left: Raw,
    right: Raw,
    steps: dict[str, Any],
    **changes: Any,
) -> Raw:
    """Return the column that two others make together; it is known when the later one is.

    Nothing of what the first one is said to be holds of both, unless `changes` say so.
    """
    first, second = left.column, right.column
    visits, sign = request.cohort.spec.visits, _SIGNS[steps["kind"]]
    said = {
        "name": f"{first.name}{sign}{second.name}",
        "label": f"{first.label} {sign} {second.label}",
        "construct": first.construct if first.construct == second.construct else None,
    }
    column = FeatureColumn(
        visit=max((first.visit, second.visit), key=lambda visit: visits[visit].day),
        builder=request.spec.build,
        made_of=(first.name, second.name),
        inputs=tuple(dict.fromkeys((*first.inputs, *second.inputs))),
        **said | changes,
    )
    recipe = Recipe(
        steps=steps | {"of": [left.recipe.steps, right.recipe.steps]},
        inputs={**left.recipe.inputs, **right.recipe.inputs},
    )
    return Raw(column=column, recipe=recipe)


def _declared_range(request: Request, raw: Raw) -> _Bounds | None:
    """Return the declared range of a score, whoever was included."""
    scale = scale_of(request.cohort.spec, request.keys, raw.recipe.steps["name"])
    return None if scale is None else scale.bounds


def _rater_of(request: Request, raw: Raw) -> str | None:
    """Return who rates a score."""
    column = str(raw.recipe.steps["name"]).partition(".")[0]
    instrument = request.cohort.spec.columns[column].instrument
    return None if instrument is None else request.keys[instrument].rater


def _unranged(left: Raw, right: Raw, ranges: list[_Bounds | None]) -> str:
    """Return the words for scores without a range."""
    pairs = zip((left, right), ranges, strict=True)
    names = a_few(f"'{raw.column.name}'" for raw, bounds in pairs if bounds is None)
    return f"{names} has no range. Declare 'range' in the cohort file."
