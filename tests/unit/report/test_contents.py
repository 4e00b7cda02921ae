"""What the page says of a small run made by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from heldout.record import RunRecord
from heldout.report.contents import build_contents
from heldout.wording import MINUS, decimal
from tests.cells import cell_changed


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


def test_the_headline_stands_beside_its_references(record: RunRecord) -> None:
    section = build_contents(record)["differences"]
    assert "a difference of up to .05" in section["lead"]
    [figures] = rows_of(section["table"])
    said = "|".join(figures).replace(MINUS, "-")
    words = "adds nothing that can be seen"
    assert said == f"Ridge logistic regression|-.03|-.21 to .15|.40|.38|.23|{words}"
    assert build_contents(replace(record, differences=()))["differences"] is None


def test_a_model_that_says_the_same_of_everybody_has_no_interval(record: RunRecord) -> None:
    contents = build_contents(record)
    row = next(row for row in rows_of(contents["models"]["tables"][0]) if row[0] == "Prevalence")
    assert row[1:3] == [".50", "by definition"]
    drawn = contents["forests"]["figures"][0]["groups"][0]["rows"][1]
    assert (drawn["words"], drawn["low"]) == (".50  (by definition)", None)


def test_the_page_opens_with_the_question_and_the_verdict(record: RunRecord) -> None:
    contents = build_contents(record)

    assert contents["title"] == record.experiment["question"]
    assert contents["verdict"]["answers"] == [record.verdict.sentences[0]]
    assert contents["verdict"]["beside"] == list(record.verdict.sentences[1:])


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
    assert rows_of(contents["models"]["tables"][0])[0][:5] == [
        "Model chosen inside the folds", ".61", ".29 to .86", ".021", ".044",
    ]  # fmt: skip


def test_a_declined_outcome_has_its_reason_and_no_number(record: RunRecord) -> None:
    card = build_contents(record)["headline"]["cards"][1]

    assert card["reason"] == record.outcomes[1].reason
    assert card["auc"] is None
    assert card["facts"] == []


def test_the_forest_has_the_headline_first_and_every_model(record: RunRecord) -> None:
    rows = build_contents(record)["forests"]["figures"][0]["groups"][0]["rows"]

    assert [row["kind"] for row in rows] == ["headline", "reference", "model", "model"]


def test_the_band_ends_where_the_headline_has_a_small_p(
    record: RunRecord, tested: RunRecord
) -> None:
    assert build_contents(record)["forests"]["figures"][0]["groups"][0]["chance"] is None
    cell = replace(tested.headline[0], critical=0.71, chance=0.47, arithmetic=None)
    contents = build_contents(replace(tested, headline=(cell, *tested.headline[1:])))
    group = contents["forests"]["figures"][0]["groups"][0]
    assert (group["chance"], group["line"]) == ([0.0, 0.71], 0.47)


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
    assert card["chance"] == "chance (.00) lies inside"
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


def test_beside_every_auc_stands_what_arithmetic_alone_gives(tested: RunRecord) -> None:
    contents = build_contents(tested)

    assert contents["headline"]["cards"][0]["chance"] == "not told from arithmetic alone (.64)"
    assert rows_of(contents["models"]["tables"][0])[:2] == [
        ["Model chosen inside the folds", ".61", ".29 to .86", ".21", ".64", ".196", "\u2212.17",
         "headline"],
        ["Arithmetic alone", ".64", "", "", "", "", "", "benchmark"],
    ]  # fmt: skip
    group = contents["forests"]["figures"][0]["groups"][0]
    assert (group["arithmetic"], group["arithmetic_words"]) == (0.636, "arithmetic alone .64")


def test_an_outcome_that_is_not_computed_from_baseline_has_no_arithmetic(
    record: RunRecord,
) -> None:
    contents = build_contents(record)

    assert "rithmetic" not in " ".join(texts_of(contents))
    assert contents["forests"]["figures"][0]["groups"][0]["arithmetic"] is None


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.29, 0.86, "arithmetic alone (.64) lies inside"),
        (0.65, 0.86, "above arithmetic alone (.64)"),
        (0.51, 0.86, "arithmetic alone (.64) lies inside"),
        (0.29, 0.6, "below arithmetic alone (.64)"),
    ],
)
def test_chance_lies_where_arithmetic_puts_it(
    tested: RunRecord, low: float, high: float, words: str
) -> None:
    cell = cell_changed(tested.headline[0], auc_low=low, auc_high=high, p_adjusted=None)
    contents = build_contents(replace(tested, headline=(cell, tested.headline[1])))

    assert contents["headline"]["cards"][0]["chance"] == words


def test_a_headline_is_in_colour_if_the_test_found_it_and_not_by_its_interval(
    tested: RunRecord,
) -> None:
    above = cell_changed(tested.headline[0], auc_low=0.7, p=0.06)
    found = replace(tested.headline[0], p=0.05)
    cards = [
        build_contents(replace(tested, headline=(one, tested.headline[1])))["headline"]["cards"][0]
        for one in (above, found)
    ]

    assert [card["above_chance"] for card in cards] == [False, True]


def test_a_number_has_arithmetic_in_shares_of_the_variance(numbers: RunRecord) -> None:
    cells = tuple(replace(one, arithmetic=0.25) for one in numbers.headline)
    contents = build_contents(replace(numbers, headline=cells))

    assert contents["headline"]["cards"][0]["chance"] == "below arithmetic alone (.25)"
    assert rows_of(contents["models"]["tables"][0])[1] == [
        "Arithmetic alone", ".25", "", "", "", "benchmark",
    ]  # fmt: skip


def test_the_page_says_what_noise_would_have_found(tested: RunRecord) -> None:
    noise = build_contents(tested)["noise"]

    assert noise["lead"].endswith(
        "In such noise the best AUC of all models and follow-ups was .69 on average, and .86 or "
        "more in 1 of 20. Here the best was .80: 5 of 20 permutations found as much."
    )
    assert "random forest, response at d2" in noise["figure"]["caption"]


def test_the_bars_hold_every_permutation_and_not_the_observed_one(tested: RunRecord) -> None:
    figure = build_contents(tested)["noise"]["figure"]

    assert sum(bar["n"] for bar in figure["bars"]) == 20
    for bar in figure["bars"]:
        inside = [one for one in range(20) if bar["low"] <= 0.5 + 0.02 * one + 1e-9 < bar["high"]]
        assert bar["n"] == len(inside)
    assert (figure["observed"], figure["limits"]) == (0.8, (0.5, 1.0))


def test_an_auc_of_one_is_in_the_last_bar(tested: RunRecord) -> None:
    table = tested.permutations.copy()
    table.loc[1:, "response.d2.ridge"] = 1.0
    figure = build_contents(replace(tested, permutations=table))["noise"]["figure"]

    assert figure["bars"] == [{"low": 0.975, "high": 1.0, "n": 20}]


@pytest.mark.parametrize(
    "words",
    [
        "after 20 of 999 permutations: those still to come could not change what is decided",
        "another patient of the same site who missed the same visits as one whole row",
        "outcomes were computed again from each patient's own baseline",
        "Folds were drawn again",
        "3 permutations left an outcome that could not be evaluated and were replaced",
        "2 patients of 36 could change places with nobody",
        "any of all that was asked",
        "no p is below .048",
    ],
)
def test_the_page_says_how_the_test_was_made(asked: RunRecord, words: str) -> None:
    assert asked.permutation is not None
    test = replace(asked.permutation, unmoved=2)
    text = " ".join(build_contents(replace(asked, permutation=test))["noise"]["paragraphs"])
    assert words in text
    assert "repeat;" not in text


@pytest.mark.parametrize(
    "words",
    [
        "when ten had done as well as the best cell of the table",
        "The p's are of 1 repeat; the tables are of 3 repeats on other folds",
    ],
)
def test_the_page_of_an_earlier_record_says_what_was_done_then(
    tested: RunRecord, words: str
) -> None:
    text = " ".join(build_contents(tested)["noise"]["paragraphs"])
    assert words in text
    assert "missed the same visits" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stopped": False, "asked": 20}, "All 20 permutations asked for were made"),
        ({"stopped": False, "enumerated": True}, "20 permutations are all there are"),
        ({"redrawn": 0}, "No permutation had to be replaced"),
        (
            {"redrawn": 1},
            "1 permutation left an outcome that could not be evaluated and was replaced",
        ),
        ({"repeats": 2}, "The p's are of 2 repeats"),
    ],
)
def test_it_says_so_of_other_tests(tested: RunRecord, changes: Any, words: str) -> None:
    assert tested.permutation is not None
    other = replace(tested, permutation=replace(tested.permutation, **changes))

    assert words in " ".join(build_contents(other)["noise"]["paragraphs"])


def test_a_study_without_sites_does_not_speak_of_them(tested: RunRecord) -> None:
    contents = build_contents(replace(tested, sites=()))

    assert "site" not in " ".join(contents["noise"]["paragraphs"])
    assert "site" not in " ".join(contents["methods"]["paragraphs"])


def test_without_a_test_there_is_no_noise(record: RunRecord) -> None:
    contents = build_contents(record)

    assert contents["noise"] is None
    assert "No permutation test was made" in contents["methods"]["paragraphs"][2]


def test_noise_of_numbers_alone_has_no_best_auc(numbers: RunRecord, tested: RunRecord) -> None:
    assert tested.permutation is not None
    test = replace(tested.permutation, best_mean=None, best_high=None)
    one = replace(numbers, permutation=test, permutations=tested.permutations)
    noise = build_contents(one)["noise"]

    assert noise["figure"] is None
    assert noise["lead"].endswith("does the whole study again.")


@pytest.mark.parametrize(
    "words",
    [
        "whole rows between patients of the same site who had missed the same visits",
        "residuals given baseline severity and site",
        "in 1 repeat, as many as for the estimate",
        "3 draws were replaced",
        "Of 999 permutations asked for, 20 were made: the test ends once those still to come",
        "the p of the largest of its own statistics",
        "Westfall PH, Young SS (1993)",
        "Phipson B, Smyth GK (2010)",
        "Freedman D, Lane D (1983)",
        "Goeman JJ",
    ],
)
def test_the_methods_say_how_the_test_was_made(asked: RunRecord, words: str) -> None:
    text = " ".join(build_contents(asked)["methods"]["paragraphs"])
    assert words in text
    assert "Besag" not in text


@pytest.mark.parametrize(
    "words",
    [
        "earlier version: a permutation moved whole rows of follow-up scores between patients of",
        "the p's are of 1 repeat, the estimates of more",
        "ten have reached the best cell (Besag & Clifford 1991)",
        "Besag J, Clifford P (1991)",
        "Oldham PD (1962)",
    ],
)
def test_the_methods_of_an_earlier_record_are_those_of_then(tested: RunRecord, words: str) -> None:
    assert words in " ".join(build_contents(tested)["methods"]["paragraphs"])


def test_a_rule_that_was_not_followed_is_not_cited(tested: RunRecord) -> None:
    assert tested.permutation is not None
    test = replace(tested.permutation, stopped=False, asked=20)
    experiment = {**tested.experiment, "inference": {"stop_early": False}}
    methods = build_contents(replace(tested, permutation=test, experiment=experiment))["methods"]

    assert "Besag" not in " ".join(methods["paragraphs"])
    assert "20 permutations were made, as many as asked for" in " ".join(methods["paragraphs"])


def explained(record: RunRecord, **changes: Any) -> dict[str, Any]:
    """Return the explanation of ridge, the one chosen most often, with other figures."""
    cells = tuple(
        cell_changed(cell, **changes)
        if cell.model == "ridge" and cell.status == "evaluated"
        else cell
        for cell in record.cells
    )
    items = build_contents(replace(record, cells=cells))["explanations"]["items"]
    return dict(items[0])


def test_an_explanation_is_withheld_if_the_test_found_nothing(tested: RunRecord) -> None:
    """Also if the model's interval lies above chance, which was the rule without a test."""
    verdict = replace(tested.verdict, level="evidence")
    one = explained(replace(tested, verdict=verdict), auc_low=0.55, p_adjusted=0.051)

    assert not one["open"]
    assert one["summary"] == "Response at d2: not shown, adjusted p = .051"
    assert one["watermark"] == "no evidence that this model predicts"
    assert (
        "Importances of a model that predicts nothing are not shown"
        in build_contents(tested)["explanations"]["lead"]
    )


def test_an_explanation_is_open_by_the_adjusted_p_of_its_model(tested: RunRecord) -> None:
    """Whatever the interval says, and though the verdict is about the headline."""
    one = explained(tested, p=0.01, p_adjusted=0.05)

    assert one["open"]
    assert one["watermark"] is None
    assert "p = .010, adjusted .050" in one["caption"]
    assert "hint" not in one["caption"]


@pytest.mark.parametrize(("primary", "open_"), [(True, True), (False, False)])
def test_an_explanation_is_open_by_the_primary_headlines_own_p(
    tested: RunRecord, primary: bool, open_: bool
) -> None:
    outcomes = (replace(tested.outcomes[0], primary=primary), tested.outcomes[1])
    headline = (replace(tested.headline[0], p=0.04), tested.headline[1])
    tested = replace(tested, outcomes=outcomes, headline=headline)

    assert explained(tested, p=0.05)["open"] is open_
    assert not explained(tested, p=0.051)["open"]
    unfound = replace(tested, headline=(replace(headline[0], p=0.051), headline[1]))
    assert not explained(unfound, p=0.05)["open"]


def test_a_limit_of_alpha_below_0_has_a_true_minus_sign(record: RunRecord) -> None:
    low = replace(record.reliability[0], alpha_low=-0.18)
    section = build_contents(replace(record, reliability=(low,)))["reliability"]

    assert rows_of(section["table"])[0][4] == "\u2212.18 to .89"


def test_a_negative_score_that_rounds_to_nothing_has_no_sign() -> None:
    assert decimal(-0.004, 2) == ".00"
