"""The experiment file: composed, overridden, validated. Nothing here computes.

An experiment says everything that can change a result. It is written in YAML with two
verbs only: ``use`` a piece from ``configs/<kind>/<name>.yaml``, and override a key. Every
fault is reported at once, with its place in the file as the author wrote it.
"""

from heldout.spec.cohort import CohortSpec, ColumnSpec, InclusionSpec, TableSpec, VisitSpec
from heldout.spec.composition import load_experiment, study_folder
from heldout.spec.experiment import (
    Experiment,
    InferenceSpec,
    TuningSpec,
    ValidationSpec,
    composed,
    experiment_from,
    fingerprint,
)
from heldout.spec.faults import validated
from heldout.spec.features import FeatureSpec
from heldout.spec.instrument import InstrumentKey, ScoreKey, SkipRule, read_instrument_key
from heldout.spec.outcomes import EarlierRule, OutcomeSpec, ReliableSpec, RuleSpec

__all__ = [
    "CohortSpec",
    "ColumnSpec",
    "EarlierRule",
    "Experiment",
    "FeatureSpec",
    "InclusionSpec",
    "InferenceSpec",
    "InstrumentKey",
    "OutcomeSpec",
    "ReliableSpec",
    "RuleSpec",
    "ScoreKey",
    "SkipRule",
    "TableSpec",
    "TuningSpec",
    "ValidationSpec",
    "VisitSpec",
    "composed",
    "experiment_from",
    "fingerprint",
    "load_experiment",
    "read_instrument_key",
    "study_folder",
    "validated",
]
