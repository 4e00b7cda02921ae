"""Everything a finished run is, on disk and back; the record is the truth, MLflow a view.

A record is one folder of plain text: ``record.json``, five tables, ``environment.json`` and
``manifest.json`` with the digest of each. It is written beside its place and moved there when
it is complete, so a half-written record is never read. Equal experiments on equal data give
equal bytes in everything but ``environment.json``, and what was frozen before them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from heldout.cohort.inclusion import FlowStep
from heldout.deferred import Deferred
from heldout.describe.values import AuditCounts, Characteristic, Reliability, Summary, VisitFacts
from heldout.errors import RecordError, raise_faults
from heldout.features.columns import FeatureColumn
from heldout.files import whole_folder, write_files
from heldout.inference.associations import Associated
from heldout.inference.calibration import Calibration, calibration_from, calibration_values
from heldout.inference.cells import Cell, cell_of, cell_values
from heldout.inference.differences import Difference
from heldout.inference.permutation import PermutationTest
from heldout.inference.transport import Transport, transport_from, transport_values
from heldout.inference.verdict import Objection, Verdict, render_verdict
from heldout.kinds import KindName
from heldout.metrics.intervals import VARIANCE_FACTOR
from heldout.outcomes.outcome import Tally
from heldout.spec.experiment import Experiment
from heldout.spec.frozen import Frozen

FORMAT = 4
_TABLES = ("predictions", "choices", "trials", "explanations", "permutations")
# Format that is still read -> tables it did not have: a record opens with them empty. Format 3
# has no differences; the first of format 4 have no calibration and no transport, and open without.
_LATER = {1: ("permutations",), 2: ("permutations",), 3: (), FORMAT: ()}
_TEXT_COLUMNS = ("patient", "outcome", "follow_up", "model", "feature", "candidate")
# What of a cell machine output leaves out: it is for figures.
_NOT_SHOWN = ("fold_auc",)
# Parts that are made of a mapping, and not of its values.
_FROM_MAPPING = (cell_of, calibration_from, transport_from)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeFacts:
    """An outcome at a follow-up, counted; `no_baseline` and `no_follow_up` say why not observed.

    `kind` is ``class`` or ``number``; a number has no events, but `mean` and `sd`. `missing_rules`
    holds what the outcome would be under each rule for missed visits, `unobserved` why patients
    are not counted.
    """

    name: str
    follow_up: str
    label: str
    primary: bool
    n: int
    events: int
    no_baseline: int
    no_follow_up: int
    from_baseline: bool
    status: str
    reason: str | None
    kind: KindName = "class"
    mean: float | None = None
    sd: float | None = None
    missing_rules: Mapping[str, Tally] = field(default_factory=dict)
    unobserved: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one numbered check; codes are never used again for another check.

    Attributes
    ----------
    code : str
        Such as ``HO011``; ``docs/findings/HO011.md`` says what it means and what to do.
    title : str
        What was looked at.
    verdict : str
        ``issue`` (read the results differently because of it), ``tip`` (worth knowing),
        ``passed`` or ``not_applicable``.
    text : str
        What was seen: columns, counts, rows; never a patient's answer.
    who : tuple of str
        Pseudonyms of the patients it is about, or of pairs of them, to mend the table; left
        out of pages.
    """

    code: str
    title: str
    verdict: str
    text: str
    who: tuple[str, ...] = ()


def no_permutations() -> pd.DataFrame:
    """Return the table of a test that was not made.

    Returns
    -------
    DataFrame
        Of no rows, with the column ``permutation``.
    """
    return pd.DataFrame({"permutation": []}, dtype="int64")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A finished run, complete: report, tracking and export need nothing else.

    Attributes
    ----------
    run_id : str
        Twelve hexadecimal digits of experiment, data, code and library versions.
    experiment : mapping
        The composed experiment.
    fingerprint, data_fingerprint, folds_digest : str
        SHA-256 of the experiment, the table's file, and the fold plan.
    n_patients : int
        Patients included.
    sites : tuple of str
        Empty if the study has none.
    flow : tuple of FlowStep
        Patients at each step of inclusion.
    visits : sequence of VisitFacts
        In order of time.
    outcomes : tuple of OutcomeFacts
        In the experiment's order.
    features : tuple of FeatureColumn
        With their provenance.
    cells, headline : tuple of Cell
        Every model, and the procedure that chooses among them.
    associated : sequence of Associated
        What at baseline goes with each outcome that was tested.
    differences : tuple of Difference
        The headline beside every reference that learns, at each outcome that was evaluated.
    calibration : sequence of Calibration
        The curves of every evaluated cell that has events, or why there are none.
    transport : sequence of Transport
        What the headlines reach at sites left out, or why that was not tested; empty without sites.
    verdict : Verdict
        What can be said.
    findings : sequence of Finding
        What the checks of the data found, then those of the method.
    characteristics : sequence of Characteristic
        Table 1: every baseline variable, overall and by the first outcome.
    reliability : sequence of Reliability
        Of every scale with items, in this sample.
    score_audit : sequence of AuditCounts
        How each score was made of its items, and for how many patients it could not be.
    frozen : Frozen or None
        The last plan of this name that was frozen before the run, and what is other than in it.
    predictions : DataFrame
        A row per patient, outcome, follow-up, model (headline too) and repeat: fold, and of a
        class event, margin, probability, training prevalence, of a number observed, prediction,
        training_mean; empty where a column belongs to the other kind.
    choices : DataFrame
        A row per fold and model: best candidate, its criterion, whether the procedure chose it.
    trials : DataFrame
        A row per candidate tried; the criterion of a pruned one is that of the inner folds it had.
    explanations : DataFrame
        A row per model, patient and feature: the feature's value, SHAP averaged over repeats.
    permutations : DataFrame
        A row per permutation, the observed one first, a column per cell, called
        ``outcome.follow_up.model``: the statistic. Empty if there was no test.
    permutation : PermutationTest or None
        How the test was made.
    environment : mapping
        Versions, machine, start, duration: what may differ between equal runs.
    folder : Path or None
        Where it was read from or written to.
    pipelines : mapping or None
        (follow-up, model) -> pipeline fitted on all patients; in memory only, on request.
    source : Experiment or None
        What was asked for, with its tables in memory; None if the tables are files.
    """

    run_id: str
    experiment: Mapping[str, Any]
    fingerprint: str
    data_fingerprint: str
    folds_digest: str
    n_patients: int
    sites: tuple[str, ...]
    flow: tuple[FlowStep, ...]
    visits: Sequence[VisitFacts]
    outcomes: tuple[OutcomeFacts, ...]
    features: tuple[FeatureColumn, ...]
    cells: tuple[Cell, ...]
    headline: tuple[Cell, ...]
    verdict: Verdict
    findings: Sequence[Finding]
    predictions: pd.DataFrame
    choices: pd.DataFrame
    trials: pd.DataFrame
    explanations: pd.DataFrame
    environment: Mapping[str, Any]
    associated: Sequence[Associated] = ()
    permutations: pd.DataFrame = field(default_factory=no_permutations)
    permutation: PermutationTest | None = None
    differences: tuple[Difference, ...] = ()
    calibration: Sequence[Calibration] = ()
    transport: Sequence[Transport] = ()
    characteristics: Sequence[Characteristic] = ()
    reliability: Sequence[Reliability] = ()
    score_audit: Sequence[AuditCounts] = ()
    frozen: Frozen | None = None
    folder: Path | None = None
    pipelines: Mapping[tuple[str, str], Any] | None = field(default=None, repr=False)
    source: Experiment | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.experiment["name"])

    @property
    def interval(self) -> str:
        """Which interval an AUC has: without enough permutations it is not by them."""
        name = str(self.experiment.get("inference", {}).get("interval", "score_perm"))
        scaled = any(cell.factor not in {None, VARIANCE_FACTOR} for cell in self.headline)
        return "score" if name == "score_perm" and not scaled else name

    def report(self, path: Path | str) -> Path:
        """Write the page of this run, one file that needs nothing from outside.

        Parameters
        ----------
        path : Path or str
            Where to; what lies there is replaced.

        Returns
        -------
        Path
            The page.

        Raises
        ------
        RecordError
            If it cannot be written.
        """
        # By name, for notebooks: a page knows records, and a record knows no page.
        page, figures = map(import_module, ("heldout.report.page", "heldout.report.figures"))
        page.write_report(self, figures.draw_figures(self), Path(path))
        return Path(path)


def summary(record: RunRecord) -> dict[str, Any]:
    """Return what machine output shows of a record.

    Parameters
    ----------
    record : RunRecord
        Any.

    Returns
    -------
    dict
        ``run_id``, ``record``, ``report``, ``verdict`` in words, ``answers`` to its questions,
        ``associated``, ``permutation``, ``cells``, ``headline``, ``differences``, ``frozen``,
        ``calibration`` and ``transport``; figures that were not computed are None.
    """
    folder = record.folder
    return {
        "run_id": record.run_id,
        "record": None if folder is None else str(folder),
        "report": None if folder is None else str(folder / "report.html"),
        "verdict": render_verdict(record.verdict),
        "answers": {**asdict(record.verdict), "sentences": list(record.verdict.sentences)},
        "associated": list(map(asdict, record.associated)),
        "permutation": None if record.permutation is None else asdict(record.permutation),
        "cells": list(map(shown_values, record.cells)),
        "headline": list(map(shown_values, record.headline)),
        "differences": list(map(asdict, record.differences)),
        "frozen": None if record.frozen is None else asdict(record.frozen),
        "calibration": list(map(calibration_values, record.calibration)),
        "transport": list(map(transport_values, record.transport)),
    }


def shown_values(cell: Cell) -> dict[str, Any]:
    """Return a cell's figures as machine output and bundles show them.

    Parameters
    ----------
    cell : Cell
        Any.

    Returns
    -------
    dict
        A figure that was not computed is None.
    """
    return {name: value for name, value in cell_values(cell).items() if name not in _NOT_SHOWN}


def figure_name(kind: str, cell: Cell) -> str:
    """Return the name of a figure of one cell; no two cells share it.

    Parameters
    ----------
    kind : str
        What it shows, such as ``shap``.
    cell : Cell
        Any.

    Returns
    -------
    str
        Such as ``shap.response.d2.ridge``; fit for the name of a file.
    """
    # No name of an experiment can hold a stop, and all of them can hold an underscore.
    return ".".join((kind, cell.outcome, cell.follow_up, cell.model))


def rows_of(table: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """Return the rows of one of a record's tables that belong to a cell.

    Parameters
    ----------
    table : DataFrame
        With columns ``outcome``, ``follow_up`` and ``model``.
    cell : Cell
        Of the same record.

    Returns
    -------
    DataFrame
    """
    target = (table["outcome"] == cell.outcome) & (table["follow_up"] == cell.follow_up)
    return table[target & (table["model"] == cell.model)]


def write_record(record: RunRecord, folder: Path) -> None:
    """Write a record to its folder, whole or not at all.

    Parameters
    ----------
    record : RunRecord
        Complete.
    folder : Path
        Replaced if it exists.

    Raises
    ------
    RecordError
        If the place cannot be written to.
    """
    contents = {
        f"{name}.csv": getattr(record, name).to_csv(index=False, lineterminator="\n").encode()
        for name in _TABLES
    }
    contents["record.json"] = as_json(_body_of(record))
    contents["environment.json"] = as_json(dict(record.environment))
    digests = {name: _sha256(raw) for name, raw in sorted(contents.items())}
    contents["manifest.json"] = as_json({"format": FORMAT, "sha256": digests})
    with whole_folder(folder, over=True) as new:
        write_files(new, contents)


def _body_of(record: RunRecord) -> dict[str, Any]:
    """Return what goes into ``record.json``: all but the tables and the environment."""
    left_out = {*_TABLES, "environment", "folder", "pipelines", "source"}
    body: dict[str, Any] = {"format": FORMAT}
    for name in record.__dataclass_fields__:
        if name in left_out:
            continue
        value = getattr(record, name)
        parts = isinstance(value, tuple | Deferred)
        body[name] = list(map(_plain, value)) if parts else _plain(value)
    return body


def _plain(part: Any) -> Any:
    """Return a part of a record as plain values."""
    if isinstance(part, Cell):
        return cell_values(part)
    return asdict(part) if hasattr(part, "__dataclass_fields__") else part


def as_json(value: object) -> bytes:
    """Return a value as readable JSON in its own order, which means something; NaN is refused.

    Parameters
    ----------
    value : object
        Plain.

    Returns
    -------
    bytes
    """
    return (json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _sha256(raw: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(raw).hexdigest()


def read_record(folder: Path) -> RunRecord:
    """Return the record in a folder.

    Parameters
    ----------
    folder : Path
        As `write_record` left it.

    Returns
    -------
    RunRecord
        Equal to what was written.

    Raises
    ------
    RecordError
        If the folder is no record, was written by a newer version, or any of its files is
        missing or was changed; all of them are named.
    """
    manifest = _read_manifest(folder)
    faults, raw = [], {}
    for name, digest in manifest["sha256"].items():
        path = folder / name
        if not path.is_file():
            faults.append(
                f"{path}: is missing from the record. Run the experiment again with --fresh."
            )
            continue
        raw[name] = path.read_bytes()
        if _sha256(raw[name]) != digest:
            faults.append(
                f"{path}: was changed after the run; its digest is not the manifest's. Restore "
                "it, or run the experiment again with --fresh."
            )
    raise_faults(RecordError, faults)
    try:
        return _record_of(folder.resolve(), raw)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise RecordError(
            f"{folder}: its files are whole but do not say what a record says; they were edited. "
            "Run the experiment again with --fresh."
        ) from None


def _record_of(folder: Path, raw: Mapping[str, bytes]) -> RunRecord:
    """Return the record that checked files hold."""
    body: dict[str, Any] = json.loads(raw["record.json"])
    body.pop("format")
    body |= {name: _read_csv(folder / f"{name}.csv") for name in _TABLES if f"{name}.csv" in raw}
    parts: dict[str, Callable[..., Any]] = {
        "flow": FlowStep,
        "visits": VisitFacts,
        "outcomes": OutcomeFacts,
        "findings": Finding,
        "cells": cell_of,
        "headline": cell_of,
        "associated": Associated,
        "differences": Difference,
        "calibration": calibration_from,
        "transport": transport_from,
        "features": FeatureColumn,
        "characteristics": Characteristic,
        "reliability": Reliability,
        "score_audit": AuditCounts,
    }
    for name, kind in parts.items():
        body[name] = tuple(_part_of(kind, part) for part in body.get(name, ()))
    body["sites"] = tuple(body["sites"])
    verdict = _frozen(body["verdict"])
    verdict["objections"] = tuple(Objection(**of) for of in verdict.get("objections", ()))
    body["verdict"] = Verdict(**verdict)
    if body.get("permutation") is not None:
        body["permutation"] = PermutationTest(**body["permutation"])
    if body.get("frozen") is not None:
        body["frozen"] = Frozen(**_frozen(body["frozen"]))
    environment = json.loads(raw["environment.json"])
    return RunRecord(**body, environment=environment, folder=folder)


def _part_of(kind: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    """Return one part of a record, and the values inside it, as they were."""
    read = _frozen(values)
    if "groups" in read:
        read["groups"] = tuple(Summary(**_frozen(group)) for group in read["groups"])
    if "missing_rules" in read:
        read["missing_rules"] = {
            rule: Tally(**counts) for rule, counts in read["missing_rules"].items()
        }
    return kind(read) if kind in _FROM_MAPPING else kind(**read)


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Return a record's manifest, or say why this is no record."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        written = manifest["format"]
        tables = [name for name in _TABLES if name not in _LATER.get(written, ())]
        complete = {"record.json", "environment.json", *(f"{name}.csv" for name in tables)}
        if written in _LATER and not complete <= manifest["sha256"].keys():
            raise KeyError
    except (FileNotFoundError, NotADirectoryError):
        raise RecordError(
            f"{folder}: is no record; it has no manifest.json. Give a folder under "
            "mlruns/records/<experiment>/."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RecordError(
            f"{path}: is damaged. Restore it, or run the experiment again with --fresh."
        ) from None
    if written not in _LATER:
        raise RecordError(
            f"{path}: record format {written}, this version reads {min(_LATER)} to {FORMAT}. "
            "Install a newer heldout."
        )
    return dict(manifest)


def _frozen(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with its lists, and the lists in them, as tuples."""
    return {name: _as_tuple(value) for name, value in values.items()}


def _as_tuple(value: Any) -> Any:
    """Return a list as a tuple, and anything else as it is."""
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def _read_csv(path: Path) -> pd.DataFrame:
    """Return one of a record's tables, texts as texts and numbers to the last bit."""
    columns = pd.read_csv(path, nrows=0).columns
    texts = {name: "str" for name in _TEXT_COLUMNS if name in columns}
    return pd.read_csv(
        path,
        dtype=texts,
        keep_default_na=False,
        na_values={name: [""] for name in columns if name not in texts},
    )
