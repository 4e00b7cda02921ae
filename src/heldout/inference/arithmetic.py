"""What a baseline score predicts by arithmetic alone of an outcome that is computed from it.

A reduction, a change and whatever else is made of the baseline score are predicted by that score
even if nothing else is true (Oldham). Chance lies there and not at .50: follow-up scores are moved
between patients, which makes them independent of baseline, and the outcome is computed again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from heldout.arrays import Floats, Integers
from heldout.inference.moving import exchangeable
from heldout.kinds import KINDS
from heldout.outcomes.outcome import Outcome

_DRAWS = 2000


def known_by_arithmetic(outcome: Outcome, site: Integers | None, seed: int) -> float | None:
    """Return what the baseline score alone predicts of an outcome that is computed from it.

    Parameters
    ----------
    outcome : Outcome
        Any.
    site : array of int of shape (n_patients,), or None
        Site numbers; scores move within a site, among patients who missed the same visits.
    seed : int
        Of the permutations.

    Returns
    -------
    float or None
        Mean over permutations of the follow-up scores, which make them independent of baseline:
        of a class the AUC of the best guess from the baseline score, of a number its squared
        correlation. None if the outcome is not computed from baseline.

    References
    ----------
    Oldham (1962), J Chronic Dis 15:969-977, doi:10.1016/0021-9681(62)90116-9
    """
    if not outcome.from_baseline:
        return None
    kind, guess = KINDS[outcome.kind], guess_of(outcome)
    groups = exchangeable([outcome], site)
    rng = np.random.default_rng(seed)
    reached = []
    for _ in range(_DRAWS):
        order = np.arange(len(outcome.baseline))
        for rows in groups:
            order[rows] = rng.permutation(rows)
        values = replace(outcome, scores=outcome.scores[order]).values
        known = ~np.isnan(values) & ~np.isnan(outcome.baseline)
        value = kind.association(guess[known], values[known])
        if value is not None:
            reached.append(value)
    if not reached:
        return None
    # A guess that ranks patients the wrong way round knows as much.
    return kind.chance + abs(float(np.mean(reached)) - kind.chance)


def guess_of(outcome: Outcome) -> Floats:
    """Return the best guess of an outcome that a baseline score allows if nothing else is known.

    Parameters
    ----------
    outcome : Outcome
        Computed from baseline.

    Returns
    -------
    array of shape (n_patients,)
        Each patient's mean outcome over all patients' follow-up scores; it need not rise or fall
        with the baseline score throughout. Of a class its rank, the baseline score breaking ties.
    """
    n_patients = len(outcome.baseline)
    sums, counts = np.zeros(n_patients), np.zeros(n_patients)
    for shift in range(n_patients):
        order = np.roll(np.arange(n_patients), shift)
        values = replace(outcome, scores=outcome.scores[order]).values
        counts += ~np.isnan(values)
        sums += np.nan_to_num(values)
    known = counts > 0
    guess = np.full(n_patients, np.nan)
    guess[known] = sums[known] / counts[known]
    if KINDS[outcome.kind].has_events and known.any():
        # To rounding: means over the same scores, added in another order, are ties.
        near, baseline = np.round(guess[known], 9), outcome.baseline[known]
        rising = np.sum((near - near.mean()) * (baseline - baseline.mean())) >= 0
        pairs = np.column_stack([near, baseline if rising else -baseline])
        guess[known] = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
    return guess
