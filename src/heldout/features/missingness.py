"""Whether a value is missing, as a feature of its own; what stands in for it is a model's step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from heldout.features.clinical import build_clinical
from heldout.features.columns import FeatureColumn, Raw, Recipe
from heldout.features.known import Request, find_known, find_score


def build_missingness(request: Request) -> Iterator[Raw | str]:
    """Yield 1 where a value is missing and 0 where it is there.

    Parameters
    ----------
    request : Request
        Its ``columns`` name scores, numbers or categories.

    Yields
    ------
    Raw or str
    """
    for number, text in enumerate(request.spec.columns):
        known = find_known(request, text, "columns", number)
        if isinstance(known, str):
            yield known
            continue
        score = find_score(request, text, "columns", number)
        if known.declared.kind == "category":
            # Any of a category's columns tells who is missing.
            alone = replace(request, spec=request.spec.model_copy(update={"columns": (text,)}))
            score = next(build_clinical(alone))
        if isinstance(score, str):
            yield score
            continue
        column = FeatureColumn(
            name=f"missing:{known.called(request.cohort.spec.baseline)}",
            label=f"{known.label} is missing",
            inputs=score.column.inputs,
            visit=score.column.visit,
            builder="missingness",
            bounds=(0.0, 1.0),
            instrument=score.column.instrument,
        )
        steps = {"kind": "missing", "of": [score.recipe.steps]}
        yield Raw(column=column, recipe=Recipe(steps=steps, inputs=score.recipe.inputs))
