"""A record shown in MLflow: one run for each model of each cell, and one for each headline.

The record is the truth and MLflow a view of it: nothing is read back from there, and the
view can be made again at any time. What is logged are plain values
(`heldout.tracking.shown`); one short loop alone hands them to MLflow.
"""

from heldout.tracking.runs import log_record
from heldout.tracking.store import prepare_store
from heldout.tracking.ui import start_ui

__all__ = ["log_record", "prepare_store", "start_ui"]
