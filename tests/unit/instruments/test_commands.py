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


def test_wrong_answers_are_told_by_the_rows_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_items(tmp_path, ITEMS.replace("a,2", "a,9137"))
    assert main(["score", "gad7", path, "--items", "q{item}", "--patient", "id"]) == 1
    err = capsys.readouterr().err
    assert "column 'q1': 1 values (rows 3) are none of 0 to 3" in err
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
