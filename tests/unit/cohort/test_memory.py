"""A table in memory is read as a file of the same cells, through the same checks."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from heldout.cohort.memory import INDEX, TABLE, declare_columns, places_in_memory
from heldout.cohort.people import Cohort, read_cohort
from heldout.errors import CohortError, SpecError
from heldout.spec.experiment import Experiment, composed, experiment_from, fingerprint


def a_table() -> pd.DataFrame:
    """Return twelve patients with a number, a score at two visits, a category and a site."""
    n = 12
    return pd.DataFrame(
        {
            "age": np.linspace(20, 60, n) / 3,
            "m0": np.arange(n) + 20,
            "m1": [*range(n - 1), None],
            "sex": pd.Categorical(["f", "m"] * (n // 2), categories=["m", "f"]),
            "town": ["north", "south"] * (n // 2),
            "resp": [True, False, False] * (n // 3),
            "free": "a note",
        },
        index=[f"p{number:02d}" for number in reversed(range(n))],
    )


def experiment_on(frame: pd.DataFrame, names: list[str], **cohort: Any) -> Experiment:
    """Return an experiment on a table in memory of which some columns are declared."""
    declared: dict[str, Any] = {
        name: column | ({"visits": ["month1"]} if name == "resp" else {})
        for name, column in declare_columns(frame, names).items()
    }
    data = {
        "name": "notebook",
        "question": "?",
        "cohort": {
            "title": "A table",
            "table": {"file": TABLE, "missing": []},
            "patient": INDEX,
            "visits": {"baseline": {"day": 0}, "month1": {"day": 1}},
            "baseline": "baseline",
            "columns": declared,
        }
        | cohort,
        "features": [{"build": "clinical", "columns": ["age"]}],
        "outcomes": [
            {"name": "y", "column": "resp", "rule": {"at_least": 1}, "at": ["month1"]},
        ],
        "seed": 1,
    }
    places = places_in_memory({name: name for name in names})
    return experiment_from(data, places=places, tables={TABLE: frame})


def cohort_of(table: pd.DataFrame, names: list[str], **cohort: Any) -> Cohort:
    """Return the cohort of a table in memory."""
    return read_cohort(experiment_on(table, names, **cohort), {})


def fault_of(change: Callable[[pd.DataFrame], object], names: list[str], **cohort: Any) -> str:
    """Return the message about a table that was changed."""
    table = a_table()
    change(table)
    with pytest.raises(CohortError) as caught:
        cohort_of(table, names, **cohort)
    return str(caught.value)


def with_number(name: str) -> dict[str, Any]:
    """Return the columns of a cohort that declares one column as a number, whatever its dtype."""
    return {"columns": {name: {"column": name, "kind": "number"}}}


def test_patients_are_named_by_the_index_and_sorted() -> None:
    cohort = cohort_of(a_table(), ["age"])
    assert cohort.patients == tuple(f"p{number:02d}" for number in range(12))


def test_whole_numbers_in_the_index_sort_as_numbers() -> None:
    table = a_table().set_axis(range(1, 13), axis=0)
    cohort = cohort_of(table, ["m0"])
    assert cohort.patients == tuple(f"{number:02d}" for number in range(1, 13))
    assert cohort.numbers("m0", "baseline").tolist() == [float(x) for x in range(20, 32)]


@pytest.mark.parametrize("kind", ["float64", "float32", "Float64"])
def test_numbers_survive_to_the_last_bit(kind: str) -> None:
    table = a_table().iloc[::-1]
    table["age"] = (np.exp(np.linspace(-30, 30, 12)) * math.pi).astype("float64")
    table = table.astype({"age": kind})
    expected = table["age"].to_numpy("float64")
    np.testing.assert_array_equal(cohort_of(table, ["age"]).numbers("age", "baseline"), expected)


@pytest.mark.parametrize("kind", ["Int64", "Float64", "float64", "object"])
def test_a_missing_number_of_any_dtype_is_not_observed(kind: str) -> None:
    table = a_table().astype({"m1": kind})
    numbers = cohort_of(table, [], **with_number("m1")).numbers("m1", "baseline")
    assert np.isnan(numbers).tolist() == [True] + [False] * 11
    assert numbers[1:].tolist() == [float(x) for x in range(10, -1, -1)]


@pytest.mark.parametrize("kind", ["bool", "boolean", "object"])
def test_truth_values_are_1_and_0(kind: str) -> None:
    table = a_table().astype({"resp": kind})
    columns = {"resp": {"column": "resp", "kind": "number", "visits": ["month1"]}}
    numbers = cohort_of(table, ["resp"], columns=columns).numbers("resp", "month1")
    assert numbers.tolist() == [0.0, 0.0, 1.0] * 4


def test_a_category_of_whole_numbers_with_a_gap_keeps_its_levels() -> None:
    """Beside a gap pandas writes the cells as floats: 1.0 must still be the level 1."""
    table = a_table()
    codes = pd.Series([1, 2, 3] * 4, index=table.index).astype("category")
    table["arm"] = codes.where(codes.index != codes.index[0])
    cohort = cohort_of(table, ["arm"])
    assert list(cohort.spec.columns["arm"].levels or {}) == ["1", "2", "3"]
    values = cohort.values[("arm", "baseline", 0)]
    assert values.isna().sum() == 1
    assert values.dropna().tolist() == ["3", "2", "1"] * 3 + ["3", "2"]


def test_a_category_of_floats_is_named_as_a_file_names_it() -> None:
    table = a_table()
    table["arm"] = pd.Series([1.0, 2.0, np.nan] * 4, index=table.index).astype("category")
    cohort = cohort_of(table, ["arm"])
    assert list(cohort.spec.columns["arm"].levels or {}) == ["1", "2"]
    assert cohort.values[("arm", "baseline", 0)].isna().sum() == 4


def test_a_category_called_na_is_a_level_and_no_gap() -> None:
    table = a_table()
    table["arm"] = pd.Categorical(["NA", "drug"] * 6)
    assert cohort_of(table, ["arm"]).values[("arm", "baseline", 0)].eq("NA").sum() == 6


def test_levels_stand_in_the_order_of_the_categories() -> None:
    assert list(declare_columns(a_table(), ["sex"])["sex"]["levels"]) == ["m", "f"]


def test_a_table_in_memory_is_read_as_its_file(tmp_path: Path) -> None:
    table = a_table()
    table.to_csv(tmp_path / "data.csv", index_label="id")
    memory = experiment_on(table, ["age", "m0", "sex"], site="town")
    data = composed(memory)
    data["cohort"] |= {"patient": "id"}
    data["cohort"]["table"] |= {"file": "data.csv"}
    file = read_cohort(experiment_from(data, folder=tmp_path), {})
    cohort = read_cohort(memory, {})
    assert_frame_equal(cohort.values, file.values, check_exact=True)
    assert (cohort.site, cohort.flow, cohort.noticed) == (file.site, file.flow, file.noticed)
    assert cohort.unused == file.unused == 3


def test_the_fingerprint_of_the_data_is_of_the_columns_that_are_read() -> None:
    table = a_table()
    before = cohort_of(table, ["age"]).data_fingerprint
    other = table.assign(free="another note").sample(frac=1, random_state=0)
    assert cohort_of(other, ["age"]).data_fingerprint == before
    table["age"] = table["age"].where(table.index != "p03", table["age"] + 1e-9)
    assert cohort_of(table, ["age"]).data_fingerprint != before


def test_the_table_is_no_part_of_the_experiment_and_stays_as_it_was() -> None:
    table, copy = a_table(), a_table()
    experiment = experiment_on(table, ["age"])
    read_cohort(experiment, {})
    assert_frame_equal(table, copy)
    again = experiment_from(composed(experiment))
    assert again == experiment
    assert fingerprint(again) == fingerprint(experiment)
    assert not again.tables


def test_two_tables_in_memory_are_joined_by_patient() -> None:
    table, more = a_table(), a_table()[["m0"]].rename(columns={"m0": "bdi"}).iloc[3:]
    experiment = experiment_on(table, ["age"])
    data = composed(experiment)
    data["cohort"]["tables"] = {"more": {"file": "more", "missing": []}}
    data["cohort"]["columns"]["bdi"] = {"kind": "number", "table": "more"}
    both = experiment_from(data, tables={TABLE: table, "more": more})
    numbers = read_cohort(both, {}).numbers("bdi", "baseline")
    assert np.isnan(numbers).sum() == 3


def test_dates_of_a_long_table_in_memory_are_put_to_visits() -> None:
    start = pd.Timestamp("2024-03-01")
    table = pd.DataFrame(
        {
            "seen": [start, start + pd.Timedelta(days=31)] * 12,
            "start": start,
            "m": np.arange(24.0),
        },
        index=[f"p{number:02d}" for number in range(12) for _ in range(2)],
    )
    experiment = experiment_on(
        table,
        [],
        table={"file": TABLE, "layout": "long", "date": "seen", "start": "start"},
        visits={"baseline": {"day": 0, "window": 3}, "month1": {"day": 30, "window": 3}},
        columns={"m": {"kind": "number", "by_visit": True}},
    )
    cohort = read_cohort(experiment, {})
    assert cohort.numbers("m", "month1").tolist() == list(range(1, 24, 2))


FAULTS: list[tuple[Callable[[pd.DataFrame], object], list[str], str]] = [
    (
        lambda t: t.insert(0, "age", 1.0, allow_duplicates=True),
        ["age"],
        "table: has 2 columns 'age'. Rename or remove all but one.",
    ),
    (lambda t: None, ["agee"], "table: 'agee' is no known column.*Did you mean 'age'"),
    (lambda t: t.insert(0, 7, 1.0), ["7"], "table: column 7 is not named by a text"),
    (
        lambda t: t.__setitem__("age", pd.Timestamp("2024-03-01")),
        ["age"],
        "table: column 'age' holds dates. Make it plain numbers.",
    ),
    (
        lambda t: t.__setitem__("age", pd.Timedelta(days=3)),
        ["age"],
        "table: column 'age' holds spans of time",
    ),
    (lambda t: t.__setitem__("age", 1j), ["age"], "table: column 'age' holds complex numbers"),
    (lambda t: t.__setitem__("age", -np.inf), ["age"], "table: column 'age' holds infinite values"),
    (
        lambda t: t.__setitem__("arm", pd.Categorical(["", "b"] * 6)),
        ["arm"],
        "table: column 'arm' has a category without a text",
    ),
    (
        lambda t: t.__setitem__("arm", pd.Categorical([1, "1"] * 6)),
        ["arm"],
        r"table: column 'arm' has categories that read alike \('1'\)",
    ),
    (
        lambda t: t.insert(0, INDEX, 1.0),
        ["age"],
        r"table: column '\(index\)' is called as its index is",
    ),
    (
        lambda t: setattr(t, "index", pd.Index([None, *range(11)], dtype=object)),
        ["age"],
        "table: the index names no patient in 1 of 12 rows",
    ),
    (
        lambda t: setattr(t, "index", pd.Index(["a\nb", *map(str, range(11))])),
        ["age"],
        "table: 1 of 12 names in the index have a control character",
    ),
    (
        lambda t: setattr(t, "index", t.index.where(t.index != "p03", "p04")),
        ["age"],
        r"table: patient p04 stands more than once \(rows 8, 9\). One row a patient is required",
    ),
    (
        lambda t: setattr(t, "index", t.index.str.replace("p03", "P04")),
        ["age"],
        "table, column '\\(index\\)': P04 and p04 .* are one pseudonym written in several ways",
    ),
]


@pytest.mark.parametrize(("change", "columns", "words"), FAULTS)
def test_what_cannot_be_read_is_told_of_the_table(
    change: Callable[[pd.DataFrame], object], columns: list[str], words: str
) -> None:
    assert re.match(words, fault_of(change, columns)), fault_of(change, columns)


def test_places_in_messages_are_columns_of_the_table() -> None:
    """There is no file whose line could be named."""
    words = fault_of(lambda t: None, ["free"], **with_number("free"))
    assert words == (
        "table, column 'free': 12 of 12 values (rows 1, 2, 3, 4, 5 and 7 more) are not numbers (a "
        "decimal point, no unit). Correct the table."
    )


def test_all_faults_of_a_table_come_out_at_once() -> None:
    def change(table: pd.DataFrame) -> None:
        table["age"], table["m0"] = 1j, np.inf
        table.index = pd.Index([None, *range(11)], dtype=object)

    both = with_number("age")["columns"] | with_number("m0")["columns"]
    words = fault_of(change, [], columns=both)
    assert words.startswith("3 faults:")


def test_a_place_that_is_an_argument_is_told_alone() -> None:
    table = a_table()
    data = composed(experiment_on(table, ["age"]))
    data["cohort"]["columns"]["age"]["kind"] = "nmber"
    with pytest.raises(SpecError, match=r"^table: column 'age': found 'nmber'; required: 'number'"):
        experiment_from(data, places=places_in_memory({"age": "age"}), tables={TABLE: table})
