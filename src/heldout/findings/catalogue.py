"""The catalogue of checks, and how they are run."""

from __future__ import annotations

from typing import Any

from heldout.cohort.people import Cohort
from heldout.errors import SpecError, raise_faults
from heldout.findings import data, method, reading, scores, sites
from heldout.findings.check import Check, StudyData
from heldout.record import Finding, RunRecord
from heldout.spec.experiment import Experiment

_CHECKS: tuple[Check[Any], ...] = (
    Check("HO001", "Patients for the parameters", RunRecord, method.events_per_feature),
    Check("HO002", "Attrition", RunRecord, method.attrition),
    Check("HO003", "Baseline inside the outcome", RunRecord, method.baseline_in_outcome),
    Check("HO004", "Calibration", RunRecord, method.calibration),
    Check("HO005", "Outcomes not evaluated", RunRecord, method.declined_outcomes),
    Check("HO006", "Best of the table", RunRecord, method.best_of_table),
    Check("HO007", "Convergence", RunRecord, method.convergence),
    Check("HO008", "Too good to be true", RunRecord, method.too_good, "holds back"),
    Check("HO009", "Permutation test", RunRecord, method.permutation_test),
    Check("HO010", "Inclusion after baseline", RunRecord, method.later_inclusion),
    Check("HO011", "Patients who stand in a further table only", Cohort, reading.strangers),
    Check("HO012", "Rows that compete for a visit", Cohort, reading.competing_rows),
    Check("HO013", "Rows in no visit's window", Cohort, reading.rows_outside_windows),
    Check("HO014", "Visits that do not fit their day", Cohort, reading.misdated_visits),
    Check("HO015", "Simulated data", StudyData, data.simulated_data),
    Check("HO016", "Scores that disagree with their items", StudyData, scores.disagreeing_scores),
    Check("HO017", "Patients who are alike", StudyData, data.alike_patients, "holds back"),
    Check("HO018", "Directions of scales", StudyData, scores.directions),
    Check("HO019", "Features that do not differ", StudyData, data.constant_features),
    Check("HO020", "Known too late", StudyData, data.later_columns),
    Check("HO021", "Missing values", StudyData, data.missing_features),
    Check("HO022", "Missing with drop-out", StudyData, data.missing_with_dropout),
    Check("HO023", "Suspicious coding", StudyData, scores.suspicious_codes),
    Check("HO024", "Prorated scores", StudyData, scores.prorated_scores),
    Check("HO025", "Baseline measured after the baseline day", Cohort, reading.late_baselines),
    Check("HO026", "Columns that are read twice", Cohort, reading.columns_read_twice),
    # Outcomes move within sites, so a difference between them explains no evidence away.
    Check(
        "HO027",
        "Outcomes that differ between sites",
        StudyData,
        sites.differing_sites,
        "qualifies",
    ),
)
CATALOGUE = {check.code: check for check in _CHECKS}


def run_checks(subject: Cohort | StudyData | RunRecord) -> tuple[Finding, ...]:
    """Return what the checks see that need what is given.

    Parameters
    ----------
    subject : Cohort, StudyData or RunRecord
        Of a cohort it is looked at how its tables were read, of a record at the method.

    Returns
    -------
    tuple of Finding
        One a check, in the order of their numbers.
    """
    return tuple(
        Finding(code=check.code, title=check.title, **check.see(subject)._asdict())
        for check in _CHECKS
        if isinstance(subject, check.needs)
    )


def standing_first(subject: StudyData | RunRecord) -> tuple[Finding, ...]:
    """Return what stands before the answers, of the checks that need what is given.

    Parameters
    ----------
    subject : StudyData or RunRecord
        As in `run_checks`.

    Returns
    -------
    tuple of Finding
        Issues only.
    """
    seen = (
        Finding(code=check.code, title=check.title, **check.see(subject)._asdict())
        for check in _CHECKS
        if check.stands_first and isinstance(subject, check.needs)
    )
    return tuple(finding for finding in seen if finding.verdict == "issue")


def holds_back(code: str) -> bool:
    """Return whether an issue of this number holds back the word evidence.

    Parameters
    ----------
    code : str
        Of a check.

    Returns
    -------
    bool

    Examples
    --------
    >>> holds_back("HO008"), holds_back("HO027"), holds_back("HO001")
    (True, False, False)
    """
    return CATALOGUE[code].stands_first == "holds back"


def check_muted(experiment: Experiment) -> None:
    """Require that what an experiment mutes can hold a verdict back.

    Parameters
    ----------
    experiment : Experiment
        Its ``muted``.

    Raises
    ------
    SpecError
        With every number that is none of these findings: muting it would change nothing.
    """
    known = [code for code in CATALOGUE if holds_back(code)]
    raise_faults(
        SpecError,
        [
            f"{experiment.where('muted', code)}: found '{code}'; required: a finding that holds "
            f"back the word evidence: {', '.join(known)}. Correct the number, or remove it."
            for code in experiment.muted
            if code not in known
        ],
    )


def is_of_method(code: str) -> bool:
    """Return whether a code is about the method; all others are about the data.

    Parameters
    ----------
    code : str
        Of a finding, perhaps of a newer version.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_of_method("HO001"), is_of_method("HO011"), is_of_method("HO999")
    (True, False, False)
    """
    return code in CATALOGUE and CATALOGUE[code].needs is RunRecord
