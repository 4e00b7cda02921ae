"""What the headline reaches at sites that it did not learn from, as the page says it."""

from __future__ import annotations

from collections.abc import Sequence

from heldout.inference.transport import Transport
from heldout.record import RunRecord
from heldout.report.prose import section
from heldout.report.tables import ABSENT, Section, row, table
from heldout.report.targets import Target
from heldout.wording import decimal, interval


def build_transport(record: RunRecord, targets: Sequence[Target]) -> Section | None:
    """Return the area at every site left out, and their mean; nothing in a study without sites.

    Parameters
    ----------
    record : RunRecord
        Complete.
    targets : sequence of Target
        Of the same record.

    Returns
    -------
    dict or None
        ``table``, a group an outcome and follow-up.
    """
    if not record.transport:
        return None
    known = {(target.facts.name, target.facts.follow_up): target for target in targets}
    groups = [_group(known[of.outcome, of.follow_up], of) for of in record.transport]
    columns = "Site left out | Patients# | Events# | AUC# | Calibration in the large#"
    return section("transport") | {"table": table(columns, groups)}


def _group(target: Target, of: Transport) -> Section:
    """Return the sites of one outcome at one follow-up, and their mean last."""
    rows = [
        row(
            left.site or "not known",
            left.n,
            left.events,
            decimal(left.auc),
            ABSENT if left.in_the_large is None else decimal(left.in_the_large),
        )
        for left in of.sites
    ]
    if (pooled := of.pooled) is not None:
        limits = f"{decimal(pooled.auc)} ({interval(pooled.low, pooled.high)})"
        rows.append(row("Mean of the sites", "", "", limits, "", strong=True))
    if pooled is not None and pooled.foreseen_low is not None:
        foreseen = interval(pooled.foreseen_low, pooled.foreseen_high)
        rows.append(row("Where another site would lie", "", "", foreseen, ""))
    return {"title": target.title, "detail": target.detail, "note": of.reason, "rows": rows}
