"""A bundle stands alone, and refuses what it does not know."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from heldout.cli import main
from tests.small_study import simulated_patients

COLUMNS = ["pid", "age", "sex", "bmi", "madrs_d0"]
# Runs a bundle's script where this package cannot be imported.
ALONE = "import runpy, sys; sys.modules['heldout'] = None; sys.argv = sys.argv[1:]; \
runpy.run_path(sys.argv[0], run_name='__main__')"


@pytest.fixture(scope="module", params=["ridge", "xgboost", "severity"])
def bundle(
    request: pytest.FixtureRequest, finished_study: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return an exported folder of each kind of model."""
    folder = tmp_path_factory.mktemp("export") / "bundle"
    arguments = ["export", "small", "--folder", str(finished_study), "--to", str(folder)]
    assert main([*arguments, "--model", request.param, "--follow-up", "d28"]) == 0
    return folder


def new_patients(path: Path, columns: list[str]) -> pd.DataFrame:
    """Write patients the model has not seen, one of them with an empty cell."""
    table = pd.DataFrame(simulated_patients(12, seed=99))[columns]
    if "age" in columns:
        table.loc[2, "age"] = ""
    table.to_csv(path, index=False)
    return table


def inputs_of(bundle: Path) -> list[str]:
    """Return the columns a bundle takes, with the patient's."""
    schema = json.loads((bundle / "schema.json").read_text(encoding="utf-8"))
    return ["pid", *dict.fromkeys(name for one in schema["features"] for name in one["inputs"])]


def test_the_script_alone_gives_what_predict_gives(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.csv"
    new_patients(path, inputs_of(bundle))
    assert main(["predict", str(bundle), str(path)]) == 0
    ours = pd.read_csv(io.StringIO(capsys.readouterr().out), dtype={"patient": "str"})
    script = [sys.executable, "-c", ALONE, str(bundle / "predict.py"), str(path)]
    alone = subprocess.run(script, capture_output=True, text=True, check=True)
    theirs = pd.read_csv(io.StringIO(alone.stdout), dtype={"patient": "str"})
    pd.testing.assert_frame_equal(ours, theirs, rtol=0, atol=1e-9)
    assert ours["probability"].between(0, 1).all()
    assert list(ours["patient"]) == [f"{number:03d}" for number in range(12)]


def test_no_row_of_a_patient_is_in_a_bundle(bundle: Path) -> None:
    """Neither a pseudonym's row nor the made-up patient may be one of the study's."""
    check = json.loads((bundle / "check.json").read_text(encoding="utf-8"))["patient"]
    rows = [{name: row[name] for name in check} for row in simulated_patients()]
    assert len(check) == 1 or check not in rows
    text = b"".join(file.read_bytes() for file in bundle.iterdir())
    for row in simulated_patients():
        assert ",".join(row[name] for name in COLUMNS).encode() not in text


def test_a_changed_file_is_refused(bundle: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(bundle, tmp_path / "copy")
    schema = copy / "schema.json"
    schema.write_text(schema.read_text(encoding="utf-8") + " ", encoding="utf-8")
    path = tmp_path / "new.csv"
    new_patients(path, inputs_of(bundle))
    assert main(["predict", str(copy), str(path)]) == 1


@pytest.fixture(scope="module")
def ridge_bundle(finished_study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an exported ridge regression on all features."""
    folder = tmp_path_factory.mktemp("export") / "bundle"
    arguments = ["export", "small", "--folder", str(finished_study), "--to", str(folder)]
    assert main([*arguments, "--model", "ridge"]) == 0
    return folder


def refusal(bundle: Path, path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the message with which a table is refused."""
    capsys.readouterr()
    assert main(["predict", str(bundle), str(path)]) == 1
    printed = capsys.readouterr()
    assert not printed.out
    assert "Traceback" not in printed.err
    return " ".join(printed.err.split())


def test_a_wrong_checksum_is_named(
    ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    copy = shutil.copytree(ridge_bundle, tmp_path / "copy")
    model = copy / "model.skops"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    path = tmp_path / "new.csv"
    new_patients(path, COLUMNS)
    assert "model.skops: its checksum is not that of SHA256SUMS" in refusal(copy, path, capsys)


def test_unknown_and_missing_columns_are_named_together(
    ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.csv"
    new_patients(path, COLUMNS).rename(columns={"bmi": "weight"}).to_csv(path, index=False)
    message = refusal(ridge_bundle, path, capsys)
    assert "unknown column 'weight'" in message
    assert "missing column 'bmi'" in message


def test_all_bad_values_are_named_by_column_and_row(
    ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.csv"
    table = new_patients(path, COLUMNS)
    table.loc[0, "madrs_d0"] = "61"
    table.loc[[1, 3], "bmi"] = "heavy"
    table.loc[4, "sex"] = "x"
    table.to_csv(path, index=False)
    message = refusal(ridge_bundle, path, capsys)
    assert "column 'madrs_d0' is out of range 0..60: rows 2." in message
    assert "column 'bmi' is not a number: rows 3, 5." in message
    assert "column 'sex' is not among f, m: rows 6." in message
    assert "heavy" not in message


def test_a_folder_that_exists_is_not_overwritten(
    ridge_bundle: Path, finished_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", "small", "--folder", str(finished_study), "--to", str(ridge_bundle)]
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err


def test_changed_data_are_not_exported_under_an_old_run(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    folder = shutil.copytree(finished_study, tmp_path / "study")
    table = folder / "data.csv"
    table.write_text(table.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    arguments = ["export", "small", "--folder", str(folder), "--to", str(tmp_path / "bundle")]
    assert main(arguments) == 1
    assert "has changed since the run" in " ".join(capsys.readouterr().err.split())
