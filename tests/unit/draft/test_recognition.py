"""What is recognised in whole tables."""

import random
from pathlib import Path

import pytest

from heldout.draft.opened import open_table
from heldout.draft.recognition import recognise
from heldout.draft.study import draft_study, summary
from heldout.errors import CohortError
from tests.unit.draft.drafts import (
    KEYS,
    Row,
    found_in,
    one_of,
    points,
    rows_of,
    trial_rows,
    write_rows,
)


def long_rows(*visits: str) -> list[Row]:
    """Return a long table of 20 patients with a row for each of the visits."""
    return [
        {**one, "visit": visit, "madrs_total": score["madrs"]}
        for one in rows_of(20, sex=one_of("F", "M"), weight=points(60, 90))
        for visit, score in zip(
            visits, rows_of(len(visits), seed=int(one["id"]), madrs=points(5, 50)), strict=True
        )
    ]


def test_a_wide_table_is_recognised(tmp_path: Path) -> None:
    found = found_in(tmp_path, trial_rows())
    layout = found.layout
    assert (layout.patient, layout.site, layout.visit) == ("id", "centre", None)
    assert {visit.name: visit.day for visit in layout.visits} == {"b0": 0, "w2": 14, "w6": 42}
    assert found.outcome is not None
    assert found.outcome.instrument == "madrs"
    kinds = {column.name: column.instrument or column.kind for column in found.columns}
    assert kinds == {
        "madrs": "madrs",
        "rfq8": "rfq8",
        "age": "number",
        "plasma": "number",
        "responder": "category",
        "sex": "category",
    }


def test_nothing_that_may_be_known_too_late_is_proposed_as_a_feature(tmp_path: Path) -> None:
    """Plasma is of week 2, and who responded is the answer itself."""
    found = found_in(tmp_path, trial_rows())
    assert [column.name for column in found.features] == ["madrs", "rfq8", "age", "sex"]


def test_a_redcap_export_is_a_long_table(tmp_path: Path) -> None:
    renamed = {"id": "record_id", "visit": "redcap_event_name"}
    rows = [
        {renamed.get(name, name): value for name, value in row.items()}
        | {"redcap_data_access_group": "north" if int(row["id"]) % 2 else "south"}
        for row in long_rows("baseline_arm_1", "week_2_arm_1", "month_3_arm_1")
    ]
    for row in rows:
        # REDCap writes what is asked once into the first event only.
        if not row["redcap_event_name"].startswith("baseline"):
            row["sex"] = row["weight"] = ""
    found = found_in(tmp_path, rows)
    assert (found.layout.patient, found.layout.visit) == ("record_id", "redcap_event_name")
    assert found.layout.site == "redcap_data_access_group"
    assert {visit.name: visit.day for visit in found.layout.visits} == {
        "baseline": 0,
        "week_2": 14,
        "month_3": 91,
    }
    assert found.observed == {"baseline": 20, "week_2": 20, "month_3": 20}
    assert [column.name for column in found.features] == ["madrs", "sex", "weight"]


def test_numbers_in_a_column_called_week_are_weeks(tmp_path: Path) -> None:
    rows = [
        {("week" if name == "visit" else name): value for name, value in row.items()}
        for row in long_rows("0", "1", "10")
    ]
    visits = found_in(tmp_path, rows).layout.visits
    assert [(one.name, one.day) for one in visits] == [("w0", 0), ("w1", 7), ("w10", 70)]


def test_visits_without_a_unit_are_left_to_a_person(tmp_path: Path) -> None:
    rows = rows_of(hamd_T0=points(15, 40), hamd_T1=points(2, 40), hamd_T2=points(2, 40))
    visits = found_in(tmp_path, rows).layout.visits
    assert [(one.name, one.day) for one in visits] == [("t0", 0), ("t1", None), ("t2", None)]


def test_visits_without_a_unit_beside_dated_ones_are_ignored_and_said(tmp_path: Path) -> None:
    rows = rows_of(m_b0=points(1, 9), m_d2=points(1, 9), m_p2=points(1, 9), x_p2=points(1, 9))
    found = found_in(tmp_path, rows)
    assert found.layout.ignored == ("p2",)
    assert list(found.left_out) == ["x_p2"]


def test_the_first_of_numbered_visits_is_baseline_and_said_to_be_a_guess(tmp_path: Path) -> None:
    found = found_in(tmp_path, rows_of(hamd_V1=points(15, 40), hamd_V2=points(2, 40)))
    assert found.baseline == "v1"
    assert found.doubt == "'V1' is the first visit found; is it baseline?"


def test_bare_numbers_that_are_no_items_are_visits(tmp_path: Path) -> None:
    """madrs_10 is not the tenth item where scores are beyond any item's maximum."""
    rows = rows_of(madrs_0=points(20, 50), madrs_2=points(8, 50), madrs_10=points(8, 50))
    found = found_in(tmp_path, rows)
    assert found.outcome is not None
    assert found.outcome.at == {"v0": "madrs_0", "v2": "madrs_2", "v10": "madrs_10"}


def test_a_complete_set_of_items_is_the_questionnaire(tmp_path: Path) -> None:
    rows = rows_of(**{f"bdi2.{item}": points(0, 3) for item in range(1, 22)})
    (column,) = found_in(tmp_path, rows).columns
    assert (column.instrument, column.items) == ("bdi2", {"": "bdi2.{item}"})


def test_an_incomplete_set_of_items_is_left_out_and_said(tmp_path: Path) -> None:
    rows = rows_of(**{f"phq9_{item}": points(0, 3) for item in range(1, 9)})
    found = found_in(tmp_path, rows)
    assert not found.columns
    assert set(found.left_out.values()) == {"look like items of phq9, which has 9; found 8"}


def test_the_number_of_items_decides_between_forms_of_one_name(tmp_path: Path) -> None:
    rows = rows_of(**{f"DERS_{item}": points(1, 5) for item in range(1, 17)})
    assert [one.instrument for one in found_in(tmp_path, rows).columns] == ["ders16"]


def test_items_with_a_gap_are_left_out(tmp_path: Path) -> None:
    rows = rows_of(**{f"phq9_{item}": points(0, 3) for item in (1, 2, 3, 4, 6, 7, 8, 9, 10)})
    assert not found_in(tmp_path, rows).columns


def test_a_subscale_is_a_score_of_its_instrument(tmp_path: Path) -> None:
    rows = rows_of(RFQ_certainty=points(0, 3), RFQ_uncertainty=points(0, 3))
    (column,) = found_in(tmp_path, rows).columns
    assert column.instrument == "rfq8"
    assert {score: dict(at) for score, at in column.scores.items()} == {
        "certainty": {"": "RFQ_certainty"},
        "uncertainty": {"": "RFQ_uncertainty"},
    }


def test_a_name_whose_values_do_not_fit_is_a_number_and_said(tmp_path: Path) -> None:
    (column,) = found_in(tmp_path, rows_of(madrs=points(61, 90))).columns
    assert (column.kind, column.instrument) == ("number", None)
    assert column.doubts == (
        "'madrs' is called like madrs, but 24 of 24 values lie outside 0..60; it is declared as a "
        "plain number.",
    )


def test_the_range_decides_between_forms_of_one_name(tmp_path: Path) -> None:
    wide = found_in(tmp_path, rows_of(hamd=points(10, 45))).columns[0]
    narrow = found_in(tmp_path, rows_of(hamd=points(5, 20))).columns[0]
    assert (wide.instrument, wide.doubts) == ("hamd17", ())
    assert narrow.doubts == ("'hamd' is taken as hamd17; name and values also fit hamd6",)


def test_a_baseline_of_another_name_is_found_for_the_outcome(tmp_path: Path) -> None:
    rows = rows_of(
        BASVAL=points(15, 40),
        HAMDTL17_w1=points(3, 40),
        HAMDTL17_w6=points(3, 40),
        baseline_weight=points(60, 120),
    )
    found = found_in(tmp_path, rows)
    assert found.outcome is not None
    assert found.outcome.at["baseline"] == "BASVAL"
    assert "'BASVAL' is taken for the baseline of hamd17" in found.outcome.doubts[0]


def test_of_two_possible_baselines_none_is_taken(tmp_path: Path) -> None:
    rows = rows_of(
        BASVAL=points(15, 40),
        base_x=points(15, 40),
        HAMDTL17_w1=points(3, 40),
        HAMDTL17_w6=points(3, 40),
    )
    found = found_in(tmp_path, rows)
    assert found.baseline == "w1"
    assert found.doubt == "'w1' is the first visit found; is it baseline?"


def test_the_bare_name_of_a_series_is_its_baseline(tmp_path: Path) -> None:
    rows = rows_of(madrs=points(20, 40), madrs_w2=points(3, 40), madrs_w6=points(3, 40))
    found = found_in(tmp_path, rows)
    assert found.outcome is not None
    assert found.outcome.at["baseline"] == "madrs"


@pytest.mark.parametrize(
    ("scales", "chosen"),
    [
        (("phq9", "madrs", "hamd17"), "madrs"),
        (("phq9", "hamd17", "hamd6"), "hamd17"),
        (("phq9", "gad7"), "phq9"),
    ],
)
def test_the_clinicians_severity_scale_is_the_outcome(
    tmp_path: Path, scales: tuple[str, ...], chosen: str
) -> None:
    columns = {f"{scale}_{visit}": points(0, 20) for scale in scales for visit in ("b0", "w4")}
    found = found_in(tmp_path, rows_of(**columns))
    assert found.outcome is not None
    assert found.outcome.instrument == chosen


def test_healthy_controls_are_asked_about(tmp_path: Path) -> None:
    (column,) = found_in(tmp_path, rows_of(group=one_of("MDD", "HC"))).columns
    assert column.controls == ("HC",)


def test_a_code_of_one_patient_alone_is_not_written_down(tmp_path: Path) -> None:
    """Eight short words may be free text of a small study."""
    rows = rows_of(remark=one_of("calm", "tense"))
    rows[3]["remark"] = "lives abroad"
    (column,) = found_in(tmp_path, rows).columns
    assert (column.kind, dict(column.levels)) == ("text", {})


def test_dates_constants_and_empty_columns_are_left_out(tmp_path: Path) -> None:
    rows = rows_of(seen=one_of("2024-03-01", "2024-04-02"), study=one_of("A"), blank=one_of(""))
    assert found_in(tmp_path, rows).left_out == {
        "seen": "dates",
        "study": "the same for everybody",
        "blank": "holds nothing",
    }


@pytest.mark.parametrize("name", ["PATIENT", "participant_id", "Subject ID", "pid", "USUBJID"])
def test_the_patients_column_is_known_by_its_name(tmp_path: Path, name: str) -> None:
    rows = [{name: row["id"], "code": row["id"], "age": row["age"]} for row in trial_rows()]
    assert found_in(tmp_path, rows).layout.patient == name


def test_a_column_that_differs_in_every_row_may_name_the_patients(tmp_path: Path) -> None:
    rows = [{"who": f"X{row['id']}", "age": row["age"]} for row in trial_rows()]
    layout = found_in(tmp_path, rows).layout
    assert (layout.patient, layout.named) == ("who", False)


def test_of_two_columns_of_sites_the_pooled_one_is_taken(tmp_path: Path) -> None:
    """Small sites are pooled so that folds can be balanced over them."""
    rows = rows_of(INV=one_of(*"abcdefgh"), POOLINV=one_of("x", "y"))
    assert found_in(tmp_path, rows).layout.site == "POOLINV"


def test_a_site_that_changes_within_a_patient_is_none(tmp_path: Path) -> None:
    rows = [row | {"site": row["visit"][0]} for row in long_rows("baseline", "week_2")]
    assert found_in(tmp_path, rows).layout.site is None


def test_items_numbered_01_are_left_out_with_the_names_they_need(tmp_path: Path) -> None:
    rows = rows_of(**{f"phq9_{item:02}": points(0, 3) for item in range(1, 10)})
    (why,) = set(found_in(tmp_path, rows).left_out.values())
    assert why == "items of phq9 that no pattern names; rename them phq9_1 to phq9_9"


def test_spss_value_labels_name_the_levels(tmp_path: Path) -> None:
    import pandas as pd
    import pyreadstat

    path = tmp_path / "t.sav"
    table = pd.DataFrame(rows_of(edu=points(1, 3)))
    table["edu"] = table["edu"].astype(float)
    labels = {"edu": {1.0: "school", 2.0: "college", 3.0: "university"}}
    pyreadstat.write_sav(table, str(path), variable_value_labels=labels)
    (column,) = recognise(open_table(path), KEYS).columns
    assert dict(column.levels) == {"1": "school", "2": "college", "3": "university"}


def test_a_table_without_patients_is_refused(tmp_path: Path) -> None:
    rows = [{"sex": row["sex"], "centre": row["centre"]} for row in trial_rows()]
    with pytest.raises(CohortError, match="None of the 2 columns names the patients"):
        found_in(tmp_path, rows)


def test_rows_of_one_patient_need_a_visit(tmp_path: Path) -> None:
    rows = [{"id": row["id"], "sex": row["sex"]} for row in trial_rows()] * 2
    with pytest.raises(CohortError, match="'id' names 30 patients in 60 rows, and no column tells"):
        found_in(tmp_path, rows)


def test_a_patient_who_stands_twice_in_a_wide_table_is_named(tmp_path: Path) -> None:
    """Nobody with one row too many is looking for a column of visits."""
    rows = trial_rows(40)
    rows.append(rows[6] | {"month": "3"})
    rows = [{"month": "1"} | row for row in rows]
    with pytest.raises(CohortError, match=r"patient 006 stands more than once \(rows 8, 42\)"):
        found_in(tmp_path, rows)


def test_days_as_they_came_are_no_planned_visits(tmp_path: Path) -> None:
    rows = [
        {"id": row["id"], "day": str(int(row["id"]) + later), "madrs": row["MADRS_w2"]}
        for row in trial_rows(40)
        for later in (0, 50)
    ]
    with pytest.raises(CohortError, match="'day' holds 80 different entries, more than visits can"):
        found_in(tmp_path, rows)


def test_the_order_of_columns_and_rows_changes_nothing(tmp_path: Path) -> None:
    """A table sorted in another program is the same table."""
    rows = [row | {"BMI": row["age"][::-1], "bmi": row["age"]} for row in trial_rows()]
    shuffled = random.Random(5).sample(rows, len(rows))
    names = random.Random(6).sample(list(rows[0]), len(rows[0]))
    other = [{name: row[name] for name in names} for row in shuffled]
    texts = []
    for folder, table in (("a", rows), ("b", other)):
        (tmp_path / folder).mkdir()
        data = write_rows(tmp_path / folder / "t.csv", table)
        draft = draft_study(tmp_path / folder / "study", data)
        yaml = [(draft.folder / file).read_text() for file in draft.files if "yaml" in file]
        texts.append((yaml, {**summary(draft), "folder": ""}))
    assert texts[0] == texts[1]
