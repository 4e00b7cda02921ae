"""The commands about questionnaires."""

import json
from pathlib import Path

import pytest

from heldout.cli import main

ITEMS = "\n".join(["id,q1,q2,q3,q4,q5,q6,q7", "b,2,0,3,1,2,1,3", "a,2,,3,1,2,1,3", "c,,,,,,,"])


def write_items(folder: Path, text: str = ITEMS) -> str:
    """Write a table and return its path."""
    path = folder / "items.csv"
    path.write_text(text)
    return str(path)


def test_the_list_fits_the_terminal_and_names_every_instrument(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["instruments"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line.startswith("rfq8 ")] == [
        "rfq8                8  mixed     high        certainty, uncertainty ..."
    ]
    assert [line[:22] for line in lines if line.startswith("mzq15")] == ["mzq15               - "]


def test_one_instrument_is_told_with_its_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["instruments", "sidas"]) == 0
    out = capsys.readouterr().out
    assert "Not asked    where item 1 is 0, 2-5 count as 0" in out
    assert "van Spijker" in out
    assert max(map(len, out.splitlines())) <= 80


def test_an_instrument_is_told_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["instruments", "gaf", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["construct"], facts["not_assessed"]) == ("global functioning", {"1": [0]})


def test_scores_go_to_the_screen_and_the_audit_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["score", "gad7", write_items(tmp_path), "--items", "q{item}", "--patient", "id"]
    assert main([*command, "--prorate", "80%"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "id,total\nb,12\na,14\nc,\n"
    assert "total: 2 scored, 1 of them prorated, 1 missing, 1 of them without any" in captured.err


def test_scores_may_go_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "scores.csv"
    command = ["score", "gad7", write_items(tmp_path), "--items", "q{item}", "--out", str(out)]
    assert main(command) == 0
    assert out.read_text() == "row,total\n2,12\n3,\n4,\n"
    assert capsys.readouterr().out == ""


def test_scores_and_audit_are_one_json_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["score", "gad7", write_items(tmp_path), "--items", "q{item}", "--patient", "id"]
    assert main([*command, "--json"]) == 0
    captured = capsys.readouterr()
    facts = json.loads(captured.out)
    assert facts["scores"][1] == {"id": "a", "total": None}
    assert facts["audit"][0]["missing"] == ["a", "c"]
    assert captured.err == ""
    # Beside a file both are made.
    out = tmp_path / "scores.csv"
    assert main([*command, "--json", "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out) == facts
    assert out.read_text() == "id,total\nb,12\na,\nc,\n"


def test_wrong_answers_are_told_by_the_rows_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_items(tmp_path, ITEMS.replace("a,2", "a,9137"))
    assert main(["score", "gad7", path, "--items", "q{item}", "--patient", "id"]) == 1
    err = capsys.readouterr().err
    assert "column 'q1': 1 value (row 3) is none of 0 to 3 in whole numbers." in err
    assert "9137" not in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ITEMS, "--patient: the table has no column 'ID'"),
        (ITEMS.replace("id,", "ID,").replace("a,2", ",2"), "column 'ID': rows 3 name no patient."),
    ],
)
def test_patients_must_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    path = write_items(tmp_path, text)
    assert main(["score", "gad7", path, "--items", "q{item}", "--patient", "ID"]) == 1
    assert message in capsys.readouterr().err


SIDAS = "\n".join(["id,s1,s2,s3,s4,s5", "P03,0,0,10,10,10", "P04,0,,,,", "P05,3,7,3,8,2"])
REDCAP = "\n".join(
    ["record_id,event,q1,q2,q3,q4,q5,q6,q7"]
    + [f"{who},{event},2,0,3,1,2,1,3" for who in ("a", "b") for event in ("base", "month1")]
)


def scoring(path: str, *more: str, instrument: str = "gad7") -> list[str]:
    """Return the command that scores items called q1, q2 and so on."""
    return ["score", instrument, path, "--items", "q{item}", *more]


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was said on standard error, on one line."""
    return " ".join(capsys.readouterr().err.split())


def test_the_table_that_is_read_is_never_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_items(tmp_path)
    assert main(scoring(path, "--out", path)) == 1
    assert "is the very table that is read; nothing was written. Name another" in told(capsys)
    assert Path(path).read_text() == ITEMS


@pytest.mark.parametrize("link", [False, True])
def test_no_other_file_is_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], link: bool
) -> None:
    out = tmp_path / "other.csv"
    if link:
        out.symlink_to(tmp_path / "nowhere.csv")
    else:
        out.write_text("mine")
    assert main(scoring(write_items(tmp_path), "--out", str(out))) == 1
    assert "other.csv exists already; nothing was written. Name another file." in told(capsys)
    assert out.is_symlink() if link else out.read_text() == "mine"


def test_only_what_is_written_may_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.xlsx"
    assert main(scoring(write_items(tmp_path), "--out", str(out))) == 2
    assert "does not end in .csv or .tsv" in told(capsys)
    assert not out.exists()


def test_a_tsv_file_has_tabs(tmp_path: Path) -> None:
    out = tmp_path / "scores.tsv"
    assert main(scoring(write_items(tmp_path), "--out", str(out))) == 0
    assert out.read_text().splitlines()[:2] == ["row\ttotal", "2\t12"]


def test_who_contradicts_a_skip_rule_is_counted_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["score", "sidas", write_items(tmp_path, SIDAS), "--items", "s{item}"]
    assert main([*command, "--patient", "id"]) == 0
    err = told(capsys)
    assert "3 scored, 0 missing, 1 with items skipped, 1 contradicting the skip rule" in err
    assert "were not asked are answered above 0 for: P03. The score follows the rule" in err
    assert "P04" not in err
    assert main([*command, "--patient", "id", "--json"]) == 0
    audit = json.loads(capsys.readouterr().out)["audit"][0]
    assert (audit["contradicting"], audit["skipped"]) == (["P03"], ["P04"])


@pytest.mark.parametrize("mark", [";", "\t"])
def test_the_separator_is_found_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mark: str
) -> None:
    path = write_items(tmp_path, ITEMS.replace(",", mark))
    assert main(scoring(path, "--patient", "id")) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["id,total", "b,12"]


def test_the_encoding_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(ITEMS.replace("b,2", "Zoë,2").encode("cp1252"))
    assert main(scoring(str(path), "--patient", "id")) == 0
    assert capsys.readouterr().out.splitlines()[1] == "Zoë,12"


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        (
            ITEMS.replace(",", ";"),
            ["--separator", ","],
            "row 1 is separated by semicolons, not by commas. Write --separator ';', or leave",
        ),
        (ITEMS.replace("q1", "x1"), [], "where they are with --items and a pattern such as 'q"),
        (ITEMS, ["--higher-is", "worse"], "says what higher means. Leave out --higher-is."),
        (ITEMS, ["--sheet", "one"], "--sheet: says nothing about .csv files"),
    ],
)
def test_what_to_do_is_said_in_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, more: list[str], message: str
) -> None:
    assert main(scoring(write_items(tmp_path, text), *more)) == 1
    err = told(capsys)
    assert message in err
    assert "'file'" not in err


def test_prorating_is_refused_in_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_items(tmp_path)
    assert main(scoring(path, "--prorate", "80%", instrument="sidas")) == 1
    assert "may not be filled in. Leave out --prorate." in told(capsys)


def test_a_sheet_of_several_is_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "notes"
    book.active.append(["nothing"])
    sheet = book.create_sheet("items")
    for line in ITEMS.splitlines():
        sheet.append([cell or None for cell in line.split(",")])
    path = tmp_path / "items.xlsx"
    book.save(path)
    assert main(scoring(str(path))) == 1
    assert "Name with --sheet the one that holds the table." in told(capsys)
    assert main(scoring(str(path), "--sheet", "items")) == 0
    assert capsys.readouterr().out.splitlines()[1] == "2,12"
    assert main(scoring(str(path), "--separator", ";")) == 1
    assert "--separator: says nothing about .xlsx files" in told(capsys)


def test_a_file_that_is_not_there_is_said_not_to_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(scoring(str(tmp_path / "none.csv"))) == 1
    err = told(capsys)
    assert "none.csv: there is no such file. Check the path" in err
    assert "rights" not in err


@pytest.mark.parametrize("command", [["instruments", "RFQ8"], ["score", "RFQ8", "nowhere.csv"]])
def test_an_unknown_instrument_is_wrong_usage_and_told_first(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 2
    err = told(capsys)
    assert err.startswith("instrument: 'RFQ8' is no known instrument.")
    assert err.endswith("Did you mean 'rfq8'?")


def test_ids_that_stand_twice_keep_their_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_items(tmp_path, REDCAP)
    assert main(scoring(path, "--patient", "record_id")) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[:3] == ["record_id,row,total", "a,2,12", "a,3,12"]
    note = " ".join(captured.err.split())
    assert "Note: 2 of 2 ids in record_id stand several times, in 4 rows. The column 'row'" in note
    assert "name their column with a second --patient" in note
    assert main(scoring(path, "--patient", "record_id", "--json")) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["scores"][1] == {"record_id": "a", "row": "3", "total": 12}
    assert "several times" in facts["notes"][0]


def test_patient_and_visit_name_a_row_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_items(tmp_path, REDCAP.replace("b,month1,2", "b,month1,"))
    command = scoring(path, "--patient", "record_id", "--patient", "event")
    assert main(command) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[:2] == ["record_id,event,total", "a,base,12"]
    assert "Note" not in captured.err
    assert main([*command, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["audit"][0]["missing"] == ["b month1"]
    assert facts["notes"] == []


def test_a_column_named_twice_for_patients_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_items(tmp_path, REDCAP)
    assert main(scoring(path, "--patient", "event", "--patient", "event")) == 1
    assert told(capsys) == "--patient: names 'event' 2 times. Once will do."


def test_a_language_that_was_not_verified_is_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_items(tmp_path)
    assert main(scoring(path, "--language", "fr")) == 0
    assert "Note: the key of gad7 was published for the version 'en'." in told(capsys)
    assert main(scoring(path, "--language", "fr", "--json")) == 0
    assert "was not verified" in json.loads(capsys.readouterr().out)["notes"][0]


@pytest.mark.parametrize(
    ("instrument", "answers"),
    [
        ("hamd17", "items 4-6, 12-14, 17: 0 to 2 in whole numbers; item 16: 0 to 2 in"),
        ("ymrs", "items 5-6, 8-9: 0, 2, 4, 6, 8"),
    ],
)
def test_the_answers_of_items_that_differ_are_shown(
    instrument: str, answers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["instruments", instrument]) == 0
    out = capsys.readouterr().out
    assert answers in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


def test_items_with_the_same_answers_are_told_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["instruments", "gad7"]) == 0
    assert "Answers" not in capsys.readouterr().out
