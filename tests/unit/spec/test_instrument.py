"""The key of a questionnaire."""

from pathlib import Path
from typing import Any

import pytest

from heldout.errors import InstrumentError
from heldout.spec import read_instrument_key
from tests.unit.spec.studies import as_yaml


def write_key(folder: Path, **changes: Any) -> Path:
    """Write a three-item key with some values replaced."""
    key = {
        "id": "mini",
        "name": "Mini",
        "construct": "psychache",
        "rater": "self",
        "items": 3,
        "item_min": 1,
        "item_max": [5, 5, 4],
        "range": [3, 14],
        "higher_is": "worse",
        "sources": ["Nobody 2026"],
    }
    path = folder / "mini.yaml"
    path.write_text(as_yaml(key | changes), encoding="utf-8")
    return path


def test_a_consistent_key_is_read(tmp_path: Path) -> None:
    key = read_instrument_key(write_key(tmp_path))
    assert (key.construct_, key.range, key.item_max) == ("psychache", (3.0, 14.0), (5, 5, 4))


def test_a_range_that_the_items_do_not_add_up_to_is_refused(tmp_path: Path) -> None:
    path = write_key(tmp_path, range=[0, 14])
    with pytest.raises(
        InstrumentError, match=r"^mini\.yaml:\d+, range: found 0 to 14; .* add up to, 3 to 14\.$"
    ):
        read_instrument_key(path)


def test_a_maximum_is_needed_for_every_item(tmp_path: Path) -> None:
    path = write_key(tmp_path, item_max=[5, 5])
    with pytest.raises(InstrumentError, match=r"item_max: found 2 entries; .* each of 3 items"):
        read_instrument_key(path)


def test_all_faults_of_a_key_come_out_at_once(tmp_path: Path) -> None:
    path = write_key(tmp_path, rater="patient", sources=[], item="text of an item")
    with pytest.raises(InstrumentError, match=r"^3 faults:"):
        read_instrument_key(path)


@pytest.mark.parametrize("text", ["", "id: [", "- id\n", "id: a\nid: b\n"])
def test_a_file_that_is_no_key_is_a_fault_of_the_instrument(tmp_path: Path, text: str) -> None:
    (tmp_path / "mini.yaml").write_text(text)
    with pytest.raises(InstrumentError, match=r"^mini\.yaml"):
        read_instrument_key(tmp_path / "mini.yaml")
