"""What every part of an experiment is made of: frozen models that refuse unknown keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from heldout.errors import did_you_mean
from heldout.spec.places import KeyPath

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]
# A declared column, or one score of its instrument: rfq8, rfq8.certainty.
Score = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)?$", max_length=120)
]


def _as_text(value: object) -> object:
    """Return whole numbers as text, so that a code such as 1 may be written bare.

    Other numbers are left, and refused: 1.50 would come back as another text, 1.5.
    """
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Code = Annotated[str, BeforeValidator(_as_text)]


def optional(description: str, default: Any = None, **limits: Any) -> Any:
    """Return the field of a key that may be left out."""
    if "default_factory" not in limits:
        limits["default"] = default
    return Field(description=description, **limits)


class Part(BaseModel):
    """A part of the experiment: frozen, and unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False
    )


def repeated(names: Sequence[str], kind: str) -> list[tuple[KeyPath, str]]:
    """Return a misfit for every name that stands in a list for a second time."""
    return [
        ((number,), f"found {kind} '{name}' a second time. Remove it, or rename it.")
        for number, name in enumerate(names)
        if name in names[:number]
    ]


def undeclared(
    path: KeyPath, name: str, declared: Iterable[str], kind: str = "visit"
) -> list[tuple[KeyPath, str]]:
    """Return a misfit if a name is not among the declared ones."""
    known = list(declared)
    if name in known:
        return []
    text = f"found {kind} '{name}'; required: one of {', '.join(known) or '(none is declared)'}."
    return [(path, text + (did_you_mean(name, known) or " Declare it, or correct the name."))]
