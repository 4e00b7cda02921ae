"""A simulated cohort: what is asked for, and the table that comes of it.

Each part of a table draws from a stream of its own, so that another effect or drop-out leaves
the same patients with the same answers at baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from heldout.arrays import Floats
from heldout.errors import SpecError, raise_faults, unknown_name
from heldout.simulate.answers import (
    CONSTRUCTS,
    CORRELATIONS,
    QUESTIONNAIRES,
    SEVERITY,
    draw_answers,
    draw_traits,
    shipped_key,
)
from heldout.simulate.course import (
    BASELINE,
    FOLLOW_UPS,
    baseline_scores,
    draw_departure,
    draw_residuals,
    follow_up_scores,
    items_of_totals,
    needed_correlation,
    response_rates,
)

STREAMS = ("traits", "people", "answers", "gaps", "course", "departure", "items", "population")
_FEWEST_PATIENTS = 10
_DROPOUTS = ("none", "random", "informative")
# Beyond this share of improvement, explained by constructs, nothing is left to chance.
_MOST_EXPLAINED = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What a simulated cohort shall be; equal ones give equal bytes.

    Attributes
    ----------
    n_patients, n_sites : int
        How many.
    seed : int
        All chance comes from it.
    effects : mapping of str to float
        Construct -> how far responders lie above non-responders in it at baseline, in SD
        within these groups (Cohen's d), had no other construct an effect. Negative: below.
        Constructs correlate, so those without an effect differ a little too.
    effects_at : tuple of str, or None
        Follow-ups with these effects; all of them if None.
    dropout : str
        ``none``, ``random``, or ``informative``: who improves less is lost earlier.
    lost : mapping of str to float
        Follow-up -> share of patients no longer seen; never falls with time.
    missing_items : float
        Share of answers to questionnaires that were not given.
    response_rate : float
        Share of all patients with a 50 % reduction at month 3; others follow from it.
    """

    n_patients: int = 36
    n_sites: int = 4
    seed: int = 1
    effects: Mapping[str, float] = field(default_factory=dict)
    effects_at: tuple[str, ...] | None = None
    dropout: Literal["none", "random", "informative"] = "random"
    lost: Mapping[str, float] = field(
        default_factory=lambda: {name: visit.lost for name, visit in FOLLOW_UPS.items()}
    )
    missing_items: float = 0.01
    response_rate: float = 0.6

    def __post_init__(self) -> None:
        raise_faults(SpecError, _faults_of(self))

    def rng(self, stream: str) -> np.random.Generator:
        """Return the source of chance for one part of the cohort."""
        return np.random.default_rng([self.seed, STREAMS.index(stream)])


def _faults_of(spec: Simulation) -> list[str]:
    """Return what cannot be simulated."""
    rules = (
        (spec.n_patients < _FEWEST_PATIENTS, "n_patients", f"at least {_FEWEST_PATIENTS}"),
        (not 1 <= spec.n_sites <= spec.n_patients, "n_sites", "1 up to the number of patients"),
        (not 0 <= spec.seed < 2**32, "seed", "0 or more and below 2**32"),
        (not np.isfinite([*spec.effects.values()]).all(), "effects", "finite numbers"),
        (not 0 <= spec.missing_items < 0.5, "missing_items", "0 or more and below 0.5"),
        (not 0.05 <= spec.response_rate <= 0.95, "response_rate", "0.05 to 0.95"),
        (spec.dropout not in _DROPOUTS, "dropout", "none, random or informative"),
        (
            list(spec.lost) != list(FOLLOW_UPS)
            or not 0 <= min(spec.lost.values()) <= max(spec.lost.values()) < 1
            or sorted(spec.lost.values()) != list(spec.lost.values()),
            "lost",
            f"shares below 1 that never fall, for {', '.join(FOLLOW_UPS)}",
        ),
    )
    faults = [
        f"{name}: found {getattr(spec, name)}; required: {words}. Change it."
        for broken, name, words in rules
        if broken
    ]
    for field_, noun, names, known in (
        ("effects", "construct", spec.effects, CONSTRUCTS),
        ("effects_at", "follow-up", spec.effects_at or (), FOLLOW_UPS),
    ):
        faults += [unknown_name(field_, noun, name, known) for name in names if name not in known]
    # Only of effects that exist can be said what they explain.
    return faults or _overdone(spec)


def _overdone(spec: Simulation) -> list[str]:
    """Return the fault of effects that would explain more than nearly all of the improvement."""
    explained = {visit: _explained_by(weights) for visit, weights in weights_of(spec).items()}
    worst = max(explained, key=lambda visit: explained[visit])
    if explained[worst] <= _MOST_EXPLAINED:
        return []
    return [
        f"effects: together they would explain {explained[worst]:.0%} of the improvement at "
        f"{worst}; required: {_MOST_EXPLAINED:.0%} or less. Take smaller or fewer effects."
    ]


def weights_of(spec: Simulation) -> dict[str, Floats]:
    """Return what an SD of each construct adds to the improvement at each follow-up.

    Parameters
    ----------
    spec : Simulation
        Its effects.

    Returns
    -------
    dict of str to array of shape (n_constructs,)
        In SD of the improvement; zeros where there is no effect.
    """
    rates = response_rates(spec.response_rate)
    weights = {}
    for name, visit in FOLLOW_UPS.items():
        works = spec.effects_at is None or name in spec.effects_at
        differences = [works * spec.effects.get(construct, 0.0) for construct in CONSTRUCTS]
        weights[name] = needed_correlation(np.array(differences), rates[name], visit.spread)
    return weights


def _explained_by(weights: Floats) -> float:
    """Return the share of the improvement that constructs explain."""
    count = len(CONSTRUCTS)
    return float(weights @ CORRELATIONS[:count, :count] @ weights)


def draw_course(
    spec: Simulation,
    traits: Mapping[str, Floats],
    site: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[dict[str, Floats], Floats]:
    """Return how depression goes in patients with these traits, before anybody is lost.

    Parameters
    ----------
    spec : Simulation
        Effects and response rate.
    traits : mapping of str to array of shape (n_patients,)
        Constructs, and severity at baseline.
    site : array of int of shape (n_patients,)
        Numbers from 0.
    rng : numpy Generator
        The source of chance.

    Returns
    -------
    totals : dict of str to array of shape (n_patients,)
        Visit -> MADRS, baseline first.
    improvement : array of shape (n_patients,)
        At the last follow-up: mean 0 and SD 1 in the population; higher is better.
    """
    count = len(site)
    error = rng.standard_normal(count)
    baseline = baseline_scores(traits[SEVERITY], error)
    residuals = draw_residuals(count, site, rng)
    constructs = np.column_stack([traits[name] for name in CONSTRUCTS])
    rates, totals = response_rates(spec.response_rate), {BASELINE: baseline}
    for name, weights in weights_of(spec).items():
        # What is left to chance, so that improvement keeps SD 1 whatever the effects are.
        rest = np.sqrt(1 - _explained_by(weights))
        improvement = constructs @ weights + rest * residuals[name]
        totals[name] = follow_up_scores(
            baseline,
            improvement,
            0.5 * error - rng.standard_normal(count),
            spread=FOLLOW_UPS[name].spread,
            rate=rates[name],
        )
    return totals, improvement


def simulate_table(spec: Simulation) -> pd.DataFrame:
    """Return the wide table of a simulated cohort, a row a patient.

    Parameters
    ----------
    spec : Simulation
        What is asked for.

    Returns
    -------
    DataFrame of shape (n_patients, n_columns)
        Indexed by patient. Whole numbers, missing where not observed: ``site``, ``age``,
        ``sex`` (1 female, 2 male), ``previous_trials``, then ``instrument_item`` for the
        questionnaires at baseline and ``madrs_visit_item``.

    Examples
    --------
    >>> table = simulate_table(Simulation(n_patients=12, n_sites=2))
    >>> table.shape
    (12, 171)
    """
    traits = draw_traits(spec.n_patients, spec.rng("traits"))
    columns = _people(spec)
    gaps, answering = spec.rng("gaps"), spec.rng("answers")
    for name, questionnaire in QUESTIONNAIRES.items():
        key, trait = shipped_key(name), traits[questionnaire.construct]
        answers = draw_answers(questionnaire, key, trait, answering)
        answers[gaps.random(answers.shape) < spec.missing_items] = np.nan
        columns |= {f"{name}_{item}": answers[:, item - 1] for item in range(1, key.items + 1)}
    site = columns["site"].astype(np.int64) - 1
    totals, improvement = draw_course(spec, traits, site, spec.rng("course"))
    informative, departing = spec.dropout == "informative", spec.rng("departure")
    leaving = draw_departure(improvement, informative=informative, rng=departing)
    for visit, items in items_of_totals(totals, spec.rng("items")).items():
        # Everybody who is in the study was there at baseline.
        if visit != BASELINE and spec.dropout != "none":
            items[leaving < spec.lost[visit]] = np.nan
        columns |= {f"madrs_{visit}_{item + 1}": items[:, item] for item in range(items.shape[1])}
    width = max(2, len(str(spec.n_patients)))
    patients = [f"P{number:0{width}d}" for number in range(1, spec.n_patients + 1)]
    return pd.DataFrame(columns, index=pd.Index(patients, name="patient")).astype("Int64")


def _people(spec: Simulation) -> dict[str, Floats]:
    """Return site, age, sex and previous trials, of which none bears on the outcome."""
    rng, count = spec.rng("people"), spec.n_patients
    # A site that recruits twice as fast as another is common, an empty one is not a site.
    site = np.concatenate(
        [np.arange(spec.n_sites), rng.integers(spec.n_sites, size=count - spec.n_sites)]
    )
    return {
        "site": rng.permutation(site) + 1.0,
        "age": np.clip(np.rint(rng.normal(50, 12, count)), 18, 80),
        "sex": np.where(rng.random(count) < 0.62, 1.0, 2.0),
        "previous_trials": np.clip(2.0 + rng.poisson(1.3, count), 2, 8),
    }
