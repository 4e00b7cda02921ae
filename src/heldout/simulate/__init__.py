"""Synthetic cohorts with known truth, for examples, tests and benchmarks alike.

`simulate_cohort` makes the patients and says what is true about them; `write_cohort` makes a
study folder of them. Figures are calibrated on what is published about esketamine in
treatment-resistant depression; each module names its sources.
"""
