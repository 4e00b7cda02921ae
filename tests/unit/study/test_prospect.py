"""What a plan can answer, by rule and by simulation, before any outcome is fitted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heldout.inference.sizes import Size
from heldout.metrics.intervals import share_found
from heldout.spec.composition import load_experiment
from heldout.splits import plan_folds
from heldout.study.design import Design
from heldout.study.folders import mlruns
from heldout.study.plan import plan_study
from heldout.study.prospect import (
    ChanceOfAuc,
    Prospect,
    Simulation,
    Word,
    prospects_of,
    simulated_chance,
)
from tests.tables import a_plan, a_table


@pytest.fixture(name="design", scope="module")
def design_of_two_outcomes() -> Design:
    """Return a design of two outcomes."""
    return a_plan(a_table(), models=["ridge"]).design


def prospect(n: int, events: int | None, critical: float | None, parameters: int = 8) -> Prospect:
    """Return what an outcome of a size can answer."""
    chance = critical and ChanceOfAuc(critical=critical, factor=1.5, simulations=999)
    size = Size(n=n, events=events, parameters=parameters)
    return Prospect(name="response d2", primary=True, size=size, chance=chance or None)


@pytest.mark.parametrize(
    ("answered", "word"),
    [
        (prospect(29, 6, 0.84), "cannot answer"),
        (prospect(36, 14, 0.70), "exploratory"),
        (prospect(160, 60, 0.60), "can support a claim"),
        # Riley's criteria are met at a C of .80, whatever the test asks.
        (prospect(385, 192, 0.69), "can support a claim"),
        (prospect(384, 192, 0.69), "exploratory"),
        (prospect(36, 14, None), None),
        (prospect(241, None, None), "exploratory"),
        (prospect(294, None, None), "can support a claim"),
        (Prospect(name="response d2", primary=False, reason="Nobody responded."), "cannot answer"),
    ],
)
def test_the_rule_of_the_word(answered: Prospect, word: Word | None) -> None:
    assert answered.word == word


def test_the_auc_found_is_found_eight_times_in_ten() -> None:
    answered = prospect(36, 14, 0.66)
    assert answered.auc_found is not None
    share = share_found(answered.auc_found, 0.66, 14, 22, factor=1.5)
    assert 0.8 <= share < 0.83
    assert f"a true AUC of {answered.auc_found:.2f}"[-3:] in answered.sentences
    assert prospect(36, 14, 0.999).auc_found is None
    assert "no true AUC is found 8 times in 10" in prospect(36, 14, 0.999).sentences


def test_as_many_studies_find_it_as_is_said() -> None:
    """Of 200 studies in which one feature of twenty tells, beside the share that is foretold."""
    events, rng = np.repeat([1.0, 0.0], [14, 22]), np.random.default_rng(3)
    studies = []
    for seed in range(200):
        plan = plan_folds(events[:, None], n_folds=5, n_repeats=5, seed=seed)
        assert plan is not None
        features = rng.normal(size=(36, 20))
        features[:, 0] += 2 * events
        studies.append(
            Simulation(
                features=features, events=events, weights=np.ones(36), folds=plan.folds, seed=1
            )
        )
    aucs = np.array([study.auc_of(study.features) for study in studies])
    chance = simulated_chance(studies[0], lambda done, total: None)
    said = share_found(aucs.mean(), chance.critical, 14, 22, factor=chance.factor)
    assert said == pytest.approx(np.mean(aucs > chance.critical), abs=0.08)


def test_what_is_simulated_is_kept_and_found_again(design: Design, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    first = prospects_of(design, tmp_path, progress=lambda *counts: told.append(counts))
    total = first[0].chance.simulations if first[0].chance else 0
    assert (told[0], told[-1]) == ((1, total), (total, total))
    assert len(list((mlruns(tmp_path) / "prospects").iterdir())) == 2
    told.clear()
    assert prospects_of(design, tmp_path, progress=lambda *counts: told.append(counts)) == first
    assert told == []


def test_what_cannot_be_kept_or_is_damaged_is_simulated_again(
    design: Design, tmp_path: Path
) -> None:
    first = prospects_of(design, tmp_path)
    for file in (mlruns(tmp_path) / "prospects").iterdir():
        file.write_text("{", encoding="utf-8")
    assert prospects_of(design, tmp_path) == first
    occupied = tmp_path / "occupied"
    occupied.write_text("", encoding="utf-8")
    assert prospects_of(design, occupied) == first


def test_nothing_of_what_goes_with_the_outcome_is_looked_at(design: Design, tmp_path: Path) -> None:
    """Features that tell the outcome outright leave chance where it is."""
    told = design.features.copy()
    told[:, 0] = design.outcomes[0].values
    [plain, *_], [telling, *_] = (
        prospects_of(made, tmp_path) for made in (design, replace(design, features=told))
    )
    assert plain.chance is not None
    assert telling.chance is not None
    assert telling.chance.critical == pytest.approx(plain.chance.critical, abs=0.04)
    assert 0.5 < plain.chance.critical < 0.8
    assert 1 <= plain.chance.factor < 3


def test_a_plan_that_is_quick_or_declined_simulates_nothing(design: Design, tmp_path: Path) -> None:
    assert [made.chance for made in prospects_of(design, tmp_path, simulate=False)] == [None, None]
    declined = replace(design, declined=("Too few.", "Too few."))
    assert [made.reason for made in prospects_of(declined, tmp_path)] == ["Too few.", "Too few."]
    assert not mlruns(tmp_path).exists()


def test_the_page_shows_what_the_plan_of_the_ketamine_study_says(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    plan = plan_study(load_experiment(root / "experiments" / "nimh_ketamine.yaml"))
    page = (root / "docs" / "outcomes.md").read_text(encoding="utf-8")
    said = prospects_of(plan.design, tmp_path)[0].sentences
    assert said in " ".join(page.split())
