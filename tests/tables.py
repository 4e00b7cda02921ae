"""Made-up tables of patients for tests of the statistics; nobody in them exists."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from heldout.models.catalogue import MODELS
from heldout.models.definition import Model
from heldout.nested.folds import Procedure
from heldout.nested.training import Patients
from heldout.spec.experiment import TuningSpec
from heldout.study.notebook import Question, Settings, experiment_on
from heldout.study.plan import StudyPlan, plan_study

FEATURES = ("a", "b", "c", "d")
# What a training set is for.
PATH = ("response4", "week4", 0, 0)
# Follow-up -> column, as the notebook door takes them.
OUTCOMES = {"week4": "response4", "week8": "response8"}


def a_table(n_patients: int = 40, *, seed: int = 0, signal: float = 1.0) -> pd.DataFrame:
    """Return patients with four features, two sites, a severity and two outcomes.

    Feature ``a`` carries the signal; some features and some outcomes were not observed.
    """
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_patients, len(FEATURES)))
    severity = rng.integers(20, 45, n_patients).astype(float)
    latent = signal * features[:, 0]
    answers = latent[:, None] + rng.normal(size=(n_patients, len(OUTCOMES))) > 0
    outcomes = np.where(rng.random(answers.shape) < 0.1, np.nan, answers)
    features[rng.random(features.shape) < 0.05] = np.nan
    names = [f"P{number:03d}" for number in range(n_patients)]
    table = pd.DataFrame(features, columns=list(FEATURES), index=names)
    table[list(OUTCOMES.values())] = outcomes
    return table.assign(severity=severity, centre=rng.choice(["north", "south"], n_patients))


def a_plan(
    table: pd.DataFrame,
    *,
    outcomes: Mapping[str, str] = OUTCOMES,
    models: Sequence[str] = ("prevalence", "ridge"),
    outer: int = 5,
    trials: int = 2,
) -> StudyPlan:
    """Return the plan of a small study on a table, with severity and sites."""
    settings = Settings(
        models=models, outer=outer, repeats=1, trials=trials, permutations=0, seed=11
    )
    return plan_study(
        experiment_on(
            table,
            settings,
            Question(outcomes=outcomes, features=FEATURES, site="centre", severity="severity"),
        )
    )


def a_procedure(*models: Model | str, trials: int = 2, n_inner: int = 2) -> Procedure:
    """Return what is done in every training set; models by name are those of the catalogue."""
    return Procedure(
        models=tuple(MODELS[one] if isinstance(one, str) else one for one in models),
        tuning=TuningSpec(trials=trials),
        n_inner=n_inner,
        seed=1,
    )


def numbers_of(training: Patients) -> Patients:
    """Return the same patients with a number to predict: feature ``a`` and noise, in points."""
    rng = np.random.default_rng(9)
    signal = np.nan_to_num(training.features["all"][:, 0])
    answers = 20 + 6 * signal + rng.normal(0, 4, len(signal))
    return replace(training, answers=answers, kind="number")


def a_training_set(n_patients: int = 40, *, seed: int = 0, signal: float = 1.0) -> Patients:
    """Return patients of a made-up table, observed at week 4, to learn from; weights differ."""
    table = a_table(n_patients, seed=seed, signal=signal).dropna(subset="response4")
    weights: NDArray[np.float64] = np.random.default_rng(seed).uniform(0.5, 2, len(table))
    return Patients(
        features={
            "all": table[list(FEATURES)].to_numpy(np.float64),
            "severity": table[["severity"]].to_numpy(np.float64),
            # Two features stand for age and sex.
            "severity_age_sex": table[["severity", "b", "c"]].to_numpy(np.float64),
        },
        answers=table["response4"].to_numpy(np.float64, copy=True),
        weights=weights,
    )
