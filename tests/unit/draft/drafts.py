"""Made-up tables for the tests of the draft; nobody in them exists."""

import csv
import random
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from heldout.draft.opened import open_table
from heldout.draft.recognition import Recognised, recognise
from heldout.instruments.keys import instrument_names, load_key

Row = dict[str, str]
# Planned days, and the days about them.
USUAL = ((0, 0), (7, 2), (30, 5), (90, 10), (180, 20))
KEYS = {name: load_key(name, Path()) for name in instrument_names(Path())}


def rows_of(n_patients: int = 24, *, seed: int = 3, **columns: Any) -> list[Row]:
    """Return patients with a column of ids and further columns drawn one value at a time."""
    rng = np.random.default_rng(seed)
    return [
        {"id": f"{number:03d}", **{name: str(draw(rng)) for name, draw in columns.items()}}
        for number in range(n_patients)
    ]


def points(low: int, high: int) -> Any:
    """Return a way to draw whole numbers, both ends included."""
    return lambda rng: int(rng.integers(low, high + 1))


def one_of(*texts: str) -> Any:
    """Return a way to draw one of some texts."""
    return lambda rng: texts[int(rng.integers(len(texts)))]


def write_rows(path: Path, rows: Sequence[Row], *, separator: str = ",") -> Path:
    """Write rows as a text table and return its path."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=separator, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def found_in(folder: Path, rows: Sequence[Row]) -> Recognised:
    """Return what is recognised in rows."""
    return recognise(open_table(write_rows(folder / "table.csv", rows)), KEYS)


def trial_rows(n_patients: int = 30) -> list[Row]:
    """Return a wide table with a bit of everything."""
    return rows_of(
        n_patients,
        centre=one_of("north", "south"),
        sex=one_of("F", "M"),
        age=points(20, 70),
        MADRS_b0=points(25, 45),
        MADRS_w2=points(5, 40),
        MADRS_w6=points(5, 40),
        **{f"rfq8_{item}": points(1, 7) for item in range(1, 9)},
        responder=one_of("0", "1"),
        plasma_w2=points(100, 900),
    )


def dated_rows(
    date_format: str = "%Y-%m-%d",
    planned: tuple[tuple[int, int], ...] = USUAL,
    *,
    start: str = "",
) -> list[Row]:
    """Return a row for each patient and visit, some left out, with its date."""
    rng, rows = random.Random(5), []
    for number in range(40):
        begun = date(2023, 1, 1) + timedelta(days=rng.randrange(300))
        for day, about in planned:
            if day and rng.random() < 0.12:
                continue
            seen = begun + timedelta(days=day + rng.randint(-about, about))
            row = {
                "Code": f"P{number:02}",
                "Zentrum": "AB"[number % 2],
                "Datum": seen.strftime(date_format),
                "Alter": str(25 + number % 30),
                "MADRS": str(rng.randint(25, 45) if day == 0 else rng.randint(5, 40)),
                "PHQ9": str(rng.randint(0, 27)),
            }
            born = begun - timedelta(days=9000 + 17 * number)
            also = {start: begun, "geboren": born} if start else {}
            rows.append(row | {name: one.strftime(date_format) for name, one in also.items()})
    return rows
