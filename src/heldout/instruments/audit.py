"""How every score came about: items, reversals, recodes, skips, and whom a rule touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from heldout.cohort.people import Cohort
from heldout.instruments.arithmetic import Answers
from heldout.instruments.scoring import (
    ScoredItems,
    itemised,
    items_at,
    read_answers,
    score_column,
    score_name,
)
from heldout.spec.instrument import InstrumentKey

_Whom = TypeVar("_Whom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited(Generic[_Whom]):
    """How one score at one visit was made of items, and of whom.

    Attributes
    ----------
    name : str
        The score as experiments write it.
    visit : str or None
        None for a table without visits.
    instrument : str
        The key's id.
    items, reversed, recoded, skippable, suicidality : tuple of int
        Items of the form that the score uses, and those of them that are reversed, recoded,
        possibly set to 0 by a skip rule, and never filled in.
    method, rule, higher_is : str
        How parts are put together; what is done about missing ones (``none``, ``80%``,
        ``half``); the direction.
    n : int
        Patients in the table.
    scored : int
        Patients who have the score.
    unanswered : int
        Patients without any answer; they count as missing too.
    prorated, skipped, missing
        Patients: scored with a part filled in; with an item left open that counts as 0 by a
        skip rule; without a score.
    """

    name: str
    visit: str | None
    instrument: str
    items: tuple[int, ...]
    reversed: tuple[int, ...]
    recoded: tuple[int, ...]
    skippable: tuple[int, ...]
    suicidality: tuple[int, ...]
    method: str
    rule: str
    higher_is: str
    n: int
    scored: int
    unanswered: int
    prorated: _Whom
    skipped: _Whom
    missing: _Whom


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreAudit(Audited[tuple[str, ...]]):
    """How one score was made of items; `prorated`, `skipped` and `missing` are pseudonyms.

    Attributes
    ----------
    contradicting : tuple of str
        Pseudonyms of who answered above 0 what by a skip rule was not asked. The rule says
        whether such an answer counts; the score follows it.
    """

    contradicting: tuple[str, ...]


def audit_scores(cohort: Cohort, keys: Mapping[str, InstrumentKey]) -> tuple[ScoreAudit, ...]:
    """Return how every score of a cohort was made of items.

    Parameters
    ----------
    cohort : Cohort
        Scored or not, with its items; the patients in it are those who are told of.
    keys : mapping of str to InstrumentKey
        The keys of its instruments.

    Returns
    -------
    tuple of ScoreAudit
        In the order of columns, visits and the key's scores; none for scores that were read
        as such.
    """
    audits: list[ScoreAudit] = []
    for column, key, visit in itemised(cohort, keys):
        declared = cohort.spec.columns[column]
        answers = read_answers(key, items_at(cohort, key, column, visit))
        audits += [
            audit_of(
                key,
                answers,
                score_column(key, answers, score, prorate=declared.prorate),
                name=score_name(column, score),
                visit=visit,
                patients=cohort.patients,
                higher_is=declared.higher_is,
            )
            for score in key.scored
        ]
    return tuple(audits)


def audit_of(
    key: InstrumentKey,
    answers: Answers,
    result: ScoredItems,
    *,
    name: str,
    patients: Sequence[object],
    visit: str | None = None,
    higher_is: str | None = None,
) -> ScoreAudit:
    """Return how one score was made.

    Parameters
    ----------
    key : InstrumentKey
        The instrument's key.
    answers : Answers
        What the score was made of.
    result : ScoredItems
        The score.
    name : str
        What experiments call the score.
    patients : sequence
        Pseudonyms, in the order of the rows.
    visit : str, optional
        If there are visits.
    higher_is : str, optional
        As declared, where the key leaves the direction open.

    Returns
    -------
    ScoreAudit
    """
    score, items = result.score, key.items_of(result.score)
    columns = [item - 1 for item in items]
    zeroed = {item for skip in key.skip for item in skip.zero}
    direction = key.scores[score].higher_is
    return ScoreAudit(
        name=name,
        visit=visit,
        instrument=key.id,
        items=items,
        reversed=tuple(item for item in items if item in key.reverse),
        recoded=tuple(item for item in items if key.recode_of(score, item) is not None),
        skippable=tuple(item for item in items if item in zeroed),
        suicidality=tuple(item for item in items if item in key.suicidality),
        method=key.scores[score].method,
        rule=result.rule,
        higher_is=(higher_is or direction) if direction == "declared" else direction,
        n=len(answers.values),
        scored=int((~np.isnan(result.values)).sum()),
        unanswered=int(np.isnan(answers.values[:, columns]).all(axis=1).sum()),
        prorated=_names_of(patients, result.prorated),
        skipped=_names_of(patients, _touched(answers.skipped, items, len(answers.values))),
        missing=_names_of(patients, np.isnan(result.values)),
        contradicting=_names_of(
            patients, _touched(answers.contradicting, items, len(answers.values))
        ),
    )


def _names_of(patients: Sequence[object], rows: NDArray[np.bool_]) -> tuple[str, ...]:
    """Return the pseudonyms of some rows."""
    return tuple(str(patients[row]) for row in np.flatnonzero(rows).tolist())


def _touched(
    flags: NDArray[np.bool_] | None, items: Sequence[int], n_patients: int
) -> NDArray[np.bool_]:
    """Return who has a flag at one of some items; nobody if the key knows no such flag."""
    if flags is None:
        return np.zeros(n_patients, dtype=np.bool_)
    return np.asarray(flags[:, [item - 1 for item in items]].any(axis=1))


def contradictions(
    cohort: Cohort, keys: Mapping[str, InstrumentKey]
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield whose answers contradict the skip rules of a questionnaire.

    Parameters
    ----------
    cohort : Cohort
        With its items.
    keys : mapping of str to InstrumentKey
        The keys of its instruments.

    Yields
    ------
    tuple of str, str and tuple of str
        Declared column, visit and pseudonyms, wherever there is somebody.
    """
    for column, key, visit in itemised(cohort, keys):
        answers = read_answers(key, items_at(cohort, key, column, visit))
        rows = _touched(answers.contradicting, range(1, key.items + 1), len(cohort.patients))
        if rows.any():
            yield column, visit, _names_of(cohort.patients, rows)
