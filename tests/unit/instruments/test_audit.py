"""How scores came about."""

from pathlib import Path
from typing import Any

from heldout.instruments.audit import ScoreAudit, audit_scores, contradictions
from heldout.instruments.keys import load_keys
from heldout.spec.experiment import Experiment
from tests.unit.cohort.studies import (
    items_cohort,
    items_rows,
    rows_of,
    scored,
    text_of,
    wide_cohort,
    with_columns,
    write_study,
)


def audits_of(experiment: Experiment) -> dict[tuple[str, str | None], ScoreAudit]:
    """Return the audit of every score and visit."""
    audits = audit_scores(scored(experiment), load_keys(experiment))
    return {(one.name, one.visit): one for one in audits}


def sidas_study(folder: Path, *rows: list[str], **declared: Any) -> Experiment:
    """Return a study in which the first patients of the file have these items of the SIDAS."""
    table = rows_of()
    for number, row in enumerate(table):
        given = rows[number] if number < len(rows) else [""] * 5
        row |= {f"s{item}": answer for item, answer in enumerate(given, start=1)}
    sidas = {"items": "s{item}", "instrument": "sidas"} | declared
    return write_study(folder, text_of(table), with_columns(wide_cohort(), sidas=sidas))


def test_every_score_and_visit_with_items_has_an_audit(tmp_path: Path) -> None:
    audits = audits_of(write_study(tmp_path, text_of(items_rows()), items_cohort()))
    assert list(audits) == [("hamd6", "d0"), ("hamd6", "d2")]


def test_who_has_no_score_is_named(tmp_path: Path) -> None:
    audit = audits_of(write_study(tmp_path, text_of(items_rows()), items_cohort()))["hamd6", "d0"]
    assert (audit.missing, audit.scored, audit.n, audit.unanswered) == (("002",), 5, 6, 0)
    assert (audit.rule, audit.prorated) == ("none", ())


def test_who_was_prorated_is_named(tmp_path: Path) -> None:
    part = items_cohort()
    part["columns"]["hamd6"] |= {"prorate": "80%"}
    audit = audits_of(write_study(tmp_path, text_of(items_rows()), part))["hamd6", "d0"]
    assert (audit.prorated, audit.missing, audit.rule) == (("002",), (), "80%")


def test_who_was_not_asked_is_named_and_who_gave_no_answer_is_counted(tmp_path: Path) -> None:
    rows = (["0", "", "", "", ""], ["4", "7", "3", "8", "2"], ["4", "7", "", "8", "2"])
    audit = audits_of(sidas_study(tmp_path, *rows))["sidas", "d0"]
    # In the file the first three are 007, 001 and 003; the others are without any answer.
    assert audit.skipped == ("007",)
    assert audit.missing == ("002", "003", "005", "010")
    assert (audit.scored, audit.unanswered) == (2, 3)


def test_who_answered_what_was_not_asked_is_found_in_a_cohort(tmp_path: Path) -> None:
    rows = (["0", "0", "10", "10", "10"], ["4", "7", "3", "8", "2"], ["0", "", "", "", ""])
    experiment = sidas_study(tmp_path, *rows)
    found = list(contradictions(scored(experiment), load_keys(experiment)))
    # In the file the first three are 007, 001 and 003.
    assert found == [("sidas", "d0", ("007",))]
    assert audits_of(experiment)["sidas", "d0"].skipped == ("003",)


def test_an_audit_says_what_the_key_does_to_items(tmp_path: Path) -> None:
    audit = audits_of(sidas_study(tmp_path))["sidas", "d0"]
    assert (audit.items, audit.reversed, audit.recoded) == ((1, 2, 3, 4, 5), (2,), ())
    assert (audit.skippable, audit.suicidality) == ((2, 3, 4, 5), (1, 2, 3, 4, 5))
    assert (audit.method, audit.higher_is, audit.instrument) == ("sum", "worse", "sidas")


def test_scores_read_as_such_have_no_audit(tmp_path: Path) -> None:
    assert audits_of(write_study(tmp_path)) == {}
