"""What was recognised, as the files of a study: YAML that a person reads and corrects."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from heldout.draft.columns import ColumnGuess
from heldout.draft.names import many, name_of
from heldout.draft.recognition import Recognised
from heldout.draft.scales import Keys
from heldout.errors import a_few
from heldout.spec.instrument import TOTAL_SCORE, InstrumentKey

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*( [A-Za-z0-9_]+)*")
# Words that some reader of YAML takes for something else than a text.
_RESERVED = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_WIDTH = 95
# A table that dates its rows is a further one, called so, where the first holds each start.
_DATED_TABLE = "visits"
# A primary follow-up is proposed where at least this share of the patients was seen.
_SEEN = 2 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a file, and what a person must decide about it."""

    text: str
    doubts: tuple[str, ...] = ()


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
        asked: list[str] = []
        for doubt in line.doubts:
            said = doubt[0].upper() + doubt[1:]
            said += "" if said[-1] in ".?" else "."
            indent = " " * (len(line.text) - len(line.text.lstrip(" "))) + "# "
            words = f"DECIDE {first + len(decisions) + len(asked)}: {said}"
            written += _comment(words, indent)
            asked.append(said)
        written.append(line.text)
        decisions += [(len(written), said) for said in asked]
    return "\n".join(written) + "\n", decisions


def _comment(words: str, indent: str = "# ") -> list[str]:
    """Return words as lines of a comment; what could end one is blanked."""
    plain = "".join(one if one.isprintable() else " " for one in words)
    return textwrap.wrap(
        plain, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _said_before(words: str, indent: str = "# ") -> list[Line]:
    """Return a comment as lines of a file."""
    return [Line(text=text) for text in _comment(words, indent)]


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
    if _PLAIN.fullmatch(value) and value.casefold() not in _RESERVED:
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
    layout = found.layout
    yield from _said_before(
        "Drafted by heldout init from the table's names and values. Read every line. What only you "
        "can know is marked DECIDE; what must be known before it runs is null."
    )
    yield Line(text=f"title: {quoted(title)}")
    yield Line(text="# source: where the data come from, and their licence")
    yield from _table_lines(found, file)
    guess = f"no column is called as one of patients; '{layout.patient}' differs in every row."
    yield Line(text=f"patient: {quoted(layout.patient)}", doubts=() if layout.named else (guess,))
    if layout.site:
        yield Line(text=f"site: {quoted(layout.site)}")
    yield from _visit_lines(found)
    yield Line(text="columns:")
    for column in found.columns:
        yield from _column_lines(column, found, keys)
    yield from _include_lines(found)
    if found.left_out:
        yield Line(text="# Left out:")
        for why, names in reasons(found).items():
            yield from _said_before(f"{a_few(names)}: {why}", "#   ")


def _table_lines(found: Recognised, file: str) -> Iterator[Line]:
    """Yield the table; two where day 0 of the patients is in none of its columns."""
    spec, dated = found.opened.spec, found.layout.dated
    usual = type(spec)(file=spec.file)
    table: dict[str, object] = {"file": file}
    if dated:
        table |= {"layout": "long", "date": dated.column, "start": start_name(found)}
        table |= {"date_format": dated.date_format}
    elif found.layout.visit:
        table |= {"layout": "long", "visit": found.layout.visit}
    for key in ("separator", "decimal", "encoding", "sheet", "missing"):
        if getattr(spec, key) != getattr(usual, key):
            table[key] = getattr(spec, key)
    doubts = (*(dated.doubts if dated else ()), *found.opened.doubts)
    if dated is None or dated.start:
        yield Line(text=f"table: {quoted(table)}", doubts=doubts)
        return
    starts = starts_file(file)
    ask = f"day 0 of each patient is the first date in '{dated.column}', written to {starts}. If "
    ask += "treatment began on another day, write that date there."
    yield Line(text=f"table: {quoted({'file': starts})}", doubts=(ask,))
    yield Line(text="tables:")
    yield Line(text=f"  {_DATED_TABLE}: {quoted(table)}", doubts=doubts)


def starts_file(file: str) -> str:
    """Return the path of the patients' starts beside their table."""
    folder, _, name = file.rpartition("/")
    return f"{folder}/{name.rpartition('.')[0]}_starts.csv"


def start_name(found: Recognised) -> str:
    """Return the column of the patients' starts; one of a name that is free if it is new."""
    dated = found.layout.dated
    if dated is not None and dated.start:
        return dated.start
    return name_of("start", set(map(str, found.opened.cells)))


def _include_lines(found: Recognised) -> Iterator[Line]:
    """Yield, as a comment, the rules that leave out who seem to be no patients."""
    columns = [one for one in found.columns if one.controls]
    if not columns:
        return
    asks, rules = [], []
    for column in columns:
        among = [code for code in column.levels if code not in column.controls]
        rule: dict[str, object] = {"label": "Patients only", "column": column.name}
        at = _inclusion_visit(column, found)
        rule |= ({"visit": at} if at else {}) | {"among": among}
        rules.append(Line(text=f"#   - {quoted(rule)}"))
        codes = a_few(column.controls)
        asks.append(
            f"in '{column.name}', {codes} may be healthy controls; they stay in the study unless "
            "they are left out. To do so, remove the # of 'include' and of the rule below it"
            + (f", and take {column.name} out of the features." if len(among) == 1 else ".")
        )
    yield Line(text="# include:", doubts=tuple(asks))
    yield from rules


def _inclusion_visit(column: ColumnGuess, found: Recognised) -> str | None:
    """Return the visit at which a column is declared, None for baseline."""
    if column.late and "" in column.visits:
        return found.layout.visits[-1].name
    if column.visits & {"", found.baseline}:
        return None
    return next(visit.name for visit in found.layout.visits if visit.name in column.visits)


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


def _visit_lines(found: Recognised) -> Iterator[Line]:
    """Yield the visits, which of them is baseline, and those left out."""
    layout = found.layout
    proposed = layout.dated.proposed if layout.dated else ""
    yield Line(text="visits:", doubts=(proposed,) if proposed else ())
    for visit in layout.visits:
        said: dict[str, object] = {"day": visit.day}
        said |= {} if visit.window is None else {"window": visit.window}
        said |= {} if visit.text == visit.name or layout.dated else {"code": visit.text}
        ask = f"days from baseline to '{visit.text}'; its name does not tell."
        yield Line(
            text=f"  {quoted(visit.name)}: {quoted(said)}",
            doubts=(ask,) if visit.day is None else (),
        )
    guess = found.doubts.get("baseline")
    yield Line(text=f"baseline: {quoted(found.baseline)}", doubts=(guess,) if guess else ())
    if layout.ignored:
        named = a_few(layout.ignored)
        ask = f"nothing tells when {named} took place, so they are left out. To use one, remove it "
        ask += "here and declare it under 'visits' with its day."
        yield Line(text=f"ignore_visits: {quoted(layout.ignored)}", doubts=(ask,))


def _column_lines(column: ColumnGuess, found: Recognised, keys: Keys) -> Iterator[Line]:
    """Yield one declared column."""
    layout, doubts = found.layout, list(column.doubts)
    further = layout.dated is not None and layout.dated.start is None
    said = ({"table": _DATED_TABLE} if further else {}) | _placed(column, found)
    said |= {"instrument": column.instrument} if column.instrument else {"kind": column.kind}
    said |= {"levels": column.levels} if column.levels else {}
    if column.instrument and _undirected(column, keys[column.instrument]):
        said["higher_is"] = None
        doubts.append(f"versions of {column.name} differ: is a higher score worse or better?")
    if None in [said.get("items", ""), *dict(said.get("scores") or {}).values()]:
        doubts.append(
            f"the columns of {column.name} are called in another way at every visit; rename them "
            "in the table."
        )
    declared = [visit.name for visit in layout.visits]
    if column.visits != {""}:
        said |= {"by_visit": True} if layout.long else {}
        partly = column.visits != set(declared) and not isinstance(said.get("column"), dict)
        said |= {"visits": [one for one in declared if one in column.visits]} if partly else {}
    elif column.late and len(declared) > 1:
        said["visits"] = declared[-1:]
        doubts.append(
            f"'{column.name}' sounds like something known after treatment only. If it was known "
            "at baseline, remove 'visits' and add it to the features."
        )
    yield from _said_before(f"{column.why[:1].upper()}{column.why[1:]}.", "  # ")
    yield Line(text=f"  {quoted(column.name)}: {quoted(said)}", doubts=tuple(doubts))
    if column.partly:
        filled = quoted(said | {"prorate": "80%"}).replace('"80%"', "80%")
        ask = f"single items of {column.name} are missing in {many(column.partly, 'patient')}, who "
        ask += "then lack the score. To fill them in from the person's other items, put the line "
        ask += "below in place of the one above."
        yield Line(text=f"  # {quoted(column.name)}: {filled}", doubts=(ask,))


def _undirected(column: ColumnGuess, key: InstrumentKey) -> bool:
    """Return whether nobody but the author can say which way a score goes."""
    given = {*column.scores, *([TOTAL_SCORE] if column.at else [])}
    return any(key.scores[name].higher_is == "declared" for name in given or key.scores)


def _placed(column: ColumnGuess, found: Recognised) -> dict[str, Any]:
    """Return where the values of a column stand, as the cohort file writes it."""
    said: dict[str, Any] = {}
    if column.at:
        shared = _pattern_of(column.at, found)
        # A pattern that fits columns of something else would claim visits that are none.
        said["column"] = shared if shared and not _stray(shared, found) else dict(column.at)
    if said.get("column") == column.name and not column.instrument:
        del said["column"]
    if column.items:
        said["items"] = _pattern_of(column.items, found)
    if column.scores:
        said["scores"] = {score: _pattern_of(at, found) for score, at in column.scores.items()}
    return said


def _pattern_of(at: Mapping[str, str], found: Recognised) -> str | None:
    """Return the one pattern, or column, for the values of all visits; None if there is none."""
    column = next(iter(at.values()))
    if "" in at or found.layout.long:
        return column
    texts = {visit.name: visit.text for visit in found.layout.visits}
    text = texts[next(iter(at))]
    for match in reversed(list(re.finditer(re.escape(text), column))):
        pattern = column[: match.start()] + "{visit}" + column[match.end() :]
        if all(pattern.replace("{visit}", texts[name]) == one for name, one in at.items()):
            return pattern
    return None


def _stray(pattern: str, found: Recognised) -> bool:
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
    scores = [name for one in found.features for name in _score_names(one, keys)]
    builds = {
        "clinical": [one.name for one in clinical],
        "totals": [name for name in scores if "." not in name],
        "subscales": [name for name in scores if "." in name],
    }
    listed = [name for names in builds.values() for name in names]
    known = f"were these known before treatment began: {', '.join(listed)}? Remove those that were "
    known += "not from the lists of this file; the table does not tell."
    which = f"which of the scores {', '.join(builds['subscales'])}? Some may be made of the same "
    which += "items."
    for build, names in builds.items():
        if names:
            doubts = ((known,) if names[0] == listed[0] else ()) + (
                (which,) if build == "subscales" else ()
            )
            yield Line(text=f"- build: {build}")
            yield Line(text=f"  columns: {quoted(names)}", doubts=doubts)
    if not listed:
        ask = "nothing was found that is known at baseline; name columns."
        yield Line(text="- build: totals")
        yield Line(text="  columns: null", doubts=(ask,))


def _score_names(column: ColumnGuess, keys: Keys) -> list[str]:
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
    later = [one.name for one in found.layout.visits if one.name != found.baseline]
    if found.layout.dated:
        later = [one.name for one in found.layout.visits if (one.day or 0) > 0]
    at = [visit for visit in later if scale is None or visit in {*scale.at, *scale.items}]
    said = scale.name if scale else "the outcome"
    yield Line(text="question: >-")
    yield Line(text=f"  Which patients respond by {said}, and from what at baseline?")
    yield Line(text=f"use: {quoted({'cohort': name, 'features': name})}")
    yield Line(text="outcomes:")
    yield Line(text="  - name: response")
    ask = "no scale was found that was measured at baseline and again; name a declared column."
    yield Line(text=f"    column: {quoted(scale and scale.name)}", doubts=() if scale else (ask,))
    yield Line(text="    rule: {reduction: 0.5}")
    ask = "no visit after baseline was found; name the follow-ups."
    yield Line(text=f"    at: {quoted(at or None)}", doubts=() if at else (ask,))
    if at:
        n_patients = found.opened.cells[found.layout.patient].nunique()
        seen = [visit for visit in at if found.observed.get(visit, 0) >= _SEEN * n_patients]
        primary = seen[-1] if seen else max(at, key=lambda one: found.observed.get(one, 0))
        ask = "which follow-up decides? A question of medicine, to be settled before any result; "
        why = "the last one at which two thirds were seen" if seen else "the one most were seen at"
        ask += f"proposed is {why}."
        yield Line(text=f"    primary: {quoted(primary)}", doubts=(ask,))
    key = keys[scale.instrument or ""] if scale else None
    if key and key.remission_at_most is not None and at:
        rule = {"at_most": key.remission_at_most}
        also = {"name": "remission", "column": said, "rule": rule, "at": at[-1:]}
        yield Line(text=f"  # - {quoted(also)}")
    yield Line(text="seed: 1")
