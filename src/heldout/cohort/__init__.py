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
