"""Who is held out with whom: one patient-level plan for all follow-ups and models.

A fold plan is a rule with a seed. The rule is iterative stratification [1]_ on the answers
at every follow-up at once, numbers standing in three ranked groups, so that one division of
the patients serves all of them and every comparison is paired by patient; ties go to the fold
that needs the patient's site most. What is stored is the result and its hash.

References
----------
.. [1] Sechidis, Tsoumakas & Vlahavas (2011), ECML PKDD, LNCS 6913:145-158,
   doi:10.1007/978-3-642-23808-6_10
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats, Integers

# Redraws before a plan is given up; a redraw is needed when joint strata leave a fold empty.
_ATTEMPTS = 200
# Groups in which a number is balanced: more would outweigh the classes that share the plan.
_RANKED_GROUPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldPlan:
    """Which fold each patient is tested in, in every repeat.

    Attributes
    ----------
    folds : array of int of shape (n_repeats, n_patients)
        Fold numbers from 0.
    n_folds : int
        Outer folds.
    """

    folds: Integers
    n_folds: int

    @property
    def digest(self) -> str:
        """SHA-256 of the plan: equal digests mean paired results."""
        shape = np.array([*self.folds.shape, self.n_folds], dtype="<i8")
        return hashlib.sha256(shape.tobytes() + self.folds.astype("<i8").tobytes()).hexdigest()


def derive_seed(seed: int, *names: str | int) -> int:
    """Return a seed for one purpose, the same on every machine.

    Named after what it is for, not counted, so that adding a model or a follow-up changes
    nothing that others draw.

    Parameters
    ----------
    seed : int
        The experiment's seed.
    *names : str or int
        What the seed is for.

    Returns
    -------
    int
        In [0, 2**32).

    Examples
    --------
    >>> derive_seed(1, "outer", 0) == derive_seed(1, "outer", 0)
    True
    >>> derive_seed(1, "outer", 0) == derive_seed(1, "outer", 1)
    False
    """
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def cannot_fill(n_smaller: int, n_folds: int) -> bool:
    """Return whether the rarer answer is too rare for nested folds.

    It must stand in every outer fold, or a fold has no pair to compare; and at least two
    patients must give it in every training set, or the inner folds cannot be fitted.

    Parameters
    ----------
    n_smaller : int
        Patients who give the rarer answer.
    n_folds : int
        Outer folds.

    Returns
    -------
    bool

    Examples
    --------
    >>> cannot_fill(3, 5), cannot_fill(5, 5)
    (True, False)
    """
    largest_share = -(-n_smaller // n_folds)
    return n_smaller < n_folds or n_smaller - largest_share < 2


def ranked_groups(numbers: Floats) -> Floats:
    """Return the groups of a number that every fold shall hold in proportion.

    Parameters
    ----------
    numbers : array of shape (n_patients,)
        NaN where not observed.

    Returns
    -------
    array of shape (n_patients,)
        The third of the ranks: 0 lowest, 1, 2 highest, NaN where not observed; equal numbers share
        a group, so groups differ in size where many are equal.

    Examples
    --------
    >>> ranked_groups(np.array([3.0, np.nan, 11.0, 9.0, 20.0, 1.0, 15.0]))
    array([ 0., nan,  1.,  1.,  2.,  0.,  2.])
    """
    from scipy.stats import rankdata

    observed = ~np.isnan(numbers)
    groups = np.full(len(numbers), np.nan)
    ranks = rankdata(numbers[observed])
    groups[observed] = np.floor(_RANKED_GROUPS * (ranks - 0.5) / max(observed.sum(), 1))
    return groups


def draw_folds(
    answers: Floats,
    n_folds: int,
    rng: np.random.Generator,
    site: Integers | None = None,
    place: Callable[..., Integers] | None = None,
) -> Integers:
    """Return one division of the patients, stratified on all answers at once.

    Parameters
    ----------
    answers : array of shape (n_patients, n_outcomes)
        1, 0, a number's group by `ranked_groups`, or NaN where not observed.
    n_folds : int
        Folds to fill.
    rng : numpy.random.Generator
        Source of chance.
    site : array of int of shape (n_patients,), optional
        Site numbers; used to settle ties.
    place : callable, optional
        `place_patients`, or the same compiled.

    Returns
    -------
    array of int of shape (n_patients,)
        Fold numbers from 0.

    Notes
    -----
    The rarest (outcome, answer) among patients not yet placed goes first. Each of its
    patients joins the fold that lacks this answer most; ties are settled by the site, then by
    the number of patients, then by chance. Whoever has no answer at all is placed last.
    """
    n_patients = len(answers)
    labels = np.concatenate([answers == group for group in (1, 0, 2)], axis=1)
    stratum = np.zeros(n_patients, dtype=np.int64) if site is None else site
    order, chance = rng.permutation(n_patients), rng.random((n_patients, n_folds))
    return (place or place_patients)(labels.astype(np.int8), stratum, order, chance)


def place_patients(
    labels: NDArray[np.int8], stratum: Integers, order: Integers, chance: Floats
) -> Integers:
    """Return the fold of every patient: the rule of `draw_folds`, its chance drawn beforehand.

    Written in plain loops and whole rows, so that a compiler can take it as it stands: the
    folds of a permuted outcome are drawn by this very text.

    Parameters
    ----------
    labels : array of int8 of shape (n_patients, n_labels)
        1 where a patient gave an answer.
    stratum : array of int of shape (n_patients,)
        Site numbers, from 0.
    order : array of int of shape (n_patients,)
        In which patients are looked at.
    chance : array of shape (n_patients, n_folds)
        Settles the last ties: a row a placement.

    Returns
    -------
    array of int of shape (n_patients,)
        Fold numbers from 0.
    """
    n_patients, n_labels = labels.shape
    n_folds = chance.shape[1]
    lacking = np.zeros((n_folds, n_labels))
    of_site = np.bincount(stratum)
    lacking_site = np.zeros((n_folds, len(of_site)))
    lacking_site[:] = of_site / n_folds
    lacking_patients = np.full(n_folds, n_patients / n_folds)
    still_open = np.zeros(n_labels, dtype=np.int64)
    folds = np.full(n_patients, -1, dtype=np.int64)
    for label in range(n_labels):
        still_open[label] = labels[:, label].sum()
        lacking[:, label] = still_open[label] / n_folds
    placed_so_far = 0
    while placed_so_far < n_patients:
        # More than there can be stands for none.
        waiting = np.where(still_open > 0, still_open, n_patients + 1)
        rarest = waiting.argmin()
        anybody = waiting[rarest] > n_patients
        for patient in order:
            if folds[patient] >= 0 or not (anybody or labels[patient, rarest]):
                continue
            site, best = stratum[patient], 0
            for fold in range(1, n_folds):
                for gap in (
                    0.0 if anybody else lacking[fold, rarest] - lacking[best, rarest],
                    lacking_site[fold, site] - lacking_site[best, site],
                    lacking_patients[fold] - lacking_patients[best],
                    chance[placed_so_far, fold] - chance[placed_so_far, best],
                ):
                    if gap != 0.0:
                        best = fold if gap > 0.0 else best
                        break
            folds[patient] = best
            lacking[best] -= labels[patient]
            still_open -= labels[patient]
            lacking_site[best, site] -= 1
            lacking_patients[best] -= 1
            placed_so_far += 1
    return folds


def _fills(folds: Integers, answers: Floats, n_folds: int) -> bool:
    """Return whether two answers of every outcome stand in every fold, and twice outside it."""
    for column in answers.T:
        held_out = np.array(
            [np.bincount(folds[column == group], minlength=n_folds) for group in (0, 1, 2)]
        )
        outside = held_out.sum(axis=1, keepdims=True) - held_out
        if ((held_out >= 1).sum(axis=0) < 2).any() or ((outside >= 2).sum(axis=0) < 2).any():
            return False
    return True


def plan_folds(
    answers: Floats,
    *,
    n_folds: int,
    n_repeats: int,
    seed: int,
    site: Integers | None = None,
    place: Callable[..., Integers] | None = None,
) -> FoldPlan | None:
    """Return one fold plan for all outcomes, or None if no draw fills every fold.

    Parameters
    ----------
    answers : array of shape (n_patients, n_outcomes)
        1, 0, a number's group by `ranked_groups`, or NaN where not observed; only outcomes whose
        rarer answer can fill the folds.
    n_folds, n_repeats : int
        Outer folds, and how often they are drawn.
    seed : int
        Each repeat draws from its own seed.
    site : array of int of shape (n_patients,), optional
        Site numbers, from 0.
    place : callable, optional
        `place_patients`, or the same compiled.

    Returns
    -------
    FoldPlan or None
        Every fold of every repeat holds both answers of every outcome, or two groups of a
        number, and every training set holds them at least twice, or its inner folds could not
        be fitted.
    """
    repeats = []
    for repeat in range(n_repeats):
        for attempt in range(_ATTEMPTS):
            rng = np.random.default_rng(derive_seed(seed, "folds", repeat, attempt))
            folds = draw_folds(answers, n_folds, rng, site, place)
            if _fills(folds, answers, n_folds):
                repeats.append(folds)
                break
        else:
            return None
    return FoldPlan(folds=np.array(repeats, dtype=np.int64), n_folds=n_folds)
