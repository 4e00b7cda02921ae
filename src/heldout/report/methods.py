"""How the study was made, in words for a methods section, and how to make it again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from heldout.inference import PermutationTest
from heldout.metrics import VARIANCE_FACTOR
from heldout.models import Model, models_for, models_of
from heldout.record import RunRecord
from heldout.wording import counted, duration

_Section = dict[str, Any]
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
        "compared only if the same fitted model predicted both. Its 95 % interval is a score "
        "interval with the Hanley-McNeil variance in Newcombe's symmetrised form, multiplied by "
        f"{VARIANCE_FACTOR:g} because the models were learnt from the same patients that judge "
        "them. Probabilities are judged by the Brier score and by its skill against the training "
        "prevalence."
    ),
    "number": (
        "Numbers are judged by the variance explained out of fold (R²): one minus the squared "
        "error of the predictions over that of the training set's mean. The variance behind its "
        f"95 % interval is multiplied by {VARIANCE_FACTOR:g} for the same reason. Errors are in "
        "the number's unit; rank correlations compare patients of the same fold."
    ),
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


def build_methods(record: RunRecord) -> _Section:
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
    return {
        "heading": "Methods",
        "paragraphs": [
            _validation_words(record),
            _model_words(record),
            _estimate_words(record),
            *_data_words(record),
            *_permutation_words(record),
            *_arithmetic_words(record),
            *_references(record),
        ],
    }


def _kinds_of(record: RunRecord) -> list[str]:
    """Return the kinds of what is predicted: ``class``, ``number`` or both."""
    return sorted({outcome.kind for outcome in record.outcomes})


def _criterion_words(record: RunRecord) -> str:
    """Return by what models and candidates were chosen."""
    words = _CRITERIA[record.experiment["tuning"].get("criterion", "brier")]
    return " and ".join(words[kind] for kind in _kinds_of(record))


def _validation_words(record: RunRecord) -> str:
    """Return how patients were held out and models tuned."""
    validation, tuning = record.experiment["validation"], record.experiment["tuning"]
    sites = ", and balanced over sites" if record.sites else ""
    given_up = (
        " Candidates that were behind after some inner folds were given up."
        if tuning.get("prune")
        else ""
    )
    return (
        f"Models were evaluated by nested cross-validation with {validation['outer']} outer and "
        f"{validation['inner']} inner folds in {counted(validation['repeats'], 'repeat')}. One "
        "division of the patients, stratified by all outcomes at all follow-ups"
        f"{sites}, served every model. Inside each outer training set, every model with settings "
        f"was tuned over {counted(tuning['trials'], 'candidate')} drawn by "
        f"{_SAMPLERS[tuning['sampler']]}; the criterion was {_criterion_words(record)} over the "
        f"inner folds.{given_up} The seed was {record.experiment['seed']}."
    )


def _model_words(record: RunRecord) -> str:
    """Return which models there were, and how one was chosen."""
    known = models_of(record.experiment)
    listed = [known[name] for name in record.experiment["models"]]
    models = [
        model
        for kind in _kinds_of(record)
        for model in models_for(listed, "number" if kind == "number" else "class")
    ]
    rivals = _named(model.label for model in models if not model.reference)
    references = _named(model.label for model in models if model.reference)
    beside = f" References, never chosen, were {references}." if references else ""
    return (
        f"The models were {rivals}.{beside} Missing values were replaced by the median of the "
        "training patients, inside each fold; linear models saw features scaled there too."
        f"{_own_model_words(record, models)} The "
        "headline is the procedure that, in each outer training set, chooses the model that is "
        f"best by {_criterion_words(record)} over the inner folds and predicts the patients held "
        "out with it; the choice is therefore part of what was validated."
    )


def _own_model_words(record: RunRecord, models: Iterable[Model]) -> str:
    """Return how features were prepared for models of the user's own."""
    own = {
        model.label: _PREPARATIONS[model.preparation]
        for model in models
        if model.name in record.experiment.get("own_models", {})
    }
    return "".join(f" {label} saw them {words}." for label, words in own.items())


def _named(labels: Iterable[str]) -> str:
    """Return labels, each once, as they stand inside a sentence."""
    return ", ".join(dict.fromkeys(label[:1].lower() + label[1:] for label in labels))


def _estimate_words(record: RunRecord) -> str:
    """Return how the figures were made of the predictions."""
    words = [_ESTIMATES[kind] for kind in _kinds_of(record)]
    words.append("Patients whose outcome is not known were not analysed there.")
    words += [] if record.permutation else ["No permutation test was made."]
    return " ".join(words)


def _data_words(record: RunRecord) -> list[str]:
    """Return how scores, outcomes and features were made, where that is not the usual way."""
    experiment = record.experiment
    methods = [
        feature.get("method") or _USUAL_METHODS.get(feature.get("build"))
        for feature in experiment.get("features", ())
    ]
    words = [f"The prediction was made at {at}." for at in [experiment.get("known_at")] if at]
    words += [
        f"Missing items of {_spoken(name)} were replaced by the patient's mean of the others "
        f"where {_FILLED_IN[column['prorate']]} of a score's items were there."
        for name, column in experiment["cohort"].get("columns", {}).items()
        if column.get("prorate") in _FILLED_IN
    ]
    words += _outcome_words(experiment)
    words += [
        f"Inside each training set, {_COMPOSITES[method]} were made of several scores."
        for method in dict.fromkeys(methods)
        if method in _COMPOSITES
    ]
    return [" ".join(words)] if words else []


def _outcome_words(experiment: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the numbers to predict are, and what a missed visit did to an outcome."""
    for outcome in experiment.get("outcomes", ()):
        value = outcome.get("rule", {}).get("value")
        if value in _NUMBERS:
            yield f"The number of {_spoken(outcome['name'])} is {_NUMBERS[value]}."
        missed = outcome.get("missing_visit")
        if missed in _MISSED:
            yield f"For {_spoken(outcome['name'])}, a missed visit {_MISSED[missed]}."


def _spoken(name: str) -> str:
    """Return a name as it stands inside a sentence."""
    return name.replace("_", " ")


def _permutation_words(record: RunRecord) -> list[str]:
    """Return how the permutation test was made; nothing if it was not."""
    test = record.permutation
    if test is None:
        return []
    statistic = " or ".join(_STATISTICS[kind] for kind in _kinds_of(record))
    site = " of the same site" if record.sites else ""
    coupled = ", so that of those computed from baseline the follow-up was permuted"
    again = "1 draw was" if test.redrawn == 1 else f"{test.redrawn or 'No'} draws were"
    return [
        "One permutation test was made over all outcomes, follow-ups and models together. A "
        "permutation moved whole rows of follow-up scores, with their missed visits, between "
        f"patients{site}; features and baseline scores stayed, and outcomes were derived again by "
        f"their rules{coupled if _is_coupled(record) else ''}. Folds were drawn again by the same "
        "rule, and preparation, tuning and the choice of a model were repeated inside them, in "
        f"{counted(test.repeats, 'repeat')} for observed and permuted outcomes alike. {again} "
        f"replaced because an outcome could not be evaluated. The statistic was {statistic}. "
        f"{_number_words(record, test)} p is (g + 1) / (B + 1), where g of B permutations reach "
        "the observed statistic (Phipson & Smyth 2010). The adjusted p compares each statistic, in "
        "standard deviations of its cell, with the largest of all cells in each permutation "
        "(single-step maximum; Westfall & Young 1993)."
    ]


def _is_coupled(record: RunRecord) -> bool:
    """Return whether an outcome is computed from the baseline score."""
    return any(outcome.from_baseline for outcome in record.outcomes)


def _number_words(record: RunRecord, test: PermutationTest) -> str:
    """Return how many permutations were made, and by what rule they ended."""
    made = counted(test.permutations, "permutation")
    if test.enumerated:
        return f"All {made} that can be evaluated were made."
    if not _sequential(record):
        return f"{made} were made, as many as asked for."
    named = (
        " and the primary headline" if any(outcome.primary for outcome in record.outcomes) else ""
    )
    return (
        f"Of {counted(test.asked, 'permutation')} asked for, {test.permutations} were made: the "
        f"test ends once ten have reached the best cell{named} (Besag & Clifford 1991)."
    )


def _sequential(record: RunRecord) -> bool:
    """Return whether the test was free to end early."""
    test = record.permutation
    if test is None or test.enumerated:
        return False
    return bool(record.experiment.get("inference", {}).get("stop_early", test.stopped))


def _arithmetic_words(record: RunRecord) -> list[str]:
    """Return where chance lies for outcomes that are computed from baseline, if any are."""
    if all(cell.arithmetic is None for cell in record.headline):
        return []
    return [
        "An outcome that is computed from the baseline score is partly predicted by that score, "
        "even if the follow-up is independent of it (Oldham 1962). What this arithmetic alone "
        "gives in these patients is the AUC of the baseline score, or its squared correlation, as "
        "a mean over permutations of the follow-up scores."
    ]


def _references(record: RunRecord) -> list[str]:
    """Return the works that test and arithmetic rest on, if there is either."""
    works = []
    if record.permutation is not None:
        works += [
            "Westfall PH, Young SS (1993) Resampling-Based Multiple Testing. Wiley",
            "Phipson B, Smyth GK (2010) Stat Appl Genet Mol Biol 9:39",
        ]
    if _sequential(record):
        works.append("Besag J, Clifford P (1991) Biometrika 78:301-304")
    if _arithmetic_words(record):
        works.append("Oldham PD (1962) J Chronic Dis 15:969-977")
    return [f"References: {'; '.join(works)}."] if works else []


def build_reproduction(record: RunRecord) -> _Section:
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
    return {
        "heading": "To reproduce this",
        "lead": "Equal fingerprints and equal versions give equal numbers.",
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
            [
                "Duration",
                f"{duration(environment['seconds'])} with "
                f"{counted(environment['workers'], 'worker')}",
            ],
        ],
    }
