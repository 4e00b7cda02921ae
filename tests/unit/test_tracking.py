"""A record in MLflow: what is logged, that it is logged once, and that nothing stays RUNNING."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from heldout.cohort.inclusion import FlowStep
from heldout.errors import TrackingError
from heldout.features.columns import FeatureColumn
from heldout.files import hold
from heldout.inference.cells import Cell
from heldout.inference.permutation import PermutationTest
from heldout.inference.verdict import Verdict
from heldout.record import OutcomeFacts, RunRecord, figure_name
from heldout.tracking.runs import log_record
from heldout.tracking.shown import Shown, plan_runs, shown_of
from heldout.tracking.store import end_dead_runs, open_client, prepare_store, process_tags, quiet
from heldout.tracking.ui import newest_pages, page_lines, start_ui
from tests.cells import BESIDE, ELSEWHERE, cell_with
from tests.limits import files_up_to

REASON = "Response at d10 was not evaluated: 1 responder among 4 patients cannot fill 2 folds."
PATIENTS = ("sub-zebra", "sub-alpaca", "sub-okapi", "sub-tapir")
MODELS = ("prevalence", "severity", "ridge")
FIGURES = {"auc": "<svg>all</svg>", "shap.response.d2.ridge": "<svg>ridge</svg>"}


def a_cell(model: str, auc: float) -> Cell:
    return cell_with(
        outcome="response",
        follow_up="d2",
        model=model,
        n=4,
        events=2,
        status="evaluated",
        auc=auc,
        auc_low=0.1 + 0.2,
        auc_high=0.9,
        brier=1 / 3,
        brier_skill=-0.172,
        fold_auc=(0.5, 2 / 3, 0.75, 1.0),
    )


def a_declined_cell(model: str) -> Cell:
    return cell_with(
        outcome="response",
        follow_up="d10",
        model=model,
        n=4,
        events=1,
        status="declined",
        reason=REASON,
    )


def facts(follow_up: str, *, primary: bool) -> OutcomeFacts:
    return OutcomeFacts(
        name="response",
        follow_up=follow_up,
        label="Response",
        primary=primary,
        n=4,
        events=2,
        no_baseline=0,
        no_follow_up=0,
        from_baseline=True,
        status="evaluated" if primary else "declined",
        reason=None if primary else REASON,
    )


def some_predictions() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "outcome": "response",
                "follow_up": "d2",
                "repeat": repeat,
                "fold": number % 2,
                "model": model,
                "patient": patient,
                "event": number // 2,
                "margin": number / 7,
                "probability": number / 11,
                "prevalence": 0.5,
            }
            for repeat in (0, 1)
            for model in (*MODELS, "headline")
            for number, patient in enumerate(PATIENTS)
        ]
    )


def some_trials() -> pd.DataFrame:
    """Return more trials than MLflow takes in one call."""
    return pd.DataFrame(
        [
            {
                "outcome": "response",
                "follow_up": "d2",
                "repeat": 0,
                "fold": number // 1000,
                "model": "ridge",
                "trial": number % 1000,
                "candidate": '{"C": 0.1}',
                "criterion": 1 / (3 + number),
            }
            for number in range(2000)
        ]
    )


def some_feature(name: str) -> FeatureColumn:
    return FeatureColumn(name=name, label=name, inputs=(name,), visit="d0", builder="clinical")


@pytest.fixture
def record() -> RunRecord:
    """Return a run whose primary outcome is evaluated and the other one, named first, declined."""
    return RunRecord(
        run_id="0123456789ab",
        experiment={
            "name": "small",
            "question": "Who responds?",
            "models": list(MODELS),
            "validation": {"outer": 2, "inner": 2, "repeats": 2},
            "tuning": {"trials": 1000, "sampler": "qmc", "criterion": "brier"},
        },
        fingerprint="f" * 64,
        data_fingerprint="d" * 64,
        folds_digest="b" * 64,
        n_patients=4,
        sites=(),
        flow=(FlowStep(label="In the table", n=4),),
        visits=(),
        outcomes=(facts("d10", primary=False), facts("d2", primary=True)),
        features=(some_feature("age"), some_feature("madrs_d0")),
        cells=(
            *map(a_declined_cell, MODELS),
            a_cell("prevalence", 0.5),
            a_cell("severity", 0.7),
            a_cell("ridge", 0.1 + 0.7),
        ),
        headline=(a_declined_cell("headline"), a_cell("headline", 0.6)),
        verdict=Verdict(level="no_evidence", sentences=("No evidence.", REASON)),
        differences=(BESIDE,),
        findings=(),
        predictions=some_predictions(),
        choices=pd.DataFrame(),
        trials=some_trials(),
        explanations=pd.DataFrame(columns=["outcome", "follow_up", "model", "feature"]),
        environment={"started": "2026-01-01T00:00:00+00:00", "seconds": 95.2},
    )


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store without runs; building its schema takes seconds, so tests copy it."""
    folder = tmp_path_factory.mktemp("store")
    prepare_store(folder)
    return folder / "mlflow.db"


@pytest.fixture
def mlruns(tmp_path: Path, empty_store: Path) -> Path:
    folder = tmp_path / "mlruns"
    folder.mkdir()
    shutil.copy(empty_store, folder)
    return folder


@pytest.fixture
def client(mlruns: Path) -> Iterator[Any]:
    with quiet():
        yield open_client(mlruns)


def all_runs(client: Any) -> dict[str, Any]:
    """Return the runs of all experiments by their names, in the order of MLflow's list."""
    experiments = [one.experiment_id for one in client.search_experiments()]
    found = client.search_runs(experiments, order_by=["attributes.start_time DESC"])
    assert len({run.info.run_name for run in found}) == len(found)
    return {run.info.run_name: run for run in found}


def dead_process() -> int:
    """Return the number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def start_run(client: Any, **tags: str) -> str:
    """Return a run that is RUNNING, of this process but for what `tags` say."""
    wanted = process_tags() | {f"heldout.{name}": value for name, value in tags.items()}
    return str(client.create_run("0", tags=wanted).info.run_id)


def status(client: Any, run_id: str) -> str:
    return str(client.get_run(run_id).info.status)


def test_a_record_is_a_run_for_each_model_evaluated_and_one_for_each_headline(
    record: RunRecord, mlruns: Path, client: Any
) -> None:
    """The primary outcome is listed first, its headline at the top; a declined one is one line."""
    tracked = log_record(record, FIGURES, mlruns)
    runs = all_runs(client)
    assert list(runs) == [
        "response d2 · headline",
        "response d2 · prevalence",
        "response d2 · severity",
        "response d2 · ridge",
        "response d10 · declined",
    ]
    assert tracked == tuple(run.info.run_id for run in runs.values())


def test_metrics_are_the_records_to_the_last_bit(
    record: RunRecord, mlruns: Path, client: Any
) -> None:
    log_record(record, FIGURES, mlruns)
    logged = all_runs(client)["response d2 · ridge"].data.metrics
    assert {name: value for name, value in logged.items() if name.startswith("cv.")} == {
        "cv.roc_auc": 0.1 + 0.7,
        "cv.roc_auc_lo": 0.1 + 0.2,
        "cv.roc_auc_hi": 0.9,
        "cv.brier": 1 / 3,
        "cv.brier_skill": -0.172,
    }


def test_digests_are_long_enough_to_tell_runs_apart(record: RunRecord) -> None:
    tags = shown_of(record, record.headline[0], {}).tags
    assert tags["config_sha"] == record.fingerprint[:12]
    assert tags["data_digest"] == record.data_fingerprint[:12]
    assert tags["folds_digest"] == record.folds_digest[:12]


def test_folds_are_steps_of_one_metric(record: RunRecord, mlruns: Path, client: Any) -> None:
    log_record(record, FIGURES, mlruns)
    run_id = all_runs(client)["response d2 · ridge"].info.run_id
    history = client.get_metric_history(run_id, "fold.roc_auc")
    assert [(one.step, one.value) for one in history] == [
        (0, 0.5),
        (1, 2 / 3),
        (2, 0.75),
        (3, 1.0),
    ]


def test_trials_beyond_what_mlflow_takes_at_once_all_arrive(
    record: RunRecord, mlruns: Path, client: Any
) -> None:
    log_record(record, FIGURES, mlruns)
    run_id = all_runs(client)["response d2 · ridge"].info.run_id
    history = client.get_metric_history(run_id, "trial.value")
    assert sorted((one.step, one.value) for one in history) == [
        (number, 1 / (3 + number)) for number in range(2000)
    ]


def test_a_declined_outcome_says_why_and_has_no_metric(
    record: RunRecord, mlruns: Path, client: Any
) -> None:
    log_record(record, FIGURES, mlruns)
    data = all_runs(client)["response d10 · declined"].data
    assert (data.tags["status"], data.tags["mlflow.note.content"], data.metrics) == (
        "declined",
        REASON,
        {},
    )


def test_the_headlines_description_is_the_verdict(
    record: RunRecord, mlruns: Path, client: Any
) -> None:
    log_record(record, FIGURES, mlruns)
    tags = all_runs(client)["response d2 · headline"].data.tags
    assert tags["mlflow.note.content"] == f"No evidence. {REASON}"


def test_no_p_value_is_logged_where_none_was_computed(record: RunRecord) -> None:
    metrics = shown_of(record, record.headline[1], {}).metrics
    assert metrics
    assert not {"cv.p", "cv.p_adjusted"} & metrics.keys()


def with_a_test(record: RunRecord) -> RunRecord:
    """Return the record with a permutation test over the outcome that was evaluated."""
    names = [*MODELS, "headline"]
    table = pd.DataFrame(
        {f"response.d2.{name}": [0.6, 1 / 3, 0.4] for name in names}
        | {f"response.d2_late.{name}": [0.1, 0.2, 0.3] for name in names}
    )
    table.insert(0, "permutation", range(3))
    tested: dict[str, Any] = {"p": 1 / 3, "p_adjusted": 0.64, "arithmetic": 0.636}
    return replace(
        record,
        cells=tuple(replace(one, **tested) if one.auc else one for one in record.cells),
        headline=tuple(replace(one, **tested) if one.auc else one for one in record.headline),
        permutations=table,
        permutation=PermutationTest(
            permutations=2, asked=999, stopped=True, enumerated=False, redrawn=0, repeats=1
        ),
    )


def test_p_and_arithmetic_are_metrics_and_permutations_a_parameter(record: RunRecord) -> None:
    shown = shown_of(with_a_test(record), with_a_test(record).headline[1], {})
    assert (shown.metrics["cv.p"], shown.metrics["cv.p_adjusted"]) == (1 / 3, 0.64)
    assert shown.metrics["cv.arithmetic"] == 0.636
    assert shown.params["permutations"] == 999
    assert shown.params["interval"] == "score"


def test_a_record_without_a_test_has_no_permutations(record: RunRecord) -> None:
    shown = shown_of(record, record.headline[1], {})
    assert shown.params["permutations"] == 0
    assert "permutations.csv" not in shown.artifacts


def test_permutations_go_to_their_headline_and_to_no_model(record: RunRecord) -> None:
    """A headline has its own outcome's, at its own follow-up, to the last bit."""
    tested = with_a_test(record)
    files = {
        plan.name: shown_of(tested, plan.cell, {}).artifacts.get("permutations.csv")
        for plan in plan_runs(tested)
    }
    text = files.pop("response d2 · headline")
    assert set(files.values()) == {None}
    table = pd.read_csv(StringIO(text))
    assert list(table.columns) == [
        "permutation",
        *(f"response.d2.{name}" for name in (*MODELS, "headline")),
    ]
    assert list(table["response.d2.ridge"]) == [0.6, 1 / 3, 0.4]


def test_a_models_description_says_p_and_arithmetic(record: RunRecord) -> None:
    tested = with_a_test(record)
    tags = shown_of(tested, tested.cells[-1], {}).tags
    assert tags["mlflow.note.content"].startswith(
        "Ridge logistic regression: AUC .80 for patients held out (95 % interval .30 to .90; "
        "arithmetic alone gives .64), p = .33, adjusted .64 (2 permutations). "
    )


def test_models_that_read_fewer_features_say_so(record: RunRecord) -> None:
    counts = {
        plan.cell.model: shown_of(record, plan.cell, {}).params["features"]
        for plan in plan_runs(record)
    }
    assert counts == {"headline": 2, "prevalence": 0, "severity": 1, "ridge": 2}


def test_a_headline_alone_is_shown_at_other_sites(record: RunRecord) -> None:
    runs = {
        plan.name: shown_of(replace(record, transport=(ELSEWHERE,)), plan.cell, {}).metrics
        for plan in plan_runs(record)
    }
    assert ELSEWHERE.pooled is not None
    headline = runs["response d2 · headline"]
    assert headline["cv.roc_auc_other_sites"] == ELSEWHERE.pooled.auc
    assert headline["cv.roc_auc_other_sites_lo"] == ELSEWHERE.pooled.low
    assert not any("other_sites" in name for name in runs["response d2 · ridge"])


def test_a_headline_alone_is_shown_beside_its_references(record: RunRecord) -> None:
    shown = {
        plan.name: {
            name.removeprefix("cv.roc_auc_minus."): value
            for name, value in shown_of(record, plan.cell, {}).metrics.items()
            if "minus" in name
        }
        for plan in plan_runs(record)
    }
    assert shown.pop("response d2 · headline") == {
        "ridge": -0.03,
        "ridge_lo": -0.21,
        "ridge_hi": 0.15,
        "ridge_p_worse": 0.4,
        "ridge_p_equivalent": 0.375,
        "ridge_p_better": 0.225,
    }
    assert not any(shown.values())


def test_a_model_that_says_the_same_of_everybody_is_told_without_an_interval(
    record: RunRecord,
) -> None:
    cell = cell_with(
        outcome="response", follow_up="d2", model="prevalence", n=4, events=2,
        status="evaluated", auc=0.5,
    )  # fmt: skip
    note = shown_of(record, cell, {}).tags["mlflow.note.content"]
    assert note == "Prevalence: AUC .50 by definition; it says the same of everybody."


def test_figures_go_to_their_cell_and_common_ones_to_the_headline(
    record: RunRecord, mlruns: Path, client: Any
) -> None:
    log_record(record, FIGURES, mlruns)
    files = {
        name: sorted(one.path for one in client.list_artifacts(run.info.run_id))
        for name, run in all_runs(client).items()
    }
    assert files["response d2 · headline"] == ["auc.svg", "predictions.csv", "verdict.txt"]
    assert files["response d2 · severity"] == ["predictions.csv"]
    assert files["response d2 · ridge"] == [
        "predictions.csv",
        "shap.response.d2.ridge.svg",
        "trials.csv",
    ]


def test_an_outcomes_figure_is_not_taken_for_that_of_an_outcome_whose_name_ends_alike(
    record: RunRecord,
) -> None:
    figures = {"shap.partial_response.d2.ridge": "<svg/>"}
    ridge = next(cell for cell in record.cells if cell.auc == 0.1 + 0.7)
    assert list(shown_of(record, ridge, figures).artifacts) == ["trials.csv", "predictions.csv"]


def test_cells_whose_names_run_together_alike_have_figures_of_their_own(
    record: RunRecord,
) -> None:
    one = replace(record.cells[-1], outcome="response", follow_up="late_w6")
    other = replace(record.cells[-1], outcome="response_late", follow_up="w6")
    figures = {figure_name("shap", one): "<svg>1</svg>", figure_name("shap", other): "<svg>2</svg>"}
    files = shown_of(record, one, figures).artifacts
    assert [text for path, text in files.items() if path.endswith(".svg")] == ["<svg>1</svg>"]


def test_no_pseudonym_leaves_the_record(record: RunRecord) -> None:
    """What MLflow holds is meant to be shared; the pseudonyms' key is not far from them."""
    shown = [shown_of(record, plan.cell, FIGURES) for plan in plan_runs(record)]
    for part in fields(Shown):
        assert any(getattr(cell, part.name) for cell in shown)
    assert not [patient for patient in PATIENTS if patient in repr(shown)]


def test_no_pseudonym_is_in_any_file_of_the_store(record: RunRecord, mlruns: Path) -> None:
    log_record(record, FIGURES, mlruns)
    files = [path for path in mlruns.rglob("*") if path.is_file()]
    assert len(files) > 9
    assert not [
        path for path in files if any(one.encode() in path.read_bytes() for one in PATIENTS)
    ]


def predictions_of(record: RunRecord, cell: Cell) -> pd.DataFrame:
    """Return the held-out predictions that are shown with a cell."""
    return pd.read_csv(StringIO(shown_of(record, cell, {}).artifacts["predictions.csv"]))


def test_a_patient_has_one_number_in_all_cells(record: RunRecord) -> None:
    """So that models can be compared patient by patient."""
    numbers = [
        predictions_of(record, cell)["patient"].tolist()
        for cell in (record.headline[1], *record.cells[3:])
    ]
    assert numbers == [[1, 2, 3, 4, 1, 2, 3, 4]] * 4


def test_predictions_survive_to_the_last_bit(record: RunRecord) -> None:
    table = predictions_of(record, record.headline[1])
    assert list(table.columns) == [
        *("patient", "repeat", "fold", "event", "margin", "probability", "prevalence"),
    ]
    assert table["margin"].tolist() == [number / 7 for number in range(4)] * 2


def experiment_of(client: Any, run_ids: tuple[str, ...]) -> str:
    """Return MLflow's number of the experiment that runs are of."""
    (number,) = {client.get_run(run_id).info.experiment_id for run_id in run_ids}
    return str(number)


def test_the_comparison_is_of_the_primary_outcomes_runs(record: RunRecord, mlruns: Path) -> None:
    tracked = log_record(record, FIGURES, mlruns)
    _, comparison = newest_pages(mlruns).values()
    assert [run_id for run_id in tracked if run_id in comparison] == list(tracked[:4])


def test_logging_a_record_again_adds_nothing(record: RunRecord, mlruns: Path, client: Any) -> None:
    first = log_record(record, FIGURES, mlruns)
    assert log_record(record, FIGURES, mlruns) == first
    assert len(all_runs(client)) == 5


def test_a_set_with_a_run_missing_is_logged_anew(
    record: RunRecord, mlruns: Path, client: Any
) -> None:
    first = log_record(record, FIGURES, mlruns)
    client.delete_run(first[2])
    second = log_record(record, FIGURES, mlruns)
    assert not set(first) & set(second)
    assert {run.info.run_id for run in all_runs(client).values()} == set(second)


def test_an_experiment_deleted_in_the_user_interface_comes_back(
    record: RunRecord, mlruns: Path, client: Any
) -> None:
    first = log_record(record, FIGURES, mlruns)
    experiment = experiment_of(client, first)
    client.delete_experiment(experiment)
    second = log_record(record, FIGURES, mlruns)
    assert experiment_of(client, second) == experiment
    assert len(all_runs(client)) == 5


def test_artifacts_lie_under_the_experiments_name(record: RunRecord, mlruns: Path) -> None:
    log_record(record, FIGURES, mlruns)
    assert len(list((mlruns / "artifacts" / "small").iterdir())) == 5


def test_a_copied_store_keeps_its_artifacts_to_itself(record: RunRecord, mlruns: Path) -> None:
    """MLflow stores absolute addresses; the original must not be written to by its copy."""
    first = log_record(record, FIGURES, mlruns)
    original = contents_of(mlruns)
    copy = mlruns.parent / "a copy, größer"
    shutil.copytree(mlruns, copy, ignore=shutil.ignore_patterns("artifacts"))
    second = log_record(record, FIGURES, copy)
    assert contents_of(mlruns) == original
    assert {path.name for path in (copy / "artifacts" / "small").iterdir()} == set(second)
    assert not set(first) & set(second)


def test_a_copied_store_is_put_right_once(record: RunRecord, mlruns: Path) -> None:
    log_record(record, FIGURES, mlruns)
    copy = mlruns.parent / "a copy, größer"
    shutil.copytree(mlruns, copy)
    assert log_record(record, FIGURES, copy) == log_record(record, FIGURES, copy)


def test_a_copied_store_keeps_the_runs_it_came_with(record: RunRecord, mlruns: Path) -> None:
    first = log_record(record, FIGURES, mlruns)
    moved = mlruns.rename(mlruns.parent / "moved")
    log_record(record, FIGURES, moved)
    with quiet():
        client = open_client(moved)
        names = {one.experiment_id: one.name for one in client.search_experiments()}
        experiment = experiment_of(client, first)
        kept = client.search_runs([experiment])
    assert names[experiment] == "small (artifacts elsewhere, 1)"
    assert {run.info.run_id for run in kept} == set(first)


def test_the_user_interface_opens_on_the_runs_whose_artifacts_are_here(
    record: RunRecord, mlruns: Path
) -> None:
    """The runs of a copied store and those logged in it are of the same record and moment."""
    log_record(record, FIGURES, mlruns)
    moved = mlruns.rename(mlruns.parent / "moved")
    second = log_record(record, FIGURES, moved)
    _, comparison = newest_pages(moved).values()
    assert [run_id for run_id in second if run_id in comparison] == list(second[:4])


def test_an_experiment_named_as_mlflows_own_has_its_artifacts_in_the_store(
    record: RunRecord, mlruns: Path
) -> None:
    """MLflow's own puts artifacts where whoever built the store happened to be."""
    named = replace(record, experiment={**record.experiment, "name": "Default"})
    tracked = log_record(named, FIGURES, mlruns)
    assert {path.name for path in (mlruns / "artifacts" / "Default").iterdir()} == set(tracked)


def contents_of(folder: Path) -> dict[Path, bytes]:
    """Return every file below a folder but the lock, whole."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files}


@pytest.mark.parametrize(
    "ending", [(SystemExit(143), "KILLED"), (ValueError("bug"), "FAILED")], ids=lambda one: one[1]
)
def test_whatever_ends_the_logging_leaves_no_run_running(
    ending: tuple[BaseException, str],
    record: RunRecord,
    mlruns: Path,
    client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command line turns a request to end into SystemExit, wherever MLflow just is."""
    reason, left = ending
    break_off(client, monkeypatch, reason)
    with pytest.raises(type(reason)):
        log_record(record, FIGURES, mlruns)
    assert [run.info.status for run in all_runs(client).values()] == ["FINISHED", left]


def test_logging_that_was_broken_off_is_completed_by_the_next(
    record: RunRecord, mlruns: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        break_off(client, broken, SystemExit(143))
        with pytest.raises(SystemExit):
            log_record(record, FIGURES, mlruns)
    log_record(record, FIGURES, mlruns)
    assert [run.info.status for run in all_runs(client).values()] == ["FINISHED"] * 5


def break_off(client: Any, monkeypatch: pytest.MonkeyPatch, reason: BaseException) -> None:
    """Make MLflow end in an exception at the first file of the second run."""
    write = type(client).log_text

    def breaking(self: Any, run_id: str, text: str, path: str) -> None:
        if path == "predictions.csv" and len(all_runs(client)) == 2:
            raise reason
        write(self, run_id, text, path)

    monkeypatch.setattr(type(client), "log_text", breaking)


def test_an_artifact_that_cannot_be_written_is_told_and_leaves_no_run_running(
    record: RunRecord, mlruns: Path, client: Any
) -> None:
    (mlruns / "artifacts").write_text("a file where a folder should be")
    with pytest.raises(
        TrackingError, match=r"could not log run 0123456789ab .* record is complete"
    ):
        log_record(record, FIGURES, mlruns)
    assert [run.info.status for run in all_runs(client).values()] == ["FAILED"]


def test_a_running_run_of_a_dead_process_is_killed(client: Any) -> None:
    run_id = start_run(client, pid=str(dead_process()))
    assert end_dead_runs(client) == 1
    assert status(client, run_id) == "KILLED"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs the start of processes")
def test_a_running_run_whose_process_number_was_given_away_again_is_killed(client: Any) -> None:
    run_id = start_run(client, start="another start")
    end_dead_runs(client)
    assert status(client, run_id) == "KILLED"


def test_a_running_run_of_a_living_process_stays(client: Any) -> None:
    run_id = start_run(client)
    assert end_dead_runs(client) == 0
    assert status(client, run_id) == "RUNNING"


def test_a_running_run_of_another_machine_stays(client: Any) -> None:
    """Nothing is known here about the processes there."""
    run_id = start_run(client, host=f"not-{socket.gethostname()}", pid=str(dead_process()))
    end_dead_runs(client)
    assert status(client, run_id) == "RUNNING"


def test_logging_first_ends_the_dead(record: RunRecord, mlruns: Path, client: Any) -> None:
    run_id = start_run(client, pid=str(dead_process()))
    log_record(record, FIGURES, mlruns)
    assert status(client, run_id) == "KILLED"


def test_two_processes_may_make_the_store_at_once(tmp_path: Path) -> None:
    """MLflow builds its schema in steps, and two builders of one file trip over each other.

    Who imported MLflow before, and shows every log line of their own, is not shown MLflow's.
    """
    order = (
        "import logging, mlflow, pathlib, sys; logging.basicConfig(level=logging.INFO);"
        "from heldout.tracking.store import prepare_store; prepare_store(pathlib.Path(sys.argv[1]))"
    )
    loud = {name: one for name, one in os.environ.items() if name != "MLFLOW_LOGGING_LEVEL"}
    command = [sys.executable, "-c", order, str(tmp_path)]
    both = [subprocess.Popen(command, env=loud, stderr=subprocess.PIPE) for _ in range(2)]
    told = [process.communicate()[1] for process in both]
    assert [(process.returncode, text) for process, text in zip(both, told, strict=True)] == [
        (0, b"")
    ] * 2
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db"}


def test_what_a_killed_process_left_of_a_store_is_cleared_away(tmp_path: Path) -> None:
    order = (
        "import os, pathlib, sqlite3, sys; from heldout.tracking.store import prepare_store;"
        "from mlflow import MlflowClient;"
        "MlflowClient.search_experiments = lambda *_, **__: os.kill(os.getpid(), 9);"
        "prepare_store(pathlib.Path(sys.argv[1]))"
    )
    killed = subprocess.run([sys.executable, "-c", order, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.glob(".mlflow.*.db"))
    prepare_store(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db"}


def test_half_a_store_of_a_process_with_our_number_is_in_nobodys_way(tmp_path: Path) -> None:
    """A system gives process numbers away again."""
    with sqlite3.connect(tmp_path / f".mlflow.{os.getpid()}.db") as half:
        half.execute("CREATE TABLE experiments (experiment_id INTEGER)")
    half.close()
    prepare_store(tmp_path)
    assert (tmp_path / "mlflow.db").is_file()


def test_a_store_that_finds_no_space_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        files_up_to(100_000),
        pytest.raises(TrackingError, match=r"could not be prepared .* Free space, .* --no-mlflow"),
    ):
        prepare_store(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_finds_no_space_is_told(record: RunRecord, mlruns: Path) -> None:
    size = (mlruns / "mlflow.db").stat().st_size
    with (
        files_up_to(size),
        pytest.raises(TrackingError, match=r"could not log run .* record is complete"),
    ):
        log_record(record, FIGURES, mlruns)


def test_what_is_left_of_a_lock_is_in_nobodys_way(tmp_path: Path) -> None:
    """A killed process leaves it, or an earlier version, for which it was a database."""
    (tmp_path / "mlflow.lock").write_text("not a database" * 100)
    prepare_store(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db"}


def test_a_store_that_another_process_holds_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heldout.tracking.store._LOCK_SECONDS", 0)
    let_go = hold(tmp_path / "mlflow.lock")
    with pytest.raises(TrackingError, match=r"could not be held .* Wait for the other one to end"):
        prepare_store(tmp_path)
    let_go()
    prepare_store(tmp_path)


@pytest.mark.parametrize("use", [prepare_store, newest_pages], ids=lambda one: one.__name__)
def test_a_folder_that_may_not_be_entered_is_refused(use: Any, mlruns: Path) -> None:
    with (
        nobodys(mlruns),
        pytest.raises(TrackingError, match=r"mlruns: cannot be written .* --no-mlflow"),
    ):
        use(mlruns)


@contextmanager
def nobodys(folder: Path) -> Iterator[None]:
    """Take all rights on a folder away, and root's right to have rights all the same."""
    user, mode = os.geteuid(), folder.stat().st_mode
    folder.chmod(0)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(mode)


def test_a_store_that_is_there_is_not_made_again(mlruns: Path) -> None:
    said: list[str] = []
    prepare_store(mlruns, said.append)
    assert said == []


def test_a_store_that_is_no_database_is_refused(record: RunRecord, mlruns: Path) -> None:
    (mlruns / "mlflow.db").write_text("not a database")
    with pytest.raises(TrackingError, match=r"mlflow\.db: MLflow cannot use it .* Move it away"):
        log_record(record, FIGURES, mlruns)


def test_a_folder_that_is_a_file_is_refused(record: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "mlruns").write_text("")
    with pytest.raises(TrackingError, match=r"mlruns: cannot be written .* --no-mlflow"):
        log_record(record, FIGURES, tmp_path / "mlruns")


def test_logging_leaves_the_terminal_and_mlflows_own_state_alone(
    record: RunRecord, mlruns: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID")}
    log_record(record, FIGURES, mlruns)
    import mlflow

    assert mlflow.active_run() is None
    assert {name: os.environ.get(name) for name in before} == before
    assert capfd.readouterr() == ("", "")


def test_the_user_interface_needs_a_store(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match=r"no runs yet\. .* Run an experiment first"):
        start_ui(tmp_path / "mlruns")


def test_the_user_interface_needs_a_run(mlruns: Path) -> None:
    with pytest.raises(TrackingError, match="no runs yet"):
        start_ui(mlruns)


def test_a_port_that_is_taken_is_named_with_a_free_one(record: RunRecord, mlruns: Path) -> None:
    log_record(record, FIGURES, mlruns)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TrackingError, match=rf"127\.0\.0\.1:{port}: .* Try --port (\d+)\."):
            start_ui(mlruns, port=port)


def test_a_port_that_does_not_exist_is_refused(record: RunRecord, mlruns: Path) -> None:
    log_record(record, FIGURES, mlruns)
    with pytest.raises(TrackingError, match="ports are 1 to 65535"):
        start_ui(mlruns, port=70_000)


def test_a_damaged_store_has_no_pages(record: RunRecord, mlruns: Path) -> None:
    log_record(record, FIGURES, mlruns)
    with sqlite3.connect(mlruns / "mlflow.db") as store:
        store.execute("ALTER TABLE runs RENAME TO walks")
    store.close()
    with pytest.raises(TrackingError, match=r"mlflow\.db: MLflow cannot use it .* Move it away"):
        newest_pages(mlruns)


def test_a_page_has_a_line_for_its_title_and_one_for_its_address() -> None:
    """An address that compares runs is longer than any terminal is wide."""
    assert list(page_lines({"All runs": "/#/1", "Side by side": "/#/2"}, "http://here:5000")) == [
        "All runs:",
        "  http://here:5000/#/1",
        "Side by side:",
        "  http://here:5000/#/2",
    ]


def test_a_run_can_be_logged_while_another_reads_the_store(
    record: RunRecord, mlruns: Path, client: Any
) -> None:
    """A user interface that is open holds no lock that logging would wait for."""
    reader = sqlite3.connect(mlruns / "mlflow.db")
    reader.execute("SELECT count(*) FROM runs").fetchall()
    log_record(record, FIGURES, mlruns)
    reader.close()
    assert len(all_runs(client)) == 5


def a_number_cell(model: str) -> Cell:
    return cell_with(
        outcome="score",
        follow_up="d2",
        model=model,
        n=4,
        events=0,
        kind="number",
        status="evaluated",
        r2=-0.042,
        r2_low=-0.3,
        r2_high=0.2 + 0.1,
        mae=7.31,
        mae_mean=7.42,
        spearman=0.1,
        concordance=0.55,
    )


def with_a_number(record: RunRecord) -> RunRecord:
    """Return the record with one model of a number, whose predictions have their own columns."""
    numbers = pd.DataFrame(
        {
            "outcome": "score",
            "follow_up": "d2",
            "model": "ridge",
            "patient": PATIENTS,
            "repeat": 0,
            "fold": 0,
            "observed": 20.5,
            "prediction": 19.25,
            "training_mean": 1 / 3,
        }
    )
    predictions = pd.concat([record.predictions, numbers], ignore_index=True)
    return replace(record, cells=(*record.cells, a_number_cell("ridge")), predictions=predictions)


def test_a_number_is_shown_by_its_own_figures(record: RunRecord) -> None:
    cell = a_number_cell("ridge")
    shown = shown_of(with_a_number(record), cell, {})
    assert shown.metrics == {
        "cv.r2": -0.042,
        "cv.r2_lo": -0.3,
        "cv.r2_hi": 0.2 + 0.1,
        "cv.mae": 7.31,
        "cv.mae_of_mean": 7.42,
        "cv.spearman": 0.1,
        "cv.concordance": 0.55,
    }
    assert not {"events", "interval"} & shown.params.keys()
    assert "fold.roc_auc" not in shown.series


def test_a_numbers_run_says_its_figure_in_words(record: RunRecord) -> None:
    tags = shown_of(with_a_number(record), a_number_cell("ridge"), {}).tags
    assert tags["mlflow.note.content"].startswith(
        "Ridge linear regression: \N{MINUS SIGN}4 % of the variance explained for patients held "
        "out (95 % interval \N{MINUS SIGN}30 % to 30 %)."
    )


def test_a_numbers_predictions_have_the_columns_of_a_number(record: RunRecord) -> None:
    table = predictions_of(with_a_number(record), a_number_cell("ridge"))
    columns = ["patient", "repeat", "fold", "observed", "prediction", "training_mean"]
    assert list(table.columns) == columns
    assert len(table) == len(PATIENTS)
