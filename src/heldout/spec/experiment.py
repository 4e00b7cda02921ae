"""What an experiment may say: frozen models, unknown keys refused.

`Experiment` and its parts hold all that can change a result and nothing else. Validation
happens here, at the door; behind it every value can be trusted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from heldout.errors import SpecError, raise_faults
from heldout.spec.cohort import CohortSpec
from heldout.spec.faults import refuse_misfits, validated
from heldout.spec.features import FeatureSpec
from heldout.spec.models import ModelSpec
from heldout.spec.outcomes import OutcomeSpec
from heldout.spec.parts import Name, Part, optional, repeated, undeclared
from heldout.spec.places import Places, place_of

if TYPE_CHECKING:
    import pandas as pd

# What everybody's rate or severity alone gives comes first: the others are compared with it.
DEFAULT_MODELS = (
    "prevalence",
    "severity",
    "severity_age_sex",
    "ridge_fixed",
    "ridge",
    "elastic_net",
    "random_forest",
    "xgboost",
)


class ValidationSpec(Part):
    """Nested cross-validation."""

    outer: int = optional("Outer folds.", default=5, ge=2, le=20)
    inner: int = optional("Inner folds, for tuning.", default=5, ge=2, le=20)
    repeats: int | None = optional(
        "Of the outer folds, for estimate and permutations alike; if absent 5, or 10 where fewer "
        "than 10 patients have the rarer answer.",
        ge=1,
        le=200,
    )


class TuningSpec(Part):
    """The search inside each outer training set."""

    trials: int = optional("Candidates per model.", default=10, ge=1, le=10_000)
    sampler: Literal["qmc", "tpe", "random"] = "qmc"
    criterion: Literal["brier", "log_loss", "auc"] = optional(
        "What candidates are judged by; of numbers it is the mean squared error.", default="brier"
    )
    prune: bool = optional(
        "Give up candidates that are behind after some inner folds.", default=False
    )

    @model_validator(mode="after")
    def check_prune(self) -> Self:
        """Require a sampler whose candidates come one by one, if some are to be given up."""
        if self.prune and self.sampler == "qmc":
            text = (
                "found true with sampler qmc, whose candidates come all at once; required: sampler "
                "tpe or random. Name one of them, or remove prune."
            )
            refuse_misfits([(("prune",), text)])
        return self


IntervalName = Literal["score_perm", "score", "nadeau_bengio", "bootstrap_cv"]


class InferenceSpec(Part):
    """The joint permutation test over all outcomes, follow-ups and models, and the intervals."""

    permutations: int = optional("0 for no test.", default=999, ge=0, le=100_000)
    stop_early: bool = optional(
        "Stop once the permutations still to come cannot change what is decided.", default=True
    )
    interval: IntervalName = optional(
        "Of the AUC: score_perm, with the variance of the permutations if there are 100, else as "
        "score; score, with twice the variance of a fixed rule; nadeau_bengio, of the folds; "
        "bootstrap_cv, of 100 resamples through the whole procedure.",
        default="score_perm",
    )

    @model_validator(mode="before")
    @classmethod
    def check_repeats(cls, given: object) -> object:
        """Refuse the number of repeats that the test once had of its own."""
        if isinstance(given, Mapping) and "repeats" in given:
            text = (
                "is no key any more: the test now repeats the folds as often as the estimate does "
                "(validation.repeats), so that a p is of the figure beside it. Remove the line."
            )
            refuse_misfits([(("repeats",), text)])
        return given


class Experiment(Part):
    """What shall be done: all that can change a result."""

    name: Name
    question: str
    cohort: CohortSpec
    features: tuple[FeatureSpec, ...] = Field(min_length=1)
    outcomes: tuple[OutcomeSpec, ...] = Field(min_length=1)
    models: tuple[str, ...] = Field(default=DEFAULT_MODELS, min_length=1)
    own_models: dict[Name, ModelSpec] = Field(
        default_factory=dict,
        description="Estimators of the user's own, by name; filled from configs/models/.",
    )
    validation: ValidationSpec = ValidationSpec()
    tuning: TuningSpec = TuningSpec()
    inference: InferenceSpec = InferenceSpec()
    known_at: Name | None = optional(
        "The visit at which the prediction is made (a landmark); baseline if absent."
    )
    muted: dict[str, Annotated[str, Field(min_length=1)]] = optional(
        "Findings that contradict a claim, by number, each with the reason why it does not here.",
        default_factory=dict,
    )
    seed: int = Field(ge=0, le=2**32 - 1)

    # Where it is written and where data lie are not what it says: no part of its fingerprint.
    _places: Places = PrivateAttr(default_factory=dict)
    _folder: Path = PrivateAttr(default_factory=Path.cwd)
    _tables: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Tables in memory: what the cohort calls their file -> table. They are data, no key."""
        return self._tables

    @property
    def folder(self) -> Path:
        """The study folder: every path in the experiment is relative to it."""
        return self._folder

    def where(self, *path: str | int) -> str:
        """Return the place of a key as its author wrote it: file, line and dotted path."""
        return place_of(path, self._places)

    @field_validator("models")
    @classmethod
    def check_models(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        """Require every model once."""
        refuse_misfits(repeated(models, "model"))
        return models

    @field_validator("outcomes")
    @classmethod
    def check_outcomes(cls, outcomes: tuple[OutcomeSpec, ...]) -> tuple[OutcomeSpec, ...]:
        """Require every name of an outcome once, and one primary follow-up at most."""
        faults = repeated([outcome.name for outcome in outcomes], "outcome")
        primary = [number for number, outcome in enumerate(outcomes) if outcome.primary is not None]
        refuse_misfits(
            [
                *(((*path, "name"), text) for path, text in faults),
                *(
                    (
                        (number, "primary"),
                        f"found a second primary follow-up; outcome '{outcomes[primary[0]].name}' "
                        "has one. One question is decided on beforehand; what else is found has to "
                        "count all looks. Keep one of them.",
                    )
                    for number in primary[1:]
                ),
            ]
        )
        return outcomes

    @model_validator(mode="after")
    def check_known_at(self) -> Self:
        """Require the landmark to be a declared visit."""
        if self.known_at is not None:
            refuse_misfits(undeclared(("known_at",), self.known_at, self.cohort.visits))
        return self

    @property
    def landmark(self) -> str:
        """The visit at which the prediction is made: features up to it, outcomes after it."""
        return self.known_at or self.cohort.baseline

    def __eq__(self, other: object) -> bool:
        """Return whether both say the same, wherever they were written."""
        return isinstance(other, Experiment) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(fingerprint(self))


def experiment_from(
    data: Mapping[str, Any],
    *,
    places: Places | None = None,
    folder: Path | None = None,
    earlier: Sequence[str] = (),
    unread: Collection[str] = (),
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> Experiment:
    """Return the validated experiment of a composed mapping.

    Parameters
    ----------
    data : mapping
        The composed experiment; no ``use`` is left in it.
    places : mapping, optional
        Key path -> file and line, for messages.
    folder : Path, optional
        The study folder; the current one by default.
    earlier : sequence of str
        Faults that composing met, reported together with those of the content.
    unread : collection of str
        Keys whose piece could not be read: what is missing there is not a fault of its own.
    tables : mapping of str to DataFrame, optional
        Tables in memory, by what the cohort writes under ``file``: they are read instead of
        files. They are no part of `composed`, `fingerprint` or equality.

    Returns
    -------
    Experiment
        Frozen.

    Raises
    ------
    SpecError
        With every fault at once: place, found, required, and a did-you-mean.
    """
    known = places or {}
    experiment, faults = validated(Experiment, data, known, unread)
    raise_faults(SpecError, [*earlier, *faults])
    assert experiment is not None
    experiment._places = known
    experiment._folder = (folder or Path.cwd()).resolve()
    experiment._tables = tables or {}
    return experiment


def composed(experiment: Experiment) -> dict[str, Any]:
    """Return the whole experiment as plain values, defaults written out.

    Parameters
    ----------
    experiment : Experiment
        Any.

    Returns
    -------
    dict
        `experiment_from` makes an equal experiment of it.
    """
    return experiment.model_dump(mode="json", by_alias=True)


def fingerprint(experiment: Experiment) -> str:
    """Return 64 hexadecimal digits that are equal for equal experiments.

    The order of free keys counts: a category's first level is its reference.

    Parameters
    ----------
    experiment : Experiment
        Any.

    Returns
    -------
    str
        SHA-256 of the composed experiment.
    """
    # Letters are escaped, so that the digits do not depend on an encoding.
    text = json.dumps(composed(experiment), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
