"""What the page says: every word and number of it, as a plain dictionary.

Nothing is laid out here and nothing is estimated; what the record does not hold is said in
words. No pseudonym is in it: patients appear as points and counts.
"""

from __future__ import annotations

from typing import Any

from heldout.findings.catalogue import is_of_method
from heldout.record import Finding, RunRecord
from heldout.report.explanations import build_explanations
from heldout.report.methods import build_methods, build_reproduction
from heldout.report.noise import build_noise
from heldout.report.patients import (
    build_flow,
    build_outcomes,
    build_reliability,
    build_table_one,
)
from heldout.report.prose import section
from heldout.report.results import (
    build_differences,
    build_forests,
    build_headline,
    build_models,
    build_scatters,
)
from heldout.report.tables import ABSENT, Section, row, table
from heldout.report.targets import targets_of
from heldout.wording import counted

_SIMULATED = "The data are simulated. Nothing on this page is about people."
# Verdict of a check -> its word, in the order of the page; what is open is not folded away.
_VERDICTS = {
    "issue": "issue",
    "tip": "note",
    "passed": "passed",
    "not_applicable": "not applicable",
}
_OPEN = ("issue", "tip")
_NAMES = " Who is meant stands in the run's record.json."


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
        A section that a record has nothing for is None.
    """
    targets = targets_of(record)
    cohort = record.experiment["cohort"]
    return {
        "title": str(record.experiment["question"]),
        "byline": [text for text in (cohort["title"], cohort.get("source")) if text],
        "simulated": _SIMULATED if cohort.get("simulated") else None,
        "verdict": {
            "level": record.verdict.level,
            "answers": list(record.verdict.paragraphs[0]),
            "beside": [
                *record.verdict.paragraphs[1],
                *(record.frozen.sentences if record.frozen else ()),
            ],
        },
        "headline": build_headline(targets),
        "differences": build_differences(record, targets),
        "forests": build_forests(targets),
        "noise": build_noise(record, targets),
        "scatters": build_scatters(record, targets),
        "flow": build_flow(record),
        "outcomes": build_outcomes(record, targets),
        "table_one": build_table_one(record, targets),
        "reliability": build_reliability(record),
        "models": build_models(record, targets),
        "explanations": build_explanations(record, targets),
        "findings": _build_findings(record),
        "features": _build_features(record),
        "methods": build_methods(record),
        "reproduction": build_reproduction(record),
        "foot": f"heldout, run {record.run_id}. No patient's pseudonym is on this page.",
    }


def _build_findings(record: RunRecord) -> Section:
    """Return what the checks found, data before method, issues first; what passed stands apart."""
    groups = []
    for title, of_method in (("The data", False), ("The method", True)):
        findings = [item for item in record.findings if is_of_method(item.code) == of_method]
        # Sorting by verdict keeps the order of the codes within one.
        findings.sort(key=lambda item: [*_VERDICTS].index(item.verdict))
        quiet = [_finding_words(item) for item in findings if item.verdict not in _OPEN]
        group = {
            "title": title,
            "open": [_finding_words(item) for item in findings if item.verdict in _OPEN],
            "quiet": quiet,
            "quiet_summary": f"{counted(len(quiet), 'check')} passed or did not apply",
        }
        groups += [group] if findings else []
    return section("findings") | {"groups": groups}


def _finding_words(finding: Finding) -> Section:
    """Return what a check found."""
    return {
        "code": finding.code,
        "title": finding.title,
        "text": finding.text + (_NAMES if finding.who else ""),
        "word": _VERDICTS[finding.verdict],
    }


def _build_features(record: RunRecord) -> Section:
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
    columns = "Feature | Instrument | Construct | Visit | Unit | Column of the table"
    return section("features") | {"table": table(columns, [{"rows": rows}])}
