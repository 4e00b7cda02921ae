"""A table opened without being told how: separator, decimal mark, encoding, missing codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from heldout.cohort.notation import is_number, numbers_of
from heldout.cohort.tables import read_table
from heldout.cohort.text import likely_form
from heldout.draft.names import PATIENT_NAMES, SITE_NAMES, VISIT_NAMES, squeezed
from heldout.errors import CohortError, a_few
from heldout.spec.cohort import TableSpec
from heldout.wording import counted

MISSING = ("", "NA", "n/a", "NaN")
_MISSING_WORDS = frozenset(
    (
        *("na", "n/a", "n.a.", "nan", "null", "missing", "k.a."),
        *(".", "-", "--", "?", "#n/a", "#null!", "#nv"),
    )
)
# Numbers that people write for 'not observed', where no other value comes near.
_MISSING_NUMBERS = (-9, -77, -88, -99, -999, -9999, 99, 999, 9999)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A table as opened, and how.

    Attributes
    ----------
    cells : DataFrame
        Texts, missing where not observed.
    spec : TableSpec
        How it was read; the file is the bare name.
    doubts : tuple of str
        What a person must decide about numbers that may mean 'not observed'.
    """

    cells: pd.DataFrame
    spec: TableSpec
    doubts: tuple[str, ...] = ()

    def texts(self, columns: Iterable[str]) -> pd.Series:
        """Return what columns hold, one below the other, where something was observed."""
        texts: pd.Series = pd.concat([self.cells[column] for column in dict.fromkeys(columns)])
        return texts.dropna()

    def numbers(self, columns: Iterable[str]) -> pd.Series:
        """Return the same as numbers; NaN for what is none."""
        return numbers_of(self.texts(columns), self.spec.decimal)


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
    form = dict(_text_form(path)) if path.suffix.lower() in (".csv", ".tsv") else {}
    spec = TableSpec.model_validate({"file": path.name, "sheet": sheet, **form})
    cells, _ = read_table(path, path.name, **spec.form)
    # A few columns may well be named by years or items; most of them are not.
    if sum(map(is_number, cells.columns)) * 2 > cells.shape[1]:
        raise CohortError(
            f"{path.name}: most of its {cells.shape[1]} columns are named by numbers, so row 1 "
            "seems to be a patient's. Row 1 must hold the names of the columns; add it."
        )
    candidates = _missing_codes(cells, spec.decimal)
    doubts = tuple(_code_doubts(cells, candidates))
    codes = [code for code, apart in candidates.items() if all(apart.values())]
    if codes:
        spec = spec.model_copy(update={"missing": tuple(dict.fromkeys((*MISSING, *codes)))})
        cells, _ = read_table(path, path.name, **spec.form)
    return Opened(cells=cells, spec=spec, doubts=doubts)


def _text_form(path: Path) -> Iterator[tuple[str, str]]:
    """Yield encoding, separator and decimal mark of a text table, where they are not usual."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CohortError(
            f"{path}: cannot be read ({error.strerror}). Check the path and its rights."
        ) from None
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    text, encoding, mark = likely_form(raw, usual)
    if encoding != "utf-8":
        yield "encoding", encoding
    if mark != usual:
        yield "separator", "tab" if mark == "\t" else mark
    edge = rf"(?<![^\s\"{mark}])-?\d+{{}}\d+(?![^\s\"{mark}])"
    commas, points = (len(re.findall(edge.format(re.escape(sign)), text)) for sign in ",.")
    # Where commas separate cells a decimal comma would be one cell too many.
    if mark != "," and commas > points:
        yield "decimal", ","


def _missing_codes(cells: pd.DataFrame, decimal: str) -> dict[str, dict[str, bool]]:
    """Return texts that may mean 'not observed', and in which columns they do.

    Parameters
    ----------
    cells : DataFrame
        Texts.
    decimal : str
        The decimal mark.

    Returns
    -------
    dict
        Text, sorted -> column -> whether it means that there, and is no value like others.
    """
    candidates: dict[str, dict[str, bool]] = {}
    for name in sorted(map(str, cells)):
        texts = cells[name].dropna()
        numbers = numbers_of(texts, decimal)
        for text in texts[texts.str.casefold().isin(_MISSING_WORDS)].unique():
            candidates.setdefault(text, {})[name] = True
        suspect = numbers.isin(_MISSING_NUMBERS)
        others = numbers[~suspect].dropna()
        # Of a column of codes, or of one value, nothing is apart from the rest.
        if len(others) * 2 < len(texts) or others.nunique() < 2:
            continue
        called = squeezed(name)
        named = called in (*PATIENT_NAMES, *VISIT_NAMES) or SITE_NAMES.fullmatch(called)
        for code in texts[suspect].unique():
            value = float(numbers[texts == code].iloc[0])
            # Far from everything else: below zero where nothing is, or half as high again.
            apart = others.min() >= 0 if value < 0 else others.max() * 1.5 < value
            candidates.setdefault(code, {})[name] = bool(apart) and not named
    return dict(sorted(candidates.items()))


def _code_doubts(
    cells: pd.DataFrame, candidates: Mapping[str, Mapping[str, bool]]
) -> Iterator[str]:
    """Yield the question about every number that may mean 'not observed'; words say it."""
    for code, apart in candidates.items():
        if not is_number(code):
            continue
        missing = [name for name, is_apart in apart.items() if is_apart]
        values = [name for name, is_apart in apart.items() if not is_apart]
        if missing and values:
            yield (
                f"{code} looks like 'not observed' in {a_few(map(repr, missing))} and like a value "
                f"in {a_few(map(repr, values))}. Blank the cells that mean 'not observed', or add "
                "the code to 'missing'."
            )
        elif missing:
            where = cells.apply(lambda texts, code=code: texts == code)
            columns, rows = where.columns[where.any()], where.index[where.any(axis=1)]
            yield (
                f"{code} is read as 'not observed' in {counted(int(where.sum().sum()), 'cell')} of "
                f"{a_few(map(repr, sorted(columns)))} (rows {a_few(rows)}). If it is a value, or "
                "an error of typing, take it out of 'missing' and correct the table."
            )
