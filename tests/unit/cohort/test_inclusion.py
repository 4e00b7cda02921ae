"""Who is included, and how many are left after each rule."""

from pathlib import Path
from typing import Any

import pytest

from heldout.cohort.people import Cohort
from heldout.errors import CohortError
from tests.unit.cohort.studies import (
    items_cohort,
    items_rows,
    scored,
    text_of,
    wide_cohort,
    write_study,
)


def including(folder: Path, *rules: dict[str, Any]) -> Cohort:
    """Return the cohort that some rules leave."""
    include = [{"label": f"rule {number}"} | rule for number, rule in enumerate(rules)]
    return scored(write_study(folder, cohort=wide_cohort(include=include)))


def test_the_flow_counts_who_is_left_after_each_rule(tmp_path: Path) -> None:
    cohort = including(
        tmp_path,
        {"column": "madrs", "at_least": 20},
        {"column": "sex", "among": ["F"]},
        {"column": "age", "at_least": 45, "at_most": 52},
    )
    assert [(step.label, step.n) for step in cohort.flow] == [
        ("In the table", 6),
        ("rule 0 (1 not observed)", 4),
        ("rule 1", 3),
        ("rule 2", 1),
    ]


def test_only_the_included_are_left(tmp_path: Path) -> None:
    assert including(tmp_path, {"column": "madrs", "at_least": 25}).patients == (
        "003",
        "007",
        "010",
    )


@pytest.mark.parametrize("rule", [{"at_least": 0}, {"at_most": 60}])
def test_who_was_not_observed_is_not_included(tmp_path: Path, rule: dict[str, float]) -> None:
    assert "002" not in including(tmp_path, {"column": "madrs"} | rule).patients


def test_bounds_belong_to_the_included(tmp_path: Path) -> None:
    rule = {"column": "age", "at_least": 41, "at_most": 52}
    assert including(tmp_path, rule).patients == ("003", "005", "007")


def test_a_rule_may_look_at_another_visit(tmp_path: Path) -> None:
    rule = {"column": "madrs", "visit": "d2", "at_least": 41}
    assert including(tmp_path, rule).patients == ("010",)


def test_sites_follow_the_included(tmp_path: Path) -> None:
    include = [{"label": "older", "column": "age", "at_least": 50}]
    part = wide_cohort(site="centre", include=include)
    assert scored(write_study(tmp_path, cohort=part)).site == ("north", "north")


def test_a_rule_on_items_looks_at_their_total(tmp_path: Path) -> None:
    everyone = scored(write_study(tmp_path, text_of(items_rows()), items_cohort()))
    totals = dict(zip(everyone.patients, everyone.numbers("hamd6", "d0"), strict=True))
    include = [{"label": "ill", "column": "hamd6", "at_least": 5}]
    part = items_cohort() | {"include": include}
    included = scored(write_study(tmp_path, text_of(items_rows()), part)).patients
    assert included == tuple(patient for patient, total in totals.items() if total >= 5)


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        ({"column": "agee", "at_least": 1}, r"'agee' is no known declared .* Did you mean 'age'\?"),
        ({"column": "age", "visit": "d3", "at_least": 1}, r"'d3' is no known visit"),
        ({"column": "age", "visit": "d2", "at_least": 1}, r"not measured at 'd2', only at d0"),
        ({"column": "sex", "at_least": 1}, r"'sex' is a category\. Use 'among'"),
        ({"column": "note", "at_most": 1}, r"'note' is a text\. Use 'among'"),
        ({"column": "age", "among": ["35"]}, r"'age' is a number\. Use 'at_least' or 'at_most'"),
        ({"column": "madrs", "among": ["35"]}, r"'madrs' is a number\. Use 'at_least'"),
        ({"column": "sex", "among": ["W"]}, r"'W' is no known level of 'sex'\. Known: M, F"),
    ],
)
def test_a_rule_that_cannot_be_applied_is_refused(
    tmp_path: Path, rule: dict[str, Any], pattern: str
) -> None:
    """Unrefused, most of these would quietly include nobody."""
    with pytest.raises(CohortError, match=rf"^cohort\.include\[0\]: .*{pattern}"):
        including(tmp_path, rule)
