"""The commands about questionnaires: what is known of them, and scoring a table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heldout.cli.terminal import TEXT_TABLES, WIDTH, answer, complain, new_table, wrap

if TYPE_CHECKING:
    import pandas as pd

    from heldout.cli.parser import AddCommand
    from heldout.instruments.audit import ScoreAudit
    from heldout.instruments.table import Scored
    from heldout.spec.instrument import InstrumentKey

# How many pseudonyms the audit lists on the screen; JSON has all of them.
_MOST_NAMED = 12


def add_commands(add: AddCommand) -> None:
    """Add the commands about questionnaires."""
    arg = add("instruments", instruments, "list the questionnaires, or say all about one")
    arg("name", nargs="?", help="one questionnaire; all of them if absent")
    arg("--json", action="store_true", help="print JSON and nothing else")
    arg("--folder", type=Path, default=Path(), help="the study folder; this one if absent")

    arg = add("score", score, "score the items of a questionnaire in a table")
    arg("instrument", help="as 'heldout instruments' lists it")
    arg("file", type=Path, help="CSV, TSV, XLSX or SAV file with a row of column names")
    arg("--items", metavar="PATTERN", help="columns of the items: q{item}; by name if absent")
    arg(
        "--patient",
        metavar="COLUMN",
        action="append",
        default=[],
        help="column of patients; say it again for one of visits; row numbers if absent",
    )
    arg("--prorate", choices=("none", "80%", "half"), default="none", help="missing items")
    arg("--language", metavar="CODE", help="language version of the form, such as it")
    arg("--higher-is", choices=("worse", "better"), help="where it depends on the version")
    arg("--separator", choices=(",", ";", "tab"), metavar="MARK", help="between cells: , ; tab")
    arg("--sheet", metavar="NAME", help="of a workbook with several")
    arg("--folder", type=Path, default=Path(), help="the study folder; this one if absent")
    arg("--out", type=Path, metavar="FILE", help="new .csv or .tsv file for the scores")
    arg("--json", action="store_true", help="print one JSON object with scores and audit")


def instruments(options: argparse.Namespace) -> int:
    """Print the list of questionnaires, or everything about one.

    Parameters
    ----------
    options : Namespace
        As the parser read them.

    Returns
    -------
    int
        The exit status.
    """
    from heldout.instruments.keys import instrument_names

    names = [options.name] if options.name else instrument_names(options.folder)
    keys = {name: _known_key(name, options.folder) for name in names}
    facts = {name: key.model_dump(mode="json", by_alias=True) for name, key in keys.items()}
    if not options.name:
        return answer(options, lambda: facts, lambda: _list_text(keys))
    name, key = options.name, keys[options.name]
    return answer(options, lambda: facts[name], lambda: _key_text(name, key))


def _known_key(name: str, folder: Path) -> InstrumentKey:
    """Return the key of an instrument; a name that is none is wrong usage."""
    from heldout.errors import SpecError
    from heldout.instruments.keys import instrument_names, load_key, unknown_instrument

    known = instrument_names(folder)
    if name not in known:
        raise SpecError(unknown_instrument("instrument", name, known))
    return load_key(name, folder)


def _list_text(keys: dict[str, InstrumentKey]) -> str:
    """Return one line a questionnaire."""
    head = f"{'name':<16}{'items':>5}  {'higher is':<10}{'confidence':<12}scores"
    lines = [head, "-" * WIDTH]
    for name, key in keys.items():
        ways = {score.higher_is for score in key.scores.values()}
        way = ways.pop() if len(ways) == 1 else "mixed"
        items = str(key.items) if key.scored else "-"
        start = f"{name:<16}{items:>5}  {way:<10}{key.confidence:<12}"
        room = WIDTH - len(start)
        scores = ", ".join(key.scores)
        # A name that is cut off could be taken for another score.
        if len(scores) > room:
            scores = f"{scores[: room - 4].rpartition(', ')[0]} ..."
        lines.append(start + scores)
    lines += [
        "",
        wrap(
            "heldout instruments NAME says all about one. A dash for items: only scores that "
            "the study computed itself are taken. 'declared' and 'confidence low': look at the "
            "form that was used."
        ),
    ]
    return "\n".join(lines)


def _key_text(name: str, key: InstrumentKey) -> str:
    """Return everything about one questionnaire."""
    lines = [f"{name}: {key.name}", ""]
    lines += [wrap(f"{word:<13}{text}", " " * 13) for word, text in _key_facts(key) if text]
    lines += ["", "Scores"]
    for score in key.scores:
        lines += map(_indented, _score_sentences(key, score))
    notes = [*key.caveats, *(f"Language {code}: {how}." for code, how in key.differs_in.items())]
    for head, sentences in (("To know", notes), ("Sources", key.sources)):
        lines += ["", head, *map(_indented, sentences)] if sentences else []
    return "\n".join(lines)


def _indented(sentence: str) -> str:
    """Return a sentence below a head."""
    return wrap(f"  {sentence}", "    ")


def _key_facts(key: InstrumentKey) -> list[tuple[str, str | None]]:
    """Return what is true of the whole questionnaire, by a word each."""
    from heldout.instruments.scoring import answers_by_items

    low, high = zip(*key.bounds, strict=True)
    differ = answers_by_items(key, range(1, key.items + 1)) if len({*key.bounds}) > 1 else {}
    answers = [f"item{'s' * (len(x) > 1)} {_numbered(x)}: {text}" for text, x in differ.items()]
    unknown = [f"{', '.join(map(str, x))} of item {item}" for item, x in key.not_assessed.items()]
    skips = [
        f"where item {_numbered(rule.items)} is {rule.equal}, {_numbered(rule.zero)} count as 0"
        + ("" if rule.also_answered else " if not answered")
        for rule in key.skip
    ]
    bands = [f"{band} {low:g} to {high:g}" for band, (low, high) in key.cutoffs.items()]
    remission = key.remission_at_most
    return [
        ("Measures", key.construct_),
        ("Rated by", key.rater),
        ("About", key.window),
        ("Items", f"{key.items}, from {min(low):g} to {max(high):g}"),
        ("Answers", "; ".join(answers)),
        ("Scores only", key.scores_only),
        ("Reversed", _numbered(key.reverse)),
        ("Not asked", "; ".join(skips)),
        ("Not assessed", "; ".join(unknown)),
        ("Suicidality", _numbered(key.suicidality)),
        ("Prorating", None if key.prorate else "refused"),
        ("Bands", ", ".join(bands)),
        ("Remission", None if remission is None else f"{remission:g} or less"),
        ("Language", key.language),
        ("Confidence", key.confidence),
    ]


def _score_sentences(key: InstrumentKey, score: str) -> list[str]:
    """Return what is true of one score."""
    given = key.scores[score]
    items = _numbered(key.items_of(score)) or f"{given.size} items"
    low, high = given.range
    sentences = [
        f"{score}: {low:g} to {high:g}, higher is {given.higher_is}; "
        f"{given.method.replace('_', ' ')} of {items}"
        + (f"; published alpha {given.alpha:g}" if given.alpha else "")
    ]
    for recode, recoded in given.recode.items():
        table = ", ".join(f"{x} counts {counts:g}" for x, counts in key.recodes[recode].items())
        sentences.append(f"  items {_numbered(recoded)}: {table}")
    if given.scores_only:
        sentences.append(f"  not made of items: {given.scores_only}")
    return sentences


def _numbered(items: Iterable[int]) -> str:
    """Return item numbers as text, runs of them as ``1-4``.

    Examples
    --------
    >>> _numbered((1, 2, 3, 7, 9))
    '1-3, 7, 9'
    """
    runs: list[list[int]] = []
    for item in sorted(items):
        if runs and item == runs[-1][-1] + 1:
            runs[-1].append(item)
        else:
            runs.append([item])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def score(options: argparse.Namespace) -> int:
    """Print the scores of a table, and on standard error how they came about.

    Parameters
    ----------
    options : Namespace
        As the parser read them.

    Returns
    -------
    int
        The exit status.
    """
    from heldout.files import write_atomically
    from heldout.instruments.keys import COMMAND
    from heldout.instruments.table import ScoringRequest, score_table

    key = _known_key(options.instrument, options.folder)
    mark = "," if options.out is None else new_table(options.out, options.file)
    table = _opened(options.file, options.separator, options.sheet)
    wanted = ScoringRequest(
        instrument=options.instrument,
        columns=options.items,
        prorate=options.prorate,
        language=options.language,
        higher_is=options.higher_is,
        door=COMMAND,
    )
    scored = score_table(table, key, wanted)
    who = _patients_of(table, options.patient)
    repeated = list(_repeated_ids(who))
    notes = [*scored.notes, *repeated]
    names = _names_of(who, rows=bool(repeated))
    # Rows of one name could not be told apart in what is printed.
    if repeated or not options.patient:
        who.insert(len(who.columns), _row_name(who), [str(row) for row in table.index])
    text = who.join(scored.scores).to_csv(
        index=False, float_format="%.10g", sep=mark, lineterminator="\n"
    )
    if options.out is not None:
        write_atomically(options.out, text)
    if options.json:
        print(json.dumps(_scored_facts(scored, who, names, notes), allow_nan=False))
        return 0
    if options.out is None:
        print(text, end="")
    complain(_audit_text(scored, names))
    for note in notes:
        complain(f"Note: {note}")
    return 0


def _opened(path: Path, separator: str | None, sheet: str | None) -> pd.DataFrame:
    """Return a table of any form that can be read, its separator and encoding found out."""
    from heldout.cohort.tables import read_table
    from heldout.errors import CohortError

    if not path.is_file():
        what = "is no file" if path.exists() else "there is no such file"
        raise CohortError(f"{path}: {what}. Check the path; it is relative to {Path.cwd()}.")
    form: dict[str, Any] = {"separator": separator, "sheet": sheet}
    ending = path.suffix.lower()
    usual = TEXT_TABLES.get(ending)
    idle = {"separator": usual is None, "sheet": ending != ".xlsx"}
    for option in form:
        if idle[option] and form[option] is not None:
            raise CohortError(
                f"--{option}: says nothing about {path.suffix} files such as {path}. Leave it out."
            )
    if usual is not None:
        form |= _text_form(path, separator, usual)
    try:
        table, _ = read_table(path, str(path), **form)
    except CohortError as error:
        # The one advice for a cohort file that is left, where a workbook has several sheets.
        remedy = str(error).replace("Set 'sheet' beside 'file' to", "Name with --sheet")
        raise CohortError(remedy) from None
    return table


def _text_form(path: Path, separator: str | None, usual: str) -> dict[str, str]:
    """Return separator and encoding of a text table, or refuse a separator that it has not."""
    from heldout.cohort.text import MARKS, likely_form
    from heldout.errors import CohortError

    mark = {"tab": "\t", None: usual}.get(separator, separator)
    assert mark is not None
    _, encoding, likely = likely_form(path.read_bytes(), mark)
    word = "tab" if likely == "\t" else likely
    if likely != mark and separator is not None:
        raise CohortError(
            f"{path}: row 1 is separated by {MARKS[likely]}, not by {MARKS[mark]}. Write "
            f"--separator '{word}', or leave it out."
        )
    return {"encoding": encoding, "separator": word}


def _patients_of(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return what names every row: pseudonyms, and visits where these are asked for."""
    from heldout.errors import InstrumentError, a_few, did_you_mean, raise_faults

    names, faults = list(table.columns), []
    for column in dict.fromkeys(columns):
        if columns.count(column) > 1:
            faults.append(
                f"--patient: names '{column}' {columns.count(column)} times. Once will do."
            )
        if column not in names:
            faults.append(
                f"--patient: the table has no column '{column}'. It has: "
                f"{a_few(names, limit=12)}.{did_you_mean(column, names)}"
            )
            continue
        nameless = table.index[table[column].isna()]
        if len(nameless):
            faults.append(
                f"column '{column}': rows {a_few(nameless)} name no patient. Fill them in, or "
                "leave out '--patient'."
            )
    raise_faults(InstrumentError, faults)
    return table[list(columns)].astype("str")


def _repeated_ids(who: pd.DataFrame) -> Iterator[str]:
    """Yield the note that ids stand several times, so that a score is not one patient's."""
    if who.empty or not who.duplicated().any():
        return
    times = who.value_counts()
    several = times[times > 1]
    visits = "; with visits, name their column with a second --patient"
    also = "" if len(who.columns) > 1 else visits
    yield (
        f"{len(several)} of {len(times)} ids in {' and '.join(who.columns)} stand several times, "
        f"in {several.sum()} rows. The column '{_row_name(who)}' tells them apart: the row of the "
        f"file{also}."
    )


def _row_name(who: pd.DataFrame) -> str:
    """Return what the column of row numbers is called."""
    return "file_row" if "row" in who.columns else "row"


def _names_of(who: pd.DataFrame, *, rows: bool) -> dict[str, str]:
    """Return what each row is called in an audit: its ids, its number, or both."""
    ids = map(" ".join, who.itertuples(index=False)) if len(who.columns) else map(str, who.index)
    return {
        str(row): f"{name} (row {row})" if rows else name
        for row, name in zip(who.index, ids, strict=True)
    }


def _scored_facts(
    scored: Scored, who: pd.DataFrame, names: Mapping[str, str], notes: Sequence[str]
) -> dict[str, Any]:
    """Return scores and audit as JSON takes them: None for a score that is missing."""
    import dataclasses

    scores = scored.scores.astype("object").where(scored.scores.notna(), None)
    audit = [dataclasses.asdict(counts) for counts in scored.audit]
    for facts in audit:
        for list_of in ("prorated", "skipped", "missing", "contradicting"):
            facts[list_of] = [names[row] for row in facts[list_of]]
    return {
        "instrument": scored.key.id,
        "columns": list(scored.columns),
        "scores": who.join(scores).to_dict("records"),
        "audit": audit,
        "notes": list(notes),
    }


def _audit_text(scored: Scored, names: Mapping[str, str]) -> str:
    """Return how the scores came about, in a line each."""
    key, columns = scored.key, scored.columns
    lines = [
        f"{key.id}: {len(scored.scores)} rows, items in {columns[0]} to {columns[-1]}; "
        f"reversed: {_numbered(key.reverse) or 'none'}; "
        f"missing items: rule '{scored.audit[0].rule}'"
    ]
    for audit in scored.audit:
        lines += _audit_lines(audit, names)
    return "\n".join(lines)


def _audit_lines(audit: ScoreAudit, names: Mapping[str, str]) -> list[str]:
    """Return how one score came about, and whose answers contradict a skip rule."""
    from heldout.errors import a_few

    counts = {
        "scored": audit.scored,
        "of them prorated": len(audit.prorated),
        "missing": len(audit.missing),
        "of them without any answer": audit.unanswered,
        "with items skipped": len(audit.skipped),
        "contradicting the skip rule": len(audit.contradicting),
    }
    words = [f"{n} {word}" for word, n in counts.items() if n or word in ("scored", "missing")]
    lines = [f"  {audit.name}: {', '.join(words)}"]
    if audit.contradicting:
        who = a_few([names[row] for row in audit.contradicting], _MOST_NAMED)
        lines.append(
            "    Items that by the key's skip rule were not asked are answered above 0 for: "
            f"{who}. The score follows the rule; look at the form."
        )
    return lines
