"""How sure one may be: the figures of a cell, their intervals, and the verdict.

Both kinds of outcome go the same way; what differs is the figure that decides, the fold-paired
AUC of an event or the variance explained of a number, and the words.
"""

from heldout.inference.cells import Cell, HeldOut, HeldOutNumbers, score_cell
from heldout.inference.intervals import (
    VARIANCE_FACTOR,
    chance_range,
    r_squared_interval,
    score_interval,
)
from heldout.inference.permutation import PermutationTest, p_values, stop_after
from heldout.inference.verdict import (
    LEVEL,
    Verdict,
    area,
    derive_verdict,
    percent,
    probability,
    render_verdict,
)

__all__ = [
    "LEVEL",
    "VARIANCE_FACTOR",
    "Cell",
    "HeldOut",
    "HeldOutNumbers",
    "PermutationTest",
    "Verdict",
    "area",
    "chance_range",
    "derive_verdict",
    "p_values",
    "percent",
    "probability",
    "r_squared_interval",
    "render_verdict",
    "score_cell",
    "score_interval",
    "stop_after",
]
