"""Which columns are items and scores of questionnaires, and which scale is the outcome."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter

import pandas as pd

from heldout.cohort.notation import numbers_of
from heldout.draft.columns import ColumnGuess
from heldout.draft.layout import Layout, Series, VisitGuess
from heldout.draft.names import BASELINE_WORDS, name_of, squeezed, words_of
from heldout.draft.opened import Opened
from heldout.draft.plan_stops import item_stops, plan_stops
from heldout.draft.scales import (
    Keys,
    family_of,
    fitting_scores,
    item_bases,
    named_keys,
    nearly_all,
)
from heldout.errors import a_few
from heldout.spec.cohort import ColumnSpec
from heldout.spec.instrument import TOTAL_SCORE, InstrumentKey

# Item of the form -> visit -> column.
_Items = Mapping[int, Mapping[str, str]]
# Item -> its columns by visit, as they stand in the table: 1 and 01 are two.
_Given = Sequence[tuple[int, Mapping[str, str]]]
# Clinician scales before self-report; then anything that measures depression.
_RANK = ("madrs", "hamd", "qids", "bdi", "phq")


def items_of(
    series: Series, opened: Opened, layout: Layout, keys: Keys, left_out: dict[str, str]
) -> Iterator[ColumnGuess]:
    """Yield every complete set of items, and take its columns out of the series.

    Parameters
    ----------
    series : dict
        Columns by pattern and visit; what is taken goes.
    opened : Opened
        The table.
    layout : Layout
        Its visits.
    keys : mapping of str to InstrumentKey
        All known questionnaires.
    left_out : dict of str to str
        Column -> why it is not declared; grows.

    Yields
    ------
    ColumnGuess
    """
    # The longest sets first: ten items of a form are not one item of ten others.
    bases = item_bases(series).items()
    for base, stems in sorted(bases, key=lambda entry: (-len(entry[1]), entry[0])):
        key = _form_of(base, stems, keys)
        if key is None or not set(stems.values()) <= set(series):
            continue
        given = [(int(text), series.pop(stem)) for text, stem in stems.items()]
        guess, unread = _item_set(key, given, opened, layout)
        left_out |= unread
        if guess is not None:
            yield guess


def _item_set(
    key: InstrumentKey,
    given: _Given,
    opened: Opened,
    layout: Layout,
) -> tuple[ColumnGuess | None, dict[str, str]]:
    """Return the questionnaire that items make, if they make one, and why columns are not read."""
    items = _at_visits(dict(given), opened, layout)
    visits = [visit for visit in items[1] if all(visit in at for at in items.values())]
    patterns = {visit: _item_pattern([at[visit] for at in items.values()]) for visit in visits}
    fault = _unread_items(given, patterns, key)
    if fault:
        return None, {column: fault for _, at in given for column in at.values()}
    lacking, unread = _lacking_items(key.id, items, visits, layout)
    read = [(item, items[item][visit]) for item in sorted(items) for visit in sorted(visits)]
    guess = ColumnGuess(
        name=name_of(key.id),
        kind="instrument",
        key=key,
        items=patterns,
        why=f"called like {key.name}, and all {len(items)} items are there",
        partly=_partly_answered(items, visits, opened, layout, key),
        doubts=(*lacking, *item_stops(opened, read, key)),
    )
    return guess, unread


def _form_of(base: str, stems: Mapping[str, str], keys: Keys) -> InstrumentKey | None:
    """Return the key that columns look like the items of: most of them, from the first on."""
    names, rest = named_keys(base, keys)
    if rest or not names or min(map(int, stems)) != 1:
        return None
    forms = [keys[name] for name in names]
    key = next((form for form in forms if form.items == len(stems)), forms[0])
    return key if len(stems) * 2 > key.items else None


def _at_visits(given: _Items, opened: Opened, layout: Layout) -> _Items:
    """Return the visits and columns of each item.

    In a long table an item that everybody answers alike is at the visits of the others, too.
    """
    measured = {visit for at in given.values() for visit in at} - {""}
    if not layout.long or not measured:
        return given
    visits = [visit for visit in layout.visits if visit.name in measured]

    def seen(column: str) -> dict[str, str]:
        cells = opened.cells[column]
        return {visit.name: column for visit in visits if layout.at(cells, visit).notna().any()}

    return {item: seen(at[""]) if "" in at else at for item, at in given.items()}


def _lacking_items(
    name: str, items: _Items, visits: Collection[str], layout: Layout
) -> tuple[list[str], dict[str, str]]:
    """Return what is to be decided where some items are lacking, and columns not read for it."""
    doubts: list[str] = []
    unread: dict[str, str] = {}
    for visit in layout.visits:
        there = {item: at[visit.name] for item, at in items.items() if visit.name in at}
        if visit.name in visits or not there:
            continue
        base = max(item_bases(there.values()).items(), key=lambda entry: len(entry[1]))[0]
        lacking = sorted(set(items) - set(there))
        named = a_few(f"'{base.replace('{item}', str(item))}'" for item in lacking)
        what = f"the table has no column {named}. Add it (blank if it was not asked), or"
        if layout.long:
            what = f"nobody has a value of {named} there. Add the values if it was asked; if it "
            what += "was not,"
        else:
            why = f"items of {name} at {visit.text}, where others are lacking"
            unread |= dict.fromkeys(there.values(), why)
        doubts.append(f"at {visit.text}, {name} is left out: {what} delete this mark.")
    return doubts, unread


def _partly_answered(
    items: _Items, visits: Collection[str], opened: Opened, layout: Layout, key: InstrumentKey
) -> int:
    """Return how many patients lack single items that prorating may fill in."""
    if not key.prorate or not key.scored or "suicid" in key.construct_:
        return 0
    guesses = {visit.name: visit for visit in layout.visits}
    patients: set[str] = set()
    for name in visits:
        answered = pd.DataFrame(
            {
                item: _is_answered(opened, at[name], key.not_assessed.get(item, ()))
                for item, at in items.items()
                if item not in key.suicidality
            }
        )
        rows = layout.at(answered, guesses[name]) if name in guesses else answered
        partly = rows.any(axis=1) & ~rows.all(axis=1)
        patients |= set(opened.cells.loc[partly.index[partly], layout.patient])
    return len(patients)


def _is_answered(opened: Opened, column: str, not_assessed: tuple[int, ...]) -> pd.Series:
    """Return which cells of an item hold an answer."""
    texts = opened.cells[column]
    return texts.notna() & ~numbers_of(texts, opened.spec.decimal).isin(not_assessed)


def _unread_items(given: _Given, patterns: Mapping[str, str], key: InstrumentKey) -> str:
    """Return why items cannot be declared, or nothing."""
    name = key.id
    if sorted(item for item, _ in given) != list(range(1, key.items + 1)):
        return f"look like items of {name}, which has {key.items}; found {len(given)}"
    if key.scores_only is not None:
        return f"items of {name}, whose key scores none: {key.scores_only}"
    if not patterns:
        return f"items of {name}, of which no visit has all {key.items}"
    if "" in patterns.values():
        return f"items of {name} that no pattern names; rename them {name}_1 to {name}_{key.items}"
    return ""


def _item_pattern(columns: list[str]) -> str:
    """Return the pattern that names exactly these columns; empty if none does, as for 01."""
    for base, items in item_bases(columns).items():
        if set(items) == {str(n) for n in range(1, len(columns) + 1)}:
            return base
    return ""


def scores_of(series: Series, opened: Opened, keys: Keys) -> Iterator[ColumnGuess]:
    """Yield every column that is a score by its name and its values, and take it out.

    Parameters
    ----------
    series : dict
        Columns by pattern and visit; what is taken goes.
    opened : Opened
        The table.
    keys : mapping of str to InstrumentKey
        All known questionnaires.

    Yields
    ------
    ColumnGuess
    """
    for stem, at in list(series.items()):
        names, rest = named_keys(stem, keys)
        if not names or not at:
            continue
        values = opened.numbers(at.values()).dropna()
        fit = fitting_scores(names, rest, values, keys)
        if not fit:
            continue
        (name, score), *others = fit
        key, called = keys[name], stem.replace("{visit}", "")
        del series[stem]
        also = f"'{called}' is taken as {name}; name and values also fit "
        also += a_few(other for other, _ in others)
        stops = plan_stops(opened, at.values(), ColumnSpec(instrument="x"), key, score)
        low, high = key.scores[score].range
        wrong = int((~values.between(low, high)).sum())
        share = f"all but {wrong} of {len(values)} values" if wrong else "all values"
        yield ColumnGuess(
            name=name_of(called),
            kind="instrument",
            key=key,
            at=at if score == TOTAL_SCORE else {},
            scores={} if score == TOTAL_SCORE else {score: at},
            why=f"called like {key.name}, and {share} lie in {low:g}..{high:g}",
            doubts=(also, *stops) if others else stops,
        )


def merged(guesses: list[ColumnGuess]) -> list[ColumnGuess]:
    """Return one column for what one instrument was given as at the same visits.

    Parameters
    ----------
    guesses : list of ColumnGuess
        Of items, and of scores.

    Returns
    -------
    list of ColumnGuess
    """
    columns: dict[str, ColumnGuess] = {}
    for guess in guesses:
        name = guess.instrument or ""
        first = columns.get(name)
        if first is None:
            columns[name] = replace(guess, name=name)
        elif first.visits == guess.visits and not (
            (first.at and guess.at) or set(first.scores) & set(guess.scores)
        ):
            columns[name] = replace(
                first,
                at={**first.at, **guess.at},
                scores={**first.scores, **guess.scores},
                doubts=tuple(dict.fromkeys((*first.doubts, *guess.doubts))),
            )
        else:
            other = name_of(guess.name, set(columns))
            columns[other] = replace(guess, name=other)
    return list(columns.values())


def most_likely(instruments: list[ColumnGuess]) -> ColumnGuess | None:
    """Return the severity scale that was measured again, the clinician's first.

    Parameters
    ----------
    instruments : list of ColumnGuess
        All of them.

    Returns
    -------
    ColumnGuess or None
    """
    ranked: list[tuple[tuple[int, int, int, str], ColumnGuess]] = []
    for column in instruments:
        key = column.key
        if key is not None and key.has_total and len(column.total_visits - {""}) > 1:
            family = family_of(key.id)
            other = 10 + ("depress" not in key.construct_)
            rank = _RANK.index(family) if family in _RANK else other
            ranked.append(((rank, -len(column.visits), -key.items, column.name), column))
    return min(ranked, key=itemgetter(0))[1] if ranked else None


def with_baseline(
    layout: Layout, outcome: ColumnGuess | None, series: Series, opened: Opened
) -> tuple[Layout, ColumnGuess | None, str]:
    """Return layout and outcome with a first visit that is baseline, and what is doubtful.

    Parameters
    ----------
    layout : Layout
        As the names of visits tell it.
    outcome : ColumnGuess or None
        The scale of the outcome.
    series : dict
        Columns by pattern and visit; what is taken goes.
    opened : Opened
        The table.

    Returns
    -------
    layout, outcome, doubt : Layout, ColumnGuess or None, and str
    """
    unnamed = VisitGuess(name="baseline", text="baseline", day=0.0)
    start = next((visit for visit in layout.visits if visit.day == 0), None)
    if outcome and outcome.key and (start is None or start.name not in outcome.visits):
        stem = _baseline_stem(outcome, series, opened, outcome.key)
        if stem is not None:
            first, visits = start or unnamed, layout.visits if start else (unnamed, *layout.visits)
            column = series.pop(stem)[""]
            outcome = _with_first(outcome, first.name, column, opened, outcome.key)
            return replace(layout, visits=visits), outcome, ""
    if start is not None:
        return layout, outcome, ""
    layout, doubt = _with_first_visit(layout, unnamed)
    return layout, outcome, doubt


def _with_first_visit(layout: Layout, unnamed: VisitGuess) -> tuple[Layout, str]:
    """Return a layout whose first visit is baseline, and what is doubtful about that."""
    first, *later = layout.visits or (unnamed,)
    doubt = f"'{first.text}' is the first visit found; is it baseline?" if later else ""
    # A first visit of which nothing tells the day is day 0.
    first = replace(first, day=first.day or 0.0)
    return replace(layout, visits=(first, *later)), doubt


def _baseline_stem(
    outcome: ColumnGuess, series: Series, opened: Opened, key: InstrumentKey
) -> str | None:
    """Return the only column that may be the outcome's baseline under another name."""
    # Two columns that may be it are a question for a person, and none is taken.
    hinted = [stem for stem, at in series.items() if _may_be_baseline(stem, at, opened, key)]
    return hinted[0] if outcome.at and len(hinted) == 1 else None


def _with_first(
    outcome: ColumnGuess, visit: str, column: str, opened: Opened, key: InstrumentKey
) -> ColumnGuess:
    """Return the outcome with a column of another name as its baseline."""
    low, high = key.scores[TOTAL_SCORE].range
    stops = plan_stops(opened, [column], ColumnSpec(instrument="x"), key)
    guess = (
        f"'{column}' is taken for the baseline of {outcome.name}, because it is named so and "
        f"{'nearly all' if stops else 'all'} its values lie in {low:g}..{high:g}; make sure"
    )
    return replace(
        outcome, at={visit: column, **outcome.at}, doubts=(guess, *stops, *outcome.doubts)
    )


def _may_be_baseline(stem: str, at: Mapping[str, str], opened: Opened, key: InstrumentKey) -> bool:
    """Return whether a column is called as a baseline and its values are as of the total."""
    called_so = {squeezed(stem), *words_of(stem)} & set(BASELINE_WORDS) or stem.endswith("0")
    if set(at) != {""} or not called_so:
        return False
    numbers = opened.numbers(at.values()).dropna()
    return len(numbers) > 0 and nearly_all(numbers.between(*key.scores[TOTAL_SCORE].range))
