"""A plan is frozen; the run after it says everywhere what it did otherwise."""

import json
from pathlib import Path

import pytest

from heldout.cli import main
from heldout.record import read_record
from heldout.study.folders import find_record, mlruns
from tests.small_study import write_small_study

pytestmark = pytest.mark.slow


def test_a_frozen_plan_is_named_in_terminal_page_record_and_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_small_study(tmp_path, models=["prevalence", "ridge"])
    assert main(["plan", str(study), "--quick"]) == 0
    assert "Tip: --freeze notes this plan" in capsys.readouterr().out
    assert not mlruns(tmp_path).exists()
    frozen = ["outcomes.0.primary=d28", "--quick", "--freeze"]
    assert main(["plan", str(study), *frozen]) == 0
    entry = json.loads((mlruns(tmp_path) / "ledger.jsonl").read_text(encoding="utf-8"))
    day = entry["at"][:10]
    assert f"\nAs frozen on {day}.\nThe primary outcome, response at d28, was named on {day}." in (
        capsys.readouterr().out
    )
    assert entry["primary"] == "response at d28"
    ran = ["run", str(study), "outcomes.0.primary=d28", "seed=4", "--workers", "1", "--no-mlflow"]
    assert main(ran) == 0
    deviates = f"Other than in the plan frozen on {day}: seed."
    named = f"The primary outcome, response at d28, was named on {day}."
    printed = capsys.readouterr().out
    assert f"\n{deviates}\n{named}\n" in printed
    record = read_record(find_record("small", tmp_path))
    assert record.frozen is not None
    assert record.frozen.sentences == (deviates, named)
    assert record.folder is not None
    written = json.loads((record.folder / "record.json").read_text(encoding="utf-8"))["frozen"]
    assert (written["date"], written["changed"]) == (day, ["seed"])
    assert f"<p>{deviates}</p>" in (record.folder / "report.html").read_text(encoding="utf-8")
    # A plan that is frozen afterwards says nothing of a run that was there before.
    assert main(["plan", str(study), "--quick", "--freeze"]) == 0
    assert "analysed once before the plan was frozen." in capsys.readouterr().out
    assert main([*ran, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frozen"]["changed"] == ["seed"]
    bundle = tmp_path / "bundle"
    assert main(["export", "small", "--folder", str(tmp_path), "--to", str(bundle)]) == 0
    [card] = bundle.glob("*.md")
    assert f"{deviates} {named}\n" in card.read_text(encoding="utf-8")


def test_a_study_that_cannot_be_planned_cannot_be_frozen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_small_study(tmp_path)
    arguments = ["plan", str(study), "outcomes.0.rule.reduction=0.99", "--freeze"]
    assert main(arguments) == 1
    assert "No outcome can be evaluated" in capsys.readouterr().err
    assert not mlruns(tmp_path).exists()
