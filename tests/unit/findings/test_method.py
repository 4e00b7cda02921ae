"""Numbered findings: each can be made to speak and to pass."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from heldout.findings.catalogue import CATALOGUE, is_of_method, run_checks
from heldout.inference.permutation import PermutationTest
from heldout.record import Finding, OutcomeFacts, RunRecord
from heldout.study.notebook import evaluate
from tests.cells import cell_changed
from tests.tables import FEATURES, OUTCOMES, a_table

METHOD_CODES = set(filter(is_of_method, CATALOGUE))
Change = Callable[[RunRecord], RunRecord]


@pytest.fixture(scope="module")
def record() -> RunRecord:
    """Return the record of a small study."""
    return evaluate(
        a_table(),
        outcomes=OUTCOMES,
        features=FEATURES,
        seed=1,
        models=["prevalence", "ridge"],
        repeats=1,
        trials=1,
        permutations=0,
    )


def with_outcomes(**changes: object) -> Change:
    """Return a change of every outcome's facts."""

    def change(record: RunRecord) -> RunRecord:
        outcomes: tuple[OutcomeFacts, ...] = tuple(
            replace(one, **changes)  # type: ignore[arg-type]
            for one in record.outcomes
        )
        return replace(record, outcomes=outcomes)

    return change


def with_patients(n_patients: int, n_features: int = 4, **changes: object) -> Change:
    """Return a change of the size of a study, and of every outcome's facts."""

    def change(record: RunRecord) -> RunRecord:
        sized = replace(record, n_patients=n_patients, features=(record.features[0],) * n_features)
        return with_outcomes(**changes)(sized)

    return change


def with_headline(**changes: object) -> Change:
    """Return a change of the first headline."""

    def change(record: RunRecord) -> RunRecord:
        first, *rest = record.headline
        changed = cell_changed(first, **changes)
        return replace(record, headline=(changed, *rest))

    return change


def with_test(**changes: object) -> Change:
    """Return a change to a study with a permutation test that stopped early."""
    made: dict[str, Any] = {
        "permutations": 57,
        "asked": 999,
        "stopped": True,
        "enumerated": False,
        "redrawn": 3,
        "repeats": 1,
        "best_mean": 0.71,
        "best_high": 0.84,
    }
    test = PermutationTest(**(made | changes))
    return lambda record: replace(record, permutation=test)


def with_arithmetic(record: RunRecord) -> RunRecord:
    """Let the first outcome be computed from baseline, and arithmetic alone give .64 there."""
    first, second = record.headline
    outcomes = (replace(record.outcomes[0], from_baseline=True), record.outcomes[1])
    return replace(record, headline=(replace(first, arithmetic=0.636), second), outcomes=outcomes)


def with_convergence(converged: bool) -> Change:
    """Return a change of all final fits of ridge."""

    def change(record: RunRecord) -> RunRecord:
        choices = record.choices.assign(converged=True)
        choices.loc[choices["model"] == "ridge", "converged"] = converged
        return replace(record, choices=choices)

    return change


def with_inclusion(visit: str | None) -> Change:
    """Return a change to a study that includes by a score at a visit."""
    rule = {"label": "MADRS observed", "column": "madrs", "visit": visit, "at_least": 0}
    cohort = {
        "visits": {"w0": {"day": 0}, "w4": {"day": 28}},
        "baseline": "w0",
        "include": [rule],
    }

    def change(record: RunRecord) -> RunRecord:
        return replace(record, experiment={**record.experiment, "cohort": cohort})

    return change


def finding(record: RunRecord, code: str) -> Finding:
    """Return a record's finding of a code."""
    return next(finding for finding in run_checks(record) if finding.code == code)


DECLINED = {"status": "declined", "reason": "Response at week8 was not evaluated: none."}
LARGE = with_outcomes(n=1000, events=400)
SPEAKING: list[tuple[str, Change, str, str]] = [
    (
        "HO001",
        with_patients(36, n_features=20, n=36, events=14),
        "issue",
        "^Response4 at week4: n=36, 14 events, 20 candidate parameters: 0.7 events per parameter. "
        "At an anticipated C of .70 the data support 0.5 parameters; 20 would need 1,456 patients.",
    ),
    ("HO001", with_outcomes(n=40, events=34), "issue", "1.5 non-events per parameter"),
    ("HO001", with_patients(368, n=368, events=147), "issue", "4 would need 369 patients"),
    ("HO002", with_outcomes(n=30), "issue", "response8 at week8 25 %"),
    ("HO002", with_patients(100, n=89), "issue", "response8 at week8 11 %"),
    ("HO003", with_outcomes(from_baseline=True), "tip", "response4 at week4.*by arithmetic alone"),
    (
        "HO003",
        with_arithmetic,
        "tip",
        r"part of: response4 at week4 \(arithmetic gives \.64\)\.",
    ),
    ("HO004", with_outcomes(n=100, events=29), "tip", r"response4 at week4 \(29\)"),
    ("HO005", with_outcomes(**DECLINED), "issue", "Response at week8 was not evaluated: none"),
    ("HO006", with_outcomes(), "tip", "The highest of 4 AUCs is .* A maximum is not an estimate"),
    (
        "HO007",
        with_convergence(False),
        "issue",
        "did not converge: Ridge logistic regression 10 of 10",
    ),
    ("HO008", with_headline(auc=0.95, n=99), "issue", r"response4 at week4 \(\.95\)"),
    (
        "HO006",
        with_test(),
        "tip",
        r"In 57 permutations, .* best AUC .* was \.71 on average, and \.84 or more in 1 of 20\.$",
    ),
    ("HO009", with_outcomes(), "tip", "No permutation test was made"),
    (
        "HO009",
        with_test(permutations=18, asked=18, stopped=False),
        "tip",
        r"^18 permutations were made, as many as asked for\..* no p can be below \.053",
    ),
    ("HO010", with_inclusion("w4"), "issue", "what came after baseline: MADRS observed"),
]
SILENT: list[tuple[str, Change, str]] = [
    ("HO001", LARGE, "passed"),
    ("HO001", with_patients(369, n=369, events=147), "passed"),
    ("HO002", with_outcomes(n=36), "passed"),
    ("HO002", with_patients(100, n=90), "passed"),
    ("HO003", with_outcomes(from_baseline=False), "passed"),
    ("HO004", with_outcomes(n=100, events=30), "passed"),
    ("HO005", with_outcomes(), "passed"),
    ("HO007", with_convergence(True), "passed"),
    ("HO008", with_headline(auc=0.95, n=100), "passed"),
    ("HO008", with_headline(auc=0.94, n=40), "passed"),
    ("HO009", with_test(), "passed"),
    ("HO009", with_test(permutations=19, asked=19, stopped=False), "passed"),
    ("HO009", with_test(permutations=10), "passed"),
    ("HO010", with_inclusion(None), "passed"),
    ("HO010", with_inclusion("w0"), "passed"),
    ("HO010", with_outcomes(), "passed"),
]


@pytest.mark.parametrize(("code", "change", "verdict", "text"), SPEAKING)
def test_a_check_speaks_where_there_is_something_to_say(
    record: RunRecord, code: str, change: Change, verdict: str, text: str
) -> None:
    found = finding(change(record), code)
    assert found.verdict == verdict
    assert re.search(text, found.text)


@pytest.mark.parametrize(("code", "change", "verdict"), SILENT)
def test_a_check_passes_where_there_is_nothing(
    record: RunRecord, code: str, change: Change, verdict: str
) -> None:
    assert finding(change(record), code).verdict == verdict


def test_every_check_is_made_to_speak_above() -> None:
    assert {code for code, *_ in SPEAKING} == METHOD_CODES


def test_every_check_but_one_is_made_to_pass_above() -> None:
    """The highest AUC of a table is never an estimate, so that check has nothing to pass."""
    assert {code for code, *_ in SILENT} == METHOD_CODES - {"HO006"}


def test_every_check_leaves_one_finding_in_the_order_of_its_number(record: RunRecord) -> None:
    """Nothing passes in silence: those of the data come first, as they are made first."""
    codes = [finding.code for finding in record.findings]
    assert sorted(codes) == sorted(CATALOGUE)
    assert codes[-len(METHOD_CODES) :] == sorted(METHOD_CODES)


def test_checking_again_changes_nothing(record: RunRecord) -> None:
    assert run_checks(record) == record.findings[-len(METHOD_CODES) :]


def test_the_best_of_the_table_stands_beside_its_own_headline(record: RunRecord) -> None:
    cells = [cell_changed(cell, auc=0.5) for cell in record.cells]
    cells[3] = cell_changed(cells[3], auc=0.81)
    headline = [
        cell_changed(record.headline[0], auc=0.11),
        cell_changed(record.headline[1], auc=0.72),
    ]
    changed = replace(record, cells=tuple(cells), headline=tuple(headline))
    text = finding(changed, "HO006").text
    assert re.search(r"highest of 4 AUCs is \.81 \(.*response8 at week8\).* reaches \.72", text)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {},
            "57 permutations were made, of 999 asked for; those left could not change what is "
            "decided. 3 draws could not be evaluated and were replaced.",
        ),
        (
            {"permutations": 999, "stopped": False, "redrawn": 0},
            "999 permutations were made, as many as asked for.",
        ),
        (
            {"stopped": False, "enumerated": True, "redrawn": 0},
            "57 permutations were made, all there are that can be evaluated.",
        ),
    ],
)
def test_a_permutation_test_is_said_as_it_was_made(
    record: RunRecord, changes: dict[str, Any], text: str
) -> None:
    assert finding(with_test(**changes)(record), "HO009").text == text


def test_arithmetic_of_a_number_is_a_share_of_its_variance(record: RunRecord) -> None:
    text = finding(as_number(with_arithmetic(record)), "HO003").text
    assert "response4 at week4 (arithmetic explains 64 %)" in text


def test_noise_of_numbers_alone_has_no_best_auc(record: RunRecord) -> None:
    changed = with_test(best_mean=None, best_high=None)(as_number(record))
    assert "permutations" not in finding(changed, "HO006").text


def as_number(record: RunRecord) -> RunRecord:
    """Return the record as if a number had been predicted, with 96 % of its variance explained."""
    changes: dict[str, Any] = {"kind": "number", "auc": None, "events": 0, "r2": 0.96}
    return replace(
        record,
        outcomes=tuple(replace(one, kind="number", events=0, n=30) for one in record.outcomes),
        cells=tuple(cell_changed(cell, **changes) for cell in record.cells),
        headline=tuple(cell_changed(cell, **changes) for cell in record.headline),
    )


@pytest.mark.parametrize(
    ("code", "verdict", "text"),
    [
        ("HO001", "issue", "n=30, 4 candidate parameters: 7.5 patients per .* R² of .20"),
        ("HO004", "not_applicable", "No outcome .* yes or no"),
        ("HO006", "tip", "highest of 4 shares of variance explained is 96 %.* reaches 96 % there"),
        ("HO008", "issue", r"response4 at week4 \(96 %\)"),
        ("HO009", "tip", "No permutation test"),
    ],
)
def test_a_number_is_checked_by_its_own_figures(
    record: RunRecord, code: str, verdict: str, text: str
) -> None:
    found = finding(as_number(record), code)
    assert found.verdict == verdict
    assert re.search(text, found.text)


def test_declined_outcomes_are_not_counted_against_the_features(record: RunRecord) -> None:
    assert finding(with_outcomes(**DECLINED)(record), "HO001").verdict == "passed"
