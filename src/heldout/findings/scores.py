"""Scores of questionnaires: whether items, totals, codes and directions agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from heldout.arrays import Floats
from heldout.cohort.people import Cohort
from heldout.findings.check import Seen, StudyData, listed, sentences
from heldout.instruments.audit import audit_scores, contradictions
from heldout.instruments.scales import Scale, scale_of, score_names
from heldout.instruments.scoring import itemised
from heldout.wording import counted

# A reported score may be rounded to one decimal; sums differ by whole points.
_ROUNDING = 0.051
FEWEST_TO_CORRELATE, CONTRADICTS, Z_99 = 20, -0.5, 2.576
FEWEST_ANSWERS, FEWEST_ITEMS, FEWEST_SCORES, SMALL_PART = 100, 5, 10, 0.15
_APART = (
    "The table's score is not what the items make: {}. The score made of the items is used. Look "
    "for an error of scoring or of entry."
)
_UNUSED = (
    "The table has a score where items are missing: {}. It is not used, and the score is missing. "
    "Enter the items, prorate, or read the score alone."
)


def disagreeing_scores(data: StudyData) -> Seen:
    """Compare scores of the table with what their items make, and count those not used.

    Parameters
    ----------
    data : StudyData
        Of the study.

    Returns
    -------
    Seen
    """
    given = data.cohort.reported
    compared: list[Any] = [name for name in given.columns if name in data.cohort.values.columns]
    if not compared:
        return Seen("not_applicable", "No score stands beside the items it is made of.")
    reported, computed = given[compared], data.cohort.values[compared]
    gaps = (reported - computed).astype("float64").abs()
    differ, lone = gaps > _ROUNDING, reported.notna() & computed.isna()
    apart = [
        f"{name[0]} at {name[1]} for {differ[name].sum()} of {gaps[name].count()} patients"
        for name in differ.columns[differ.any()]
    ]
    unused = [
        f"{name[0]} at {name[1]} for {counted(int(lone[name].sum()), 'patient')}"
        for name in lone.columns[lone.any()]
    ]
    if not apart and not unused:
        n = counted(len(compared), "reported score agrees", "reported scores agree")
        return Seen("passed", f"{n} with the items.")
    text = sentences((apart, _APART), (unused, _UNUSED))
    return Seen("issue", text, tuple(sorted(gaps.index[(differ | lone).any(axis=1)])))


def directions(data: StudyData) -> Seen:
    """Look for a scale whose declared direction contradicts the outcome's.

    Patients who improve on the outcome's scale should not worsen on another one. Changes since
    baseline are compared where both scales were measured again, because a treatment moves them
    together; otherwise their values at baseline. It speaks only of a rank correlation of -.5 or
    less whose 99 % interval (Fieller et al. 1957) excludes 0, in twenty patients or more.

    Parameters
    ----------
    data : StudyData
        Of the study.

    Returns
    -------
    Seen
    """
    scales = _directed_scales(data)
    columns = [outcome.column for outcome in data.outcomes if outcome.column in scales]
    if not columns:
        return Seen("not_applicable", "The outcome's scale has no declared direction.")
    reference = scales[str(columns[0])]
    agreements = dict(_agreements(data.cohort, reference, scales.values()))
    contrary = [words for words, contradicts in agreements.items() if contradicts]
    if contrary:
        return Seen(
            "issue",
            f"Declared directions contradict {reference.name}: {listed(contrary)} go the other "
            "way. Look whether items were reversed twice or not at all, or 'higher_is' is wrong.",
        )
    if not agreements:
        text = "No scale can be compared with the outcome's in enough patients."
        return Seen("not_applicable", text)
    agreeing = counted(len(agreements), "scale does", "scales do")
    return Seen("passed", f"The direction of {agreeing} not contradict {reference.name}.")


def _directed_scales(data: StudyData) -> dict[str, Scale]:
    """Return every score whose direction is known, by name."""
    spec = data.cohort.spec
    names = [
        name
        for column, declared in spec.columns.items()
        if declared.kind in (None, "number")
        for name in score_names(spec, data.keys, column)
    ]
    scales = {name: scale_of(spec, data.keys, name) for name in names}
    return {name: scale for name, scale in scales.items() if scale and scale.higher_is}


def _agreements(
    cohort: Cohort, reference: Scale, scales: Iterable[Scale]
) -> Iterator[tuple[str, bool]]:
    """Yield scales that are known in enough patients, and whether they contradict another one."""
    for scale in scales:
        comparisons = list(_comparisons(cohort, (reference, scale)))
        if scale.column == reference.column or not comparisons:
            continue
        # Changes where there are enough of them, and the largest number of patients among these.
        changes = [pair for pair in comparisons[1:] if pair[0].shape[1] >= FEWEST_TO_CORRELATE]
        values, words = max(changes, key=lambda pair: pair[0].shape[1], default=comparisons[0])
        n = values.shape[1]
        if n >= FEWEST_TO_CORRELATE and np.ptp(values, axis=1).min() > 0:
            rho = np.corrcoef(pd.DataFrame(values).rank(axis=1))[0, 1]
            yield f"{scale.name} ({words}, {n} patients)", _contradicts(rho, n)


def _comparisons(cohort: Cohort, scales: tuple[Scale, Scale]) -> Iterator[tuple[Floats, str]]:
    """Yield two scales where both are known, at baseline and as changes since then."""
    baseline, visits = cohort.spec.baseline, cohort.spec.visits
    signs: Floats = np.array([[1.0 if scale.higher_is == "better" else -1.0] for scale in scales])

    def turned(visit: str) -> Floats:
        values: Floats = signs * [cohort.numbers(scale.name, visit) for scale in scales]
        return values

    measured = [visit for visit in visits if all(cohort.has(scale.name, visit) for scale in scales)]
    if baseline not in measured:
        return
    start = turned(baseline)
    yield start[:, ~np.isnan(start).any(axis=0)], "at baseline"
    for visit in measured:
        if visits[visit].day > visits[baseline].day:
            change = turned(visit) - start
            yield change[:, ~np.isnan(change).any(axis=0)], f"changes up to {visit}"


def _contradicts(rho: float, n: int) -> bool:
    """Return whether a rank correlation is surely and strongly negative."""
    if rho > CONTRADICTS:
        return False
    return bool(np.arctanh(max(rho, -0.999)) + Z_99 * np.sqrt(1.06 / (n - 3)) < 0)


def suspicious_codes(data: StudyData) -> Seen:
    """Look for codes read as values, another coding of items, and answers that were not asked.

    Parameters
    ----------
    data : StudyData
        Of the study.

    Returns
    -------
    Seen
    """
    coded = [notice for notice in data.cohort.noticed if notice.code == "HO023"]
    unasked = list(contradictions(data.cohort, data.keys))
    text = sentences(
        (
            [notice.text for notice in coded],
            "Codes may have been read as values: {}. Declare what means 'not observed' under "
            "'missing' beside 'file', give the column its 'range', and compare codes with the "
            "file's labels.",
        ),
        (
            [*_items_from_one(data), *_narrow_scores(data)],
            "Check the coding: {}. Items may be coded from 1 where the key counts from 0, or a "
            "mean of items may stand where their sum is declared.",
        ),
        (
            [
                f"{column} at {visit} contradicts its skip rule in {counted(len(who), 'patient')}"
                for column, visit, who in unasked
            ],
            "Check the forms: {}. Items that by the rule were not asked were answered above 0; the "
            "score follows the key's rule.",
        ),
    )
    if not text:
        text = "No value looks like a code, and no scale is used in a small part only."
        return Seen("passed", text)
    groups = [*(notice.who for notice in coded), *(who for *_, who in unasked)]
    patients = tuple(sorted(set(chain(*groups))))
    return Seen("issue" if coded else "tip", text, patients)


def _items_from_one(data: StudyData) -> Iterator[str]:
    """Yield questionnaires of which no item ever has the lowest answer."""
    values = data.cohort.values
    keys = {column: key for column, key, _ in itemised(data.cohort, data.keys)}
    for column, key in keys.items():
        items: list[Any] = [name for name in values.columns if name[0] == column and name[2]]
        answers = values[items].to_numpy(dtype=np.float64)
        known = answers[~np.isnan(answers)]
        n_items = len({number for _, _, number in items})
        # Of few answers to few items none may be the lowest by chance.
        enough = known.size >= FEWEST_ANSWERS and n_items >= FEWEST_ITEMS
        if enough and known.min() > key.item_min:
            yield f"no answer to {n_items} items of {column} is ever {key.item_min}"


def _narrow_scores(data: StudyData) -> Iterator[str]:
    """Yield scores of the table that stay in the lowest part of their scale."""
    cohort = data.cohort
    given = [(source.name, source.visit) for source in cohort.sources if not source.item]
    for name, visit in dict.fromkeys(given):
        scale = scale_of(cohort.spec, data.keys, name)
        if scale is None or scale.instrument is None or scale.bounds is None:
            continue
        low, high = scale.bounds
        values = cohort.numbers(name, visit)
        known = values[~np.isnan(values)]
        # A mean of items that is read as their sum never leaves the lowest part.
        if len(known) >= FEWEST_SCORES and known.max() <= low + SMALL_PART * (high - low):
            yield f"{name} at {visit} stays in the lowest part of {low:g} to {high:g}"


def prorated_scores(data: StudyData) -> Seen:
    """Count the scores of which a part was filled in with the person's own mean.

    Parameters
    ----------
    data : StudyData
        Of the study.

    Returns
    -------
    Seen
    """
    audits = audit_scores(data.cohort, data.keys)
    if not audits:
        return Seen("not_applicable", "No score is made of items.")
    touched = [audit for audit in audits if audit.prorated]
    if not touched:
        return Seen("passed", "No score is prorated.")
    names = listed(
        f"{audit.name} at {audit.visit} {len(audit.prorated)} of {audit.scored}"
        for audit in touched
    )
    return Seen(
        "tip",
        f"Scores with missing items filled in by the person's mean: {names}. Say so where "
        "you report them.",
        tuple(sorted({patient for audit in touched for patient in audit.prorated})),
    )
