"""What a bundle calls the columns that new patients must have."""

from pathlib import Path

from heldout.features.matrix import build_features
from heldout.instruments.keys import load_keys
from tests.unit.cohort.studies import items_rows, long_cohort, scored, text_of, write_study

ITEMS = {"items": "h{item}", "instrument": "hamd6", "by_visit": True, "visits": ["screen", "d0"]}


def test_items_of_a_long_table_are_told_apart_by_visit(tmp_path: Path) -> None:
    """One column serves both visits there; without the visit both scores would be the same."""
    rows = [
        {"id": row["id"], "visit": visit, "m": row["m_d0"], "age": row["age"], "sex": row["sex"]}
        | {f"h{item}": row[f"h{item}_{visit.replace('screen', 'd2')}"] for item in range(1, 7)}
        for row in items_rows()
        for visit in ("screen", "d0")
    ]
    cohort = long_cohort(
        visits={"screen": {"day": -7}, "d0": {"day": 0}, "d2": {"day": 2}},
        columns={
            "hamd6": ITEMS,
            "madrs": {"column": "m", "by_visit": True, "instrument": "madrs"},
        },
    )
    experiment = write_study(
        tmp_path,
        text_of(rows),
        cohort,
        features=[
            {"build": "totals", "columns": ["hamd6"], "visit": "screen"},
            {"build": "totals", "columns": ["hamd6"]},
        ],
        outcomes=[
            {"name": "response", "column": "madrs", "rule": {"reduction": 0.5}, "at": ["d2"]}
        ],
    )
    first, second = build_features(experiment, scored(experiment), load_keys(experiment)).columns
    assert first.inputs == tuple(f"h{item}_screen" for item in range(1, 7))
    assert second.inputs == tuple(f"h{item}_d0" for item in range(1, 7))
