"""Score 100,000 patients on every questionnaire that fits into 300 items, on one core.

Run ``python benchmarks/score_items.py``; it prints how long `score_items` took, and how far
memory grew beyond the table. Answers are drawn with a fixed seed; 2 % are missing.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd

from heldout.instruments.keys import instrument_names, load_key
from heldout.instruments.table import score_items
from heldout.spec.instrument import InstrumentKey

N_PATIENTS = 100_000
N_ITEMS = 300
SEED = 20240611
MISSING = 0.02


def chosen_keys() -> list[InstrumentKey]:
    """Return shipped keys that score items, in their order, up to the number of items."""
    keys = [load_key(name, Path()) for name in instrument_names(Path())]
    chosen: list[InstrumentKey] = []
    for key in keys:
        room = N_ITEMS - sum(one.items for one in chosen)
        if key.scored and key.items <= room:
            chosen.append(key)
    return chosen


def draw_answers(keys: list[InstrumentKey]) -> pd.DataFrame:
    """Return a table of answers that the keys allow."""
    rng = np.random.default_rng(SEED)
    places = [(key, item) for key in keys for item in range(1, key.items + 1)]
    answers = np.empty((N_PATIENTS, len(places)), order="F")
    for number, (key, item) in enumerate(places):
        answers[:, number] = rng.choice(np.array(key.answers_of(item)), N_PATIENTS)
        answers[rng.random(N_PATIENTS) < MISSING, number] = np.nan
    names = [f"{key.id}_{item}" for key, item in places]
    return pd.DataFrame(answers, columns=names, copy=False)


def peak_megabytes() -> float:
    """Return the most memory this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Draw, score and print."""
    keys = chosen_keys()
    table = draw_answers(keys)
    before, started = peak_megabytes(), time.perf_counter()
    n_scores = 0
    for key in keys:
        prorate = "80%" if key.prorate else "none"
        n_scores += score_items(table, instrument=key.id, prorate=prorate).scores.shape[1]
    seconds = time.perf_counter() - started
    size = table.memory_usage().sum() / 2**20
    print(f"patients {N_PATIENTS:,}, items {table.shape[1]}, questionnaires {len(keys)}")
    print(f"scores a patient  {n_scores}")
    print(f"time              {seconds:.1f} s")
    print(f"the table         {size:.0f} MB")
    print(f"peak memory       {peak_megabytes() - before:.0f} MB above the process with the table")


if __name__ == "__main__":
    main()
