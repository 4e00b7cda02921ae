"""Everything decided before anything is fitted: who, what, from what, in which folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heldout.cohort.inclusion import FlowStep
from heldout.cohort.people import include_patients, read_cohort
from heldout.deferred import Deferred
from heldout.describe.description import Description, describe_cohort
from heldout.features.columns import FeatureMatrix
from heldout.features.matrix import build_features, reference_matrices
from heldout.findings.catalogue import check_muted, run_checks, standing_first
from heldout.findings.check import StudyData
from heldout.instruments.keys import load_keys
from heldout.instruments.scoring import score_instruments
from heldout.models.definition import Model
from heldout.models.named import check_models
from heldout.outcomes.derivation import derive_outcomes
from heldout.record import Finding
from heldout.spec.experiment import Experiment
from heldout.study.design import Design, site_numbers, with_folds
from heldout.study.resampling import check_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """A study ready to be fitted: its design, and what describes it.

    Attributes
    ----------
    design : Design
        All that units of work need.
    experiment : Experiment
        What was asked for.
    data_fingerprint : str
        Digest of the data.
    patients : tuple of str
        Sorted pseudonyms; every array follows this order.
    site : tuple of str, or None
        One a patient.
    matrix : FeatureMatrix
        What is known at baseline, with its provenance.
    references : tuple of mapping of str to FeatureMatrix
        For each outcome, what its reference models see, as in `Design`.
    flow : tuple of FlowStep
        Patients at each step of inclusion.
    findings : sequence of Finding
        What was seen in the data; looked for when it is first read.
    objections : sequence of Finding
        Those of the data that stand before the answers; looked for when first read.
    description : Description
        Of the patients.
    """

    design: Design
    experiment: Experiment
    data_fingerprint: str
    patients: tuple[str, ...]
    site: tuple[str, ...] | None
    matrix: FeatureMatrix
    references: tuple[Mapping[str, FeatureMatrix], ...]
    flow: tuple[FlowStep, ...]
    findings: Sequence[Finding] = ()
    objections: Sequence[Finding] = ()
    description: Description = field(default_factory=Description)

    def matrix_of(self, number: int, model: Model) -> FeatureMatrix:
        """Return the columns that a model of one outcome sees."""
        return self.matrix if model.columns == "all" else self.references[number][model.columns]


def plan_study(experiment: Experiment) -> StudyPlan:
    """Return the plan of an experiment; nothing is fitted.

    Parameters
    ----------
    experiment : Experiment
        Validated.

    Returns
    -------
    StudyPlan

    Raises
    ------
    StudyError
        Of the stage that found faults, with all of that stage's faults; `DesignError` if the
        cohort is too small, or no outcome can be evaluated.
    """
    models = check_models(experiment)
    check_muted(experiment)
    keys = load_keys(experiment)
    cohort = score_instruments(read_cohort(experiment, keys), keys)
    # After scoring: a rule may ask for a score that was made of items.
    cohort = include_patients(experiment, cohort)
    outcomes = derive_outcomes(experiment, cohort, keys)
    matrix = build_features(experiment, cohort, keys)
    references = tuple(
        reference_matrices(experiment, cohort, spec.severity or spec.column, keys)
        for spec in experiment.outcomes
        for _ in spec.at
    )
    data = StudyData(
        experiment=experiment, cohort=cohort, keys=keys, outcomes=outcomes, matrix=matrix
    )
    site = site_numbers(cohort.site)
    declined, folds = with_folds(outcomes, experiment.validation, seed=experiment.seed, site=site)
    experiment = _with_repeats(experiment, len(folds.folds))
    design = Design(
        outcomes=outcomes,
        declined=declined,
        folds=folds,
        features=matrix.values,
        composition=matrix.composition,
        references=tuple(
            {name: matrix.values for name, matrix in known.items()} for known in references
        ),
        site=site,
        models=models,
        validation=experiment.validation,
        tuning=experiment.tuning,
        inference=experiment.inference,
        seed=experiment.seed,
    )
    check_interval(design)
    return StudyPlan(
        design=design,
        experiment=experiment,
        data_fingerprint=cohort.data_fingerprint,
        patients=cohort.patients,
        site=cohort.site,
        matrix=matrix,
        references=references,
        flow=cohort.flow,
        findings=Deferred(lambda: run_checks(cohort) + run_checks(data)),
        objections=Deferred(lambda: standing_first(data)),
        description=describe_cohort(experiment, cohort, keys, outcomes),
    )


def _with_repeats(experiment: Experiment, n_repeats: int) -> Experiment:
    """Return an experiment that says how often its outer folds are repeated."""
    validation = experiment.validation.model_copy(update={"repeats": n_repeats})
    return experiment.model_copy(update={"validation": validation})
