"""The commands about questionnaires: what is known of them, and scoring a table."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heldout.cli.terminal import WIDTH, complain, wrap

if TYPE_CHECKING:
    from heldout.cli.parser import AddCommand
    from heldout.instruments import ScoreAudit, Scored
    from heldout.spec import InstrumentKey

__all__ = ["add_commands", "instruments", "score"]


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
    arg("--patient", metavar="COLUMN", help="column of patients; row numbers if absent")
    arg("--prorate", choices=("none", "80%", "half"), default="none", help="missing items")
    arg("--language", metavar="CODE", help="language version of the form, such as it")
    arg("--higher-is", choices=("worse", "better"), help="where it depends on the version")
    arg("--separator", choices=(",", ";", "tab"), metavar="MARK", help="between cells: , ; tab")
    arg("--folder", type=Path, default=Path(), help="the study folder; this one if absent")
    arg("--out", type=Path, help="write the scores here instead of the screen")
    arg("--json", action="store_true", help="print one JSON object with scores and audit")


def instruments(options: argparse.Namespace) -> int:
    """Print the list of questionnaires, or everything about one."""
    from heldout.instruments import instrument_names, load_key

    names = [options.name] if options.name else instrument_names(options.folder)
    keys = {name: load_key(name, options.folder) for name in names}
    if options.json:
        facts = {name: key.model_dump(mode="json", by_alias=True) for name, key in keys.items()}
        print(json.dumps(facts[options.name] if options.name else facts, allow_nan=False))
    elif options.name:
        print(key_text(options.name, keys[options.name]))
    else:
        print(list_text(keys))
    return 0


def list_text(keys: dict[str, InstrumentKey]) -> str:
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


def key_text(name: str, key: InstrumentKey) -> str:
    """Return everything about one questionnaire."""
    lines = [f"{name}: {key.name}", ""]
    lines += [wrap(f"{word:<13}{text}", " " * 13) for word, text in key_facts(key) if text]
    lines += ["", "Scores"]
    for score in key.scores:
        lines += [wrap(f"  {one}", "    ") for one in score_sentences(key, score)]
    notes = [*key.caveats, *(f"Language {one}: {how}." for one, how in key.differs_in.items())]
    for head, sentences in (("To know", notes), ("Sources", key.sources)):
        lines += ["", head, *(wrap(f"  {one}", "    ") for one in sentences)] if sentences else []
    return "\n".join(lines)


def key_facts(key: InstrumentKey) -> list[tuple[str, str | None]]:
    """Return what is true of the whole questionnaire, by a word each."""
    low, high = zip(*key.bounds, strict=True)
    unknown = [f"{', '.join(map(str, x))} of item {item}" for item, x in key.not_assessed.items()]
    skips = [
        f"where item {numbered(rule.items)} is {rule.equal}, {numbered(rule.zero)} count as 0"
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
        ("Scores only", key.scores_only),
        ("Reversed", numbered(key.reverse)),
        ("Not asked", "; ".join(skips)),
        ("Not assessed", "; ".join(unknown)),
        ("Suicidality", numbered(key.suicidality)),
        ("Prorating", None if key.prorate else "refused"),
        ("Bands", ", ".join(bands)),
        ("Remission", None if remission is None else f"{remission:g} or less"),
        ("Language", key.language),
        ("Confidence", key.confidence),
    ]


def score_sentences(key: InstrumentKey, score: str) -> list[str]:
    """Return what is true of one score."""
    given = key.scores[score]
    items = numbered(key.items_of(score)) or f"{given.size} items"
    low, high = given.range
    sentences = [
        f"{score}: {low:g} to {high:g}, higher is {given.higher_is}; "
        f"{given.method.replace('_', ' ')} of {items}"
        + (f"; published alpha {given.alpha:g}" if given.alpha else "")
    ]
    for recode, recoded in given.recode.items():
        table = ", ".join(f"{x} counts {counts:g}" for x, counts in key.recodes[recode].items())
        sentences.append(f"  items {numbered(recoded)}: {table}")
    if given.scores_only:
        sentences.append(f"  not made of items: {given.scores_only}")
    return sentences


def numbered(items: tuple[int, ...]) -> str:
    """Return item numbers as text, runs of them as ``1-4``.

    Examples
    --------
    >>> numbered((1, 2, 3, 7, 9))
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
    """Print the scores of a table, and on standard error how they came about."""
    from heldout.cohort import read_table
    from heldout.instruments import score_items

    table, _ = read_table(options.file, str(options.file), separator=options.separator)
    scored = score_items(
        table,
        instrument=options.instrument,
        columns=options.items,
        prorate=options.prorate,
        language=options.language,
        higher_is=options.higher_is,
        folder=options.folder,
    )
    word = options.patient or "row"
    who = [str(row) for row in table.index]
    if options.patient is not None:
        who = patients_of(table, options.patient)
    if options.json:
        print(json.dumps(scored_facts(scored, word, who), allow_nan=False))
        return 0
    scores = scored.scores.copy()
    scores.insert(0, word, who)
    text = scores.to_csv(index=False, float_format="%.10g")
    if options.out is None:
        print(text, end="")
    else:
        from heldout.record import write_atomically

        write_atomically(options.out, text)
    complain(audit_text(scored))
    return 0


def patients_of(table: Any, column: str) -> list[str]:
    """Return the pseudonym of every row."""
    from heldout.errors import InstrumentError, a_few, did_you_mean

    if column not in table.columns:
        names = list(table.columns)
        raise InstrumentError(
            f"--patient: the table has no column '{column}'. It has: {a_few(names, limit=12)}."
            f"{did_you_mean(column, names)}"
        )
    nameless = table.index[table[column].isna()]
    if len(nameless):
        raise InstrumentError(
            f"column '{column}': rows {a_few(nameless)} name no patient. Fill them in, or leave "
            "out '--patient'."
        )
    return list(table[column])


def scored_facts(scored: Scored, word: str, who: list[str]) -> dict[str, Any]:
    """Return scores and audit as JSON takes them: None for a score that is missing."""
    import dataclasses

    rows = scored.scores.astype("object").where(scored.scores.notna(), None).to_dict("records")
    names = dict(zip(map(str, scored.scores.index), who, strict=True))
    audit = [dataclasses.asdict(one) for one in scored.audit]
    for facts in audit:
        for list_of in ("prorated", "skipped", "missing"):
            facts[list_of] = [names[row] for row in facts[list_of]]
    return {
        "instrument": scored.key.id,
        "columns": list(scored.columns),
        "scores": [{word: one} | row for one, row in zip(who, rows, strict=True)],
        "audit": audit,
    }


def audit_text(scored: Scored) -> str:
    """Return how the scores came about, in a line each."""
    key, columns = scored.key, scored.columns
    lines = [
        f"{key.id}: {len(scored.scores)} rows, items in {columns[0]} to {columns[-1]}; "
        f"reversed: {numbered(key.reverse) or 'none'}; missing items: rule '{scored.audit[0].rule}'"
    ]
    return "\n".join([*lines, *map(audit_line, scored.audit)])


def audit_line(audit: ScoreAudit) -> str:
    """Return how one score came about."""
    counts = {
        "scored": audit.scored,
        "of them prorated": len(audit.prorated),
        "missing": len(audit.missing),
        "of them without any answer": audit.unanswered,
        "with items skipped": len(audit.skipped),
    }
    told = [f"{n} {word}" for word, n in counts.items() if n or word in ("scored", "missing")]
    return f"  {audit.name}: {', '.join(told)}"
