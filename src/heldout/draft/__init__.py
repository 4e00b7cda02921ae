"""A study folder drafted from a table: what can be recognised, and what a person must decide.

A draft never writes down what a patient answered. Names of columns, codes of categories and
of visits, and texts for missing values are facts of the design; beside them it repeats counts,
numbers of rows and pseudonyms, and, in a table of its own beside the copied one, the first
dates of patients.
"""
