"""A small finished run made by hand: one outcome evaluated, one declined, two models."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from heldout.cohort import FlowStep
from heldout.features import FeatureColumn
from heldout.inference import Cell, Verdict
from heldout.record import Finding, OutcomeFacts, RunRecord, VisitFacts

REASON = "Response at d10 was not evaluated: 3 responders among 26 patients cannot fill 5 folds."
PATIENTS = tuple(f"pseudonym-{number:02d}" for number in range(12))
MODELS = ("prevalence", "ridge", "random_forest")


def a_cell(model: str, auc: float, low: float, high: float) -> Cell:
    return Cell(
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
    return Cell(
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
            VisitFacts(name="d0", label="Baseline", day=0, observed=35),
            VisitFacts(name="d2", label="Day 2", day=2, observed=12),
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
            a_cell("prevalence", 0.5, 0.2, 0.8),
            a_cell("ridge", 0.58, 0.26, 0.84),
            a_cell("random_forest", 0.8, 0.55, 0.93),
            *map(a_declined_cell, MODELS),
        ),
        headline=(a_cell("headline", 0.61, 0.29, 0.86), a_declined_cell("headline")),
        verdict=Verdict(level="no_evidence", sentences=sentences),
        findings=(
            Finding(code="HO007", title="Convergence", verdict="passed", text="All converged."),
            Finding(code="HO006", title="Best", verdict="tip", text="A maximum."),
            Finding(code="HO001", title="Few events", verdict="issue", text="Exploratory."),
        ),
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
