"""What was recognised, as the files of a study: YAML that a person reads and corrects."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from heldout.cohort.sources import visits_fitting
from heldout.draft.columns import ColumnGuess
from heldout.draft.names import name_of
from heldout.draft.recognition import Recognised
from heldout.errors import a_few
from heldout.wording import counted

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*( [A-Za-z0-9_]+)*")
# Words that some reader of YAML takes for something else than a text.
_RESERVED = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_WIDTH = 95
# A table that dates its rows is a further one, called so, where the first holds each start.
_DATED_TABLE = "visits"
# A primary follow-up is proposed where at least this share of the patients was seen.
_SEEN = 2 / 3


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, and what a person must decide about it."""

    text: str
    doubts: tuple[str, ...] = ()


def _entry(key: str, value: object, *doubts: str | None) -> Line:
    """Return the line of a key and its value; a doubt that is empty is none."""
    return Line(f"{key}: {quoted(value)}", tuple(filter(None, doubts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What only a person can decide, and where it stands."""

    number: int
    file: str
    line: int
    text: str


def rendered(file: str, lines: Iterable[Line], first: int) -> tuple[str, list[Decision]]:
    """Return the text of a file, and its decisions.

    Parameters
    ----------
    file : str
        Its path in the study.
    lines : iterable of Line
        In order.
    first : int
        Number of the first decision.

    Returns
    -------
    text : str
        Each decision stands as a comment above its line.
    decisions : list of Decision
    """
    written: list[str] = []
    decisions: list[Decision] = []
    for line in lines:
        indent = " " * (len(line.text) - len(line.text.lstrip(" ")))
        questions = {
            number: doubt[0].upper() + doubt[1:] + ("" if doubt[-1] in ".?" else ".")
            for number, doubt in enumerate(line.doubts, start=first + len(decisions))
        }
        for number, question in questions.items():
            written += _comment(f"DECIDE {number}: {question}", f"{indent}# ")
        written.append(line.text)
        decisions += [
            Decision(number=number, file=file, line=len(written), text=question)
            for number, question in questions.items()
        ]
    return "\n".join(written) + "\n", decisions


def _comment(text: str, indent: str = "# ") -> list[str]:
    """Return a text as lines of a comment; what could end one is blanked."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return textwrap.wrap(
        plain, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def quoted(value: object) -> str:
    r"""Return a text, number, list or mapping as YAML on one line.

    Parameters
    ----------
    value : object
        None, bool, number, text, list or mapping.

    Returns
    -------
    str

    Examples
    --------
    >>> print(quoted({"yes": "a: b", "x": ["01", 2.0, None]}))
    {"yes": "a: b", x: ["01", 2, null]}
    """
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return f"{value:.10g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(k)}: {quoted(v)}" for k, v in value.items()) + "}"
    if isinstance(value, str):
        return _quoted_text(value)
    assert isinstance(value, Iterable)
    return "[" + ", ".join(map(quoted, value)) + "]"


def _quoted_text(text: str) -> str:
    """Return a text as YAML, in quotes where it could be read as something else."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _RESERVED:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def cohort_lines(facts: Recognised, title: str, file: str) -> Iterator[Line]:
    """Yield the cohort file.

    Parameters
    ----------
    facts : Recognised
        Of the table.
    title : str
        Of the study.
    file : str
        The table's path in the study.

    Yields
    ------
    Line
    """
    layout = facts.layout
    yield from map(
        Line,
        _comment(
            "Drafted by heldout init from the table's names and values. Read every line. What only "
            "you can know is marked DECIDE; what must be known before it runs is null."
        ),
    )
    yield _entry("title", title)
    yield Line("# source: where the data come from, and their licence")
    yield from _table_lines(facts, file)
    guess = f"no column is called as one of patients; '{layout.patient}' differs in every row."
    yield _entry("patient", layout.patient, None if layout.named else guess)
    if layout.site:
        yield _entry("site", layout.site)
    yield from _visit_lines(facts)
    yield Line("columns:")
    for column in facts.columns:
        yield from _column_lines(column, facts)
    yield from _include_lines(facts)
    if facts.left_out:
        yield Line("# Left out:")
        for why, names in reasons(facts).items():
            yield from map(Line, _comment(f"{a_few(names)}: {why}", "#   "))


def _table_lines(facts: Recognised, file: str) -> Iterator[Line]:
    """Yield the table; two where day 0 of the patients is in none of its columns."""
    spec, dated = facts.opened.spec, facts.layout.dated
    table: dict[str, object] = {"file": file}
    if dated:
        table |= {"layout": "long", "date": dated.column, "start": start_name(facts)}
        table |= {"date_format": dated.date_format}
    elif facts.layout.visit:
        table |= {"layout": "long", "visit": facts.layout.visit}
    # What is as usual need not be read by whoever corrects the file.
    usual = type(spec)(file=spec.file).form
    table |= {key: value for key, value in spec.form.items() if value != usual[key]}
    doubts = (*(dated.doubts if dated else ()), *facts.opened.doubts)
    if not dated or dated.start:
        yield _entry("table", table, *doubts)
        return
    starts = starts_file(file)
    yield _entry(
        "table",
        {"file": starts},
        f"day 0 of each patient is the first date in '{dated.column}', written to {starts}. If "
        "treatment began on another day, write that date there.",
    )
    yield Line("tables:")
    yield _entry(f"  {_DATED_TABLE}", table, *doubts)


def starts_file(file: str) -> str:
    """Return the path of the patients' starts beside their table."""
    folder, _, name = file.rpartition("/")
    return f"{folder}/{name.rpartition('.')[0]}_starts.csv"


def start_name(facts: Recognised) -> str:
    """Return the column of the patients' starts; one of a name that is free if it is new."""
    dated = facts.layout.dated
    if dated and dated.start:
        return dated.start
    return name_of("start", set(map(str, facts.opened.cells)))


def _include_lines(facts: Recognised) -> Iterator[Line]:
    """Yield, as a comment, the rules that leave out who seem to be no patients."""
    questions, rules = [], []
    for column in facts.columns:
        if not column.controls:
            continue
        among = [code for code in column.levels if code not in column.controls]
        rule: dict[str, object] = {"label": "Patients only", "column": column.name}
        visit = _inclusion_visit(column, facts)
        rules.append(rule | ({"visit": visit} if visit else {}) | {"among": among})
        questions.append(
            f"in '{column.name}', {a_few(column.controls)} may be healthy controls; they stay in "
            "the study unless they are left out. To do so, remove the # of 'include' and of the "
            "rule below it"
            + (f", and take {column.name} out of the features." if len(among) == 1 else ".")
        )
    if rules:
        yield Line("# include:", tuple(questions))
    for rule in rules:
        yield Line(f"#   - {quoted(rule)}")


def _inclusion_visit(column: ColumnGuess, facts: Recognised) -> str | None:
    """Return the visit at which a column is declared, None for baseline."""
    if column.late and "" in column.visits:
        return facts.layout.visits[-1].name
    if column.visits & {"", facts.baseline}:
        return None
    return next(visit.name for visit in facts.layout.visits if visit.name in column.visits)


def reasons(facts: Recognised) -> dict[str, list[str]]:
    """Return the columns that are left out, by the reason.

    Parameters
    ----------
    facts : Recognised
        Of the table.

    Returns
    -------
    dict
    """
    by_reason: dict[str, list[str]] = {}
    for column, why in sorted(facts.left_out.items()):
        by_reason.setdefault(why, []).append(column)
    return by_reason


def _visit_lines(facts: Recognised) -> Iterator[Line]:
    """Yield the visits, which of them is baseline, and those left out."""
    layout = facts.layout
    yield Line("visits:", (layout.dated.proposed,) if layout.dated else ())
    for visit in layout.visits:
        declared: dict[str, object] = {"day": visit.day}
        declared |= {} if visit.window is None else {"window": visit.window}
        declared |= {} if visit.text == visit.name or layout.dated else {"code": visit.text}
        unknown = f"days from baseline to '{visit.text}'; its name does not tell."
        doubt = unknown if visit.day is None else None
        yield _entry(f"  {quoted(visit.name)}", declared, doubt)
    yield _entry("baseline", facts.baseline, facts.doubt)
    if layout.ignored:
        yield _entry(
            "ignore_visits",
            layout.ignored,
            f"nothing tells when {a_few(layout.ignored)} took place, so they are left out. To use "
            "one, remove it here and declare it under 'visits' with its day.",
        )


def _column_lines(column: ColumnGuess, facts: Recognised) -> Iterator[Line]:
    """Yield one declared column."""
    declared = _declaration(column, facts)
    yield from map(Line, _comment(f"{column.why[:1].upper()}{column.why[1:]}.", "  # "))
    yield _entry(f"  {quoted(column.name)}", declared, *_column_doubts(column, declared))
    if column.partly:
        filled = quoted(declared | {"prorate": "80%"}).replace('"80%"', "80%")
        question = (
            f"single items of {column.name} are missing in {counted(column.partly, 'patient')}, "
            "who then lack the score. To fill them in from the person's other items, put the line "
            "below in place of the one above."
        )
        yield Line(f"  # {quoted(column.name)}: {filled}", (question,))


def _declaration(column: ColumnGuess, facts: Recognised) -> dict[str, Any]:
    """Return what the cohort file declares of a column."""
    dated = facts.layout.dated
    declared: dict[str, Any] = {"table": _DATED_TABLE} if dated and not dated.start else {}
    declared |= _sources(column, facts)
    if column.instrument:
        declared["instrument"] = column.instrument
        declared |= {"higher_is": None} if column.is_undirected else {}
    else:
        declared["kind"] = column.kind
        declared |= {"levels": column.levels} if column.levels else {}
    return declared | _occasions(column, declared, facts)


def _column_doubts(column: ColumnGuess, declared: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a person must decide about a column and its declaration."""
    yield from column.doubts
    if "higher_is" in declared:
        yield f"versions of {column.name} differ: is a higher score worse or better?"
    if None in [declared.get("items", ""), *declared.get("scores", {}).values()]:
        yield (
            f"the columns of {column.name} are called in another way at every visit; rename them "
            "in the table."
        )
    if "visits" in declared and column.visits == {""}:
        yield (
            f"'{column.name}' sounds like something known after treatment only. If it was known "
            "at baseline, remove 'visits' and add it to the features."
        )


def _sources(column: ColumnGuess, facts: Recognised) -> dict[str, Any]:
    """Return where the values of a column stand, as the cohort file writes it."""
    sources: dict[str, Any] = {}
    if column.at:
        shared = _pattern_of(column.at, facts)
        # A pattern that fits columns of something else would claim visits that are none.
        stray = visits_fitting(shared or "", facts.left_out) - set(facts.layout.ignored)
        source = dict(column.at) if stray or shared is None else shared
        sources |= {"column": source} if column.instrument or source != column.name else {}
    if column.items:
        sources["items"] = _pattern_of(column.items, facts)
    if column.scores:
        sources["scores"] = {name: _pattern_of(at, facts) for name, at in column.scores.items()}
    return sources


def _occasions(
    column: ColumnGuess, declared: Mapping[str, Any], facts: Recognised
) -> dict[str, Any]:
    """Return when a column was measured, as far as its sources do not say it."""
    visits = [visit.name for visit in facts.layout.visits]
    if column.visits == {""}:
        return {"visits": visits[-1:]} if column.late and len(visits) > 1 else {}
    occasions: dict[str, Any] = {"by_visit": True} if facts.layout.long else {}
    if column.visits != set(visits) and not isinstance(declared.get("column"), dict):
        occasions["visits"] = [name for name in visits if name in column.visits]
    return occasions


def _pattern_of(at: Mapping[str, str], facts: Recognised) -> str | None:
    """Return the one pattern, or column, for the values of all visits; None if there is none."""
    column = next(iter(at.values()))
    if "" in at or facts.layout.long:
        return column
    texts = {visit.name: visit.text for visit in facts.layout.visits}
    text = texts[next(iter(at))]
    # The last place first: V1_V1 repeats its visit, and names end with it as a rule.
    for match in reversed(list(re.finditer(re.escape(text), column))):
        pattern = column[: match.start()] + "{visit}" + column[match.end() :]
        if all(pattern.replace("{visit}", texts[name]) == source for name, source in at.items()):
            return pattern
    return None


def feature_lines(facts: Recognised) -> Iterator[Line]:
    """Yield the features file.

    Parameters
    ----------
    facts : Recognised
        Of the table.

    Yields
    ------
    Line
    """
    yield Line("# Known at baseline. The site is a stratum of the folds, not a feature.")
    builds: dict[str, list[str]] = {"clinical": [], "totals": [], "subscales": []}
    for column in facts.features:
        for name in column.feature_names:
            of_scores = "subscales" if "." in name else "totals"
            builds[of_scores if column.instrument else "clinical"].append(name)
    builds = {build: names for build, names in builds.items() if names}
    if not builds:
        yield Line("- build: totals")
        yield _entry(
            "  columns", None, "nothing was found that is known at baseline; name columns."
        )
    listed = ", ".join(", ".join(names) for names in builds.values())
    # Asked once, at the first list: the answer is about all of them.
    known: str | None = (
        f"were these known before treatment began: {listed}? Remove those that were not from the "
        "lists of this file; the table does not tell."
    )
    for build, names in builds.items():
        which = f"which of the scores {', '.join(names)}? Some may be made of the same items."
        yield Line(f"- build: {build}")
        yield _entry("  columns", names, known, which if build == "subscales" else None)
        known = None


def experiment_lines(facts: Recognised, name: str) -> Iterator[Line]:
    """Yield the experiment.

    Parameters
    ----------
    facts : Recognised
        Of the table.
    name : str
        Of the pieces it uses.

    Yields
    ------
    Line
    """
    scale, at = facts.outcome, _follow_ups(facts)
    no_scale = "no scale was found that was measured at baseline and again; name a declared column."
    no_visit = "no visit after baseline was found; name the follow-ups."
    outcome = scale.name if scale else "the outcome"
    yield Line("question: >-")
    yield Line(f"  Which patients respond by {outcome}, and from what at baseline?")
    yield _entry("use", {"cohort": name, "features": name})
    yield Line("outcomes:")
    yield Line("  - name: response")
    yield _entry("    column", scale and scale.name, None if scale else no_scale)
    yield Line("    rule: {reduction: 0.5}")
    yield _entry("    at", at or None, None if at else no_visit)
    if at:
        yield _primary_line(at, facts)
        threshold = scale.key.remission_at_most if scale and scale.key else None
        if threshold is not None:
            remission = {"name": "remission", "column": outcome, "rule": {"at_most": threshold}}
            yield Line(f"  # - {quoted(remission | {'at': at[-1:]})}")
    yield Line("seed: 1")


def _follow_ups(facts: Recognised) -> list[str]:
    """Return the visits after baseline at which the outcome's scale was measured."""
    layout, scale = facts.layout, facts.outcome
    if layout.dated:
        # Dates tell of visits before day 0, too; names of visits do not.
        later = [visit.name for visit in layout.visits if (visit.day or 0) > 0]
    else:
        later = [visit.name for visit in layout.visits if visit.name != facts.baseline]
    return [name for name in later if scale is None or name in scale.total_visits]


def _primary_line(at: list[str], facts: Recognised) -> Line:
    """Return the follow-up that is proposed to decide."""
    counts, n_patients = facts.observed, facts.opened.cells[facts.layout.patient].nunique()
    seen = [visit for visit in at if counts.get(visit, 0) >= _SEEN * n_patients]
    primary = seen[-1] if seen else max(at, key=lambda visit: counts.get(visit, 0))
    why = "the last one at which two thirds were seen" if seen else "the one most were seen at"
    return _entry(
        "    primary",
        primary,
        "which follow-up decides? A question of medicine, to be settled before any result; "
        f"proposed is {why}.",
    )
