"""The key of a questionnaire, as a validated data file.

A key holds facts about scoring only, never an item's wording: many questionnaires are
under copyright, their arithmetic is not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from heldout.errors import InstrumentError, raise_faults
from heldout.spec.experiment import Part
from heldout.spec.faults import refuse_misfits, validated
from heldout.spec.places import KeyPath
from heldout.spec.yaml_file import read_yaml

__all__ = ["InstrumentKey", "read_instrument_key"]


class InstrumentKey(Part):
    """One instrument: its items, range, direction, cut-offs and sources."""

    id: str
    name: str
    construct_: str = Field(alias="construct")
    rater: Literal["clinician", "self", "test"]
    items: int = Field(ge=1)
    item_min: int
    item_max: tuple[int, ...] = Field(description="One maximum an item.")
    range: tuple[float, float]
    higher_is: Literal["worse", "better"]
    remission_at_most: float | None = None
    sources: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def check_sums(self) -> Self:
        """Require one maximum an item, and the range to be what the items add up to."""
        faults: list[tuple[KeyPath, str]] = []
        low, high = self.item_min * self.items, sum(self.item_max)
        if len(self.item_max) != self.items:
            text = (
                f"found {len(self.item_max)} entries; required: one for each of {self.items} items."
            )
            faults.append((("item_max",), text))
        elif self.range != (low, high):
            found = f"{self.range[0]:g} to {self.range[1]:g}"
            text = f"found {found}; required: what the items add up to, {low} to {high}."
            faults.append((("range",), text))
        refuse_misfits(faults)
        return self


def read_instrument_key(path: Path) -> InstrumentKey:
    """Return the key in a YAML file.

    Parameters
    ----------
    path : Path
        The key's file.

    Returns
    -------
    InstrumentKey
        Validated: its range is what its items add up to.

    Raises
    ------
    InstrumentError
        With every fault of the file.
    """
    reading = read_yaml(path, path.name)
    raise_faults(InstrumentError, reading.faults)
    key, faults = validated(InstrumentKey, reading.content, reading.places)
    raise_faults(InstrumentError, faults)
    assert key is not None
    return key
