"""Instruments given as items, as scores, as a total, or as several of these."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heldout.cohort.people import Cohort, read_cohort
from heldout.errors import CohortError
from heldout.instruments.keys import load_keys
from tests.unit.cohort.exports import cohort_of
from tests.unit.cohort.studies import wide_cohort, with_columns, write_study

RFQ = [f"rfq_{item}" for item in range(1, 9)]
NAMES = ["id", *RFQ, "sure", "unsure", "m_d0", "m_d2", "m_d10"]
ANSWERS = {"01": 1, "02": 4, "03": 7}
ROWS = [
    [patient, *[str(answer)] * 8, "3", "0.5", "30", "20", "10"]
    for patient, answer in ANSWERS.items()
]
TABLE = "\n".join(",".join(row) for row in [NAMES, *ROWS]) + "\n"


def part_of(**rfq: Any) -> dict[str, Any]:
    """Return a cohort part that reads the RFQ-8 in some way."""
    base = wide_cohort(columns={"madrs": {"column": "m_{visit}", "instrument": "madrs"}})
    return with_columns(base, rfq8={"instrument": "rfq8"} | rfq)


def read(folder: Path, table: str = TABLE, **rfq: Any) -> Cohort:
    """Return everybody in the table, nothing scored."""
    experiment = write_study(
        folder, table, part_of(**rfq), features=[{"build": "totals", "columns": ["madrs"]}]
    )
    return read_cohort(experiment, load_keys(experiment))


SCORES = {"certainty": "sure", "uncertainty": "unsure"}


def test_scores_without_items_are_values(tmp_path: Path) -> None:
    cohort = read(tmp_path, scores=SCORES)
    assert cohort.numbers("rfq8.uncertainty", "d0").tolist() == [0.5] * 3
    assert not cohort.has("rfq8", "d0")
    assert cohort.reported.shape == (3, 0)


def test_scores_beside_items_are_reported_and_not_used(tmp_path: Path) -> None:
    cohort = read(tmp_path, items="rfq_{item}", scores=SCORES)
    assert list[Any](cohort.reported.columns) == [
        ("rfq8.certainty", "d0", 0),
        ("rfq8.uncertainty", "d0", 0),
    ]
    assert not cohort.has("rfq8.certainty", "d0")
    assert cohort.values[("rfq8", "d0", 8)].tolist() == [1, 4, 7]
    assert {source.name for source in cohort.sources} == {"madrs", "rfq8"}


def test_a_total_beside_items_of_one_visit_is_a_value_at_the_others(tmp_path: Path) -> None:
    items = [f"i{number}" for number in range(1, 11)]
    rows = [["id", *items, "m_d0", "m_d2", "m_d10"], ["01", *"1" * 10, "11", "20", "5"]]
    table = "\n".join(",".join(row) for row in rows) + "\n"
    madrs = {"items": "i{item}", "instrument": "madrs"}
    madrs |= {"column": {visit: f"m_{visit}" for visit in ("d0", "d2", "d10")}}  # type: ignore[dict-item]
    experiment = write_study(tmp_path, table, wide_cohort(columns={"madrs": madrs}))
    cohort = read_cohort(experiment, load_keys(experiment))
    assert list[Any](cohort.reported.columns) == [("madrs", "d0", 0)]
    assert cohort.numbers("madrs", "d2").tolist() == [20]


def test_the_range_of_a_score_is_its_own(tmp_path: Path) -> None:
    """0 to 3, where the whole instrument has answers up to 7."""
    with pytest.raises(CohortError, match=r"column 'sure': 3 of 3 .* lie outside 0\.\.3\."):
        read(tmp_path, TABLE.replace(",3,0.5,", ",3.25,0.5,"), scores=SCORES)


def test_a_rule_may_look_at_a_score_that_is_made_of_items(tmp_path: Path) -> None:
    """All answers 1 make certainty 3 and uncertainty 0.5; all 7 make 0 and 2.5."""
    include = [{"label": "unsure", "column": "rfq8.uncertainty", "at_least": 2}]
    (tmp_path / "data.csv").write_text(TABLE)
    part = part_of(items="rfq_{item}") | {"include": include}
    part["visits"] |= {"month1": {"day": 30, "code": "d10"}}
    part["columns"]["madrs"]["visits"] = ["d0", "month1"]
    del part["visits"]["d10"]
    assert cohort_of(tmp_path, part).patients == ("03",)


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        ({"column": "rfq8", "at_least": 1}, r"'rfq8' is no known declared column or score\. Known"),
        ({"column": "rfq8.certanty", "at_least": 1}, r"Did you mean 'rfq8\.certainty'\?"),
        ({"column": "rfq8.certainty", "among": ["1"]}, r"is a number\. Use 'at_least'"),
        (
            {"column": "rfq8.certainty", "visit": "d2", "at_least": 1},
            r"not measured at 'd2', only at d0",
        ),
    ],
)
def test_a_rule_on_a_score_that_will_not_be_is_refused(
    tmp_path: Path, rule: dict[str, Any], pattern: str
) -> None:
    part = part_of(items="rfq_{item}") | {"include": [{"label": "x"} | rule]}
    experiment = write_study(tmp_path, TABLE, part)
    with pytest.raises(CohortError, match=pattern):
        read_cohort(experiment, load_keys(experiment))


KEY = """\
id: own
name: Own scale
construct: depression
rater: self
items: 2
item_min: 0
item_max: 4
allowed: {1: [0, 2, 4]}
not_assessed: {1: [9], 2: [9]}
scores:
  total: {method: sum, range: [0, 8], higher_is: worse}
confidence: low
sources: [made up]
"""


def own_scale(folder: Path, first: str, second: str) -> list[float]:
    """Return the total of a patient with two answers to a scale of the study's own."""
    (folder / "configs" / "instruments").mkdir(parents=True)
    (folder / "configs" / "instruments" / "own.yaml").write_text(KEY)
    columns = {"own": {"items": "o{item}", "instrument": "own", "visits": ["base"]}}
    (folder / "data.csv").write_text(f"id,o1,o2\na,{first},{second}\nb,2,2\n")
    part = {
        "title": "Own",
        "table": {"file": "data.csv"},
        "patient": "id",
        "visits": {"base": {"day": 0}, "month1": {"day": 30}},
        "baseline": "base",
        "columns": columns,
    }
    part["columns"] |= {"madrs": {"column": "o1", "kind": "number"}}  # type: ignore[operator]
    return list(cohort_of(folder, part).numbers("own", "base"))


def test_an_answer_that_means_not_assessed_makes_the_item_missing(tmp_path: Path) -> None:
    assert [bool(np.isnan(total)) for total in own_scale(tmp_path, "2", "9")] == [True, False]


@pytest.mark.parametrize(
    ("first", "second", "pattern"),
    [
        ("3", "1", r"column 'o1': 1 of 2 values \(row 2\) is not among the answers 0, 2, 4\."),
        ("2", "8", r"column 'o2': 1 of 2 values \(row 2\) lies outside 0\.\.4\."),
        ("2", "1.5", r"column 'o2': 1 of 2 values \(row 2\) is not a whole number"),
    ],
)
def test_an_answer_that_the_form_does_not_have_is_refused(
    tmp_path: Path, first: str, second: str, pattern: str
) -> None:
    with pytest.raises(CohortError, match=pattern):
        own_scale(tmp_path, first, second)
