"""Which columns are items and scores of questionnaires, and which scale is the outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from heldout.draft.columns import ColumnGuess
from heldout.draft.layout import Layout, Series, VisitGuess
from heldout.draft.names import BASELINE_WORDS, name_of, squeezed, words_of
from heldout.draft.scales import Keys, family_of, fitting_score, item_bases, named_keys
from heldout.errors import a_few
from heldout.spec.instrument import TOTAL_SCORE

__all__ = ["items_of", "merged", "most_likely", "scores_of", "with_baseline"]

# Clinician scales before self-report; then anything that measures depression.
RANK = ("madrs", "hamd", "qids", "bdi", "phq")


def items_of(
    series: Series, numbers: Mapping[str, pd.Series], keys: Keys, left_out: dict[str, str]
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
        at = [series.pop(stem) for stem in stems.values()]
        columns = [column for places in at for column in places.values()]
        visits = set(at[0]).intersection(*at[1:])
        patterns = {visit: item_pattern([one[visit] for one in at]) for visit in visits}
        fault = unread_items(name, found, patterns, keys)
        if fault:
            left_out |= dict.fromkeys(columns, fault)
            continue
        low, high = min(keys[name].bounds)[0], max(high for _, high in keys[name].bounds)
        outside = any(not numbers[one].dropna().between(low, high).all() for one in columns)
        yield ColumnGuess(
            name=name_of(name),
            kind="instrument",
            instrument=name,
            items=patterns,
            why=f"called like {keys[name].name}, and all {len(found)} items are there",
            doubt=f"answers outside {low:g}..{high:g}: another coding?" if outside else "",
        )


def unread_items(name: str, found: list[int], patterns: Mapping[str, str], keys: Keys) -> str:
    """Return why items cannot be declared, or nothing."""
    key = keys[name]
    if found != list(range(1, key.items + 1)):
        return f"look like items of {name}, which has {key.items}; found {len(found)}"
    if key.scores_only is not None:
        return f"items of {name}, whose key scores none: {key.scores_only}"
    if not patterns or "" in patterns.values():
        return f"items of {name} that no pattern names; rename them {name}_1 to {name}_{key.items}"
    return ""


def item_pattern(columns: list[str]) -> str:
    """Return the pattern that names exactly these columns; empty if none does, as for 01."""
    for base, found in item_bases(columns).items():
        if set(found) == {str(n) for n in range(1, len(columns) + 1)}:
            return base
    return ""


def scores_of(
    series: Series, numbers: Mapping[str, pd.Series], keys: Keys
) -> Iterator[ColumnGuess]:
    """Yield every column that is a score by its name and its values, and take it out."""
    for stem, at in list(series.items()):
        names, rest = named_keys(stem, keys)
        if not names or not at:
            continue
        values = pd.concat([numbers[column] for column in at.values()]).dropna()
        fit = fitting_score(names, rest, values, keys) if len(values) else None
        if fit is None:
            continue
        name, score = fit
        others = [one for one in names if one != name and fitting_score([one], rest, values, keys)]
        del series[stem]
        yield ColumnGuess(
            name=name_of(stem.replace("{visit}", "")),
            kind="instrument",
            instrument=name,
            at=at if score == TOTAL_SCORE else {},
            scores={} if score == TOTAL_SCORE else {score: at},
            why=called_like(name, score, keys),
            doubt=f"taken as {name}; name and values also fit {a_few(others)}" if others else "",
        )


def called_like(name: str, score: str, keys: Keys) -> str:
    """Return the evidence for a score: its name and its range."""
    low, high = keys[name].scores[score].range
    return f"called like {keys[name].name}, and all values lie in {low:g}..{high:g}"


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
                doubt=one.doubt or guess.doubt,
            )
        else:
            other = name_of(guess.name, set(found))
            found[other] = replace(guess, name=other)
    return list(found.values())


def most_likely(instruments: list[ColumnGuess], keys: Keys) -> ColumnGuess | None:
    """Return the severity scale that was measured again, the clinician's first."""

    def order(one: ColumnGuess) -> tuple[int, int, int, str]:
        key, family = keys[one.instrument or ""], family_of(one.instrument or "")
        rank = RANK.index(family) if family in RANK else 10 + ("depress" not in key.construct_)
        return rank, -len(one.visits), -key.items, one.name

    fit = [one for one in instruments if len({*one.at, *one.items} - {""}) > 1]
    fit = [one for one in fit if keys[one.instrument or ""].has_total]
    return min(fit, key=order) if fit else None


def with_baseline(
    layout: Layout,
    outcome: ColumnGuess | None,
    series: Series,
    numbers: Mapping[str, pd.Series],
    keys: Keys,
) -> tuple[Layout, ColumnGuess | None, dict[str, str]]:
    """Return layout and outcome with a first visit that is baseline, and what is doubtful."""
    visits, doubts = layout.visits, dict[str, str]()
    start = visits[0] if visits and visits[0].day == 0 else None
    if outcome is not None and (start is None or start.name not in outcome.visits):
        low, high = keys[outcome.instrument or ""].scores[TOTAL_SCORE].range
        hinted = [
            (stem, at[""])
            for stem, at in series.items()
            if set(at) == {""}
            and ({squeezed(stem), *words_of(stem)} & set(BASELINE_WORDS) or stem.endswith("0"))
            and numbers[at[""]].notna().any()
            and numbers[at[""]].dropna().between(low, high).all()
        ]
        if len(hinted) == 1 and outcome.at:
            (stem, column) = hinted[0]
            del series[stem]
            new = start or VisitGuess(name="baseline", text="baseline", day=0.0)
            visits = visits if start else (new, *visits)
            outcome = replace(
                outcome,
                at={new.name: column, **outcome.at},
                doubt=f"'{column}' is taken for its baseline, because it is named so and lies in "
                f"{low:g}..{high:g}; make sure",
            )
            return replace(layout, visits=visits), outcome, doubts
    if start is None:
        first = visits[0] if visits else VisitGuess(name="baseline", text="baseline", day=0.0)
        visits = (replace(first, day=first.day or 0.0), *visits[1:])
        if len(visits) > 1:
            doubts["baseline"] = f"'{first.text}' is the first visit found; is it baseline?"
    return replace(layout, visits=visits), outcome, doubts
