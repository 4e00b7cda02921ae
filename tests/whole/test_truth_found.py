"""What is planted is found, and nothing is found where nothing is; the benchmark in small."""

import pytest
from benchmarks.simulate_truth import first_construct, null_run


@pytest.mark.slow
def test_without_an_effect_the_headline_is_chance_on_average() -> None:
    """The SD of one cohort's AUC at n = 60 is about .10: four standard errors of 8 are .14."""
    areas, found = null_run(60, range(1, 9), repeats=1, trials=2)
    assert len(areas) >= 7
    assert areas.mean() == pytest.approx(0.5, abs=0.14)
    # At 2.5 % each, three or more of eight come up once in 1000.
    assert found.sum() <= 2


@pytest.mark.slow
@pytest.mark.parametrize("planted", ["psychache", "mentalization"])
def test_the_planted_construct_comes_first(planted: str) -> None:
    """A construct of one score, and one of two that share items; 400 patients, d = 0.8."""
    firsts = [first_construct(planted, seed)[0] for seed in (21, 22, 23)]
    assert firsts.count(planted) >= 2
