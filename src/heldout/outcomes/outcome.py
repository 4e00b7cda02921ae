"""One outcome at one follow-up: a rule and its arrays, never a bare column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from heldout.arrays import Flags, Floats
from heldout.outcomes.rules import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One outcome at one follow-up.

    `values` applies the rule to the arrays each time it is asked. So an outcome under other
    arrays or another definition is ``replace(outcome, scores=outcome.scores[order]).values``
    or ``replace(outcome, rule=other).values``: whole rows of `scores` move together, missed
    visits with them, and every patient keeps the own baseline.

    Attributes
    ----------
    name, follow_up : str
        Together they name the outcome; `follow_up` is the visit's name.
    label : str
        In words, such as ``Response (MADRS fell by 50 % or more)``.
    column : str or None
        The score that decides: a declared column or ``column.score``; None if the outcome was
        given as 0 and 1.
    rule : Rule
        What makes of the scores what is predicted.
    baseline : array of shape (n_patients,)
        Scores at baseline; NaN where not observed.
    scores : array of shape (n_patients, n_visits)
        Scores at `visits`; NaN where not observed.
    visits : tuple of str
        In order of time, the follow-up last: every visit after the prediction at which the
        score was measured, and the visit of an earlier rule.
    weights : array of shape (n_patients,)
        Patient weights for fitting and for metrics; all ones unless drop-out is weighted.
    primary : bool
        Whether this follow-up was named beforehand as the one that decides.
    higher_is : str or None
        Whether a higher score is ``worse`` or ``better``; None if nobody said.
    missing_visit : str
        What a missed visit counts as.
    bounds : tuple of float or None
        Lowest and highest score of the scale, in points; None if nobody said.
    """

    name: str
    follow_up: str
    label: str
    column: str | None
    rule: Rule
    baseline: Floats
    scores: Floats
    visits: tuple[str, ...]
    weights: Floats
    primary: bool
    higher_is: str | None = None
    missing_visit: str = "observed"
    bounds: tuple[float, float] | None = None

    @property
    def has_severity(self) -> bool:
        """Whether the score was measured at baseline, and is not the same in all patients."""
        known = self.baseline[~np.isnan(self.baseline)]
        return len(known) > 0 and bool(np.ptp(known) > 0)

    @property
    def severity(self) -> Floats:
        """The score at baseline, its mean where not observed; for outcomes that have it."""
        known = ~np.isnan(self.baseline)
        return np.where(known, self.baseline, self.baseline[known].mean())

    @property
    def score(self) -> Floats:
        """The score at the follow-up, by patient; NaN where not observed."""
        return self.scores[:, -1]

    @property
    def kind(self) -> Literal["class", "number"]:
        """Whether yes or no is predicted, or a number."""
        return self.rule.kind

    @property
    def values(self) -> Floats:
        """1, 0 or a number, or NaN where not observed, by patient."""
        return self.values_under(self.missing_visit)

    def values_under(self, missing_visit: str) -> Floats:
        """Return `values` as they would be if missed visits counted as something else."""
        return self.rule.apply(
            self.baseline,
            self.scores,
            visits=self.visits,
            higher_is=self.higher_is,
            missing_visit=missing_visit,
        )

    @property
    def observed(self) -> Flags:
        """Whether the outcome is known, by patient."""
        return ~np.isnan(self.values)

    @property
    def events(self) -> int:
        """How many patients had the event; 0 for a number."""
        return int(np.nansum(self.values)) if self.kind == "class" else 0

    @property
    def smaller_class(self) -> int:
        """How many patients the rarer of the two answers has; 0 for a number."""
        if self.kind == "number":
            return 0
        # Folds and metrics are bounded by the rarer answer, whichever of the two it is.
        return min(self.events, int(self.observed.sum()) - self.events)

    @property
    def from_baseline(self) -> bool:
        """Whether the rule uses the baseline score, so that arithmetic alone predicts."""
        return self.rule.needs_baseline

    @property
    def event_words(self) -> tuple[str, str]:
        """What patients with the event, and without, are called: responders, non-responders."""
        return self.rule.event_words(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many patients an outcome is known for, and what it was in them.

    Attributes
    ----------
    n : int
        Patients whose outcome is known.
    events : int or None
        Of these, with the event; None for a number.
    mean, sd : float or None
        Of a number; None for yes and no, and where there are too few patients.
    """

    n: int
    events: int | None = None
    mean: float | None = None
    sd: float | None = None


def missing_visit_counts(outcome: Outcome) -> dict[str, Tally]:
    """Return what an outcome would be under each rule for missed visits.

    Parameters
    ----------
    outcome : Outcome
        Under any rule for missed visits.

    Returns
    -------
    dict of str to Tally
        ``observed``, ``non_responder`` and ``last_observation``. There is no non-responder of
        a number, nor of a bound on a score whose direction nobody gave, nor of an outcome that
        was given as 0 and 1.
    """
    rules = ["observed", "non_responder", "last_observation"]
    if outcome.rule.failure(outcome.higher_is) is None:
        rules.remove("non_responder")
    return {rule: _tally(outcome, outcome.values_under(rule)) for rule in rules}


def _tally(outcome: Outcome, values: Floats) -> Tally:
    """Return values counted, as befits the outcome's kind."""
    known = values[~np.isnan(values)]
    n = len(known)
    if outcome.kind == "class":
        return Tally(n=n, events=int(known.sum()))
    return Tally(
        n=n,
        mean=float(known.mean()) if n else None,
        sd=float(known.std(ddof=1)) if n > 1 else None,
    )


def unobserved_counts(outcome: Outcome) -> dict[str, int]:
    """Return why an outcome is not known, and for how many patients.

    Parameters
    ----------
    outcome : Outcome
        Any.

    Returns
    -------
    dict of str to int
        Only reasons that occur; each patient counts for the first that holds. Together they
        are all patients not observed.
    """
    left, missing = ~outcome.observed, np.isnan(outcome.scores)
    risk = outcome.rule.at_risk(outcome.baseline, outcome.scores, outcome.visits)
    serves = outcome.rule.serves(outcome.baseline)
    # In order of time: what comes first decides why nothing later could be known.
    reasons = {
        "did not meet the earlier rule": risk == 0,
        "no usable baseline": ~serves,
        "missed the earlier visit": np.isnan(risk),
        "missed the follow-up": missing[:, -1],
        # What is left: a sustained outcome with a gap between.
        "missed a visit before the follow-up": np.ones_like(left),
    }
    counts = {}
    for reason, holds in reasons.items():
        counts[reason] = int((left & holds).sum())
        left &= ~holds
    return {reason: n for reason, n in counts.items() if n}
