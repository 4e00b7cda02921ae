"""Synthetic cohorts with known truth, for examples, tests and benchmarks alike.

`simulate_cohort` makes the patients and says what is true about them; `write_cohort` makes a
study folder of them. Figures are calibrated on what is published about esketamine in
treatment-resistant depression; each module names its sources.
"""

from heldout.simulate.cohort import Simulation, simulate_table
from heldout.simulate.studies import SimulatedCohort, simulate_cohort, write_cohort
from heldout.simulate.texts import truth_sentences, truth_table
from heldout.simulate.truth import FollowUpTruth, Truth, find_truth

__all__ = [
    "FollowUpTruth",
    "SimulatedCohort",
    "Simulation",
    "Truth",
    "find_truth",
    "simulate_cohort",
    "simulate_table",
    "truth_sentences",
    "truth_table",
    "write_cohort",
]
