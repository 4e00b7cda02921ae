"""Thirteen patients worked by hand, as arrays and as a study on disk."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heldout.outcomes.outcome import Outcome
from heldout.outcomes.rules import rule_of
from heldout.spec.experiment import Experiment
from heldout.spec.outcomes import RuleSpec
from tests.unit.cohort.studies import outcomes_of, wide_cohort, write_study

Floats = NDArray[np.float64]
NAN = np.nan
VISITS = ("m1", "m3", "m6")

# Baseline, then months 1, 3 and 6.
PATIENTS: dict[str, tuple[float, float, float, float]] = {
    "A: half from month 3 on": (30, 20, 15, 15),
    "B: half at month 3, a little less at month 6": (30, 24, 15, 16),
    "C: half at month 6 only": (30, 20, 16, 15),
    "D: month 6 missed": (30, 15, 12, NAN),
    "E: month 3 missed": (30, 15, NAN, 12),
    "F: no baseline": (NAN, 15, 10, 8),
    "G: baseline 0": (0, 3, 2, 1),
    "H: a quarter, then three": (40, 33, 30, 10),
    "I: low from the beginning": (12, 10, 10, 10),
    "J: never seen again": (30, NAN, NAN, NAN),
    "K: remission, then relapse": (30, 12, 9, 24),
    "L: remission, then worse": (30, 12, 10, 21),
    "M: remission, then missed": (30, 12, 8, NAN),
}
NAMES = "".join(name[0] for name in PATIENTS)
TABLE = np.array(list(PATIENTS.values()))
BASELINE, SCORES = TABLE[:, 0], TABLE[:, 1:]

RULES: dict[str, RuleSpec] = {
    "response": RuleSpec(reduction=0.5),
    "partial": RuleSpec(reduction=0.25, and_less_than=0.5),
    "remission": RuleSpec(at_most=10),
    "high": RuleSpec(at_least=22),
    "sustained": RuleSpec(reduction=0.5, throughout=("m3",)),
    "relapse": RuleSpec.model_validate(
        {"at_least": 22, "after": {"visit": "m3", "at_most": 10}},
    ),
    "lost": RuleSpec.model_validate({"at_least": 22, "after": {"visit": "m3", "reduction": 0.5}}),
    "reliable": RuleSpec.model_validate({"reliable_change": {"sd": 6.4, "reliability": 0.84}}),
    "clinical": RuleSpec.model_validate(
        {"reliable_change": {"sd": 6.4, "reliability": 0.84, "and_at_most": 10}}
    ),
    "score": RuleSpec(value="score"),
    "change": RuleSpec(value="change"),
    "percent": RuleSpec(value="percent_change"),
}


def an_outcome(kind: str, **changes: Any) -> Outcome:
    """Return the outcome of the thirteen patients under one of the rules."""
    arguments: dict[str, Any] = {
        "name": kind,
        "follow_up": "m6",
        "label": kind,
        "column": "madrs",
        "rule": rule_of(RULES[kind]),
        "baseline": BASELINE,
        "scores": SCORES,
        "visits": VISITS,
        "weights": np.ones(len(BASELINE)),
        "primary": False,
        "higher_is": "worse",
    }
    return Outcome(**(arguments | changes))


def expected(answers: str) -> Floats:
    """Return an answer a patient: 1, 0, or - where it is not known."""
    return np.array([NAN if answer == "-" else float(answer) for answer in answers])


def table_text(table: Floats = TABLE) -> str:
    """Return the patients as a CSV file, their scores under two directions."""
    lines = ["id,s_m0,s_m1,s_m3,s_m6,w_m0,w_m1,w_m3,w_m6,sex"]
    for name, row in zip(NAMES, table, strict=True):
        cells = [*row, *(60 - row)]
        lines.append(",".join([name, *("" if np.isnan(c) else f"{c:g}" for c in cells), "F"]))
    return "\n".join(lines) + "\n"


def a_cohort(**columns: Any) -> dict[str, Any]:
    """Return the cohort part: severity falls as patients improve, well-being rises."""
    severity = {"kind": "number", "range": [0, 60], "label": "MADRS", "higher_is": "worse"}
    declared = {
        "severity": {"column": "s_{visit}", **severity},
        "wellbeing": {
            "column": "w_{visit}",
            "kind": "number",
            "range": [0, 60],
            "higher_is": "better",
        },
        "unsaid": {"column": "s_{visit}", "kind": "number"},
        "sex": {"kind": "category", "levels": {"F": "female", "M": "male"}},
    }
    months = {"m1": 30, "m3": 90, "m6": 180}
    visits = {"m0": {"day": 0}} | {
        name: {"day": day, "label": f"Month {name[1]}"} for name, day in months.items()
    }
    return wide_cohort(visits=visits, baseline="m0", columns=declared | columns)


def screened_cohort() -> dict[str, Any]:
    """Return a cohort part with a screening before baseline; its scores are made up too."""
    part = a_cohort()
    places = {"scr": "w_m0"} | {visit: f"s_{visit}" for visit in ("m0", *VISITS)}
    severity = part["columns"]["severity"] | {"column": places}
    columns = {"severity": severity, "sex": part["columns"]["sex"]}
    return part | {"visits": part["visits"] | {"scr": {"day": -14}}, "columns": columns}


def asking(folder: Path, /, cohort: dict[str, Any] | None = None, **changes: Any) -> Experiment:
    """Return a study whose single outcome has some keys replaced."""
    outcome = {"name": "response", "column": "severity", "rule": {"reduction": 0.5}, "at": ["m6"]}
    keys = {key: changes.pop(key) for key in ("known_at",) if key in changes}
    return write_study(
        folder,
        table_text(),
        cohort or a_cohort(),
        outcomes=[outcome | changes],
        features=[{"build": "clinical", "columns": ["sex"]}],
        **keys,
    )


def derived(folder: Path, /, **changes: Any) -> Outcome:
    """Return the single outcome of a study."""
    (outcome,) = outcomes_of(asking(folder, **changes))
    return outcome
