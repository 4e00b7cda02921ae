"""Whether a study in which there is nothing to find says so, on our own pipeline.

    python benchmarks/honesty.py --run FOLDER     # all designs; hours on two cores, resumable
    python benchmarks/honesty.py FOLDER           # the tables of docs/honesty.md
    python benchmarks/honesty.py --run FOLDER --design noise --cohorts 40

36 patients, 20 features correlated .5 with their neighbours, 40 % events, unless stated.

noise         four follow-ups correlated .7, up to 15 % missing, no primary
primary       the same, the third follow-up primary
curtailed     one follow-up, ridge, 999 permutations of which none is made that cannot matter
boosting      one follow-up, XGBoost among the models, a fifth of the features missing
rare, common  15 % and 85 % events
ties          features of three values
number        a number
sites         three sites of event rates .2, .4, .7, which differ in every feature too
middle        50 patients, a reduction of half; the middle of baseline leaves
extremes      the same; the extremes of baseline leave
arithmetic0   a reduction of half of a score that goes 0 with baseline; severity among the features
arithmetic3   .3
arithmetic6   .6
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cohorts import (
    NAMES,
    RATE,
    Row,
    answers,
    evaluated,
    features_of,
    known,
    main,
    mean_of,
    read,
    share,
)

SEED = 20261125
# 39 permutations can just reject at .05, and a level needs no more of them.
PERMUTATIONS = 39
FOLLOW_UPS = ["week1", "month1", "month3", "month6"]


def _rng(design: int, number: int) -> np.random.Generator:
    """Return the chance of one cohort."""
    return np.random.default_rng([SEED, design, number])


def _table(rng: np.random.Generator, n: int = 36) -> pd.DataFrame:
    """Return features that predict nothing."""
    return pd.DataFrame(features_of(rng, n), columns=NAMES)


def noise(number: int) -> Row:
    """Return the answers of four follow-ups in which there is nothing."""
    outcomes = {name: name for name in FOLLOW_UPS}
    return answers(evaluated(*_four(number), outcomes=outcomes, permutations=PERMUTATIONS))


def _four(number: int) -> tuple[pd.DataFrame, int]:
    """Return a cohort of four follow-ups, and its number."""
    rng = _rng(1, number)
    table, shared = _table(rng), rng.normal(size=36)
    for place, name in enumerate(FOLLOW_UPS):
        latent = 0.7**0.5 * shared + 0.3**0.5 * rng.normal(size=36)
        table[name] = (latent > np.quantile(latent, 1 - RATE)).astype(float)
        table.loc[rng.random(36) < 0.05 * place, name] = np.nan
    return table, number


def primary(number: int) -> Row:
    """Return the answers about the follow-up that was named beforehand."""
    outcomes = {name: name for name in FOLLOW_UPS}
    settings = {"primary": FOLLOW_UPS[2], "permutations": PERMUTATIONS}
    return answers(evaluated(*_four(number), outcomes=outcomes, **settings))


def single(number: int, design: int = 2, rate: float = RATE, **settings: Any) -> Row:
    """Return the answers of one follow-up in which there is nothing."""
    rng = _rng(design, number)
    table = _table(rng)
    table["end"] = rng.permutation((np.arange(36) < round(rate * 36)).astype(float))
    few = {"permutations": PERMUTATIONS} | settings
    return answers(evaluated(table, number, outcomes={"end": "end"}, **few))


def boosting(number: int) -> Row:
    """Return the answers with boosted trees and missing features."""
    rng = _rng(3, number)
    table = _table(rng)
    table = table.mask(rng.random(table.shape) < 0.2)
    table["end"] = rng.permutation((np.arange(36) < 14).astype(float))
    settings: dict[str, Any] = {"models": ["ridge", "xgboost"], "permutations": PERMUTATIONS}
    return answers(evaluated(table, number, outcomes={"end": "end"}, **settings))


def ties(number: int) -> Row:
    """Return the answers with features of three values."""
    rng = _rng(4, number)
    table = _table(rng).apply(lambda column: np.digitize(column, [-1.0, 1.0]))
    table["end"] = rng.permutation((np.arange(36) < 14).astype(float))
    return answers(evaluated(table, number, outcomes={"end": "end"}))


def a_number(number: int) -> Row:
    """Return the answers of a number that nothing predicts."""
    rng = _rng(5, number)
    table = _table(rng).assign(end=rng.normal(size=36))
    return answers(evaluated(table, number, outcomes={"end": "end"}, kind="number"))


def sites(number: int) -> Row:
    """Return the answers of three sites that differ in events and features, and in nothing else."""
    rng = _rng(6, number)
    site = np.arange(36) % 3
    table = _table(rng) + 0.8 * site[:, None]
    table["site"] = np.array(["a", "b", "c"])[site]
    table["end"] = (rng.random(36) < np.array([0.2, 0.4, 0.7])[site]).astype(float)
    return answers(evaluated(table, number, outcomes={"end": "end"}, site="site"))


def reduction(number: int, r: float, leaves: str = "", n: int = 36) -> Row:
    """Return the answers about a reduction that only severity and arithmetic predict."""
    rng = _rng(7 + round(10 * r) + 20 * len(leaves), number)
    table = pd.DataFrame(rng.normal(size=(n, 7)), columns=NAMES[:7])
    severity = np.round(rng.normal(30, 5, n))
    score = 16 + r * 9 / 5 * (severity - 30) + 9 * (1 - r**2) ** 0.5 * rng.normal(size=n)
    table["x7"], table["score"] = severity, np.clip(np.round(score), 0, 60)
    away = np.abs(severity - 30)
    gone = {"": away < 0, "middle": away < 2.5, "extremes": away > 6}[leaves]
    table.loc[gone & (rng.random(n) < 0.8), "score"] = np.nan
    models = ["severity", "ridge"]
    return answers(
        evaluated(
            table,
            number,
            outcomes={"end": "score"},
            reduction=0.5,
            severity="x7",
            models=models,
        )
    )


DESIGNS = {
    "noise": (noise, 400),
    "primary": (primary, 400),
    "curtailed": (partial(single, models=["ridge"], permutations=999), 400),
    "boosting": (boosting, 400),
    "rare": (partial(single, design=8, rate=0.15), 400),
    "common": (partial(single, design=9, rate=0.85), 400),
    "ties": (ties, 400),
    "number": (a_number, 400),
    "sites": (sites, 400),
    "middle": (partial(reduction, r=0.0, leaves="middle", n=50), 400),
    "extremes": (partial(reduction, r=0.0, leaves="extremes", n=50), 400),
    "arithmetic0": (partial(reduction, r=0.0), 400),
    "arithmetic3": (partial(reduction, r=0.3), 1200),
    "arithmetic6": (partial(reduction, r=0.6), 400),
}


def report(folder: Path) -> None:
    """Print the tables of docs/honesty.md."""
    print("| design | cohorts | anything | predicted | limit above chance | mean | chance |")
    print("|---" * 7 + "|")
    missed = []
    for name in known(folder, DESIGNS):
        table = read(folder, name)
        estimates, chances, lows = (
            table.filter(regex=f" {figure}$").melt()["value"]
            for figure in ("estimate", "chance", "low")
        )
        above = (lows > chances)[chances.notna()]
        cells = [share(table["anything"]), share(table["predicted"]), share(above)]
        cells += [mean_of(estimates), mean_of(chances)]
        print(f"| {name} | {len(table)} | {' | '.join(cells)} |")
        limit = 0.05 + 1.96 * (0.05 * 0.95 / len(table)) ** 0.5
        if table["anything"].mean() > limit:
            missed.append(f"\n{name}: anything is above {limit:.3f}")
    print(*missed, sep="\n")


if __name__ == "__main__":
    main(__doc__ or "", DESIGNS, report)
