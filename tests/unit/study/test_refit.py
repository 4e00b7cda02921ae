"""The exported model is the study's procedure once more, on all patients observed."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import heldout
from heldout.errors import ExportError
from heldout.record import RunRecord
from tests.tables import FEATURES, a_table


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Return patients of a made-up study."""
    return a_table()


@pytest.fixture(scope="module")
def record(table: pd.DataFrame) -> RunRecord:
    """Return the record of a study of one outcome."""
    return heldout.evaluate(
        table,
        outcomes={"week4": "response4"},
        features=list(FEATURES),
        models=["prevalence", "ridge"],
        seed=1,
        repeats=1,
        trials=2,
        permutations=0,
        refit=True,
    )


def test_a_model_that_is_not_in_the_study_is_refused(record: RunRecord, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="--model"):
        heldout.export_model(record, tmp_path / "bundle", model="svc")
    assert not (tmp_path / "bundle").exists()


def test_an_unknown_outcome_is_refused(record: RunRecord, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="--follow-up"):
        heldout.export_model(record, tmp_path / "bundle", follow_up="week9")


def test_the_exported_model_is_that_of_all_patients(
    record: RunRecord, table: pd.DataFrame, tmp_path: Path
) -> None:
    import skops.io

    assert record.pipelines is not None
    refitted = record.pipelines["week4", "ridge"]
    bundle = heldout.export_model(record, tmp_path / "bundle")
    path = next(bundle.glob("*.skops"))
    model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    features = table[list(FEATURES)].to_numpy(np.float64)
    assert model.predict_proba(features) == pytest.approx(refitted.predict_proba(features))
    assert json.loads((bundle / "schema.json").read_text())["features"]
