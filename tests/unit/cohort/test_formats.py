"""One cohort is the same from every kind of file."""

import datetime
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from heldout.cohort.notation import cell_text, numbers_of
from heldout.cohort.tables import read_table
from heldout.errors import CohortError
from tests.unit.cohort.exports import (
    VISITS,
    cohort_of,
    exported_cohort,
    made_up,
    redcap,
    saved,
    text_file,
    workbook,
    write_spss,
)

ROWS = made_up()
LABELS = {"sex": {1.0: "female", 2.0: "male"}}


def write_csv(path: Path) -> dict[str, Any]:
    path.write_text(text_file(ROWS))
    return {}


def write_italian(path: Path) -> dict[str, Any]:
    path.write_bytes(b"\xef\xbb\xbf" + text_file(ROWS, ";", ",").replace("\n", "\r\n").encode())
    return {"separator": ";", "decimal": ","}


def write_tabs(path: Path) -> dict[str, Any]:
    path.write_text(text_file(ROWS, "\t"))
    return {}


def write_workbook(path: Path) -> dict[str, Any]:
    path.write_bytes(saved(workbook(ROWS)))
    return {}


def write_italian_workbook(path: Path) -> dict[str, Any]:
    """Some weights were typed as text with a comma; the others are numbers."""
    book = workbook(ROWS)
    for cell in book.active["D"][1::2]:
        cell.value = None if cell.value is None else str(cell.value).replace(".", ",")
    path.write_bytes(saved(book))
    return {"decimal": ","}


def write_sav(path: Path) -> dict[str, Any]:
    write_spss(path, ROWS, variable_value_labels=LABELS)
    return {}


FORMATS: dict[str, tuple[str, Callable[[Path], dict[str, Any]]]] = {
    "semicolons and decimal commas": ("data.csv", write_italian),
    "tabs": ("data.tsv", write_tabs),
    "workbook": ("data.xlsx", write_workbook),
    "workbook with decimal commas as text": ("data.XLSX", write_italian_workbook),
    "SPSS": ("data.sav", write_sav),
}


@pytest.mark.parametrize(("file", "write"), FORMATS.values(), ids=FORMATS.keys())
def test_one_cohort_is_bit_equal_from_every_format(
    tmp_path: Path, file: str, write: Callable[[Path], dict[str, Any]]
) -> None:
    write_csv(tmp_path / "plain.csv")
    plain = cohort_of(tmp_path, exported_cohort({"file": "plain.csv"}))
    said = write(tmp_path / file)
    other = cohort_of(tmp_path, exported_cohort({"file": file} | said))
    assert_frame_equal(other.values, plain.values, check_exact=True)
    assert plain.values[("weight", "base", 0)].isin([0.7 + 1e-16]).any()


def test_a_redcap_export_gives_the_same_cohort(tmp_path: Path) -> None:
    """Who the patients are stands in the row of the first event only."""
    write_csv(tmp_path / "plain.csv")
    (tmp_path / "redcap.csv").write_text(redcap(ROWS))
    plain = cohort_of(tmp_path, exported_cohort({"file": "plain.csv"}))
    events = {name: {"day": day, "code": f"{name}_arm_1"} for name, day in VISITS.items()}
    table = {"file": "redcap.csv", "visit": "redcap_event_name"}
    other = cohort_of(tmp_path, exported_cohort(table, visits=events))
    assert_frame_equal(other.values, plain.values, check_exact=True)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(".,"))
def test_a_number_of_a_workbook_comes_back_as_the_same_number(value: float, decimal: str) -> None:
    text = pd.Series([cell_text(value, decimal)], dtype="str")
    assert numbers_of(text, decimal).item() == value


def test_whole_numbers_and_dates_of_a_workbook_are_written_as_in_csv(tmp_path: Path) -> None:
    book = workbook(
        [
            {"id": "a", "n": 3.0, "x": 2.50},
            {"id": "b", "n": 12345678, "x": True},
        ]
    )
    book.active["D1"] = "seen"
    book.active["D2"] = datetime.datetime(2024, 3, 1)
    book.active["D3"] = datetime.datetime(2024, 3, 1, 13, 30)
    (tmp_path / "a.xlsx").write_bytes(saved(book))
    table, _ = read_table(tmp_path / "a.xlsx", "a.xlsx")
    assert table.to_numpy().tolist() == [
        ["a", "3", "2.5", "2024-03-01"],
        ["b", "12345678", "TRUE", "2024-03-01 13:30:00"],
    ]


def test_rows_of_a_workbook_are_numbered_as_shown_and_empty_columns_left_out(
    tmp_path: Path,
) -> None:
    book = workbook([{"id": "a", "n": 1.0}, {"id": None, "n": None}, {"id": "b", "n": 2.0}])
    book.active["H9"].number_format = "0.00"
    (tmp_path / "a.xlsx").write_bytes(saved(book))
    table, _ = read_table(tmp_path / "a.xlsx", "a.xlsx")
    assert (table.index.tolist(), list(table)) == ([2, 4], ["id", "n"])


def test_a_formula_that_gave_an_empty_text_is_a_blank_cell(tmp_path: Path) -> None:
    """=IF(A2="","",A2) is saved with an empty value, which is not the same as with none."""
    import zipfile

    book = workbook([{"id": "a", "n": 1.0}, {"id": "b", "n": 2.0}])
    book.active["B3"] = '=IF(A3="","",A3)'
    raw = tmp_path / "raw.xlsx"
    raw.write_bytes(saved(book))
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("sheet1.xml"):
                assert b'<c r="B3">' in content
                content = content.replace(b'<c r="B3">', b'<c r="B3" t="str">')
            new.writestr(name, content)
    table, _ = read_table(tmp_path / "a.xlsx", "a.xlsx")
    assert table["n"].isna().tolist() == [False, True]


def test_the_named_sheet_of_several_is_read(tmp_path: Path) -> None:
    book = workbook([{"id": "a", "n": 1.0}], title="old")
    book.create_sheet("new").append(["id", "m"])
    book["new"].append(["b", 2])
    (tmp_path / "a.xlsx").write_bytes(saved(book))
    table, _ = read_table(tmp_path / "a.xlsx", "a.xlsx", sheet="new")
    assert list(table) == ["id", "m"]


def test_missing_values_and_labels_of_spss_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.sav"
    rows: Any = [{"id": "a", "sex": 1.0, "n": -99.0}, {"id": "b", "sex": None, "n": 0.1}]
    labels = {"sex": "Sex of the patient"}
    write_spss(
        path, rows, variable_value_labels=LABELS, column_labels=labels, missing_ranges={"n": [-99]}
    )
    table, _ = read_table(path, "a.sav")
    assert table.index.tolist() == [1, 2]
    assert table.isna().to_numpy().tolist() == [[False, False, True], [False, True, False]]
    assert table.attrs == {
        "labels": {"sex": "Sex of the patient"},
        "levels": {"sex": {"1": "female", "2": "male"}},
    }


def test_dates_of_spss_are_written_year_month_day(tmp_path: Path) -> None:
    import pyreadstat

    frame = pd.DataFrame({"id": ["a", "b"], "seen": [datetime.date(2024, 3, 1), None]})
    pyreadstat.write_sav(frame, str(tmp_path / "a.sav"))
    table, _ = read_table(tmp_path / "a.sav", "a.sav")
    assert table["seen"].tolist()[0] == "2024-03-01"
    assert table["seen"].isna().tolist() == [False, True]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_letters_of_older_encodings_are_read(tmp_path: Path, encoding: Any) -> None:
    (tmp_path / "a.csv").write_bytes("id,città\na,perché\n".encode(encoding))
    table, _ = read_table(tmp_path / "a.csv", "a.csv", encoding=encoding)
    assert table["città"].tolist() == ["perché"]


def test_a_table_of_one_column_is_no_matter_of_separators(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\na\n")
    assert list(read_table(tmp_path / "a.csv", "a.csv")[0]) == ["id"]


def test_marks_inside_quoted_names_separate_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,"a;b;c;d"\n1,2\n')
    assert list(read_table(tmp_path / "a.csv", "a.csv")[0]) == ["id", "a;b;c;d"]


@pytest.mark.parametrize(
    ("file", "said", "pattern"),
    [
        ("a.xls", {}, r"^a\.xls: is not a file that can be read; readable: .csv.*as \.xlsx\.$"),
        ("a.parquet", {}, r"readable: \.csv, \.tsv, \.xlsx, \.sav\. Save it as one of these\.$"),
        ("a.csv", {"sheet": "x"}, r"^a\.csv: 'sheet' says nothing about \.csv files\. Remove it"),
        ("a.xlsx", {"separator": ";"}, r"'separator' says nothing about \.xlsx files"),
    ],
)
def test_what_a_file_cannot_be_is_refused(
    tmp_path: Path, file: str, said: dict[str, Any], pattern: str
) -> None:
    (tmp_path / file).write_text("id\na\n")
    with pytest.raises(CohortError, match=pattern):
        read_table(tmp_path / file, file, **said)


@pytest.mark.parametrize(
    ("module", "file"), [("openpyxl", "data.xlsx"), ("pyreadstat", "data.sav")]
)
def test_a_reader_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, file: str
) -> None:
    (tmp_path / file).write_bytes(b"x")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(CohortError, match=rf"needs {module}, .* pip install 'heldout\[tables\]'"):
        read_table(tmp_path / file, file)


def test_the_digest_is_of_the_bytes_and_of_every_table(tmp_path: Path) -> None:
    write_csv(tmp_path / "data.csv")
    (tmp_path / "more.csv").write_text("id,n\n001,1\n")
    alone = cohort_of(tmp_path, exported_cohort({"file": "data.csv"}))
    both = exported_cohort({"file": "data.csv"}, tables={"more": {"file": "more.csv"}})
    first = cohort_of(tmp_path, both).data_fingerprint
    (tmp_path / "more.csv").write_text("id,n\n001,2\n")
    prints = {alone.data_fingerprint, first, cohort_of(tmp_path, both).data_fingerprint}
    assert len(prints) == 3


def test_numbers_are_the_nearest_of_their_text() -> None:
    """A fast reader may be off by the last bit; then formats would differ."""
    texts = pd.Series(["0.30000000000000004", "5e-324", "1.7976931348623157e308"], dtype="str")
    np.testing.assert_array_equal(numbers_of(texts), [0.1 + 0.2, 5e-324, 1.7976931348623157e308])
