"""What a feature builder may be asked for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from heldout.spec.parts import Name, Part, optional


class FeatureSpec(Part):
    """One feature builder with its columns; which keys it takes is the builder's to say."""

    build: str = Field(description="The builder, such as clinical, totals, constructs.")
    columns: tuple[str, ...] = ()
    constructs: dict[Name, tuple[str, ...]] | None = optional(
        "constructs: name -> the scores it is the mean z-score of."
    )
    pairs: tuple[tuple[str, str], ...] | None = optional(
        "interactions, ratios, discrepancy: two columns each."
    )
    n: int | None = optional("components: how many.", ge=1)
    method: Literal["principal", "factor"] | None = optional(
        "components: principal components, or factor scores."
    )
    name: Name | None = optional("components: what they are called.")
    visit: Name | None = optional("Baseline if absent.")
