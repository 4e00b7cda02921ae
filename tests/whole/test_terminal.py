"""Words on the terminal: how far the work is, and what is wrong with a command."""

import time

import pytest

from heldout.cli import main, terminal
from heldout.cli.studies import table_head, table_line
from heldout.cli.terminal import Progress
from heldout.kinds import KindName
from tests.cells import cell_with


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that progress looks at."""
    clock = Clock()
    monkeypatch.setattr(terminal, "time", clock)
    return clock


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what was said since the last time."""
    return [line.strip() for line in capsys.readouterr().err.splitlines()]


def test_the_time_before_the_first_fold_ended_is_no_measure_of_the_others(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress()
    progress(0, 20)
    clock.now += 300
    progress(1, 20)
    assert lines_of(capsys) == ["Evaluating 20 outer folds ...", "1 of 20 folds"]
    clock.now += 10
    progress(2, 20)
    assert lines_of(capsys) == ["2 of 20 folds, about 3 min left"]


@pytest.mark.parametrize("kind", ["class", "number"])
def test_the_table_of_headlines_is_no_wider_than_a_terminal(kind: KindName) -> None:
    cell = cell_with(
        outcome="severity", follow_up="month6", model="headline", n=36, events=18, kind=kind,
        status="evaluated", auc=0.5, auc_low=0.25, auc_high=0.75, brier_skill=-0.16, p=0.00012,
        p_adjusted=0.00012, r2=-0.07, r2_low=-0.33, r2_high=0.19, mae=10.3, mae_mean=10.2,
    )  # fmt: skip
    head, line = table_head("headline", kind), table_line("severity month6", cell)
    assert max(len(head), len(line)) <= 80
    place = head.index("adjusted")
    assert line[place : place + 6] == ".0001 "[: len(line) - place]


def test_two_workers_that_end_together_make_no_estimate(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress()
    progress(0, 20)
    clock.now += 60
    progress(1, 20)
    clock.now += 0.2
    progress(2, 20)
    clock.now += 59.8
    assert lines_of(capsys)[1:] == ["1 of 20 folds"]
    progress(3, 20)
    # Two units in a minute, and seventeen to go.
    assert lines_of(capsys) == ["3 of 20 folds, about 8 min left"]


def test_a_small_share_makes_no_estimate(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress(0, 200)
    for done in range(1, 10):
        clock.now += 10
        progress(done, 200)
    assert lines_of(capsys)[-1] == "9 of 200 folds"
    clock.now += 10
    progress(10, 200)
    assert lines_of(capsys) == ["10 of 200 folds, about 32 min left"]


def test_what_was_done_before_is_no_measure(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress()
    progress(10, 20)
    clock.now += 10
    progress(11, 20)
    assert lines_of(capsys) == [
        "Evaluating 20 outer folds, 10 of them done before ...",
        "11 of 20 folds",
    ]
    clock.now += 10
    progress(12, 20)
    assert lines_of(capsys) == ["12 of 20 folds, about 80 s left"]


def test_another_kind_of_units_begins_anew(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress()
    progress(0, 5, "outer folds")
    progress(5, 5, "outer folds")
    progress(0, 100, "permutations")
    clock.now += 10
    progress(50, 100, "permutations")
    assert lines_of(capsys) == [
        "Evaluating 5 outer folds ...",
        "Evaluating 100 permutations ...",
        "50 of 100 permutations",
    ]


def test_a_single_unit_is_told_in_the_singular(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    Progress()(0, 1, "arithmetic simulations")
    assert lines_of(capsys) == ["Evaluating 1 arithmetic simulation ..."]


def test_it_is_told_while_no_fold_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "_LINE_EVERY", 0.05)
    said: list[str] = []
    with Progress() as progress:
        progress(0, 20)
        deadline = time.monotonic() + 120
        while said.count("0 of 20 folds") < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
            said += lines_of(capsys)
    assert said.count("0 of 20 folds") >= 2
    # Who told has ended, and can say nothing after the last word.
    assert not progress.telling.is_alive()


@pytest.mark.parametrize(
    "arguments",
    [["simulate", "x", "--dropout", "sometimes"], ["score", "gad7", "x.csv", "--prorate", "20%"]],
)
def test_a_message_about_usage_fits_the_terminal(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="2"):
        main([*arguments, "--folder-that-is-no-option-of-this-command-at-all", "x" * 30])
    err = capsys.readouterr().err
    assert "error: argument" in err
    assert max(map(len, err.splitlines())) <= 80


def test_an_argument_that_is_none_is_told_within_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["instruments", "gad7", *["--no-such-option-of-mine"] * 5])
    assert max(map(len, capsys.readouterr().err.splitlines())) <= 80
