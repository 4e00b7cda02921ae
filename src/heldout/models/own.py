"""A user's own estimator: imported, looked at, rehearsed on made-up patients, made a model.

What an estimator is cannot be read from its class alone: whether it has coefficients, whether its
scores are log-odds, which settings it refuses. So it is fitted to patients who do not exist, before
anything else runs, and what is seen there decides how it is used.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import pkgutil
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module, metadata
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from heldout.arrays import Floats
from heldout.errors import did_you_mean
from heldout.kinds import KindName
from heldout.models.definition import Candidate, Choice, Maker, Model, Real, Space, Whole, centre_of
from heldout.spec.faults import validated
from heldout.spec.models import ModelSpec, RegressorSpec, SpaceSpec

# Path within an entry, and found, required, what to do.
_Fault = tuple[tuple[str, ...], str]
_Margin = Literal["log-odds", "probability", "points", "score"]
_Explainer = Literal["linear", "tree", "none"]
Result = TypeVar("Result")
_NEEDED = ("fit", "predict", "get_params")
# Given by the study to every estimator that takes them.
_GIVEN = {"random_state": "the study's seed", "n_jobs": "1"}
_MADE_UP = (80, 10)
# The trees whose margin SHAP explains: votes and means, or sums of steps from a constant.
_TREES = {
    "sklearn.ensemble": ("RandomForest", "ExtraTrees", "GradientBoosting"),
    "sklearn.tree": ("DecisionTree", "ExtraTree"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """What an entry has come to.

    Attributes
    ----------
    model : Model or None
        None if anything is wrong with the entry.
    faults : tuple of (path, text)
        Path within the entry; found, required, what to do.
    """

    model: Model | None = None
    faults: tuple[_Fault, ...] = ()


class _OwnMaker(Maker):
    """Makes a user's estimator."""

    @property
    def name(self) -> str:
        """The class without its module."""
        return self.path.rpartition(".")[2]


class _Unfit(Exception):
    """An estimator cannot be used: why, as a text or, if not its path is at fault, as a fault."""

    @property
    def faults(self) -> list[_Fault]:
        """What is wrong, by its place in the estimator's part of the entry."""
        return [why if isinstance(why, tuple) else (("estimator",), why) for why in self.args]


def own_code(models: Sequence[Model]) -> tuple[str, ...]:
    """Return what users' own estimators are made of, as far as it can be seen.

    Parameters
    ----------
    models : sequence of Model
        Those of the catalogue too.

    Returns
    -------
    tuple of str
        Of each own estimator its import path, the version of the package it was installed with,
        and a digest of the file it stands in; empty if all models are the catalogue's.
    """
    every = chain.from_iterable((model, model.regressor) for model in models)
    makers = [model.estimator for model in every if model is not None]
    return tuple(_code_of(make.path) for make in makers if isinstance(make, _OwnMaker))


def _code_of(path: str) -> str:
    """Return path, version and digest of one own estimator's code."""
    kind = _imported(path)
    names = metadata.packages_distributions().get(kind.__module__.partition(".")[0], [])
    try:
        source = Path(inspect.getfile(kind)).read_bytes()
    except (OSError, TypeError):
        # Compiled, or typed in: there is no file to look at.
        source = b""
    versions = [f"{name} {metadata.version(name)}" for name in sorted(set(names))]
    return " ".join([path, *versions, hashlib.sha256(source).hexdigest()])


def read_entry(name: str, entry: Mapping[str, Any]) -> _Entry:
    """Return the model of an entry, or what is wrong with it.

    Parameters
    ----------
    name : str
        By which experiments name it.
    entry : mapping
        As composed: a `ModelSpec` in plain values.

    Returns
    -------
    Entry
        The same for the same entry, and not looked at twice.
    """
    return _entry_of(name, json.dumps(entry))


@lru_cache(maxsize=64)
def _entry_of(name: str, text: str) -> _Entry:
    """Return the model of an entry that is written as JSON."""
    spec, wrong = validated(ModelSpec, json.loads(text), {})
    if spec is None:
        return _Entry(faults=tuple(((), fault) for fault in wrong))
    label = spec.label or name.replace("_", " ")
    common: dict[str, Any] = {
        "name": name,
        "label": label[:1].upper() + label[1:],
        "preparation": spec.preparation,
    }
    parts: list[tuple[RegressorSpec, KindName | None, tuple[str, ...]]] = [(spec, None, ())]
    if spec.regressor is not None:
        parts = [(spec, "class", ()), (spec.regressor, "number", ("regressor",))]
    models: list[Model] = []
    faults: list[_Fault] = []
    for part, wanted, at in parts:
        try:
            models.append(_model_of(part, common, wanted))
        except _Unfit as unfit:
            faults += [((*at, *path), text) for path, text in unfit.faults]
    if faults:
        return _Entry(faults=tuple(faults))
    return _Entry(model=replace(models[0], regressor=models[1]) if models[1:] else models[0])


def _model_of(spec: RegressorSpec, common: Mapping[str, Any], wanted: KindName | None) -> Model:
    """Return the model of one estimator, for one kind of outcome."""
    takes = _parameters_of(_imported(spec.estimator))
    if faults := [*_parameter_faults(spec, takes)]:
        raise _Unfit(*faults)
    make = _OwnMaker(
        path=spec.estimator,
        settings=spec.settings,
        given=tuple(name for name in _GIVEN if name in takes),
    )
    space = {name: _space_of(what) for name, what in spec.space.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind = _kind_of(make, space, wanted)
        make = _without_regret(make, space, kind)
        seen = _rehearsed(make, space, kind)
    return Model(**common, estimator=make, kind=kind, space=space, **seen)


@lru_cache(maxsize=64)
def _imported(path: str) -> Any:
    """Return the class of an import path; what cannot be one is refused."""
    module, _, name = path.rpartition(".")
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", path):
        raise _Unfit(
            f"found '{path}'; required: module.Class, such as sklearn.neighbors."
            "KNeighborsClassifier. Write the whole path."
        )
    try:
        home = import_module(module)
    except Exception as error:
        # Whatever a module raises when it is imported, it cannot be used.
        raise _Unfit(
            f"found '{path}', whose module cannot be imported ({type(error).__name__}); required: "
            "a class that is installed in this environment. Install it, or correct the path."
            f"{_nearest_module(module)}"
        ) from None
    kind = getattr(home, name, None)
    if not inspect.isclass(kind):
        what = "is no class" if hasattr(home, name) else f"is not in {module}"
        classes = [called for called, value in vars(home).items() if inspect.isclass(value)]
        raise _Unfit(
            f"found '{path}', which {what}; required: a class. Correct the path."
            f"{did_you_mean(name, classes)}"
        )
    lacking = [method for method in _NEEDED if not callable(getattr(kind, method, None))]
    if lacking:
        raise _Unfit(
            f"found '{path}', which has no {', '.join(lacking)}; required: a scikit-learn "
            "estimator, with fit, predict and get_params. Name another class."
        )
    return kind


def _nearest_module(module: str) -> str:
    """Return a guess at the step of a module's path that leads nowhere, or nothing."""
    parts, folder = module.split("."), None
    for number in range(len(parts)):
        path, parent = ".".join(parts[: number + 1]), ".".join(parts[:number])
        try:
            folder = getattr(import_module(path), "__path__", ())
        except Exception:
            start = f"{parent}." if parent else ""
            beside = [f"{start}{step.name}" for step in pkgutil.iter_modules(folder)]
            return did_you_mean(path, [other for other in beside if other != path])
    return ""


@lru_cache(maxsize=64)
def _parameters_of(kind: Any) -> tuple[str, ...]:
    """Return the names of the parameters that a class of estimators takes."""
    named = inspect.signature(kind).parameters.values()
    names = [
        part.name for part in named if part.kind in (part.POSITIONAL_OR_KEYWORD, part.KEYWORD_ONLY)
    ]
    if any(part.kind is part.VAR_KEYWORD for part in named):
        # LightGBM and XGBoost take more than they spell out, and know what.
        names += _attempt(lambda: kind().get_params(deep=False), {})
    return tuple(dict.fromkeys(names))


def _attempt(make: Callable[[], Result], otherwise: Result) -> Result:
    """Return what a foreign class makes, or something else if it raises anything."""
    try:
        return make()
    except Exception:
        return otherwise


def _parameter_faults(spec: RegressorSpec, takes: Collection[str]) -> Iterator[_Fault]:
    """Yield what is wrong with the names under settings and space."""
    called = spec.estimator.rpartition(".")[2]
    named = chain(
        (("settings", name) for name in spec.settings), (("space", name) for name in spec.space)
    )
    for key, parameter in named:
        if parameter in _GIVEN and parameter in takes:
            text = f"found '{parameter}', which is always {_GIVEN[parameter]}. Remove it."
            yield (key, parameter), text
        elif parameter not in takes:
            known = [other for other in takes if other not in _GIVEN]
            yield (
                (key, parameter),
                f"found '{parameter}', which {called} does not have; it has: {', '.join(known)}."
                f"{did_you_mean(parameter, known) or ' Remove it.'}",
            )


def _space_of(spec: SpaceSpec) -> Real | Whole | Choice:
    """Return what may be tried of one hyper-parameter."""
    if spec.real is not None:
        return Real(low=spec.real[0], high=spec.real[1], log=spec.log)
    if spec.whole is not None:
        return Whole(low=spec.whole[0], high=spec.whole[1], log=spec.log)
    assert spec.choice is not None
    return Choice(options=spec.choice)


def _kind_of(make: _OwnMaker, space: Space, wanted: KindName | None) -> KindName:
    """Return what an estimator predicts; one that is of no use here is refused."""
    from sklearn.base import is_classifier, is_regressor

    estimator = _made(make, centre_of(space))
    says = hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")
    # Classes that are not scikit-learn's need not know what they are called there.
    classifies = _attempt(lambda: is_classifier(estimator), says)
    regresses = _attempt(lambda: is_regressor(estimator), not says)
    name = make.name
    if not (classifies or regresses):
        raise _Unfit(
            f"found {name}, which is neither a classifier nor a regressor; required: one of the "
            "two. Name another class."
        )
    kind: KindName = "class" if classifies else "number"
    if kind == "class" and not says:
        raise _Unfit(
            f"found {name}, which has neither predict_proba nor decision_function; required: a "
            "classifier with one of the two. Name another class."
        )
    if wanted is not None and kind != wanted:
        seen, required = ("regressor", "classifier")[:: 1 if wanted == "class" else -1]
        raise _Unfit(
            f"found {name}, which is a {seen}; required: a {required}, since estimator predicts "
            "events and regressor numbers. Exchange them, or name another class."
        )
    return kind


def _made(make: _OwnMaker, candidate: Candidate) -> Any:
    """Return an unfitted estimator, or say why there is none."""
    try:
        return make(candidate, 0)
    except Exception as error:
        raise _Unfit(
            f"found {make.name}, which cannot be made of its settings "
            f"({type(error).__name__}: {_one_line(error)}); required: settings and space that it "
            "takes. Add what it needs, or correct them."
        ) from None


def _one_line(error: Exception) -> str:
    """Return an error's words on one line; of made-up patients they tell nothing of others."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:297]}..."


def _without_regret(make: _OwnMaker, space: Space, kind: KindName) -> _OwnMaker:
    """Return a maker that says nothing of threads to an estimator that warns if it is told.

    Some of scikit-learn's have one only because they once had, and are about to lose it.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FutureWarning)
        _fitted_to(make, centre_of(space), *_made_up_patients(kind))
    if not any("'n_jobs'" in str(warning.message) for warning in caught):
        return make
    return replace(make, given=tuple(name for name in make.given if name != "n_jobs"))


def _rehearsed(make: _OwnMaker, space: Space, kind: KindName) -> dict[str, Any]:
    """Return what is seen of an estimator that is fitted to made-up patients in several ways.

    The middle of the space is fitted, and every option of a choice. Of the ends only what the
    estimator says of the settings counts: whether there are patients enough depends on the study.
    """
    features, answers = _made_up_patients(kind)
    centre = centre_of(space)
    fitted = [_fitted_to(make, centre, features, answers)]
    faults: list[_Fault] = []
    for name, what in space.items():
        choice = isinstance(what, Choice)
        for value in what.options[1:] if isinstance(what, Choice) else (what.low, what.high):
            try:
                estimator = _fitted_to(
                    make, centre | {name: value}, features, answers, strict=choice
                )
            except _Unfit as unfit:
                faults.append((("space", name), str(unfit)))
                continue
            fitted += [estimator] if choice else []
    if faults:
        raise _Unfit(*faults)
    return _seen_of(make, fitted, kind)


def _seen_of(make: _OwnMaker, fitted: Sequence[Any], kind: KindName) -> dict[str, Any]:
    """Return what a `Model` says of estimators that were fitted to made-up patients."""
    features, _ = _made_up_patients(kind)
    try:
        margin = _margin_of([_margin_units(estimator, kind, features) for estimator in fitted])
        explainers = {_explainer_of(estimator, margin, features) for estimator in fitted}
    except _Unfit:
        raise
    except Exception as error:
        raise _Unfit(
            f"found {make.name}, which cannot predict made-up patients ({type(error).__name__}: "
            f"{_one_line(error)}); required: one that can. Name another class."
        ) from None
    return {
        "margin": margin,
        "explainer": explainers.pop() if len(explainers) == 1 else "none",
        "weighted": _takes_weights(fitted[0]),
    }


def _made_up_patients(kind: KindName) -> tuple[Floats, Any]:
    """Return features and answers of patients who do not exist."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=_MADE_UP)
    numbers = features[:, 0] - features[:, 1] + rng.normal(size=len(features))
    return features, (numbers > 0).astype(np.int64) if kind == "class" else 20 + 5 * numbers


def _fitted_to(
    make: _OwnMaker, candidate: Candidate, features: Floats, answers: Any, *, strict: bool = True
) -> Any:
    """Return an estimator fitted to made-up patients, or say with which settings it is not."""
    estimator = _made(make, candidate)
    weights = {"sample_weight": np.ones(len(answers))} if _takes_weights(estimator) else {}
    try:
        return estimator.fit(features, answers, **weights)
    except Exception as error:
        if not strict and type(error).__name__ != "InvalidParameterError":
            return None
        tried = ", ".join(f"{name} {value}" for name, value in candidate.items())
        raise _Unfit(
            f"found {make.name}, which cannot be fitted to {_MADE_UP[0]} made-up patients"
            f"{f' with {tried}' if tried else ''} ({type(error).__name__}: {_one_line(error)}); "
            "required: settings and space that it takes. Correct them."
        ) from None


def _takes_weights(estimator: Any) -> bool:
    """Return whether an estimator can be told patient weights."""
    return "sample_weight" in inspect.signature(estimator.fit).parameters


def _margin_units(estimator: Any, kind: KindName, features: Floats) -> set[_Margin]:
    """Return in which units a fitted estimator can tell its margin.

    A score whose logistic function is the probability is a log-odds.
    """
    n = len(features)
    if kind == "number":
        _check_shape(estimator.predict(features), (n,), "predict")
        return {"points"}
    units: set[_Margin] = set()
    if hasattr(estimator, "decision_function"):
        units.add("score")
        score = _check_shape(estimator.decision_function(features), (n,), "decision_function")
    if hasattr(estimator, "predict_proba"):
        units.add("probability")
        both = _check_shape(estimator.predict_proba(features), (n, 2), "predict_proba")
        if "score" in units and np.allclose(both[:, 1], 1 / (1 + np.exp(-score)), 0, 1e-9):
            units.add("log-odds")
    return units


def _check_shape(given: Any, shape: tuple[int, ...], method: str) -> Floats:
    """Return what a method gave if it is finite numbers for every patient."""
    array = np.asarray(given, dtype=np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise _Unfit(
            f"found a class whose {method} gives an array of shape {array.shape} for {shape[0]} "
            f"patients; required: finite numbers of shape {shape}. Name another class."
        )
    return array


def _margin_of(units: Sequence[set[_Margin]]) -> _Margin:
    """Return the unit that all candidates can tell their margins in."""
    common = set.intersection(*units)
    preferred: tuple[_Margin, ...] = ("points", "log-odds", "probability", "score")
    for unit in preferred:
        if unit in common:
            return unit
    raise _Unfit(
        "found a space of which some options have predict_proba only and others "
        "decision_function only; required: one of the two for all. Shorten the choice."
    )


def _explainer_of(estimator: Any, margin: _Margin, features: Floats) -> _Explainer:
    """Return by which explainer a fitted estimator's margins are explained to the last digit."""
    coefficients = _attempt(lambda: np.asarray(estimator.coef_, dtype=np.float64), np.empty(0))
    if margin != "probability" and coefficients.shape in ((_MADE_UP[1],), (1, _MADE_UP[1])):
        tell = estimator.predict if margin == "points" else estimator.decision_function
        constant = np.asarray(estimator.intercept_, dtype=np.float64).reshape(-1)
        line = features @ coefficients.reshape(-1) + (constant[0] if len(constant) else 0.0)
        return "linear" if np.allclose(line, tell(features)) else "none"
    name, home = type(estimator).__name__, type(estimator).__module__
    names = [names for package, names in _TREES.items() if home.startswith(package)]
    if not any(name in (f"{stem}Classifier", f"{stem}Regressor") for stem in chain(*names)):
        return "none"
    if not name.startswith("GradientBoosting"):
        return "tree"
    # SHAP starts from the constant that boosting starts from by itself.
    return "tree" if margin != "probability" and estimator.init is None else "none"
