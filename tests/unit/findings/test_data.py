"""Findings about the data: each can be made to speak and to pass, and none repeats a value."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from heldout.cohort.inclusion import FlowStep
from heldout.cohort.noticing import Notice
from heldout.cohort.people import Cohort
from heldout.cohort.sources import Source
from heldout.features.columns import FeatureColumn, FeatureMatrix
from heldout.findings.catalogue import CATALOGUE, run_checks
from heldout.findings.check import StudyData
from heldout.instruments.keys import load_keys
from heldout.outcomes.outcome import Outcome
from heldout.outcomes.rules import rule_of
from heldout.record import Finding
from heldout.spec.experiment import Experiment, experiment_from
from heldout.spec.outcomes import RuleSpec

N = 40
ITEMS = range(1, 11)
PATIENTS = [f"P{number:02d}" for number in range(N)]


DATA_CODES = {code for code, check in CATALOGUE.items() if check.needs is StudyData}


class Study(StudyData):
    """What the checks are given."""

    def finding(self, code: str) -> Finding:
        """Return what a check found."""
        return next(finding for finding in run_checks(self) if finding.code == code)


Change = Callable[[Study], Study]


def an_experiment(**cohort: Any) -> Experiment:
    """Return a study of MADRS given as items, and of a scale where higher is better."""
    columns = {
        "age": {"kind": "number", "unit": "years"},
        "wellbeing": {"kind": "number", "higher_is": "better", "column": "who_{visit}"},
        "madrs": {"items": "m{item}_{visit}", "instrument": "madrs"},
        "hamd": {"column": "hamd_{visit}", "instrument": "hamd17"},
    }
    return experiment_from(
        {
            "name": "made_up",
            "question": "Who responds?",
            "cohort": {
                "title": "Made up",
                "table": {"file": "data.csv"},
                "patient": "pid",
                "visits": {"d0": {"day": 0}, "d28": {"day": 28}},
                "baseline": "d0",
                "columns": columns,
            }
            | cohort,
            "features": [{"build": "clinical", "columns": ["age"]}],
            "outcomes": [
                {"name": "response", "column": "madrs", "rule": {"reduction": 0.5}, "at": ["d28"]}
            ],
            "seed": 1,
        }
    )


def made_up_values() -> dict[tuple[str, str, int], Any]:
    """Return values in which nothing is wrong, by score, visit and item."""
    rng = np.random.default_rng(5)
    values: dict[tuple[str, str, int], Any] = {("age", "d0", 0): rng.normal(50, 12, N)}
    severity = rng.normal(size=N)
    for visit, level in (("d0", 3.5), ("d28", 2.0)):
        noise = rng.normal(size=(N, len(ITEMS)))
        answers = np.clip(np.round(level + severity[:, None] + noise), 0, 6)
        values |= {("madrs", visit, item): answers[:, item - 1] for item in ITEMS}
        values["madrs", visit, 0] = answers.sum(axis=1)
        values["wellbeing", visit, 0] = 100 - answers.sum(axis=1) + rng.normal(0, 3, N)
        values["hamd", visit, 0] = np.clip(np.round(answers.sum(axis=1) / 2), 0, 52)
    return values


def study_of(values: Mapping[tuple[str, str, int], Any], **cohort: Any) -> Study:
    """Return a study of values."""
    experiment = an_experiment(**cohort)
    frame = pd.DataFrame(dict(values), index=pd.Index(PATIENTS, name="patient"))
    frame.columns.names = ["column", "visit", "item"]
    sources = tuple(
        Source(name=name, visit=visit, item=item, column=f"{name}_{visit}_{item}")
        for name, visit, item in values
        if (name, item) != ("madrs", 0)
    )
    people = Cohort(
        spec=experiment.cohort,
        values=frame,
        site=None,
        flow=(FlowStep(label="In the table", n=N),),
        sources=sources,
        unused=0,
        data_fingerprint="0" * 64,
    )
    outcome = Outcome(
        name="response",
        follow_up="d28",
        label="Response",
        column="madrs",
        rule=rule_of(RuleSpec(reduction=0.5)),
        baseline=people.numbers("madrs", "d0"),
        scores=people.numbers("madrs", "d28")[:, None],
        visits=("d28",),
        weights=np.ones(N),
        primary=False,
        higher_is="worse",
    )
    age = FeatureColumn(name="age", label="Age", inputs=("age",), visit="d0", builder="clinical")
    return Study(
        experiment=experiment,
        cohort=people,
        keys=load_keys(experiment),
        outcomes=(outcome,),
        matrix=FeatureMatrix(
            table=pd.DataFrame({"age": people.numbers("age", "d0")}, index=frame.index),
            columns=(age,),
        ),
    )


@pytest.fixture
def study() -> Study:
    """Return a study in which nothing is wrong."""
    return study_of(made_up_values())


def by_place(values: pd.DataFrame) -> dict[tuple[str, str, int], Any]:
    """Return a frame's columns as arrays."""
    return {
        (str(place[0]), str(place[1]), int(place[2])): values[place].to_numpy()
        for place in values.columns
    }


def with_values(change: Callable[[pd.DataFrame], None]) -> Change:
    """Return a change of the cohort's values, made on a copy."""

    def changed(study: Study) -> Study:
        values = study.cohort.values.copy()
        change(values)
        return study_of(by_place(values))

    return changed


def with_age(change: Callable[[pd.Series, Study], pd.Series]) -> Change:
    """Return a change of the one feature."""

    def changed(study: Study) -> Study:
        table = study.matrix.table.assign(age=change(study.matrix.table["age"], study))
        return replace(study, matrix=replace(study.matrix, table=table))

    return changed


def with_reported(gap: float, n: int) -> Change:
    """Return a change that puts totals beside the items, some of them off."""

    def changed(study: Study) -> Study:
        reported = study.cohort.values[[("madrs", "d0", 0)]].copy()
        reported.iloc[:n, 0] += gap
        return replace(study, cohort=replace(study.cohort, reported=reported))

    return changed


def with_twin(n_changed: int) -> Change:
    """Return a change that enters the first patient a second time, some values changed."""

    def changed(values: pd.DataFrame) -> None:
        values.iloc[1] = values.iloc[0]
        values.iloc[1, :n_changed] += 1

    return with_values(changed)


def with_dropout(n: int) -> Change:
    """Return a change that loses patients after baseline, and their age with them."""

    def changed(study: Study) -> Study:
        lost = study.outcomes[0].scores.copy()
        lost[:n] = np.nan
        table = study.matrix.table.copy()
        table.iloc[:n] = np.nan
        return replace(
            study,
            outcomes=(replace(study.outcomes[0], scores=lost),),
            matrix=replace(study.matrix, table=table),
        )

    return changed


def turned(values: pd.DataFrame) -> None:
    """Turn wellbeing round: it falls as patients improve."""
    for visit in ("d0", "d28"):
        values[("wellbeing", visit, 0)] = 100 - values[("wellbeing", visit, 0)]


def turned_at_baseline_only(values: pd.DataFrame) -> None:
    """Turn wellbeing round, and measure it at baseline only."""
    turned(values)
    values[("wellbeing", "d28", 0)] = np.nan


def from_one(values: pd.DataFrame) -> None:
    """Raise every answer to at least 1."""
    for place in by_place(values):
        if place[2] > 0:
            values[place] = values[place].clip(lower=1)


def as_means(values: pd.DataFrame) -> None:
    """Put the mean of the items where their sum is declared."""
    values[("hamd", "d0", 0)] /= 17


def unchanged(study: Study) -> Study:
    """Return the study as it is."""
    return study


def without_later_scales(study: Study) -> Study:
    """Leave the outcome's own scale alone after baseline."""
    kept = tuple(
        one for one in study.cohort.sources if one.visit == "d0" or one.name.startswith("madrs")
    )
    return replace(study, cohort=replace(study.cohort, sources=kept))


def prorated(study: Study) -> Study:
    """Let one patient skip an item, which the study fills in."""
    columns = study.experiment.cohort.model_dump(mode="json", by_alias=True)["columns"]
    columns["madrs"]["prorate"] = "80%"
    values = by_place(study.cohort.values)
    values["madrs", "d0", 3] = np.where(np.arange(N) == 7, np.nan, values["madrs", "d0", 3])
    return study_of(values, columns=columns)


def with_lone_total(n: int) -> Change:
    """Return a change that keeps totals of patients whose items are lost."""

    def changed(study: Study) -> Study:
        reported = study.cohort.values[[("madrs", "d0", 0)]].copy()
        values = study.cohort.values.copy()
        for item in (0, *ITEMS):
            values.loc[values.index[:n], [("madrs", "d0", item)]] = np.nan
        made = study_of(by_place(values))
        return replace(made, cohort=replace(made.cohort, reported=reported))

    return changed


def with_few_columns(n_equal: int) -> Change:
    """Return a change to five columns only, in which the first patients are equal."""

    def changed(study: Study) -> Study:
        values = {
            place: one for place, one in by_place(study.cohort.values).items() if not place[2]
        }
        for place, one in values.items():
            values[place] = np.where(np.arange(N) < n_equal, one[0], one)
        few = study_of(values)
        kept = tuple(one for one in few.cohort.sources if one.name != "madrs")
        return replace(few, cohort=replace(few.cohort, sources=kept))

    return changed


def with_codes(study: Study) -> Study:
    """Return the study after reading noticed codes among ages."""
    text = "data.csv, column 'age': 2 values such as codes of missing values (-99, 999) (rows 2, 7)"
    notice = Notice(code="HO023", text=text, who=("P00", "P05"))
    return replace(study, cohort=replace(study.cohort, noticed=(notice,)))


def with_sidas(first: list[int]) -> Study:
    """Return a study with the SIDAS, of which the first patient gave these answers."""
    columns = an_experiment().cohort.model_dump(mode="json", by_alias=True)["columns"]
    columns["sidas"] = {"items": "s{item}", "instrument": "sidas"}
    values = made_up_values()
    for item, answer in enumerate(first, start=1):
        values["sidas", "d0", item] = np.where(np.arange(N) == 0, answer, 2.0)
    return study_of(values, columns=columns)


def at_sites(*sites: tuple[str, int, int], number: bool = False) -> Change:
    """Return a change to patients of sites (name, patients, events), in the order of the table."""

    def changed(study: Study) -> Study:
        names = [name for name, n, _ in sites for _ in range(n)]
        events = [rank < n_events for _, n, n_events in sites for rank in range(n)]
        # Who is left out of the sites was not observed.
        scores = np.full(N, np.nan)
        scores[: len(events)] = np.where(events, 10.0, 30.0) + 0.01 * np.arange(len(events))
        outcome = replace(
            study.outcomes[0],
            baseline=np.full(N, 40.0),
            scores=scores[:, None],
            rule=rule_of(RuleSpec(value="score")) if number else study.outcomes[0].rule,
        )
        site = (*names, *[""] * (N - len(names)))
        cohort = replace(study.cohort, site=site)
        return replace(study, outcomes=(outcome,), cohort=cohort)

    return changed


SPEAKING: list[tuple[str, Change, str, str]] = [
    (
        "HO027",
        at_sites(("a", 10, 9), ("b", 15, 2), ("c", 15, 3)),
        "issue",
        r"response at d28 \(9 of 10, 90 %, at site a, 5 of 30, 17 %, elsewhere, p < \.001\)",
    ),
    # Two sites are one comparison.
    ("HO027", at_sites(("a", 8, 6), ("b", 24, 6)), "tip", r"at site a, .* elsewhere, p \.030\)"),
    (
        "HO027",
        at_sites(("a", 32, 12), ("b", 8, 3)),
        "issue",
        r"Nearly all at one site: response at d28 \(32 of 40 patients at site a\)",
    ),
    (
        "HO027",
        at_sites(("a", 20, 4), ("b", 20, 1)),
        "issue",
        r"response at d28 \(4 of 5 events at site a\)",
    ),
    (
        "HO027",
        at_sites(("a", 10, 9), ("b", 30, 3), number=True),
        "issue",
        r"\(a mean of 12\.0\d* in 10 patients at site a, a mean of 28\.2\d* in 30 patients else",
    ),
    (
        "HO015",
        lambda _: study_of(made_up_values(), simulated=True),
        "issue",
        "The data are simulated",
    ),
    ("HO016", with_reported(1, 3), "issue", "madrs at d0 for 3 of 40 patients"),
    (
        "HO016",
        with_lone_total(2),
        "issue",
        "a score where items are missing: madrs at d0 for 2 patients. It is not used",
    ),
    ("HO017", with_few_columns(2), "tip", "same values in all 5 columns .* 1 pair or group"),
    ("HO017", with_twin(0), "issue", "same values: 1 in all that both have, 0 more"),
    ("HO017", with_twin(1), "tip", "same values: 0 in all that both have, 1 more"),
    ("HO018", with_values(turned), "issue", r"wellbeing \(changes up to d28, 40 patients\)"),
    ("HO018", with_values(turned_at_baseline_only), "issue", r"wellbeing \(at baseline, 40"),
    ("HO019", with_age(lambda age, _: age * 0), "issue", "have it: age"),
    ("HO019", with_age(lambda age, _: age * np.nan), "issue", "have it: age"),
    ("HO020", unchanged, "tip", r"wellbeing \(d28\), hamd \(d28\)"),
    ("HO021", with_age(lambda age, _: age.where(np.arange(N) >= 9)), "issue", "age 9"),
    ("HO022", with_dropout(5), "issue", r"age \(5 of 5 at d28\)"),
    (
        "HO023",
        with_codes,
        "issue",
        "read as values: data.csv, column 'age': 2 values such as codes",
    ),
    ("HO023", with_values(from_one), "tip", "no answer to 10 items of madrs is ever 0"),
    ("HO023", with_values(as_means), "tip", "hamd at d0 stays in the lowest part of 0 to 5"),
    (
        "HO023",
        lambda _: with_sidas([0, 0, 10, 10, 10]),
        "tip",
        "sidas at d0 contradicts its skip rule in 1 patient. Items that by the rule were not",
    ),
    ("HO024", prorated, "tip", "madrs at d0 1 of 40"),
]
SILENT: list[tuple[str, Change, str]] = [
    ("HO027", unchanged, "not_applicable"),
    ("HO027", at_sites(("a", 40, 20)), "not_applicable"),
    ("HO027", at_sites(("a", 20, 10), ("b", 20, 9)), "passed"),
    # 4 of 4 would tell what each of them answered.
    ("HO027", at_sites(("a", 4, 4), ("b", 18, 2), ("c", 18, 2)), "passed"),
    ("HO027", at_sites(("a", 31, 11), ("b", 9, 4)), "passed"),
    ("HO027", at_sites(("a", 20, 3), ("b", 20, 1)), "passed"),
    # Five sites: a p of .014 by itself is none.
    ("HO027", at_sites(("a", 8, 6), *((name, 8, 2) for name in "bcde")), "passed"),
    ("HO027", at_sites(("a", 20, 20), ("b", 20, 20)), "passed"),
    ("HO015", unchanged, "not_applicable"),
    ("HO016", unchanged, "not_applicable"),
    ("HO016", with_reported(0.05, 3), "passed"),
    ("HO017", unchanged, "passed"),
    ("HO017", with_twin(4), "passed"),
    ("HO017", with_few_columns(1), "passed"),
    ("HO018", unchanged, "passed"),
    ("HO019", unchanged, "passed"),
    ("HO020", without_later_scales, "passed"),
    ("HO021", with_age(lambda age, _: age.where(np.arange(N) >= 8)), "passed"),
    ("HO022", with_dropout(2), "not_applicable"),
    ("HO022", with_age(lambda age, _: age.where(np.arange(N) >= 8)), "not_applicable"),
    ("HO023", unchanged, "passed"),
    ("HO023", lambda _: with_sidas([0, 10, 0, 0, 0]), "passed"),
    ("HO024", unchanged, "passed"),
]


@pytest.mark.parametrize(("code", "change", "verdict", "text"), SPEAKING)
def test_a_check_speaks_where_there_is_something_to_say(
    study: Study, code: str, change: Change, verdict: str, text: str
) -> None:
    found = change(study).finding(code)
    assert re.search(text, found.text)
    assert found.verdict == verdict


@pytest.mark.parametrize(("code", "change", "verdict"), SILENT)
def test_a_check_passes_where_there_is_nothing(
    study: Study, code: str, change: Change, verdict: str
) -> None:
    assert change(study).finding(code).verdict == verdict


def test_every_check_is_made_to_speak_and_to_pass() -> None:
    assert {code for code, *_ in SPEAKING} == {code for code, *_ in SILENT} == DATA_CODES


def test_every_check_leaves_one_finding_in_the_order_of_its_number(study: Study) -> None:
    assert [finding.code for finding in run_checks(study)] == sorted(DATA_CODES)


def test_patients_are_named_apart_from_the_text(study: Study) -> None:
    """A page that is passed on shows the text and leaves the pseudonyms out."""
    changed = with_reported(1, 2)(study)
    found = changed.finding("HO016")
    assert found.who == ("P00", "P01")
    assert "P00" not in found.text
    assert with_twin(0)(study).finding("HO017").who == ("P00 and P01",)


def test_a_total_beside_its_items_is_not_compared_a_second_time(study: Study) -> None:
    """Or one questionnaire would decide alone who is alike."""
    total = Source(name="madrs", visit="d0", item=0, column="madrs_total")
    cohort = replace(study.cohort, sources=(*study.cohort.sources, total))
    for one in (study, replace(study, cohort=cohort)):
        assert one.finding("HO017").text == "No two patients are alike in 25 columns."


def test_a_feature_that_others_lack_too_is_not_missing_with_dropout(study: Study) -> None:
    changed = with_dropout(5)(study)
    table = changed.matrix.table.copy()
    table.iloc[30:] = np.nan
    changed = replace(changed, matrix=replace(changed.matrix, table=table))
    assert changed.finding("HO022").verdict == "passed"


@pytest.mark.parametrize(("n_others", "verdict"), [(1, "issue"), (2, "passed")])
def test_nine_in_ten_who_lack_a_feature_must_be_those_lost(
    study: Study, n_others: int, verdict: str
) -> None:
    """Of nine lost patients who lack it, one more who lacks it makes .90, two make .82."""
    changed = with_dropout(9)(study)
    table = changed.matrix.table.copy()
    table.iloc[30 : 30 + n_others] = np.nan
    changed = replace(changed, matrix=replace(changed.matrix, table=table))
    assert changed.finding("HO022").verdict == verdict


def test_three_lost_patients_are_enough_to_be_looked_at(study: Study) -> None:
    assert with_dropout(3)(study).finding("HO022").verdict == "issue"


def test_twins_are_found_by_what_both_have(study: Study) -> None:
    def twin(values: pd.DataFrame) -> None:
        values.iloc[1] = values.iloc[0]
        values.iloc[1, :5] = np.nan

    assert with_values(twin)(study).finding("HO017").verdict == "issue"


def test_patients_who_answer_as_nearly_everybody_are_not_alike(study: Study) -> None:
    """Zeros that nine in ten share tell nobody apart."""

    def rare(values: pd.DataFrame) -> None:
        for number, place in enumerate(values.columns):
            values[place] = (np.arange(N) % 20 == number % 20).astype(float)

    found = with_values(rare)(study).finding("HO017")
    assert (found.verdict, found.who) == ("not_applicable", ())


def test_a_direction_is_not_doubted_in_a_few_patients(study: Study) -> None:
    def few(values: pd.DataFrame) -> None:
        turned(values)
        values.iloc[19:] = np.nan

    assert with_values(few)(study).finding("HO018").verdict == "not_applicable"


@pytest.mark.parametrize(("code", "change", "verdict", "text"), SPEAKING)
def test_no_value_is_repeated(
    study: Study, code: str, change: Change, verdict: str, text: str
) -> None:
    changed = change(study)
    ages = {f"{age:.4f}"[:7] for age in changed.cohort.numbers("age", "d0")}
    assert not [age for age in ages if age in changed.finding(code).text]


def test_equal_patients_of_few_coarse_columns_are_no_news(study: Study) -> None:
    """Of forty patients with five yes-or-no answers some are equal by chance."""

    def coarse(values: pd.DataFrame) -> None:
        for number, place in enumerate(values.columns):
            values[place] = ((np.arange(N) >> (number % 5)) % 2).astype(float)

    changed = with_few_columns(0)(with_values(coarse)(study))
    assert changed.finding("HO017").verdict == "not_applicable"
    assert changed.finding("HO017").who == ()


def test_patients_of_suspicious_codes_are_named_apart(study: Study) -> None:
    assert with_codes(study).finding("HO023").who == ("P00", "P05")


def test_of_outcomes_that_differ_between_sites_the_clearest_is_told_in_full(study: Study) -> None:
    differing = at_sites(("a", 10, 9), ("b", 15, 2), ("c", 15, 3))(study)
    (clear,) = differing.outcomes
    # Two patients of site c do not meet the stricter rule.
    stricter = replace(clear, name="remission", rule=rule_of(RuleSpec(at_most=10.255)))
    text = replace(differing, outcomes=(stricter, clear)).finding("HO027").text
    assert text == (
        "The outcome differs between sites: remission at d28 (9 of 10, 90 %, at site a, 3 of 30, "
        "10 %, elsewhere, p < .001). So does response at d28. Whatever else differs between sites "
        "predicts it, so read the AUC within sites beside the AUC of all."
    )
