"""The key of a questionnaire."""

from pathlib import Path
from typing import Any

import pytest

from heldout.errors import InstrumentError
from heldout.spec.instrument import InstrumentKey, read_instrument_key
from tests.unit.spec.studies import as_yaml

TOTAL = {"range": [3, 14], "higher_is": "worse"}


def write_key(folder: Path, **changes: Any) -> Path:
    """Write a three-item key with some values replaced."""
    key = {
        "id": "mini",
        "name": "Mini",
        "construct": "psychache",
        "rater": "self",
        "items": 3,
        "item_min": 1,
        "item_max": [5, 5, 4],
        "scores": {"total": TOTAL},
        "confidence": "high",
        "sources": ["Nobody 2026"],
    }
    path = folder / "mini.yaml"
    path.write_text(as_yaml(key | changes), encoding="utf-8")
    return path


def a_key(folder: Path, **changes: Any) -> InstrumentKey:
    """Return a three-item key with some values replaced."""
    return read_instrument_key(write_key(folder, **changes))


def scores(**changes: Any) -> dict[str, Any]:
    """Return a total with some values replaced."""
    return {"total": TOTAL | changes}


def test_a_consistent_key_is_read(tmp_path: Path) -> None:
    key = a_key(tmp_path)
    assert (key.construct_, key.bounds) == ("psychache", ((1, 5), (1, 5), (1, 4)))
    assert (key.has_total, key.scored, key.items_of("total")) == (True, ("total",), (1, 2, 3))


@pytest.mark.parametrize(
    ("score", "changes", "low", "high"),
    [
        ({"method": "sum"}, {}, 3, 14),
        ({"method": "mean", "items": [1, 2]}, {}, 1, 5),
        ({"items": [3]}, {"reverse": [3], "allowed": {3: [1, 2]}}, 3, 4),
        ({"method": "max"}, {"prorate": False}, 1, 5),
        ({"method": "sum_of_maxima", "domains": [[1, 2], [3]]}, {}, 2, 9),
        ({}, {"allowed": {1: [2, 3]}}, 4, 12),
        ({}, {"skip": [{"items": [1], "equal": 1, "zero": [2, 3]}]}, 1, 14),
        (
            {"items": [1], "recode": {"ends": [1]}},
            {"recodes": {"ends": {1: 2, 2: 0, 3: 0, 4: 0, 5: 7}}},
            0,
            7,
        ),
        ({"size": 2, "scores_only": "unknown"}, {"item_max": 4}, 2, 8),
    ],
)
def test_a_declared_range_is_what_the_arithmetic_gives(
    tmp_path: Path, score: dict[str, Any], changes: dict[str, Any], low: int, high: int
) -> None:
    key = a_key(tmp_path, scores=scores(**score, range=[low, high]), **changes)
    assert key.attainable("total") == (low, high)
    wrong = scores(**score, range=[low, high + 1])
    with pytest.raises(
        InstrumentError,
        match=rf"^mini\.yaml:\d+, scores\.total\.range: found {low} to {high + 1}; the items and "
        rf"the method give {low} to {high}\.$",
    ):
        a_key(tmp_path, scores=wrong, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"item_max": [5, 5]}, r"item_max: found 2 entries; .* each of 3 items"),
        ({"item_max": 1}, r"item_max: of item 1, 2, 3 is not above item_min, 1\."),
        ({"reverse": [4]}, r"reverse: found item 4; required: 1 to 3\."),
        ({"reverse": [2, 2]}, r"reverse: found item 2 a second time\. Remove it\."),
        ({"suicidality": [0]}, r"suicidality: found item 0; required: 1 to 3\."),
        ({"allowed": {1: [0, 2]}}, r"allowed\.1: required: answers within .* 1 to 5\."),
        ({"scores": scores(items=[1, 1])}, r"scores\.total\.items: found item 1 a second time"),
        ({"scores": scores(recode={"ends": [1]})}, r"recode: found 'ends'; required: one of"),
        (
            {"scores": scores(recode={"ends": [1]}), "recodes": {"ends": {1: 0, 5: 1}}},
            r"recodes\.ends: says nothing of answer 2, 3, 4, which 'total' needs\.",
        ),
        (
            {
                "scores": scores(items=[1], recode={"a": [2]}),
                "recodes": {"a": dict.fromkeys(range(1, 6), 0)},
            },
            r"names an item that the score does not have",
        ),
        ({"scores": scores(domains=[[1], [2, 3]])}, r"'domains' go with 'method: sum_of_maxima'"),
        ({"scores": scores(method="sum_of_maxima")}, r"'domains' go with 'method: sum_of_maxima'"),
        (
            {"scores": scores(method="sum_of_maxima", domains=[[1], [2]])},
            r"domains: required: every item of the score in one domain\.",
        ),
        ({"scores": scores(method="max")}, r"'method: max' needs 'prorate: false'"),
        ({"scores": scores(size=3)}, r"'size' needs 'scores_only'"),
        ({"scores": scores(size=1, items=[1], scores_only="x")}, r"'size' stands alone"),
        (
            {"skip": [{"items": [3], "equal": 5, "zero": [1]}]},
            r"skip\[0\]\.equal: item 3 has no answer 5\.",
        ),
        ({"remission_at_most": 20}, r"remission_at_most: lies outside the total, 3 to 14\."),
        ({"cutoffs": {"mild": [0, 5]}}, r"cutoffs\.mild: lies outside the total, 3 to 14\."),
        ({"cutoffs": {"mild": [9, 5]}}, r"cutoffs\.mild: found 9 to 5; .* the lowest score first"),
        (
            {"cutoffs": {"low": [3, 8], "high": [8, 14]}},
            r"cutoffs\.high: begins at 8, and 'low' ends at 8; required: bands that do not overlap",
        ),
        (
            {"cutoffs": {"all": [3, 14], "some": [5, 6]}},
            r"cutoffs\.some: begins at 5, and 'all' ends at 14",
        ),
        ({"id": "madrs"}, r", id: found 'madrs'; required: 'mini', as the file is called"),
        ({"scores": scores(items=[])}, r"scores\.total\.items: found an empty list; required: one"),
        (
            {"scores": scores(method="sum_of_maxima", domains=[[1, 2, 3], []])},
            r"scores\.total\.domains\[1\]: found an empty list; required: the items of a domain",
        ),
        ({"items": 100_000}, r", items: found 100000; required: at most 1000\."),
        ({"item_max": 100_000}, r"item_max: found 100000; required: at most 10000\."),
        ({"item_max": [5, 5, 100_000]}, r"item_max: found 100000; required: at most 10000\."),
        ({"item_min": -100_000}, r"item_min: found -100000; required: at least -10000\."),
        (
            {"scores": scores(size=100_000, scores_only="unknown")},
            r"scores\.total\.size: found 100000; required: at most 1000\.",
        ),
        (
            {"scores": {"part": TOTAL}, "remission_at_most": 5},
            r"remission_at_most: cut-offs are of the total, and there is no score 'total'\.",
        ),
    ],
)
def test_parts_of_a_key_that_do_not_agree_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InstrumentError, match=r"^mini\.yaml.*" + message):
        a_key(tmp_path, **changes)


def test_answers_that_mean_not_assessed_are_no_answers(tmp_path: Path) -> None:
    key = a_key(tmp_path, not_assessed={3: [9], 1: [1]}, scores=scores(range=[4, 14]))
    assert (key.answers_of(3), key.answers_of(1)) == ((1, 2, 3, 4), (2, 3, 4, 5))


def test_a_score_says_why_it_is_not_made_of_items(tmp_path: Path) -> None:
    part = {"size": 2, "range": [2, 10], "higher_is": "worse", "scores_only": "not verified"}
    key = a_key(tmp_path, scores=scores() | {"part": part})
    assert key.scored == ("total",)
    assert (key.why_scores_only("total"), key.why_scores_only("part")) == (None, "not verified")
    assert key.items_of("part") == ()


def test_a_key_of_scores_only_scores_no_items(tmp_path: Path) -> None:
    assert a_key(tmp_path, scores_only="reversal unknown").scored == ()


def test_all_faults_of_a_key_come_out_at_once(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match=r"^3 faults:"):
        a_key(tmp_path, rater="patient", sources=[], item="text of an item")


@pytest.mark.parametrize("text", ["", "id: [", "- id\n", "id: a\nid: b\n"])
def test_a_file_that_is_no_key_is_a_fault_of_the_instrument(tmp_path: Path, text: str) -> None:
    (tmp_path / "mini.yaml").write_text(text)
    with pytest.raises(InstrumentError, match=r"^mini\.yaml"):
        read_instrument_key(tmp_path / "mini.yaml")


def test_bands_that_touch_without_a_common_score_are_fine(tmp_path: Path) -> None:
    bands = {"high": [9, 14], "low": [3, 8]}
    assert list(a_key(tmp_path, cutoffs=bands).cutoffs) == ["high", "low"]
