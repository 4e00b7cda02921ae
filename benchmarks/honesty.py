"""Whether a study in which there is nothing to find says so, on our own pipeline.

    python benchmarks/honesty.py --run FOLDER     # all designs; hours on two cores, resumable
    python benchmarks/honesty.py FOLDER           # the tables of docs/honesty.md
    python benchmarks/honesty.py --run FOLDER --design arithmetic --cohorts 40

Every cohort is one call of `heldout.evaluate` under its own seed, and one line of
``FOLDER/<design>.csv``; whoever stops the run and starts it again goes on from there.

noise       36 patients, 20 features correlated .5 with their neighbours, four follow-ups correlated
            .7, up to 15 % missing: nothing predicts anything. Ridge, elastic net, support-vector
            classifier, forest, and the procedure that chooses among them.
arithmetic  36 patients, follow-up score independent of everything at baseline, response by a
            reduction of half: ours, which moves scores, beside the ordinary test, which moves
            responses.
repeated    The same cohorts by a sharper test: ten repeats of the folds, 199 permutations.
sites       36 patients at two sites that differ in response rate and in every feature; nothing
            within a site: moved within sites, beside moved across.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

import heldout
from heldout.errors import DesignError

SEED = 20261125
LEVELS = (0.05, 0.1, 0.2)
N, P = 36, 20
NAMES = [f"x{number}" for number in range(P)]
FOLLOW_UPS = ["week1", "month1", "month3", "month6"]
# 39 permutations can just reject at .05, and a level needs no more of them.
PERMUTATIONS = 39
Row = dict[str, float]


def features_of(rng: np.random.Generator, n: int = N) -> np.ndarray:
    """Return questionnaire-like features: each correlated .5 with its neighbour."""
    noise = rng.normal(size=(n, P))
    features = noise.copy()
    for column in range(1, P):
        features[:, column] = 0.5 * features[:, column - 1] + 0.75**0.5 * noise[:, column]
    return features


def noise(number: int) -> Row:
    """Return p of every cell, and the headline's AUC, of a cohort with nothing in it."""
    rng = np.random.default_rng([SEED, 1, number])
    table = pd.DataFrame(features_of(rng), columns=NAMES)
    shared = rng.normal(size=N)
    for place, name in enumerate(FOLLOW_UPS):
        latent = 0.7**0.5 * shared + 0.3**0.5 * rng.normal(size=N)
        table[name] = (latent > np.quantile(latent, 0.6)).astype(float)
        table.loc[rng.random(N) < 0.05 * place, name] = np.nan
    record = heldout.evaluate(
        table,
        outcomes={name: name for name in FOLLOW_UPS},
        features=NAMES,
        models=["ridge", "elastic_net", "svc", "random_forest"],
        repeats=1,
        trials=4,
        permutations=PERMUTATIONS,
        seed=number,
        explain=False,
    )
    return measured(record)


def arithmetic(number: int, permutations: int = PERMUTATIONS, test_repeats: int = 1) -> Row:
    """Return p of severity and of the headline, moving scores and moving responses."""
    rng = np.random.default_rng([SEED, 2, number])
    table = pd.DataFrame(features_of(rng)[:, :4], columns=NAMES[:4])
    # Baseline 34 (5) of reliability .8, follow-up independent of it; one scale parallel to it.
    true = rng.normal(34, 5 * 0.8**0.5, N)
    table["baseline"] = np.clip(np.round(true + rng.normal(0, 5 * 0.2**0.5, N)), 10, 60)
    table["parallel"] = true + rng.normal(0, 5, N)
    table["score"] = np.clip(np.round(rng.normal(17, 8, N)), 0, 60)
    table["response"] = (table["score"] <= table["baseline"] / 2).astype(float)
    settings = {
        "features": [*NAMES[:4], "baseline", "parallel"],
        "severity": "baseline",
        "models": ["severity", "ridge"],
        "repeats": 1,
        "trials": 4,
        "permutations": permutations,
        "test_repeats": test_repeats,
        "seed": number,
        "explain": False,
    }
    ours = heldout.evaluate(table, outcomes={"month6": "score"}, reduction=0.5, **settings)
    plain = heldout.evaluate(table, outcomes={"month6": "response"}, **settings)
    row = {f"ours {name}": value for name, value in measured(ours).items()}
    row |= {f"ordinary {name}": value for name, value in measured(plain).items()}
    return row | {"arithmetic": ours.headline[0].arithmetic or np.nan}


def repeated(number: int) -> Row:
    """Return the same of the same cohort by a test of less chance of its own."""
    return arithmetic(number, permutations=199, test_repeats=10)


def sites(number: int) -> Row:
    """Return p of cells, moving responses within sites and across them."""
    rng = np.random.default_rng([SEED, 3, number])
    table = pd.DataFrame(features_of(rng)[:, :8], columns=NAMES[:8])
    site = np.arange(N) % 2
    table[NAMES[:8]] += 0.8 * site[:, None]
    table["site"] = np.where(site == 1, "b", "a")
    table["response"] = (rng.random(N) < np.where(site == 1, 0.65, 0.25)).astype(float)
    settings = {
        "outcomes": {"month6": "response"},
        "features": NAMES[:8],
        "models": ["ridge", "elastic_net"],
        "repeats": 1,
        "trials": 4,
        "permutations": PERMUTATIONS,
        "seed": number,
        "explain": False,
    }
    within = heldout.evaluate(table, site="site", **settings)
    across = heldout.evaluate(table, **settings)
    row = {f"within {name}": value for name, value in measured(within).items()}
    return row | {f"across {name}": value for name, value in measured(across).items()}


def measured(record: heldout.RunRecord) -> Row:
    """Return AUC, p and adjusted p of every cell of a record that was evaluated."""
    row: Row = {}
    for cell in (*record.cells, *record.headline):
        if cell.p is not None and cell.auc is not None and cell.p_adjusted is not None:
            name = f"{cell.follow_up} {cell.model}"
            row |= {f"{name} auc": cell.auc, f"{name} p": cell.p, f"{name} adj": cell.p_adjusted}
    return row


DESIGNS: Mapping[str, tuple[Callable[[int], Row], int]] = {
    "noise": (noise, 400),
    "arithmetic": (arithmetic, 400),
    "repeated": (repeated, 400),
    "sites": (sites, 400),
}


def one(job: tuple[str, int]) -> tuple[str, int, Row]:
    """Return one cohort; a draw with too few events for the folds is no cohort of the design."""
    design, number = job
    try:
        return design, number, DESIGNS[design][0](number)
    except DesignError:
        return design, number, {}


def run(folder: Path, designs: list[str], cohorts: int | None, workers: int) -> None:
    """Evaluate what is not in the folder yet; a line a cohort is written as it ends."""
    # Before a worker imports numpy: at these sizes more threads cost time.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    folder.mkdir(parents=True, exist_ok=True)
    jobs = []
    for design in designs:
        done = (
            set()
            if not (folder / f"{design}.jsonl").exists()
            else {
                json.loads(line)["cohort"]
                for line in (folder / f"{design}.jsonl").read_text().splitlines()
            }
        )
        wanted = cohorts or DESIGNS[design][1]
        jobs += [(design, number) for number in range(wanted) if number not in done]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for count, (design, number, row) in enumerate(pool.imap_unordered(one, jobs), start=1):
            with (folder / f"{design}.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"cohort": number} | rounded(row)) + "\n")
            if count % 20 == 0:
                print(f"{count} of {len(jobs)} cohorts", flush=True)


def rounded(row: Row) -> Row:
    """Return figures with the digits that are worth keeping."""
    return {name: round(float(value), 4) for name, value in row.items()}


def read(folder: Path, design: str) -> pd.DataFrame:
    """Return a design's cohorts in order; those without a study are left out."""
    path = folder / f"{design}.csv"
    if path.exists():
        return pd.read_csv(path)
    lines = (folder / f"{design}.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    rows = [row for row in rows if len(row) > 1]
    return pd.DataFrame(rows).sort_values("cohort").reset_index(drop=True)


def share(values: pd.Series | np.ndarray) -> str:
    """Return a share with its Monte Carlo error (1.96 SE)."""
    known = np.asarray(values, dtype=np.float64)
    mean = known.mean()
    return f"{mean:.3f} ± {1.96 * (mean * (1 - mean) / len(known)) ** 0.5:.3f}"


def mean_of(values: pd.Series) -> str:
    """Return a mean with its Monte Carlo error (1.96 SE)."""
    known = values.dropna()
    return f"{known.mean():.3f} ± {1.96 * known.std(ddof=1) / len(known) ** 0.5:.3f}"


def report(folder: Path) -> None:
    """Print the tables of docs/honesty.md."""
    print_noise(read(folder, "noise"))
    ways = {f"1, {PERMUTATIONS}": "arithmetic", "10, 199": "repeated"}
    print_arithmetic({words: read(folder, design) for words, design in ways.items()})
    print_sites(read(folder, "sites"))


def print_noise(table: pd.DataFrame) -> None:
    """Print what is found where there is nothing."""
    adjusted = table.filter(regex=" adj$")
    print(f"Noise: {len(table)} cohorts of {N} patients, {adjusted.shape[1]} cells each\n")
    print("| what | measured | bound |\n|---|---|---|")
    bound = 0.05 + 1.96 * (0.05 * 0.95 / len(table)) ** 0.5
    print(f"| any adjusted p <= .05 | {share(adjusted.min(axis=1) <= 0.05)} | {bound:.3f} |")
    smallest = table.filter(regex=" p$").min(axis=1) <= 0.05
    print(f"| any p <= .05, not adjusted | {share(smallest)} | - |")
    heads = table.filter(regex="headline auc$").melt()["value"]
    print(f"| mean headline AUC | {mean_of(heads)} | .48 to .52 |\n")
    print("| model | " + " | ".join(f"p <= {level}" for level in LEVELS) + " | mean AUC |")
    print("|---" * (len(LEVELS) + 2) + "|")
    for model in ("ridge", "elastic_net", "svc", "random_forest", "headline"):
        p = table.filter(regex=f" {model} p$").melt()["value"]
        areas = table.filter(regex=f" {model} auc$").melt()["value"]
        shares = " | ".join(f"{(p <= level).mean():.3f}" for level in LEVELS)
        print(f"| {model} | {shares} | {mean_of(areas)} |")
    cells = [(column, table[column].dropna()) for column in table.filter(regex=" p$")]
    for level in LEVELS:
        worst = max(cells, key=lambda cell: (cell[1] <= level).mean())
        limit = level + 1.96 * (level * (1 - level) / len(worst[1])) ** 0.5
        found = (worst[1] <= level).mean()
        words = f"{worst[0]} {found:.3f} (one cell alone: {limit:.3f})"
        print(f"\nLargest of {len(cells)} cells at {level}: {words}")


def print_arithmetic(tables: Mapping[str, pd.DataFrame]) -> None:
    """Print what arithmetic alone makes of a test that moves responses, and of ours."""
    first = next(iter(tables.values()))
    print(f"\nArithmetic: {len(first)} cohorts\n")
    print("| test | repeats, permutations | severity p <= .05 | any adjusted <= .05 |")
    print("|---|---|---|---|")
    for words, table in tables.items():
        for way in ("ordinary", "ours"):
            severity = table[f"{way} month6 severity p"] <= 0.05
            any_cell = table.filter(regex=f"^{way} .* adj$").min(axis=1) <= 0.05
            print(f"| {way} | {words} | {share(severity)} | {share(any_cell)} |")
    print(
        f"\nAUC of severity: {mean_of(first['ours month6 severity auc'])}; arithmetic alone: "
        f"{mean_of(first['arithmetic'])}"
    )


def print_sites(table: pd.DataFrame) -> None:
    """Print what sites that differ make of a test across them, and within them."""
    print(f"\nSites: {len(table)} cohorts\n\n| moved | any adjusted p <= .05 | headline p <= .05 |")
    print("|---|---|---|")
    for way in ("across", "within"):
        any_cell = table.filter(regex=f"^{way} .* adj$").min(axis=1) <= 0.05
        print(
            f"| {way} sites | {share(any_cell)} | "
            f"{share(table[f'{way} month6 headline p'] <= 0.05)} |"
        )


def keep(folder: Path) -> None:
    """Write what was run as CSV, for the repository."""
    for design in DESIGNS:
        if (folder / f"{design}.jsonl").exists():
            table = read(folder, design)
            table.to_csv(folder / f"{design}.csv", index=False, quoting=csv.QUOTE_MINIMAL)
            (folder / f"{design}.jsonl").unlink()


def main() -> None:
    """Run, or print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--run", action="store_true", help="evaluate what is not there yet")
    parser.add_argument("--keep", action="store_true", help="turn the run's lines into tables")
    parser.add_argument("--design", choices=DESIGNS, action="append")
    parser.add_argument("--cohorts", type=int)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if options.run:
        run(options.folder, options.design or [*DESIGNS], options.cohorts, options.workers)
    if options.keep:
        keep(options.folder)
    report(options.folder)


if __name__ == "__main__":
    main()
