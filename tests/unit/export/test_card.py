"""What a card says of its inputs and of the versions behind its figures."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from heldout.export.card import input_row, refit_words, render_card
from heldout.features.columns import FeatureColumn
from heldout.inference.cells import Cell
from heldout.inference.permutation import PermutationTest
from heldout.inference.verdict import Verdict
from heldout.record import OutcomeFacts
from tests.cells import cell_changed, cell_with

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


TEST = PermutationTest(
    permutations=57, asked=999, stopped=True, enumerated=False, redrawn=0, repeats=1
)
HEADLINE = cell_with(
    outcome="response",
    follow_up="d28",
    model="headline",
    n=30,
    events=14,
    status="evaluated",
    auc=0.71,
    auc_low=0.5,
    auc_high=0.86,
    brier=0.2,
    brier_skill=0.1,
)
NUMBER = cell_with(
    outcome="change",
    follow_up="d28",
    model="headline",
    n=30,
    events=0,
    kind="number",
    status="evaluated",
    r2=0.1,
    r2_low=-0.1,
    r2_high=0.3,
    mae=7.0,
    mae_mean=7.4,
    spearman=0.35,
)


def a_card(headline: Cell, test: PermutationTest | None, *, primary: bool = True) -> str:
    """Return the card of a model that is as good as its headline, but for its p."""
    outcome = OutcomeFacts(
        name=headline.outcome,
        follow_up=headline.follow_up,
        label="Response",
        primary=primary,
        n=headline.n,
        events=headline.events,
        no_baseline=0,
        no_follow_up=6,
        from_baseline=headline.arithmetic is not None,
        status="evaluated",
        reason=None,
        kind=headline.kind,
    )
    record: Any = SimpleNamespace(
        experiment={"question": "Who responds?", "cohort": {"title": "A cohort"}},
        environment=TODAY,
        n_patients=36,
        flow=(),
        permutation=test,
        associated=(),
        differences=(),
        frozen=None,
        verdict=Verdict(level="untested", sentences=()),
        features=(),
        interval="score",
        run_id="0123456789ab",
        fingerprint="f" * 64,
        data_fingerprint="d" * 64,
    )
    tuning = SimpleNamespace(best=SimpleNamespace(candidate={"C": 1.0}))
    fitted: Any = SimpleNamespace(search=tuning, model=SimpleNamespace(label="Ridge"), sigmoid=None)
    matrix: Any = SimpleNamespace(columns=(), features=())
    tested: dict[str, Any] = {"p": 0.3, "p_adjusted": 0.7} if test is not None else {}
    cells = {"headline": headline, "model": replace(headline, model="ridge", **tested)}
    return render_card(record, fitted, matrix, outcome, cells, today=TODAY)


def test_a_card_names_p_and_adjusted_p_of_headline_and_model() -> None:
    card = a_card(replace(HEADLINE, p=0.04, p_adjusted=0.21), TEST)
    lines = card.splitlines()
    start = lines.index("## How well it does") + 2
    assert lines[start : start + 4] == [
        "| held-out estimate | AUC | 95 % interval (score) | Brier score | Brier skill | p | "
        "p, adjusted |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| the procedure that chose it | .71 | .50 to .86 | .200 | .10 | .040 | .21 |",
        "| this kind of model alone | .71 | .50 to .86 | .200 | .10 | .30 | .70 |",
    ]
    assert "p is of 57 permutations of the whole study" in card


def test_a_card_of_a_number_names_them_too() -> None:
    card = a_card(replace(NUMBER, p=0.04, p_adjusted=0.21, arithmetic=0.25), TEST)
    lines = card.splitlines()
    start = lines.index("## How well it does") + 2
    assert lines[start : start + 3 : 2] == [
        "| held-out estimate | R² | 95 % interval | Mean absolute error | of the mean alone | "
        "Spearman | p | p, adjusted |",
        "| the procedure that chose it | .10 | \N{MINUS SIGN}.10 to .30 | 7.00 | 7.40 | .35 | "
        ".040 | .21 |",
    ]
    assert "arithmetic alone explains 25 %, and chance lies there" in card


def test_a_card_names_the_calibration_that_is_known() -> None:
    card = a_card(cell_changed(HEADLINE, calibration_slope=0.84, ici=0.0412), None)
    head = "| Brier score | Brier skill | Calibration slope | Calibration index (ICI) |\n"
    assert head in card
    assert "| .200 | .10 | .84 | .041 |\n" in card


def test_a_card_names_what_arithmetic_alone_gives() -> None:
    card = a_card(replace(HEADLINE, arithmetic=0.636), None)
    assert "arithmetic alone gives .64, and chance lies there" in card
    assert "rithmetic" not in a_card(HEADLINE, None)


def test_a_card_of_a_tested_study_does_not_say_that_no_test_was_made() -> None:
    above = cell_changed(HEADLINE, auc_low=0.6)
    assert "No permutation test" in a_card(above, None)
    assert "No permutation test" not in a_card(replace(above, p=0.04, p_adjusted=0.21), TEST)


@pytest.mark.parametrize(("primary", "words"), [(True, "Evidence"), (False, "No evidence")])
def test_only_a_primary_outcome_stands_on_its_own_p(primary: bool, words: str) -> None:
    headline = replace(HEADLINE, p=0.04, p_adjusted=0.21)
    card = a_card(headline, TEST, primary=primary)
    assert card.splitlines()[2].startswith(f"Can it be predicted? {words}: ")
    assert ("its own p counts" in card) is primary


def test_a_card_without_a_test_has_no_p() -> None:
    card = a_card(HEADLINE, None)
    assert "| Brier skill |\n| --- | --- | --- | --- | --- |\n" in card
    assert " p " not in card
