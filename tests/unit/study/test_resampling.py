"""The intervals that an experiment may name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import norm, t
from sklearn.metrics import roc_auc_score

import heldout
from heldout.engine.engine import Engine
from heldout.errors import DesignError, SpecError
from heldout.metrics.intervals import (
    N_RESAMPLES,
    N_RUNS,
    corrected_interval,
    resampled_interval,
    resampled_variance,
    score_interval,
)
from heldout.study.design import Design
from heldout.study.notebook import Question, experiment_on
from heldout.study.permutations import held_out_by
from heldout.study.plan import plan_study
from heldout.study.resampling import draw_resample, resample_unit, resample_units
from heldout.study.units import silent
from heldout.study.work import work_lines

NAMES = ["pain", "age"]
SETTINGS: dict[str, Any] = {
    "outcomes": {"end": "end"},
    "features": NAMES,
    "models": ["prevalence", "ridge", "elastic_net"],
    "repeats": 3,
    "trials": 2,
    "permutations": 0,
    "explain": False,
    "seed": 4,
}
SETTINGS_OF_PLAN: Any = {"models": SETTINGS["models"], "trials": 2, "seed": 4}


def a_table(n: int = 32) -> pd.DataFrame:
    """Return a cohort in which pain tells something."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.normal(size=(n, 2)), columns=NAMES)
    table["end"] = (table["pain"] + rng.normal(size=n) > 0).astype(float)
    table["town"] = np.where(np.arange(n) % 4 == 0, "a", "b")
    return table


def a_design(**question: Any) -> Design:
    """Return the design of the cohort."""
    asked = Question(outcomes={"end": "end"}, features=NAMES, **question)
    return plan_study(experiment_on(a_table(), SETTINGS_OF_PLAN, asked)).design


def headline(**settings: Any) -> Any:
    """Return the headline of the cohort's record."""
    return heldout.evaluate(a_table(), **(SETTINGS | settings)).headline[0]


def test_the_interval_of_folds_is_that_of_the_published_formula() -> None:
    cell = headline(interval="nadeau_bengio")
    areas = np.array(cell.fold_auc)
    error = areas.std(ddof=1) * np.sqrt(1 / 15 + (1 / 5) / (4 / 5))
    low, high = cell.estimate + t.ppf([0.025, 0.975], 14) * error
    assert (cell.low, cell.high) == pytest.approx((max(low, 0), min(high, 1)), abs=1e-12)


def test_the_score_interval_does_not_listen_to_permutations() -> None:
    usual, fixed = (headline(permutations=120, interval=name) for name in ("score_perm", "score"))
    doubled = score_interval(fixed.estimate, fixed.events, fixed.n - fixed.events)
    assert (fixed.low, fixed.high) == doubled
    assert usual.factor == fixed.factor != 2
    assert (usual.low, usual.high) != doubled
    assert usual.p == fixed.p


def test_an_interval_moves_no_other_figure() -> None:
    records = [
        heldout.evaluate(a_table(), **(SETTINGS | {"interval": name}))
        for name in ("score_perm", "bootstrap_cv")
    ]
    for before, after in zip(*((*of.cells, *of.headline) for of in records), strict=True):
        limits = {"auc_low", "auc_high"}
        assert before.figures.keys() == after.figures.keys()
        differing = {name for name, value in before.figures.items() if after.figures[name] != value}
        # An intercept alone has no interval, whatever it is called.
        assert differing == (set() if before.model == "prevalence" else limits)


def test_the_variance_between_resamples_is_that_of_their_cohorts() -> None:
    """Means of two runs vary by cohorts and by half the luck of dividing; that is taken out."""
    rng = np.random.default_rng(0)
    cohorts = rng.normal(0.7, 0.1, (20_000, 1))
    resampled = cohorts + rng.normal(0, 0.05, (20_000, 2))
    assert resampled_variance(resampled, 5) == pytest.approx(0.1**2 + 0.05**2 / 5, rel=0.03)
    only_luck = np.array([[0.4, 0.6], [0.6, 0.4]])
    assert resampled_variance(only_luck, 5) == pytest.approx(0.02 / 5)


@pytest.mark.parametrize("auc", [0.3, 0.5, 0.94])
def test_resampled_limits_are_symmetric_in_log_odds(auc: float) -> None:
    error = 0.08 / (auc * (1 - auc))
    expected = expit(logit(auc) + norm.ppf([0.025, 0.975]) * error)
    assert resampled_interval(auc, 0.08**2) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("auc", [0.0, 1.0])
def test_limits_hold_an_auc_at_the_end_of_its_scale(auc: float) -> None:
    folds = np.array([[auc, auc, 0.9, 0.8]])
    for low, high in (resampled_interval(auc, 0.01), corrected_interval(auc, folds)):
        assert 0 <= low <= auc <= high <= 1


def test_every_resample_is_evaluated_once_in_each_run_and_not_by_its_engine(tmp_path: Path) -> None:
    design = a_design()
    once = resample_units(design, folder=tmp_path, engine=Engine(), progress=silent)
    assert {name[2] for name in once} == {"prevalence", "ridge", "elastic_net", "headline"}
    assert all(values.shape == (N_RESAMPLES, N_RUNS) for values in once.values())
    assert (once["end", "end", "prevalence"] == 0.5).all()
    runs = once["end", "end", "ridge"]
    assert (runs[:, 0] != runs[:, 1]).mean() > 0.5
    (tmp_path / "resample-3.json").write_text('{"reached": [[')
    again = resample_units(design, folder=tmp_path, engine=Engine(workers=2), progress=silent)
    for name, values in once.items():
        np.testing.assert_array_equal(values, again[name])


def test_who_isdraw_resample_twice_counts_twice() -> None:
    """As scikit-learn weighs patients, fold by fold, each fold by its pairs."""
    design, number = a_design(), 3
    times, plan = draw_resample(design, number)
    assert set(times) >= {0.0, 1.0, 2.0}
    outcome = design.outcomes[0]
    rows = np.flatnonzero(times)
    drawn = replace(outcome, weights=times)
    path = ("resample", "end", "end", number)
    ridge = held_out_by(design, 0, drawn, rows, plan.folds, path)["ridge"]
    for run, reached in enumerate(resample_unit(design, number)["reached"]):
        areas, pairs = [], []
        for fold in range(5):
            tested = plan.folds[run][rows] == fold
            weights, event = times[rows][tested], outcome.values[rows][tested] == 1
            said = ridge.margin[run, tested]
            areas.append(roc_auc_score(event, said, sample_weight=weights))
            pairs.append(weights[event].sum() * weights[~event].sum())
        assert reached[1] == pytest.approx(np.average(areas, weights=pairs))


def test_a_patient_who_was_notdraw_resample_teaches_and_judges_nobody() -> None:
    """Of whom nothing was drawn, no feature moves a figure of the resample."""
    design = a_design()
    reached = resample_unit(design, 0)
    changes = 0
    for patient in range(len(design.features)):
        features = design.features.copy()
        features[patient] += 50.0
        changes += resample_unit(replace(design, features=features), 0) != reached
    # Some 63 of 100 patients stand in a bootstrap sample.
    assert 0.4 * len(design.features) < changes < 0.85 * len(design.features)


def test_the_plan_says_what_resampling_costs() -> None:
    lines = list(work_lines(_planned("bootstrap_cv")))
    assert any("200 runs of" in line and "bootstrap_cv" in line for line in lines)
    assert not any("bootstrap_cv" in line for line in work_lines(a_design()))


def _planned(interval: Any) -> Design:
    """Return the design of the cohort with an interval of its own."""
    asked = Question(outcomes={"end": "end"}, features=NAMES)
    return plan_study(
        experiment_on(a_table(), SETTINGS_OF_PLAN | {"interval": interval}, asked)
    ).design


@pytest.mark.parametrize("name", ["delong", "bootstrap", "wald", "Score"])
def test_an_interval_that_is_too_narrow_here_is_not_offered(name: str) -> None:
    with pytest.raises(SpecError, match=f"interval: found '{name}'; .*score_perm.*bootstrap_cv"):
        headline(interval=name)


@pytest.mark.parametrize("name", ["score", "nadeau_bengio", "bootstrap_cv"])
def test_an_interval_of_an_auc_is_refused_where_there_is_none(name: str) -> None:
    with pytest.raises(DesignError, match=f"{name} is the interval of an AUC, and every outcome"):
        headline(outcomes={"end": "age"}, features=["pain"], kind="number", interval=name)


def test_sites_keep_their_sizes_in_a_resample() -> None:
    design = a_design(site="town")
    assert design.site is not None
    for number in range(5):
        times, folds = draw_resample(design, number)
        assert len(folds.folds) == N_RUNS
        assert [times[design.site == site].sum() for site in (0, 1)] == [8, 24]
