"""Where keys are found: with the package, or with the study, which wins."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from heldout.errors import InstrumentError, raise_faults, unknown_name
from heldout.spec import Experiment, InstrumentKey, read_instrument_key

__all__ = ["instrument_names", "load_keys"]

SHIPPED = "files"
OWN = ("configs", "instruments")


def key_files(folder: Path) -> dict[str, Path]:
    """Return the file of every known key: the package's, then the study's own over them."""
    with as_file(files("heldout.instruments") / SHIPPED) as shipped:
        found = {path.stem: path for path in sorted(Path(shipped).glob("*.yaml"))}
    return found | {path.stem: path for path in sorted(folder.joinpath(*OWN).glob("*.yaml"))}


def instrument_names(folder: Path) -> list[str]:
    """Return the names of all instruments a study may use.

    Parameters
    ----------
    folder : Path
        The study folder; keys in its ``configs/instruments/`` count too.

    Returns
    -------
    list of str
        Sorted.
    """
    return sorted(key_files(folder))


def load_keys(experiment: Experiment) -> dict[str, InstrumentKey]:
    """Return the key of every instrument that the cohort's columns name.

    Parameters
    ----------
    experiment : Experiment
        Its cohort part names instruments.

    Returns
    -------
    dict of str to InstrumentKey

    Raises
    ------
    InstrumentError
        If an instrument is unknown, or its key is not consistent with itself.
    """
    known = key_files(experiment.folder)
    wanted = {
        name: column.instrument
        for name, column in experiment.cohort.columns.items()
        if column.instrument is not None
    }
    faults = [
        unknown_name(
            experiment.where("cohort", "columns", name, "instrument"),
            "instrument",
            instrument,
            sorted(known),
        )
        for name, instrument in wanted.items()
        if instrument not in known
    ]
    raise_faults(InstrumentError, faults)
    return {name: read_instrument_key(known[name]) for name in sorted(set(wanted.values()))}
