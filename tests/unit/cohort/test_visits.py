"""Rows of long tables at their visits: by name, by day, by date."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from heldout.cohort.people import Cohort
from heldout.errors import CohortError
from heldout.findings.catalogue import run_checks
from heldout.record import Finding
from tests.unit.cohort.exports import cohort_of

VISITS = {
    "base": {"day": 0, "window": 5},
    "week2": {"day": 14, "window": 7},
    "week4": {"day": 28, "window": 7},
}


def read(folder: Path, text: str, **table: Any) -> Cohort:
    """Return a cohort of scores and weights whose rows have a day; columns: id, day, m, w."""
    (folder / "data.csv").write_text(text)
    layout = {"file": "data.csv", "layout": "long"} | (table or {"day": "day"})
    part = {
        "title": "Timed",
        "table": layout,
        "patient": "id",
        "visits": VISITS,
        "baseline": "base",
        "columns": {
            "madrs": {"column": "m", "instrument": "madrs", "by_visit": True},
            "weight": {"column": "w", "kind": "number"},
        },
    }
    return cohort_of(folder, part)


def finding(cohort: Cohort, code: str) -> Finding:
    """Return one finding of a cohort."""
    return next(one for one in run_checks(cohort) if one.code == code)


def scores(cohort: Cohort) -> list[list[float]]:
    """Return a list of scores for each visit, -1 where not observed."""
    return [np.nan_to_num(cohort.numbers("madrs", visit), nan=-1).tolist() for visit in VISITS]


PLAIN = "id,day,m,w\na,0,40,70\na,13,30,\na,30,20,\nb,-2,41,80\nb,16,31,\n"


def test_rows_are_put_to_the_nearest_visit(tmp_path: Path) -> None:
    cohort = read(tmp_path, PLAIN)
    assert scores(cohort) == [[40, 41], [30, 31], [20, -1]]
    assert {one.code: one.verdict for one in run_checks(cohort)} == {
        "HO011": "not_applicable",
        "HO012": "passed",
        "HO013": "passed",
        "HO014": "not_applicable",
        "HO025": "passed",
        "HO026": "passed",
    }


def test_a_date_counts_from_the_patients_start(tmp_path: Path) -> None:
    text = (
        "id,seen,began,m,w\n"
        "a,28/02/2024,28/02/2024,40,70\na,12/03/2024,,30,\na,29/03/2024,,20,\n"
        "b,30/12/2023,01/01/2024,41,80\nb,17/01/2024,,31,\n"
    )
    by_date = read(tmp_path, text, date="seen", start="began", date_format="%d/%m/%Y")
    assert_frame_equal(by_date.values, read(tmp_path, PLAIN).values, check_exact=True)


def test_of_two_visits_equally_near_the_earlier_gets_the_row(tmp_path: Path) -> None:
    """Day 21 is seven days after week 2 and seven before week 4."""
    cohort = read(tmp_path, "id,day,m,w\na,0,40,70\na,21,30,\n")
    assert scores(cohort) == [[40], [30], [-1]]
    assert finding(cohort, "HO012").verdict == "issue"
    assert finding(cohort, "HO012").text == (
        "data.csv: 1 row lies equally near to two visits and counts for the earlier one (row 3)."
    )


def test_of_several_rows_the_nearest_counts_and_then_the_earlier(tmp_path: Path) -> None:
    text = "id,day,m,w\na,0,40,70\na,12,30,\na,16,29,\nb,9,25,\nb,13,24,\n"
    cohort = read(tmp_path, text)
    assert scores(cohort)[1] == [30, 24]
    assert finding(cohort, "HO012").text == (
        "data.csv: 2 rows are set aside, because another row of the patient is nearer to the "
        "visit, or as near and earlier (1 time) (rows 4, 5)."
    )
    assert finding(cohort, "HO012").who == ("a", "b")


def test_a_row_that_holds_no_value_of_visits_competes_for_none(tmp_path: Path) -> None:
    cohort = read(tmp_path, "id,day,m,w\na,0,,70\na,1,40,\n")
    assert scores(cohort)[0] == [40]
    assert finding(cohort, "HO012").verdict == "passed"


def test_the_window_ends_with_its_last_day(tmp_path: Path) -> None:
    cohort = read(tmp_path, "id,day,m,w\na,5,40,\nb,6,40,\n")
    assert scores(cohort)[0] == [40, -1]


def test_rows_in_no_window_are_not_used_and_said(tmp_path: Path) -> None:
    cohort = read(tmp_path, "id,day,m,w\na,0,40,70\na,36,20,\nb,0,41,80\n")
    assert scores(cohort) == [[40, 41], [-1, -1], [-1, -1]]
    assert finding(cohort, "HO013").text == (
        "data.csv: 1 of 3 rows lies in no visit's window and is not used (row 3)."
    )
    assert finding(cohort, "HO013").who == ("a",)


def test_a_patients_value_in_a_row_of_no_visit_is_known_from_its_day_on(tmp_path: Path) -> None:
    """Weight was written down on day 40; at baseline nobody knew it."""
    with pytest.raises(CohortError, match=r"column 'w': stands only in rows after 'base' for 1"):
        read(tmp_path, "id,day,m,w\na,0,40,\na,40,20,70\n")


def test_the_named_visit_decides_and_a_misfit_is_said(tmp_path: Path) -> None:
    text = "id,visit,day,m,w\na,base,1,40,70\na,week2,27,30,\na,week4,28,20,\nb,base,,41,80\n"
    cohort = read(tmp_path, text, visit="visit", day="day")
    assert scores(cohort) == [[40, 41], [30, -1], [20, -1]]
    assert finding(cohort, "HO014").text == (
        "data.csv: in 1 of 3 rows the day lies outside the window of the visit the row names "
        "(row 3). The name of the visit decides."
    )
    assert finding(cohort, "HO014").who == ("a",)


def test_a_start_may_stand_in_the_first_table(tmp_path: Path) -> None:
    (tmp_path / "seen.csv").write_text("id,on,m\na,2024-03-01,40\na,2024-03-15,30\n")
    (tmp_path / "people.csv").write_text("id,began\na,2024-03-01\n")
    part = {
        "title": "Timed",
        "table": {"file": "people.csv"},
        "tables": {"seen": {"file": "seen.csv", "layout": "long", "date": "on", "start": "began"}},
        "patient": "id",
        "visits": VISITS,
        "baseline": "base",
        "columns": {
            "madrs": {"column": "m", "table": "seen", "instrument": "madrs", "by_visit": True}
        },
    }
    assert scores(cohort_of(tmp_path, part)) == [[40], [30], [-1]]


def test_a_start_that_changes_is_refused(tmp_path: Path) -> None:
    text = "id,on,began,m,w\na,2024-03-01,2024-03-01,40,70\na,2024-03-15,2024-03-02,30,\n"
    with pytest.raises(CohortError, match=r"column 'began': changes within 1 patient"):
        read(tmp_path, text, date="on", start="began")


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_decides_nothing(tmp_path: Path, seed: int) -> None:
    """Nor does it matter how many rows compete, and for what."""
    rng = random.Random(seed)
    rows = [
        f"{patient},{day},{rng.randint(0, 60)},"
        for patient in "abcdef"
        for day in rng.sample(range(-5, 40), 9)
    ]
    ordered = read(tmp_path, "id,day,m,w\n" + "\n".join(rows))
    rng.shuffle(rows)
    shuffled = read(tmp_path, "id,day,m,w\n" + "\n".join(rows))
    assert_frame_equal(ordered.values, shuffled.values, check_exact=True)


@pytest.mark.parametrize("seed", range(5))
def test_every_value_is_that_of_the_nearest_row(tmp_path: Path, seed: int) -> None:
    """Against a search through all rows, visit by visit."""
    rng = random.Random(seed)
    days = sorted(rng.sample(range(-5, 40), 9))
    found = dict.fromkeys(VISITS, -1)
    for day in sorted(days, key=lambda one: (min(abs(one - d) for d in (0, 14, 28)), one)):
        near = min(VISITS, key=lambda name: (abs(day - VISITS[name]["day"]), VISITS[name]["day"]))
        if abs(day - VISITS[near]["day"]) <= VISITS[near]["window"] and found[near] == -1:
            found[near] = day + 10
    text = "id,day,m,w\n" + "\n".join(f"a,{day},{day + 10}," for day in days)
    assert scores(read(tmp_path, text)) == [[value] for value in found.values()]


@pytest.mark.parametrize("date_format", ["dd/mm/yyyy", "%d/%m", "%q", "%d %d", ""])
def test_a_date_format_that_tells_no_date_is_refused(tmp_path: Path, date_format: str) -> None:
    with pytest.raises(Exception, match="'date_format' does not tell a day, month and year"):
        read(tmp_path, PLAIN, date="on", start="began", date_format=date_format)


def baseline(cohort: Cohort) -> list[float]:
    """Return the scores at baseline, -1 where not observed."""
    return scores(cohort)[0]


@pytest.mark.parametrize(
    ("early", "late"), [(-5, 1), (-4, 4), (-1, 1), (0, 2)], ids=["nearer", "tied", "near", "due"]
)
def test_what_was_measured_after_treatment_began_gives_way_at_baseline(
    tmp_path: Path, early: int, late: int
) -> None:
    """However near it is: a feature must be known before treatment."""
    cohort = read(tmp_path, f"id,day,m,w\na,{early},40,70\na,{late},12,\n")
    assert baseline(cohort) == [40]
    assert finding(cohort, "HO025").verdict == "passed"
    assert "row 3" in finding(cohort, "HO012").text


def test_why_a_row_after_baseline_gives_way_is_said(tmp_path: Path) -> None:
    cohort = read(tmp_path, "id,day,m,w\na,-5,40,70\na,1,12,\n")
    assert finding(cohort, "HO012").text == (
        "data.csv: 1 row is set aside, because another row of the patient is nearer to the visit, "
        "or as near and earlier (0 times), or not after the baseline day, which counts first (1 "
        "time) (row 3)."
    )


def test_a_baseline_measured_after_the_baseline_day_is_an_issue(tmp_path: Path) -> None:
    cohort = read(tmp_path, "id,day,m,w\na,4,12,70\nb,0,41,80\nc,5,30,\n")
    assert baseline(cohort) == [12, 41, 30]
    found = finding(cohort, "HO025")
    assert (found.verdict, found.who) == ("issue", ("a", "c"))
    assert found.text == (
        "data.csv: 2 rows count as baseline 'base' and lie after the baseline day (rows 2, 4), so "
        "what they hold was not measured before treatment."
    )


def test_a_named_baseline_dated_after_the_baseline_day_is_an_issue(tmp_path: Path) -> None:
    text = "id,visit,day,m,w\na,base,3,40,70\na,week2,14,30,\nb,base,-3,41,80\n"
    found = finding(read(tmp_path, text, visit="visit", day="day"), "HO025")
    assert (found.verdict, found.who) == ("issue", ("a",))
    assert "1 row counts as baseline 'base' and lies after the baseline day (row 2)" in found.text


def without_windows(folder: Path, text: str) -> Cohort:
    """Return a cohort of named and dated visits, none of which has a window."""
    (folder / "data.csv").write_text(text)
    part = {
        "title": "Timed",
        "table": {"file": "data.csv", "layout": "long", "visit": "visit", "day": "day"},
        "patient": "id",
        "visits": {name: {"day": visit["day"]} for name, visit in VISITS.items()},
        "baseline": "base",
        "columns": {"madrs": {"column": "m", "instrument": "madrs", "by_visit": True}},
    }
    return cohort_of(folder, part)


def test_without_a_window_a_day_nearer_to_another_visit_is_said(tmp_path: Path) -> None:
    text = "id,visit,day,m\na,base,0,40\na,week2,26,30\na,week4,22,20\n"
    found = finding(without_windows(tmp_path, text), "HO014")
    assert (found.verdict, found.who) == ("issue", ("a",))
    assert found.text == (
        "data.csv: in 1 of 3 rows the day lies nearer to another visit than to the one the row "
        "names (row 3). The name of the visit decides."
    )


def test_without_a_window_nothing_is_said_of_windows(tmp_path: Path) -> None:
    found = finding(without_windows(tmp_path, "id,visit,day,m\na,base,0,40\n"), "HO014")
    assert found.verdict == "passed"
    assert "or, where that has none, nearer to it than to any other visit" in found.text


@pytest.mark.parametrize("windows", [True, False])
def test_a_baseline_dated_after_the_first_follow_up_is_refused(
    tmp_path: Path, windows: bool
) -> None:
    """Its score would be a feature, and it was measured when the outcome was known."""
    text = "id,visit,day,m,w\na,base,200,3,70\na,week2,14,30,\n"
    given: dict[str, Any] = {"visit": "visit", "day": "day"} if windows else {}
    with pytest.raises(CohortError) as refused:
        _ = read(tmp_path, text, **given) if windows else without_windows(tmp_path, text)
    assert str(refused.value).startswith(
        "data.csv, column 'day': 1 row (row 2) names baseline, or a visit before it, and lies "
        "after the day of 'week2'."
    )
