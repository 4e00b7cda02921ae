"""From the cohort to what is known at baseline."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heldout.errors import FeatureError
from heldout.features.columns import FeatureColumn, FeatureMatrix
from heldout.features.matrix import reference_matrices
from heldout.instruments.keys import load_keys
from tests.unit.cohort.studies import (
    PATIENTS,
    SECRETS,
    features_of,
    items_cohort,
    items_rows,
    long_cohort,
    long_rows,
    scored,
    text_of,
    wide_cohort,
    with_cell,
    with_columns,
    write_study,
)


def built(folder: Path, *features: dict[str, Any]) -> FeatureMatrix:
    """Return the features of the wide study."""
    return features_of(write_study(folder, features=list(features)))


def clinical(*columns: str, **changes: Any) -> dict[str, Any]:
    """Return a request for clinical features."""
    return {"build": "clinical", "columns": list(columns)} | changes


def totals(*columns: str, **changes: Any) -> dict[str, Any]:
    """Return a request for totals."""
    return {"build": "totals", "columns": list(columns)} | changes


def test_features_stand_in_the_order_of_the_file(tmp_path: Path) -> None:
    matrix = built(tmp_path, totals("madrs"), clinical("sex", "age"))
    assert matrix.names == tuple(matrix.table.columns) == ("madrs_d0", "sex=F", "age")


def test_rows_are_the_patients_of_the_cohort(tmp_path: Path) -> None:
    assert tuple(built(tmp_path, clinical("age")).table.index) == PATIENTS


def test_a_number_is_taken_as_it_stands(tmp_path: Path) -> None:
    assert built(tmp_path, clinical("age")).values[:, 0].tolist() == [35, 29, 52, 47, 41, 60]


def test_what_was_not_observed_stays_missing(tmp_path: Path) -> None:
    matrix = built(tmp_path, totals("madrs"))
    np.testing.assert_array_equal(matrix.values[:, 0], [20, np.nan, 25, 0, 30, 40])


def test_a_category_is_encoded_against_its_first_declared_level(tmp_path: Path) -> None:
    assert built(tmp_path, clinical("sex")).values[:, 0].tolist() == [0, 0, 1, 0, 1, 1]


def test_a_declared_level_that_nobody_has_is_still_a_feature(tmp_path: Path) -> None:
    """Levels are declared, not learnt: the columns may not depend on who is in the table."""
    sex = {"kind": "category", "levels": {"M": "male", "X": "other", "F": "female"}}
    part = with_columns(wide_cohort(), sex=sex)
    matrix = features_of(write_study(tmp_path, cohort=part, features=[clinical("sex")]))
    assert matrix.names == ("sex=X", "sex=F")
    assert matrix.values[:, 0].tolist() == [0] * 6


def test_an_unknown_category_is_missing_in_all_its_features(tmp_path: Path) -> None:
    experiment = write_study(tmp_path, with_cell(3, "sex", ""), features=[clinical("sex")])
    np.testing.assert_array_equal(features_of(experiment).values[:, 0], [np.nan, 0, 1, 0, 1, 1])


def test_levels_that_inclusion_leaves_out_become_no_feature(tmp_path: Path) -> None:
    """Healthy controls are a level of the diagnosis, and nobody who is included has it."""
    group = {"column": "sex", "kind": "category", "levels": {"F": "f", "M": "m", "X": "other"}}
    cohort = with_columns(wide_cohort(), group=group)
    cohort["include"] = [{"label": "known", "column": "group", "among": ["F", "M"]}]
    study = write_study(tmp_path, cohort=cohort, features=[clinical("group")])
    assert features_of(study).names == ("group=M",)
    assert features_of(study).columns[0].levels == ("F", "M")


def test_a_category_with_one_level_among_the_included_is_refused(tmp_path: Path) -> None:
    cohort = wide_cohort()
    cohort["include"] = [{"label": "women", "column": "sex", "among": ["F"]}]
    study = write_study(tmp_path, cohort=cohort, features=[clinical("sex")])
    with pytest.raises(FeatureError, match="'sex' has one level among the included patients"):
        features_of(study)


def test_inclusion_narrows_the_range_a_feature_may_have(tmp_path: Path) -> None:
    """Whoever would not have been included is not scored by a model either."""
    cohort = wide_cohort()
    cohort["columns"]["age"]["range"] = [18, 100]
    cohort["include"] = [{"label": "adults to 60", "column": "age", "at_most": 60}]
    study = write_study(tmp_path, cohort=cohort, features=[clinical("age")])
    assert features_of(study).columns[0].bounds == (18.0, 60.0)


def test_inclusion_narrows_the_range_of_a_total(tmp_path: Path) -> None:
    cohort = wide_cohort()
    cohort["include"] = [{"label": "ill enough", "column": "madrs", "at_least": 20}]
    study = write_study(tmp_path, cohort=cohort, features=[totals("madrs")])
    assert features_of(study).columns[0].bounds == (20.0, 60.0)


def test_a_feature_remembers_where_it_came_from(tmp_path: Path) -> None:
    matrix = built(tmp_path, clinical("sex", "age"), totals("madrs"))
    assert matrix.columns == (
        FeatureColumn(
            name="sex=F",
            label="Sex: female",
            inputs=("sex",),
            visit="d0",
            builder="clinical",
            level="F",
            levels=("M", "F"),
        ),
        FeatureColumn(
            name="age",
            label="Age",
            inputs=("age",),
            visit="d0",
            builder="clinical",
            bounds=(18, 100),
            unit="years",
        ),
        FeatureColumn(
            name="madrs_d0",
            label="MADRS",
            inputs=("m_d0",),
            visit="d0",
            builder="totals",
            bounds=(0, 60),
            instrument="madrs",
            construct="depression severity",
            unit="points",
            higher_is="worse",
        ),
    )


def test_the_total_of_items_remembers_every_item(tmp_path: Path) -> None:
    experiment = write_study(
        tmp_path, text_of(items_rows()), items_cohort(), features=[totals("hamd6")]
    )
    (column,) = features_of(experiment).columns
    assert column.inputs == tuple(f"h{item}_d0" for item in range(1, 7))
    assert column.bounds == (0, 22)
    assert column.input_bounds == ((0, 4),) * 5 + ((0, 2),)


def test_a_long_table_gives_the_features_of_a_wide_one(tmp_path: Path) -> None:
    wide = features_of(write_study(tmp_path))
    long = features_of(write_study(tmp_path, text_of(long_rows()), long_cohort()))
    assert long.table.equals(wide.table)


def test_a_visit_before_baseline_may_be_used(tmp_path: Path) -> None:
    visits = {"d0": {"day": -7}, "d2": {"day": 0}, "d10": {"day": 10}}
    experiment = write_study(
        tmp_path,
        cohort=wide_cohort(visits=visits, baseline="d2"),
        features=[totals("madrs", visit="d0"), totals("madrs")],
    )
    assert features_of(experiment).names == ("madrs_d0", "madrs_d2")


def test_the_severity_of_an_outcome_is_its_own_score_at_baseline(tmp_path: Path) -> None:
    experiment = write_study(tmp_path)
    matrices = reference_matrices(experiment, scored(experiment), "madrs", load_keys(experiment))
    assert matrices["severity"].names == ("madrs_d0",)


@pytest.mark.parametrize(
    ("dropped", "one_sex", "names"),
    [
        ((), False, ("madrs_d0", "age", "sex=F")),
        (("age",), False, ("madrs_d0", "sex=F")),
        (("sex",), False, ("madrs_d0", "age")),
        # Of included patients who share their sex nothing is left to know.
        ((), True, ("madrs_d0", "age")),
        (("age", "sex"), False, None),
    ],
)
def test_beside_the_severity_stand_age_and_sex_as_far_as_there_are(
    tmp_path: Path, dropped: tuple[str, ...], one_sex: bool, names: tuple[str, ...] | None
) -> None:
    cohort = wide_cohort()
    for name in dropped:
        del cohort["columns"][name]
    if one_sex:
        cohort["include"] = [{"label": "Men", "column": "sex", "among": ["M"]}]
    experiment = write_study(tmp_path, cohort=cohort, features=[totals("madrs")])
    matrices = reference_matrices(experiment, scored(experiment), "madrs", load_keys(experiment))
    known = matrices.get("severity_age_sex")
    assert (None if known is None else known.names) == names


@pytest.mark.parametrize("column", [None, "late"])
def test_there_is_no_severity_without_a_baseline_score(tmp_path: Path, column: str | None) -> None:
    late = {"kind": "number", "column": "centre_score", "visits": ["d10"]}
    text = text_of([row | {"centre_score": "3"} for row in items_rows()])
    experiment = write_study(tmp_path, text, with_columns(items_cohort(), late=late))
    assert reference_matrices(experiment, scored(experiment), column, load_keys(experiment)) == {}


LATE = (
    r"is known at visit 'd2' \(day 2\), which is later than baseline 'd0' \(day 0\)\. A feature "
    r"must be known at baseline, or it tells the answer\. Remove it, or name a baseline column\.$"
)


@pytest.mark.parametrize(
    ("feature", "pattern"),
    [
        (totals("madrs", visit="d2"), rf"'madrs' {LATE}"),
        (totals("m_d2"), rf"'m_d2' {LATE}"),
        (clinical("m_d2"), rf"'m_d2' {LATE}"),
        (totals("madrs_d2"), rf"'madrs_d2' {LATE}"),
        (totals("madrs@d2"), rf"'madrs@d2' {LATE}"),
        (totals("m_d2", visit="d0"), rf"'m_d2' {LATE}"),
    ],
)
def test_a_follow_up_column_is_refused_however_it_is_called(
    tmp_path: Path, feature: dict[str, Any], pattern: str
) -> None:
    """The one mistake that makes any number look good."""
    with pytest.raises(FeatureError, match=rf"^features\[0\]\.columns\[0\]: {pattern}"):
        built(tmp_path, feature)


@pytest.mark.parametrize("name", ["madrs_d2", "m_d2"])
def test_a_follow_up_of_a_long_table_is_refused(tmp_path: Path, name: str) -> None:
    experiment = write_study(tmp_path, text_of(long_rows()), long_cohort(), features=[totals(name)])
    with pytest.raises(FeatureError, match=rf"'{name}' {LATE}"):
        features_of(experiment)


def test_a_column_measured_only_at_follow_ups_is_refused(tmp_path: Path) -> None:
    madrs = {"instrument": "madrs", "column": "m_{visit}", "visits": ["d2", "d10"]}
    part = with_columns(wide_cohort(), madrs=madrs)
    experiment = write_study(tmp_path, cohort=part, features=[totals("madrs")])
    with pytest.raises(FeatureError, match=rf"'madrs' {LATE}"):
        features_of(experiment)


@pytest.mark.parametrize(
    ("feature", "pattern"),
    [
        (
            {"build": "total", "columns": ["madrs"]},
            r"\.build: 'total' is no known builder\. Known: clinical, totals, .* 'totals'\?$",
        ),
        (
            clinical("madrs"),
            r"\.columns\[0\]: builder 'clinical' cannot take 'madrs'\. .* use totals\.$",
        ),
        (totals("age"), r"\.columns\[0\]: builder 'totals' cannot take 'age'\. .* use clinical\.$"),
        (clinical("note"), r"\.columns\[0\]: 'note' is text, which is never a feature\."),
        (
            clinical("sex", "agge"),
            r"\.columns\[1\]: 'agge' is no known declared column or .* Did you mean 'age'\?$",
        ),
        (
            clinical("agge", visit="d2"),
            r"\.columns\[0\]: 'agge' is no known declared ",
        ),
        (totals("madrs", visit="d3"), r"\.columns\[0\]: 'd3' is no known visit\. Known: d0, d2"),
        (totals("m_d0"), r"\.columns\[0\]: 'm_d0' is read as 'madrs'\. .* write 'madrs'\.$"),
    ],
)
def test_a_feature_that_cannot_be_built_is_refused(
    tmp_path: Path, feature: dict[str, Any], pattern: str
) -> None:
    with pytest.raises(FeatureError, match=rf"^features\[0\]{pattern}") as refusal:
        built(tmp_path, feature)
    assert not [secret for secret in SECRETS if secret in str(refusal.value)]


def test_a_column_not_measured_at_the_visit_names_where_it_was(tmp_path: Path) -> None:
    visits = {"d0": {"day": -7}, "d2": {"day": 0}, "d10": {"day": 10}}
    madrs = {"instrument": "madrs", "column": "m_{visit}", "visits": ["d0", "d10"]}
    part = with_columns(wide_cohort(visits=visits, baseline="d2"), madrs=madrs)
    experiment = write_study(
        tmp_path, cohort=part | {"ignore_visits": ["d2"]}, features=[totals("madrs")]
    )
    with pytest.raises(FeatureError, match=r"not measured at 'd2', but at d0\. Set 'visit: d0'\.$"):
        features_of(experiment)


def test_the_same_feature_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match=r"^features: 'age' is built twice\. Keep one\.$"):
        built(tmp_path, clinical("age", "sex"), clinical("age"))


def test_all_faults_of_all_builders_come_out_at_once(tmp_path: Path) -> None:
    with pytest.raises(
        FeatureError,
        match=r"^3 faults:\n.*\[0\]\.columns\[1\].*\n.*\[1\]\.build.*\n.*'age' is built",
    ):
        built(tmp_path, clinical("age", "m_d2", "age"), {"build": "x", "columns": ["y"]})
