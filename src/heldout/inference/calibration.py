"""Whether a cell's probabilities mean what they say, and what acting on them would be worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from heldout.kinds import HeldOut
from heldout.metrics.calibration import (
    FEWEST_TO_CALIBRATE,
    Curve,
    calibration_curve,
    net_benefit,
    net_benefit_of_all,
    rarer_class,
    recalibration,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The curves of one cell; its slope and its ICI are figures of the cell.

    Attributes
    ----------
    outcome, follow_up, model : str
        Which cell it is.
    rarer : int
        Patients in the rarer class.
    reason : str or None
        Why there is nothing below; None if there is.
    method : str or None
        How the curve was fitted.
    curve : Curve or None
        Rate of events at predicted probabilities; None, too, where those of a fold are equal.
    net_benefit : Curve or None
        At thresholds of the probability.
    net_benefit_of_all : tuple of float
        Of treating everybody, at the same thresholds; treating nobody is worth 0.
    """

    outcome: str
    follow_up: str
    model: str
    rarer: int
    reason: str | None = None
    method: str | None = None
    curve: Curve | None = None
    net_benefit: Curve | None = None
    net_benefit_of_all: tuple[float, ...] = ()


def calibration_of(
    outcome: str, follow_up: str, model: str, held_out: HeldOut, seed: int
) -> Calibration:
    """Return the curves of one cell from its held-out predictions.

    Parameters
    ----------
    outcome, follow_up, model : str
        Which cell it is.
    held_out : HeldOut
        Its predictions, of a class.
    seed : int
        Of the bootstrap; the same for all models of an outcome, so that they are judged by the
        same samples of patients.

    Returns
    -------
    Calibration
        Below 30 patients in the rarer class a reason alone.
    """
    events = np.asarray(held_out.answers == 1)
    cell: dict[str, Any] = {
        "outcome": outcome,
        "follow_up": follow_up,
        "model": model,
        "rarer": rarer_class(events),
    }
    method = recalibration(events)
    if method is None:
        reason = (
            f"{cell['rarer']} patients in the rarer class; below {FEWEST_TO_CALIBRATE} calibration "
            "cannot be assessed."
        )
        return Calibration(**cell, reason=reason)
    probability, weights = held_out.prediction, held_out.weights
    return Calibration(
        **cell,
        method=method,
        curve=calibration_curve(probability, held_out.folds, events, weights, seed=seed),
        net_benefit=net_benefit(probability, events, weights, seed=seed),
        net_benefit_of_all=net_benefit_of_all(events, weights),
    )


def calibration_values(calibration: Calibration) -> dict[str, Any]:
    """Return a calibration as plain values.

    Parameters
    ----------
    calibration : Calibration
        Any.

    Returns
    -------
    dict
        As JSON reads it again.
    """
    return asdict(calibration, dict_factory=_with_lists)


def _with_lists(parts: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a dictionary whose tuples are lists."""
    return {name: list(part) if isinstance(part, tuple) else part for name, part in parts}


def calibration_from(values: Mapping[str, Any]) -> Calibration:
    """Return the calibration that a record holds as plain values.

    Parameters
    ----------
    values : mapping
        As `calibration_values` made them.

    Returns
    -------
    Calibration

    Raises
    ------
    TypeError
        If a value is no part of it.
    """
    curves = {name: _curve_from(values[name]) for name in ("curve", "net_benefit")}
    of_all = tuple(values["net_benefit_of_all"])
    return Calibration(**{**values, **curves, "net_benefit_of_all": of_all})


def _curve_from(values: Mapping[str, Any] | None) -> Curve | None:
    """Return a curve, if there is one."""
    if values is None:
        return None
    return Curve(**{name: tuple(part) for name, part in values.items()})
