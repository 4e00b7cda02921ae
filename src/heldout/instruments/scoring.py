"""Items to scores, along one patient's row: one arithmetic for every key.

In this order: answers that mean *not assessed* become missing; skip rules say which items
were not asked; items are reversed; a score recodes its items; it puts them together. No item
is filled in unless the study asks for it, and then with what the same person answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from heldout.arrays import Flags, Floats
from heldout.cohort.people import Cohort
from heldout.errors import InstrumentError, raise_faults
from heldout.instruments.arithmetic import Answers, parts_of, read_form, score_form
from heldout.instruments.keys import CALL, items_refused
from heldout.spec.instrument import TOTAL_SCORE, InstrumentKey

# The share of a score's items that must be there: numerator, denominator.
PRORATING: dict[str, tuple[int, int]] = {"none": (1, 1), "80%": (4, 5), "half": (1, 2)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredItems:
    """One score of every patient: its value, and who has it by prorating, under which rule."""

    score: str
    rule: str
    values: Floats
    prorated: Flags


def score_array(
    key: InstrumentKey, items: ArrayLike, *, prorate: str = "none"
) -> dict[str, Floats]:
    """Return every score that a key makes of items.

    Parameters
    ----------
    key : InstrumentKey
        The instrument's key.
    items : array of shape (n_patients, n_items)
        Answers as given, in the order of the form; NaN where there is none.
    prorate : {'none', '80%', 'half'}
        What is done about missing items: nothing (the score is missing), or, if at least
        80 % or half of the score's parts are there, each missing part gets the person's mean
        of the others, measured as a share of each part's own span. Nothing is rounded.

    Returns
    -------
    dict of str to array of shape (n_patients,)
        By the score's name; NaN where there is no score. An item about suicidality is never
        filled in.

    Raises
    ------
    InstrumentError
        If the key takes scores only, or refuses prorating.

    References
    ----------
    .. [1] Half rule: Bell et al. (2016), BMC Res Notes 9:479, 10.1186/s13104-016-2284-z.

    Examples
    --------
    >>> from pathlib import Path
    >>> from heldout.instruments.keys import load_key
    >>> madrs = load_key("madrs", Path())
    >>> score_array(madrs, np.full((1, 10), 2.0))["total"]
    array([20.])
    """
    raise_faults(InstrumentError, list(items_refused(key, prorate=prorate, door=CALL)))
    answers = read_answers(key, np.asarray(items, dtype=np.float64))
    return {
        score: score_column(key, answers, score, prorate=prorate).values for score in key.scored
    }


def read_answers(key: InstrumentKey, items: Floats) -> Answers:
    """Return the items of a key after *not assessed*, skip rules and reversal.

    Parameters
    ----------
    key : InstrumentKey
        The instrument's key.
    items : array of shape (n_patients, n_items)
        Answers as given; NaN where there is none. Not changed.

    Returns
    -------
    Answers

    Raises
    ------
    ValueError
        If the array does not have a column an item.
    """
    if items.ndim != 2 or items.shape[1] != key.items:
        raise ValueError(f"{key.id} has {key.items} items; found an array of {items.shape}.")
    return read_form(_form_of(key, range(1, key.items + 1)), items)


def score_parts(key: InstrumentKey, answers: Answers, score: str) -> Floats:
    """Return what a score adds up.

    Parameters
    ----------
    key : InstrumentKey
        The instrument's key.
    answers : Answers
        From `read_answers`.
    score : str
        One of the scores that can be made of items.

    Returns
    -------
    array of shape (n_patients, n_parts)
        Recoded items, or the highest item of each domain; NaN where there is none.
    """
    return parts_of(arithmetic_of(key, score, range(1, key.items + 1)), answers)


def score_column(
    key: InstrumentKey, answers: Answers, score: str, *, prorate: str = "none"
) -> ScoredItems:
    """Return one score of every patient, and who has it by prorating.

    Parameters
    ----------
    key : InstrumentKey
        The instrument's key.
    answers : Answers
        From `read_answers`.
    score : str
        One of the scores that can be made of items.
    prorate : {'none', '80%', 'half'}
        As in `score_array`.

    Returns
    -------
    ScoredItems
    """
    steps = arithmetic_of(key, score, range(1, key.items + 1), prorate=prorate)
    values, prorated = score_form(steps, answers)
    rule = "none" if key.scores[score].method == "max" else prorate
    return ScoredItems(score=score, rule=rule, values=values, prorated=prorated)


def relevant_items(key: InstrumentKey, score: str) -> list[int]:
    """Return the items that a score depends on: its own, and those that skip rules ask.

    Parameters
    ----------
    key : InstrumentKey
        The instrument's key.
    score : str
        One of its scores.

    Returns
    -------
    list of int
        From 1, sorted.
    """
    needed = set(key.items_of(score))
    # Backwards: what a later rule asks may have been set by an earlier one.
    for rule in reversed(key.skip):
        if needed & set(rule.zero):
            needed |= set(rule.items)
    return sorted(needed)


def _form_of(key: InstrumentKey, items: Sequence[int]) -> dict[str, Any]:
    """Return how a key reads some of its items, as `heldout.instruments.arithmetic` takes it."""
    position = {item: number for number, item in enumerate(items)}
    bounds = key.bounds
    return {
        "items": [
            {
                "codes": list(key.not_assessed.get(item, ())),
                "reverse": sum(bounds[item - 1]) if item in key.reverse else None,
            }
            for item in items
        ],
        "skip": [
            {
                "items": [position[item] for item in rule.items],
                "equal": rule.equal,
                "zero": [position[item] for item in rule.zero if item in position],
                "also_answered": rule.also_answered,
            }
            for rule in key.skip
            if set(rule.items) <= set(position) and set(rule.zero) & set(position)
        ],
    }


def arithmetic_of(
    key: InstrumentKey, score: str, items: Sequence[int], *, prorate: str = "none"
) -> dict[str, Any]:
    """Return how a key puts items together, as `heldout.instruments.arithmetic` takes it.

    Parameters
    ----------
    key : InstrumentKey
        The instrument's key.
    score : str
        One of the scores that can be made of items.
    items : sequence of int
        The items that are there, in their order: all, or those of `relevant_items`.
    prorate : {'none', '80%', 'half'}
        As in `score_array`.

    Returns
    -------
    dict
        Ready for JSON.
    """
    form, own = _form_of(key, items), key.items_of(score)
    groups = key.scores[score].domains or tuple((item,) for item in own)
    part = {item: number for number, group in enumerate(groups) for item in group}
    return {
        "items": [
            entry
            | {
                "recode": [list(pair) for pair in (key.recode_of(score, item) or {}).items()]
                or None,
                "part": part.get(item),
                "suicidality": item in key.suicidality,
            }
            for item, entry in zip(items, form["items"], strict=True)
        ],
        "parts": [list(key.span_of(score, group)) for group in groups],
        "skip": form["skip"],
        "method": key.scores[score].method,
        "prorate": list(PRORATING[prorate]),
    }


def wrong_answers(key: InstrumentKey, items: Floats) -> Flags:
    """Return which answers are none that the item can have.

    Parameters
    ----------
    key : InstrumentKey
        The instrument's key.
    items : array of shape (n_patients, n_items)
        Answers as given; NaN where there is none, which is not wrong.

    Returns
    -------
    array of bool of shape (n_patients, n_items)
    """
    lows, highs = np.array(key.bounds).T
    # No answer is neither in a range nor out of it, and no reason to warn.
    with np.errstate(invalid="ignore"):
        right: Flags = (items >= lows) & (items <= highs) & (items == np.rint(items))
    right |= np.isnan(items)
    for item in {*key.allowed, *key.not_assessed}:
        column = items[:, item - 1]
        known = (*key.answers_of(item), *key.not_assessed.get(item, ()))
        right[:, item - 1] = np.isnan(column) | np.isin(column, known)
    return ~right


def items_at(cohort: Cohort, key: InstrumentKey, column: str, visit: str) -> Floats:
    """Return the items of a declared column at a visit as an array.

    Parameters
    ----------
    cohort : Cohort
        With its items.
    key : InstrumentKey
        Of the column's instrument.
    column, visit : str
        Where they are.

    Returns
    -------
    array of shape (n_patients, n_items)
        NaN where there is no answer.
    """
    names = [(column, visit, item) for item in range(1, key.items + 1)]
    places = cohort.values.columns.get_indexer(pd.MultiIndex.from_tuples(names))
    return cohort.values.iloc[:, places].to_numpy(dtype=np.float64)


def score_instruments(cohort: Cohort, keys: Mapping[str, InstrumentKey]) -> Cohort:
    """Return the cohort with every score that can be made of its items.

    Parameters
    ----------
    cohort : Cohort
        As read, so that every answer is one that its item can have.
    keys : mapping of str to InstrumentKey
        The keys of its instruments, from `load_keys`, which has checked what is asked of them.

    Returns
    -------
    Cohort
        Scores stand at (score name, visit, 0), beside the items. What was read as a score is
        untouched; what was reported beside items and cannot be made of them is a value too.
    """
    scores: dict[tuple[str, str, int], Floats] = {}
    for column, key, visit in itemised(cohort, keys):
        items = items_at(cohort, key, column, visit)
        prorate = cohort.spec.columns[column].prorate
        for score, values in score_array(key, items, prorate=prorate).items():
            scores[score_name(column, score), visit, 0] = values
    lone = [place for place in cohort.reported if place not in scores]
    if not scores and not lone:
        return cohort
    tables = [cohort.values, pd.DataFrame(scores, index=cohort.values.index)]
    tables += [cohort.reported[lone]] if lone else []
    table = pd.concat(tables, axis=1)
    table.columns = table.columns.set_names(cohort.values.columns.names)
    return replace(cohort, values=table, reported=cohort.reported.drop(columns=lone))


def itemised(
    cohort: Cohort, keys: Mapping[str, InstrumentKey]
) -> Iterator[tuple[str, InstrumentKey, str]]:
    """Yield declared column, key and visit wherever there are items.

    Parameters
    ----------
    cohort : Cohort
        With its items.
    keys : mapping of str to InstrumentKey
        The keys of its instruments.

    Yields
    ------
    tuple of str, InstrumentKey and str
    """
    items = [(source.name, source.visit) for source in cohort.sources if source.item]
    for column, visit in dict.fromkeys(items):
        instrument = cohort.spec.columns[column].instrument
        assert instrument is not None
        yield column, keys[instrument], visit


def score_name(column: str, score: str) -> str:
    """Return what experiments call a score of a declared column.

    Parameters
    ----------
    column : str
        The declared column.
    score : str
        Of its instrument's key.

    Returns
    -------
    str
        Such as ``rfq8.certainty``; the column itself for a total.
    """
    return column if score == TOTAL_SCORE else f"{column}.{score}"


def answers_by_items(key: InstrumentKey, items: Iterable[int]) -> dict[str, list[int]]:
    """Return the answers that items can have, in words, with the items that can have them.

    Parameters
    ----------
    key : InstrumentKey
        The instrument's key.
    items : iterable of int
        From 1.

    Returns
    -------
    dict of str to list of int
        Such as ``0 to 6 in whole numbers`` -> the items.
    """
    items_with: dict[str, list[int]] = {}
    for item in items:
        items_with.setdefault(_answers_text(key, item), []).append(item)
    return items_with


def _answers_text(key: InstrumentKey, item: int) -> str:
    """Return the answers an item can have, in words."""
    answers: Sequence[int] = key.answers_of(item)
    if item in key.allowed or len(answers) < 3:
        text = ", ".join(map(str, answers))
    else:
        text = f"{answers[0]} to {answers[-1]} in whole numbers"
    codes = key.not_assessed.get(item)
    return f"{text}, or {', '.join(map(str, codes))} for not assessed" if codes else text
