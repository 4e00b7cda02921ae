"""The joint permutation test: how often chance does as well, over all cells at once.

Every row is one run of the whole procedure on outcomes that were moved between patients, one column
a cell: an outcome at a follow-up with a model, or the procedure that chooses a model. The first row
is the observed one. Nothing here knows what a row was made of.

References
----------
Westfall & Young (1993), Resampling-Based Multiple Testing, Wiley: the single-step maximum.
Phipson & Smyth (2010), Stat Appl Genet Mol Biol 9:39, doi:10.2202/1544-6115.1585: the observed
counts, so no p is 0.
Besag & Clifford (1991), Biometrika 78:301-304, doi:10.1093/biomet/78.2.301: stopping after a
number of exceedances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heldout.arrays import Floats, Integers

# Exceedances after which more permutations would tell nothing new (Besag & Clifford's h).
_ENOUGH = 10
# Statistics that differ by less are equal but for rounding, and count as reached.
_EQUAL = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class PermutationTest:
    """What a joint permutation test says.

    Attributes
    ----------
    permutations : int
        How many were made.
    asked : int
        How many were asked for.
    stopped : bool
        Whether it ended early, because the best cell had been reached ten times.
    enumerated : bool
        Whether these are all there are.
    redrawn : int
        Permutations that were drawn again, because an outcome could not be evaluated in them.
    repeats : int
        Repeats of the folds behind each statistic, observed and permuted alike.
    best_mean, best_high : float or None
        Mean and 95 % quantile, over permutations, of the highest AUC of all cells: what looking for
        the best of the table would have found in noise. None of fewer than 20 permutations.
    """

    permutations: int
    asked: int
    stopped: bool
    enumerated: bool
    redrawn: int
    repeats: int
    best_mean: float | None = None
    best_high: float | None = None


def exchangeable(site: Integers | None, n_patients: int) -> list[Integers]:
    """Return the rows of patients who may exchange their scores: those of one site.

    Parameters
    ----------
    site : array of int of shape (n_patients,), or None
        Site numbers, from 0.
    n_patients : int
        How many there are.

    Returns
    -------
    list of array of int
        One a site.
    """
    if site is None:
        return [np.arange(n_patients)]
    return [np.flatnonzero(site == number) for number in range(site.max() + 1)]


def _studentised(rows: Floats) -> Floats:
    """Return each column in its own standard deviations, over all rows; 0 where it never varies.

    Without what is not finite, which stays as it is.
    """
    finite = np.isfinite(rows)
    counted = np.maximum(finite.sum(axis=0), 1)
    apart = rows - np.where(finite, rows, 0.0).sum(axis=0) / counted
    spread = np.sqrt(np.where(finite, apart**2, 0.0).sum(axis=0) / counted)
    # A statistic that no permutation moves tells nothing, and is far from nothing either.
    still = spread <= _EQUAL
    return np.where(finite, np.where(still, 0.0, apart / np.where(still, 1.0, spread)), rows)


def _against_the_observed(rows: Floats) -> Floats:
    """Return rows in which a statistic that is not a finite number never speaks for a finding.

    An observed one is the worst there is, and one of a permutation the best.
    """
    worst = np.full(rows.shape, np.inf)
    worst[:1] = -np.inf
    return np.where(np.isfinite(rows), rows, worst)


def exceedances(rows: Floats) -> tuple[Integers, Integers]:
    """Return how many permutations reach each observed cell, alone and by their best cell.

    Parameters
    ----------
    rows : array of shape (n_permutations + 1, n_cells)
        Statistics, larger is better; the observed row first. One that is not finite counts
        against the observed.

    Returns
    -------
    alone, best : arrays of int of shape (n_cells,)
        Permutations whose own statistic of the cell, and whose largest studentised one of all
        cells, is at least the observed.

    Examples
    --------
    >>> rows = np.array([[0.8, 0.5], [0.6, 0.4], [0.5, 0.9], [0.4, 0.5]])
    >>> exceedances(rows)
    (array([0, 2]), array([1, 3]))
    """
    rows = _against_the_observed(rows)
    alone = (rows[1:] >= rows[0] - _EQUAL).sum(axis=0)
    scores = _studentised(rows)
    best = (scores[1:].max(axis=1, initial=-np.inf)[:, None] >= scores[0] - _EQUAL).sum(axis=0)
    return alone, best


def stop_after(
    rows: Floats, *, named: Sequence[int] = (), enough: int = _ENOUGH, first: int = 0
) -> int | None:
    """Return after how many permutations the test may end, or None if it may not yet.

    Parameters
    ----------
    rows : array of shape (n_permutations + 1, n_cells)
        In the order of the permutations; the observed row first.
    named : sequence of int
        Cells that were named beforehand, and stand on their own p as well.
    enough : int
        Exceedances.
    first : int
        Permutations after which it was not yet so.

    Returns
    -------
    int or None
        The first number of permutations with enough exceedances of the best cell, and of the
        named ones.
    """
    wanted = list(named)
    # Fewer permutations than exceedances cannot have reached the observed so often.
    for count in range(max(enough, first + 1), len(rows)):
        alone, best = exceedances(rows[: count + 1])
        if best.min() >= enough and all(alone[column] >= enough for column in wanted):
            return count
    return None


def p_values(rows: Floats) -> tuple[Floats, Floats]:
    """Return the p of every cell, and its p adjusted for having looked at all cells.

    Parameters
    ----------
    rows : array of shape (n_permutations + 1, n_cells)
        The observed row first.

    Returns
    -------
    p, p_adjusted : arrays of shape (n_cells,)
        ``(g + 1) / (B + 1)``: at least ``1 / (B + 1)``, and no adjusted one below its own p.

    Examples
    --------
    >>> p, adjusted = p_values(np.array([[0.8, 0.5], [0.6, 0.4], [0.5, 0.9], [0.4, 0.5]]))
    >>> p, adjusted
    (array([0.25, 0.75]), array([0.5, 1. ]))
    """
    alone, best = exceedances(rows)
    # What was observed is one of the arrangements that chance could have given: no p is 0.
    return (alone + 1) / len(rows), (best + 1) / len(rows)
