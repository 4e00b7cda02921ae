"""What each builder makes, worked by hand, and what it refuses."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from heldout.arrays import Piece
from heldout.errors import FeatureError
from heldout.features.columns import FeatureMatrix
from tests.unit.cohort.studies import Row, features_of
from tests.unit.features.studies import (
    EVERY_BUILDER,
    FACTOR,
    Read,
    cohort_part,
    made_up_rows,
    read_study,
    study,
)

NAN = np.nan
FILLED = {"age": "40", "sex": "f", "pas": "20"}


def ten_rows(**cells: list[str]) -> list[Row]:
    """Return ten ill patients with nothing missing, some of whose cells are given."""
    rows = []
    for number, row in enumerate(made_up_rows(10)):
        whole = {name: answer or FILLED.get(name, "2") for name, answer in row.items()}
        whole |= {f"madrs{item}_b0": "3" for item in range(1, 11)}
        rows.append(whole | {name: values[number] for name, values in cells.items()})
    return rows


def built(folder: Path, *features: dict[str, Any], **changes: Any) -> FeatureMatrix:
    """Return the features of the made-up study, which is read once if nothing is changed."""
    return (
        features_of(study(folder, *features, **changes)) if changes else made_up().matrix(*features)
    )


@cache
def made_up() -> Read:
    """Return the made-up study as it is."""
    with TemporaryDirectory() as folder:
        return read_study(Path(folder))


def column_of(matrix: FeatureMatrix, name: str) -> list[float]:
    """Return one column of the table."""
    return [float(value) for value in matrix.table[name]]


def refusal(folder: Path, *features: dict[str, Any], **changes: Any) -> str:
    """Return the message with which features are refused."""
    with pytest.raises(FeatureError) as refused:
        built(folder, *features, **changes)
    return str(refused.value)


def given(values: list[Any]) -> list[str]:
    """Return ten cells, the first ones given and the others the last one again."""
    return [str(one) for one in (values + values[-1:] * 10)[:10]]


def rfq_cells(answers: list[int]) -> dict[str, list[str]]:
    """Return the RFQ-8 of ten patients who all answered the same."""
    return {f"rfq{item}_b0": [str(x)] * 10 for item, x in enumerate(answers, start=1)}


def test_an_instrument_without_a_total_gives_all_its_scores(tmp_path: Path) -> None:
    """Certainty counts 1 as 3, 2 as 2, 3 as 1 in items 1 to 6; uncertainty 5, 6, 7 as 1, 2, 3."""
    rows = ten_rows(**rfq_cells([1, 2, 3, 4, 7, 5, 1, 7]))
    matrix = built(tmp_path, EVERY_BUILDER["subscales"], rows=rows)
    certainty, uncertainty = "rfq8.certainty_b0", "rfq8.uncertainty_b0"
    assert matrix.names[:2] == (certainty, uncertainty)
    assert column_of(matrix, certainty)[0] == pytest.approx((3 + 2 + 1 + 0 + 0 + 0) / 6)
    # Item 7 is reversed: 1 becomes 7, which counts 3.
    assert column_of(matrix, uncertainty)[0] == pytest.approx((0 + 0 + 3 + 1 + 3 + 3) / 6)
    assert [column.higher_is for column in matrix.columns[:2]] == ["better", "worse"]


def test_items_are_turned_as_the_key_turns_them(tmp_path: Path) -> None:
    rows = ten_rows(**rfq_cells([1, 2, 3, 4, 7, 5, 1, 7]))
    matrix = built(tmp_path, {"build": "items", "columns": ["rfq8"]}, rows=rows)
    assert matrix.values[0].tolist() == [1, 2, 3, 4, 7, 5, 7, 7]


def test_items_that_were_not_assessed_are_missing(tmp_path: Path) -> None:
    rows = ten_rows(hamd16_b0=given([3, 2]))
    matrix = built(tmp_path, {"build": "items", "columns": ["hamd"]}, rows=rows)
    np.testing.assert_array_equal(column_of(matrix, "hamd.item16_b0")[:2], [NAN, 2])


def test_missingness_is_one_where_a_value_is_not_there(tmp_path: Path) -> None:
    rows = ten_rows(pas=given(["", 20]), sex=given(["f", "", "m"]))
    matrix = built(tmp_path, {"build": "missingness", "columns": ["pas", "sex"]}, rows=rows)
    assert matrix.names == ("missing:pas_b0", "missing:sex")
    assert matrix.values[:3].tolist() == [[1, 0], [0, 1], [0, 0]]


def test_a_score_whose_item_is_missing_is_missing(tmp_path: Path) -> None:
    """What counts is the score, by the instrument's own rules; HAMD-17 is prorated here."""
    rows = ten_rows(rfq1_b0=given(["", 2]), hamd1_b0=given(["", 2]))
    request = {"build": "missingness", "columns": ["rfq8.certainty", "rfq8.uncertainty", "hamd"]}
    assert built(tmp_path, request, rows=rows).values[0].tolist() == [1, 0, 0]


def test_an_interaction_is_taken_about_the_middles_of_the_declared_ranges(tmp_path: Path) -> None:
    """PAS-13 goes from 13 to 65, PHQ-9 from 0 to 27: 39 and 13.5."""
    rows = ten_rows(pas=given([40, 13]), phq=given([15, 0]))
    matrix = built(tmp_path, {"build": "interactions", "pairs": [["pas", "phq"]]}, rows=rows)
    assert matrix.values[:2, 0].tolist() == [1 * 1.5, -26 * -13.5]
    assert matrix.columns[0].bounds == (-351, 351)


def test_an_interaction_needs_ranges(tmp_path: Path) -> None:
    words = refusal(tmp_path, {"build": "interactions", "pairs": [["marker", "pas"]]})
    assert words == (
        "features[0].pairs[0]: 'marker' has no range. Declare 'range' in the cohort file. An "
        "interaction is taken about the middle of it."
    )


def test_a_ratio_is_a_quotient(tmp_path: Path) -> None:
    rows = ten_rows(phq=given([15]))
    matrix = built(tmp_path, EVERY_BUILDER["ratios"], rows=rows)
    assert matrix.names == ("phq_b0/madrs_b0",)
    assert matrix.values[0, 0] == 15 / 30
    assert matrix.columns[0].bounds == (0, 27 / 12)


def test_a_ratio_of_what_can_be_0_is_refused(tmp_path: Path) -> None:
    """Inclusion keeps MADRS above 12 here; PHQ-9 is bounded by nothing."""
    words = refusal(tmp_path, {"build": "ratios", "pairs": [["madrs", "phq"]]})
    assert words == (
        "features[0].pairs[0]: 'phq_b0' goes from 0 to 27, and nothing can be divided by 0. Choose "
        "another denominator, or include patients above 0 only."
    )


def test_a_discrepancy_is_in_percent_of_the_ranges(tmp_path: Path) -> None:
    """MADRS 30 of 60 is 50 %; the highest QIDS, 27 of 27, is 100 %."""
    rows = ten_rows(**{f"qids{item}_b0": ["3"] * 10 for item in range(1, 17)})
    matrix = built(tmp_path, EVERY_BUILDER["discrepancy"], rows=rows)
    assert matrix.values[0, 0] == pytest.approx(50 - 100)
    assert matrix.columns[0].unit == "% of range"


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (["qids", "madrs"], "the raters are self and clinician; required: a clinician first, "),
        (["madrs", "age"], "the raters are clinician and nobody named; required: a clinician"),
    ],
)
def test_a_discrepancy_needs_a_clinician_and_a_patient(
    tmp_path: Path, pair: list[str], said: str
) -> None:
    words = refusal(tmp_path, {"build": "discrepancy", "pairs": [pair]})
    assert words.startswith(f"features[0].pairs[0]: {said}")


def test_an_early_change_is_the_landmark_minus_baseline(tmp_path: Path) -> None:
    rows = ten_rows(**{f"madrs{item}_w1": ["2"] * 10 for item in range(1, 11)})
    matrix = built(tmp_path, {"build": "early_change", "columns": ["madrs"]}, rows=rows)
    assert matrix.names == ("madrs_w1-b0",)
    assert matrix.values[0, 0] == 20 - 30
    assert matrix.columns[0].visit == "w1"
    assert matrix.columns[0].bounds == (-60, 48)


def test_an_early_change_needs_a_landmark(tmp_path: Path) -> None:
    words = refusal(tmp_path, EVERY_BUILDER["early_change"], known_at=None)
    assert words == (
        "features[0].build: 'early_change' needs 'known_at', a visit after baseline at which is "
        "predicted. Set it, or remove this builder."
    )


def test_an_early_change_of_what_was_measured_once_is_refused(tmp_path: Path) -> None:
    words = refusal(tmp_path, {"build": "early_change", "columns": ["pas"]})
    assert "'pas@w1' was not measured at 'w1', but at b0. Name a score that was." in words


def test_sites_are_indicators_against_the_first_one_listed(tmp_path: Path) -> None:
    matrix = built(tmp_path, {"build": "site", "columns": ["west", "south", "north"]})
    assert matrix.names == ("site=south", "site=north")
    assert matrix.table.loc[["001", "002"]].to_numpy().tolist() == [[1, 0], [0, 0]]


def test_sites_that_are_not_listed_are_all_of_the_included_patients(tmp_path: Path) -> None:
    assert built(tmp_path, {"build": "site"}).names == ("site=south", "site=west")


def test_an_unknown_site_is_missing(tmp_path: Path) -> None:
    rows = ten_rows(centre=given(["", "north", "south"]))
    matrix = built(tmp_path, {"build": "site", "columns": ["north", "south"]}, rows=rows)
    np.testing.assert_array_equal(matrix.values[:3, 0], [NAN, 0, 1])


def test_a_study_without_sites_has_no_site(tmp_path: Path) -> None:
    words = refusal(tmp_path, {"build": "site"}, cohort=cohort_part(site=None))
    assert words == (
        "features[0].build: the study has no sites. Declare 'site' in the cohort file."
    )


def test_a_construct_keeps_its_scores_raw_and_says_how_to_turn_them(tmp_path: Path) -> None:
    """Nothing is learnt here; certainty is better when higher, so it is turned round."""
    matrix = built(tmp_path, EVERY_BUILDER["constructs"])
    assert matrix.names[:2] == ("rfq8.uncertainty_b0", "rfq8.certainty_b0")
    assert matrix.composition == (
        Piece(inputs=(0, 1), method="mean", signs=(1, -1)),
        Piece(inputs=(2, 3, 4), method="mean", signs=(1, 1, 1)),
    )
    construct = matrix.features[0]
    assert (construct.name, construct.construct) == ("mentalization", "mentalization")
    assert construct.higher_is == "worse"
    assert construct.made_of == ("rfq8.uncertainty_b0", "-rfq8.certainty_b0")


def test_a_score_may_stand_alone_and_in_a_construct(tmp_path: Path) -> None:
    request = {"build": "constructs", "constructs": {"distress": ["madrs", "phq"]}}
    matrix = built(tmp_path, {"build": "totals", "columns": ["phq"]}, request)
    assert matrix.names == ("phq_b0", "madrs_b0")
    assert [column.name for column in matrix.features] == ["phq_b0", "distress"]
    assert [piece.inputs for piece in matrix.composition] == [(0,), (1, 0)]


def test_a_score_without_a_direction_is_in_no_construct(tmp_path: Path) -> None:
    words = refusal(tmp_path, {"build": "constructs", "constructs": {"x": ["madrs", "age"]}})
    assert words == (
        "features[0].constructs.x: nobody said whether a higher 'age' is worse or better. Declare "
        "'higher_is' in the cohort file."
    )


def test_a_score_stands_in_a_construct_once(tmp_path: Path) -> None:
    words = refusal(tmp_path, {"build": "constructs", "constructs": {"x": ["phq", "phq"]}})
    assert words == "features[0].constructs.x: 'phq_b0' stands twice. Keep one."


def test_components_are_numbered_if_there_are_several(tmp_path: Path) -> None:
    matrix = built(tmp_path, EVERY_BUILDER["components"], FACTOR)
    assert [column.name for column in matrix.features] == ["burden_1", "burden_2", "factor"]
    assert {column.higher_is for column in matrix.features} == {None}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n": 5}, "features[0].n: found 5 components of 4 scores; at most 4 can be told apart."),
        (
            {"method": "factor"},
            "features[0].n: found 2 factors of 4 scores; at most 1 can be told apart.",
        ),
    ],
)
def test_more_components_than_can_be_told_apart_are_refused(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    assert refusal(tmp_path, EVERY_BUILDER["components"] | changes).startswith(words)


def test_two_scores_have_no_factor(tmp_path: Path) -> None:
    """One correlation cannot tell two loadings."""
    request = {"build": "components", "columns": ["madrs", "phq"], "method": "factor"}
    assert "found 1 factors of 2 scores; at most 0" in refusal(tmp_path, request)


def test_a_score_at_the_landmark_is_a_feature_of_its_own(tmp_path: Path) -> None:
    requests = [{"build": "totals", "columns": ["madrs", "madrs@w1"]}]
    assert built(tmp_path, *requests).names == ("madrs_b0", "madrs_w1")


def test_a_pair_may_be_of_two_visits(tmp_path: Path) -> None:
    matrix = built(tmp_path, {"build": "interactions", "pairs": [["madrs@w1", "phq"]]})
    assert matrix.columns[0].visit == "w1"


@pytest.mark.parametrize("text", ["madrs@w4", "qids@w4"])
def test_after_the_landmark_nothing_is_known(tmp_path: Path, text: str) -> None:
    words = refusal(tmp_path, {"build": "totals", "columns": [text]})
    assert words == (
        f"features[0].columns[0]: '{text}' is known at visit 'w4' (day 28), which is later than "
        "'w1' (day 7), at which is predicted (known_at). A feature must be known then, or it tells "
        "the answer. Remove it, or name an earlier visit."
    )


def test_without_a_landmark_the_first_follow_up_is_too_late(tmp_path: Path) -> None:
    words = refusal(tmp_path, {"build": "totals", "columns": ["madrs@w1"]}, known_at=None)
    assert "which is later than baseline 'b0' (day 0)" in words


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (
            {"build": "totals", "columns": ["rfq8"]},
            "'rfq8' has no one score at 'b0'. Name one that it has: rfq8.certainty, "
            "rfq8.uncertainty, rfq8.hypomentalizing.",
        ),
        (
            {"build": "totals", "columns": ["rfq8.certainty"]},
            "builder 'totals' cannot take 'rfq8.certainty'. It takes a column with an instrument; "
            "for this one use subscales.",
        ),
        (
            {"build": "subscales", "columns": ["rfq8.certanty"]},
            "'rfq8.certanty' is no known declared column or score. Known: rfq8, rfq8.certainty, "
            "rfq8.uncertainty, rfq8.hypomentalizing. Did you mean 'rfq8.certainty'?",
        ),
        (
            {"build": "subscales", "columns": ["phq"]},
            "'phq' has no score at 'b0' beside its total. Use totals, or clinical for a plain "
            "number.",
        ),
        (
            {"build": "items", "columns": ["phq"]},
            "'phq' is not given as items at 'b0'. Use totals or subscales, or declare 'items' in "
            "the cohort file.",
        ),
        (
            {"build": "components", "columns": ["sex"]},
            "'sex' is a category, and builder 'components' takes numbers. Remove it.",
        ),
    ],
)
def test_a_column_of_the_wrong_kind_is_refused(
    tmp_path: Path, request_: dict[str, Any], words: str
) -> None:
    assert refusal(tmp_path, request_) == f"features[0].columns[0]: {words}"


def test_a_pair_of_one_score_is_refused(tmp_path: Path) -> None:
    words = refusal(tmp_path, {"build": "interactions", "pairs": [["phq", "phq@b0"]]})
    assert words == "features[0].pairs[0]: 'phq' stands on both sides. Name two."


def test_an_unknown_score_of_an_instrument_without_scores_is_refused(tmp_path: Path) -> None:
    words = refusal(tmp_path, {"build": "subscales", "columns": ["age.x"]})
    assert words.startswith("features[0].columns[0]: 'age.x' is no known declared column or score.")
