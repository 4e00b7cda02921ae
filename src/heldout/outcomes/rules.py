"""Rules on scores: what makes yes, no, a number or *not observed* of arrays.

Pure functions of arrays, one patient a row, no row ever looking at another. So a permutation
test may move rows and apply the rule again, and a multiverse of definitions may apply others.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats
from heldout.spec import EarlierRule, ReliableSpec, RuleSpec

# 20 - 10 must count as half whatever the binary fractions say.
_HAIR = 1e-9


def apply_rule(
    rule: RuleSpec | None,
    baseline: Floats,
    scores: Floats,
    *,
    visits: Sequence[str] = (),
    higher_is: str | None = None,
    missing_visit: str = "observed",
) -> Floats:
    """Return what a rule makes of scores: 1, 0 or a number, and NaN where it cannot be known.

    Parameters
    ----------
    rule : RuleSpec or None
        None for scores that are 0 and 1 already.
    baseline : array of shape (n_patients,)
        Scores at baseline, in points; NaN where not observed.
    scores : array of shape (n_patients, n_visits)
        Scores at visits in order of time, the follow-up last; NaN where not observed.
    visits : sequence of str
        Their names, for a rule that looks at visits before the follow-up.
    higher_is : str or None
        ``worse`` or ``better``; None is read as ``worse``.
    missing_visit : str
        ``observed``, ``non_responder`` or ``last_observation``.

    Returns
    -------
    array of shape (n_patients,)
        A share of reduction is unknown where the baseline is not above 0. A sustained outcome
        is unknown where any of its visits was missed, even if it was not met at another:
        counting only the certain no's would make the rate depend on attendance. After an
        earlier rule, all who did not meet it, or of whom that is unknown, are NaN; a missed
        earlier visit is never filled in.

    Notes
    -----
    ``non_responder`` counts who missed a visit as not having done well there: 0, or 1 where the
    event is a worsening (see `failure`). A sustained worsening that was surely not there at
    another visit stays 0. ``last_observation`` carries forward the last score
    of `scores`, never the baseline (that convention has a name of its own, BOCF [1]_), and
    never the score that met the earlier rule or one before it.

    References
    ----------
    .. [1] Liu-Seifert H et al. (2010). A closer look at the
       baseline-observation-carried-forward. Patient Prefer Adherence 4, 11-16.

    Examples
    --------
    >>> rule, baseline = RuleSpec(reduction=0.5), np.array([30.0, 30.0, 30.0])
    >>> scores = np.array([[20.0, 15.0], [15.0, 16.0], [15.0, np.nan]])
    >>> apply_rule(rule, baseline, scores)
    array([ 1.,  0., nan])
    >>> apply_rule(rule, baseline, scores, missing_visit="last_observation")
    array([1., 0., 1.])
    """
    seen = scores
    if missing_visit == "last_observation":
        seen = _carried_forward(scores, _earliest_to_carry(rule, visits))
    if rule is None:
        answers = seen[:, -1].copy()
    elif rule.value is not None:
        answers = _number_of(rule.value, baseline, seen[:, -1])
    else:
        columns = [*(list(visits).index(visit) for visit in rule.throughout), -1]
        met = np.array([_met_at(rule, baseline, seen[:, column], higher_is) for column in columns])
        filling = failure(rule, higher_is)
        if missing_visit == "non_responder" and filling is not None:
            # Each missed visit by itself: a worsening that was not there at another is none.
            met[np.isnan(met) & baseline_serves(rule, baseline)] = filling
        # The minimum of 0, 1 and NaN is NaN: one missed visit, and it is not known.
        answers = np.min(met, axis=0)
    answers[at_risk(rule, baseline, scores, visits) != 1] = np.nan
    return answers


def at_risk(
    rule: RuleSpec | None, baseline: Floats, scores: Floats, visits: Sequence[str]
) -> Floats:
    """Return who met the earlier rule, so that the outcome can be asked of them.

    Parameters
    ----------
    rule : RuleSpec or None
        Any.
    baseline : array of shape (n_patients,)
        NaN where not observed.
    scores : array of shape (n_patients, n_visits)
        NaN where not observed.
    visits : sequence of str
        Their names.

    Returns
    -------
    array of shape (n_patients,)
        1, 0, or NaN where it is not known; all ones if there is no earlier rule.
    """
    if rule is None or rule.after is None:
        return np.ones(len(baseline))
    return _bounded(rule.after, baseline, scores[:, list(visits).index(rule.after.visit)])


def _met_at(
    rule: RuleSpec, baseline: Floats, score: Floats, higher_is: str | None = None
) -> Floats:
    """Return 1, 0 or NaN for a rule on one visit's scores."""
    if rule.reliable_change is not None:
        return _changed_reliably(rule.reliable_change, baseline, score, higher_is)
    answers = _bounded(rule, baseline, score)
    if rule.and_less_than is not None:
        answers[(answers == 1) & _fell_by(rule.and_less_than, baseline, score)] = 0
    return answers


def _bounded(rule: RuleSpec | EarlierRule, baseline: Floats, score: Floats) -> Floats:
    """Return 1, 0 or NaN for a reduction or a bound on one visit's scores."""
    if rule.reduction is not None:
        met = _fell_by(rule.reduction, baseline, score)
    elif rule.at_most is not None:
        met = score <= rule.at_most
    else:
        assert rule.at_least is not None
        met = score >= rule.at_least
    return np.where(~np.isnan(score) & baseline_serves(rule, baseline), met, np.nan)


def _fell_by(share: float, baseline: Floats, score: Floats) -> NDArray[np.bool_]:
    """Return where a score is lower than at baseline by at least a share of it."""
    return baseline - score >= share * baseline - _HAIR


def _changed_reliably(
    rule: ReliableSpec, baseline: Floats, score: Floats, higher_is: str | None
) -> Floats:
    """Return where patients improved beyond measurement error, and crossed the bound if any."""
    fall = baseline - score
    met = (-fall if higher_is == "better" else fall) > reliable_points(rule) + _HAIR
    if rule.and_at_most is not None:
        met &= (baseline > rule.and_at_most) & (score <= rule.and_at_most)
    if rule.and_at_least is not None:
        met &= (baseline < rule.and_at_least) & (score >= rule.and_at_least)
    return np.where(np.isnan(fall), np.nan, met)


def reliable_points(rule: ReliableSpec) -> float:
    """Return the points that measurement error alone exceeds in one patient of twenty.

    Parameters
    ----------
    rule : ReliableSpec
        Reliability and standard deviation of the scale.

    Returns
    -------
    float
        1.96 times the standard error of the difference of two scores. A reliable change is
        more than that.

    References
    ----------
    .. [1] Jacobson NS, Truax P (1991). Clinical significance: a statistical approach to
       defining meaningful change in psychotherapy research. J Consult Clin Psychol 59, 12-19.

    Examples
    --------
    >>> round(reliable_points(ReliableSpec(sd=6.4, reliability=0.84)), 1)
    7.1
    """
    return 1.96 * rule.sd * sqrt(2) * sqrt(1 - rule.reliability)


def _number_of(value: str, baseline: Floats, score: Floats) -> Floats:
    """Return the score, its change from baseline, or that in percent of the baseline."""
    if value == "score":
        return score.copy()
    change = score - baseline
    if value == "change":
        return change
    return 100 * change / np.where(baseline > 0, baseline, np.nan)


def baseline_serves(rule: RuleSpec | EarlierRule | None, baseline: Floats) -> NDArray[np.bool_]:
    """Return for whom the baseline is what the rule needs of it.

    Parameters
    ----------
    rule : RuleSpec, EarlierRule or None
        Any.
    baseline : array of shape (n_patients,)
        NaN where not observed.

    Returns
    -------
    array of bool of shape (n_patients,)
        A share needs a baseline above 0, a difference a known one, a bound none.
    """
    value = rule.value if isinstance(rule, RuleSpec) else None
    if rule is not None and (rule.reduction is not None or value == "percent_change"):
        return baseline > 0
    if isinstance(rule, RuleSpec) and (rule.reliable_change is not None or value == "change"):
        return ~np.isnan(baseline)
    return np.ones(len(baseline), dtype=np.bool_)


def failure(rule: RuleSpec | None, higher_is: str | None) -> float | None:
    """Return the answer of a patient who did not do well: 0, or 1 if the event is a worsening.

    Parameters
    ----------
    rule : RuleSpec or None
        Any.
    higher_is : str or None
        Direction of the score.

    Returns
    -------
    float or None
        None for a number, and where nobody said which end of the scale is the good one.
    """
    if rule is None or rule.value is not None:
        return None
    if rule.at_most is None and rule.at_least is None:
        return 0.0
    if higher_is is None:
        return None
    return float((rule.at_most is None) == (higher_is == "worse"))


def _earliest_to_carry(rule: RuleSpec | None, visits: Sequence[str]) -> int:
    """Return the first visit whose score may stand for a later one.

    The score that met the earlier rule may not: of a relapse after it, it says nothing.
    """
    if rule is None or rule.after is None:
        return 0
    return list(visits).index(rule.after.visit) + 1


def _carried_forward(scores: Floats, first: int) -> Floats:
    """Return scores with missing ones replaced by the last one since a visit."""
    filled = scores.copy()
    for column in range(first + 1, scores.shape[1]):
        missed = np.isnan(filled[:, column])
        filled[missed, column] = filled[missed, column - 1]
    return filled
