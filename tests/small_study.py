"""A small simulated study on disk, for tests that go through the command line."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

# A value no message or log may repeat.
SECRET_ANSWER = "37.8125"


def simulated_patients(n_patients: int = 40, seed: int = 7) -> list[dict[str, str]]:
    """Return patients whose follow-up scores do not depend on anything at baseline."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n_patients):
        lost = rng.random() < 0.1
        rows.append(
            {
                "pid": f"{number:03d}",
                "centre": "AB"[number % 2],
                "age": f"{rng.normal(50, 12):.1f}",
                "sex": "fm"[int(rng.integers(2))],
                "bmi": SECRET_ANSWER if number == 5 else f"{rng.normal(26, 4):.1f}",
                "madrs_d0": str(int(rng.integers(24, 44))),
                "madrs_d7": str(int(rng.integers(5, 40))),
                "madrs_d28": "" if lost else str(int(rng.integers(2, 40))),
            }
        )
    return rows


def experiment_of() -> dict[str, Any]:
    """Return the composed experiment on these patients, small enough for a test."""
    return {
        "question": "Who responds in a simulated cohort?",
        "cohort": {
            "title": "Simulated cohort",
            "simulated": True,
            "table": {"file": "data.csv"},
            "patient": "pid",
            "site": "centre",
            "visits": {"d0": {"day": 0}, "d7": {"day": 7}, "d28": {"day": 28}},
            "baseline": "d0",
            "columns": {
                "age": {"kind": "number", "unit": "years", "range": [0, 120]},
                "sex": {"kind": "category", "levels": {"f": "female", "m": "male"}},
                "bmi": {"kind": "number", "range": [10, 80]},
                "madrs": {"column": "madrs_{visit}", "instrument": "madrs", "label": "MADRS"},
            },
        },
        "features": [
            {"build": "clinical", "columns": ["age", "sex", "bmi"]},
            {"build": "totals", "columns": ["madrs"]},
        ],
        "outcomes": [
            {"name": "response", "column": "madrs", "rule": {"reduction": 0.5}, "at": ["d7", "d28"]}
        ],
        "models": ["prevalence", "severity", "ridge", "xgboost"],
        "validation": {"outer": 5, "inner": 5, "repeats": 2},
        "tuning": {"trials": 2},
        "inference": {"permutations": 0},
        "seed": 3,
    }


def write_table(folder: Path, rows: list[dict[str, str]]) -> None:
    """Write the patients as CSV."""
    with (folder / "data.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_small_study(folder: Path, **changes: Any) -> Path:
    """Write study and table under a folder; return the experiment's file."""
    (folder / "experiments").mkdir(parents=True, exist_ok=True)
    (folder / "configs").mkdir(exist_ok=True)
    write_table(folder, simulated_patients())
    path = folder / "experiments" / "small.yaml"
    # JSON is YAML.
    path.write_text(json.dumps(experiment_of() | changes), encoding="utf-8")
    return path
