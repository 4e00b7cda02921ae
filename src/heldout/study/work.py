"""How much there is to fit, by which path, and about how long it takes; nothing is fitted.

Times are rough: what a fit took on one core of an ordinary machine at 36 patients and 30 columns
(`benchmarks/speed.py`), scaled with the size of the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heldout.metrics.intervals import N_RESAMPLES, N_RUNS
from heldout.models.definition import Model
from heldout.nested.judging import runs_compiled
from heldout.study.design import Design
from heldout.study.permutations import enumerable, number_of_permutations

# Microseconds of one core for one candidate on one inner fold, 36 patients and 30 columns.
_KERNELS = {
    "constant": 1.0,
    "ridge_logistic": 18.0,
    "firth_logistic": 55.0,
    "ridge_linear": 1.0,
    "elastic_net_logistic": 29.0,
    "elastic_net_linear": 7.0,
    "linear_svc": 15.0,
    "rbf_svc": 15.0,
    "forest": 60.0,
    "boosted_log_odds": 60.0,
    "boosted_numbers": 60.0,
}
_LIBRARIES = {"random_forest": 100_000.0}
_LIBRARY = 3_000.0
# The last fit of an outer fold, its predictions and their explanation, by the library.
_LAST_FIT = 60_000.0
# Where nothing is to be found, a test of 999 permutations stops after so many on average.
_USUAL_PERMUTATIONS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """The fits of one model at one outcome.

    `fits` are those of one repeat of the outer folds; `seconds` is what they take on one core.
    """

    outcome: int
    model: str
    compiled: bool
    fits: int
    seconds: float


def work_of(design: Design) -> tuple[_Work, ...]:
    """Return what every model of every outcome that is evaluated has to fit.

    Parameters
    ----------
    design : Design
        Nothing of it is fitted.

    Returns
    -------
    tuple of Work
    """
    return tuple(
        _work_of_model(design, number, model)
        for number in design.evaluated
        for model in design.models_of(number)
    )


def _work_of_model(design: Design, number: int, model: Model) -> _Work:
    """Return what one model has to fit at one outcome."""
    n = int(design.outcomes[number].observed.sum())
    p = design.width_of(number, model)
    compiled = runs_compiled(model, n, p)
    candidates = design.tuning.trials if model.space else 1
    fits = design.validation.outer * (design.validation.inner * candidates + 1)
    if compiled and model.kernel is not None:
        # Between linear and quadratic in patients, and far below linear in columns.
        each = _KERNELS[model.kernel.name] * max(1.0, n / 36) ** 1.5 * max(1.0, p / 30) ** 0.5
    else:
        each = _LIBRARIES.get(model.name, _LIBRARY) * max(1.0, n * p / 5000)
    return _Work(
        outcome=number, model=model.name, compiled=compiled, fits=fits, seconds=fits * each / 1e6
    )


def work_lines(design: Design) -> Iterator[str]:
    """Yield how much there is to fit, by which path, and about how long it takes.

    Parameters
    ----------
    design : Design
        Nothing of it is fitted.

    Yields
    ------
    str
        One sentence each.
    """
    work = work_of(design)
    n_outcomes = len(design.evaluated)
    repeats, outer = design.n_repeats, design.validation.outer
    folds = n_outcomes * repeats * outer
    fits = repeats * sum(part.fits for part in work)
    yield (
        f"Work: {n_outcomes} outcome{'s' * (n_outcomes != 1)} x {repeats} repeats x {outer} outer "
        f"folds = {folds} units; {design.tuning.trials} candidates x {design.validation.inner} "
        f"inner folds a model: {fits:,} fits."
    )
    yield from _paths_taken(work)
    once = sum(part.seconds for part in work)
    runs = N_RESAMPLES * N_RUNS if design.inference.interval == "bootstrap_cv" else 0
    observed = (repeats + runs) * once + folds * len(design.models) * _LAST_FIT / 1e6
    if runs:
        yield f"{runs} runs of {fits // repeats:,} fits each for the intervals (bootstrap_cv)."
    most = number_of_permutations(design)
    if not most:
        yield f"{_spoken(observed).capitalize()} on one core; no permutation test."
        return
    each = repeats * once
    # All that there are would not be stopped early.
    early = design.inference.stop_early and not enumerable(design)
    usual = _spoken(observed + (min(most, _USUAL_PERMUTATIONS) if early else most) * each)
    longest = _spoken(observed + most * each)
    last = f" if nothing is to be found, and up to {longest} if not" if usual != longest else ""
    yield (
        f"Up to {most} permutations of {fits:,} fits each. {usual.capitalize()} on one core{last}."
    )


def _paths_taken(work: Sequence[_Work]) -> Iterator[str]:
    """Yield which models go by which path."""
    for compiled, words in ((True, "By compiled kernels"), (False, "By the libraries")):
        named = dict.fromkeys(part.model for part in work if part.compiled is compiled)
        if named:
            yield f"{words}: {', '.join(named)}."


def _spoken(seconds: float) -> str:
    """Return a duration as it is spoken of.

    Examples
    --------
    >>> _spoken(3), _spoken(200), _spoken(20_000)
    ('less than a minute', 'about 4 min', 'about 6 h')
    """
    if seconds < 60:
        return "less than a minute"
    if seconds < 2 * 3600:
        return f"about {seconds / 60 + 0.5:.0f} min"
    return f"about {seconds / 3600 + 0.5:.0f} h"
