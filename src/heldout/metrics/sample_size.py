"""How many patients a prediction model needs, before anything is fitted.

Riley's criteria: the model's effects shall need little shrinkage, its fit shall be hardly better
than it will be in new patients, and what is predicted on average shall be known. They ask for a
guess of how good the model will be, and count every candidate parameter, chosen or not. How many
events there are per parameter decides nothing: what is needed depends on the guess.

References
----------
Riley et al. (2019), Stat Med 38:1276-1296, doi:10.1002/sim.7992: events.
Riley et al. (2019), Stat Med 38:1262-1275, doi:10.1002/sim.7993: numbers.
Riley et al. (2020), BMJ 368:m441, doi:10.1136/bmj.m441: both, explained.
Riley, Van Calster & Collins (2021), Stat Med 40:859-864, doi:10.1002/sim.8806: from a C statistic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

# Of the effects, what is left after shrinkage at least.
_SHRINKAGE = 0.9
# By how much the apparent R squared may exceed the true one, and the mean risk miss it.
_OPTIMISM, _MARGIN = 0.05, 0.05
# Patients beside the parameters that know a number's residual deviation to 10 %.
_FOR_DEVIATION = 234
_Z_95 = 1.96


def cox_snell_of_c(c: float, prevalence: float) -> float:
    """Return the Cox-Snell R squared of a logistic model with a known C statistic.

    Parameters
    ----------
    c : float
        Area under the ROC curve, in [.5, 1).
    prevalence : float
        Share of patients with the event, in (0, 1).

    Returns
    -------
    float
        Of a linear predictor that is normal with the same variance among patients with the event
        and without it [1]_; integrated, not simulated.

    References
    ----------
    .. [1] Riley, Van Calster & Collins (2021), Stat Med 40:859-864, doi:10.1002/sim.8806

    Examples
    --------
    >>> round(cox_snell_of_c(0.70, 0.4), 3)
    0.117
    """
    shift = math.sqrt(2) * NormalDist().inv_cdf(c)
    at, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    gain = -_mean_log_likelihood(prevalence)
    for event, share in ((1, prevalence), (0, 1 - prevalence)):
        x = at + shift * event
        # Two normals of equal variance differ by a line in their log-odds.
        log_odds = math.log(prevalence / (1 - prevalence)) + shift * (x - shift / 2)
        gain -= share * float(weights @ np.logaddexp(0.0, -log_odds if event else log_odds))
    return 1 - math.exp(-2 * gain)


def largest_cox_snell(prevalence: float) -> float:
    """Return the largest Cox-Snell R squared that there can be.

    Parameters
    ----------
    prevalence : float
        Share of patients with the event, in (0, 1).

    Returns
    -------
    float

    Examples
    --------
    >>> round(largest_cox_snell(0.5), 2)
    0.75
    """
    return 1 - math.exp(2 * _mean_log_likelihood(prevalence))


def _mean_log_likelihood(prevalence: float) -> float:
    """Return the log-likelihood a patient of a model that says the prevalence of everybody."""
    return prevalence * math.log(prevalence) + (1 - prevalence) * math.log(1 - prevalence)


def _patients_per_parameter(r_squared: float, prevalence: float) -> float:
    """Return how many patients each candidate parameter takes, of an event."""
    # The optimism is of Nagelkerke's R squared, which is the share of the largest one.
    optimism = r_squared / (r_squared + _OPTIMISM * largest_cox_snell(prevalence))
    asked = max(_SHRINKAGE, optimism)
    return 1 / ((asked - 1) * math.log(1 - r_squared / asked))


def patients_for_event(parameters: int, r_squared: float, prevalence: float) -> int:
    """Return how many patients a model of an event needs.

    Parameters
    ----------
    parameters : int
        Candidates, a dummy variable each; at least 1.
    r_squared : float
        Anticipated Cox-Snell R squared in new patients, above 0 and below .9 of the largest.
    prevalence : float
        Share of patients with the event, in (0, 1).

    Returns
    -------
    int
        For a shrinkage of .9, an optimism of .05 in Nagelkerke's R squared, and an overall risk
        known to .05.

    References
    ----------
    Riley et al. (2020), BMJ 368:m441, doi:10.1136/bmj.m441

    Examples
    --------
    >>> patients_for_event(24, 0.288, 0.174)
    662
    """
    known = (_Z_95 / _MARGIN) ** 2 * prevalence * (1 - prevalence)
    return math.ceil(max(parameters * _patients_per_parameter(r_squared, prevalence), known))


def parameters_for_event(n_patients: int, r_squared: float, prevalence: float) -> float:
    """Return how many candidate parameters so many patients support, for an event.

    Parameters
    ----------
    n_patients : int
        With and without it.
    r_squared, prevalence : float
        As in `patients_for_event`.

    Returns
    -------
    float
        By shrinkage and optimism; the overall risk has no parameters.

    Examples
    --------
    >>> round(parameters_for_event(36, cox_snell_of_c(0.70, 0.4), 0.4), 2)
    0.5
    """
    return n_patients / _patients_per_parameter(r_squared, prevalence)


def _shrinkage_of_number(n_patients: float, parameters: float, r_squared: float) -> float:
    """Return the expected shrinkage of a linear model's effects."""
    apparent = (r_squared * (n_patients - parameters - 1) + parameters) / (n_patients - 1)
    return 1 + (parameters - 2) / (n_patients * math.log(1 - apparent))


def patients_for_number(parameters: int, r_squared: float) -> int:
    """Return how many patients a linear model of a number needs.

    Parameters
    ----------
    parameters : int
        Candidates, a dummy variable each; at least 1.
    r_squared : float
        Anticipated share of the variance explained in new patients, in (0, 1).

    Returns
    -------
    int
        For a shrinkage of .9, an optimism of .05 in R squared, and a residual deviation known to
        10 %.

    References
    ----------
    Riley et al. (2019), Stat Med 38:1262-1275, doi:10.1002/sim.7993

    Examples
    --------
    >>> patients_for_number(25, 0.2)
    918
    """
    fewest = max(
        math.ceil(1 + parameters * (1 - r_squared) / _OPTIMISM), _FOR_DEVIATION + parameters
    )

    def enough(n: float) -> bool:
        return _shrinkage_of_number(n, parameters, r_squared) >= _SHRINKAGE

    if enough(fewest):
        return fewest
    most = float(fewest)
    while not enough(most):
        most *= 2
    return math.ceil(_edge(lambda n: not enough(n), fewest, most))


def parameters_for_number(n_patients: int, r_squared: float) -> float:
    """Return how many candidate parameters so many patients support, for a number.

    Parameters
    ----------
    n_patients : int
        At least 10.
    r_squared : float
        As in `patients_for_number`.

    Returns
    -------
    float
        By shrinkage and optimism; the residual deviation takes next to none.

    Examples
    --------
    >>> round(parameters_for_number(918, 0.2), 1)
    25.0
    """
    most = (n_patients - 1) * _OPTIMISM / (1 - r_squared)

    def supported(parameters: float) -> bool:
        return _shrinkage_of_number(n_patients, parameters, r_squared) >= _SHRINKAGE

    return _edge(supported, 0.0, most)


def _edge(inside: Callable[[float], bool], start: float, end: float) -> float:
    """Return the last value, on the way from `start` to `end`, that lies inside."""
    # Sixty halvings go beyond what a float can tell apart.
    for _ in range(60):
        middle = (start + end) / 2
        start, end = (middle, end) if inside(middle) else (start, middle)
    return start
