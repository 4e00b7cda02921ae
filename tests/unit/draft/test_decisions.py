"""What a draft puts to decision: every question names its column, and no value."""

import csv
from pathlib import Path

import pytest

from heldout.cohort.people import include_patients, read_cohort
from heldout.draft.study import Draft, draft_study
from heldout.errors import StudyError
from heldout.instruments.keys import load_keys
from heldout.spec.composition import load_experiment
from heldout.spec.yaml_file import read_yaml
from tests.unit.draft.drafts import Row, found_in, one_of, points, rows_of, write_rows

DATA = Path(__file__).parents[3] / "experiments" / "data"


def drafted(folder: Path, rows: list[Row]) -> Draft:
    """Return the draft of a study on rows."""
    return draft_study(folder / "study", write_rows(folder / "table.csv", rows))


def asked(folder: Path, rows: list[Row]) -> str:
    """Return everything that a draft on rows asks."""
    return "\n".join(one.text for one in drafted(folder, rows).decisions)


def public(table: str, **changes: str) -> list[Row]:
    """Return a public table, some cells of its sixth patient changed."""
    with (DATA / table).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows[5] |= changes
    return rows


# Values outside of an instrument's range.


@pytest.mark.parametrize(
    ("table", "column", "value", "instrument"),
    [
        ("antidepressant_dia/data.csv", "HAMDTL17_w6", "170", "hamd17"),
        ("antidepressant_dia/data.csv", "HAMDTL17_w6", "999", "hamd17"),
        ("antidepressant_dia/data.csv", "BASVAL", "170", "hamd17"),
        ("nimh_ketamine/data.csv", "MADRS_Total_d2", "70", "madrs"),
    ],
)
def test_one_error_of_typing_does_not_make_another_outcome(
    table: str, column: str, value: str, instrument: str, tmp_path: Path
) -> None:
    draft = drafted(tmp_path, public(table, **{column: value}))
    outcome = draft.recognised.outcome
    assert outcome is not None
    assert outcome.instrument == instrument
    assert len(outcome.at) == len(draft.recognised.layout.visits)
    (said,) = [one.text for one in draft.decisions if one.text.startswith(f"'{column}': 1 of ")]
    assert "values (row 7) lies outside 0.." in said
    assert "plan will stop there" in said
    assert value not in " ".join(one.text for one in draft.decisions if "999" not in one.text)
    experiment = load_experiment(draft.folder / draft.experiment)
    with pytest.raises(StudyError, match=rf"'{column}': 1 of .* \(row 7\) lies outside"):
        read_cohort(experiment, load_keys(experiment))


def test_the_evidence_counts_what_lies_outside(tmp_path: Path) -> None:
    rows = rows_of(40, madrs=points(5, 50))
    rows[3]["madrs"] = "70"
    (column,) = found_in(tmp_path, rows).columns
    assert column.why.endswith("and all but 1 of 40 values lie in 0..60")


@pytest.mark.parametrize(("wrong", "instrument"), [(2, "madrs"), (3, None)])
def test_only_few_values_may_lie_outside(
    wrong: int, instrument: str | None, tmp_path: Path
) -> None:
    rows = rows_of(40, madrs=points(5, 50))
    for row in rows[:wrong]:
        row["madrs"] = "70"
    assert found_in(tmp_path, rows).columns[0].instrument == instrument


def test_a_range_that_holds_all_values_comes_before_one_that_holds_nearly_all(
    tmp_path: Path,
) -> None:
    """A HAM-D of 17 items with one patient above the six items' maximum is no typing error."""
    rows = rows_of(40, hamd=points(5, 20))
    rows[3]["hamd"] = "24"
    (column,) = found_in(tmp_path, rows).columns
    assert (column.instrument, column.doubts) == ("hamd17", ())


def test_answers_outside_of_an_item_s_are_named_by_column_and_row(tmp_path: Path) -> None:
    rows = rows_of(**{f"phq9_{item}": points(0, 3) for item in range(1, 10)})
    rows[4]["phq9_2"] = "33"
    text = asked(tmp_path, rows)
    assert "'phq9_2': 1 of 24 values (row 6) lies outside 0..3; plan will stop there" in text
    assert "another coding" not in text


def test_many_answers_outside_may_be_another_coding(tmp_path: Path) -> None:
    rows = rows_of(**{f"phq9_{item}": points(1, 4) for item in range(1, 10)})
    text = asked(tmp_path, rows)
    assert "'phq9_1': " in text
    assert "and 6 more; plan will stop there" in text
    assert "Or is it another coding?" in text


def test_a_number_column_with_a_word_in_it_is_asked_about(tmp_path: Path) -> None:
    rows = rows_of(weight=points(50, 90))
    rows[2]["weight"] = "SECRET"
    text = asked(tmp_path, rows)
    assert "'weight': 1 of 24 values (row 4) is not a number" in text
    assert "SECRET" not in text


# Controls.


@pytest.mark.parametrize(
    ("codes", "among"), [(("MDD", "BP", "HC"), ("BP", "MDD")), (("patient", "control"),) * 2]
)
def test_an_inclusion_of_patients_only_is_written_and_works_once_it_is_uncommented(
    codes: tuple[str, ...], among: tuple[str, ...], tmp_path: Path
) -> None:
    among = tuple(code for code in among if code != "control")
    rows = rows_of(60, group=one_of(*codes), madrs_b0=points(20, 40), madrs_w4=points(3, 40))
    draft = drafted(tmp_path, rows)
    (one,) = [one for one in draft.decisions if "may be healthy controls" in one.text]
    assert one.text.startswith(f"In 'group', {codes[-1]} may be healthy controls")
    file = draft.folder / one.file
    lines = file.read_text().splitlines()
    assert lines[one.line - 1] == "# include:"
    content = read_yaml(file, "x").content
    assert "include" not in content
    for number in (one.line - 1, one.line):
        lines[number] = lines[number].removeprefix("# ").replace("#", " ", 1)
    file.write_text("\n".join(lines) + "\n")
    (rule,) = read_yaml(file, "x").content["include"]
    assert (rule["column"], tuple(rule["among"])) == ("group", among)
    experiment = load_experiment(draft.folder / draft.experiment)
    cohort = include_patients(experiment, read_cohort(experiment, load_keys(experiment)))
    assert len(cohort.patients) == sum(row["group"] in among for row in rows)


def test_a_table_without_controls_gets_no_inclusion(tmp_path: Path) -> None:
    draft = drafted(tmp_path, rows_of(group=one_of("MDD", "BP")))
    assert "include" not in (draft.folder / draft.files[0]).read_text()


# Items.


def item_rows(n_patients: int = 24) -> list[Row]:
    """Return patients with the items of the MADRS at three visits."""
    names = [f"madrs_{v}_{item}" for v in ("b0", "w1", "w4") for item in range(1, 11)]
    return rows_of(n_patients, **{name: points(0, 6) for name in names})


def test_a_visit_at_which_an_item_s_column_is_lacking_is_named(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "madrs_w1_3"} for row in item_rows()]
    draft = drafted(tmp_path, rows)
    (said,) = [one.text for one in draft.decisions if "w1" in one.text]
    assert said.startswith("At w1, madrs is left out: the table has no column 'madrs_w1_3'.")
    why = draft.recognised.left_out["madrs_w1_10"]
    assert why == "items of madrs at w1, where others are lacking"
    assert sum(one == why for one in draft.recognised.left_out.values()) == 9
    experiment = load_experiment(draft.folder / draft.experiment)
    assert experiment.cohort.columns["madrs"].visits == ("b0", "w4")
    read_cohort(experiment, load_keys(experiment))


def test_items_of_which_no_visit_has_all_are_left_out_and_said(tmp_path: Path) -> None:
    lacking = ("madrs_b0_1", "madrs_w1_3", "madrs_w4_10")
    rows = [{k: v for k, v in row.items() if k not in lacking} for row in item_rows()]
    found = found_in(tmp_path, rows)
    assert set(found.left_out.values()) == {"items of madrs, of which no visit has all 10"}
    assert len(found.left_out) == 27


def long_items(visits: tuple[str, ...] = ("baseline", "week_4")) -> list[Row]:
    """Return a long table of patients with the items of the PHQ-9."""
    return [
        {**items, "id": row["id"], "visit": visit}
        for row in rows_of(20)
        for visit in visits
        for items in rows_of(
            1,
            seed=7 * int(row["id"]) + len(visit),
            **{f"phq9_{item}": points(0, 3) for item in range(1, 10)},
        )
    ]


def test_a_visit_at_which_nobody_answered_an_item_is_named(tmp_path: Path) -> None:
    rows = long_items(("baseline", "week_2", "week_4"))
    for row in rows:
        row["phq9_4"] = "" if row["visit"] == "week_2" else row["phq9_4"]
    assert "At week_2, phq9 is left out: nobody has a value of 'phq9_4' there" in asked(
        tmp_path, rows
    )


def test_an_item_that_everybody_answers_alike_does_not_lose_the_questionnaire(
    tmp_path: Path,
) -> None:
    """Item 9 asks about death; in a small long table all may answer 0 at every visit."""
    rows = [row | {"phq9_9": "0"} for row in long_items()]
    (column,) = found_in(tmp_path, rows).columns
    assert (column.instrument, set(column.items)) == ("phq9", {"baseline", "week_4"})


def test_prorating_is_asked_about_where_single_items_are_missing(tmp_path: Path) -> None:
    rows = item_rows()
    rows[3]["madrs_b0_2"] = rows[3]["madrs_w4_2"] = rows[8]["madrs_w1_5"] = ""
    for item in range(1, 11):
        rows[9][f"madrs_w4_{item}"] = ""
    draft = drafted(tmp_path, rows)
    (one,) = [one for one in draft.decisions if "single items" in one.text.casefold()]
    assert one.text.startswith("Single items of madrs are missing in 2 patients")
    lines = (draft.folder / one.file).read_text().splitlines()
    assert lines[one.line - 1].startswith("  # madrs: {items:")
    plain = load_experiment(draft.folder / draft.experiment)
    assert plain.cohort.columns["madrs"].prorate == "none"
    active = next(n for n, line in enumerate(lines) if line.startswith("  madrs: "))
    lines[active] = lines[one.line - 1].replace("# ", "", 1)
    (draft.folder / one.file).write_text("\n".join(lines) + "\n")
    filled = load_experiment(draft.folder / draft.experiment)
    assert filled.cohort.columns["madrs"].prorate == "80%"
    assert filled.cohort.columns["madrs"].items == plain.cohort.columns["madrs"].items


@pytest.mark.parametrize(("instrument", "items", "high"), [("sidas", 5, 10), ("ssi", 19, 2)])
def test_prorating_is_not_proposed_for_suicidality(
    instrument: str, items: int, high: int, tmp_path: Path
) -> None:
    rows = rows_of(**{f"{instrument}_{item}": points(0, high) for item in range(1, items + 1)})
    rows[3][f"{instrument}_2"] = ""
    draft = drafted(tmp_path, rows)
    assert draft.recognised.columns[0].instrument == instrument
    assert "prorate" not in (draft.folder / draft.files[0]).read_text()


def test_prorating_is_not_proposed_where_no_item_is_missing(tmp_path: Path) -> None:
    draft = drafted(tmp_path, item_rows())
    assert "prorate" not in (draft.folder / draft.files[0]).read_text()


# Columns.


def test_every_feature_is_in_the_question_whether_it_was_known_before(tmp_path: Path) -> None:
    rows = [
        {**row, "visit": visit, "madrs": str(20 + later + int(row["id"])), "pulse": str(60 + later)}
        for row in rows_of(20, sex=one_of("F", "M"))
        for later, visit in enumerate(("baseline", "week_4"))
    ]
    for number, row in enumerate(rows):
        row["pulse"] = str(int(row["pulse"]) + number)
    draft = drafted(tmp_path, rows)
    features = [one.name for one in draft.recognised.features]
    assert features == ["madrs", "pulse", "sex"]
    (said,) = [one.text for one in draft.decisions if "before treatment began" in one.text]
    assert said.startswith("Were these known before treatment began: pulse, sex, madrs? Remove")


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (("1", "2"), "What do codes 1 and 2 of 'sex' mean?"),
        (("0.0", "1.0"), "What do codes 0.0 and 1.0 of 'sex' mean?"),
        (("d", "p"), "What do codes d and p of 'sex' mean?"),
    ],
)
def test_codes_without_a_label_are_asked_about(
    codes: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    assert said in asked(tmp_path, rows_of(sex=one_of(*codes)))


@pytest.mark.parametrize("codes", [("F", "M"), ("yes", "no"), ("y", "n"), ("drug", "placebo")])
def test_codes_that_say_what_they_mean_are_not_asked_about(
    codes: tuple[str, ...], tmp_path: Path
) -> None:
    assert "What do code" not in asked(tmp_path, rows_of(sex=one_of(*codes)))


def test_every_question_about_a_column_names_it(tmp_path: Path) -> None:
    rows = rows_of(
        40,
        madrs_b0=points(25, 45),
        madrs_w4=points(3, 40),
        hamd=points(5, 20),
        phq9=points(40, 90),
        dropout=one_of("no", "yes"),
        rfq8_certainty=points(0, 3),
        mzq=points(1, 5),
        arm=one_of("1", "2"),
        **{f"gad7_{item}": points(1, 4) for item in range(1, 8)},
    )
    draft = drafted(tmp_path, rows)
    texts = [one.text for one in draft.decisions if "cohort" in one.file]
    names = ("'hamd'", "'phq9'", "'dropout'", "mzq15", "'arm'", "'gad7_1'")
    for name in names:
        assert [text for text in texts if name in text], name
    assert all(any(name in text for name in names) for text in texts)
    (which,) = [one.text for one in draft.decisions if one.text.startswith("Which of the scores")]
    assert "rfq8.certainty" in which
