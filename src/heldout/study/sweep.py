"""One experiment in several forms: the same folds, one comparison, every fork counted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import product
from pathlib import Path

from heldout.errors import SpecError, raise_faults
from heldout.spec.composition import load_experiment
from heldout.spec.experiment import Experiment

# More runs than this are a mistake on the command line, not a plan.
_MOST_FORKS = 200


def read_sweeps(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the overrides of every fork.

    Parameters
    ----------
    texts : sequence of str
        ``key.sub=a,b,c`` each; several are crossed. A value may be a YAML list or mapping in
        brackets, whose commas are its own.

    Returns
    -------
    list of tuple of str
        In the order of the values, the last key fastest.

    Raises
    ------
    SpecError
        If a text is none, a key stands twice, or there are more than two hundred forks.

    Examples
    --------
    >>> read_sweeps(["tuning.trials=5,10", "models=[ridge],[ridge, svc]"])[1]
    ('tuning.trials=5', 'models=[ridge, svc]')
    """
    faults: list[str] = []
    axes: dict[str, list[str]] = {}
    for text in texts:
        key, _, values = text.partition("=")
        parts = _split_values(values)
        faults += _axis_faults(text, key, parts, axes)
        axes[key] = [f"{key}={part}" for part in parts]
    raise_faults(SpecError, faults)
    forks = list(product(*axes.values()))
    if len(forks) > _MOST_FORKS:
        raise SpecError(
            f"--sweep: {len(forks)} forks; at most {_MOST_FORKS}. Name fewer values: each is a "
            "look at the same patients."
        )
    return forks


def _axis_faults(
    text: str, key: str, parts: Sequence[str], before: Collection[str]
) -> Iterator[str]:
    """Yield what is wrong with one key and its values."""
    if not key or len(parts) < 2 or not all(parts):
        yield (
            f"--sweep: found '{text}'; required: key.sub=value,value, at least two values. "
            "Correct it."
        )
        return
    if key in before:
        yield f"--sweep: '{key}' stands twice. Put all its values into one."
    repeated = sorted({part for part in parts if parts.count(part) > 1})
    if repeated:
        yield f"--sweep: '{key}' has {', '.join(repeated)} twice. Keep one."


def _split_values(text: str) -> list[str]:
    """Return values parted by commas that stand in no bracket."""
    parts, depth = [""], 0
    for mark in text:
        depth += (mark in "[{") - (mark in "]}")
        if mark == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += mark
    return [part.strip() for part in parts]


def sweep_experiment(
    path: Path, overrides: Sequence[str], forks: Sequence[tuple[str, ...]]
) -> list[Experiment]:
    """Return every fork as a validated experiment, or all their faults, before anything runs.

    Parameters
    ----------
    path : Path
        The experiment's file.
    overrides : sequence of str
        For all forks.
    forks : sequence of tuple of str
        From `read_sweeps`.

    Returns
    -------
    list of Experiment
        In the order of the forks.

    Raises
    ------
    SpecError
        With the faults of all forks, each once.
    """
    experiments: list[Experiment] = []
    faults: dict[str, None] = {}
    for fork in forks:
        try:
            experiments.append(load_experiment(path, [*overrides, *fork]))
        except SpecError as error:
            # Most forks share their file's faults, which are told once.
            faults |= dict.fromkeys(error.faults or (str(error),))
    raise_faults(SpecError, list(faults))
    return experiments
