"""Numbers from held-out predictions: bare arrays in, numbers out.

Nothing here knows of cohorts, models or folders, so every function can be checked
against published values by anyone.
"""
