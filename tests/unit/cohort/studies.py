"""Small studies on disk, wide and long, for the tests from the table to the features."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heldout.cohort.people import Cohort, include_patients, read_cohort
from heldout.features.columns import FeatureMatrix
from heldout.features.matrix import build_features
from heldout.instruments.keys import load_keys
from heldout.instruments.scoring import score_instruments
from heldout.outcomes.derivation import derive_outcomes
from heldout.outcomes.outcome import Outcome
from heldout.spec.experiment import Experiment, experiment_from

Row = dict[str, str]

# Answers that no message may repeat.
SECRETS = ("9137.25", "SECRETWORD")

# Patient 002 has no baseline score, 005 a baseline of 0, 003 no score on day 10.
WIDE = """\
id,age,sex,centre,m_d0,m_d2,m_d10,income,note
007,41,F,north,30,15,9,9137.25,SECRETWORD
001,35,M,south,20,10,11,0,
003,52,F,north,25,13,NA,1200,calm
002,29,M,south,,8,4,800,
010,60,F,north,40,41,10,,
005,47,M,south,0,3,2,50,
"""
PATIENTS = ("001", "002", "003", "005", "007", "010")


def rows_of(text: str = WIDE) -> list[Row]:
    """Return a table's rows; the first one stands in row 2 of the file."""
    return list(csv.DictReader(io.StringIO(text)))


def text_of(rows: Sequence[Row]) -> str:
    """Return rows as a CSV file's text."""
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def with_cell(number: int, column: str, value: str, rows: Sequence[Row] | None = None) -> str:
    """Return a table in which one cell is replaced; `number` is the file's row."""
    changed = [dict(row) for row in rows or rows_of()]
    assert column in changed[0]
    changed[number - 2][column] = value
    return text_of(changed)


def long_rows() -> list[Row]:
    """Return the same patients with a row for every visit."""
    return [
        {"id": row["id"], "visit": visit, "m": row[f"m_{visit}"]}
        | {name: row[name] for name in ("age", "sex", "centre", "income", "note")}
        for row in rows_of()
        for visit in ("d0", "d2", "d10")
    ]


def wide_cohort(**changes: Any) -> dict[str, Any]:
    """Return the cohort part of the wide study, some keys replaced."""
    return {
        "title": "Small",
        "table": {"file": "data.csv"},
        "patient": "id",
        "visits": {"d0": {"day": 0}, "d2": {"day": 2}, "d10": {"day": 10}},
        "baseline": "d0",
        "columns": {
            "age": {"kind": "number", "unit": "years", "range": [18, 100]},
            "sex": {"kind": "category", "levels": {"M": "male", "F": "female"}},
            "madrs": {"column": "m_{visit}", "instrument": "madrs"},
            "income": {"kind": "number"},
            "note": {"kind": "text"},
        },
    } | changes


def long_cohort(**changes: Any) -> dict[str, Any]:
    """Return the cohort part of the long study, some keys replaced."""
    madrs = {"column": "m", "by_visit": True, "instrument": "madrs"}
    return (
        wide_cohort(
            table={"file": "data.csv", "layout": "long", "visit": "visit"},
            columns=wide_cohort()["columns"] | {"madrs": madrs},
        )
        | changes
    )


def with_columns(cohort: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """Return a cohort part with declared columns added or replaced."""
    return cohort | {"columns": cohort["columns"] | columns}


def items_cohort() -> dict[str, Any]:
    """Return a cohort part that also reads six items at two visits."""
    hamd6 = {"items": "h{item}_{visit}", "instrument": "hamd6", "visits": ["d0", "d2"]}
    return with_columns(wide_cohort(), hamd6=hamd6)


def items_rows() -> list[Row]:
    """Return the patients with six items at two visits; 002 left one out at baseline."""
    rows = rows_of()
    for number, row in enumerate(rows):
        for visit in ("d0", "d2"):
            row |= {f"h{item}_{visit}": str((number + item) % 3) for item in range(1, 7)}
    rows[3]["h4_d0"] = ""
    return rows


def write_study(
    folder: Path,
    table: str | bytes = WIDE,
    cohort: dict[str, Any] | None = None,
    **changes: Any,
) -> Experiment:
    """Write the table and return the experiment on it, some keys of it replaced."""
    (folder / "data.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    data = {
        "name": "small",
        "question": "Who responds?",
        "cohort": cohort or wide_cohort(),
        "features": [
            {"build": "clinical", "columns": ["age", "sex", "income"]},
            {"build": "totals", "columns": ["madrs"]},
        ],
        "outcomes": [
            {"name": "response", "column": "madrs", "rule": {"reduction": 0.5}, "at": ["d2", "d10"]}
        ],
        "seed": 1,
    }
    return experiment_from(data | changes, folder=folder)


def scored(experiment: Experiment) -> Cohort:
    """Return the included patients of an experiment, scored."""
    keys = load_keys(experiment)
    cohort = score_instruments(read_cohort(experiment, keys), keys)
    return include_patients(experiment, cohort)


def outcomes_of(experiment: Experiment) -> tuple[Outcome, ...]:
    """Return the outcomes of an experiment."""
    return derive_outcomes(experiment, scored(experiment), load_keys(experiment))


def features_of(experiment: Experiment) -> FeatureMatrix:
    """Return the features of an experiment."""
    return build_features(experiment, scored(experiment), load_keys(experiment))
