"""The exceptions a user can meet, and the words they are made of.

The tree::

    StudyError                 exit status 1: the study could not be carried out
    ├── SpecError              exit status 2: the experiment file is wrong
    ├── CohortError            the table does not say what the cohort file says
    ├── InstrumentError        a questionnaire's key or its items
    ├── OutcomeError           an outcome cannot be derived
    ├── FeatureError           a column may not, or cannot, become a feature
    ├── DesignError            too few patients for any honest answer
    ├── RecordError            a record folder is missing, damaged or too new
    ├── TrackingError          the MLflow store or its user interface
    └── ExportError            a bundle cannot be written, trusted or used

Every message has three parts, in this order: where and what was found; what is
required; what to do. A stage collects all its faults and raises them together with
`raise_faults`. Messages name columns, counts, row numbers and pseudonyms, never what
a patient answered.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class StudyError(Exception):
    """The study could not be carried out; the message says why and what to do.

    Attributes
    ----------
    faults : tuple of str
        One message each, where `raise_faults` raised several together.
    """

    exit_status = 1
    faults: tuple[str, ...] = ()


class SpecError(StudyError):
    """The experiment file, or a piece it uses, is wrong."""

    exit_status = 2


class CohortError(StudyError):
    """The cohort's table does not hold what the cohort file declares."""


class InstrumentError(StudyError):
    """A questionnaire is unknown, or its items do not fit its key."""


class OutcomeError(StudyError):
    """An outcome cannot be derived from the visits."""


class FeatureError(StudyError):
    """A column cannot become a feature, most often because it is known too late."""


class DesignError(StudyError):
    """The cohort is too small for the design that was asked for."""


class RecordError(StudyError):
    """A record folder is missing, damaged, or written by a newer version."""


class TrackingError(StudyError):
    """The MLflow store cannot be used, or its user interface cannot be started."""


class ExportError(StudyError):
    """A bundle cannot be written, or may not be trusted, or refuses its input."""


def raise_faults(error: type[StudyError], faults: Sequence[str]) -> None:
    """Raise all faults of a stage in one error, or return if there are none.

    Parameters
    ----------
    error : type of StudyError
        The stage's exception.
    faults : sequence of str
        One complete message each.

    Raises
    ------
    StudyError
        Of the type given, if `faults` is not empty.

    Examples
    --------
    >>> raise_faults(CohortError, [])
    >>> raise_faults(CohortError, ["a.", "b."])
    Traceback (most recent call last):
        ...
    heldout.errors.CohortError: 2 faults:
      1. a.
      2. b.
    """
    if not faults:
        return
    if len(faults) == 1:
        raise error(faults[0])
    lines = [f"  {number}. {fault}" for number, fault in enumerate(faults, start=1)]
    several = error("\n".join([f"{len(faults)} faults:", *lines]))
    several.faults = tuple(faults)
    raise several


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest known name, or nothing.

    Parameters
    ----------
    name : str
        What was found.
    known : iterable of str
        What is allowed.

    Returns
    -------
    str
        Empty if nothing known is close.

    Examples
    --------
    >>> did_you_mean("rigde", ["ridge", "xgboost"])
    " Did you mean 'ridge'?"
    >>> did_you_mean("svm", ["ridge", "xgboost"])
    ''
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""


def unknown_name(where: str, kind: str, name: str, known: Iterable[str]) -> str:
    """Return the message for a name that is not in a list of known names.

    Parameters
    ----------
    where : str
        Place, as the author wrote it.
    kind : str
        What the name should have been, such as ``model``.
    name : str
        What was found.
    known : iterable of str
        What is allowed.

    Returns
    -------
    str

    Examples
    --------
    >>> unknown_name("models[0]", "model", "rigde", ["ridge", "xgboost"])
    "models[0]: 'rigde' is no known model. Known: ridge, xgboost. Did you mean 'ridge'?"
    """
    names = list(known)
    listed = ", ".join(names) if names else "none"
    return f"{where}: '{name}' is no known {kind}. Known: {listed}.{did_you_mean(name, names)}"


def a_few(items: Iterable[object], limit: int = 5) -> str:
    """Return the first few items as text, and how many more there are.

    Parameters
    ----------
    items : iterable
        Anything that can be written.
    limit : int
        How many are shown.

    Returns
    -------
    str

    Examples
    --------
    >>> a_few([3, 7, 9], limit=2)
    '3, 7 and 1 more'
    """
    listed = [str(item) for item in items]
    shown = ", ".join(listed[:limit])
    return shown if len(listed) <= limit else f"{shown} and {len(listed) - limit} more"
