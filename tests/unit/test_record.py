"""A record on disk and back."""

import json
import shutil
from dataclasses import asdict, fields, replace
from pathlib import Path

import pandas as pd
import pytest

from heldout.describe.values import AuditCounts, Characteristic, Reliability, Summary
from heldout.errors import RecordError
from heldout.inference.verdict import render_verdict
from heldout.record import FORMAT, Finding, RunRecord, read_record, summary, write_record
from heldout.study.notebook import evaluate
from tests.cells import BESIDE, CALIBRATED, ELSEWHERE, cell_changed
from tests.limits import files_up_to
from tests.tables import FEATURES, OUTCOMES, a_table

OLD = Path(__file__).parents[1] / "reference" / "record_format_1"
TABLES = ("predictions", "choices", "trials", "explanations", "permutations")
# Names a spreadsheet would mend: numbers with zeros, missing values, commas, line ends.
AWKWARD = ["007", "1e3", "NA", "nan", "null", "a,b", 'a"b', "c d", "a;b", "é", "True", "-0"]


TWINS = Finding(
    code="HO017", title="Alike", verdict="issue", text="One pair.", who=("007 and 1e3",)
)
SEX = Characteristic(
    name="sex",
    visit="d0",
    label="Sex",
    unit=None,
    levels=("female", "male"),
    outcome="response4",
    follow_up="week4",
    groups=(
        Summary(group="all", n=39, missing=1, counts=(20, 19)),
        Summary(group="event", n=1, missing=0, mean=1.5, median=1.5),
    ),
    difference=0.1 + 0.2,
)
ALPHA = Reliability(
    name="madrs",
    visit="d0",
    n=36,
    parts=10,
    alpha=0.8,
    alpha_low=0.7,
    alpha_high=0.9,
    omega=None,
    sem=2.5,
    reliable_points=6.9,
    floor=0.0,
    ceiling=1 / 3,
)
AUDIT = AuditCounts(
    name="madrs",
    visit="d0",
    instrument="madrs",
    items=(1, 2),
    reversed=(2,),
    recoded=(),
    skippable=(),
    suicidality=(),
    method="sum",
    rule="80%",
    higher_is="worse",
    n=36,
    scored=35,
    unanswered=0,
    prorated=2,
    skipped=0,
    missing=1,
)


@pytest.fixture(scope="module")
def record() -> RunRecord:
    """Return the record of a small study whose patients have awkward names."""
    table = a_table()
    names = [*AWKWARD, *table.index[len(AWKWARD) :]]
    made = evaluate(
        table.set_axis(names, axis=0),
        outcomes=OUTCOMES,
        features=FEATURES,
        site="centre",
        seed=1,
        models=["prevalence", "ridge"],
        repeats=1,
        trials=2,
        permutations=3,
    )
    return replace(
        made,
        characteristics=(SEX, replace(SEX, levels=(), correlation=-0.25)),
        reliability=(ALPHA,),
        score_audit=(AUDIT,),
        findings=(*made.findings, TWINS),
        differences=(BESIDE,),
        calibration=(*made.calibration[:2], CALIBRATED),
        transport=(*made.transport, ELSEWHERE),
    )


@pytest.fixture
def folder(record: RunRecord, tmp_path: Path) -> Path:
    """Return the folder of the record, written."""
    write_record(record, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_back_equal_to_the_last_bit(
    record: RunRecord, folder: Path, name: str
) -> None:
    pd.testing.assert_frame_equal(
        getattr(read_record(folder), name), getattr(record, name), check_exact=True
    )


@pytest.mark.parametrize(
    "name",
    # The table in memory is not written.
    [one.name for one in fields(RunRecord) if one.name not in {*TABLES, "folder", "source"}],
)
def test_everything_else_comes_back_equal(record: RunRecord, folder: Path, name: str) -> None:
    assert getattr(read_record(folder), name) == getattr(record, name)


def test_a_feature_that_was_not_observed_stays_so(record: RunRecord, folder: Path) -> None:
    missing = record.explanations["value"].isna()
    assert missing.any()
    assert read_record(folder).explanations["value"].isna().equals(missing)


def test_patients_keep_their_names(folder: Path) -> None:
    """'007' is a pseudonym and no seven, 'NA' a pseudonym and not missing."""
    assert set(AWKWARD) <= set(read_record(folder).predictions["patient"])


def test_patients_named_by_numbers_alone_keep_their_zeros(
    record: RunRecord, tmp_path: Path
) -> None:
    """Nothing else in the column would tell a reader that these are texts."""
    named = record.predictions.assign(patient="007")
    write_record(replace(record, predictions=named), tmp_path / "run")
    assert set(read_record(tmp_path / "run").predictions["patient"]) == {"007"}


def test_a_record_knows_its_folder(folder: Path) -> None:
    assert read_record(folder).folder == folder.resolve()


def test_written_again_it_has_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_record(read_record(folder), tmp_path / "again")
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_the_manifest_names_every_other_file(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert {*manifest["sha256"], "manifest.json"} == {path.name for path in folder.iterdir()}


def test_a_record_is_plain_text_without_a_binary(folder: Path) -> None:
    assert {path.suffix for path in folder.iterdir()} == {".csv", ".json"}


def test_it_replaces_an_older_record(record: RunRecord, folder: Path) -> None:
    write_record(replace(record, run_id="0" * 12), folder)
    assert read_record(folder).run_id == "0" * 12


def test_files_of_an_older_record_do_not_stay(record: RunRecord, folder: Path) -> None:
    (folder / "report.html").write_text("old", encoding="utf-8")
    write_record(record, folder)
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize("name", ["record.json", "environment.json", "trials.csv"])
def test_a_changed_file_is_noticed(folder: Path, name: str) -> None:
    with (folder / name).open("a", encoding="utf-8") as file:
        file.write(" ")
    with pytest.raises(RecordError, match=rf"{name}: was changed after the run"):
        read_record(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "choices.csv").unlink()
    with pytest.raises(RecordError, match=r"choices\.csv: is missing.*--fresh"):
        read_record(folder)


def test_all_faults_of_a_record_are_named_at_once(folder: Path) -> None:
    (folder / "choices.csv").unlink()
    (folder / "trials.csv").write_text("", encoding="utf-8")
    with pytest.raises(RecordError, match=r"(?s)2 faults.*(choices|trials).*(trials|choices)"):
        read_record(folder)


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_without_a_manifest_is_no_record(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordError, match=r"is no record; it has no manifest\.json"):
        read_record(tmp_path / name)


def test_a_file_is_no_record(folder: Path) -> None:
    with pytest.raises(RecordError, match="is no record"):
        read_record(folder / "record.json")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "{}", '{"format": 1}', '{"format": 1, "sha256": {}}', "\ufeff\x00"],
)
def test_a_damaged_manifest_is_named(folder: Path, content: str) -> None:
    (folder / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(RecordError, match=r"manifest\.json: is damaged"):
        read_record(folder)


@pytest.mark.parametrize("digests", [["record.json", *(f"{name}.csv" for name in TABLES)], "text"])
def test_a_manifest_without_digests_is_damaged(folder: Path, digests: object) -> None:
    content = json.dumps({"format": 1, "sha256": digests})
    (folder / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(RecordError, match=r"manifest\.json: is damaged"):
        read_record(folder)


@pytest.mark.parametrize("files", [None, {"all.parquet": "0"}])
def test_a_newer_format_is_refused_as_newer(folder: Path, files: object) -> None:
    """Its files may have other names; that must not be taken for damage."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    newer = manifest | {"format": FORMAT + 1} | ({} if files is None else {"sha256": files})
    (folder / "manifest.json").write_text(json.dumps(newer), encoding="utf-8")
    with pytest.raises(RecordError, match="record format 5, this version reads 1 to 4"):
        read_record(folder)


def test_a_record_of_format_1_opens() -> None:
    """Written by version 0.1.0; what it did not have is empty, and nothing is asked of it."""
    old = read_record(OLD)
    assert (old.name, old.n_patients, [cell.model for cell in old.cells]) == (
        "small",
        40,
        ["prevalence", "ridge"],
    )
    assert (old.characteristics, old.reliability, old.score_audit) == ((), (), ())
    assert (old.differences, old.calibration, old.transport) == ((), (), ())
    assert [one.kind for one in old.outcomes] == ["class"]
    assert [one.kind for one in old.cells] == ["class"] * 2
    assert old.visits[0].missed is None


def test_a_record_of_format_1_comes_back_the_same_in_the_present_format(tmp_path: Path) -> None:
    old = read_record(OLD)
    write_record(old, tmp_path / "new")
    new = read_record(tmp_path / "new")
    assert json.loads((tmp_path / "new" / "manifest.json").read_text())["format"] == FORMAT
    for name in [one.name for one in fields(RunRecord) if one.name not in {*TABLES, "folder"}]:
        assert getattr(new, name) == getattr(old, name)


def test_a_damaged_record_of_format_1_is_not_opened(tmp_path: Path) -> None:
    shutil.copytree(OLD, tmp_path / "old")
    (tmp_path / "old" / "trials.csv").unlink()
    with pytest.raises(RecordError, match=r"trials\.csv: is missing"):
        read_record(tmp_path / "old")


def test_a_disk_that_fills_up_leaves_nothing(record: RunRecord, tmp_path: Path) -> None:
    with files_up_to(1000), pytest.raises(RecordError, match=r"cannot be written.*Free space"):
        write_record(record, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_leaves_the_older_record(record: RunRecord, folder: Path) -> None:
    with files_up_to(1000), pytest.raises(RecordError, match="cannot be written"):
        write_record(replace(record, run_id="0" * 12), folder)
    assert read_record(folder).run_id == record.run_id


def test_a_place_that_cannot_be_a_folder_is_named(record: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RecordError, match=r"file/run: cannot be written"):
        write_record(record, tmp_path / "file" / "run")


def test_a_number_that_is_none_is_refused_before_anything_is_written(
    record: RunRecord, tmp_path: Path
) -> None:
    """NaN is no JSON; other software would not read the record."""
    wrong = replace(record, cells=(cell_changed(record.cells[0], auc=float("nan")),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(wrong, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_the_summary_holds_every_cell_and_the_verdict(record: RunRecord) -> None:
    shown = summary(record)
    assert [cell["model"] for cell in shown["cells"]] == ["prevalence", "ridge"] * 2
    assert [cell["follow_up"] for cell in shown["headline"]] == list(OUTCOMES)
    assert shown["differences"] == [asdict(BESIDE)]
    assert shown["verdict"] == render_verdict(record.verdict)


def test_the_summary_can_be_written_as_json(record: RunRecord) -> None:
    shown = summary(record)
    shown["answers"]["objections"] = list(shown["answers"]["objections"])
    assert json.loads(json.dumps(summary(record), allow_nan=False)) == shown


def test_a_record_in_memory_has_no_place(record: RunRecord) -> None:
    assert (summary(record)["record"], summary(record)["report"]) == (None, None)


@pytest.mark.parametrize(
    ("named", "factor", "used"),
    [
        (None, 1.6, "score_perm"),
        ("score_perm", 1.6, "score_perm"),
        # Twice the variance of a fixed rule is what stands in for permutations that are too few.
        ("score_perm", 2.0, "score"),
        ("score_perm", None, "score"),
        ("score", 1.6, "score"),
        ("nadeau_bengio", 1.6, "nadeau_bengio"),
        ("bootstrap_cv", None, "bootstrap_cv"),
    ],
)
def test_the_interval_is_the_one_that_was_used(
    record: RunRecord, named: str | None, factor: float | None, used: str
) -> None:
    inference = {} if named is None else {"interval": named}
    headline = tuple(replace(cell, factor=factor) for cell in record.headline)
    experiment = {**record.experiment, "inference": inference}
    assert replace(record, experiment=experiment, headline=headline).interval == used
