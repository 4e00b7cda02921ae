"""What the page says of a small run made by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from heldout.inference import chance_range
from heldout.record import RunRecord
from heldout.report.contents import build_contents
from heldout.report.wording import as_signed


def texts_of(value: object) -> list[str]:
    """Return every text in a nested value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for one in value.values() for text in texts_of(one)]
    if isinstance(value, Sequence):
        return [text for one in value for text in texts_of(one)]
    return []


def rows_of(table: Mapping[str, Any]) -> list[list[str]]:
    return [row["values"] for group in table["groups"] for row in group["rows"]]


def test_the_page_opens_with_the_question_and_the_verdict(record: RunRecord) -> None:
    contents = build_contents(record)

    assert contents["title"] == record.experiment["question"]
    assert contents["verdict"]["first"] == record.verdict.sentences[0]
    assert contents["verdict"]["rest"] == list(record.verdict.sentences[1:])


def test_a_simulated_cohort_is_called_simulated(record: RunRecord) -> None:
    assert "simulated" in build_contents(record)["simulated"]


def test_a_real_cohort_is_not_called_simulated(record: RunRecord) -> None:
    cohort = record.experiment["cohort"] | {"simulated": False}
    real = replace(record, experiment={**record.experiment, "cohort": cohort})

    assert build_contents(real)["simulated"] is None


def test_a_headline_is_said_with_its_interval_patients_and_events(record: RunRecord) -> None:
    card = build_contents(record)["headline"]["cards"][0]

    assert (card["auc"], card["interval"]) == (".61", "AUC, 95 % interval .29 to .86")
    assert card["sample"] == "12 patients, 5 events"
    assert ["Brier score", ".196"] in card["facts"]


def test_a_p_value_that_does_not_exist_is_said_in_words(record: RunRecord) -> None:
    assert ["p", "not tested"] in build_contents(record)["headline"]["cards"][0]["facts"]


def test_a_p_value_that_exists_is_printed_in_the_table_of_models(record: RunRecord) -> None:
    tested = replace(record.headline[0], p=0.0214, p_adjusted=0.0443)
    contents = build_contents(replace(record, headline=(tested, record.headline[1])))

    assert ["p", ".021"] in contents["headline"]["cards"][0]["facts"]
    assert rows_of(contents["models"]["tables"][0])[0][-1] == ".044"


def test_a_declined_outcome_has_its_reason_and_no_number(record: RunRecord) -> None:
    card = build_contents(record)["headline"]["cards"][1]

    assert card["reason"] == record.outcomes[1].reason
    assert card["auc"] is None
    assert card["facts"] == []


def test_the_forest_has_the_headline_first_and_every_model(record: RunRecord) -> None:
    rows = build_contents(record)["forests"]["figures"][0]["groups"][0]["rows"]

    assert [row["kind"] for row in rows] == ["headline", "reference", "model", "model"]


def test_the_chance_band_is_that_of_the_patients_and_events(record: RunRecord) -> None:
    group = build_contents(record)["forests"]["figures"][0]["groups"][0]

    assert group["chance"] == pytest.approx(chance_range(5, 7))


def test_the_flow_says_how_many_each_step_left_out(record: RunRecord) -> None:
    steps = build_contents(record)["flow"]["steps"][:2]
    assert [(one["label"], one["n"], one["share"], one["note"]) for one in steps] == [
        ("In the table", "40", 100.0, ""),
        ("Depressed", "36", 90.0, "4 left out"),
    ]


def test_attrition_is_counted_at_every_visit(record: RunRecord) -> None:
    steps = build_contents(record)["flow"]["steps"][2:]
    assert [(one["label"], one["n"], one["note"]) for one in steps] == [
        ("Baseline (d0), day 0", "35", "97 %, 1 without a score"),
        ("Day 2 (d2), day 2", "12", "33 %, 20 missed it, 4 without a score"),
        ("d10, day 10", "26", "72 %"),
    ]


def test_a_rate_has_wilsons_interval(record: RunRecord) -> None:
    """5 of 12: (5 + z²/2) / (12 + z²) ± ... is 19.3 to 68.0 %."""
    row = rows_of(build_contents(record)["outcomes"]["tables"][0])[0]

    assert row == ["left out", "12", "5", "42 %", "19 to 68 %"]


def test_an_outcome_is_counted_under_every_rule_for_missed_visits(record: RunRecord) -> None:
    table = build_contents(record)["outcomes"]["tables"][0]

    assert rows_of(table)[1][:4] == ["count as failures", "36", "5", "14 %"]
    assert [row["strong"] for row in table["groups"][0]["rows"]] == [True, False]
    assert table["groups"][0]["note"] == (
        "Not counted: 24 missed the follow-up. Events per feature: 2.5."
    )


def test_a_record_without_rules_for_missed_visits_shows_its_own_count(record: RunRecord) -> None:
    """Format 1 had one rule, and did not write it down."""
    old = replace(record, outcomes=(replace(record.outcomes[0], missing_rules={}, unobserved={}),))
    table = build_contents(old)["outcomes"]["tables"][0]

    assert rows_of(table) == [["left out", "12", "5", "42 %", "19 to 68 %"]]


def test_table_one_says_mean_and_median_and_the_standardised_difference(record: RunRecord) -> None:
    section = build_contents(record)["table_one"]

    assert [column["name"] for column in section["table"]["columns"]] == [
        "Variable",
        "All (36)",
        "Missing",
        "Event (5)",
        "No event (7)",
        "Standardised difference",
    ]
    assert rows_of(section["table"])[0] == [
        "Age $x_1$ <b>, years",
        "48.1 (12.5)\n47.0 [40.0, 55.5]",
        "1",
        "50.0 (10.0)\n51.0 [44.0, 56.0]",
        "45.0 (9.00)\n44.0 [40.0, 50.0]",
        ".53",
    ]
    assert "is not tested" in section["note"]


def test_a_level_stands_under_its_variable_with_its_share_of_those_observed(
    record: RunRecord,
) -> None:
    table = build_contents(record)["table_one"]["table"]

    assert rows_of(table)[1:3] == [
        ["Sex", "", "–", "", "", ".08"],  # noqa: RUF001
        ["female", "20 (56 %)", "", "3 (60 %)", "4 (57 %)", ""],
    ]
    assert [row["inner"] for row in table["groups"][0]["rows"][:4]] == [
        False,
        False,
        True,
        True,
    ]


def test_small_counts_are_followed_by_a_caution(record: RunRecord) -> None:
    numbers = replace(record, characteristics=record.characteristics[:1])

    assert "fewer than five patients" in build_contents(record)["table_one"]["note"]
    assert "fewer than five patients" not in build_contents(numbers)["table_one"]["note"]


def test_a_record_without_descriptions_has_no_sections_of_them(record: RunRecord) -> None:
    bare = replace(record, characteristics=(), reliability=(), score_audit=())
    contents = build_contents(bare)

    assert (contents["table_one"], contents["reliability"]) == (None, None)


def test_reliability_is_said_in_points_and_in_shares(record: RunRecord) -> None:
    section = build_contents(record)["reliability"]

    assert rows_of(section["table"]) == [
        ["MADRS", "34", "10", ".81", ".70 to .89", "–", "2.50", "6.93", "0 %", "3 %"]  # noqa: RUF001
    ]
    assert rows_of(section["audit"]) == [["MADRS", "d0", "10", "–", "80%", "35", "1", "1"]]  # noqa: RUF001


def test_a_number_is_judged_by_the_variance_explained(numbers: RunRecord) -> None:
    contents = build_contents(numbers)
    card = contents["headline"]["cards"][0]

    assert (card["auc"], card["interval"]) == ("−.11", "R², 95 % interval −.40 to .18")  # noqa: RUF001
    assert card["sample"] == "12 patients"
    assert card["chance"] == "0, the mean alone, lies inside"
    assert ["Mean absolute error", "7.50"] in card["facts"]


def test_a_number_has_a_figure_and_a_table_of_its_own(numbers: RunRecord) -> None:
    contents = build_contents(numbers)

    assert [one["figure"] for one in contents["forests"]["figures"]] == ["r2"]
    rows = {row[0]: row for row in rows_of(contents["models"]["tables"][0])}
    assert rows["Ridge linear regression"][1:5] == ["−.11", "−.40 to .18", "7.50", ".12"]  # noqa: RUF001
    assert "Mean" in rows
    assert "Wilson" not in str(contents["methods"])
    assert "Brier" not in str(contents["methods"])


def test_a_number_is_counted_by_mean_and_deviation(numbers: RunRecord) -> None:
    row = rows_of(build_contents(numbers)["outcomes"]["tables"][0])[0]

    assert row == ["left out", "12", "16.4", "9.10"]


def test_predicted_and_observed_are_averaged_over_repeats_and_sorted(numbers: RunRecord) -> None:
    """Sorted, or the points would stand in the order of the patients."""
    one = build_contents(numbers)["scatters"]["items"][0]

    assert one["points"] == [[14.0 + n / 2, 30.0 - n] for n in range(12)]


def test_table_one_of_a_number_says_a_correlation(numbers: RunRecord) -> None:
    table = build_contents(numbers)["table_one"]["table"]

    assert [column["name"] for column in table["columns"]][-1] == "Correlation"
    assert rows_of(table)[0][-1] == "−.31"  # noqa: RUF001


def test_events_have_no_predicted_number(record: RunRecord) -> None:
    assert build_contents(record)["scatters"] is None


def test_a_model_is_listed_with_its_share_of_the_folds(record: RunRecord) -> None:
    rows = {row[0]: row for row in rows_of(build_contents(record)["models"]["tables"][0])}

    assert rows["Ridge logistic regression"][1:] == [".58", ".26 to .84", ".196", "−.17", "75 %"]  # noqa: RUF001
    assert rows["Prevalence"][-1] == "reference"


def test_the_table_of_models_says_that_a_maximum_is_no_estimate(record: RunRecord) -> None:
    assert "not an estimate" in build_contents(record)["models"]["lead"]


def test_the_model_chosen_most_often_is_explained(record: RunRecord) -> None:
    """The random forest has the higher AUC: explaining it would be looking."""
    items = build_contents(record)["explanations"]["items"]

    assert [one["figure"] for one in items] == ["shap.response.d2.ridge"]


def test_features_are_sorted_by_their_mean_contribution(record: RunRecord) -> None:
    features = build_contents(record)["explanations"]["items"][0]["features"]

    assert [strip["label"] for strip in features] == ["MADRS, points", "Age $x_1$ <b>, years"]
    assert features[0]["mean"] == pytest.approx(0.05 * 3)


def test_points_do_not_stand_in_the_order_of_the_patients(record: RunRecord) -> None:
    """Or one patient could be followed from feature to feature."""
    features = build_contents(record)["explanations"]["items"][0]["features"]

    assert all(strip["shap"] == sorted(strip["shap"]) for strip in features)


def test_an_explanation_is_folded_if_there_is_no_evidence(record: RunRecord) -> None:
    """Also for a model whose own interval lies above chance."""
    choices = record.choices.assign(chosen=record.choices["model"] == "random_forest")
    one = build_contents(replace(record, choices=choices))["explanations"]["items"][0]

    assert not one["open"]
    assert "explains chance" in one["summary"]


def test_an_explanation_is_folded_if_the_models_own_interval_holds_chance(
    record: RunRecord,
) -> None:
    verdict = replace(record.verdict, level="untested")
    one = build_contents(replace(record, verdict=verdict))["explanations"]["items"][0]

    assert one["watermark"] == "no evidence that this model predicts"


def test_an_explanation_above_chance_is_open_and_called_a_hint(record: RunRecord) -> None:
    choices = record.choices.assign(chosen=record.choices["model"] == "random_forest")
    verdict = replace(record.verdict, level="untested")
    hinted = replace(record, choices=choices, verdict=verdict)
    one = build_contents(hinted)["explanations"]["items"][0]

    assert one["open"]
    assert one["watermark"] is None
    assert "hint" in one["caption"]


def test_issues_come_first_and_what_passed_stands_apart(record: RunRecord) -> None:
    data, method = build_contents(record)["findings"]["groups"]

    assert [one["code"] for one in method["open"]] == ["HO001", "HO006"]
    assert [one["code"] for one in method["quiet"]] == ["HO007"]
    assert [one["code"] for one in data["open"]] == ["HO017", "HO020"]


def test_who_a_finding_is_about_is_left_to_the_record(record: RunRecord) -> None:
    found = build_contents(record)["findings"]["groups"][0]["open"][0]

    assert found["text"] == "One pair. Who is meant stands in the run's record.json."


def test_a_feature_is_listed_with_all_it_came_from(record: RunRecord) -> None:
    rows = rows_of(build_contents(record)["features"]["table"])

    assert rows[1] == ["MADRS", "madrs", "depression severity", "d0", "points", "m1, m2"]


@pytest.mark.parametrize(
    "words",
    [
        "5 outer and 4 inner folds in 3 repeats",
        "7 candidates",
        "Brier",
        "median",
        "20260101",
        "multiplied by 2",
        "ridge logistic regression, random forest",
    ],
)
def test_the_methods_say_what_was_done(record: RunRecord, words: str) -> None:
    assert words in " ".join(build_contents(record)["methods"]["paragraphs"])


def test_a_run_can_be_reproduced_from_its_page(record: RunRecord) -> None:
    pairs = dict(build_contents(record)["reproduction"]["pairs"])

    assert pairs["Run"] == record.run_id
    assert pairs["Folds, SHA-256"] == record.folds_digest
    assert pairs["Duration"] == "1 min 35 s with 2 workers"


def test_no_pseudonym_and_no_host_is_among_the_contents(record: RunRecord) -> None:
    texts = " ".join(texts_of(build_contents(record)))

    assert "pseudonym-" not in texts
    assert "secret-host" not in texts


def test_a_negative_score_that_rounds_to_nothing_has_no_sign() -> None:
    assert as_signed(-0.004, 2) == ".00"
