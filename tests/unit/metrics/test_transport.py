"""The area of several sites, against a published meta-analysis and by hand."""

import numpy as np
import pytest

from heldout.metrics.transport import pooled_area, random_effects

# Tuberculosis and vaccinated or not (Colditz et al. 1994): ill and well, with and without.
BCG = np.array(
    [
        (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619),
        (33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892),
        (29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338),
        (27, 16886, 29, 17825),
    ]
)  # fmt: skip


def test_the_variance_between_is_that_published_for_thirteen_vaccine_trials() -> None:
    """By R's metafor, method "PM": tau squared .3181."""
    ill, well, ill_without, well_without = BCG.T
    with_it, without = ill + well, ill_without + well_without
    effects = np.log(ill / with_it) - np.log(ill_without / without)
    variances = 1 / ill - 1 / with_it + 1 / ill_without - 1 / without
    mean, error, tau_squared = random_effects(effects, variances)
    assert tau_squared == pytest.approx(0.3181, abs=5e-4)
    assert mean == pytest.approx(-0.715, abs=2e-3)
    weights = 1 / (variances + tau_squared)
    # By definition of the estimator the sum of squares is its expectation.
    assert weights @ (effects - mean) ** 2 == pytest.approx(12)
    assert error == pytest.approx(weights.sum() ** -0.5)


def test_sites_that_agree_have_no_variance_and_an_error_that_is_not_narrowed() -> None:
    mean, error, tau_squared = random_effects(np.full(4, 0.3), np.full(4, 0.04))
    assert (mean, tau_squared) == pytest.approx((0.3, 0))
    assert error == pytest.approx(0.1)


def test_equal_variances_are_averaged() -> None:
    effects = np.array([0.0, 1.0, 2.0])
    mean, error, tau_squared = random_effects(effects, np.full(3, 0.25))
    assert (mean, tau_squared) == pytest.approx((1, 1 - 0.25))
    assert error == pytest.approx((1 / 3) ** 0.5)


def test_the_interval_is_of_t_and_a_site_to_come_is_foreseen_from_five_on() -> None:
    four = pooled_area([0.7] * 4, [(10, 10)] * 4)
    five = pooled_area([0.7] * 5, [(10, 10)] * 5)
    assert four.auc == five.auc == pytest.approx(0.7)
    assert (four.foreseen_low, four.foreseen_high) == (None, None)
    assert five.foreseen_low is not None
    assert five.foreseen_high is not None
    assert five.foreseen_low < five.low < 0.7 < five.high < five.foreseen_high
    # Hanley and McNeil's variance of .70 by ten and ten, and t with three degrees of freedom.
    spread = 1 + 9 * 0.3 / 1.3 + 9 * 0.7 / 1.7
    error = (0.21 * spread / 100) ** 0.5 / 0.21 / 2
    limit = np.log(0.7 / 0.3) - 3.182446 * error
    assert four.low == pytest.approx(1 / (1 + np.exp(-limit)))


@pytest.mark.parametrize("area", [0.0, 1.0])
def test_a_site_without_an_error_counts_as_half_a_pair_from_it(area: float) -> None:
    found = pooled_area([area, 0.6, 0.5], [(5, 6)] * 3)
    near = pooled_area([abs(area - 1 / 60), 0.6, 0.5], [(5, 6)] * 3)
    assert found == near
