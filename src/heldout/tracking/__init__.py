"""A record shown in MLflow: one run for each model of each cell, and one for each headline.

The record is the truth and MLflow a view of it: nothing is read back from there, and the
view can be made again at any time. What is logged are plain values
(`heldout.tracking.shown`); one short loop alone hands them to MLflow.
"""
