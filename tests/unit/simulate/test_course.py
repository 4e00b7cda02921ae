import numpy as np
import pytest

from heldout.simulate.answers import CONSTRUCTS, draw_traits
from heldout.simulate.cohort import Simulation, draw_course, simulate_table
from heldout.simulate.course import FOLLOW_UPS, items_of_totals, response_rates

MANY = 60_000


def population(spec: Simulation) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return traits and MADRS totals of many patients."""
    rng = np.random.default_rng(11)
    traits = draw_traits(MANY, rng)
    totals, _ = draw_course(spec, traits, rng.integers(600, size=MANY), rng)
    return traits, totals


def madrs(table: np.ndarray) -> np.ndarray:
    """Return totals of items; missing if any is."""
    totals: np.ndarray = table.astype("float64").sum(axis=1)
    return totals


def test_baseline_scores_are_those_of_patients_with_severe_depression() -> None:
    _, totals = population(Simulation())
    baseline = totals["baseline"]
    assert baseline.mean() == pytest.approx(34, abs=0.3)
    assert baseline.std() == pytest.approx(6, abs=0.3)
    assert baseline.min() >= 20
    assert baseline.max() <= 55


def test_patients_grow_apart_and_change_with_an_sd_of_13() -> None:
    """TRANSFORM: 13.2 and 14.1 after four weeks; here 12 to 14 from month 1 on."""
    _, totals = population(Simulation())
    spread = [totals[visit].std() for visit in ("baseline", "week1", "month1")]
    assert spread == sorted(spread)
    changes = [(totals[visit] - totals["baseline"]).std() for visit in list(FOLLOW_UPS)[1:]]
    assert min(changes) > 12
    assert max(changes) < 14


@pytest.mark.parametrize("rate", [0.3, 0.6])
def test_the_share_of_responders_is_as_asked(rate: float) -> None:
    _, totals = population(Simulation(response_rate=rate))
    for visit, wanted in response_rates(rate).items():
        found = (totals[visit] <= totals["baseline"] / 2).mean()
        assert found == pytest.approx(wanted, abs=0.012)


def test_without_an_effect_no_construct_bears_on_response() -> None:
    traits, totals = population(Simulation())
    for visit in FOLLOW_UPS:
        response = totals[visit] <= totals["baseline"] / 2
        for construct in CONSTRUCTS:
            # Four standard errors of a correlation of 0.
            assert abs(np.corrcoef(traits[construct], response)[0, 1]) < 4 / np.sqrt(MANY)


def test_an_effect_moves_responders_apart_by_its_size() -> None:
    traits, totals = population(Simulation(effects={"rigidity": -0.7}))
    for visit in FOLLOW_UPS:
        response = totals[visit] <= totals["baseline"] / 2
        yes, no = traits["rigidity"][response], traits["rigidity"][~response]
        within = np.sqrt(np.average([yes.var(), no.var()], weights=[len(yes), len(no)]))
        assert (yes.mean() - no.mean()) / within == pytest.approx(-0.7, abs=0.04)


def test_an_effect_works_at_the_follow_ups_it_was_given_to_only() -> None:
    traits, totals = population(Simulation(effects={"psychache": 0.8}, effects_at=("month6",)))
    gaps = {}
    for visit in FOLLOW_UPS:
        response = totals[visit] <= totals["baseline"] / 2
        psychache = traits["psychache"]
        gaps[visit] = psychache[response].mean() - psychache[~response].mean()
    assert gaps.pop("month6") > 0.6
    assert max(map(abs, gaps.values())) < 0.05


def test_items_add_up_to_the_total_and_stay_on_the_form() -> None:
    totals = {"baseline": np.arange(61.0), "week1": np.arange(61.0)[::-1]}
    for visit, items in items_of_totals(totals, np.random.default_rng(1)).items():
        assert (items.sum(axis=1) == totals[visit]).all()
        assert set(np.unique(items)) == set(range(7))


def test_suicidal_thoughts_are_the_last_item_to_rise() -> None:
    items = items_of_totals({"baseline": np.full(500, 34.0)}, np.random.default_rng(1))
    assert items["baseline"].mean(axis=0).argmin() == 9


@pytest.mark.parametrize("dropout", ["random", "informative"])
def test_patients_are_lost_at_the_rates_asked_for(dropout: str) -> None:
    spec = Simulation(n_patients=4000, dropout=dropout)  # type: ignore[arg-type]
    table = simulate_table(spec)
    for visit, share in spec.lost.items():
        error = 4 * np.sqrt(share * (1 - share) / 4000)
        # Sites share a little of what decides, so that more than chance can differ.
        assert table[f"madrs_{visit}_1"].isna().mean() == pytest.approx(share, abs=error + 0.02)


def test_who_is_lost_does_not_come_back() -> None:
    table = simulate_table(Simulation(n_patients=500))
    gone = table[[f"madrs_{visit}_1" for visit in FOLLOW_UPS]].isna().to_numpy()
    assert (np.diff(gone.astype(int), axis=1) >= 0).all()
    assert gone.any()


def test_nobody_is_lost_without_drop_out() -> None:
    table = simulate_table(Simulation(n_patients=500, dropout="none"))
    assert not table.filter(regex="^madrs_").isna().to_numpy().any()


def test_informative_drop_out_flatters_who_is_left_and_random_does_not() -> None:
    rates = {}
    for dropout in ("none", "random", "informative"):
        table = simulate_table(Simulation(n_patients=6000, dropout=dropout))
        first = madrs(table.filter(regex="^madrs_baseline_").to_numpy(dtype="float64"))
        last = madrs(table.filter(regex="^madrs_month6_").to_numpy(dtype="float64"))
        seen = ~np.isnan(last)
        rates[dropout] = (last[seen] <= first[seen] / 2).mean()
    assert rates["random"] == pytest.approx(rates["none"], abs=0.03)
    assert rates["informative"] > rates["none"] + 0.08
