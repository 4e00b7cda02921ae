"""The drafted folder: its YAML, its decisions, and that nothing of a patient is in it."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.cohort.people import read_cohort
from heldout.draft.configs import Line, quoted, rendered
from heldout.draft.study import Draft, draft_study, summary
from heldout.errors import StudyError
from heldout.instruments.keys import load_keys
from heldout.spec.composition import load_experiment
from heldout.spec.experiment import Experiment
from heldout.spec.yaml_file import read_value, read_yaml
from tests.limits import files_up_to
from tests.unit.draft.drafts import Row, one_of, points, rows_of, trial_rows, write_rows

ODD_NAMES = (
    "Größe (cm)",
    "a: b",
    "#x",
    "yes",
    "01",
    'say "so"',
    "it's",
    "null",
    "- y",
    "{z}",
    "*a",
)


def drafted(folder: Path, rows: list[Row]) -> Draft:
    """Return the draft of a study on rows."""
    return draft_study(folder / "study", write_rows(folder / "table.csv", rows))


def experiment_of(draft: Draft) -> Experiment:
    """Return the drafted experiment, loaded."""
    return load_experiment(draft.folder / draft.experiment)


@given(st.text())
def test_every_text_comes_back_from_the_yaml_it_is_quoted_in(text: str) -> None:
    assert read_value(quoted(text)).content == text
    if text.strip():
        assert read_value(quoted({text: [text]})).content == {text.strip(): [text]}


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_doubt_can_break_out_of_its_comment(doubt: str, other: str) -> None:
    """Names of columns stand in comments, and may hold line breaks."""
    asked = [Line("a: 1", (doubt,)), Line("b: 2", (other, doubt))]
    text, decisions = rendered("study.yaml", asked, 1)
    lines = text.splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["a: 1", "b: 2"]
    assert [lines[decision.line - 1] for decision in decisions] == ["a: 1", "b: 2", "b: 2"]


def test_odd_names_and_codes_are_read_as_they_stand_in_the_table(tmp_path: Path) -> None:
    codes = one_of("yes", "no", "01", "a: b", "#")
    rows = rows_of(
        60, madrs_b0=points(20, 40), madrs_w4=points(3, 40), **dict.fromkeys(ODD_NAMES, codes)
    )
    draft = draft_study(tmp_path / "odd", write_rows(tmp_path / "odd.csv", rows))
    experiment = experiment_of(draft)
    cohort = read_cohort(experiment, load_keys(experiment))
    read = {source.column: source.name for source in cohort.sources}
    for name in ODD_NAMES:
        values = cohort.values[(read[name], "b0", 0)]
        assert list(values) == [row[name] for row in rows]


def test_the_draft_runs_as_it_is_where_nothing_blocks_it(tmp_path: Path) -> None:
    experiment = experiment_of(drafted(tmp_path, trial_rows()))
    cohort = read_cohort(experiment, load_keys(experiment))
    assert len(cohort.patients) == 30
    (outcome,) = experiment.outcomes
    assert (outcome.column, outcome.at, outcome.primary) == ("madrs", ("w2", "w6"), "w6")


def test_a_pattern_does_not_claim_a_column_that_is_left_out(tmp_path: Path) -> None:
    """madrs_date fits madrs_{visit}; the cohort reader would ask for a visit called date."""
    rows = rows_of(
        madrs_b0=points(20, 40), madrs_w4=points(3, 40), madrs_date=one_of("2024-03-01", "2024-3-2")
    )
    experiment = experiment_of(drafted(tmp_path, rows))
    read_cohort(experiment, load_keys(experiment))


def test_every_decision_is_said_with_the_line_it_stands_above(tmp_path: Path) -> None:
    rows = rows_of(
        hamd_T0=points(15, 20), hamd_T1=points(2, 20), age=points(20, 60), dropout=one_of("0", "1")
    )
    draft = drafted(tmp_path, rows)
    assert [one.number for one in draft.decisions] == list(range(1, len(draft.decisions) + 1))
    for one in draft.decisions:
        lines = (draft.folder / one.file).read_text().splitlines()
        above = lines[: one.line - 1]
        start = max(n for n, line in enumerate(above) if f"# DECIDE {one.number}: " in line)
        said = " ".join(line.strip().removeprefix("#").strip() for line in above[start:])
        said = said.partition(f" DECIDE {one.number + 1}: ")[0]
        assert said == f"DECIDE {one.number}: {one.text}"
    marked = "".join((draft.folder / file).read_text() for file in draft.files[:3])
    assert len(re.findall(r"# DECIDE \d", marked)) == len(draft.decisions)


def test_what_must_be_decided_first_stops_the_plan_at_its_line(tmp_path: Path) -> None:
    draft = drafted(tmp_path, rows_of(hamd_T0=points(15, 40), hamd_T1=points(2, 40)))
    with pytest.raises(StudyError, match=r"configs/cohort/study.yaml:10, cohort.visits.t1.day"):
        experiment_of(draft)
    assert draft.decisions[0].line == 10


def test_a_table_without_a_scale_is_drafted_and_asks_for_it(tmp_path: Path) -> None:
    draft = drafted(tmp_path, rows_of(weight=points(50, 90)))
    asked = [one.text for one in draft.decisions if one.file.startswith("experiments")]
    assert asked == [
        "No scale was found that was measured at baseline and again; name a declared column.",
        "No visit after baseline was found; name the follow-ups.",
    ]
    with pytest.raises(StudyError, match=r"outcomes\[0\].column: found nothing"):
        experiment_of(draft)


def test_a_direction_that_differs_by_version_must_be_stated(tmp_path: Path) -> None:
    draft = drafted(tmp_path, rows_of(mzq=points(1, 5)))
    assert draft.decisions[0].text == (
        "Versions of mzq15 differ: is a higher score worse or better?"
    )
    content = read_yaml(draft.folder / "configs/cohort/study.yaml", "x").content
    assert content["columns"]["mzq15"]["higher_is"] is None


def test_nothing_a_patient_answered_is_written_or_printed(tmp_path: Path) -> None:
    secrets = ("9137.25", "SECRETWORD", "SECRETCODE", "P0917", "1961-04-17", "4711")
    rows = trial_rows()
    for number, row in enumerate(rows):
        row |= {
            "income": "9137.25" if number % 2 else "1200.5",
            "note": f"SECRETWORD {number}",
            "remark": "SECRETCODE" if number == 4 else "calm",
            "born": "1961-04-17" if number % 2 else "1971-05-18",
            "lab": "4711" if number == 5 else str(number),
        }
    rows[0]["id"] = "P0917"
    draft = drafted(tmp_path, rows)
    written = "".join((draft.folder / file).read_text() for file in draft.files[:3])
    printed = json.dumps(summary(draft))
    assert not [secret for secret in secrets if secret in written + printed]
    assert (draft.folder / "data/table.csv").read_bytes() == (tmp_path / "table.csv").read_bytes()


def test_a_folder_that_is_not_empty_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mine.txt").write_text("mine")
    with pytest.raises(StudyError, match=r"study: exists and is not empty. Nothing was written"):
        drafted(tmp_path, trial_rows())
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    assert experiment_of(drafted(tmp_path, trial_rows())).name == "study"


def test_a_draft_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(StudyError):
        drafted(tmp_path, [{"sex": "F"}, {"sex": "M"}, {"sex": "M"}])
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_draft_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "table.csv", trial_rows())
    with files_up_to(100), pytest.raises(StudyError, match="study: cannot be written"):
        draft_study(tmp_path / "study", data)
    assert list(tmp_path.iterdir()) == [data]
