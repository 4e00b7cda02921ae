"""Score new patients with the model in this folder.

Stand-alone: needs Python, pandas, scikit-learn, skops, and xgboost for boosted trees.

    python predict.py new_patients.csv [--out probabilities.csv]

The folder is checked before it is used: every file against SHA256SUMS, every type in the
model against the list below, and the model against a made-up patient whose probability is
known. Patients are refused, all faults at once, if a column is unknown or missing, or a
value is not a number, not a declared level or out of range. An empty cell is allowed: the
model puts the training patients' median in its place.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

# The only types beyond scikit-learn's own that a model in a bundle may be made of.
TRUSTED = (
    "numpy.dtype",
    "sklearn.tree._tree.Tree",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
)
MISSING = ("", "NA", "NaN", "n/a")


class Refused(Exception):
    """The bundle, or the table of patients, is refused; the message says why."""


def check_files(folder: Path) -> None:
    """Refuse a folder whose files are not those of SHA256SUMS."""
    sums = folder / "SHA256SUMS"
    if not sums.is_file():
        raise Refused(f"{folder}: is no bundle; it has no SHA256SUMS. Give an exported folder.")
    faults = []
    for line in sums.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file():
            faults.append(f"{path}: is missing. Export the model again.")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            faults.append(
                f"{path}: its checksum is not that of SHA256SUMS; it was changed. Do not use it; "
                "export the model again."
            )
    refuse(faults)


def refuse(faults: list[str]) -> None:
    """Raise all faults together, if there are any."""
    if faults:
        raise Refused("\n".join(faults))


def read_json(path: Path) -> Any:
    """Return the content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_model(folder: Path) -> Any:
    """Return the pipeline of a checked folder, made of trusted types only."""
    import skops.io

    check_files(folder)
    path = folder / "model.skops"
    strange = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
    if strange:
        raise Refused(f"{path}: holds types that are not trusted: {', '.join(strange)}.")
    pipeline = skops.io.load(path, trusted=list(TRUSTED))
    check = read_json(folder / "check.json")
    found = probabilities(pipeline, read_json(folder / "schema.json"), [check["patient"]])[0]
    if abs(found - check["probability"]) > 1e-9:
        made = read_json(folder / "versions.json")
        listed = ", ".join(f"{name} {version}" for name, version in sorted(made.items()))
        raise Refused(
            f"{path}: does not give the known probability of the made-up patient here. Install "
            f"the versions it was made with: {listed}."
        )
    return pipeline


def read_patients(path: Path, schema: dict[str, Any]) -> tuple[list[str], list[dict[str, str]]]:
    """Return the patients' names and rows of text, or refuse the table."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Refused(f"{path}: cannot be read ({error.strerror}). Check the path.") from None
    except UnicodeDecodeError:
        raise Refused(f"{path}: is not UTF-8 text. Save it as CSV (UTF-8).") from None
    lines = [line for line in csv.reader(text.splitlines()) if any(cell.strip() for cell in line)]
    if len(lines) < 2:
        raise Refused(f"{path}: holds no patients. Give a row of names and a row a patient.")
    header = [name.strip() for name in lines[0]]
    inputs = list(dict.fromkeys(name for one in schema["features"] for name in one["inputs"]))
    name = schema["patient"]
    unknown = [column for column in header if column not in (*inputs, name)]
    missing = [column for column in inputs if column not in header]
    faults = []
    if unknown:
        faults.append(f"{path}: unknown column {', '.join(map(repr, unknown))}. Remove it.")
    if missing:
        faults.append(f"{path}: missing column {', '.join(map(repr, missing))}. Add it.")
    if len(set(header)) != len(header):
        faults.append(f"{path}: a column stands twice. Remove one.")
    ragged = [row for row, line in enumerate(lines[1:], start=2) if len(line) != len(header)]
    if ragged:
        faults.append(f"{path}: rows {few(ragged)} do not have {len(header)} cells.")
    refuse(faults)
    rows = [dict(zip(header, (cell.strip() for cell in line), strict=True)) for line in lines[1:]]
    names = [row.get(name) or str(number) for number, row in enumerate(rows, start=1)]
    return names, rows


def few(rows: list[int]) -> str:
    """Return the first rows as text, and how many more there are."""
    shown = ", ".join(map(str, rows[:5]))
    return shown if len(rows) <= 5 else f"{shown} and {len(rows) - 5} more"


def value_of(text: str, feature: dict[str, Any]) -> tuple[float, str]:
    """Return one input's number, and what is wrong with it; an empty cell is NaN."""
    if text in MISSING:
        return np.nan, ""
    if feature["operation"] == "level":
        if text not in feature["levels"]:
            return np.nan, f"is not among {', '.join(feature['levels'])}"
        return float(text == feature["level"]), ""
    try:
        number = float(text)
    except ValueError:
        return np.nan, "is not a number"
    low, high = feature["bounds"] or (-np.inf, np.inf)
    if not (np.isfinite(number) and low <= number <= high):
        return np.nan, f"is out of range {low:g}..{high:g}"
    return number, ""


def matrix_of(rows: list[dict[str, str]], schema: dict[str, Any]) -> Any:
    """Return the features of patients, shape (n_patients, n_features), or refuse them all."""
    columns, wrong = [], dict[tuple[str, str], list[int]]()
    for feature in schema["features"]:
        total = np.zeros(len(rows))
        for name in feature["inputs"]:
            for number, row in enumerate(rows):
                value, fault = value_of(row[name], feature)
                total[number] += value
                if fault and (number + 2) not in wrong.setdefault((name, fault), []):
                    wrong[(name, fault)].append(number + 2)
        columns.append(total)
    refuse(
        [
            f"column '{name}' {fault}: rows {few(found)}."
            for (name, fault), found in wrong.items()
            if found
        ]
    )
    return np.column_stack(columns)


def probabilities(pipeline: Any, schema: dict[str, Any], rows: list[dict[str, str]]) -> list[float]:
    """Return each patient's probability of the event."""
    return [float(value) for value in pipeline.predict_proba(matrix_of(rows, schema))[:, 1]]


def score_file(folder: Path, path: Path) -> pd.DataFrame:
    """Return the patients of a CSV file with their probability of the event.

    Parameters
    ----------
    folder : Path
        The bundle.
    path : Path
        CSV in UTF-8 with the columns of ``schema.json``, and the patient's name if wanted.

    Returns
    -------
    DataFrame
        Columns ``patient`` and ``probability``, in the order of the file.

    Raises
    ------
    Refused
        If the bundle or the table is refused.
    """
    pipeline = read_model(folder)
    schema = read_json(folder / "schema.json")
    names, rows = read_patients(path, schema)
    return pd.DataFrame({"patient": names, "probability": probabilities(pipeline, schema, rows)})


def main() -> int:
    """Score a file; return the exit status."""
    parser = argparse.ArgumentParser(description="Score new patients with this folder's model.")
    parser.add_argument("patients", type=Path, help="CSV file of new patients")
    parser.add_argument("--out", type=Path, help="write here instead of the screen")
    arguments = parser.parse_args()
    try:
        scored = score_file(Path(__file__).resolve().parent, arguments.patients)
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return 1
    text = scored.to_csv(index=False)
    if arguments.out is None:
        sys.stdout.write(text)
    else:
        arguments.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
