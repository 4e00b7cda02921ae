"""One outcome at one follow-up, with all of the record that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from heldout.inference import LEVEL, Cell
from heldout.models import Model, models_of
from heldout.record import OutcomeFacts, RunRecord
from heldout.report.wording import as_share


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One outcome at one follow-up.

    Attributes
    ----------
    title : str
        As the verdict speaks of it, such as ``Response at d2``.
    label : str
        The outcome as its author labelled it.
    visit : str
        The visit as its author labelled it; empty if that is its name.
    detail : str
        Both labels, as far as the title does not say them.
    facts : OutcomeFacts
        Its counts.
    headline : Cell
        The procedure that chooses a model.
    cells : tuple of Cell
        The models, in the experiment's order.
    models : mapping of str to Model
        What the cells' models are, by name.
    """

    title: str
    label: str
    visit: str
    detail: str
    facts: OutcomeFacts
    headline: Cell
    cells: tuple[Cell, ...]
    models: Mapping[str, Model]


def places_of(record: RunRecord) -> tuple[Place, ...]:
    """Return every outcome at every follow-up, in the record's order.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    tuple of Place
    """
    return tuple(_place_of(record, facts) for facts in record.outcomes)


def _place_of(record: RunRecord, facts: OutcomeFacts) -> Place:
    """Return one place."""
    visits = {visit.name: visit.label for visit in record.visits}
    here = (facts.name, facts.follow_up)
    spoken = facts.name.replace("_", " ")
    visit = visits[facts.follow_up]
    visit = "" if visit == facts.follow_up else visit
    label = "" if facts.label.casefold() == spoken.casefold() else facts.label
    return Place(
        title=f"{spoken[:1].upper()}{spoken[1:]} at {facts.follow_up}",
        label=facts.label,
        visit=visit,
        detail=", ".join(filter(None, (label, visit))),
        facts=facts,
        headline=next(one for one in record.headline if (one.outcome, one.follow_up) == here),
        cells=tuple(one for one in record.cells if (one.outcome, one.follow_up) == here),
        models=models_of(record.experiment),
    )


def by_kind(places: Sequence[Place]) -> dict[str, list[Place]]:
    """Return the places of each kind of outcome.

    Parameters
    ----------
    places : sequence of Place
        Of one record.

    Returns
    -------
    dict of str to list of Place
        ``class`` or ``number`` or both, in the order of the experiment.
    """
    kinds = dict.fromkeys(place.facts.kind for place in places)
    return {kind: [place for place in places if place.facts.kind == kind] for kind in kinds}


def has_evidence(place: Place, cell: Cell) -> bool | None:
    """Return whether the permutation test says that a cell predicts.

    Parameters
    ----------
    place : Place
        Where the cell is.
    cell : Cell
        The headline there, or a model.

    Returns
    -------
    bool or None
        By its p adjusted for all cells; by its own p where it is the primary headline, which was
        named beforehand, or a model there once that headline was found. None if no test was made.
    """
    if cell.p_adjusted is None:
        return None
    own = (place.headline.p, cell.p) if place.facts.primary else ()
    return cell.p_adjusted <= LEVEL or (
        bool(own) and all(p is not None and p <= LEVEL for p in own)
    )


def part_of(table: pd.DataFrame, place: Place, model: str) -> pd.DataFrame:
    """Return a record table's rows of one model at one place.

    Parameters
    ----------
    table : DataFrame
        With columns ``outcome``, ``follow_up`` and ``model``.
    place : Place
        Which outcome and follow-up.
    model : str
        Its name.

    Returns
    -------
    DataFrame
    """
    here = (table["outcome"] == place.facts.name) & (table["follow_up"] == place.facts.follow_up)
    return table[here & (table["model"] == model)]


def chosen_share(record: RunRecord, place: Place, model: str) -> str:
    """Return in what share of the folds the procedure chose a model.

    Parameters
    ----------
    record : RunRecord
        Whose choices are counted.
    place : Place
        Which outcome and follow-up.
    model : str
        Its name.

    Returns
    -------
    str
        In percent.
    """
    chosen = part_of(record.choices, place, model)["chosen"].astype(bool)
    return as_share(int(chosen.sum()), len(chosen))
