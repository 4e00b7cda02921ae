"""Long tables that date their rows."""

from pathlib import Path

import numpy as np
import pytest

from heldout.cohort.people import read_cohort
from heldout.draft.study import Draft, draft_study, summary
from heldout.errors import CohortError
from heldout.findings.catalogue import run_checks
from heldout.instruments.keys import load_keys
from heldout.spec.composition import load_experiment
from tests.unit.draft.drafts import USUAL, Row, dated_rows, write_rows


def drafted(folder: Path, rows: list[Row]) -> Draft:
    """Return the draft of a study on rows."""
    return draft_study(folder / "study", write_rows(folder / "table.csv", rows))


def asked(draft: Draft) -> str:
    """Return everything that a draft asks."""
    return "\n".join(one.text for one in draft.decisions)


@pytest.mark.parametrize("date_format", ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y"])
def test_dates_are_put_to_visits_and_the_draft_can_be_read(
    date_format: str, tmp_path: Path
) -> None:
    rows = dated_rows(date_format)
    draft = drafted(tmp_path, rows)
    found = summary(draft)["recognised"]
    assert (found["patient"], found["site"], found["date"]) == ("Code", "Zentrum", "Datum")
    days = list(found["visits"].values())
    assert all(abs(day - due) <= about for day, (due, about) in zip(days, USUAL, strict=True))
    assert found["outcome"] == "madrs"
    experiment = load_experiment(draft.folder / draft.experiment)
    cohort = read_cohort(experiment, load_keys(experiment))
    first, *_, last = experiment.cohort.visits
    assert cohort.has("madrs", first)
    firsts = {row["Code"]: row for row in reversed(rows)}
    assert list(cohort.numbers("madrs", first)) == [
        float(firsts[patient]["MADRS"]) for patient in cohort.patients
    ]
    assert np.isfinite(cohort.numbers("madrs", last)).sum() > 30
    assert cohort.site == tuple(firsts[patient]["Zentrum"] for patient in cohort.patients)
    assert "HO013" not in {one.code for one in run_checks(cohort) if one.verdict == "issue"}


def test_day_0_and_the_visits_are_put_to_decision(tmp_path: Path) -> None:
    draft = drafted(tmp_path, dated_rows())
    text = asked(draft)
    assert (
        "Day 0 of each patient is the first date in 'Datum', written to data/table_starts" in text
    )
    assert "Days and windows are proposed from how the dates in 'Datum' lie" in text
    (one,) = [one for one in draft.decisions if one.text.startswith("Days and windows")]
    assert (draft.folder / one.file).read_text().splitlines()[one.line - 1] == "visits:"


def test_a_start_in_the_table_is_day_0_and_a_birthday_is_none(tmp_path: Path) -> None:
    planned = ((-10, 3), (0, 1), (30, 5), (90, 10))
    draft = drafted(tmp_path, dated_rows("%d.%m.%Y", planned, start="Beginn"))
    found = summary(draft)["recognised"]
    assert (found["start"], found["baseline"]) == ("Beginn", "d0")
    assert [day for day in found["visits"].values() if day <= 0] == [-11.0, 0.0]
    assert found["left_out"] == {"dates": ["geboren"]}
    assert "'Beginn' is taken for each patient's day 0" in asked(draft)
    experiment = load_experiment(draft.folder / draft.experiment)
    assert experiment.cohort.table.start == "Beginn"
    assert all(experiment.cohort.visits[name].day > 0 for name in experiment.outcomes[0].at)
    read_cohort(experiment, load_keys(experiment))


def test_days_without_clear_gaps_are_no_visits(tmp_path: Path) -> None:
    weekly = tuple((7 * week, 3 if week else 0) for week in range(6))
    with pytest.raises(CohortError, match=r"no column tells .* 'Datum' lie in no clear groups"):
        drafted(tmp_path, dated_rows(planned=weekly))


def test_few_wrong_dates_are_named_by_row_and_do_not_lose_the_visits(tmp_path: Path) -> None:
    rows = dated_rows("%d.%m.%Y")
    rows[3]["Datum"], rows[50]["Datum"], rows[60]["Datum"] = "31.12.2042", "", "2023-13-40"
    rows.append(dict(rows[20]))
    draft = drafted(tmp_path, rows)
    text = asked(draft)
    assert len(draft.recognised.layout.visits) == 5
    assert "In none of them: 1 row (5)." in text
    assert "'Datum': 1 row (52) without a date; plan will stop there" in text
    assert "'Datum': 1 row (62) with a date written in another way; plan will stop" in text
    assert f"(rows 22, {len(rows) + 1}); plan will stop at them" in text
    assert "2042" not in text


def test_day_and_month_that_could_be_exchanged_are_asked_about(tmp_path: Path) -> None:
    rows = [
        {"id": f"{number:02}", "date": text, "madrs": str(20 + number)}
        for number in range(20)
        for text in ("01/03/2023", "02/05/2023")
    ]
    assert "'date' is read day first; every date of it could be month first" in asked(
        drafted(tmp_path, rows)
    )


def test_a_column_that_names_the_visits_comes_before_the_dates(tmp_path: Path) -> None:
    rows = dated_rows()
    count: dict[str, int] = {}
    for row in rows:
        count[row["Code"]] = count.get(row["Code"], -1) + 1
        row["week"] = str(count[row["Code"]])
    draft = drafted(tmp_path, rows)
    assert (draft.recognised.layout.visit, draft.recognised.layout.dated) == ("week", None)


def test_a_column_called_visit_that_holds_dates_is_one_of_dates(tmp_path: Path) -> None:
    rows = [{("visit" if k == "Datum" else k): v for k, v in row.items()} for row in dated_rows()]
    assert summary(drafted(tmp_path, rows))["recognised"]["date"] == "visit"
