"""Tables opened without being told how."""

from pathlib import Path

import pytest

from heldout.draft.opened import open_table
from heldout.errors import CohortError
from tests.unit.draft.drafts import points, rows_of, write_rows


def test_semicolons_decimal_commas_and_an_old_encoding_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_bytes("id;Größe;n\n001;1,75;3\n002;1,80;4\n".encode("cp1252"))
    spec = open_table(path).spec
    assert (spec.separator, spec.decimal, spec.encoding) == (";", ",", "cp1252")


def test_an_ordinary_table_needs_nothing_said(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("id,note\n001,1;2;3\n002,\n")
    spec = open_table(path).spec
    assert (spec.separator, spec.decimal, spec.encoding) == (None, ".", "utf-8")


def test_leading_zeros_stay(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "t.csv", rows_of(3))
    assert list(open_table(path).cells["id"]) == ["000", "001", "002"]


@pytest.mark.parametrize("code", ["-99", "999", "-9", "-99.0", "n.a.", "#NULL!", "."])
def test_what_means_not_observed_is_seen(tmp_path: Path, code: str) -> None:
    rows = rows_of(20, madrs=points(5, 50))
    rows[4]["madrs"] = rows[9]["madrs"] = code
    opened = open_table(write_rows(tmp_path / "t.csv", rows))
    assert opened.spec.missing[-1] == code
    assert opened.cells["madrs"].isna().sum() == 2


@pytest.mark.parametrize(
    ("code", "low", "high"), [("99", 40, 120), ("-9", -20, 20), ("999", 500, 2000)]
)
def test_a_number_among_others_like_it_is_a_value(
    tmp_path: Path, code: str, low: int, high: int
) -> None:
    rows = rows_of(20, lab=points(low, high))
    rows[4]["lab"] = code
    opened = open_table(write_rows(tmp_path / "t.csv", rows))
    assert code not in opened.spec.missing
    assert opened.cells["lab"].notna().all()


def test_a_code_that_is_a_value_elsewhere_is_left_to_a_person(tmp_path: Path) -> None:
    """The list of missing codes holds for the whole table: 99 kg would vanish with it."""
    rows = rows_of(20, madrs=points(5, 50), weight=points(60, 120))
    rows[4]["madrs"] = rows[6]["weight"] = "99"
    opened = open_table(write_rows(tmp_path / "t.csv", rows))
    assert opened.doubts == (
        "99 looks like 'not observed' in 'madrs' and like a value in 'weight'. Blank the cells "
        "that mean 'not observed', or add the code to 'missing'.",
    )
    assert "99" not in opened.spec.missing


def test_a_number_that_means_not_observed_is_put_to_decision(tmp_path: Path) -> None:
    """A lone 999 may be an error of typing; read as missing it would just be gone."""
    rows = rows_of(20, madrs=points(5, 50), phq9=points(0, 27))
    rows[4]["madrs"] = rows[4]["phq9"] = rows[9]["madrs"] = "-99"
    opened = open_table(write_rows(tmp_path / "t.csv", rows))
    (doubt,) = opened.doubts
    assert doubt.startswith("-99 is read as 'not observed' in 3 cells of 'madrs', 'phq9' (rows 6, ")


def test_a_word_that_means_not_observed_needs_no_decision(tmp_path: Path) -> None:
    rows = rows_of(20, madrs=points(5, 50))
    rows[4]["madrs"] = "n.a."
    assert not open_table(write_rows(tmp_path / "t.csv", rows)).doubts


def test_a_patient_called_99_does_not_vanish(tmp_path: Path) -> None:
    rows = rows_of(20, madrs=points(5, 50))
    rows[0]["id"] = rows[3]["madrs"] = "99"
    opened = open_table(write_rows(tmp_path / "t.csv", rows))
    assert opened.cells["id"].notna().all()


def test_a_table_without_names_is_refused_and_not_repeated(tmp_path: Path) -> None:
    """Row 1 is then a patient's answers."""
    path = tmp_path / "t.csv"
    path.write_text("17,9137.25,3\n18,12,4\n")
    with pytest.raises(CohortError, match="most of its 3 columns are named by numbers") as raised:
        open_table(path)
    assert "9137" not in str(raised.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"none.csv: cannot be read .* Check the path"):
        open_table(tmp_path / "none.csv")
