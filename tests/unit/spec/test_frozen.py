"""What a run did otherwise than the plan that was frozen."""

import pytest

from heldout.spec.frozen import Frozen, changed_keys

PLAN = {
    "seed": 1,
    "outcomes": [{"name": "response", "at": ["d7", "d28"], "rule": {"reduction": 0.5}}],
    "levels": {"f": "female", "m": "male"},
    "muted": {},
}


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, []),
        ({"seed": 2}, ["seed"]),
        (
            {"outcomes": [{"name": "response", "at": ["d7", "d28"], "rule": {"at_most": 10}}]},
            ["outcomes.0.rule.reduction", "outcomes.0.rule.at_most"],
        ),
        (
            {"outcomes": [{"name": "r", "at": ["d7"], "rule": {"reduction": 0.5}}]},
            ["outcomes.0.name", "outcomes.0.at"],
        ),
        ({"outcomes": []}, ["outcomes"]),
        ({"levels": {"m": "male", "f": "female"}}, ["levels"]),
        ({"muted": {"HO017": "twins"}}, ["muted.HO017"]),
        ({"muted": None}, ["muted"]),
    ],
)
def test_what_differs_is_named_by_its_deepest_key(
    changes: dict[str, object], keys: list[str]
) -> None:
    assert list(changed_keys(PLAN, PLAN | changes)) == keys


AS_IT_WAS = {"date": "2026-11-29", "primary": None, "named": None, "changed": ()}


@pytest.mark.parametrize(
    ("facts", "sentences"),
    [
        ({"data_changed": False}, ("As frozen on 2026-11-29.",)),
        (
            {"data_changed": True, "primary": "response at d28", "named": "2026-10-01"},
            (
                "Other than in the plan frozen on 2026-11-29: the data.",
                "The primary outcome, response at d28, was named on 2026-10-01.",
            ),
        ),
        (
            {"data_changed": True, "changed": ("seed", "tuning.trials"), "analyses_before": 1},
            (
                "Other than in the plan frozen on 2026-11-29: seed, tuning.trials; the data.",
                "The data had been analysed once before the plan was frozen.",
            ),
        ),
        (
            {"data_changed": False, "changed": ("outcomes.0.primary",), "primary": "score at d7"},
            (
                "Other than in the plan frozen on 2026-11-29: outcomes.0.primary.",
                "The primary outcome named then was score at d7, not that of this run.",
            ),
        ),
    ],
)
def test_a_reader_is_told(facts: dict[str, object], sentences: tuple[str, ...]) -> None:
    assert Frozen(**(AS_IT_WAS | facts)).sentences == sentences  # type: ignore[arg-type]
