"""A small study in memory and on disk, for the tests of the spec."""

import json
from pathlib import Path
from typing import Any

import yaml


def a_cohort() -> dict[str, Any]:
    """Return a cohort part without a fault."""
    return {
        "title": "Small",
        "table": {"file": "data.csv"},
        "patient": "id",
        "visits": {"d0": {"day": 0}, "d2": {"day": 2}, "d10": {"day": 10}},
        "baseline": "d0",
        "columns": {
            "age": {"kind": "number"},
            "madrs": {"instrument": "madrs", "column": {"d0": "m0", "d2": "m2"}},
            "sex": {"kind": "category", "levels": {"1": "male", "2": "female"}},
        },
    }


def an_experiment() -> dict[str, Any]:
    """Return a composed experiment without a fault."""
    return {
        "name": "small",
        "question": "Who responds?",
        "cohort": a_cohort(),
        "features": [{"build": "clinical", "columns": ["age"]}],
        "outcomes": [
            {"name": "response", "column": "madrs", "rule": {"reduction": 0.5}, "at": ["d2", "d10"]}
        ],
        "models": ["prevalence", "ridge"],
        "seed": 1,
    }


def write_study(folder: Path, experiment: object, **pieces: object) -> Path:
    """Write an experiment and, as ``kind__name``, its pieces; return the experiment's path."""
    for piece, content in pieces.items():
        kind, name = piece.split("__")
        file = folder / "configs" / kind / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(as_yaml(content), encoding="utf-8")
    path = folder / "experiments" / "small.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(as_yaml(experiment), encoding="utf-8")
    return path


def as_yaml(content: object) -> str:
    """Return a text as it is and anything else as YAML."""
    if isinstance(content, str):
        return content
    return yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=False)
