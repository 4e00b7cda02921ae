"""The table of contents: from an experiment, or a table, to a finished run."""
