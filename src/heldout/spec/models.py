"""A user's own estimator: where it is imported from, what it is told, and what is tried.

Only the words are validated here; whether there is such a class, and whether it takes what it is
told, is seen where it is imported, in `heldout.models`.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from heldout.spec.faults import refuse_broken, refuse_misfits
from heldout.spec.parts import Name, Part, optional
from heldout.spec.places import KeyPath

_Value = bool | int | float | str


class SpaceSpec(Part):
    """What may be tried of one hyper-parameter: one of ``real``, ``whole`` and ``choice``."""

    real: tuple[float, float] | None = optional("A real number between two bounds.")
    whole: tuple[int, int] | None = optional("A whole number between two bounds, both included.")
    choice: tuple[_Value, ...] | None = optional("One of several values.")
    log: bool = optional("Whether the scale is logarithmic.", default=False)

    @model_validator(mode="after")
    def check_space(self) -> Self:
        """Require one kind of space, in which there is something to try."""
        given = [kind for kind in ("real", "whole", "choice") if getattr(self, kind) is not None]
        kinds = " and ".join(given) or "none of them"
        text = f"found {kinds}; required: one of real, whole and choice. Keep one"
        refuse_broken([(len(given) != 1, text)])
        refuse_misfits(self.bound_faults() if self.choice is None else self.choice_faults())
        return self

    def bound_faults(self) -> list[tuple[KeyPath, str]]:
        """Return what is wrong with two bounds."""
        bounds, kind = (self.real, "real") if self.real is not None else (self.whole, "whole")
        assert bounds is not None
        low, high = bounds
        if low >= high:
            text = f"found [{low:g}, {high:g}]; required: the lower bound first, then a higher one."
            remedy = " Turn them round." if low > high else " One value belongs under settings."
            return [((kind,), text + remedy)]
        if self.log and low <= 0:
            text = f"found [{low:g}, {high:g}] with log: true; required: bounds above 0. Raise it."
            return [((kind,), text)]
        return []

    def choice_faults(self) -> list[tuple[KeyPath, str]]:
        """Return what is wrong with the values to choose among."""
        assert self.choice is not None
        faults: list[tuple[KeyPath, str]] = []
        # By their writing: 1, 1.0 and true are equal in Python and three values in a file.
        if len({repr(value) for value in self.choice}) < max(2, len(self.choice)):
            text = (
                f"found {len(self.choice)} values; required: two or more, all different. One value "
                "belongs under settings."
            )
            faults.append((("choice",), text))
        if self.log:
            faults.append((("log",), "found log: true beside a choice. Remove it."))
        return faults


class RegressorSpec(Part):
    """An estimator for numbers, or what both kinds have in common."""

    estimator: str = Field(
        min_length=1,
        description="module.Class of a scikit-learn estimator, such as sklearn.svm.LinearSVC.",
    )
    settings: dict[Name, _Value | tuple[_Value, ...]] = Field(
        default_factory=dict, description="What it is told; the same for every candidate."
    )
    space: dict[Name, SpaceSpec] = Field(
        default_factory=dict, description="What is tuned; nothing if empty."
    )

    @model_validator(mode="after")
    def check_settings(self) -> Self:
        """Require every parameter to be set or tuned, not both."""
        refuse_misfits(
            [
                (("space", name), f"found '{name}' in settings too. Keep one of the two.")
                for name in self.space
                if name in self.settings
            ]
        )
        return self


class ModelSpec(RegressorSpec):
    """One entry of ``configs/models/``: a user's own estimator."""

    label: str | None = optional("For people; the name if absent.", min_length=1, max_length=60)
    preparation: Literal["impute_scale", "impute"] = optional(
        "Fitted inside each training set.", default="impute_scale"
    )
    regressor: RegressorSpec | None = optional(
        "The same model for numbers; without it there is none."
    )
