"""Cells with made-up figures for tests of what is said of them."""

from typing import Any

from heldout.inference.calibration import Calibration
from heldout.inference.cells import Cell, cell_of, cell_values
from heldout.inference.differences import Difference
from heldout.inference.transport import SiteLeftOut, transport_of
from heldout.metrics.calibration import Curve

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

# Of the headline, in a larger study than that of most tests.
CALIBRATED = Calibration(
    outcome="response",
    follow_up="d2",
    model="headline",
    rarer=33,
    method="logistic recalibration",
    curve=Curve(at=(0.2, 0.8), value=(0.3, 0.7), low=(0.1, 0.5), high=(0.45, 0.9)),
    net_benefit=Curve(at=(0.2, 0.8), value=(0.31, -0.2), low=(0.1, -0.6), high=(0.44, 0.1)),
    net_benefit_of_all=(0.3, -1.8),
)

ELSEWHERE = transport_of(
    "response",
    "d2",
    [
        SiteLeftOut(site=site, n=20, events=8, auc=auc, in_the_large=None)
        for site, auc in (("east", 0.6), ("north", 0.7), ("south", 0.55))
    ],
)


def cell_with(**values: Any) -> Cell:
    """Return a cell; its figures are given by name, beside its other parts."""
    return cell_of(values)


def cell_changed(cell: Cell, **values: Any) -> Cell:
    """Return a cell with some of its figures or other parts changed."""
    return cell_of(cell_values(cell) | values)
