"""An outcome's label carries its definition, in every table and caption."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.outcomes.studies import derived

RELIABLE = {"sd": 6.4, "reliability": 0.84}


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({}, "Response (MADRS fell by 50 % or more)"),
        (
            {"name": "partial_response", "rule": {"reduction": 0.25, "and_less_than": 0.5}},
            "Partial response (MADRS fell by 25 % or more but by less than 50 %)",
        ),
        ({"rule": {"reduction": 0.175}}, "Response (MADRS fell by 17.5 % or more)"),
        (
            {"name": "early_remission", "rule": {"at_most": 10}},
            "Early remission (MADRS of 10 or less)",
        ),
        ({"label": "Relapse", "rule": {"at_least": 22}}, "Relapse (MADRS of 22 or more)"),
        (
            {"label": "Sustained response", "rule": {"reduction": 0.5, "throughout": ["m3"]}},
            "Sustained response (MADRS fell by 50 % or more at month 3 and at month 6)",
        ),
        (
            {"name": "stable", "rule": {"at_most": 12, "throughout": ["m1", "m3"]}},
            "Stable (MADRS of 12 or less at month 1, at month 3 and at month 6)",
        ),
        (
            {
                "name": "relapse",
                "rule": {"at_least": 22, "after": {"visit": "m3", "at_most": 10}},
            },
            "Relapse (MADRS of 22 or more, after MADRS of 10 or less at month 3)",
        ),
        (
            {
                "name": "relapse",
                "rule": {"at_least": 22, "after": {"visit": "m3", "reduction": 0.5}},
            },
            "Relapse (MADRS of 22 or more, after MADRS fell by 50 % or more at month 3)",
        ),
        (
            {"name": "improvement", "rule": {"reliable_change": RELIABLE}},
            "Improvement (MADRS improved by more than 7.1 points)",
        ),
        (
            {"name": "recovery", "rule": {"reliable_change": RELIABLE | {"and_at_most": 10}}},
            "Recovery (MADRS improved by more than 7.1 points, from above 10 to that or less)",
        ),
        (
            {
                "name": "recovery",
                "column": "wellbeing",
                "rule": {"reliable_change": RELIABLE | {"and_at_least": 50}},
            },
            "Recovery (Wellbeing improved by more than 7.1 points, from below 50 to that or more)",
        ),
        ({"name": "severity", "rule": {"value": "score"}}, "Severity (MADRS)"),
        (
            {"name": "course", "rule": {"value": "change"}},
            "Course (MADRS, change from baseline)",
        ),
        (
            {"name": "course", "rule": {"value": "percent_change"}},
            "Course (MADRS, change from baseline in %)",
        ),
        (
            {"missing_visit": "non_responder"},
            "Response (MADRS fell by 50 % or more; a missed visit counts as a failure)",
        ),
        (
            {"missing_visit": "last_observation"},
            "Response (MADRS fell by 50 % or more; the last score counts for a missed visit)",
        ),
    ],
)
def test_every_rule_is_put_in_words(tmp_path: Path, changes: dict[str, Any], label: str) -> None:
    assert derived(tmp_path, **changes).label == label
