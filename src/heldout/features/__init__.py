"""From a cohort to a matrix of what is known at baseline, one module per idea.

Every column remembers where it came from: table column, visit, instrument, construct,
unit, builder. Building reads along one patient's row only; whatever learns across patients
(imputing, scaling, selecting) is a step of a model and is fitted inside a training set.
"""

from heldout.features.columns import FeatureColumn, FeatureMatrix
from heldout.features.matrix import BUILDERS, build_features, severity_matrix

__all__ = ["BUILDERS", "FeatureColumn", "FeatureMatrix", "build_features", "severity_matrix"]
