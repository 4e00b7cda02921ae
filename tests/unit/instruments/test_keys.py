"""Where the keys of questionnaires are found."""

from pathlib import Path
from typing import Any

import pytest

import heldout.instruments
from heldout.errors import InstrumentError
from heldout.instruments import instrument_names, load_keys
from heldout.spec import Experiment, read_instrument_key
from tests.unit.cohort.studies import wide_cohort, with_columns, write_study
from tests.unit.spec.studies import as_yaml

SHIPPED = sorted(Path(heldout.instruments.__file__).parent.joinpath("files").glob("*.yaml"))


def write_own_key(folder: Path, name: str = "madrs", **changes: Any) -> None:
    """Write a study's own key of two items."""
    key = {
        "id": name,
        "name": "Own",
        "construct": "psychache",
        "rater": "self",
        "items": 2,
        "item_min": 0,
        "item_max": [30, 40],
        "range": [0, 70],
        "higher_is": "worse",
        "sources": ["Nobody 2026"],
    }
    file = folder / "configs" / "instruments" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(as_yaml(key | changes), encoding="utf-8")


def asking_for(folder: Path, *instruments: str) -> Experiment:
    """Return an experiment whose columns name these instruments."""
    scores = {f"score{n}": {"instrument": name} for n, name in enumerate(instruments)}
    return write_study(folder, cohort=with_columns(wide_cohort(), **scores))


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_the_items_of_a_shipped_key_add_up_to_its_range(path: Path) -> None:
    key = read_instrument_key(path)
    assert key.range == (key.items * key.item_min, sum(key.item_max))


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_a_shipped_key_is_called_as_its_file(path: Path) -> None:
    """An experiment names the file; the report prints the key's own name."""
    assert read_instrument_key(path).id == path.stem


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_a_shipped_cut_off_lies_inside_the_range(path: Path) -> None:
    key = read_instrument_key(path)
    assert key.remission_at_most is None or key.range[0] <= key.remission_at_most < key.range[1]


@pytest.mark.parametrize(("name", "high"), [("madrs", 60), ("hamd17", 52), ("hamd6", 22)])
def test_the_depression_scales_have_their_published_maxima(
    tmp_path: Path, name: str, high: int
) -> None:
    """The sums above would also hold for a key in which two mistakes cancel."""
    assert load_keys(asking_for(tmp_path, name))[name].range == (0, high)


def test_the_shipped_instruments_are_known_everywhere(tmp_path: Path) -> None:
    assert instrument_names(tmp_path) == [path.stem for path in SHIPPED]


def test_a_studys_own_instrument_is_known_there(tmp_path: Path) -> None:
    write_own_key(tmp_path, "psychache")
    assert "psychache" in instrument_names(tmp_path)


def test_only_the_keys_that_columns_name_are_loaded(tmp_path: Path) -> None:
    assert list(load_keys(asking_for(tmp_path, "hamd6"))) == ["hamd6", "madrs"]


def test_a_studys_own_key_wins_over_a_shipped_one(tmp_path: Path) -> None:
    write_own_key(tmp_path)
    assert load_keys(asking_for(tmp_path))["madrs"].range == (0, 70)


def test_a_key_that_no_column_names_is_not_read(tmp_path: Path) -> None:
    write_own_key(tmp_path, "draft", items=3)
    assert list(load_keys(asking_for(tmp_path))) == ["madrs"]


def test_an_inconsistent_key_of_the_study_is_refused(tmp_path: Path) -> None:
    write_own_key(tmp_path, range=[0, 60])
    with pytest.raises(InstrumentError, match=r"^madrs\.yaml:\d+, range: .* add up to, 0 to 70\.$"):
        load_keys(asking_for(tmp_path))


def test_an_unknown_instrument_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        InstrumentError,
        match=r"^cohort\.columns\.score0\.instrument: 'madr' is no known instrument\. "
        r"Known: hamd17, hamd6, .*madrs.*\. Did you mean 'madrs'\?$",
    ):
        load_keys(asking_for(tmp_path, "madr"))


def test_all_unknown_instruments_come_out_at_once(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match=r"^2 faults:\n.*'phq'.*\n.*'bdi'"):
        load_keys(asking_for(tmp_path, "phq", "bdi"))
