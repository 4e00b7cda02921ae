"""What holds of every shipped questionnaire: references, ranges, partitions, laws of scoring."""

from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import heldout.instruments
from heldout.errors import InstrumentError
from heldout.instruments.scoring import read_answers, score_array, score_column
from heldout.instruments.table import score_items
from heldout.spec.instrument import InstrumentKey, read_instrument_key

FILES = sorted(Path(heldout.instruments.__file__).parent.joinpath("files").glob("*.yaml"))
KEYS = {path.stem: read_instrument_key(path) for path in FILES}
SCORED = [name for name, key in KEYS.items() if key.scored]
PRORATED = [name for name in SCORED if KEYS[name].prorate]
SCORES_ONLY = ["dflex24", "ments28", "mzq15"]
REFERENCES = Path(__file__).parents[1] / "reference" / "instruments"

# Whole -> the parts that every one of its items stands in once.
PARTITIONS = [
    ("bis11", "total", ("attentional", "motor", "nonplanning")),
    ("bis11", "attentional", ("attention", "cognitive_instability")),
    ("bis11", "motor", ("motor1", "perseverance")),
    ("bis11", "nonplanning", ("self_control", "cognitive_complexity")),
    ("cfi20", "total", ("alternatives", "control")),
    ("ders16", "total", ("clarity", "goals", "impulse", "strategies", "nonacceptance")),
    (
        "ders36",
        "total",
        ("nonacceptance", "goals", "impulse", "awareness", "strategies", "clarity"),
    ),
    ("hama14", "total", ("psychic", "somatic")),
    ("odq26", "total", ("odq20", "antidepressant_as_cause")),
    ("tas20", "total", ("identifying", "describing", "external")),
]

# Published ranges of totals: those that the key computes could hold two mistakes that cancel.
PUBLISHED = {
    "aaq2": (7, 49), "bdi2": (0, 63), "bis11": (30, 120), "cfi20": (20, 140), "ders16": (16, 80),
    "ders36": (36, 180), "dflex24": (24, 144), "gad7": (0, 21), "gaf": (1, 100),
    "hama14": (0, 56), "hamd17": (0, 52), "hamd6": (0, 22), "madrs": (0, 60),
    "ments28": (28, 140), "mzq15": (1, 5), "odq26": (26, 130), "pas13": (13, 65),
    "phq9": (0, 27), "qids_sr16": (0, 27), "rmet36": (0, 36), "shaps14": (0, 14),
    "shaps14_options": (0, 14), "sidas": (0, 50), "ssi": (0, 38), "tas20": (20, 100),
    "ymrs": (0, 60),
}  # fmt: skip

Floats = NDArray[np.float64]


def vectors() -> list[Any]:
    """Return every reference vector, named by its instrument and what it shows."""
    return [
        pytest.param(path.stem, vector, id=f"{path.stem}: {vector['what']}")
        for path in sorted(REFERENCES.glob("*.yaml"))
        for vector in yaml.safe_load(path.read_text(encoding="utf-8"))["vectors"]
    ]


def items_of(key: InstrumentKey, vector: dict[str, Any]) -> Floats:
    """Return the answers of a vector as one patient's row."""
    if "items" in vector:
        row = [np.nan if one is None else float(one) for one in vector["items"]]
    else:
        ends = {"lowest": 0, "highest": 1}
        where = ends.get(vector["all"])
        row = [float(vector["all"]) if where is None else bound[where] for bound in key.bounds]
    return np.array([row])


@st.composite
def drawn_items(draw: st.DrawFn, key: InstrumentKey, n_patients: int, holes: float = 0.0) -> Floats:
    """Return answers that a key allows, some of them missing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = [rng.choice(key.answers_of(item), n_patients) for item in range(1, key.items + 1)]
    items = np.column_stack(columns).astype(np.float64)
    items[rng.random(items.shape) < holes] = np.nan
    return items


@pytest.mark.parametrize(("name", "vector"), vectors())
def test_a_reference_vector_has_its_hand_worked_scores(name: str, vector: dict[str, Any]) -> None:
    key = KEYS[name]
    scores = score_array(key, items_of(key, vector), prorate=vector.get("prorate", "none"))
    expected = {
        score: np.nan if value is None else float(Fraction(str(value)))
        for score, value in vector["scores"].items()
    }
    assert set(expected) == set(scores)
    for score, value in expected.items():
        np.testing.assert_allclose(scores[score], [value], rtol=1e-12, err_msg=score)


@pytest.mark.parametrize("name", list(KEYS))
def test_every_instrument_has_a_reference(name: str) -> None:
    content = yaml.safe_load((REFERENCES / f"{name}.yaml").read_text(encoding="utf-8"))
    worked = [vector for vector in content["vectors"] if vector["what"] == "by hand"]
    assert content["source"]
    assert bool(worked) == bool(KEYS[name].scored)


@pytest.mark.parametrize("name", list(KEYS))
def test_a_shipped_key_is_called_as_its_file(name: str) -> None:
    """An experiment names the file; the report prints the key's own name."""
    assert KEYS[name].id == name


@pytest.mark.parametrize("name", [name for name, key in KEYS.items() if key.has_total])
def test_a_total_has_its_published_range(name: str) -> None:
    assert KEYS[name].scores["total"].range == PUBLISHED[name]


@pytest.mark.parametrize("name", SCORED)
def test_both_ends_of_every_range_can_be_scored(name: str) -> None:
    """The ends are looked for by trying the answers to one item after the other."""
    key = KEYS[name]
    lowest = np.array([[bound[0] for bound in key.bounds]])
    for score, end in product(key.scored, (0, 1)):
        best = lowest
        for item in range(1, key.items + 1):
            tried = np.repeat(best, len(key.answers_of(item)), axis=0)
            tried[:, item - 1] = key.answers_of(item)
            values = score_column(key, read_answers(key, tried), score).values
            # The last of the highest, because a skip rule may hide an item until a later one.
            row = np.flatnonzero(values == values.max())[-1] if end else int(values.argmin())
            best = tried[[row]]
        assert score_array(key, best)[score][0] == key.scores[score].range[end], score


@pytest.mark.parametrize(("name", "whole", "parts"), PARTITIONS)
def test_subscales_partition_their_whole(name: str, whole: str, parts: tuple[str, ...]) -> None:
    key = KEYS[name]
    items = [item for part in parts for item in key.items_of(part)]
    assert sorted(items) == sorted(key.items_of(whole))


@pytest.mark.parametrize("name", list(KEYS))
def test_items_about_suicidality_are_named_or_there_are_none(name: str) -> None:
    listed = {
        "madrs": (10,), "hamd17": (3,), "phq9": (9,), "bdi2": (9,), "qids_sr16": (12,),
        "cssrs": tuple(range(1, 11)), "ssi": tuple(range(1, 20)), "sidas": tuple(range(1, 6)),
    }  # fmt: skip
    assert KEYS[name].suicidality == listed.get(name, ())


@pytest.mark.parametrize("name", ["cssrs", "ssi", "sidas", "ymrs", "gaf"])
def test_safety_scales_and_single_ratings_are_never_prorated(name: str) -> None:
    items = np.zeros((1, KEYS[name].items))
    with pytest.raises(InstrumentError, match=rf"^{name} is never prorated"):
        score_array(KEYS[name], items, prorate="half")


@pytest.mark.parametrize("name", SCORES_ONLY)
def test_items_of_an_unverified_key_are_refused_with_the_reason(name: str) -> None:
    with pytest.raises(InstrumentError, match=rf"^{name} is not scored from items: .* verified"):
        score_array(KEYS[name], np.ones((1, KEYS[name].items)))


def test_a_low_confidence_is_never_scored_from_items() -> None:
    assert [name for name, key in KEYS.items() if key.confidence == "low"] == SCORES_ONLY


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_reversing_twice_is_identity(data: st.DataObject) -> None:
    """Scores of answers reversed by hand are those of a key that reverses all other items."""
    name = data.draw(st.sampled_from([name for name in SCORED if not KEYS[name].skip]))
    key = KEYS[name]
    items = data.draw(drawn_items(key, 5))
    lows, highs = np.array(key.bounds).T
    others = tuple(item for item in range(1, key.items + 1) if item not in key.reverse)
    other = InstrumentKey.model_construct(**(dict(key) | {"reverse": others}))
    for score, values in score_array(key, items).items():
        np.testing.assert_array_equal(score_array(other, lows + highs - items)[score], values)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_score_lies_in_its_range_whatever_is_missing(data: st.DataObject) -> None:
    key = KEYS[data.draw(st.sampled_from(PRORATED))]
    items = data.draw(drawn_items(key, 20, holes=0.2))
    for score, values in score_array(key, items, prorate="half").items():
        low, high = key.scores[score].range
        seen = values[~np.isnan(values)]
        assert ((seen >= low - 1e-9) & (seen <= high + 1e-9)).all(), score


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_one_patients_scores_depend_on_nobody_else(data: st.DataObject) -> None:
    key = KEYS[data.draw(st.sampled_from(SCORED))]
    rule = data.draw(st.sampled_from(["none", "80%", "half"])) if key.prorate else "none"
    items = data.draw(drawn_items(key, 12, holes=0.15))
    together = score_array(key, items, prorate=rule)
    for row in range(len(items)):
        alone = score_array(key, items[[row]], prorate=rule)
        for score, values in alone.items():
            np.testing.assert_array_equal(values, together[score][[row]])


@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_scoring_changes_no_answer(data: st.DataObject) -> None:
    key = KEYS[data.draw(st.sampled_from(SCORED))]
    items = data.draw(drawn_items(key, 6, holes=0.1))
    before = items.copy()
    score_array(key, items)
    np.testing.assert_array_equal(items, before)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_prorating_changes_no_complete_score(data: st.DataObject) -> None:
    key = KEYS[data.draw(st.sampled_from(PRORATED))]
    items = data.draw(drawn_items(key, 8))
    plain, half = (score_array(key, items, prorate=rule) for rule in ("none", "half"))
    for score, values in plain.items():
        np.testing.assert_array_equal(half[score], values)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_missing_item_about_suicidality_is_never_filled_in(data: st.DataObject) -> None:
    key = KEYS[data.draw(st.sampled_from([name for name in PRORATED if KEYS[name].suicidality]))]
    items = data.draw(drawn_items(key, 4))
    items[:, [item - 1 for item in key.suicidality]] = np.nan
    assert np.isnan(score_array(key, items, prorate="half")["total"]).all()


@pytest.mark.parametrize("name", SCORED)
def test_the_order_of_columns_changes_no_score(name: str) -> None:
    key = KEYS[name]
    rng = np.random.default_rng(5)
    names = [f"{name}_{item}" for item in range(1, key.items + 1)]
    items = [[rng.choice(key.answers_of(item)) for item in range(1, key.items + 1)] for _ in "ab"]
    table = pd.DataFrame(items, columns=names)
    shuffled = table[list(rng.permutation(names))]
    scores, other = (score_items(one, instrument=name).scores for one in (table, shuffled))
    pd.testing.assert_frame_equal(scores, other)
