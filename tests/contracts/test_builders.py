"""What every feature builder must keep; a new entry of the catalogue is tested by itself."""

import json
from typing import Any

import numpy as np
import pytest

from heldout.arrays import Piece
from heldout.errors import FeatureError
from heldout.features.columns import FeatureMatrix
from heldout.features.matrix import BUILDERS
from tests.unit.features.studies import EVERY_BUILDER, VISITS, Read, read_study

# The keys of a request that a builder may take, with something that is none of the others'.
KEYS: dict[str, Any] = {
    "columns": ["madrs"],
    "constructs": {"x": ["madrs"]},
    "pairs": [["madrs", "phq"]],
    "n": 1,
    "method": "factor",
    "name": "x",
    "visit": "b0",
}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Return the made-up study."""
    return read_study(tmp_path_factory.mktemp("builders"))


@pytest.fixture(scope="module")
def matrices(read: Read) -> dict[str, FeatureMatrix]:
    """Return what each builder makes of it."""
    return {name: read.matrix(one) for name, one in EVERY_BUILDER.items()}


def test_every_builder_is_tried_here() -> None:
    assert list(EVERY_BUILDER) == list(BUILDERS)


@pytest.mark.parametrize("name", BUILDERS)
class TestEveryBuilder:
    """Run over the whole catalogue."""

    def test_says_what_it_takes(self, name: str) -> None:
        assert BUILDERS[name].takes

    def test_makes_features(self, name: str, matrices: dict[str, FeatureMatrix]) -> None:
        assert matrices[name].features

    def test_signs_what_it_makes(self, name: str, matrices: dict[str, FeatureMatrix]) -> None:
        assert {column.builder for column in matrices[name].features} == {name}

    def test_every_feature_says_where_it_came_from(
        self, name: str, matrices: dict[str, FeatureMatrix]
    ) -> None:
        for column in matrices[name].features:
            assert column.inputs
            assert column.visit in VISITS
            assert column.label[0].isupper()
            assert column.higher_is in ("worse", "better", None)

    def test_every_feature_describes_itself_in_one_line(
        self, name: str, matrices: dict[str, FeatureMatrix]
    ) -> None:
        for column in matrices[name].features:
            assert column.describe.startswith(f"{column.name}: {column.label} at {column.visit}")
            assert f"; {name} of " in column.describe
            assert "\n" not in column.describe

    def test_the_table_is_float64_and_named(
        self, name: str, matrices: dict[str, FeatureMatrix]
    ) -> None:
        matrix = matrices[name]
        assert set(matrix.table.dtypes) == {np.dtype(np.float64)}
        assert tuple(matrix.table.columns) == matrix.names
        assert not np.isinf(matrix.values).any()

    def test_values_lie_within_the_bounds_they_are_said_to_have(
        self, name: str, matrices: dict[str, FeatureMatrix]
    ) -> None:
        matrix = matrices[name]
        for column, values in zip(matrix.columns, matrix.values.T, strict=True):
            if column.bounds is not None:
                low, high = column.bounds
                assert low <= np.nanmin(values) <= np.nanmax(values) <= high, column.name

    def test_recipes_are_plain_data_that_json_can_hold(
        self, name: str, matrices: dict[str, FeatureMatrix]
    ) -> None:
        matrix = matrices[name]
        assert len(matrix.recipes) == len(matrix.columns)
        for column, recipe in zip(matrix.columns, matrix.recipes, strict=True):
            json.dumps([recipe.steps, recipe.inputs], allow_nan=False)
            assert tuple(recipe.inputs) == column.inputs

    def test_a_composition_uses_every_column_and_makes_every_feature(
        self, name: str, matrices: dict[str, FeatureMatrix]
    ) -> None:
        matrix = matrices[name]
        pieces = matrix.composition or tuple(Piece(inputs=(n,)) for n in range(len(matrix.names)))
        used = {place for piece in pieces for place in piece.inputs}
        assert used == set(range(len(matrix.names)))
        assert sum(piece.n for piece in pieces) == len(matrix.features)

    def test_makes_the_same_bits_twice(
        self, name: str, read: Read, matrices: dict[str, FeatureMatrix]
    ) -> None:
        again = read.matrix(EVERY_BUILDER[name])
        assert again.values.tobytes() == matrices[name].values.tobytes()
        assert again.columns == matrices[name].columns

    def test_the_same_request_twice_is_refused(self, name: str, read: Read) -> None:
        with pytest.raises(FeatureError, match=r"is built twice\. Keep one\."):
            read.matrix(EVERY_BUILDER[name], EVERY_BUILDER[name])

    def test_keys_of_other_builders_are_refused(self, name: str, read: Read) -> None:
        own = {BUILDERS[name].needs, *BUILDERS[name].knows}
        for key in KEYS.keys() - own:
            request = EVERY_BUILDER[name] | {key: KEYS[key]}
            words = rf"features\[0\]\.{key}: builder '{name}' does not take '{key}'\. Remove it\."
            with pytest.raises(FeatureError, match=words):
                read.matrix(request)

    def test_what_it_needs_must_be_there(self, name: str, read: Read) -> None:
        needs = BUILDERS[name].needs
        if needs is None:
            return
        with pytest.raises(FeatureError, match=rf"builder '{name}' needs '{needs}': "):
            read.matrix({"build": name})

    def test_an_unknown_name_gets_a_place_and_a_suggestion(self, name: str, read: Read) -> None:
        needs = BUILDERS[name].needs
        wrong: dict[str | None, dict[str, Any]] = {
            "columns": {"columns": ["madsr"]},
            "pairs": {"pairs": [["madsr", "phq"]]},
            "constructs": {"constructs": {"x": ["madsr"]}},
            None: {"columns": ["nort", "south", "west"]},
        }
        words = r"features\[0\]\..*'(madsr|north)' is no .*Did you mean '(madrs|nort)'\?"
        with pytest.raises(FeatureError, match=words):
            read.matrix({"build": name} | wrong[needs])

    def test_a_visit_after_the_prediction_is_refused(self, name: str, read: Read) -> None:
        """The one mistake that makes any number look good."""
        if "visit" not in BUILDERS[name].knows:
            return
        words = r"is known at visit 'w4' \(day 28\), which is later than 'w1' \(day 7\)"
        late: dict[str, dict[str, Any]] = {
            "columns": {"columns": ["madrs"]},
            "pairs": {"pairs": [["madrs", "qids"]]},
            "constructs": {"constructs": {"x": ["madrs"]}},
        }
        request = {"build": name, "visit": "w4"} | late[BUILDERS[name].needs or ""]
        with pytest.raises(FeatureError, match=words):
            read.matrix(request)
