"""Patients and features: who is alike, and what is constant, missing or known too late."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from heldout.cohort.people import Cohort
from heldout.findings.check import Seen, StudyData, listed, named
from heldout.wording import counted, percent

LEAST_COMPARED, ALIKE, FEWEST_EQUAL = 8, 0.95, 3
# Where nearly all answer the same, agreeing says nothing.
_COMMONEST = 0.8
_MISSING_WORTH_SAYING = 0.2
FEWEST_LOST, SAME_PATIENTS = 3, 0.9
_TWICE = (
    "If one person stands in the table twice, the same person is in training and among those held "
    "out; remove one."
)


def simulated_data(data: StudyData) -> Seen:
    """Say that the data are simulated.

    Parameters
    ----------
    data : StudyData
        Of the study.

    Returns
    -------
    Seen
    """
    if data.cohort.spec.simulated:
        return Seen("issue", "The data are simulated. Nothing found here is about people.")
    return Seen("not_applicable", "The cohort file does not call the data simulated.")


def alike_patients(data: StudyData) -> Seen:
    """Look for patients who are entered twice: the same values nearly everywhere.

    Parameters
    ----------
    data : StudyData
        Of the study.

    Returns
    -------
    Seen
    """
    codes, patients = _telling_codes(data.cohort), data.cohort.patients
    shares = {
        f"{patients[first]} and {patients[second]}": share
        for first, second, share in _alike_pairs(codes)
    }
    identical = [pair for pair, share in shares.items() if share == 1]
    close = [pair for pair in shares if pair not in identical]
    if shares:
        return Seen(
            "issue" if identical else "tip",
            f"Pairs of patients with the same values: {len(identical)} in all that both have, "
            f"{len(close)} more in {percent(ALIKE)} or more. {_TWICE}",
            (*identical, *close),
        )
    if codes.shape[1] < LEAST_COMPARED:
        return _equal_patients(data.cohort, codes)
    return Seen("passed", f"No two patients are alike in {codes.shape[1]} columns.")


def _equal_patients(cohort: Cohort, codes: NDArray[np.int64]) -> Seen:
    """Look for patients who are equal in all of a few columns, where chance hardly makes such."""
    n_columns = codes.shape[1]
    if n_columns < FEWEST_EQUAL:
        return Seen("not_applicable", f"Fewer than {FEWEST_EQUAL} columns tell patients apart.")
    # With a gap, a patient would be equal to several who are not equal to each other.
    known = np.flatnonzero((codes >= 0).all(axis=1))
    if _equal_by_chance(codes[known]) >= 1:
        text = f"{n_columns} columns are too few to tell patients apart: some are equal by chance."
        return Seen("not_applicable", text)
    frame = pd.DataFrame(codes[known], index=[cohort.patients[row] for row in known])
    groups = frame.groupby(list(frame.columns)).groups.values()
    equal = tuple(" and ".join(sorted(group)) for group in groups if len(group) > 1)
    if not equal:
        text = f"No two patients are equal in all {n_columns} columns that tell apart."
        return Seen("passed", text)
    return Seen(
        "tip",
        f"Patients with the same values in all {n_columns} columns that tell apart: "
        f"{counted(len(equal), 'pair or group', 'pairs or groups')}. {_TWICE}",
        equal,
    )


def _equal_by_chance(codes: NDArray[np.int64]) -> float:
    """Return how many pairs would be equal if the columns had nothing to do with each other."""
    n_patients = len(codes)
    if n_patients < 2:
        return np.inf
    counts = [np.unique(column, return_counts=True)[1] for column in codes.T]
    share = np.prod([((n / n_patients) ** 2).sum() for n in counts])
    return float(share) * n_patients * (n_patients - 1) / 2


def _telling_codes(cohort: Cohort) -> NDArray[np.int64]:
    """Return the table's values as codes, -1 where missing; only columns that tell apart."""
    itemised = {(source.declared, source.visit) for source in cohort.sources if source.item}
    columns = []
    for source in cohort.sources:
        # A score is made of its items: it would count them twice.
        if source.item == 0 and (source.name.partition(".")[0], source.visit) in itemised:
            continue
        values = cohort.values[(source.name, source.visit, source.item)]
        codes = pd.factorize(values)[0].astype(np.int64)
        # What nearly everybody has alike makes all patients alike.
        counts = np.bincount(codes[codes >= 0])
        if len(counts) > 1 and counts.max() <= _COMMONEST * counts.sum():
            columns.append(codes)
    return np.column_stack(columns) if columns else np.empty((len(cohort.patients), 0), np.int64)


def _alike_pairs(codes: NDArray[np.int64]) -> Iterator[tuple[int, int, float]]:
    """Yield two patients and the share of equal values among those that both have."""
    for first in range(len(codes) - 1):
        others = codes[first + 1 :]
        both = (others >= 0) & (codes[first] >= 0)
        n_both = both.sum(axis=1)
        share = (both & (others == codes[first])).sum(axis=1) / np.maximum(n_both, 1)
        for other in np.flatnonzero((n_both >= LEAST_COMPARED) & (share >= ALIKE)):
            yield first, first + 1 + int(other), float(share[other])


def constant_features(data: StudyData) -> Seen:
    """Name features that are the same in all patients, or that nobody has.

    Parameters
    ----------
    data : StudyData
        Of the study.

    Returns
    -------
    Seen
    """
    table = data.matrix.table
    # Not "equal": of a feature that nobody has, both are NaN.
    names = [name for name in data.matrix.names if not table[name].max() > table[name].min()]
    return named(
        listed(names),
        "The same in all patients who have it: {}. A feature that does not differ predicts "
        "nothing; remove it.",
        "Every feature differs between patients.",
    )


def later_columns(data: StudyData) -> Seen:
    """Name what is declared but known only after the prediction is made.

    Parameters
    ----------
    data : StudyData
        Of the study.

    Returns
    -------
    Seen
    """
    visits, known_at = data.cohort.spec.visits, data.experiment.landmark
    # An outcome is known later by its nature, and need not be named.
    of_outcomes = {outcome.column for outcome in data.outcomes}
    later: dict[str, dict[str, None]] = {}
    for source in data.cohort.sources:
        if visits[source.visit].day > visits[known_at].day and source.name not in of_outcomes:
            later.setdefault(source.name, {})[source.visit] = None
    return named(
        listed(f"{name} ({', '.join(at)})" for name, at in later.items()),
        f"Known only after the prediction is made at '{known_at}', and therefore no features: "
        "{}.",
        f"Nothing but outcomes is declared after '{known_at}'.",
        "tip",
    )


def missing_features(data: StudyData) -> Seen:
    """Name features that more than a fifth of the patients lack.

    Parameters
    ----------
    data : StudyData
        Of the study.

    Returns
    -------
    Seen
    """
    n_patients, missing = len(data.matrix.table), data.matrix.table.isna().sum()
    many = missing[missing > _MISSING_WORTH_SAYING * n_patients]
    return named(
        listed(f"{name} {n}" for name, n in many.items()),
        f"Missing in more than a fifth of {n_patients} patients: {{}}. These values are imputed "
        "inside the folds; a feature that is mostly imputed is hardly measured.",
        "At most a fifth of the patients lacks any feature.",
    )


def missing_with_dropout(data: StudyData) -> Seen:
    """Name features missing in the very patients who miss a follow-up.

    Parameters
    ----------
    data : StudyData
        Of the study.

    Returns
    -------
    Seen
    """
    missing = data.matrix.table.isna()
    lost = [(outcome.follow_up, np.isnan(outcome.score)) for outcome in data.outcomes]
    lost = [(visit, rows) for visit, rows in lost if rows.sum() >= FEWEST_LOST]
    names = {}
    for visit, rows in lost:
        for name in data.matrix.names:
            absent = missing[name].to_numpy()
            n_both = int((absent & rows).sum())
            # As a share of all who lack either: of the one or of the other alone many would do.
            if n_both / (absent | rows).sum() >= SAME_PATIENTS:
                names[name] = f"{name} ({n_both} of {rows.sum()} at {visit})"
    if names:
        return Seen(
            "issue",
            f"Missing in the patients who miss the follow-up: {listed(names.values())}. Either it "
            "was entered afterwards, for those who came back, or whoever did not answer left: "
            "its presence tells who was observed.",
        )
    if not lost:
        return Seen("not_applicable", "Hardly anybody misses a follow-up.")
    return Seen("passed", "No feature is missing in just the patients who miss a follow-up.")
