"""Answers to questionnaires: correlated traits, and a graded-response model for each scale.

Each patient has a value of every trait (mean 0, SD 1). An item's latent answer is its loading
times the trait plus noise of its own, and the answer given is the number of thresholds it
passes (Samejima's graded-response model with normal errors). Loadings were solved so that the
scale's Cronbach alpha comes out as published; ``benchmarks/simulate_truth.py`` solves them
again and prints what is reached.

References
----------
Samejima (1969), Psychometrika Monograph 17.
Cronbach (1951), Psychometrika 16:297-334.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from heldout.arrays import Floats
from heldout.instruments.keys import load_key
from heldout.instruments.scoring import score_name
from heldout.spec.instrument import InstrumentKey

SEVERITY = "severity"
# Higher means more of what the name says: better mentalization, more psychache, more rigidity.
CONSTRUCTS = {
    "mentalization": "capacity to understand mental states",
    "psychache": "psychological pain",
    "social_cognition": "reading emotions in faces",
    "suicidality": "suicidal ideation",
    "rigidity": "cognitive and emotional rigidity",
    "depression": "self-rated depression",
}
_TRAITS = (*CONSTRUCTS, SEVERITY)
# Plausible, not estimated: what studies of depressed patients find, freed of measurement error.
# The last row is the severity that clinicians rate, where trials' entry criteria cut the range.
CORRELATIONS = np.array(
    [
        [1.00, -0.35, 0.30, -0.25, -0.40, -0.35, -0.20],
        [-0.35, 1.00, -0.15, 0.55, 0.35, 0.65, 0.35],
        [0.30, -0.15, 1.00, -0.10, -0.25, -0.15, -0.05],
        [-0.25, 0.55, -0.10, 1.00, 0.25, 0.50, 0.30],
        [-0.40, 0.35, -0.25, 0.25, 1.00, 0.35, 0.15],
        [-0.35, 0.65, -0.15, 0.50, 0.35, 1.00, 0.45],
        [-0.20, 0.35, -0.05, 0.30, 0.15, 0.45, 1.00],
    ]
)


@dataclass(frozen=True, slots=True)
class _Questionnaire:
    """How patients answer one instrument.

    Attributes
    ----------
    construct : str
        The trait it measures.
    loading : float
        Correlation of an item's latent answer with the trait; negative if agreeing with a
        plain item means less of the trait.
    centre : float
        Where answers lie: at 0 the middle answer is the typical one; higher, more.
    width : float
        Half the distance of the outermost thresholds, in SD of the latent answer.
    spread : float
        How far the easiest and the hardest item lie from the centre.
    scores : tuple of str
        Scores of the key that the study uses: no two that hold the same answers in full.
    """

    construct: str
    loading: float
    centre: float
    width: float
    spread: float
    scores: tuple[str, ...] = ("total",)


# What each one measures, then loading, centre, width and spread.
QUESTIONNAIRES: Mapping[str, _Questionnaire] = {
    "rfq8": _Questionnaire(
        "mentalization", -0.618, 0.0, 1.3, 0.4, scores=("certainty", "uncertainty")
    ),
    "pas13": _Questionnaire("psychache", 0.922, 0.25, 1.2, 0.3),
    "rmet36": _Questionnaire("social_cognition", 0.271, 0.45, 0.0, 0.8),
    "sidas": _Questionnaire("suicidality", 0.743, -0.55, 1.3, 0.2),
    "cfi20": _Questionnaire("rigidity", -0.57, 0.1, 1.6, 0.4),
    "ders16": _Questionnaire("rigidity", 0.676, 0.0, 1.3, 0.4),
    "phq9": _Questionnaire("depression", 0.708, 0.75, 1.15, 0.4),
}


@cache
def shipped_key(instrument: str) -> InstrumentKey:
    """Return the package's own key of an instrument, whatever a study folder holds."""
    # No study lies beside this module, so none can have a key of its own there.
    return load_key(instrument, Path(__file__).parent)


def score_names(instrument: str) -> tuple[str, ...]:
    """Return how experiments call the scores of an instrument that a simulated study uses.

    Parameters
    ----------
    instrument : str
        One of `QUESTIONNAIRES`.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> score_names("rfq8"), score_names("phq9")
    (('rfq8.certainty', 'rfq8.uncertainty'), ('phq9',))
    """
    return tuple(score_name(instrument, score) for score in QUESTIONNAIRES[instrument].scores)


def draw_traits(n_patients: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Return every trait of new patients, correlated as `CORRELATIONS` says.

    Parameters
    ----------
    n_patients : int
        How many.
    rng : numpy Generator
        The source of chance.

    Returns
    -------
    dict of str to array of shape (n_patients,)
        Each with mean 0 and SD 1 in the population.
    """
    independent = rng.standard_normal((n_patients, len(_TRAITS)))
    correlated = independent @ np.linalg.cholesky(CORRELATIONS).T
    return {name: correlated[:, number] for number, name in enumerate(_TRAITS)}


def draw_answers(
    questionnaire: _Questionnaire, key: InstrumentKey, trait: Floats, rng: np.random.Generator
) -> Floats:
    """Return the answers to one questionnaire, as its form has them.

    Parameters
    ----------
    questionnaire : Questionnaire
        How it is answered.
    key : InstrumentKey
        Its key: range of the items, which are reversed, which may be skipped.
    trait : array of shape (n_patients,)
        The construct it measures.
    rng : numpy Generator
        The source of chance.

    Returns
    -------
    array of shape (n_patients, n_items)
        Raw answers, before any reversal; NaN where a skip rule left an item out.
    """
    low, high = key.bounds[0]
    steps = int(high - low)
    numbers = np.arange(key.items)
    # Seven has no common divisor with the number of items, so that easy and hard ones alternate.
    ease = questionnaire.spread * (2 * (7 * numbers % key.items) / (key.items - 1) - 1)
    middle = (2 * np.arange(1, steps + 1) - 1 - steps) / max(steps - 1, 1)
    own = np.sqrt(1 - questionnaire.loading**2)
    latent = rng.standard_normal((len(trait), key.items)) * own
    latent += (questionnaire.loading * trait)[:, None] + questionnaire.centre + ease
    passed = np.zeros(latent.shape)
    for threshold in questionnaire.width * middle:
        passed += latent > threshold
    answers = low + passed
    turned = [item - 1 for item in key.reverse]
    answers[:, turned] = low + high - answers[:, turned]
    for rule in key.skip:
        met = np.all(answers[:, [item - 1 for item in rule.items]] == rule.equal, axis=1)
        left_out = [item - 1 for item in rule.zero if item not in rule.items]
        answers[np.ix_(met, left_out)] = np.nan
    return answers
