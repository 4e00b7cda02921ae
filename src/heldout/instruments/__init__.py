"""Questionnaires: keys as data files, and one scoring function.

A key is a file (`files/`) or a study's own under ``configs/instruments/``, which wins. A
score is made along one patient's row; nothing is learnt from other patients here.
"""

from heldout.instruments.audit import ScoreAudit, audit_scores
from heldout.instruments.keys import instrument_names, load_key, load_keys
from heldout.instruments.scoring import score_array, score_instruments
from heldout.instruments.table import Scored, score_items

__all__ = [
    "ScoreAudit",
    "Scored",
    "audit_scores",
    "instrument_names",
    "load_key",
    "load_keys",
    "score_array",
    "score_instruments",
    "score_items",
]
