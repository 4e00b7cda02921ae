"""The door for notebooks: a table of one row a patient in, the same record out, in memory."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from heldout.cohort import FlowStep
from heldout.engine import Engine, workers_of
from heldout.errors import CohortError, OutcomeError, SpecError, a_few, raise_faults, unknown_name
from heldout.features import FeatureColumn, FeatureMatrix
from heldout.kinds import KindName
from heldout.models import MODELS, own_code
from heldout.nested import fit_models
from heldout.outcomes import Outcome, rule_of
from heldout.provenance import environment_of, name_run
from heldout.record import RunRecord
from heldout.spec import InferenceSpec, RuleSpec, TuningSpec, ValidationSpec, validated
from heldout.study.assembly import assemble_record
from heldout.study.design import Design, site_numbers, with_folds
from heldout.study.permutations import permute
from heldout.study.plan import StudyPlan
from heldout.study.units import evaluate_units, silent, simulate_arithmetic

_BASELINE = "baseline"


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
    _check_call(table, outcomes, {"features": features, "models": models}, [site, severity], seed)
    names = {"outcomes": [*outcomes.values()], "features": features, "models": models}
    _check_settings(names, severity, kind)
    _check_reduction(reduction, severity, kind)
    settings = {"outer": outer, "inner": inner, "repeats": repeats}
    asked = {"permutations": permutations, "stop_early": stop_early}
    asked |= {"repeats": test_repeats}
    validation, tuning, inference = _check_design(settings, trials, asked)
    ordered = _sorted_by_patient(table)
    _check_columns(ordered, [*outcomes.values(), *features, *filter(None, [site, severity])])
    rule = RuleSpec(value="score") if kind == "number" else None
    rule = rule if reduction is None else RuleSpec(reduction=reduction)
    ruled = {} if rule is None else {"rule": rule.model_dump(exclude_defaults=True)}
    experiment = {
        "name": "notebook",
        "question": "Evaluated from a table in memory.",
        "outcomes": [{"name": column, "at": [at]} | ruled for at, column in outcomes.items()],
        "features": [{"build": "table", "columns": list(features)}],
        "models": list(models),
        "validation": validation.model_dump(),
        "tuning": tuning.model_dump(),
        "inference": inference.model_dump(),
        "seed": int(seed),
    }
    plan = plan_table(
        ordered, experiment, outcomes=outcomes, severity=severity, site=site, rule=rule
    )
    plan = replace(plan, design=replace(plan.design, explain=explain))
    record = _evaluated(plan, Engine(workers=workers))
    return replace(record, pipelines=_refitted(plan)) if refit else record


def _evaluated(plan: StudyPlan, engine: Engine) -> RunRecord:
    """Return the record of a plan that is carried out in memory."""
    started = datetime.now(UTC)
    where: Any = {"folder": None, "engine": engine, "progress": silent}
    results = evaluate_units(plan.design, **where)
    arithmetic = simulate_arithmetic(plan.design, **where)
    test = permute(plan.design, **where)
    return assemble_record(
        plan,
        results,
        arithmetic,
        test,
        run_id=name_run(plan.fingerprint, plan.data_fingerprint, own_code(plan.design.models)),
        environment=environment_of(started, workers=workers_of(engine), engine=engine.name),
    )


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
    columns: Sequence[object],
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
    else:
        texts = (*outcomes, *outcomes.values())
        if not all(isinstance(one, str) for one in texts):
            faults.append(
                "outcomes: follow-ups and columns are named by texts. Put them in quotes."
            )
    for what, given in lists.items():
        if isinstance(given, str) or not isinstance(given, Iterable):
            example = f"['{given}']" if isinstance(given, str) else "a list of names"
            faults.append(f"{what}: found {_called(given)}; required: a list. Write {example}.")
        elif not all(isinstance(one, str) for one in given):
            faults.append(f"{what}: names are texts. Put them in quotes.")
    if not all(one is None or isinstance(one, str) for one in columns):
        faults.append("site, severity: a column is named by a text. Put it in quotes.")
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not whole or not 0 <= int(seed) < 2**32:  # type: ignore[call-overload]
        faults.append(f"seed: found {seed!r}; required: a whole number from 0 to {2**32 - 1}.")
    raise_faults(SpecError, faults)


def _called(value: object) -> str:
    """Return what a value of a wrong kind is, without what it holds."""
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def _check_settings(names: Mapping[str, Sequence[str]], severity: str | None, kind: str) -> None:
    """Raise all faults of the names and of the settings at once."""
    faults = [f"{what}: none is given. Name at least one." for what in names if not names[what]]
    for what, given in names.items():
        twice = sorted({name for name in given if list(given).count(name) > 1})
        faults += [f"{what}: '{name}' stands twice. Keep one." for name in twice]
    if kind not in ("class", "number"):
        faults.append(f"kind: found '{kind}'; required: 'class' or 'number'.")
    models = names["models"]
    unknown = [name for name in models if name not in MODELS]
    faults += [unknown_name("models", "model", name, MODELS) for name in unknown]
    if models and not unknown and all(MODELS[name].reference for name in models):
        faults.append("models: only reference models are named. Add one to choose, such as ridge.")
    if "severity" in models and severity is None:
        faults.append("models: 'severity' needs the argument severity, a column of the table.")
    told = sorted(set(names["outcomes"]) & {*names["features"], *filter(None, [severity])})
    faults += [
        f"features: '{name}' is an outcome; it tells the answer. Remove it." for name in told
    ]
    raise_faults(SpecError, faults)


def _check_reduction(reduction: float | None, severity: str | None, kind: str) -> None:
    """Raise all faults of a reduction."""
    faults = []
    if reduction is not None and not 0 < reduction < 1:
        faults.append(
            f"reduction: found {reduction}; required: a share between 0 and 1, such as 0.5."
        )
    if reduction is not None and severity is None:
        faults.append("reduction: needs the argument severity, the score at baseline.")
    if reduction is not None and kind == "number":
        faults.append("reduction: makes yes and no; leave kind='number' out.")
    raise_faults(SpecError, faults)


def _check_design(
    settings: Mapping[str, int], trials: int, asked: Mapping[str, int]
) -> tuple[ValidationSpec, TuningSpec, InferenceSpec]:
    """Return the validated design, or raise what an experiment file would."""
    validation, faults = validated(ValidationSpec, dict(settings), {})
    tuning, more = validated(TuningSpec, {"trials": trials}, {})
    inference, last = validated(InferenceSpec, dict(asked), {})
    raise_faults(SpecError, [*faults, *more, *last])
    assert validation is not None
    assert tuning is not None
    assert inference is not None
    return validation, tuning, inference


def _check_columns(table: pd.DataFrame, wanted: Sequence[str]) -> None:
    """Raise the faults of columns that are lacking, double or no numbers, and of patients."""
    columns = [str(column) for column in table.columns]
    faults = []
    for name in dict.fromkeys(wanted):
        places = [place for place, column in enumerate(table.columns) if column == name]
        if not places and name in columns:
            faults.append(f"table: column {name} is not named by a text. Rename the columns.")
        elif not places:
            faults.append(unknown_name("table", "column", name, columns))
        elif len(places) > 1:
            faults.append(
                f"table: has {len(places)} columns '{name}'. Rename or remove all but one."
            )
        elif (kind := _strange_kind(table.iloc[:, places[0]])) is not None:
            faults.append(f"table: column '{name}' holds {kind}. Make it plain numbers.")
    raise_faults(CohortError, faults + _patient_faults(table.index))


def _strange_kind(column: pd.Series) -> str | None:
    """Return what a column holds that would pass for numbers and is none."""
    if pd.api.types.is_complex_dtype(column.dtype):
        return "complex numbers"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "dates"
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return "spans of time"
    return None


def _patient_faults(names: pd.Index) -> list[str]:
    """Return the faults of the patients' names: none, twice, or with a line break."""
    faults = []
    lacking = int((names == "").sum())
    if lacking:
        faults.append(
            f"table: the index names no patient in {lacking} of {len(names)} rows. Give each a "
            "name, or reset the index."
        )
    odd = [name for name in names if re.search(r"[\x00-\x1f\x7f]", name)]
    if odd:
        faults.append(
            f"table: {len(odd)} of {len(names)} names in the index have a control character, such "
            "as a line break. Remove it."
        )
    twice = names[names.duplicated()]
    twice = twice[twice != ""]
    if len(twice):
        faults.append(
            f"table: patient {a_few(sorted(set(twice)))} stands more than once in the index. One "
            "row a patient is required."
        )
    return faults


def _sorted_by_patient(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its patients named by text and sorted, as a cohort is.

    Who has no name is called by an empty text.
    """
    numbered = pd.api.types.is_integer_dtype(table.index.dtype)
    width = max((len(str(name)) for name in table.index), default=0) if numbered else 0
    names = [
        "" if pd.api.types.is_scalar(name) and pd.isna(name) else str(name).rjust(width, "0")
        for name in table.index
    ]
    return table.set_axis(names, axis=0).sort_index()


def plan_table(
    table: pd.DataFrame,
    experiment: Mapping[str, Any],
    *,
    outcomes: Mapping[str, str],
    severity: str | None,
    site: str | None,
    rule: RuleSpec | None = None,
) -> StudyPlan:
    """Return the plan of a study on a table."""
    features = experiment["features"][0]["columns"]
    targets = _outcomes_of(table, outcomes, severity, rule)
    validation = ValidationSpec(**experiment["validation"])
    seed = int(experiment["seed"])
    places = None if site is None else tuple(table[site].astype("str").fillna(""))
    declined, folds = with_folds(targets, validation, seed=seed, site=site_numbers(places))
    known = None if severity is None else _matrix_of(table, [severity])
    matrix = _matrix_of(table, features)
    used = table[[*dict.fromkeys([*outcomes.values(), *features, *filter(None, [site, severity])])]]
    design = Design(
        outcomes=targets,
        declined=declined,
        folds=folds,
        features=matrix.values,
        composition=matrix.composition,
        severity=(None if known is None else known.values,) * len(targets),
        site=site_numbers(places),
        models=tuple(MODELS[name] for name in experiment["models"]),
        validation=validation,
        tuning=TuningSpec(**experiment["tuning"]),
        inference=InferenceSpec(**experiment["inference"]),
        seed=seed,
    )
    return StudyPlan(
        design=design,
        experiment=experiment,
        fingerprint=hashlib.sha256(repr(experiment).encode()).hexdigest(),
        data_fingerprint=hashlib.sha256(used.to_csv().encode()).hexdigest(),
        folder=None,
        patients=tuple(table.index),
        site=places,
        matrix=matrix,
        severity=(known,) * len(targets),
        flow=(FlowStep(label="In the table", n=len(table)),),
    )


def _outcomes_of(
    table: pd.DataFrame, outcomes: Mapping[str, str], severity: str | None, rule: RuleSpec | None
) -> tuple[Outcome, ...]:
    """Return outcomes that are given as 0, 1 and missing, as numbers, or as scores to reduce."""
    baseline = np.full(len(table), np.nan)
    if severity is not None:
        baseline = pd.to_numeric(table[severity], errors="coerce").to_numpy(
            np.float64, na_value=np.nan
        )
    targets, faults = [], []
    for follow_up, column in outcomes.items():
        values = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
        known = np.isin(values, [0.0, 1.0]) if rule is None else np.isfinite(values)
        wrong = int((table[column].notna() & ~known).sum())
        if wrong:
            needed = (
                "finite numbers or missing. Correct them."
                if rule is not None
                else "0, 1 or missing. Code the event as 1, or give kind='number'."
            )
            faults.append(
                f"outcomes.{follow_up}: column '{column}' holds {wrong} values that are not "
                f"{needed}"
            )
        targets.append(
            Outcome(
                name=column,
                follow_up=follow_up,
                label=column,
                column=None,
                rule=rule_of(rule),
                baseline=baseline,
                scores=values[:, np.newaxis],
                visits=(follow_up,),
                weights=np.ones(len(table)),
                primary=False,
            )
        )
    raise_faults(OutcomeError, faults)
    return tuple(targets)


def _matrix_of(table: pd.DataFrame, features: Sequence[str]) -> FeatureMatrix:
    """Return columns of a table as a feature matrix."""
    built: dict[str, tuple[FeatureColumn, NDArray[np.float64]]] = {}
    faults = []
    for name in features:
        column = table[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            built |= _levels_of(column, name)
        elif pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            feature = FeatureColumn(
                name=name, label=name, inputs=(name,), visit=_BASELINE, builder="table"
            )
            built[name] = (feature, column.to_numpy(np.float64, na_value=np.nan, copy=True))
        else:
            faults.append(
                f"features: column '{name}' holds texts. Code it as numbers, or make it a pandas "
                "category whose categories are declared."
            )
    infinite = [name for name, (_, values) in built.items() if np.isinf(values).any()]
    faults += [f"features: '{name}' holds infinite values. Mark them missing." for name in infinite]
    if not built and not faults:
        faults.append("features: no category has a second level. Name a column that can differ.")
    raise_faults(CohortError, faults)
    arrays = {name: values for name, (_, values) in built.items()}
    return FeatureMatrix(
        table=pd.DataFrame(arrays, index=table.index, dtype="float64"),
        columns=tuple(feature for feature, _ in built.values()),
    )


def _levels_of(
    column: pd.Series, name: str
) -> dict[str, tuple[FeatureColumn, NDArray[np.float64]]]:
    """Return a category's columns of 0 and 1, the first declared category being left out."""
    levels = tuple(str(level) for level in column.cat.categories)
    codes = column.astype("str")
    return {
        f"{name}={level}": (
            FeatureColumn(
                name=f"{name}={level}",
                label=f"{name}: {level}",
                inputs=(name,),
                visit=_BASELINE,
                builder="table",
                level=level,
                levels=levels,
            ),
            np.where(column.isna(), np.nan, (codes == level).astype(float)),
        )
        for level in levels[1:]
    }
