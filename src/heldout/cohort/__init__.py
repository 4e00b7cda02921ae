"""The people and their visits: a table read, checked and reduced to who is included.

Words, and the one meaning each has in this project:

patient
    A person, named by a pseudonym.
visit
    An occasion at which patients are seen; `day` counts from baseline.
follow-up
    A visit after baseline.
instrument, item, score
    A questionnaire or rating scale, one of its questions, and what its key makes of them.
construct
    What an instrument measures, such as psychache.
outcome
    What is to be predicted: a rule applied to scores at one follow-up.
feature
    A column known at baseline from which is predicted.
model, cell
    A way to predict; one outcome at one follow-up with one model.
fold, repeat, run
    A part of the patients held out together; one division into folds; one execution.
"""

from heldout.cohort.inclusion import FlowStep, included_bounds, included_levels
from heldout.cohort.memory import declare_columns, places_in_memory
from heldout.cohort.notation import numbers_of
from heldout.cohort.people import Cohort, include_patients, read_cohort
from heldout.cohort.sources import Source
from heldout.cohort.tables import file_in_study, read_table

__all__ = [
    "Cohort",
    "FlowStep",
    "Source",
    "declare_columns",
    "file_in_study",
    "include_patients",
    "included_bounds",
    "included_levels",
    "numbers_of",
    "places_in_memory",
    "read_cohort",
    "read_table",
]
