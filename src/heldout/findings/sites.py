"""Sites: whether what is predicted is a matter of where a patient is treated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from heldout.arrays import Flags, Floats
from heldout.findings.check import Seen, StudyData, sentences
from heldout.kinds import KINDS
from heldout.outcomes.outcome import Outcome
from heldout.wording import amount, counted, p_value, percent

# A site of fewer patients says little, and would tell what each of them answered.
FEWEST_AT_SITE, FEWEST_EVENTS = 5, 5
NEARLY_ALL, WORTH_SAYING, SURE = 0.80, 0.05, 0.01
_LEAST = 0.001


class _Apart(NamedTuple):
    """A site beside all others: its p, times the sites that were looked at, of what, and words."""

    p: float
    of: str
    words: str


def differing_sites(data: StudyData) -> Seen:
    """Look for outcomes that differ between sites, or that nearly all stand at one site.

    Every site of five observed patients or more is set beside all others: events by Fisher's exact
    test, numbers by the test of Mann and Whitney. The smallest p is multiplied by the number of
    sites looked at (Bonferroni); up to .05 it is worth knowing, up to .01 an issue. It is one, too,
    where a site has 80 % of the observed patients or of five or more events.

    Parameters
    ----------
    data : StudyData
        Of the study.

    Returns
    -------
    Seen
    """
    site = np.asarray(data.cohort.site or ())
    if len({*site} - {""}) < 2:
        return Seen("not_applicable", "The study has no sites, or one.")
    held = [words for outcome in data.outcomes for words in _concentrated(outcome, site)]
    apart = [most for outcome in data.outcomes for most in _most_apart(outcome, site)]
    return _said(held, [most for most in apart if most.p <= WORTH_SAYING])


def _said(held: Sequence[str], apart: Sequence[_Apart]) -> Seen:
    """Return what is said of what stands at one site, and of what differs between them."""
    if not held and not apart:
        return Seen("passed", "No outcome that could be compared differs between sites.")
    # It stands before the answers and must not push them down: the clearest is told in full.
    clearest = min(apart, key=lambda most: most.p, default=None)
    others = [most.of for most in apart if most is not clearest]
    text = sentences(
        (held, "Nearly all at one site: {}. What holds there may hold nowhere else."),
        (
            [] if clearest is None else [f"{clearest.of} ({clearest.words})"],
            "The outcome differs between sites: {}.",
        ),
        (others, "So does {}." if len(others) == 1 else "So do {}."),
        (
            [""] if apart else [],
            "Whatever else differs between sites predicts it, so read the AUC within sites beside "
            "the AUC of all.",
        ),
    )
    sure = bool(held) or any(most.p <= SURE for most in apart)
    return Seen("issue" if sure else "tip", text)


def _spoken(outcome: Outcome) -> str:
    """Return an outcome at its follow-up as it is spoken of."""
    return f"{outcome.name.replace('_', ' ')} at {outcome.follow_up}"


def _concentrated(outcome: Outcome, site: np.ndarray) -> Iterator[str]:
    """Yield words for a site that has nearly all patients, or else nearly all events."""
    values = outcome.values
    groups = [("patients", outcome.observed, FEWEST_AT_SITE)]
    if KINDS[outcome.kind].has_events:
        groups.append(("events", values == 1, FEWEST_EVENTS))
    for what, members, fewest in groups:
        names, counts = np.unique(site[members & (site != "")], return_counts=True)
        if len(counts) and members.sum() >= fewest and counts.max() >= NEARLY_ALL * members.sum():
            name, n = names[counts.argmax()], counts.max()
            yield f"{_spoken(outcome)} ({n} of {members.sum()} {what} at site {name})"
            return


def _most_apart(outcome: Outcome, site: np.ndarray) -> Iterator[_Apart]:
    """Yield the site whose outcome is farthest from that of all others, if any can be compared."""
    values = outcome.values[outcome.observed]
    at = site[outcome.observed]
    known = at != ""
    values, at = values[known], at[known]
    if len(values) < 2 * FEWEST_AT_SITE or np.ptp(values) == 0:
        return
    names, counts = np.unique(at, return_counts=True)
    large = [
        name
        for name, n in zip(names, counts, strict=True)
        if FEWEST_AT_SITE <= n <= len(values) - FEWEST_AT_SITE
    ]
    if not large:
        return
    has_events = KINDS[outcome.kind].has_events
    p, name = min((_p_beside_others(values, at == name, has_events), name) for name in large)
    # Of two sites the one is all others of the other: one comparison.
    p = min(1.0, p * (1 if len(names) == 2 else len(large)))
    inside = at == name
    here, elsewhere = (_described(values[rows], has_events) for rows in (inside, ~inside))
    said = "p < .001" if p < _LEAST else f"p {p_value(p)}"
    yield _Apart(p, _spoken(outcome), f"{here} at site {name}, {elsewhere} elsewhere, {said}")


def _p_beside_others(values: Floats, inside: Flags, has_events: bool) -> float:
    """Return the p of a site beside all others."""
    from scipy.stats import fisher_exact, mannwhitneyu

    if has_events:
        counts = [
            [np.sum(values[rows] == answer) for answer in (1, 0)] for rows in (inside, ~inside)
        ]
        return float(fisher_exact(counts).pvalue)
    return float(mannwhitneyu(values[inside], values[~inside]).pvalue)


def _described(values: Floats, has_events: bool) -> str:
    """Return events of patients, or the mean of a number."""
    n = len(values)
    if has_events:
        events = int((values == 1).sum())
        return f"{events} of {n}, {percent(events / n)},"
    return f"a mean of {amount(float(values.mean()))} in {counted(n, 'patient')}"
