"""Outcomes put in words: every label carries its definition."""

from __future__ import annotations

from collections.abc import Mapping

from heldout.outcomes.rules import reliable_points
from heldout.spec import EarlierRule, OutcomeSpec, ReliableSpec, RuleSpec, VisitSpec

# What patients with an event are called, where the field has a word for an outcome's name.
_EVENT_WORDS = {
    "response": ("responders", "non-responders"),
    "remission": ("remitters", "non-remitters"),
    "relapse": ("relapses", "patients without relapse"),
}
_MISSED = {
    "observed": "",
    "non_responder": "; a missed visit counts as a failure",
    "last_observation": "; the last score counts for a missed visit",
}
_NUMBERS = {
    "score": "{scale}",
    "change": "{scale}, change from baseline",
    "percent_change": "{scale}, change from baseline in %",
}


def event_words(name: str, rule: RuleSpec | None) -> tuple[str, str]:
    """Return what patients with the event, and patients without it, are called.

    Parameters
    ----------
    name : str
        The outcome's name; the field has words for response, remission and relapse.
    rule : RuleSpec or None
        Its rule.

    Returns
    -------
    tuple of str
        Such as ``responders`` and ``non-responders``.

    Examples
    --------
    >>> event_words("early_response", RuleSpec(reduction=0.5))
    ('responders', 'non-responders')
    """
    said = set(name.lower().split("_"))
    found = [words for word, words in _EVENT_WORDS.items() if word in said]
    if len(found) != 1 or said & {"no", "non", "not"}:
        return ("events", "non-events")
    event, other = found[0]
    if rule is not None and rule.throughout:
        return (f"sustained {event}", f"not sustained {event}")
    if rule is not None and rule.and_less_than is not None:
        return (f"partial {event}", f"not partial {event}")
    return (event, other)


def outcome_label(
    spec: OutcomeSpec, scale: str, visits: Mapping[str, VisitSpec], follow_up: str
) -> str:
    """Return an outcome in words: its own label, its rule, and what a missed visit counts as.

    Parameters
    ----------
    spec : OutcomeSpec
        As in the experiment.
    scale : str
        What its score is called.
    visits : mapping of str to VisitSpec
        As declared.
    follow_up : str
        Named only if the rule looks at other visits too.

    Returns
    -------
    str
        Such as ``Sustained response (MADRS fell by 50 % or more at month 3 and at month 6)``.
    """
    rule = spec.rule
    words = _rule_words(rule, scale)
    if rule.throughout:
        seen = [_visit_words(visits, visit) for visit in (*rule.throughout, follow_up)]
        words += f" at {', at '.join(seen[:-1])} and at {seen[-1]}"
    if rule.after is not None:
        earlier = _bound_words(rule.after, scale)
        words += f", after {earlier} at {_visit_words(visits, rule.after.visit)}"
    name = spec.label or spec.name.replace("_", " ").capitalize()
    return f"{name} ({words}{_MISSED[spec.missing_visit]})"


def _rule_words(rule: RuleSpec, scale: str) -> str:
    """Return a rule in words, without the visits it looks at."""
    if rule.value is not None:
        return _NUMBERS[rule.value].format(scale=scale)
    if rule.reliable_change is not None:
        return _reliable_words(rule.reliable_change, scale)
    words = _bound_words(rule, scale)
    if rule.and_less_than is not None:
        words += f" but by less than {_percent(rule.and_less_than)}"
    return words


def _bound_words(rule: RuleSpec | EarlierRule, scale: str) -> str:
    """Return a reduction or a bound in words."""
    if rule.reduction is not None:
        return f"{scale} fell by {_percent(rule.reduction)} or more"
    if rule.at_most is not None:
        return f"{scale} of {rule.at_most:g} or less"
    return f"{scale} of {rule.at_least:g} or more"


def _reliable_words(rule: ReliableSpec, scale: str) -> str:
    """Return reliable change in words, with the points it takes."""
    words = f"{scale} improved by more than {reliable_points(rule):.1f} points"
    if rule.and_at_most is not None:
        return f"{words}, from above {rule.and_at_most:g} to that or less"
    if rule.and_at_least is not None:
        return f"{words}, from below {rule.and_at_least:g} to that or more"
    return words


def _percent(share: float) -> str:
    """Return a share in percent, with as many digits as it needs."""
    return f"{100 * share:.4g} %"


def _visit_words(visits: Mapping[str, VisitSpec], name: str) -> str:
    """Return a visit's label as it stands within a sentence."""
    label = visits[name].label or name
    return label[:1].lower() + label[1:] if label[1:2].islower() else label
