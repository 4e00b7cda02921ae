"""One column as it will be declared, and what a column of no questionnaire holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from heldout.draft.dates import DATE
from heldout.draft.layout import Layout
from heldout.draft.names import CONTROLS, LATE_WORDS, name_of, words_of
from heldout.draft.opened import Opened
from heldout.draft.plan_stops import plan_stops
from heldout.errors import a_few
from heldout.features.clinical import SEX_NAMES
from heldout.spec.cohort import ColumnSpec
from heldout.spec.instrument import TOTAL_SCORE, InstrumentKey

MOST_LEVELS, LONGEST_CODE = 8, 20
_SEX = {"m": "male", "f": "female", "w": "female"}
# Codes that say nothing without a label, and those of one letter that do.
_UNSAID = re.compile(r"[+-]?\d+([.,]0+)?|[A-Za-z]")
_SAID = frozenset("ynj")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnGuess:
    """One column as it will be declared.

    Attributes
    ----------
    name : str
        As experiments will call it.
    kind : str
        ``instrument``, ``number``, ``category`` or ``text``.
    why : str
        The evidence, without any patient's value.
    at : dict
        Visit -> source column; the visit is ``""`` where the table does not tell one. Of an
        instrument: its total.
    items : dict
        Visit -> pattern of the item columns.
    scores : dict
        Score of the key -> visit -> source column.
    key : InstrumentKey or None
        Of the instrument.
    levels : dict
        Code of a category -> label.
    controls : tuple of str
        Codes of a category that may be of people who are no patients.
    partly : int
        Patients for whom some of the items, and not all, are missing at a visit.
    doubts : tuple of str
        What a person must decide about it.
    late : bool
        Whether its name sounds like something known after treatment only.
    constant : bool
        Whether it is the same for everybody at baseline.
    """

    name: str
    kind: str
    why: str
    at: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    key: InstrumentKey | None = None
    levels: Mapping[str, str] = field(default_factory=dict)
    controls: tuple[str, ...] = ()
    partly: int = 0
    doubts: tuple[str, ...] = ()
    late: bool = False
    constant: bool = False

    @property
    def visits(self) -> set[str]:
        """When it was measured, as far as the table tells."""
        return {*self.at, *self.items, *(visit for at in self.scores.values() for visit in at)}

    @property
    def total_visits(self) -> set[str]:
        """When its total was measured, or the items that make it."""
        return {*self.at, *self.items}

    @property
    def instrument(self) -> str | None:
        """The name of the key."""
        return self.key.id if self.key else None

    @property
    def is_undirected(self) -> bool:
        """Whether nobody but the author can say which way a score goes."""
        scores = self.key.scores if self.key else {}
        given = {*self.scores, *([TOTAL_SCORE] if self.at else [])}
        return any(scores[name].higher_is == "declared" for name in given or scores)

    @property
    def feature_names(self) -> list[str]:
        """What experiments call its values: one name, or one for each of its scores."""
        if self.key is None or (self.key.has_total and self.total_visits):
            return [self.name]
        return [f"{self.name}.{score}" for score in self.scores or self.key.scores]


def plain_column(
    stem: str, at: Mapping[str, str], opened: Opened, layout: Layout
) -> ColumnGuess | str:
    """Return what a column without an instrument holds, or why it is left out.

    Parameters
    ----------
    stem : str
        Its name as a pattern.
    at : mapping of str to str
        Visit -> source column.
    opened : Opened
        The table.
    layout : Layout
        Its visits.

    Returns
    -------
    ColumnGuess or str
    """
    cells = opened.cells
    texts = opened.texts(at.values())
    if texts.nunique() < 2:
        return "the same for everybody" if len(texts) else "holds nothing"
    if texts.str.fullmatch(DATE).mean() > 0.9:
        return "dates"
    called = stem.replace("{visit}", "")
    guess = ColumnGuess(
        name=name_of(called),
        kind="text",
        at=at,
        why="words, or codes of single patients",
        late=bool(words_of(stem) & LATE_WORDS) and "" in at,
        constant=_at_baseline(at, cells, layout).nunique() < 2,
    )
    labels = cells.attrs.get("levels", {}).get(next(iter(at.values())), {})
    share = opened.numbers(at.values()).notna().mean()
    # Numbers are codes only if there are two of them, or the file labels them.
    coded = any((share < 1, texts.nunique() == 2, labels))
    if coded and _are_codes(texts, cells[layout.patient].reindex(texts.index)):
        return _category(guess, called, texts, labels)
    if share > 0.9:
        return replace(
            guess,
            kind="number",
            why="numbers" if share == 1 else "numbers, mostly",
            doubts=plan_stops(opened, at.values(), ColumnSpec(kind="number")),
        )
    return guess


def _category(
    guess: ColumnGuess, called: str, texts: pd.Series, labels: Mapping[str, str]
) -> ColumnGuess:
    """Return a column of codes, with what each is called for people."""
    is_sex = bool(words_of(called) & SEX_NAMES)
    levels = {
        code: labels.get(code) or (_SEX.get(code.casefold()) if is_sex else None) or code
        for code in sorted(texts.unique())
    }
    return replace(
        guess,
        kind="category",
        levels=levels,
        why=f"{len(levels)} codes, each of several patients",
        controls=tuple(code for code in levels if words_of(f"{code} {levels[code]}") & CONTROLS),
        doubts=_unsaid(called, levels),
    )


def _unsaid(stem: str, levels: Mapping[str, str]) -> tuple[str, ...]:
    """Return the question what codes mean that say it neither themselves nor by a label."""
    codes = [
        code
        for code, label in levels.items()
        if code == label and _UNSAID.fullmatch(code) and code.casefold() not in _SAID
    ]
    if not codes:
        return ()
    listed = a_few(codes[:-1], MOST_LEVELS) + " and " + codes[-1] if codes[1:] else codes[0]
    ask = f"what do codes {listed} of '{stem}' mean? Write it behind them under 'levels'."
    return (ask if codes[1:] else ask.replace("codes", "code", 1),)


def _are_codes(texts: pd.Series, patients: pd.Series) -> bool:
    """Return whether texts are a few short codes, none of which is one patient's alone."""
    if texts.nunique() > MOST_LEVELS or texts.str.len().max() > LONGEST_CODE:
        return False
    return bool(patients.groupby(texts).nunique().min() > 1) and not (
        texts.str.contains(r"\d[.,]\d*[1-9]").any()
    )


def _at_baseline(at: Mapping[str, str], cells: pd.DataFrame, layout: Layout) -> pd.Series:
    """Return a column's texts at baseline, or wherever its visit is not told."""
    first = layout.baseline
    texts = cells[at.get(first.name) or next(iter(at.values()))]
    return layout.at(texts, first) if first.name in at else texts
