import numpy as np
import pandas as pd
import pytest

from heldout.errors import SpecError
from heldout.simulate.cohort import STREAMS, Simulation, simulate_table


def test_the_same_seed_makes_the_same_bytes() -> None:
    one, two = (simulate_table(Simulation(seed=4)).to_csv() for _ in range(2))
    assert one == two


def test_another_seed_makes_other_patients() -> None:
    one, two = (simulate_table(Simulation(seed=seed)).to_csv() for seed in (4, 5))
    assert one != two


def test_an_effect_leaves_the_patients_at_baseline_as_they_were() -> None:
    """So that two simulations differ in what was asked for, and in nothing else."""
    one = simulate_table(Simulation())
    two = simulate_table(Simulation(effects={"psychache": 1.0}, dropout="informative"))
    known = [
        name for name in map(str, one) if not name.startswith("madrs_") or "_baseline_" in name
    ]
    pd.testing.assert_frame_equal(one[known], two[known])
    assert not one.equals(two)


def test_drop_out_leaves_the_scores_of_those_seen_as_they_were() -> None:
    whole = simulate_table(Simulation(dropout="none"))
    lost = simulate_table(Simulation(dropout="random"))
    assert lost.isna().sum().sum() > whole.isna().sum().sum()
    pd.testing.assert_frame_equal(lost, whole.mask(lost.isna()))


def test_every_site_has_patients() -> None:
    table = simulate_table(Simulation(n_patients=10, n_sites=10))
    assert sorted(table["site"]) == list(range(1, 11))


def test_patients_are_named_and_sorted() -> None:
    table = simulate_table(Simulation(n_patients=120))
    assert list(table.index[:2]) == ["P001", "P002"]
    assert table.index.is_monotonic_increasing
    assert table.index.is_unique


def test_everybody_is_an_adult_with_two_failed_trials() -> None:
    """Treatment resistance is two trials without success."""
    table = simulate_table(Simulation(n_patients=2000))
    assert table["age"].between(18, 80).all()
    assert table["previous_trials"].min() == 2


def test_a_construct_that_does_not_exist_is_refused_with_a_suggestion() -> None:
    with pytest.raises(SpecError, match=r"effects: 'psychace' is no known .* Did you mean 'psych"):
        Simulation(effects={"psychace": 0.8})


def test_a_follow_up_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SpecError, match="effects_at: 'month4' is no known follow-up"):
        Simulation(effects_at=("month4",))


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SpecError, match=r"(?s)3 faults.*n_patients.*n_sites.*seed: found -1"):
        Simulation(n_patients=5, n_sites=6, seed=-1)


def test_effects_that_would_explain_everything_are_refused() -> None:
    with pytest.raises(SpecError, match=r"together they would explain .* Take smaller or fewer"):
        Simulation(effects={"psychache": 3.0, "depression": 3.0})


@pytest.mark.parametrize("rate", [0.0, 0.049, 0.951, 1.0, float("nan")])
def test_a_response_rate_that_leaves_nobody_on_one_side_is_refused(rate: float) -> None:
    with pytest.raises(SpecError, match=r"response_rate: found .* required: 0\.05 to 0\.95"):
        Simulation(response_rate=rate)


@pytest.mark.parametrize("rate", [0.05, 0.95])
def test_the_rarest_responses_can_be_simulated(rate: float) -> None:
    assert Simulation(response_rate=rate).response_rate == rate


def test_an_effect_that_is_no_number_is_refused() -> None:
    with pytest.raises(SpecError, match=r"effects: found .* required: finite numbers"):
        Simulation(effects={"psychache": float("nan")})


def test_drop_out_that_heals_is_refused() -> None:
    lost = {"week1": 0.2, "month1": 0.1, "month2": 0.3, "month3": 0.3, "month6": 0.3}
    with pytest.raises(SpecError, match=r"lost: .* shares below 1 that never fall"):
        Simulation(lost=lost)


def test_every_part_draws_from_a_stream_of_its_own() -> None:
    """One stream for all would give the noise of one part to another."""
    first = [Simulation().rng(stream).random() for stream in STREAMS]
    assert len(set(first)) == len(STREAMS)


def test_without_an_effect_nobody_at_baseline_tells_who_improves() -> None:
    """In the table, as a model sees it: people and questionnaires, item by item."""
    n_patients = 6000
    table = simulate_table(
        Simulation(n_patients=n_patients, n_sites=600, dropout="none", missing_items=0)
    ).astype("float64")
    first = table.filter(regex="^madrs_baseline_").sum(axis=1)
    response = table.filter(regex="^madrs_month3_").sum(axis=1) <= first / 2
    known = table.drop(columns=["site", *table.filter(regex="^madrs_")]).fillna(0.0)
    correlations = known.corrwith(response.astype("float64"))
    assert len(correlations) == 3 + 107
    # The largest of 110 correlations of 0 passes 4.5 standard errors once in 1300.
    assert correlations.abs().max() < 4.5 / np.sqrt(n_patients)
