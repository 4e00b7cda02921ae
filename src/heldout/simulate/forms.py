"""The same cohort as a CSV file, a REDCap export, an SPSS file or a workbook.

Only the form differs: codes, items and blanks are the same in all of them, so that a study
read from any comes to the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from heldout.simulate.course import BASELINE, FOLLOW_UPS

# What REDCap calls patients and visits.
RECORD, EVENT = "record_id", "redcap_event_name"
_LABELS = {
    "patient": "Pseudonym",
    "site": "Site",
    "age": "Age",
    "sex": "Sex",
    "previous_trials": "Antidepressants tried before",
}
_VALUE_LABELS = {"sex": {1.0: "female", 2.0: "male"}}


def event_name(visit: str) -> str:
    """Return what a REDCap export calls a visit."""
    return f"{visit}_arm_1"


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a row a patient, blanks where not observed."""
    table.to_csv(path, lineterminator="\n")


def _write_redcap(table: pd.DataFrame, path: Path) -> None:
    """Write a row a patient and event that took place; each form stands in its own events."""
    scored = {visit: f"madrs_{visit}_" for visit in (BASELINE, *FOLLOW_UPS)}
    columns = [str(name) for name in table]
    once = [name for name in columns if not name.startswith("madrs_")]
    events = []
    for number, (visit, start) in enumerate(scored.items()):
        items = table[[name for name in columns if name.startswith(start)]]
        event = items.rename(columns={name: name.replace(f"_{visit}_", "_") for name in columns})
        # REDCap repeats nothing: what was asked once is blank at every other event.
        here = table[once] if visit == BASELINE else table[once].mask(table[once].notna())
        named = pd.Series(event_name(visit), index=table.index, name=EVENT)
        order = pd.Series(number, index=table.index, name="order")
        seen = items.notna().any(axis=1) | (visit == BASELINE)
        events.append(pd.concat([named, here, event, order], axis=1)[seen].rename_axis(RECORD))
    _write_csv(pd.concat(events).sort_values([RECORD, "order"]).drop(columns="order"), path)


def _write_sav(table: pd.DataFrame, path: Path) -> None:
    """Write an SPSS file with labels of columns and values."""
    import pyreadstat

    patients = pd.Series(table.index, index=table.index, dtype="object", name="patient")
    numbers = pd.concat([patients, table.astype("float64")], axis=1)
    sites = {float(number): f"Site {number}" for number in sorted(table["site"].unique())}
    pyreadstat.write_sav(
        numbers,
        str(path),
        column_labels={name: _LABELS[name] for name in numbers if name in _LABELS},
        variable_value_labels=_VALUE_LABELS | {"site": sites},
        variable_format=dict.fromkeys(table, "F8.0"),
    )


def _write_xlsx(table: pd.DataFrame, path: Path) -> None:
    """Write a workbook of one sheet, numbers as numbers and blanks as empty cells."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("patients")
    sheet.append(["patient", *table.columns])
    for patient, row in zip(table.index, table.to_numpy(dtype="object"), strict=True):
        sheet.append([patient, *(None if value is pd.NA else int(value) for value in row)])
    book.save(path)


# What a table shall be -> its file, and what writes it: a cohort's table to a new file.
FORMS: Mapping[str, tuple[str, Callable[[pd.DataFrame, Path], None]]] = {
    "csv": ("data.csv", _write_csv),
    "redcap": ("data.csv", _write_redcap),
    "sav": ("data.sav", _write_sav),
    "xlsx": ("data.xlsx", _write_xlsx),
}
