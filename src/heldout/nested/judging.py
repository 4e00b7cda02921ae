"""What candidates of a model are worth: judged by inner folds, the best one held out.

A compiled kernel judges where a model has one and the problem is of a size at which it is the
faster one; the library judges otherwise, in the same loop.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from heldout.arrays import Floats, Integers
from heldout.errors import StudyError
from heldout.kinds import KINDS, KindName
from heldout.metrics.calibration import FEWEST_TO_CALIBRATE
from heldout.models.definition import Candidate, Model, fitting_weights, predict_patients
from heldout.nested.training import HELD_OUT, LEARN, TrainingSets

if TYPE_CHECKING:
    from heldout.kernels.criteria import Rule
    from heldout.kernels.nested import Judgement

_CRITERIA = {"brier": 0, "log_loss": 1, "auc": 2}
_UNITS = {"log-odds": 0, "probability": 1, "points": 2, "score": 3}
# Inner folds before a candidate may be given up: of one fold a few patients decide.
FIRST_FOLDS = 2
# By which a mean of probabilities may lie outside of 0 and 1.
_ROUNDING = 1e-9
# (features, answers, weights to learn from, numbers of the candidates, features of others, seed)
# -> margins of the others and whether each fit converged.
_Path = Callable[[Floats, Floats, Floats, Floats, Floats, int], tuple[Floats, Floats]]


def runs_compiled(model: Model, n_patients: int, n_features: int) -> bool:
    """Return whether a model's candidates are judged by its kernel, or by the library.

    Parameters
    ----------
    model : Model
        For the outcome's kind.
    n_patients, n_features : int
        Of the outcome: patients observed, and what the model sees of them.

    Returns
    -------
    bool
        True if the model has a kernel and the problem is of a size at which it is the faster one.
    """
    return model.kernel is not None and model.kernel.serves(n_patients, n_features)


def judge_candidates(
    model: Model,
    prepared: Floats,
    sets: TrainingSets,
    candidates: Sequence[Candidate],
    *,
    fit_seeds: Sequence[int],
    criterion: str = "brier",
    finish: bool = False,
) -> Judgement:
    """Return what candidates are worth by the inner folds, and what the best say if asked.

    Parameters
    ----------
    model : Model
        For the kind of the sets.
    prepared : array of shape (n_outer, n_inner + 1, n_patients, n_features)
        By `prepare_features`.
    sets : TrainingSets
        Roles and answers.
    candidates : sequence of mapping
        At least one.
    fit_seeds : sequence of int
        One an outer set, for estimators that use chance.
    criterion : str
        ``brier``, ``log_loss`` or ``auc`` (one minus it); of numbers the mean squared error.
    finish : bool
        Whether to fit the best candidate on the outer training set, for patients held out.

    Returns
    -------
    Judgement

    Raises
    ------
    StudyError
        If a candidate of a model without a kernel cannot be fitted.
    """
    from heldout.kernels import load_kernel
    from heldout.kernels.nested import nested_path

    loop: Any = nested_path
    path: Any
    if runs_compiled(model, *prepared.shape[2:]):
        assert model.kernel is not None
        path = load_kernel(model.kernel.name)
        rows = np.array([model.kernel.row(candidate) for candidate in candidates], dtype=np.float64)
    else:
        # The same loop, not compiled: a library's estimator cannot be called from a kernel.
        loop, path = loop.py_func, library_path(model, candidates, sets.kind)
        rows = np.arange(len(candidates), dtype=np.float64)
    judgement: Judgement = loop(
        path,
        prepared,
        sets.roles,
        sets.answers,
        sets.weights,
        rows.reshape(len(candidates), -1),
        np.array(fit_seeds, dtype=np.int64),
        rule_of(model, criterion),
        finish,
    )
    return judgement


def rule_of(model: Model, criterion: str) -> Rule:
    """Return what `heldout.kernels` must know of a model's margins and of a criterion.

    Parameters
    ----------
    model : Model
        For the outcome's kind.
    criterion : str
        As in `judge_candidates`; numbers have one only.

    Returns
    -------
    Rule
    """
    from heldout.kernels.criteria import Rule

    fewest = FEWEST_TO_CALIBRATE if model.recalibrated else -1
    return Rule(
        unit=_UNITS[model.margin],
        fewest=0 if model.margin == "score" else fewest,
        criterion=_CRITERIA[criterion] if KINDS[model.kind].has_events else 0,
    )


def judge_in_turn(
    model: Model,
    prepared: Floats,
    sets: TrainingSets,
    candidate: Candidate,
    *,
    fit_seed: int,
    criterion: str,
) -> Iterator[tuple[int, float]]:
    """Yield the criterion of one candidate after inner folds, by the patients judged so far.

    Parameters
    ----------
    model : Model
        For the kind of the sets.
    prepared : array of shape (n_inner + 1, n_patients, n_features)
        Of one outer set.
    sets : TrainingSets
        That outer set alone.
    candidate : mapping
        Hyper-parameters.
    fit_seed : int
        As in `judge_candidates`.
    criterion : str
        As in `judge_candidates`.

    Yields
    ------
    fold, criterion : int, float
        From the `FIRST_FOLDS`-th fold on; the last one is that of all inner folds.
    """
    from heldout.kernels.nested import chosen

    path, first = library_path(model, [candidate], sets.kind), np.zeros((1, 1))
    folds, inner = sets.inner_folds(0), np.zeros((1, len(sets.answers)))
    room, value = np.empty(len(folds)), np.empty(1)
    for fold, role in enumerate(sets.roles[0, :-1]):
        train, test = role == LEARN, role == HELD_OUT
        learnt = (prepared[fold][train], sets.answers[train], sets.weights[train])
        inner[:, test], _ = path(*learnt, first, prepared[fold][test], fit_seed)
        if fold + 1 < FIRST_FOLDS:
            continue
        # Who is judged in a fold still to come is nobody yet.
        known = np.where(folds <= fold, folds, -1)
        chosen(inner, sets.answers, sets.weights, known, rule_of(model, criterion), room, value)
        yield fold, float(value[0])


def library_path(model: Model, candidates: Sequence[Candidate], kind: KindName) -> _Path:
    """Return what fits candidates by the library as a kernel does, one call a training set.

    Parameters
    ----------
    model : Model
        For the kind.
    candidates : sequence of mapping
        A row of candidates is the number of one of these.
    kind : str
        ``class`` or ``number``.

    Returns
    -------
    callable
        As `heldout.kernels.compiled.PATH` says.
    """
    from sklearn import config_context

    def _path(  # noqa: PLR0917 - as kernels are called
        train: Floats, answers: Floats, weights: Floats, rows: Floats, test: Floats, seed: int
    ) -> tuple[Floats, Floats]:
        chosen = [candidates[int(row[0])] for row in rows]
        margins, converged = np.empty((len(chosen), len(test))), np.ones(len(chosen))
        if not len(test):
            return margins, converged
        targets = answers.astype(np.int64) if KINDS[kind].has_events else answers
        # What was prepared is finite, and the spaces were checked: looking again is a sixth of a
        # fit.
        with config_context(assume_finite=True, skip_parameter_validation=True):
            for number, candidate in enumerate(chosen):
                learnt = (train, targets, fitting_weights(model, weights))
                try:
                    margins[number], converged[number] = margins_by(
                        model, candidate, int(seed), learnt, test
                    )
                except Exception as error:
                    raise StudyError(_unfit(model, candidate, len(train), error)) from error
        return margins, converged

    return _path


def margins_by(
    model: Model,
    candidate: Candidate,
    seed: int,
    patients: tuple[Floats, Floats | Integers, dict[str, Floats]],
    test: Floats,
) -> tuple[Floats, bool]:
    """Return the margins of one candidate's estimator, and whether its solver converged.

    Parameters
    ----------
    model : Model
        For the kind of the outcome.
    candidate : mapping
        Its settings.
    seed : int
        Of the fit.
    patients : tuple
        Of the training set: columns of shape (n_patients, n_columns), answers, and weights as
        the estimator's `fit` takes them.
    test : array of shape (n_test, n_columns)
        Patients held out.

    Returns
    -------
    margins : array of shape (n_test,)
    converged : bool

    Raises
    ------
    ValueError
        If a margin is not finite, or is no probability where it must be.
    """
    from sklearn.exceptions import ConvergenceWarning

    train, answers, weights = patients
    estimator = model.estimator(candidate, seed)
    with warnings.catch_warnings(record=True) as caught:
        # A candidate that has not converged is judged by what it predicts, like any other.
        warnings.simplefilter("always", ConvergenceWarning)
        estimator.fit(train, answers, **weights)
    margins, _ = predict_patients(model, estimator, test)
    if not np.isfinite(margins).all():
        raise ValueError("a prediction is not finite")
    if model.margin == "probability" and not (np.abs(margins - 0.5) <= 0.5 + _ROUNDING).all():
        raise ValueError("a probability is not between 0 and 1")
    return margins, not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)


def _unfit(model: Model, candidate: Candidate, n_patients: int, error: Exception) -> str:
    """Return the message for a candidate that cannot be fitted; a library's words may hold data."""
    return (
        f"models: '{model.name}' with {dict(candidate)} could not be fitted to {n_patients} "
        f"patients ({type(error).__name__}). Narrow its space or correct its settings; --debug "
        "shows the library's own words."
    )
