"""The study that comes with the package: written into a folder, the same as the checkout's."""

import tomllib
from pathlib import Path

import pytest

from heldout.cli import main
from heldout.cli.demo import EXPERIMENT, FILES, write_demo
from heldout.spec.composition import load_experiment
from heldout.study.plan import plan_study

ROOT = Path(__file__).parents[2]


def test_the_written_study_is_the_checkouts(tmp_path: Path) -> None:
    """Whole: its experiment needs nothing that was not written."""
    path = write_demo(tmp_path / "new")
    written = {str(p.relative_to(tmp_path / "new")) for p in path.parents[1].rglob("*.*")}
    assert written == set(FILES)
    ours = load_experiment(ROOT / EXPERIMENT)
    assert load_experiment(path).model_dump() == ours.model_dump()
    assert plan_study(load_experiment(path)).patients == plan_study(ours).patients


def test_the_folder_is_written_and_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `run` would; here the options are such that it comes no further than to the engine."""
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--engine", "dask"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("Wrote the ketamine study into heldout_demo. Running it ...\n")
    assert "--engine dask: needs --scheduler ADDRESS" in told
    assert (tmp_path / "heldout_demo" / EXPERIMENT).exists()


@pytest.mark.parametrize("content", ["folder", "file"])
def test_what_is_there_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    folder = tmp_path / "mine"
    mine = folder / "notes.txt" if content == "folder" else folder
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine", encoding="utf-8")
    assert main(["demo", str(folder)]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert told == (f"{folder}: exists and is not empty. Nothing was written; give a new folder.")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [mine]


def test_a_demo_that_was_written_before_is_gone_on_with_by_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_demo(tmp_path)
    assert main(["demo", str(tmp_path)]) == 1
    assert f"or go on with: heldout run {path}." in " ".join(capsys.readouterr().err.split())


def test_the_wheel_holds_the_study() -> None:
    """`pip install .` copies no folder that is not named here."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    held = [ROOT / name for name in wheel["only-include"]]
    assert [name for name in FILES if not any((ROOT / name).is_relative_to(h) for h in held)] == []
    assert (
        wheel["sources"].items()
        >= {
            "experiments": "heldout/demo/experiments",
            "configs": "heldout/demo/configs",
        }.items()
    )
