"""Which record a name means."""

from pathlib import Path

import pytest

from heldout.errors import RecordError
from heldout.study.folders import find_record


def write_record_of(folder: Path, name: str = "small", run_id: str = "0123456789ab") -> Path:
    """Write what makes a folder a finished record of a study, and return it."""
    record = folder / "mlruns" / "records" / name / run_id
    record.mkdir(parents=True)
    (record / "manifest.json").write_text("{}")
    return record


def test_a_folder_that_is_no_record_does_not_shadow_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = write_record_of(tmp_path / "study")
    for name in ("small", "0123"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_record("small", tmp_path / "study") == record
    assert find_record("0123", tmp_path / "study") == record


def test_a_records_folder_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = write_record_of(tmp_path / "study")
    monkeypatch.chdir(tmp_path)
    there = record.relative_to(tmp_path)
    assert find_record(str(there), tmp_path).resolve() == record.resolve()


def test_a_folder_that_is_no_record_is_said_to_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record_of(tmp_path / "study")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecordError, match=r"'study': no finished run .* is no record: .*--folder"):
        find_record("study", tmp_path)
    with pytest.raises(RecordError, match=r"'other': no finished run of this name under") as caught:
        find_record("other", tmp_path)
    assert "is no record" not in str(caught.value)
