"""What noise would have found: the permutation test, as the page says and draws it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from heldout.inference.associations import ASSOCIATIONS
from heldout.inference.permutation import PermutationTest
from heldout.inference.sentences import best_words
from heldout.models.named import models_of
from heldout.record import RunRecord
from heldout.report.prose import paragraphs, section
from heldout.report.tables import Section
from heldout.report.targets import Target
from heldout.wording import counted, decimal, p_value

# Bars from an AUC of 0 to 1.
_BARS = 40
# AUCs that differ by less are equal but for rounding.
_EQUAL = 1e-9


def build_noise(record: RunRecord, targets: Sequence[Target]) -> Section | None:
    """Return what the permutations found, and how they were made; nothing without a test.

    Parameters
    ----------
    record : RunRecord
        Complete.
    targets : sequence of Target
        Of the same record.

    Returns
    -------
    dict or None
        ``figure`` has the best AUC of every permutation as bars; None if no event is predicted.
    """
    test = record.permutation
    if test is None:
        return None
    figure = _best_of_noise(record, targets, test)
    return section("noise", found=figure["found"] if figure else "") | {
        "figure": figure,
        "paragraphs": paragraphs(
            "noise",
            test=test,
            # Whether the headline named beforehand was evaluated.
            primary=any(facts.primary and facts.status == "evaluated" for facts in record.outcomes),
            sites=record.sites,
            asked=bool(record.associated),
            severity=any(of.beyond_severity for of in record.associated),
            n_patients=record.n_patients,
            repeats=int(record.experiment["validation"]["repeats"]),
            smallest_p=p_value(1 / (test.permutations + 1)),
            counted=counted,
        ),
    }


def _best_of_noise(
    record: RunRecord, targets: Sequence[Target], test: PermutationTest
) -> Section | None:
    """Return the best AUC of every permutation beside the observed best; None without an AUC."""
    starts = tuple(
        f"{target.facts.name}.{target.facts.follow_up}."
        for target in targets
        if target.kind.has_events
    )
    columns = [
        name
        for name in record.permutations.columns
        if name.startswith(starts) and name.rpartition(".")[2] not in ASSOCIATIONS
    ]
    if not columns or test.best_mean is None:
        return None
    # The first row is the observed one, done the same way as the permutations.
    rows = record.permutations[columns].to_numpy(dtype="float64")
    where, observed = columns[int(rows[0].argmax())], float(rows[0].max())
    best = rows[1:].max(axis=1).tolist()
    # Ties count as reached, as they do for the p.
    reached = sum(area >= observed - _EQUAL for area in best)
    of_many = f"of {counted(test.permutations, 'permutation')}"
    noise = best_words(test)
    return {
        "figure": "noise",
        "found": (
            f"In such noise {noise}. Here the best was {decimal(observed)}: {reached or 'none'} "
            f"{of_many} found as much."
        ),
        # The axis ends below .50 only where something lies there.
        "limits": (min(0.5, math.floor(10 * min(observed, *best)) / 10), 1.0),
        "bars": _bars_of(best),
        "observed": observed,
        "mean": test.best_mean,
        "high": test.best_high,
        "words": {
            "observed": f"observed {decimal(observed)}",
            "mean": f"mean {decimal(test.best_mean)}",
            "high": "" if test.best_high is None else f"1 in 20: {decimal(test.best_high)}",
            "count": "permutations",
            "scale": "best AUC of all models and follow-ups",
        },
        "caption": (
            f"A bar counts those {of_many} whose best AUC lies there; {noise}. The observed best "
            f"is {decimal(observed)} ({_spoken(record, where)}). Observed and permuted alike are "
            f"of {counted(test.repeats, 'repeat')}."
        ),
    }


def _bars_of(values: Sequence[float]) -> list[Section]:
    """Return how many values lie in each bar that holds any."""
    counts = Counter(min(math.floor(_BARS * area + _EQUAL), _BARS - 1) for area in values)
    return [
        {"low": bar / _BARS, "high": (bar + 1) / _BARS, "n": n} for bar, n in sorted(counts.items())
    ]


def _spoken(record: RunRecord, column: str) -> str:
    """Return where a column of the permutations belongs, as it is spoken of."""
    outcome, follow_up, model = column.split(".")
    known = models_of(record.experiment)
    label = known[model].for_kind("class").label if model in known else "the headline"
    return f"{label[:1].lower()}{label[1:]}, {outcome.replace('_', ' ')} at {follow_up}"
