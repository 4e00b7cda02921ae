"""What the page says: every word and number of it, as a plain dictionary.

Nothing is laid out here and nothing is estimated; what the record does not hold is said in
words. No pseudonym is in it: patients appear as points and counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heldout.inference import Cell, chance_range
from heldout.models import MODELS
from heldout.record import OutcomeFacts, RunRecord
from heldout.report.explanations import build_explanations
from heldout.report.methods import build_methods, build_reproduction
from heldout.report.places import Place, chosen_share, places_of
from heldout.report.wording import as_area, as_interval, as_p, as_share, as_signed, counted

__all__ = ["build_contents"]

Section = dict[str, Any]
ABSENT = "\N{EN DASH}"
CHOSEN = "Model chosen inside the folds"
CHANCE_NOTE = (
    "Points are fold-paired AUCs of patients held out, hollow for references; lines are 95 % "
    "intervals. In the shaded band an AUC cannot be told from chance with so many patients and "
    "events."
)
MAXIMUM_NOTE = (
    "The highest number of this table is not an estimate: it was found by looking. The estimate "
    "is the headline, whose model is chosen inside the folds, before its patients are seen."
)
SIMULATED = "The patients of this cohort are simulated. Nothing on this page is about people."


def build_contents(record: RunRecord) -> dict[str, Any]:
    """Return what the page says of a record.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    dict
        A section a key, in the order of the page; texts, numbers, lists and dictionaries only.
        A table has ``columns`` and ``groups`` of rows.
    """
    places = places_of(record)
    cohort = record.experiment["cohort"]
    return {
        "title": str(record.experiment["question"]),
        "byline": [text for text in (cohort["title"], cohort.get("source")) if text],
        "simulated": SIMULATED if cohort.get("simulated") else None,
        "verdict": {
            "level": record.verdict.level,
            "first": record.verdict.sentences[0],
            "rest": list(record.verdict.sentences[1:]),
        },
        "headline": build_headline(places),
        "forest": build_forest(record, places),
        "flow": build_flow(record),
        "visits": build_visits(record),
        "outcomes": build_outcomes(record, places),
        "models": build_models(record, places),
        "explanations": build_explanations(record, places),
        "findings": build_findings(record),
        "features": build_features(record),
        "methods": build_methods(record),
        "reproduction": build_reproduction(record),
        "foot": f"heldout, run {record.run_id}. No patient's pseudonym is on this page.",
    }


def table(columns: str, groups: Sequence[Section]) -> Section:
    """Return a table; a column whose name ends in ``#`` holds numbers."""
    names = [name.strip() for name in columns.split("|")]
    return {
        "columns": [
            {"name": name.removesuffix("#"), "number": name.endswith("#")} for name in names
        ],
        "groups": [
            {"title": None, "detail": None, "note": None, "rows": []} | one for one in groups
        ],
    }


def row(*values: object, strong: bool = False) -> Section:
    """Return a table's row as texts; a strong one stands out."""
    return {"strong": strong, "values": [str(value) for value in values]}


def build_headline(places: Sequence[Place]) -> Section:
    """Return the headline of every outcome and follow-up."""
    return {
        "heading": "The headline at each follow-up",
        "lead": (
            "What the whole procedure, including the choice of the model, achieves for patients "
            "it has not seen. The Brier score is a squared error of probabilities; its skill is "
            "the share by which it beats predicting everybody's average, so 0 is no skill."
        ),
        "cards": [headline_card(place) for place in places],
    }


def headline_card(place: Place) -> Section:
    """Return one headline, or why there is none."""
    facts, cell = place.facts, place.headline
    card: Section = {
        "title": place.title,
        "detail": place.detail,
        "primary": "primary" if facts.primary else None,
        "sample": f"{counted(facts.n, 'patient')}, {counted(facts.events, 'event')}",
        "reason": facts.reason,
        "auc": None,
        "facts": [],
    }
    if cell.status != "evaluated":
        return card
    above = (cell.auc_low or 0.0) > 0.5
    chance = "chance (.50) lies inside" if (cell.auc_high or 1.0) >= 0.5 else "below chance (.50)"
    return card | {
        "above_chance": above,
        "auc": as_area(cell.auc),
        "interval": f"AUC, 95 % interval {as_interval(cell.auc_low, cell.auc_high)}",
        "chance": None if above else chance,
        "facts": [
            ["Brier score", as_signed(cell.brier, 3)],
            ["Brier skill", as_signed(cell.brier_skill, 2)],
            ["p", as_p(cell.p)],
            ["p, adjusted", as_p(cell.p_adjusted)],
        ],
    }


def build_forest(record: RunRecord, places: Sequence[Place]) -> Section:
    """Return what the figure of all AUCs shows."""
    return {
        "heading": "Every model beside chance",
        "figure": "auc",
        "caption": CHANCE_NOTE,
        "scale": "AUC",
        "groups": [forest_group(place) for place in places],
    }


def forest_group(place: Place) -> Section:
    """Return the rows of one outcome at one follow-up, or why there are none."""
    facts = place.facts
    group: Section = {
        "title": f"{place.title} · {place.visit}" if place.visit else place.title,
        "sample": f"{counted(facts.n, 'patient')}, {counted(facts.events, 'event')}",
        "reason": facts.reason,
        "chance": None,
        "rows": [],
    }
    if facts.status != "evaluated":
        return group
    rows = [forest_row(CHOSEN, place.headline, "headline")]
    for cell in place.cells:
        kind = "reference" if MODELS[cell.model].reference else "model"
        rows.append(forest_row(MODELS[cell.model].label, cell, kind))
    chance = chance_range(facts.events, facts.n - facts.events)
    return group | {"chance": list(chance), "rows": rows}


def forest_row(label: str, cell: Cell, kind: str) -> Section:
    """Return one point with its interval, and the words beside it."""
    words = f"{as_area(cell.auc)}  ({as_interval(cell.auc_low, cell.auc_high)})"
    point = {"auc": cell.auc, "low": cell.auc_low, "high": cell.auc_high}
    return {"label": label, "kind": kind, "words": words} | point


def build_flow(record: RunRecord) -> Section:
    """Return how many patients were left after each step of inclusion."""
    rows, before = [], None
    for step in record.flow:
        left_out = "" if before is None else before - step.n
        rows.append(row(step.label, step.n, left_out))
        before = step.n
    rows.append(row("Included", record.n_patients, "", strong=True))
    sites = f" They come from {counted(len(record.sites), 'site')}." if record.sites else ""
    return {
        "heading": "The patients",
        "lead": f"{counted(record.n_patients, 'patient')} included.{sites}",
        "table": table("Step | Patients# | Left out#", [{"rows": rows}]),
    }


def build_visits(record: RunRecord) -> Section:
    """Return how many included patients were observed at each visit."""
    rows = [
        row(
            f"{visit.label} ({visit.name})" if visit.label != visit.name else visit.name,
            f"{visit.day:g}",
            visit.observed,
            as_share(visit.observed, record.n_patients),
        )
        for visit in record.visits
    ]
    return {
        "heading": "Who was still observed",
        "table": table("Visit | Day# | Observed# | Of included#", [{"rows": rows}]),
    }


def build_outcomes(record: RunRecord, places: Sequence[Place]) -> Section:
    """Return how often each outcome occurred, and who could not be counted."""
    rows = [outcome_row(place, len(record.features)) for place in places]
    return {
        "heading": "How often it happened",
        "lead": (
            "Among the patients observed, with Wilson's 95 % interval. Under ten events per "
            "feature (counted in the rarer class) a study is exploratory."
        ),
        "table": table(
            "Outcome | Patients# | Events# | Rate# | 95 % interval# | Events per feature# "
            "| Follow-up missing# | Baseline missing#",
            [{"rows": rows}],
        ),
    }


def outcome_row(place: Place, n_features: int) -> Section:
    """Return one outcome at one follow-up, counted."""
    facts = place.facts
    rarer = min(facts.events, facts.n - facts.events)
    return row(
        f"{place.label}, {facts.follow_up}",
        facts.n,
        facts.events,
        as_share(facts.events, facts.n),
        wilson_interval(facts),
        f"{rarer / n_features:.1f}" if n_features else "none",
        facts.no_follow_up,
        facts.no_baseline,
    )


def wilson_interval(facts: OutcomeFacts) -> str:
    """Return Wilson's 95 % interval of an outcome's rate in percent."""
    if not facts.n:
        return "none"
    from scipy.stats import binomtest

    interval = binomtest(facts.events, facts.n).proportion_ci(method="wilson")
    return f"{100 * interval.low:.0f} to {100 * interval.high:.0f} %"


def build_models(record: RunRecord, places: Sequence[Place]) -> Section:
    """Return every model at every outcome and follow-up, the headline first."""
    tested = any(cell.p is not None for cell in (*record.cells, *record.headline))
    names = "Model | AUC# | 95 % interval# | Brier# | Brier skill# | Chosen in#"
    return {
        "heading": "All models",
        "lead": MAXIMUM_NOTE,
        "table": table(
            names + (" | p, adjusted#" if tested else ""),
            [model_group(record, place, tested) for place in places],
        ),
    }


def model_group(record: RunRecord, place: Place, tested: bool) -> Section:
    """Return the rows of one outcome at one follow-up, or why there are none."""
    group: Section = {"title": place.title, "detail": place.detail, "note": place.facts.reason}
    if place.facts.status != "evaluated":
        return group
    rows = [model_row(CHOSEN, place.headline, "headline", tested)]
    for cell in place.cells:
        model = MODELS[cell.model]
        share = "reference" if model.reference else chosen_share(record, place, cell.model)
        rows.append(model_row(model.label, cell, share, tested))
    return group | {"rows": rows}


def model_row(label: str, cell: Cell, share: str, tested: bool) -> Section:
    """Return one model's figures."""
    figures = (
        as_area(cell.auc),
        as_interval(cell.auc_low, cell.auc_high),
        as_signed(cell.brier, 3),
        as_signed(cell.brier_skill, 2),
        share,
    )
    tests = (as_p(cell.p_adjusted),) if tested else ()
    return row(label, *figures, *tests, strong=share == "headline")


def build_findings(record: RunRecord) -> Section:
    """Return what the checks found, issues first; what passed stands apart."""
    words = {
        "issue": "issue",
        "tip": "note",
        "passed": "passed",
        "not_applicable": "not applicable",
    }
    listed: dict[str, list[Section]] = {verdict: [] for verdict in words}
    for finding in record.findings:
        listed[finding.verdict].append(
            {
                "code": finding.code,
                "title": finding.title,
                "text": finding.text,
                "word": words[finding.verdict],
            }
        )
    quiet = [*listed["passed"], *listed["not_applicable"]]
    return {
        "heading": "How to read this",
        "lead": "What the checks of method and data found; issues first.",
        "open": [*listed["issue"], *listed["tip"]],
        "quiet": quiet,
        "quiet_summary": f"{counted(len(quiet), 'check')} passed or did not apply",
    }


def build_features(record: RunRecord) -> Section:
    """Return where every feature came from."""
    rows = [
        row(
            column.label,
            column.instrument or ABSENT,
            column.construct or ABSENT,
            column.visit,
            column.unit or ABSENT,
            ", ".join(column.inputs),
        )
        for column in record.features
    ]
    return {
        "heading": "What the models were told",
        "lead": "Nothing that was known later than the visit named here.",
        "table": table(
            "Feature | Instrument | Construct | Visit | Unit | Column of the table",
            [{"rows": rows}],
        ),
    }
