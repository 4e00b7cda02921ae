"""Which intercepts a calibration slope should have, at 70 patients in five stratified folds.

Run ``python benchmarks/calibration_slope.py [cohorts]``; takes two minutes on one core. Every
cohort has 70 patients and five features, of which two make the event likelier; counted are those
with 30 patients in the rarer class. Printed: median and standard deviation of the slope with one
intercept a repeat, which is what the package prints, and with one a fold; for the true
probabilities, whose slope is 1, and for a ridge regression at a fixed penalty.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from heldout.arrays import Floats
from heldout.kinds import HeldOut
from heldout.metrics.calibration import logit_slope, recalibration
from heldout.splits import plan_folds
from paired_differences import said_of

SEED, N_PATIENTS, N_FEATURES, N_FOLDS, N_REPEATS = 20261129, 70, 5, 5, 2
SIGNALS = (0.0, 0.7, 1.4)


def both_slopes(told: HeldOut) -> tuple[float, float]:
    """Return the slope with one intercept, and with one a fold."""
    events = told.answers == 1
    slope = logit_slope(told.prediction, told.folds, events)
    apart = []
    for probability, fold in zip(told.prediction, told.folds, strict=True):
        inside = probability.clip(0.001, 0.999)
        folds = (fold[:, None] == np.arange(N_FOLDS)).astype(np.float64)
        design = np.column_stack([np.log(inside / (1 - inside)), folds])
        # Nearly unpenalised: a fold of one class has no finite intercept.
        model = LogisticRegression(C=1e6, fit_intercept=False, max_iter=10_000)
        apart.append(model.fit(design, events).coef_[0, 0])
    return float("nan") if slope is None else slope, float(np.mean(apart))


def draw(signal: float, seed: int) -> tuple[HeldOut, HeldOut] | None:
    """Return what the truth and what a ridge regression says of a large enough cohort."""
    rng = np.random.default_rng(seed)
    table: Floats = rng.normal(size=(N_PATIENTS, N_FEATURES))
    true = expit(signal * (table[:, 0] + table[:, 1]))
    answers = (rng.random(N_PATIENTS) < true).astype(np.float64)
    plan = plan_folds(answers[:, None], n_folds=N_FOLDS, n_repeats=N_REPEATS, seed=seed, site=None)
    if plan is None or recalibration(answers == 1) is None:
        return None
    told = said_of("class", table, answers, plan.folds)
    return replace(told, prediction=np.tile(true, (N_REPEATS, 1))), told


def main() -> None:
    """Print one row for each signal and each way to predict."""
    n_cohorts = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(f"up to {n_cohorts} cohorts of {N_PATIENTS} patients: median slope (sd) by intercepts of")
    print("signal  of                   repeats        folds  cohorts")
    for signal in SIGNALS:
        cohorts = [draw(signal, SEED + n) for n in range(n_cohorts)]
        for name, pick in (("the truth", 0), ("ridge", 1)):
            # Without a signal the truth says the same of everybody.
            if signal or pick:
                rows = np.array([both_slopes(cohort[pick]) for cohort in cohorts if cohort])
                middle, spread = np.median(rows, axis=0), rows.std(axis=0)
                words = [f"{m:5.2f} ({s:.2f})" for m, s in zip(middle, spread, strict=True)]
                print(f"{signal:6.1f}  {name:<12}{words[0]:>16}{words[1]:>13}  {len(rows):7d}")


if __name__ == "__main__":
    main()
