import csv
import json
from pathlib import Path

import pytest

from heldout.cli import main
from heldout.errors import SpecError
from heldout.simulate.answers import CONSTRUCTS
from heldout.simulate.cohort import Simulation
from heldout.simulate.studies import SimulatedCohort, simulate_cohort, write_cohort
from heldout.simulate.texts import command_of, truth_sentences
from heldout.spec.composition import load_experiment


@pytest.fixture(scope="module")
def simulated() -> SimulatedCohort:
    """Return a small cohort with an effect."""
    return simulate_cohort(Simulation(effects={"psychache": 0.8}))


def content(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("form", ["csv", "redcap"])
def test_the_same_study_is_the_same_to_the_byte(
    simulated: SimulatedCohort, tmp_path: Path, form: str
) -> None:
    for name in ("one", "two"):
        write_cohort(simulated, tmp_path / name, form=form)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_study_folder_holds_all_that_a_run_needs(
    simulated: SimulatedCohort, tmp_path: Path
) -> None:
    path = write_cohort(simulated, tmp_path / "study", name="mine")
    assert path == tmp_path / "study" / "experiments" / "mine.yaml"
    assert sorted(content(tmp_path / "study")) == [
        "configs/cohort/mine.yaml",
        "configs/features/mine.yaml",
        "experiments/data/mine/README.md",
        "experiments/data/mine/data.csv",
        "experiments/data/mine/truth.json",
        "experiments/mine.yaml",
    ]


def test_a_study_says_that_it_is_simulated(simulated: SimulatedCohort, tmp_path: Path) -> None:
    path = write_cohort(simulated, tmp_path / "study")
    experiment = load_experiment(path)
    assert experiment.cohort.simulated
    assert experiment.question.startswith("Simulated data.")
    assert experiment.cohort.title.startswith("Simulated data:")
    assert path.read_text().startswith("# Simulated data")


def test_the_truth_is_written_for_machines(simulated: SimulatedCohort, tmp_path: Path) -> None:
    path = write_cohort(simulated, tmp_path / "study")
    said = json.loads((path.parent / "data" / "simulated" / "truth.json").read_text())
    assert said["simulation"]["effects"] == {"psychache": 0.8}
    assert said["truth"]["scores"] == ["pas13"]
    areas = {one["follow_up"]: one["auc_constructs"] for one in said["truth"]["follow_ups"]}
    assert areas["month3"] == round(simulated.truth.follow_ups[3].auc_constructs, 4)


def test_a_redcap_export_has_a_row_a_patient_and_event(
    simulated: SimulatedCohort, tmp_path: Path
) -> None:
    path = write_cohort(simulated, tmp_path / "study", form="redcap")
    with (path.parent / "data" / "simulated" / "data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = simulated.table
    seen = table.filter(regex="^madrs_.*_1$").notna().to_numpy().sum()
    assert len(rows) == seen
    assert [row["redcap_event_name"] for row in rows[:2]] == ["baseline_arm_1", "week1_arm_1"]
    later = [row for row in rows if row["redcap_event_name"] != "baseline_arm_1"]
    assert {row[column] for row in later for column in ("age", "site", "pas13_1")} == {""}
    assert all(row["madrs_1"] for row in rows)


@pytest.mark.parametrize("form", ["csv", "sav"])
def test_a_folder_that_holds_anything_is_left_alone(
    simulated: SimulatedCohort, tmp_path: Path, form: str
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SpecError, match=r"holds something already. Name a folder that is new or"):
        write_cohort(simulated, tmp_path, form=form)
    assert content(tmp_path) == {"mine.txt": b"mine"}


def test_an_empty_folder_may_be_filled(simulated: SimulatedCohort, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    assert write_cohort(simulated, tmp_path / "study").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_form_and_name_that_are_none_are_refused_together(
    simulated: SimulatedCohort, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=r"(?s)2 faults.*form: found 'xls'.*name: found 'a b'"):
        write_cohort(simulated, tmp_path / "study", form="xls", name="a b")
    assert not (tmp_path / "study").exists()


def test_the_command_on_the_page_makes_the_study_again(
    simulated: SimulatedCohort, tmp_path: Path
) -> None:
    write_cohort(simulated, tmp_path / "one")
    words = command_of(simulated.spec, form="csv", name="simulated").split()
    assert words[0] == "heldout"
    place = str(tmp_path / "two")
    assert main([place if word == "DIR" else word for word in words[1:]]) == 0
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_what_no_command_can_say_is_written_as_a_call() -> None:
    words = command_of(Simulation(response_rate=0.4), form="csv", name="one")
    assert words.startswith("write_cohort(simulate_cohort(Simulation(")
    assert "response_rate=0.4" in words


def test_the_command_tells_the_truth_and_what_is_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "study"
    assert main(["simulate", str(place), "--effect", "mentalization=-0.6"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "have 0.6 SD less mentalization at baseline." in said
    assert f"heldout run {place}/experiments/simulated.yaml" in said


def test_the_command_says_so_where_nothing_is_true(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(tmp_path / "study")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("Nothing at baseline bears on how much a patient improves")
    assert "by arithmetic: a 50 % reduction is counted from it." in said


def test_the_command_prints_one_json_object_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(tmp_path / "study"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert Path(said["experiment"]).is_file()
    assert said["truth"]["effects"] == {}


def test_an_effect_that_says_no_size_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["simulate", str(tmp_path / "study"), "--effect", "psychache"])
    said = capsys.readouterr().err
    assert "write CONSTRUCT=D, such as psychache=0.8" in " ".join(said.split())


def test_a_wrong_construct_on_the_command_line_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", str(tmp_path / "study"), "--effect", "psychace=1"]) == 2
    assert "Did you mean 'psychache'?" in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_effects_that_work_together_are_said_to(simulated: SimulatedCohort) -> None:
    both = simulate_cohort(Simulation(effects={"mentalization": 0.5, "rigidity": 0.5}))
    assert "each if it alone worked" in truth_sentences(both.truth)[0]
    assert "each if it alone worked" not in truth_sentences(simulated.truth)[0]


def said_of(*arguments: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that the command prints."""
    assert main(["simulate", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_what_the_command_prints_fits_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = said_of("study", "--effect", "psychache=1", "--effect", "rigidity=0.5", capsys=capsys)
    assert max(map(len, lines)) <= 80
    head = next(number for number, line in enumerate(lines) if line.startswith("follow-up"))
    # What the areas are of stands above their names.
    assert lines[head - 1].index("AUC of") == lines[head].index("constructs")
    assert lines[head + 1].startswith("week1")


def test_what_several_effects_come_to_together_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A planted size is of a construct alone; correlated ones take from and give to each other."""
    options = ["--effect", "psychache=1.0", "--effect", "depression=-0.5"]
    said = " ".join(" ".join(said_of(str(tmp_path / "one"), *options, capsys=capsys)).split())
    truth = json.loads((tmp_path / "one/experiments/data/simulated/truth.json").read_text())
    (at,) = [one for one in truth["truth"]["follow_ups"] if one["follow_up"] == "month3"]
    psychache, depression = (at["differences"][one] for one in ("psychache", "depression"))
    assert f"they come to psychache {psychache:+.2f}, depression {depression:+.2f} SD" in said
    alone = " ".join(said_of(str(tmp_path / "two"), *options[:2], capsys=capsys))
    assert "come to" not in alone


def test_the_help_names_every_construct(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["simulate", "--help"])
    assert f"Constructs: {', '.join(CONSTRUCTS)}" in " ".join(capsys.readouterr().out.split())


def test_an_effect_that_is_said_twice_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = ["--effect", "psychache=0.5", "--effect", "psychache=0.8"]
    assert main(["simulate", str(tmp_path / "study"), *twice]) == 2
    assert capsys.readouterr().err.startswith("--effect: 'psychache' is said 2 times. Say it once")
    assert not (tmp_path / "study").exists()


def test_faults_are_told_in_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--patients", "5", "--sites", "9", "--seed", "-1"]
    assert main(["simulate", str(tmp_path / "study"), *options]) == 2
    told = [line.split(": found")[0] for line in capsys.readouterr().err.splitlines()]
    assert told == ["3 faults:", "  1. --patients", "  2. --sites", "  3. --seed"]
    assert main(["simulate", str(tmp_path / "study"), "--name", "a b"]) == 2
    assert capsys.readouterr().err.startswith("--name: found 'a b'")
    assert main(["simulate", str(tmp_path / "study"), "--effect", "psychace=1"]) == 2
    assert capsys.readouterr().err.startswith("--effect: 'psychace' is no known construct")
