"""A plan and its design are one study: same patients, same order, same folds."""

import numpy as np

from heldout.study.design import joint_strata, site_numbers, with_folds
from tests.tables import a_plan, a_table


def test_plan_and_design_are_of_the_same_patients_in_the_same_order() -> None:
    plan = a_plan(a_table())
    assert list(plan.patients) == sorted(plan.patients)
    np.testing.assert_array_equal(plan.design.features, plan.matrix.values)
    assert len(plan.design.features) == len(plan.patients) == len(plan.site or ())
    for known, matrices in zip(plan.design.references, plan.references, strict=True):
        assert [*known] == [*matrices] == ["severity"]
        np.testing.assert_array_equal(known["severity"], matrices["severity"].values)


def test_folds_are_those_that_the_design_states() -> None:
    design = a_plan(a_table()).design
    declined, folds = with_folds(
        design.outcomes, design.validation, seed=design.seed, site=design.site
    )
    assert (declined, folds.digest) == (design.declined, design.folds.digest)
    assert set(np.unique(folds.folds)) == set(range(design.validation.outer))


def test_sites_are_numbered_in_alphabetical_order() -> None:
    numbers = site_numbers(["south", "north", "south"])
    assert numbers is not None
    assert numbers.tolist() == [1, 0, 1]
    assert site_numbers(None) is None


def test_patients_of_an_outcome_carry_their_own_rows() -> None:
    design = a_plan(a_table()).design
    rows = np.flatnonzero(design.outcomes[1].observed)[::2]
    patients = design.patients(1, rows)
    assert design.site is not None
    assert patients.site is not None
    assert patients.site.tolist() == design.site[rows].tolist()
    assert patients.answers.tolist() == design.outcomes[1].values[rows].tolist()
    assert joint_strata(design.outcomes).shape == (len(design.features), 2)
