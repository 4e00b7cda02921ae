"""A user's own estimator through a whole study: planned, run, shown, and exported or refused."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from heldout.cli import main
from heldout.record import read_record
from tests.small_study import write_small_study

ENTRIES: dict[str, dict[str, Any]] = {
    "knn": {
        "estimator": "sklearn.neighbors.KNeighborsClassifier",
        "space": {"n_neighbors": {"whole": [3, 12]}, "p": {"choice": [1, 2]}},
        "label": "k nearest neighbours",
    },
    "lda": {
        "estimator": "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
        "settings": {"solver": "lsqr"},
        "space": {"shrinkage": {"real": [0.1, 0.9]}},
    },
    "margins": {"estimator": "sklearn.svm.LinearSVC", "settings": {"C": 0.1}},
}


def study_with(folder: Path, models: list[str], **changes: Any) -> Path:
    """Write a small study with entries of its own; return its experiment's file."""
    path = write_small_study(folder, models=models, **changes)
    (folder / "configs" / "models").mkdir()
    for name, entry in ENTRIES.items():
        file = folder / "configs" / "models" / f"{name}.yaml"
        file.write_text(json.dumps(entry), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a study that was run with three models of its own."""
    folder = tmp_path_factory.mktemp("own")
    path = study_with(
        folder,
        ["prevalence", "ridge", *ENTRIES],
        validation={"outer": 3, "inner": 3, "repeats": 1},
        inference={"permutations": 9},
    )
    assert main(["run", str(path), "--workers", "1", "--no-mlflow"]) == 0
    return folder


def record_folder(folder: Path) -> Path:
    """Return where the study's only record is."""
    [found] = (folder / "mlruns" / "records" / "small").glob("*/report.html")
    return found.parent


ESTIMATOR = """
import numpy as np
from sklearn.linear_model import LogisticRegression

class Mine(LogisticRegression):
    def predict_proba(self, X):
        return (super().predict_proba(X) {change}){cut}
"""


def test_an_estimator_whose_code_has_changed_is_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its file counts like our own code; a record of before is not opened for it."""
    path = study_with(tmp_path, ["prevalence", "mine"], inference={"permutations": 0})
    entry = {"estimator": "minemodule.Mine", "space": {"C": {"real": [0.1, 1.0]}}}
    (tmp_path / "configs" / "models" / "mine.yaml").write_text(json.dumps(entry), encoding="utf-8")
    module = tmp_path / "modules" / "minemodule.py"
    module.parent.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(module.parent))
    for change, cut, status, said in (
        ("", "", 0, ""),
        ("", "", 0, "was finished before"),
        ("+ 0", "", 0, ""),
        ("", "[:-1] if len(X) < 12 else np.zeros((len(X), 2)) + 0.5", 1, "(ValueError). Narrow"),
    ):
        module.write_text(ESTIMATOR.format(change=change, cut=cut), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "heldout", "run", str(path), "--workers", "1", "--no-mlflow"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == status, done.stderr
        assert ("was finished before" in done.stderr) == (said == "was finished before")
        assert said in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr


def message(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was printed, on one line."""
    printed = capsys.readouterr()
    return " ".join((printed.out + printed.err).split())


def export(folder: Path, model: str, to: Path) -> int:
    """Export a model of the study; return the exit status."""
    arguments = ["export", "small", "--folder", str(folder), "--to", str(to), "--model", model]
    return main([*arguments, "--follow-up", "d28"])


def test_every_own_model_predicts_patients_held_out(finished: Path) -> None:
    record = read_record(record_folder(finished))
    assert record.experiment["models"] == ["prevalence", "ridge", "knn", "lda", "margins"]
    for name in ENTRIES:
        [cell] = [c for c in record.cells if (c.model, c.follow_up) == (name, "d28")]
        assert cell.auc is not None
        assert 0 < cell.auc < 1
        assert cell.p is not None
        rows = record.predictions[record.predictions["model"] == name]
        assert rows["probability"].between(0, 1).all()
    tried = record.trials[record.trials["model"] == "knn"]["candidate"].map(json.loads)
    assert {one["n_neighbors"] for one in tried} >= {8}
    assert all(one["p"] in (1, 2) for one in tried)


def test_a_linear_model_of_ones_own_is_explained(finished: Path) -> None:
    """A model without an explainer has no contributions."""
    record = read_record(record_folder(finished))
    shap: pd.DataFrame = record.explanations
    by_model = shap.assign(size=shap["shap"].abs()).groupby("model")["size"].max()
    assert by_model["lda"] > 0.01
    assert "knn" not in by_model


def test_the_page_calls_it_by_its_label(finished: Path) -> None:
    page = (record_folder(finished) / "report.html").read_text(encoding="utf-8")
    assert "K nearest neighbours" in page
    assert "k nearest neighbours, lda, margins" in page


def test_a_record_is_refitted_without_the_entrys_file(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = finished / "configs" / "models" / "lda.yaml"
    content = entry.read_bytes()
    entry.unlink()
    try:
        assert export(finished, "lda", tmp_path / "bundle") == 0
    finally:
        entry.write_bytes(content)
    table = tmp_path / "new.csv"
    table.write_text("pid,age,sex,bmi,madrs_d0\nn1,40,f,24,30\nn2,55,m,,28\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "bundle"), str(table)]) == 0
    rows = [line.split(",") for line in capsys.readouterr().out.split()][1:]
    assert [name for name, _ in rows] == ["n1", "n2"]
    assert all(0 < float(probability) < 1 for _, probability in rows)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("knn", "'knn' keeps rows of the training patients to predict from (_fit_X of KNeighbors"),
        ("margins", "'margins' gives scores, which become probabilities by a sigmoid"),
    ],
)
def test_what_may_not_leave_is_refused(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, words: str
) -> None:
    assert export(finished, model, tmp_path / "bundle") == 1
    assert words in message(capsys)
    assert not (tmp_path / "bundle").exists()


def test_the_catalogues_support_vectors_may_not_leave_either(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_small_study(
        tmp_path,
        models=["svc", "linear_svc"],
        tuning={"trials": 1},
        validation={"outer": 3, "inner": 2, "repeats": 1},
    )
    assert main(["run", str(path), "--workers", "1", "--no-mlflow"]) == 0
    for model in ("svc", "linear_svc"):
        assert export(tmp_path, model, tmp_path / model) == 1
        assert f"'{model}' keeps rows of the training patients" in message(capsys)


def test_a_class_that_bundles_do_not_know_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_classes.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n"
        "class Mine(LogisticRegression):\n"
        "    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    path = write_small_study(
        tmp_path,
        models=["mine"],
        own_models={"mine": {"estimator": "own_classes.Mine"}},
        validation={"outer": 3, "inner": 2, "repeats": 1},
    )
    assert main(["run", str(path), "--workers", "1", "--no-mlflow"]) == 0
    assert export(tmp_path, "mine", tmp_path / "bundle") == 1
    assert "types that no bundle may hold: own_classes.Mine" in message(capsys)


def test_the_plan_shows_the_entry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = study_with(tmp_path, ["ridge", "knn"])
    assert main(["plan", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "own_models:\n  knn:\n    estimator: " in printed
    assert "whole: [3, 12]" in printed
    assert "lda" not in printed


def test_faults_of_entries_are_placed_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study_with(tmp_path, ["ridge", "knn", "lda"])
    (tmp_path / "data.csv").unlink()
    wrong = "estimator: sklearn.neighbors.KNeighborsClassifier\nsettings: {weight: distance}\n"
    (tmp_path / "configs" / "models" / "knn.yaml").write_text(wrong, encoding="utf-8")
    assert main(["run", str(path)]) == 2
    said = message(capsys)
    assert "configs/models/knn.yaml:2, own_models.knn.settings.weight: found 'weight'" in said
    assert "Did you mean 'weights'?" in said


def test_candidates_are_given_up_in_a_whole_study(tmp_path: Path) -> None:
    path = study_with(
        tmp_path,
        ["prevalence", "severity", "knn"],
        tuning={"trials": 12, "sampler": "random", "prune": True},
        validation={"outer": 3, "inner": 4, "repeats": 1},
    )
    assert main(["run", str(path), "--workers", "1", "--no-mlflow"]) == 0
    record = read_record(record_folder(tmp_path))
    criteria = record.trials[record.trials["model"] == "knn"]["criterion"]
    assert len(criteria) == 12 * 3 * len(record.outcomes)
    assert all(math.isfinite(one) for one in criteria)
