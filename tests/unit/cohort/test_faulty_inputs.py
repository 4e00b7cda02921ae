"""Every way a table can be wrong, and the whole message: place, what was found, what to do.

No message repeats what a patient answered; the wrong cells here hold a secret.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from heldout.errors import StudyError
from tests.unit.cohort.exports import (
    Table,
    cohort_of,
    exported_cohort,
    made_up,
    redcap,
    saved,
    text_file,
    workbook,
    write_spss,
)

SECRET, WORD = "4711.5", "SECRETWORD"
ROWS = made_up(4)
CSV = text_file(ROWS)
FURTHER = "id,crp\n000,1.5\n001,2.5\n"
WINDOWS = {
    "base": {"day": 0, "window": 7},
    "month1": {"day": 30, "window": 10},
    "month6": {"day": 180, "window": 30},
}


class Faulty(NamedTuple):
    """Files of a study, its cohort part, and the whole message."""

    files: Mapping[str, str | bytes | Table]
    part: dict[str, Any]
    message: str


def changed(row: int, column: str, value: str | float | None) -> Table:
    """Return the table with one cell replaced; `row` is the file's."""
    rows = [dict(one) for one in ROWS]
    assert column in rows[0]
    rows[row - 2][column] = value
    return rows


def cell(row: int, column: str, value: str, message: str, **table: Any) -> Faulty:
    """Return a CSV study of which one cell is wrong."""
    return csv(text_file(changed(row, column, value)), message, **table)


def csv(text: str | bytes, message: str, **table: Any) -> Faulty:
    """Return a CSV study."""
    return Faulty({"data.csv": text}, exported_cohort({"file": "data.csv"} | table), message)


def columns(message: str, text: str = CSV, **declared: Any) -> Faulty:
    """Return a CSV study in which columns are declared in another way."""
    part = exported_cohort({"file": "data.csv"})
    return Faulty({"data.csv": text}, part | {"columns": part["columns"] | declared}, message)


def book(message: str, *, file: str = "data.xlsx", **cells: Any) -> Faulty:
    """Return a study on a workbook, some cells of it replaced."""
    made = workbook(ROWS)
    for place, value in cells.items():
        made.active[place] = value
    return Faulty({file: saved(made)}, exported_cohort({"file": file}), message)


def merged() -> bytes:
    """Return a workbook in which a patient's name was merged over the visits."""
    made = workbook(ROWS)
    made.active.merge_cells("A2:A4")
    return saved(made)


def sheets() -> bytes:
    """Return a workbook of two sheets."""
    made = workbook(ROWS)
    made.create_sheet("legend")
    return saved(made)


def two(text: str, message: str, **table: Any) -> Faulty:
    """Return a study with a second table."""
    part = exported_cohort({"file": "data.csv"}, tables={"labs": {"file": "labs.csv"} | table})
    part["columns"] |= {"crp": {"kind": "number", "table": "labs"}}
    return Faulty({"data.csv": CSV, "labs.csv": text}, part, message)


def dated(row: int, column: str, value: str | None, message: str, **table: Any) -> Faulty:
    """Return a study whose rows have a date, one cell of them replaced."""
    seen = {"base": "2024-03-01", "month1": "2024-03-30", "month6": "2024-08-28"}
    rows = [one | {"seen": seen[str(one["visit"])], "start": "2024-03-01"} for one in ROWS]
    rows[row - 2] |= {column: value}
    if column == "start":
        rows = [one | {"start": value} if one["id"] == "000" else one for one in rows]
    layout = {"file": "data.csv", "visit": None, "date": "seen", "start": "start"} | table
    return Faulty({"data.csv": text_file(rows)}, exported_cohort(layout, visits=WINDOWS), message)


REMEDY = "Correct the table, or what cohort.columns.{} declares."
LEVELS = {"0": "f", "NA": "m"}
FAULTY = {
    "value out of range": cell(
        3,
        "madrs_4",
        "4711",
        "data.csv, column 'madrs_4': 1 of 12 values (row 3) lies outside 0..6. "
        + REMEDY.format("madrs"),
    ),
    "an answer between two answers": cell(
        3,
        "madrs_4",
        "3.25",
        "data.csv, column 'madrs_4': 1 of 12 values (row 3) is not a whole number, as answers to "
        "an item are. " + REMEDY.format("madrs"),
    ),
    "not a number": cell(
        3,
        "dose",
        WORD,
        "data.csv, column 'dose': 1 of 11 values (row 3) is not a number (a decimal point, no "
        "unit). " + REMEDY.format("dose"),
    ),
    "item missing from the table": csv(
        CSV.replace("madrs_7", "madrs_07"),
        "cohort.columns.madrs: the table has no column 'madrs_7'. It has: id, visit, sex, weight, "
        "dose, madrs_1, madrs_2, madrs_3, madrs_4, madrs_5, madrs_6, madrs_07 and 3 more. Did you "
        "mean 'madrs_07'?",
    ),
    "item column twice": csv(
        CSV.replace("madrs_7", "madrs_6"),
        "data.csv: 'madrs_6' stands twice in row 1 (columns 11, 12). Rename or remove one.",
    ),
    "mixed decimal marks": csv(
        text_file(changed(3, "dose", SECRET), ";", ".").replace(";28;", ";28,5;", 1),
        "data.csv, column 'dose': 1 of 11 values (row 2) has a decimal comma, and 5 "
        "(rows 3, 4, 6, 9, 10) have a decimal point. Write all numbers of the table with one mark, "
        "and declare it with 'decimal' beside 'file'.",
        separator=";",
    ),
    "wrong decimal mark declared": csv(
        text_file([one | {"dose": 0.75} for one in ROWS], ";", ","),
        "2 faults:\n"
        "  1. data.csv, column 'weight': 9 of 9 values (rows 2, 3, 4, 5, 6 and 4 more) have a "
        "decimal comma, and 'decimal' is '.'. Set 'decimal: \",\"' beside 'file', or correct the "
        "table.\n"
        "  2. data.csv, column 'dose': 12 of 12 values (rows 2, 3, 4, 5, 6 and 7 more) have a "
        "decimal comma, and 'decimal' is '.'. Set 'decimal: \",\"' beside 'file', or correct the "
        "table.",
        separator=";",
    ),
    "points where commas are declared": csv(
        text_file([one | {"weight": None, "dose": 0.75} for one in ROWS], ";", "."),
        "data.csv, column 'dose': 12 of 12 values (rows 2, 3, 4, 5, 6 and 7 more) have a decimal "
        "point, and 'decimal' is ','. Set 'decimal: \".\"' beside 'file', or correct the table.",
        separator=";",
        decimal=",",
    ),
    "wrong encoding": csv(
        (CSV + "#perché\n").encode("latin-1"),
        "data.csv: line 14 is not UTF-8 text. Save the table as CSV (UTF-8), or set 'encoding' "
        "beside 'file' (cp1252 for most files from Excel).",
    ),
    "UTF-8 declared as another encoding": csv(
        (CSV + "#perché\n").encode(),
        "data.csv: line 14 is UTF-8 text, which 'encoding: cp1252' would garble. Remove "
        "'encoding', or set it to utf-8.",
        encoding="cp1252",
    ),
    "empty file": csv("", "data.csv: holds no rows of patients. Give a table with names and rows."),
    "header only": csv(
        CSV.split("\n", 1)[0] + "\n",
        "data.csv: holds no rows of patients. Give a table with names and rows.",
    ),
    "a visit twice for a patient": cell(
        3,
        "visit",
        "base",
        "data.csv: patient 000 at base stands more than once (rows 2, 3). One row a patient and "
        "visit is required; merge or remove the others.",
    ),
    "ids with leading zeros read as numbers": two(
        FURTHER.replace("00", ""),
        "labs.csv, column 'id': patients 0, 1 are not in data.csv, but 000, 001 are: ids with "
        "leading zeros read as numbers. Make the column text in both tables, and restore the "
        "zeros.",
    ),
    "a further table of other patients": two(
        FURTHER.replace("00", "X"),
        "labs.csv, column 'id': none of its 2 patients is in data.csv. Check the columns of "
        "patients ('patient') of both tables.",
    ),
    "no id in a row": cell(4, "id", "", "data.csv: row 4 has no patient in 'id'. Add or drop it."),
    "negative days": dated(
        3,
        "seen",
        "2024-01-30",
        "data.csv, column 'seen': 1 row (row 3) has a negative day, before the patient's start, "
        "and fits no visit there. Correct dates whose day and month were exchanged, or the start; "
        "or declare a visit with that day.",
    ),
    "a follow-up before the start": dated(
        3,
        "seen",
        "2024-02-28",
        "data.csv, column 'seen': 1 row (row 3) has a negative day, before the patient's start, "
        "and fits no visit there. Correct dates whose day and month were exchanged, or the start; "
        "or declare a visit with that day.",
        visit="visit",
    ),
    "a date that is no date": dated(
        4,
        "seen",
        "30/08/2024",
        "data.csv, column 'seen': 1 of 12 values (row 4) is not a date written as %Y-%m-%d. "
        "Correct them, or set 'date_format' beside 'file' (dates of workbooks and SPSS are read "
        "as %Y-%m-%d).",
    ),
    "no date": dated(4, "seen", None, "data.csv, column 'seen': row 4 has no date. Add it."),
    "start date missing": dated(
        2,
        "start",
        None,
        "data.csv, column 'start': 1 patient has no start date (000). Days are counted from it; "
        "add it.",
    ),
    "visits without a window": Faulty(
        {"data.csv": text_file([one | {"day": 0.0} for one in ROWS])},
        exported_cohort({"file": "data.csv", "visit": None, "day": "day"}),
        "cohort.visits.base: visits base, month1, month6 have no 'window', and rows are put to "
        "visits by their day. Give each visit the days before and after that still count, such as "
        "'window: 3'.",
    ),
    "two rows of a patient on one day": Faulty(
        {"data.csv": text_file([one | {"day": 0.0} for one in ROWS[:3]])},
        exported_cohort({"file": "data.csv", "visit": None, "day": "day"}, visits=WINDOWS),
        "data.csv: patient 000 on day 0 stands more than once (rows 2, 3, 4). One row a patient "
        "and day is required; merge or remove the others.",
    ),
    "merged cells": Faulty(
        {"data.xlsx": merged()},
        exported_cohort({"file": "data.xlsx"}),
        "data.xlsx, sheet 'visits': cells A2:A4 are merged. Unmerge them and fill each.",
    ),
    "several sheets": Faulty(
        {"data.xlsx": sheets()},
        exported_cohort({"file": "data.xlsx"}),
        "data.xlsx: has 2 sheets ('visits', 'legend'). Set 'sheet' beside 'file' to the one that "
        "holds the table.",
    ),
    "unknown sheet": Faulty(
        {"data.xlsx": sheets()},
        exported_cohort({"file": "data.xlsx", "sheet": "visit"}),
        "data.xlsx: 'visit' is no known sheet. Known: visits, legend. Did you mean 'visits'?",
    ),
    "a formula without a value": book(
        "data.xlsx, sheet 'visits': 2 cells (E3, E14) hold a formula without its value. Open the "
        "workbook in a spreadsheet program and save it, or paste the values.",
        E3="=D3*2",
        E14="=SUM(D2:D13)",
    ),
    "a number typed with a unit": book(
        "data.xlsx, column 'dose': 1 of 11 values (row 5) is not a number (a decimal point, no "
        "unit). " + REMEDY.format("dose"),
        E5=f"{SECRET} mg",
    ),
    "not a workbook": Faulty(
        {"data.xlsx": WORD},
        exported_cohort({"file": "data.xlsx"}),
        "data.xlsx: is not a workbook that can be read (BadZipFile). Open it in a spreadsheet "
        "program and save it as .xlsx without a password, or as CSV (UTF-8).",
    ),
    "a damaged workbook": Faulty(
        {"data.xlsx": saved(workbook(ROWS))[:2000]},
        exported_cohort({"file": "data.xlsx"}),
        "data.xlsx: is not a workbook that can be read (BadZipFile). Open it in a spreadsheet "
        "program and save it as .xlsx without a password, or as CSV (UTF-8).",
    ),
    "a .sav that is not SPSS": Faulty(
        {"data.sav": WORD},
        exported_cohort({"file": "data.sav"}),
        "data.sav: is not an SPSS file that can be read. Save it again in SPSS as .sav or CSV "
        "(UTF-8); if its letters are the matter, set 'encoding' beside 'file'.",
    ),
    "a code that is not in the levels": cell(
        3,
        "sex",
        WORD,
        "data.csv, column 'sex': 1 of 12 values (row 3) is not among the levels 1, 2. "
        + REMEDY.format("sex"),
    ),
    "a code that is not in the value labels": Faulty(
        {"data.sav": changed(3, "sex", 4711.0)},
        exported_cohort({"file": "data.sav"}),
        "data.sav, column 'sex': 1 of 12 values (row 2) is not among the levels 1, 2 (1 not "
        "among the file's value labels either, which are of codes 1, 2). " + REMEDY.format("sex"),
    ),
    "semicolons instead of commas": csv(
        text_file(ROWS, ";", ","),
        "data.csv: row 1 is separated by semicolons, not by commas. Set 'separator: \";\"' beside "
        "'file' (and 'decimal: \",\"' if numbers have a decimal comma).",
    ),
    "commas instead of semicolons": csv(
        CSV,
        "data.csv: row 1 is separated by commas, not by semicolons. Set 'separator: \",\"' beside "
        "'file'.",
        separator=";",
    ),
    "ragged rows": csv(
        CSV.replace(",28,", ",28,5,", 1),
        "data.csv: 1 of 12 rows does not have 15 cells (row 2). Check separators and quotes.",
    ),
    "unknown visit code": cell(
        4,
        "visit",
        "month7",
        "data.csv, column 'visit': visit 'month7' is not declared. Declared: base, month1, month6. "
        "Declare it or list it under 'ignore_visits'.",
    ),
    "unknown table name": columns(
        "cohort.columns.crp.table: found table 'labs'; required: one of (none is declared). "
        "Declare it, or correct the name.",
        crp={"kind": "number", "table": "labs"},
    ),
    "file outside the study folder": Faulty(
        {},
        exported_cohort({"file": "../data.csv"}),
        "cohort.table.file: '../data.csv' leads out of the study folder. Data are read from inside "
        "it only; copy the file into the study.",
    ),
    "further file outside the study folder": Faulty(
        {"data.csv": CSV},
        exported_cohort({"file": "data.csv"}, tables={"labs": {"file": "../labs.csv"}}),
        "cohort.tables.labs.file: '../labs.csv' leads out of the study folder. Data are read from "
        "inside it only; copy the file into the study.",
    ),
    "level that also means missing": columns(
        "cohort.columns.sex: level 'NA' also means 'not observed', so nobody would have it. Set "
        "'table.missing' to the texts that mean nothing else.",
        text_file([one | {"sex": "0"} for one in ROWS]),
        sex={"kind": "category", "levels": LEVELS},
    ),
    "a total of an instrument without one": columns(
        "cohort.columns.rfq: rfq8 has no total. Give its items, or its scores (certainty, "
        "uncertainty, hypomentalizing) under 'scores'.",
        rfq={"instrument": "rfq8", "column": "dose"},
    ),
    "the total given twice": columns(
        "cohort.columns.phq: the total stands in 'column' and in 'scores'. Remove one.",
        phq={"instrument": "phq9", "column": "madrs_1", "scores": {"total": "madrs_2"}},
    ),
    "a column that a further table lacks": two(
        FURTHER.replace("crp", "CRP"),
        "cohort.columns.crp: the table labs.csv has no column 'crp'. It has: id, CRP.",
    ),
    "repeats of an instrument": Faulty(
        {"data.csv": redcap(ROWS) + "000,base_arm_1,madrs,1," + f"{SECRET}," * 12 + "\n"},
        exported_cohort(
            {"file": "data.csv", "visit": "redcap_event_name"},
            visits={"base": {"day": 0, "code": "base_arm_1"}}
            | {f"month{n}": {"day": 30 * n, "code": f"month{n}_arm_1"} for n in (1, 6)},
        ),
        "data.csv: 1 row (row 14) is of a repeating instrument and holds 'sex', 'weight', "
        "'dose', 'madrs_1', 'madrs_2' and 7 more. Which repeat counts is not declared; export "
        "from REDCap without repeating instruments, or remove these columns.",
    ),
    "several rows of an event that disagree": Faulty(
        {"data.csv": redcap(ROWS) + "000,base_arm_1,,,1,,,1" + "," * 9 + "\n"},
        exported_cohort(
            {"file": "data.csv", "visit": "redcap_event_name"},
            visits={"base": {"day": 0, "code": "base_arm_1"}}
            | {f"month{n}": {"day": 30 * n, "code": f"month{n}_arm_1"} for n in (1, 6)},
        ),
        "data.csv: patient 000 at base has several rows (rows 2, 14) that hold 'madrs_1'. One "
        "value a patient and visit is required; remove the others.",
    ),
}


def refusal(folder: Path, faulty: Faulty) -> str:
    """Return the message with which a study is refused."""
    for file, content in faulty.files.items():
        if isinstance(content, list):
            labels = {"sex": {1.0: "female", 2.0: "male"}}
            write_spss(folder / file, content, variable_value_labels=labels)
        else:
            (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StudyError) as refused:
        cohort_of(folder, faulty.part)
    return str(refused.value)


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY.keys())
def test_a_faulty_input_is_refused_with_place_finding_and_remedy(
    tmp_path: Path, faulty: Faulty
) -> None:
    assert refusal(tmp_path, faulty) == faulty.message


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY.keys())
def test_no_message_repeats_a_wrong_cell(tmp_path: Path, faulty: Faulty) -> None:
    message = refusal(tmp_path, faulty)
    assert not [secret for secret in (SECRET, WORD, "4711", "3.25") if secret in message]


def test_a_workbook_without_openpyxl_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    faulty = Faulty({"data.xlsx": b"PK"}, exported_cohort({"file": "data.xlsx"}), "")
    assert refusal(tmp_path, faulty) == (
        "data.xlsx: reading workbooks needs openpyxl, which is not installed. Run pip install "
        "'heldout[tables]', or save the sheet as CSV (UTF-8)."
    )
