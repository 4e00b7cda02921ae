"""One figure of several sites: the mean area of a random-effects meta-analysis, and its doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heldout.arrays import Floats
from heldout.metrics.discrimination import hanley_mcneil_variance

# Below that the spread between sites is too little known to say where another one may lie.
FEWEST_TO_FORESEE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledArea:
    """The area at sites left out.

    Attributes
    ----------
    auc, low, high : float
        Mean over sites, with its 95 % interval.
    tau_squared : float
        Variance between sites, of the logit of the area.
    foreseen_low, foreseen_high : float or None
        Where the area at another site lies, 95 times of 100; None below five sites.
    """

    auc: float
    low: float
    high: float
    tau_squared: float
    foreseen_low: float | None = None
    foreseen_high: float | None = None


def pooled_area(areas: Sequence[float], sizes: Sequence[tuple[int, int]]) -> PooledArea:
    """Return the mean area of sites, on the logit scale.

    Parameters
    ----------
    areas : sequence of float
        AUC at each of two sites or more. 0 and 1 count as half a pair from it.
    sizes : sequence of (int, int)
        Patients with and without the event at each.

    Returns
    -------
    PooledArea
        Variances by `hanley_mcneil_variance`; interval after Hartung and Knapp, never narrower than
        the plain one [1]_ [2]_; from five sites on a prediction interval of t with S - 2 degrees of
        freedom [3]_.

    References
    ----------
    .. [1] Hartung & Knapp (2001), Stat Med 20:3875-3889, doi:10.1002/sim.1009
    .. [2] Roever et al. (2015), BMC Med Res Methodol 15:99, doi:10.1186/s12874-015-0091-1
    .. [3] Higgins et al. (2009), J R Stat Soc A 172:137-159, doi:10.1111/j.1467-985X.2008.00552.x
    """
    from scipy.stats import t

    pairs = [(area, *size) for area, size in zip(areas, sizes, strict=True)]
    inside = [min(max(area, 0.5 / (m * n)), 1 - 0.5 / (m * n)) for area, m, n in pairs]
    logits = np.array([np.log(area / (1 - area)) for area in inside])
    variances = np.array(
        [
            hanley_mcneil_variance(area, m, n) / (area * (1 - area)) ** 2
            for area, (_, m, n) in zip(inside, pairs, strict=True)
        ]
    )
    mean, error, tau_squared = random_effects(logits, variances)
    n_sites = len(logits)
    low, high = _limits(mean, float(t.ppf(0.975, n_sites - 1)) * error)
    foreseen: tuple[float | None, float | None] = (None, None)
    if n_sites >= FEWEST_TO_FORESEE:
        spread = (tau_squared + error**2) ** 0.5
        foreseen = _limits(mean, float(t.ppf(0.975, n_sites - 2)) * spread)
    return PooledArea(
        auc=_limits(mean, 0.0)[0],
        low=low,
        high=high,
        tau_squared=tau_squared,
        foreseen_low=foreseen[0],
        foreseen_high=foreseen[1],
    )


def _limits(mean: float, reach: float) -> tuple[float, float]:
    """Return the areas whose logits lie so far below and above a mean."""
    low, high = (float(1 / (1 + np.exp(-logit))) for logit in (mean - reach, mean + reach))
    return low, high


def random_effects(effects: Floats, variances: Floats) -> tuple[float, float, float]:
    """Return a mean of random effects, its standard error, and the variance between them.

    Parameters
    ----------
    effects, variances : arrays of shape (n_sites,)
        Effects, two or more, and the variance of each given its site.

    Returns
    -------
    mean, error, tau_squared : float
        Variance between by Paule and Mandel [1]_; the error is that of Hartung and Knapp, whose
        factor is at least 1.

    References
    ----------
    .. [1] Paule & Mandel (1982), J Res Natl Bur Stand 87:377-385, doi:10.6028/jres.087.022
    """
    freedom = len(effects) - 1

    def fitted(tau_squared: float) -> tuple[float, float, float]:
        weights = 1 / (variances + tau_squared)
        mean = float(np.average(effects, weights=weights))
        return mean, float(weights.sum()), float(weights @ (effects - mean) ** 2)

    low, high = 0.0, float(np.ptp(effects) ** 2 + 1)
    if fitted(low)[2] <= freedom:
        high = low
    # The sum of squares falls as the variance grows; it is below its expectation at the upper end.
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if fitted(middle)[2] > freedom else (low, middle)
    mean, total, squares = fitted(high)
    return mean, (max(1.0, squares / freedom) / total) ** 0.5, high
