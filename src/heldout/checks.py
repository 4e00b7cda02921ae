"""Numbered findings about a run's method, one function each.

A finding is ``issue`` (read the results differently because of it), ``tip`` (worth knowing),
``passed``, or ``not_applicable``: nothing passes in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from heldout.findings import Finding
from heldout.inference import LEVEL, Cell
from heldout.models import models_of
from heldout.record import OutcomeFacts, RunRecord
from heldout.wording import decimal, p_value

_ENOUGH_EVENTS_PER_FEATURE = 10
_ATTRITION_WORTH_SAYING = 0.10
_ENOUGH_TO_CALIBRATE = 30
TOO_GOOD, SMALL = 0.95, 100

_Result = tuple[str, str]


def _evaluated(record: RunRecord) -> list[OutcomeFacts]:
    """Return the outcomes that were evaluated."""
    return [outcome for outcome in record.outcomes if outcome.status == "evaluated"]


def _classes(record: RunRecord) -> list[OutcomeFacts]:
    """Return the outcomes of yes and no that were evaluated; a number has no events."""
    return [outcome for outcome in _evaluated(record) if outcome.kind == "class"]


def _spoken(outcome: OutcomeFacts) -> str:
    """Return an outcome at its follow-up as it is spoken of."""
    return f"{outcome.name.replace('_', ' ')} at {outcome.follow_up}"


def _informative(outcome: OutcomeFacts) -> int:
    """Return how many patients inform a model: of a number all, of an event the rarer class."""
    if outcome.kind == "number":
        return outcome.n
    return min(outcome.events, outcome.n - outcome.events)


def _events_per_feature(record: RunRecord) -> _Result:
    """Call a study exploratory below ten events per candidate feature (Riley et al. 2020)."""
    n_features = len(record.features)
    ratios = {
        _spoken(outcome): _informative(outcome) / n_features for outcome in _evaluated(record)
    }
    low = {name: ratio for name, ratio in ratios.items() if ratio < _ENOUGH_EVENTS_PER_FEATURE}
    if not low:
        return "passed", "Every outcome has ten or more events per candidate feature."
    listed = "; ".join(f"{name} {ratio:.1f}" for name, ratio in low.items())
    patients = "" if _classes(record) == _evaluated(record) else ", or patients of a number,"
    return (
        "issue",
        f"Events{patients} per candidate feature ({n_features} features): {listed}. Below "
        f"{_ENOUGH_EVENTS_PER_FEATURE}, results are exploratory.",
    )


def _attrition(record: RunRecord) -> _Result:
    """Name follow-ups at which more than a tenth of the patients was not observed."""
    lost = {
        _spoken(outcome): 1 - outcome.n / record.n_patients
        for outcome in record.outcomes
        if 1 - outcome.n / record.n_patients > _ATTRITION_WORTH_SAYING
    }
    if not lost:
        return "passed", "At most a tenth of the patients is missing at any follow-up."
    listed = "; ".join(f"{name} {share:.0%}".replace("%", " %") for name, share in lost.items())
    return (
        "issue",
        f"Not observed: {listed}. Only observed patients are analysed; if who stays depends on "
        "how they fare, rates are too favourable.",
    )


def _coupling(record: RunRecord) -> _Result:
    """Name outcomes computed from baseline: arithmetic partly predicts them (Oldham 1962)."""
    coupled = [
        f"{_spoken(outcome)}{_by_arithmetic(record, outcome)}"
        for outcome in _evaluated(record)
        if outcome.from_baseline
    ]
    if not coupled:
        return "passed", "No outcome is computed from the baseline score."
    return (
        "tip",
        f"The baseline score is part of: {'; '.join(coupled)}. Baseline severity predicts these by "
        "arithmetic alone; read every model beside it.",
    )


def _by_arithmetic(record: RunRecord, outcome: OutcomeFacts) -> str:
    """Return what the baseline score alone reaches of an outcome; nothing if it is unknown."""
    place = (outcome.name, outcome.follow_up)
    for cell in record.headline:
        if (cell.outcome, cell.follow_up) == place and cell.arithmetic is not None:
            return f" (arithmetic {cell.of_kind.reached(cell.arithmetic)})"
    return ""


def _calibration(record: RunRecord) -> _Result:
    """Refuse calibration slopes and curves below thirty patients in the rarer class."""
    few = [
        f"{_spoken(outcome)} ({_informative(outcome)})"
        for outcome in _classes(record)
        if _informative(outcome) < _ENOUGH_TO_CALIBRATE
    ]
    if not few:
        return "not_applicable", "Calibration curves are not drawn by this version."
    return (
        "tip",
        f"Patients in the rarer class: {', '.join(few)}. Below {_ENOUGH_TO_CALIBRATE} calibration "
        "cannot be assessed; probabilities are uncalibrated scores.",
    )


def _declined(record: RunRecord) -> _Result:
    """Repeat why outcomes could not be evaluated."""
    reasons = [outcome.reason for outcome in record.outcomes if outcome.reason]
    return ("issue", " ".join(reasons)) if reasons else ("passed", "Every outcome was evaluated.")


def _best_of_table(record: RunRecord) -> _Result:
    """Set the highest figure of the table, which is no estimate, beside the headline."""
    sentences = []
    for kind, figures in (("class", "AUCs"), ("number", "shares of variance explained")):
        cells = [cell for cell in record.cells if cell.kind == kind and cell.estimate is not None]
        if not cells:
            continue
        best = max(cells, key=lambda cell: cell.estimate or 0.0)
        label = models_of(record.experiment)[best.model].for_kind(best.kind).label
        sentences.append(
            f"The highest of {len(cells)} {figures} is {_figure(best)} ({label}, {best.outcome} at "
            f"{best.follow_up}). A maximum is not an estimate; the procedure that chooses inside "
            f"the folds reaches {_figure(_matching(record.headline, best))} there."
        )
    test = record.permutation
    if test is not None and test.best_mean is not None and test.best_high is not None:
        sentences.append(
            f"In {test.permutations} permutations, where there is nothing to find, the best AUC "
            f"was {decimal(test.best_mean)} on average, and {decimal(test.best_high)} or more in 1 "
            "of 20."
        )
    return "tip", " ".join(sentences)


def _figure(cell: Cell) -> str:
    """Return the figure that decides, as it is printed."""
    return cell.of_kind.spoken(cell.estimate)


def _matching(headline: tuple[Cell, ...], cell: Cell) -> Cell:
    """Return the headline of a cell's outcome and follow-up."""
    place = (cell.outcome, cell.follow_up)
    return next(one for one in headline if (one.outcome, one.follow_up) == place)


def _convergence(record: RunRecord) -> _Result:
    """Count final fits whose solver stopped at its limit of iterations."""
    failed = record.choices[~record.choices["converged"].astype(bool)]
    if failed.empty:
        return "passed", "Every final fit converged."
    every = record.choices["model"].value_counts()
    counts = failed["model"].value_counts()
    listed = ", ".join(
        f"{models_of(record.experiment)[model].label} {counts[model]} of {every[model]}"
        for model in map(str, counts.index)
    )
    return "issue", f"Final fits that did not converge: {listed}."


def _too_good(record: RunRecord) -> _Result:
    """Suspect an AUC or an R squared of .95 at under a hundred patients: more often a leak."""
    suspects = [
        f"{cell.outcome} at {cell.follow_up} ({_figure(cell)})"
        for cell in record.headline
        if cell.estimate is not None and cell.estimate >= TOO_GOOD and cell.n < SMALL
    ]
    if not suspects:
        return "passed", "No headline is too good to be true."
    return "issue", f"Too good for so few patients: {', '.join(suspects)}. Look for a leak first."


def _permutation_test(record: RunRecord) -> _Result:
    """Say how the permutation test was made; without one an interval is a hint."""
    test = record.permutation
    if test is None:
        return (
            "tip",
            "No permutation test was made; an interval above chance is a hint, not a test.",
        )
    made = (
        "1 permutation was" if test.permutations == 1 else f"{test.permutations} permutations were"
    )
    if test.enumerated:
        how = "all there are that can be evaluated"
    elif test.stopped:
        how = f"of {test.asked} asked for; the best cell had been reached ten times by then"
    else:
        how = "as many as asked for"
    again = "1 draw" if test.redrawn == 1 else f"{test.redrawn} draws"
    words = (
        f"{made} made, {how}. {again} could not be evaluated and were replaced."
        if test.redrawn
        else f"{made} made, {how}."
    )
    smallest = 1 / (test.permutations + 1)
    if smallest > LEVEL and not test.stopped:
        return (
            "tip",
            f"{words} With so few no p can be below {p_value(smallest)}, whatever there is to "
            "find.",
        )
    return "passed", words


def _later_inclusion(record: RunRecord) -> _Result:
    """Name inclusion rules that look at a follow-up: whoever left is no longer counted."""
    cohort = record.experiment.get("cohort", {})
    days = {name: visit["day"] for name, visit in cohort.get("visits", {}).items()}
    start = days.get(cohort.get("baseline"), 0)
    late = [
        rule["label"]
        for rule in cohort.get("include", [])
        if days.get(rule.get("visit") or cohort["baseline"], start) > start
    ]
    if not late:
        return "passed", "Patients are included by what was known at baseline."
    return (
        "issue",
        f"Included by what came after baseline: {'; '.join(late)}. Nobody can be included so when "
        "the prediction is made, and patients who left do not count as lost.",
    )


CHECKS: dict[str, tuple[str, Callable[[RunRecord], _Result]]] = {
    "HO001": ("Events per feature", _events_per_feature),
    "HO002": ("Attrition", _attrition),
    "HO003": ("Baseline inside the outcome", _coupling),
    "HO004": ("Calibration", _calibration),
    "HO005": ("Outcomes not evaluated", _declined),
    "HO006": ("Best of the table", _best_of_table),
    "HO007": ("Convergence", _convergence),
    "HO008": ("Too good to be true", _too_good),
    "HO009": ("Permutation test", _permutation_test),
    "HO010": ("Inclusion after baseline", _later_inclusion),
}


def run_checks(record: RunRecord) -> RunRecord:
    """Return the record with the findings of all checks.

    Parameters
    ----------
    record : RunRecord
        Complete but for its findings; those of its data are kept.

    Returns
    -------
    RunRecord
        Findings of the data first.
    """
    findings = [one for one in record.findings if one.code not in CHECKS]
    for code, (title, check) in CHECKS.items():
        verdict, text = check(record)
        findings.append(Finding(code=code, title=title, verdict=verdict, text=text))
    return replace(record, findings=tuple(findings))
