"""Sites left out in turn: who is left out, what is learnt without them, and what they show."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from heldout.engine.engine import Engine
from heldout.inference.transport import NOT_TESTED, sites_to_leave_out
from heldout.metrics.transport import pooled_area
from heldout.study.notebook import Question, Settings, experiment_on
from heldout.study.plan import StudyPlan, plan_study
from heldout.study.scoring import transport_units
from heldout.study.units import SiteUnit, evaluate_site, evaluate_sites, silent, site_units_of
from tests.tables import FEATURES, a_table

SITES = np.repeat(["east", "north", "south", "west"], [30, 30, 31, 9])


def a_plan(sites: Any) -> StudyPlan:
    """Return a study of a hundred patients."""
    settings = Settings(models=["prevalence", "ridge"], repeats=1, trials=2, permutations=0, seed=4)
    question = Question(outcomes={"week4": "response4"}, features=FEATURES, site="centre")
    return plan_study(experiment_on(a_table(100).assign(centre=sites), settings, question))


@pytest.fixture(scope="module")
def plan() -> StudyPlan:
    """Return a study of three large sites and a small one."""
    return a_plan(SITES)


def test_small_sites_are_learnt_from_and_not_left_out(plan: StudyPlan) -> None:
    assert site_units_of(plan.design) == [SiteUnit(outcome=0, site=site) for site in range(3)]
    result = evaluate_site(plan.design, SiteUnit(outcome=0, site=1))
    observed = np.flatnonzero(plan.design.outcomes[0].observed)
    assert result["test"] == [row for row in observed if SITES[row] == "north"]


def test_a_site_is_predicted_without_its_own_outcomes(plan: StudyPlan) -> None:
    """Turning them all round changes nothing of what is said of the site."""
    outcome = plan.design.outcomes[0]
    turned = outcome.scores.copy()
    turned[SITES == "north"] = 1 - turned[SITES == "north"]
    design = replace(plan.design, outcomes=(replace(outcome, scores=turned),))
    north, east = SiteUnit(outcome=0, site=1), SiteUnit(outcome=0, site=0)
    assert evaluate_site(design, north) == evaluate_site(plan.design, north)
    assert evaluate_site(design, east) != evaluate_site(plan.design, east)


def test_the_area_of_a_site_is_that_of_its_patients(plan: StudyPlan, tmp_path: Path) -> None:
    where: Any = {"folder": tmp_path, "engine": Engine(workers=1), "progress": silent}
    results = evaluate_sites(plan.design, **where)
    assert plan.site is not None
    (transport,) = transport_units(plan.design, results, plan.site)
    assert [left.site for left in transport.sites] == ["east", "north", "south"]
    for left, result in zip(transport.sites, results, strict=True):
        answers = plan.design.outcomes[0].values[result["test"]]
        assert (left.n, left.events) == (len(answers), answers.sum())
        assert left.auc == pytest.approx(roc_auc_score(answers, result["margin"]))
    sizes = [(left.events, left.n - left.events) for left in transport.sites]
    assert transport.pooled == pooled_area([left.auc for left in transport.sites], sizes)


def test_sites_that_are_done_are_not_done_again(plan: StudyPlan, tmp_path: Path) -> None:
    where: Any = {"folder": tmp_path, "engine": Engine(workers=1)}
    first = evaluate_sites(plan.design, **where, progress=silent)
    (tmp_path / "o0-s1.json").unlink()
    told: list[tuple[int, int]] = []
    again = evaluate_sites(
        plan.design, **where, progress=lambda done, every, _: told.append((done, every))
    )
    assert again == first
    assert told == [(2, 3), (3, 3)]


def test_of_two_large_sites_transport_is_not_tested() -> None:
    plan = a_plan(np.repeat(["east", "north", "south"], [45, 46, 9]))
    assert site_units_of(plan.design) == []
    (transport,) = transport_units(plan.design, [], plan.site or ())
    assert (transport.reason, transport.sites, transport.pooled) == (NOT_TESTED, (), None)


def test_a_site_needs_ten_observed_patients_and_both_answers() -> None:
    site, events = np.repeat([0, 1, 2, 3], 12), np.tile([True, False], 24)
    observed = np.ones(48, dtype=bool)
    assert sites_to_leave_out(site, events, observed) == [0, 1, 2, 3]
    observed[:2] = False
    assert sites_to_leave_out(site, events, observed) == [0, 1, 2, 3]
    observed[2] = False
    assert sites_to_leave_out(site, events, observed) == [1, 2, 3]
    assert sites_to_leave_out(site, events | (site == 3), observed) == []
    assert sites_to_leave_out(None, events, observed) == []
