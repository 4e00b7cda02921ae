"""Where keys are found, and what may be asked of them."""

from pathlib import Path
from typing import Any

import pytest

import heldout.instruments
from heldout.errors import InstrumentError
from heldout.instruments.keys import instrument_names, load_key, load_keys
from heldout.spec.experiment import Experiment
from tests.unit.cohort.studies import wide_cohort, with_columns, write_study
from tests.unit.spec.studies import as_yaml

SHIPPED = sorted(Path(heldout.instruments.__file__).parent.joinpath("files").glob("*.yaml"))
PLACE = r"^cohort\.columns\.score: "


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
        "scores": {"total": {"range": [0, 70], "higher_is": "worse"}},
        "confidence": "high",
        "sources": ["Nobody 2026"],
    }
    file = folder / "configs" / "instruments" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(as_yaml(key | changes), encoding="utf-8")


def asking_for(folder: Path, **declared: Any) -> Experiment:
    """Return an experiment that declares one more column."""
    return write_study(folder, cohort=with_columns(wide_cohort(), score=declared))


def test_the_shipped_instruments_are_known_everywhere(tmp_path: Path) -> None:
    assert instrument_names(tmp_path) == [path.stem for path in SHIPPED]


def test_a_studys_own_instrument_is_known_there(tmp_path: Path) -> None:
    write_own_key(tmp_path, "psychache")
    assert "psychache" in instrument_names(tmp_path)


def test_only_the_keys_that_columns_name_are_loaded(tmp_path: Path) -> None:
    assert list(load_keys(asking_for(tmp_path, instrument="hamd6"))) == ["hamd6", "madrs"]


def test_a_studys_own_key_wins_over_a_shipped_one(tmp_path: Path) -> None:
    write_own_key(tmp_path)
    experiment = asking_for(tmp_path, instrument="hamd6")
    assert load_keys(experiment)["madrs"].scores["total"].range == (0, 70)
    assert load_key("madrs", tmp_path).items == 2


def test_a_key_that_no_column_names_is_not_read(tmp_path: Path) -> None:
    write_own_key(tmp_path, "draft", items=3)
    assert list(load_keys(write_study(tmp_path))) == ["madrs"]


def test_an_inconsistent_key_of_the_study_is_refused(tmp_path: Path) -> None:
    write_own_key(tmp_path, item_max=30)
    with pytest.raises(
        InstrumentError, match=r"^madrs\.yaml:\d+, scores\.total\.range: .* give 0 to 60\.$"
    ):
        load_keys(write_study(tmp_path))


def test_an_unknown_instrument_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        InstrumentError,
        match=r"^cohort\.columns\.score\.instrument: 'madr' is no known instrument\. "
        r"Known: aaq2, .*madrs.*\. Did you mean 'madrs'\?$",
    ):
        load_keys(asking_for(tmp_path, instrument="madr"))


@pytest.mark.parametrize("name", ["RFQ8", "Rfq-8"])
def test_capitals_do_not_hide_the_instrument_that_is_meant(tmp_path: Path, name: str) -> None:
    with pytest.raises(InstrumentError, match=r"Did you mean 'rfq8'\?$"):
        load_key(name, tmp_path)
    with pytest.raises(InstrumentError, match=r"Did you mean 'rfq8'\?$"):
        load_keys(asking_for(tmp_path, instrument=name.replace("-", "")))


def test_one_key_is_loaded_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match=r"^instrument: 'rfq' is no known .*'rfq8'\?$"):
        load_key("rfq", tmp_path)


def test_all_unknown_instruments_come_out_at_once(tmp_path: Path) -> None:
    columns = {"one": {"instrument": "phq"}, "two": {"instrument": "bdi"}}
    experiment = write_study(tmp_path, cohort=with_columns(wide_cohort(), **columns))
    with pytest.raises(InstrumentError, match=r"^2 faults:\n.*'phq'.*\n.*'bdi'"):
        load_keys(experiment)


@pytest.mark.parametrize("name", ["mzq15", "ments28", "dflex24"])
def test_items_of_an_unverified_key_are_refused_with_a_way_out(tmp_path: Path, name: str) -> None:
    way = {"higher_is": "better"} if name == "mzq15" else {}
    with pytest.raises(
        InstrumentError,
        match=PLACE + rf"{name} is not scored from items: which items are reversed, and which .* "
        r"Give its scores \(total, .*\) as computed by the study, or put a key of the study's own "
        r"under configs/instruments/\.$",
    ):
        load_keys(asking_for(tmp_path, instrument=name, items="x{item}", **way))


def test_scores_of_an_unverified_key_are_taken(tmp_path: Path) -> None:
    given = {"scores": {"self_related": "a", "motivation": "b"}, "column": "c"}
    assert "ments28" in load_keys(asking_for(tmp_path, instrument="ments28", **given))


@pytest.mark.parametrize("given", [{}, {"column": "r"}, {"column": "r", "items": "r{item}"}])
def test_a_total_of_an_instrument_without_one_is_refused(
    tmp_path: Path, given: dict[str, str]
) -> None:
    with pytest.raises(
        InstrumentError,
        match=PLACE + r"rfq8 has no total\. Give its items, or its scores \(certainty, "
        r"uncertainty, hypomentalizing\) under 'scores'\.$",
    ):
        load_keys(asking_for(tmp_path, instrument="rfq8", **given))


def test_an_unknown_score_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InstrumentError,
        match=PLACE + r"'scores' names 'certanty', which the key of rfq8 does not have\. It has: "
        r"certainty, .*\. Did you mean 'certainty'\?$",
    ):
        load_keys(asking_for(tmp_path, instrument="rfq8", scores={"certanty": "c"}))


def test_a_direction_that_depends_on_the_version_must_be_declared(tmp_path: Path) -> None:
    with pytest.raises(
        InstrumentError,
        match=PLACE + r"whether a higher mzq15 is worse or better depends on the version\. .*"
        r"'higher_is: worse' or 'higher_is: better'\.$",
    ):
        load_keys(asking_for(tmp_path, instrument="mzq15"))
    load_keys(asking_for(tmp_path, instrument="mzq15", higher_is="better"))


def test_a_direction_must_be_declared_for_items_too(tmp_path: Path) -> None:
    write_own_key(tmp_path, "own", scores={"total": {"range": [0, 70], "higher_is": "declared"}})
    with pytest.raises(InstrumentError, match=PLACE + r"whether a higher own is worse or better"):
        load_keys(asking_for(tmp_path, instrument="own", items="x{item}"))


def test_a_direction_that_the_key_knows_is_not_declared_again(tmp_path: Path) -> None:
    with pytest.raises(
        InstrumentError, match=PLACE + r"the key of hamd6 says what higher means\. Remove"
    ):
        load_keys(asking_for(tmp_path, instrument="hamd6", higher_is="better"))


def test_items_of_a_version_that_is_scored_in_another_way_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InstrumentError,
        match=PLACE + r"the version 'it' of ders36 is scored in another way: .* nine items .* "
        r"Give its scores, or put a key of the study's own under configs/instruments/\.$",
    ):
        load_keys(asking_for(tmp_path, instrument="ders36", items="d{item}", language="it"))


@pytest.mark.parametrize(
    "given", [{"items": "d{item}", "language": "de"}, {"language": "it", "column": "d"}]
)
def test_other_versions_and_scores_made_elsewhere_are_taken(
    tmp_path: Path, given: dict[str, str]
) -> None:
    assert "ders36" in load_keys(asking_for(tmp_path, instrument="ders36", **given))


def test_prorating_is_refused_where_the_key_forbids_it(tmp_path: Path) -> None:
    with pytest.raises(
        InstrumentError, match=PLACE + r"ssi is never prorated: .* Write 'prorate: none'\.$"
    ):
        load_keys(asking_for(tmp_path, instrument="ssi", items="s{item}", prorate="80%"))


def test_all_faults_of_all_columns_come_out_at_once(tmp_path: Path) -> None:
    columns = {
        "one": {"instrument": "sidas", "items": "s{item}", "prorate": "half", "higher_is": "worse"},
        "two": {"instrument": "erq10"},
    }
    experiment = write_study(tmp_path, cohort=with_columns(wide_cohort(), **columns))
    with pytest.raises(InstrumentError, match=r"^3 faults:\n.*one.*\n.*one.*\n.*two"):
        load_keys(experiment)
