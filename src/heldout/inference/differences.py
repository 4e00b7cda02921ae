"""What the headline reaches beyond a reference, on the same folds of the same patients."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from heldout.inference.cells import Cell
from heldout.kinds import HeldOut
from heldout.metrics.differences import paired_difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The headline beside one reference, at one outcome and follow-up.

    `difference` is the headline's estimate minus the reference's, of the AUC of a class or of the
    variance explained of a number; `low` and `high` are its corrected 95 % interval, `p_worse`,
    `p_equivalent` and `p_better` the posterior probabilities, and `word` is what the interval
    says, as in `heldout.metrics.differences`.
    """

    outcome: str
    follow_up: str
    reference: str
    difference: float
    low: float
    high: float
    p_worse: float
    p_equivalent: float
    p_better: float
    word: str


def difference_of(
    headline: Cell, reference: Cell, held_out: HeldOut, held_out_by_reference: HeldOut
) -> Difference:
    """Return what the headline reaches beyond a reference.

    Parameters
    ----------
    headline, reference : Cell
        Of one outcome and follow-up; evaluated.
    held_out, held_out_by_reference : HeldOut
        What both said of the same patients in the same folds.

    Returns
    -------
    Difference
        Of the two cells' estimates.
    """
    by_fold = headline.of_kind.by_fold
    assert headline.estimate is not None
    assert reference.estimate is not None
    paired = paired_difference(
        headline.estimate - reference.estimate,
        by_fold(held_out) - by_fold(held_out_by_reference),
        largest=1.0 if headline.of_kind.has_events else math.inf,
    )
    return Difference(
        outcome=headline.outcome,
        follow_up=headline.follow_up,
        reference=reference.model,
        word=paired.word,
        **asdict(paired),
    )
