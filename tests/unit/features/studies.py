"""A made-up study with every kind of instrument and every builder, for the tests of features.

Nobody in it exists; scores do not depend on anything.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from heldout.cohort.people import Cohort, include_patients, read_cohort
from heldout.features.columns import FeatureMatrix
from heldout.features.matrix import build_features
from heldout.instruments.keys import load_keys
from heldout.instruments.scoring import score_instruments
from heldout.spec.experiment import Experiment
from heldout.spec.features import FeatureSpec
from heldout.spec.instrument import InstrumentKey
from tests.unit.cohort.studies import Row, text_of, write_study

SITES = ("north", "south", "west")
MAXIMA_HAMD = (4, 4, 4, 2, 2, 2, 4, 4, 4, 4, 4, 2, 2, 2, 4, 2, 2)
# Column of the table -> lowest and highest answer, at every visit it is measured.
ITEMS: dict[str, tuple[tuple[int, int], ...]] = {
    "madrs": ((0, 6),) * 10,
    "rfq": ((1, 7),) * 8,
    "qids": ((0, 3),) * 16,
    "hamd": tuple((0, most) for most in MAXIMA_HAMD),
}
LATER = ("madrs", "qids")
VISITS = {"b0": {"day": 0}, "w1": {"day": 7}, "w4": {"day": 28}}


def made_up_rows(n_patients: int = 24, seed: int = 3) -> list[Row]:
    """Return patients with items, scores, numbers and codes; some of all that is missing."""
    rng = np.random.default_rng(seed)
    return [one_patient(number, rng) for number in range(n_patients)]


def one_patient(number: int, rng: np.random.Generator) -> Row:
    """Return one patient, drawn."""
    row = {
        "pid": f"{number:03d}",
        "centre": SITES[number % 3],
        "age": "" if number == 4 else str(rng.integers(20, 80)),
        "sex": "" if number == 7 else "fm"[int(rng.integers(2))],
        "marker": "" if number == 5 else f"{rng.normal():.3f}",
        "pas": "" if number == 6 else str(rng.integers(13, 66)),
        "phq": str(rng.integers(0, 28)),
    }
    for name, bounds in ITEMS.items():
        for visit in ("b0", "w1", "w4") if name in LATER else ("b0",):
            for item, (low, high) in enumerate(bounds, start=1):
                lost = rng.random() < 0.03
                answer = str(rng.integers(low, high + 1))
                row[f"{name}{item}_{visit}"] = "" if lost else answer
    if number % 5 == 0:
        row["hamd16_b0"] = "3"
    return row


def cohort_part(**changes: Any) -> dict[str, Any]:
    """Return the cohort part of the study."""
    return {
        "title": "Made up",
        "table": {"file": "data.csv"},
        "patient": "pid",
        "site": "centre",
        "visits": VISITS,
        "baseline": "b0",
        "columns": {
            "age": {"kind": "number", "range": [18, 90], "unit": "years"},
            "sex": {"kind": "category", "levels": {"f": "female", "m": "male"}},
            "marker": {"kind": "number"},
            "madrs": {"instrument": "madrs", "items": "madrs{item}_{visit}", "prorate": "80%"},
            "rfq8": {"instrument": "rfq8", "items": "rfq{item}_b0"},
            "qids": {"instrument": "qids_sr16", "items": "qids{item}_{visit}"},
            "hamd": {"instrument": "hamd17", "items": "hamd{item}_b0", "prorate": "half"},
            "pas": {"instrument": "pas13", "column": "pas"},
            "phq": {"instrument": "phq9", "column": "phq"},
        },
        "include": [{"label": "ill", "column": "madrs", "at_least": 12}],
    } | changes


EVERY_BUILDER: dict[str, dict[str, Any]] = {
    "clinical": {"build": "clinical", "columns": ["age", "sex", "marker"]},
    "totals": {"build": "totals", "columns": ["madrs", "qids", "hamd", "phq"]},
    "subscales": {"build": "subscales", "columns": ["rfq8"]},
    "items": {"build": "items", "columns": ["rfq8", "hamd"]},
    "constructs": {
        "build": "constructs",
        "constructs": {
            "mentalization": ["rfq8.uncertainty", "rfq8.certainty"],
            "distress": ["madrs", "pas", "phq"],
        },
    },
    "components": {
        "build": "components",
        "columns": ["madrs", "qids", "phq", "pas"],
        "n": 2,
        "name": "burden",
    },
    "missingness": {"build": "missingness", "columns": ["pas", "rfq8.certainty", "sex", "age"]},
    "interactions": {"build": "interactions", "pairs": [["madrs", "pas"], ["age", "phq"]]},
    "ratios": {"build": "ratios", "pairs": [["phq", "madrs"]]},
    "discrepancy": {"build": "discrepancy", "pairs": [["madrs", "qids"]]},
    "early_change": {"build": "early_change", "columns": ["madrs", "qids"]},
    "site": {"build": "site", "columns": list(SITES)},
}
FACTOR = EVERY_BUILDER["components"] | {"method": "factor", "n": 1, "name": "factor"}


def study(
    folder: Path,
    *features: dict[str, Any],
    rows: list[Row] | None = None,
    known_at: str | None = "w1",
    cohort: dict[str, Any] | None = None,
    **changes: Any,
) -> Experiment:
    """Write the table and return the experiment on it with some features."""
    return write_study(
        folder,
        text_of(rows or made_up_rows()),
        cohort or cohort_part(),
        features=list(features),
        known_at=known_at,
        outcomes=[{"name": "low", "column": "madrs", "rule": {"at_most": 30}, "at": ["w4"]}],
        **changes,
    )


class Read(NamedTuple):
    """A study read once, for many requests: reading takes longer than building."""

    experiment: Experiment
    keys: dict[str, InstrumentKey]
    cohort: Cohort

    def matrix(self, *features: dict[str, Any]) -> FeatureMatrix:
        """Return what some requests make of it."""
        wanted = tuple(FeatureSpec(**one) for one in features)
        experiment = self.experiment.model_copy(update={"features": wanted})
        return build_features(experiment, self.cohort, self.keys)


def read_study(folder: Path, **changes: Any) -> Read:
    """Return the made-up study, read, scored and included."""
    experiment = study(folder, EVERY_BUILDER["clinical"], **changes)
    keys = load_keys(experiment)
    cohort = score_instruments(read_cohort(experiment, keys), keys)
    return Read(experiment, keys, include_patients(experiment, cohort))
