"""One outcome at one follow-up, with all of the record that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heldout.inference.associations import Associated
from heldout.inference.cells import Cell
from heldout.inference.verdict import is_evidence
from heldout.kinds import KINDS, Kind, KindName
from heldout.models.definition import Model
from heldout.models.named import models_of
from heldout.record import OutcomeFacts, RunRecord, rows_of
from heldout.wording import share


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One outcome at one follow-up.

    Attributes
    ----------
    title : str
        As the verdict speaks of it, such as ``Response at d2``.
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
    associated : Associated or None
        What at baseline goes with it; None if that was not tested.
    withheld : bool
        Whether a finding contradicts whatever is found.
    """

    title: str
    visit: str
    detail: str
    facts: OutcomeFacts
    headline: Cell
    cells: tuple[Cell, ...]
    models: Mapping[str, Model]
    associated: Associated | None = None
    withheld: bool = False

    @property
    def kind(self) -> Kind:
        """What its kind declares."""
        return KINDS[self.facts.kind]

    @property
    def sample(self) -> str:
        """How many patients, and events, it has."""
        return self.kind.sample(self.facts.n, self.facts.events)

    def label_of(self, cell: Cell) -> str:
        """Return what a cell's model is called where it predicts this kind of outcome."""
        return self.models[cell.model].for_kind(cell.kind).label


def targets_of(record: RunRecord) -> tuple[Target, ...]:
    """Return every outcome at every follow-up, in the record's order.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    tuple of Target
    """
    return tuple(_target_of(record, facts) for facts in record.outcomes)


def _target_of(record: RunRecord, facts: OutcomeFacts) -> Target:
    """Return one outcome at one follow-up."""
    visits = {visit.name: visit.label for visit in record.visits}
    spoken = facts.name.replace("_", " ")
    visit = visits[facts.follow_up]
    visit = "" if visit == facts.follow_up else visit
    label = "" if facts.label.casefold() == spoken.casefold() else facts.label
    [headline], cells = (
        [cell for cell in every if (cell.outcome, cell.follow_up) == (facts.name, facts.follow_up)]
        for every in (record.headline, record.cells)
    )
    return Target(
        title=f"{spoken[:1].upper()}{spoken[1:]} at {facts.follow_up}",
        visit=visit,
        detail=", ".join(filter(None, (label, visit))),
        facts=facts,
        headline=headline,
        cells=tuple(cells),
        models=models_of(record.experiment),
        associated=next(
            (
                of
                for of in record.associated
                if (of.outcome, of.follow_up) == (facts.name, facts.follow_up)
            ),
            None,
        ),
        withheld=record.verdict.withholds,
    )


def by_kind(targets: Sequence[Target]) -> dict[KindName, list[Target]]:
    """Return the targets of each kind of outcome.

    Parameters
    ----------
    targets : sequence of Target
        Of one record.

    Returns
    -------
    dict of str to list of Target
        ``class`` or ``number`` or both, in the order of the experiment.
    """
    kinds = dict.fromkeys(target.kind.name for target in targets)
    return {kind: [target for target in targets if target.kind.name == kind] for kind in kinds}


def has_evidence(target: Target, cell: Cell) -> bool | None:
    """Return whether the permutation test says that a cell predicts.

    Parameters
    ----------
    target : Target
        Where the cell is.
    cell : Cell
        The headline there, or a model.

    Returns
    -------
    bool or None
        As `heldout.inference.verdict.is_evidence` says, and never while a finding contradicts it.
        None if no test was made.
    """
    evidence = is_evidence(cell, target.headline, target.associated, primary=target.facts.primary)
    return evidence if evidence is None else evidence and not target.withheld


def chosen_share(record: RunRecord, cell: Cell) -> str:
    """Return in what share of the folds the procedure chose a model.

    Parameters
    ----------
    record : RunRecord
        Whose choices are counted.
    cell : Cell
        The model, at an outcome and follow-up.

    Returns
    -------
    str
        In percent.
    """
    chosen = rows_of(record.choices, cell)["chosen"].astype(bool)
    return share(int(chosen.sum()), len(chosen))
