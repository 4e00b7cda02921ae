"""Nested cross-validation: everything that is learnt, learnt inside training sets.

One orchestration serves the folds that are shown and explained, the permutations, and the model
that leaves the house: draw the nested training sets of an outer division, prepare what models see
of them once, search every model, choose one. What is fitted here sees training patients only, and
what is predicted here is predicted for patients held out only.
"""

from heldout.nested.folds import (
    HEADLINE,
    FittedModel,
    FoldResult,
    HeldOutRepeat,
    ModelFold,
    Procedure,
    choose_model,
    evaluate_fold,
    fit_models,
    hold_out_in_turn,
)
from heldout.nested.judging import runs_compiled
from heldout.nested.search import Search, Searches, Trial, tune_model
from heldout.nested.training import Patients, TrainingSets, draw_sets, prepare_features

__all__ = [
    "HEADLINE",
    "FittedModel",
    "FoldResult",
    "HeldOutRepeat",
    "ModelFold",
    "Patients",
    "Procedure",
    "Search",
    "Searches",
    "TrainingSets",
    "Trial",
    "choose_model",
    "draw_sets",
    "evaluate_fold",
    "fit_models",
    "hold_out_in_turn",
    "prepare_features",
    "runs_compiled",
    "tune_model",
]
