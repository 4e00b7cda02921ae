"""Write a fitted model as a folder, and score patients with such a folder.

The folder holds the pipeline without pickle, what its inputs must look like, what the study
found, a stand-alone script, and the digest of each file. No row of a patient goes into it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from heldout.errors import ExportError
from heldout.export.card import render_card
from heldout.export.predict import FIRST_ROW, TRUSTED, Refused, predictions, score_file
from heldout.export.schema import made_up_patient, schema_of, taken_apart
from heldout.features.columns import FeatureMatrix
from heldout.files import whole_folder, write_files
from heldout.inference.cells import Cell
from heldout.nested.folds import FittedModel
from heldout.provenance import code_digest, versions
from heldout.record import OutcomeFacts, RunRecord, as_json, shown_values

# Where scikit-learn's estimators keep rows: nearest neighbours, support vectors, Gaussian
# processes, kernel ridge, and label propagation.
_ROWS = ("_fit_X", "support_vectors_", "X_train_", "X_fit_", "X_")
_LIBRARIES = ("numpy", "pandas", "scikit-learn", "skops", "xgboost")


def write_bundle(
    record: RunRecord,
    fitted: FittedModel,
    matrix: FeatureMatrix,
    outcome: OutcomeFacts,
    folder: Path,
) -> Path:
    """Write a model fitted on all patients as a folder that stands alone.

    Parameters
    ----------
    record : RunRecord
        The study it comes from; its figures go on the card.
    fitted : FittedModel
        Fitted on all observed patients.
    matrix : FeatureMatrix
        Whose columns the pipeline takes, with their recipes; no row of it is written.
    outcome : OutcomeFacts
        What it predicts.
    folder : Path
        Must not exist.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ExportError
        If the folder exists or cannot be written, or the model keeps rows of patients, tells
        scores only, or holds a type that is not on the list of trusted ones.
    """
    import skops.io

    if folder.exists():
        raise ExportError(f"{folder}: exists already. Give a new folder, or remove this one.")
    _refuse_model(fitted)
    pipeline, composition = taken_apart(fitted.pipeline, matrix)
    model = skops.io.dumps(pipeline)
    types = sorted(skops.io.get_untrusted_types(data=model))
    # What a reader would have to trust blindly is refused here, before anybody gets it.
    strange = [name for name in types if name not in TRUSTED]
    if strange:
        raise ExportError(
            f"The model holds types that no bundle may hold: {', '.join(strange)}. Export another "
            "model."
        )
    schema = schema_of(record, matrix, outcome, composition, fitted.sigmoid)
    patient = made_up_patient(schema)
    [prediction] = predictions(pipeline, schema, [(FIRST_ROW, patient)])
    cells = _estimates_of(record, fitted, outcome)
    today = {"versions": versions(), "code": code_digest()}
    card = render_card(record, fitted, matrix, outcome, cells, today=today)
    contents: dict[str, bytes] = {
        "model.skops": model,
        "schema.json": as_json(schema),
        "trusted.json": as_json(types),
        "metrics.json": as_json({name: shown_values(cell) for name, cell in cells.items()}),
        "versions.json": as_json({name: metadata.version(name) for name in _LIBRARIES}),
        "check.json": as_json({"patient": patient, "prediction": prediction}),
        "MODEL_CARD.md": card.encode(),
        "predict.py": (files("heldout.export") / "predict.py").read_bytes(),
        "arithmetic.py": (files("heldout.instruments") / "arithmetic.py").read_bytes(),
    }
    sums = [f"{hashlib.sha256(raw).hexdigest()}  {name}" for name, raw in sorted(contents.items())]
    contents["SHA256SUMS"] = ("\n".join(sums) + "\n").encode()
    with whole_folder(folder, error=ExportError, remedy="Choose another folder.") as new:
        write_files(new, contents)
    return folder


def _refuse_model(fitted: FittedModel) -> None:
    """Refuse a model that keeps rows of patients, or whose scores only a study can read."""
    name, estimator = fitted.model.name, fitted.pipeline[-1]
    keeper = next(keepers_in(estimator, set()), None)
    if keeper is not None:
        raise ExportError(
            f"'{name}' keeps rows of the training patients to predict from ({keeper}), and no row "
            "of a patient may leave in a bundle. Export another model."
        )
    if fitted.model.margin == "score":
        raise ExportError(
            f"'{name}' gives scores, which become probabilities by a sigmoid that no bundle holds. "
            "Export another model."
        )


def keepers_in(part: Any, seen: set[int]) -> Iterator[str]:
    """Yield where an estimator, or one that it is made of, keeps rows it was fitted to.

    Parameters
    ----------
    part : object
        The estimator, or what it holds.
    seen : set of int
        What was looked at already; grows.

    Yields
    ------
    str
        Attribute and class.
    """
    # Estimators refer to each other in circles, and classes and modules hold no patient.
    if id(part) in seen or isinstance(part, type | ModuleType):
        return
    seen.add(id(part))
    if isinstance(part, dict):
        inside = list(part.values())
    elif isinstance(part, list | tuple) or (isinstance(part, np.ndarray) and part.dtype == object):
        inside = list(part)
    else:
        held = getattr(part, "__dict__", {})
        yield from (
            f"{name} of {type(part).__name__}" for name in _ROWS if np.size(held.get(name, ())) > 1
        )
        inside = list(held.values())
    for member in inside:
        yield from keepers_in(member, seen)


def _estimates_of(record: RunRecord, fitted: FittedModel, outcome: OutcomeFacts) -> dict[str, Cell]:
    """Return the held-out figures of the procedure and of the model."""
    target = (outcome.name, outcome.follow_up)

    def at_target(cells: Iterable[Cell]) -> dict[str, Cell]:
        return {cell.model: cell for cell in cells if (cell.outcome, cell.follow_up) == target}

    (headline,) = at_target(record.headline).values()
    return {"headline": headline, "model": at_target(record.cells)[fitted.model.name]}


def predict_file(folder: Path, path: Path) -> pd.DataFrame:
    """Return the patients of a CSV file with what is predicted for them.

    Parameters
    ----------
    folder : Path
        A bundle. Its own script is not run; this package's copy is.
    path : Path
        CSV in UTF-8.

    Returns
    -------
    DataFrame
        Columns ``patient``, and ``probability`` of the event or ``prediction`` of a number.

    Raises
    ------
    ExportError
        If the bundle or the table is refused; all faults at once.
    """
    try:
        return score_file(folder, path)
    except Refused as error:
        raise ExportError(str(error)) from None
