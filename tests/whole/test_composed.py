"""A study of constructs from the file to predictions of new patients, for both kinds of outcome."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from heldout.cli import main
from heldout.record import read_record
from heldout.spec.experiment import composed
from tests.unit.features.studies import EVERY_BUILDER, FACTOR, made_up_rows, study

pytestmark = pytest.mark.slow
REQUESTS = [EVERY_BUILDER["clinical"], EVERY_BUILDER["constructs"], FACTOR]
REQUESTS += [EVERY_BUILDER["early_change"], EVERY_BUILDER["missingness"]]
KINDS: dict[str, dict[str, Any]] = {
    "class": {"name": "low", "column": "madrs", "rule": {"at_most": 30}, "at": ["w4"]},
    "number": {"name": "later", "column": "madrs", "rule": {"value": "score"}, "at": ["w4"]},
}
ALONE = "import runpy, sys; sys.modules['heldout'] = None; sys.argv = sys.argv[1:]; \
runpy.run_path(sys.argv[0], run_name='__main__')"


@pytest.fixture(scope="module", params=KINDS)
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a study that was run once."""
    folder = tmp_path_factory.mktemp(request.param)
    experiment = study(folder, *REQUESTS, rows=made_up_rows(50))
    content = composed(experiment) | {
        "name": "small",
        "outcomes": [KINDS[request.param]],
        "models": ["severity", "ridge", "xgboost"],
        "validation": {"outer": 3, "inner": 3, "repeats": 2},
        "tuning": {"trials": 2},
        "inference": {"permutations": 0},
    }
    (folder / "experiments").mkdir()
    (folder / "configs").mkdir()
    path = folder / "experiments" / "small.yaml"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert main(["run", str(path), "--workers", "1", "--no-mlflow"]) == 0
    return folder


def test_the_record_names_what_models_saw(finished: Path) -> None:
    (folder,) = finished.glob("mlruns/records/small/*")
    record = read_record(folder)
    names = [column.name for column in record.features]
    assert names[:5] == ["age", "sex=m", "marker", "mentalization", "distress"]
    shown = record.explanations[record.explanations["model"] == "ridge"]
    assert list(shown["feature"].unique()) == names
    by_name = {column.name: column for column in record.features}
    assert by_name["mentalization"].construct == "mentalization"
    assert by_name["mentalization"].made_of == ("rfq8.uncertainty_b0", "-rfq8.certainty_b0")
    assert set(by_name["mentalization"].inputs) == {f"rfq{item}_b0" for item in range(1, 9)}


def test_explanations_show_raw_values_and_mean_composites(finished: Path) -> None:
    (folder,) = finished.glob("mlruns/records/small/*")
    shown = read_record(folder).explanations
    wide = shown[shown["model"] == "ridge"].pivot(
        index="patient", columns="feature", values="value"
    )
    rows = {row["pid"]: row for row in made_up_rows(50)}
    ages = [float(rows[name]["age"] or "nan") for name in wide.index]
    np.testing.assert_array_equal(wide["age"], ages)
    # Each fold's z-scores have about mean 0, and so have the patients held out.
    assert abs(wide["distress"].mean()) < 0.3
    # A mean of z-scores varies by one at most; a sum over both repeats would by more.
    assert 0.6 < wide["distress"].std() < 1.2


@pytest.mark.parametrize("model", ["ridge", "xgboost", "severity"])
def test_the_script_alone_predicts_new_patients_of_the_raw_table(
    finished: Path, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, path = tmp_path / "bundle", tmp_path / "new.csv"
    arguments = ["export", "small", "--folder", str(finished), "--to", str(bundle)]
    assert main([*arguments, "--model", model]) == 0
    new = pd.DataFrame(made_up_rows(60, seed=5))
    enough = [f"madrs{item}_b0" for item in range(1, 11)]
    new = new[new[enough].replace("", "0").astype(int).sum(axis=1) > 18]
    new.to_csv(path, index=False)
    capsys.readouterr()
    assert main(["predict", str(bundle), str(path)]) == 0
    ours = pd.read_csv(io.StringIO(capsys.readouterr().out), dtype={"patient": "str"})
    script = [sys.executable, "-c", ALONE, str(bundle / "predict.py"), str(path)]
    alone = subprocess.run(script, capture_output=True, text=True, check=True)
    theirs = pd.read_csv(io.StringIO(alone.stdout), dtype={"patient": "str"})
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    kind = json.loads((bundle / "schema.json").read_text(encoding="utf-8"))["kind"]
    assert list(ours.columns) == ["patient", "prediction" if kind == "number" else "probability"]
    assert len(ours) == len(new)


def test_the_card_says_what_is_composed(finished: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    arguments = ["export", "small", "--folder", str(finished), "--to", str(bundle)]
    assert main([*arguments, "--model", "ridge"]) == 0
    card = (bundle / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "- mentalization: Mentalization (higher is worse) at b0" in card
    kind = json.loads((bundle / "schema.json").read_text(encoding="utf-8"))["kind"]
    assert ("with the event" in card) is (kind == "class")
    assert ("| R² |" in card) is (kind == "number")
