"""Where keys are found, and whether what a cohort file asks of them can be given."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

from heldout.errors import InstrumentError, did_you_mean, raise_faults, unknown_name
from heldout.spec import ColumnSpec, Experiment, InstrumentKey, read_instrument_key

__all__ = ["instrument_names", "items_refused", "load_key", "load_keys"]

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


def load_key(name: str, folder: Path) -> InstrumentKey:
    """Return one key by its name.

    Parameters
    ----------
    name : str
        Of a shipped key, or of one in the study's ``configs/instruments/``, which wins.
    folder : Path
        The study folder.

    Returns
    -------
    InstrumentKey

    Raises
    ------
    InstrumentError
        If the name is unknown, or the key is not consistent with itself.

    Examples
    --------
    >>> load_key("madrs", Path()).scores["total"].range
    (0.0, 60.0)
    """
    known = key_files(folder)
    if name not in known:
        raise InstrumentError(unknown_name("instrument", "instrument", name, sorted(known)))
    return read_instrument_key(known[name])


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
        With every fault: an instrument that is unknown, a key that is not consistent with
        itself, and a column that asks of its key what that cannot give: items of a key that
        takes scores only, a total or a score that it does not have, prorating that it
        refuses, a language version that it does not fit, a direction that nobody stated.
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
    keys = {name: read_instrument_key(known[name]) for name in sorted(set(wanted.values()))}
    faults = [
        f"{experiment.where('cohort', 'columns', name)}: {fault}"
        for name, instrument in wanted.items()
        for fault in declaration_faults(experiment.cohort.columns[name], keys[instrument])
    ]
    raise_faults(InstrumentError, faults)
    return keys


def declaration_faults(declared: ColumnSpec, key: InstrumentKey) -> Iterator[str]:
    """Yield what a declared column asks of its key that the key cannot give."""
    items = declared.items is not None
    named = tuple(declared.scores or ())
    total = declared.column is not None or not (items or named)
    for score in named:
        if score not in key.scores:
            yield (
                f"'scores' names '{score}', which the key of {key.id} does not have. It has: "
                f"{', '.join(key.scores)}.{did_you_mean(score, key.scores)}"
            )
    if total and not key.has_total:
        yield (
            f"{key.id} has no total. Give its items, or its scores ({', '.join(key.scores)}) "
            "under 'scores'."
        )
    if items:
        yield from items_refused(key, prorate=declared.prorate, language=declared.language)
    given = {name for name in named if name in key.scores}
    given |= {"total"} if total and key.has_total else set()
    given |= set(key.scored) if items else set()
    yield from direction_faults(key, given, declared.higher_is)


def direction_faults(key: InstrumentKey, scores: set[str], higher_is: str | None) -> Iterator[str]:
    """Yield the fault of a direction that is not stated, or stated against the key."""
    open_ones = [name for name in key.scores if key.scores[name].higher_is == "declared"]
    if higher_is is None and scores & set(open_ones):
        yield (
            f"whether a higher {key.id} is worse or better depends on the version. Look at the "
            "form used and write 'higher_is: worse' or 'higher_is: better'."
        )
    if higher_is is not None and not open_ones:
        yield f"the key of {key.id} says what higher means. Remove 'higher_is'."


def items_refused(
    key: InstrumentKey, *, prorate: str = "none", language: str | None = None
) -> Iterator[str]:
    """Yield why a key does not score items in the way that is asked for.

    Parameters
    ----------
    key : InstrumentKey
        The instrument's key.
    prorate : str
        ``none``, ``80%`` or ``half``.
    language : str, optional
        Version of the form.

    Yields
    ------
    str
        Found, required and what to do; without a place.
    """
    own = f"put a key of the study's own under {'/'.join(OWN)}/"
    if not key.scored:
        why = key.scores_only or key.why_scores_only(next(iter(key.scores)))
        yield (
            f"{key.id} is not scored from items: {why}. Give its scores "
            f"({', '.join(key.scores)}) as computed by the study, or {own}."
        )
    if prorate != "none" and not key.prorate:
        yield (
            f"{key.id} is never prorated: a missing item of it may not be filled in. Write "
            "'prorate: none'."
        )
    if language in key.differs_in:
        yield (
            f"the version '{language}' of {key.id} is scored in another way: "
            f"{key.differs_in[language]}. Give its scores, or {own}."
        )
