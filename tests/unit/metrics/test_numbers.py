"""Metrics of numbers: variance explained, errors, ranks, calibration."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import linregress, somersd, spearmanr
from sklearn.metrics import mean_absolute_error as absolute_by_scikit_learn
from sklearn.metrics import mean_squared_error, r2_score

from heldout.metrics.discrimination import fold_paired_auc, fold_paired_concordance
from heldout.metrics.numbers import (
    calibration_slope,
    mean_absolute_error,
    r_squared_out_of_fold,
    skill_variance,
    spearman,
)

Floats = NDArray[np.float64]
N = 30
RNG = np.random.default_rng(0)
OBSERVED = RNG.normal(20, 8, N)
WEIGHTS = RNG.uniform(0.1, 4, N)
ONE_FOLD = np.zeros((1, N), dtype=np.int64)
FIVE_FOLDS = np.array([np.random.default_rng(one).permutation(N) % 5 for one in range(3)])


def predicted(n_repeats: int = 1, seed: int = 1) -> Floats:
    """Return predictions that have something to do with the numbers."""
    noise = np.random.default_rng(seed).normal(0, 6, (n_repeats, N))
    return 20 + 0.5 * (OBSERVED - 20) + noise


def means(n_repeats: int = 1) -> Floats:
    """Return training means, which differ between folds."""
    return np.random.default_rng(2).normal(20, 1, (n_repeats, N))


def test_against_one_mean_it_is_scikit_learns_r_squared() -> None:
    mean = np.full((1, N), OBSERVED.mean())
    expected = r2_score(OBSERVED, predicted()[0])
    assert r_squared_out_of_fold(predicted(), OBSERVED, mean) == pytest.approx(expected, abs=1e-14)


def test_it_compares_weighted_squared_errors_averaged_over_the_repeats() -> None:
    def error(rows: Floats) -> float:
        each = [mean_squared_error(OBSERVED, row, sample_weight=WEIGHTS) for row in rows]
        return float(np.mean(each))

    prediction, mean = predicted(3), means(3)
    found = r_squared_out_of_fold(prediction, OBSERVED, mean, WEIGHTS)
    assert found == pytest.approx(1 - error(prediction) / error(mean), abs=1e-14)


def test_the_training_mean_explains_nothing() -> None:
    assert r_squared_out_of_fold(means(3), OBSERVED, means(3)) == 0.0


def test_a_prediction_that_comes_true_explains_everything() -> None:
    assert r_squared_out_of_fold(OBSERVED[None, :], OBSERVED, means()) == 1.0


def test_worse_than_the_mean_is_below_zero() -> None:
    assert r_squared_out_of_fold(means() + 30, OBSERVED, means()) < 0


@pytest.mark.parametrize(("shift", "scale"), [(100.0, 1.0), (0.0, 10.0), (-5.0, -2.0)])
def test_neither_unit_nor_origin_changes_the_variance_explained(shift: float, scale: float) -> None:
    arrays = (predicted(2), OBSERVED, means(2))
    moved = [shift + scale * one for one in arrays]
    for metric in (r_squared_out_of_fold, skill_variance):
        assert metric(*moved) == pytest.approx(metric(*arrays), abs=1e-12)


def test_its_variance_is_near_that_of_a_bootstrap_over_patients() -> None:
    """The delta method and resampling are two ways to one figure; they agree within a tenth."""
    rng = np.random.default_rng(3)
    observed = rng.normal(20, 8, 400)
    prediction = (20 + 0.5 * (observed - 20) + rng.normal(0, 4, 400))[None, :]
    mean = np.full((1, 400), 20.0)
    drawn = [
        r_squared_out_of_fold(prediction[:, rows], observed[rows], mean[:, rows])
        for rows in rng.integers(0, 400, (2000, 400))
    ]
    variance = skill_variance(prediction, observed, mean)
    assert variance**0.5 == pytest.approx(np.std(drawn), rel=0.1)


def test_its_variance_of_the_mean_itself_is_zero() -> None:
    assert skill_variance(means(2), OBSERVED, means(2)) == 0.0


def test_a_patient_of_weight_two_counts_as_two_patients() -> None:
    rows = np.repeat(np.arange(N), 1 + (np.arange(N) < 10))
    twice = r_squared_out_of_fold(predicted()[:, rows], OBSERVED[rows], means()[:, rows])
    weights = np.where(np.arange(N) < 10, 2.0, 1.0)
    weighted = r_squared_out_of_fold(predicted(), OBSERVED, means(), weights)
    assert weighted == pytest.approx(twice, abs=1e-14)


def test_the_absolute_error_is_scikit_learns() -> None:
    each = [absolute_by_scikit_learn(OBSERVED, row, sample_weight=WEIGHTS) for row in predicted(3)]
    found = mean_absolute_error(predicted(3), OBSERVED, WEIGHTS)
    assert found == pytest.approx(np.mean(each), abs=1e-13)


def test_in_one_fold_the_rank_correlation_is_scipys() -> None:
    rounded = np.round(predicted(), -1)
    expected = spearmanr(rounded[0], OBSERVED).statistic
    assert spearman(rounded, ONE_FOLD, OBSERVED) == pytest.approx(expected, abs=1e-14)


def test_one_repeated_fold_does_not_change_the_rank_correlation() -> None:
    twice = spearman(np.tile(predicted(), (2, 1)), np.tile(ONE_FOLD, (2, 1)), OBSERVED)
    assert twice == pytest.approx(spearman(predicted(), ONE_FOLD, OBSERVED), abs=1e-14)


@pytest.mark.parametrize("metric", [spearman, fold_paired_concordance])
def test_ranks_are_compared_inside_folds_alone(metric: object) -> None:
    """Each fold has a model of its own, whose level says nothing about patients elsewhere."""
    assert callable(metric)
    shifted = predicted(3) + 1000.0 * FIVE_FOLDS
    found = metric(shifted, FIVE_FOLDS, OBSERVED)
    assert found == pytest.approx(metric(predicted(3), FIVE_FOLDS, OBSERVED), abs=1e-12)


def test_equal_predictions_rank_nobody() -> None:
    flat = FIVE_FOLDS.astype(np.float64)
    assert spearman(flat, FIVE_FOLDS, OBSERVED) == 0.0
    assert fold_paired_concordance(flat, FIVE_FOLDS, OBSERVED) == 0.5


def test_weights_of_nearly_zero_leave_patients_out_of_the_ranks() -> None:
    weights = np.where(np.arange(N) < 15, 1.0, 1e-9)
    order = np.argsort(np.arange(N) >= 15)
    folds = (np.arange(N) >= 15)[None, :].astype(np.int64)[:, order]
    few = spearman(predicted()[:, :15], ONE_FOLD[:, :15], OBSERVED[:15])
    assert spearman(predicted(), folds, OBSERVED, weights) == pytest.approx(few, abs=1e-6)


def test_in_one_fold_the_concordance_is_somers_d() -> None:
    """D is agreement minus disagreement; ties in the prediction count half of each."""
    rounded = np.round(predicted(), -1)
    expected = (somersd(OBSERVED, rounded[0]).statistic + 1) / 2
    found = fold_paired_concordance(rounded, ONE_FOLD, OBSERVED)
    assert found == pytest.approx(expected, abs=1e-14)


def test_the_concordance_of_yes_and_no_is_the_fold_paired_auc() -> None:
    events = OBSERVED > 22
    for weights in (None, WEIGHTS):
        auc = fold_paired_auc(predicted(3), FIVE_FOLDS, events, weights)
        found = fold_paired_concordance(predicted(3), FIVE_FOLDS, events.astype(float), weights)
        assert found == pytest.approx(auc, abs=1e-14)


def test_the_concordance_counts_pairs_that_met_over_all_repeats() -> None:
    prediction = predicted(3)
    rates = []
    for i, j in combinations(range(N), 2):
        met = [r for r in range(3) if FIVE_FOLDS[r, i] == FIVE_FOLDS[r, j]]
        agree = [
            np.sign(prediction[r, i] - prediction[r, j]) == np.sign(OBSERVED[i] - OBSERVED[j])
            for r in met
        ]
        rates += [np.mean(agree)] if met else []
    found = fold_paired_concordance(prediction, FIVE_FOLDS, OBSERVED)
    assert found == pytest.approx(np.mean(rates), abs=1e-14)


def test_without_a_pair_that_differs_there_is_no_concordance() -> None:
    assert np.isnan(fold_paired_concordance(predicted(), ONE_FOLD, np.ones(N)))


def many(n: int) -> tuple[Floats, Floats]:
    """Return predictions twice as extreme as they should be, and what was observed."""
    rng = np.random.default_rng(4)
    truth = rng.normal(size=n)
    return (2 * truth)[None, :], truth + 0.1 * rng.normal(size=n)


def test_the_calibration_slope_of_one_fold_is_that_of_least_squares() -> None:
    prediction, observed = many(100)
    found = calibration_slope(prediction, np.zeros((1, 100), dtype=np.int64), observed)
    assert found == pytest.approx(linregress(prediction[0], observed).slope, abs=1e-12)


def test_each_fold_has_an_intercept_of_its_own() -> None:
    prediction, observed = many(200)
    folds = (np.arange(200) % 5)[None, :]
    plain = calibration_slope(prediction, folds, observed)
    assert plain == pytest.approx(0.5, abs=0.02)
    assert calibration_slope(prediction + 50 * folds, folds, observed) == pytest.approx(plain)


def test_below_a_hundred_patients_no_slope_is_given() -> None:
    prediction, observed = many(99)
    assert calibration_slope(prediction, np.zeros((1, 99), dtype=np.int64), observed) is None


def test_equal_predictions_have_no_slope() -> None:
    _, observed = many(100)
    flat = np.full((1, 100), 0.1) + 1e-17
    assert calibration_slope(flat, np.zeros((1, 100), dtype=np.int64), observed) is None
