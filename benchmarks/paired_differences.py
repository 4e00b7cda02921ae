"""How often two procedures that are equally good are told apart, at 36 patients.

Run ``python benchmarks/paired_differences.py [cohorts]``; takes some minutes on one core. Every
cohort has 36 patients and two tables of five features each, drawn by the same law and independent
of each other, so that ridge regressions on either are equally good in truth, whatever signal
there is. Both go through the same ten repeats of five folds. Printed: the AUC or R squared on
average, how often the corrected interval of the difference excludes 0, which one of twenty may,
and what the plain interval of the folds would do; and how often the posterior gives more than .95
to one of *worse*, *same* and *better*, of which the first and the third are wrong.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from heldout.arrays import Floats
from heldout.kinds import KINDS, HeldOut, KindName
from heldout.metrics.differences import paired_difference
from heldout.models.catalogue import MODELS
from heldout.nested.folds import Procedure, hold_out_in_turn
from heldout.nested.training import Patients
from heldout.spec.experiment import TuningSpec
from heldout.splits import plan_folds

SEED = 20240613
N_PATIENTS, N_FEATURES = 36, 5
N_FOLDS, N_REPEATS = 5, 10
# Standard deviations of the outcome that each table makes, beside a noise of 1.
SIGNALS = (0.0, 0.7, 1.4)


def draw_cohort(
    kind: KindName, signal: float, rng: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.integer]]:
    """Return two tables side by side, answers, and folds of every repeat."""
    while True:
        tables = rng.normal(size=(N_PATIENTS, 2 * N_FEATURES))
        latent = signal * (tables[:, 0] + tables[:, N_FEATURES]) + rng.normal(size=N_PATIENTS)
        answers = (latent > 0).astype(np.float64) if kind == "class" else latent
        strata = KINDS[kind].strata(answers)[:, None]
        seed = int(rng.integers(2**31))
        plan = plan_folds(strata, n_folds=N_FOLDS, n_repeats=N_REPEATS, seed=seed, site=None)
        if plan is not None:
            return tables, answers, plan.folds


def said_of(kind: KindName, table: Floats, answers: Floats, folds: NDArray[np.integer]) -> HeldOut:
    """Return what a ridge regression at a fixed penalty says of patients held out."""
    # A reference is never chosen: the same model competes under its other name.
    procedure = Procedure(
        models=(MODELS["ridge_fixed"], MODELS["ridge"]),
        tuning=TuningSpec(trials=1),
        n_inner=2,
        seed=1,
    )
    weights = np.ones(len(answers))
    patients = Patients(features={"all": table}, answers=answers, weights=weights, kind=kind)
    repeats = [hold_out_in_turn(patients, fold, procedure, (n,)) for n, fold in enumerate(folds)]
    return HeldOut(
        answers=answers,
        margin=np.array([repeat.margins["ridge_fixed"] for repeat in repeats]),
        prediction=np.array([repeat.predictions["ridge_fixed"] for repeat in repeats]),
        training_mean=np.array([repeat.training_mean for repeat in repeats]),
        folds=folds,
        weights=weights,
    )


def compare(kind: KindName, signal: float, seed: int) -> list[float]:
    """Return the first estimate, and which ways of looking tell the two apart."""
    tables, answers, folds = draw_cohort(kind, signal, np.random.default_rng(seed))
    estimate, by_fold = KINDS[kind].estimate.compute, KINDS[kind].by_fold
    first, second = (
        said_of(kind, np.ascontiguousarray(table), answers, folds)
        for table in (tables[:, :N_FEATURES], tables[:, N_FEATURES:])
    )
    difference = (estimate(first) or 0.0) - (estimate(second) or 0.0)
    of_folds = by_fold(first) - by_fold(second)
    paired = paired_difference(difference, of_folds)
    reach = t.ppf(0.975, of_folds.size - 1) * of_folds.std(ddof=1) / of_folds.size**0.5
    return [
        estimate(first) or 0.0,
        paired.low > 0 or paired.high < 0,
        abs(difference) > reach,
        max(paired.p_worse, paired.p_better) > 0.95,
        paired.p_equivalent > 0.95,
    ]


def main() -> None:
    """Print one row for each kind of outcome and each signal."""
    n_cohorts = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    error = 1.96 * (0.05 * 0.95 / n_cohorts) ** 0.5
    print(
        f"{n_cohorts} cohorts of {N_PATIENTS} patients, two ridge regressions equally good; "
        f"shares of .05 are known to {error:.3f}"
    )
    print("kind    signal  estimate  told apart  by plain folds  worse or better  same")
    for kind in KINDS:
        for signal in SIGNALS:
            rows = np.array([compare(kind, signal, SEED + n) for n in range(n_cohorts)])
            estimate, corrected, plain, wrong, same = rows.mean(axis=0)
            print(
                f"{kind:<8}{signal:6.1f}  {estimate:8.3f}  {corrected:10.3f}  {plain:14.3f}  "
                f"{wrong:15.3f}  {same:4.3f}"
            )


if __name__ == "__main__":
    main()
