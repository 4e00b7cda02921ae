"""The experiment as `heldout plan` shows it: narrow, and the same experiment when read."""

from pathlib import Path
from typing import Any

import pytest

from heldout.spec.yaml_file import read_yaml
from heldout.study.facts import yaml_lines

LONG = (
    "Which patients with treatment-resistant depression respond to ketamine after 2 days, and why"
)
WORDS = [f"feature_number_{number}" for number in range(12)]


def shown(value: dict[str, Any]) -> str:
    """Return a mapping as YAML."""
    return "\n".join(yaml_lines(value)) + "\n"


def read(folder: Path, text: str) -> Any:
    """Return what the project's own reader makes of YAML."""
    path = folder / "shown.yaml"
    path.write_text(text, encoding="utf-8")
    reading = read_yaml(path, path.name)
    assert not reading.faults
    return reading.content


@pytest.mark.parametrize(
    "value",
    [
        {"question": LONG},
        {"question": f"{LONG}: a colon, # a hash, - a dash, 'quotes' and \"more\"; über alles."},
        {"question": f"& {LONG}"},
        {"cohort": {"visits": {"b0": {"label": LONG}}}},
        {"include": [{"label": LONG, "column": "age"}, {"column": "sex", "label": LONG}]},
        {"outer": [{"inner": [{"label": LONG}]}]},
        {"features": [{"columns": WORDS, "build": "clinical"}]},
        {"missing": ["", "NA", "a text of words, and a comma", *WORDS]},
        {"levels": {"1": LONG, "true": "null"}},
    ],
)
def test_what_is_shown_is_narrow_and_reads_as_it_was(tmp_path: Path, value: dict[str, Any]) -> None:
    text = shown(value)
    assert max(map(len, text.splitlines())) <= 80
    assert read(tmp_path, text) == value


@pytest.mark.parametrize(
    "value",
    [
        f"{LONG}  two spaces",
        f" {LONG}",
        f"{LONG} ",
        f"{LONG}\nanother line",
        f"{LONG}\ta tab",
        f"{LONG}\u00a0a hard space",
        "x" * 100,
        "https://example.org/" + "x" * 100,
        f"{LONG} {'x' * 100}",
    ],
)
def test_what_folding_would_change_still_reads_as_it_was(tmp_path: Path, value: str) -> None:
    assert read(tmp_path, shown({"question": value})) == {"question": value}


def test_what_fits_stands_on_one_line() -> None:
    assert shown({"title": "Short title", "models": ["ridge", "xgboost"]}) == (
        'title: "Short title"\nmodels: [ridge, xgboost]\n'
    )
