"""Scoring a table that no study describes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from heldout.errors import InstrumentError
from heldout.instruments.table import score_items

SECRET = 9137.25
GAD = [2, 0, 3, 1, 2, 1, 3]


def gad7(*rows: list[Any], name: str = "gad7_{item}", **more: Any) -> pd.DataFrame:
    """Return a table of the GAD-7's items, a patient a row."""
    columns = [name.replace("{item}", str(item)) for item in range(1, 8)]
    index = [f"P{number}" for number in range(1, len(rows) + 1)]
    return pd.DataFrame(list(rows), columns=columns, index=index).assign(**more)


def total_of(table: pd.DataFrame, **options: Any) -> list[float]:
    """Return the total of every row."""
    totals: list[float] = score_items(table, instrument="gad7", **options).scores["total"].tolist()
    return totals


@pytest.mark.parametrize(
    "name",
    ["gad7_{item}", "GAD7.{item}", "gad7{item}", "Gad7-{item}", "gad7 {item}", "GAD7_0{item}"],
)
def test_items_are_found_by_name(name: str) -> None:
    assert total_of(gad7(GAD, name=name)) == [12]


@pytest.mark.parametrize("columns", ["q{item}_base", [f"q{item}_base" for item in range(1, 8)]])
def test_items_are_found_by_pattern_or_list(columns: str | list[str]) -> None:
    assert total_of(gad7(GAD, name="q{item}_base"), columns=columns) == [12]


def test_a_pattern_may_meet_leading_zeros() -> None:
    assert total_of(gad7(GAD, name="q0{item}"), columns="q{item}") == [12]


def test_the_order_of_columns_changes_nothing() -> None:
    table = gad7(GAD, other=1)
    assert total_of(table[list(table.columns)[::-1]]) == [12]


def test_a_list_is_in_the_order_of_the_form() -> None:
    table = pd.DataFrame([[4, 7, 3, 8, 2]], columns=list("abcde"))
    assert score_items(table, instrument="sidas", columns=list("abcde")).scores["total"][0] == 20
    assert score_items(table, instrument="sidas", columns=list("bacde")).scores["total"][0] == 26


def test_texts_that_are_numbers_are_read() -> None:
    assert total_of(gad7([" 2", "0", "3.0", "1", "2", "1", "3"], ["", None, *"11111"])) == [
        12,
        pytest.approx(np.nan, nan_ok=True),
    ]


def test_the_table_is_not_changed() -> None:
    table = gad7(["2", "", "3", "1", "2", "1", "3"])
    before = table.copy(deep=True)
    score_items(table, instrument="gad7", prorate="80%")
    pd.testing.assert_frame_equal(table, before)


def test_scores_keep_the_index_and_name_every_score() -> None:
    table = pd.DataFrame(np.ones((2, 8)), columns=[f"RFQ8_0{n}" for n in range(1, 9)], index=[7, 9])
    scores = score_items(table, instrument="rfq8").scores
    assert list(scores.columns) == ["certainty", "uncertainty", "hypomentalizing"]
    assert list(scores.index) == [7, 9]


def test_states_tell_what_became_of_every_item_and_score() -> None:
    rows = [[0, None, None, None, None], [4, 7, 3, 8, 2], [4, None, 3, 8, 2]]
    columns = [f"sidas_{item}" for item in range(1, 6)]
    states = score_items(pd.DataFrame(rows, columns=columns), instrument="sidas").states
    assert states["2"].tolist() == ["skipped", "answered", "missing"]
    assert states["total"].tolist() == ["scored", "scored", "missing"]


def test_states_tell_what_was_not_assessed_and_what_was_prorated() -> None:
    table = pd.DataFrame([[1] * 15 + [3, 1]], columns=[f"hamd17_{n}" for n in range(1, 18)])
    states = score_items(table, instrument="hamd17", prorate="half").states
    assert (states["16"][0], states["total"][0]) == ("not assessed", "prorated")


def test_the_audit_names_rows_and_the_columns_are_told() -> None:
    scored = score_items(gad7(GAD, [None, *GAD[1:]]), instrument="gad7", prorate="80%")
    assert scored.audit[0].prorated == ("P2",)
    assert scored.columns == tuple(f"gad7_{item}" for item in range(1, 8))
    assert scored.key.id == "gad7"


def test_a_studys_own_key_counts(tmp_path: Path) -> None:
    own = tmp_path / "configs" / "instruments" / "mini.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(
        "id: mini\nname: Mini\nconstruct: x\nrater: self\nitems: 2\nitem_min: 0\nitem_max: 3\n"
        "scores: {total: {range: [0, 6], higher_is: declared}}\nconfidence: high\nsources: [x]\n"
    )
    table = pd.DataFrame({"mini_1": [1], "mini_2": [2]})
    options: dict[str, Any] = {"instrument": "mini", "folder": tmp_path}
    scored = score_items(table, **options, higher_is="better")
    assert (scored.scores["total"][0], scored.audit[0].higher_is) == (3, "better")
    with pytest.raises(InstrumentError, match="depends on the version"):
        score_items(table, **options)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (
            gad7(GAD).drop(columns=["gad7_3", "gad7_5"]),
            {},
            r"^gad7 has 7 items; the table has no column for item 3, 5 \(looked for 'gad7_3' and "
            r"the like\)\. It has: gad7_1, .* or a list of columns\.$",
        ),
        (
            gad7(GAD, GAD7_02=1),
            {},
            r"^item 2 of gad7 stands in several columns: 'gad7_2', 'GAD7_02'\. Remove or rename",
        ),
        (gad7(GAD), {"columns": "gad7"}, r"^'gad7' is no pattern of items: write \{item\} in it"),
        (
            gad7(GAD),
            {"columns": ["gad7_1", "gad7_1", "gad_2"]},
            r"^3 faults:\n  1\. 3 columns are listed; gad7 has 7 items\..*\n"
            r"  2\. column 'gad7_1' is listed for 2 items\.\n"
            r"  3\. the table has no column 'gad_2'\. Did you mean 'gad7_2'\?$",
        ),
        (
            gad7([SECRET, *GAD[1:]], GAD, [2.5, *GAD[1:]]),
            {},
            r"^column 'gad7_1': 2 values \(rows P1, P3\) are none of 0 to 3 in whole numbers\. "
            r"Correct what is wrong, or leave it empty\.$",
        ),
        (
            gad7([f"x{SECRET}", *GAD[1:]], [None, *GAD[1:]]),
            {},
            r"^column 'gad7_1': 1 value \(row P1\) is not numeric\. Correct what is wrong, ",
        ),
        (
            gad7(GAD),
            {"instrument": "sidas", "prorate": "half"},
            r"^sidas is never prorated: .* Pass prorate='none'\.$",
        ),
        (
            gad7(GAD),
            {"prorate": "75%"},
            r"^prorate '75%' is no known rule\. Known: none, 80%, half",
        ),
        (
            gad7(GAD),
            {"higher_is": "worse"},
            r"^the key of gad7 says what higher means\. Leave out higher_is\.$",
        ),
        (gad7(GAD), {"instrument": "gad"}, r"^instrument: 'gad' is no known instrument\. .*'gad7'"),
        (gad7(GAD), {"instrument": "dflex24"}, r"^dflex24 is not scored from items: .* verified"),
        (
            gad7(GAD),
            {"instrument": "ders36", "language": "IT"},
            r"^the version 'IT' of ders36 is scored in another way",
        ),
    ],
)
def test_what_cannot_be_scored_is_told_without_an_answer(
    table: pd.DataFrame, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InstrumentError, match=message) as caught:
        score_items(table, **({"instrument": "gad7"} | options))
    assert "9137" not in str(caught.value)


def answers_of(key_name: str, n_items: int, *rows: list[int]) -> pd.DataFrame:
    """Return a table of any questionnaire's items, a patient a row."""
    columns = [f"{key_name}_{item}" for item in range(1, n_items + 1)]
    return pd.DataFrame(list(rows), columns=columns, index=range(2, len(rows) + 2))


def refusal(table: pd.DataFrame, instrument: str) -> str:
    """Return the message with which answers are refused."""
    with pytest.raises(InstrumentError) as caught:
        score_items(table, instrument=instrument)
    return str(caught.value)


def test_wrong_answers_of_many_items_are_one_message() -> None:
    message = refusal(answers_of("gad7", 7, [0, 4, 7, 1, 1, 1, 1], [0, 5, 1, 1, 1, 1, 1]), "gad7")
    assert message == (
        "gad7: 3 values in 2 of 7 items are none of 0 to 3 in whole numbers: 'gad7_2' (rows 2, 3), "
        "'gad7_3' (row 2). Correct what is wrong, or leave it empty."
    )


def test_items_with_other_maxima_have_their_own_ranges_in_the_message() -> None:
    message = refusal(answers_of("hamd17", 17, [5, 5, 5, 3, *[0] * 13]), "hamd17")
    assert "none of 0 to 4 in whole numbers (item 1, 2, 3); 0 to 2 in whole numbers (item 4)" in (
        message
    )


@pytest.mark.parametrize(
    ("instrument", "n_items", "row", "hint"),
    [
        (
            "gad7",
            7,
            [1, 2, 3, 4, 4, 1, 2],
            "coded from 1, where the key counts from 0? Then take 1",
        ),
        ("pas13", 13, [0, 1, 2, 3, 4, *[2] * 8], "coded from 0, where the key counts from 1? Then"),
    ],
)
def test_answers_that_fit_one_step_away_bring_a_question(
    instrument: str, n_items: int, row: list[int], hint: str
) -> None:
    assert hint in refusal(answers_of(instrument, n_items, row, row), instrument)
    broken = [9, *row[1:]]
    assert "shifted" not in refusal(answers_of(instrument, n_items, row, broken), instrument)


SIDAS: list[list[Any]] = [
    [0, 0, 10, 10, 10],
    [0, None, None, None, None],
    [0, 10, 0, 0, 0],
    [0, 5, 0, 0, 0],
]


def sidas(*rows: list[Any]) -> pd.DataFrame:
    """Return a table of the SIDAS, a patient a row."""
    columns = [f"sidas_{item}" for item in range(1, 6)]
    return pd.DataFrame(list(rows), columns=columns, index=[f"P{n + 1}" for n in range(len(rows))])


def test_answers_behind_a_closed_gate_contradict_the_rule_and_were_not_skipped() -> None:
    scored = score_items(sidas(*SIDAS, [3, 7, 3, 8, 2]), instrument="sidas")
    (audit,) = scored.audit
    # Full control (10, which counts 0) and an item 2 left at 0 are what an unasked one may hold.
    assert audit.contradicting == ("P1", "P4")
    assert audit.skipped == ("P2",)
    assert scored.scores["total"].tolist() == [0, 0, 0, 0, 19]
    assert scored.states["3"].tolist() == [
        "contradicting", "skipped", "answered", "answered", "answered"
    ]  # fmt: skip


def test_an_answer_that_counts_nevertheless_contradicts_the_rule_too() -> None:
    """On the self-report of the SSI what was answered behind the gate counts."""
    row = [1, 1, 1, 0, 0, 2, *[0] * 13]
    scored = score_items(answers_of("ssi", 19, row, [*row[:5], *[0] * 14]), instrument="ssi")
    assert scored.audit[0].contradicting == ("2",)
    assert scored.scores["total"].tolist() == [5, 3]


def test_a_key_without_skip_rules_contradicts_nobody() -> None:
    assert score_items(gad7(GAD), instrument="gad7").audit[0].contradicting == ()


@pytest.mark.parametrize(("language", "n_notes"), [("fr", 1), ("en", 0), ("EN", 0), (None, 0)])
def test_a_version_that_was_not_verified_is_noted(language: str | None, n_notes: int) -> None:
    notes = score_items(gad7(GAD), instrument="gad7", language=language).notes
    assert len(notes) == n_notes
    assert all("'fr' is scored in the same way was not verified" in note for note in notes)


def test_a_column_that_stands_twice_is_an_item_twice() -> None:
    table = gad7(GAD)
    table.columns = pd.Index(["gad7_1", "gad7_1", *table.columns[2:]])
    with pytest.raises(InstrumentError, match=r"item 1 of gad7 stands in several columns"):
        score_items(table, instrument="gad7")


def test_columns_beyond_the_form_are_let_be() -> None:
    """The self-report of the SSI has two more items, which are no part of its total."""
    table = pd.DataFrame(np.ones((1, 21)), columns=[f"ssi_{item}" for item in range(1, 22)])
    assert score_items(table, instrument="ssi").scores["total"][0] == 19
