"""What a card says of its inputs and of the versions behind its figures."""

from typing import Any

import pytest

from heldout.export.card import input_row, refit_words
from heldout.features import FeatureColumn

TODAY = {"versions": {"heldout": "0.2", "numpy": "2.4"}, "code": "a"}


def test_a_label_cannot_break_the_table_or_the_page() -> None:
    column = FeatureColumn(
        name="x",
        label="<b>a|b\\|c</b>",
        inputs=("x|\ny",),
        visit="d0",
        builder="clinical",
        levels=("<20", "20|"),
        unit="<u>",
    )
    row = input_row(column)
    assert row.count("|") == 6, "one bar a cell, and one to close the row"
    assert "<" not in row
    assert "\n" not in row


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (TODAY, "So was the model."),
        (TODAY | {"code": "b"}, "The model was fitted with other code of heldout."),
        (
            TODAY | {"versions": {"heldout": "0.2", "numpy": "2.3"}},
            "The model was fitted with numpy 2.4.",
        ),
        (
            {"versions": {"heldout": "0.1", "gone": "1.0"}, "code": "b"},
            "The model was fitted with heldout 0.2, numpy 2.4, other code of heldout.",
        ),
    ],
)
def test_a_card_says_what_the_model_was_fitted_with(then: dict[str, Any], words: str) -> None:
    """Export runs later than the study, perhaps with libraries that give other figures."""
    assert refit_words(then, TODAY) == words
