"""What stands beside a figure is of that figure: over generated studies, to the last bit."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heldout
from heldout.inference.verdict import render_verdict
from heldout.wording import decimal, percent

pytestmark = pytest.mark.slow

FEATURES = ["a", "b", "c"]


def a_record(
    seed: int, *, number: bool, sites: bool, coupled: bool, named: bool, signal: float
) -> heldout.RunRecord:
    """Return a small study of two follow-ups."""
    rng = np.random.default_rng(seed)
    n = 40
    table = pd.DataFrame(rng.normal(size=(n, 3)), columns=FEATURES)
    table["severity"] = np.round(rng.normal(30, 4, n))
    table["town"] = np.where(rng.random(n) < 0.5, "x", "y")
    for visit in ("week", "month"):
        score = 15 + signal * 8 * table["a"] + 8 * rng.normal(size=n)
        table[visit] = np.clip(np.round(score), 0, 60)
        table.loc[rng.random(n) < 0.1, visit] = np.nan
    asked: dict[str, Any] = {"kind": "number"} if number else {"reduction": 0.5}
    if not number and not coupled:
        asked = {}
        for visit in ("week", "month"):
            table[visit] = (table[visit] < 15).where(table[visit].notna()).astype(float)
    return heldout.evaluate(
        table,
        outcomes={"week": "week", "month": "month"},
        features=FEATURES,
        severity="severity",
        site="town" if sites else None,
        primary="month" if named else None,
        models=["severity", "ridge"],
        repeats=2,
        trials=2,
        outer=3,
        inner=3,
        permutations=39,
        seed=seed,
        explain=False,
        **asked,
    )


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    number=st.booleans(),
    sites=st.booleans(),
    coupled=st.booleans(),
    named=st.booleans(),
    signal=st.sampled_from([0.0, 0.5, 2.0]),
)
def test_every_p_is_of_the_figure_beside_it(seed: int, signal: float, **design: bool) -> None:
    record = a_record(seed, signal=signal, **design)
    test = record.permutation
    assert test is not None
    assert test.repeats == record.experiment["validation"]["repeats"] == 2
    rows = record.permutations
    for cell in (*record.cells, *record.headline):
        column = rows[f"{cell.outcome}.{cell.follow_up}.{cell.model}"].to_numpy()
        assert cell.estimate is not None
        assert column[0] == cell.estimate
        assert cell.p == (1 + (column[1:] >= cell.estimate - 1e-12).sum()) / len(column)
        if len(column) > 20:
            assert cell.chance == column[1:].mean()
    for of in record.associated:
        for name, value in of.values.items():
            column = rows[f"{of.outcome}.{of.follow_up}.{name}"].to_numpy()
            assert column[0] == value
            assert of.p_values[name] == (1 + (column[1:] >= value - 1e-12).sum()) / len(column)
        assert of.p <= of.p_adjusted
    holds_together(record)


def holds_together(record: heldout.RunRecord) -> None:
    """Assert that no sentence of the verdict contradicts another, or a figure."""
    verdict, words = record.verdict, render_verdict(record.verdict)
    assert "cannot be told from chance" not in words
    assert ("Is there anything? Evidence" in words) is (verdict.anything == "evidence")
    assert ("Can it be predicted? Evidence" in words) is (verdict.predicted == "evidence")
    if verdict.predicted == "evidence":
        assert verdict.anything == "evidence"
    assert verdict.level == verdict.anything
    [lead] = [
        cell
        for cell in record.headline
        if (cell.p, cell.estimate)
        == (verdict.numbers["p"], verdict.numbers.get(cell.of_kind.estimate.name))
    ]
    say = decimal if lead.of_kind.has_events else percent
    [chance] = re.findall(r"chance is (\S+(?: %)?)\)", words)[:1]
    assert chance == say(lead.chance_level)
