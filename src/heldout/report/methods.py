"""How the study was made, in words for a methods section, and how to make it again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from heldout.kinds import KindName
from heldout.metrics.calibration import FEWEST_TO_CALIBRATE
from heldout.metrics.differences import REGION
from heldout.metrics.intervals import (
    LEARNT_FROM,
    N_RESAMPLES,
    N_RUNS,
    VARIANCE_FACTOR,
)
from heldout.models.definition import Model, models_for
from heldout.models.named import models_of
from heldout.record import RunRecord
from heldout.report.prose import paragraphs, section
from heldout.report.tables import Section
from heldout.wording import counted, decimal, duration, spoken

_SAMPLERS = {
    "qmc": "a quasi-random (Sobol) sequence",
    "tpe": "a tree-structured Parzen estimator",
    "random": "random search",
}
# What candidates and models are judged by: of numbers it is always the same.
_SQUARED = "the squared error of numbers"
_CRITERIA = {
    "brier": {"class": "the Brier score", "number": _SQUARED},
    "log_loss": {"class": "the log loss", "number": _SQUARED},
    "auc": {"class": "the AUC", "number": _SQUARED},
}
_STATISTICS = {
    "class": "the fold-paired AUC",
    "number": "the variance explained out of fold",
}
_ESTIMATES = {
    "class": (
        "Discrimination is the fold-paired AUC: a patient with the event and one without are "
        "compared only if the same fitted model predicted both. Its 95 % interval is {interval}. "
        "Probabilities are judged by the Brier score and by its skill against the training "
        "prevalence."
    ),
    "number": (
        "Numbers are judged by the variance explained out of fold (R²): one minus the squared "
        "error of the predictions over that of the training set's mean. The variance behind its "
        "95 % interval is multiplied by {factor} because the models were learnt from the same "
        "patients that judge them. Errors are in the number's unit; rank correlations compare "
        "patients of the same fold."
    ),
}
_SCORE = (
    "a score interval with the Hanley-McNeil variance in Newcombe's symmetrised form, multiplied "
    "by "
)
# The intervals of an AUC, by what an experiment calls them.
_INTERVALS = {
    "score": (
        f"{_SCORE}{VARIANCE_FACTOR:g} because the models were learnt from the same patients that "
        "judge them"
    ),
    "score_perm": (
        f"{_SCORE}how much more the AUC varied over the permutations than that of a fixed rule, "
        "because the models were learnt from the same patients that judge them"
    ),
    "nadeau_bengio": (
        "of Student's t with one degree of freedom less than there are folds, the standard error "
        "of their AUCs widened for training sets that overlap (Nadeau & Bengio 2003)"
    ),
    "bootstrap_cv": (
        f"symmetric on the scale of log-odds, with the variance of {N_RESAMPLES} bootstrap samples "
        f"of the patients that went through the whole procedure, each with {N_RUNS} divisions of "
        "its own (Cai et al. 2023)"
    ),
}
_INTERVAL_WORKS = {
    "nadeau_bengio": "Nadeau C, Bengio Y (2003) Mach Learn 52:239-281",
    "bootstrap_cv": "Cai B et al. (2023) arXiv:2307.00260",
}
# Settings whose default needs no word say what was done where it is another.
_NUMBERS = {
    "score": "the score at the follow-up",
    "change": "its change from baseline",
    "percent_change": "its change from baseline in percent",
}
_MISSED = {
    "non_responder": "counted as a failure",
    "last_observation": "took the last score before it",
}
_FILLED_IN = {"80%": "at least 80 %", "half": "at least half"}
# What builders learn inside a training set, and the method of those that name none.
_COMPOSITES = {
    "mean": "mean z-scores",
    "principal": "principal components",
    "factor": "regression factor scores",
}
_USUAL_METHODS = {"constructs": "mean", "components": "principal"}
_PREPARATIONS = {"impute_scale": "scaled", "impute": "as they are"}
_TEST_WORKS = (
    "Westfall PH, Young SS (1993) Resampling-Based Multiple Testing. Wiley",
    "Phipson B, Smyth GK (2010) Stat Appl Genet Mol Biol 9:39",
)
_ASKED_WORKS = (
    "Freedman D, Lane D (1983) J Bus Econ Stat 1:292-298",
    "Goeman JJ, van de Geer SA, van Houwelingen HC (2006) J R Stat Soc B 68:477-493",
)
_DIFFERENCE_WORKS = (
    "Nadeau C, Bengio Y (2003) Mach Learn 52:239-281",
    "Corani G, Benavoli A (2015) Mach Learn 100:285-304",
)
_FIRTH_WORKS = (
    "Heinze G, Schemper M (2002) Stat Med 21:2409-2419",
    "Puhr R, Heinze G, Nold M, Lusa L, Geroldinger A (2017) Stat Med 36:2302-2317",
)
# Of records of earlier versions.
_ENDING_WORK = "Besag J, Clifford P (1991) Biometrika 78:301-304"
_ARITHMETIC_WORK = "Oldham PD (1962) J Chronic Dis 15:969-977"


def build_methods(record: RunRecord) -> Section:
    """Return the methods in paragraphs.

    Parameters
    ----------
    record : RunRecord
        Its experiment says what was done.

    Returns
    -------
    dict
        ``heading`` and ``paragraphs``.
    """
    experiment, test = record.experiment, record.permutation
    kinds = sorted({outcome.kind for outcome in record.outcomes})
    criteria = _CRITERIA[experiment["tuning"].get("criterion", "brier")]
    models = _models_of(record, kinds)
    works = _works_of(record)
    return {
        "heading": "Methods",
        "paragraphs": paragraphs(
            "methods",
            experiment=experiment,
            sites=record.sites,
            sampler=_SAMPLERS[experiment["tuning"]["sampler"]],
            criterion=" and ".join(criteria[kind] for kind in kinds),
            rivals=_named(model.label for model in models if not model.reference),
            references=_named(model.label for model in models if model.reference),
            preparations=_PREPARATIONS,
            own_models=[
                model for model in models if model.name in experiment.get("own_models", {})
            ],
            estimates=[
                _ESTIMATES[kind].format(
                    factor=_factor_words(record), interval=_INTERVALS[record.interval]
                )
                for kind in kinds
            ],
            recalibrated=_recalibrated(record, models),
            fewest=FEWEST_TO_CALIBRATE,
            data=" ".join(_data_words(experiment)),
            test=test,
            asked=bool(record.associated),
            primary=any(outcome.primary for outcome in record.outcomes),
            statistic=" or ".join(_STATISTICS[kind] for kind in kinds),
            sequential=_sequential(record),
            differences=bool(record.differences),
            region=decimal(REGION),
            firth=_uses_firth(record),
            arithmetic=_ARITHMETIC_WORK in works,
            works=works,
            counted=counted,
        ),
    }


def _has_limits(record: RunRecord) -> bool:
    """Return whether a record is of a version that recalibrates trees.

    The same version gave limits to figures beside the estimate.
    """
    return any(cell.has_limits for cell in record.headline)


def _recalibrated(record: RunRecord, models: Iterable[Model]) -> str:
    """Return the models whose probabilities were recalibrated where patients allowed."""
    known = _has_limits(record)
    return _named(model.label for model in models if known and model.recalibrated)


def _factor_words(record: RunRecord) -> str:
    """Return by how much the variance of a share of variance is multiplied."""
    if _has_limits(record):
        return f"1 + {LEARNT_FROM:g}/n with n patients"
    return f"{VARIANCE_FACTOR:g}"


def _works_of(record: RunRecord) -> list[str]:
    """Return the works that references, test and arithmetic rest on."""
    works = list(_DIFFERENCE_WORKS) if record.differences else []
    interval = _INTERVAL_WORKS.get(record.interval)
    works += [interval] if interval and interval not in works else []
    works += _FIRTH_WORKS if _uses_firth(record) else ()
    works += _TEST_WORKS if record.permutation else ()
    if record.associated:
        works += _ASKED_WORKS
    elif _sequential(record):
        works.append(_ENDING_WORK)
    arithmetic = any(cell.arithmetic is not None for cell in record.headline)
    return works + ([_ARITHMETIC_WORK] if arithmetic else [])


def _uses_firth(record: RunRecord) -> bool:
    """Return whether an event was predicted by Firth's regression."""
    known = models_of(record.experiment)
    kernels = {(cell.kind, known[cell.model].kernel) for cell in record.cells}
    return any(
        kind == "class" and kernel is not None and kernel.name == "firth_logistic"
        for kind, kernel in kernels
    )


def _models_of(record: RunRecord, kinds: Iterable[KindName]) -> list[Model]:
    """Return the models of a record, as those of each kind of outcome."""
    known = models_of(record.experiment)
    listed = [known[name] for name in record.experiment["models"]]
    return [model for kind in kinds for model in models_for(listed, kind)]


def _named(labels: Iterable[str]) -> str:
    """Return labels, each once, as they stand inside a sentence."""
    return ", ".join(dict.fromkeys(label[:1].lower() + label[1:] for label in labels))


def _data_words(experiment: Mapping[str, Any]) -> Iterator[str]:
    """Yield how scores, outcomes and features were made, where that is not the usual way."""
    if experiment.get("known_at"):
        yield f"The prediction was made at {experiment['known_at']}."
    for name, column in experiment["cohort"].get("columns", {}).items():
        if column.get("prorate") in _FILLED_IN:
            yield (
                f"Missing items of {spoken(name)} were replaced by the patient's mean of the "
                f"others where {_FILLED_IN[column['prorate']]} of a score's items were there."
            )
    yield from _outcome_words(experiment)
    methods = [
        feature.get("method") or _USUAL_METHODS.get(feature.get("build"))
        for feature in experiment.get("features", ())
    ]
    for method in dict.fromkeys(methods):
        if method in _COMPOSITES:
            yield f"Inside each training set, {_COMPOSITES[method]} were made of several scores."


def _outcome_words(experiment: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the numbers to predict are, and what a missed visit did to an outcome."""
    for outcome in experiment.get("outcomes", ()):
        value = outcome.get("rule", {}).get("value")
        if value in _NUMBERS:
            yield f"The number of {spoken(outcome['name'])} is {_NUMBERS[value]}."
        missed = outcome.get("missing_visit")
        if missed in _MISSED:
            yield f"For {spoken(outcome['name'])}, a missed visit {_MISSED[missed]}."


def _sequential(record: RunRecord) -> bool:
    """Return whether the test was free to end early."""
    test = record.permutation
    if test is None or test.enumerated:
        return False
    return bool(record.experiment.get("inference", {}).get("stop_early", test.stopped))


def build_reproduction(record: RunRecord) -> Section:
    """Return what identifies the run, and what it was run with.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    dict
        ``heading``, ``lead`` and pairs of term and value.
    """
    environment = record.environment
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    workers = counted(environment["workers"], "worker")
    return section("reproduction") | {
        "pairs": [
            ["Experiment", record.name],
            ["Run", record.run_id],
            ["Experiment, SHA-256", record.fingerprint],
            ["Table, SHA-256", record.data_fingerprint],
            ["Folds, SHA-256", record.folds_digest],
            ["Code, SHA-256", str(environment["code"])],
            ["Versions", f"Python {environment['python']}, {versions}"],
            ["Machine", str(environment["platform"])],
            ["Started", str(environment["started"])],
            ["Duration", f"{duration(environment['seconds'])} with {workers}"],
        ],
    }
