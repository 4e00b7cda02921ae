"""The figures of a small run made by hand."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pandas as pd

from heldout.record import RunRecord
from heldout.report.figures import STYLE, draw_figures
from tests.cells import CALIBRATED, cell_changed

SHAP = "shap.response.d2.ridge"


def words_in(svg: str) -> list[str]:
    """Return the texts of a figure as they are read."""
    return [element.text or "" for element in ET.fromstring(svg).iter() if "text" in element.tag]


def test_there_is_a_figure_of_all_aucs_and_one_of_each_explanation(record: RunRecord) -> None:
    assert set(draw_figures(record)) == {"auc", SHAP}


def test_a_line_ends_where_it_leaves_the_square(record: RunRecord) -> None:
    """At its edge it would be another line: how far out it went leaves no trace."""
    name = "net_benefit.response.d2.headline"

    def drawn(far: float) -> str:
        changed = replace(CALIBRATED, net_benefit_of_all=(0.3, far))
        return draw_figures(replace(record, calibration=(changed,)))[name]

    assert drawn(-1.8) == drawn(-9.0) != drawn(-0.1)
    assert {"net benefit", ".50", ".25", "0"} <= set(words_in(drawn(-1.8)))


def test_outcomes_and_follow_ups_that_run_together_alike_have_a_figure_each(
    record: RunRecord,
) -> None:
    one = renamed(record, "response", "late_w6")
    other = renamed(record, "response_late", "w6")
    both = replace(
        one,
        outcomes=one.outcomes + other.outcomes,
        visits=(*one.visits, *other.visits),
        cells=one.cells + other.cells,
        headline=one.headline + other.headline,
        choices=pd.concat([one.choices, other.choices]),
        explanations=pd.concat([one.explanations, other.explanations]),
    )
    assert len(draw_figures(both)) == 3


def renamed(record: RunRecord, outcome: str, visit: str) -> RunRecord:
    """Return what a run says of its outcome that was evaluated, under other names."""
    names = {"outcome": outcome, "follow_up": visit}
    return replace(
        record,
        outcomes=(replace(record.outcomes[0], name=outcome, follow_up=visit),),
        visits=(replace(record.visits[1], name=visit),),
        cells=tuple(
            replace(cell, outcome=outcome, follow_up=visit)
            for cell in record.cells
            if cell.follow_up == "d2"
        ),
        headline=(replace(record.headline[0], outcome=outcome, follow_up=visit),),
        choices=record.choices.assign(**names),
        explanations=record.explanations.assign(**names),
    )


def test_figures_are_byte_equal_when_drawn_twice(record: RunRecord) -> None:
    assert draw_figures(record) == draw_figures(record)


def test_an_explanation_of_chance_is_watermarked(record: RunRecord) -> None:
    assert "no evidence that this model predicts" in words_in(draw_figures(record)[SHAP])


def test_an_explanation_above_chance_has_no_watermark(record: RunRecord) -> None:
    choices = record.choices.assign(chosen=record.choices["model"] == "random_forest")
    verdict = replace(record.verdict, level="untested")
    figures = draw_figures(replace(record, choices=choices, verdict=verdict))

    assert "no evidence" not in figures["shap.response.d2.random_forest"]


def test_there_is_a_figure_of_noise_if_a_test_was_made(tested: RunRecord) -> None:
    figures = draw_figures(tested)

    assert set(figures) == {"auc", "noise", SHAP}
    words = words_in(figures["noise"])
    assert {"observed .80", "mean .69", "1 in 20: .86"} <= set(words)


def test_chance_by_arithmetic_is_marked_on_the_axis(record: RunRecord, tested: RunRecord) -> None:
    assert "arithmetic alone .64" in words_in(draw_figures(tested)["auc"])
    assert "arithmetic" not in draw_figures(record)["auc"]


def test_noise_that_reaches_less_than_one_half_can_be_drawn(tested: RunRecord) -> None:
    table = tested.permutations.copy()
    table.iloc[:, 1:] -= 0.25

    assert ".20" in words_in(draw_figures(replace(tested, permutations=table))["noise"])


def test_a_declined_follow_up_is_said_in_words(record: RunRecord) -> None:
    assert "cannot fill" in " ".join(words_in(draw_figures(record)["auc"]))


def test_a_users_dollar_signs_and_angles_stay_as_they_are(record: RunRecord) -> None:
    assert "Age $x_1$ <b>, years" in words_in(draw_figures(record)[SHAP])


def test_ids_differ_between_figures(record: RunRecord) -> None:
    """All figures stand on one page, and a clip path is found by its id."""
    ids = [
        element.get("id")
        for svg in draw_figures(record).values()
        for element in ET.fromstring(svg).iter()
        if element.get("id")
    ]

    assert len(ids) == len(set(ids))


def test_every_reference_in_a_figure_is_to_the_figure_itself(record: RunRecord) -> None:
    root = ET.fromstring(draw_figures(record)[SHAP])
    ids = {element.get("id") for element in root.iter()}
    targets = {
        value.removeprefix("#")
        for element in root.iter()
        for name, value in element.attrib.items()
        if name.endswith("href")
    }

    assert targets
    assert targets <= ids


def test_a_model_that_uses_no_feature_can_be_drawn(record: RunRecord) -> None:
    flat = replace(record, explanations=record.explanations.assign(shap=0.0))

    assert "+1" in words_in(draw_figures(flat)[SHAP])


def test_a_feature_that_nobody_has_can_be_drawn(record: RunRecord) -> None:
    empty = record.explanations.assign(value=pd.Series(dtype="float64"))

    assert "not observed" in words_in(draw_figures(replace(record, explanations=empty))[SHAP])


def test_drawing_leaves_matplotlib_as_it_was(record: RunRecord) -> None:
    draw_figures(record)

    assert {name: mpl.rcParams[name] for name in STYLE} == {
        name: mpl.rcParamsOrig[name] for name in STYLE
    }


def test_a_number_has_a_figure_of_predicted_and_observed(numbers: RunRecord) -> None:
    assert set(draw_figures(numbers)) == {"r2", "scatter.response.d2.headline", SHAP}


def test_a_point_stands_for_every_patient(numbers: RunRecord) -> None:
    root = ET.fromstring(draw_figures(numbers)["scatter.response.d2.headline"])

    assert sum(element.tag.endswith("use") for element in root.iter()) == 12


def test_equal_numbers_can_be_drawn(numbers: RunRecord) -> None:
    flat = replace(numbers, predictions=numbers.predictions.assign(prediction=20.0, observed=20.0))

    assert "observed" in words_in(draw_figures(flat)["scatter.response.d2.headline"])


def test_an_interval_beyond_the_scale_ends_at_its_end(numbers: RunRecord) -> None:
    far = tuple(cell_changed(cell, r2=-7.0, r2_low=-9.0) for cell in numbers.cells)
    svg = draw_figures(replace(numbers, cells=far))["r2"]

    paths = [element.get("d") or "" for element in ET.fromstring(svg).iter()]
    lines = [path for path in paths if path.count("L") == 1]
    assert min(float(x) for line in lines for x in re.findall(r"[ML] (-?[\d.]+) ", line)) == 220
    assert "\N{MINUS SIGN}7.00  (\N{MINUS SIGN}9.00 to .18)" in words_in(svg)


def test_a_long_label_of_a_feature_has_two_lines(record: RunRecord) -> None:
    long = replace(record.features[0], label="Mentalization of others (higher is worse, at most)")
    words = words_in(draw_figures(replace(record, features=(long, record.features[1])))[SHAP])

    assert {"Mentalization of others", "(higher is worse, at…"} <= set(words)
