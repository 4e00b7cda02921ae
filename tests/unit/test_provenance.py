"""The name of a run: one for everything that can change a figure."""

import re

import pytest

from heldout import provenance
from heldout.provenance import name_run


def test_a_run_is_named_by_twelve_digits() -> None:
    assert re.fullmatch("[0-9a-f]{12}", name_run("a", "b"))


def test_the_same_is_the_same_run() -> None:
    assert name_run("a", "b", ["c"]) == name_run("a", "b", ["c"])


def test_another_experiment_table_or_estimator_is_another_run() -> None:
    names = [
        name_run("a", "b"),
        name_run("x", "b"),
        name_run("a", "x"),
        name_run("b", "a"),
        name_run("a", "b", ["c"]),
        name_run("a", "b", ["d"]),
    ]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("name", "value"), [("code_digest", "x"), ("versions", {"numpy": "0"})])
def test_another_code_or_library_is_another_run(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    before = name_run("a", "b")
    monkeypatch.setattr(provenance, name, lambda: value)
    assert name_run("a", "b") != before
