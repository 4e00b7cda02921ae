"""What is to be predicted: a rule and its arrays, never a bare column.

An outcome keeps the baseline score, the scores at every visit its rule looks at, and the rule
that makes yes, no, a number or *not observed* of them, because a permutation test permutes the
scores and applies the rule again. Who was not observed is not a "no", unless the experiment
says so; then what the other rules would count stands beside it.
"""
