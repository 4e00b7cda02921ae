"""What comes out of a notebook is what comes out of a file: page, bundle, findings, figures."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import heldout
from heldout.errors import ExportError
from heldout.export.bundle import predict_file
from heldout.record import RunRecord
from heldout.spec.composition import load_experiment
from heldout.study.experiment import run_experiment

ROOT = Path(__file__).parents[2]
DATA = ROOT / "experiments" / "data" / "antidepressant_dia" / "data.csv"
FEATURES = ["THERAPY", "GENDER", "BASVAL"]
QUESTION: dict[str, Any] = {
    "outcomes": {"w1": "HAMDTL17_w1", "w6": "HAMDTL17_w6"},
    "features": FEATURES,
    "severity": "BASVAL",
    "reduction": 0.5,
    "site": "POOLINV",
    "models": ["prevalence", "severity", "ridge"],
    "repeats": 2,
    "trials": 3,
    "permutations": 5,
    "seed": 7,
}
COHORT = """
title: A table
table: {file: data.csv, missing: []}
patient: PATIENT
site: POOLINV
visits: {baseline: {day: 0}, w1: {day: 1}, w6: {day: 2}}
baseline: baseline
columns:
  THERAPY: {kind: category, label: THERAPY, levels: {DRUG: DRUG, PLACEBO: PLACEBO}}
  GENDER: {kind: category, label: GENDER, levels: {F: F, M: M}}
  BASVAL:
    column: {baseline: BASVAL, w1: HAMDTL17_w1, w6: HAMDTL17_w6}
    kind: number
    label: BASVAL
"""
EXPERIMENT = """
question: Who responds?
use: {cohort: mine}
features: [{build: clinical, columns: [THERAPY, GENDER, BASVAL]}]
outcomes:
  - {name: HAMDTL17_w1, label: HAMDTL17_w1, column: BASVAL, at: [w1], rule: {reduction: 0.5}}
  - {name: HAMDTL17_w6, label: HAMDTL17_w6, column: BASVAL, at: [w6], rule: {reduction: 0.5}}
models: [prevalence, severity, ridge]
validation: {repeats: 2}
tuning: {trials: 3}
inference: {permutations: 5}
seed: 7
"""


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Return public data as a notebook reads them: 172 outpatients of an antidepressant trial."""
    table = pd.read_csv(DATA, index_col="PATIENT", dtype={"PATIENT": str, "POOLINV": str})
    return table.astype({"THERAPY": "category", "GENDER": "category"})


@pytest.fixture(scope="module")
def record(table: pd.DataFrame) -> RunRecord:
    """Return the record of the notebook's door."""
    return heldout.evaluate(table, **QUESTION)


@pytest.fixture(scope="module")
def from_file(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """Return the record of the same study by the door of files."""
    study = tmp_path_factory.mktemp("study")
    (study / "configs" / "cohort").mkdir(parents=True)
    (study / "experiments").mkdir()
    shutil.copy(DATA, study / "data.csv")
    (study / "configs" / "cohort" / "mine.yaml").write_text(COHORT, encoding="utf-8")
    (study / "experiments" / "first.yaml").write_text(EXPERIMENT, encoding="utf-8")
    return run_experiment(load_experiment(study / "experiments" / "first.yaml"), track=False)


def test_both_doors_give_the_same_figures(record: RunRecord, from_file: RunRecord) -> None:
    assert record.cells == from_file.cells
    assert record.headline == from_file.headline
    assert record.verdict == from_file.verdict
    assert record.folds_digest == from_file.folds_digest
    pd.testing.assert_frame_equal(record.predictions, from_file.predictions, check_exact=True)


def test_both_doors_find_the_same_in_the_data(record: RunRecord, from_file: RunRecord) -> None:
    found, expected = (
        {(one.code, one.verdict) for one in each.findings} for each in (record, from_file)
    )
    assert found == expected
    assert len(found) == 27
    assert list(record.characteristics) == list(from_file.characteristics)


def test_the_page_of_a_notebooks_record_is_drawn(
    record: RunRecord, table: pd.DataFrame, tmp_path: Path
) -> None:
    page = record.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Who the patients are" in page
    assert record.verdict.sentences[0].split(":")[0] in page
    # On which day the follow-up was is not known, so none is said.
    assert ", day 1" not in page
    assert not [name for name in table.index if f">{name}<" in page]


def test_a_notebooks_model_leaves_and_predicts(
    record: RunRecord, table: pd.DataFrame, tmp_path: Path
) -> None:
    bundle = heldout.export_model(record, tmp_path / "bundle", model="ridge")
    new = tmp_path / "new.csv"
    table[FEATURES].to_csv(new, index_label="(index)")
    told = predict_file(bundle, new)
    assert len(told) == len(table)
    assert told["probability"].between(0, 1).all()


def test_a_table_that_changed_since_the_run_is_not_exported(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    changed = table.copy()
    record = heldout.evaluate(changed, **(QUESTION | {"permutations": 0}))
    changed["BASVAL"] += 1
    with pytest.raises(ExportError, match="has changed since the run"):
        heldout.export_model(record, tmp_path / "bundle")


def test_names_that_no_file_may_have_are_labels(table: pd.DataFrame) -> None:
    names = {"BASVAL": "HAM-D (17)", "HAMDTL17_w6": "HAM-D, week 6"}
    record = heldout.evaluate(
        table.rename(columns=names),
        outcomes={"6 weeks": "HAM-D, week 6"},
        features=["HAM-D (17)", "THERAPY"],
        kind="number",
        models=["prevalence", "ridge"],
        repeats=1,
        trials=2,
        permutations=0,
    )
    assert [(cell.outcome, cell.follow_up) for cell in record.headline] == [
        ("HAM_D__week_6", "x6_weeks")
    ]
    assert record.outcomes[0].label.startswith("HAM-D, week 6")
    assert [column.label for column in record.features] == ["HAM-D (17)", "THERAPY: PLACEBO"]
