"""What a feature builder may be asked for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from heldout.spec.parts import Name, Part


class FeatureSpec(Part):
    """One feature builder with its columns; which keys it takes is the builder's to say."""

    build: str = Field(description="The builder, such as clinical, totals, constructs.")
    columns: tuple[str, ...] = ()
    constructs: dict[Name, tuple[str, ...]] | None = Field(
        default=None, description="constructs: name -> the scores it is the mean z-score of."
    )
    pairs: tuple[tuple[str, str], ...] | None = Field(
        default=None, description="interactions, ratios, discrepancy: two columns each."
    )
    n: int | None = Field(default=None, ge=1, description="components: how many.")
    method: Literal["principal", "factor"] | None = Field(
        default=None, description="components: principal components, or factor scores."
    )
    name: Name | None = Field(default=None, description="components: what they are called.")
    visit: Name | None = Field(default=None, description="Baseline if absent.")
