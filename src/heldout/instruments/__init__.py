"""Questionnaires: keys as data files, and one scoring function.

A key is a file (`files/`) or a study's own under ``configs/instruments/``, which wins. A
score is made along one patient's row; nothing is learnt from other patients here.
"""
