"""Training sets inside training sets: who is learnt from, judged by, or held out.

The roles of a nested design depend on the outcome; what models see of the patients in each of
these sets depends on the roles alone, so it is prepared once and shared by every candidate and by
every model that asks for the same preparation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Flags, Floats, Integers, Piece
from heldout.kinds import KINDS, KindName
from heldout.models.definition import Model, build_preparation
from heldout.splits import draw_folds

LEARN, HELD_OUT, OUTSIDE = 1, 0, -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Patients:
    """Patients of one outcome, all of them observed.

    Attributes
    ----------
    features : mapping of str to array of shape (n_patients, n_columns)
        ``all`` the features, and the outcome's ``severity`` and ``severity_age_sex`` where they
        are known, as in `Model.columns`; NaN where not observed.
    answers : array of shape (n_patients,)
        1 and 0, or numbers.
    weights : array of shape (n_patients,)
        Patient weights.
    site : array of int of shape (n_patients,), or None
        Site numbers, for balanced inner folds.
    kind : str
        ``class`` or ``number``: which of the two every model learns here.
    composition : tuple of Piece
        How what models see is made of ``all`` features; empty if it is these.
    """

    features: Mapping[str, Floats]
    answers: Floats
    weights: Floats
    site: Integers | None = None
    kind: KindName = "class"
    composition: tuple[Piece, ...] = ()

    @property
    def targets(self) -> Integers | Floats:
        """The answers as estimators take them: a class as whole numbers."""
        return self.answers.astype(np.int64) if KINDS[self.kind].has_events else self.answers

    def composition_of(self, model: Model) -> tuple[Piece, ...]:
        """Return how what a model sees is made of its features."""
        return self.composition if model.columns == "all" else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSets:
    """Outer training sets of one outcome, each with its inner ones.

    Attributes
    ----------
    roles : array of int8 of shape (n_outer, n_inner + 1, n_patients)
        `LEARN`, `HELD_OUT` or `OUTSIDE`; the outer set is the last of its row.
    answers, weights : arrays of shape (n_patients,)
        As in `Patients`.
    kind : str
        ``class`` or ``number``.
    """

    roles: NDArray[np.int8]
    answers: Floats
    weights: Floats
    kind: KindName

    def inner_folds(self, outer: int) -> Integers:
        """Return the inner fold each patient of an outer set is judged in; -1 for all others."""
        inner = self.roles[outer, :-1] == HELD_OUT
        return np.where(inner.any(axis=0), inner.argmax(axis=0), -1)

    def outer_set(self, number: int) -> TrainingSets:
        """Return one outer set alone."""
        return replace(self, roles=self.roles[number : number + 1])


def draw_sets(
    patients: Patients, held_out: Flags, *, n_inner: int, seeds: Sequence[int]
) -> TrainingSets:
    """Return the nested training sets of an outer division, inner folds drawn by their seeds.

    Parameters
    ----------
    patients : Patients
        Everybody observed.
    held_out : array of bool of shape (n_outer, n_patients)
        Whom each outer set leaves out; nobody, if it is all patients.
    n_inner : int
        Inner folds.
    seeds : sequence of int
        One an outer set.

    Returns
    -------
    TrainingSets
        The answers of patients held out decide nothing in it.
    """
    from heldout.kernels.folds import place_patients

    strata_of = KINDS[patients.kind].strata
    roles = np.full((len(held_out), n_inner + 1, held_out.shape[1]), OUTSIDE, dtype=np.int8)
    for number, (left_out, seed) in enumerate(zip(held_out, seeds, strict=True)):
        # Folds are drawn among those who are learnt from: nobody held out decides a stratum.
        rows = np.flatnonzero(~left_out)
        strata = strata_of(patients.answers[rows])[:, None]
        site = None if patients.site is None else patients.site[rows]
        folds = draw_folds(strata, n_inner, np.random.default_rng(seed), site, place_patients)
        roles[number][:, rows] = LEARN
        roles[number][folds, rows] = HELD_OUT
        roles[number, -1, left_out] = HELD_OUT
    return TrainingSets(
        roles=roles, answers=patients.answers, weights=patients.weights, kind=patients.kind
    )


def prepare_features(
    features: Floats, sets: TrainingSets, preparation: str, composition: Sequence[Piece] = ()
) -> Floats:
    """Return what models see of every patient, for every training set.

    Parameters
    ----------
    features : array of shape (n_patients, n_columns)
        NaN where not observed.
    sets : TrainingSets
        Whatever is learnt is learnt from the patients of a set who have the role `LEARN`.
    preparation : str
        As in `Model.preparation`.
    composition : sequence of Piece
        Of the feature matrix; empty if models see its columns.

    Returns
    -------
    array of shape (n_outer, n_inner + 1, n_patients, n_features)
        The same as `build_preparation` makes of each set, to rounding.
    """
    shape = sets.roles.shape
    roles = sets.roles.reshape(-1, shape[2])
    if any(piece.method in ("principal", "factor") for piece in composition):
        # Axes are scikit-learn's own decompositions; the compiled preparation makes means only.
        prepared = np.array(
            [
                build_preparation(preparation, composition)
                .fit(features[role == LEARN])
                .transform(features)
                for role in roles
            ]
        )
    else:
        from heldout.kernels.preparation import prepare_sets

        mixing = _mixing_of(composition, features.shape[1])
        table = np.ascontiguousarray(features, dtype=np.float64)
        prepared = prepare_sets(table, roles, mixing, preparation == "impute_scale")
    return np.ascontiguousarray(prepared).reshape(*shape, -1)


def _mixing_of(composition: Sequence[Piece], n_columns: int) -> Floats:
    """Return how composites are made of columns, as the compiled preparation reads it."""
    if not composition:
        return np.empty((0, 0))
    mixing = np.zeros((n_columns, len(composition)))
    for number, piece in enumerate(composition):
        if piece.method == "as_is":
            mixing[piece.inputs[0], number] = np.nan
        else:
            mixing[list(piece.inputs), number] = np.array(piece.signs) / len(piece.signs)
    return mixing
