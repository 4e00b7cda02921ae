"""Cells with made-up figures for tests of what is said of them."""

from typing import Any

from heldout.inference.cells import Cell, cell_of, cell_values


def cell_with(**values: Any) -> Cell:
    """Return a cell; its figures are given by name, beside its other parts."""
    return cell_of(values)


def cell_changed(cell: Cell, **values: Any) -> Cell:
    """Return a cell with some of its figures or other parts changed."""
    return cell_of(cell_values(cell) | values)
