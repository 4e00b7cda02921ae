"""How the study was made, in words for a methods section, and how to make it again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from heldout.inference import VARIANCE_FACTOR
from heldout.models import MODELS
from heldout.record import RunRecord
from heldout.report.wording import as_duration, counted

__all__ = ["build_methods", "build_reproduction"]

Section = dict[str, Any]
SAMPLERS = {
    "qmc": "a quasi-random (Sobol) sequence",
    "tpe": "a tree-structured Parzen estimator",
    "random": "random search",
}


CLASS_WORDS = (
    "Discrimination is the fold-paired AUC: a patient with the event and one without are compared "
    "only if the same fitted model predicted both. Its 95 % interval is a score interval with the "
    "Hanley-McNeil variance in Newcombe's symmetrised form, multiplied by "
    f"{VARIANCE_FACTOR:g} because the models were learnt from the same patients that judge them. "
    "Probabilities are judged by the Brier score and by its skill against the training prevalence."
)
NUMBER_WORDS = (
    "Numbers are judged by the variance explained out of fold (R²): one minus the squared error of "
    "the predictions over that of the training set's mean. The variance behind its 95 % interval "
    f"is multiplied by {VARIANCE_FACTOR:g} for the same reason. Errors are in the number's unit; "
    "rank correlations compare patients of the same fold."
)


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
    return {
        "heading": "Methods",
        "paragraphs": [validation_words(record), model_words(record), estimate_words(record)],
    }


def kinds_of(record: RunRecord) -> set[str]:
    """Return the kinds of what is predicted: ``class``, ``number`` or both."""
    return {outcome.kind for outcome in record.outcomes}


def criterion_words(record: RunRecord) -> str:
    """Return by what models and candidates were chosen."""
    names = {"class": "the Brier score", "number": "the squared error of numbers"}
    kinds = kinds_of(record)
    return " and ".join(words for kind, words in names.items() if kind in kinds)


def validation_words(record: RunRecord) -> str:
    """Return how patients were held out and models tuned."""
    validation, tuning = record.experiment["validation"], record.experiment["tuning"]
    sites = ", and balanced over sites" if record.sites else ""
    return (
        f"Models were evaluated by nested cross-validation with {validation['outer']} outer and "
        f"{validation['inner']} inner folds in {counted(validation['repeats'], 'repeat')}. One "
        "division of the patients, stratified by all outcomes at all follow-ups"
        f"{sites}, served every model. Inside each outer training set, every model with settings "
        f"was tuned over {counted(tuning['trials'], 'candidate')} drawn by "
        f"{SAMPLERS[tuning['sampler']]}; the criterion was {criterion_words(record)} over the "
        f"inner folds. The seed was {record.experiment['seed']}."
    )


def model_words(record: RunRecord) -> str:
    """Return which models there were, and how one was chosen."""
    kinds = sorted(kinds_of(record))
    models = [
        MODELS[name].for_kind("number" if kind == "number" else "class")
        for kind in kinds
        for name in record.experiment["models"]
    ]
    rivals = named(model.label for model in models if not model.reference)
    references = named(model.label for model in models if model.reference)
    beside = f" References, never chosen, were {references}." if references else ""
    return (
        f"The models were {rivals}.{beside} Missing values were replaced by the median of the "
        "training patients, inside each fold; linear models saw features scaled there too. The "
        "headline is the procedure that, in each outer training set, chooses the model that is "
        f"best by {criterion_words(record)} over the inner folds and predicts the patients held "
        "out with it; the choice is therefore part of what was validated."
    )


def named(labels: Iterable[str]) -> str:
    """Return labels, each once, as they stand inside a sentence."""
    return ", ".join(dict.fromkeys(label[:1].lower() + label[1:] for label in labels))


def estimate_words(record: RunRecord) -> str:
    """Return how the figures were made of the predictions."""
    tested = any(cell.p is not None for cell in record.headline)
    kinds = kinds_of(record)
    words = [CLASS_WORDS] if "class" in kinds else []
    words += [NUMBER_WORDS] if "number" in kinds else []
    words.append("Patients whose outcome is not known were not analysed there.")
    words += [] if tested else ["No permutation test was made."]
    return " ".join(words)


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
                f"{as_duration(environment['seconds'])} with "
                f"{counted(environment['workers'], 'worker')}",
            ],
        ],
    }
