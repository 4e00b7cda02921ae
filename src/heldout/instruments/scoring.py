"""Items to scores, along one patient's row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from heldout.cohort import Cohort
from heldout.spec import InstrumentKey

__all__ = ["score_instruments", "sum_items"]


def sum_items(items: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each patient's sum of items.

    Parameters
    ----------
    items : array of shape (n_patients, n_items)
        Answers; NaN where not given.

    Returns
    -------
    array of shape (n_patients,)
        NaN where any item is missing: no answer is invented.

    Examples
    --------
    >>> sum_items(np.array([[1.0, 2.0], [3.0, np.nan]]))
    array([ 3., nan])
    """
    return np.asarray(items.sum(axis=1), dtype=np.float64)


def score_instruments(cohort: Cohort, keys: Mapping[str, InstrumentKey]) -> Cohort:
    """Return the cohort with a total for every instrument that was read as items.

    Parameters
    ----------
    cohort : Cohort
        As read.
    keys : mapping of str to InstrumentKey
        The keys of its instruments.

    Returns
    -------
    Cohort
        Columns read as totals are untouched.
    """
    totals: dict[tuple[str, str, int], NDArray[np.float64]] = {}
    for name, declared in cohort.spec.columns.items():
        key = keys.get(declared.instrument or "")
        if declared.items is None or key is None:
            continue
        visits = {source.visit: None for source in cohort.sources if source.name == name}
        for visit in visits:
            items = [(name, visit, n + 1) for n in range(key.items)]
            totals[(name, visit, 0)] = sum_items(cohort.values[items].to_numpy(dtype=np.float64))
    if not totals:
        return cohort
    scores = pd.DataFrame(totals, index=cohort.values.index)
    return replace(cohort, values=pd.concat([cohort.values, scores], axis=1))
