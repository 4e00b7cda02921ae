"""What the procedure reaches at a site that it did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from heldout.arrays import Flags, Floats
from heldout.metrics.calibration import calibration_in_the_large
from heldout.metrics.discrimination import fold_paired_auc
from heldout.metrics.transport import PooledArea, pooled_area

FEWEST_SITES, FEWEST_AT_SITE = 3, 10
NOT_TESTED = (
    f"Transport to another site was not tested: fewer than {FEWEST_SITES} sites have "
    f"{FEWEST_AT_SITE} patients, with and without the event."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLeftOut:
    """One site, predicted by what all others taught.

    Attributes
    ----------
    site : str
        Its name; empty for patients whose site is not known.
    n, events : int
        Patients observed there, and those with the event.
    auc : float
        Of the headline's predictions.
    in_the_large : float or None
        Calibration in the large; None below 30 patients in the rarer class.
    """

    site: str
    n: int
    events: int
    auc: float
    in_the_large: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """The headline at sites left out, for one outcome at one follow-up.

    Every site is left out in turn, and all is done again with the others, tuning too. The pooled
    area is approximate: the models of two sites share the patients of all others.

    Attributes
    ----------
    outcome, follow_up : str
        Which outcome it is.
    reason : str or None
        Why it was not tested; None if it was.
    sites : tuple of SiteLeftOut
        Those large enough.
    pooled : PooledArea or None
        Their mean.
    """

    outcome: str
    follow_up: str
    reason: str | None = None
    sites: tuple[SiteLeftOut, ...] = ()
    pooled: PooledArea | None = None


def sites_to_leave_out(site: np.ndarray | None, events: Flags, observed: Flags) -> list[int]:
    """Return the numbers of the sites that are large enough to be left out in turn.

    Parameters
    ----------
    site : array of int of shape (n_patients,), or None
        Site numbers; None without sites.
    events, observed : arrays of bool of shape (n_patients,)
        Whether the patient had the event, and whether that is known.

    Returns
    -------
    list of int
        None of fewer than ten observed patients, or without both answers; empty if fewer than three
        are left.
    """
    large = [
        int(number)
        for number in (() if site is None else np.unique(site))
        if (at := (site == number) & observed).sum() >= FEWEST_AT_SITE
        and 0 < (events & at).sum() < at.sum()
    ]
    return large if len(large) >= FEWEST_SITES else []


def site_left_out(
    site: str, margin: Floats, probability: Floats, events: Flags, weights: Floats
) -> SiteLeftOut:
    """Return what one site shows.

    Parameters
    ----------
    site : str
        Its name.
    margin, probability : arrays of shape (n_patients,)
        Of the model that was chosen without the site, for its patients.
    events : array of bool of shape (n_patients,)
        Whether the patient had the event.
    weights : array of shape (n_patients,)
        Patient weights.

    Returns
    -------
    SiteLeftOut
    """
    by_one_model = np.zeros((1, len(events)), dtype=np.int64)
    return SiteLeftOut(
        site=site,
        n=len(events),
        events=int(events.sum()),
        auc=fold_paired_auc(margin[None, :], by_one_model, events, weights),
        in_the_large=calibration_in_the_large(probability[None, :], events, weights),
    )


def transport_of(outcome: str, follow_up: str, sites: Sequence[SiteLeftOut]) -> Transport:
    """Return what the sites show together.

    Parameters
    ----------
    outcome, follow_up : str
        Which outcome it is.
    sites : sequence of SiteLeftOut
        None if there were too few.

    Returns
    -------
    Transport
    """
    if not sites:
        return Transport(outcome=outcome, follow_up=follow_up, reason=NOT_TESTED)
    return Transport(
        outcome=outcome,
        follow_up=follow_up,
        sites=tuple(sites),
        pooled=pooled_area(
            [left.auc for left in sites], [(left.events, left.n - left.events) for left in sites]
        ),
    )


def transport_values(transport: Transport) -> dict[str, Any]:
    """Return the transport of an outcome as plain values.

    Parameters
    ----------
    transport : Transport
        Any.

    Returns
    -------
    dict
        As JSON reads it again.
    """
    return asdict(transport) | {"sites": list(map(asdict, transport.sites))}


def transport_from(values: Mapping[str, Any]) -> Transport:
    """Return the transport that a record holds as plain values.

    Parameters
    ----------
    values : mapping
        As `transport_values` made them.

    Returns
    -------
    Transport

    Raises
    ------
    TypeError
        If a value is no part of it.
    """
    sites = tuple(SiteLeftOut(**left) for left in values["sites"])
    pooled = None if values["pooled"] is None else PooledArea(**values["pooled"])
    return Transport(**{**values, "sites": sites, "pooled": pooled})
