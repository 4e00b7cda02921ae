"""What is found of what is there, beside what a researcher would do instead on the same cohorts.

    python benchmarks/power.py --run FOLDER       # all designs; hours on two cores, resumable
    python benchmarks/power.py FOLDER             # the tables of docs/power.md
    python benchmarks/power.py --run FOLDER --design dense --cohorts 40

20 features, correlated .5 with their neighbours; 40 % events; 36 patients unless stated.

dense       five features that are each other's neighbours carry signal, the best rule's AUC .85
spread      five that are not
sparse      one does, .85
factor      one of four constructs of five scales each does, .80
numbers     a number, of which five features explain half
four        four follow-ups correlated .7, drop-out up to 15 %; two of them carry signal (.85)
n60, n100   dense .80 and .75 of 60 and 100 patients
treatment   a treatment of .8 SD of the follow-up score, which goes .5 with baseline; 50 patients, a
            reduction of half: from the scores, from the scores without severity among the features,
            and as a ready yes or no.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cohorts import (
    NAMES,
    NEIGHBOURS,
    SPREAD,
    Row,
    answers,
    evaluated,
    events_of,
    features_of,
    known,
    loading,
    main,
    mean_of,
    predictor,
    read,
    scales_of,
    share,
)

SEED = 20261129


def _rng(design: int, number: int) -> np.random.Generator:
    """Return the chance of one cohort."""
    return np.random.default_rng([SEED, design, number])


def _table(features: np.ndarray, **outcomes: np.ndarray) -> pd.DataFrame:
    """Return features and outcomes as a table."""
    return pd.DataFrame(features, columns=NAMES).assign(**outcomes)


def _with_rivals(table: pd.DataFrame, number: int, **settings: Any) -> Row:
    """Return our answers of one outcome, and those of what else could be done."""
    record = evaluated(table, number, outcomes={"end": "end"}, **settings)
    return answers(record) | rivals(table, number)


def rivals(table: pd.DataFrame, number: int) -> Row:
    """Return the p of one ridge under an ordinary permutation test, and of every feature alone."""
    from scipy.stats import mannwhitneyu, spearmanr

    features, target = table[NAMES].to_numpy(), table["end"].to_numpy()
    if set(target) <= {0.0, 1.0}:
        alone = [mannwhitneyu(x[target == 1], x[target == 0]).pvalue for x in features.T]
    else:
        alone = [spearmanr(x, target).pvalue for x in features.T]
    rng = np.random.default_rng([number, 7])
    observed = _ridge_score(features, target, rng)
    permuted = [_ridge_score(features, rng.permutation(target), rng) for _ in range(99)]
    p = (1 + sum(value >= observed - 1e-12 for value in permuted)) / 100
    return {"ridge p": p, "bonferroni p": min(1.0, len(alone) * min(alone))}


def _ridge_score(features: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> float:
    """Return the mean over five stratified folds of a ridge's AUC, of a number its correlation."""
    n = len(target)
    fold = np.empty(n, dtype=np.int64)
    fold[np.lexsort((rng.random(n), target))] = np.arange(n) % 5
    reached = []
    for held_out in range(5):
        test = fold == held_out
        x = features[~test]
        mean, spread = x.mean(axis=0), x.std(axis=0)
        x, new = (x - mean) / spread, (features[test] - mean) / spread
        y = target[~test] - target[~test].mean()
        said = new @ np.linalg.solve(x.T @ x + len(y) * np.eye(x.shape[1]), x.T @ y)
        seen = target[test]
        pairs = np.subtract.outer(said, said)[np.subtract.outer(seen, seen) > 0]
        reached.append(np.mean((pairs > 0) + 0.5 * (pairs == 0)))
    return float(np.mean(reached))


def dense(number: int, n: int = 36, oracle: float = 0.85, columns: np.ndarray = NEIGHBOURS) -> Row:
    """Return the answers of a cohort with five informative features."""
    rng = _rng(n, number)
    features = features_of(rng, n)
    end = events_of(rng, predictor(features, columns), oracle)
    return _with_rivals(_table(features, end=end), number)


def sparse(number: int) -> Row:
    """Return the answers of a cohort with one informative feature."""
    rng = _rng(2, number)
    features = features_of(rng, 36)
    return _with_rivals(_table(features, end=events_of(rng, features[:, 4], 0.85)), number)


def factor(number: int) -> Row:
    """Return the answers of a cohort with one informative construct."""
    rng = _rng(3, number)
    scales, told = scales_of(rng, 36)
    return _with_rivals(_table(scales, end=events_of(rng, told[:, 0], 0.80)), number)


def numbers(number: int) -> Row:
    """Return the answers of a cohort with a number to predict."""
    rng = _rng(4, number)
    features = features_of(rng, 36)
    end = (predictor(features, SPREAD) + rng.normal(size=36)) / 2**0.5
    return _with_rivals(_table(features, end=end), number, kind="number")


def four(number: int) -> Row:
    """Return the answers of a cohort with four follow-ups, two of which carry signal."""
    rng = _rng(5, number)
    features = features_of(rng, 36)
    table, shared = pd.DataFrame(features, columns=NAMES), rng.normal(size=36)
    signal = predictor(features, SPREAD)
    names = ["week1", "month1", "month3", "month6"]
    for place, name in enumerate(names):
        carries = loading(0.85) if place in {1, 2} else 0.0
        rest = 0.7**0.5 * shared + 0.3**0.5 * rng.normal(size=36)
        latent = carries * signal + (1 - carries**2) ** 0.5 * rest
        table[name] = (latent > 0.2533).astype(float)
        table.loc[rng.random(36) < 0.05 * place, name] = np.nan
    return answers(evaluated(table, number, outcomes={name: name for name in names}))


def treatment(number: int, r: float = 0.5, effect: float = 0.8, n: int = 50) -> Row:
    """Return the answers to one question put in three ways."""
    rng = _rng(6 + round(10 * r), number)
    table = pd.DataFrame(rng.normal(size=(n, 7)), columns=NAMES[:7])
    table["x0"] = rng.permutation(np.arange(n) % 2).astype(float)
    severity = np.round(rng.normal(30, 5, n))
    score = 16 + r * 9 / 5 * (severity - 30) + 9 * (1 - r**2) ** 0.5 * rng.normal(size=n)
    table["x7"], table["score"] = (
        severity,
        np.clip(np.round(score - 9 * effect * table["x0"]), 0, 60),
    )
    table["end"] = (table["score"] <= severity / 2).astype(float)
    shared: dict[str, Any] = {"severity": "x7", "models": ["severity", "ridge"]}
    without = [name for name in table if name.startswith("x") and name != "x7"]
    ways = {
        "scores": {"outcomes": {"end": "score"}, "reduction": 0.5},
        "without": {"outcomes": {"end": "score"}, "reduction": 0.5, "features": without},
        "column": {"outcomes": {"end": "end"}},
    }
    return {
        f"{way}: {name}": value
        for way, settings in ways.items()
        for name, value in answers(evaluated(table, number, **shared, **settings)).items()
    }


DESIGNS = {
    "dense": (dense, 200),
    "spread": (partial(dense, columns=SPREAD), 200),
    "sparse": (sparse, 200),
    "factor": (factor, 200),
    "numbers": (numbers, 200),
    "four": (four, 200),
    "n60": (partial(dense, n=60, oracle=0.80), 200),
    "n100": (partial(dense, n=100, oracle=0.75), 200),
    "treatment": (treatment, 200),
}


def report(folder: Path) -> None:
    """Print the tables of docs/power.md."""
    print(
        "| design | cohorts | anything | predicted | ridge alone | features alone | global alone |"
    )
    print("|---" * 7 + "|")
    there = known(folder, DESIGNS)
    for name in there:
        if name == "treatment":
            continue
        table = read(folder, name)
        cells = [share(table["anything"]), share(table["predicted"])]
        for column in ("ridge p", "bonferroni p", "end end global p"):
            told = column in table
            cells.append(share(table[column] <= 0.05) if told else "-")
        print(f"| {name} | {len(table)} | {' | '.join(cells)} |")
    if "treatment" in there:
        print_treatment(read(folder, "treatment"))


def print_treatment(table: pd.DataFrame) -> None:
    """Print one question put in three ways."""
    print(f"\nOne question in three ways: {len(table)} cohorts of 50 patients\n")
    print("| way | anything | predicted | median p of the AUC | mean AUC | mean chance |")
    print("|---|---|---|---|---|---|")
    for way in ("scores", "without", "column"):
        own = table.filter(regex=f"^{way}: ").rename(columns=lambda name: name.partition(": ")[2])
        [estimate] = [name for name in own if name.endswith(" estimate")]
        start = estimate.removesuffix(" estimate")
        p = f"{own[f'{start} p'].median():.3f}"
        means = [mean_of(own[f"{start} {what}"]) for what in ("estimate", "chance")]
        words = [share(own["anything"]), share(own["predicted"]), p, *means]
        print(f"| {way} | {' | '.join(words)} |")


if __name__ == "__main__":
    main(__doc__ or "", DESIGNS, report)
