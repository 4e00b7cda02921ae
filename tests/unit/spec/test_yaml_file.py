"""YAML read as people write it."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.spec.yaml_file import Reading, read_value, read_yaml


def read(tmp_path: Path, text: str) -> Reading:
    """Write a text to x.yaml and read it."""
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8", newline="")
    return read_yaml(file, "x.yaml")


def fault_of(tmp_path: Path, text: str) -> str:
    """Return the one fault of a text."""
    (fault,) = read(tmp_path, text).faults
    return fault


@pytest.mark.parametrize(
    "word", ["NO", "no", "off", "on", "yes", "Y", "True", "NULL", "006", "-01"]
)
def test_a_word_or_a_code_stays_the_text_it_is(word: str) -> None:
    """YAML 1.1 makes false of a site called NO, and 6 of patient 006."""
    assert read_value(word).content == word


@pytest.mark.parametrize("word", ["2026-01-01", "1:30", "0x1F", "1_000", "0o17", "9" * 19, "1e"])
def test_what_only_resembles_a_number_stays_text(word: str) -> None:
    assert read_value(word).content == word


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30", 30),
        ("-7", -7),
        ("0", 0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("2.E3", 2000.0),
    ],
)
def test_plain_decimals_are_numbers(text: str, value: float) -> None:
    content = read_value(text).content
    assert (content, type(content)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("false", False), ("null", None), ("~", None), ("", None)]
)
def test_truth_and_nothing_have_one_spelling_each(text: str, value: object) -> None:
    assert read_value(text).content is value


@pytest.mark.parametrize("text", ["'true'", "'5'", '"null"', "'0.5'"])
def test_quotes_keep_a_text(text: str) -> None:
    assert read_value(text).content == text[1:-1]


@given(st.one_of(st.integers(-(10**17), 10**17), st.floats(allow_nan=False, allow_infinity=False)))
def test_every_number_is_read_back_as_python_writes_it(number: float) -> None:
    content = read_value(repr(number)).content
    assert (content, type(content)) == (number, type(number))


def test_a_code_as_a_key_keeps_its_zeros() -> None:
    assert read_value("{006: a, 1: b, true: c}").content == {"006": "a", "1": "b", "true": "c"}


def test_every_key_and_entry_has_its_line(tmp_path: Path) -> None:
    reading = read(tmp_path, "# why\nouter:\n  inner: 1\nlist:\n  - a\n  - {b: 2}\n")
    assert reading.places[("outer", "inner")] == "x.yaml:3"
    assert reading.places[("list", 1, "b")] == "x.yaml:6"


def test_a_file_from_a_windows_editor_is_read(tmp_path: Path) -> None:
    reading = read(tmp_path, "\ufeffseed: 1\r\nname: x\r\n")
    assert reading.content == {"seed": 1, "name": "x"}


def test_all_keys_written_twice_are_reported_with_both_lines(tmp_path: Path) -> None:
    faults = read(tmp_path, "a: 1\nb: {c: 1, c: 2}\na: 3\n").faults
    assert faults == (
        "x.yaml:2: found key 'c' twice. Keep one.",
        "x.yaml:3: found key 'a' twice, first at x.yaml:1. Keep one.",
    )


def test_a_key_that_differs_by_a_space_only_is_written_twice(tmp_path: Path) -> None:
    """Tables and names are compared without surrounding spaces, so one would be lost."""
    assert "found key 'a' twice" in fault_of(tmp_path, "a: 1\n' a ': 2\n")


@pytest.mark.parametrize("key", ["[a]", "{a: 1}", "~", "''", "null"])
def test_a_key_that_is_no_text_is_refused(tmp_path: Path, key: str) -> None:
    fault = fault_of(tmp_path, f"x: 1\n? {key}\n: 2\n")
    assert fault == "x.yaml:2: found a key that is not a text. Put it in quotes."


def test_anchors_and_aliases_are_refused_each_on_its_line(tmp_path: Path) -> None:
    faults = read(tmp_path, "a: &one {b: 1}\nc: *one\nd:\n  <<: *one\n").faults
    assert [fault.split(";")[0] for fault in faults] == [
        "x.yaml:1: found the anchor '&one'",
        "x.yaml:2: found the alias '*one'",
        "x.yaml:4: found the alias '*one'",
    ]


@pytest.mark.parametrize("text", ["a: &a [*a]", "&a {b: *a}"])
def test_an_alias_to_itself_is_refused_not_followed(text: str) -> None:
    assert any("found the alias '*a'" in fault for fault in read_value(text).faults)


def test_aliases_that_multiply_are_refused_before_they_grow() -> None:
    """Ten levels of ten aliases each would be 10**10 texts."""
    lines = ["l0: &l0 [x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 11)]
    assert len(read_value("\n".join(lines)).faults) == 11 + 100


@pytest.mark.parametrize("text", ["[" * 5000, "[" * 60 + "]" * 60, "{a: " * 60 + "1" + "}" * 60])
def test_deep_nesting_is_refused_without_recursion(text: str) -> None:
    (fault,) = read_value(text).faults
    assert "found more than 50 levels" in fault


@pytest.mark.parametrize("text", ["!!int abc", "!!bool yes", "!!python/name:os.system x", "!x y"])
def test_a_tag_is_refused(text: str) -> None:
    assert any("tags are not read" in fault for fault in read_value(text).faults)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("a:\n\tb: 1\n", r"^x\.yaml:2: found a tab .* Indent with spaces\.$"),
        ("a: 1\nb: {visit}_madrs\n", r"^x\.yaml:2: found text that is not YAML .* in quotes\.$"),
        ("a: 1\nb: c: d\n", r"^x\.yaml:2: found text that is not YAML"),
        ("a: 1\nb: \x07\n", r"^x\.yaml:2: found a control character\. Delete it\.$"),
        ('a: 1\nb: "\\ud800"\n', r"^x\.yaml:2: found a character that is no text"),
        ('a: 1\nb: [x, "\\udc00\\ud800"]\n', r"^x\.yaml:2: found a character that is no text"),
        ('a: 1\n"\\ud800": 2\n', r"^x\.yaml:2: found a character that is no text"),
        ('a: 1\nb: "\\UFFFFFFFF"\n', r"^x\.yaml:2: found a character that is no text"),
        ('a: 1\nb: "\\U00110000"\n', r"^x\.yaml:2: found a character that is no text"),
        ("a: 1\n---\nb: 2\n", r"^x\.yaml:2: found a second document"),
        ("", r"^x\.yaml: found nothing in the file; required: 'key: value' lines"),
        ("# only a comment\n", r"^x\.yaml: found nothing in the file"),
    ],
)
def test_a_text_that_cannot_be_read_names_line_and_remedy(
    tmp_path: Path, text: str, pattern: str
) -> None:
    assert re.search(pattern, fault_of(tmp_path, text))


def test_a_file_that_is_not_utf8_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"a: caf\xe9\n")
    (fault,) = read_yaml(tmp_path / "x.yaml", "x.yaml").faults
    assert fault.endswith("Save the file as UTF-8.")


def test_a_folder_is_a_fault(tmp_path: Path) -> None:
    (fault,) = read_yaml(tmp_path, "experiments").faults
    assert re.match(r"experiments: cannot be read \(.*\)\. Give a YAML file\.", fault)


def test_a_mistyped_file_name_gets_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "ketamine.yaml").touch()
    (fault,) = read_yaml(tmp_path / "ketamin.yaml", "ketamin.yaml").faults
    assert fault == (
        "ketamin.yaml: found no such file. Check the path. Did you mean 'ketamine.yaml'?"
    )


@given(st.text(max_size=40))
def test_any_text_gives_a_value_or_faults_but_never_an_exception(text: str) -> None:
    content: Any = read_value(text).content
    assert content is None or isinstance(content, str | int | float | bool | list | dict)


@pytest.mark.parametrize("text", ["\ud800", "a: \udfff"])
def test_half_of_a_character_on_the_command_line_is_no_text(text: str) -> None:
    """Bytes of another encoding come into the program so."""
    (fault,) = read_value(text).faults
    assert fault.startswith("command line: found a character that is no text")


def test_two_halves_are_one_character_as_json_writes_it() -> None:
    content = read_value('{"\\ud83d\\ude00": "\\ud83d\\ude00"}').content
    assert content == {"\U0001f600": "\U0001f600"}
