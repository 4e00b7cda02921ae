"""Cells with made-up figures for tests of what is said of them."""

from typing import Any

from heldout.inference.cells import Cell, cell_of, cell_values
from heldout.inference.differences import Difference

# The headline beside a reference, in the study of most tests.
BESIDE = Difference(
    outcome="response",
    follow_up="d2",
    reference="ridge",
    difference=-0.03,
    low=-0.21,
    high=0.15,
    p_worse=0.4,
    p_equivalent=0.375,
    p_better=0.225,
    word="adds nothing that can be seen",
)


def cell_with(**values: Any) -> Cell:
    """Return a cell; its figures are given by name, beside its other parts."""
    return cell_of(values)


def cell_changed(cell: Cell, **values: Any) -> Cell:
    """Return a cell with some of its figures or other parts changed."""
    return cell_of(cell_values(cell) | values)
