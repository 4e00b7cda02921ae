"""The experiment file: composed, overridden, validated. Nothing here computes.

An experiment says everything that can change a result. It is written in YAML with two
verbs only: ``use`` a piece from ``configs/<kind>/<name>.yaml``, and override a key. Every
fault is reported at once, with its place in the file as the author wrote it.
"""
