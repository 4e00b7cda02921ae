"""The study that is shipped: simulated, and made again by the command on its page."""

import re
from pathlib import Path

from heldout.cli import main
from heldout.spec.composition import load_experiment
from heldout.study.plan import plan_study

ROOT = Path(__file__).parents[3]
NAME = "esketamine_trd"
PAGE = ROOT / "experiments" / "data" / NAME / "README.md"


def test_the_shipped_study_is_what_its_command_makes(tmp_path: Path) -> None:
    """Table, truth, page, cohort file, features and experiment, to the byte.

    Seed 7 is the first of 1, 2, ... whose counts at every visit lie near what is expected and
    fill five folds at month 6; no result was looked at. After a change that is meant, run the
    command on the page and copy what it makes.
    """
    found = re.search(r"```sh\nheldout (.+)\n```", PAGE.read_text(encoding="utf-8"))
    assert found is not None
    place = tmp_path / "study"
    assert main([str(place) if word == "DIR" else word for word in found[1].split()]) == 0
    made = sorted(path.relative_to(place) for path in place.rglob("*") if path.is_file())
    assert len(made) == 6
    differing = [one for one in made if (place / one).read_bytes() != (ROOT / one).read_bytes()]
    assert differing == []


def test_the_shipped_study_says_first_that_its_data_are_simulated() -> None:
    first = (ROOT / "experiments" / f"{NAME}.yaml").read_text().splitlines()[0]
    assert first.startswith("# Simulated data")
    experiment = load_experiment(ROOT / "experiments" / f"{NAME}.yaml")
    assert experiment.question.startswith("Simulated data.")
    assert experiment.cohort.simulated


def test_the_shipped_study_can_be_planned_at_every_follow_up() -> None:
    plan = plan_study(load_experiment(ROOT / "experiments" / f"{NAME}.yaml"))
    assert len(plan.patients) == 36
    assert plan.design.declined == (None,) * 5
    assert len(set(plan.site or ())) == 4
    observed = [(one.name, one.follow_up, int(one.observed.sum())) for one in plan.design.outcomes]
    assert observed == [
        ("response", "month1", 33),
        ("response", "month3", 30),
        ("response", "month6", 21),
        ("remission", "month6", 21),
        ("severity", "month6", 21),
    ]
