"""A bundle stands alone, and refuses what it does not know."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy.special import expit, logit

import heldout
from heldout.cli import main
from heldout.export.bundle import predict_file
from heldout.export.predict import TRUSTED
from heldout.instruments import arithmetic
from heldout.record import read_record, write_record
from heldout.study.refit import export_model
from tests.small_study import (
    experiment_of,
    simulated_patients,
    write_small_study,
    write_table,
)

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
    return ["pid", *schema["inputs"]]


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


def test_a_bundle_holds_the_arithmetic_of_the_framework_to_the_letter(ridge_bundle: Path) -> None:
    source = Path(arithmetic.__file__).read_bytes()
    assert (ridge_bundle / "arithmetic.py").read_bytes() == source


def alone(bundle: Path, path: Path) -> subprocess.CompletedProcess[str]:
    """Run a bundle's script as its user does."""
    script = [sys.executable, str(bundle / "predict.py"), str(path)]
    return subprocess.run(script, capture_output=True, text=True)


def test_the_script_imports_nothing_else_that_lies_beside_it(
    ridge_bundle: Path, tmp_path: Path
) -> None:
    """Nobody checked it; a compiled copy of the arithmetic neither."""
    copy, path = shutil.copytree(ridge_bundle, tmp_path / "copy"), tmp_path / "new.csv"
    new_patients(path, COLUMNS)
    for name in ("json", "numpy", "pathlib", "arithmetic_of_bundle", "skops", "pandas"):
        (copy / f"{name}.py").write_text("raise SystemExit('strange')\n", encoding="utf-8")
    done = alone(copy, path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == alone(ridge_bundle, path).stdout
    assert not (copy / "__pycache__").exists()


@pytest.mark.parametrize("unlisted", [False, True])
def test_a_changed_arithmetic_is_never_run(
    unlisted: bool, ridge_bundle: Path, tmp_path: Path
) -> None:
    """Not even where the list of digests leaves it out, as that of an older bundle does."""
    copy, path = shutil.copytree(ridge_bundle, tmp_path / "copy"), tmp_path / "new.csv"
    new_patients(path, COLUMNS)
    (copy / "arithmetic.py").write_text("raise SystemExit('strange')\n", encoding="utf-8")
    sums = copy / "SHA256SUMS"
    lines = sums.read_text(encoding="utf-8").splitlines(keepends=True)
    if unlisted:
        kept = [line for line in lines if "arithmetic.py" not in line]
        sums.write_text("".join(kept), encoding="utf-8")
    done = alone(copy, path)
    assert done.returncode == 1
    assert "strange" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bundle_of_the_second_format_still_predicts(
    ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has no file of arithmetic, and its schema is today's but for the number."""
    path = tmp_path / "new.csv"
    new_patients(path, COLUMNS)
    schema = json.loads((ridge_bundle / "schema.json").read_text(encoding="utf-8"))
    content = json.dumps(schema | {"format": 2}).encode()
    copy = changed_bundle(ridge_bundle, tmp_path / "copy", "schema.json", content)
    (copy / "arithmetic.py").unlink()
    sums = copy / "SHA256SUMS"
    lines = sums.read_text(encoding="utf-8").splitlines(keepends=True)
    sums.write_text("".join(x for x in lines if "arithmetic.py" not in x), encoding="utf-8")
    capsys.readouterr()
    assert main(["predict", str(copy), str(path)]) == 0
    before = capsys.readouterr().out
    assert main(["predict", str(ridge_bundle), str(path)]) == 0
    assert capsys.readouterr().out == before


def test_no_row_of_a_patient_is_in_a_bundle(bundle: Path) -> None:
    """Neither a pseudonym's row nor the made-up patient may be one of the study's."""
    check = json.loads((bundle / "check.json").read_text(encoding="utf-8"))["patient"]
    rows = [{name: row[name] for name in check} for row in simulated_patients()]
    assert len(check) == 1 or check not in rows
    text = b"".join(file.read_bytes() for file in bundle.iterdir())
    for row in simulated_patients():
        assert ",".join(row[name] for name in COLUMNS).encode() not in text


def test_a_changed_file_is_refused(bundle: Path, tmp_path: Path) -> None:
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


def test_predictions_are_never_written_over_a_file(
    ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "new.csv", tmp_path / "out.tsv"
    new_patients(path, COLUMNS)
    before = path.read_bytes()
    predict = ["predict", str(ridge_bundle), str(path), "--out"]
    assert main([*predict, str(path)]) == 1
    assert "is the very table that is read" in " ".join(capsys.readouterr().err.split())
    assert path.read_bytes() == before
    assert main([*predict, str(tmp_path / "out.xlsx")]) == 2
    assert main([*predict, str(out)]) == 0
    first = out.read_bytes()
    assert first.startswith(b"patient\tprobability\n")
    assert main([*predict, str(out)]) == 1
    assert "exists already; nothing was written" in " ".join(capsys.readouterr().err.split())
    assert out.read_bytes() == first


def test_a_wrong_checksum_is_named(
    ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(ridge_bundle, tmp_path / "copy")
    model = copy / "model.skops"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    path = tmp_path / "new.csv"
    new_patients(path, COLUMNS)
    assert "model.skops: its checksum is not that of SHA256SUMS" in refusal(copy, path, capsys)


def test_columns_that_do_not_fit_are_shown_as_a_difference(
    ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.csv"
    new_patients(path, COLUMNS).rename(columns={"bmi": "weight"}).to_csv(path, index=False)
    message = refusal(ridge_bundle, path, capsys)
    assert "Missing: bmi; unexpected: weight; in another order is fine." in message


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
    assert "column 'bmi' is not a number (a decimal point, no unit): rows 3, 5." in message
    assert "column 'sex' is not among f, m: rows 6." in message
    assert "heavy" not in message


def changed_bundle(bundle: Path, folder: Path, name: str, content: bytes) -> Path:
    """Return a copy of a bundle with one file changed and its checksum made right again."""
    copy = shutil.copytree(bundle, folder)
    (copy / name).write_bytes(content)
    sums = copy / "SHA256SUMS"
    lines = [line.split("  ") for line in sums.read_text(encoding="utf-8").splitlines()]
    right = [
        f"{hashlib.sha256(content).hexdigest() if file == name else digest}  {file}"
        for digest, file in lines
    ]
    sums.write_text("\n".join(right) + "\n", encoding="utf-8")
    return copy


@pytest.mark.parametrize("sums", ["", "abc  ../../etc/hostname\n", "abc  model.skops\n"])
def test_sums_that_do_not_name_every_file_are_refused(
    sums: str, ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not listed is not checked, so everything must be."""
    copy = shutil.copytree(ridge_bundle, tmp_path / "copy")
    (copy / "SHA256SUMS").write_text(sums, encoding="utf-8")
    path = tmp_path / "new.csv"
    new_patients(path, COLUMNS)
    assert "SHA256SUMS: does not name a bundle's files" in refusal(copy, path, capsys)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.skops", b"junk"),
        ("schema.json", b"{}"),
        ("schema.json", b"["),
        ("schema.json", b"\xff"),
        ("check.json", b"{}"),
        ("versions.json", b"[]"),
    ],
)
def test_a_malformed_bundle_is_refused_in_a_sentence(
    name: str,
    content: bytes,
    ridge_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy = changed_bundle(ridge_bundle, tmp_path / "copy", name, content)
    path = tmp_path / "new.csv"
    new_patients(path, COLUMNS)
    assert "cannot be read as a bundle" in refusal(copy, path, capsys)


def test_a_made_up_patient_that_is_refused_is_not_taken_for_the_users(
    ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = json.loads((ridge_bundle / "check.json").read_text(encoding="utf-8"))
    check["patient"]["age"] = "old"
    content = json.dumps(check).encode()
    copy = changed_bundle(ridge_bundle, tmp_path / "copy", "check.json", content)
    path = tmp_path / "new.csv"
    new_patients(path, COLUMNS)
    message = refusal(copy, path, capsys)
    assert "cannot be read as a bundle" in message
    assert "'age'" not in message


def test_a_check_without_a_number_is_no_check(
    ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = json.loads((ridge_bundle / "check.json").read_text(encoding="utf-8"))
    content = json.dumps(check | {"prediction": float("nan")}).encode()
    copy = changed_bundle(ridge_bundle, tmp_path / "copy", "check.json", content)
    path = tmp_path / "new.csv"
    new_patients(path, COLUMNS)
    message = refusal(copy, path, capsys)
    assert "does not give the known prediction of the made-up patient" in message


def test_a_table_without_names_is_refused_without_repeating_it(
    ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.csv"
    new_patients(path, COLUMNS).to_csv(path, index=False, header=False)
    message = refusal(ridge_bundle, path, capsys)
    assert "The first row must hold the names" in message
    message = message.replace(str(tmp_path), "")  # The path may hold any digits.
    assert not any(row["age"] in message for row in simulated_patients(12, seed=99))


def test_rows_are_counted_as_a_spreadsheet_does(
    ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.csv"
    path.write_text("pid,age,sex,bmi,madrs_d0\n\n\nx,50,f,20,99\n", encoding="utf-8")
    assert "column 'madrs_d0' is out of range 0..60: rows 4." in refusal(ridge_bundle, path, capsys)


@pytest.mark.parametrize("text", ["1_0", "\uff11\uff12", "1e400", "nan", "0x10"])
def test_only_plain_numbers_are_numbers(
    text: str, ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.csv"
    path.write_text(f"age,sex,bmi,madrs_d0\n{text},f,20,30\n", encoding="utf-8")
    assert "column 'age' is" in refusal(ridge_bundle, path, capsys)


def test_a_patient_without_any_value_is_refused(
    ridge_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Medians alone would give a probability that is about nobody."""
    path = tmp_path / "new.csv"
    path.write_text("pid,age,sex,bmi,madrs_d0\na,50,f,20,30\nb,,,,\n", encoding="utf-8")
    assert "no value at all: rows 3." in refusal(ridge_bundle, path, capsys)


def test_columns_of_the_study_that_the_model_does_not_need_may_stay(
    ridge_bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / "new.csv"
    new_patients(path, [*COLUMNS, "centre"])
    assert main(["predict", str(ridge_bundle), str(path)]) == 0


def test_missing_codes_of_the_study_are_missing_for_the_model_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cohort = experiment_of()["cohort"]
    cohort["table"] = {"file": "data.csv", "missing": ["-99"]}
    cohort["columns"]["bmi"] = {"kind": "number"}
    quick = {"validation": {"repeats": 1}, "tuning": {"trials": 1}, "models": ["ridge"]}
    quick |= {"inference": {"permutations": 0}}
    study = write_small_study(tmp_path / "study", cohort=cohort, **quick)
    assert main(["run", str(study), "--workers", "1", "--no-mlflow"]) == 0
    bundle, path = tmp_path / "bundle", tmp_path / "new.csv"
    folder = str(tmp_path / "study")
    assert main(["export", "small", "--folder", folder, "--to", str(bundle)]) == 0
    path.write_text("age,sex,bmi,madrs_d0\n50,f,-99,30\n50,f,,30\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["predict", str(bundle), str(path)]) == 0
    coded, empty = pd.read_csv(io.StringIO(capsys.readouterr().out))["probability"]
    assert coded == empty


def test_the_card_speaks_of_the_exported_outcome(finished_study: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    arguments = ["export", "small", "--folder", str(finished_study), "--to", str(bundle)]
    assert main([*arguments, "--follow-up", "d28"]) == 0
    card = (bundle / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "response at d28" in card
    assert "response at d7" not in card
    assert "The figures were made with heldout" in card


def test_a_record_outside_its_study_is_not_exported(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (record,) = finished_study.glob("mlruns/records/small/*")
    copy = shutil.copytree(record, tmp_path / "copy")
    assert main(["export", str(copy), "--to", str(tmp_path / "bundle")]) == 1
    assert "lies outside its study" in " ".join(capsys.readouterr().err.split())


def test_a_model_fitted_with_other_versions_says_so_on_its_card(
    finished_study: Path, tmp_path: Path
) -> None:
    """It may differ from the models whose figures stand beside it."""
    study = shutil.copytree(finished_study, tmp_path / "study")
    (folder,) = study.glob("mlruns/records/small/*")
    record = read_record(folder)
    versions = record.environment["versions"] | {"numpy": "1.0"}
    environment = {**record.environment, "versions": versions}
    write_record(replace(record, environment=environment), folder)
    bundle = tmp_path / "bundle"
    assert main(["export", "small", "--folder", str(study), "--to", str(bundle)]) == 0
    card = (bundle / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"The model was fitted with numpy {metadata.version('numpy')}." in card


@pytest.mark.parametrize("out", ["missing/x.csv", "."])
def test_the_script_says_in_a_sentence_that_it_cannot_write(
    ridge_bundle: Path, tmp_path: Path, out: str
) -> None:
    path = tmp_path / "new.csv"
    new_patients(path, COLUMNS)
    script = [sys.executable, str(ridge_bundle / "predict.py"), str(path), "--out"]
    done = subprocess.run([*script, str(tmp_path / out)], capture_output=True, text=True)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_exists_is_not_overwritten(
    ridge_bundle: Path, finished_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", "small", "--folder", str(finished_study), "--to", str(ridge_bundle)]
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err


def test_changed_data_are_not_exported_under_an_old_run(
    finished_study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(finished_study, tmp_path / "study")
    table = folder / "data.csv"
    table.write_text(table.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    arguments = ["export", "small", "--folder", str(folder), "--to", str(tmp_path / "bundle")]
    assert main(arguments) == 1
    assert "has changed since the run" in " ".join(capsys.readouterr().err.split())


def test_a_study_read_as_items_is_exported_and_scored_as_items(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Items of a scale with different maxima, whose sum inclusion bounds from below."""
    rng = np.random.default_rng(2)
    maxima = [4, 4, 4, 4, 4, 2]
    rows = [
        {"pid": f"{number:02d}", "age": str(rng.integers(20, 80))}
        | {
            f"h_{visit}_{item}": str(rng.integers(1 if visit == "d0" else 0, highest + 1))
            for visit in ("d0", "d7")
            for item, highest in enumerate(maxima, start=1)
        }
        for number in range(40)
    ]
    cohort = experiment_of()["cohort"] | {
        "site": None,
        "visits": {"d0": {"day": 0}, "d7": {"day": 7}},
        "include": [{"label": "ill", "column": "hamd6", "at_least": 7}],
        "columns": {
            "age": {"kind": "number", "range": [18, 100]},
            "hamd6": {"items": "h_{visit}_{item}", "instrument": "hamd6"},
        },
    }
    study = write_small_study(
        tmp_path / "study",
        cohort=cohort,
        features=[
            {"build": "clinical", "columns": ["age"]},
            {"build": "totals", "columns": ["hamd6"]},
        ],
        outcomes=[{"name": "low", "column": "hamd6", "rule": {"at_most": 10}, "at": ["d7"]}],
        models=["ridge"],
        validation={"repeats": 1},
        tuning={"trials": 1},
        inference={"permutations": 0},
    )
    write_table(tmp_path / "study", rows)
    assert main(["run", str(study), "--workers", "1", "--no-mlflow"]) == 0
    bundle, path = tmp_path / "bundle", tmp_path / "new.csv"
    folder = str(tmp_path / "study")
    assert main(["export", "small", "--folder", folder, "--to", str(bundle)]) == 0
    names = ",".join(["age", *(f"h_d0_{item}" for item in range(1, 7))])
    path.write_text(f"{names}\n50,2,2,2,2,2,1\n", encoding="utf-8")
    assert main(["predict", str(bundle), str(path)]) == 0
    path.write_text(f"{names}\n50,2,2,2,2,2,3\n50,1,1,1,1,1,0\n", encoding="utf-8")
    message = refusal(bundle, path, capsys)
    assert "column 'h_d0_6' is not among 0, 1, 2: rows 2." in message
    assert "the items of 'hamd6_d0' add up to what is out of range 7..22: rows 3." in message


@pytest.mark.parametrize("model", ["random_forest", "xgboost"])
def test_a_bundle_recalibrates_as_the_study_did(model: str, tmp_path: Path) -> None:
    """Of 120 patients sixty have the event: enough for a sigmoid, which the pipeline lacks."""
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(size=(120, 4)), columns=list("abcd")).round(3)
    latent = table["a"] + table["b"] + rng.normal(size=120)
    table["end"] = (latent > latent.median()).astype(float)
    record = heldout.evaluate(
        table,
        outcomes={"end": "end"},
        features=list("abcd"),
        models=[model],
        repeats=1,
        trials=2,
        permutations=0,
        explain=False,
    )
    bundle = export_model(record, tmp_path / "bundle", model=model)
    line = json.loads((bundle / "schema.json").read_text(encoding="utf-8"))["recalibration"]
    assert (line["least"], line["slope"] > 0) == (0.005, True)
    new = pd.DataFrame(rng.normal(size=(20, 4)), columns=list("abcd")).round(3)
    new.to_csv(tmp_path / "new.csv", index=False)
    pipeline = skops.io.load(bundle / "model.skops", trusted=list(TRUSTED))
    raw = pipeline.predict_proba(new.to_numpy())[:, 1].astype(float).clip(0.005, 0.995)
    expected = expit(line["slope"] * logit(raw) + line["intercept"])
    told = predict_file(bundle, tmp_path / "new.csv")["probability"]
    np.testing.assert_allclose(told, expected, rtol=0, atol=1e-12)
    assert np.abs(told - raw).max() > 0.01
    card = (bundle / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Probabilities are recalibrated" in card
    assert "uncalibrated" not in card
