"""What a permutation moves between patients: of each score, what baseline severity leaves.

Moving the scores themselves would make them independent of baseline severity, which they hardly
ever are. So the follow-up scores are fitted on the outcome's own score at baseline, by least
squares and within sites; whole rows of residuals, all visits of a patient together, move between
patients of the same site who missed the same visits; each patient's own fit is added back, and the
outcome is computed again. What severity explains is thus part of chance, and so is what arithmetic
with the baseline score gives. An outcome whose column was not measured at baseline has nothing to
be fitted on: its rows move as they are.

References
----------
Freedman & Lane (1983), J Bus Econ Stat 1:292-298, doi:10.1080/07350015.1983.10509354: residuals of
the reduced model are permuted, and its fit added back.
Winkler et al. (2014), NeuroImage 92:381-397, doi:10.1016/j.neuroimage.2014.01.060: within blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from heldout.arrays import Flags, Floats, Integers
from heldout.outcomes.outcome import Outcome

# Fewer patients who missed the same visits are joined with others: two would only change places.
_FEWEST_OF_A_PATTERN = 3


def exchangeable(outcomes: Sequence[Outcome], site: Integers | None) -> list[Integers]:
    """Return the rows of patients among whom scores move: of one site, with the same visits missed.

    A pattern of missed visits that fewer than three patients of a site share is joined with the
    pattern of that site which differs in the fewest visits, the larger one of equals.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Of one cohort; all that move together.
    site : array of int of shape (n_patients,), or None
        Site numbers, from 0.

    Returns
    -------
    list of array of int
        Every patient stands in one of them. A patient alone in one cannot move.
    """
    missed = np.column_stack([_missed(outcome) for outcome in outcomes])
    sites = np.zeros(len(missed), dtype=np.int64) if site is None else site
    groups = []
    for number in np.unique(sites):
        rows = np.flatnonzero(sites == number)
        groups += _joined(rows, missed[rows])
    return groups


def _missed(outcome: Outcome) -> Flags:
    """Return which scores of an outcome each patient lacks; the baseline one if others have it."""
    scores = np.isnan(outcome.scores)
    return np.column_stack([scores, np.isnan(outcome.baseline)]) if outcome.has_severity else scores


def _joined(rows: Integers, missed: Flags) -> list[Integers]:
    """Return the patients of one site by what they missed, small patterns joined with others."""
    patterns, member = np.unique(missed, axis=0, return_inverse=True)
    groups = [(pattern, rows[member.ravel() == n]) for n, pattern in enumerate(patterns)]
    while len(groups) > 1:
        smallest = min(range(len(groups)), key=lambda n: len(groups[n][1]))
        if len(groups[smallest][1]) >= _FEWEST_OF_A_PATTERN:
            break
        pattern, few = groups.pop(smallest)
        near = min(
            range(len(groups)),
            key=lambda n: (int((groups[n][0] != pattern).sum()), -len(groups[n][1])),
        )
        kept, many = groups[near]
        # The larger of the two says what is missed: a small pattern does not draw in another.
        groups[near] = (kept if len(many) >= len(few) else pattern, np.sort([*few, *many]))
    return [members for _, members in groups]


def move_outcomes(
    outcomes: Sequence[Outcome], order: Integers, site: Integers | None
) -> tuple[Outcome, ...]:
    """Return outcomes of which what severity leaves, and weights, went to other patients.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Of one cohort.
    order : array of int of shape (n_patients,)
        Whose row each patient gets; every patient keeps the own baseline.
    site : array of int of shape (n_patients,), or None
        Site numbers, from 0.

    Returns
    -------
    tuple of Outcome
        Their `values` follow from their rules. Moved scores of a scale with whole numbers are
        rounded to such, and those beyond the scale's ends stand at its end. Who gets the own row
        keeps the own scores.
    """
    return tuple(
        replace(outcome, scores=_moved_scores(outcome, order, site), weights=outcome.weights[order])
        for outcome in outcomes
    )


def _moved_scores(outcome: Outcome, order: Integers, site: Integers | None) -> Floats:
    """Return the scores of an outcome after rows went to other patients."""
    if not outcome.has_severity:
        return outcome.scores[order]
    fitted = fit_on_severity(outcome, site)
    moved = fitted + (outcome.scores - fitted)[order]
    observed = outcome.scores[~np.isnan(outcome.scores)]
    if (observed == np.round(observed)).all():
        moved = np.round(moved)
    if outcome.bounds is not None:
        moved = np.clip(moved, *outcome.bounds)
    stays = order == np.arange(len(order))
    return np.where(stays[:, None], outcome.scores, moved)


def fit_on_severity(outcome: Outcome, site: Integers | None) -> Floats:
    """Return what baseline severity and site explain of an outcome's scores.

    Parameters
    ----------
    outcome : Outcome
        Its column measured at baseline in some patients.
    site : array of int of shape (n_patients,), or None
        Site numbers, from 0.

    Returns
    -------
    array of shape (n_patients, n_visits)
        Fitted by least squares to the patients who have both scores, one slope and a mean for each
        site. Of a patient without a baseline score what the mean of that score gives.
    """
    known = ~np.isnan(outcome.baseline)
    design = np.column_stack([site_means(site, len(known)), outcome.severity])
    fitted = np.empty_like(outcome.scores)
    for visit, scores in enumerate(outcome.scores.T):
        both = known & ~np.isnan(scores)
        weights, *_ = np.linalg.lstsq(design[both], scores[both], rcond=None)
        fitted[:, visit] = design @ weights
    return fitted


def site_means(site: Integers | None, n_patients: int) -> Floats:
    """Return the columns of a linear model that has a mean for each site.

    Parameters
    ----------
    site : array of int of shape (n_patients,), or None
        Site numbers, from 0.
    n_patients : int
        How many there are.

    Returns
    -------
    array of shape (n_patients, n_sites)
        One column of ones without sites.
    """
    if site is None:
        return np.ones((n_patients, 1))
    return np.asarray(site[:, None] == np.unique(site), dtype=np.float64)
