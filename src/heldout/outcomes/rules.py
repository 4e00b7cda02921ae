"""An outcome rule as a value: what makes yes, no, a number or *not observed* of arrays.

A rule is a condition, the visits at which it must hold too, and the condition that patients
must have met before. No row ever looks at another, so a permutation test may move rows and
apply the rule again, and a multiverse of definitions may apply others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from heldout.arrays import Flags, Floats
from heldout.instruments.scales import Scale
from heldout.outcomes.conditions import (
    Condition,
    Fault,
    Given,
    condition_of,
    unknown_direction,
)
from heldout.spec.outcomes import RuleSpec

# What patients with an event are called, where the field has a word for an outcome's name.
_EVENT_WORDS = {
    "response": ("responders", "non-responders"),
    "remission": ("remitters", "non-remitters"),
    "relapse": ("relapses", "patients without relapse"),
}


@dataclass(frozen=True, slots=True)
class Earlier:
    """What must have been met at an earlier visit, so that the outcome can be asked."""

    visit: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Rule:
    """What an outcome makes of scores.

    Attributes
    ----------
    condition : Condition
        What is asked at the follow-up.
    throughout : tuple of str
        Visits before it at which the same must hold.
    after : Earlier or None
        What must have been met before; of who did not meet it nothing is asked.

    Examples
    --------
    >>> rule, baseline = rule_of(RuleSpec(reduction=0.5)), np.array([30.0, 30.0, 30.0])
    >>> scores = np.array([[20.0, 15.0], [15.0, 16.0], [15.0, np.nan]])
    >>> rule.apply(baseline, scores)
    array([ 1.,  0., nan])
    >>> rule.apply(baseline, scores, missing_visit="last_observation")
    array([1., 0., 1.])
    """

    condition: Condition
    throughout: tuple[str, ...] = ()
    after: Earlier | None = None

    @property
    def kind(self) -> Literal["class", "number"]:
        """Whether yes or no is predicted, or a number."""
        return self.condition.kind

    @property
    def baseline_needs(self) -> tuple[tuple[str, str], ...]:
        """What needs the baseline score, in words, and what to ask where there is none."""
        needs = [(self.condition.needs, self.condition.instead)]
        if self.after is not None and self.after.condition.needs:
            earlier = f"an earlier {self.after.condition.needs.removeprefix('a ')}"
            needs.append((earlier, self.after.condition.instead))
        return tuple(need for need in needs if need[0])

    @property
    def needs_baseline(self) -> bool:
        """Whether the baseline score is used, so that arithmetic alone predicts."""
        return bool(self.baseline_needs)

    def apply(
        self,
        baseline: Floats,
        scores: Floats,
        *,
        visits: Sequence[str] = (),
        higher_is: str | None = None,
        missing_visit: str = "observed",
    ) -> Floats:
        """Return what the rule makes of scores: 1, 0 or a number, and NaN where it is not known.

        Parameters
        ----------
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
            A share of reduction is unknown where the baseline is not above 0. A sustained
            outcome is unknown where any of its visits was missed, even if it was not met at
            another: counting only the certain no's would make the rate depend on attendance.
            After an earlier rule, all who did not meet it, or of whom that is unknown, are NaN;
            a missed earlier visit is never filled in.

        Notes
        -----
        ``non_responder`` counts who missed a visit as not having done well there: 0, or 1 where
        the event is a worsening (see `failure`). A sustained worsening that was surely not there
        at another visit stays 0. ``last_observation`` carries forward the last score of
        `scores`, never the baseline (that convention has a name of its own, BOCF [1]_), and
        never the score that met the earlier rule or one before it.

        References
        ----------
        .. [1] Liu-Seifert H et al. (2010). A closer look at the
           baseline-observation-carried-forward. Patient Prefer Adherence 4, 11-16.
        """
        place = {visit: number for number, visit in enumerate(visits)}
        seen = scores
        if missing_visit == "last_observation":
            # The score that met the earlier rule may not be carried: of a relapse it says nothing.
            first = 0 if self.after is None else place[self.after.visit] + 1
            seen = _carried_forward(scores, first)
        columns = [*(place[visit] for visit in self.throughout), -1]
        answers = np.array(
            [self.condition.answers(baseline, seen[:, column], higher_is) for column in columns]
        )
        failure = self.failure(higher_is)
        if missing_visit == "non_responder" and failure is not None:
            # Each missed visit by itself: a worsening that was not there at another is none.
            answers[np.isnan(answers) & self.condition.serves(baseline)] = failure
        # The minimum of 0, 1 and NaN is NaN: one missed visit, and it is not known.
        together: Floats = np.min(answers, axis=0)
        together[self.at_risk(baseline, scores, visits) != 1] = np.nan
        return together

    def at_risk(self, baseline: Floats, scores: Floats, visits: Sequence[str]) -> Floats:
        """Return who met the earlier rule: 1, 0, or NaN where it is not known, by patient."""
        if self.after is None:
            return np.ones(len(baseline))
        score = scores[:, list(visits).index(self.after.visit)]
        # A share of reduction or a cut-off is met or not, whichever end of the scale is good.
        return self.after.condition.answers(baseline, score, None)

    def serves(self, baseline: Floats) -> Flags:
        """Return for whom the baseline is what the rule and the earlier one need of it."""
        serves = self.condition.serves(baseline)
        return serves if self.after is None else serves & self.after.condition.serves(baseline)

    def failure(self, higher_is: str | None) -> float | None:
        """Return the answer of a patient who did not do well: 0, or 1 if the event is a worsening.

        Parameters
        ----------
        higher_is : str or None
            Direction of the score.

        Returns
        -------
        float or None
            None for a number, and where nobody said which end of the scale is the good one.
        """
        return self.condition.failure(higher_is)

    def words(self, scale: str, follow_up: str, called: Mapping[str, str]) -> str:
        """Return the rule in words, with the visits it looks at if they are several.

        Parameters
        ----------
        scale : str
            What the score is called.
        follow_up : str
            The visit's name.
        called : mapping of str to str
            Visit -> what it is called within a sentence.

        Returns
        -------
        str
            Such as ``MADRS fell by 50 % or more at month 3 and at month 6``.
        """
        words = self.condition.words(scale)
        if self.throughout:
            *before, last = (called[visit] for visit in (*self.throughout, follow_up))
            words += f" at {', at '.join(before)} and at {last}"
        if self.after is not None:
            words += f", after {self.after.condition.words(scale)} at {called[self.after.visit]}"
        return words

    def event_words(self, name: str) -> tuple[str, str]:
        """Return what patients with the event, and patients without it, are called.

        Parameters
        ----------
        name : str
            The outcome's name; the field has words for response, remission and relapse.

        Returns
        -------
        tuple of str
            Such as ``responders`` and ``non-responders``.

        Examples
        --------
        >>> rule_of(RuleSpec(reduction=0.5)).event_words("early_response")
        ('responders', 'non-responders')
        """
        parts = set(name.lower().split("_"))
        known = [words for word, words in _EVENT_WORDS.items() if word in parts]
        # Who has the event no_response is a non-responder: no word is better than its opposite.
        if len(known) != 1 or parts & {"no", "non", "not"}:
            return ("events", "non-events")
        event, other = known[0]
        degree = "sustained" if self.throughout else self.condition.degree
        return (f"{degree} {event}", f"not {degree} {event}") if degree else (event, other)

    def faults(self, scale: Scale, missing_visit: str) -> Iterator[Fault]:
        """Yield what does not fit the direction and the range of the score.

        Parameters
        ----------
        scale : Scale
            Of the score.
        missing_visit : str
            What a missed visit counts as.

        Yields
        ------
        tuple of (tuple of str, str)
            The key of the outcome that is at fault, and the message without a place.
        """
        parts: list[tuple[tuple[str, ...], Condition]] = [(("rule",), self.condition)]
        if self.after is not None:
            parts.append((("rule", "after"), self.after.condition))
        unfitting = [fault for _, part in parts for fault in part.direction_faults(scale)]
        # Both rules are about one score, whose direction is told once.
        yield from dict.fromkeys(unfitting)
        if missing_visit == "non_responder" and self.failure(scale.higher_is) is None:
            yield unknown_direction("'missing_visit: non_responder'", scale)
        if scale.bounds is None:
            return
        low, high = scale.bounds
        span = f"'{scale.name}' runs from {low:g} to {high:g}"
        for path, part in parts:
            for key, text in part.range_faults(low, high, span):
                yield (*path, *key), text


def rule_of(spec: RuleSpec | None) -> Rule:
    """Return the rule that an experiment states.

    Parameters
    ----------
    spec : RuleSpec or None
        None for scores that are 0 and 1 already.

    Returns
    -------
    Rule
    """
    if spec is None:
        return Rule(Given())
    after = spec.after
    return Rule(
        condition=condition_of(spec),
        throughout=spec.throughout,
        after=None if after is None else Earlier(after.visit, condition_of(after)),
    )


def _carried_forward(scores: Floats, first: int) -> Floats:
    """Return scores with missing ones replaced by the last one since a visit."""
    filled = scores.copy()
    for column in range(first + 1, scores.shape[1]):
        missed = np.isnan(filled[:, column])
        filled[missed, column] = filled[missed, column - 1]
    return filled
