"""From units to the record: every table and figure is one of the units' own."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heldout.metrics.calibration import logit_slope
from heldout.metrics.differences import paired_difference
from heldout.metrics.discrimination import within_site_auc
from heldout.nested.folds import HEADLINE
from heldout.record import RunRecord
from heldout.study.assembly import assemble_record
from heldout.study.notebook import Question, Settings, experiment_on
from heldout.study.plan import StudyPlan, plan_study
from heldout.study.scoring import score_units, with_arithmetic
from heldout.study.units import evaluate_unit, units_of
from tests.tables import FEATURES, OUTCOMES, a_table

REPEATS = 3


@pytest.fixture(scope="module")
def plan() -> StudyPlan:
    """Return a study of two outcomes whose folds are drawn three times."""
    settings = Settings(
        models=["prevalence", "ridge_fixed", "ridge"],
        repeats=REPEATS,
        trials=2,
        permutations=0,
        seed=11,
    )
    question = Question(outcomes=OUTCOMES, features=FEATURES, site="centre", severity="severity")
    return plan_study(experiment_on(a_table(), settings, question))


@pytest.fixture(scope="module")
def results(plan: StudyPlan) -> list[Any]:
    """Return what every unit says."""
    return [evaluate_unit(plan.design, unit) for unit in units_of(plan.design)]


@pytest.fixture(scope="module")
def record(plan: StudyPlan, results: list[Any]) -> RunRecord:
    """Return the record of these units."""
    cells, differences = score_units(plan.design, results)
    cells = with_arithmetic(plan.design, cells, {0: 0.6})
    return assemble_record(plan, results, cells, differences, None, run_id="a", environment={})


def test_the_area_within_sites_is_of_the_sites_of_the_table(
    plan: StudyPlan, record: RunRecord
) -> None:
    assert plan.design.site is not None
    place = dict(zip(plan.patients, plan.design.site, strict=True))
    rows = record.predictions.query("model == 'headline' and follow_up == 'week4'")
    tables = [
        rows.pivot(index="repeat", columns="patient", values=name)
        for name in ("margin", "fold", "event")
    ]
    site = tables[0].columns.map(place).to_numpy()
    margin, folds, events = (table.to_numpy() for table in tables)
    expected = within_site_auc(margin, folds, events[0] == 1, site)
    assert record.headline[0].auc_within_sites == pytest.approx(expected)


def test_calibration_of_few_patients_is_a_reason_alone(record: RunRecord) -> None:
    assert [(of.follow_up, of.model) for of in record.calibration] == [
        (cell.follow_up, cell.model)
        for visit in OUTCOMES
        for cell in (*record.cells, *record.headline)
        if cell.follow_up == visit
    ]
    first = record.calibration[0]
    assert first.reason == (
        f"{first.rarer} patients in the rarer class; below 30 calibration cannot be assessed."
    )
    assert (first.method, first.curve, first.net_benefit) == (None, None, None)


def test_calibration_is_of_what_each_model_said_of_patients_held_out() -> None:
    settings = Settings(models=["prevalence", "ridge"], repeats=2, trials=2, permutations=0, seed=1)
    question = Question(outcomes={"week4": "response4"}, features=FEATURES)
    plan = plan_study(experiment_on(a_table(100), settings, question))
    results = [evaluate_unit(plan.design, unit) for unit in units_of(plan.design)]
    scored = score_units(plan.design, results)
    record = assemble_record(plan, results, *scored, None, run_id="a", environment={})
    level, ridge, headline = record.calibration
    # Only one model can be chosen.
    assert (headline.curve, headline.net_benefit) == (ridge.curve, ridge.net_benefit)
    assert (level.reason, level.curve) == (None, None)
    rows = record.predictions.query("model == 'ridge'")
    probability, folds, events = (
        rows.pivot(index="repeat", columns="patient", values=name).to_numpy()
        for name in ("probability", "fold", "event")
    )
    cell = record.headline[0]
    assert cell.calibration_slope == logit_slope(probability, folds, events[0] == 1)
    assert ridge.net_benefit is not None
    treated = probability >= 0.5
    expected = (treated * np.where(events == 1, 1, -1)).mean()
    assert ridge.net_benefit.value[ridge.net_benefit.at.index(0.5)] == pytest.approx(expected)


def test_units_come_by_outcome_then_repeat_then_fold(plan: StudyPlan) -> None:
    units = units_of(plan.design)
    places = [(unit.outcome, unit.repeat, unit.fold) for unit in units]
    assert places == sorted(places)
    assert len(set(places)) == len(places) == 2 * REPEATS * 5
    assert len({unit.file for unit in units}) == len(units)


def test_a_unit_holds_out_the_observed_patients_of_its_fold(
    plan: StudyPlan, results: list[Any]
) -> None:
    design = plan.design
    for unit, result in zip(units_of(design), results, strict=True):
        outcome = design.outcomes[unit.outcome]
        tested = outcome.observed & (design.folds.folds[unit.repeat] == unit.fold)
        assert result["test"] == np.flatnonzero(tested).tolist()
        learnt = outcome.observed & ~tested
        assert np.unique(result["training_mean"]) == pytest.approx(outcome.values[learnt].mean())


def test_explanations_are_the_mean_over_repeats(
    plan: StudyPlan, results: list[Any], record: RunRecord
) -> None:
    """Of the sum, patients would be explained three times as strongly."""
    patient = int(np.flatnonzero(plan.design.outcomes[0].observed)[0])
    contributions = [
        np.asarray(model["contributions"])[result["test"].index(patient)]
        for unit, result in zip(units_of(plan.design), results, strict=True)
        for model in result["models"]
        if unit.outcome == 0 and model["model"] == "ridge" and patient in result["test"]
    ]
    assert len(contributions) == REPEATS
    table = record.explanations
    rows = table[
        (table["follow_up"] == plan.design.outcomes[0].follow_up)
        & (table["model"] == "ridge")
        & (table["patient"] == plan.patients[patient])
    ]
    assert rows["shap"].to_numpy() == pytest.approx(np.mean(contributions, axis=0))
    assert np.abs(rows["shap"]).max() > 0


def test_every_patient_is_predicted_once_in_each_repeat(record: RunRecord) -> None:
    keys = ["outcome", "follow_up", "model", "patient"]
    assert set(record.predictions.groupby(keys).size()) == {REPEATS}


def test_the_headline_is_what_the_chosen_model_said(record: RunRecord) -> None:
    keys = ["outcome", "follow_up", "repeat", "fold"]
    chosen = record.choices[record.choices["chosen"]]
    assert len(chosen) == len(record.choices) / 3
    merged = record.predictions.merge(chosen[[*keys, "model"]], on=[*keys, "model"])
    headline = record.predictions[record.predictions["model"] == HEADLINE]
    order = [*keys, "patient"]
    assert (
        merged.sort_values(order)["probability"].tolist()
        == headline.sort_values(order)["probability"].tolist()
    )


def test_a_difference_is_that_of_the_two_cells_on_the_same_folds(record: RunRecord) -> None:
    """References that learn have one at every outcome; it is no chance that one is not 0."""
    cells = {(cell.follow_up, cell.model): cell for cell in (*record.cells, *record.headline)}
    assert [(one.follow_up, one.reference) for one in record.differences] == [
        ("week4", "ridge_fixed"),
        ("week8", "ridge_fixed"),
    ]
    for one in record.differences:
        headline, reference = (cells[one.follow_up, name] for name in (HEADLINE, one.reference))
        assert one.difference == (headline.auc or 0) - (reference.auc or 0)
        paired = np.array(headline.fold_auc) - np.array(reference.fold_auc)
        expected = paired_difference(one.difference, paired.reshape(REPEATS, -1), largest=1.0)
        assert (one.low, one.high, one.word) == (expected.low, expected.high, expected.word)
    assert any(one.difference for one in record.differences)


def test_a_model_that_says_the_same_of_everybody_has_no_interval(record: RunRecord) -> None:
    for cell in record.cells:
        assert (cell.low is None, cell.high is None) == (cell.model == "prevalence",) * 2
    assert {cell.auc for cell in record.cells if cell.model == "prevalence"} == {0.5}


def test_arithmetic_stands_with_its_own_outcome(record: RunRecord) -> None:
    by_outcome = {(cell.follow_up, cell.arithmetic) for cell in (*record.cells, *record.headline)}
    assert by_outcome == {("week4", 0.6), ("week8", None)}


@pytest.mark.parametrize("primary", [0, 1])
def test_the_verdict_is_that_of_the_outcome_named_beforehand(
    plan: StudyPlan, results: list[Any], primary: int
) -> None:
    outcomes = tuple(
        replace(outcome, primary=number == primary)
        for number, outcome in enumerate(plan.design.outcomes)
    )
    named = replace(plan, design=replace(plan.design, outcomes=outcomes))
    scored = score_units(named.design, results)
    record = assemble_record(named, results, *scored, None, run_id="a", environment={})
    assert outcomes[primary].follow_up in record.verdict.sentences[0]
    assert outcomes[1 - primary].follow_up not in record.verdict.sentences[0]
