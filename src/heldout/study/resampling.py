"""The bootstrap of the whole procedure: how much a cross-validated AUC varies between cohorts.

Patients are drawn again with replacement, and everything is done as for the observed cohort:
folds, preparation, tuning, the choice of a model. Who is drawn twice weighs double and stays one
patient, so that no copy stands in a training set whose other copy is tested. Every resample is
divided twice: what the two runs differ by is luck of the division, and what is left is the
patients'.

References
----------
Cai, Cai, Dicker, Guo & Tian (2023), Bootstrapping the cross-validation estimate, arXiv:2307.00260.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from heldout.arrays import Floats
from heldout.engine.engine import Engine
from heldout.errors import DesignError
from heldout.kinds import KINDS
from heldout.metrics.intervals import N_RESAMPLES, N_RUNS
from heldout.splits import FoldPlan, derive_seed, plan_folds
from heldout.study.design import Design, joint_strata
from heldout.study.permutations import held_out_by
from heldout.study.units import Progress, UnitResult, carry_out

# Draws of one resample before it is given up.
_ATTEMPTS = 1000


def resampled_outcomes(design: Design) -> tuple[int, ...]:
    """Return the numbers of the outcomes that have an AUC.

    Parameters
    ----------
    design : Design
        The study.

    Returns
    -------
    tuple of int
    """
    return tuple(
        number for number in design.evaluated if KINDS[design.outcomes[number].kind].has_events
    )


def resample_units(
    design: Design, *, folder: Path | None, engine: Engine, progress: Progress
) -> dict[tuple[str, str, str], Floats]:
    """Return what every model reaches in resampled cohorts.

    Parameters
    ----------
    design : Design
        The study.
    folder, engine, progress
        As in `heldout.study.units.evaluate_units`.

    Returns
    -------
    dict of (str, str, str) to array of shape (n_resamples, n_runs)
        Outcome, follow-up and model, or headline -> its AUC in each run. Of a number nothing.

    Raises
    ------
    DesignError
        If no resample can be divided.
    """
    files = {number: f"resample-{number}.json" for number in range(N_RESAMPLES)}
    results = carry_out(resample_unit, design, files, folder, engine, progress, "resamples")
    values = np.array([results[number]["reached"] for number in files])
    names = [
        (outcome.name, outcome.follow_up, name)
        for number in resampled_outcomes(design)
        for outcome in (design.outcomes[number],)
        for name in design.names_of(number)
    ]
    return {name: values[:, :, column] for column, name in enumerate(names)}


def resample_unit(design: Design, number: int) -> UnitResult:
    """Return the AUC of every model in one resample.

    Parameters
    ----------
    design : Design
        The study.
    number : int
        Which resample, from 0.

    Returns
    -------
    mapping
        ``reached``: for each run the models of one outcome after the other.

    Raises
    ------
    DesignError
        If no resample can be divided.
    """
    times, folds = draw_resample(design, number)
    reached: list[list[float]] = [[] for _ in range(N_RUNS)]
    for of in resampled_outcomes(design):
        outcome = design.outcomes[of]
        drawn = replace(outcome, weights=outcome.weights * times)
        rows = np.flatnonzero(outcome.observed & (times > 0))
        path = ("resample", outcome.name, outcome.follow_up, number)
        area = KINDS[outcome.kind].estimate.compute
        for held_out in held_out_by(design, of, drawn, rows, folds.folds, path).values():
            for run, values in enumerate(reached):
                value = area(held_out.in_repeat(run))
                assert value is not None
                values.append(value)
    return {"reached": reached}


def check_interval(design: Design) -> None:
    """Require that an interval of AUCs is asked for only where there is an AUC.

    Parameters
    ----------
    design : Design
        The study.

    Raises
    ------
    DesignError
        If no outcome that is evaluated has one.
    """
    name = design.inference.interval
    if name != "score_perm" and not resampled_outcomes(design):
        raise DesignError(
            f"inference.interval: {name} is the interval of an AUC, and every outcome that can be "
            "evaluated is a number. Remove the line."
        )


def draw_resample(design: Design, number: int) -> tuple[Floats, FoldPlan]:
    """Return how often each patient is drawn in a resample, and its divisions.

    Parameters
    ----------
    design : Design
        The study.
    number : int
        Which resample, from 0.

    Returns
    -------
    times : array of shape (n_patients,)
        Every site keeps its size.
    folds : FoldPlan
        One repeat a run, of the patients who were drawn.

    Raises
    ------
    DesignError
        If no resample can be divided.
    """
    from heldout.kernels.folds import place_patients

    outcomes = [design.outcomes[of] for of in resampled_outcomes(design)]
    n_patients = len(design.features)
    sites = np.zeros(n_patients, dtype=np.int64) if design.site is None else design.site
    strata = joint_strata(outcomes)
    rng = np.random.default_rng(derive_seed(design.seed, "resample", number))
    for attempt in range(_ATTEMPTS):
        times = np.zeros(n_patients)
        for site in np.unique(sites):
            rows = np.flatnonzero(sites == site)
            times[rows] = np.bincount(rng.integers(len(rows), size=len(rows)), minlength=len(rows))
        folds = plan_folds(
            np.where(times[:, None] > 0, strata, np.nan),
            n_folds=design.validation.outer,
            n_repeats=N_RUNS,
            seed=derive_seed(design.seed, "resample", number, attempt),
            site=design.site,
            place=place_patients,
        )
        if folds is not None:
            return times, folds
    raise DesignError(
        f"inference.interval: {_ATTEMPTS} resamples in a row left an outcome with too few events "
        "for the folds. Use fewer folds (validation.outer), leave that outcome out, or name "
        "another interval (score_perm)."
    )
