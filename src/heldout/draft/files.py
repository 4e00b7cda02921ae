"""What was recognised, as the files of a study: YAML that a person reads and corrects."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from heldout.draft.columns import ColumnGuess
from heldout.draft.recognition import Recognised
from heldout.draft.scales import Keys
from heldout.errors import a_few
from heldout.spec.instrument import TOTAL_SCORE, InstrumentKey

__all__ = [
    "Line",
    "cohort_lines",
    "experiment_lines",
    "feature_lines",
    "quoted",
    "reasons",
    "rendered",
]

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*( [A-Za-z0-9_]+)*")
# Words that some reader of YAML takes for something else than a text.
RESERVED = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
WIDTH = 95
# A primary follow-up is proposed where at least this share of the patients was seen.
SEEN = 2 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a file, and what a person must decide about it."""

    text: str
    doubt: str = ""


def rendered(lines: Iterable[Line], first: int = 1) -> tuple[str, list[tuple[int, str]]]:
    """Return the text of a file, and its decisions: number of the line, and what to decide.

    Parameters
    ----------
    lines : iterable of Line
        In order.
    first : int
        Number of the first decision.

    Returns
    -------
    text : str
        Each decision stands as a comment above its line.
    decisions : list of (int, str)
    """
    written: list[str] = []
    decisions: list[tuple[int, str]] = []
    for line in lines:
        if line.doubt:
            doubt = line.doubt[0].upper() + line.doubt[1:]
            doubt += "" if doubt[-1] in ".?" else "."
            indent = " " * (len(line.text) - len(line.text.lstrip(" "))) + "# "
            words = f"DECIDE {first + len(decisions)}: {doubt}"
            written += comment(words, indent)
            decisions.append((len(written) + 1, doubt))
        written.append(line.text)
    return "\n".join(written) + "\n", decisions


def comment(words: str, indent: str = "# ") -> list[str]:
    """Return words as lines of a comment; what could end one is blanked."""
    plain = "".join(one if one.isprintable() else " " for one in words)
    return textwrap.wrap(
        plain, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def said_before(words: str, indent: str = "# ") -> list[Line]:
    """Return a comment as lines of a file."""
    return [Line(text=text) for text in comment(words, indent)]


def quoted(value: object) -> str:
    r"""Return a text, number, list or mapping as YAML on one line.

    Examples
    --------
    >>> print(quoted({"yes": "a: b", "x": ["01", 2.0, None]}))
    {"yes": "a: b", x: ["01", 2, null]}
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return f"{value:.10g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(k)}: {quoted(v)}" for k, v in value.items()) + "}"
    if not isinstance(value, str):
        return "[" + ", ".join(quoted(one) for one in list(value)) + "]"  # type: ignore[call-overload]
    if PLAIN.fullmatch(value) and value.casefold() not in RESERVED:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def cohort_lines(found: Recognised, title: str, file: str, keys: Keys) -> Iterator[Line]:
    """Yield the cohort file.

    Parameters
    ----------
    found : Recognised
        Of the table.
    title : str
        Of the study.
    file : str
        The table's path in the study.
    keys : mapping of str to InstrumentKey
        All known questionnaires.

    Yields
    ------
    Line
    """
    layout, spec = found.layout, found.opened.spec
    yield from said_before(
        "Drafted by heldout init from the table's names and values. Read every line; DECIDE marks "
        "what only you can know, and null what must be known before it runs."
    )
    yield Line(text=f"title: {quoted(title)}")
    yield Line(text="# source: where the data come from, and their licence")
    usual = type(spec)(file=spec.file)
    table: dict[str, object] = {"file": file}
    table |= {"layout": "long", "visit": layout.visit} if layout.visit else {}
    for key in ("separator", "decimal", "encoding", "sheet", "missing"):
        if getattr(spec, key) != getattr(usual, key):
            table[key] = getattr(spec, key)
    mixed = a_few(found.opened.doubtful)
    yield Line(
        text=f"table: {quoted(table)}",
        doubt=f"{mixed}: 'not observed' in some columns and a value in others, it seems. Blank "
        "those cells, or add the code to 'missing'."
        if mixed
        else "",
    )
    guess = f"no column is called as one of patients; '{layout.patient}' differs in every row."
    yield Line(text=f"patient: {quoted(layout.patient)}", doubt="" if layout.named else guess)
    if layout.site:
        yield Line(text=f"site: {quoted(layout.site)}")
    yield from visit_lines(found)
    yield Line(text="columns:")
    for column in found.columns:
        yield from column_lines(column, found, keys)
    if found.left_out:
        yield Line(text="# Left out:")
        for why, names in reasons(found).items():
            yield from said_before(f"{a_few(names)}: {why}", "#   ")


def reasons(found: Recognised) -> dict[str, list[str]]:
    """Return the columns that are left out, by the reason.

    Parameters
    ----------
    found : Recognised
        Of the table.

    Returns
    -------
    dict
    """
    by_reason: dict[str, list[str]] = {}
    for column, why in sorted(found.left_out.items()):
        by_reason.setdefault(why, []).append(column)
    return by_reason


def visit_lines(found: Recognised) -> Iterator[Line]:
    """Yield the visits, which of them is baseline, and those left out."""
    layout = found.layout
    yield Line(text="visits:")
    for visit in layout.visits:
        said: dict[str, object] = {"day": visit.day}
        said |= {} if visit.text == visit.name else {"code": visit.text}
        ask = f"days from baseline to '{visit.text}'; its name does not tell"
        yield Line(
            text=f"  {quoted(visit.name)}: {quoted(said)}",
            doubt=f"{ask}." if visit.day is None else "",
        )
    yield Line(text=f"baseline: {quoted(found.baseline)}", doubt=found.doubts.get("baseline", ""))
    if layout.ignored:
        named = a_few(layout.ignored)
        yield Line(
            text=f"ignore_visits: {quoted(layout.ignored)}",
            doubt=f"nothing tells when {named} took place, so they are left out. To use one, "
            "remove it here and declare it under 'visits' with its day.",
        )


def column_lines(column: ColumnGuess, found: Recognised, keys: Keys) -> Iterator[Line]:
    """Yield one declared column."""
    said, doubt = placed(column, found), column.doubt
    said |= {"instrument": column.instrument} if column.instrument else {"kind": column.kind}
    said |= {"levels": column.levels} if column.levels else {}
    if column.instrument and undirected(column, keys[column.instrument]):
        said["higher_is"] = None
        doubt = f"{doubt} versions differ: is a higher score worse or better?".strip()
    patterns = [said.get("items", ""), *dict(said.get("scores") or {}).values()]
    if None in patterns:
        doubt = "its columns are called in another way at every visit; rename them in the table."
    declared = [visit.name for visit in found.layout.visits]
    if column.visits != {""}:
        said |= {"by_visit": True} if found.layout.visit else {}
        partly = column.visits != set(declared) and not isinstance(said.get("column"), dict)
        said |= {"visits": [one for one in declared if one in column.visits]} if partly else {}
    elif column.late and len(declared) > 1:
        said["visits"] = declared[-1:]
        doubt = "its name sounds like something known after treatment only. If it was known at "
        doubt += "baseline, remove 'visits' and add it to the features."
    yield from said_before(f"{column.why[:1].upper()}{column.why[1:]}.", "  # ")
    yield Line(text=f"  {quoted(column.name)}: {quoted(said)}", doubt=doubt)


def undirected(column: ColumnGuess, key: InstrumentKey) -> bool:
    """Return whether nobody but the author can say which way a score goes."""
    given = {*column.scores, *([TOTAL_SCORE] if column.at else [])}
    return any(key.scores[name].higher_is == "declared" for name in given or key.scores)


def placed(column: ColumnGuess, found: Recognised) -> dict[str, Any]:
    """Return where the values of a column stand, as the cohort file writes it."""
    said: dict[str, Any] = {}
    if column.at:
        shared = pattern_of(column.at, found)
        # A pattern that fits columns of something else would claim visits that are none.
        said["column"] = shared if shared and not stray(shared, found) else dict(column.at)
    if said.get("column") == column.name and not column.instrument:
        del said["column"]
    if column.items:
        said["items"] = pattern_of(column.items, found)
    if column.scores:
        said["scores"] = {score: pattern_of(at, found) for score, at in column.scores.items()}
    return said


def pattern_of(at: Mapping[str, str], found: Recognised) -> str | None:
    """Return the one pattern, or column, for the values of all visits; None if there is none."""
    column = next(iter(at.values()))
    if "" in at or found.layout.visit:
        return column
    texts = {visit.name: visit.text for visit in found.layout.visits}
    text = texts[next(iter(at))]
    for match in reversed(list(re.finditer(re.escape(text), column))):
        pattern = column[: match.start()] + "{visit}" + column[match.end() :]
        if all(pattern.replace("{visit}", texts[name]) == one for name, one in at.items()):
            return pattern
    return None


def stray(pattern: str, found: Recognised) -> bool:
    """Return whether a pattern also fits a column that is left out, such as madrs_date."""
    shape = re.escape(pattern).replace(r"\{visit\}", "([A-Za-z0-9]+)")
    fits = [re.fullmatch(shape, column) for column in found.left_out]
    return any(fit and fit.groups() and fit[1] not in found.layout.ignored for fit in fits)


def feature_lines(found: Recognised, keys: Keys) -> Iterator[Line]:
    """Yield the features file.

    Parameters
    ----------
    found : Recognised
        Of the table.
    keys : mapping of str to InstrumentKey
        All known questionnaires.

    Yields
    ------
    Line
    """
    yield Line(text="# Known at baseline. The site is a stratum of the folds, not a feature.")
    clinical = [one for one in found.features if one.kind != "instrument"]
    scores = [name for one in found.features for name in score_names(one, keys)]
    builds = {
        "clinical": [one.name for one in clinical],
        "totals": [name for name in scores if "." not in name],
        "subscales": [name for name in scores if "." in name],
    }
    undated = ", ".join(one.name for one in clinical if "" in one.visits)
    asked = {
        "clinical": f"were these known before treatment began: {undated}? Remove those that were "
        "not; the table does not tell."
        if undated
        else "",
        "subscales": "which of these scores? Some may be made of the same items.",
    }
    for build, names in builds.items():
        if names:
            yield Line(text=f"- build: {build}")
            yield Line(text=f"  columns: {quoted(names)}", doubt=asked.get(build, ""))
    if not any(builds.values()):
        ask = "nothing was found that is known at baseline; name columns."
        yield Line(text="- build: totals")
        yield Line(text="  columns: null", doubt=ask)


def score_names(column: ColumnGuess, keys: Keys) -> list[str]:
    """Return the scores of an instrument that the table gives or that its items make."""
    if column.instrument is None:
        return []
    key = keys[column.instrument]
    given = list(column.scores)
    if key.has_total and (column.at or column.items):
        return [column.name]
    return [f"{column.name}.{score}" for score in (given or key.scores)]


def experiment_lines(found: Recognised, name: str, keys: Keys) -> Iterator[Line]:
    """Yield the experiment.

    Parameters
    ----------
    found : Recognised
        Of the table.
    name : str
        Of the pieces it uses.
    keys : mapping of str to InstrumentKey
        All known questionnaires.

    Yields
    ------
    Line
    """
    scale = found.outcome
    later = [visit.name for visit in found.layout.visits[1:]]
    at = [visit for visit in later if scale is None or visit in {*scale.at, *scale.items}]
    said = scale.name if scale else "the outcome"
    yield Line(text="question: >-")
    yield Line(text=f"  Which patients respond by {said}, and from what at baseline?")
    yield Line(text=f"use: {quoted({'cohort': name, 'features': name})}")
    yield Line(text="outcomes:")
    yield Line(text="  - name: response")
    ask = "no scale was found that was measured at baseline and again; name a declared column."
    yield Line(text=f"    column: {quoted(scale and scale.name)}", doubt="" if scale else ask)
    yield Line(text="    rule: {reduction: 0.5}")
    ask = "no visit after baseline was found; name the follow-ups."
    yield Line(text=f"    at: {quoted(at or None)}", doubt="" if at else ask)
    if at:
        n_patients = found.opened.cells[found.layout.patient].nunique()
        seen = [visit for visit in at if found.observed.get(visit, 0) >= SEEN * n_patients]
        primary = seen[-1] if seen else max(at, key=lambda one: found.observed.get(one, 0))
        ask = "which follow-up decides? A question of medicine, to be settled before any result; "
        why = "the last one at which two thirds were seen" if seen else "the one most were seen at"
        yield Line(text=f"    primary: {quoted(primary)}", doubt=f"{ask}proposed is {why}.")
    key = keys[scale.instrument or ""] if scale else None
    if key and key.remission_at_most is not None and at:
        rule = {"at_most": key.remission_at_most}
        also = {"name": "remission", "column": said, "rule": rule, "at": at[-1:]}
        yield Line(text=f"  # - {quoted(also)}")
    yield Line(text="seed: 1")
