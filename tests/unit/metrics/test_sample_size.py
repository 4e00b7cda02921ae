"""Riley's criteria against published examples, the authors' simulations, and their own laws."""

import numpy as np
import pytest

from heldout.metrics.sample_size import (
    cox_snell_of_c,
    largest_cox_snell,
    parameters_for_event,
    parameters_for_number,
    patients_for_event,
    patients_for_number,
)


def test_the_published_examples() -> None:
    """Riley et al. 2020 (an event, BMJ), and 2019 (a number; the criterion of shrinkage)."""
    assert patients_for_event(24, 0.288, 0.174) == 662
    assert patients_for_number(25, 0.2) == 918
    assert patients_for_number(20, 0.9) == 254


@pytest.mark.parametrize(
    ("c", "needed"),
    [
        (0.65, (650, 1299, 2597)),
        (0.70, (369, 719, 1438)),
        (0.80, (369, 369, 605)),
        (0.85, (369, 369, 432)),
    ],
)
def test_a_c_statistic_gives_what_a_simulation_of_a_million_gives(
    c: float, needed: tuple[int, ...]
) -> None:
    r_squared = cox_snell_of_c(c, 0.4)
    sizes = [patients_for_event(parameters, r_squared, 0.4) for parameters in (5, 10, 20)]
    assert sizes == pytest.approx(needed, rel=0.01)


@pytest.mark.parametrize(("c", "supported"), [(0.70, 0.50), (0.80, 1.19), (0.85, 1.67)])
def test_what_36_patients_support(c: float, supported: float) -> None:
    assert parameters_for_event(36, cox_snell_of_c(c, 0.4), 0.4) == pytest.approx(
        supported, abs=0.01
    )


def test_the_r_squared_of_a_c_is_that_of_a_large_sample() -> None:
    """The likelihood of the true risks of 400,000 patients, beside that of the prevalence."""
    rng = np.random.default_rng(1)
    event = rng.random(400_000) < 0.2
    shift = np.sqrt(2) * 1.0364333894937898  # The normal deviate of .85.
    x = rng.normal(size=len(event)) + shift * event
    risk = 1 / (1 + np.exp(-(np.log(0.25) + shift * (x - shift / 2))))
    gain = np.log(np.where(event, risk, 1 - risk)) - np.log(np.where(event, 0.2, 0.8))
    assert cox_snell_of_c(0.85, 0.2) == pytest.approx(1 - np.exp(-2 * gain.mean()), rel=0.01)


def test_laws_of_the_r_squared() -> None:
    assert cox_snell_of_c(0.5, 0.3) == pytest.approx(0, abs=1e-12)
    assert cox_snell_of_c(0.75, 0.3) == pytest.approx(cox_snell_of_c(0.75, 0.7))
    values = [cox_snell_of_c(c, 0.3) for c in (0.6, 0.7, 0.8, 0.9, 0.99)]
    assert values == sorted(values)
    assert values[-1] < largest_cox_snell(0.3)


def test_what_is_supported_is_what_needs_no_more() -> None:
    """Patients needed and parameters supported are each other's inverse."""
    r_squared = cox_snell_of_c(0.7, 0.3)
    needed = patients_for_event(30, r_squared, 0.3)
    assert parameters_for_event(needed, r_squared, 0.3) == pytest.approx(30, rel=0.001)
    assert parameters_for_number(patients_for_number(30, 0.3), 0.3) == pytest.approx(30, rel=0.01)


def test_few_parameters_need_what_the_mean_and_the_spread_need() -> None:
    assert patients_for_event(1, 0.3, 0.5) == 385
    assert patients_for_number(1, 0.3) == 235
