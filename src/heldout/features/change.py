"""What has changed early: the score at the landmark minus the score at baseline."""

from __future__ import annotations

from collections.abc import Iterator

from heldout.features.columns import Raw
from heldout.features.known import AT, Request, find_score
from heldout.features.pairs import joined


def build_early_change(request: Request) -> Iterator[Raw | str]:
    """Yield the change of each score from baseline to the visit at which is predicted.

    Parameters
    ----------
    request : Request
        Its ``columns`` name scores; the experiment has ``known_at``.

    Yields
    ------
    Raw or str
    """
    baseline, landmark = request.cohort.spec.baseline, request.experiment.landmark
    visits = request.cohort.spec.visits
    if visits[landmark].day <= visits[baseline].day:
        yield (
            f"{request.where('build')}: 'early_change' needs 'known_at', a visit after baseline at "
            "which is predicted. Set it, or remove this builder."
        )
        return
    for number, text in enumerate(request.spec.columns):
        name = text.partition(AT)[0]
        scores = [
            find_score(request, f"{name}{AT}{visit}", "columns", number)
            for visit in (landmark, baseline)
        ]
        late, early = scores
        if isinstance(late, str) or isinstance(early, str):
            yield from dict.fromkeys(fault for fault in scores if isinstance(fault, str))
            continue
        column, bounds = late.column, late.column.bounds
        if bounds is not None and early.column.bounds is not None:
            low, high = early.column.bounds
            # From the lowest now after the highest at baseline, to the opposite.
            bounds = (bounds[0] - high, bounds[1] - low)
        yield joined(
            request,
            late,
            early,
            {"kind": "change"},
            name=f"{name}_{landmark}-{baseline}",
            label=f"{column.label}, change by {visits[landmark].label or landmark}",
            bounds=bounds if early.column.bounds is not None else None,
            unit=column.unit,
            instrument=column.instrument,
            higher_is=column.higher_is,
        )
