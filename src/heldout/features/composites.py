"""Constructs and components: several scores as one, learnt inside each training set.

Nothing is learnt here. The columns go into the matrix as they are, beside the order to
standardise and combine them, which `heldout.models.pieces` carries out in each fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from heldout.features.columns import FeatureColumn, Group, Raw
from heldout.features.known import Request, find_scores


def build_constructs(request: Request) -> Iterator[Group | str]:
    """Yield each construct: the mean z-score of its scores, turned so that higher is worse.

    Parameters
    ----------
    request : Request
        Its ``constructs`` name scores whose direction is known.

    Yields
    ------
    Group or str
    """
    for construct, names in (request.spec.constructs or {}).items():
        inputs, faults = _found_scores(request, names, "constructs", construct)
        faults += [
            f"{request.where('constructs', construct)}: nobody said whether a higher "
            f"'{raw.column.name}' is worse or better. Declare 'higher_is' in the cohort file."
            for raw in inputs
            if raw.column.higher_is is None
        ]
        if faults:
            yield from faults
            continue
        signs = tuple(1 if raw.column.higher_is == "worse" else -1 for raw in inputs)
        column = _composite(request, inputs, construct, signs, higher_is="worse")
        yield Group(columns=(column,), inputs=tuple(inputs), method="mean", signs=signs)


def build_components(request: Request) -> Iterator[Group | str]:
    """Yield the principal components, or the factor scores, of standardised scores.

    Parameters
    ----------
    request : Request
        Its ``columns`` name scores; ``n``, ``method`` and ``name`` may be given.

    Yields
    ------
    Group or str
    """
    method, n = request.spec.method or "principal", request.spec.n or 1
    inputs, faults = _found_scores(request, request.spec.columns, "columns")
    k = len(request.spec.columns)
    word, most = ("component", k) if method == "principal" else ("factor", _most_factors(k))
    if n > most:
        faults.append(
            f"{request.where('n' if request.spec.n else 'columns')}: found {n} {word}s of {k} "
            f"scores; at most {most} can be told apart. Name more scores, or set a smaller 'n'."
        )
    if faults:
        yield from faults
        return
    name = request.spec.name or word
    columns = tuple(
        _composite(request, inputs, name, (1,) * k, number=None if n == 1 else number)
        for number in range(1, n + 1)
    )
    yield Group(columns=columns, inputs=tuple(inputs), method=method, signs=(1,) * k)


def _most_factors(k: int) -> int:
    """Return how many factors k scores can tell apart: Ledermann's bound."""
    return max((m for m in range(1, k) if (k - m) ** 2 >= k + m), default=0)


def _found_scores(
    request: Request, names: Sequence[str], *path: str | int
) -> tuple[list[Raw], list[str]]:
    """Return the scores of a list, and the faults of those that are not there or stand twice."""
    inputs, faults = find_scores(request, names, *path)
    called = [raw.column.name for raw in inputs]
    faults += [
        f"{request.where(*path)}: '{name}' stands twice. Keep one."
        for name in sorted({name for name in called if called.count(name) > 1})
    ]
    if not names:
        faults.append(f"{request.where(*path)}: names no score. Name at least one.")
    return inputs, faults


def _composite(
    request: Request,
    inputs: Sequence[Raw],
    name: str,
    signs: Sequence[int],
    *,
    number: int | None = None,
    higher_is: str | None = None,
) -> FeatureColumn:
    """Return the provenance of a column that is learnt from others."""
    spec = request.cohort.spec
    visit = max((raw.column.visit for raw in inputs), key=lambda visit: spec.visits[visit].day)
    called = name if number is None else f"{name}_{number}"
    label = name.replace("_", " ").capitalize() + ("" if number is None else f" {number}")
    later = request.spec.visit not in (None, spec.baseline)
    return FeatureColumn(
        name=f"{called}_{visit}" if later else called,
        label=label + (f" (higher is {higher_is})" if higher_is else ""),
        inputs=tuple(dict.fromkeys(source for raw in inputs for source in raw.column.inputs)),
        visit=visit,
        builder=request.spec.build,
        construct=name.replace("_", " "),
        unit="z" if request.spec.build == "constructs" else None,
        higher_is=higher_is,
        made_of=tuple(
            raw.column.name if sign > 0 else f"-{raw.column.name}"
            for raw, sign in zip(inputs, signs, strict=True)
        ),
    )
