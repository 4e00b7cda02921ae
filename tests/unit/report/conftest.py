"""A small finished run made by hand: one outcome evaluated, one declined, two models."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from heldout.cohort.inclusion import FlowStep
from heldout.describe.values import AuditCounts, Characteristic, Reliability, Summary, VisitFacts
from heldout.features.columns import FeatureColumn
from heldout.inference.associations import Associated
from heldout.inference.cells import Cell
from heldout.inference.permutation import PermutationTest
from heldout.inference.verdict import Verdict
from heldout.outcomes.outcome import Tally
from heldout.record import Finding, OutcomeFacts, RunRecord
from tests.cells import BESIDE, cell_with

REASON = "Response at d10 was not evaluated: 3 responders among 26 patients cannot fill 5 folds."
PATIENTS = tuple(f"pseudonym-{number:02d}" for number in range(12))
MODELS = ("prevalence", "ridge", "random_forest")


def a_cell(model: str, auc: float, low: float, high: float) -> Cell:
    return cell_with(
        outcome="response",
        follow_up="d2",
        model=model,
        n=12,
        events=5,
        status="evaluated",
        auc=auc,
        auc_low=low,
        auc_high=high,
        brier=0.1956,
        brier_skill=-0.172,
        fold_auc=(0.5, 0.6),
    )


def a_declined_cell(model: str) -> Cell:
    return cell_with(
        outcome="response",
        follow_up="d10",
        model=model,
        n=26,
        events=3,
        status="declined",
        reason=REASON,
    )


def some_facts(follow_up: str, n: int, events: int, reason: str | None) -> OutcomeFacts:
    return OutcomeFacts(
        name="response",
        follow_up=follow_up,
        label="Response (MADRS halved)",
        primary=follow_up == "d2",
        n=n,
        events=events,
        no_baseline=1,
        no_follow_up=36 - n - 1,
        from_baseline=True,
        status="declined" if reason else "evaluated",
        reason=reason,
        missing_rules={
            "observed": Tally(n=n, events=events),
            "non_responder": Tally(n=36, events=events),
        },
        unobserved={"missed the follow-up": 36 - n},
    )


def a_row(group: str, n: int, missing: int, figures: Sequence[float]) -> Summary:
    mean, sd, median, lower, upper = figures
    return Summary(
        group=group, n=n, missing=missing, mean=mean, sd=sd, median=median, lower=lower, upper=upper
    )


def some_characteristics() -> tuple[Characteristic, ...]:
    return (
        Characteristic(
            name="age",
            label="Age $x_1$ <b>",
            unit="years",
            levels=(),
            groups=(
                a_row("all", 35, 1, (48.1, 12.5, 47, 40, 55.5)),
                a_row("event", 5, 0, (50, 10, 51, 44, 56)),
                a_row("no_event", 7, 0, (45, 9, 44, 40, 50)),
            ),
            difference=0.53,
            visit="d0",
            outcome="response",
            follow_up="d2",
        ),
        Characteristic(
            name="sex",
            label="Sex",
            unit=None,
            levels=("female", "male"),
            groups=(
                Summary(group="all", n=36, missing=0, counts=(20, 16)),
                Summary(group="event", n=5, missing=0, counts=(3, 2)),
                Summary(group="no_event", n=7, missing=0, counts=(4, 3)),
            ),
            difference=0.08,
            visit="d0",
            outcome="response",
            follow_up="d2",
        ),
        Characteristic(
            name="madrs",
            label="MADRS",
            unit="points",
            levels=(),
            groups=(Summary(group="all", n=0, missing=36),) * 3,
            visit="d0",
            outcome="response",
            follow_up="d2",
        ),
    )


MADRS = Reliability(
    name="madrs",
    visit="d0",
    n=34,
    parts=10,
    alpha=0.812,
    alpha_low=0.7,
    alpha_high=0.89,
    omega=None,
    sem=2.5,
    reliable_points=6.93,
    floor=0.0,
    ceiling=0.03,
)
AUDIT = AuditCounts(
    name="madrs",
    visit="d0",
    instrument="madrs",
    items=tuple(range(1, 11)),
    reversed=(),
    recoded=(),
    skippable=(),
    suicidality=(),
    method="sum",
    rule="80%",
    higher_is="worse",
    n=36,
    scored=35,
    unanswered=1,
    prorated=1,
    skipped=0,
    missing=1,
)


def some_choices(chosen: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "outcome": "response",
                "follow_up": "d2",
                "repeat": 0,
                "fold": fold,
                "model": model,
                "candidate": "{}",
                "criterion": 0.2,
                "converged": True,
                "chosen": model == one,
            }
            for fold, one in enumerate(chosen)
            for model in MODELS
        ]
    )


def some_explanations() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "outcome": "response",
                "follow_up": "d2",
                "model": model,
                "patient": patient,
                "feature": feature,
                "value": None if number == 3 else float(number),
                "shap": weight * (number - 5.5),
            }
            for model in MODELS[1:]
            for number, patient in enumerate(PATIENTS)
            for feature, weight in (("age", 0.01), ("madrs_d0", -0.05))
        ]
    )


def an_experiment() -> dict[str, Any]:
    return {
        "name": "small",
        "question": "Who responds, <script>alert('x')</script> & why?",
        "cohort": {
            "title": "A small cohort",
            "source": "made by hand",
            "simulated": True,
            "baseline": "d0",
        },
        "models": list(MODELS),
        "validation": {"outer": 5, "inner": 4, "repeats": 3},
        "tuning": {"trials": 7, "sampler": "qmc", "criterion": "brier"},
        "seed": 20260101,
    }


@pytest.fixture
def record() -> RunRecord:
    """Return the run; its verdict is that there is no evidence."""
    sentences = ("No evidence that baseline predicts response at d2.", "Chance is .50.", REASON)
    return RunRecord(
        run_id="0123456789ab",
        experiment=an_experiment(),
        fingerprint="f" * 64,
        data_fingerprint="d" * 64,
        folds_digest="b" * 64,
        n_patients=36,
        sites=("north", "south"),
        flow=(FlowStep(label="In the table", n=40), FlowStep(label="Depressed", n=36)),
        visits=(
            VisitFacts(name="d0", label="Baseline", day=0, observed=35, missed=0, no_score=1),
            VisitFacts(name="d2", label="Day 2", day=2, observed=12, missed=20, no_score=4),
            VisitFacts(name="d10", label="d10", day=10, observed=26),
        ),
        outcomes=(some_facts("d2", 12, 5, None), some_facts("d10", 26, 3, REASON)),
        features=(
            FeatureColumn(
                name="age",
                label="Age $x_1$ <b>",
                inputs=("age_years",),
                visit="d0",
                builder="clinical",
                unit="years",
            ),
            FeatureColumn(
                name="madrs_d0",
                label="MADRS",
                inputs=("m1", "m2"),
                visit="d0",
                builder="totals",
                instrument="madrs",
                construct="depression severity",
                unit="points",
            ),
        ),
        cells=(
            replace(a_cell("prevalence", 0.5, 0.2, 0.8), figures={"auc": 0.5, "brier": 0.25}),
            a_cell("ridge", 0.58, 0.26, 0.84),
            a_cell("random_forest", 0.8, 0.55, 0.93),
            *map(a_declined_cell, MODELS),
        ),
        headline=(a_cell("headline", 0.61, 0.29, 0.86), a_declined_cell("headline")),
        verdict=Verdict(level="no_evidence", sentences=sentences),
        differences=(BESIDE,),
        findings=(
            Finding(code="HO007", title="Convergence", verdict="passed", text="All converged."),
            Finding(code="HO006", title="Best", verdict="tip", text="A maximum."),
            Finding(code="HO001", title="Few events", verdict="issue", text="Exploratory."),
            Finding(code="HO020", title="Too late", verdict="tip", text="Later."),
            Finding(
                code="HO017", title="Alike", verdict="issue", text="One pair.", who=PATIENTS[:2]
            ),
        ),
        characteristics=some_characteristics(),
        reliability=(MADRS,),
        score_audit=(AUDIT,),
        predictions=pd.DataFrame({"patient": PATIENTS}),
        choices=some_choices(["ridge", "ridge", "random_forest", "ridge"]),
        trials=pd.DataFrame(),
        explanations=some_explanations(),
        environment={
            "versions": {"heldout": "0.1.0"},
            "python": "3.11.7",
            "platform": "Linux",
            "host": "secret-host",
            "code": "c" * 64,
            "workers": 2,
            "started": "2026-01-01T00:00:00+00:00",
            "seconds": 95.2,
        },
    )


def a_number_cell(cell: Cell) -> Cell:
    return cell_with(
        outcome="response",
        follow_up="d2",
        model=cell.model,
        kind="number",
        n=12,
        events=0,
        status="evaluated",
        r2=-0.11,
        r2_low=-0.4,
        r2_high=0.18,
        mae=7.5,
        mae_mean=7.2,
        spearman=0.12,
        concordance=0.54,
        calibration_slope=0.3,
    )


@pytest.fixture
def numbers(record: RunRecord) -> RunRecord:
    """Return the same run with a score to predict, in two repeats."""
    facts = replace(
        record.outcomes[0],
        kind="number",
        events=0,
        missing_rules={"observed": Tally(n=12, mean=16.4, sd=9.1)},
    )
    predictions = [
        {
            "outcome": "response",
            "follow_up": "d2",
            "model": "headline",
            "patient": patient,
            "repeat": repeat,
            "prediction": 14 + (11 - number) / 2 + (repeat - 0.5),
            "observed": 19.0 + number,
        }
        for repeat in (0, 1)
        for number, patient in reversed(list(enumerate(PATIENTS)))
    ]
    return replace(
        record,
        outcomes=(facts,),
        cells=tuple(map(a_number_cell, record.cells[:3])),
        headline=(a_number_cell(record.headline[0]),),
        predictions=pd.DataFrame(predictions),
        characteristics=tuple(
            replace(one, groups=one.groups[:1], difference=None, correlation=-0.31)
            for one in record.characteristics
        ),
    )


# Of the models and the headline at d2.
PS = {
    "prevalence": (1.0, 1.0),
    "ridge": (0.3, 0.7),
    "random_forest": (0.004, 0.04),
    "headline": (0.214, 0.643),
}


def with_p(cell: Cell) -> Cell:
    if cell.status != "evaluated":
        return cell
    p, adjusted = PS[cell.model]
    return replace(cell, p=p, p_adjusted=adjusted, arithmetic=0.636)


@pytest.fixture
def tested(record: RunRecord) -> RunRecord:
    """Return the same run with a permutation test that stopped early: 5 of 20 reach the best."""
    observed = {"prevalence": 0.5, "ridge": 0.58, "random_forest": 0.8, "headline": 0.6}
    rows = [observed, *(observed | {"random_forest": 0.5 + 0.02 * one} for one in range(20))]
    table = pd.DataFrame(
        [{f"response.d2.{name}": value for name, value in one.items()} for one in rows]
    )
    for name in ("prevalence", "ridge", "headline"):
        table.loc[1:, f"response.d2.{name}"] = 0.5
    table.insert(0, "permutation", range(21))
    return replace(
        record,
        cells=tuple(map(with_p, record.cells)),
        headline=tuple(map(with_p, record.headline)),
        permutations=table,
        permutation=PermutationTest(
            permutations=20,
            asked=999,
            stopped=True,
            enumerated=False,
            redrawn=3,
            repeats=1,
            best_mean=0.69,
            best_high=0.861,
        ),
    )


@pytest.fixture
def asked(tested: RunRecord) -> RunRecord:
    """Return the same run as this version makes it: whether anything is there was asked too."""
    cells, headline = (
        tuple(replace(cell, arithmetic=None, chance=0.48) for cell in of)
        for of in (tested.cells, tested.headline)
    )
    associated = Associated(
        outcome="response",
        follow_up="d2",
        n=12,
        beyond_severity=True,
        values={"score_global": 1.0, "score_strongest": 0.5},
        p_values={"score_global": 0.4, "score_strongest": 0.3},
        adjusted={"score_global": 0.6, "score_strongest": 0.5},
        p=0.35,
        p_adjusted=0.5,
        strongest=tested.features[0].name,
        correlation=-0.5,
    )
    return replace(tested, cells=cells, headline=headline, associated=(associated,))
