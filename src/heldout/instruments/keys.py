"""Where keys are found, and whether what a cohort file asks of them can be given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from heldout.errors import InstrumentError, did_you_mean, raise_faults
from heldout.spec.cohort import ColumnSpec
from heldout.spec.experiment import Experiment
from heldout.spec.instrument import InstrumentKey, read_instrument_key

_SHIPPED = "files"
_OWN = ("configs", "instruments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What to do about a fault, in the words of where the questionnaire was asked for.

    Attributes
    ----------
    prorate, direction, no_direction, columns : str
        To leave items missing; to state what higher means; not to state it; to say where the
        items are.
    """

    prorate: str
    direction: str
    no_direction: str
    columns: str = ""


_FILE = Door(
    prorate="Write 'prorate: none'",
    direction="write 'higher_is: worse' or 'higher_is: better'",
    no_direction="Remove 'higher_is'",
)
CALL = Door(
    prorate="Pass prorate='none'",
    direction="pass higher_is='worse' or higher_is='better'",
    no_direction="Leave out higher_is",
    columns="with a pattern such as 'q{item}' or a list of columns",
)
COMMAND = Door(
    prorate="Leave out --prorate",
    direction="write --higher-is worse or --higher-is better",
    no_direction="Leave out --higher-is",
    columns="with --items and a pattern such as 'q{item}'",
)


def _key_files(folder: Path) -> dict[str, Path]:
    """Return the file of every known key: the package's, then the study's own over them."""
    with as_file(files("heldout.instruments") / _SHIPPED) as shipped:
        keys = {path.stem: path for path in sorted(Path(shipped).glob("*.yaml"))}
    return keys | {path.stem: path for path in sorted(folder.joinpath(*_OWN).glob("*.yaml"))}


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
    return sorted(_key_files(folder))


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
    known = _key_files(folder)
    if name not in known:
        raise InstrumentError(unknown_instrument("instrument", name, known))
    return read_instrument_key(known[name])


def unknown_instrument(where: str, name: str, known: Iterable[str]) -> str:
    """Return the message for a name that no instrument has; capitals do not hide the meant one.

    Parameters
    ----------
    where : str
        Place, as the author wrote it.
    name : str
        What was found.
    known : iterable of str
        From `instrument_names`.

    Returns
    -------
    str

    Examples
    --------
    >>> unknown_instrument("instrument", "RFQ8", ["phq9", "rfq8"])
    "instrument: 'RFQ8' is no known instrument. Known: phq9, rfq8. Did you mean 'rfq8'?"
    """
    names = sorted(known)
    guess = did_you_mean(name.casefold(), names)
    return f"{where}: '{name}' is no known instrument. Known: {', '.join(names)}.{guess}"


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
    known = _key_files(experiment.folder)
    wanted = {
        name: column.instrument
        for name, column in experiment.cohort.columns.items()
        if column.instrument is not None
    }
    faults = [
        unknown_instrument(
            experiment.where("cohort", "columns", name, "instrument"), instrument, known
        )
        for name, instrument in wanted.items()
        if instrument not in known
    ]
    raise_faults(InstrumentError, faults)
    keys = {name: read_instrument_key(known[name]) for name in sorted(set(wanted.values()))}
    faults = [
        f"{experiment.where('cohort', 'columns', name)}: {fault}"
        for name, instrument in wanted.items()
        for fault in _declaration_faults(experiment.cohort.columns[name], keys[instrument])
    ]
    raise_faults(InstrumentError, faults)
    return keys


def _declaration_faults(declared: ColumnSpec, key: InstrumentKey) -> Iterator[str]:
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
    given = {*named, *(("total",) if total else ()), *(key.scored if items else ())}
    yield from direction_faults(key, given & set(key.scores), declared.higher_is)


def direction_faults(
    key: InstrumentKey, scores: set[str], higher_is: str | None, door: Door = _FILE
) -> Iterator[str]:
    """Yield the fault of a direction that is not stated, or stated against the key."""
    open_ones = [name for name in key.scores if key.scores[name].higher_is == "declared"]
    if higher_is is None and scores & set(open_ones):
        yield (
            f"whether a higher {key.id} is worse or better depends on the version. Look at the "
            f"form used and {door.direction}."
        )
    if higher_is is not None and not open_ones:
        yield f"the key of {key.id} says what higher means. {door.no_direction}."


def items_refused(
    key: InstrumentKey,
    *,
    prorate: str = "none",
    language: str | None = None,
    door: Door = _FILE,
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
    door : Door
        Where it is asked for.

    Yields
    ------
    str
        Found, required and what to do; without a place.
    """
    own = f"put a key of the study's own under {'/'.join(_OWN)}/"
    if not key.scored:
        why = key.scores_only or key.why_scores_only(next(iter(key.scores)))
        yield (
            f"{key.id} is not scored from items: {why}. Give its scores "
            f"({', '.join(key.scores)}) as computed by the study, or {own}."
        )
    if prorate != "none" and not key.prorate:
        yield (
            f"{key.id} is never prorated: a missing item of it may not be filled in. "
            f"{door.prorate}."
        )
    for other, how in key.differs_in.items():
        if language is not None and language.casefold() == other.casefold():
            yield (
                f"the version '{language}' of {key.id} is scored in another way: {how}. Give its "
                f"scores, or {own}."
            )


def language_notes(key: InstrumentKey, language: str | None) -> Iterator[str]:
    """Yield what is not known of the language version that was used.

    Parameters
    ----------
    key : InstrumentKey
        The instrument's key.
    language : str, optional
        Version of the form; one that the key knows to differ is refused elsewhere.

    Yields
    ------
    str
        A sentence.
    """
    if language is not None and language.casefold() != key.language.casefold():
        yield (
            f"the key of {key.id} was published for the version '{key.language}'. That "
            f"'{language}' is scored in the same way was not verified; look at the form used."
        )
