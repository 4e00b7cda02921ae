"""What an outcome may be: a rule on scores, at follow-ups, and what a missed visit counts as."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from heldout.spec.faults import refuse_misfits
from heldout.spec.parts import Name, Part, Score, optional, repeated
from heldout.spec.places import KeyPath


class _Conditional(Part):
    """A part that states exactly one of several conditions."""

    conditions: ClassVar[tuple[str, ...]]

    @property
    def given(self) -> tuple[str, ...]:
        """The keys of the conditions that are stated."""
        return tuple(name for name in self.conditions if getattr(self, name) is not None)

    @model_validator(mode="after")
    def check_one(self) -> Self:
        """Require exactly one condition."""
        if len(self.given) != 1:
            raise ValueError(
                f"found {' and '.join(self.given) or 'no rule'}; "
                f"required: exactly one of {', '.join(self.conditions)}"
            )
        return self


class EarlierRule(_Conditional):
    """What must have been met at an earlier visit, for relapse: only these patients count."""

    conditions = ("reduction", "at_most", "at_least")

    visit: Name = Field(description="After baseline, and before the follow-up.")
    reduction: float | None = optional("Response: had fallen by at least this share.", gt=0, lt=1)
    at_most: float | None = optional("Remission: this score or lower.")
    at_least: float | None = optional("The same for a scale that rises as patients improve.")


class ReliableSpec(Part):
    """Reliable change after Jacobson and Truax: more than measurement error explains at 5 %."""

    reliability: float = Field(gt=0, lt=1, description="Of the scale; test-retest where known.")
    sd: float = Field(gt=0, description="Standard deviation of the scale before treatment, points.")
    and_at_most: float | None = optional(
        "Clinically significant: and this score or lower (or better)."
    )
    and_at_least: float | None = optional("The same for a scale that rises as patients improve.")

    @model_validator(mode="after")
    def check_bound(self) -> Self:
        """Allow one bound at most.

        Raises
        ------
        ValueError
            If there are two; pydantic puts the place to it.
        """
        if self.and_at_most is not None and self.and_at_least is not None:
            raise ValueError("give and_at_most or and_at_least, not both")
        return self


class RuleSpec(_Conditional):
    """How an outcome is made of the follow-up scores, and of the baseline score."""

    conditions = ("reduction", "at_most", "at_least", "reliable_change", "value")

    reduction: float | None = optional(
        "Response: fell by at least this share of baseline.", gt=0, lt=1
    )
    and_less_than: float | None = optional(
        "Partial response: and by less than this share.", gt=0, lt=1
    )
    at_most: float | None = optional("Remission: this score or lower.")
    at_least: float | None = optional("This score or higher.")
    reliable_change: ReliableSpec | None = optional("Improved beyond measurement error.")
    value: Literal["score", "change", "percent_change"] | None = optional(
        "A number to predict, instead of yes or no."
    )
    throughout: tuple[Name, ...] = optional(
        "Sustained: met at these visits too, each before the follow-up.", default=()
    )
    after: EarlierRule | None = optional(
        "Relapse: among patients who met this at an earlier visit."
    )

    @model_validator(mode="after")
    def check_companions(self) -> Self:
        """Require what goes with the rule only."""
        partial = self.and_less_than
        checks = (
            (
                partial is not None and (self.reduction is None or partial <= self.reduction),
                "'and_less_than' goes with 'reduction' and must be more than it",
            ),
            (
                self.value is not None and (self.throughout or self.after is not None),
                "'throughout' and 'after' need a rule that is met or not, not a 'value'",
            ),
        )
        faults: list[tuple[KeyPath, str]] = [((), f"{text}.") for broken, text in checks if broken]
        faults += [(("throughout", *p), t) for p, t in repeated(self.throughout, "visit")]
        refuse_misfits(faults)
        return self


class OutcomeSpec(Part):
    """One outcome at one or several follow-ups."""

    name: Name
    label: str | None = None
    column: Score = Field(description="The declared column whose score decides.")
    severity: Score | None = optional(
        "The score at baseline for the model severity; that of `column` if absent."
    )
    rule: RuleSpec
    at: tuple[Name, ...] = Field(min_length=1, description="Follow-up visits.")
    primary: Name | None = optional("The follow-up decided on beforehand.")
    missing_visit: Literal["observed", "non_responder", "last_observation"] = optional(
        "observed: who missed the visit is left out. non_responder: counts as not "
        "having done well. last_observation: the last score since the prediction counts.",
        default="observed",
    )

    @model_validator(mode="after")
    def check_primary(self) -> Self:
        """Require the primary follow-up to be one of those asked for, and each one once."""
        faults = [(("at", *path), text) for path, text in repeated(self.at, "follow-up")]
        if self.primary is not None and self.primary not in self.at:
            listed = ", ".join(self.at)
            words = f"found '{self.primary}', which is not among 'at' ({listed}). Make them agree."
            faults.append((("primary",), words))
        if self.missing_visit == "non_responder" and self.rule.value is not None:
            words = "'non_responder' needs a rule that is met or not. Use another, or remove it."
            faults.append((("missing_visit",), words))
        refuse_misfits(faults)
        return self
