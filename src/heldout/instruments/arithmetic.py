"""Answers to scores and columns, along one patient's row: the only place that computes them.

Copied verbatim into every bundle, beside ``predict.py``, so it needs numpy alone. What it is told
is plain data, as JSON holds it:

- A *form* says how answers are read. ``items``, one each: ``codes`` that mean not assessed, and
  ``reverse``, from which the answer is taken, or None. ``skip``: rules by position of the item.
- A *score* is a form whose items also have a ``recode`` (pairs, or None), a ``part`` (None for an
  item that only decides whether others were asked) and ``suicidality``. ``parts``: least and most
  of each. ``method``, and ``prorate``: the share of parts that must be there, as numerator and
  denominator.
- A *recipe* says how a column is made. Kinds that are read: ``number``, ``score``, ``item`` and
  ``level`` (1 for one code of a category). Kinds that put others (``of``) together: `_JOINED`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# The package's own names for these are not there in a bundle.
_Floats = NDArray[np.float64]
_Flags = NDArray[np.bool_]
_Plain = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Items ready to be put together.

    Attributes
    ----------
    values : array of shape (n_patients, n_items)
        After reversal; NaN where not answered, 0 where a skip rule says so.
    not_assessed, zeroed, skipped, contradicting : array of bool, as `values`, or None
        Items coded as not assessed; those that a skip rule sets to 0; those of them that were
        left open; those that a skip rule says were not asked, and that were answered above 0,
        before and after reversal, whether that counts or not. None if the form knows no such
        thing.
    """

    values: _Floats
    not_assessed: _Flags | None
    zeroed: _Flags | None = None
    skipped: _Flags | None = None
    contradicting: _Flags | None = None


def read_form(form: _Plain, items: _Floats) -> Answers:
    """Return items after *not assessed*, skip rules and reversal.

    Parameters
    ----------
    form : mapping
        As above.
    items : array of shape (n_patients, n_items)
        Answers as given; NaN where there is none. Not changed.

    Returns
    -------
    Answers
    """
    values = np.array(items, order="F")
    unknown = None
    for number, item in enumerate(form["items"]):
        if item["codes"]:
            if unknown is None:
                unknown = np.zeros(values.shape, dtype=np.bool_, order="F")
            unknown[:, number] = np.isin(values[:, number], item["codes"])
            values[unknown[:, number], number] = np.nan
    zeroed, unasked = _skipped_items(form["skip"], values)
    for number, item in enumerate(form["items"]):
        if item["reverse"] is not None:
            np.subtract(item["reverse"], values[:, number], out=values[:, number])
    if not form["skip"]:
        return Answers(values=values, not_assessed=unknown)
    with np.errstate(invalid="ignore"):
        # A reversed item that answers 0, or counts 0, is what an unasked one may look like.
        contradicting = unasked & (items > 0) & (values > 0)
    skipped = zeroed & np.isnan(values)
    values[zeroed] = 0.0
    return Answers(
        values=values,
        not_assessed=unknown,
        zeroed=zeroed,
        skipped=skipped,
        contradicting=contradicting,
    )


def _skipped_items(rules: Sequence[_Plain], values: _Floats) -> tuple[_Flags, _Flags]:
    """Return the items that skip rules set to 0, and all that they say were not asked.

    Each rule comes after the ones before it.
    """
    zeroed = np.zeros(values.shape if rules else (0, 0), dtype=np.bool_, order="F")
    unasked = zeroed.copy(order="F")
    for rule in rules:
        seen = np.where(zeroed[:, rule["items"]], 0.0, values[:, rule["items"]])
        met = (seen == rule["equal"]).all(axis=1)
        for number in rule["zero"]:
            blank = rule["also_answered"] or np.isnan(values[:, number])
            zeroed[:, number] |= met & blank
            unasked[:, number] |= met
    return zeroed, unasked


def parts_of(score: _Plain, answers: Answers) -> _Floats:
    """Return what a score adds up: recoded items, or the highest item of each domain.

    Parameters
    ----------
    score : mapping
        As above.
    answers : Answers
        Of its form.

    Returns
    -------
    array of shape (n_patients, n_parts)
        NaN where there is none.
    """
    parts = np.full((len(answers.values), len(score["parts"])), np.nan, order="F")
    for number, item in enumerate(score["items"]):
        if item["part"] is None:
            continue
        counted = answers.values[:, number]
        if item["recode"] is not None:
            counted = _recoded(counted, item["recode"])
            if answers.zeroed is not None:
                counted[answers.zeroed[:, number]] = 0.0
        part = parts[:, item["part"]]
        np.fmax(part, counted, out=part)
    return parts


def _recoded(values: _Floats, pairs: Sequence[tuple[float, float]]) -> _Floats:
    """Return values as a table counts them; NaN stays NaN."""
    out = np.full(values.shape, np.nan)
    for answer, counts_as in pairs:
        out[values == answer] = counts_as
    return out


def score_form(score: _Plain, answers: Answers) -> tuple[_Floats, _Flags]:
    """Return a score of every patient, and who has it by prorating.

    Parameters
    ----------
    score : mapping
        As above.
    answers : Answers
        Of its form.

    Returns
    -------
    values : array of shape (n_patients,)
        NaN where there is no score.
    prorated : array of bool of shape (n_patients,)
    """
    parts = parts_of(score, answers)
    if score["method"] == "max":
        return parts.max(axis=1), np.zeros(len(parts), dtype=np.bool_)
    values, filled = _prorated_sum(parts, score)
    sensitive = [
        number
        for number, item in enumerate(score["items"])
        if item["suicidality"] and item["part"] is not None
    ]
    silent = np.isnan(answers.values[:, sensitive]).any(axis=1)
    values[silent] = np.nan
    if score["method"] == "mean":
        values /= parts.shape[1]
    return values, filled & ~silent


def _prorated_sum(parts: _Floats, score: _Plain) -> tuple[_Floats, _Flags]:
    """Return the sum of parts, where a missing one may get the share of the others, and where."""
    lows, highs = np.array(score["parts"], dtype=np.float64).T
    spans, there = highs - lows, np.isfinite(parts)
    n_there, n_parts = there.sum(axis=1), len(lows)
    needed, of = score["prorate"]
    values = parts.sum(axis=1)
    filled = (n_there < n_parts) & (n_there * of >= needed * n_parts) & (n_there > 0)
    if filled.any():
        some, seen = parts[filled], there[filled]
        share = np.where(seen, some - lows, 0.0).sum(axis=1) / (seen * spans).sum(axis=1)
        values[filled] = lows.sum() + share * spans.sum()
    return values, filled


def make_column(recipe: _Plain, read: Callable[[_Plain], _Floats]) -> _Floats:
    """Return what a recipe makes of every patient's row, NaN where not observed.

    Parameters
    ----------
    recipe : mapping
        As above.
    read : callable
        What a recipe that is read stands for: answers as given, and 0 or 1 for a level.

    Returns
    -------
    array of shape (n_patients,)
    """
    if "of" in recipe:
        return _JOINED[recipe["kind"]](recipe, *(make_column(part, read) for part in recipe["of"]))
    values = np.asarray(read(recipe))
    if recipe["kind"] != "item":
        return values
    values = np.where(np.isin(values, recipe["codes"]), np.nan, values)
    return values if recipe["reverse"] is None else np.asarray(recipe["reverse"] - values)


def _missing(recipe: _Plain, values: _Floats) -> _Floats:
    """Return 1 where a value is missing."""
    return np.isnan(values).astype(np.float64)


def _product(recipe: _Plain, first: _Floats, second: _Floats) -> _Floats:
    """Return the product about the middles of two scores."""
    middle, other = recipe["centres"]
    return np.asarray((first - middle) * (second - other))


def _ratio(recipe: _Plain, first: _Floats, second: _Floats) -> _Floats:
    """Return the quotient."""
    return np.asarray(first / second)


def _percent(recipe: _Plain, first: _Floats, second: _Floats) -> _Floats:
    """Return the difference in percent of the ranges of two scores."""
    (low, high), (least, most) = recipe["ranges"]
    shares = (first - low) / (high - low), (second - least) / (most - least)
    return np.asarray(100 * shares[0] - 100 * shares[1])


def _change(recipe: _Plain, first: _Floats, second: _Floats) -> _Floats:
    """Return the difference."""
    return np.asarray(first - second)


_JOINED: dict[str, Callable[..., _Floats]] = {
    "missing": _missing,
    "product": _product,
    "ratio": _ratio,
    "percent": _percent,
    "change": _change,
}
