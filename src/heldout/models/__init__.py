"""The catalogue of models: preparation, estimator and search space, one function each.

Adding a model is a function for either kind of outcome and one entry in `MODELS`; the
contract tests run by themselves. Estimators are scikit-learn's or XGBoost's own, so that a
fitted model loads without this package. Whoever has another estimator names it in an entry of
``configs/models/``; see docs/models.md.
"""
