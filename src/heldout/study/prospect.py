"""What a study can answer, said before anything is fitted, in one of three words an outcome.

**The rule.** An outcome

- *cannot answer* if it cannot be evaluated, or if even a model whose true AUC is .90 would be found
  in fewer than 8 of 10 such studies;
- *can support a claim* if it has as many patients as Riley's criteria require of its candidate
  parameters at a C statistic of .80, or if an AUC of .70 would be found in 8 of 10;
- is *exploratory* otherwise.

Of a number how often a share of variance would be found is not simulated: it can support a claim
if Riley's criteria are met at an R squared of .20, and is exploratory otherwise.

**What is simulated.** Nothing of what goes with an outcome is looked at. The rows of the features
move at random between all patients observed; then the catalogue's ridge of a fixed penalty is
fitted in each of the plan's own outer folds, as often as these are repeated, and its fold-paired
AUC is computed. Of these AUCs, which chance made, the test's critical value at .05 is taken, and by
how much they vary more than the AUC of a rule that nothing was learnt for. A true AUC is then found
as often as a normal distribution about it, of that variance, lies above the critical value
(`heldout.metrics.intervals.share_found`). Features are prepared once, without any outcome. The
run's own test chooses among models, moves scores instead and keeps what severity explains, so its
critical value differs somewhat.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from heldout.arrays import Floats, Integers
from heldout.errors import RecordError
from heldout.files import write_atomically
from heldout.inference.permutation import critical_of
from heldout.inference.sizes import CLAIMED_C, Size
from heldout.kernels import load_kernel
from heldout.kinds import KINDS
from heldout.metrics.discrimination import fold_paired_auc
from heldout.metrics.intervals import share_found, variance_factor
from heldout.models.catalogue import MODELS
from heldout.provenance import code_digest, versions
from heldout.splits import derive_seed
from heldout.study.design import Design
from heldout.study.folders import mlruns
from heldout.wording import decimal

Word = Literal["can support a claim", "exploratory", "cannot answer"]
# (simulations done, all of them)
_Progress = Callable[[int, int], None]

# How often a study shall find what is there, the AUC that a claim may need, and the best one hoped.
_OFTEN, _CLAIMED_AUC, _BEST_AUC = 0.8, 0.70, 0.90
# Simulations of an outcome: as many as there is time for, between these.
_MOST, _FEWEST, _SECONDS = 999, 199, 4.0
# Seconds of one fit of 36 patients and 30 columns with what is around it.
_FIT = 40e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ChanceOfAuc:
    """What chance makes of the fold-paired AUC under a plan.

    Attributes
    ----------
    critical : float
        AUC that a test at .05 requires.
    factor : float
        By how much the AUC varies more than that of a rule that nothing was learnt for.
    simulations : int
        That these are made of.
    """

    critical: float
    factor: float
    simulations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What can be said of one outcome before anything is fitted.

    Attributes
    ----------
    name : str
        Outcome and follow-up.
    primary : bool
        Whether it was named beforehand.
    reason : str or None
        Why it cannot be evaluated.
    size : Size or None
        None if it cannot be evaluated.
    chance : ChanceOfAuc or None
        None of a number, and where nothing was simulated.
    """

    name: str
    primary: bool
    reason: str | None = None
    size: Size | None = None
    chance: ChanceOfAuc | None = None

    def share_found(self, true_auc: float) -> float:
        """Return the share of such studies that would find a model of a true AUC."""
        assert self.size is not None
        assert self.size.events is not None
        assert self.chance is not None
        events, others = self.size.events, self.size.n - self.size.events
        critical, factor = self.chance.critical, self.chance.factor
        return share_found(true_auc, critical, events, others, factor=factor)

    @property
    def auc_found(self) -> float | None:
        """The true AUC that 8 of 10 such studies would find; None if there is none below 1."""
        candidates = np.arange(0.50, 1.0, 0.005)
        shares = map(self.share_found, candidates)
        return next(
            (float(c) for c, s in zip(candidates, shares, strict=True) if s >= _OFTEN), None
        )

    @property
    def word(self) -> Word | None:
        """The word by the rule above; None of an event of which nothing was simulated."""
        if self.size is None:
            return "cannot answer"
        enough = self.size.n >= self.size.required(CLAIMED_C)
        if self.chance is not None:
            if self.share_found(_BEST_AUC) < _OFTEN:
                return "cannot answer"
            enough = enough or self.share_found(_CLAIMED_AUC) >= _OFTEN
        elif self.size.events is not None:
            return None
        return "can support a claim" if enough else "exploratory"

    @property
    def sentences(self) -> str:
        """The word, what the size allows, and what would be found."""
        start = f"{self.name}{' (primary)' if self.primary else ''}: "
        start += f"{self.word}. " if self.word else ""
        if self.size is None:
            return f"{start}{self.reason}"
        if self.chance is None:
            return f"{start}{self.size.sentence}"
        asked = f"A test at .05 asks for an AUC above {decimal(self.chance.critical)}"
        at_best = f"one of {decimal(_BEST_AUC)} in {100 * self.share_found(_BEST_AUC):.0f} of 100"
        if self.auc_found is None:
            known = f"no true AUC is found 8 times in 10, {at_best}"
        else:
            known = f"a true AUC of {decimal(self.auc_found)} is found 8 times in 10, {at_best}"
        return f"{start}{self.size.sentence} {asked}; {known}."


def prospects_of(
    design: Design,
    folder: Path,
    *,
    simulate: bool = True,
    progress: _Progress = lambda done, total: None,
) -> tuple[Prospect, ...]:
    """Return what every outcome of a design can answer.

    Parameters
    ----------
    design : Design
        Nothing of it is fitted.
    folder : Path
        The study folder. What was simulated is kept below ``mlruns/prospects`` and found again; if
        nothing can be written there, it is simulated again the next time.
    simulate : bool
        Whether to simulate; without, no AUC is known, and of an event no word.
    progress : callable
        Told the simulations done and all of them, of every outcome in turn.

    Returns
    -------
    tuple of Prospect
        In the order of the outcomes.
    """
    return tuple(
        _prospect_of(design, number, folder, progress if simulate else None)
        for number in range(len(design.outcomes))
    )


def _prospect_of(design: Design, number: int, folder: Path, progress: _Progress | None) -> Prospect:
    """Return what one outcome can answer; nothing is simulated if nobody is to be told."""
    outcome, reason = design.outcomes[number], design.declined[number]
    name = f"{outcome.name} {outcome.follow_up}"
    if reason is not None:
        return Prospect(name=name, primary=outcome.primary, reason=reason)
    is_event = KINDS[outcome.kind].has_events
    size = Size(
        n=int(outcome.observed.sum()),
        events=outcome.events if is_event else None,
        parameters=design.n_features,
    )
    chance = None
    if is_event and progress is not None:
        chance = _kept_chance(Simulation.of(design, number), folder, progress)
    return Prospect(name=name, primary=outcome.primary, size=size, chance=chance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """All that chance depends on, of the patients observed.

    Attributes
    ----------
    features : array of shape (n_patients, n_features)
        Prepared, without missing values.
    events, weights : arrays of shape (n_patients,)
        1 and 0; patient weights.
    folds : array of int of shape (n_repeats, n_patients)
        Outer folds, from 0.
    seed : int
        Of what moves.
    """

    features: Floats
    events: Floats
    weights: Floats
    folds: Integers
    seed: int

    @classmethod
    def of(cls, design: Design, number: int) -> Simulation:
        """Return the simulation of one outcome."""
        outcome = design.outcomes[number]
        rows = np.flatnonzero(outcome.observed)
        return cls(
            features=np.ascontiguousarray(design.profile[rows]),
            events=outcome.values[rows].astype(np.float64),
            weights=outcome.weights[rows].astype(np.float64),
            folds=np.ascontiguousarray(design.folds.folds[:, rows]),
            seed=derive_seed(design.seed, "prospect", outcome.name, outcome.follow_up),
        )

    @property
    def count(self) -> int:
        """How many simulations there is time for."""
        n, p = self.features.shape
        fits = len(self.folds) * (int(self.folds.max()) + 1)
        each = fits * _FIT * max(1.0, n / 36) ** 1.5 * max(1.0, p / 30) ** 0.5
        return int(np.clip(_SECONDS / each, _FEWEST, _MOST))

    def auc_of(self, features: Floats) -> float:
        """Return the fold-paired AUC of a ridge of the fixed penalty on features of the patients.

        Parameters
        ----------
        features : array of shape (n_patients, n_features)
            In place of their own.

        Returns
        -------
        float
        """
        ridge = MODELS["ridge_fixed"].kernel
        assert ridge is not None
        path, penalty = load_kernel(ridge.name), np.array([ridge.row({})])
        events, weights, margins = self.events, self.weights, np.empty(self.folds.shape)
        for margin, fold in zip(margins, self.folds, strict=True):
            for number in range(int(fold.max()) + 1):
                learn, test = fold != number, fold == number
                learnt = features[learn], events[learn], weights[learn]
                margin[test] = path(*learnt, penalty, features[test], 0)[0][0]
        return fold_paired_auc(margins, self.folds, events == 1, weights)

    @property
    def digest(self) -> str:
        """Of all that the result depends on, the program among it."""
        digest = hashlib.sha256(f"{self.seed} {code_digest()} {versions()}".encode())
        for table in (self.features, self.events, self.weights, self.folds):
            digest.update(f"{table.shape}".encode() + np.ascontiguousarray(table).tobytes())
        return digest.hexdigest()[:16]


def _kept_chance(simulation: Simulation, folder: Path, progress: _Progress) -> ChanceOfAuc:
    """Return what chance makes of the AUC, simulated if that was not done before."""
    file = mlruns(folder) / "prospects" / f"{simulation.digest}.json"
    with suppress(OSError, ValueError, TypeError):
        return ChanceOfAuc(**json.loads(file.read_text(encoding="utf-8")))
    chance = simulated_chance(simulation, progress)
    # A plan of a study that nobody may write to is a plan all the same.
    with suppress(OSError, RecordError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(asdict(chance)))
    return chance


def simulated_chance(simulation: Simulation, progress: _Progress) -> ChanceOfAuc:
    """Return what chance makes of the AUC when features say nothing.

    Parameters
    ----------
    simulation : Simulation
        Features move between its patients.
    progress : callable
        Told the simulations done and all of them.

    Returns
    -------
    ChanceOfAuc
    """
    rng = np.random.default_rng(simulation.seed)
    total, aucs = simulation.count, []
    for number in range(total):
        moved = simulation.features[rng.permutation(len(simulation.features))]
        aucs.append(simulation.auc_of(moved))
        progress(number + 1, total)
    made, events = np.array(aucs), int(simulation.events.sum())
    critical = critical_of(np.concatenate([[np.nan], made])[:, None], 0)
    assert critical is not None
    factor = variance_factor(made, events, len(simulation.events) - events)
    return ChanceOfAuc(critical=critical, factor=factor, simulations=total)
