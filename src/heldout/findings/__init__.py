"""Numbered findings: one catalogue of all that is checked, HO001 to HO027.

A check is a function from what it looks at to what it saw: ``issue`` (read the results
differently because of it), ``tip`` (worth knowing), ``passed``, or ``not_applicable`` with the
reason why it could see nothing. Nothing passes in silence, and a code is never used again.

The checks look across patients, but only to describe: they stand above all that is fitted, so
that no feature, model or fold can use what they find. A text names columns, counts and rows,
never a value; who is meant stands apart, as pseudonyms, so that a page can leave them out.
"""
