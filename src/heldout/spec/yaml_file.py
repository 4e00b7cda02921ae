"""YAML read as people write it, with the line of every key.

Only ``true`` and ``false`` are truth values and only plain decimals are numbers, so a
site called ``NO``, a level called ``off`` and a code ``006`` stay what they are. A key
written twice is a fault, not a silent last word. What makes a file say something else than
its reader sees (anchors, aliases, tags, a second document) is refused.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from heldout.errors import did_you_mean
from heldout.spec.places import KeyPath

_DEEPEST = 50
_NO_TEXT = r"found a character that is no text, such as half of one (\ud800). Write the whole one."
_FLOAT = r"(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+|(?:0|[1-9][0-9]*)(?=[eE]))(?:[eE][-+]?[0-9]+)?"


# Tag of a scalar -> what makes its value of the text; every other one is a text.
_SCALARS: dict[str, Callable[[str], str | int | float | bool | None]] = {
    "null": lambda _: None,
    "bool": lambda text: text == "true",
    "int": int,
    "float": float,
}


class _PlainLoader(yaml.SafeLoader):
    """A safe loader with the YAML 1.2 reading of plain words."""


_PlainLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"(?:~|null|)", ["~", "n", ""]),
    ("bool", r"(?:true|false)", list("tf")),
    # Longer runs of digits are identifiers, not quantities.
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,17})", list("-+0123456789")),
    ("float", rf"[-+]?{_FLOAT}", list("-+.0123456789")),
):
    _PlainLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^{_pattern}$"), _first
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a YAML text says, where each key stands, and what is wrong with the text.

    Attributes
    ----------
    content : object
        Dictionaries with texts as keys, lists, texts, numbers, truth values and None.
    places : dict
        Key path -> ``file:line``.
    faults : tuple of str
        One complete message each; the content means nothing if there are any.
    """

    content: Any = None
    places: dict[KeyPath, str]
    faults: tuple[str, ...] = ()


def read_yaml(path: Path, shown: str) -> Reading:
    """Return the content of a YAML file and the place of each of its keys.

    Parameters
    ----------
    path : Path
        The file.
    shown : str
        How messages call it.

    Returns
    -------
    Reading
        With faults if the file is absent, empty, not UTF-8 or not YAML, or has a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        guess = did_you_mean(path.name, (near.name for near in path.parent.glob("*.yaml")))
        return _faulty(f"{shown}: found no such file. Check the path.{guess}")
    except UnicodeDecodeError:
        return _faulty(f"{shown}: found bytes that are not UTF-8 text. Save the file as UTF-8.")
    except OSError as error:
        return _faulty(f"{shown}: cannot be read ({error.strerror}). Give a YAML file.")
    reading = _read_text(text, lambda line: f"{shown}:{line}")
    if not reading.places and not reading.faults:
        return _faulty(
            f"{shown}: found nothing in the file; required: 'key: value' lines. Add them."
        )
    return reading


def read_value(text: str, shown: str = "command line") -> Reading:
    """Return the value of an override written on the command line.

    Examples
    --------
    >>> read_value("[ridge, xgboost]").content, read_value("0.5").content
    (['ridge', 'xgboost'], 0.5)
    >>> read_value("006").content
    '006'
    """
    return _read_text(text, lambda _: shown)


def _faulty(*faults: str) -> Reading:
    """Return a reading that holds faults only."""
    return Reading(places={}, faults=faults)


def _read_text(text: str, at: Callable[[int], str]) -> Reading:
    """Return the content of a YAML text; `at` tells the place of a line."""
    try:
        refused = _refusals(text, at)
        node = None if refused else yaml.compose(text, Loader=_PlainLoader)
    except yaml.YAMLError as error:
        return _faulty(_yaml_fault(error, text, at))
    except (ValueError, OverflowError):
        # An escape beyond the last character; PyYAML lets Python's own error pass.
        return _faulty(f"{at(_line_beyond(text))}: {_NO_TEXT}")
    if node is None:
        return _faulty(*refused)
    places: dict[KeyPath, str] = {}
    faults: list[str] = []
    content = _build(node, (), at, places, faults)
    return Reading(content=content, places=places, faults=tuple(faults))


def _refusals(text: str, at: Callable[[int], str]) -> list[str]:
    """Return a message for everything that is YAML but is not read here."""
    faults: list[str] = []
    depth = documents = 0
    # Events come one by one, so that neither depth nor aliases can exhaust anything.
    for event in yaml.parse(text, Loader=_PlainLoader):
        place = at(event.start_mark.line + 1 if event.start_mark else 1)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > _DEEPEST:
            faults.append(f"{place}: found more than {_DEEPEST} levels. Close the brackets.")
            break
        if documents > 1:
            faults.append(f"{place}: found a second document after '---'. Use a file for each.")
            break
        faults += [f"{place}: {words}" for words in _oddities(event)]
    return faults


def _oddities(event: yaml.Event) -> list[str]:
    """Return what an event carries that is not read: an alias, an anchor, a tag."""
    anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
    if isinstance(event, yaml.AliasEvent):
        return [f"found the alias '*{anchor}'; aliases are not read. Write the value out."]
    oddities = []
    if anchor:
        oddities.append(
            f"found the anchor '&{anchor}'; anchors are not read. "
            "Remove it; what several experiments share belongs in configs/."
        )
    if tag:
        oddities.append(f"found the tag '{tag}'; tags are not read. Remove it, or use quotes.")
    return oddities


def _yaml_fault(error: yaml.YAMLError, text: str, at: Callable[[int], str]) -> str:
    """Return the message for a text that is not YAML."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        if _is_broken(chr(error.character) if isinstance(error.character, int) else ""):
            return f"{at(line)}: {_NO_TEXT}"
        return f"{at(line)}: found a control character. Delete it."
    mark = getattr(error, "problem_mark", None)
    place = at(mark.line + 1 if mark is not None else 1)
    problem = getattr(error, "problem", None) or "cannot be read"
    if r"'\t'" in problem:
        return f"{place}: found a tab where only spaces may stand. Indent with spaces."
    return (
        f"{place}: found text that is not YAML ({problem}). Check indentation and colons; put "
        "a text that holds ': ' or ' #', or begins with one of {[*&!%@, in quotes."
    )


def _build(
    node: yaml.Node,
    path: KeyPath,
    at: Callable[[int], str],
    places: dict[KeyPath, str],
    faults: list[str],
) -> Any:
    """Return a node's value; note the places of its keys and the keys found twice."""
    places.setdefault(path, at(node.start_mark.line + 1))
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = at(key_node.start_mark.line + 1)
            key = _key_text(key_node)
            fault = _key_fault(key, place, places.get((*path, key)))
            if fault:
                faults.append(f"{place}: {fault}")
                continue
            places[(*path, key)] = place
            mapping[key] = _build(value_node, (*path, key), at, places, faults)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, n), at, places, faults) for n, item in enumerate(node.value)]
    value = _scalar(node)
    if isinstance(value, str) and _is_broken(value):
        faults.append(f"{at(node.start_mark.line + 1)}: {_NO_TEXT}")
    return value


def _key_text(node: yaml.Node) -> str:
    """Return a key as written (a code such as 006 stays one); empty if it is no text."""
    if not isinstance(node, yaml.ScalarNode) or node.tag.endswith(":null"):
        return ""
    return _whole(str(node.value).strip())


def _key_fault(key: str, place: str, first: str | None) -> str:
    """Return what is wrong with a key, or nothing; `first` is where it stood before."""
    if not key:
        return "found a key that is not a text. Put it in quotes."
    if _is_broken(key):
        return _NO_TEXT
    if first is None:
        return ""
    also = "" if first == place else f", first at {first}"
    return f"found key '{key}' twice{also}. Keep one."


def _whole(text: str) -> str:
    """Return a text in which two escapes that are halves of one character are that character.

    JSON writes such characters so, and JSON is YAML.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _is_broken(text: str) -> bool:
    """Return whether a text holds half of a character, which no file can hold."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _line_beyond(text: str) -> int:
    """Return the line of the first escape beyond the last character there is."""
    for match in re.finditer(r"\\U([0-9A-Fa-f]{8})", text):
        if int(match[1], 16) > sys.maxunicode:
            return text.count("\n", 0, match.start()) + 1
    return 1


def _scalar(node: yaml.Node) -> str | int | float | bool | None:
    """Return a scalar's value by its resolved tag."""
    return _SCALARS.get(node.tag.rsplit(":", 1)[-1], str)(_whole(str(node.value)))
