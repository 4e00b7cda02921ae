"""Table 1: variables summarised, overall and by an outcome; no p-value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats
from heldout.describe.values import Characteristic, Described, Summary, Variable
from heldout.outcomes.outcome import Outcome

EVERYBODY, MET, NOT_MET = "all", "event", "no_event"


def table_one(
    variables: Sequence[Variable], outcome: Outcome | None = None
) -> tuple[Characteristic, ...]:
    """Return Table 1: every variable overall, and by an outcome among those observed for it.

    Parameters
    ----------
    variables : sequence of Variable
        Of the same patients.
    outcome : Outcome, optional
        Yes or no makes two groups and a standardised difference, a number a rank correlation.

    Returns
    -------
    tuple of Characteristic
        In the order of the variables; no p-value.
    """
    return tuple(_describe(variable, outcome) for variable in variables)


def _describe(variable: Variable, outcome: Outcome | None) -> Characteristic:
    """Return one row of Table 1."""
    values = variable.values
    groups = [_summarise(EVERYBODY, variable, np.ones(len(values), dtype=np.bool_))]
    difference = correlation = None
    if outcome is not None and outcome.kind == "class":
        met, not_met = outcome.values == 1, outcome.values == 0
        groups += [_summarise(MET, variable, met), _summarise(NOT_MET, variable, not_met)]
        difference = standardised_difference(
            values[met], values[not_met], n_levels=len(variable.levels)
        )
    elif outcome is not None and not variable.levels:
        correlation = _rank_correlation(values, outcome.values)
    shared = {field.name: getattr(variable, field.name) for field in fields(Described)}
    return Characteristic(
        **shared,
        outcome=None if outcome is None else outcome.name,
        follow_up=None if outcome is None else outcome.follow_up,
        groups=tuple(groups),
        difference=difference,
        correlation=correlation,
    )


def _summarise(group: str, variable: Variable, members: NDArray[np.bool_]) -> Summary:
    """Return one variable in one group."""
    values = variable.values[members]
    known = values[~np.isnan(values)]
    n, missing = len(known), int(np.isnan(values).sum())
    if variable.levels:
        counts = tuple(int((known == level).sum()) for level in range(len(variable.levels)))
        return Summary(group=group, n=n, missing=missing, counts=counts)
    if not n:
        return Summary(group=group, n=0, missing=missing)
    lower, median, upper = (float(value) for value in np.percentile(known, [25, 50, 75]))
    return Summary(
        group=group,
        n=n,
        missing=missing,
        mean=float(known.mean()),
        sd=float(known.std(ddof=1)) if n > 1 else None,
        median=median,
        lower=lower,
        upper=upper,
    )


def standardised_difference(first: Floats, second: Floats, *, n_levels: int = 0) -> float | None:
    """Return by how many standard deviations two groups differ.

    Parameters
    ----------
    first, second : arrays of shape (n_patients,)
        Numbers, or positions of levels; NaN where not observed.
    n_levels : int
        Of a category; 0 for a number.

    Returns
    -------
    float or None
        For a number Cohen's d with the pooled standard deviation [1]_, first minus second. For
        a category the multivariate standardised difference [2]_, which has no sign; levels that
        nobody has are left out. None where the groups are too small, or do not vary.

    References
    ----------
    .. [1] Cohen J (1988). Statistical power analysis for the behavioral sciences, 2nd ed.
    .. [2] Yang D, Dalton JE (2012). A unified approach to measuring the effect size between two
       groups using SAS. SAS Global Forum, paper 335-2012.

    Examples
    --------
    >>> standardised_difference(np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 5.0]))
    -2.0
    """
    first, second = first[~np.isnan(first)], second[~np.isnan(second)]
    if n_levels:
        return _categorical_difference(first, second, n_levels)
    if min(len(first), len(second)) < 2:
        return None
    squares = ((first - first.mean()) ** 2).sum() + ((second - second.mean()) ** 2).sum()
    pooled = float(np.sqrt(squares / (len(first) + len(second) - 2)))
    return float(first.mean() - second.mean()) / pooled if pooled > 0 else None


def _categorical_difference(first: Floats, second: Floats, n_levels: int) -> float | None:
    """Return the Mahalanobis distance between two groups' shares of the levels."""
    if not len(first) or not len(second):
        return None
    shares = np.array(
        [[np.mean(group == level) for level in range(n_levels)] for group in (first, second)]
    )
    # Shares add up to 1, so the first level says nothing that the others do not.
    shares = shares[:, shares.sum(axis=0) > 0][:, 1:]
    gap = shares[0] - shares[1]
    spread = np.mean([np.diag(share) - np.outer(share, share) for share in shares], axis=0)
    if not len(gap) or np.linalg.matrix_rank(spread) < len(gap):
        return None
    return float(np.sqrt(gap @ np.linalg.solve(spread, gap)))


def _rank_correlation(first: Floats, second: Floats) -> float | None:
    """Return the Spearman correlation where both are observed, or None if it does not exist."""
    from scipy.stats import spearmanr

    known = ~np.isnan(first) & ~np.isnan(second)
    first, second = first[known], second[known]
    # Two patients always lie on a line.
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second).statistic)
