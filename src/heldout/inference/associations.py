"""Whether anything at baseline goes with an outcome: two statistics over all features at once.

*global* is the sum over features of the squared correlation with the outcome, *strongest* the
largest absolute correlation. The first sees many weak features, the second a single strong one;
together, under the permutations of the joint test, they find at 36 patients what no held-out
prediction can. Nothing is predicted here, so nobody has to be held out, and a value of them is an
association and never a performance. Features are prepared without the outcome.

With sites, features and outcome are taken as they differ within a site. *Beyond severity* the
baseline score is taken out of both sides as well.

References
----------
Goeman, van de Geer & van Houwelingen (2006), J R Stat Soc B 68:477-493,
doi:10.1111/j.1467-9868.2006.00551.x: the global test, of standardised features.
Rosenblatt, Benjamini, Gilron, Mukamel & Goeman (2021), Biostatistics 22:365-380,
doi:10.1093/biostatistics/kxz035: why such tests find more than the accuracy of a classifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heldout.arrays import Floats, Integers
from heldout.inference.moving import site_means
from heldout.outcomes.outcome import Outcome

# Statistics of the outcome itself, then of the score behind it; where they stand among cells.
OF_OUTCOME = ("global", "strongest")
OF_SCORE = ("score_global", "score_strongest")
ASSOCIATIONS = (*OF_OUTCOME, *OF_SCORE)
# What varies less than this share of its size, after sites and severity are out, does not vary.
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Associated:
    """Whether anything at baseline goes with an outcome at a follow-up.

    Attributes
    ----------
    outcome, follow_up : str
        Which outcome.
    n : int
        Patients observed.
    beyond_severity : bool
        Whether baseline severity is part of chance, and taken out of the score.
    values, p_values, adjusted : mapping of str to float
        Statistics by name: what was observed, its own p, and its p adjusted for all that is asked.
    p : float
        Of the largest of these and the headline, each in its own standard deviations.
    p_adjusted : float
        The same among all that is asked of any outcome and follow-up.
    strongest : str
        Feature that goes with it most: of the score where there is one.
    correlation : float
        Of that feature, with its sign.
    """

    outcome: str
    follow_up: str
    n: int
    beyond_severity: bool
    values: Mapping[str, float]
    p_values: Mapping[str, float]
    adjusted: Mapping[str, float]
    p: float
    p_adjusted: float
    strongest: str
    correlation: float


def association_names(outcome: Outcome) -> tuple[str, ...]:
    """Return which statistics an outcome has.

    Parameters
    ----------
    outcome : Outcome
        Any.

    Returns
    -------
    tuple of str
        Those of the score behind it too, unless it is given as two answers and nothing else.
    """
    scores = outcome.score[~np.isnan(outcome.score)]
    # Without severity to take out, a number is its own score, and so are yes and no.
    is_score = outcome.kind == "number" or len(np.unique(scores)) <= 2
    return OF_OUTCOME if is_score and not outcome.has_severity else ASSOCIATIONS


def correlations(
    features: Floats, outcome: Outcome, site: Integers | None, *, of_score: bool = False
) -> Floats:
    """Return each feature's correlation with an outcome, or with the score behind it.

    Parameters
    ----------
    features : array of shape (n_patients, n_features)
        Prepared without the outcome; no missing values.
    outcome : Outcome
        Observed or moved.
    site : array of int of shape (n_patients,), or None
        Site numbers, from 0; correlations are within sites.
    of_score : bool
        Of the score at the follow-up, beyond severity where that was measured.

    Returns
    -------
    array of shape (n_features,)
        0 of a feature that does not vary.
    """
    values = outcome.values
    known = ~np.isnan(values)
    if of_score:
        known &= ~np.isnan(outcome.score)
    target = outcome.score if of_score else values
    taken_out = [site_means(None if site is None else site[known], int(known.sum()))]
    if of_score and outcome.has_severity:
        taken_out.append(outcome.severity[known, None])
    share = np.sqrt(outcome.weights[known])[:, None]
    basis, sizes, _ = np.linalg.svd(np.column_stack(taken_out) * share, full_matrices=False)
    # A severity that is the same in all patients of each site takes out nothing more.
    basis = basis[:, sizes > _EQUAL * sizes[0]]
    sides = np.column_stack([features[known], target[known]]) * share
    left = sides - basis @ (basis.T @ sides)
    size, spread = np.linalg.norm(sides, axis=0), np.linalg.norm(left, axis=0)
    varies = spread > _EQUAL * size
    unit = np.where(varies, left / np.where(varies, spread, 1.0), 0.0)
    related: Floats = unit[:, :-1].T @ unit[:, -1]
    return related


def association_statistics(
    features: Floats, outcome: Outcome, site: Integers | None, names: Sequence[str]
) -> list[float]:
    """Return statistics of association.

    Parameters
    ----------
    features : array of shape (n_patients, n_features)
        As in `correlations`.
    outcome : Outcome
        Observed or moved.
    site : array of int of shape (n_patients,), or None
        Site numbers.
    names : sequence of str
        By `association_names` of the observed outcome.

    Returns
    -------
    list of float
        In the order of the names; larger is more.
    """
    values: dict[str, float] = {}
    for both in (OF_OUTCOME, OF_SCORE):
        if both[0] in names:
            related = correlations(features, outcome, site, of_score=both is OF_SCORE)
            sizes = float((related**2).sum()), float(np.abs(related).max())
            values |= zip(both, sizes, strict=True)
    return [values[name] for name in names]
