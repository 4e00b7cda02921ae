"""What the stand-alone script takes for an answer, and what it says of a bad one."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from heldout.export.predict import (
    FILES,
    Refused,
    check_files,
    check_schema,
    matrix_of,
    read_patients,
    score_file,
    value_of,
)


def feature(name: str, **changes: Any) -> dict[str, Any]:
    """Return a feature of an old schema: a number of one input."""
    plain = {"inputs": [name], "operation": "number", "level": None, "levels": [], "bounds": None}
    return {"name": name, "input_bounds": {}} | plain | changes


def schema(*features: dict[str, Any], missing: tuple[str, ...] = ("",)) -> dict[str, Any]:
    """Return a bundle's schema, written in the first format and read in today's."""
    return check_schema(first_format(*features, missing=missing))


def first_format(*features: dict[str, Any], missing: tuple[str, ...] = ("",)) -> dict[str, Any]:
    """Return the schema of a bundle of the first format."""
    return {
        "format": 1,
        "patient": "pid",
        "missing": [*missing],
        "also_known": [],
        "features": [*features],
    }


SCALE = feature(
    "scale",
    inputs=["q1", "q2"],
    operation="sum",
    bounds=[3, 6],
    input_bounds={"q1": [0, 4], "q2": [0, 2]},
)
AGE, BMI = feature("age", bounds=[0, 120]), feature("bmi")
REGION = feature("region", operation="level", level="NA", levels=["EU", "NA"])


def table(path: Path, text: str) -> Path:
    """Write a table of new patients."""
    path = path / "new.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    ["5", "+5", "-5.5", "5.", ".5", "1e3", "1E-02", "1_0", "１０", "٣", "1e", "1,5", "0x1F", "nan"],  # noqa: RUF001
)
def test_a_number_is_what_training_took_for_one(text: str) -> None:
    """Python's own float() also takes '1_0' and the digits of other scripts."""
    learnt = pd.to_numeric(pd.Series([text], dtype="str"), errors="coerce").astype("float64")
    np.testing.assert_equal(value_of(text, {"bounds": None, "missing": []})[0], learnt[0])


@pytest.mark.parametrize("text", ["1e16", "-1e999"])
def test_a_number_without_a_range_is_as_large_as_in_training(text: str) -> None:
    assert value_of(text, {"bounds": None, "missing": []})[1] == "is out of range -1e+15..1e+15"


def test_a_code_of_the_study_for_missing_is_missing() -> None:
    rows = [(2, {"age": "999", "bmi": "20"}), (3, {"age": "", "bmi": "20"})]
    assert np.isnan(matrix_of(rows, schema(AGE, BMI, missing=("999",)))[:, 0]).all()


def test_a_blank_is_missing_whatever_the_study_says() -> None:
    rows = [(2, {"age": "", "bmi": "20"})]
    assert np.isnan(matrix_of(rows, schema(AGE, BMI, missing=()))[0, 0])


def test_a_word_that_means_missing_elsewhere_is_refused_here() -> None:
    with pytest.raises(Refused, match=r"column 'age' is not a number .*: rows 2\."):
        matrix_of([(2, {"age": "NA"})], schema(AGE))


def test_a_level_that_looks_missing_stays_a_level() -> None:
    matrix = matrix_of([(2, {"region": "NA"}), (3, {"region": "EU"})], schema(REGION))
    assert matrix.tolist() == [[1.0], [0.0]]


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    path = table(tmp_path, '\nage\n40\n\n" "\nold\n')
    rows = read_patients(path, schema(AGE))
    with pytest.raises(Refused, match=r"column 'age' is not a number .*: rows 6\."):
        matrix_of(rows, schema(AGE))


def test_a_cell_may_hold_a_line_break(tmp_path: Path) -> None:
    """Spreadsheets write them in notes; the row is still one, as it was in training."""
    path = table(tmp_path, 'note,age\n"A\n1",40\nA2\u2028,41\n')
    numbers = [number for number, _ in read_patients(path, schema(AGE))]
    assert numbers == [2, 3]


def test_short_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    path = table(tmp_path, "age,bmi\n\n40,20\n\n41\n")
    with pytest.raises(Refused, match=r"rows 5 do not have 2 cells"):
        read_patients(path, schema(AGE, BMI))


@pytest.mark.parametrize(
    "first", ["P77,61,SECRETWORD", "P77;61;SECRETWORD", "P77,old,SECRETWORD", "age,61,SECRETWORD"]
)
def test_a_patient_in_place_of_the_names_is_not_repeated(tmp_path: Path, first: str) -> None:
    path = table(tmp_path, f"{first}\n{first}\n")
    with pytest.raises(Refused, match=r"must hold the names|commas do not separate") as refusal:
        read_patients(path, schema(AGE, BMI))
    # The path may hold any digits.
    message = str(refusal.value).replace(str(path), "")
    assert not [cell for cell in ("P77", "61", "SECRETWORD") if cell in message]


def test_an_input_may_be_named_by_a_number(tmp_path: Path) -> None:
    assert read_patients(table(tmp_path, "17\n40\n"), schema(feature("17"))) == [(2, {"17": "40"})]


def test_a_cell_beyond_what_csv_holds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"new\.csv: is not a CSV file \(field larger than"):
        read_patients(table(tmp_path, f"age\n{'4' * 140_000}\n"), schema(AGE))


def sums_of(names: list[str], folder: Path) -> None:
    """Write empty files of these names and list them."""
    for name in names:
        if "/" not in name:
            (folder / name).write_bytes(b"")
    empty = hashlib.sha256(b"").hexdigest()
    text = "".join(f"{empty}  {name}\n" for name in names)
    (folder / "SHA256SUMS").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "names",
    [
        [],
        list(FILES[:-1]),
        [*FILES, FILES[0]],
        [*FILES, "more.json"],
        [*FILES[:-1], f"../{FILES[-1]}"],
    ],
    ids=["none", "one left out", "one twice", "one more", "one elsewhere"],
)
def test_checksums_must_list_each_file_of_a_bundle_once(tmp_path: Path, names: list[str]) -> None:
    sums_of(names, tmp_path)
    with pytest.raises(Refused, match="SHA256SUMS: does not name"):
        check_files(tmp_path)


def test_checksums_of_all_files_pass(tmp_path: Path) -> None:
    sums_of(list(FILES), tmp_path)
    check_files(tmp_path)


def test_checksums_that_are_no_text_are_refused(tmp_path: Path) -> None:
    sums_of(list(FILES), tmp_path)
    (tmp_path / "SHA256SUMS").write_bytes(b"\xff\xfe\n")
    with pytest.raises(Refused, match="SHA256SUMS: is not UTF-8"):
        check_files(tmp_path)


def test_a_folder_that_cannot_be_looked_into_is_refused(tmp_path: Path) -> None:
    """A name that is too long stands for a missing right, which the root user always has."""
    with pytest.raises(Refused, match=r"cannot be read \(File name too long\)"):
        score_file(tmp_path / ("x" * 300), tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        first_format(),
        first_format(AGE) | {"format": 5},
        first_format(AGE) | {"patient": 1},
        first_format(AGE) | {"missing": "NA"},
        first_format(feature("age", inputs=[1])),
        first_format(feature("age", operation="level", levels="EU")),
        first_format(feature("age", bounds=["0", "9"])),
        first_format(feature("age", bounds=[9, 0])),
    ],
)
def test_a_schema_that_does_not_say_what_is_needed_is_refused(wrong: dict[str, Any]) -> None:
    """Here, and not in the midst of a table whose author could do nothing about it."""
    with pytest.raises(ValueError, match="schema"):
        check_schema(wrong)


def test_a_whole_schema_passes() -> None:
    assert check_schema(schema(AGE, BMI, REGION)) == schema(AGE, BMI, REGION)


@pytest.mark.parametrize(
    ("q1", "q2", "words"),
    [
        ("1", "3", r"column 'q2' is out of range 0\.\.2: rows 2\."),
        ("1", "1", r"the items of 'scale' add up to what is out of range 3\.\.6: rows 2\."),
    ],
)
def test_each_item_and_their_sum_have_ranges_of_their_own(q1: str, q2: str, words: str) -> None:
    """An item's maximum is its own, and inclusion may bound the sum."""
    with pytest.raises(Refused, match=words):
        matrix_of([(2, {"q1": q1, "q2": q2})], schema(SCALE))


def test_items_within_their_ranges_are_added_up() -> None:
    assert matrix_of([(2, {"q1": "4", "q2": "2"})], schema(SCALE)).tolist() == [[6.0]]


def test_a_patient_who_stands_twice_is_refused(tmp_path: Path) -> None:
    """Of two predictions nobody could say which is the patient's."""
    path = table(tmp_path, "pid,age\nA1,40\nA2,41\n A1 ,42\n,43\n,44\n")
    with pytest.raises(Refused, match=r"'pid' names a patient more than once: rows 2, 4\. One row"):
        read_patients(path, schema(AGE))


def test_patients_without_a_name_do_not_stand_twice(tmp_path: Path) -> None:
    assert len(read_patients(table(tmp_path, "pid,age\n,40\n,41\n"), schema(AGE))) == 2


@pytest.mark.parametrize("name", ["A\x001", '"A\n1"', "A\x7f", "A\x1b[2J1"])
def test_a_control_character_in_a_name_is_refused(tmp_path: Path, name: str) -> None:
    """The cohort refuses it too; on a screen it would do as it likes."""
    with pytest.raises(Refused, match=r"'pid' holds a control character, such as .*: rows 2\."):
        read_patients(table(tmp_path, f"pid,age\n{name},40\n"), schema(AGE))


def test_all_faults_of_names_come_out_at_once(tmp_path: Path) -> None:
    path = table(tmp_path, "pid,age\nA\x001,40\nA2,41\nA2,42\n")
    with pytest.raises(Refused) as refused:
        read_patients(path, schema(AGE))
    assert len(str(refused.value).splitlines()) == 2
