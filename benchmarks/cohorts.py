"""Cohorts by the hundred for honesty.py and power.py: made, evaluated, kept a line each, read back.

A design is a function of a cohort's number to its figures. Every cohort has its own seed and is one
line of ``FOLDER/<design>.jsonl`` while a run goes on, of ``FOLDER/<design>.csv`` once it is kept;
whoever stops a run and starts it again goes on from there.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import heldout
from heldout.errors import DesignError

Row = dict[str, float]
Design = Callable[[int], Row]
P = 20
NAMES = [f"x{number}" for number in range(P)]
# Five informative features: each other's neighbours, or none of another.
NEIGHBOURS, SPREAD = np.arange(5), np.arange(0, P, 4)
RATE = 0.4


def features_of(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return questionnaire-like features: each correlated .5 with its neighbour."""
    noise = rng.normal(size=(n, P))
    features = noise.copy()
    for column in range(1, P):
        features[:, column] = 0.5 * features[:, column - 1] + 0.75**0.5 * noise[:, column]
    return features


def scales_of(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return four constructs of five scales each, of reliability .64, and what scales tell of them.

    That is the mean of a construct's scales, of variance 1 in the population.
    """
    constructs = rng.normal(size=(n, 4))
    scales = 0.8 * np.repeat(constructs, 5, axis=1) + 0.6 * rng.normal(size=(n, P))
    told = scales.reshape(n, 4, 5).mean(axis=2) / (0.64 + 0.36 / 5) ** 0.5
    return scales, told


@cache
def loading(oracle: float, rate: float = RATE) -> float:
    """Return the correlation of predictor and latent outcome that gives the best rule this AUC."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(1)
    known, rest = rng.normal(size=(2, 200_000))
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        latent = middle * known + (1 - middle**2) ** 0.5 * rest
        area = roc_auc_score(latent > np.quantile(latent, 1 - rate), known)
        low, high = (middle, high) if area < oracle else (low, middle)
    return (low + high) / 2


def predictor(features: np.ndarray, columns: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return the sum of some features, of variance 1 in the population."""
    weights = np.zeros(features.shape[1])
    weights[list(columns)] = 1.0
    correlation = 0.5 ** np.abs(np.subtract.outer(np.arange(P), np.arange(P)))
    return np.asarray(features @ weights / (weights @ correlation @ weights) ** 0.5)


def events_of(
    rng: np.random.Generator, known: np.ndarray, oracle: float, rate: float = RATE
) -> np.ndarray:
    """Return events of which a predictor of variance 1 tells as much as this AUC."""
    from scipy.stats import norm

    share = loading(oracle, rate)
    latent = share * known + (1 - share**2) ** 0.5 * rng.normal(size=len(known))
    return (latent > norm.ppf(1 - rate)).astype(float)


def evaluated(table: pd.DataFrame, number: int, **settings: Any) -> heldout.RunRecord:
    """Return the record of a cohort by the settings that benchmarks share."""
    usual: dict[str, Any] = {
        "features": [name for name in table if name.startswith("x")],
        "models": ["ridge", "elastic_net"],
        "trials": 5,
        "permutations": 99,
        "seed": number,
        "explain": False,
    }
    return heldout.evaluate(table, **(usual | settings))


def answers(record: heldout.RunRecord) -> Row:
    """Return the three answers of a verdict, and the figures of every headline and association."""
    verdict = record.verdict
    row: Row = {
        "anything": float(verdict.anything == "evidence"),
        "predicted": float(verdict.predicted == "evidence"),
        "made": 0 if record.permutation is None else record.permutation.permutations,
    }
    for cell in record.headline:
        if cell.estimate is None or cell.p is None:
            continue
        name = f"{cell.outcome} {cell.follow_up}"
        row |= {f"{name} estimate": cell.estimate, f"{name} p": cell.p}
        row |= {f"{name} low": cell.low or np.nan, f"{name} high": cell.high or np.nan}
        row |= {f"{name} chance": cell.chance if cell.chance is not None else np.nan}
    for of in record.associated:
        name = f"{of.outcome} {of.follow_up}"
        row |= {f"{name} {key} p": value for key, value in of.p_values.items()}
        row |= {f"{name} any p": of.p}
    return row


def _one(job: tuple[str, Design, int]) -> tuple[str, int, Row]:
    """Return one cohort; a draw with too few events for the folds is no cohort of the design."""
    name, design, number = job
    try:
        return name, number, design(number)
    except DesignError:
        return name, number, {}


def run(
    folder: Path, designs: Mapping[str, tuple[Design, int]], cohorts: int | None, workers: int
) -> None:
    """Evaluate what is not in the folder yet; a line a cohort is written as it ends."""
    # Before a worker imports numpy: at these sizes more threads cost time.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    folder.mkdir(parents=True, exist_ok=True)
    jobs = []
    for name, (design, usual) in designs.items():
        done = {int(row["cohort"]) for row in _rows(folder, name)}
        jobs += [(name, design, number) for number in range(cohorts or usual) if number not in done]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for count, (name, number, row) in enumerate(pool.imap_unordered(_one, jobs), start=1):
            with (folder / f"{name}.jsonl").open("a", encoding="utf-8") as file:
                digits = {key: round(float(value), 4) for key, value in row.items()}
                file.write(json.dumps({"cohort": number} | digits) + "\n")
            if count % 20 == 0:
                print(f"{count} of {len(jobs)} cohorts", flush=True)


def _rows(folder: Path, design: str) -> list[Row]:
    """Return a design's lines, those kept as a table and those of a run since then."""
    kept, lines = folder / f"{design}.csv", folder / f"{design}.jsonl"
    rows: list[Row] = pd.read_csv(kept).to_dict("records") if kept.exists() else []
    if lines.exists():
        rows += map(json.loads, lines.read_text(encoding="utf-8").splitlines())
    return rows


def read(folder: Path, design: str) -> pd.DataFrame:
    """Return a design's cohorts in order; those without a study are left out."""
    rows = [row for row in _rows(folder, design) if len(row) > 1]
    return pd.DataFrame(rows).astype({"cohort": int}).sort_values("cohort", ignore_index=True)


def known(folder: Path, designs: Mapping[str, object]) -> list[str]:
    """Return the designs that a folder has cohorts of."""
    return [
        name for name in designs if [*folder.glob(f"{name}.csv"), *folder.glob(f"{name}.jsonl")]
    ]


def keep(folder: Path, designs: Mapping[str, object]) -> None:
    """Write what was run as CSV, for the repository."""
    for design in designs:
        lines = folder / f"{design}.jsonl"
        if lines.exists():
            table = read(folder, design)
            table.to_csv(folder / f"{design}.csv", index=False, quoting=csv.QUOTE_MINIMAL)
            lines.unlink()


def share(values: pd.Series | np.ndarray) -> str:
    """Return a share with its Monte Carlo error (1.96 SE)."""
    counted = np.asarray(values, dtype=np.float64)
    mean = counted.mean()
    return f"{mean:.3f} ± {1.96 * (mean * (1 - mean) / len(counted)) ** 0.5:.3f}"


def mean_of(values: pd.Series) -> str:
    """Return a mean with its Monte Carlo error (1.96 SE)."""
    counted = values.dropna()
    return f"{counted.mean():.3f} ± {1.96 * counted.std(ddof=1) / len(counted) ** 0.5:.3f}"


def main(
    text: str,
    designs: Mapping[str, tuple[Design, int]],
    report: Callable[[Path], None],
) -> None:
    """Run, keep, or print."""
    parser = argparse.ArgumentParser(description=text.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--run", action="store_true", help="evaluate what is not there yet")
    parser.add_argument("--keep", action="store_true", help="turn the run's lines into tables")
    parser.add_argument("--design", choices=designs, action="append")
    parser.add_argument("--cohorts", type=int)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if options.run:
        chosen = {name: designs[name] for name in options.design or designs}
        run(options.folder, chosen, options.cohorts, options.workers)
    if options.keep:
        keep(options.folder, designs)
    report(options.folder)
