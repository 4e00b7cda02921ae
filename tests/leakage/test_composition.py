"""Poison for what is learnt from several patients' scores: means, spreads and weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from heldout.features.columns import FeatureMatrix
from heldout.models.definition import build_preparation
from heldout.nested.folds import fit_models
from heldout.study.plan import StudyPlan, plan_study
from heldout.study.units import Unit, evaluate_unit
from tests.tables import a_procedure
from tests.unit.features.studies import EVERY_BUILDER, FACTOR, made_up_rows, study

TRAIN = np.arange(40)
REQUESTS = [EVERY_BUILDER["totals"], EVERY_BUILDER["constructs"]]
REQUESTS += [EVERY_BUILDER["components"], FACTOR]
SMALL: dict[str, Any] = {
    "models": ["severity", "ridge"],
    "validation": {"outer": 3, "inner": 2, "repeats": 2},
    "tuning": {"trials": 2},
    "inference": {"permutations": 0},
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> StudyPlan:
    """Return the plan of a study with constructs and components, everybody observed or not."""
    folder = tmp_path_factory.mktemp("composed")
    return plan_study(study(folder, *REQUESTS, rows=made_up_rows(60), **SMALL))


def poisoned(matrix: FeatureMatrix, rows: Any) -> FeatureMatrix:
    """Return a matrix with extreme values for some patients."""
    table = matrix.table.copy()
    table.iloc[rows] = 1e9
    return replace(matrix, table=table)


def learnt(values: NDArray[np.float64], matrix: FeatureMatrix) -> list[bytes]:
    """Return all means, spreads and weights that training patients teach."""
    prepare = build_preparation("impute", matrix.composition).fit(values[TRAIN])
    maps = [one for one in prepare["compose"].maps_ if one is not None]
    assert len(maps) == 4
    return [part.tobytes() for one in maps for part in (one.mean, one.sd, one.weights)]


def test_a_patient_held_out_teaches_a_composite_nothing(plan: StudyPlan) -> None:
    test = np.arange(len(TRAIN), len(plan.patients))
    dirty = poisoned(plan.matrix, test)
    assert learnt(dirty.values, dirty) == learnt(plan.matrix.values, plan.matrix)


def test_a_patient_who_is_learnt_from_does_teach_it(plan: StudyPlan) -> None:
    """The negative control: every mean, spread and component sees one poisoned patient."""
    dirty = poisoned(plan.matrix, TRAIN[:1])
    clean = learnt(plan.matrix.values, plan.matrix)
    same = [a == b for a, b in zip(learnt(dirty.values, dirty), clean, strict=True)]
    # The weights of a z-composite are fixed; everything else moved.
    assert sum(same) == 2


def test_composites_of_the_whole_procedure_learn_from_its_training_set(plan: StudyPlan) -> None:
    """The same, through tuning and fitting, where the step could be left out or misplaced."""
    rows = np.flatnonzero(plan.design.outcomes[0].observed)
    train, test = rows[:-12], rows[-12:]
    fitted = []
    for matrix in (plan.matrix, poisoned(plan.matrix, test)):
        training = replace(plan.design, features=matrix.values).patients(0, train)
        fitted.append(fit_models(training, a_procedure("ridge"), ("poison",))[0])
    clean, dirty = fitted
    assert clean.search == dirty.search
    seen = plan.design.features_of(0, test)["all"]
    np.testing.assert_array_equal(
        clean.pipeline.predict_proba(seen), dirty.pipeline.predict_proba(seen)
    )


def test_a_unit_is_explained_in_composites_and_says_their_values(plan: StudyPlan) -> None:
    unit = evaluate_unit(plan.design, Unit(outcome=0, repeat=0, fold=0))
    severity, ridge = unit["models"]
    n_test = len(unit["test"])
    assert np.shape(severity["contributions"]) == (n_test, 1)
    assert np.shape(ridge["contributions"]) == (n_test, len(plan.matrix.features))
    assert np.shape(unit["composed"]) == (n_test, len(plan.matrix.features))


def test_what_a_patient_held_out_is_said_to_have_does_not_depend_on_the_others_held_out(
    plan: StudyPlan,
) -> None:
    unit = Unit(outcome=0, repeat=0, fold=0)
    before = evaluate_unit(plan.design, unit)
    others = before["test"][1:]
    dirty = poisoned(plan.matrix, others)
    after = evaluate_unit(replace(plan.design, features=dirty.values), unit)
    assert after["composed"][0] == before["composed"][0]


def test_a_value_after_the_landmark_changes_nothing(tmp_path: Path) -> None:
    rows = made_up_rows(30)
    later = [
        row | {name: "1" for name in row if name.startswith("qids") and name.endswith("_w4")}
        for row in rows
    ]
    requests = [*REQUESTS, EVERY_BUILDER["early_change"]]
    plans = [plan_study(study(tmp_path, *requests, rows=one, **SMALL)) for one in (rows, later)]
    clean, dirty = (one.matrix for one in plans)
    assert dirty.values.tobytes() == clean.values.tobytes()
    assert learnt_all(dirty) == learnt_all(clean)


def learnt_all(matrix: FeatureMatrix) -> list[bytes]:
    """Return what all patients teach."""
    prepare = build_preparation("impute", matrix.composition).fit(matrix.values)
    return [one.weights.tobytes() for one in prepare["compose"].maps_ if one is not None]
