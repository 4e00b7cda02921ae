"""A second door: the scores of one questionnaire in a table that no study describes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from heldout.arrays import Floats
from heldout.errors import InstrumentError, a_few, did_you_mean, raise_faults
from heldout.instruments.arithmetic import Answers
from heldout.instruments.audit import ScoreAudit, audit_of
from heldout.instruments.keys import (
    CALL,
    Door,
    direction_faults,
    items_refused,
    language_notes,
    load_key,
)
from heldout.instruments.scoring import (
    PRORATING,
    ScoredItems,
    answers_by_items,
    read_answers,
    score_column,
    wrong_answers,
)
from heldout.spec.instrument import InstrumentKey

_ITEM_STATES = pd.Index(["answered", "missing", "not assessed", "skipped", "contradicting"])
_SCORE_STATES = pd.Index(["scored", "prorated", "missing"])
MOST_LISTED, FEW_ROWS = 12, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """The scores of a table, and how they came about.

    Attributes
    ----------
    scores : DataFrame of shape (n_rows, n_scores)
        With the table's index; NaN where there is no score.
    audit : tuple of ScoreAudit
        One a score, with the index's labels for pseudonyms.
    states : DataFrame of shape (n_rows, n_items + n_scores)
        What became of each item (``answered``, ``missing``, ``not assessed``, ``skipped``,
        ``contradicting``: answered where a skip rule says that it was not request), by its number,
        and of each score (``scored``, ``prorated``, ``missing``), by its name.
    columns : tuple of str
        The column each item was read from.
    key : InstrumentKey
        What was followed.
    notes : tuple of str
        What is not known of the scores, such as whether the language version fits the key.
    """

    scores: pd.DataFrame
    audit: tuple[ScoreAudit, ...]
    states: pd.DataFrame
    columns: tuple[str, ...]
    key: InstrumentKey
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringRequest:
    """What is asked of a table: as in `score_items`, and the words for what is wrong with it."""

    instrument: str
    columns: str | Sequence[str] | None = None
    prorate: str = "none"
    language: str | None = None
    higher_is: str | None = None
    door: Door = CALL


def score_items(
    table: pd.DataFrame,
    *,
    instrument: str,
    columns: str | Sequence[str] | None = None,
    prorate: str = "none",
    language: str | None = None,
    higher_is: str | None = None,
    folder: Path | None = None,
) -> Scored:
    """Return the scores of a questionnaire whose items stand in a table.

    Parameters
    ----------
    table : DataFrame
        One row a patient, or a patient and visit. It is not changed.
    instrument : str
        A shipped key, or one of the study's own.
    columns : str or sequence of str, optional
        Where the items are: a pattern with ``{item}``, such as ``q{item}_baseline``, or every
        column in the order of the form. Without it they are found by name: ``rfq8_1``,
        ``RFQ8.01``, ``rfq81``.
    prorate : {'none', '80%', 'half'}
        What is done about missing items, as in `score_array`.
    language : str, optional
        Version of the form, such as ``it``; refused if it is scored in another way.
    higher_is : {'worse', 'better'}, optional
        Where the key leaves it to the version used.
    folder : Path, optional
        The study folder whose own keys count too; the current one if absent.

    Returns
    -------
    Scored

    Raises
    ------
    InstrumentError
        With every fault: an item without a column or with two, an answer that is no number
        or none that the item can have (columns, counts and rows, never the answer), a key that
        takes scores only or refuses what is asked for.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({f"GAD7_{item}": [1, 2] for item in range(1, 8)}, index=["a", "b"])
    >>> score_items(table, instrument="gad7").scores
       total
    a    7.0
    b   14.0
    """
    request = ScoringRequest(
        instrument=instrument,
        columns=columns,
        prorate=prorate,
        language=language,
        higher_is=higher_is,
    )
    return score_table(table, load_key(instrument, folder or Path()), request)


def score_table(table: pd.DataFrame, key: InstrumentKey, request: ScoringRequest) -> Scored:
    """Return the scores of a questionnaire whose items stand in a table.

    Parameters
    ----------
    table : DataFrame
        One row a patient, or a patient and visit. It is not changed.
    key : InstrumentKey
        The instrument's key.
    request : ScoringRequest
        Where the items are and what is done about them.

    Returns
    -------
    Scored

    Raises
    ------
    InstrumentError
        As in `score_items`.
    """
    prorate, language, higher_is = request.prorate, request.language, request.higher_is
    faults = list(items_refused(key, prorate=prorate, language=language, door=request.door))
    faults += direction_faults(key, set(key.scored), higher_is, request.door)
    if prorate not in PRORATING:
        faults.append(f"prorate '{prorate}' is no known rule. Known: {', '.join(PRORATING)}.")
    raise_faults(InstrumentError, faults)
    places, faults = _item_places(table, key, request)
    raise_faults(InstrumentError, faults)
    names = tuple(str(table.columns[place]) for place in places)
    items, faults = _item_values(table, key, places, names)
    raise_faults(InstrumentError, faults)
    answers = read_answers(key, items)
    results = [score_column(key, answers, score, prorate=prorate) for score in key.scored]
    return Scored(
        scores=pd.DataFrame({result.score: result.values for result in results}, index=table.index),
        audit=tuple(
            audit_of(
                key,
                answers,
                result,
                name=result.score,
                patients=list(table.index),
                higher_is=higher_is,
            )
            for result in results
        ),
        states=_states_of(key, answers, results, table.index),
        columns=names,
        key=key,
        notes=tuple(language_notes(key, language)),
    )


def _item_places(
    table: pd.DataFrame, key: InstrumentKey, request: ScoringRequest
) -> tuple[list[int], list[str]]:
    """Return the position of each item's column, and the faults in finding them."""
    columns = request.columns
    names = [str(name) for name in table.columns]
    if columns is not None and not isinstance(columns, str):
        return _listed_places(names, key, list(columns))
    if columns is not None and columns.count("{item}") != 1:
        return [], [f"'{columns}' is no pattern of items: write {{item}} in it once."]
    shape = _shape_of_columns(request.instrument, columns)
    places: dict[int, list[int]] = {item: [] for item in range(1, key.items + 1)}
    for place, name in enumerate(names):
        match = shape.fullmatch(name.strip())
        if match and int(match[1]) in places:
            places[int(match[1])].append(place)
    faults = list(_place_faults(places, names, key, request))
    return ([] if faults else [there[0] for there in places.values()]), faults


def _place_faults(
    places: Mapping[int, Sequence[int]],
    names: Sequence[str],
    key: InstrumentKey,
    request: ScoringRequest,
) -> Iterator[str]:
    """Yield the faults of items that stand in several columns, or in none."""
    for item, several in places.items():
        if len(several) > 1:
            yield (
                f"item {item} of {key.id} stands in several columns: "
                f"{a_few(repr(names[place]) for place in several)}. Remove or rename all but one."
            )
    lacking = [item for item, there in places.items() if not there]
    if lacking:
        shown = str(request.columns or f"{request.instrument}_{{item}}")
        first = shown.replace("{item}", str(lacking[0]))
        yield (
            f"{key.id} has {key.items} items; the table has no column for item {a_few(lacking)} "
            f"(looked for '{first}' and the like). It has: {a_few(names, limit=12)}. Rename them, "
            f"or say where they are {request.door.columns}."
        )


def _shape_of_columns(instrument: str, pattern: str | None) -> re.Pattern[str]:
    """Return what the names of columns of items look like, the number of the item as a group."""
    if pattern is None:
        return re.compile(rf"{re.escape(instrument)}[\s_.-]?0*([1-9][0-9]*)", re.IGNORECASE)
    before, after = map(re.escape, pattern.split("{item}"))
    return re.compile(rf"{before}0*([1-9][0-9]*){after}")


def _listed_places(
    names: list[str], key: InstrumentKey, columns: list[str]
) -> tuple[list[int], list[str]]:
    """Return the position of each column in a list of all items, and the faults in the list."""
    faults = []
    if len(columns) != key.items:
        faults.append(
            f"{len(columns)} columns are listed; {key.id} has {key.items} items. List one an "
            "item, in the order of the form."
        )
    for name in dict.fromkeys(columns):
        if columns.count(name) > 1:
            faults.append(f"column '{name}' is listed for {columns.count(name)} items.")
        if names.count(name) > 1:
            faults.append(f"the table has {names.count(name)} columns '{name}'. Rename them.")
        if name not in names:
            faults.append(f"the table has no column '{name}'.{did_you_mean(name, names)}")
    return ([] if faults else [names.index(name) for name in columns]), faults


def _item_values(
    table: pd.DataFrame, key: InstrumentKey, places: list[int], names: Sequence[str]
) -> tuple[Floats, list[str]]:
    """Return the items as numbers, and the faults in the answers."""
    items = np.empty((len(table), len(places)), order="F")
    no_number = np.zeros(items.shape, dtype=np.bool_, order="F")
    for number, place in enumerate(places):
        column = table.iloc[:, place]
        if not pd.api.types.is_numeric_dtype(column):
            column = column.astype("string").str.strip()
            column = column.mask(column == "")
        numbers = pd.to_numeric(column, errors="coerce")
        items[:, number] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        no_number[:, number] = column.notna().to_numpy() & np.isnan(items[:, number])
    wrong = wrong_answers(key, items)
    faults = []
    if no_number.any():
        text = _fault_of(table, key, names, no_number, "not numeric")
        faults.append(f"{text}. Correct what is wrong, or leave it empty.")
    if wrong.any():
        allowed = answers_by_items(key, (np.flatnonzero(wrong.any(axis=0)) + 1).tolist())
        listed = [f"{answers} (item {a_few(which)})" for answers, which in allowed.items()]
        required = next(iter(allowed)) if len(allowed) == 1 else "; ".join(listed)
        text = _fault_of(table, key, names, wrong, f"none of {required}")
        hint = "" if no_number.any() else _shift_hint(key, items)
        faults.append(f"{text}. Correct what is wrong, or leave it empty.{hint}")
    return items, faults


def _fault_of(
    table: pd.DataFrame,
    key: InstrumentKey,
    names: Sequence[str],
    flags: NDArray[np.bool_],
    what: str,
) -> str:
    """Return how many values are what they may not be, and which columns and rows they are in."""

    def rows_of(number: int, limit: int = 5) -> str:
        rows = table.index[flags[:, number]]
        return f"row{'s' * (len(rows) > 1)} {a_few(rows, limit)}"

    count, numbers = int(flags.sum()), np.flatnonzero(flags.any(axis=0)).tolist()
    values = f"{count} value{'s' * (count > 1)}"
    wrong = f"{'is' if count == 1 else 'are'} {what}"
    if len(numbers) == 1:
        return f"column '{names[numbers[0]]}': {values} ({rows_of(numbers[0])}) {wrong}"
    listed = a_few(
        [f"'{names[number]}' ({rows_of(number, FEW_ROWS)})" for number in numbers], MOST_LISTED
    )
    return f"{key.id}: {values} in {len(numbers)} of {key.items} items {wrong}: {listed}"


def _shift_hint(key: InstrumentKey, items: Floats) -> str:
    """Return a question where every answer fits a scale that begins one lower or higher."""
    for shift, do in ((1, "add 1 to"), (-1, "take 1 off")):
        if not wrong_answers(key, items + shift).any():
            return (
                f" All answers fit a scale shifted by one: coded from {key.item_min - shift}, "
                f"where the key counts from {key.item_min}? Then {do} every item."
            )
    return ""


def _states_of(
    key: InstrumentKey, answers: Answers, results: list[ScoredItems], index: pd.Index
) -> pd.DataFrame:
    """Return what became of each item and each score of every row."""
    codes = np.isnan(answers.values).astype(np.int8)
    if answers.not_assessed is not None:
        codes[answers.not_assessed] = 2
    if answers.skipped is not None:
        codes[answers.skipped] = 3
    if answers.contradicting is not None:
        codes[answers.contradicting] = 4
    items = {
        str(item): pd.Categorical.from_codes(codes[:, item - 1], _ITEM_STATES)
        for item in range(1, key.items + 1)
    }
    scores = {
        result.score: pd.Categorical.from_codes(
            np.where(np.isnan(result.values), 2, result.prorated).astype(np.int8), _SCORE_STATES
        )
        for result in results
    }
    return pd.DataFrame(items | scores, index=index)
