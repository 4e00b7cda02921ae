"""The joint permutation test: how often chance does as well, over all cells at once.

Every row is one run of the whole procedure on outcomes that were moved between patients, one column
a cell: an outcome at a follow-up with a model, with the procedure that chooses a model, or with a
statistic of association. The first row is the observed one. Nothing here knows what a row was made
of.

References
----------
Westfall & Young (1993), Resampling-Based Multiple Testing, Wiley: the single-step maximum.
Phipson & Smyth (2010), Stat Appl Genet Mol Biol 9:39, doi:10.2202/1544-6115.1585: the observed
counts, so no p is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heldout.arrays import Flags, Floats

# Of the test.
LEVEL = 0.05
# Permutations below which one in twenty of them is none, and a mean of them says little.
FEWEST = 20
# Permutations below which a quantile of one in twenty of them is that of a handful.
FEWEST_FOR_A_QUANTILE = 200
# Permutations that make the scale of the statistics, beside the observed row.
_SCALED_BY = 99
# Statistics that differ by less are equal but for rounding, and count as reached.
_EQUAL = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class PermutationTest:
    """What a joint permutation test says of itself.

    Attributes
    ----------
    permutations : int
        How many were made.
    asked : int
        How many were asked for.
    stopped : bool
        Whether it ended early, because nothing that the verdict decides could change any more.
    enumerated : bool
        Whether these are all there are.
    redrawn : int
        Permutations that were drawn again, because an outcome could not be evaluated in them.
    repeats : int
        Repeats of the folds behind each statistic, observed and permuted alike.
    best_mean, best_high : float or None
        Mean and 95 % quantile, over permutations, of the highest AUC of all cells: what looking for
        the best of the table would have found in noise. None of fewer than 20 and 200 permutations.
    unmoved : int
        Patients who keep their own scores in every permutation, because nobody else of their site
        can change places with them.
    """

    permutations: int
    asked: int
    stopped: bool
    enumerated: bool
    redrawn: int
    repeats: int
    best_mean: float | None = None
    best_high: float | None = None
    unmoved: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One p: of which columns the largest statistic is, and what it is compared with.

    Attributes
    ----------
    columns : tuple of int
        Their largest observed statistic, each in its own standard deviations, is what is tested.
    family : tuple of int
        In a permutation the largest of these is compared: all that was looked at. The same as
        `columns` if these were named beforehand.
    """

    columns: tuple[int, ...]
    family: tuple[int, ...]


def small(p: float | None) -> bool:
    """Return whether a p is small enough; none is not.

    Parameters
    ----------
    p : float or None
        Of a permutation test.

    Returns
    -------
    bool
    """
    return p is not None and p <= LEVEL


def _standardised(rows: Floats) -> Floats:
    """Return each column in its own standard deviations; 0 where it never varies.

    Mean and deviation are those of the observed row and the first permutations, so that what was
    reached stays reached when more are made. What is not finite speaks against the observed: an
    observed statistic is then the worst there is, and one of a permutation the best.
    """
    first = rows[: _SCALED_BY + 1]
    finite = np.isfinite(first)
    counts = np.maximum(finite.sum(axis=0), 1)
    mean = np.where(finite, first, 0.0).sum(axis=0) / counts
    spread = np.sqrt(np.where(finite, (first - mean) ** 2, 0.0).sum(axis=0) / counts)
    # A statistic that no permutation moves tells nothing, and is far from nothing either.
    still = spread <= _EQUAL
    worst = np.full(rows.shape, np.inf)
    worst[:1] = -np.inf
    scores = np.where(still, 0.0, (rows - mean) / np.where(still, 1.0, spread))
    return np.where(np.isfinite(rows), scores, worst)


def _reached(rows: Floats, comparisons: Sequence[Comparison]) -> Flags:
    """Return whether each permutation reaches each comparison, (n_permutations, n_comparisons)."""
    scores = _standardised(rows)
    return np.column_stack(
        [
            scores[1:, list(made.family)].max(axis=1)
            >= scores[0, list(made.columns)].max() - _EQUAL
            for made in comparisons
        ]
    )


def p_of(rows: Floats, comparison: Comparison) -> float:
    """Return the p of one comparison.

    Parameters
    ----------
    rows : array of shape (n_permutations + 1, n_cells)
        Statistics, larger is better; the observed row first. One that is not finite counts
        against the observed.
    comparison : Comparison
        Of columns of these.

    Returns
    -------
    float
        ``(g + 1) / (B + 1)`` with g of B permutations that reach the observed: never 0, because
        what was observed is one of the arrangements that chance could have given.

    Examples
    --------
    >>> rows = np.array([[0.8, 0.5], [0.6, 0.4], [0.5, 0.9], [0.4, 0.5]])
    >>> p_of(rows, Comparison((0,), (0,))), p_of(rows, Comparison((0,), (0, 1)))
    (0.25, 0.5)
    """
    return (int(_reached(rows, [comparison]).sum()) + 1) / len(rows)


def stop_after(rows: Floats, comparisons: Sequence[Comparison], asked: int) -> int | None:
    """Return after how many permutations no decision can change any more, or None.

    A p of all permutations asked for is at most .05 if fewer than ``.05 * (asked + 1)`` of them
    reach the observed. Once so many have, or too few are left to get there, the rest decides
    nothing.

    Parameters
    ----------
    rows : array of shape (n_permutations + 1, n_cells)
        In the order of the permutations; the observed row first.
    comparisons : sequence of Comparison
        All that the verdict decides by.
    asked : int
        Permutations asked for.

    Returns
    -------
    int or None
        The first such number, and no fewer than make the scale of the statistics.

    References
    ----------
    Alling (1963), J Am Stat Assoc 58:713-720: a test may end as soon as what is still to come
    cannot change its outcome.
    """
    counts = np.cumsum(_reached(rows, comparisons), axis=0)
    too_many = math.floor(LEVEL * (asked + 1) + _EQUAL)
    left = asked - np.arange(1, len(rows))[:, None]
    decided = np.all((counts >= too_many) | (counts + left < too_many), axis=1)
    first = min(_SCALED_BY, asked) - 1
    return first + int(decided[first:].argmax()) + 1 if decided[first:].any() else None


def monte_carlo_error(p: float, permutations: int) -> float:
    """Return the standard error of a p that so many permutations give.

    Parameters
    ----------
    p : float
        In (0, 1].
    permutations : int
        At least 1.

    Returns
    -------
    float

    Examples
    --------
    >>> round(monte_carlo_error(0.04, 999), 4)
    0.0062
    """
    return math.sqrt(p * (1 - p) / permutations)


def chance_of(rows: Floats, column: int) -> float | None:
    """Return what a statistic is where nothing is to be found: its mean over permutations.

    Parameters
    ----------
    rows : array of shape (n_permutations + 1, n_cells)
        The observed row first.
    column : int
        Which cell.

    Returns
    -------
    float or None
        None of fewer than 20 permutations, whose mean says little.
    """
    permuted = rows[1:, column]
    permuted = permuted[np.isfinite(permuted)]
    return float(permuted.mean()) if len(permuted) >= FEWEST else None


def critical_of(rows: Floats, column: int) -> float | None:
    """Return the value that a statistic must exceed for a p of at most .05.

    Parameters
    ----------
    rows : array of shape (n_permutations + 1, n_cells)
        The observed row first.
    column : int
        Which cell.

    Returns
    -------
    float or None
        None of fewer than 20 permutations.
    """
    permuted = np.sort(rows[1:, column][np.isfinite(rows[1:, column])])[::-1]
    if len(permuted) < FEWEST:
        return None
    return float(permuted[math.floor(LEVEL * (len(permuted) + 1) + _EQUAL) - 1])
