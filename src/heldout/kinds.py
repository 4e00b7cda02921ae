"""What differs between predicting a class and predicting a number, declared once.

A kind is a value: how folds are balanced over its answers, the statistic that decides and what
chance gives of it, the figures beside it, and the words and styles in which all of these are said.
Record, permutation test, terminal, page, MLflow, model card and ``--json`` read them from here, so
that a new figure is one function of `heldout.metrics` and one line below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from heldout.arrays import Floats, Integers
from heldout.metrics.calibration import (
    calibration_in_the_large,
    integrated_calibration_index,
    logit_slope,
)
from heldout.metrics.discrimination import (
    fold_paired_auc,
    fold_paired_concordance,
    within_site_auc,
)
from heldout.metrics.intervals import (
    error_interval,
    learning_factor,
    rank_interval,
    score_interval,
    share_found,
    skill_interval,
    variance_factor,
)
from heldout.metrics.numbers import (
    absolute_error_variance,
    calibration_slope,
    mean_absolute_error,
    r_squared_by_fold,
    r_squared_out_of_fold,
    skill_variance,
    spearman,
)
from heldout.metrics.probability import brier_score, brier_skill
from heldout.splits import ranked_groups
from heldout.wording import amount, counted, decimal, percent

KindName = Literal["class", "number"]
# The true AUC of which it is said how often such a study would have found it.
SUPPOSED_AUC = 0.80
_Reach = tuple[tuple[str, ...], dict[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Predictions for patients held out; every figure of a cell is made of these.

    Attributes
    ----------
    answers : array of shape (n_patients,)
        1 and 0, or numbers; observed patients only.
    margin, prediction, training_mean : arrays of shape (n_repeats, n_patients)
        Held-out margins, what they stand for (the probability of the event, or the number), and
        the mean answer of the training set behind each.
    folds : array of int of shape (n_repeats, n_patients)
        Fold in which each patient was tested.
    weights : array of shape (n_patients,)
        Patient weights.
    site : array of int of shape (n_patients,), or None
        Site numbers; patients of unknown site share one. None without sites.
    """

    answers: Floats
    margin: Floats
    prediction: Floats
    training_mean: Floats
    folds: Integers
    weights: Floats
    site: Integers | None = None

    def in_repeat(self, repeat: int) -> HeldOut:
        """Return what belongs to one repeat."""
        rows = slice(repeat, repeat + 1)
        return replace(
            self,
            margin=self.margin[rows],
            prediction=self.prediction[rows],
            training_mean=self.training_mean[rows],
            folds=self.folds[rows],
        )

    def in_fold(self, repeat: int, fold: int) -> HeldOut:
        """Return what belongs to one fold of one repeat."""
        tested = self.folds[repeat] == fold
        rows = slice(repeat, repeat + 1)
        return HeldOut(
            answers=self.answers[tested],
            margin=self.margin[rows, tested],
            prediction=self.prediction[rows, tested],
            training_mean=self.training_mean[rows, tested],
            folds=self.folds[rows, tested],
            weights=self.weights[tested],
            site=None if self.site is None else self.site[tested],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of a cell.

    Attributes
    ----------
    name : str
        In records, in ``--json`` and as an attribute of a cell.
    metric : str
        In MLflow.
    label : str
        For people.
    compute : callable
        Held-out predictions -> the figure; None where there is none.
    say : callable
        The figure, as it is printed.
    short : str
        Above its column in the terminal's narrow tables; empty if it does not stand there.
    shown : str
        In ``tables`` and beside the headline, beside the ``headline`` only, or in ``data`` only.
    interval : callable or None
        (held-out predictions, the figure) -> its 95 % limits; None if it has none.
    """

    name: str
    metric: str
    label: str
    compute: Callable[[HeldOut], float | None]
    say: Callable[[float | None], str] = decimal
    short: str = ""
    shown: Literal["tables", "headline", "data"] = "tables"
    interval: Callable[[HeldOut, float], tuple[float, float]] | None = None

    @property
    def limits(self) -> dict[str, str]:
        """The names of its interval's limits, those of MLflow behind them."""
        if self.interval is None:
            return {}
        return {
            f"{self.name}_low": f"{self.metric}_lo",
            f"{self.name}_high": f"{self.metric}_hi",
        }

    @property
    def declared(self) -> dict[str, str]:
        """Its name and those of its limits, those of MLflow behind them."""
        return {self.name: self.metric} | self.limits

    def score(self, held_out: HeldOut) -> dict[str, float]:
        """Return the figure with its limits, by name; nothing where there is none."""
        value = self.compute(held_out)
        if value is None:
            return {}
        limits = () if self.interval is None else self.interval(held_out, value)
        return dict(zip(self.declared, (value, *limits), strict=True))

    def said(self, figures: Mapping[str, float]) -> str:
        """Return the figure as it is printed, its interval in brackets where it has one."""
        words = self.say(figures.get(self.name))
        limits = [self.say(figures[name]) for name in self.limits if name in figures]
        return f"{words} ({' to '.join(limits)})" if limits else words


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A class or a number, as something to predict.

    Attributes
    ----------
    name : str
        ``class`` or ``number``.
    has_events : bool
        Whether answers are counted as events, and predictions are probabilities.
    strata : callable
        Answers -> the groups that every fold shall hold in proportion; NaN stays.
    estimate : Figure
        What decides, and what the permutation test compares: larger is better.
    chance : float
        The estimate without any skill.
    limits_by : callable
        (estimate, patients, events, factor) -> its 95 % limits by a factor that is known from
        permutations; None where that does not change them.
    factor : callable
        (permuted estimates, patients, events) -> by how much the variance of a fixed rule is
        multiplied.
    by_fold : callable
        Held-out predictions -> what each fold says of the estimate, of shape (n_repeats, n_folds):
        the AUC of each fold; of the variance explained each fold's part, so that the mean over
        equal weights is the whole.
    association : callable
        (guesses, answers), of shape (n_patients,) each -> what guesses reach of the answers; None
        where nothing varies.
    figures : tuple of Figure
        Beside the estimate, in the order in which they are shown.
    columns : mapping of str to str
        Attribute of `HeldOut` -> column of a record's table of predictions.
    spoken : callable
        The estimate as sentences say it.
    sentence, short, gives : str
        Templates of the estimate: in a sentence, before an interval in brackets, and after the
        name of what else reaches it.
    where_chance_lies : str
        The same beside an interval.
    plural : str
        Several estimates.
    reach : callable
        (figures, patients, events, critical estimate of the test, factor) -> what so few patients
        can show, in sentences, and the numbers behind them; the critical estimate is None without a
        test.
    """

    name: KindName
    has_events: bool
    strata: Callable[[Floats], Floats]
    estimate: Figure
    chance: float
    limits_by: Callable[[float, int, int, float], tuple[float, float]] | None
    factor: Callable[[Floats, int, int], float]
    by_fold: Callable[[HeldOut], Floats]
    association: Callable[[Floats, Floats], float | None]
    figures: tuple[Figure, ...]
    columns: Mapping[str, str]
    spoken: Callable[[float | None], str]
    sentence: str
    short: str
    gives: str
    where_chance_lies: str
    plural: str
    reach: Callable[[Mapping[str, float], int, int, float | None, float], _Reach]

    @property
    def limits(self) -> frozenset[str]:
        """The names of the limits of all intervals."""
        return frozenset(name for figure in self._all for name in figure.limits)

    @property
    def declared(self) -> dict[str, str]:
        """Every figure's name, that of MLflow behind it, in the order of records."""
        return {name: at for figure in self._all for name, at in figure.declared.items()}

    @property
    def _all(self) -> tuple[Figure, ...]:
        """The estimate and the figures beside it."""
        return (self.estimate, *self.figures)

    def score(self, held_out: HeldOut) -> dict[str, float]:
        """Return every figure that exists, by name."""
        return {
            name: value for figure in self._all for name, value in figure.score(held_out).items()
        }

    def tables(self, scored: Iterable[Mapping[str, float]]) -> tuple[Figure, ...]:
        """Return the figures that stand in tables beside the estimate: those that a cell has."""
        names = {name for figures in scored for name in figures}
        return tuple(
            figure for figure in self.figures if figure.shown == "tables" and figure.name in names
        )

    def sample(self, n: int, events: int) -> str:
        """Return how many patients, and events, there are."""
        patients = counted(n, "patient")
        return f"{patients}, {counted(events, 'event')}" if self.has_events else patients

    def reached(self, value: float) -> str:
        """Return what something else gives of the estimate, such as ``gives .58``."""
        return self.gives.format(self.spoken(value))


def _auc(held_out: HeldOut) -> float:
    """Return the fold-paired AUC."""
    return fold_paired_auc(held_out.margin, held_out.folds, held_out.answers == 1, held_out.weights)


def _auc_within_sites(held_out: HeldOut) -> float | None:
    """Return the AUC of patients of one site; None where no two can be compared."""
    if held_out.site is None or np.ptp(held_out.site) == 0:
        return None
    events = held_out.answers == 1
    area = within_site_auc(held_out.margin, held_out.folds, events, held_out.site, held_out.weights)
    return None if np.isnan(area) else area


def _auc_interval(held_out: HeldOut, auc: float) -> tuple[float, float]:
    """Return the score interval of an AUC."""
    n_events = int(held_out.answers.sum())
    return score_interval(auc, n_events, len(held_out.answers) - n_events)


def _limits_of_class(auc: float, n: int, events: int, factor: float) -> tuple[float, float]:
    """Return the score interval of an AUC by a known factor."""
    return score_interval(auc, events, n - events, factor=factor)


def _factor_of_class(permuted: Floats, n: int, events: int) -> float:
    """Return the factor of the interval of an AUC."""
    return variance_factor(permuted, events, n - events)


def _auc_by_fold(held_out: HeldOut) -> Floats:
    """Return the AUC of each fold."""
    folds = range(int(held_out.folds.max()) + 1)
    return np.array(
        [
            [_auc(held_out.in_fold(repeat, fold)) for fold in folds]
            for repeat in range(len(held_out.folds))
        ]
    )


def _reach_of_class(
    _: Mapping[str, float], n: int, events: int, critical: float | None, factor: float
) -> _Reach:
    """Return which AUC the test asked for, and how often a good one would have been found."""
    numbers = {"n": float(n), "events": float(events)}
    if critical is None:
        return (), numbers
    share = share_found(SUPPOSED_AUC, critical, events, n - events, factor=factor)
    words = (
        f"With {n} patients and {events} events, the test asked for an AUC above "
        f"{decimal(critical)}; had the true AUC been {decimal(SUPPOSED_AUC)}, about "
        f"{100 * share:.0f} of 100 such studies would have found it."
    )
    return (words,), numbers | {"critical": critical, "found_at_80": share}


def _rank_auc(guess: Floats, answers: Floats) -> float | None:
    """Return the AUC of guesses that nothing was learnt for; None without both answers."""
    from scipy.stats import rankdata

    # Nothing was learnt, so nobody has to be held out and all patients may be compared.
    events, others = guess[answers == 1], guess[answers == 0]
    if not len(events) or not len(others):
        return None
    ranks = rankdata(np.concatenate([events, others]))[: len(events)].sum()
    return float((ranks - len(events) * (len(events) + 1) / 2) / (len(events) * len(others)))


def _squared_correlation(guess: Floats, answers: Floats) -> float | None:
    """Return the squared correlation; None where one of the two does not vary."""
    if min(np.ptp(guess), np.ptp(answers)) == 0:
        return None
    # Guesses are on any scale: what a line through them explains.
    return float(np.corrcoef(guess, answers)[0, 1] ** 2)


def _r_squared(held_out: HeldOut) -> float:
    """Return the variance explained out of fold."""
    return r_squared_out_of_fold(
        held_out.prediction, held_out.answers, held_out.training_mean, held_out.weights
    )


def _r_squared_by_fold(held_out: HeldOut) -> Floats:
    """Return each fold's part of the variance explained."""
    return r_squared_by_fold(
        held_out.prediction,
        held_out.folds,
        held_out.answers,
        held_out.training_mean,
        held_out.weights,
    )


def _skill_interval(held_out: HeldOut, skill: float) -> tuple[float, float]:
    """Return the interval of the variance explained, or of a Brier skill."""
    variance = skill_variance(
        held_out.prediction, held_out.answers, held_out.training_mean, held_out.weights
    )
    return skill_interval(skill, variance, len(held_out.answers))


def _error_interval(held_out: HeldOut, error: float) -> tuple[float, float]:
    """Return the interval of the mean absolute error."""
    variance = absolute_error_variance(held_out.prediction, held_out.answers, held_out.weights)
    return error_interval(error, variance, len(held_out.answers))


def _reach_of_number(
    figures: Mapping[str, float], n: int, _: int, critical: float | None, __: float
) -> _Reach:
    """Return how far predictions are off, and which R squared the test asked for."""
    error, of_mean = figures["mae"], figures["mae_mean"]
    words = (
        f"The mean absolute error for the {n} patients held out is {amount(error)}; predicting the "
        f"mean of the others gives {amount(of_mean)}."
    )
    numbers = {"mae": error, "mae_mean": of_mean, "n": float(n)}
    if critical is None:
        return (words,), numbers
    asked = f"The test asked for more than {percent(critical)} of the variance."
    return (words, asked), numbers | {"critical": critical}


CLASS = Kind(
    name="class",
    has_events=True,
    strata=np.asarray,
    estimate=Figure(
        name="auc", metric="cv.roc_auc", label="AUC", compute=_auc, interval=_auc_interval
    ),
    chance=0.5,
    limits_by=_limits_of_class,
    factor=_factor_of_class,
    by_fold=_auc_by_fold,
    association=_rank_auc,
    figures=(
        Figure(
            name="auc_within_sites",
            metric="cv.roc_auc_within_sites",
            label="AUC within sites",
            compute=_auc_within_sites,
        ),
        Figure(
            name="brier",
            metric="cv.brier",
            label="Brier score",
            compute=lambda held: brier_score(held.prediction, held.answers == 1, held.weights),
            # Where events are rare, two digits of a Brier score are all alike.
            say=partial(decimal, digits=3),
        ),
        Figure(
            name="brier_skill",
            metric="cv.brier_skill",
            label="Brier skill",
            short="skill",
            compute=lambda held: brier_skill(
                held.prediction, held.training_mean, held.answers == 1, held.weights
            ),
            interval=_skill_interval,
        ),
        Figure(
            name="calibration_slope",
            metric="cv.calibration_slope",
            label="Calibration slope",
            compute=lambda held: logit_slope(
                held.prediction, held.folds, held.answers == 1, held.weights
            ),
            shown="headline",
        ),
        Figure(
            name="ici",
            metric="cv.ici",
            label="Calibration index (ICI)",
            compute=lambda held: integrated_calibration_index(
                held.prediction, held.folds, held.answers == 1, held.weights
            ),
            say=partial(decimal, digits=3),
            shown="headline",
        ),
        Figure(
            name="calibration_in_the_large",
            metric="cv.calibration_in_the_large",
            label="Calibration in the large",
            compute=lambda held: calibration_in_the_large(
                held.prediction, held.answers == 1, held.weights
            ),
            # Means something for patients of another place alone.
            shown="data",
        ),
    ),
    columns={
        "answers": "event",
        "margin": "margin",
        "prediction": "probability",
        "training_mean": "prevalence",
    },
    spoken=decimal,
    sentence="the AUC for patients held out is {}",
    short="AUC {}",
    gives="gives {}",
    where_chance_lies="chance (.50)",
    plural="AUCs",
    reach=_reach_of_class,
)

NUMBER = Kind(
    name="number",
    has_events=False,
    strata=ranked_groups,
    estimate=Figure(
        name="r2", metric="cv.r2", label="R²", compute=_r_squared, interval=_skill_interval
    ),
    chance=0.0,
    limits_by=None,
    factor=lambda permuted, n, events: learning_factor(n),
    by_fold=_r_squared_by_fold,
    association=_squared_correlation,
    figures=(
        Figure(
            name="mae",
            metric="cv.mae",
            label="Mean absolute error",
            short="error",
            compute=lambda held: mean_absolute_error(held.prediction, held.answers, held.weights),
            say=amount,
            interval=_error_interval,
        ),
        Figure(
            name="mae_mean",
            metric="cv.mae_of_mean",
            label="of the mean alone",
            short="of mean",
            shown="headline",
            compute=lambda held: mean_absolute_error(
                held.training_mean, held.answers, held.weights
            ),
            say=amount,
        ),
        Figure(
            name="spearman",
            metric="cv.spearman",
            label="Spearman",
            compute=lambda held: spearman(held.prediction, held.folds, held.answers, held.weights),
            interval=lambda held, value: rank_interval(value, len(held.answers)),
        ),
        Figure(
            name="concordance",
            metric="cv.concordance",
            label="Concordance",
            compute=lambda held: fold_paired_concordance(
                held.prediction, held.folds, held.answers, held.weights
            ),
            shown="data",
        ),
        Figure(
            name="calibration_slope",
            metric="cv.calibration_slope",
            label="Calibration slope",
            compute=lambda held: calibration_slope(
                held.prediction, held.folds, held.answers, held.weights
            ),
            shown="headline",
        ),
    ),
    columns={
        "answers": "observed",
        "prediction": "prediction",
        "training_mean": "training_mean",
    },
    spoken=percent,
    sentence="out of fold, the model explains {} of the variance",
    short="{} of the variance explained",
    gives="explains {}",
    where_chance_lies="the mean alone (0)",
    plural="shares of variance explained",
    reach=_reach_of_number,
)

KINDS: Mapping[KindName, Kind] = {"class": CLASS, "number": NUMBER}
