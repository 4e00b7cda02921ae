"""How often every 95 % interval holds the truth, on our own pipeline.

    python benchmarks/interval_coverage.py --run FOLDER    # all designs; hours, resumable
    python benchmarks/interval_coverage.py FOLDER          # prints the table
    python benchmarks/interval_coverage.py --run FOLDER --design r2_50_n36 --cohorts 40

20 features correlated .5 with their neighbours, of which five neighbours carry signal; ridge, five
repeats, ten candidates, up to 199 permutations; the AUC by every interval that may be named. The
models of a cohort's first repeat also predict 2000 fresh patients: the mean of what they reach
there over all cohorts is the truth of the procedure, which learns from four fifths of a cohort.

auc_50 .. auc_90    40 % events, a true AUC of about .50, .60, .77 and .90
r2_0 .. r2_70       a number, of which the features explain nothing, .3, .5 and .7
_n36, _n100         of so many patients
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

import heldout
from cohorts import (
    NAMES,
    NEIGHBOURS,
    RATE,
    Row,
    evaluated,
    events_of,
    features_of,
    known,
    main,
    predictor,
    read,
)
from heldout.models.catalogue import MODELS
from heldout.models.definition import build_pipeline

SEED = 20261130
N_FRESH = 2000
# A figure that has an interval -> what it is called.
FIGURES = {
    "auc": "AUC",
    "score": "AUC (score)",
    "nadeau_bengio": "AUC (nadeau_bengio)",
    "bootstrap_cv": "AUC (bootstrap_cv)",
    "brier_skill": "Brier skill",
    "r2": "R²",
    "mae": "mean absolute error",
    "spearman": "Spearman",
    "difference": "difference to ridge at C=.1",
}


def cohort(number: int, n: int, oracle: float | None, share: float | None) -> Row:
    """Return every figure of a cohort with its limits and its truth in fresh patients."""
    kind = "class" if share is None else "number"
    rng = np.random.default_rng([SEED, n, round(100 * (oracle or 0)), number])
    features = features_of(rng, n + N_FRESH)
    signal = predictor(features, NEIGHBOURS)
    if share is not None:
        noise = rng.normal(size=len(signal))
        answers = 20 + 10 * (share**0.5 * signal + (1 - share) ** 0.5 * noise)
    elif oracle == 0.5:
        answers = (rng.random(len(signal)) < RATE).astype(float)
    else:
        answers = events_of(rng, signal, oracle or 0.5)
    table = pd.DataFrame(features[:n], columns=NAMES).assign(end=answers[:n])
    table.index = pd.Index([f"P{place:03d}" for place in range(n)])
    settings = {"models": ["ridge", "ridge_fixed"], "trials": 10, "permutations": 199}
    record = evaluated(table, number, outcomes={"end": "end"}, kind=kind, **settings)
    truth = truth_of(record, table, kind, features[n:], answers[n:])
    [cell] = record.headline
    row: Row = {"chance": np.nan if cell.chance is None else cell.chance}
    for name in FIGURES:
        if name in cell.figures:
            row |= {name: cell.figures[name], f"{name} truth": truth["ridge"][name]}
            row |= {f"{name} {end}": cell.figures[f"{name}_{end}"] for end in ("low", "high")}
    [beside] = [of for of in record.differences if of.reference == "ridge_fixed"]
    difference = truth["ridge"][cell.of_kind.estimate.name]
    difference -= truth["ridge_fixed"][cell.of_kind.estimate.name]
    row |= {"difference": beside.difference, "difference truth": difference}
    row |= {"difference low": beside.low, "difference high": beside.high}
    if kind == "number":
        return row
    for interval in ("score", "nadeau_bengio", "bootstrap_cv"):
        named = settings | {"permutations": 0, "interval": interval}
        other = evaluated(table, number, outcomes={"end": "end"}, **named)
        [cell] = other.headline
        row |= {interval: cell.estimate, f"{interval} truth": truth["ridge"]["auc"]}
        row |= {f"{interval} low": cell.low, f"{interval} high": cell.high}
    return row


def truth_of(
    record: heldout.RunRecord,
    table: pd.DataFrame,
    kind: str,
    fresh: np.ndarray,
    answers: np.ndarray,
) -> dict[str, dict[str, float]]:
    """Return what the models of the first repeat reach in fresh patients, a mean over the folds."""
    truth = {}
    for model in ("ridge", "ridge_fixed"):
        rows = record.predictions.query("repeat == 0 and model == @model").set_index("patient")
        chosen = record.choices.query("repeat == 0 and model == @model").set_index("fold")
        folds = []
        for fold, choice in chosen.iterrows():
            train = table.drop(index=rows.index[rows["fold"] == fold])
            candidate = json.loads(str(choice["candidate"]))
            pipeline = build_pipeline(MODELS[model].for_kind(kind), candidate, 0)
            pipeline.fit(train[NAMES].to_numpy(), train["end"].to_numpy())
            folds.append(reached(pipeline, kind, fresh, answers, train["end"].mean()))
        truth[model] = {name: float(np.mean([each[name] for each in folds])) for name in folds[0]}
    return truth


def reached(
    pipeline: object, kind: str, fresh: np.ndarray, answers: np.ndarray, mean: float
) -> dict[str, float]:
    """Return the figures of one fitted model in fresh patients."""
    from scipy.stats import spearmanr
    from sklearn.metrics import roc_auc_score

    if kind == "class":
        told = pipeline.predict_proba(fresh)[:, 1]
        figures = {"auc": roc_auc_score(answers, told)}
    else:
        told = pipeline.predict(fresh)
        figures = {"mae": np.abs(told - answers).mean()}
        figures["spearman"] = spearmanr(told, answers)[0] if np.ptp(told) > 1e-9 else 0.0
    skill = 1 - ((told - answers) ** 2).mean() / ((mean - answers) ** 2).mean()
    return figures | {"brier_skill" if kind == "class" else "r2": skill}


# The best rule's AUC that lets ridge reach .60, .77 and .90, by patients.
_ORACLES = {
    36: {50: 0.5, 60: 0.69, 77: 0.86, 90: 0.98},
    100: {50: 0.5, 60: 0.66, 77: 0.82, 90: 0.94},
}
DESIGNS = {
    f"auc_{true}_n{n}": (partial(cohort, n=n, oracle=oracle, share=None), 400)
    for n, oracles in _ORACLES.items()
    for true, oracle in oracles.items()
} | {
    f"r2_{percent}_n{n}": (partial(cohort, n=n, oracle=None, share=percent / 100), 400)
    for n in _ORACLES
    for percent in (0, 30, 50, 70)
}


def report(folder: Path) -> None:
    """Print the table."""
    print("| design | cohorts | figure | truth | mean | holds the truth | above | below | width |")
    print("|---" * 9 + "|")
    for design in known(folder, DESIGNS):
        table = read(folder, design)
        for name, label in FIGURES.items():
            if name not in table:
                continue
            truth = table[f"{name} truth"].mean()
            above, below = table[f"{name} low"] > truth, table[f"{name} high"] < truth
            held = 1 - (above | below).mean()
            error = 1.96 * (held * (1 - held) / len(table)) ** 0.5
            print(
                f"| {design} | {len(table)} | {label} | {truth:.3f} | {table[name].mean():.3f} | "
                f"{held:.3f} ± {error:.3f} | {above.mean():.3f} | {below.mean():.3f} | "
                f"{(table[f'{name} high'] - table[f'{name} low']).mean():.3f} |"
            )


if __name__ == "__main__":
    main(__doc__ or "", DESIGNS, report)
