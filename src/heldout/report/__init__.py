"""A finished record as one page for people: contents, then figures, then HTML.

The contents are a plain dictionary that holds every word and number of the page, the figures
are drawn from it, and the page lays both out. Nothing is estimated here, and a model that
predicts nothing is not given a chart that persuades.
"""
