"""Write the pages of docs/reference from the code: every key of the files, every public name.

python docs/make_reference.py            # write them
python docs/make_reference.py --check    # exit 1 if one of them is not what the code says
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import heldout
from heldout.spec.cohort import CohortSpec
from heldout.spec.experiment import Experiment
from heldout.spec.instrument import InstrumentKey
from heldout.spec.models import ModelSpec
from heldout.spec.parts import Name, Score

FOLDER = Path(__file__).parent / "reference"
SOURCES = Path(heldout.__path__[0])
FILES: dict[str, tuple[type[BaseModel], str]] = {
    "experiment": (Experiment, "The experiment file, `experiments/NAME.yaml`"),
    "cohort": (CohortSpec, "The cohort file, `configs/cohort/NAME.yaml`"),
    "model": (ModelSpec, "A model of your own, `configs/models/NAME.yaml`"),
    "instrument": (InstrumentKey, "The key of an instrument, `configs/instruments/NAME.yaml`"),
}
PACKAGES = (
    "spec", "cohort", "instruments", "outcomes", "features", "describe", "simulate", "metrics",
    "models", "nested", "inference", "findings", "tracking", "report", "export", "study", "engine",
)  # fmt: skip
# What a key means whose field says nothing, because its name and its part do.
SELF_EVIDENT = {
    "ValidationSpec.repeats": "How often the outer folds are drawn again.",
    "TuningSpec.sampler": "How candidates are drawn: a Sobol sequence, Optuna's TPE, or at random.",
    "Experiment.name": "What the experiment is called; the file's name if absent.",
    "Experiment.question": "The question, in a sentence, as it stands on the page.",
    "Experiment.cohort": "The people, their visits and their table; usually by `use`.",
    "Experiment.features": "The feature builders, in order.",
    "Experiment.outcomes": "What is to be predicted.",
    "Experiment.models": "Models of the catalogue, or of `configs/models/`.",
    "Experiment.validation": "Nested cross-validation.",
    "Experiment.tuning": "The search inside each outer training set.",
    "Experiment.inference": "The permutation test.",
    "Experiment.seed": "Of everything that is drawn.",
    "FeatureSpec.columns": "Declared columns, or scores of instruments.",
    "OutcomeSpec.name": "What the outcome is called.",
    "OutcomeSpec.label": "For tables and figures; the name if absent.",
    "OutcomeSpec.rule": "How it is made of the scores.",
    "TableSpec.encoding": "Of the file's letters.",
    "InclusionSpec.column": "The declared column or score that is looked at.",
    "InclusionSpec.among": "Included if the value is one of these codes.",
    "InclusionSpec.at_least": "Included if the value is this or higher.",
    "InclusionSpec.at_most": "Included if the value is this or lower.",
    "ColumnSpec.unit": "Of a number, for tables and figures.",
    "ColumnSpec.label": "For tables and figures; the name if absent.",
    "CohortSpec.title": "What the study is called.",
    "CohortSpec.simulated": "Whether the patients are made up; the page says so.",
    "CohortSpec.table": "The first table.",
    "CohortSpec.visits": "The visits, by name.",
    "CohortSpec.baseline": "The name of the visit at day 0.",
    "CohortSpec.columns": "The declared columns, by name.",
    "CohortSpec.include": "Rules of inclusion, in order.",
    "ScoreKey.label": "For tables and figures; the score's name if absent.",
    "ScoreKey.method": "How the items are put together.",
    "ScoreKey.range": "Lowest and highest value; must be what items and method give.",
    "InstrumentKey.id": "The name of the file, without its ending.",
    "InstrumentKey.name": "What the instrument is called in print.",
    "InstrumentKey.construct_": "What it measures.",
    "InstrumentKey.rater": "Who answers.",
    "InstrumentKey.items": "How many items there are.",
    "InstrumentKey.item_min": "The lowest answer.",
    "InstrumentKey.reverse": "Items whose answers are turned round.",
    "InstrumentKey.skip": "Items that earlier answers make 0.",
    "InstrumentKey.scores": "The scores, by name.",
    "InstrumentKey.remission_at_most": "The total that counts as remission, or a lower one.",
    "InstrumentKey.caveats": "What a reader of the score should know.",
    "InstrumentKey.confidence": "How well the key could be verified.",
    "InstrumentKey.sources": "Where the key is published.",
}
WORDS: dict[Any, str] = {
    str: "text", int: "whole number", float: "number", bool: "true or false",
    Name: "name", Score: "column or score",
}  # fmt: skip


def words_of(kind: Any) -> str:
    """Return a type in words."""
    if kind in WORDS:
        return WORDS[kind]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return words_of(parts[0])
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    listed = [words_of(part) for part in parts if part not in (NoneType, Ellipsis)]
    if origin in (Union, UnionType):
        return ", or ".join(listed)
    if origin is tuple:
        return f"list of {listed[0]}" if Ellipsis in parts else f"[{', '.join(listed)}]"
    if origin is dict:
        return " → ".join(listed)
    raise TypeError(f"no words for the type {kind}; add them to {__file__}")


def meaning_of(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    """Return what a key means; a key about which nothing is said is an error."""
    key = f"{model.__name__}.{name}"
    parents = [f"{parent.__name__}.{name}" for parent in model.__mro__]
    said = field.description or next((SELF_EVIDENT[p] for p in parents if p in SELF_EVIDENT), "")
    if not said:
        raise SystemExit(f"{key} has no description. Give its field one.")
    limits = [
        f"{words} {getattr(mark, sign)}"
        for mark in field.metadata
        for sign, words in (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))
        if isinstance(getattr(mark, sign, None), int | float)
    ]
    return said + (f" Allowed: {', '.join(limits)}." if limits else "")


def default_of(field: FieldInfo) -> str:
    """Return a key's default in words."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or value in ((), {}):
        return ""
    if isinstance(value, BaseModel):
        return "the defaults below"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{entry}`" if entry else "an empty cell" for entry in value)
    return f"`{value}`"


def models_within(kind: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a type mentions."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from models_within(part)


def parts_of(model: type[BaseModel], others: set[type[BaseModel]]) -> list[type[BaseModel]]:
    """Return a model and the parts within it, each once, without those of other pages."""
    parts = [model]
    for part in parts:
        for field in part.model_fields.values():
            parts += [m for m in models_within(field.annotation) if m not in {*parts, *others}]
    return parts


def file_page(name: str) -> str:
    """Return the page of one kind of file: a table of keys for each part."""
    model, title = FILES[name]
    others = {other: page for page, (other, _) in FILES.items() if other is not model}
    lines = [f"# {title}", "", "Made by `python docs/make_reference.py`; do not edit it by hand."]
    for part in parts_of(model, set(others)):
        lines += ["", f"## {part.__name__}", "", (getdoc(part) or "").replace("``", "`"), ""]
        lines += ["| key | holds | if absent | meaning |", "|---|---|---|---|"]
        for key, field in part.model_fields.items():
            holds = words_of(field.annotation)
            for other, page in others.items():
                holds = holds.replace(f"(#{other.__name__.lower()})", f"({page}.md)")
            cells = (
                f"`{field.alias or key}`", holds, default_of(field), meaning_of(part, key, field)
            )  # fmt: skip
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def python_page() -> str:
    """Return the page of the Python interface: each public name, with its docstring on the site."""
    lines = ["# Python", "", "Made by `python docs/make_reference.py`; do not edit it by hand.", ""]
    lines += ["On the site each name has its docstring; `help(heldout.evaluate)` shows it too.", ""]
    lines += ["## What `heldout` exports", ""]
    for name in heldout.__all__:
        lines.append(f"- `heldout.{name}`: {first_line(getattr(heldout, name))}")
    for name in heldout.__all__:
        lines += ["", f"::: {heldout.HOMES[name]}.{name}"]
    lines += ["", "## What packages take from each other", ""]
    lines += [
        "For who works on `heldout`; see [architecture](../architecture.md). A name is imported"
    ]
    lines += ["from the module that defines it.", ""]
    given = names_given()
    for package in PACKAGES:
        lines.append(f"- `heldout.{package}`: {first_line(import_module(f'heldout.{package}'))}")
        for module in sorted(name for name in given if name.split(".")[1] == package):
            names = ", ".join(f"`{name}`" for name in sorted(given[module]))
            lines.append(f"    - `{module.removeprefix('heldout.')}`: {names}")
    return "\n".join(lines) + "\n"


def names_given() -> dict[str, set[str]]:
    """Return the names that each module gives to other packages, and to whoever imports heldout."""
    given: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted(SOURCES.rglob("*.py")):
        package = path.relative_to(SOURCES).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = getattr(node, "module", None) or ""
            if not module.startswith("heldout.") or module.split(".")[1] == package:
                continue
            assert isinstance(node, ast.ImportFrom)
            given[module] |= {item.name for item in node.names}
    return given


def first_line(thing: object) -> str:
    """Return the first line of a docstring, as Markdown."""
    return (getdoc(thing) or "").split("\n", 1)[0].replace("``", "`")


def pages() -> dict[str, str]:
    """Return the text of every page, by its file's name."""
    return {**{f"{name}.md": file_page(name) for name in FILES}, "python.md": python_page()}


if __name__ == "__main__":
    old = {name: FOLDER / name for name in pages()}
    stale = [
        name
        for name, text in pages().items()
        if not old[name].is_file() or old[name].read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv:
        sys.exit(f"Not what the code says: {', '.join(stale)}" if stale else 0)
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        old[name].write_text(pages()[name], encoding="utf-8")
