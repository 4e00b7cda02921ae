"""Scores of instruments: totals and subscales."""

from __future__ import annotations

from collections.abc import Iterator

from heldout.features.columns import Raw
from heldout.features.known import Request, find_known, find_score, known_at, raw_of
from heldout.instruments.scales import score_names


def build_totals(request: Request) -> Iterator[Raw | str]:
    """Yield the total of each instrument, and a text for what has none.

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
        elif known.declared.instrument is None or "." in known.name:
            where = request.where("columns", number)
            fitting = "clinical" if known.declared.instrument is None else "subscales"
            yield (
                f"{where}: builder 'totals' cannot take '{text}'. It takes a column with an "
                f"instrument; for this one use {fitting}."
            )
        else:
            yield find_score(request, text, "columns", number)


def build_subscales(request: Request) -> Iterator[Raw | str]:
    """Yield scores other than totals: those that are named, or all of an instrument.

    Parameters
    ----------
    request : Request
        Its ``columns`` name scores (``rfq8.certainty``) or instruments.

    Yields
    ------
    Raw or str
    """
    cohort, keys = request.cohort, request.keys
    for number, text in enumerate(request.spec.columns):
        known = find_known(request, text, "columns", number)
        if isinstance(known, str):
            yield known
            continue
        if "." in known.name:
            yield find_score(request, text, "columns", number)
            continue
        there = [
            name
            for name in score_names(cohort.spec, keys, known.name)
            if "." in name and cohort.has(name, known.visit)
        ]
        if not there:
            yield (
                f"{request.where('columns', number)}: '{text}' has no score at '{known.visit}' "
                "beside its total. Use totals, or clinical for a plain number."
            )
        for name in there:
            yield raw_of(cohort, keys, known_at(cohort, keys, name, known.visit))
