"""Validation, and its errors put into words: place, found, required, what to do.

Values are taken as written: ``true`` is no number, ``"5"`` is no number, 5.0 is no whole
number. pydantic's own words never reach the reader.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from heldout.errors import a_few, did_you_mean
from heldout.spec.places import KeyPath, Places, place_of

Model = TypeVar("Model", bound=BaseModel)

# What each kind of value is called for a reader who does not write Python.
_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "a text",
    "bool_type": "true or false",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "tuple_type": "a list",
}
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
# What may be untrue of a part whose piece could not be read.
_UNCERTAIN = ("missing", "misfit", "value_error")


class _Misfit(ValueError):
    """Keys of one part that are fine alone and wrong together.

    Attributes
    ----------
    faults : sequence of (path, text)
        Path within the part, and a whole sentence: found, required, what to do.
    """

    def __init__(self, faults: Sequence[tuple[KeyPath, str]]) -> None:
        super().__init__("; ".join(text for _, text in faults))
        self.faults = faults


def refuse_broken(rules: Iterable[tuple[bool, str]]) -> None:
    """Raise all rules of a part that are broken together, or return if none is.

    Parameters
    ----------
    rules : iterable of (bool, str)
        Whether it is broken, and the words for it, without a full stop.

    Raises
    ------
    Misfit
        If any is broken.
    """
    refuse_misfits([((), f"{text}.") for broken, text in rules if broken])


def refuse_misfits(faults: Sequence[tuple[KeyPath, str]]) -> None:
    """Raise all misfits of a part together, or return if there are none.

    Parameters
    ----------
    faults : sequence of (path, text)
        Path within the part, and a whole sentence.

    Raises
    ------
    Misfit
        If there is any.
    """
    if faults:
        raise _Misfit(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """One of pydantic's findings, with its path as the author wrote it."""

    path: KeyPath
    kind: str
    value: Any = None
    context: dict[str, Any] = field(default_factory=dict)
    holder: Any = None


def validated(
    model: type[Model], data: object, places: Places, unread: Collection[str] = ()
) -> tuple[Model | None, list[str]]:
    """Return the validated model, or None and a complete message for every fault.

    Parameters
    ----------
    model : type of BaseModel
        What is required.
    data : object
        What was read from YAML or JSON.
    places : mapping
        Key path -> file and line.
    unread : collection of str
        Top keys whose piece could not be read; what is missing below them is no news.

    Returns
    -------
    model : BaseModel or None
    faults : list of str
        In the order of the model's keys.
    """
    try:
        # As JSON, because only there does the strict reading take a list for a tuple.
        return model.model_validate_json(json.dumps(data), strict=True), []
    except ValidationError as error:
        faults = [
            fault
            for details in error.errors(include_url=False)
            for fault in _written_faults(details, model)
            if not (fault.path[:1] and fault.path[0] in unread and fault.kind in _UNCERTAIN)
        ]
    lines = [
        f"{place_of(fault.path, places)}: {_words(fault, faults)}"
        for fault in faults
        if not _is_echo(fault, faults)
    ]
    return None, list(dict.fromkeys(lines))


def _written_faults(details: ErrorDetails, model: type[BaseModel]) -> Iterator[_Fault]:
    """Yield the faults in one of pydantic's findings: one, or each of a misfit."""
    kind, context, loc = details["type"], details.get("ctx", {}), details["loc"]
    # pydantic's mark for a key that is wrong itself; its author wrote no such step.
    if kind != "extra_forbidden" and loc[-1:] == ("[key]",):
        loc = loc[:-1]
    path, holder = _walk(model, loc)
    misfit = context.get("error")
    if isinstance(misfit, _Misfit):
        for inner, text in misfit.faults:
            yield _Fault(path=path + inner, kind="misfit", context={"text": text})
        return
    yield _Fault(path=path, kind=kind, value=details["input"], context=context, holder=holder)


def _is_echo(fault: _Fault, faults: list[_Fault]) -> bool:
    """Return whether a fault only repeats that something below it is wrong.

    pydantic says so of a list without a valid entry, and of the alternative that the
    author did not choose.
    """
    depth = len(fault.path)
    return (fault.kind in _EXPECTED or fault.kind == "too_short") and any(
        len(other.path) > depth and other.path[:depth] == fault.path for other in faults
    )


def _walk(model: Any, loc: Sequence[str | int]) -> tuple[KeyPath, Any]:
    """Return the path as the author wrote it, and the type of what holds its last step.

    Where a value may be one of several types, pydantic names the one it tried, as if that
    were a step. The types tell such a step from a key.
    """
    path: list[str | int] = []
    part = holder = model
    for step in loc:
        choices = _alternatives(part)
        if len(choices) > 1:
            part = next((c for c in choices if str(step).startswith(_container_name(c))), None)
            continue
        holder = choices[0]
        part = _type_inside(holder, step)
        path.append(step)
    return tuple(path), holder


def _alternatives(annotation: Any) -> list[Any]:
    """Return the types a value may have, without None and without annotations."""
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [
            choice
            for argument in get_args(annotation)
            if argument is not types.NoneType
            for choice in _alternatives(argument)
        ]
    return [annotation]


def _container_name(annotation: Any) -> str:
    """Return what pydantic's name of an alternative begins with."""
    return str(getattr(get_origin(annotation) or annotation, "__name__", annotation))


def _type_inside(annotation: Any, step: str | int) -> Any:
    """Return the type of a key or an entry of a type, or None if it has none."""
    info = _fields(annotation).get(str(step))
    if info is not None:
        return info.annotation
    arguments = get_args(annotation) or (None,)
    return arguments[1] if get_origin(annotation) is dict else arguments[0]


def _fields(model: Any) -> dict[str, FieldInfo]:
    """Return the fields of a model under the keys an author writes; none for another type."""
    fields = getattr(model, "model_fields", {})
    return {info.alias or name: info for name, info in fields.items()}


def _words(fault: _Fault, faults: list[_Fault]) -> str:
    """Return found, required and remedy for one fault."""
    if fault.kind in _EXPECTED:
        # Where several types are allowed, pydantic finds a fault for each; they are one sentence.
        here = [o.kind for o in faults if o.path == fault.path and o.kind in _EXPECTED]
        required = " or ".join(dict.fromkeys(_EXPECTED[kind] for kind in here))
        return f"found {short(fault.value)}; required: {required}.{_type_remedy(fault.value, here)}"
    special = _SPECIAL.get(fault.kind)
    if special is not None:
        return special(fault)
    for bound, phrase in _BOUNDS.items():
        if bound in fault.context:
            return f"found {short(fault.value)}; required: {phrase} {fault.context[bound]}."
    return f"found {short(fault.value)}; this is not allowed here ({fault.kind}). Correct it."


def _type_remedy(value: object, kinds: list[str]) -> str:
    """Return what to do about a value that is of none of the types it may have."""
    if value is None:
        return " Fill it in, or remove the key."
    if "string_type" in kinds and isinstance(value, bool | int | float):
        return " Put it in quotes."
    if "tuple_type" in kinds and not isinstance(value, dict):
        return f" Write [{value}]."
    return " Change it."


def _unknown_key_words(fault: _Fault) -> str:
    """Return the words for a key that the model does not have."""
    key, allowed = str(fault.path[-1]), list(_fields(fault.holder))
    guess = did_you_mean(key, allowed) or " Remove it, or correct it."
    return f"found unknown key '{key}'; allowed: {', '.join(allowed)}.{guess}"


def _missing_words(fault: _Fault) -> str:
    """Return the words for a key, or an entry of a pair, that is not there."""
    step = fault.path[-1]
    if isinstance(step, int):
        return f"found {short(fault.value)}; required: one entry more. Add it."
    info = _fields(fault.holder).get(step)
    meaning = f": {info.description.rstrip('.')}" if info and info.description else ""
    return f"found no key '{step}', which is required{meaning}. Add it."


def _choice_words(fault: _Fault) -> str:
    """Return the words for a value that is not one of a few."""
    expected = fault.context["expected"]
    guess = did_you_mean(str(fault.value), re.findall(r"'([^']*)'", expected))
    return f"found {short(fault.value)}; required: {expected}.{guess}"


def _name_words(fault: _Fault) -> str:
    """Return the words for a text that is not a name."""
    better = re.sub(r"[^A-Za-z0-9_]+", "_", str(fault.value)).strip("_")
    guess = f" Write {better}." if better[:1].isalpha() else ""
    return (
        f"found {short(fault.value)}; required: "
        f"a name of letters, digits and _ that begins with a letter.{guess}"
    )


def _length_words(fault: _Fault) -> str:
    """Return the words for too few or too many entries or characters."""
    unit = "characters" if fault.kind.startswith("string") else "entries"
    least, most = fault.context.get("min_length"), fault.context.get("max_length")
    required = f"at most {most} {unit}" if least is None else f"{least} or more {unit}"
    return f"found {short(fault.value)}; required: {required}."


_SPECIAL: dict[str, Callable[[_Fault], str]] = {
    "extra_forbidden": _unknown_key_words,
    "missing": _missing_words,
    "misfit": lambda fault: str(fault.context["text"]),
    "value_error": lambda fault: f"{fault.context['error']}.",
    "literal_error": _choice_words,
    "string_pattern_mismatch": _name_words,
    "too_short": _length_words,
    "too_long": _length_words,
    "string_too_long": _length_words,
}


def short(value: object) -> str:
    """Return a value of the experiment file as its author would call it, on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"keys and values ({a_few(value)})" if value else "no keys"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
