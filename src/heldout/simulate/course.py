"""The course of depression: MADRS at each visit, who drops out, and the items of a total.

One idea: treatment takes away a *share* of the baseline score, and constructs work on that share
alone. So without an effect nothing says anything about a 50 % reduction but baseline MADRS, and
that by arithmetic: the error of the day stands in the baseline score, is gone by the follow-up,
and counts as improvement. Absolute scores and remission hang on baseline severity always, and
on whatever goes with it.

Anchors, rounded: baseline 31 to 38 points with SD 5 to 6.4, change with SD 13 after four
weeks [1]_; 64 % response and 41 % remission at month 3 [2]_; change of -6.8 at week 4 and
-17.7 at week 52 in ordinary clinics.

References
----------
.. [1] TRANSFORM-1 and -2, by sex: PMC8921149, table 4; also a Viennese registry, 31.5 (6.4).
.. [2] Martinotti et al. (2022), REAL-ESK, J Affect Disord 319,
   doi:10.1016/j.jad.2022.09.043
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from heldout.arrays import Floats

BASELINE = "baseline"
MEAN, SD, LOWEST, HIGHEST = 34.0, 6.0, 20.0, 55.0
# What days and raters add to a score, as SD. Retest correlations of .91 to .96 are published
# over the whole range, SD about 12; among patients picked for being severe that is only .73.
_ERROR = 3.1
# What errors add to the share that seems to be taken away, as SD: a whole one at the follow-up
# and half of the one at baseline, of which a 50 % reduction leaves half.
NOISE = _ERROR * np.sqrt(1.25) / MEAN
# Improvement of neighbouring visits, and the part of it that patients of a site share.
NEXT_VISIT, OF_SITE = 0.85, 0.03
# Correlation of leaving with not improving, where drop-out is informative.
_INFORMATIVENESS = 0.6
# How early each MADRS item rises with the total: apparent and reported sadness first, suicidal
# thoughts last; the width of an item's seven steps; noise of a person, and of a visit.
_RISE = np.array([-6.0, -8.0, -2.0, -3.0, 4.0, -2.0, -4.0, -4.0, 2.0, 9.0])
STEP, OF_PERSON, OF_VISIT = 9.0, 7.0, 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _FollowUp:
    """One visit after baseline.

    Attributes
    ----------
    label : str
        For people.
    day : int
        From baseline.
    later : float
        Response on the probit scale, counted from month 3.
    spread : float
        SD between patients of the share of severity that is taken away.
    lost : float
        Share of patients no longer seen.
    """

    label: str
    day: int
    later: float
    spread: float
    lost: float


# Lost to follow-up: about a tenth within the first month (TRANSFORM; a Viennese registry); what
# comes later is planning practice for ordinary clinics.
FOLLOW_UPS: Mapping[str, _FollowUp] = {
    "week1": _FollowUp(label="Week 1", day=7, later=-1.2, spread=0.26, lost=0.03),
    "month1": _FollowUp(label="Month 1", day=30, later=-0.65, spread=0.36, lost=0.10),
    "month2": _FollowUp(label="Month 2", day=60, later=-0.2, spread=0.39, lost=0.14),
    "month3": _FollowUp(label="Month 3", day=90, later=0.0, spread=0.41, lost=0.18),
    "month6": _FollowUp(label="Month 6", day=180, later=0.15, spread=0.44, lost=0.35),
}


def response_rates(at_month3: float) -> dict[str, float]:
    """Return the share of all patients who respond at each follow-up.

    Parameters
    ----------
    at_month3 : float
        Between 0 and 1.

    Returns
    -------
    dict of str to float
    """
    start = ndtri(at_month3)
    return {name: float(ndtr(start + visit.later)) for name, visit in FOLLOW_UPS.items()}


def needed_correlation(differences: Floats | float, rate: float, spread: float) -> Floats:
    """Return the correlation with improvement that makes each construct differ as wanted.

    Parameters
    ----------
    differences : array of shape (n_constructs,)
        Of responders from non-responders, in SD within these groups (Cohen's d).
    rate : float
        Share of responders.
    spread : float
        As in `_FollowUp`.

    Returns
    -------
    array of shape (n_constructs,)
        Of constructs that each work alone; without limit, so that the caller must see to it.

    Notes
    -----
    With improvement y = r z + e cut at the rate p, the group means of z differ by
    D = r phi(c) / (p (1 - p)), where c is the cut; and D = d / sqrt(1 + p (1 - p) d^2), as the
    total variance of z is 1. Errors of the day weaken the correlation; r makes up for it.
    """
    between = rate * (1 - rate)
    total = differences / np.sqrt(1 + between * differences**2)
    density = np.exp(-(ndtri(rate) ** 2) / 2) / np.sqrt(2 * np.pi)
    weakened = spread / np.hypot(spread, NOISE)
    return np.asarray(total * between / density / weakened, dtype=np.float64)


def baseline_scores(severity: Floats, error: Floats) -> Floats:
    """Return the MADRS at baseline.

    Parameters
    ----------
    severity, error : array of shape (n_patients,)
        The trait, and what day and rater add to it; each mean 0 and SD 1.

    Returns
    -------
    array of shape (n_patients,)
        Whole points in 20..55.
    """
    both = np.sqrt(1 - (_ERROR / SD) ** 2) * severity + _ERROR / SD * error
    low, high = ndtr((LOWEST - MEAN) / SD), ndtr((HIGHEST - MEAN) / SD)
    return np.asarray(np.rint(MEAN + SD * ndtri(low + (high - low) * ndtr(both))), dtype=np.float64)


def draw_residuals(
    n_patients: int, site: NDArray[np.int64], rng: np.random.Generator
) -> dict[str, Floats]:
    """Return what improvement owes to nothing that was measured, at each follow-up.

    Parameters
    ----------
    n_patients : int
        How many.
    site : array of int of shape (n_patients,)
        Numbers from 0.
    rng : numpy Generator
        The source of chance.

    Returns
    -------
    dict of str to array of shape (n_patients,)
        Mean 0 and SD 1; neighbouring visits correlate at .85 but for the part sites share.
    """
    of_site = rng.standard_normal(int(site.max()) + 1)[site]
    own = rng.standard_normal(n_patients)
    residuals = {}
    for name in FOLLOW_UPS:
        residuals[name] = np.sqrt(OF_SITE) * of_site + np.sqrt(1 - OF_SITE) * own
        fresh = rng.standard_normal(n_patients)
        own = NEXT_VISIT * own + np.sqrt(1 - NEXT_VISIT**2) * fresh
    return residuals


def follow_up_scores(
    baseline: Floats, improvement: Floats, noise: Floats, *, spread: float, rate: float
) -> Floats:
    """Return the MADRS at one follow-up.

    Parameters
    ----------
    baseline : array of shape (n_patients,)
        MADRS at baseline.
    improvement : array of shape (n_patients,)
        Mean 0 and SD 1; higher is better.
    noise : array of shape (n_patients,)
        Half of the error of the day at baseline, less that at this visit, in SD of an error.
    spread : float
        As in `_FollowUp`.
    rate : float
        Share of patients whose score falls by half or more.

    Returns
    -------
    array of shape (n_patients,)
        Whole points in 0..60.
    """
    # Rounding to whole points lets a quarter of a point more through on average.
    typical = 0.5 - 0.25 / MEAN + ndtri(rate) * np.hypot(spread, NOISE)
    share = typical + spread * improvement + _ERROR / MEAN * noise
    return np.asarray(np.clip(np.rint(baseline * (1 - share)), 0.0, 60.0), dtype=np.float64)


def draw_departure(improvement: Floats, *, informative: bool, rng: np.random.Generator) -> Floats:
    """Return each patient's rank in leaving: the first tenth is who is lost first.

    Parameters
    ----------
    improvement : array of shape (n_patients,)
        At the last follow-up, mean 0 and SD 1.
    informative : bool
        Whether those who improve less leave earlier.
    rng : numpy Generator
        The source of chance.

    Returns
    -------
    array of shape (n_patients,)
        Uniform between 0 and 1.
    """
    chance = rng.standard_normal(len(improvement))
    if informative:
        chance = _INFORMATIVENESS * improvement + np.sqrt(1 - _INFORMATIVENESS**2) * chance
    return np.asarray(ndtr(chance), dtype=np.float64)


def items_of_totals(totals: Mapping[str, Floats], rng: np.random.Generator) -> dict[str, Floats]:
    """Return ten MADRS items that add up to each total.

    Parameters
    ----------
    totals : mapping of str to array of shape (n_patients,)
        Visit -> whole points in 0..60.
    rng : numpy Generator
        The source of chance.

    Returns
    -------
    dict of str to array of shape (n_patients, 10)
        Answers of 0 to 6.

    Notes
    -----
    A graded-response model given the total: each of the 60 steps has a place on the latent
    scale, rising within an item, and a total of t takes the t lowest.
    """
    items, n_patients = {}, len(next(iter(totals.values())))
    person = OF_PERSON * rng.standard_normal((n_patients, len(_RISE)))
    steps = STEP * np.arange(6)
    for visit, total in totals.items():
        noise = person + OF_VISIT * rng.standard_normal(person.shape)
        places = ((_RISE + noise)[:, :, None] + steps).reshape(n_patients, -1)
        order = places.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
        taken = (order < total[:, None]).reshape(n_patients, len(_RISE), -1)
        items[visit] = taken.sum(axis=2).astype(np.float64)
    return items
