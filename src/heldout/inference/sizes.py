"""What so few patients allow, in words, before anything is fitted: one sentence an outcome.

The plan of a study and the findings of a run say the same of the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from heldout.metrics.sample_size import (
    cox_snell_of_c,
    parameters_for_event,
    parameters_for_number,
    patients_for_event,
    patients_for_number,
)
from heldout.wording import counted, decimal

# How good a model is thought to be: what the sentence says, and what a claim asks at least.
ANTICIPATED_C, CLAIMED_C = 0.70, 0.80
# Of a number, for both: no rule turns a C statistic into a share of variance.
ANTICIPATED_R_SQUARED = 0.20


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many patients there are for how many candidate parameters.

    Attributes
    ----------
    n : int
        Patients observed, at least 10.
    events : int or None
        How many of them had the event, neither none nor all; None of a number.
    parameters : int
        Candidate parameters: columns of the feature matrix, dummy variables each, before anything
        is selected.
    """

    n: int
    events: int | None
    parameters: int

    def required(self, c: float) -> int:
        """Return how many patients Riley's criteria require if the C statistic will be `c`.

        Of a number the C is not looked at: the anticipated R squared is `ANTICIPATED_R_SQUARED`.
        """
        if self.events is None:
            return patients_for_number(self.parameters, ANTICIPATED_R_SQUARED)
        prevalence = self.events / self.n
        return patients_for_event(self.parameters, cox_snell_of_c(c, prevalence), prevalence)

    @property
    def supported(self) -> float:
        """The candidate parameters that so many patients support at what is anticipated."""
        if self.events is None:
            return parameters_for_number(self.n, ANTICIPATED_R_SQUARED)
        prevalence = self.events / self.n
        return parameters_for_event(self.n, cox_snell_of_c(ANTICIPATED_C, prevalence), prevalence)

    @property
    def sentence(self) -> str:
        """What the size allows, such as ``n=36, 14 events, 20 candidate parameters: ...``."""
        there, per = f"n={self.n}", "patients"
        anticipated = f"R² of {decimal(ANTICIPATED_R_SQUARED)}"
        if self.events is not None:
            there += f", {counted(self.events, 'event')}"
            per = "events" if self.events == self.informative else "non-events"
            anticipated = f"C of {decimal(ANTICIPATED_C)}"
        needed = self.required(ANTICIPATED_C)
        need = "would need" if needed > self.n else "need"
        return (
            f"{there}, {counted(self.parameters, 'candidate parameter')}: "
            f"{self.informative / self.parameters:.1f} {per} per parameter. At an anticipated "
            f"{anticipated} the data support {self.supported:.1f} parameters; {self.parameters} "
            f"{need} {needed:,} patients."
        )

    @property
    def informative(self) -> int:
        """How many patients inform a model: of a number all, of an event the rarer class."""
        return self.n if self.events is None else min(self.events, self.n - self.events)
