"""What a score measures: instrument, construct, range, direction and unit of a column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from heldout.spec.cohort import CohortSpec, ColumnSpec
from heldout.spec.instrument import TOTAL_SCORE, InstrumentKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One number that patients have at a visit.

    Attributes
    ----------
    name : str
        As experiments write it: a declared column (``madrs``), or one score of its
        instrument (``rfq8.certainty``).
    column, score : str
        The declared column, and the score of its key; ``total`` for a plain number.
    label : str
        For people.
    instrument, construct, unit : str or None
        As declared, or as the key says.
    bounds : tuple of float, or None
        Lowest and highest value.
    higher_is : str or None
        ``worse`` or ``better``; None if nobody said.
    """

    name: str
    column: str
    score: str
    label: str
    instrument: str | None
    construct: str | None
    unit: str | None
    bounds: tuple[float, float] | None
    higher_is: str | None


def score_names(spec: CohortSpec, keys: Mapping[str, InstrumentKey], column: str) -> list[str]:
    """Return the names of the scores that a declared column can have.

    Parameters
    ----------
    spec : CohortSpec
        The cohort file.
    keys : mapping of str to InstrumentKey
        Keys of its instruments, by the instrument's name in the cohort file.
    column : str
        A declared column.

    Returns
    -------
    list of str
        The column itself for a number or an instrument with a total, then
        ``column.score`` for every other score of the key.
    """
    instrument = spec.columns[column].instrument
    if instrument is None:
        return [column]
    key = keys[instrument]
    return [column if name == TOTAL_SCORE else f"{column}.{name}" for name in key.scores]


def scale_of(spec: CohortSpec, keys: Mapping[str, InstrumentKey], name: str) -> Scale | None:
    """Return what is known of a score.

    Parameters
    ----------
    spec : CohortSpec
        The cohort file.
    keys : mapping of str to InstrumentKey
        Keys of its instruments, by the instrument's name in the cohort file.
    name : str
        A declared column that holds numbers, or one score of its instrument.

    Returns
    -------
    Scale or None
        None if the cohort file declares no such score; a text or a category is none either.
    """
    column, _, part = name.partition(".")
    declared = spec.columns.get(column)
    if declared is None or declared.kind in ("category", "text"):
        return None
    if declared.instrument is not None:
        return _scale_of_score(name, declared, keys[declared.instrument])
    if part:
        return None
    return Scale(
        name=name,
        column=column,
        score=TOTAL_SCORE,
        label=declared.label or column.replace("_", " ").capitalize(),
        instrument=None,
        construct=declared.construct_,
        unit=declared.unit,
        bounds=declared.range,
        higher_is=declared.higher_is,
    )


def _scale_of_score(name: str, declared: ColumnSpec, key: InstrumentKey) -> Scale | None:
    """Return what is known of a score of a key, or None if the key has no such score."""
    column, _, part = name.partition(".")
    called = part or TOTAL_SCORE
    score = key.scores.get(called)
    if score is None:
        return None
    label = declared.label or key.id.upper()
    return Scale(
        name=name,
        column=column,
        score=called,
        label=f"{label} {score.label or part.replace('_', ' ')}" if part else label,
        instrument=key.id,
        construct=declared.construct_ or score.construct_ or key.construct_,
        unit=declared.unit or "points",
        bounds=score.range,
        higher_is=declared.higher_is if score.higher_is == "declared" else score.higher_is,
    )
