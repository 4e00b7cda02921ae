"""The rule that a linear kernel has learnt, seen from outside: what it says of made-up patients."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def rule_of(
    path: Callable[..., tuple[Floats, Floats]],
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidate: list[float],
) -> tuple[Floats, float, bool]:
    """Return coefficients, intercept, and whether the fit converged.

    The margin of a patient who is 0 everywhere is the intercept; who has 1 in one column differs
    from that by its coefficient.
    """
    size = train.shape[1]
    test = np.vstack([np.zeros(size), np.eye(size)])
    margins, converged = path(train, answers, weights, np.array([candidate]), test, 0)
    return margins[0, 1:] - margins[0, 0], float(margins[0, 0]), bool(converged[0])
