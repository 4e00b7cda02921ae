"""One made-up cohort of items and totals, as each program would export it."""

import io
import random
from pathlib import Path
from typing import Any

from heldout.cohort.people import Cohort, include_patients, read_cohort
from heldout.instruments.keys import load_keys
from heldout.instruments.scoring import score_instruments
from heldout.spec.experiment import experiment_from

VISITS = {"base": 0, "month1": 30, "month6": 180}
ITEMS = [f"madrs_{number}" for number in range(1, 11)]
# openpyxl writes 16 digits, so a number that needs 17 would change on the way out.
WEIGHTS = (70.1, 1 / 3, 81.0, 0.7 + 1e-16, None)
Cell = str | float | None
Table = list[dict[str, Cell]]


def made_up(n_patients: int = 12) -> Table:
    """Return a row a patient and visit: items, a dose with decimals, and who they are."""
    rng = random.Random(7)
    rows: Table = []
    for number in range(n_patients):
        sex, weight = float(rng.randint(1, 2)), rng.choice(WEIGHTS)
        for visit in VISITS:
            items: dict[str, Cell] = {item: float(rng.randint(0, 6)) for item in ITEMS}
            if rng.random() < 0.3:
                items[rng.choice(ITEMS)] = None
            row: dict[str, Cell] = {"id": f"{number:03d}", "visit": visit, "sex": sex}
            rows.append(row | {"weight": weight, "dose": rng.choice([28.0, 0.7, None])} | items)
    return rows


def text_cell(value: Cell, decimal: str) -> str:
    """Return a cell as a text file has it."""
    if value is None:
        return ""
    return (
        value if isinstance(value, str) else f"{value!r}".removesuffix(".0").replace(".", decimal)
    )


def text_file(rows: Table, separator: str = ",", decimal: str = ".") -> str:
    """Return rows as a text file; no cell needs quotes."""
    lines = [list(rows[0])] + [[text_cell(cell, decimal) for cell in row.values()] for row in rows]
    return "".join(separator.join(line) + "\n" for line in lines)


def workbook(rows: Table, *, title: str = "visits") -> Any:
    """Return rows as a workbook of one sheet, not yet saved."""
    from openpyxl import Workbook

    book = Workbook()
    book.active.title = title
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    return book


def saved(book: Any) -> bytes:
    """Return a workbook's bytes."""
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def write_spss(path: Path, rows: Table, **about: Any) -> None:
    """Write rows as an SPSS file."""
    import pandas as pd
    import pyreadstat

    frame = pd.DataFrame(rows)
    numbers = dict.fromkeys(set(rows[0]) - {"id", "visit"}, "float64")
    frame = frame.astype(numbers)
    pyreadstat.write_sav(frame, str(path), **about)


def redcap(rows: Table) -> str:
    """Return rows as a REDCap export: who they are stands in the first event only."""
    changed: Table = []
    for row in rows:
        head: dict[str, Cell] = {"id": row["id"], "redcap_event_name": f"{row['visit']}_arm_1"}
        head |= {"redcap_repeat_instrument": "", "redcap_repeat_instance": ""}
        body = {name: cell for name, cell in row.items() if name not in ("id", "visit")}
        if row["visit"] != "base":
            body |= {"sex": None, "weight": None}
        changed.append(head | body)
    return text_file(changed)


def exported_cohort(table: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the cohort part of the exported study, with its table."""
    return {
        "title": "Exported",
        "table": {"layout": "long", "visit": "visit"} | table,
        "patient": "id",
        "visits": {name: {"day": day} for name, day in VISITS.items()},
        "baseline": "base",
        "columns": {
            "sex": {"kind": "category", "levels": {"1": "female", "2": "male"}},
            "weight": {"kind": "number"},
            "dose": {"kind": "number", "by_visit": True},
            "madrs": {"items": "madrs_{item}", "instrument": "madrs", "by_visit": True},
        },
    } | changes


def cohort_of(folder: Path, part: dict[str, Any]) -> Cohort:
    """Return the included patients of a cohort part, scored."""
    data = {
        "name": "exported",
        "question": "Who responds?",
        "cohort": part,
        "features": [{"build": "clinical", "columns": ["sex"]}],
        "outcomes": [
            {"name": "response", "column": "madrs", "rule": {"reduction": 0.5}, "at": ["month1"]}
        ],
        "seed": 1,
    }
    experiment = experiment_from(data, folder=folder)
    keys = load_keys(experiment)
    return include_patients(experiment, score_instruments(read_cohort(experiment, keys), keys))
