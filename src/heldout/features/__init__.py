"""From a cohort to a matrix of what is known at the prediction, one module per idea.

Every column remembers where it came from: table column, visit, instrument, construct, unit,
direction, builder; and its recipe, plain data by which a bundle makes it again. Building reads
along one patient's row only; whatever learns across patients (imputing, composing, scaling,
selecting) is a step of a model and is fitted inside a training set.
"""
