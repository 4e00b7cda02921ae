"""The unit of the permutation test: one permutation through the whole procedure.

A permutation moves whole rows between patients as `heldout.inference.moving` says, the same for all
outcomes and follow-ups; features, baseline scores and sites stay. Outcomes are made again by their
rules, so that one computed from baseline is computed from each patient's own. Then everything is
done as for the observed outcomes: folds drawn by the same rule and as often, preparation, tuning,
the choice of a model. The observed row is what the tables print: a p is of the figure beside it.

**What cannot be evaluated.** A permutation may leave an outcome that is computed from baseline with
too few events to fill the folds, or with no division that serves all outcomes. It is drawn again:
permutations that can be evaluated are as likely as each other, and the observed one is among them.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice, permutations, product
from math import factorial, prod
from pathlib import Path
from typing import Any

import numpy as np

from heldout.arrays import Floats, Integers
from heldout.engine.engine import Engine, as_ended
from heldout.errors import DesignError
from heldout.files import append_line, read_entries
from heldout.inference.associations import (
    ASSOCIATIONS,
    OF_OUTCOME,
    OF_SCORE,
    association_names,
    association_statistics,
)
from heldout.inference.cells import Cell, tested_cell
from heldout.inference.moving import exchangeable, move_outcomes
from heldout.inference.permutation import (
    FEWEST,
    FEWEST_FOR_A_QUANTILE,
    Comparison,
    PermutationTest,
    p_of,
    stop_after,
)
from heldout.kinds import KINDS, HeldOut
from heldout.models.definition import models_for
from heldout.nested.folds import HEADLINE, hold_out_in_turn
from heldout.nested.judging import runs_compiled
from heldout.outcomes.outcome import Outcome
from heldout.splits import derive_seed, plan_folds
from heldout.study.design import Design, joint_strata, reason_to_decline
from heldout.study.units import Progress

# Draws of one permutation before the test is given up.
_ATTEMPTS = 1000
# Permutations after which stopping is looked at for one in a hundred of them only.
_OFTEN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One permutation, done: its statistics, and how often it was drawn again."""

    number: int
    values: tuple[float, ...]
    redrawn: int


def cells_of(design: Design) -> tuple[tuple[Outcome, str], ...]:
    """Return the cells of a row of statistics: models, the headline, and associations of each.

    Parameters
    ----------
    design : Design
        The study.

    Returns
    -------
    tuple of (Outcome, str)
        Of the outcomes that are evaluated.
    """
    return tuple(
        (outcome, name)
        for number in design.evaluated
        for outcome in (design.outcomes[number],)
        for name in (*design.names_of(number), *association_names(outcome))
    )


def statistics(design: Design, number: int) -> _Row:
    """Return one permutation's statistic of every cell, and how often it was drawn again.

    Parameters
    ----------
    design : Design
        The study.
    number : int
        Which permutation, from 1.

    Returns
    -------
    values : tuple of float
        In the order of `cells_of`: the fold-paired AUC of a class, the variance explained out of
        fold of a number, and sizes of associations. Empty if all permutations are made in turn and
        this one cannot be evaluated: it does not count then.
    redrawn : int
        Permutations before it that could not be evaluated.

    Raises
    ------
    DesignError
        If no permutation can be evaluated.
    """
    profile = design.profile
    for redrawn, order in enumerate(islice(orders_of(design, number), _ATTEMPTS)):
        outcomes = move_outcomes([design.outcomes[n] for n in design.evaluated], order, design.site)
        folds = _folds_of(design, outcomes, number, redrawn)
        if folds is not None:
            values = tuple(
                value
                for n, outcome in zip(design.evaluated, outcomes, strict=True)
                for value in (
                    *_outcome_statistics(design, n, outcome, folds, number),
                    *_associated(profile, design, n, outcome),
                )
            )
            return _Row(number=number, values=values, redrawn=redrawn)
    if enumerable(design):
        return _Row(number=number, values=(), redrawn=0)
    raise DesignError(
        f"inference.permutations: {_ATTEMPTS} permutations in a row left an outcome with too few "
        "events for the folds. Use fewer folds (validation.outer), leave that outcome out, or set "
        "inference.permutations to 0."
    )


def _associated(profile: Floats, design: Design, number: int, outcome: Outcome) -> list[float]:
    """Return the associations of an outcome that its observed one has too."""
    names = association_names(design.outcomes[number])
    return association_statistics(profile, outcome, design.site, names)


def _folds_of(
    design: Design, outcomes: Sequence[Outcome], number: int, redrawn: int
) -> Integers | None:
    """Return the folds of permuted outcomes, or None if they cannot all be evaluated."""
    from heldout.kernels.folds import place_patients

    n_folds = design.validation.outer
    if any(reason_to_decline(outcome, n_folds) for outcome in outcomes):
        return None
    plan = plan_folds(
        joint_strata(outcomes),
        n_folds=n_folds,
        n_repeats=design.n_repeats,
        seed=derive_seed(design.seed, "permutation", number, redrawn),
        site=design.site,
        place=place_patients,
    )
    return None if plan is None else plan.folds


def orders_of(design: Design, number: int) -> Iterator[Integers]:
    """Yield who gets whose row: for one permutation, again and again if it is no good."""
    groups = _groups_of(design)
    if enumerable(design):
        orders = product(*(permutations(rows) for rows in groups))
        yield _moved(groups, next(islice(orders, number, None)))
        return
    rng = np.random.default_rng(derive_seed(design.seed, "order", number))
    while True:
        yield _moved(groups, [rng.permutation(rows) for rows in groups])


def _groups_of(design: Design) -> list[Integers]:
    """Return the rows of patients among whom scores move."""
    return exchangeable([design.outcomes[n] for n in design.evaluated], design.site)


def _moved(groups: Sequence[Integers], orders: Iterable[Any]) -> Integers:
    """Return the patients in the orders of their groups, which hold each patient once."""
    order = np.arange(sum(map(len, groups)))
    for rows, moved in zip(groups, orders, strict=True):
        order[rows] = moved
    return order


def enumerable(design: Design) -> bool:
    """Return whether there are no more permutations than were asked for."""
    return _all_there_are(design) <= design.inference.permutations


def _all_there_are(design: Design) -> int:
    """Return how many permutations there are that move somebody."""
    return prod(factorial(len(rows)) for rows in _groups_of(design)) - 1


def _outcome_statistics(
    design: Design, number: int, outcome: Outcome, folds: Integers, permutation: int
) -> list[float]:
    """Return the statistic of every model and of the headline at one outcome."""
    rows = np.flatnonzero(outcome.observed)
    path = ("permutation", outcome.name, outcome.follow_up, permutation)
    statistic = KINDS[outcome.kind].estimate.compute
    values = []
    for held_out in held_out_by(design, number, outcome, rows, folds, path).values():
        value = statistic(held_out)
        assert value is not None
        values.append(value)
    return values


def held_out_by(  # noqa: PLR0917 - whom a division holds out is all of these
    design: Design,
    number: int,
    outcome: Outcome,
    rows: Integers,
    folds: Integers,
    path: tuple[str | int, ...],
) -> dict[str, HeldOut]:
    """Return what every model, and the headline, says of patients held out in turn.

    Parameters
    ----------
    design : Design
        The study.
    number : int
        Which outcome.
    outcome : Outcome
        The same, observed or moved.
    rows : array of int
        Patients who take part, all of them observed.
    folds : array of int of shape (n_repeats, n_patients)
        Of the outer division.
    path : tuple
        What this is for; names its seeds.

    Returns
    -------
    dict of str to HeldOut
    """
    patients = design.patients(number, rows, outcome)
    repeats = [
        hold_out_in_turn(patients, fold[rows], design.procedure, (*path, repeat))
        for repeat, fold in enumerate(folds)
    ]
    return {
        name: HeldOut(
            answers=patients.answers,
            margin=np.array([repeat.margins[name] for repeat in repeats]),
            prediction=np.array([repeat.predictions[name] for repeat in repeats]),
            training_mean=np.array([repeat.training_mean for repeat in repeats]),
            folds=folds[:, rows],
            weights=patients.weights,
        )
        for name in repeats[0].margins
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class JointTest:
    """A permutation test that was made: what it was made of, its rows, and what it says.

    `cells` are (outcome, follow-up, model or association), a column of `rows` each; `rows` has the
    observed one first.
    """

    cells: tuple[tuple[str, str, str], ...]
    rows: Floats
    test: PermutationTest

    def p_values(self, column: int) -> tuple[float, float]:
        """Return the p of a cell, and its p adjusted for all that was looked at with it.

        What the verdict asks is adjusted for all that it asks, a model for every model too.
        """
        asked = asked_of(self.cells)
        everything = tuple(range(len(self.cells)))
        family = asked if column in asked else everything
        own = Comparison((column,), (column,))
        return p_of(self.rows, own), p_of(self.rows, Comparison((column,), family))

    def applied(self, cells: Sequence[Cell]) -> tuple[Cell, ...]:
        """Return cells with what the test says of those that were tested."""
        column_of = {name: column for column, name in enumerate(self.cells)}
        tested = []
        for cell in cells:
            column = column_of.get((cell.outcome, cell.follow_up, cell.model))
            if column is not None:
                p, p_adjusted = self.p_values(column)
                cell = tested_cell(cell, self.rows, column, p=p, p_adjusted=p_adjusted)
            tested.append(cell)
        return tuple(tested)

    def p_of_largest(self, outcome: str, follow_up: str) -> tuple[float, float]:
        """Return the p of an outcome's largest statistic, alone and among all that is asked."""
        asked = asked_of(self.cells)
        own = tuple(n for n in asked if self.cells[n][:2] == (outcome, follow_up))
        return p_of(self.rows, Comparison(own, own)), p_of(self.rows, Comparison(own, asked))


def observed_row(design: Design, cells: Sequence[Cell]) -> tuple[float, ...]:
    """Return the observed statistics: what the tables print, and associations.

    Parameters
    ----------
    design : Design
        The study.
    cells : sequence of Cell
        Every model and headline that was evaluated.

    Returns
    -------
    tuple of float
        In the order of `cells_of`.
    """
    printed = {(cell.outcome, cell.follow_up, cell.model): cell.estimate for cell in cells}
    profile, row = design.profile, []
    for number in design.evaluated:
        outcome = design.outcomes[number]
        for name in design.names_of(number):
            value = printed[outcome.name, outcome.follow_up, name]
            assert value is not None
            row.append(value)
        row += _associated(profile, design, number, outcome)
    return tuple(row)


def asked_of(cells: Sequence[tuple[str, str, str]]) -> tuple[int, ...]:
    """Return what the verdict asks of every outcome: its headline, and what goes with it.

    Parameters
    ----------
    cells : sequence of (str, str, str)
        Outcome, follow-up, and model or association.

    Returns
    -------
    tuple of int
        Columns. Associations are asked of the score where there is one behind a yes or no, which
        costs half of what can be found; models by themselves are not asked.
    """
    scored = {cell[:2] for cell in cells if cell[2] in OF_SCORE}
    return tuple(
        column
        for column, (outcome, follow_up, name) in enumerate(cells)
        if name in (HEADLINE, *OF_SCORE)
        or (name in OF_OUTCOME and (outcome, follow_up) not in scored)
    )


def named_cells(cells: Sequence[tuple[Outcome, str]]) -> tuple[tuple[str, str, str], ...]:
    """Return cells by name: outcome, follow-up, and model or association.

    Parameters
    ----------
    cells : sequence of (Outcome, str)
        By `cells_of`.

    Returns
    -------
    tuple of (str, str, str)
    """
    return tuple((outcome.name, outcome.follow_up, name) for outcome, name in cells)


def comparisons_of(cells: Sequence[tuple[Outcome, str]]) -> tuple[Comparison, ...]:
    """Return every p that the verdict decides by.

    Parameters
    ----------
    cells : sequence of (Outcome, str)
        Of a row, by `cells_of`.

    Returns
    -------
    tuple of Comparison
        Of a primary follow-up the largest of its statistics and its headline, which were named
        beforehand; of all others, each statistic among all that is asked.
    """
    asked = asked_of(named_cells(cells))
    primary = tuple(n for n in asked if cells[n][0].primary)
    named = [Comparison(primary, primary)] if primary else []
    named += [Comparison((n,), (n,)) for n in primary if cells[n][1] == HEADLINE]
    return (*named, *(Comparison((n,), asked) for n in asked if n not in primary))


def permute(
    design: Design,
    observed: Sequence[float],
    *,
    folder: Path | None,
    engine: Engine,
    progress: Progress,
) -> JointTest | None:
    """Return the joint permutation test of a study, or None if none was asked for.

    Permutations that an earlier run stored are not made again.

    Parameters
    ----------
    design : Design
        The study.
    observed : sequence of float
        By `observed_row`.
    folder : Path or None
        Where finished permutations are kept; None keeps none.
    engine : Engine
        Where permutations are made. No figure depends on it: whatever ran beyond the permutation
        at which the test stops is not counted.
    progress : callable
        Told the permutations done, all that may be made, and that these are permutations.

    Returns
    -------
    JointTest or None
        Its rows end where the test stopped early.

    Raises
    ------
    DesignError
        If an outcome cannot be evaluated in a thousand permutations in a row.
    """
    if design.inference.permutations == 0:
        return None
    total, cells = number_of_permutations(design), cells_of(design)
    # All that there are give an exact p; half of them would not.
    may_stop = design.inference.stop_early and not enumerable(design)
    comparisons = comparisons_of(cells)
    counted: list[tuple[float, ...]] = [tuple(observed)]
    redrawn, stop = 0, None
    progress(0, total, "permutations")
    with closing(_rows_in_turn(design, total, folder, engine)) as rows:
        for row in rows:
            redrawn += row.redrawn
            if row.values:
                counted.append(row.values)
                if may_stop and row.number % max(1, row.number // _OFTEN) == 0:
                    stop = stop_after(np.array(counted), comparisons, total)
            progress(row.number, total, "permutations")
            if stop is not None:
                # No more of them are made, so that nobody is told how long these would take.
                progress(row.number, row.number, "permutations")
                break
    made = np.array(counted if stop is None else counted[: stop + 1])
    stopped = stop is not None and stop < total
    return JointTest(
        cells=named_cells(cells), rows=made, test=_described(design, made, stopped, redrawn)
    )


def _described(design: Design, rows: Floats, stopped: bool, redrawn: int) -> PermutationTest:
    """Return what a test says of itself."""
    best_mean, best_high = _best_of_noise(design, rows)
    return PermutationTest(
        permutations=len(rows) - 1,
        asked=design.inference.permutations,
        stopped=stopped,
        enumerated=enumerable(design),
        redrawn=redrawn,
        repeats=design.n_repeats,
        best_mean=best_mean,
        best_high=best_high,
        unmoved=sum(len(group) for group in _groups_of(design) if len(group) == 1),
    )


def _rows_in_turn(
    design: Design, total: int, folder: Path | None, engine: Engine
) -> Generator[_Row, None, None]:
    """Yield the permutations in order, whenever the next of them is known."""
    store = None if folder is None else folder / "permutations.jsonl"
    done = {} if store is None else _stored_rows(design, store)
    missing = [number for number in range(1, total + 1) if number not in done]
    ended = as_ended(statistics, design, missing, engine, threads=_compiled_only(design))
    with closing(ended):
        for number in range(1, total + 1):
            while number not in done:
                made, row = next(ended)
                done[made] = row
                if store is not None:
                    append_line(store, json.dumps([row.number, row.redrawn, list(row.values)]))
            yield done[number]


def number_of_permutations(design: Design) -> int:
    """Return how many permutations may be made: as many as asked for, or all there are."""
    return min(design.inference.permutations, _all_there_are(design))


def _stored_rows(design: Design, store: Path) -> dict[int, _Row]:
    """Return the permutations that an earlier run finished; a broken line counts for nothing."""
    # Without values is one of all there are that could not be evaluated.
    lengths = {len(cells_of(design)), *((0,) if enumerable(design) else ())}
    stored = {}
    for entry in read_entries(store):
        try:
            number, redrawn, values = entry
            row = _Row(number=int(number), values=tuple(map(float, values)), redrawn=int(redrawn))
        except (TypeError, ValueError, OverflowError):
            continue
        # A line of another number of cells is of another study, or of half a line.
        if len(row.values) in lengths and np.isfinite(row.values).all():
            stored[row.number] = row
    return stored


def _compiled_only(design: Design) -> bool:
    """Return whether every model of every outcome goes through a compiled kernel."""
    return all(
        runs_compiled(model, len(design.features), design.n_features)
        for number in design.evaluated
        for model in models_for(design.models, design.outcomes[number].kind)
    )


def _best_of_noise(design: Design, rows: Floats) -> tuple[float | None, float | None]:
    """Return mean and 95 % quantile of the highest AUC of all cells, over enough permutations."""
    areas = [
        n
        for n, (of, name) in enumerate(cells_of(design))
        if KINDS[of.kind].has_events and name not in ASSOCIATIONS
    ]
    if not areas or len(rows) - 1 < FEWEST:
        return None, None
    highest = rows[1:, areas].max(axis=1)
    # A permutation in which no AUC could be computed tells nothing of the best one.
    highest = highest[np.isfinite(highest)]
    if not len(highest):
        return None, None
    enough = len(highest) >= FEWEST_FOR_A_QUANTILE
    return float(highest.mean()), float(np.quantile(highest, 0.95)) if enough else None
