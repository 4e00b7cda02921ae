"""Score new patients with the model in this folder.

Stand-alone: needs Python, pandas, scikit-learn, skops, and xgboost for boosted trees.

    python predict.py new_patients.csv [--out probabilities.csv]

The folder is checked before it is used: every file against SHA256SUMS, every type in the
model against the list below, and the model against a made-up patient whose prediction is
known. Patients are refused, all faults at once, if a column is missing, or a value is not a
number, no answer of its form, not a declared level or out of range. Columns that the model
does not need are passed over. An empty cell is allowed: the model puts the training patients'
median in its place.

``schema.json`` says how the features are made: ``inputs`` is what each column may hold,
``scores`` how items are put together, ``features`` one recipe each, and ``composition`` what
the training patients' medians, means and spreads make of them.
"""

import os
import sys

if __name__ == "__main__":
    # Whatever else lies in the folder was not checked, and is never imported.
    _HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - not yet imported.
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _HERE]  # noqa: PTH100

import argparse
import csv
import difflib
import hashlib
import io
import json
import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

# The only types beyond scikit-learn's own that a model in a bundle may be made of.
TRUSTED = (
    "numpy.dtype",
    "sklearn.tree._tree.Tree",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)
# What a bundle is made of; SHA256SUMS must name all of these and nothing else.
FILES = (
    "MODEL_CARD.md",
    "arithmetic.py",
    "check.json",
    "metrics.json",
    "model.skops",
    "predict.py",
    "schema.json",
    "trusted.json",
    "versions.json",
)
# Bundles of formats 1 and 2 hold their arithmetic in their own predict.py; 4 has `recalibration`.
FORMAT = 4
FILES_BEFORE = tuple(name for name in FILES if name != "arithmetic.py")
FIRST_ROW = 2
_CHANGED = (
    "its checksum is not that of SHA256SUMS; it was changed. Do not use it; export the model again."
)
_LARGEST = 1e15
_ROUNDING = 1e-9
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


class Refused(Exception):
    """The bundle, or the table of patients, is refused; the message says why."""


def check_files(folder: Path) -> None:
    """Refuse a folder whose files are not those of SHA256SUMS.

    Parameters
    ----------
    folder : Path
        The bundle.

    Raises
    ------
    Refused
        If it is no bundle, or a file is missing or was changed.
    """
    sums = folder / "SHA256SUMS"
    if not sums.is_file():
        raise Refused(f"{folder}: is no bundle; it has no SHA256SUMS. Give an exported folder.")
    lines = [line.partition("  ") for line in _read_text(sums).splitlines()]
    if sorted(name for _, _, name in lines) not in (sorted(FILES), sorted(FILES_BEFORE)):
        raise Refused(f"{sums}: does not name a bundle's files. Export the model again.")
    faults = []
    for digest, _, name in lines:
        path = folder / name
        if not path.is_file():
            faults.append(f"{path}: is missing. Export the model again.")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            faults.append(f"{path}: {_CHANGED}")
    _refuse(faults)


@cache
def _arithmetic() -> Any:
    """Return the arithmetic of this package; in a bundle that of its folder, if it is sound.

    The very bytes that were checked are run: no compiled copy beside them is.
    """
    if __package__:
        from heldout.instruments import arithmetic

        return arithmetic
    path = Path(__file__).resolve().with_name("arithmetic.py")
    source = path.read_bytes()
    line = f"{hashlib.sha256(source).hexdigest()}  {path.name}"
    if line not in _read_text(path.with_name("SHA256SUMS")).splitlines():
        raise Refused(f"{path}: {_CHANGED}")
    module = sys.modules["arithmetic_of_bundle"] = ModuleType("arithmetic_of_bundle")
    exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - its digest is right.
    return module


def _read_text(path: Path) -> str:
    """Return a text file's content, or refuse it."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(f"{path}: is not UTF-8 text. Save it as UTF-8.") from None


def _refuse(faults: list[str]) -> None:
    """Raise all faults together, if there are any."""
    if faults:
        raise Refused("\n".join(faults))


def _read_model(folder: Path) -> tuple[Any, dict[str, Any]]:
    """Return the pipeline of a checked folder, made of trusted types only, and its schema."""
    import skops.io

    check_files(folder)
    path = folder / "model.skops"
    try:
        schema = check_schema(json.loads(_read_text(folder / "schema.json")))
        check = json.loads(_read_text(folder / "check.json"))
        versions = json.loads(_read_text(folder / "versions.json"))
        strange = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
        if not strange:
            pipeline = skops.io.load(path, trusted=list(TRUSTED))
            rows = [(FIRST_ROW, check["patient"])]
            known = check["prediction" if "prediction" in check else "probability"]
            difference = abs(predictions(pipeline, schema, rows)[0] - known)
        listed = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
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
            f"{path}: does not give the known prediction of the made-up patient here. Install "
            f"the versions it was made with: {listed}."
        )
    return pipeline, schema


def check_schema(content: Any) -> dict[str, Any]:
    """Return a schema whose inputs say what is read of them; otherwise some error is raised.

    The rest is used when the made-up patient is predicted, and comes to light there.

    Parameters
    ----------
    content : object
        Of ``schema.json``.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it is no schema; what a broken one makes Python raise is not caught here.
    """
    if content["format"] not in (1, 2, 3, FORMAT):
        raise ValueError("a schema of another format")
    schema: dict[str, Any] = _upgraded(content) if content["format"] == 1 else dict(content)
    sound = [schema["kind"] in ("class", "number")]
    sound += [_is_text(schema["patient"]), schema["features"], schema["inputs"]]
    for name, rule in schema["inputs"].items():
        low, high = rule.get("bounds") or (0, 0)
        # Two texts would compare as texts.
        sound += [isinstance(low + high, int | float), low <= high, _is_text(name)]
        lists = [rule["missing"], rule.get("levels", [])]
        sound += [isinstance(texts, list) and all(map(_is_text, texts)) for texts in lists]
    if not all(sound):
        raise ValueError("no schema of a bundle")
    return schema


def _is_text(value: Any) -> bool:
    """Return whether a value of a schema is a text."""
    return isinstance(value, str)


def _upgraded(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a bundle of the first format in today's words."""
    inputs: dict[str, Any] = {}
    scores: dict[str, Any] = {}
    features = []
    for feature in schema["features"]:
        columns, operation = feature["inputs"], feature["operation"]
        for column in columns:
            bounds = feature["input_bounds"].get(column, feature["bounds"])
            rule = {"levels": feature["levels"]} if operation == "level" else {"bounds": bounds}
            inputs[column] = rule | {"missing": schema["missing"]}
        recipe = {"kind": operation, "column": columns[0], "level": feature["level"]}
        if operation == "sum":
            plain: dict[str, Any] = {
                "codes": [],
                "reverse": None,
                "recode": None,
                "suicidality": False,
            }
            items = [plain | {"column": column, "part": n} for n, column in enumerate(columns)]
            scores[feature["name"]] = {
                "items": items,
                "parts": [[0, 1]] * len(items),
                "skip": [],
                "method": "sum",
                "prorate": [1, 1],
                "bounds": feature["bounds"],
            }
            recipe = {"kind": "score", "score": feature["name"]}
        features.append(feature | {"recipe": recipe})
    new = {"inputs": inputs, "scores": scores, "features": features, "composition": None}
    return schema | new | {"format": FORMAT, "kind": "class"}


def read_patients(path: Path, schema: dict[str, Any]) -> list[tuple[int, dict[str, str]]]:
    """Return the patients' row numbers and rows of text, or refuse the table.

    Parameters
    ----------
    path : Path
        CSV in UTF-8.
    schema : dict
        From `check_schema`.

    Returns
    -------
    list of (int, dict of str to str)
        A row of the file, and its cells by the column's name.

    Raises
    ------
    Refused
        If there is no such table, a column is missing, or a patient stands twice.
    """
    try:
        lines = list(csv.reader(io.StringIO(_read_text(path), newline=""), strict=True))
    except csv.Error as error:
        raise Refused(f"{path}: is not a CSV file ({error}). Check its quotes.") from None
    numbered = [(n, line) for n, line in enumerate(lines, start=1) if any(map(str.strip, line))]
    if len(numbered) < 2:
        raise Refused(f"{path}: holds no patients. Give a row of names and a row a patient.")
    header = [name.strip() for name in numbered[0][1]]
    check_header(path, header, schema)
    ragged = [number for number, line in numbered if len(line) != len(header)]
    if ragged:
        raise Refused(f"{path}: rows {_few(ragged)} do not have {len(header)} cells.")
    rows = [
        (number, dict(zip(header, (cell.strip() for cell in line), strict=True)))
        for number, line in numbered[1:]
    ]
    _check_names(path, rows, schema["patient"])
    return rows


def _check_names(path: Path, rows: list[tuple[int, dict[str, str]]], column: str) -> None:
    """Refuse patients who stand twice, and names that are no text."""
    where: dict[str, list[int]] = {}
    for number, row in rows:
        if row.get(column):
            where.setdefault(row[column], []).append(number)
    faults = []
    odd = [number for name, lines in where.items() if _CONTROL.search(name) for number in lines]
    if odd:
        faults.append(
            f"{path}: column '{column}' holds a control character, such as a NUL or a line break: "
            f"rows {_few(sorted(odd))}. Remove it."
        )
    twice = [number for lines in where.values() if len(lines) > 1 for number in lines]
    if twice:
        faults.append(
            f"{path}: column '{column}' names a patient more than once: rows {_few(sorted(twice))}."
            " One row a patient is required; remove the others."
        )
    _refuse(faults)


def check_header(path: Path, header: list[str], schema: dict[str, Any]) -> None:
    """Refuse a table without a column that the model needs; show the difference.

    Parameters
    ----------
    path : Path
        Of the table.
    header : list of str
        The names of its columns.
    schema : dict
        From `check_schema`.

    Raises
    ------
    Refused
        If a column is missing or stands twice, or commas do not separate them.
    """
    # A name may hold a semicolon; a table of one name that does was saved with others' marks.
    if len(header) == 1 and re.search("[;\t]", header[0]):
        raise Refused(f"{path}: commas do not separate its columns. Save it as CSV with commas.")
    needed, patient = list(schema["inputs"]), schema["patient"]
    missing = [name for name in needed if name not in header]
    others = [name for name in header if name not in (*needed, patient)]
    # Then the first row may be a patient, whose answers no message may repeat.
    if missing and any((missing == needed, *map(_NUMBER.fullmatch, others))):
        raise Refused(
            f"{path}: its first row holds a number, or no column of the model. The first row must "
            f"hold the names: {', '.join(needed)}."
        )
    twice = [repr(name) for name in (*needed, patient) if header.count(name) > 1]
    faults = _lacking(path, missing, others) if missing else []
    if twice:
        faults.append(f"{path}: column {', '.join(twice)} stands twice. Remove one.")
    _refuse(faults)


def _lacking(path: Path, missing: list[str], others: list[str]) -> list[str]:
    """Return which columns are missing, and which of the others each may be."""
    plain, listed = {other.casefold(): other for other in others}, []
    for name in missing:
        close = difflib.get_close_matches(name.casefold(), plain, n=1, cutoff=0.6)
        listed.append(name + (f" (did you mean '{plain[close[0]]}'?)" if close else ""))
    return [
        f"{path}: its columns are not those of the model. Missing: {', '.join(listed)}; "
        f"unexpected: {', '.join(others) or 'none'}; in another order is fine. Add or rename what "
        "is missing."
    ]


def _few(rows: list[int]) -> str:
    """Return the first rows as text, and how many more there are."""
    shown = ", ".join(map(str, rows[:5]))
    return shown if len(rows) <= 5 else f"{shown} and {len(rows) - 5} more"


def value_of(text: str, rule: dict[str, Any]) -> tuple[float, str]:
    """Return one input's number, and what is wrong with it; what is not observed is NaN.

    The number of a level is its place in the list.

    Parameters
    ----------
    text : str
        Of a cell.
    rule : dict
        Of the schema: what the input may hold.

    Returns
    -------
    number, fault : float and str
        One of them says nothing: NaN, or an empty text.
    """
    if text == "" or text in rule["missing"]:
        return np.nan, ""
    if "levels" in rule:
        if text not in rule["levels"]:
            return np.nan, f"is not among {', '.join(rule['levels'])}"
        return float(rule["levels"].index(text)), ""
    if not _NUMBER.fullmatch(text):
        return np.nan, "is not a number (a decimal point, no unit)"
    number = float(text)
    if "answers" in rule:
        known = [*rule["answers"], *rule["codes"]]
        return number, "" if number in known else f"is not among {', '.join(map(str, known))}"
    low, high = rule["bounds"] or (-_LARGEST, _LARGEST)
    return number, "" if low <= number <= high else f"is out of range {low:g}..{high:g}"


def _read_inputs(
    rows: list[tuple[int, dict[str, str]]], schema: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return each input's numbers, shape (n_patients,), and the faults of all cells."""
    inputs: dict[str, Any] = {}
    wrong: dict[str, list[int]] = {}
    for name, rule in schema["inputs"].items():
        cells = [(number, *value_of(row[name], rule)) for number, row in rows]
        # A wrong cell is named once, not again by what would be made of it.
        inputs[name] = np.array([np.nan if fault else value for _, value, fault in cells])
        for number, _, fault in cells:
            if fault:
                wrong.setdefault(f"column '{name}' {fault}", []).append(number)
    faults = [f"{words}: rows {_few(lines)}. Correct the table." for words, lines in wrong.items()]
    return inputs, faults


def score_items(score: dict[str, Any], inputs: dict[str, Any]) -> Any:
    """Return a score of each patient, as the instrument's key puts items together.

    Parameters
    ----------
    score : dict
        Of the schema.
    inputs : dict of str to array
        Column -> its numbers.

    Returns
    -------
    array of shape (n_patients,)
    """
    items = np.column_stack([inputs[item["column"]] for item in score["items"]])
    return _arithmetic().score_form(score, _arithmetic().read_form(score, items))[0]


def _make_column(recipe: dict[str, Any], schema: dict[str, Any], inputs: dict[str, Any]) -> Any:
    """Return one feature of each patient."""

    def read(leaf: dict[str, Any]) -> Any:
        if leaf["kind"] == "score":
            return score_items(schema["scores"][leaf["score"]], inputs)
        values = inputs[leaf["column"]]
        if leaf["kind"] != "level":
            return values
        level = schema["inputs"][leaf["column"]]["levels"].index(leaf["level"])
        return np.where(np.isnan(values), np.nan, values == level)

    return _arithmetic().make_column(recipe, read)


def matrix_of(rows: list[tuple[int, dict[str, str]]], schema: dict[str, Any]) -> Any:
    """Return the columns of patients, shape (n_patients, n_columns), or refuse them all.

    Parameters
    ----------
    rows : list of (int, dict)
        From `read_patients`.
    schema : dict
        From `check_schema`.

    Returns
    -------
    array of shape (n_patients, n_columns)

    Raises
    ------
    Refused
        If a cell, a score or a patient cannot be taken; all faults of a kind at once.
    """
    inputs, faults = _read_inputs(rows, schema)
    numbers = np.array([number for number, _ in rows])
    for name, score in schema["scores"].items():
        low, high = score["bounds"] or (-_LARGEST, _LARGEST)
        values = score_items(score, inputs)
        outside = (values < low - _ROUNDING) | (values > high + _ROUNDING)
        if outside.any():
            faults.append(
                f"the items of '{name}' add up to what is out of range {low:g}..{high:g}: rows "
                f"{_few(numbers[outside].tolist())}. Correct the table."
            )
    _refuse(faults)
    recipes = [feature["recipe"] for feature in schema["features"]]
    matrix = np.column_stack([_make_column(recipe, schema, inputs) for recipe in recipes])
    valued = [recipe["kind"] != "missing" for recipe in recipes]
    empty = np.isnan(matrix[:, valued]).all(axis=1)
    if empty.any() and any(valued):
        rows_of = _few(numbers[empty].tolist())
        raise Refused(f"no value at all: rows {rows_of}. Remove these patients.")
    return matrix


def compose(matrix: Any, composition: dict[str, Any] | None) -> Any:
    """Return what the model sees: columns as they are, and composites of standardised ones.

    Parameters
    ----------
    matrix : array of shape (n_patients, n_columns)
        From `matrix_of`.
    composition : dict or None
        Of the schema; None if nothing is composed.

    Returns
    -------
    array of shape (n_patients, n_features)
    """
    if composition is None:
        return matrix
    known = np.where(np.isnan(matrix), np.array(composition["medians"]), matrix)
    blocks = []
    for piece in composition["pieces"]:
        inputs = known[:, piece["inputs"]]
        if piece["weights"] is not None:
            inputs = (inputs - np.array(piece["mean"])) / np.array(piece["sd"])
            inputs = (inputs[:, :, np.newaxis] * np.array(piece["weights"])).sum(axis=1)
        blocks.append(inputs)
    return np.hstack(blocks)


def predictions(
    pipeline: Any, schema: dict[str, Any], rows: list[tuple[int, dict[str, str]]]
) -> list[float]:
    """Return each patient's probability of the event, or number.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        Of the bundle.
    schema : dict
        From `check_schema`.
    rows : list of (int, dict)
        From `read_patients`.

    Returns
    -------
    list of float
    """
    seen = compose(matrix_of(rows, schema), schema["composition"])
    if schema["kind"] == "number":
        return [float(value) for value in pipeline.predict(seen)]
    told, line = pipeline.predict_proba(seen)[:, 1].astype(float), schema.get("recalibration")
    if line is not None:
        kept = np.clip(told, line["least"], 1 - line["least"])
        told = 1 / (1 + np.exp(-line["slope"] * np.log(kept / (1 - kept)) - line["intercept"]))
    return [float(value) for value in told]


def score_file(folder: Path, path: Path) -> pd.DataFrame:
    """Return the patients of a CSV file with what is predicted for them.

    Parameters
    ----------
    folder : Path
        The bundle.
    path : Path
        CSV in UTF-8 with the inputs of ``schema.json``, and the patient's name if wanted.

    Returns
    -------
    DataFrame
        Columns ``patient`` and ``probability`` of the event, or ``prediction`` of a number, in
        the order of the file. A patient without a name is called by the number of the row.

    Raises
    ------
    Refused
        If the bundle or the table is refused, or cannot be read.
    """
    try:
        pipeline, schema = _read_model(folder)
        rows = read_patients(path, schema)
    except OSError as error:
        raise Refused(f"{error.filename}: cannot be read ({error.strerror}).") from None
    names = [row.get(schema["patient"]) or f"row {number}" for number, row in rows]
    column = "prediction" if schema["kind"] == "number" else "probability"
    return pd.DataFrame({"patient": names, column: predictions(pipeline, schema, rows)})


def main() -> int:
    """Score a file; return the exit status."""
    parser = argparse.ArgumentParser(description="Score new patients with this folder's model.")
    parser.add_argument("patients", type=Path, help="CSV file of new patients")
    parser.add_argument("--out", type=Path, help="write here instead of the screen")
    arguments = parser.parse_args()
    try:
        text = score_file(Path(__file__).resolve().parent, arguments.patients).to_csv(
            index=False, lineterminator="\n"
        )
        if arguments.out is not None:
            arguments.out.write_text(text, encoding="utf-8", newline="\n")
            return 0
    except (Refused, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
