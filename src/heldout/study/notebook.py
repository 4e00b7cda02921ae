"""The door for notebooks: a table of one row a patient in, the same record out, in memory.

The call is put into the words of an experiment file, whose table is the one in memory; from there
on everything is as for a file: the same checks, findings, plan and units of work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from heldout.cohort import declare_columns, places_in_memory
from heldout.cohort.memory import INDEX, TABLE
from heldout.engine import Engine
from heldout.errors import CohortError, OutcomeError, SpecError, raise_faults
from heldout.kinds import KINDS, KindName
from heldout.nested import fit_models
from heldout.record import RunRecord
from heldout.spec import Experiment, experiment_from
from heldout.spec.places import Argument, KeyPath
from heldout.study.experiment import evaluate_plan
from heldout.study.plan import StudyPlan, plan_study

_BASELINE = "baseline"
# Where an experiment writes what the call takes as an argument.
_ARGUMENTS: Mapping[KeyPath, str] = {
    ("features", 0, "columns"): "features",
    ("models",): "models",
    ("validation", "outer"): "outer",
    ("validation", "inner"): "inner",
    ("validation", "repeats"): "repeats",
    ("tuning", "trials"): "trials",
    ("inference", "permutations"): "permutations",
    ("inference", "repeats"): "test_repeats",
    ("seed",): "seed",
}


def evaluate(  # noqa: PLR0913 - the notebook door takes in words what a file says in keys
    table: pd.DataFrame,
    *,
    outcomes: Mapping[str, str],
    features: Sequence[str],
    kind: KindName = "class",
    seed: int = 0,
    site: str | None = None,
    severity: str | None = None,
    reduction: float | None = None,
    models: Sequence[str] = ("prevalence", "ridge", "elastic_net", "random_forest", "xgboost"),
    outer: int = 5,
    inner: int = 5,
    repeats: int = 10,
    trials: int = 30,
    permutations: int = 999,
    stop_early: bool = True,
    test_repeats: int = 1,
    explain: bool = True,
    refit: bool = False,
    workers: int | None = 1,
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
    seed : int
        All chance comes from it.
    site : str, optional
        Column of the patients' site; folds are balanced over it.
    severity : str, optional
        Column of the outcome's own score at baseline, for the model ``severity`` and for a
        reduction.
    reduction : float, optional
        The event is a score that fell by this share of the severity, 0.5 for the usual response.
        The permutation test then moves the scores and computes the event again.
    models : sequence of str
        Names of the catalogue.
    outer, inner, repeats, trials : int
        Outer and inner folds, repeats of the outer folds, and candidates per model.
    permutations : int
        Of the joint permutation test over all outcomes and models; 0 for none.
    stop_early : bool
        Whether the test stops once ten permutations have reached the best cell.
    test_repeats : int
        Repeats of the folds behind each statistic of the test.
    explain : bool
        Whether to explain held-out predictions.
    refit : bool
        Also fit every model on all observed patients: `RunRecord.pipelines`, by (follow-up,
        model).
    workers : int, optional
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
    lists = {"features": features, "models": models}
    _check_call(table, outcomes, lists, site=site, severity=severity, seed=seed)
    question: dict[str, Any] = {"kind": kind, "severity": severity, "reduction": reduction}
    _check_question(outcomes, features, models, **question)
    settings = {
        "models": list(models),
        "validation": {"outer": outer, "inner": inner, "repeats": repeats},
        "tuning": {"trials": trials},
        "inference": {
            "permutations": permutations,
            "stop_early": stop_early,
            "repeats": test_repeats,
        },
        "seed": int(seed),
    }
    experiment = experiment_on(
        table,
        settings,
        outcomes=outcomes,
        features=features,
        site=site,
        **question,
    )
    plan = plan_study(experiment)
    plan = replace(plan, design=replace(plan.design, explain=explain))
    record = evaluate_plan(plan, engine=Engine(workers=workers))
    return replace(record, pipelines=_refitted(plan)) if refit else record


def experiment_on(
    table: pd.DataFrame,
    settings: Mapping[str, Any],
    *,
    outcomes: Mapping[str, str],
    features: Sequence[str],
    kind: KindName = "class",
    site: str | None = None,
    severity: str | None = None,
    reduction: float | None = None,
) -> Experiment:
    """Return the experiment on a table in memory that a call of `evaluate` asks for.

    Parameters
    ----------
    table : DataFrame of shape (n_patients, n_columns)
        One row a patient, whose index names the patients.
    settings : mapping
        ``models``, ``validation``, ``tuning``, ``inference`` and ``seed`` as an experiment file
        writes them.
    outcomes, features, kind, site, severity, reduction
        As in `evaluate`.

    Returns
    -------
    Experiment
        Its visits have the order of the outcomes; on which day they were is not known.

    Raises
    ------
    SpecError, CohortError, OutcomeError
        With every fault of a stage at once.
    """
    scored = [severity] if severity is not None else []
    plain = [*features, *scored, *outcomes.values()]
    declared = declare_columns(table, [*dict.fromkeys([*plain, *([site] if site else [])])])
    keys = dict(zip(dict.fromkeys(plain), _keys_of(dict.fromkeys(plain)), strict=True))
    visits = dict(zip(outcomes, _keys_of(outcomes), strict=True))
    _check_columns(table, declared, features, scored)
    _check_answers(table, outcomes, kind=kind, reduction=reduction)
    columns: dict[str, Any] = {
        keys[name]: declared[name] | {"label": name, "visits": [_BASELINE]}
        for name in (*features, *scored)
    }
    for follow_up, name in outcomes.items():
        answers = {"column": name, "kind": "number", "label": name, "visits": [visits[follow_up]]}
        columns[keys[name]] = answers
    if reduction is not None and severity is not None:
        # The scores are those of one scale: at baseline the severity, then one a follow-up.
        columns = {key: spec for key, spec in columns.items() if spec["visits"] == [_BASELINE]}
        sources = {visits[follow_up]: name for follow_up, name in outcomes.items()}
        columns[keys[severity]] = declared[severity] | {
            "column": {_BASELINE: severity} | sources,
            "label": severity,
        }
    data = {
        "name": "notebook",
        "question": "Evaluated from a table in memory.",
        "cohort": {
            "title": "A table in memory",
            "table": {"file": TABLE, "missing": []},
            "patient": INDEX,
            "site": site,
            "visits": {
                visit: {"day": day, "label": name, "ordered_only": True}
                for day, (visit, name) in enumerate(((_BASELINE, "Baseline"), *_pairs(visits)))
            },
            "baseline": _BASELINE,
            "columns": columns,
        },
        "features": [{"build": "clinical", "columns": [keys[name] for name in features]}],
        "outcomes": [
            {
                "name": keys[name],
                "label": name,
                "column": keys[name] if reduction is None else keys[str(severity)],
                "severity": None if severity is None else keys[severity],
                "rule": _rule(kind, reduction),
                "at": [visits[follow_up]],
            }
            for follow_up, name in outcomes.items()
        ],
    }
    return experiment_from(
        {**data, **settings},
        places={path: Argument(name) for path, name in _ARGUMENTS.items()}
        | places_in_memory({key: name for name, key in keys.items()}),
        tables={TABLE: table},
    )


def _pairs(visits: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each follow-up's visit with what the caller calls it."""
    for name, visit in visits.items():
        yield visit, name


def _rule(kind: KindName, reduction: float | None) -> dict[str, Any]:
    """Return how an experiment file makes the outcome of a column."""
    if reduction is not None:
        return {"reduction": reduction}
    # 1 is the event, 0 none.
    return {"at_least": 1} if KINDS[kind].has_events else {"value": "score"}


def _keys_of(names: Iterable[str]) -> list[str]:
    """Return names as an experiment file may write them, each once.

    Examples
    --------
    >>> _keys_of(["age", "BDI-II", "BDI II", "7", "baseline"])
    ['age', 'BDI_II', 'BDI_II_2', 'x7', 'baseline_2']
    """
    keys: list[str] = []
    for name in names:
        key = re.sub(r"[^A-Za-z0-9_]", "_", name)[:50]
        key = key if key[:1].isalpha() else f"x{key}"
        taken = [_BASELINE, *keys]
        number = next(n for n in range(1, len(taken) + 2) if _numbered(key, n) not in taken)
        keys.append(_numbered(key, number))
    return keys


def _numbered(key: str, number: int) -> str:
    """Return a key with its number, if it is not the first of its name."""
    return key if number == 1 else f"{key}_{number}"


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


def _check_call(
    table: object,
    outcomes: object,
    lists: Mapping[str, object],
    *,
    site: object,
    severity: object,
    seed: object,
) -> None:
    """Raise all faults of what was passed for a table, for names and for the seed."""
    faults = []
    if not isinstance(table, pd.DataFrame):
        faults.append(
            f"table: found {_called(table)}; required: a pandas DataFrame of a row a patient."
        )
    if not isinstance(outcomes, Mapping):
        faults.append(
            f"outcomes: found {_called(outcomes)}; required: follow-up -> column, such as "
            "{'month1': 'response'}."
        )
    elif not _are_texts((*outcomes, *outcomes.values())):
        faults.append("outcomes: follow-ups and columns are named by texts. Put them in quotes.")
    for argument, names in lists.items():
        if isinstance(names, str) or not isinstance(names, Iterable):
            example = f"['{names}']" if isinstance(names, str) else "a list of names"
            faults.append(f"{argument}: found {_called(names)}; required: a list. Write {example}.")
        elif not _are_texts(names):
            faults.append(f"{argument}: names are texts. Put them in quotes.")
    if not _are_texts(name for name in (site, severity) if name is not None):
        faults.append("site, severity: a column is named by a text. Put it in quotes.")
    is_whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not is_whole or not 0 <= int(seed) < 2**32:  # type: ignore[call-overload]
        faults.append(f"seed: found {seed!r}; required: a whole number from 0 to {2**32 - 1}.")
    raise_faults(SpecError, faults)


def _are_texts(values: Iterable[object]) -> bool:
    """Return whether all of some values are texts."""
    return all(isinstance(value, str) for value in values)


def _called(value: object) -> str:
    """Return what a value of a wrong kind is, without what it holds."""
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def _check_question(
    outcomes: Mapping[str, str],
    features: Sequence[str],
    models: Sequence[str],
    *,
    kind: str,
    severity: str | None,
    reduction: float | None,
) -> None:
    """Raise all faults of what is asked, as far as an experiment file has no word for them."""
    faults = []
    given = {"outcomes": outcomes, "features": features}
    faults += [
        f"{what}: none is given. Name at least one." for what, names in given.items() if not names
    ]
    for argument, names in (("outcomes", [*outcomes.values()]), ("features", features)):
        twice = sorted({name for name in names if list(names).count(name) > 1})
        faults += [f"{argument}: '{name}' stands twice. Keep one." for name in twice]
    if kind not in KINDS:
        faults.append(f"kind: found '{kind}'; required: 'class' or 'number'.")
    if "severity" in models and severity is None:
        faults.append("models: 'severity' needs the argument severity, a column of the table.")
    answers = sorted({*outcomes.values()} & {*features, severity})
    faults += [
        f"features: '{name}' is an outcome; it tells the answer. Remove it." for name in answers
    ]
    if reduction is not None:
        if not 0 < reduction < 1:
            faults.append(
                f"reduction: found {reduction}; required: a share between 0 and 1, such as 0.5."
            )
        if severity is None:
            faults.append("reduction: needs the argument severity, the score at baseline.")
        if kind == "number":
            faults.append("reduction: makes yes and no; leave kind='number' out.")
    raise_faults(SpecError, faults)


def _check_columns(
    table: pd.DataFrame,
    declared: Mapping[str, Mapping[str, Any]],
    features: Sequence[str],
    scored: Sequence[str],
) -> None:
    """Raise the faults of features that are texts, and of a severity that is no number."""
    faults = [
        f"features: column '{name}' holds texts. Code it as numbers, or make it a pandas category "
        "whose categories are declared."
        for name in features
        if declared[name]["kind"] == "text"
    ]
    faults += [
        f"severity: column '{name}' holds no numbers. Code it as numbers."
        for name in scored
        if declared[name]["kind"] != "number"
    ]
    raise_faults(CohortError, faults)


def _check_answers(
    table: pd.DataFrame,
    outcomes: Mapping[str, str],
    *,
    kind: KindName,
    reduction: float | None,
) -> None:
    """Raise the faults of columns that hold no answers of their kind."""
    faults = []
    for follow_up, name in outcomes.items():
        values = pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        if KINDS[kind].has_events and reduction is None:
            known = np.isin(values, [0.0, 1.0])
            needed = "0, 1 or missing. Code the event as 1, or give kind='number'."
        else:
            known, needed = np.isfinite(values), "finite numbers or missing. Correct them."
        wrong = int((table[name].notna() & ~known).sum())
        if wrong:
            faults.append(
                f"outcomes.{follow_up}: column '{name}' holds {wrong} values that are not {needed}"
            )
    raise_faults(OutcomeError, faults)
