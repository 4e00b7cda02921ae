"""Recipes: how a column is made of one patient's row, and the one place that makes it.

A recipe is plain data, so that a bundle makes the same column of a new patient's row with
``predict.py``. Kinds that read the table: ``number``, ``score`` (items put together as the
instrument's key says), ``item``, ``level`` (1 for one code of a category). Kinds that put
others together: ``missing``, ``product``, ``ratio``, ``percent``, ``change``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heldout.arrays import Floats
from heldout.cohort import Cohort
from heldout.instruments.scoring import PRORATING
from heldout.spec import InstrumentKey

_Steps = Mapping[str, Any]


def make_column(steps: _Steps, cohort: Cohort) -> Floats:
    """Return what a recipe makes of every patient's row, NaN where not observed.

    Parameters
    ----------
    steps : mapping
        Of a `Recipe`.
    cohort : Cohort
        Scored; what a score is made of was put together by `heldout.instruments`.

    Returns
    -------
    array of shape (n_patients,)
    """
    if "of" in steps:
        return _combine(steps, [make_column(one, cohort) for one in steps["of"]])
    if "name" not in steps:
        codes = np.array(cohort.site or (), dtype=object)
        return np.where(codes == "", np.nan, (codes == steps["level"]).astype(float))
    name, visit = steps["name"], steps["visit"]
    if steps["kind"] == "level":
        known = cohort.values[(name, visit, 0)]
        return np.where(known.isna(), np.nan, (known == steps["level"]).astype(float))
    if steps["kind"] == "item":
        values = cohort.values[(name, visit, steps["item"])].to_numpy(np.float64, copy=True)
        values[np.isin(values, steps["codes"])] = np.nan
        return values if steps["reverse"] is None else np.asarray(steps["reverse"] - values)
    return np.asarray(cohort.numbers(name, visit))


def _combine(steps: _Steps, parts: Sequence[Floats]) -> Floats:
    """Return one column made of others, patient by patient.

    Parameters
    ----------
    steps : mapping
        Of a kind that takes others.
    parts : sequence of array of shape (n_patients,)
        One or two.

    Returns
    -------
    array of shape (n_patients,)
    """
    if steps["kind"] == "missing":
        return np.isnan(parts[0]).astype(np.float64)
    first, second = parts
    if steps["kind"] == "product":
        return np.asarray((first - steps["centres"][0]) * (second - steps["centres"][1]))
    if steps["kind"] == "ratio":
        return np.asarray(first / second)
    if steps["kind"] == "percent":
        shares = [
            (part - low) / (high - low)
            for part, (low, high) in zip(parts, steps["ranges"], strict=True)
        ]
        return np.asarray(100 * shares[0] - 100 * shares[1])
    return first - second


def relevant_items(key: InstrumentKey, score: str) -> list[int]:
    """Return the items that a score depends on: its own, and those that skip rules ask."""
    needed = set(key.items_of(score))
    for rule in reversed(key.skip):
        if needed & set(rule.zero):
            needed |= set(rule.items)
    return sorted(needed)


def item_rule(key: InstrumentKey, item: int, missing: Sequence[str]) -> dict[str, Any]:
    """Return what the table's column of an item may hold."""
    codes = list(key.not_assessed.get(item, ()))
    answers = list(key.answers_of(item))
    return {"answers": answers, "codes": codes, "missing": list(missing)}


def arithmetic_of(
    key: InstrumentKey, score: str, columns: Mapping[int, str], *, prorate: str
) -> dict[str, Any]:
    """Return how a key puts items together, as plain data.

    Parameters
    ----------
    key : InstrumentKey
        The instrument's key.
    score : str
        One of the scores that can be made of items.
    columns : mapping of int to str
        Item -> column of the patients' table.
    prorate : str
        ``none``, ``80%`` or ``half``.

    Returns
    -------
    dict
        ``items``: column, ``codes`` that mean not assessed, ``reverse`` (lowest plus highest,
        from which the answer is taken, or None), ``recode`` (pairs), ``part`` (None for an
        item that only decides whether others were asked) and ``suicidality``. ``parts``: least
        and most of each. ``skip``: rules, by position of the item. ``method``, and
        ``prorate``: the share of parts that must be there, as numerator and denominator.
    """
    items = relevant_items(key, score)
    place = {item: number for number, item in enumerate(items)}
    own = key.items_of(score)
    groups = key.scores[score].domains or tuple((item,) for item in own)
    part = {item: number for number, group in enumerate(groups) for item in group}
    counts = {item: key.counts_of(score, item) for item in own}

    def entry(item: int) -> dict[str, Any]:
        recode = key.recode_of(score, item) if item in part else None
        return {
            "column": columns[item],
            "codes": list(key.not_assessed.get(item, ())),
            "reverse": sum(key.bounds[item - 1]) if item in key.reverse else None,
            "recode": None if recode is None else [list(pair) for pair in recode.items()],
            "part": part.get(item),
            "suicidality": item in key.suicidality,
        }

    return {
        "items": [entry(item) for item in items],
        "parts": [[max(counts[i][end] for i in group) for end in (0, 1)] for group in groups],
        "skip": [
            {
                "items": [place[item] for item in rule.items],
                "equal": rule.equal,
                "zero": [place[item] for item in rule.zero if item in place],
                "also_answered": rule.also_answered,
            }
            for rule in key.skip
            if set(rule.items) <= set(place) and set(rule.zero) & set(place)
        ],
        "method": key.scores[score].method,
        "prorate": list(PRORATING[prorate]),
    }
