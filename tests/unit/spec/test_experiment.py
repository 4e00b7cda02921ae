"""What an experiment may say."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from heldout.errors import SpecError
from heldout.spec.cohort import ColumnSpec
from heldout.spec.composition import load_experiment
from heldout.spec.experiment import composed, experiment_from, fingerprint
from tests.unit.spec.studies import a_cohort, an_experiment, as_yaml, write_study


def with_cohort(**changes: Any) -> dict[str, Any]:
    """Return an experiment whose cohort has some keys replaced."""
    return an_experiment() | {"cohort": a_cohort() | changes}


def with_column(**column: Any) -> dict[str, Any]:
    """Return an experiment with one column more."""
    return with_cohort(columns=a_cohort()["columns"] | {"extra": column})


def with_outcome(**changes: Any) -> dict[str, Any]:
    """Return an experiment whose outcome has some keys replaced."""
    return an_experiment() | {"outcomes": [an_experiment()["outcomes"][0] | changes]}


def test_an_experiment_survives_being_composed_and_read_again(tmp_path: Path) -> None:
    """The record stores the composed whole; a resumed run must find the same experiment."""
    first = load_experiment(write_study(tmp_path, an_experiment()))
    assert experiment_from(composed(first)) == first


def test_the_composed_whole_can_be_run_as_a_file(tmp_path: Path) -> None:
    first = experiment_from(an_experiment())
    assert load_experiment(write_study(tmp_path, composed(first))) == first


def test_composing_writes_defaults_out() -> None:
    whole = composed(experiment_from(an_experiment()))
    assert whole["tuning"]["trials"] == 10
    # How often folds are repeated depends on the patients.
    assert whole["validation"]["repeats"] is None


def test_the_repeats_that_the_test_once_had_are_refused_with_a_sentence() -> None:
    old = an_experiment() | {"inference": {"repeats": 1}}
    with pytest.raises(SpecError) as refused:
        experiment_from(old)
    assert str(refused.value) == (
        "inference.repeats: is no key any more: the test now repeats the folds as often as the "
        "estimate does (validation.repeats), so that a p is of the figure beside it. Remove the "
        "line."
    )


def test_a_finding_is_muted_with_a_reason() -> None:
    with pytest.raises(SpecError, match=r"muted\.HO017"):
        experiment_from(an_experiment() | {"muted": {"HO017": ""}})
    told = {"HO017": "Twins."}
    assert experiment_from(an_experiment() | {"muted": told}).muted == told


def test_the_fingerprint_ignores_comments_and_the_order_of_keys(tmp_path: Path) -> None:
    text = as_yaml(dict(reversed(an_experiment().items())))
    path = write_study(tmp_path, f"# a comment\n{text}")
    assert fingerprint(load_experiment(path)) == fingerprint(experiment_from(an_experiment()))


def test_the_fingerprint_tells_which_level_is_the_reference() -> None:
    """A category's first level becomes no feature, so the order of levels changes results."""
    sex = {"kind": "category", "levels": {"2": "female", "1": "male"}}
    changed = with_cohort(columns=a_cohort()["columns"] | {"sex": sex})
    assert fingerprint(experiment_from(changed)) != fingerprint(experiment_from(an_experiment()))


def test_the_fingerprint_ignores_whether_a_default_is_written() -> None:
    written = an_experiment() | {"validation": {"outer": 5}}
    assert fingerprint(experiment_from(written)) == fingerprint(experiment_from(an_experiment()))


@pytest.mark.parametrize(
    "changed",
    [
        an_experiment() | {"seed": 2},
        an_experiment() | {"models": ["ridge", "prevalence"]},
        an_experiment() | {"tuning": {"trials": 31}},
        with_outcome(rule={"reduction": 0.51}),
        with_cohort(visits=a_cohort()["visits"] | {"d2": {"day": 3}}),
        with_cohort(site="centre"),
    ],
)
def test_the_fingerprint_differs_when_a_value_does(changed: dict[str, Any]) -> None:
    first = experiment_from(an_experiment())
    assert fingerprint(experiment_from(changed)) != fingerprint(first)


def test_equal_experiments_count_once_in_a_set(tmp_path: Path) -> None:
    experiments = {
        experiment_from(an_experiment(), folder=tmp_path),
        experiment_from(an_experiment()),
    }
    assert len(experiments) == 1


def test_an_experiment_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        experiment_from(an_experiment()).seed = 2  # type: ignore[misc]


def test_a_whole_number_may_be_written_bare_as_a_code() -> None:
    include = [{"label": "women", "column": "sex", "among": [2]}]
    assert experiment_from(with_cohort(include=include)).cohort.include[0].among == ("2",)


def test_another_number_as_a_code_must_be_quoted() -> None:
    """1.50 is read as 1.5, which is another text than the table holds."""
    include = [{"label": "x", "column": "sex", "among": [1.5]}]
    with pytest.raises(SpecError, match=r"include\[0\]\.among\[0\]: found 1\.5; .* in quotes"):
        experiment_from(with_cohort(include=include))


def test_the_place_of_a_key_is_known_after_validation(tmp_path: Path) -> None:
    path = write_study(tmp_path, an_experiment())
    line = path.read_text().splitlines().index("seed: 1") + 1
    assert load_experiment(path).where("seed") == f"{path}:{line}, seed"


@pytest.mark.parametrize(
    ("data", "pattern"),
    [
        (with_cohort(baseline="d1"), r"^cohort\.baseline: found visit 'd1'; required: one of d0, "),
        (
            with_column(kind="number", visits=["d0", "d22"]),
            r"^cohort\.columns\.extra\.visits\[1\]: found visit 'd22'.* Did you mean 'd2'\?$",
        ),
        (
            with_column(kind="number", column={"w9": "x"}),
            r"^cohort\.columns\.extra\.column\.w9: found visit 'w9'.* Declare it, or correct",
        ),
        (
            with_column(kind="number", column={}),
            r"^cohort\.columns\.extra: 'column' names no visit",
        ),
        (with_column(), r"^cohort\.columns\.extra: needs 'kind'"),
        (with_column(kind="category"), r"^cohort\.columns\.extra: needs 'levels'"),
        (with_column(kind="number", range=[2, 1]), r"^cohort\.columns\.extra: 'range'"),
        (with_column(instrument="phq9", kind="text"), r"^cohort\.columns\.extra: a score is a"),
        (with_cohort(table={"file": "x", "layout": "long"}), r"^cohort\.table: a long table needs"),
        (with_cohort(table={"file": "x", "visit": "v"}), r"^cohort\.table: 'visit', 'day' and"),
        (
            with_cohort(table={"file": "x", "layout": "long", "day": "d", "date": "e"}),
            r"^2 faults:\n.*'day' or 'date', not both\.\n.*'date' and 'start' go together",
        ),
        (
            with_cohort(table={"file": "x", "separator": ",", "decimal": ","}),
            r"^cohort\.table: the same mark separates cells and decimals",
        ),
        (
            with_cohort(table={"file": "x", "date_format": "dd/mm/yyyy"}),
            r"^cohort\.table: 'date_format' does not tell a day, month and year",
        ),
        (with_cohort(include=[{"label": "x", "column": "age"}]), r"^cohort\.include\[0\]: needs"),
        (with_outcome(rule={}), r"^outcomes\[0\]\.rule: found no rule; required: exactly one of"),
        (
            with_outcome(rule={"at_most": 10, "at_least": 2}),
            r"^outcomes\[0\]\.rule: found at_most and at_least; required: exactly one of",
        ),
        (with_outcome(rule={"reduction": 1}), r"^outcomes\[0\]\.rule\.reduction: .* less than 1"),
        (
            with_outcome(primary="d5"),
            r"^outcomes\[0\]\.primary: found 'd5', which is not among 'at' \(d2, d10\)",
        ),
        (with_outcome(at=["d2", "d2"]), r"^outcomes\[0\]\.at\[1\]: found follow-up 'd2' a second"),
        (
            an_experiment() | {"models": ["ridge", "xgboost", "ridge"]},
            r"^models\[2\]: found model 'ridge' a second time",
        ),
        (
            an_experiment() | {"outcomes": an_experiment()["outcomes"] * 2},
            r"^outcomes\[1\]\.name: found outcome 'response' a second time",
        ),
        (
            an_experiment()
            | {
                "outcomes": [
                    an_experiment()["outcomes"][0] | {"name": name, "primary": "d2"}
                    for name in ("response", "remission")
                ]
            },
            r"^outcomes\[1\]\.primary: found a second primary follow-up; outcome 'response' has",
        ),
        (an_experiment() | {"use": {"cohort": "trd"}}, r"^use: found unknown key 'use'"),
    ],
)
def test_keys_that_do_not_go_together_are_refused_at_their_place(
    data: dict[str, Any], pattern: str
) -> None:
    with pytest.raises(SpecError, match=pattern):
        experiment_from(data)


def test_all_misfits_of_a_column_come_out_at_once() -> None:
    with pytest.raises(SpecError, match=r"^3 faults:(\n.*cohort\.columns\.extra: .*){3}$"):
        experiment_from(with_column(items="q1", scores={}, kind="number"))


def test_misfits_of_several_parts_come_out_at_once() -> None:
    data = with_outcome(primary="d5") | {"models": ["ridge", "ridge"]}
    with pytest.raises(SpecError, match=r"^2 faults:"):
        experiment_from(data)


def test_a_construct_is_written_and_stored_as_construct() -> None:
    column = ColumnSpec(kind="number", construct="psychache")
    assert column.model_dump(by_alias=True)["construct"] == "psychache"


@pytest.mark.parametrize("day", [5, -1, 0.5])
def test_baseline_is_day_0(day: float) -> None:
    visits = a_cohort()["visits"] | {"d0": {"day": day}}
    with pytest.raises(
        SpecError, match=r"visits\.d0\.day: found .* for the baseline 'd0'; req.*: 0"
    ):
        experiment_from(with_cohort(visits=visits))


def test_no_other_visit_has_the_day_of_baseline() -> None:
    """Its score could be a feature, and nobody could say whether treatment had begun."""
    visits = a_cohort()["visits"] | {"d2": {"day": 0}}
    with pytest.raises(SpecError, match=r"visits\.d2\.day: found 0, the day of the baseline 'd0'"):
        experiment_from(with_cohort(visits=visits))


def test_a_visit_before_baseline_has_a_day_of_its_own() -> None:
    visits = a_cohort()["visits"] | {"before": {"day": -0.2}}
    assert experiment_from(with_cohort(visits=visits)).cohort.visits["before"].day == -0.2
