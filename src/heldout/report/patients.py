"""Who the patients are, as the page says it: flow, outcomes, Table 1, precision of the scales."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from heldout.describe.values import AuditCounts, Characteristic, Reliability, Summary, VisitFacts
from heldout.outcomes.outcome import Tally
from heldout.record import RunRecord
from heldout.report.prose import section
from heldout.report.tables import ABSENT, Section, row, table
from heldout.report.targets import Target, by_kind
from heldout.wording import amount, counted, decimal, interval, share

_MISSED = {
    "observed": "left out",
    "non_responder": "count as failures",
    "last_observation": "take the last score before them",
}
_RATE_COLUMNS = {
    "class": "Missed visits | Patients# | Events# | Rate# | 95 % interval#",
    "number": "Missed visits | Patients# | Mean# | Standard deviation#",
}
_FEW = 5


def build_flow(record: RunRecord) -> Section:
    """Return how many patients were left after each rule, and observed at each visit.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    dict
        ``steps``: each with a label, a count, its share of the first count, and a note.
    """
    first = record.flow[0].n if record.flow else record.n_patients
    steps, before = [], None
    for step in record.flow:
        left = before - step.n if before is not None else 0
        steps.append(_flow_step(step.label, step.n, first, f"{left} left out" if left else ""))
        before = step.n
    steps += [
        _flow_step(_visit_label(visit), visit.observed, first, _visit_note(record, visit), "visit")
        for visit in record.visits
    ]
    sites = f" from {counted(len(record.sites), 'site')}" if record.sites else ""
    included = f"{counted(record.n_patients, 'patient')}{sites}"
    return section("flow", included=included) | {"steps": steps}


def _flow_step(label: str, n: int, whole: int, note: str, kind: str = "step") -> Section:
    """Return one bar of the flow."""
    part = round(100 * n / whole, 2) if whole else 0.0
    return {"label": label, "n": str(n), "share": part, "note": note, "kind": kind}


def _visit_label(visit: VisitFacts) -> str:
    """Return a visit with its day."""
    name = f"{visit.label} ({visit.name})" if visit.label != visit.name else visit.name
    return name if visit.day is None else f"{name}, day {visit.day:g}"


def _visit_note(record: RunRecord, visit: VisitFacts) -> str:
    """Return the share observed, and why the others were not."""
    seen = share(visit.observed, record.n_patients)
    missed = f", {visit.missed} missed it" if visit.missed else ""
    return f"{seen}{missed}" + (f", {visit.no_score} without a score" if visit.no_score else "")


def build_outcomes(record: RunRecord, targets: Sequence[Target]) -> Section:
    """Return how often each outcome occurred, under each rule for missed visits.

    Parameters
    ----------
    record : RunRecord
        Complete.
    targets : sequence of Target
        Of the same record.

    Returns
    -------
    dict
    """
    tables = []
    for kind, of_kind in by_kind(targets).items():
        groups = [_outcome_group(record, target) for target in of_kind]
        tables.append(table(_RATE_COLUMNS[kind], groups, stack=True))
    return section("outcomes") | {"tables": tables}


def _outcome_group(record: RunRecord, target: Target) -> Section:
    """Return one outcome at one follow-up under every rule."""
    facts = target.facts
    specs = {spec["name"]: spec for spec in record.experiment.get("outcomes", ())}
    own = str(specs.get(facts.name, {}).get("missing_visit", "observed"))
    # Records of before the rules were counted know the one that was used.
    rules = facts.missing_rules or {own: Tally(n=facts.n, events=facts.events)}
    notes = [f"{n} {reason}" for reason, n in facts.unobserved.items()]
    words = [f"Not counted: {', '.join(notes)}."] if notes else []
    n_features = len(record.features)
    if facts.kind == "class" and n_features:
        # A model learns from the rarer class: 30 events of 36 are as few as 6.
        rarer = min(facts.events, facts.n - facts.events)
        words.append(f"Events per feature: {rarer / n_features:.1f}.")
    return {
        "title": target.title,
        "detail": target.detail,
        "note": " ".join(words) or None,
        "rows": [
            row(_MISSED[rule], *_tally_words(tally), strong=rule == own and len(rules) > 1)
            for rule, tally in rules.items()
        ],
    }


def _tally_words(tally: Tally) -> tuple[str, ...]:
    """Return patients, events, rate and interval; of a number its mean and deviation."""
    if tally.events is None:
        return (str(tally.n), amount(tally.mean), amount(tally.sd))
    seen = share(tally.events, tally.n)
    return (str(tally.n), str(tally.events), seen, _wilson_interval(tally.events, tally.n))


def _wilson_interval(events: int, n: int) -> str:
    """Return Wilson's 95 % interval of a rate in percent."""
    if not n:
        return "none"
    from scipy.stats import binomtest

    interval = binomtest(events, n).proportion_ci(method="wilson")
    return f"{100 * interval.low:.0f} to {100 * interval.high:.0f} %"


def build_table_one(record: RunRecord, targets: Sequence[Target]) -> Section | None:
    """Return Table 1, or nothing for a record without one.

    Parameters
    ----------
    record : RunRecord
        Complete.
    targets : sequence of Target
        Of the same record.

    Returns
    -------
    dict or None
    """
    if not record.characteristics:
        return None
    first = record.characteristics[0]
    of_first = (first.outcome, first.follow_up)
    by = next((at for at in targets if (at.facts.name, at.facts.follow_up) == of_first), None)
    groups = chain.from_iterable(variable.groups for variable in record.characteristics)
    words = section(
        "table_one",
        kind=by and by.facts.kind,
        title=by and by.title.lower(),
        small=any(0 < n < _FEW for group in groups for n in group.counts),
    )
    columns = f"Variable | All ({record.n_patients})# | Missing#{_grouping_columns(by, first)}"
    rows = list(chain.from_iterable(map(_characteristic_rows, record.characteristics)))
    return {"note": None} | words | {"table": table(columns, [{"rows": rows}], stack=True)}


def _grouping_columns(by: Target | None, first: Characteristic) -> str:
    """Return the columns of the outcome that Table 1 is by."""
    if by is None:
        return ""
    if by.facts.kind == "number":
        return " | Correlation#"
    # Sizes of the groups: a variable's patients with and without a value.
    event, no_event = (group.n + group.missing for group in first.groups[1:])
    return f" | Event ({event})# | No event ({no_event})# | Standardised difference#"


def _characteristic_rows(variable: Characteristic) -> list[Section]:
    """Return the rows of one variable: one for a number, one more a level for a category."""
    everybody, *groups = variable.groups
    measure = []
    if variable.outcome is not None:
        measure = [_or_absent(decimal, variable.difference if groups else variable.correlation)]
    label = f"{variable.label}, {variable.unit}" if variable.unit else variable.label
    missing = everybody.missing or ABSENT
    if not variable.levels:
        words, *others = map(_number_words, variable.groups)
        return [row(label, words, missing, *others, *measure)]
    rows = [row(label, "", missing, *[""] * len(groups), *measure)]
    for position, level in enumerate(variable.levels):
        words, *others = (_count_words(group, position) for group in variable.groups)
        rows.append(row(level, words, "", *others, *[""] * len(measure), inner=True))
    return rows


def _number_words(group: Summary) -> str:
    """Return a number's mean and deviation, and under them its median and quartiles."""
    if group.mean is None:
        return ABSENT
    spread = "" if group.sd is None else f" ({amount(group.sd)})"
    quartiles = f"{amount(group.lower)}, {amount(group.upper)}"
    return f"{amount(group.mean)}{spread}\n{amount(group.median)} [{quartiles}]"


def _count_words(group: Summary, position: int) -> str:
    """Return how many patients have a level, and their share."""
    return f"{group.counts[position]} ({share(group.counts[position], group.n)})"


def _or_absent(say: Callable[[float], str], value: float | None) -> str:
    """Return a figure in words; a dash where there is none."""
    return ABSENT if value is None else say(value)


# Column of a table -> what stands there.
_PRECISION: Mapping[str, Callable[[Reliability], object]] = {
    "Patients#": lambda scale: scale.n,
    "Items#": lambda scale: scale.parts,
    "Alpha#": lambda scale: _or_absent(decimal, scale.alpha),
    "95 % interval#": lambda scale: _or_absent(
        lambda low: interval(low, scale.alpha_high), scale.alpha_low
    ),
    "Omega#": lambda scale: _or_absent(decimal, scale.omega),
    "SEM#": lambda scale: amount(scale.sem),
    "Reliable change#": lambda scale: amount(scale.reliable_points),
    "Floor#": lambda scale: _or_absent(partial(share, whole=1), scale.floor),
    "Ceiling#": lambda scale: _or_absent(partial(share, whole=1), scale.ceiling),
}
_AUDIT: Mapping[str, Callable[[AuditCounts], object]] = {
    "Visit": lambda score: score.visit or ABSENT,
    "Items#": lambda score: len(score.items),
    "Reversed#": lambda score: len(score.reversed) or ABSENT,
    "Missing items filled in": lambda score: score.rule,
    "Scored#": lambda score: score.scored,
    "Prorated#": lambda score: score.prorated or ABSENT,
    "Missing#": lambda score: score.missing or ABSENT,
}


def build_reliability(record: RunRecord) -> Section | None:
    """Return how precisely the scales measured these patients, and how scores were made.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    dict or None
        None for a record without items.
    """
    if not record.reliability and not record.score_audit:
        return None
    labels = {variable.name: variable.label for variable in record.characteristics}
    return section("reliability") | {
        "table": _columned("Scale", _PRECISION, labels, record.reliability),
        "audit_summary": "How the scores were made of items",
        "audit": _columned("Score", _AUDIT, labels, record.score_audit),
    }


def _columned(
    first: str,
    columns: Mapping[str, Callable[[Any], object]],
    labels: Mapping[str, str],
    scores: Sequence[Reliability | AuditCounts],
) -> Section:
    """Return a table of scores, by their labels."""
    rows = [
        row(labels.get(score.name, score.name), *(say(score) for say in columns.values()))
        for score in scores
    ]
    return table(" | ".join((first, *columns)), [{"rows": rows}], stack=True)
