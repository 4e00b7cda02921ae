"""How often associations alone say that there is something where only severity predicts.

    python benchmarks/association_level.py     # about five minutes on one core

36 patients, seven features and baseline severity, a reduction of half of a score that goes 0, .3 or
.6 with baseline: the designs ``arithmetic0``, ``arithmetic3`` and ``arithmetic6`` of honesty.py
without any model, so that 2000 cohorts of each can be looked at. 99 permutations each.
"""

from __future__ import annotations

import numpy as np

from heldout.inference.associations import ASSOCIATIONS, association_statistics
from heldout.inference.moving import move_outcomes
from heldout.inference.permutation import Comparison, p_of
from heldout.outcomes.outcome import Outcome
from heldout.outcomes.rules import rule_of
from heldout.spec.outcomes import RuleSpec

SEED, N_COHORTS, N_PERMUTATIONS, N = 99, 2000, 99, 36
# Of each outcome and of the score behind it, and what the verdict asks of a reduction.
COMPARED = {name: (column,) for column, name in enumerate(ASSOCIATIONS)} | {"asked": (2, 3)}


def outcome_of(rng: np.random.Generator, r: float) -> Outcome:
    """Return a reduction of half of a score that goes with baseline by a correlation."""
    severity = np.round(rng.normal(30, 5, N))
    score = 16 + r * 9 / 5 * (severity - 30) + 9 * (1 - r**2) ** 0.5 * rng.normal(size=N)
    return Outcome(
        name="response",
        follow_up="end",
        label="",
        column="score",
        rule=rule_of(RuleSpec(reduction=0.5)),
        baseline=severity,
        scores=np.clip(np.round(score), 0, 60)[:, None],
        visits=("end",),
        weights=np.ones(N),
        primary=False,
        higher_is="worse",
    )


def p_values(r: float, number: int) -> list[float] | None:
    """Return the p of every comparison in one cohort, or None of one too rare to be evaluated."""
    rng = np.random.default_rng([SEED, round(10 * r), number])
    features = rng.normal(size=(N, 7))
    outcome = outcome_of(rng, r)
    if outcome.smaller_class < 8:
        return None
    known = np.column_stack([features, outcome.baseline])
    known = (known - known.mean(axis=0)) / known.std(axis=0)
    rows = [association_statistics(known, outcome, None, ASSOCIATIONS)]
    for _ in range(N_PERMUTATIONS):
        (moved,) = move_outcomes([outcome], rng.permutation(N), None)
        rows.append(association_statistics(known, moved, None, ASSOCIATIONS))
    table = np.array(rows)
    return [p_of(table, Comparison(columns, columns)) for columns in COMPARED.values()]


def main() -> None:
    """Print the shares of cohorts with a p of at most .05."""
    print("| r | cohorts | " + " | ".join(COMPARED) + " |")
    print("|---" * (2 + len(COMPARED)) + "|")
    for r in (0.0, 0.3, 0.6):
        cohorts = [p_values(r, number) for number in range(N_COHORTS)]
        made = np.array([values for values in cohorts if values is not None])
        shares = (made <= 0.05).mean(axis=0)
        errors = 1.96 * (shares * (1 - shares) / len(made)) ** 0.5
        cells = [f"{share:.3f} ± {error:.3f}" for share, error in zip(shares, errors, strict=True)]
        print(f"| {r:.1f} | {len(made)} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
