"""A table opened without being told how: separator, decimal mark, encoding, missing codes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from heldout.cohort.cells import is_number, numbers_of
from heldout.cohort.tables import read_table
from heldout.draft.names import PATIENT_NAMES, SITE_NAMES, VISIT_NAMES, squeezed
from heldout.errors import CohortError
from heldout.spec import TableSpec

__all__ = ["Opened", "open_table"]

MISSING = ("", "NA", "n/a", "NaN")
MISSING_WORDS = frozenset(
    [
        "na",
        "n/a",
        "n.a.",
        "nan",
        "null",
        "missing",
        ".",
        "-",
        "--",
        "?",
        "#n/a",
        "#null!",
        "#nv",
        "k.a.",
    ]
)
# Numbers that people write for 'not observed', where no other value comes near.
MISSING_NUMBERS = (-9, -77, -88, -99, -999, -9999, 99, 999, 9999)
TEXT_ENDINGS = (".csv", ".tsv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A table as opened, and how.

    Attributes
    ----------
    cells : DataFrame
        Texts, missing where not observed.
    spec : TableSpec
        How it was read; the file is the bare name.
    doubtful : tuple of str
        Numbers that look like missing codes in some columns and like values in others.
    """

    cells: pd.DataFrame
    spec: TableSpec
    doubtful: tuple[str, ...] = ()


def open_table(path: Path, sheet: str | None = None) -> Opened:
    """Return a table of any form that can be read, and how it was read.

    Parameters
    ----------
    path : Path
        CSV, TSV, XLSX or SAV.
    sheet : str, optional
        Of a workbook with several.

    Returns
    -------
    Opened

    Raises
    ------
    CohortError
        If it cannot be read.
    """
    form = dict(text_form(path)) if path.suffix.lower() in TEXT_ENDINGS else {}
    spec = TableSpec.model_validate({"file": path.name, "sheet": sheet, **form})
    cells = read(path, spec)
    if sum(map(is_number, cells.columns)) * 2 > cells.shape[1]:
        raise CohortError(
            f"{path.name}: most of its {cells.shape[1]} columns are named by numbers, so row 1 "
            "seems to be a patient's. Row 1 must hold the names of the columns; add it."
        )
    codes, doubtful = missing_codes(cells, spec.decimal)
    if codes:
        listed = (*MISSING, *(code for code in codes if code not in MISSING))
        spec = spec.model_copy(update={"missing": listed})
        cells = read(path, spec)
    return Opened(cells=cells, spec=spec, doubtful=tuple(doubtful))


def read(path: Path, spec: TableSpec) -> pd.DataFrame:
    """Return the cells of a table, read as its declaration says."""
    cells, _ = read_table(
        path,
        path.name,
        missing=spec.missing,
        separator=spec.separator,
        decimal=spec.decimal,
        encoding=spec.encoding,
        sheet=spec.sheet,
    )
    return cells


def text_form(path: Path) -> Iterable[tuple[str, str]]:
    """Yield encoding, separator and decimal mark of a text table, where they are not usual."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CohortError(
            f"{path}: cannot be read ({error.strerror}). Check the path and its rights."
        ) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
        yield "encoding", "latin-1" if "\ufffd" in text else "cp1252"
    header = text.partition("\n")[0]
    usual = "\t" if path.suffix.casefold() == ".tsv" else ","
    mark = max((usual, ";", "\t", ","), key=header.count)
    if mark != usual:
        yield "separator", "tab" if mark == "\t" else mark
    edge = rf"(?<![^\s\"{mark}])-?\d+{{}}\d+(?![^\s\"{mark}])"
    commas, points = (len(re.findall(edge.format(re.escape(one)), text)) for one in ",.")
    if mark != "," and commas > points:
        yield "decimal", ","


def missing_codes(cells: pd.DataFrame, decimal: str) -> tuple[list[str], list[str]]:
    """Return texts that mean 'not observed' in every column, and those that do in some only."""
    found: dict[str, set[bool]] = {}
    for name in cells:
        texts = cells[name].dropna()
        numbers = numbers_of(texts, decimal)
        for text in texts[texts.str.casefold().isin(MISSING_WORDS)].unique():
            found.setdefault(text, set()).add(True)
        suspect = numbers.isin(MISSING_NUMBERS)
        others = numbers[~suspect].dropna()
        if len(others) * 2 < len(texts) or others.nunique() < 2:
            continue
        called = squeezed(str(name))
        named = called in (*PATIENT_NAMES, *VISIT_NAMES) or SITE_NAMES.fullmatch(called)
        for code in texts[suspect].unique():
            value = float(numbers[texts == code].iloc[0])
            # Far from everything else: below zero where nothing is, or half as high again.
            apart = others.min() >= 0 if value < 0 else others.max() * 1.5 < value
            found.setdefault(code, set()).add(bool(apart) and not named)
    codes = sorted(code for code, apart in found.items() if apart == {True})
    return codes, sorted(code for code, apart in found.items() if apart == {True, False})
