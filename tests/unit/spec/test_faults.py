"""Faults in words: place, found, required, remedy."""

import re
from typing import Any

import pytest

from heldout.errors import SpecError
from heldout.spec.experiment import experiment_from
from tests.unit.spec.studies import an_experiment


def put(data: Any, path: str, value: object) -> None:
    """Set a value at a path such as ``cohort/visits/d2`` or ``outcomes/0/rule``."""
    *above, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in above:
        data = data[step]
    data[last] = value


def message_of(**changes: object) -> str:
    """Return the message for an experiment with some values replaced."""
    data = an_experiment()
    for path, value in changes.items():
        put(data, path, value)
    with pytest.raises(SpecError) as caught:
        experiment_from(data)
    return str(caught.value)


# Path, wrong value, the whole message.
CASES = [
    (
        "cohort/columns/age/kindd",
        "number",
        "cohort.columns.age.kindd: found unknown key 'kindd'; allowed: table, column, items, "
        "scores, kind, unit, range, levels, instrument, language, prorate, higher_is, construct, "
        "visits, by_visit, label. Did you mean 'kind'?",
    ),
    (
        "cohort/visits/d2/dya",
        2,
        "cohort.visits.d2.dya: found unknown key 'dya'; allowed: day, label, code, "
        "window. Did you mean 'day'?",
    ),
    (
        "outcomes/0/rule/reductoin",
        0.5,
        "outcomes[0].rule.reductoin: found unknown key 'reductoin'; allowed: reduction, "
        "and_less_than, at_most, at_least, reliable_change, value, throughout, after. "
        "Did you mean 'reduction'?",
    ),
    (
        "cohort/table/zzz",
        1,
        "cohort.table.zzz: found unknown key 'zzz'; allowed: file, layout, patient, visit, "
        "day, date, start, date_format, missing, separator, decimal, encoding, sheet. Remove it, "
        "or correct it.",
    ),
    ("tuning", {"trials": -1}, "tuning.trials: found -1; required: at least 1."),
    ("tuning", {"trials": 20_000}, "tuning.trials: found 20000; required: at most 10000."),
    ("tuning", {"trials": True}, "tuning.trials: found true; required: a whole number. Change it."),
    ("tuning", {"trials": "5"}, "tuning.trials: found '5'; required: a whole number. Change it."),
    ("tuning", {"trials": 5.0}, "tuning.trials: found 5.0; required: a whole number. Change it."),
    (
        "tuning",
        {"sampler": "qcm"},
        "tuning.sampler: found 'qcm'; required: 'qmc', 'tpe' or 'random'. Did you mean 'qmc'?",
    ),
    (
        "tuning",
        None,
        "tuning: found nothing; required: keys and values. Fill it in, or remove the key.",
    ),
    (
        "cohort/simulated",
        "yes",
        "cohort.simulated: found 'yes'; required: true or false. Change it.",
    ),
    (
        "cohort/title",
        2026,
        "cohort.title: found 2026; required: a text. Put it in quotes.",
    ),
    (
        "cohort/visits/d2/day",
        float("inf"),
        "cohort.visits.d2.day: found inf; required: a finite number. Change it.",
    ),
    ("outcomes/0/at", "d2", "outcomes[0].at: found 'd2'; required: a list. Write [d2]."),
    ("features", [], "features: found an empty list; required: 1 or more entries."),
    (
        "cohort/table",
        {},
        "cohort.table.file: found no key 'file', which is required: CSV, TSV, XLSX or SAV "
        "file, relative to the study folder. Add it.",
    ),
    (
        "cohort/columns/age/range",
        [0],
        "cohort.columns.age.range[1]: found a list of 1; required: one entry more. Add it.",
    ),
    (
        "cohort/columns/age/range",
        [0, 1, 2],
        "cohort.columns.age.range: found a list of 3; required: at most 2 entries.",
    ),
    (
        "cohort/visits/month-1",
        {"day": 30},
        "cohort.visits.month-1: found 'month-1'; required: a name of letters, digits and _ that "
        "begins with a letter. Write month_1.",
    ),
    ("name", "x" * 61, f"name: found '{'x' * 56}...; required: at most 60 characters."),
    (
        "cohort/columns/age/column",
        5,
        "cohort.columns.age.column: found 5; required: a text or keys and values. "
        "Put it in quotes.",
    ),
    (
        "cohort/columns/age/column",
        {"d2": 5},
        "cohort.columns.age.column.d2: found 5; required: a text. Put it in quotes.",
    ),
    (
        "cohort/columns/age/column",
        {"2d": "x"},
        "cohort.columns.age.column.2d: found '2d'; required: a name of letters, digits and _ that "
        "begins with a letter.",
    ),
]


@pytest.mark.parametrize(("path", "value", "message"), CASES)
def test_a_fault_says_place_found_required_and_remedy(
    path: str, value: object, message: str
) -> None:
    assert message_of(**{path: value}) == message


@pytest.mark.parametrize("key", ["str", "dict", "tuple", "constrained-str"])
def test_a_key_named_like_a_type_is_kept_in_the_path(key: str) -> None:
    """pydantic puts the names of alternatives into its paths; ours must drop only those."""
    message = message_of(**{f"cohort/columns/{key}": {"kind": "number", "column": {"str": 5}}})
    assert f"cohort.columns.{key}.column.str: found 5" in message


def test_a_key_named_like_the_mark_of_a_key_is_an_unknown_key() -> None:
    message = message_of(**{"cohort/columns/age/[key]": 1})
    assert message.startswith("cohort.columns.age.[key]: found unknown key '[key]'")


def test_all_faults_come_out_at_once() -> None:
    message = message_of(
        **{"seed": -1, "cohort/visits/d2/dya": 1, "outcomes/0/rule": {}, "models": "ridge"}
    )
    assert message.startswith("4 faults:")


def test_the_words_of_pydantic_never_reach_the_reader() -> None:
    wrong = {"seed": [], "cohort/columns/age": 1, "cohort/visits": {}, "question": {}}
    assert not re.search("Input should|pydantic|Spec|dict|tuple|str", message_of(**wrong))


def test_a_long_value_is_cut() -> None:
    (line,) = message_of(**{"cohort/simulated": "x" * 500}).splitlines()
    assert len(line) < 150
