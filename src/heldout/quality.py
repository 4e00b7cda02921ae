"""Numbered findings about the data, one function each.

These look across patients, but only to describe: nothing that is found here is used by a
feature, a model or a fold. A text names columns, counts and places, never a value; who is
meant stands apart, as pseudonyms, so that a page can leave them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from heldout.arrays import Floats
from heldout.cohort import Cohort
from heldout.cohort.words import how_many
from heldout.errors import a_few
from heldout.features import FeatureMatrix
from heldout.findings import Finding
from heldout.instruments.audit import audit_scores, contradictions
from heldout.instruments.scales import Scale, scale_of, score_names
from heldout.outcomes import Outcome
from heldout.spec import Experiment, InstrumentKey

# A reported score may be rounded to one decimal; sums differ by whole points.
_ROUNDING = 0.051
LEAST_COMPARED, ALIKE, FEWEST_EQUAL = 8, 0.95, 3
# Where nearly all answer the same, agreeing says nothing.
_COMMONEST = 0.8
FEWEST_TO_CORRELATE, CONTRADICTS, Z_99 = 20, -0.5, 2.576
_MISSING_WORTH_SAYING = 0.2
FEWEST_LOST, SAME_PATIENTS = 3, 0.9
FEWEST_ANSWERS, FEWEST_ITEMS, FEWEST_SCORES, SMALL_PART = 100, 5, 10, 0.15
_MOST_LISTED = 12

_Result = tuple[str, str] | tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """All that a check may look at; as in `check_data`."""

    experiment: Experiment
    cohort: Cohort
    keys: Mapping[str, InstrumentKey]
    outcomes: tuple[Outcome, ...]
    matrix: FeatureMatrix


def _simulated(data: _Data) -> _Result:
    """Say that the data are simulated."""
    if data.cohort.spec.simulated:
        return "issue", "The data are simulated. Nothing found here is about people."
    return "not_applicable", "The cohort file does not call the data simulated."


def _disagreeing_scores(data: _Data) -> _Result:
    """Compare scores of the table with what their items make, and count those not used."""
    reported, values = data.cohort.reported, data.cohort.values
    compared = [place for place in _places_of(reported) if place in values.columns]
    if not compared:
        return "not_applicable", "No score stands beside the items it is made of."
    apart: list[str] = []
    unused: list[str] = []
    who: set[str] = set()
    for name, visit, item in compared:
        given, made = reported[(name, visit, item)], values[(name, visit, item)]
        gap = (given - made).astype("float64").abs()
        differ, lone = gap > _ROUNDING, given.notna() & made.isna()
        if differ.any():
            both = int(gap.notna().sum())
            apart.append(f"{name} at {visit} for {int(differ.sum())} of {both} patients")
        if lone.any():
            n = how_many(int(lone.sum()), "patient")
            unused.append(f"{name} at {visit} for {n}")
        who |= set(gap.index[differ | lone])
    texts = []
    if apart:
        texts.append(
            f"The table's score is not what the items make: {_listed(apart)}. The score made of "
            "the items is used. Look for an error of scoring or of entry."
        )
    if unused:
        texts.append(
            f"The table has a score where items are missing: {_listed(unused)}. It is not used, "
            "and the score is missing. Enter the items, prorate, or read the score alone."
        )
    if not texts:
        n = how_many(len(compared), "reported score agrees", "reported scores agree")
        return "passed", f"{n} with the items."
    return "issue", " ".join(texts), tuple(sorted(who))


def _alike_patients(data: _Data) -> _Result:
    """Look for patients who are entered twice: the same values nearly everywhere."""
    codes = _telling_codes(data.cohort)
    identical: list[str] = []
    close: list[str] = []
    for first, second, share in _alike_pairs(codes):
        pair = f"{data.cohort.patients[first]} and {data.cohort.patients[second]}"
        (identical if share == 1 else close).append(pair)
    if identical or close:
        return (
            "issue" if identical else "tip",
            f"Pairs of patients with the same values: {len(identical)} in all that both have, "
            f"{len(close)} more in {ALIKE:.0%}".replace("%", " %")
            + " or more. If one person stands in the table twice, the same person is in training "
            "and among those held out; remove one.",
            (*identical, *close),
        )
    if codes.shape[1] < LEAST_COMPARED:
        return _equal_patients(data.cohort, codes)
    return "passed", f"No two patients are alike in {codes.shape[1]} columns."


def _equal_patients(cohort: Cohort, codes: NDArray[np.int64]) -> _Result:
    """Look for patients who are equal in all of a few columns, where chance hardly makes such."""
    n_columns = codes.shape[1]
    if n_columns < FEWEST_EQUAL:
        return "not_applicable", f"Fewer than {FEWEST_EQUAL} columns tell patients apart."
    known = np.flatnonzero((codes >= 0).all(axis=1))
    frame = pd.DataFrame(codes[known])
    # How often two patients would be equal if the columns had nothing to do with each other.
    share = np.prod([float((frame[one].value_counts(normalize=True) ** 2).sum()) for one in frame])
    if len(known) < 2 or share * len(known) * (len(known) - 1) / 2 >= 1:
        text = f"{n_columns} columns are too few to tell patients apart: some are equal by chance."
        return "not_applicable", text
    groups = frame.groupby(list(frame.columns)).groups.values()
    pairs = tuple(
        " and ".join(cohort.patients[known[place]] for place in sorted(group))
        for group in groups
        if len(group) > 1
    )
    if not pairs:
        return "passed", f"No two patients are equal in all {n_columns} columns that tell apart."
    return (
        "tip",
        f"Patients with the same values in all {n_columns} columns that tell apart: "
        f"{how_many(len(pairs), 'pair or group', 'pairs or groups')}. If one person stands in the "
        "table twice, the same person is in training and among those held out; remove one.",
        pairs,
    )


def _telling_codes(cohort: Cohort) -> NDArray[np.int64]:
    """Return the table's values as codes, -1 where missing; only columns that tell apart."""
    values, given = cohort.values, {(one.name, one.visit, one.item) for one in cohort.sources}
    itemised = {(one.declared, one.visit) for one in cohort.sources if one.item}
    columns = []
    for name, visit, item in _places_of(values):
        # A score is made of its items: it would count them twice.
        made = item == 0 and (name.partition(".")[0], visit) in itemised
        if made or (name, visit, item) not in given:
            continue
        codes = pd.factorize(values[(name, visit, item)])[0].astype(np.int64)
        counts = np.bincount(codes[codes >= 0])
        if len(counts) > 1 and counts.max() <= _COMMONEST * counts.sum():
            columns.append(codes)
    return np.column_stack(columns) if columns else np.empty((len(values), 0), dtype=np.int64)


def _alike_pairs(codes: NDArray[np.int64]) -> Iterator[tuple[int, int, float]]:
    """Yield two patients and the share of equal values among those that both have."""
    for first in range(len(codes) - 1):
        others = codes[first + 1 :]
        both = (others >= 0) & (codes[first] >= 0)
        n_both = both.sum(axis=1)
        share = (both & (others == codes[first])).sum(axis=1) / np.maximum(n_both, 1)
        for place in np.flatnonzero((n_both >= LEAST_COMPARED) & (share >= ALIKE)):
            yield first, first + 1 + int(place), float(share[place])


def _directions(data: _Data) -> _Result:
    """Look for a scale whose declared direction contradicts the outcome's.

    Patients who improve on the outcome's scale should not worsen on another one. Changes since
    baseline are compared where both scales were measured again, because a treatment moves them
    together; otherwise their values at baseline. It speaks only of a rank correlation of -.5 or
    less whose 99 % interval (Fieller et al. 1957) excludes 0, in twenty patients or more.
    """
    own = next((one for one in data.outcomes if one.column and one.higher_is), None)
    scales = {
        name: scale
        for column in data.cohort.spec.columns
        if data.cohort.spec.columns[column].kind in (None, "number")
        for name in score_names(data.cohort.spec, data.keys, column)
        if (scale := scale_of(data.cohort.spec, data.keys, name)) and scale.higher_is
    }
    if own is None or own.column not in scales:
        return "not_applicable", "The outcome's scale has no declared direction."
    reference, found, n_compared = scales[own.column], [], 0
    for name, scale in scales.items():
        if scale.column == reference.column:
            continue
        rho, n, words = _agreement(data.cohort, reference, scale)
        n_compared += n >= FEWEST_TO_CORRELATE
        if _contradicts(rho, n):
            found.append(f"{name} ({words}, {n} patients)")
    if found:
        return (
            "issue",
            f"Declared directions contradict {reference.name}: {_listed(found)} go the other way. "
            "Look whether items were reversed twice or not at all, or 'higher_is' is wrong.",
        )
    if not n_compared:
        return "not_applicable", "No scale can be compared with the outcome's in enough patients."
    told = how_many(n_compared, "scale does", "scales do")
    return "passed", f"The direction of {told} not contradict {reference.name}."


def _agreement(cohort: Cohort, one: Scale, other: Scale) -> tuple[float, int, str]:
    """Return the rank correlation of improvement on two scales, in how many, and of what."""
    baseline, days = cohort.spec.baseline, cohort.spec.visits
    if not (cohort.has(one.name, baseline) and cohort.has(other.name, baseline)):
        return 0.0, 0, ""
    start = [_well(cohort, scale, baseline) for scale in (one, other)]
    choices = [(start, "at baseline")]
    for visit in days:
        later = days[visit].day > days[baseline].day
        if later and cohort.has(one.name, visit) and cohort.has(other.name, visit):
            ends = [_well(cohort, scale, visit) for scale in (one, other)]
            changes = [end - begin for end, begin in zip(ends, start, strict=True)]
            choices.append((changes, f"changes up to {visit}"))
    # Changes where there are enough of them, and the largest number of patients among these.
    counted = [(int(np.all(~np.isnan(pair), axis=0).sum()), pair, words) for pair, words in choices]
    changed = [choice for choice in counted[1:] if choice[0] >= FEWEST_TO_CORRELATE]
    n, pair, words = max(changed, key=lambda choice: choice[0]) if changed else counted[0]
    known = np.all(~np.isnan(pair), axis=0)
    ranks = [pd.Series(values[known]).rank().to_numpy() for values in pair]
    if n < FEWEST_TO_CORRELATE or min(np.ptp(rank) for rank in ranks) == 0:
        return 0.0, 0, words
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1]), n, words


def _well(cohort: Cohort, scale: Scale, visit: str) -> Floats:
    """Return a scale turned so that higher is better."""
    return cohort.numbers(scale.name, visit) * (1 if scale.higher_is == "better" else -1)


def _contradicts(rho: float, n: int) -> bool:
    """Return whether a rank correlation is surely and strongly negative."""
    if rho > CONTRADICTS or n < FEWEST_TO_CORRELATE:
        return False
    return bool(np.arctanh(max(rho, -0.999)) + Z_99 * np.sqrt(1.06 / (n - 3)) < 0)


def _constant_features(data: _Data) -> _Result:
    """Name features that are the same in all patients, or that nobody has."""
    table = data.matrix.table
    names = [name for name in data.matrix.names if not table[name].max() > table[name].min()]
    if not names:
        return "passed", "Every feature differs between patients."
    return (
        "issue",
        f"The same in all patients who have it: {_listed(names)}. A feature that does not differ "
        "predicts nothing; remove it.",
    )


def _later_columns(data: _Data) -> _Result:
    """Name what is declared but known only after the prediction is made."""
    visits, known_at = data.cohort.spec.visits, data.experiment.landmark
    of_outcomes = {outcome.column for outcome in data.outcomes}
    later: dict[str, list[str]] = {}
    for source in data.cohort.sources:
        if visits[source.visit].day > visits[known_at].day and source.name not in of_outcomes:
            later.setdefault(source.name, [])
            if source.visit not in later[source.name]:
                later[source.name].append(source.visit)
    if not later:
        return "passed", f"Nothing but outcomes is declared after '{known_at}'."
    words = [f"{name} ({', '.join(at)})" for name, at in later.items()]
    return (
        "tip",
        f"Known only after the prediction is made at '{known_at}', and therefore no features: "
        f"{_listed(words)}.",
    )


def _missing_features(data: _Data) -> _Result:
    """Name features that more than a fifth of the patients lack."""
    n_patients = len(data.matrix.table)
    missing = {name: int(n) for name, n in data.matrix.table.isna().sum().items()}
    many = [f"{name} {n}" for name, n in missing.items() if n > _MISSING_WORTH_SAYING * n_patients]
    if not many:
        return "passed", "At most a fifth of the patients lacks any feature."
    return (
        "issue",
        f"Missing in more than a fifth of {n_patients} patients: {_listed(many)}. These values "
        "are imputed inside the folds; a feature that is mostly imputed is hardly measured.",
    )


def _missing_with_dropout(data: _Data) -> _Result:
    """Name features missing in the very patients who miss a follow-up."""
    table, found, n_lost = data.matrix.table, {}, 0
    for outcome in data.outcomes:
        lost = np.isnan(outcome.score)
        if lost.sum() < FEWEST_LOST:
            continue
        n_lost += 1
        for name in data.matrix.names:
            missing = table[name].isna().to_numpy()
            share = (missing & lost).sum() / (missing | lost).sum()
            if share >= SAME_PATIENTS:
                n_both = int((missing & lost).sum())
                found[name] = f"{name} ({n_both} of {int(lost.sum())} at {outcome.follow_up})"
    if found:
        return (
            "issue",
            f"Missing in the patients who miss the follow-up: {_listed(found.values())}. Either it "
            "was entered afterwards, for those who came back, or whoever did not answer left: "
            "its presence tells who was observed.",
        )
    if not n_lost:
        return "not_applicable", "Hardly anybody misses a follow-up."
    return "passed", "No feature is missing in just the patients who miss a follow-up."


def _suspicious_codes(data: _Data) -> _Result:
    """Look for codes read as values, another coding of items, and answers that were not asked."""
    coded = [notice for notice in data.cohort.noticed if notice.code == "HO023"]
    who = {patient for notice in coded for patient in notice.who}
    narrow, skipped = _narrow_answers(data), []
    for column, visit, patients in contradictions(data.cohort, data.keys):
        n = how_many(len(patients), "patient")
        skipped.append(f"{column} at {visit} contradicts its skip rule in {n}")
        who |= set(patients)
    texts = []
    if coded:
        texts.append(
            f"Codes may have been read as values: {_listed(one.text for one in coded)}. Declare "
            "what means 'not observed' under 'missing' beside 'file', give the column its 'range', "
            "and compare codes with the file's labels."
        )
    if narrow:
        texts.append(
            f"Check the coding: {_listed(narrow)}. Items may be coded from 1 where the key counts "
            "from 0, or a mean of items may stand where their sum is declared."
        )
    if skipped:
        texts.append(
            f"Check the forms: {_listed(skipped)}. Items that by the rule were not asked were "
            "answered above 0; the score follows the key's rule."
        )
    if not texts:
        return "passed", "No value looks like a code, and no scale is used in a small part only."
    return "issue" if coded else "tip", " ".join(texts), tuple(sorted(who))


def _narrow_answers(data: _Data) -> list[str]:
    """Return items coded from 1 instead of 0, and means where sums are declared."""
    cohort = data.cohort
    found = [
        f"no answer to {n_items} items of {column} is ever {key.item_min}"
        for column, key, n_items, seen in _itemised(data)
        if seen.size >= FEWEST_ANSWERS and n_items >= FEWEST_ITEMS and not seen.any()
    ]
    reported = [(one.name, one.visit) for one in cohort.sources if not one.item]
    for name, visit in dict.fromkeys(reported):
        scale = scale_of(cohort.spec, data.keys, name)
        if scale is None or scale.instrument is None or scale.bounds is None:
            continue
        if not cohort.has(name, visit):
            continue
        low, high = scale.bounds
        values = cohort.numbers(name, visit)
        known = values[~np.isnan(values)]
        if len(known) >= FEWEST_SCORES and known.max() <= low + SMALL_PART * (high - low):
            found.append(f"{name} at {visit} stays in the lowest part of {low:g} to {high:g}")
    return found


def _prorated_scores(data: _Data) -> _Result:
    """Count the scores of which a part was filled in with the person's own mean."""
    audits = audit_scores(data.cohort, data.keys)
    if not audits:
        return "not_applicable", "No score is made of items."
    touched = [audit for audit in audits if audit.prorated]
    if not touched:
        return "passed", "No score is prorated."
    found = [f"{one.name} at {one.visit} {len(one.prorated)} of {one.scored}" for one in touched]
    return (
        "tip",
        f"Scores with missing items filled in by the person's mean: {_listed(found)}. Say so where "
        "you report them.",
        tuple(sorted({name for one in touched for name in one.prorated})),
    )


def _itemised(data: _Data) -> Iterator[tuple[str, InstrumentKey, int, NDArray[np.bool_]]]:
    """Yield each questionnaire given as items, and which of its answers are the lowest one."""
    values = data.cohort.values
    for column, declared in data.cohort.spec.columns.items():
        places = [place for place in _places_of(values) if place[0] == column and place[2] > 0]
        if declared.instrument is None or not places:
            continue
        key = data.keys[declared.instrument]
        answers = values[places].to_numpy(dtype=np.float64)
        lowest = answers[~np.isnan(answers)] <= key.item_min
        yield column, key, len({place[2] for place in places}), lowest


def _places_of(values: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Return name, visit and item of every column."""
    return [(str(place[0]), str(place[1]), int(place[2])) for place in values.columns]


def _listed(found: Iterable[str]) -> str:
    """Return what was found as one text, shortened where it is long."""
    return a_few(found, _MOST_LISTED)


DATA_CHECKS: dict[str, tuple[str, Callable[[_Data], _Result]]] = {
    "HO015": ("Simulated data", _simulated),
    "HO016": ("Scores that disagree with their items", _disagreeing_scores),
    "HO017": ("Patients who are alike", _alike_patients),
    "HO018": ("Directions of scales", _directions),
    "HO019": ("Features that do not differ", _constant_features),
    "HO020": ("Known too late", _later_columns),
    "HO021": ("Missing values", _missing_features),
    "HO022": ("Missing with drop-out", _missing_with_dropout),
    "HO023": ("Suspicious coding", _suspicious_codes),
    "HO024": ("Prorated scores", _prorated_scores),
}


def check_data(
    experiment: Experiment,
    cohort: Cohort,
    keys: Mapping[str, InstrumentKey],
    outcomes: tuple[Outcome, ...],
    matrix: FeatureMatrix,
) -> tuple[Finding, ...]:
    """Return what was noticed while reading, and what the checks of the data found.

    Parameters
    ----------
    experiment : Experiment
        For the moment at which the prediction is made.
    cohort : Cohort
        Scored, and only those included.
    keys : mapping of str to InstrumentKey
        The keys of its instruments.
    outcomes : tuple of Outcome
        Derived from the cohort.
    matrix : FeatureMatrix
        Built from the cohort.

    Returns
    -------
    tuple of Finding
        The cohort's own, then one a check, in the order of their numbers.
    """
    data = _Data(experiment=experiment, cohort=cohort, keys=keys, outcomes=outcomes, matrix=matrix)
    findings = list(cohort.findings)
    for code, (title, check) in DATA_CHECKS.items():
        verdict, text, *who = check(data)
        findings.append(
            Finding(code=code, title=title, verdict=verdict, text=text, who=who[0] if who else ())
        )
    return tuple(findings)
