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
import io
import json
import re
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
# What a bundle is made of; SHA256SUMS must name all of these and nothing else.
FILES = (
    "MODEL_CARD.md",
    "check.json",
    "metrics.json",
    "model.skops",
    "predict.py",
    "schema.json",
    "trusted.json",
    "versions.json",
)
FORMAT = 1
FIRST_ROW = 2
LARGEST = 1e15
NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


class Refused(Exception):
    """The bundle, or the table of patients, is refused; the message says why."""


def check_files(folder: Path) -> None:
    """Refuse a folder whose files are not those of SHA256SUMS."""
    sums = folder / "SHA256SUMS"
    if not sums.is_file():
        raise Refused(f"{folder}: is no bundle; it has no SHA256SUMS. Give an exported folder.")
    lines = [line.partition("  ") for line in read_text(sums).splitlines()]
    if sorted(name for _, _, name in lines) != sorted(FILES):
        raise Refused(f"{sums}: does not name a bundle's files. Export the model again.")
    faults = []
    for digest, _, name in lines:
        path = folder / name
        if not path.is_file():
            faults.append(f"{path}: is missing. Export the model again.")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            faults.append(
                f"{path}: its checksum is not that of SHA256SUMS; it was changed. Do not use it; "
                "export the model again."
            )
    refuse(faults)


def read_text(path: Path) -> str:
    """Return a text file's content, or refuse it."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(f"{path}: is not UTF-8 text. Save it as UTF-8.") from None


def refuse(faults: list[str]) -> None:
    """Raise all faults together, if there are any."""
    if faults:
        raise Refused("\n".join(faults))


def read_model(folder: Path) -> tuple[Any, dict[str, Any]]:
    """Return the pipeline of a checked folder, made of trusted types only, and its schema."""
    import skops.io

    check_files(folder)
    path = folder / "model.skops"
    try:
        schema = check_schema(json.loads(read_text(folder / "schema.json")))
        check = json.loads(read_text(folder / "check.json"))
        made = json.loads(read_text(folder / "versions.json"))
        strange = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
        if not strange:
            pipeline = skops.io.load(path, trusted=list(TRUSTED))
            rows = [(FIRST_ROW, check["patient"])]
            difference = abs(probabilities(pipeline, schema, rows)[0] - check["probability"])
        listed = ", ".join(f"{name} {version}" for name, version in sorted(made.items()))
    except OSError:
        raise
    except Exception as error:
        # Whatever a broken file makes the readers raise, the answer is the same.
        raise Refused(
            f"{folder}: its files cannot be read as a bundle ({type(error).__name__}). Export the "
            "model again, with the versions of scikit-learn and skops that are installed here."
        ) from None
    if strange:
        raise Refused(f"{path}: holds types that are not trusted: {', '.join(strange)}.")
    if not difference <= 1e-9:
        raise Refused(
            f"{path}: does not give the known probability of the made-up patient here. Install "
            f"the versions it was made with: {listed}."
        )
    return pipeline, schema


def check_schema(schema: Any) -> dict[str, Any]:
    """Return a schema that says all that is read of it; otherwise some error is raised."""
    sound = [schema["format"] == FORMAT, isinstance(schema["patient"], str), schema["features"]]
    lists = [schema["missing"], schema["also_known"]]
    for feature in schema["features"]:
        low, high = feature["bounds"] or (0, 0)
        # Two texts would add up to a text.
        sound += [isinstance(low + high, int | float), low <= high, feature["inputs"]]
        sound += [feature["operation"] != "level" or feature["level"] in feature["levels"]]
        lists += [feature["inputs"], feature["levels"]]
        sound += [low <= high for low, high in feature["input_bounds"].values()]
    sound += [isinstance(one, list) and all(isinstance(t, str) for t in one) for one in lists]
    if not all(sound):
        raise ValueError("no schema of a bundle")
    return dict(schema)


def read_patients(path: Path, schema: dict[str, Any]) -> list[tuple[int, dict[str, str]]]:
    """Return the patients' row numbers and rows of text, or refuse the table."""
    try:
        lines = list(csv.reader(io.StringIO(read_text(path), newline=""), strict=True))
    except csv.Error as error:
        raise Refused(f"{path}: is not a CSV file ({error}). Check its quotes.") from None
    numbered = [(n, line) for n, line in enumerate(lines, start=1) if any(map(str.strip, line))]
    if len(numbered) < 2:
        raise Refused(f"{path}: holds no patients. Give a row of names and a row a patient.")
    header = [name.strip() for name in numbered[0][1]]
    check_header(path, header, schema)
    ragged = [number for number, line in numbered if len(line) != len(header)]
    if ragged:
        raise Refused(f"{path}: rows {few(ragged)} do not have {len(header)} cells.")
    return [
        (number, dict(zip(header, (cell.strip() for cell in line), strict=True)))
        for number, line in numbered[1:]
    ]


def check_header(path: Path, header: list[str], schema: dict[str, Any]) -> None:
    """Refuse names that the study does not know, or that the model needs and does not find."""
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise Refused(f"{path}: commas do not separate its columns. Save it as CSV with commas.")
    inputs = dict.fromkeys(name for one in schema["features"] for name in one["inputs"])
    known = {*inputs, schema["patient"], *schema["also_known"]}
    unknown = [name for name in header if name not in known]
    missing = [name for name in inputs if name not in header]
    # Then the first row may be a patient, whose answers no message may repeat.
    if len(missing) == len(inputs) or any(map(NUMBER.fullmatch, unknown)):
        raise Refused(
            f"{path}: its first row holds a number, or no column of the model. The first row must "
            f"hold the names: {', '.join(inputs)}."
        )
    faults = []
    if unknown:
        faults.append(
            f"{path}: unknown column {', '.join(map(repr, unknown))}. Remove or rename it."
        )
    if missing:
        faults.append(f"{path}: missing column {', '.join(map(repr, missing))}. Add or rename it.")
    if len(set(header)) != len(header):
        faults.append(f"{path}: a column stands twice. Remove one.")
    refuse(faults)


def few(rows: list[int]) -> str:
    """Return the first rows as text, and how many more there are."""
    shown = ", ".join(map(str, rows[:5]))
    return shown if len(rows) <= 5 else f"{shown} and {len(rows) - 5} more"


def value_of(text: str, feature: dict[str, Any], missing: list[str]) -> tuple[float, str]:
    """Return one input's number, and what is wrong with it; what is not observed is NaN."""
    if text == "" or text in missing:
        return np.nan, ""
    if feature["operation"] == "level":
        if text not in feature["levels"]:
            return np.nan, f"is not among {', '.join(feature['levels'])}"
        return float(text == feature["level"]), ""
    if not NUMBER.fullmatch(text):
        return np.nan, "is not a number (a decimal point, no unit)"
    low, high = feature["bounds"] or (-LARGEST, LARGEST)
    if not low <= float(text) <= high:
        return np.nan, f"is out of range {low:g}..{high:g}"
    return float(text), ""


def matrix_of(rows: list[tuple[int, dict[str, str]]], schema: dict[str, Any]) -> Any:
    """Return the features of patients, shape (n_patients, n_features), or refuse them all."""
    matrix = np.zeros((len(rows), len(schema["features"])))
    wrong: dict[str, list[int]] = {}
    for column, feature in enumerate(schema["features"]):
        for name in feature["inputs"]:
            one = feature | {"bounds": feature["input_bounds"].get(name, feature["bounds"])}
            for place, (number, row) in enumerate(rows):
                value, fault = value_of(row[name], one, schema["missing"])
                matrix[place, column] += value
                found = wrong.setdefault(f"column '{name}' {fault}", []) if fault else [number]
                if number not in found:
                    found.append(number)
        if feature["operation"] == "sum" and feature["bounds"]:
            low, high = feature["bounds"]
            outside = (matrix[:, column] < low) | (matrix[:, column] > high)
            if outside.any():
                words = f"the items of '{feature['name']}' add up to what is out of range"
                out = [number for (number, _), is_out in zip(rows, outside, strict=True) if is_out]
                wrong[f"{words} {low:g}..{high:g}"] = out
    empty = [number for (number, _), one in zip(rows, matrix, strict=True) if np.isnan(one).all()]
    faults = [f"{words}: rows {few(found)}. Correct the table." for words, found in wrong.items()]
    if empty and not faults:
        faults.append(f"no value at all: rows {few(empty)}. Remove these patients.")
    refuse(faults)
    return matrix


def probabilities(
    pipeline: Any, schema: dict[str, Any], rows: list[tuple[int, dict[str, str]]]
) -> list[float]:
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
        Columns ``patient`` and ``probability``, in the order of the file. A patient without a
        name is called by the number of the row.

    Raises
    ------
    Refused
        If the bundle or the table is refused, or cannot be read.
    """
    try:
        pipeline, schema = read_model(folder)
        rows = read_patients(path, schema)
    except OSError as error:
        raise Refused(f"{error.filename}: cannot be read ({error.strerror}).") from None
    names = [row.get(schema["patient"]) or f"row {number}" for number, row in rows]
    return pd.DataFrame({"patient": names, "probability": probabilities(pipeline, schema, rows)})


def main() -> int:
    """Score a file; return the exit status."""
    parser = argparse.ArgumentParser(description="Score new patients with this folder's model.")
    parser.add_argument("patients", type=Path, help="CSV file of new patients")
    parser.add_argument("--out", type=Path, help="write here instead of the screen")
    arguments = parser.parse_args()
    try:
        text = score_file(Path(__file__).resolve().parent, arguments.patients).to_csv(index=False)
        if arguments.out is not None:
            arguments.out.write_text(text, encoding="utf-8")
            return 0
    except (Refused, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
