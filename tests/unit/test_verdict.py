"""The verdict: three questions, and what stands before them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.inference.associations import Associated
from heldout.inference.cells import Cell
from heldout.inference.differences import Difference
from heldout.inference.permutation import PermutationTest
from heldout.inference.verdict import Asked, Objection, Verdict, derive_verdict, render_verdict
from heldout.metrics.intervals import score_interval
from tests.cells import cell_changed, cell_with


def verdict_of(
    headlines: Sequence[Cell],
    primary: Cell | None = None,
    test: PermutationTest | None = None,
    associated: Sequence[Associated] = (),
    **more: Any,
) -> Verdict:
    """Return the verdict on headlines."""
    asked = Asked(headline=headlines, primary=primary, test=test, associated=associated, **more)
    return derive_verdict(asked)


def headline(auc: float, *, n: int = 36, events: int = 14, follow_up: str = "week8") -> Cell:
    """Return an evaluated headline."""
    low, high = score_interval(auc, events, n - events)
    return cell_with(
        outcome="sustained_response",
        follow_up=follow_up,
        model="headline",
        n=n,
        events=events,
        status="evaluated",
        auc=auc,
        auc_low=low,
        auc_high=high,
    )


DECLINED = cell_with(
    outcome="remission",
    follow_up="week8",
    model="headline",
    n=36,
    events=1,
    status="declined",
    reason="Remission at week8 was not evaluated: 1 event cannot fill 5 folds.",
)


def test_an_interval_that_holds_chance_is_no_evidence() -> None:
    verdict = verdict_of([headline(0.7)], None)
    assert verdict.level == "no_evidence"
    assert verdict.sentences[0] == (
        "No evidence that baseline predicts sustained response at week8: the AUC for patients "
        "held out is .70 (95 % interval .43 to .87; chance is .50)."
    )


def test_an_interval_above_chance_is_a_hint_as_long_as_nothing_was_permuted() -> None:
    verdict = verdict_of([headline(0.85)], None)
    assert verdict.level == "untested"
    assert "a hint and not yet evidence" in verdict.sentences[0]


def test_an_interval_that_begins_at_chance_is_not_above_it() -> None:
    assert verdict_of([cell_changed(headline(0.8), auc_low=0.5)], None).level == "no_evidence"


def test_no_evidence_names_the_primary_follow_up() -> None:
    primary = headline(0.4)
    verdict = verdict_of([headline(0.7, follow_up="week4"), primary], primary)
    assert "at week8" in verdict.sentences[0]
    assert "all 2 headlines" in verdict.sentences[0]


def test_a_follow_up_found_afterwards_does_not_overrule_the_primary_one() -> None:
    """What was named beforehand decides; the rest is told, with what it is worth."""
    primary, found = headline(0.45), headline(0.9, follow_up="week4")
    verdict = verdict_of([found, primary], primary)
    assert verdict.level == "no_evidence"
    assert "at week8" in verdict.sentences[0]
    assert verdict.sentences[1].startswith("Beyond the primary follow-up")
    assert "week4" in verdict.sentences[1]
    assert "chosen among 2 after looking, uncorrected" in verdict.sentences[1]


def test_an_interval_below_chance_is_not_said_to_hold_chance() -> None:
    verdict = verdict_of([headline(0.1, follow_up="week4"), headline(0.45)], None)
    assert "chance lies inside the interval of all" not in verdict.sentences[0]
    assert "no interval lies above it in 2 headlines" in verdict.sentences[0]


def test_the_verdict_repeats_why_an_outcome_was_declined() -> None:
    assert verdict_of([headline(0.7), DECLINED], None).sentences[-1] == DECLINED.reason


def test_a_declined_outcome_is_not_counted_among_the_headlines() -> None:
    assert "headlines" not in verdict_of([headline(0.7), DECLINED], None).sentences[0]


def test_the_verdict_keeps_the_numbers_of_the_cell_that_decides() -> None:
    cell = headline(0.7)
    numbers = verdict_of([cell], None).numbers
    assert numbers["auc"] == 0.7
    assert (numbers["auc_low"], numbers["auc_high"]) == (cell.auc_low, cell.auc_high)
    assert (numbers["n"], numbers["events"]) == (36, 14)


def test_an_auc_of_zero_is_printed_as_zero() -> None:
    numbers = verdict_of([headline(0.0)], None).numbers
    assert numbers["auc_high"] == score_interval(0.0, 14, 22)[1]


def test_the_verdict_is_rendered_as_its_sentences() -> None:
    verdict = verdict_of([headline(0.7)], None)
    assert render_verdict(verdict) == " ".join(verdict.sentences)


def number(r2: float, *, reach: float = 0.2, follow_up: str = "week8") -> Cell:
    """Return an evaluated headline of a number."""
    return cell_with(
        outcome="madrs_score",
        follow_up=follow_up,
        model="headline",
        n=36,
        events=0,
        kind="number",
        status="evaluated",
        r2=r2,
        r2_low=r2 - reach,
        r2_high=r2 + reach,
        mae=7.31,
        mae_mean=7.42,
    )


def test_a_number_that_is_not_explained_is_no_evidence() -> None:
    verdict = verdict_of([number(-0.04, reach=0.26)], None)
    assert verdict.level == "no_evidence"
    assert verdict.sentences == (
        "No evidence that baseline predicts madrs score at week8: out of fold, the model explains "
        "\N{MINUS SIGN}4 % of the variance (95 % interval \N{MINUS SIGN}30 % to 22 %; chance "
        "is 0 %).",
        "The mean absolute error for the 36 patients held out is 7.31; predicting the mean of the "
        "others gives 7.42.",
    )


def test_an_interval_above_zero_is_a_hint() -> None:
    verdict = verdict_of([number(0.35)], None)
    assert verdict.level == "untested"
    assert (
        "madrs score at week8: 35 % of the variance explained (15 % to 55 %)"
        in (verdict.sentences[0])
    )


def test_an_interval_that_begins_at_zero_is_not_above_it() -> None:
    assert verdict_of([number(0.2, reach=0.2)], None).level == "no_evidence"


def test_a_number_does_not_overrule_a_primary_class() -> None:
    primary = headline(0.45)
    verdict = verdict_of([number(0.5, follow_up="week4"), primary], primary)
    assert verdict.level == "no_evidence"
    assert "sustained response at week8" in verdict.sentences[0]
    assert "madrs score at week4: 50 % of the variance" in verdict.sentences[1]


def test_a_primary_number_decides_among_classes() -> None:
    primary = number(0.5)
    verdict = verdict_of([headline(0.45), primary], primary)
    assert verdict.level == "untested"
    assert verdict.numbers["r2"] == 0.5


def test_a_number_worse_than_the_mean_is_not_said_to_hold_chance() -> None:
    verdict = verdict_of([headline(0.45), number(-0.5)], None)
    assert "no interval lies above it in 2 headlines" in verdict.sentences[0]


def test_without_a_test_an_interval_is_compared_with_what_arithmetic_gives() -> None:
    cell = replace(headline(0.8), arithmetic=0.6)
    assert cell.auc_low is not None
    assert 0.5 < cell.auc_low < 0.6
    verdict = verdict_of([cell], cell)
    assert verdict.level == "no_evidence"
    assert "arithmetic with the baseline score alone gives .60)" in verdict.sentences[0]
    assert verdict_of([replace(cell, arithmetic=0.5)], None).level == "untested"


TEST = PermutationTest(
    permutations=499,
    asked=999,
    stopped=True,
    enumerated=False,
    redrawn=2,
    repeats=5,
    best_mean=0.763,
    best_high=0.911,
)


def with_p(cell: Cell, p: float, adjusted: float, **changes: Any) -> Cell:
    """Return a cell after a permutation test."""
    return replace(cell, p=p, p_adjusted=adjusted, chance=0.51, **changes)


def goes_with(cell: Cell, p: float, adjusted: float, **changes: Any) -> Associated:
    """Return what goes with a cell's outcome."""
    values = {"score_global": 1.2, "score_strongest": 0.5}
    associated = Associated(
        outcome=cell.outcome,
        follow_up=cell.follow_up,
        n=cell.n,
        beyond_severity=True,
        values=values,
        p_values=dict.fromkeys(values, p),
        adjusted=dict.fromkeys(values, adjusted),
        p=p,
        p_adjusted=adjusted,
        strongest="psychache",
        correlation=0.5,
    )
    return replace(associated, **changes)


def test_three_answers_stand_in_their_order() -> None:
    primary = with_p(headline(0.8), 0.004, 0.31, critical=0.684, factor=1.7)
    verdict = verdict_of(
        [primary],
        primary,
        TEST,
        [goes_with(primary, 0.002, 0.2)],
        labels={"psychache": "Psychache"},
    )
    assert (verdict.level, verdict.anything, verdict.predicted) == ("evidence",) * 3
    assert verdict.sentences == (
        "Is there anything? Evidence: something at baseline, beyond severity, goes with sustained "
        "response at week8 (p = .002; strongest: Psychache, with a higher score at week8).",
        "Can it be predicted? Evidence: the AUC for patients held out is .80 (95 % interval .52 to "
        ".93; chance is .51), p = .004, adjusted .31.",
        "Associations, each by itself: of the score behind sustained response, baseline severity "
        "taken out, p = .002 for all features together and .002 for the strongest one.",
        "With 36 patients and 14 events, the test asked for an AUC above .68; had the true AUC "
        "been .80, about 88 of 100 such studies would have found it.",
        "The test made 499 permutations (tuning and the choice of a model inside; of 999 asked "
        "for, those left could not change what is decided). In them the best AUC of all models and "
        "follow-ups was .76 on average, and .91 or more in 1 of 20.",
    )
    assert verdict.paragraphs == (verdict.sentences[:2], verdict.sentences[2:])
    assert verdict.numbers["critical"] == 0.684
    assert verdict.numbers["found_at_80"] == pytest.approx(0.88, abs=0.005)


def test_something_may_be_there_that_cannot_be_predicted() -> None:
    primary = with_p(headline(0.6), 0.2, 0.5)
    verdict = verdict_of([primary], primary, TEST, [goes_with(primary, 0.03, 0.2)])
    assert (verdict.level, verdict.anything, verdict.predicted) == (
        "evidence",
        "evidence",
        "no_evidence",
    )
    # Near .05, the error of counting so many permutations stands beside the p.
    assert "(p = .030 ± .008; strongest: psychache" in verdict.sentences[0]
    assert verdict.sentences[1].startswith("Can it be predicted? No evidence: the AUC")


def test_a_prediction_counts_only_after_something_is_there() -> None:
    """Two tests at .05 would be more than .05; the second waits for the first."""
    primary = with_p(headline(0.8), 0.04, 0.2)
    verdict = verdict_of([primary], primary, TEST, [goes_with(primary, 0.06, 0.2)])
    assert (verdict.level, verdict.predicted) == ("no_evidence", "no_evidence")
    assert verdict.sentences[2] == (
        "That p does not count, because the first question was not answered yes."
    )


def test_an_interval_above_chance_is_no_evidence_if_the_test_found_none() -> None:
    primary = with_p(headline(0.85), 0.051, 0.2)
    verdict = verdict_of([primary], primary, TEST, [goes_with(primary, 0.2, 0.4)])
    assert verdict.level == "no_evidence"
    assert verdict.sentences[0] == (
        "Is there anything? No evidence that anything at baseline, beyond severity, goes with "
        "sustained response at week8 (p = .20)."
    )
    assert "hint" not in render_verdict(verdict)


def test_without_a_primary_headline_adjusted_ps_decide() -> None:
    cell = with_p(headline(0.8), 0.001, 0.051)
    verdict = verdict_of([cell], None, TEST, [goes_with(cell, 0.001, 0.051)])
    assert verdict.level == "no_evidence"
    assert "(adjusted p = .051 ± .010)" in verdict.sentences[0]
    cell = with_p(headline(0.8), 0.001, 0.05)
    verdict = verdict_of([cell], None, TEST, [goes_with(cell, 0.001, 0.05)])
    assert (verdict.level, verdict.predicted) == ("evidence", "evidence")


def test_what_is_there_beside_the_primary_one_is_named_with_its_adjusted_p() -> None:
    primary = with_p(headline(0.9), 0.04, 0.2)
    other = with_p(headline(0.9, follow_up="week4"), 0.001, 0.02)
    asked = [goes_with(primary, 0.04, 0.2), goes_with(other, 0.001, 0.012)]
    verdict = verdict_of([primary, other], primary, TEST, asked)
    assert verdict.sentences[1] == (
        "Adjusted for all that was asked, also sustained response at week4 (adjusted p = .012 ± "
        ".005)."
    )
    assert "Adjusted for all that was asked, also sustained response at week4: the AUC" in (
        render_verdict(verdict)
    )
    assert "hint" not in render_verdict(verdict)


def test_what_is_there_although_the_primary_was_not_found_is_a_hint() -> None:
    """Two chances at .05 are more than .05: in noise too, one of them would come true."""
    primary = with_p(headline(0.5), 0.051, 1.0)
    other = with_p(headline(0.9, follow_up="week4"), 0.001, 0.02)
    asked = [goes_with(primary, 0.3, 0.9), goes_with(other, 0.001, 0.012)]
    verdict = verdict_of([primary, other], primary, TEST, asked)
    assert verdict.level == "no_evidence"
    assert verdict.sentences[1].endswith("which is a hint for another study.")
    assert "A hint for another study." in verdict.sentences[3]


def test_a_finding_that_contradicts_a_claim_stands_first_and_holds_the_word_back() -> None:
    primary = with_p(headline(0.97), 0.001, 0.001)
    asked, copies = [goes_with(primary, 0.001, 0.001)], Objection(code="HO017", text="Copies.")
    verdict = verdict_of([primary], primary, TEST, asked, objections=[copies])
    assert (verdict.level, verdict.anything, verdict.predicted) == ("withheld",) * 3
    assert verdict.sentences[0] == "HO017 stands against every claim below: Copies."
    assert verdict.withholds
    assert verdict.sentences[2].startswith("Is there anything? Held back: something at baseline")
    assert verdict.sentences[3].startswith("Can it be predicted? Held back: the AUC")
    muted = replace(copies, muted="Twins were asked.")
    verdict = verdict_of([primary], primary, TEST, asked, objections=[muted])
    assert verdict.level == "evidence"
    assert verdict.sentences[0] == "HO017 was muted (Twins were asked): Copies."
    assert not verdict.withholds


def test_a_finding_that_only_qualifies_the_figures_stands_first_and_holds_nothing_back() -> None:
    primary = with_p(headline(0.97), 0.001, 0.001)
    asked = [goes_with(primary, 0.001, 0.001)]
    sites = Objection(code="HO027", text="The outcome differs between sites.", holds_back=False)
    verdict = verdict_of([primary], primary, TEST, asked, objections=[sites])
    assert verdict.sentences[0] == (
        "HO027 comes before every figure below: The outcome differs between sites."
    )
    assert verdict.first > 1
    assert (verdict.level, verdict.withholds) == ("evidence", False)
    copies = Objection(code="HO017", text="Copies.")
    verdict = verdict_of([primary], primary, TEST, asked, objections=[sites, copies])
    assert (verdict.level, verdict.withholds) == ("withheld", True)


def test_a_finding_does_not_turn_nothing_into_something() -> None:
    primary = with_p(headline(0.5), 0.5, 0.9)
    copies = Objection(code="HO017", text="Copies.")
    asked = [goes_with(primary, 0.5, 0.9)]
    verdict = verdict_of([primary], primary, TEST, asked, objections=[copies])
    assert verdict.level == "no_evidence"
    assert "held back" not in render_verdict(verdict)


def test_a_test_of_too_few_permutations_to_find_anything_is_none() -> None:
    few = replace(TEST, permutations=5, stopped=False, best_mean=None, best_high=None)
    cell = with_p(headline(0.98), 0.17, 0.33)
    asked = [goes_with(cell, 0.17, 0.33)]
    verdict = verdict_of([cell], cell, few, asked)
    assert verdict.level == "untested"
    assert verdict.sentences[0].startswith("Not tested whether baseline predicts sustained")
    assert verdict.sentences[0].endswith("With 5 permutations no p is below .17.")
    assert "o evidence" not in render_verdict(verdict)
    for enough in (replace(few, permutations=19), replace(few, permutations=11, stopped=True)):
        assert verdict_of([cell], cell, enough, asked).level == "no_evidence"


def test_a_record_that_did_not_ask_the_first_question_is_read_by_its_headline() -> None:
    for primary in (with_p(headline(0.9), 0.01, 0.2), None):
        cell = primary or with_p(headline(0.9), 0.001, 0.01)
        assert verdict_of([cell], primary, TEST).level == "evidence"
    for primary in (headline(0.9), None):
        assert verdict_of([headline(0.9)], primary, TEST).level == "no_evidence"


def test_chance_is_the_mean_over_permutations() -> None:
    cell = with_p(headline(0.7), 0.2, 0.4, arithmetic=0.636)
    verdict = verdict_of([cell], None, TEST, [goes_with(cell, 0.2, 0.4)])
    assert "chance is .51), p = .20" in verdict.sentences[1]
    assert "arithmetic" not in render_verdict(verdict)


def test_the_verdict_says_who_could_not_move_and_that_all_permutations_were_made() -> None:
    cell = with_p(headline(0.7), 0.2, 0.4)
    numbers = replace(TEST, best_mean=None, best_high=None, stopped=False, unmoved=2)
    assert verdict_of([cell], None, numbers, [goes_with(cell, 0.2, 0.4)]).sentences[-1] == (
        "The test made 499 permutations (tuning and the choice of a model inside). 2 patients "
        "could change places with nobody."
    )


def test_the_numbers_of_a_tested_verdict_hold_its_p() -> None:
    cell = with_p(headline(0.7), 0.2, 0.4)
    verdict = verdict_of([cell, DECLINED], None, TEST, [goes_with(cell, 0.2, 0.4)])
    assert (verdict.numbers["p"], verdict.numbers["p_adjusted"]) == (0.2, 0.4)
    assert verdict.sentences[-1] == DECLINED.reason


@given(
    p=st.floats(0.001, 1),
    associated=st.floats(0.001, 1),
    auc=st.floats(0.3, 0.95),
    named=st.booleans(),
    objected=st.booleans(),
)
def test_no_verdict_contradicts_itself(
    p: float, associated: float, auc: float, named: bool, objected: bool
) -> None:
    cell = with_p(headline(auc), p, min(1.0, 2 * p))
    asked = [goes_with(cell, associated, min(1.0, 2 * associated))]
    objections = [Objection(code="HO008", text="A leak.")] if objected else []
    verdict = verdict_of([cell], cell if named else None, TEST, asked, objections=objections)
    # Nothing is predicted where nothing is there, and nothing is said of a p that is not decided.
    if verdict.predicted == "evidence":
        assert verdict.anything == "evidence"
    assert "cannot be told from chance" not in render_verdict(verdict)
    assert (verdict.sentences[0].startswith("HO008")) is objected
    if verdict.withholds:
        assert "Evidence:" not in render_verdict(verdict)
        assert "evidence" not in (verdict.level, verdict.anything, verdict.predicted) or (
            verdict.level == "no_evidence"
        )


def beside_severity(cell: Cell, difference: float, low: float, high: float) -> Difference:
    """Return what a headline reaches beyond severity."""
    word = "adds" if low > 0 else "worse" if high < 0 else "adds nothing that can be seen"
    return Difference(
        outcome=cell.outcome,
        follow_up=cell.follow_up,
        reference="severity",
        difference=difference,
        low=low,
        high=high,
        p_worse=0.1,
        p_equivalent=0.3,
        p_better=0.6,
        word=word,
    )


@pytest.mark.parametrize(
    ("difference", "low", "high", "words"),
    [
        (0.05, -0.05, 0.15, "Adds nothing that can be seen to baseline severity alone (.75): a "
         "difference of .05 (95 % interval \N{MINUS SIGN}.05 to .15). Most of it is severity."),
        (0.25, 0.1, 0.4, "Adds to baseline severity alone (.55): a difference of .25 (95 % "
         "interval .10 to .40)."),
        (-0.1, -0.2, -0.05, "Worse than baseline severity alone (.90): a difference of "
         "\N{MINUS SIGN}.10 (95 % interval \N{MINUS SIGN}.20 to \N{MINUS SIGN}.05). Most of it is "
         "severity."),
    ],
)  # fmt: skip
def test_the_third_answer_sets_severity_beside_the_headline(
    difference: float, low: float, high: float, words: str
) -> None:
    cell = with_p(headline(0.8), 0.001, 0.001)
    beside = beside_severity(cell, difference, low, high)
    verdict = verdict_of([cell], cell, TEST, [goes_with(cell, 0.001, 0.001)], differences=[beside])
    assert verdict.sentences[2] == f"Does it add to severity? {words}"
    assert verdict.adds == beside.word
    # Where nothing is there, nothing of it is severity.
    nothing = with_p(headline(0.8), 0.5, 0.5)
    verdict = verdict_of(
        [nothing], nothing, TEST, [goes_with(nothing, 0.5, 0.5)], differences=[beside]
    )
    assert "Most of it" not in render_verdict(verdict)
