"""The same patients from a CSV file, a REDCap export, an SPSS file and a workbook."""

from pathlib import Path

import pytest

from heldout.simulate.cohort import Simulation
from heldout.simulate.studies import SimulatedCohort, simulate_cohort, write_cohort
from heldout.spec.composition import load_experiment
from heldout.study.plan import StudyPlan, plan_study


@pytest.fixture(scope="module")
def simulated() -> SimulatedCohort:
    """Return patients with missing answers, skipped items and informative drop-out."""
    return simulate_cohort(Simulation(dropout="informative", missing_items=0.03, seed=12))


@pytest.fixture(scope="module")
def from_csv(simulated: SimulatedCohort, tmp_path_factory: pytest.TempPathFactory) -> StudyPlan:
    """Return the plan of the study read from a CSV file."""
    folder = tmp_path_factory.mktemp("csv") / "study"
    return plan_study(load_experiment(write_cohort(simulated, folder)))


@pytest.mark.parametrize("form", ["redcap", "sav", "xlsx"])
def test_every_form_of_a_table_is_the_same_study(
    simulated: SimulatedCohort, from_csv: StudyPlan, form: str, tmp_path: Path
) -> None:
    plan = plan_study(load_experiment(write_cohort(simulated, tmp_path / "study", form=form)))
    assert plan.patients == from_csv.patients
    assert plan.site == from_csv.site
    names = [column.name for column in plan.matrix.columns]
    assert names == [column.name for column in from_csv.matrix.columns]
    assert plan.matrix.values.tobytes() == from_csv.matrix.values.tobytes()
    assert len(plan.design.outcomes) == len(from_csv.design.outcomes) == 5
    for one, other in zip(plan.design.outcomes, from_csv.design.outcomes, strict=True):
        assert one.values.tobytes() == other.values.tobytes()
    assert plan.design.folds.digest == from_csv.design.folds.digest
