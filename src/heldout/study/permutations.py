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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, permutations, product
from math import factorial, prod
from pathlib import Path

import numpy as np

from heldout.arrays import Floats, Integers
from heldout.engine import Engine, as_ended
from heldout.errors import DesignError
from heldout.features import Piece
from heldout.files import append_line
from heldout.inference import PermutationTest, stop_after
from heldout.metrics import fold_paired_auc, r_squared_out_of_fold
from heldout.models import Model, models_for
from heldout.outcomes import Outcome
from heldout.spec import InferenceSpec, TuningSpec, ValidationSpec
from heldout.splits import derive_seed, plan_folds, strata_of
from heldout.study.plan import StudyPlan, reason_to_decline
from heldout.study.units import Progress
from heldout.tuning import runs_compiled
from heldout.validation import HEADLINE, HeldOutRepeat, Patients, hold_out_in_turn

# Draws of one permutation before the test is given up.
_ATTEMPTS = 1000
# Permutations below which one in twenty of them is none.
_FEWEST = 20
# Permutations that only cost arithmetic, for what a baseline score alone predicts.
_ARITHMETIC_DRAWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Permuting:
    """All that a permutation needs of a study, small enough to be sent to a worker.

    Attributes
    ----------
    features : array of shape (n_patients, n_columns)
        NaN where not observed.
    composition : tuple of Piece
        Of the feature matrix.
    severity : tuple of array or None
        For each outcome its own score at baseline, of shape (n_patients, 1).
    outcomes : tuple of Outcome
        Those that are evaluated.
    site : tuple of str, or None
        One a patient.
    models, validation, tuning, inference, seed
        As in the experiment.
    """

    features: Floats
    composition: tuple[Piece, ...]
    severity: tuple[Floats | None, ...]
    outcomes: tuple[Outcome, ...]
    site: tuple[str, ...] | None
    models: tuple[Model, ...]
    validation: ValidationSpec
    tuning: TuningSpec
    inference: InferenceSpec
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One permutation, done: its statistics, and how often it was drawn again."""

    number: int
    values: tuple[float, ...]
    redrawn: int


def permuting_of(plan: StudyPlan) -> Permuting:
    """Return what the permutation test needs of a plan."""
    kept = [number for number, reason in enumerate(plan.declined) if reason is None]
    severity = [plan.severity[number] for number in kept]
    return Permuting(
        features=plan.matrix.values,
        composition=plan.matrix.composition,
        severity=tuple(None if one is None else one.values for one in severity),
        outcomes=tuple(plan.outcomes[number] for number in kept),
        site=plan.site,
        models=plan.models,
        validation=plan.validation,
        tuning=plan.tuning,
        inference=plan.inference,
        seed=plan.seed,
    )


def cells_of(study: Permuting) -> tuple[tuple[int, str], ...]:
    """Return the cells of a row of statistics: outcome and model, the headline last of each."""
    return tuple(
        (number, name)
        for number, severity in enumerate(study.severity)
        for name in (
            *(
                one.name
                for one in models_for(study.models, study.outcomes[number].kind)
                if one.columns == "all" or severity is not None
            ),
            HEADLINE,
        )
    )


def statistics(study: Permuting, number: int) -> _Row:
    """Return one permutation's statistic of every cell, and how often it was drawn again.

    Parameters
    ----------
    study : Permuting
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
    from heldout.kernels.folds import place_patients

    orders = orders_of(study, number)
    redrawn = 0
    for redrawn, order in enumerate(islice(orders, _ATTEMPTS)):
        outcomes = permute_outcomes(study.outcomes, order)
        n_folds = study.validation.outer
        if number and any(reason_to_decline(one, n_folds) for one in outcomes):
            continue
        folds = plan_folds(
            np.column_stack([strata_of(one.values, one.kind) for one in outcomes]),
            n_folds=n_folds,
            n_repeats=study.inference.repeats,
            seed=derive_seed(study.seed, "permutation", number, redrawn),
            site=study.site,
            place=place_patients,
        )
        if folds is not None:
            values = tuple(
                value
                for place, outcome in enumerate(outcomes)
                for value in _outcome_statistics(study, place, outcome, folds.folds, number)
            )
            return _Row(number=number, values=values, redrawn=redrawn)
    if number and enumerable(study):
        return _Row(number=number, values=(), redrawn=0)
    raise DesignError(
        f"inference.permutations: {_ATTEMPTS} permutations in a row left an outcome with too few "
        "events for the folds. Use fewer folds (validation.outer), leave that outcome out, or set "
        "inference.permutations to 0."
    )


def orders_of(study: Permuting, number: int) -> Iterator[Integers]:
    """Yield who gets whose scores: for one permutation, again and again if it is no good."""
    n_patients = len(study.features)
    if number == 0:
        yield np.arange(n_patients)
        return
    groups = _groups_of(study.site, n_patients)
    if enumerable(study):
        yield _nth_order(groups, n_patients, number)
        return
    rng = np.random.default_rng(derive_seed(study.seed, "order", number))
    while True:
        order = np.arange(n_patients)
        for rows in groups:
            order[rows] = rng.permutation(rows)
        yield order


def _groups_of(site: Sequence[str] | None, n_patients: int) -> list[Integers]:
    """Return the rows of patients who may exchange their scores: those of one site."""
    if site is None:
        return [np.arange(n_patients)]
    codes = np.unique(np.asarray(site), return_inverse=True)[1]
    return [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]


def enumerable(study: Permuting) -> bool:
    """Return whether there are no more permutations than were asked for."""
    groups = _groups_of(study.site, len(study.features))
    return prod(factorial(len(rows)) for rows in groups) - 1 <= study.inference.permutations


def _nth_order(groups: Sequence[Integers], n_patients: int, number: int) -> Integers:
    """Return one of all permutations by its number; 0 moves nobody."""
    order = np.arange(n_patients)
    chosen = next(islice(product(*(permutations(rows) for rows in groups)), number, None))
    for rows, moved in zip(groups, chosen, strict=True):
        order[rows] = moved
    return order


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
        replace(one, scores=one.scores[order], weights=one.weights[order]) for one in outcomes
    )


def _outcome_statistics(
    study: Permuting, place: int, outcome: Outcome, folds: Integers, number: int
) -> list[float]:
    """Return the statistic of every model and of the headline at one outcome."""
    values, severity = outcome.values, study.severity[place]
    rows = np.flatnonzero(~np.isnan(values))
    features = {"all": study.features[rows]}
    if severity is not None:
        features["severity"] = severity[rows]
    site = None
    if study.site is not None:
        site = np.unique(np.asarray(study.site), return_inverse=True)[1][rows]
    patients = Patients(
        features=features,
        answers=values[rows],
        weights=outcome.weights[rows],
        site=site,
        kind=outcome.kind,
        composition=study.composition,
    )
    repeats = [
        hold_out_in_turn(
            patients,
            one[rows],
            study.models,
            study.tuning,
            n_inner=study.validation.inner,
            seed=study.seed,
            path=("permutation", outcome.name, outcome.follow_up, number, repeat),
        )
        for repeat, one in enumerate(folds)
    ]
    return [_statistic(patients, folds[:, rows], repeats, name) for name in repeats[0].margins]


def _statistic(
    patients: Patients, folds: Integers, repeats: Sequence[HeldOutRepeat], name: str
) -> float:
    """Return the figure that decides of one model's held-out predictions."""
    if patients.kind == "class":
        margins = np.array([one.margins[name] for one in repeats])
        return fold_paired_auc(margins, folds, patients.answers == 1, patients.weights)
    predictions = np.array([one.predictions[name] for one in repeats])
    means = np.array([one.training_mean for one in repeats])
    return r_squared_out_of_fold(predictions, patients.answers, means, patients.weights)


def arithmetic_of(outcome: Outcome, site: Sequence[str] | None, seed: int) -> float | None:
    """Return what the baseline score alone predicts of an outcome that is computed from it.

    Parameters
    ----------
    outcome : Outcome
        Any.
    site : sequence of str, or None
        One a patient; scores move within a site.
    seed : int
        The experiment's.

    Returns
    -------
    float or None
        Mean over permutations of the follow-up scores, which make them independent of baseline:
        of a class the AUC of the best guess from the baseline score, of a number its squared
        correlation. None if the outcome is not computed from baseline.

    References
    ----------
    Oldham (1962), J Chronic Dis 15:969-977, doi:10.1016/0021-9681(62)90116-9
    """
    if not outcome.from_baseline:
        return None
    guess = guess_of(outcome)
    groups = _groups_of(site, len(outcome.baseline))
    rng = np.random.default_rng(derive_seed(seed, "arithmetic", outcome.name, outcome.follow_up))
    found = []
    for _ in range(_ARITHMETIC_DRAWS):
        order = np.arange(len(outcome.baseline))
        for rows in groups:
            order[rows] = rng.permutation(rows)
        values = replace(outcome, scores=outcome.scores[order]).values
        known = ~np.isnan(values) & ~np.isnan(outcome.baseline)
        value = _association(guess[known], values[known], outcome.kind)
        if value is not None:
            found.append(value)
    if not found:
        return None
    mean = float(np.mean(found))
    return mean if outcome.kind == "number" else max(mean, 1 - mean)


def guess_of(outcome: Outcome) -> Floats:
    """Return the best guess of an outcome that a baseline score allows if nothing else is known.

    Each patient's mean outcome over all patients' follow-up scores; it need not rise or fall with
    the baseline score throughout. Of a class its rank, the baseline score breaking ties.
    """
    n_patients = len(outcome.baseline)
    sums, counts = np.zeros(n_patients), np.zeros(n_patients)
    for shift in range(n_patients):
        order = np.roll(np.arange(n_patients), shift)
        values = replace(outcome, scores=outcome.scores[order]).values
        counts += ~np.isnan(values)
        sums += np.nan_to_num(values)
    known = counts > 0
    guess = np.full(n_patients, np.nan)
    guess[known] = sums[known] / counts[known]
    if outcome.kind == "class" and known.any():
        # To rounding: means over the same scores, added in another order, are ties.
        near, baseline = np.round(guess[known], 9), outcome.baseline[known]
        rising = np.sum((near - near.mean()) * (baseline - baseline.mean())) >= 0
        pairs = np.column_stack([near, baseline if rising else -baseline])
        guess[known] = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
    return guess


def _association(guess: Floats, values: Floats, kind: str) -> float | None:
    """Return the AUC, or the squared correlation, of a guess; None if there is none."""
    if kind == "number":
        if min(np.ptp(guess), np.ptp(values)) == 0:
            return None
        return float(np.corrcoef(guess, values)[0, 1] ** 2)
    events, others = guess[values == 1], guess[values == 0]
    if not len(events) or not len(others):
        return None
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([events, others]))[: len(events)].sum()
    return float((ranks - len(events) * (len(events) + 1) / 2) / (len(events) * len(others)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Permuted:
    """A permutation test that was made: what it was made of, its rows, and what it says.

    `cells` are (outcome, follow-up, model), a column of `rows` each; `rows` has the observed one
    first.
    """

    cells: tuple[tuple[str, str, str], ...]
    rows: Floats
    test: PermutationTest


def permute(
    plan: StudyPlan, *, folder: Path | None, engine: Engine, progress: Progress
) -> Permuted | None:
    """Return the joint permutation test of a study, or None if none was asked for.

    Parameters
    ----------
    plan : StudyPlan
        The study.
    folder : Path or None
        Where finished permutations are kept; None keeps none.
    engine : Engine
        Where permutations are made.
    progress : callable
        Told the permutations done, all that may be made, and that these are permutations.

    Returns
    -------
    Permuted or None
    """
    if plan.inference.permutations == 0:
        return None
    study = permuting_of(plan)
    rows, test = run_permutations(study, folder=folder, engine=engine, progress=progress)
    cells = tuple(
        (study.outcomes[number].name, study.outcomes[number].follow_up, model)
        for number, model in cells_of(study)
    )
    return Permuted(cells=cells, rows=rows, test=test)


def run_permutations(
    study: Permuting, *, folder: Path | None, engine: Engine, progress: Progress
) -> tuple[Floats, PermutationTest]:
    """Return the rows of the joint permutation test, of which those stored are not made again.

    Parameters
    ----------
    study : Permuting
        With at least one permutation.
    folder : Path or None
        Where finished permutations are kept; None keeps none.
    engine : Engine
        Where permutations are made. No figure depends on it: whatever ran beyond the permutation
        at which the test stops is not counted.
    progress : callable
        Told the permutations done and all that may be made.

    Returns
    -------
    rows : array of shape (n_permutations + 1, n_cells)
        The observed row first; where the test stopped early, up to there.
    test : PermutationTest
        What was made.
    """
    store = None if folder is None else folder / "permutations.jsonl"
    done = (
        {}
        if store is None
        else _stored_rows(store, len(cells_of(study)), enumerated=enumerable(study))
    )
    total = number_of_permutations(study)
    missing = (number for number in range(total + 1) if number not in done)
    made = as_ended(statistics, study, missing, engine, threads=_compiled_only(study))
    counted: list[tuple[float, ...]] = []
    redrawn, stop = 0, None
    progress(0, total, "permutations")
    for number in range(total + 1):
        while number not in done:
            ended, row = next(made)
            done[ended] = row
            if store is not None:
                append_line(store, json.dumps([row.number, row.redrawn, list(row.values)]))
        row = done[number]
        redrawn += row.redrawn
        if row.values:
            counted.append(row.values)
            if study.inference.stop_early and not enumerable(study):
                stop = stop_after(
                    np.array(counted), named=_named_cells(study), first=len(counted) - 2
                )
        progress(number, total, "permutations")
        if stop is not None:
            # No more of them are made, so that nobody is told how long these would take.
            progress(number, number, "permutations")
            break
    made.close()
    rows = np.array(counted)
    best = _best_of_noise(study, rows)
    return rows, PermutationTest(
        permutations=len(rows) - 1,
        asked=study.inference.permutations,
        stopped=len(rows) - 1 < total and stop is not None,
        enumerated=enumerable(study),
        redrawn=redrawn,
        repeats=study.inference.repeats,
        best_mean=best[0],
        best_high=best[1],
    )


def number_of_permutations(study: Permuting) -> int:
    """Return how many permutations may be made: as many as asked for, or all there are."""
    groups = _groups_of(study.site, len(study.features))
    return min(study.inference.permutations, prod(factorial(len(rows)) for rows in groups) - 1)


def _stored_rows(store: Path, n_cells: int, *, enumerated: bool) -> dict[int, _Row]:
    """Return the permutations that an earlier run finished; a broken line counts for nothing."""
    try:
        lines = store.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    found = {}
    for line in lines:
        try:
            number, redrawn, values = json.loads(line)
            row = _Row(number=int(number), values=tuple(map(float, values)), redrawn=int(redrawn))
        except (TypeError, ValueError, OverflowError):
            continue
        # Without values is one of all there are that could not be evaluated.
        whole = len(row.values) == n_cells or (enumerated and not row.values)
        if whole and np.isfinite(row.values).all():
            found[row.number] = row
    return found


def _named_cells(study: Permuting) -> list[int]:
    """Return the place of the primary headline, which was named beforehand, if there is one."""
    return [
        place
        for place, (number, name) in enumerate(cells_of(study))
        if name == HEADLINE and study.outcomes[number].primary
    ]


def _compiled_only(study: Permuting) -> bool:
    """Return whether every model of every outcome goes through a compiled kernel."""
    n_patients, n_columns = study.features.shape
    width = sum(piece.n for piece in study.composition) or n_columns
    return all(
        runs_compiled(model, n_patients, width)
        for outcome in study.outcomes
        for model in models_for(study.models, outcome.kind)
    )


def _best_of_noise(study: Permuting, rows: Floats) -> tuple[float | None, float | None]:
    """Return mean and 95 % quantile of the highest AUC of all cells, over enough permutations."""
    areas = [
        place
        for place, (number, _) in enumerate(cells_of(study))
        if study.outcomes[number].kind == "class"
    ]
    if not areas or len(rows) - 1 < _FEWEST:
        return None, None
    highest = rows[1:, areas].max(axis=1)
    highest = highest[np.isfinite(highest)]
    if not len(highest):
        return None, None
    return float(highest.mean()), float(np.quantile(highest, 0.95))
