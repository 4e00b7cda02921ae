"""One column as it will be declared, and what a column of no questionnaire holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from heldout.cohort.cells import numbers_of
from heldout.draft.layout import Layout
from heldout.draft.names import LATE_WORDS, name_of, words_of
from heldout.draft.tables import Opened
from heldout.errors import a_few

__all__ = ["ColumnGuess", "plain_column"]

MOST_LEVELS, LONGEST_CODE = 8, 20
SEX_NAMES = frozenset(("sex", "gender", "geschlecht", "sesso"))
SEX = {"m": "male", "f": "female", "w": "female"}
CONTROLS = frozenset(("hc", "hv", "control", "controls", "healthy", "ctrl"))
DATE = re.compile(r"\d{4}-\d\d?-\d\d?([ T].*)?|\d\d?[./]\d\d?[./]\d{2,4}")


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
    instrument : str or None
        The key.
    levels : dict
        Code of a category -> label.
    doubt : str
        What a person must decide about it; empty if nothing.
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
    instrument: str | None = None
    levels: Mapping[str, str] = field(default_factory=dict)
    doubt: str = ""
    late: bool = False
    constant: bool = False

    @property
    def visits(self) -> set[str]:
        """When it was measured, as far as the table tells."""
        return {*self.at, *self.items, *(visit for at in self.scores.values() for visit in at)}


def plain_column(
    stem: str, at: Mapping[str, str], opened: Opened, layout: Layout
) -> ColumnGuess | str:
    """Return what a column without an instrument holds, or why it is left out."""
    cells = opened.cells
    texts = pd.concat([cells[column] for column in dict.fromkeys(at.values())]).dropna()
    patients = cells[layout.patient].reindex(texts.index)
    numbers = numbers_of(texts, opened.spec.decimal)
    if texts.nunique() < 2:
        return "the same for everybody" if len(texts) else "holds nothing"
    if texts.str.fullmatch(DATE).mean() > 0.9:
        return "dates"
    labels = cells.attrs.get("levels", {}).get(next(iter(at.values())), {})
    words = set(re.findall(r"[a-z]+", stem.casefold())) | words_of(stem)
    guess = ColumnGuess(
        name=name_of(stem.replace("{visit}", "")),
        kind="text",
        at=at,
        why="words, or codes of single patients",
        late=bool(words & LATE_WORDS) and "" in at,
        constant=at_baseline(at, cells, layout).nunique() < 2,
    )
    share = numbers.notna().mean()
    if are_codes(texts, patients) and (share < 1 or texts.nunique() == 2 or labels):
        codes = sorted(texts.unique())
        controls = sorted(CONTROLS & {code.casefold() for code in codes})
        return replace(
            guess,
            kind="category",
            levels={code: labels.get(code) or label_of(code, words) for code in codes},
            why=f"{len(codes)} codes, each of several patients",
            doubt=f"{a_few(controls)} may be healthy controls; leave them out with 'include'"
            if controls
            else "",
        )
    if share > 0.9:
        return replace(guess, kind="number", why="numbers" if share == 1 else "numbers, mostly")
    return guess


def are_codes(texts: pd.Series, patients: pd.Series) -> bool:
    """Return whether texts are a few short codes, none of which is one patient's alone."""
    if texts.nunique() > MOST_LEVELS or texts.str.len().max() > LONGEST_CODE:
        return False
    return bool(patients.groupby(texts).nunique().min() > 1) and not (
        texts.str.contains(r"\d[.,]\d*[1-9]").any()
    )


def at_baseline(at: Mapping[str, str], cells: pd.DataFrame, layout: Layout) -> pd.Series:
    """Return a column's texts at the first visit, or wherever its visit is not told."""
    first = layout.visits[0]
    texts = cells[at.get(first.name) or next(iter(at.values()))]
    if layout.visit is None or first.name not in at:
        return texts
    return texts[cells[layout.visit] == first.text]


def label_of(code: str, words: set[str]) -> str:
    """Return what a code is called for people."""
    called = SEX.get(code.casefold()) if words & SEX_NAMES else None
    return called or code
