"""Which columns are items and scores of questionnaires, and which scale is the outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from heldout.cohort.cells import numbers_of
from heldout.draft.columns import ColumnGuess
from heldout.draft.faults import item_stops, plan_stops
from heldout.draft.layout import Layout, Series, VisitGuess
from heldout.draft.names import BASELINE_WORDS, name_of, squeezed, words_of
from heldout.draft.scales import (
    Keys,
    family_of,
    fitting_scores,
    item_bases,
    named_keys,
    nearly_all,
)
from heldout.draft.tables import Opened
from heldout.errors import a_few
from heldout.spec import ColumnSpec, InstrumentKey
from heldout.spec.instrument import TOTAL_SCORE

# Visit -> column.
_Places = Mapping[str, str]
# Clinician scales before self-report; then anything that measures depression.
_RANK = ("madrs", "hamd", "qids", "bdi", "phq")


def items_of(
    series: Series, opened: Opened, layout: Layout, keys: Keys, left_out: dict[str, str]
) -> Iterator[ColumnGuess]:
    """Yield every complete set of items, and take its columns out of the series."""
    for base, stems in sorted(item_bases(series).items(), key=lambda one: (-len(one[1]), one[0])):
        names, rest = named_keys(base, keys)
        found = sorted(int(text) for text in stems)
        if rest or not names or found[0] != 1 or not set(stems.values()) <= set(series):
            continue
        name = next((one for one in names if keys[one].items == len(found)), names[0])
        if len(found) * 2 <= keys[name].items:
            continue
        given = [(int(text), series.pop(stem)) for text, stem in stems.items()]
        columns = [column for _, places in given for column in places.values()]
        at = _at_visits(dict(given), opened, layout)
        visits = set(at[1]).intersection(*at.values())
        patterns = {visit: _item_pattern([one[visit] for one in at.values()]) for visit in visits}
        fault = _unread_items(name, found, patterns, keys)
        if fault:
            left_out |= dict.fromkeys(columns, fault)
            continue
        lacking, unread = _lacking_items(name, at, visits, layout)
        left_out |= unread
        read = [(item, one[visit]) for item, one in sorted(at.items()) for visit in sorted(visits)]
        yield ColumnGuess(
            name=name_of(name),
            kind="instrument",
            instrument=name,
            items=patterns,
            why=f"called like {keys[name].name}, and all {len(found)} items are there",
            partly=_partly_answered(at, visits, opened, layout, keys[name]),
            doubts=(*lacking, *item_stops(opened, read, keys[name])),
        )


def _at_visits(given: Mapping[int, _Places], opened: Opened, layout: Layout) -> dict[int, _Places]:
    """Return the visits and columns of each item.

    In a long table an item that everybody answers alike is at the visits of the others, too.
    """
    measured = {visit for places in given.values() for visit in places} - {""}
    if not layout.long or not measured:
        return dict(given)
    return {
        item: {
            visit.name: places[""]
            for visit in layout.visits
            if visit.name in measured and layout.at(opened.cells[places[""]], visit).notna().any()
        }
        if "" in places
        else places
        for item, places in given.items()
    }


def _lacking_items(
    name: str, at: Mapping[int, _Places], visits: set[str], layout: Layout
) -> tuple[list[str], dict[str, str]]:
    """Return what is to be decided where some items are lacking, and columns not read for it."""
    doubts: list[str] = []
    unread: dict[str, str] = {}
    for visit in layout.visits:
        there = {item: places[visit.name] for item, places in at.items() if visit.name in places}
        lacking = sorted(set(at) - set(there))
        if visit.name in visits or not there:
            continue
        base = max(item_bases(there.values()).items(), key=lambda one: len(one[1]))[0]
        named = a_few(f"'{base.replace('{item}', str(item))}'" for item in lacking)
        if layout.long:
            doubts.append(
                f"at {visit.text}, {name} is left out: nobody has a value of {named} there. Add "
                "the values if it was asked; if it was not, delete this mark."
            )
            continue
        why = f"items of {name} at {visit.text}, where others are lacking"
        unread |= dict.fromkeys(there.values(), why)
        doubts.append(
            f"at {visit.text}, {name} is left out: the table has no column {named}. Add it (blank "
            "if it was not asked), or delete this mark."
        )
    return doubts, unread


def _partly_answered(
    at: Mapping[int, _Places], visits: set[str], opened: Opened, layout: Layout, key: InstrumentKey
) -> int:
    """Return how many patients lack single items that prorating may fill in."""
    if not key.prorate or not key.scored or "suicid" in key.construct_:
        return 0
    dated = {visit.name: visit for visit in layout.visits}
    who: set[str] = set()
    for name in visits:
        answered = pd.DataFrame(
            {
                item: _is_answered(opened, places[name], key.not_assessed.get(item, ()))
                for item, places in at.items()
                if item not in key.suicidality
            }
        )
        rows = layout.at(answered, dated[name]) if name in dated else answered
        partly = rows.any(axis=1) & ~rows.all(axis=1)
        who |= set(opened.cells.loc[partly.index[partly], layout.patient])
    return len(who)


def _is_answered(opened: Opened, column: str, not_assessed: tuple[int, ...]) -> pd.Series:
    """Return which cells of an item hold an answer."""
    texts = opened.cells[column]
    if not not_assessed:
        return texts.notna()
    return texts.notna() & ~numbers_of(texts, opened.spec.decimal).isin(not_assessed)


def _unread_items(name: str, found: list[int], patterns: Mapping[str, str], keys: Keys) -> str:
    """Return why items cannot be declared, or nothing."""
    key = keys[name]
    if found != list(range(1, key.items + 1)):
        return f"look like items of {name}, which has {key.items}; found {len(found)}"
    if key.scores_only is not None:
        return f"items of {name}, whose key scores none: {key.scores_only}"
    if not patterns:
        return f"items of {name}, of which no visit has all {key.items}"
    if "" in patterns.values():
        return f"items of {name} that no pattern names; rename them {name}_1 to {name}_{key.items}"
    return ""


def _item_pattern(columns: list[str]) -> str:
    """Return the pattern that names exactly these columns; empty if none does, as for 01."""
    for base, found in item_bases(columns).items():
        if set(found) == {str(n) for n in range(1, len(columns) + 1)}:
            return base
    return ""


def scores_of(
    series: Series, opened: Opened, numbers: Mapping[str, pd.Series], keys: Keys
) -> Iterator[ColumnGuess]:
    """Yield every column that is a score by its name and its values, and take it out."""
    for stem, at in list(series.items()):
        names, rest = named_keys(stem, keys)
        if not names or not at:
            continue
        values = pd.concat([numbers[column] for column in dict.fromkeys(at.values())]).dropna()
        fit = fitting_scores(names, rest, values, keys)
        if not fit:
            continue
        (name, score), others = fit[0], [one for one, _ in fit[1:]]
        del series[stem]
        called, spec = stem.replace("{visit}", ""), ColumnSpec(instrument="x")
        also = f"'{called}' is taken as {name}; name and values also fit {a_few(others)}"
        yield ColumnGuess(
            name=name_of(called),
            kind="instrument",
            instrument=name,
            at=at if score == TOTAL_SCORE else {},
            scores={} if score == TOTAL_SCORE else {score: at},
            why=_called_like(name, score, values, keys),
            doubts=(
                *((also,) if others else ()),
                *plan_stops(opened, at.values(), spec, keys[name], score),
            ),
        )


def _called_like(name: str, score: str, values: pd.Series, keys: Keys) -> str:
    """Return the evidence for a score: its name and its range."""
    low, high = keys[name].scores[score].range
    wrong = int((~values.between(low, high)).sum())
    share = f"all but {wrong} of {len(values)} values" if wrong else "all values"
    return f"called like {keys[name].name}, and {share} lie in {low:g}..{high:g}"


def merged(guesses: list[ColumnGuess]) -> list[ColumnGuess]:
    """Return one column for what one instrument was given as at the same visits."""
    found: dict[str, ColumnGuess] = {}
    for guess in guesses:
        name = guess.instrument or ""
        one = found.get(name)
        if one is None:
            found[name] = replace(guess, name=name)
        elif one.visits == guess.visits and not (
            (one.at and guess.at) or set(one.scores) & set(guess.scores)
        ):
            found[name] = replace(
                one,
                at={**one.at, **guess.at},
                scores={**one.scores, **guess.scores},
                doubts=tuple(dict.fromkeys((*one.doubts, *guess.doubts))),
            )
        else:
            other = name_of(guess.name, set(found))
            found[other] = replace(guess, name=other)
    return list(found.values())


def most_likely(instruments: list[ColumnGuess], keys: Keys) -> ColumnGuess | None:
    """Return the severity scale that was measured again, the clinician's first."""

    def order(one: ColumnGuess) -> tuple[int, int, int, str]:
        key, family = keys[one.instrument or ""], family_of(one.instrument or "")
        rank = _RANK.index(family) if family in _RANK else 10 + ("depress" not in key.construct_)
        return rank, -len(one.visits), -key.items, one.name

    fit = [one for one in instruments if len({*one.at, *one.items} - {""}) > 1]
    fit = [one for one in fit if keys[one.instrument or ""].has_total]
    return min(fit, key=order) if fit else None


def with_baseline(
    layout: Layout,
    outcome: ColumnGuess | None,
    series: Series,
    opened: Opened,
    key: InstrumentKey | None,
) -> tuple[Layout, ColumnGuess | None, dict[str, str]]:
    """Return layout and outcome with a first visit that is baseline, and what is doubtful."""
    visits, doubts = layout.visits, dict[str, str]()
    start = next((visit for visit in visits if visit.day == 0), None)
    if outcome is not None and key is not None and (not start or start.name not in outcome.visits):
        hinted = [
            (stem, at[""])
            for stem, at in series.items()
            if set(at) == {""} and _may_be_baseline(stem, at[""], opened, key)
        ]
        if len(hinted) == 1 and outcome.at:
            (stem, column) = hinted[0]
            del series[stem]
            low, high = key.scores[TOTAL_SCORE].range
            new = start or VisitGuess(name="baseline", text="baseline", day=0.0)
            visits = visits if start else (new, *visits)
            stops = plan_stops(opened, [column], ColumnSpec(instrument="x"), key)
            outcome = replace(
                outcome,
                at={new.name: column, **outcome.at},
                doubts=(
                    f"'{column}' is taken for the baseline of {outcome.name}, because it is named "
                    f"so and {'nearly all' if stops else 'all'} its values lie in {low:g}.."
                    f"{high:g}; make sure",
                    *stops,
                    *outcome.doubts,
                ),
            )
            return replace(layout, visits=visits), outcome, doubts
    if start is None:
        first = visits[0] if visits else VisitGuess(name="baseline", text="baseline", day=0.0)
        visits = (replace(first, day=first.day or 0.0), *visits[1:])
        if len(visits) > 1:
            doubts["baseline"] = f"'{first.text}' is the first visit found; is it baseline?"
    return replace(layout, visits=visits), outcome, doubts


def _may_be_baseline(stem: str, column: str, opened: Opened, key: InstrumentKey) -> bool:
    """Return whether a column is called as a baseline and its values are as of the total."""
    if not ({squeezed(stem), *words_of(stem)} & set(BASELINE_WORDS) or stem.endswith("0")):
        return False
    numbers = numbers_of(opened.cells[column], opened.spec.decimal).dropna()
    inside = numbers.between(*key.scores[TOTAL_SCORE].range)
    return len(numbers) > 0 and nearly_all(inside)
