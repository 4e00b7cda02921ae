"""Nested cross-validation: everything that is learnt, learnt inside training sets.

One orchestration serves the folds that are shown and explained, the permutations, and the model
that leaves the house: draw the nested training sets of an outer division, prepare what models see
of them once, search every model, choose one. What is fitted here sees training patients only, and
what is predicted here is predicted for patients held out only.
"""
