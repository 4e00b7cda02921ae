"""From files to one experiment: ``use`` a piece, override a key.

``use: {cohort: nimh_ketamine}`` puts the content of ``configs/cohort/nimh_ketamine.yaml``
under the key ``cohort``; what the experiment itself writes there is laid over it, key by
key; ``key.sub=value`` on the command line comes last, and ``use.cohort=other`` there takes
another piece. There is no third verb. A model that is named and has an entry of its own in
``configs/models/`` is used so too: the entry goes under ``own_models``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heldout.errors import SpecError, did_you_mean, raise_faults, unknown_name
from heldout.spec.experiment import DEFAULT_MODELS, Experiment, experiment_from
from heldout.spec.faults import short
from heldout.spec.places import KeyPath, Places, dotted, place_of
from heldout.spec.yaml_file import read_value, read_yaml

_COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Override:
    """One ``key.sub=value`` of the command line."""

    steps: tuple[str, ...]
    value: Any


def study_folder(path: Path) -> Path:
    """Return the folder a study lives in: the nearest one above the file with ``configs/``.

    Without one it is the parent of a folder named ``experiments``, or the file's own folder.

    Parameters
    ----------
    path : Path
        The experiment file.

    Returns
    -------
    Path
        Absolute.
    """
    folder = path.resolve().parent
    for candidate in (folder, *folder.parents):
        if (candidate / "configs").is_dir():
            return candidate
    return folder.parent if folder.name == "experiments" else folder


def load_experiment(path: Path | str, overrides: Sequence[str] = ()) -> Experiment:
    """Return the experiment of a file, composed, overridden and validated.

    Parameters
    ----------
    path : Path or str
        The experiment file. Its name, without the ending, is the experiment's name.
    overrides : sequence of str
        ``key.sub=value`` each, laid over the file in this order; list entries by number.

    Returns
    -------
    Experiment
        Frozen; `Experiment.folder` is the study folder.

    Raises
    ------
    SpecError
        With every fault at once: place, found, required, and a did-you-mean.
    """
    path = Path(path)
    folder = study_folder(path)
    changes, faults = _read_overrides(overrides)
    own = read_yaml(path, str(path))
    raise_faults(SpecError, [*own.faults, *(faults if own.faults else ())])
    data, places = own.content, own.places
    if not isinstance(data, dict):
        raise SpecError(f"{path}: found {short(data)}; required: 'key: value' lines. Write keys.")
    # Which pieces are taken must be known before keys of theirs can be set.
    faults += _apply_overrides(data, (c for c in changes if c.steps[0] == "use"), places)
    use = data.pop("use", None)
    pieces, piece_places = _read_pieces(use, folder, places, faults)
    data = laid_over(pieces, data, (), piece_places, places)
    if "name" not in data:
        data["name"] = path.stem
        piece_places[("name",)] = f"{path} (without 'name', the file's name is used)"
    faults += _apply_overrides(data, (c for c in changes if c.steps[0] != "use"), piece_places)
    faults += _read_entries(data, folder, piece_places)
    wanted = use if isinstance(use, dict) else Experiment.model_fields if use else ()
    # What a piece that cannot be read would have said is not missing as well.
    unread = set(wanted) - set(pieces)
    return experiment_from(data, places=piece_places, folder=folder, earlier=faults, unread=unread)


def _read_pieces(
    use: object, folder: Path, places: Places, faults: list[str]
) -> tuple[dict[str, Any], dict[KeyPath, str]]:
    """Return the content of all used pieces and the places of their keys; note the faults."""
    merged: dict[str, Any] = {}
    merged_places: dict[KeyPath, str] = {(): places[()]}
    if use is None:
        return merged, merged_places
    if not isinstance(use, dict):
        where = place_of(("use",), places)
        faults.append(f"{where}: found {short(use)}; required: 'kind: name' pairs. Write them.")
        return merged, merged_places
    for kind, name in use.items():
        fault = _piece_fault(place_of(("use", kind), places), folder, kind, name)
        if fault:
            faults.append(fault)
            continue
        file = folder / "configs" / kind / f"{name}.yaml"
        piece = read_yaml(file, str(file.relative_to(folder)))
        faults += piece.faults
        if not piece.faults:
            merged[kind] = piece.content
            merged_places |= {(kind, *key): place for key, place in piece.places.items()}
    return merged, merged_places


def _piece_fault(where: str, folder: Path, kind: str, name: object) -> str:
    """Return what is wrong with one ``use``, or nothing.

    Names are compared with the folder's listing and never made into a path before, so no
    name leads out of ``configs/``.
    """
    configs = folder / "configs"
    kinds = [key for key in Experiment.model_fields if (configs / key).is_dir()]
    if kind not in kinds:
        listed = ", ".join(kinds) or "none"
        return (
            f"{where}: found no pieces of kind '{kind}' in configs/. "
            f"Kinds there: {listed}.{did_you_mean(kind, kinds)}"
        )
    if not isinstance(name, str):
        return f"{where}: found {short(name)}; required: the name of one piece, a text."
    pieces = sorted(entry.stem for entry in (configs / kind).glob("*.yaml"))
    if name not in pieces:
        return unknown_name(where, f"piece in configs/{kind}/", name, pieces)
    return ""


def _read_entries(data: dict[str, Any], folder: Path, places: dict[KeyPath, str]) -> list[str]:
    """Put the entries of models that have one in ``configs/models/`` under ``own_models``.

    What the experiment writes there itself is laid over the entry. Names are compared with the
    folder's listing, as those of pieces.
    """
    named, written = data.get("models", DEFAULT_MODELS), data.get("own_models", {})
    # What is wrong with them is said where they are validated.
    if not isinstance(named, list | tuple) or not isinstance(written, dict):
        return []
    files = {file.stem: file for file in (folder / "configs" / "models").glob("*.yaml")}
    faults: list[str] = []
    entries: dict[str, Any] = {}
    for name in dict.fromkeys(name for name in named if isinstance(name, str) and name in files):
        entry = read_yaml(files[name], str(files[name].relative_to(folder)))
        faults += entry.faults
        # A list of models is a piece, and no entry of one.
        if entry.faults or isinstance(entry.content, list):
            continue
        key: KeyPath = ("own_models", name)
        own = {(*key, *path): place for path, place in entry.places.items()}
        entries[name] = laid_over(entry.content, written.get(name, {}), key, own, places)
        _forget_places(places, key)
        places |= own
    if entries:
        data["own_models"] = {**written, **entries}
    return faults


def laid_over(
    base: Any, top: Any, path: KeyPath, base_places: dict[KeyPath, str], top_places: Places
) -> Any:
    """Return `top` laid over `base`, key by key; lists and values are replaced whole.

    `base_places` is brought up to date on the way.
    """
    if isinstance(base, dict) and isinstance(top, dict):
        merged = dict(base)
        for key, value in top.items():
            inner = (*path, key)
            merged[key] = laid_over(base.get(key), value, inner, base_places, top_places)
        return merged
    _forget_places(base_places, path)
    base_places |= {key: place for key, place in top_places.items() if key[: len(path)] == path}
    return top


def _forget_places(places: dict[KeyPath, str], path: KeyPath) -> None:
    """Drop the place of a key and of everything below it."""
    for stale in [key for key in places if key[: len(path)] == path]:
        del places[stale]


def _read_overrides(overrides: Iterable[str]) -> tuple[list[_Override], list[str]]:
    """Return the overrides of the command line, and the faults of those that are none."""
    changes: list[_Override] = []
    faults: list[str] = []
    for text in overrides:
        key, equals, value = text.partition("=")
        # Messages write outcomes[0].at, so that may be typed as well as outcomes.0.at.
        steps = tuple(re.sub(r"\[(\d+)\]", r".\1", key.strip()).split("."))
        if not equals or not all(steps):
            faults.append(f"{_COMMAND_LINE}: found '{text}'; required: key.sub=value. Rewrite it.")
            continue
        reading = read_value(value, f"{_COMMAND_LINE}, {key.strip()}")
        faults += reading.faults
        if not reading.faults:
            changes.append(_Override(steps=steps, value=reading.content))
    return changes, faults


def _apply_overrides(
    data: dict[str, Any], changes: Iterable[_Override], places: dict[KeyPath, str]
) -> list[str]:
    """Set every override in the composed experiment; return the faults."""
    return [fault for change in changes if (fault := _apply_override(data, change, places))]


def _apply_override(data: dict[str, Any], change: _Override, places: dict[KeyPath, str]) -> str:
    """Set one override; return what is wrong if its path leads nowhere."""
    target: Any = data
    path: KeyPath = ()
    for step in change.steps:
        if isinstance(target, dict):
            slot: str | int = step
        # An entry may be changed and none added: a typing error would make an outcome of its own.
        elif isinstance(target, list) and re.fullmatch("[0-9]+", step) and int(step) < len(target):
            slot = int(step)
        else:
            return (
                f"{_COMMAND_LINE}, {'.'.join(change.steps)}: found no '{dotted((*path, step))}' to "
                f"set; '{dotted(path)}' is {short(target)}. Check the path; entries count from 0."
            )
        path = (*path, slot)
        if len(path) == len(change.steps):
            target[slot] = change.value
            _forget_places(places, path)
            places[path] = _COMMAND_LINE
        # A part that nobody wrote has its defaults, and may be set: inference.permutations=0.
        elif isinstance(target, dict) and target.get(step) is None:
            target[step] = {}
            places[path] = _COMMAND_LINE
        target = target[slot]
    return ""
