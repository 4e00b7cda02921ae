"""The unit of the permutation test: one permutation through the whole procedure.

A permutation moves whole rows of scores between patients, within their site, the same for all
outcomes and follow-ups; features, baseline scores and sites stay. Outcomes are made again by their
rules, so that one computed from baseline is computed from each patient's own. Then everything is
done as for the observed outcomes: folds drawn by the same rule, preparation, tuning, the choice of
a model. Permutation 0 moves nobody: the observed outcomes go the same way as all others.

**What cannot be evaluated.** A permutation may leave an outcome that is computed from baseline with
too few events to fill the folds, or with no division that serves all outcomes. It is drawn again:
permutations that can be evaluated are as likely as each other, and the observed one is among them.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice, permutations, product
from math import factorial, prod
from pathlib import Path
from typing import Any

import numpy as np

from heldout.arrays import Floats, Integers
from heldout.engine.engine import Engine, as_ended
from heldout.errors import DesignError
from heldout.files import append_line, read_entries
from heldout.inference.permutation import PermutationTest, exchangeable, stop_after
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
# Permutations below which one in twenty of them is none.
_FEWEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One permutation, done: its statistics, and how often it was drawn again."""

    number: int
    values: tuple[float, ...]
    redrawn: int


def cells_of(design: Design) -> tuple[tuple[Outcome, str], ...]:
    """Return the cells of a row of statistics: outcome and model, the headline last of each.

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
        (design.outcomes[number], name)
        for number in design.evaluated
        for name in design.names_of(number)
    )


def statistics(design: Design, number: int) -> _Row:
    """Return one permutation's statistic of every cell, and how often it was drawn again.

    Parameters
    ----------
    design : Design
        The study.
    number : int
        Which permutation; 0 moves nobody.

    Returns
    -------
    values : tuple of float
        In the order of `cells_of`: the fold-paired AUC of a class, the variance explained out of
        fold of a number. Empty if all permutations are made in turn and this one cannot be
        evaluated: it does not count then.
    redrawn : int
        Permutations before it that could not be evaluated.

    Raises
    ------
    DesignError
        If no permutation can be evaluated.
    """
    for redrawn, order in enumerate(islice(orders_of(design, number), _ATTEMPTS)):
        outcomes = permute_outcomes([design.outcomes[n] for n in design.evaluated], order)
        folds = _folds_of(design, outcomes, number, redrawn)
        if folds is not None:
            values = tuple(
                value
                for n, outcome in zip(design.evaluated, outcomes, strict=True)
                for value in _outcome_statistics(design, n, outcome, folds, number)
            )
            return _Row(number=number, values=values, redrawn=redrawn)
    if number and enumerable(design):
        return _Row(number=number, values=(), redrawn=0)
    raise DesignError(
        f"inference.permutations: {_ATTEMPTS} permutations in a row left an outcome with too few "
        "events for the folds. Use fewer folds (validation.outer), leave that outcome out, or set "
        "inference.permutations to 0."
    )


def _folds_of(
    design: Design, outcomes: Sequence[Outcome], number: int, redrawn: int
) -> Integers | None:
    """Return the folds of permuted outcomes, or None if they cannot all be evaluated."""
    from heldout.kernels.folds import place_patients

    n_folds = design.validation.outer
    # The observed outcomes were looked at before; what is declined there is not among these.
    if number and any(reason_to_decline(outcome, n_folds) for outcome in outcomes):
        return None
    plan = plan_folds(
        joint_strata(outcomes),
        n_folds=n_folds,
        n_repeats=design.inference.repeats,
        seed=derive_seed(design.seed, "permutation", number, redrawn),
        site=design.site,
        place=place_patients,
    )
    return None if plan is None else plan.folds


def orders_of(design: Design, number: int) -> Iterator[Integers]:
    """Yield who gets whose scores: for one permutation, again and again if it is no good."""
    groups = exchangeable(design.site, len(design.features))
    if number == 0:
        yield _moved(groups, groups)
        return
    if enumerable(design):
        orders = product(*(permutations(rows) for rows in groups))
        yield _moved(groups, next(islice(orders, number, None)))
        return
    rng = np.random.default_rng(derive_seed(design.seed, "order", number))
    while True:
        yield _moved(groups, [rng.permutation(rows) for rows in groups])


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
    groups = exchangeable(design.site, len(design.features))
    return prod(factorial(len(rows)) for rows in groups) - 1


def permute_outcomes(outcomes: Sequence[Outcome], order: Integers) -> tuple[Outcome, ...]:
    """Return outcomes whose follow-up scores, missed visits and weights went to other patients.

    Parameters
    ----------
    outcomes : sequence of Outcome
        Of one cohort.
    order : array of int of shape (n_patients,)
        Whose scores each patient gets; every patient keeps the own baseline.

    Returns
    -------
    tuple of Outcome
        Their `values` follow from their rules.
    """
    return tuple(
        replace(outcome, scores=outcome.scores[order], weights=outcome.weights[order])
        for outcome in outcomes
    )


def _outcome_statistics(
    design: Design, number: int, outcome: Outcome, folds: Integers, permutation: int
) -> list[float]:
    """Return the statistic of every model and of the headline at one outcome."""
    rows = np.flatnonzero(outcome.observed)
    patients = design.patients(number, rows, outcome)
    path = ("permutation", outcome.name, outcome.follow_up, permutation)
    repeats = [
        hold_out_in_turn(patients, fold[rows], design.procedure, (*path, repeat))
        for repeat, fold in enumerate(folds)
    ]
    statistic = KINDS[outcome.kind].estimate.compute
    values = []
    for name in repeats[0].margins:
        held_out = HeldOut(
            answers=patients.answers,
            margin=np.array([repeat.margins[name] for repeat in repeats]),
            prediction=np.array([repeat.predictions[name] for repeat in repeats]),
            training_mean=np.array([repeat.training_mean for repeat in repeats]),
            folds=folds[:, rows],
            weights=patients.weights,
        )
        value = statistic(held_out)
        assert value is not None
        values.append(value)
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class JointTest:
    """A permutation test that was made: what it was made of, its rows, and what it says.

    `cells` are (outcome, follow-up, model), a column of `rows` each; `rows` has the observed one
    first.
    """

    cells: tuple[tuple[str, str, str], ...]
    rows: Floats
    test: PermutationTest


def permute(
    design: Design, *, folder: Path | None, engine: Engine, progress: Progress
) -> JointTest | None:
    """Return the joint permutation test of a study, or None if none was asked for.

    Permutations that an earlier run stored are not made again.

    Parameters
    ----------
    design : Design
        The study.
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
    named = [n for n, (outcome, name) in enumerate(cells) if _is_named(outcome, name)]
    counted: list[tuple[float, ...]] = []
    redrawn, stop = 0, None
    progress(0, total, "permutations")
    with closing(_rows_in_turn(design, total, folder, engine)) as rows:
        for row in rows:
            redrawn += row.redrawn
            if row.values:
                counted.append(row.values)
                if may_stop:
                    stop = stop_after(np.array(counted), named=named, first=len(counted) - 2)
            progress(row.number, total, "permutations")
            if stop is not None:
                # No more of them are made, so that nobody is told how long these would take.
                progress(row.number, row.number, "permutations")
                break
    counted_rows = np.array(counted)
    best_mean, best_high = _best_of_noise(design, counted_rows)
    return JointTest(
        cells=tuple((outcome.name, outcome.follow_up, name) for outcome, name in cells),
        rows=counted_rows,
        test=PermutationTest(
            permutations=len(counted_rows) - 1,
            asked=design.inference.permutations,
            stopped=len(counted_rows) - 1 < total and stop is not None,
            enumerated=enumerable(design),
            redrawn=redrawn,
            repeats=design.inference.repeats,
            best_mean=best_mean,
            best_high=best_high,
        ),
    )


def _rows_in_turn(
    design: Design, total: int, folder: Path | None, engine: Engine
) -> Generator[_Row, None, None]:
    """Yield the observed row and the permutations in order, whenever the next of them is known."""
    store = None if folder is None else folder / "permutations.jsonl"
    done = {} if store is None else _stored_rows(design, store)
    missing = [number for number in range(total + 1) if number not in done]
    ended = as_ended(statistics, design, missing, engine, threads=_compiled_only(design))
    with closing(ended):
        for number in range(total + 1):
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


def _is_named(outcome: Outcome, name: str) -> bool:
    """Return whether a cell is the primary headline, which was named beforehand."""
    return outcome.primary and name == HEADLINE


def _compiled_only(design: Design) -> bool:
    """Return whether every model of every outcome goes through a compiled kernel."""
    return all(
        runs_compiled(model, len(design.features), design.n_features)
        for number in design.evaluated
        for model in models_for(design.models, design.outcomes[number].kind)
    )


def _best_of_noise(design: Design, rows: Floats) -> tuple[float | None, float | None]:
    """Return mean and 95 % quantile of the highest AUC of all cells, over enough permutations."""
    areas = [n for n, (of, _) in enumerate(cells_of(design)) if KINDS[of.kind].has_events]
    if not areas or len(rows) - 1 < _FEWEST:
        return None, None
    highest = rows[1:, areas].max(axis=1)
    # A permutation in which no AUC could be computed tells nothing of the best one.
    highest = highest[np.isfinite(highest)]
    return (
        (float(highest.mean()), float(np.quantile(highest, 0.95))) if len(highest) else (None, None)
    )
