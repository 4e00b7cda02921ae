"""What a run did: size, follow-up, fits, and whether its figures can be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from heldout.findings.check import Seen, named
from heldout.inference.cells import Cell
from heldout.inference.permutation import LEVEL
from heldout.inference.sentences import best_words
from heldout.inference.sizes import ANTICIPATED_C, Size
from heldout.kinds import KINDS, Kind
from heldout.metrics.calibration import FEWEST_TO_CALIBRATE
from heldout.models.named import models_of
from heldout.record import OutcomeFacts, RunRecord
from heldout.wording import counted, p_value, percent

ATTRITION_WORTH_SAYING = 0.10
# So high an AUC of so few patients is a leak far more often than a finding.
TOO_GOOD, SMALL = 0.95, 100


def _evaluated(record: RunRecord) -> list[OutcomeFacts]:
    """Return the outcomes that were evaluated."""
    return [outcome for outcome in record.outcomes if outcome.status == "evaluated"]


def _spoken(outcome: OutcomeFacts) -> str:
    """Return an outcome at its follow-up as it is spoken of."""
    return f"{outcome.name.replace('_', ' ')} at {outcome.follow_up}"


def _informative(outcome: OutcomeFacts) -> int:
    """Return how many patients inform a model: of a number all, of an event the rarer class."""
    if not KINDS[outcome.kind].has_events:
        return outcome.n
    return min(outcome.events, outcome.n - outcome.events)


def events_per_feature(record: RunRecord) -> Seen:
    """Call a study exploratory that has fewer patients than Riley's criteria ask at a C of .70.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    Seen
    """
    sizes = [(_spoken(outcome), _size_of(outcome, record)) for outcome in _evaluated(record)]
    few = [
        f"{name[:1].upper()}{name[1:]}: {size.sentence}"
        for name, size in sizes
        if size.n < size.required(ANTICIPATED_C)
    ]
    return named(
        " ".join(few),
        "{} With fewer patients than that, results are exploratory.",
        "Every outcome has as many patients as its candidate parameters need.",
    )


def _size_of(outcome: OutcomeFacts, record: RunRecord) -> Size:
    """Return how many patients an outcome has for the candidate parameters of a record."""
    events = outcome.events if KINDS[outcome.kind].has_events else None
    return Size(n=outcome.n, events=events, parameters=len(record.features))


def attrition(record: RunRecord) -> Seen:
    """Name follow-ups at which more than a tenth of the patients was not observed.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    Seen
    """
    shares = {_spoken(outcome): 1 - outcome.n / record.n_patients for outcome in record.outcomes}
    lost = [
        f"{name} {percent(share)}"
        for name, share in shares.items()
        if share > ATTRITION_WORTH_SAYING
    ]
    return named(
        "; ".join(lost),
        "Not observed: {}. Only observed patients are analysed; if who stays depends on how they "
        "fare, rates are too favourable.",
        "At most a tenth of the patients is missing at any follow-up.",
    )


def baseline_in_outcome(record: RunRecord) -> Seen:
    """Name outcomes computed from baseline: arithmetic partly predicts them (Oldham 1962).

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    Seen
    """
    cells = {(cell.outcome, cell.follow_up): cell for cell in record.headline}
    coupled = [
        f"{_spoken(outcome)}{_by_arithmetic(cells.get((outcome.name, outcome.follow_up)))}"
        for outcome in _evaluated(record)
        if outcome.from_baseline
    ]
    return named(
        "; ".join(coupled),
        "The baseline score is part of: {}. Baseline severity predicts these by arithmetic alone; "
        "read every model beside it.",
        "No outcome is computed from the baseline score.",
        "tip",
    )


def _by_arithmetic(cell: Cell | None) -> str:
    """Return what the baseline score alone reaches of an outcome; nothing if it is unknown."""
    if cell is None or cell.arithmetic is None:
        return ""
    return f" (arithmetic {cell.of_kind.reached(cell.arithmetic)})"


def calibration(record: RunRecord) -> Seen:
    """Name outcomes with under thirty patients in the rarer class: calibration is not estimated.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    Seen
    """
    classes = [outcome for outcome in _evaluated(record) if KINDS[outcome.kind].has_events]
    few = [
        f"{_spoken(outcome)} ({_informative(outcome)})"
        for outcome in classes
        if _informative(outcome) < FEWEST_TO_CALIBRATE
    ]
    if not classes:
        return Seen("not_applicable", "No outcome that was evaluated is a yes or no.")
    if not few:
        return Seen(
            "passed",
            f"Every outcome has {FEWEST_TO_CALIBRATE} or more patients in the rarer class: slope, "
            "index and curve of calibration are given.",
        )
    return Seen(
        "tip",
        f"Patients in the rarer class: {', '.join(few)}. Below {FEWEST_TO_CALIBRATE} calibration "
        "cannot be assessed; probabilities are uncalibrated scores.",
    )


def declined_outcomes(record: RunRecord) -> Seen:
    """Repeat why outcomes could not be evaluated.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    Seen
    """
    reasons = [outcome.reason for outcome in record.outcomes if outcome.reason]
    return named(" ".join(reasons), "{}", "Every outcome was evaluated.")


def best_of_table(record: RunRecord) -> Seen:
    """Set the highest figure of the table, which is no estimate, beside the headline.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    Seen
    """
    texts = [text for kind in KINDS.values() for text in _best_of(record, kind)]
    test = record.permutation
    if test is not None and (best := best_words(test)):
        texts.append(
            f"In {test.permutations} permutations, where there is nothing to find, {best}."
        )
    return Seen("tip", " ".join(texts))


def _best_of(record: RunRecord, kind: Kind) -> Iterator[str]:
    """Yield the highest figure of a kind, and what the headline reaches at its place."""
    cells = [cell for cell in record.cells if cell.kind == kind.name and cell.estimate is not None]
    if cells:
        best = max(cells, key=lambda cell: cell.estimate or 0.0)
        label = models_of(record.experiment)[best.model].for_kind(best.kind).label
        at = (best.outcome, best.follow_up)
        headline = next(cell for cell in record.headline if (cell.outcome, cell.follow_up) == at)
        yield (
            f"The highest of {len(cells)} {kind.plural} is {_figure(best)} ({label}, "
            f"{best.outcome} at {best.follow_up}). A maximum is not an estimate; the procedure "
            f"that chooses inside the folds reaches {_figure(headline)} there."
        )


def _figure(cell: Cell) -> str:
    """Return the figure that decides, as it is printed."""
    return cell.of_kind.spoken(cell.estimate)


def convergence(record: RunRecord) -> Seen:
    """Count final fits whose solver stopped at its limit of iterations.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    Seen
    """
    failed = record.choices[~record.choices["converged"].astype(bool)]
    every, models = Counter(record.choices["model"]), models_of(record.experiment)
    counts = [
        f"{models[model].label} {n} of {every[model]}"
        for model, n in Counter(failed["model"]).most_common()
    ]
    words = "Final fits that did not converge: {}."
    return named(", ".join(counts), words, "Every final fit converged.")


def too_good(record: RunRecord) -> Seen:
    """Suspect an AUC or an R squared of .95 at under a hundred patients: more often a leak.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    Seen
    """
    suspects = [
        f"{cell.outcome} at {cell.follow_up} ({_figure(cell)})"
        for cell in record.headline
        if cell.estimate is not None and cell.estimate >= TOO_GOOD and cell.n < SMALL
    ]
    words = "Too good for so few patients: {}. Look for a leak first."
    return named(", ".join(suspects), words, "No headline is too good to be true.")


def permutation_test(record: RunRecord) -> Seen:
    """Say how the permutation test was made; without one an interval is a hint.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    Seen
    """
    test = record.permutation
    if test is None:
        text = "No permutation test was made; an interval above chance is a hint, not a test."
        return Seen("tip", text)
    if test.enumerated:
        how = "all there are that can be evaluated"
    elif test.stopped:
        how = f"of {test.asked} asked for; those left could not change what is decided"
    else:
        how = "as many as asked for"
    text = f"{counted(test.permutations, 'permutation was', 'permutations were')} made, {how}."
    if test.unmoved:
        text += f" {counted(test.unmoved, 'patient')} could change places with nobody."
    if test.redrawn:
        text += f" {counted(test.redrawn, 'draw')} could not be evaluated and were replaced."
    # A test that ended early could have gone on; one that did not can reach no smaller p.
    smallest = 1 / (test.permutations + 1)
    if smallest > LEVEL and not test.stopped:
        return Seen(
            "tip",
            f"{text} With so few no p can be below {p_value(smallest)}, whatever there is to find.",
        )
    return Seen("passed", text)


def later_inclusion(record: RunRecord) -> Seen:
    """Name inclusion rules that look at a follow-up: whoever left is no longer counted.

    Parameters
    ----------
    record : RunRecord
        Complete.

    Returns
    -------
    Seen
    """
    cohort = record.experiment.get("cohort", {})
    days = {name: visit["day"] for name, visit in cohort.get("visits", {}).items()}
    start = days.get(cohort.get("baseline"), 0)
    late = [
        rule["label"]
        for rule in cohort.get("include", [])
        if days.get(rule.get("visit") or cohort["baseline"], start) > start
    ]
    return named(
        "; ".join(late),
        "Included by what came after baseline: {}. Nobody can be included so when the prediction "
        "is made, and patients who left do not count as lost.",
        "Patients are included by what was known at baseline.",
    )
