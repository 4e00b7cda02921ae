"""Our nested cross-validation beside the peers', and what a whole study costs.

    pip install optuna-integration              # the peer that is not a dependency of ours
    python benchmarks/speed.py --run FOLDER     # half an hour on two cores
    python benchmarks/speed.py FOLDER           # the tables and the figure of docs/speed.md

peers    One nested job, outer 5 x 1, inner 5: breast_cancer cut to 36 patients and 30 columns, 20
         candidates (XGBoost 10, forest 4), one thread. Contestants are interleaved, each in a
         fresh process; imports and compiling are done before the clock starts. CPU time per fit
         (one candidate on one inner fold), ratio round by round.
bare     Ours at 10,000 fits and more, beside the same work in the bare kernel.
scaling  Ours and scikit-learn over patients and columns.
job      1000 permutations of outer 5 x 10, inner 5, 50 candidates, through `heldout.evaluate`, with
         one and two workers, and the peak of its memory.
runs     The shipped experiments as a user runs them, with every model of the catalogue and the
         permutation test, and the share of the time that is not spent in fits.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
os.environ.update(THREADS)
CANDIDATES = {"xgboost": 10, "random_forest": 4}
MODELS = ["ridge", "elastic_net", "svc", "random_forest", "xgboost"]
GOALS = {"ridge": 200, "elastic_net": 150, "svc": 150, "random_forest": 80, "xgboost": 3}
SIZES = [(36, 30), (36, 300), (200, 30), (200, 300), (2000, 30), (2000, 40), (2000, 300)]


def problem(n: int, p: int) -> tuple[Any, Any]:
    """Return breast_cancer cut down, or made-up questionnaires of any size."""
    import numpy as np

    rng = np.random.RandomState(0)
    if (n, p) == (36, 30):
        from sklearn.datasets import load_breast_cancer

        features, answers = load_breast_cancer(return_X_y=True)
        rows = [rng.choice(np.flatnonzero(answers == one), n // 2, False) for one in (0, 1)]
        order = rng.permutation(np.concatenate(rows))
        return features[order], answers[order]
    traits = rng.randn(n, 5)
    features = traits @ rng.randn(5, p) + rng.randn(n, p)
    return features, (traits[:, 0] + rng.randn(n) > 0).astype(int)


def spaces(model: str) -> dict[str, tuple[str, float, float]]:
    """Return the space that all contestants search: name -> scale, low, high."""
    return {
        "ridge": {"C": ("log", 1e-3, 1e2)},
        "elastic_net": {"C": ("log", 1e-2, 1e1), "l1_ratio": ("uniform", 0.01, 1.0)},
        "svc": {"C": ("log", 1e-2, 1e3), "gamma": ("log", 1e-4, 1.0)},
        "random_forest": {
            "min_samples_leaf": ("whole", 1, 5),
            "max_features": ("uniform", 0.1, 1.0),
        },
        "xgboost": {
            "max_depth": ("whole", 1, 4),
            "learning_rate": ("log", 1e-2, 0.5),
            "subsample": ("uniform", 0.5, 1.0),
            "reg_lambda": ("log", 1e-2, 10.0),
        },
    }[model]


def pipeline(model: str) -> Any:
    """Return the pipeline the peers tune."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="median")),
            ("scale", StandardScaler()),
            ("m", estimator(model)),
        ]
    )


def estimator(model: str) -> Any:
    """Return the peers' estimator, at its own defaults."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC
    from xgboost import XGBClassifier

    return {
        "ridge": LogisticRegression(max_iter=1000),
        "elastic_net": LogisticRegression(solver="saga", l1_ratio=0.5, max_iter=1000),
        "svc": SVC(kernel="rbf"),
        "random_forest": RandomForestClassifier(n_estimators=100, random_state=0),
        "xgboost": XGBClassifier(
            n_estimators=50, nthread=1, n_jobs=1, tree_method="hist", random_state=0
        ),
    }[model]


def by_scikit_learn(model: str, features: Any, answers: Any, repeats: int, candidates: int) -> None:
    """Nest a random search in cross-validation, as scikit-learn's documentation does."""
    from scipy import stats
    from sklearn.model_selection import RandomizedSearchCV, cross_validate

    made: dict[str, Callable[[float, float], Any]] = {
        "log": stats.loguniform,
        "uniform": lambda low, high: stats.uniform(low, high - low),
        "whole": lambda low, high: stats.randint(int(low), int(high) + 1),
    }
    space = {f"m__{name}": made[how](low, high) for name, (how, low, high) in spaces(model).items()}
    inner, outer = divisions(repeats)
    search = RandomizedSearchCV(
        pipeline(model), space, n_iter=candidates, cv=inner, scoring="roc_auc", random_state=0
    )
    cross_validate(search, features, answers, cv=outer, scoring="roc_auc")


def by_optuna(model: str, features: Any, answers: Any, repeats: int, candidates: int) -> None:
    """Nest OptunaSearchCV in cross-validation."""
    import optuna
    from optuna.distributions import FloatDistribution, IntDistribution
    from optuna_integration import OptunaSearchCV
    from sklearn.model_selection import cross_validate

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = {
        f"m__{name}": IntDistribution(int(low), int(high))
        if how == "whole"
        else FloatDistribution(low, high, log=how == "log")
        for name, (how, low, high) in spaces(model).items()
    }
    inner, outer = divisions(repeats)
    search = OptunaSearchCV(
        pipeline(model), space, n_trials=candidates, cv=inner, scoring="roc_auc", random_state=0
    )
    cross_validate(search, features, answers, cv=outer, scoring="roc_auc")


def divisions(repeats: int) -> tuple[Any, Any]:
    """Return the peers' inner and outer folds."""
    from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold

    inner = StratifiedKFold(5, shuffle=True, random_state=1)
    return inner, RepeatedStratifiedKFold(n_splits=5, n_repeats=repeats, random_state=0)


def by_heldout(model: str, features: Any, answers: Any, repeats: int, candidates: int) -> None:
    """Hold patients out in turn: folds, preparation, search, and held-out predictions."""
    from heldout.nested.folds import Procedure, hold_out_in_turn
    from heldout.spec.experiment import TuningSpec

    patients, plan = our_patients(features, answers, repeats)
    tuning = TuningSpec(trials=candidates, criterion="auc")
    procedure = Procedure(models=(our_model(model),), tuning=tuning, n_inner=5, seed=0)
    for repeat, folds in enumerate(plan.folds):
        hold_out_in_turn(patients, folds, procedure, ("speed", repeat))


def our_patients(features: Any, answers: Any, repeats: int) -> tuple[Any, Any]:
    """Return the patients as we hold them, and their outer folds."""
    import numpy as np

    from heldout.nested.training import Patients
    from heldout.splits import plan_folds

    y = answers.astype(np.float64)
    patients = Patients(
        features={"all": np.asarray(features, dtype=np.float64)},
        answers=y,
        weights=np.ones(len(y)),
    )
    plan = plan_folds(y[:, None], n_folds=5, n_repeats=repeats, seed=0)
    assert plan is not None
    return patients, plan


def our_model(model: str) -> Any:
    """Return our model with the peers' space."""
    from dataclasses import replace

    from heldout.models.catalogue import MODELS as CATALOGUE
    from heldout.models.definition import Real, Whole

    space = {
        name: Whole(low=int(low), high=int(high))
        if how == "whole"
        else Real(low=low, high=high, log=how == "log")
        for name, (how, low, high) in spaces(model).items()
    }
    one = CATALOGUE[model]
    if model != "xgboost":
        return replace(one, space=space)
    fixed = {"n_estimators": 50, "colsample_bytree": 1.0, "min_child_weight": 1.0}
    fit, kernel = one.estimator, one.kernel
    assert kernel is not None
    return replace(
        one,
        space=space,
        estimator=lambda candidate, seed: fit({**candidate, **fixed}, seed),
        kernel=replace(kernel, row=lambda candidate: kernel.row({**candidate, **fixed})),
    )


def by_kernel(
    model: str, features: Any, answers: Any, repeats: int, candidates: int
) -> Callable[[], None]:
    """Prepare the very training sets that `by_heldout` makes; return the kernel's calls on them."""
    import numpy as np

    from heldout.kernels import load_kernel
    from heldout.nested.search import ask_candidates
    from heldout.nested.training import draw_sets, prepare_features
    from heldout.splits import derive_seed

    one = our_model(model)
    patients, plan = our_patients(features, answers, repeats)
    table = np.array([one.kernel.row(c) for c in ask_candidates(one, candidates, "qmc", 0)])
    path = load_kernel(one.kernel.name)
    calls: list[tuple[Any, ...]] = []
    for repeat, folds in enumerate(plan.folds):
        sets = draw_sets(
            patients,
            folds[None, :] == np.arange(5)[:, None],
            n_inner=5,
            seeds=[derive_seed(0, "inner", "speed", repeat, fold) for fold in range(5)],
        )
        prepared = prepare_features(patients.features["all"], sets, one.preparation)
        for k in range(5):
            for j in range(6):
                train, test = sets.roles[k, j] == 1, sets.roles[k, j] == 0
                y, weights = patients.answers[train], patients.weights[train]
                tried = table if j < 5 else table[:1]
                calls.append((prepared[k, j][train], y, weights, tried, prepared[k, j][test], 0))

    def work() -> None:
        for call in calls:
            path(*call)

    return work


Work = Callable[[], None]
# Each gives the work to measure; all but the bare kernel begin with what a user has.
CONTESTANTS: dict[str, Callable[..., Work]] = {
    "optuna": partial(partial, by_optuna),
    "scikit-learn": partial(partial, by_scikit_learn),
    "heldout": partial(partial, by_heldout),
    "kernel": by_kernel,
}


def cell(contestant: str, model: str, size: Sequence[int], repeats: int, candidates: int) -> None:
    """Measure one cell in this process and print it."""
    import warnings

    warnings.filterwarnings("ignore")
    features, answers = problem(*size)
    # Two candidates: the first is the middle of the space, and only the second asks for one.
    made = CONTESTANTS[contestant]
    made(model, features, answers, 1, 2)()
    work = made(model, features, answers, repeats, candidates)
    before, clock = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {
                "contestant": contestant,
                "model": model,
                "n": size[0],
                "p": size[1],
                "fits": 5 * repeats * candidates * 5,
                "cpu": round(cpu, 5),
                "wall": round(time.perf_counter() - clock, 5),
                "peak_mib": round(after.ru_maxrss / 1024),
            }
        )
    )


def measured(*arguments: str | int) -> dict[str, Any] | None:
    """Return one cell, measured in a fresh process; None if the peer is not installed."""
    command = [sys.executable, __file__, "--cell", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        print(f"# {arguments}: {done.stderr.strip().splitlines()[-1:]}", flush=True)
        return None
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def run(folder: Path, parts: Sequence[str], rounds: int) -> None:
    """Measure the parts that were asked for, a line of JSON each."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {"peers": run_peers, "bare": run_bare, "scaling": run_scaling, "job": run_job}
    made["runs"] = run_experiments
    for part in parts:
        rows = made[part](rounds)
        lines = [json.dumps({"part": part} | row) for row in rows]
        (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_peers(rounds: int) -> list[dict[str, Any]]:
    """Interleave the contestants, round by round."""
    rows = []
    for number in range(rounds):
        for model in MODELS:
            for contestant in ("optuna", "scikit-learn", "heldout"):
                row = measured(contestant, model, 36, 30, 1, CANDIDATES.get(model, 20))
                rows += [row | {"round": number}] if row else []
    return rows


def run_bare(rounds: int) -> list[dict[str, Any]]:
    """Measure ours and the bare kernel at 10,000 fits and more."""
    repeats = {"random_forest": 20}
    return [
        row | {"round": number}
        for number in range(rounds)
        for model in MODELS
        for contestant in ("heldout", "kernel")
        for row in [measured(contestant, model, 36, 30, repeats.get(model, 20), 20)]
        if row
    ]


def run_scaling(rounds: int) -> list[dict[str, Any]]:
    """Measure ours and scikit-learn over patients and columns, once."""
    return [
        row
        for n, p in SIZES
        for model in MODELS
        # Scikit-learn's forest would take a quarter of an hour there.
        if (n, p, model) != (2000, 300, "random_forest")
        for contestant in ("scikit-learn", "heldout")
        for row in [measured(contestant, model, n, p, 1, 2 if n == 2000 else 8)]
        if row
    ]


JOB = """
import json, resource, sys, time
import numpy as np, pandas as pd
sys.path.insert(0, {here!r})
from speed import problem
import heldout
features, answers = problem(36, 30)
names = [f"x{{k}}" for k in range(30)]
table = pd.DataFrame(features, columns=names)
table["y"] = np.random.default_rng(0).permutation(answers).astype(float)
def job(permutations):
    return heldout.evaluate(table, outcomes={{"end": "y"}}, features=names, models=["ridge"],
        repeats=10, trials=50, permutations=permutations, stop_early=False,
        seed=1, explain=False, workers={workers})
job(1)
clock = time.perf_counter()
record = job(1000)
print(json.dumps({{"workers": {workers}, "permutations": record.permutation.permutations,
    "fits": 1001 * 50 * (5 * 50 + 1), "wall": round(time.perf_counter() - clock, 1),
    "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}}))
"""


def run_job(rounds: int) -> list[dict[str, Any]]:
    """Run the permutation-tested job through the public function."""
    rows = []
    for workers in (1, 2):
        text = JOB.format(here=str(Path(__file__).parent), workers=workers)
        rows.append(json.loads(output_of([sys.executable, "-c", text]).splitlines()[-1]))
    return rows


def run_experiments(rounds: int) -> list[dict[str, Any]]:
    """Run the shipped experiments as a user does, kernels compiled, and read what they took."""
    from heldout.models.catalogue import MODELS as CATALOGUE

    models = f"models=[{', '.join(CATALOGUE)}]"
    rows = []
    for name in ("nimh_ketamine", "esketamine_trd"):
        command = ["run", f"experiments/{name}.yaml", models, "--fresh", "--json"]
        before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        found = json.loads(output_of([sys.executable, "-m", "heldout", *command]))
        wall, after = time.perf_counter() - clock, resource.getrusage(resource.RUSAGE_CHILDREN)
        rows.append(
            {
                "experiment": name,
                "wall": round(wall, 1),
                "cpu": round(after.ru_utime - before.ru_utime, 1),
                "permutations": found["permutation"]["permutations"],
                "stopped": found["permutation"]["stopped"],
            }
        )
    command = ["run", "experiments/nimh_ketamine.yaml", models, "--fresh", "--workers", "1"]
    fits = output_of([sys.executable, "-c", FITS.format(command=command)])
    return [rows[0] | json.loads(fits.splitlines()[-1]), *rows[1:]]


# One process, so that the time in fits is part of the wall time.
FITS = """
import json, time
clock = time.perf_counter()
import heldout.nested.folds, heldout.nested.search
from heldout.cli import main
spent = 0.0
def timed(function):
    def call(*given, **named):
        global spent
        begun = time.perf_counter()
        found = function(*given, **named)
        spent += time.perf_counter() - begun
        return found
    return call
heldout.nested.search.judge_candidates = timed(heldout.nested.search.judge_candidates)
heldout.nested.folds.fit_model = timed(heldout.nested.folds.fit_model)
main({command})
wall = time.perf_counter() - clock
print(json.dumps({{"wall_of_one": round(wall, 1), "in_fits": round(spent, 1)}}))
"""


def output_of(command: Sequence[str]) -> str:
    """Return what a command prints, run from the repository's root."""
    root = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)  # noqa: S603
    return done.stdout


def read(folder: Path, part: str) -> list[dict[str, Any]]:
    """Return a part's rows; nothing if it was not measured."""
    path = folder / f"{part}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def per_fit(row: dict[str, Any]) -> float:
    """Return microseconds of CPU time a fit."""
    return float(1e6 * row["cpu"] / row["fits"])


def ratios(rows: list[dict[str, Any]], model: str, slow: str, fast: str) -> list[float]:
    """Return how many times more one contestant took than another, round by round."""
    by = {(row["contestant"], row["round"]): per_fit(row) for row in rows if row["model"] == model}
    rounds = sorted({number for _, number in by})
    return [
        by[slow, number] / by[fast, number]
        for number in rounds
        if (slow, number) in by and (fast, number) in by
    ]


def report(folder: Path) -> None:
    """Print the tables of docs/speed.md."""
    peers = read(folder, "peers")
    print("| model | OptunaSearchCV | scikit-learn | heldout | Optuna / heldout | goal |")
    print("|---|---|---|---|---|---|")
    for model in MODELS:
        figures = []
        for contestant in ("optuna", "scikit-learn", "heldout"):
            values = [
                per_fit(row)
                for row in peers
                if (row["model"], row["contestant"]) == (model, contestant)
            ]
            figures.append(f"{statistics.median(values):,.1f}" if values else "-")
        found = ratios(peers, model, "optuna", "heldout")
        words = f"{statistics.median(found):.0f}" if found else "-"
        spread = f" ({min(found):.0f} to {max(found):.0f})" if found else ""
        print(f"| {model} | {' | '.join(figures)} | {words}{spread} | {GOALS[model]} |")
    bare = read(folder, "bare")
    print("\n| model | fits | heldout | bare kernel | heldout / kernel |\n|---|---|---|---|---|")
    for model in MODELS:
        ours = [row for row in bare if (row["model"], row["contestant"]) == (model, "heldout")]
        kernel = [row for row in bare if (row["model"], row["contestant"]) == (model, "kernel")]
        if ours and kernel:
            ratio = statistics.median(ratios(bare, model, "heldout", "kernel"))
            one, other = (statistics.median(map(per_fit, rows)) for rows in (ours, kernel))
            print(f"| {model} | {ours[0]['fits']:,} | {one:.1f} | {other:.1f} | {ratio:.2f} |")
    print("\n| n, p | model | scikit-learn | heldout | ratio |\n|---|---|---|---|---|")
    scaling = read(folder, "scaling")
    for ours in (row for row in scaling if row["contestant"] == "heldout"):
        for row in scaling:
            same = all(row[key] == ours[key] for key in ("n", "p", "model"))
            if same and row["contestant"] == "scikit-learn":
                ratio = per_fit(row) / per_fit(ours)
                size = f"{ours['n']}, {ours['p']}"
                print(
                    f"| {size} | {ours['model']} | {per_fit(row):,.0f} | {per_fit(ours):,.0f} | "
                    f"{ratio:.1f} |"
                )
    print("\n| 1000 permutations | fits | wall s | peak MiB |\n|---|---|---|---|")
    for row in read(folder, "job"):
        who = "one worker" if row["workers"] == 1 else f"{row['workers']} workers"
        print(f"| {who} | {row['fits']:,} | {row['wall']} | {row['peak_mib']} |")
    print("\n| experiment | permutations | wall s | outside fits, one worker |")
    print("|---|---|---|---|")
    for row in read(folder, "runs"):
        known = "wall_of_one" in row
        share = f"{1 - row['in_fits'] / row['wall_of_one']:.0%}" if known else "-"
        print(f"| {row['experiment']} | {row['permutations']} | {row['wall']} | {share} |")


def draw(folder: Path, target: Path) -> None:
    """Draw CPU time per fit by model and contestant."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "heldout"
    import matplotlib.pyplot as plt

    peers = read(folder, "peers")
    colours = {"optuna": "#999999", "scikit-learn": "#56b4e9", "heldout": "#d55e00"}
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for place, model in enumerate(MODELS):
        for contestant, colour in colours.items():
            values = [
                per_fit(row)
                for row in peers
                if (row["model"], row["contestant"]) == (model, contestant)
            ]
            label = contestant if place == 0 else None
            axes.plot(values, [place] * len(values), "o", color=colour, label=label, alpha=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(MODELS)), [model.replace("_", " ") for model in MODELS])
    axes.set_ylim(len(MODELS) - 0.5, -0.5)
    axes.set_xlabel("CPU time per fit, microseconds (36 patients, 30 columns)")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(frameon=False, loc="center")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, metadata={"Date": None})


def main() -> None:
    """Measure, or print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--run", action="store_true")
    parser.add_argument(
        "--part", action="append", choices=["peers", "bare", "scaling", "job", "runs"]
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--draw", type=Path, help="write the figure here")
    parser.add_argument("--cell", nargs=6, help="measure one cell in this process")
    options = parser.parse_args()
    if options.cell:
        contestant, model, *numbers = options.cell
        n, p, repeats, candidates = map(int, numbers)
        cell(contestant, model, (n, p), repeats, candidates)
        return
    if options.run:
        parts = options.part or ["peers", "bare", "scaling", "job", "runs"]
        run(options.folder, parts, options.rounds)
    report(options.folder)
    if options.draw:
        draw(options.folder, options.draw)


if __name__ == "__main__":
    main()
