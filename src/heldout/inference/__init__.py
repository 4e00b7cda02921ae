"""How sure one may be: the figures of a cell, the permutation test, and the verdict.

Both kinds of outcome go the same way; what differs is declared in `heldout.kinds`.
"""

from heldout.inference.arithmetic import known_by_arithmetic
from heldout.inference.cells import Cell, cell_of, cell_values, score_cell
from heldout.inference.permutation import PermutationTest, exchangeable, p_values, stop_after
from heldout.inference.verdict import (
    LEVEL,
    Verdict,
    derive_verdict,
    p_words,
    render_verdict,
    with_chance,
)

__all__ = [
    "LEVEL",
    "Cell",
    "PermutationTest",
    "Verdict",
    "cell_of",
    "cell_values",
    "derive_verdict",
    "exchangeable",
    "known_by_arithmetic",
    "p_values",
    "p_words",
    "render_verdict",
    "score_cell",
    "stop_after",
    "with_chance",
]
