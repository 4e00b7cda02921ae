"""The door for notebooks: a table of one row a patient in, the same record out, in memory.

The call is put into the words of an experiment file, whose table is the one in memory; from there
on everything is as for a file: the same checks, findings, plan and units of work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any, TypedDict, Unpack

import numpy as np
import pandas as pd

from heldout.cohort.memory import INDEX, TABLE, declare_columns, places_in_memory
from heldout.engine.engine import Engine
from heldout.errors import CohortError, OutcomeError, SpecError, raise_faults, unknown_name
from heldout.kinds import KINDS, KindName
from heldout.nested.folds import fit_models
from heldout.record import RunRecord
from heldout.spec.experiment import DEFAULT_MODELS, Experiment, IntervalName, experiment_from
from heldout.spec.places import Argument, KeyPath
from heldout.study.experiment import evaluate_plan
from heldout.study.plan import StudyPlan, plan_study

_BASELINE = "baseline"
# Setting of a call -> where an experiment writes it. What is not given is as in an experiment.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "models": ("models",),
    "outer": ("validation", "outer"),
    "inner": ("validation", "inner"),
    "repeats": ("validation", "repeats"),
    "trials": ("tuning", "trials"),
    "permutations": ("inference", "permutations"),
    "stop_early": ("inference", "stop_early"),
    "interval": ("inference", "interval"),
    "muted": ("muted",),
    "seed": ("seed",),
}


class Settings(TypedDict, total=False):
    """How a question is answered; every part, and its default, as in `evaluate`."""

    seed: int
    primary: str | None
    models: Sequence[str]
    outer: int
    inner: int
    repeats: int
    trials: int
    permutations: int
    stop_early: bool
    interval: IntervalName
    muted: Mapping[str, str]
    explain: bool
    refit: bool
    workers: int | None


# What needs to be told the column of the severity.
_OF_SEVERITY = ("severity", "severity_age_sex")
DEFAULTS = Settings(
    seed=0,
    models=[name for name in DEFAULT_MODELS if name not in _OF_SEVERITY],
    primary=None,
    explain=True,
    refit=False,
    workers=1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a table in memory; every part as in `evaluate`."""

    outcomes: Mapping[str, str]
    features: Sequence[str]
    kind: KindName = "class"
    site: str | None = None
    severity: str | None = None
    reduction: float | None = None

    @property
    def at_baseline(self) -> tuple[str, ...]:
        """The columns known at baseline, each once."""
        scored = [] if self.severity is None else [self.severity]
        return tuple(dict.fromkeys([*self.features, *scored]))


def evaluate(
    table: pd.DataFrame,
    *,
    outcomes: Mapping[str, str],
    features: Sequence[str],
    kind: KindName = "class",
    site: str | None = None,
    severity: str | None = None,
    reduction: float | None = None,
    **settings: Unpack[Settings],
) -> RunRecord:
    """Return the record of a study on a table in memory; nothing is written.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_columns)
        One row a patient; the index names the patients. Never changed.
    outcomes : mapping of str to str
        Follow-up -> column of 0, 1 and missing values (not observed), or of numbers, or of scores
        of which a reduction is the outcome.
    features : sequence of str
        Columns known at baseline: numbers, truth values or pandas categories, whose declared
        categories become columns of 0 and 1. Missing values are imputed inside each fold.
    kind : str
        ``class`` if the outcomes are 0 and 1, ``number`` if they are numbers to predict.
    site : str, optional
        Column of the patients' site; folds are balanced over it.
    severity : str, optional
        Column of the outcome's own score at baseline, for the models ``severity`` and
        ``severity_age_sex`` and for a reduction.
    reduction : float, optional
        The event is a score that fell by this share of the severity, 0.5 for the usual response.
        The permutation test then moves the scores and computes the event again.
    **settings
        How it is answered, with the defaults of an experiment:

        seed : int, default 0
            All chance comes from it.
        primary : str or None, default None
            Follow-up that was named beforehand and decides; the only one decides anyway.
        models : sequence of str
            Names of the catalogue; the usual ones without those two by default.
        outer, inner, repeats, trials : int, default 5, 5, 5, 10
            Outer and inner folds, repeats of the outer folds (10 where fewer than 10 patients have
            the rarer answer), and candidates per model.
        permutations : int, default 999
            Of the joint permutation test over all outcomes and models; 0 for none.
        stop_early : bool, default True
            Whether the test stops once permutations still to come cannot change what is decided.
        interval : str, default score_perm
            Of the AUC: ``score_perm``, ``score``, ``nadeau_bengio`` or ``bootstrap_cv``, as in an
            experiment.
        muted : mapping of str to str, default {}
            Findings that contradict a claim, such as ``HO017``, with the reason why not here.
        explain : bool, default True
            Whether to explain held-out predictions.
        refit : bool, default False
            Also fit every model on all observed patients: `RunRecord.pipelines`, by (follow-up,
            model).
        workers : int or None, default 1
            Processes; None for one a core.

    Returns
    -------
    RunRecord
        As `run_experiment` returns it, without a folder.

    Raises
    ------
    SpecError, CohortError, OutcomeError, DesignError
        As for an experiment file, with all faults of a stage at once.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"age": rng.normal(50, 10, 40), "resp": rng.integers(0, 2, 40)})
    >>> record = evaluate(table, outcomes={"month1": "resp"}, features=["age"], seed=1,
    ...                   models=["prevalence", "ridge"], repeats=1, trials=2, permutations=19)
    >>> [(cell.model, cell.n) for cell in record.cells]
    [('prevalence', 40), ('ridge', 40)]
    """
    given = Settings(**{**DEFAULTS, **settings})
    question = Question(
        outcomes=outcomes,
        features=features,
        kind=kind,
        site=site,
        severity=severity,
        reduction=reduction,
    )
    _check_call(table, question, given)
    plan = plan_study(experiment_on(table, given, question))
    plan = replace(plan, design=replace(plan.design, explain=given["explain"]))
    record = evaluate_plan(plan, engine=Engine(workers=given["workers"]))
    return replace(record, pipelines=_refitted(plan)) if given["refit"] else record


def experiment_on(table: pd.DataFrame, settings: Settings, question: Question) -> Experiment:
    """Return the experiment on a table in memory that a call of `evaluate` asks for.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_columns)
        One row a patient, whose index names the patients.
    settings : Settings
        How it is answered.
    question : Question
        What is asked of it.

    Returns
    -------
    Experiment
        Its visits have the order of the outcomes; on which day they were is not known.

    Raises
    ------
    SpecError, CohortError, OutcomeError
        With every fault of a stage at once.
    """
    primary = settings.get("primary")
    _check_question(question, settings["models"], primary)
    keys = _keys_of([*question.at_baseline, *question.outcomes.values()])
    visits = _keys_of(question.outcomes)
    declared = declare_columns(table, [*keys, *filter(None, [question.site])])
    _check_columns(question, declared)
    _check_answers(question, table)
    days = enumerate([_BASELINE, *visits.values()])
    labels = {_BASELINE: "Baseline"} | {visit: name for name, visit in visits.items()}
    data = {
        "name": "notebook",
        "question": "Evaluated from a table in memory.",
        "cohort": {
            "title": "A table in memory",
            "table": {"file": TABLE, "missing": []},
            "patient": INDEX,
            "site": question.site,
            "visits": {visit: {"day": day, "label": labels[visit]} for day, visit in days},
            "baseline": _BASELINE,
            "columns": _columns_of(question, declared, keys, visits),
        },
        "features": [{"build": "clinical", "columns": [keys[name] for name in question.features]}],
        "outcomes": _outcomes_of(question, keys, visits, primary),
    }
    places: dict[KeyPath, str] = {path: Argument(name) for name, path in _KEYS.items()}
    places[("features", 0, "columns")] = Argument("features")
    return experiment_from(
        data | _written(settings),
        places=places | places_in_memory({key: name for name, key in keys.items()}),
        tables={TABLE: table},
    )


def _written(settings: Settings) -> dict[str, Any]:
    """Return settings as an experiment file writes them."""
    written: dict[str, Any] = {}
    for name, (*parts, key) in _KEYS.items():
        if name in settings:
            part = written
            for parent in parts:
                part = part.setdefault(parent, {})
            value = settings[name]  # type: ignore[literal-required]  # a name of `_KEYS`
            is_array = isinstance(value, np.generic | np.ndarray | pd.Index)
            part[key] = value.tolist() if is_array else value
    return written


def _columns_of(
    question: Question,
    declared: Mapping[str, Mapping[str, Any]],
    keys: Mapping[str, str],
    visits: Mapping[str, str],
) -> dict[str, Any]:
    """Return the columns as the cohort part of an experiment declares them."""
    columns: dict[str, Any] = {
        keys[name]: {**declared[name], "label": name, "visits": [_BASELINE]}
        for name in question.at_baseline
    }
    at = {visits[follow_up]: name for follow_up, name in question.outcomes.items()}
    if question.reduction is not None and question.severity is not None:
        # The scores are those of one scale: at baseline the severity, then one a follow-up.
        columns[keys[question.severity]] = {
            "column": {_BASELINE: question.severity} | at,
            "kind": "number",
            "label": question.severity,
        }
        return columns
    return columns | {
        keys[name]: {"column": name, "kind": "number", "label": name, "visits": [visit]}
        for visit, name in at.items()
    }


def _outcomes_of(
    question: Question, keys: Mapping[str, str], visits: Mapping[str, str], primary: str | None
) -> list[dict[str, Any]]:
    """Return the outcomes as an experiment file writes them."""
    severity = None if question.severity is None else keys[question.severity]
    if question.reduction is not None:
        rule: dict[str, Any] = {"reduction": question.reduction}
    elif KINDS[question.kind].has_events:
        # 1 is the event, 0 none.
        rule = {"at_least": 1}
    else:
        rule = {"value": "score"}
    return [
        {
            "name": keys[name],
            "label": name,
            "column": keys[name] if question.reduction is None else severity,
            "severity": severity,
            "rule": rule,
            "at": [visits[follow_up]],
            "primary": visits[follow_up] if follow_up == primary else None,
        }
        for follow_up, name in question.outcomes.items()
    ]


def _keys_of(names: Iterable[str]) -> dict[str, str]:
    """Return each name with what an experiment file may call it, no two alike.

    Examples
    --------
    >>> list(_keys_of(["age", "BDI-II", "BDI II", "7", "baseline"]).values())
    ['age', 'BDI_II', 'BDI_II_2', 'x7', 'baseline_2']
    """
    keys: dict[str, str] = {}
    for name in dict.fromkeys(names):
        key = re.sub(r"[^A-Za-z0-9_]", "_", name)[:50]
        key = key if key[:1].isalpha() else f"x{key}"
        numbered = chain([key], (f"{key}_{number}" for number in count(2)))
        keys[name] = next(free for free in numbered if free not in (_BASELINE, *keys.values()))
    return keys


def _refitted(plan: StudyPlan) -> dict[tuple[str, str], Any]:
    """Return every model fitted on all observed patients, by (follow-up, model)."""
    pipelines: dict[tuple[str, str], Any] = {}
    for number in plan.design.evaluated:
        outcome = plan.design.outcomes[number]
        patients = plan.design.patients(number, np.flatnonzero(outcome.observed))
        path = (outcome.name, outcome.follow_up, "all")
        for fitted in fit_models(patients, plan.design.procedure, path):
            pipelines[outcome.follow_up, fitted.model.name] = fitted.pipeline
    return pipelines


def _check_call(table: object, question: Question, settings: Mapping[str, Any]) -> None:
    """Raise all faults of what was passed for a table, for names and for settings."""
    known = Settings.__annotations__
    faults = [unknown_name(name, "setting", name, known) for name in settings if name not in known]
    if not isinstance(table, pd.DataFrame):
        faults.append(
            f"table: found {_called(table)}; required: a pandas DataFrame of a row a patient."
        )
    outcomes: Any = question.outcomes
    if not isinstance(outcomes, Mapping):
        faults.append(
            f"outcomes: found {_called(outcomes)}; required: follow-up -> column, such as "
            "{'month1': 'response'}."
        )
    elif not _are_texts((*outcomes, *outcomes.values())):
        faults.append("outcomes: follow-ups and columns are named by texts. Put them in quotes.")
    faults += _list_faults("features", question.features)
    faults += _list_faults("models", settings["models"])
    columns = (question.site, question.severity, settings["primary"])
    if not _are_texts(name for name in columns if name is not None):
        faults.append(
            "site, severity, primary: columns and follow-ups are named by texts. Put them in "
            "quotes."
        )
    raise_faults(SpecError, faults)


def _list_faults(argument: str, names: object) -> Iterator[str]:
    """Yield the fault of what should be a list of names."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        example = f"['{names}']" if isinstance(names, str) else "a list of names"
        yield f"{argument}: found {_called(names)}; required: a list. Write {example}."
    elif not _are_texts(names):
        yield f"{argument}: names are texts. Put them in quotes."


def _are_texts(values: Iterable[object]) -> bool:
    """Return whether all of some values are texts."""
    return all(isinstance(value, str) for value in values)


def _called(value: object) -> str:
    """Return what a value of a wrong kind is, without what it holds."""
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def _check_question(question: Question, models: Sequence[str], primary: str | None) -> None:
    """Raise all faults of what is asked, as far as an experiment file has no word for them."""
    faults = []
    named = {"outcomes": [*question.outcomes.values()], "features": question.features}
    for argument, names in named.items():
        if not names:
            faults.append(f"{argument}: none is given. Name at least one.")
        twice = sorted({name for name in names if list(names).count(name) > 1})
        faults += [f"{argument}: '{name}' stands twice. Keep one." for name in twice]
    if question.kind not in KINDS:
        faults.append(f"kind: found '{question.kind}'; required: 'class' or 'number'.")
    if question.severity is None:
        faults += [
            f"models: '{name}' needs the argument severity, a column of the table."
            for name in _OF_SEVERITY
            if name in models
        ]
    answers = sorted({*question.outcomes.values()} & {*question.at_baseline})
    faults += [
        f"features: '{name}' is an outcome; it tells the answer. Remove it." for name in answers
    ]
    raise_faults(
        SpecError, faults + _primary_faults(question, primary) + _reduction_faults(question)
    )


def _primary_faults(question: Question, primary: str | None) -> list[str]:
    """Return the fault of a follow-up named beforehand that is none of the outcomes'."""
    if primary is None or primary in question.outcomes:
        return []
    return [unknown_name("primary", "follow-up", primary, question.outcomes)]


def _reduction_faults(question: Question) -> list[str]:
    """Return the faults of a reduction."""
    reduction = question.reduction
    if reduction is None:
        return []
    words = f"found {reduction}; required: a share between 0 and 1, such as 0.5."
    rules = (
        (not 0 < reduction < 1, words),
        (question.severity is None, "needs the argument severity, the score at baseline."),
        (question.kind == "number", "makes yes and no; leave kind='number' out."),
    )
    return [f"reduction: {text}" for broken, text in rules if broken]


def _check_columns(question: Question, declared: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise the faults of features that are texts, and of a severity that is no number."""
    faults = [
        f"features: column '{name}' holds texts. Code it as numbers, or make it a pandas category "
        "whose categories are declared."
        for name in question.features
        if declared[name]["kind"] == "text"
    ]
    severity = question.severity
    if severity is not None and declared[severity]["kind"] != "number":
        faults.append(f"severity: column '{severity}' holds no numbers. Code it as numbers.")
    raise_faults(CohortError, faults)


def _check_answers(question: Question, table: pd.DataFrame) -> None:
    """Raise the faults of columns that hold no answers of their kind."""
    is_event = KINDS[question.kind].has_events and question.reduction is None
    needed = (
        "0, 1 or missing. Code the event as 1, or give kind='number'."
        if is_event
        else "finite numbers or missing. Correct them."
    )
    faults = []
    for follow_up, name in question.outcomes.items():
        values = pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        known = np.isin(values, [0.0, 1.0]) if is_event else np.isfinite(values)
        if wrong := int((table[name].notna() & ~known).sum()):
            faults.append(
                f"outcomes.{follow_up}: column '{name}' holds {wrong} values that are not {needed}"
            )
    raise_faults(OutcomeError, faults)
