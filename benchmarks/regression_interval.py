"""How honest the 95 % interval of the variance explained out of fold is at 36 patients.

Run ``python benchmarks/regression_interval.py [cohorts]``; takes some minutes on one core. Every
cohort has 36 patients and ten features of which one, or none, makes a share of the outcome. It
goes through `heldout.evaluate` with a tuned ridge regression, and the models of its folds also
predict 2000 fresh patients: the mean of what they explain there over all cohorts is the truth of
the procedure, which learns from four fifths of a cohort. Printed for the interval as it is, and
for one whose variance is not doubled: how often it lies above 0, and how often it holds the truth.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import heldout
from heldout.metrics.intervals import r_squared_interval
from heldout.metrics.numbers import r_squared_variance
from heldout.models.catalogue import MODELS
from heldout.models.definition import build_pipeline as pipeline_of

SEED = 20240612
N_PATIENTS = 36
N_FEATURES = 10
N_FRESH = 2000
# Share of the outcome's variance that a feature makes in truth.
SHARES = (0.0, 0.3, 0.6)

Floats = NDArray[np.float64]


def draw_cohort(share: float, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return features, and an outcome of variance 1 of which the first feature makes a share."""
    features = rng.normal(size=(n, N_FEATURES))
    noise = rng.normal(size=n)
    return features, share**0.5 * features[:, 0] + (1 - share) ** 0.5 * noise


def truth_of(record: heldout.RunRecord, table: pd.DataFrame, share: float, seed: int) -> float:
    """Return the variance that the models of the first repeat explain in fresh patients."""
    fresh, answers = draw_cohort(share, N_FRESH, np.random.default_rng(seed))
    names = [f"x{number}" for number in range(N_FEATURES)]
    first = record.predictions.query("repeat == 0 and model == 'ridge'").set_index("patient")
    choices = record.choices.query("repeat == 0 and model == 'ridge'").set_index("fold")
    explained = []
    for fold, choice in choices.iterrows():
        train = table.drop(index=first.index[first["fold"] == fold])
        candidate = json.loads(str(choice["candidate"]))
        pipeline = pipeline_of(MODELS["ridge"].for_kind("number"), candidate, 0)
        pipeline.fit(train[names].to_numpy(), train["y"].to_numpy())
        error = ((pipeline.predict(fresh) - answers) ** 2).mean()
        explained.append(1 - error / ((train["y"].mean() - answers) ** 2).mean())
    return float(np.mean(explained))


def simulate_cohort(share: float, seed: int) -> tuple[float, float, float]:
    """Return the estimate, its variance over patients, and the truth of one cohort."""
    features, answers = draw_cohort(share, N_PATIENTS, np.random.default_rng(seed))
    names = [f"x{number}" for number in range(N_FEATURES)]
    table = pd.DataFrame(features, columns=names).assign(y=answers)
    table.index = pd.Index([f"P{number:02d}" for number in table.index])
    record = heldout.evaluate(
        table,
        outcomes={"end": "y"},
        features=names,
        kind="number",
        seed=seed,
        models=["ridge"],
        repeats=2,
        trials=6,
        permutations=0,
    )
    rows = record.predictions.query("model == 'ridge'")
    wide = rows.pivot(index="repeat", columns="patient", values=["prediction", "training_mean"])
    prediction, mean = (
        wide[name][table.index].to_numpy() for name in ("prediction", "training_mean")
    )
    variance = r_squared_variance(prediction, answers, mean)
    return record.cells[0].r2 or 0.0, variance, truth_of(record, table, share, seed + 1)


def main() -> None:
    """Print one row for each share and width of the interval."""
    n_cohorts = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(f"{n_cohorts} cohorts of {N_PATIENTS} patients, {N_FEATURES} features, ridge")
    print("share  variance  mean R2     sd  truth  above 0  holds truth  too high  too low")
    for share in SHARES:
        seeds = range(SEED, SEED + 2 * n_cohorts, 2)
        results = np.array([simulate_cohort(share, seed) for seed in seeds])
        estimate, truth = results[:, 0], results[:, 2].mean()
        for factor in (1.0, 2.0):
            limits = np.array(
                [r_squared_interval(r2, variance, factor=factor) for r2, variance, _ in results]
            )
            high, low = limits[:, 0] > truth, limits[:, 1] < truth
            word = "doubled" if factor == 2 else "plain"
            print(
                f"{share:5.1f}  {word:>8}  {estimate.mean():7.3f}  "
                f"{estimate.std():5.3f}  {truth:5.2f}  {(limits[:, 0] > 0).mean():7.3f}  "
                f"{1 - (high | low).mean():11.3f}  {high.mean():8.3f}  {low.mean():7.3f}"
            )


if __name__ == "__main__":
    main()
