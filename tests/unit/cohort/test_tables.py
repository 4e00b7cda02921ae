"""Text tables: where they may lie, and what a cell means."""

from pathlib import Path

import numpy as np
import pytest

from heldout.cohort.tables import file_in_study, read_table
from heldout.errors import CohortError
from tests.unit.cohort.studies import WIDE, scored, wide_cohort, write_study


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return a study folder beside a file that is not the study's."""
    (tmp_path / "outside.csv").write_text(WIDE)
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "data.csv").write_text(WIDE)
    return folder


def test_a_file_of_the_study_is_found(study: Path) -> None:
    assert file_in_study(study, "data.csv", "here") == study / "data.csv"


def test_a_way_round_that_ends_in_the_study_is_allowed(study: Path) -> None:
    assert file_in_study(study, "../study/data.csv", "here") == study / "data.csv"


def test_a_path_upwards_is_refused(study: Path) -> None:
    with pytest.raises(CohortError, match=r"^here: '\.\./outside\.csv' leads out of the study"):
        file_in_study(study, "../outside.csv", "here")


def test_an_absolute_path_is_refused(study: Path) -> None:
    with pytest.raises(CohortError, match=r"^here: '/.*outside\.csv' leads out of the study"):
        file_in_study(study, str(study.parent / "outside.csv"), "here")


def test_a_link_out_of_the_study_is_refused(study: Path) -> None:
    (study / "link.csv").symlink_to(study.parent / "outside.csv")
    with pytest.raises(CohortError, match=r"^here: 'link\.csv' leads out of the study folder"):
        file_in_study(study, "link.csv", "here")


def test_a_link_to_a_folder_outside_is_refused(study: Path) -> None:
    (study / "up").symlink_to(study.parent)
    with pytest.raises(CohortError, match=r"leads out of the study folder"):
        file_in_study(study, "up/outside.csv", "here")


@pytest.mark.parametrize("file", ["dat.csv", ".", "", "data.csv/data.csv"])
def test_a_path_without_a_file_is_refused(study: Path, file: str) -> None:
    with pytest.raises(CohortError, match=r"^here: there is no file '.*' in the study folder"):
        file_in_study(study, file, "here")


@pytest.mark.parametrize("file", ["da\0ta.csv", "a" * 5000, "loop.csv"])
def test_a_path_that_cannot_be_followed_is_refused(study: Path, file: str) -> None:
    (study / "loop.csv").symlink_to(study / "loop.csv")
    with pytest.raises(CohortError, match=r"^here: (the path cannot be followed|there is no file)"):
        file_in_study(study, file, "here")


@pytest.mark.parametrize("text", ["NA", "n/a", "NaN", "", "  ", " NA "])
def test_the_usual_texts_mean_not_observed(tmp_path: Path, text: str) -> None:
    cohort = scored(write_study(tmp_path, WIDE.replace("001,35", f"001,{text}")))
    assert np.isnan(cohort.numbers("age", "d0")).tolist() == [True] + [False] * 5


def test_a_blank_cell_is_not_observed_whatever_else_is_missing(tmp_path: Path) -> None:
    """Who declares -99 does not mean that a blank is an answer, least of all a pseudonym."""
    part = wide_cohort(table={"file": "data.csv", "missing": ["-99", "NA"]})
    cohort = scored(write_study(tmp_path, WIDE.replace("001,35", "001,-99"), part))
    assert np.isnan(cohort.numbers("madrs", "d0")).tolist() == [False, True] + [False] * 4
    assert np.isnan(cohort.numbers("age", "d0")).tolist() == [True] + [False] * 5


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('id,note\n\na,"two\nlines"\n,,\nb,x\n')
    table, _ = read_table(path, "data.csv", missing=())
    assert table.index.tolist() == [3, 5]


def test_marks_and_line_ends_of_other_systems_change_nothing(tmp_path: Path) -> None:
    path, plain = tmp_path / "data.csv", tmp_path / "plain.csv"
    plain.write_text(WIDE)
    path.write_bytes(b"\xef\xbb\xbf" + WIDE.replace("\n", "\r\n").encode())
    table, _ = read_table(path, "data.csv", missing=())
    assert table.equals(read_table(plain, "plain.csv", missing=())[0])
