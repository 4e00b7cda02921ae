"""What ``heldout plan`` shows: the composed experiment and the facts of its design."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heldout.spec import Experiment, composed
from heldout.study.plan import StudyPlan

__all__ = ["render_plan"]


def render_plan(experiment: Experiment, plan: StudyPlan) -> str:
    """Return the composed experiment and its design as text, at most 80 columns wide.

    Parameters
    ----------
    experiment : Experiment
        As composed.
    plan : StudyPlan
        Its plan.

    Returns
    -------
    str
        YAML that could be run, then facts; nothing was fitted to know them.
    """
    lines = [f"# {experiment.name}, composed", *yaml_lines(composed(experiment)), "", "# Design"]
    lines += [f"{step.n:>6}  {step.label}" for step in plan.flow]
    if plan.site is not None:
        lines += site_lines(plan.site)
    lines += ["", f"{'outcome':<26}{'observed':>9}{'events':>8}{'folds':>7}"]
    for outcome, reason in zip(plan.outcomes, plan.declined, strict=True):
        folds = "none" if reason else str(plan.folds.n_folds)
        name = f"{outcome.name} {outcome.follow_up}"
        events = outcome.events if outcome.kind == "class" else "number"
        lines.append(f"{name:<26}{outcome.observed.sum():>9}{events:>8}{folds:>7}")
    lines += ["", *(textwrap.fill(reason, 80) for reason in plan.declined if reason)]
    features = plan.matrix.features
    lines += [
        textwrap.fill(f"{len(features)} features: {', '.join(one.name for one in features)}", 80),
        *(textwrap.fill(one.describe, 80) for one in features if one.made_of),
        textwrap.fill(work(plan), 80),
    ]
    return "\n".join(lines)


def site_lines(site: Sequence[str]) -> list[str]:
    """Return the sites with their patients, so that a misspelt or missing one is seen."""
    counts = Counter(site)
    unknown = counts.pop("", 0)
    listed = ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))
    if unknown:
        listed += f", unknown {unknown}"
    text = f"{len(counts):>6}  sites, balanced over the folds: {listed}"
    return textwrap.wrap(text, 80, initial_indent="", subsequent_indent=" " * 8)


def work(plan: StudyPlan) -> str:
    """Return how much there is to fit, in words."""
    n_outcomes = plan.declined.count(None)
    folds = n_outcomes * plan.validation.repeats * plan.validation.outer
    tuned = sum(bool(model.space) for model in plan.models)
    single = len(plan.models) - tuned
    fits = folds * plan.validation.inner * (tuned * plan.tuning.trials + single)
    fits += folds * len(plan.models)
    outcomes = f"{n_outcomes} outcome{'s' * (n_outcomes != 1)}"
    return (
        f"Work: {outcomes} x {plan.validation.repeats} repeats x "
        f"{plan.validation.outer} outer folds = {folds} units; {len(plan.models)} models, "
        f"{plan.tuning.trials} candidates x {plan.validation.inner} inner folds: {fits} fits."
    )


def yaml_lines(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Yield a mapping of plain values as lines of YAML; what is not set is left out."""
    for key, item in value.items():
        if item is None or item in ([], {}):
            continue
        if isinstance(item, dict):
            yield f"{indent}{scalar(key)}:"
            yield from yaml_lines(item, f"{indent}  ")
        elif isinstance(item, list) and any(isinstance(one, dict) for one in item):
            yield f"{indent}{scalar(key)}:"
            for one in item:
                first, *rest = yaml_lines(one, f"{indent}    ")
                yield f"{indent}  - {first.strip()}"
                yield from rest
        elif isinstance(item, list):
            yield f"{indent}{scalar(key)}: [{', '.join(map(scalar, item))}]"
        else:
            yield f"{indent}{scalar(key)}: {scalar(item)}"


def scalar(value: object) -> str:
    """Return a plain value as YAML: JSON is YAML, and plain names need no quotes."""
    text = json.dumps(value, ensure_ascii=False)
    words = ("true", "false", "null")
    plain = isinstance(value, str) and value.isidentifier() and value not in words
    return str(value) if plain else text
