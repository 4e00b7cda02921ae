"""The coefficients that a path has found, read off its margins."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Path = Callable[..., tuple[Floats, Floats]]


def coefficients_of(
    path: Path, train: Floats, answers: Floats, weights: Floats, *candidate: float
) -> tuple[Floats, float, bool]:
    """Return coefficients, intercept and convergence of one candidate of a linear model.

    They are the margins of a patient with a single 1 and of one with none, so that a coefficient
    of 0 is 0 to the last bit.
    """
    size = train.shape[1]
    corners = np.vstack([np.zeros(size), np.eye(size)])
    [margins], [converged] = path(train, answers, weights, np.array([candidate]), corners, 0)
    return margins[1:] - margins[0], float(margins[0]), bool(converged)
