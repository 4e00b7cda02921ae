"""The stand-alone script makes of a raw row what the framework makes of it."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from heldout.errors import ExportError
from heldout.export.predict import (
    FILES,
    FIRST_ROW,
    Refused,
    check_header,
    check_schema,
    compose,
    matrix_of,
    score_file,
    score_items,
)
from heldout.export.schema import made_up_patient, schema_of, taken_apart
from heldout.features.columns import FeatureMatrix
from heldout.features.matrix import BUILDERS
from heldout.instruments.keys import instrument_names, load_key
from heldout.instruments.scoring import arithmetic_of, relevant_items, score_array
from heldout.models.catalogue import MODELS
from heldout.models.definition import build_pipeline, build_preparation
from heldout.spec.instrument import InstrumentKey
from tests.unit.cohort.studies import Row
from tests.unit.features.studies import EVERY_BUILDER, FACTOR, Read, made_up_rows, read_study

Floats = NDArray[np.float64]
RECORD: Any = SimpleNamespace(experiment={"cohort": {"patient": "pid"}})
OUTCOME: Any = SimpleNamespace(kind="class", name="low", label="Low", follow_up="w4")
# Everybody has an age or a marker: a patient without any value would be refused.
SURE = {"build": "clinical", "columns": ["age", "marker"]}
REQUESTS: dict[str, list[dict[str, Any]]] = {
    name: [one] if name == "clinical" else [SURE, one] for name, one in EVERY_BUILDER.items()
}
REQUESTS |= {"factor": [SURE, FACTOR], "all together": [*EVERY_BUILDER.values(), FACTOR]}
UNSEEN = made_up_rows(15, seed=99)
KEYS = [key for name in instrument_names(Path()) for key in [load_key(name, Path())] if key.scored]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Return patients to learn from."""
    return read_study(tmp_path_factory.mktemp("learnt"))


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Return new patients, read by the framework."""
    return read_study(tmp_path_factory.mktemp("unseen"), rows=UNSEEN)


def schema_from(matrix: FeatureMatrix, composition: Any = None) -> dict[str, Any]:
    """Return a schema as it is read again from a bundle's file."""
    schema = schema_of(RECORD, matrix, OUTCOME, composition, None)
    return check_schema(json.loads(json.dumps(schema, allow_nan=False)))


def numbered(rows: list[Row], matrix: FeatureMatrix) -> list[tuple[int, Row]]:
    """Return the raw rows of the patients of a matrix, in its order."""
    by_name = {row["pid"]: row for row in rows}
    return [(n, by_name[name]) for n, name in enumerate(matrix.table.index, start=FIRST_ROW)]


def test_every_builder_is_compared_here() -> None:
    assert set(BUILDERS) < set(REQUESTS)


@pytest.mark.parametrize("name", REQUESTS)
class TestEveryBuilder:
    """Run over the whole catalogue."""

    def test_the_script_makes_the_same_columns_of_the_raw_table(
        self, name: str, unseen: Read
    ) -> None:
        matrix = unseen.matrix(*REQUESTS[name])
        found = matrix_of(numbered(UNSEEN, matrix), schema_from(matrix))
        np.testing.assert_allclose(found, matrix.values, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("preparation", ["impute", "impute_scale"])
    def test_a_pipeline_taken_apart_gives_the_same_of_patients_it_has_not_seen(
        self, name: str, preparation: str, learnt: Read, unseen: Read
    ) -> None:
        known, new = learnt.matrix(*REQUESTS[name]), unseen.matrix(*REQUESTS[name])
        prepare = build_preparation(preparation, known.composition).fit(known.values)
        steps = Pipeline([("prepare", prepare), ("model", "passthrough")])
        pipeline, composition = taken_apart(steps, known)
        schema = schema_from(known, composition)
        ours = prepare.transform(new.values)
        matrix = matrix_of(numbered(UNSEEN, new), schema)
        theirs = pipeline.transform(compose(matrix, schema["composition"]))
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-12)

    def test_a_patient_can_be_made_up_who_is_taken(self, name: str, learnt: Read) -> None:
        schema = schema_from(learnt.matrix(*REQUESTS[name]))
        patient = made_up_patient(schema)
        assert set(patient) == set(schema["inputs"])
        assert np.isfinite(matrix_of([(FIRST_ROW, patient)], schema)).all()


def test_no_class_of_ours_is_in_the_model_that_is_written(learnt: Read) -> None:
    matrix = learnt.matrix(*REQUESTS["all together"])
    pipeline = build_pipeline(MODELS["ridge"], {"C": 1.0}, 1, composition=matrix.composition)
    pipeline.fit(matrix.values, np.arange(len(matrix.table)) % 2)
    rest, composition = taken_apart(pipeline, matrix)
    assert skops.io.get_untrusted_types(data=skops.io.dumps(rest)) == []
    assert composition is not None
    assert "compose" not in rest.named_steps


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_the_script_scores_every_instrument_as_the_framework_does(
    key: InstrumentKey, data: st.DataObject
) -> None:
    """Reversal, recodes, skip rules, domains, not assessed, missing items and prorating."""
    seed = data.draw(st.integers(0, 2**32 - 1))
    lost = data.draw(st.sampled_from([0.0, 0.05, 0.3]))
    prorate = data.draw(st.sampled_from(["none", "80%", "half"] if key.prorate else ["none"]))
    rng = np.random.default_rng(seed)
    items = np.array(
        [
            rng.choice([*key.answers_of(item), *key.not_assessed.get(item, ())], 20)
            for item in range(1, key.items + 1)
        ],
        dtype=np.float64,
    ).T
    # Skip rules ask for lowest answers of all, which chance alone would rarely give.
    items[:8] = np.where(rng.random(items[:8].shape) < 0.9, items.min(axis=0), items[:8])
    items[rng.random(items.shape) < lost] = np.nan
    inputs = {f"q{item}": items[:, item - 1] for item in range(1, key.items + 1)}
    for score, expected in score_array(key, items, prorate=prorate).items():
        relevant = relevant_items(key, score)
        arithmetic = json.loads(json.dumps(arithmetic_of(key, score, relevant, prorate=prorate)))
        for item, entry in zip(relevant, arithmetic["items"], strict=True):
            entry["column"] = f"q{item}"
        np.testing.assert_allclose(score_items(arithmetic, inputs), expected, rtol=0, atol=1e-12)


def test_only_the_items_that_a_score_depends_on_are_asked_for(learnt: Read) -> None:
    request = {"build": "subscales", "columns": ["rfq8.certainty"]}
    schema = schema_from(learnt.matrix(request))
    assert list(schema["inputs"]) == [f"rfq{item}_b0" for item in range(1, 7)]


def test_an_answer_that_the_form_does_not_have_is_refused(learnt: Read) -> None:
    schema = schema_from(learnt.matrix({"build": "subscales", "columns": ["rfq8"]}))
    patient = made_up_patient(schema) | {"rfq2_b0": "0", "rfq3_b0": "2.5"}
    words = (
        r"^column 'rfq2_b0' is not among 1, 2, 3, 4, 5, 6, 7: rows 2\. Correct the table\.\n"
        r"column 'rfq3_b0' is not among 1, 2, 3, 4, 5, 6, 7: rows 2\. Correct the table\.$"
    )
    with pytest.raises(Refused, match=words):
        matrix_of([(FIRST_ROW, patient)], schema)


def test_who_would_not_have_been_included_is_refused(learnt: Read) -> None:
    schema = schema_from(learnt.matrix({"build": "totals", "columns": ["madrs"]}))
    patient = dict.fromkeys(schema["inputs"], "1")
    words = r"^the items of 'madrs_b0' add up to what is out of range 12\.\.60: rows 2\. Correct"
    with pytest.raises(Refused, match=words):
        matrix_of([(FIRST_ROW, patient)], schema)


def test_a_patient_of_whom_it_is_known_only_what_is_missing_is_refused(learnt: Read) -> None:
    requests = [EVERY_BUILDER["missingness"], {"build": "clinical", "columns": ["age"]}]
    schema = schema_from(learnt.matrix(*requests))
    patient = dict.fromkeys(schema["inputs"], "")
    with pytest.raises(Refused, match=r"^no value at all: rows 2\. Remove these patients\.$"):
        matrix_of([(FIRST_ROW, patient)], schema)


def test_inclusion_rules_that_contradict_each_other_make_nobody_up(learnt: Read) -> None:
    """A score below 4 whose items the same table column makes 5 at least."""
    requests = [{"build": "totals", "columns": ["madrs"]}]
    schema = schema_from(learnt.matrix(*requests))
    schema["scores"]["madrs_b0"]["bounds"] = [60.5, 61]
    with pytest.raises(ExportError, match=r"^No patient could be made up .* out of range 60\.5"):
        made_up_patient(schema)


def test_a_table_may_have_columns_of_its_own_in_any_order() -> None:
    schema = {"inputs": {"a": {}, "b": {}}, "patient": "pid"}
    check_header(Path("new.csv"), ["note", "b", "pid", "a", "note"], schema)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            ["A", "pid", "note"],
            "new.csv: its columns are not those of the model. Missing: a (did you mean 'A'?), age; "
            "unexpected: A, note; in another order is fine. Add or rename what is missing.",
        ),
        (
            ["a", "pid"],
            "new.csv: its columns are not those of the model. Missing: age; unexpected: none; in "
            "another order is fine. Add or rename what is missing.",
        ),
        (["a", "age", "c", "a"], "new.csv: column 'a' stands twice. Remove one."),
    ],
)
def test_a_mismatch_of_columns_is_shown_as_a_difference(header: list[str], words: str) -> None:
    schema = {"inputs": {"a": {}, "age": {}, "c": {}}, "patient": "pid"}
    if "c" not in header:
        header = [*header, "c"]
    with pytest.raises(Refused) as refusal:
        check_header(Path("new.csv"), header, schema)
    assert str(refusal.value) == words


def first_bundle(folder: Path) -> tuple[Path, Floats]:
    """Write a bundle as the first format was, and return it with what its model says of two."""
    names = ["age", "sex", "q1", "q2"]
    plain: dict[str, Any] = {"level": None, "levels": [], "input_bounds": {}}
    features = [
        plain | {"name": "age", "inputs": ["age"], "operation": "number", "bounds": [0, 120]},
        plain
        | {"name": "sex=m", "inputs": ["sex"], "operation": "level", "bounds": None}
        | {"level": "m", "levels": ["f", "m"]},
        plain
        | {"name": "q", "inputs": ["q1", "q2"], "operation": "sum", "bounds": [1, 6]}
        | {"input_bounds": {"q1": [0, 4], "q2": [0, 2]}},
    ]
    rng = np.random.default_rng(0)
    pipeline = build_pipeline(MODELS["ridge"], {"C": 1.0}, 1)
    pipeline.fit(rng.normal([50, 0, 3], size=(40, 3)), np.arange(40) % 2)
    rows = np.array([[40.0, 1.0, 5.0], [70.0, np.nan, np.nan]])
    expected = pipeline.predict_proba(rows)[:, 1]
    texts = {
        "schema.json": {"format": 1, "patient": "pid", "missing": [""], "also_known": ["site"]}
        | {"features": features},
        "check.json": {
            "patient": dict(zip(names, ["40", "m", "3", "2"], strict=True)),
            "probability": expected[0],
        },
        "versions.json": {"numpy": "2.0"},
    }
    contents = {name: json.dumps(texts.get(name, [])).encode() for name in FILES}
    contents["model.skops"] = skops.io.dumps(pipeline)
    for name, raw in contents.items():
        (folder / name).write_bytes(raw)
    sums = [f"{hashlib.sha256(raw).hexdigest()}  {name}\n" for name, raw in contents.items()]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    return folder, expected


def test_a_bundle_of_the_first_format_still_opens(tmp_path: Path) -> None:
    folder, expected = first_bundle(tmp_path)
    path = tmp_path / "new.csv"
    path.write_text("pid,q2,q1,sex,age\nx,2,3,m,40\ny,,3,,70\n", encoding="utf-8")
    found = score_file(folder, path)
    pd.testing.assert_frame_equal(
        found, pd.DataFrame({"patient": ["x", "y"], "probability": expected}), check_exact=True
    )


def test_the_cohort_part_is_not_in_a_schema(learnt: Read) -> None:
    """New patients are in no cohort: a recipe reads their columns."""
    matrix = learnt.matrix(*REQUESTS["all together"])
    for feature in schema_from(matrix)["features"]:
        assert not {"name", "visit", "item"} & set(feature["recipe"])
