"""A model that keeps rows of patients is known by what it keeps."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.ensemble import BaggingClassifier, VotingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVR
from sklearn.utils import all_estimators

from heldout.export.bundle import keepers_in

Floats = NDArray[np.float64]
RNG = np.random.default_rng(0)
ROWS: Floats = RNG.normal(size=(30, 5))
EVENTS = (ROWS[:, 0] + RNG.normal(size=30) > 0).astype(int)


def holds_a_row(part: Any, seen: set[int]) -> bool:
    """Return whether a row of a patient stands anywhere in an object, to the last bit."""
    if id(part) in seen:
        return False
    seen.add(id(part))
    if isinstance(part, np.ndarray) and part.ndim == 2 and part.shape[1] == ROWS.shape[1]:
        return any((part == row).all(axis=1).any() for row in ROWS)
    if isinstance(part, dict):
        inside = list(part.values())
    elif isinstance(part, list | tuple) or (isinstance(part, np.ndarray) and part.dtype == object):
        inside = list(part)
    else:
        inside = list(getattr(part, "__dict__", {}).values())
    return any(holds_a_row(one, seen) for one in inside)


@pytest.mark.filterwarnings("ignore")
def test_every_estimator_of_scikit_learn_that_keeps_rows_is_known() -> None:
    """What is found by name is what is found by looking at every number."""
    keepers = []
    for name, kind in all_estimators():
        try:
            estimator = kind()
            if not (is_classifier(estimator) or is_regressor(estimator)):
                continue
            estimator.fit(ROWS, EVENTS)
        except Exception:
            # It wants other settings or other answers.
            continue
        named = any(keepers_in(estimator, set()))
        assert named == holds_a_row(estimator, set()), name
        keepers += [name] if named else []
    assert {"KNeighborsClassifier", "SVC", "NuSVC", "SVR", "GaussianProcessClassifier"} <= {
        *keepers
    }
    assert "LogisticRegression" not in keepers
    assert "RandomForestClassifier" not in keepers


@pytest.mark.parametrize(
    ("estimator", "kept"),
    [
        (BaggingClassifier(KNeighborsClassifier(), n_estimators=2), ["_fit_X of KNei"] * 2),
        (VotingRegressor([("one", Ridge()), ("two", SVR())]), ["support_vectors_ of SVR"]),
        (BaggingClassifier(LogisticRegression(), n_estimators=2), []),
    ],
)
def test_rows_are_found_in_what_an_estimator_is_made_of(estimator: Any, kept: list[str]) -> None:
    found = list(keepers_in(estimator.fit(ROWS, EVENTS), set()))
    assert [one[: len(words)] for one, words in zip(found, kept, strict=True)] == kept
