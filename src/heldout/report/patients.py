"""Who the patients are, as the page says it: flow, outcomes, Table 1, precision of the scales."""

from __future__ import annotations

from collections.abc import Sequence

from heldout.describe import Characteristic, Summary, VisitFacts
from heldout.outcomes import Tally
from heldout.record import RunRecord
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
_CAUTION = (
    " Some cells describe fewer than five patients, and few patients can be recognised: think "
    "before this page leaves the place where they are treated."
)


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
    return {
        "heading": "Who the patients are",
        "lead": (
            f"{counted(record.n_patients, 'patient')}{sites} are included. Blue bars are the "
            "included patients who were observed by the outcomes' scores."
        ),
        "steps": steps,
    }


def _flow_step(label: str, n: int, whole: int, note: str, kind: str = "step") -> Section:
    """Return one bar of the flow."""
    share = round(100 * n / whole, 2) if whole else 0.0
    return {"label": label, "n": str(n), "share": share, "note": note, "kind": kind}


def _visit_label(visit: VisitFacts) -> str:
    """Return a visit with its day."""
    name = f"{visit.label} ({visit.name})" if visit.label != visit.name else visit.name
    return name if visit.day is None else f"{name}, day {visit.day:g}"


def _visit_note(record: RunRecord, visit: VisitFacts) -> str:
    """Return the share observed, and why the others were not."""
    seen = share(visit.observed, record.n_patients)
    reasons = [
        f"{n} {words}"
        for n, words in ((visit.missed, "missed it"), (visit.no_score, "without a score"))
        if n
    ]
    return ", ".join([seen, *reasons])


def build_outcomes(record: RunRecord, places: Sequence[Target]) -> Section:
    """Return how often each outcome occurred, under each rule for missed visits.

    Parameters
    ----------
    record : RunRecord
        Complete.
    places : sequence of Target
        Of the same record.

    Returns
    -------
    dict
    """
    return {
        "heading": "How often it happened",
        "lead": (
            "Rates with Wilson's 95 % interval. They depend on what a missed visit counts as; the "
            "rule of this study is in blue. Under ten events per feature (counted in the rarer "
            "class) a study is exploratory."
        ),
        "tables": [
            table(
                _RATE_COLUMNS[kind],
                [_outcome_group(record, place) for place in of_kind],
                stack=True,
            )
            for kind, of_kind in by_kind(places).items()
        ],
    }


def _outcome_group(record: RunRecord, place: Target) -> Section:
    """Return one outcome at one follow-up under every rule."""
    facts = place.facts
    own = next(
        (
            str(spec.get("missing_visit", "observed"))
            for spec in record.experiment.get("outcomes", ())
            if spec["name"] == facts.name
        ),
        "observed",
    )
    rules = facts.missing_rules or {own: Tally(n=facts.n, events=facts.events)}
    notes = [f"{n} {reason}" for reason, n in facts.unobserved.items()]
    words = [f"Not counted: {', '.join(notes)}."] if notes else []
    n_features = len(record.features)
    if facts.kind == "class" and n_features:
        rarer = min(facts.events, facts.n - facts.events)
        words.append(f"Events per feature: {rarer / n_features:.1f}.")
    return {
        "title": place.title,
        "detail": place.detail,
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


def build_table_one(record: RunRecord, places: Sequence[Target]) -> Section | None:
    """Return Table 1, or nothing for a record without one.

    Parameters
    ----------
    record : RunRecord
        Complete.
    places : sequence of Target
        Of the same record.

    Returns
    -------
    dict or None
    """
    rows = record.characteristics
    if not rows:
        return None
    by = (rows[0].outcome, rows[0].follow_up)
    place = next((one for one in places if (one.facts.name, one.facts.follow_up) == by), None)
    small = any(0 < n < _FEW for one in rows for group in one.groups for n in group.counts)
    names, words = "", ""
    if place is not None and place.facts.kind == "class":
        # Sizes of the groups: a variable's patients with and without a value.
        sizes = [group.n + group.missing for group in rows[0].groups[1:]]
        names = f" | Event ({sizes[0]})# | No event ({sizes[1]})# | Standardised difference#"
        words = (
            f" Event: {place.title.lower()}, among those observed for it. A standardised "
            "difference is a difference in standard deviations (event minus no event; Cohen's d, "
            "for categories without a sign after Yang and Dalton). It describes these patients, "
            "is not tested, and says nothing about others."
        )
    elif place is not None:
        names = " | Correlation#"
        words = (
            f" Correlation: Spearman's, with {place.title.lower()}. It describes these patients "
            "and is not tested."
        )
    return {
        "heading": "Table 1: the patients at baseline",
        "lead": (
            "Mean (standard deviation) over median [quartiles], or patients (percent of those "
            "with a value)."
        ),
        "note": f"{words}{_CAUTION if small else ''}".strip() or None,
        "table": table(
            f"Variable | All ({record.n_patients})# | Missing#{names}",
            [{"rows": [line for one in rows for line in _characteristic_rows(one)]}],
            stack=True,
        ),
    }


def _characteristic_rows(one: Characteristic) -> list[Section]:
    """Return the rows of one variable: one for a number, one more a level for a category."""
    everybody, *groups = one.groups
    measure = []
    if groups:
        measure = [decimal(one.difference, 2) if one.difference is not None else ABSENT]
    elif one.outcome is not None:
        measure = [decimal(one.correlation, 2) if one.correlation is not None else ABSENT]
    label = f"{one.label}, {one.unit}" if one.unit else one.label
    missing = str(everybody.missing or ABSENT)
    if not one.levels:
        return [
            row(label, _number_words(everybody), missing, *map(_number_words, groups), *measure)
        ]
    inner = [
        row(
            level,
            _count_words(everybody, place),
            "",
            *(_count_words(group, place) for group in groups),
            *([""] if measure else []),
            inner=True,
        )
        for place, level in enumerate(one.levels)
    ]
    return [row(label, "", missing, *[""] * len(groups), *measure), *inner]


def _number_words(group: Summary) -> str:
    """Return a number's mean and deviation, and under them its median and quartiles."""
    if group.mean is None:
        return ABSENT
    spread = "" if group.sd is None else f" ({amount(group.sd)})"
    quartiles = f"{amount(group.lower)}, {amount(group.upper)}"
    return f"{amount(group.mean)}{spread}\n{amount(group.median)} [{quartiles}]"


def _count_words(group: Summary, place: int) -> str:
    """Return how many patients have a level, and their share."""
    return f"{group.counts[place]} ({share(group.counts[place], group.n)})"


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
    labels = {one.name: one.label for one in record.characteristics}
    rows = [
        row(
            labels.get(one.name, one.name),
            one.n,
            one.parts,
            decimal(one.alpha, 2) if one.alpha is not None else ABSENT,
            interval(one.alpha_low, one.alpha_high) if one.alpha is not None else ABSENT,
            decimal(one.omega, 2) if one.omega is not None else ABSENT,
            amount(one.sem),
            amount(one.reliable_points),
            ABSENT if one.floor is None else share(one.floor, 1),
            ABSENT if one.ceiling is None else share(one.ceiling, 1),
        )
        for one in record.reliability
    ]
    audits = [
        row(
            labels.get(one.name, one.name),
            one.visit or ABSENT,
            len(one.items),
            len(one.reversed) or ABSENT,
            one.rule,
            one.scored,
            one.prorated or ABSENT,
            one.missing or ABSENT,
        )
        for one in record.score_audit
    ]
    return {
        "heading": "Reliability of the scales in this sample",
        "lead": (
            "At baseline, from patients who answered every item. Alpha with Feldt's 95 % "
            "interval, omega of one factor, standard error of measurement (SEM) in points. A "
            "patient's change of less than the reliable change can be error of measurement alone "
            "(Jacobson and Truax). Floor and ceiling: patients with the lowest and the highest "
            "score there is."
        ),
        "table": table(
            "Scale | Patients# | Items# | Alpha# | 95 % interval# | Omega# | SEM# "
            "| Reliable change# | Floor# | Ceiling#",
            [{"rows": rows}],
            stack=True,
        ),
        "audit_summary": "How the scores were made of items",
        "audit": table(
            "Score | Visit | Items# | Reversed# | Missing items filled in | Scored# | Prorated# "
            "| Missing#",
            [{"rows": audits}],
            stack=True,
        ),
    }
