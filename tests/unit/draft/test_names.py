"""Names of columns and visits, read one at a time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.draft.names import name_of, visit_in, visit_text
from heldout.draft.scales import named_keys
from tests.unit.draft.drafts import KEYS

DAYS = {
    "b0": 0,
    "d2": 2,
    "D10": 10,
    "w1": 7,
    "w6": 42,
    "Week 6": 42,
    "week_2": 14,
    "m3": 91,
    "month3": 91,
    "3m": 91,
    "12months": 365,
    "y1": 365,
    "T0": 0,
    "baseline": 0,
    "BL": 0,
    "baseline_arm_1": 0,
    "week_6_arm_1": 42,
}


@pytest.mark.parametrize(("text", "day"), DAYS.items())
def test_a_visit_says_its_days(text: str, day: float) -> None:
    visit = visit_text(text)
    assert visit is not None
    assert visit.day == day


@pytest.mark.parametrize("text", ["T1", "V3", "visit_2", "fu1", "post", "end", "p10", "screening"])
def test_a_visit_without_a_unit_has_no_day(text: str) -> None:
    """T1 may be a week or a year; a draft that guessed would be believed."""
    visit = visit_text(text)
    assert visit is not None
    assert visit.day is None


@pytest.mark.parametrize("text", ["age", "bmi", "12", "madrs", "diagnosis", "weekly", "x3"])
def test_what_is_no_visit_is_none(text: str) -> None:
    assert visit_text(text) is None


def test_a_bare_number_counts_what_its_column_counts() -> None:
    week = visit_text("4.0", unit="w")
    assert week is not None
    assert (week.day, week.called) == (28, "w4")


@pytest.mark.parametrize(
    ("column", "pattern"),
    [
        ("MADRS_Total_d10", "MADRS_Total_{visit}"),
        ("V1_MADRS", "{visit}_MADRS"),
        ("phq9_month_3_total", "phq9_{visit}_total"),
        ("rfq8_1_T0", "rfq8_1_{visit}"),
        ("MADRS week 6", "MADRS {visit}"),
        ("MADRSbaseline", "MADRS{visit}"),
    ],
)
def test_the_visit_in_a_column_s_name_is_found(column: str, pattern: str) -> None:
    found = visit_in(column)
    assert found is not None
    assert found[0] == pattern


@pytest.mark.parametrize("column", ["BMI", "infusion_1", "BASVAL", "hamd17", "phq9", "baseline"])
def test_a_column_that_names_no_visit_has_none(column: str) -> None:
    assert visit_in(column) is None


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("MADRS_Total_{visit}", "madrs"),
        ("Montgomery-Asberg", "madrs"),
        ("HAM17_Total_{visit}", "hamd17"),
        ("HAMDTL17_{visit}", "hamd17"),
        ("hamd", "hamd17"),
        ("HDRS", "hamd17"),
        ("Hamilton 17", "hamd17"),
        ("HAMD_Bech_{visit}", "hamd6"),
        ("hamd6", "hamd6"),
        ("HAMATOTL_{visit}", "hama14"),
        ("bdi2", "bdi2"),
        ("BDI-II total", "bdi2"),
        ("PHQ-9", "phq9"),
        ("qids_total", "qids_sr16"),
        ("QIDS-SR16", "qids_sr16"),
        ("rfq8_{item}", "rfq8"),
        ("GAD7 score", "gad7"),
    ],
)
def test_an_instrument_is_known_by_the_names_people_give_it(column: str, key: str) -> None:
    names, rest = named_keys(column, KEYS)
    assert (names[0], rest) == (key, "")


@pytest.mark.parametrize(
    "column", ["age", "madrs_change", "madrs_date", "hammer", "phq15", "hamd24", "taste"]
)
def test_what_only_begins_like_an_instrument_is_none(column: str) -> None:
    """A change score read as a baseline total would tell the answer."""
    names, rest = named_keys(column, KEYS)
    assert not names or rest


def test_a_subscale_leaves_its_name_over() -> None:
    assert named_keys("rfq8_certainty", KEYS) == (["rfq8"], "certainty")


@given(st.lists(st.text(max_size=80), max_size=6))
def test_every_text_becomes_a_name_that_a_spec_accepts_and_none_twice(texts: list[str]) -> None:
    taken: set[str] = set()
    for text in texts:
        name = name_of(text, taken)
        assert re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name)
        assert len(name) <= 60
        assert name not in taken
        taken.add(name)


def test_a_number_after_a_family_s_name_says_which_version_is_meant() -> None:
    """Were the aliases a set, each start of Python would try them in another order."""
    assert named_keys("hamd17_{visit}", KEYS) == (["hamd17"], "")
