"""Differences of two procedures on the same folds: other software's numbers, and laws."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t

from heldout.kinds import KINDS, HeldOut
from heldout.metrics.differences import ADDS, NOTHING, WORSE, paired_difference

Floats = NDArray[np.float64]
FOLDS = np.array(
    [
        [-0.02, 0.04, 0.26, 0.14, -0.14],
        [0.06, -0.01, 0.08, -0.13, 0.09],
        [0.09, 0.25, 0.10, 0.12, -0.12],
    ]
)


def test_the_posterior_is_that_of_baycomp() -> None:
    """baycomp 1.0.3: two_on_single(x, 0, rope=0.05, runs=3) of these fifteen differences."""
    paired = paired_difference(FOLDS.mean(), FOLDS)
    found = (paired.p_better, paired.p_equivalent, paired.p_worse)
    expected = (0.5227545528095641, 0.40067795871655776, 0.07656748847387818)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_interval_is_nadeaus_and_bengios() -> None:
    """By hand: of fifteen folds, four degrees of freedom, a test set a fourth of its training."""
    paired = paired_difference(0.2, FOLDS)
    squares = ((FOLDS - FOLDS.sum() / 15) ** 2).sum() / 14
    reach = t.ppf(0.975, 4) * (squares * (1 / 15 + 1 / 4)) ** 0.5
    assert (paired.low, paired.high) == pytest.approx((0.2 - reach, 0.2 + reach))
    assert paired.difference == 0.2


@pytest.mark.parametrize(
    ("difference", "word"), [(0.3, ADDS), (-0.3, WORSE), (0.1, NOTHING), (-0.1, NOTHING)]
)
def test_the_word_is_the_intervals(difference: float, word: str) -> None:
    assert paired_difference(difference, FOLDS).word == word


def test_swapping_the_two_turns_everything_round() -> None:
    one, other = paired_difference(0.12, FOLDS), paired_difference(-0.12, -FOLDS)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert (one.p_better, one.p_equivalent) == pytest.approx((other.p_worse, other.p_equivalent))


def test_no_interval_goes_beyond_the_largest_difference_there_is() -> None:
    plain = paired_difference(-0.6, 4 * FOLDS)
    wide = paired_difference(-0.6, 4 * FOLDS, largest=1.0)
    assert plain.low < -1
    assert (wide.low, wide.high) == (-1.0, plain.high)


def test_probabilities_add_up_and_no_region_leaves_no_equivalence() -> None:
    paired = paired_difference(0.12, FOLDS, region=0)
    assert paired.p_worse + paired.p_better == pytest.approx(1)
    assert paired.p_equivalent == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("difference", "expected"),
    [(0.0, (0.0, 1.0, 0.0)), (0.1, (0.0, 0.0, 1.0)), (-0.1, (1.0, 0.0, 0.0))],
)
def test_folds_that_all_say_the_same_leave_no_doubt(
    difference: float, expected: tuple[float, ...]
) -> None:
    """A headline that chose the reference's own ranking everywhere, say."""
    paired = paired_difference(difference, np.full((2, 5), difference))
    assert (paired.low, paired.high) == (difference, difference)
    assert (paired.p_worse, paired.p_equivalent, paired.p_better) == expected


def held_out_of(kind: str, seed: int = 0) -> HeldOut:
    """Return two repeats of three folds of unequal sizes, patients weighted."""
    rng = np.random.default_rng(seed)
    answers: Any = rng.integers(0, 2, 20) if kind == "class" else rng.normal(20, 5, 20)
    order = np.array([rng.permutation(20) % 3 for _ in range(2)])
    margin = answers + rng.normal(0, 2, (2, 20))
    mean = answers.mean() + rng.normal(0, 0.1, (2, 20))
    return HeldOut(
        answers=answers.astype(np.float64),
        margin=margin,
        prediction=margin,
        training_mean=mean,
        folds=order,
        weights=rng.uniform(0.5, 2, 20),
    )


def test_the_folds_of_a_number_add_up_to_its_r_squared() -> None:
    held_out, kind = held_out_of("number"), KINDS["number"]
    by_fold = kind.by_fold(held_out)
    assert by_fold.shape == (2, 3)
    assert by_fold.mean() == pytest.approx(kind.estimate.compute(held_out), abs=1e-12)


def test_the_folds_of_a_class_are_their_areas() -> None:
    held_out, kind = held_out_of("class"), KINDS["class"]
    by_fold = kind.by_fold(held_out)
    assert by_fold.shape == (2, 3)
    assert by_fold[1, 2] == kind.estimate.compute(held_out.in_fold(1, 2))
