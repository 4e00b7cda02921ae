"""What ``heldout plan`` shows: the composed experiment and the facts of its design."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heldout.spec.experiment import Experiment, composed
from heldout.study.plan import StudyPlan
from heldout.study.prospect import Prospect
from heldout.study.work import work_lines

_WIDTH = 80


def render_plan(
    experiment: Experiment,
    plan: StudyPlan,
    prospects: Sequence[Prospect],
    notes: Sequence[str] = (),
) -> str:
    """Return the composed experiment and its design as text, at most 80 columns wide.

    Parameters
    ----------
    experiment : Experiment
        As composed.
    plan : StudyPlan
        Its plan.
    prospects : sequence of Prospect
        What its outcomes can answer.
    notes : sequence of str
        What else there is to say, below all.

    Returns
    -------
    str
        YAML that could be run, then facts; no outcome was fitted to know them.
    """
    lines = [f"# {experiment.name}, composed", *yaml_lines(composed(experiment)), "", "# Design"]
    design = plan.design
    for step in plan.flow:
        lines += textwrap.wrap(f"{step.n:>6}  {step.label}", _WIDTH, subsequent_indent=" " * 8)
    if plan.site is not None:
        lines += _site_lines(plan.site)
    lines += ["", f"{'outcome':<26}{'observed':>9}{'events':>8}{'folds':>7}"]
    for outcome, reason in zip(design.outcomes, design.declined, strict=True):
        folds = "none" if reason else str(design.folds.n_folds)
        name = f"{outcome.name} {outcome.follow_up}"
        events = outcome.events if outcome.kind == "class" else "number"
        lines.append(f"{name:<26}{outcome.observed.sum():>9}{events:>8}{folds:>7}")
    features = plan.matrix.features
    names = ", ".join(column.name for column in features)
    composites = [column.describe for column in features if column.made_of]
    facts = [f"{len(features)} features: {names}", *composites, *work_lines(design)]
    lines += [
        "",
        *(textwrap.fill(fact, _WIDTH) for fact in facts),
        "",
        "# What it can answer",
        *map(_filled, prospect_lines(prospects)),
    ]
    lines += ["", *map(_filled, notes)] if notes else []
    return "\n".join(lines)


def _filled(text: str) -> str:
    """Return a text wrapped, its later lines set in."""
    return textwrap.fill(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def prospect_lines(prospects: Sequence[Prospect]) -> Iterator[str]:
    """Yield what outcomes can answer, and how that is known.

    Parameters
    ----------
    prospects : sequence of Prospect
        Of one study.

    Yields
    ------
    str
        One paragraph each.
    """
    yield from (prospect.sentences for prospect in prospects)
    made = [prospect.chance.simulations for prospect in prospects if prospect.chance is not None]
    if made:
        yield (
            f"AUCs by {min(made)} simulations, in which features say nothing; --quick leaves them "
            "out. docs/outcomes.md says what the words mean."
        )


def _site_lines(site: Sequence[str]) -> list[str]:
    """Return the sites with their patients, so that a misspelt or missing one is seen."""
    counts = Counter(site)
    unknown = counts.pop("", 0)
    listed = ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))
    if unknown:
        listed += f", unknown {unknown}"
    text = f"{len(counts):>6}  sites, balanced over the folds: {listed}"
    return textwrap.wrap(text, _WIDTH, initial_indent="", subsequent_indent=" " * 8)


def yaml_lines(value: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Yield a mapping of plain values as lines of YAML; what is not set is left out."""
    for key, item in value.items():
        if item is None or item in ([], {}):
            continue
        if isinstance(item, dict):
            yield f"{indent}{_scalar(key)}:"
            yield from yaml_lines(item, f"{indent}  ")
        elif isinstance(item, list) and any(isinstance(part, dict) for part in item):
            yield f"{indent}{_scalar(key)}:"
            for part in item:
                first, *rest = yaml_lines(part, f"{indent}    ")
                yield f"{indent}  - {first.strip()}"
                yield from rest
        elif isinstance(item, list):
            yield from _flow_lines(f"{indent}{_scalar(key)}: [", list(map(_scalar, item)))
        else:
            yield from _text_lines(f"{indent}{_scalar(key)}: ", item, f"{indent}  ")


def _flow_lines(start: str, items: Sequence[str]) -> Iterator[str]:
    """Yield a list in brackets, broken between its items where it is too wide."""
    line, indent = start, " " * (len(start) - len(start.lstrip()) + 2)
    for number, item in enumerate(items, start=1):
        piece = item + ("]" if number == len(items) else ",")
        if line.endswith(","):
            if len(line) + 1 + len(piece) <= _WIDTH:
                piece = f" {piece}"
            else:
                yield line
                line = indent
        line += piece
    yield line


def _text_lines(start: str, value: object, indent: str) -> Iterator[str]:
    """Yield a plain value, as a folded block where that is the only way to make it narrow.

    Folding puts one space for each end of a line, so only texts that are words with one space
    between them come back as they were.
    """
    line = f"{start}{_scalar(value)}"
    if (
        isinstance(value, str)
        and len(line) > _WIDTH
        and len(value.split(" ")) > 1
        and value == " ".join(value.split())
        and value.isprintable()
    ):
        yield f"{start}>-"
        yield from textwrap.wrap(
            value,
            _WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    else:
        yield line


def _scalar(value: object) -> str:
    """Return a plain value as YAML: JSON is YAML, and plain names need no quotes."""
    text = json.dumps(value, ensure_ascii=False)
    words = ("true", "false", "null")
    plain = isinstance(value, str) and value.isidentifier() and value not in words
    return str(value) if plain else text
