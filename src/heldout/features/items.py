"""Single items of an instrument, turned in the instrument's direction.

Items are reversed where the key reverses them, so that signs make sense; answers that mean
*not assessed* are missing. Skip rules and recodes are not applied: they belong to scores, and
an item that was not asked stays missing.
"""

from __future__ import annotations

from collections.abc import Iterator

from heldout.cohort.sources import table_of
from heldout.features.columns import FeatureColumn, Raw, Recipe
from heldout.features.known import Known, Request, find_known, item_rule, sources_at
from heldout.spec.instrument import TOTAL_SCORE, InstrumentKey


def build_items(request: Request) -> Iterator[Raw | str]:
    """Yield each item of instruments that were given as items.

    Parameters
    ----------
    request : Request
        Its ``columns`` name instruments.

    Yields
    ------
    Raw or str
    """
    for number, text in enumerate(request.spec.columns):
        known = find_known(request, text, "columns", number)
        if isinstance(known, str):
            yield known
            continue
        columns = sources_at(request.cohort, request.keys, known.name, known.visit, items=True)
        if not columns or known.declared.instrument is None:
            yield (
                f"{request.where('columns', number)}: '{text}' is not given as items at "
                f"'{known.visit}'. Use totals or subscales, or declare 'items' in the cohort file."
            )
            continue
        key = request.keys[known.declared.instrument]
        yield from (_item_of(request, known, key, item, columns[item]) for item in sorted(columns))


def _item_of(request: Request, known: Known, key: InstrumentKey, item: int, source: str) -> Raw:
    """Return one item as a column."""
    missing = table_of(request.cohort.spec, known.declared.table).missing
    low, high = key.bounds[item - 1]
    steps = {
        "kind": "item",
        "name": known.name,
        "visit": known.visit,
        "item": item,
        "column": source,
        "codes": list(key.not_assessed.get(item, ())),
        "reverse": low + high if item in key.reverse else None,
    }
    # Some forms have gaps between their answers, and some lack the outermost one.
    answers = [low + high - x if item in key.reverse else x for x in key.answers_of(item)]
    column = FeatureColumn(
        name=f"{known.name}.item{item}_{known.visit}",
        label=f"{known.declared.label or key.id.upper()} item {item}",
        inputs=(source,),
        visit=known.visit,
        builder="items",
        bounds=(float(min(answers)), float(max(answers))),
        instrument=key.id,
        construct=known.declared.construct_ or key.construct_,
        unit="points",
        higher_is=_direction_of(key, item, known.declared.higher_is),
    )
    return Raw(
        column=column,
        recipe=Recipe(steps=steps, inputs={source: item_rule(key, item, missing)}),
    )


def _direction_of(key: InstrumentKey, item: int, declared: str | None) -> str | None:
    """Return what a higher item means: as its total, or as all scores that take it unchanged."""
    plain = [
        name
        for name in key.scores
        if item in key.items_of(name) and key.recode_of(name, item) is None
    ]
    names = [TOTAL_SCORE] if TOTAL_SCORE in plain else plain
    directions = {key.scores[name].higher_is for name in names}
    # An item that counts for one score and against another has no direction of its own.
    if len(directions) != 1:
        return None
    direction = directions.pop()
    return declared if direction == "declared" else direction
