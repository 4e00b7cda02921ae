"""Our own random forest against scikit-learn's: exactly where no chance is left, else in the mean.

Exactly: one tree with given bootstrap counts that tries every feature is scikit-learn's decision
tree with these counts as weights, to rounding. Counts are large and random, so that no two splits
are equally good by accident; where two features cut a node into the same children, patients who
were in the bag still get the same answer from both trees.

In the mean: scikit-learn draws other samples from the same distribution, so that forests differ
as two of its own with different seeds differ.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from heldout.kernels.chance import bootstrap_counts, random_bits
from heldout.kernels.forest import (
    MOST_PATIENTS,
    N_TREES,
    forest_from_counts,
    forest_path,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

KINDS = ["classes", "numbers"]
SHAPES = [(22, 30), (29, 5), (29, 30), (60, 8), (150, 4)]


class Cohort(NamedTuple):
    """Patients to learn from and patients to be predicted."""

    train: Floats
    answers: Floats
    test: Floats


def cohort_of(n: int, p: int, kind: str, seed: int, n_test: int = 40) -> Cohort:
    """Return patients whose answer depends on two features."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(n + n_test, p))
    numbers = features[:, 0] - features[:, -1] + 1.5 * generator.normal(size=n + n_test)
    answers = (numbers > 0.0).astype(np.float64) if kind == "classes" else 20.0 + 7.0 * numbers
    return Cohort(features[:n].copy(), answers[:n].copy(), features[n:].copy())


def large_counts(n: int, seed: int) -> Integers:
    """Return the counts of one tree, some of them 0."""
    generator = np.random.default_rng(seed)
    counts = generator.integers(1, 65535 // n, size=n)
    counts[generator.random(n) < 0.3] = 0
    return counts[np.newaxis]


def tree_of(kind: str, leaf: int, cohort: Cohort, counts: Integers, test: Floats) -> Floats:
    """Return what scikit-learn's tree says of the test patients."""
    tree: Any = DecisionTreeClassifier if kind == "classes" else DecisionTreeRegressor
    fitted = tree(min_samples_leaf=leaf, random_state=0).fit(
        cohort.train, cohort.answers, sample_weight=counts[0]
    )
    told: Floats = fitted.predict_proba(test)[:, -1] if kind == "classes" else fitted.predict(test)
    return told


def candidates_of(*pairs: tuple[float, float]) -> Floats:
    """Return candidates of min_samples_leaf and max_features."""
    return np.array(pairs, dtype=np.float64)


def spread_candidates(n: int) -> Floats:
    """Return a space-filling set over 1 to 8 patients and a tenth to all of the features."""
    spread = (0.5 + np.arange(n)[:, np.newaxis] * [0.7548776662, 0.5698402910]) % 1.0
    return np.column_stack([1.0 + np.floor(8.0 * spread[:, 0]), 0.1 + 0.9 * spread[:, 1]])


# The generator and the bootstrap -------------------------------------------------------------


def test_random_bits_are_those_of_splitmix64() -> None:
    """The first outputs for seeds 1234567 and 0, as published with Vigna's C code."""
    told = [int(random_bits(np.uint64(1234567), counter)) for counter in range(5)]
    assert told == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert int(random_bits(np.uint64(0), 0)) == 0xE220A8397B1DCDAF


def test_a_patient_is_drawn_in_proportion_to_his_weight() -> None:
    weights = np.array([1.0, 3.0, 0.5, 2.0, 1e-3, 1.5])
    counts = bootstrap_counts(weights, 20_000, 3)
    np.testing.assert_array_equal(counts.sum(axis=1), 6)
    expected = 6 * weights / weights.sum()
    # A patient's count is binomial; five standard errors of the mean over the samples.
    error = np.sqrt(expected * (1 - weights / weights.sum()) / 20_000)
    assert (np.abs(counts.mean(axis=0) - expected) < 5 * error).all()
    spread = counts.var(axis=0)[:4] / (expected * (1 - weights / weights.sum()))[:4]
    np.testing.assert_allclose(spread, 1.0, atol=0.06)


def test_bootstrap_samples_differ_by_tree_and_seed_and_not_by_the_unit_of_weight() -> None:
    weights = np.random.default_rng(0).uniform(0.2, 3.0, size=22)
    counts = bootstrap_counts(weights, 50, 7)
    assert len(np.unique(counts, axis=0)) == 50
    assert not (counts[:, np.newaxis] == bootstrap_counts(weights, 50, 8)).all(axis=2).any()
    np.testing.assert_array_equal(counts, bootstrap_counts(4.0 * weights, 50, 7))


def test_all_candidates_of_a_path_see_the_same_samples() -> None:
    """With leaves too large for any split a forest says the mean of its samples."""
    cohort = cohort_of(22, 3, "numbers", 0)
    weights = np.random.default_rng(1).uniform(0.2, 3.0, size=22)
    margins, _ = forest_path(
        cohort.train, cohort.answers, weights, candidates_of((20, 0.5), (22, 1.0)), cohort.test, 5
    )
    counts = bootstrap_counts(weights, N_TREES, 5)
    expected = np.mean(counts @ cohort.answers / counts.sum(axis=1))
    np.testing.assert_allclose(margins, expected, rtol=1e-12)


# Exactly scikit-learn's tree -----------------------------------------------------------------


@pytest.mark.parametrize("leaf", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_a_tree_is_scikit_learns_to_those_in_its_bag(n: int, p: int, kind: str, leaf: int) -> None:
    for seed in range(4):
        cohort, counts = cohort_of(n, p, kind, seed), large_counts(n, seed)
        bag = cohort.train[counts[0] > 0]
        margins, converged = forest_from_counts(
            cohort.train, cohort.answers, counts, candidates_of((leaf, 1.0)), bag, 0
        )
        expected = tree_of(kind, leaf, cohort, counts, bag)
        np.testing.assert_allclose(margins[0], expected, rtol=1e-12, atol=1e-12)
        assert converged.tolist() == [1.0]


@pytest.mark.parametrize("leaf", [1, 3, 8])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [22, 29, 60, 150])
def test_a_tree_of_one_feature_is_scikit_learns_to_everybody(n: int, kind: str, leaf: int) -> None:
    """Thresholds too: only one feature can cut, so it does not matter which was drawn first."""
    for seed in range(4):
        cohort, counts = cohort_of(n, 1, kind, seed, n_test=200), large_counts(n, seed)
        margins, _ = forest_from_counts(
            cohort.train, cohort.answers, counts, candidates_of((leaf, 1.0)), cohort.test, 0
        )
        expected = tree_of(kind, leaf, cohort, counts, cohort.test)
        np.testing.assert_allclose(margins[0], expected, rtol=1e-12, atol=1e-12)


def test_features_are_read_in_single_precision() -> None:
    """Near 2^24 it knows even numbers only: 3 becomes 4 there, and 1 becomes 0."""
    near = 2.0**24
    train = near + np.array([0.0, 1.0, 1.0, 6.0, 6.0])[:, np.newaxis]
    test = near + np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])[:, np.newaxis]
    cohort = Cohort(train, np.array([0.0, 1.0, 0.0, 1.0, 1.0]), test)
    counts = np.array([[1, 3, 1, 1, 2]])
    margins, _ = forest_from_counts(train, cohort.answers, counts, candidates_of((1, 1.0)), test, 0)
    np.testing.assert_allclose(margins[0], [0.6, 0.6, 0.6, 1.0, 1.0, 1.0], rtol=1e-15)
    np.testing.assert_allclose(margins[0], tree_of("classes", 1, cohort, counts, test), rtol=1e-15)


def questionnaire(cohort: Cohort) -> Cohort:
    return cohort._replace(train=np.round(2.0 * cohort.train))


def nearly_tied(cohort: Cohort) -> Cohort:
    """Values 4e-8 apart are the same to scikit-learn, values 4e-7 apart are not."""
    apart = np.random.default_rng(0).integers(0, 2, size=cohort.train.shape)
    step = np.where(np.arange(cohort.train.shape[1]) % 2, 4e-8, 4e-7)
    return cohort._replace(train=np.round(cohort.train) / 10.0 + apart * step)


def constant_columns(cohort: Cohort) -> Cohort:
    return cohort._replace(train=cohort.train * (np.arange(cohort.train.shape[1]) % 3 == 0))


def duplicated_columns(cohort: Cohort) -> Cohort:
    return cohort._replace(train=np.repeat(cohort.train[:, ::2], 2, axis=1))


def identical_patients(cohort: Cohort) -> Cohort:
    return cohort._replace(train=np.ones_like(cohort.train))


def separated(cohort: Cohort) -> Cohort:
    shift = 10.0 * (cohort.answers > np.median(cohort.answers))
    return cohort._replace(train=cohort.train + shift[:, np.newaxis])


def two_events(cohort: Cohort) -> Cohort:
    answers = cohort.answers * 0.0
    answers[:2] = 1.0
    return cohort._replace(answers=answers)


@pytest.mark.parametrize(
    "spoil",
    [
        questionnaire,
        nearly_tied,
        constant_columns,
        duplicated_columns,
        identical_patients,
        separated,
        two_events,
    ],
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("leaf", [1, 3])
def test_degenerate_patients_are_told_the_same(spoil: Any, kind: str, leaf: int) -> None:
    for seed, (n, p) in enumerate([(22, 30), (29, 30), (60, 8), (100, 6)]):
        cohort, counts = spoil(cohort_of(n, p, kind, seed)), large_counts(n, seed)
        counts[0, :2] = 1 + seed
        bag = cohort.train[counts[0] > 0]
        margins, converged = forest_from_counts(
            cohort.train, cohort.answers, counts, candidates_of((leaf, 1.0)), bag, 0
        )
        expected = tree_of(kind, leaf, cohort, counts, bag)
        np.testing.assert_allclose(margins[0], expected, rtol=1e-12, atol=1e-12)
        assert converged.tolist() == [1.0]


def test_of_equally_good_cuts_the_lowest_wins() -> None:
    """A law of ours: scikit-learn's rounding decides between cuts that are equally good."""
    train = np.arange(8.0)[:, np.newaxis]
    answers = np.array([-1.0, -1.0, -1.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    # The patient who is told 0 counts 2 and may go with the 4 on his left or on his right.
    counts = np.array([[2, 1, 1, 2, 1, 1, 1, 1]])
    margins, _ = forest_from_counts(train, answers, counts, candidates_of((3, 1.0)), train, 0)
    np.testing.assert_allclose(margins[0], [-1.0] * 3 + [2 / 3] * 5, rtol=1e-12)


# Chance: which features are tried --------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "varying", "chance"),
    [
        (0.01, 10, 1 / 10),
        (0.35, 10, 3 / 10),  # 3.5 features are 3.
        (0.80, 10, 8 / 10),
        (1.00, 10, 1.0),
        # Three of ten, eight constant: if all three are, the next that varies is taken.
        (0.30, 2, 3 / 10 + (8 * 7 * 6) / (10 * 9 * 8) / 2),
    ],
)
def test_a_share_of_the_features_is_tried(share: float, varying: int, chance: float) -> None:
    """The best feature is chosen whenever it is drawn, and one split is all there is room for."""
    generator = np.random.default_rng(0)
    train = generator.normal(size=(20, 10)) * (np.arange(10) >= 10 - varying)
    train[:, 9] = np.arange(20.0)
    answers = (np.arange(20) >= 10).astype(np.float64)
    counts, candidates = np.ones((1, 20), dtype=np.int64), candidates_of((10, share))
    chosen = [
        forest_from_counts(train, answers, counts, candidates, train[:1], seed)[0][0, 0] == 0.0
        for seed in range(4000)
    ]
    # Four standard errors.
    assert abs(np.mean(chosen) - chance) <= 4 * np.sqrt(chance * (1 - chance) / 4000)


def test_features_that_cannot_be_cut_change_nothing() -> None:
    """One feature varies: it is found however few are tried and whatever is drawn."""
    cohort, counts = cohort_of(29, 1, "numbers", 3), bootstrap_counts(np.ones(29), 20, 3)
    padded = np.zeros((29, 12))
    padded[:, 7] = cohort.train[:, 0]
    test = np.random.default_rng(0).normal(size=(40, 12))
    test[:, 7] = cohort.test[:, 0]
    candidates = candidates_of((1, 0.1), (2, 0.5), (4, 1.0))
    told, _ = forest_from_counts(padded, cohort.answers, counts, candidates, test, 1)
    alone, _ = forest_from_counts(cohort.train, cohort.answers, counts, candidates, cohort.test, 1)
    np.testing.assert_array_equal(told, alone)


# In the mean scikit-learn's forest -------------------------------------------------------------


def breast_cancer() -> Cohort:
    features, answers = load_breast_cancer(return_X_y=True)
    chosen = np.random.default_rng(1).permutation(len(answers))[:136]
    train, test = features[chosen[:36]].copy(), features[chosen[36:]].copy()
    return Cohort(train, answers[chosen[:36]].astype(np.float64), test)


def made_up(n: int, kind: str) -> Cohort:
    return cohort_of(n, 30, kind, n, n_test=100)


def distances(cohort: Cohort, kind: str, candidate: tuple[int, float], weighted: bool) -> Floats:
    """Return mean distances: ours to scikit-learn's, scikit-learn's to itself; 500 trees each."""
    leaf, share = candidate
    n = len(cohort.answers)
    weights = np.random.default_rng(2).uniform(0.1, 3.0, size=n) if weighted else np.ones(n)
    forest: Any = RandomForestClassifier if kind == "classes" else RandomForestRegressor
    theirs = []
    for seed in range(2):
        made = forest(500, min_samples_leaf=leaf, max_features=share, random_state=seed)
        made.fit(cohort.train, cohort.answers, sample_weight=weights)
        told = made.predict_proba if kind == "classes" else made.predict
        theirs.append(told(cohort.test).reshape(len(cohort.test), -1)[:, -1])
    ours = [
        forest_from_counts(
            cohort.train,
            cohort.answers,
            bootstrap_counts(weights, 500, seed),
            candidates_of(candidate),
            cohort.test,
            seed,
        )[0][0]
        for seed in range(4)
    ]
    apart = np.mean([np.abs(one - other).mean() for one in ours for other in theirs])
    return np.array([apart, np.abs(theirs[0] - theirs[1]).mean()])


def test_forests_of_classes_are_as_far_from_scikit_learns_as_its_own_seeds() -> None:
    """The yardstick is one distance per case, itself known to some 10 percent: hence 1.15.

    At 4000 trees and with each patient's distance divided by its standard error, 70 cases gave a
    mean square of 1.05 where chance alone gives 1.
    """
    told = [
        distances(breast_cancer(), "classes", (4, 0.7), True),
        distances(made_up(36, "classes"), "classes", (1, 0.2), True),
        distances(made_up(100, "classes"), "classes", (3, 1.0), False),
    ]
    ratios = [ours / theirs for ours, theirs in told]
    assert np.mean(ratios) <= 1.15, ratios


def test_forests_of_numbers_are_as_far_from_scikit_learns_as_its_own_seeds() -> None:
    told = [
        distances(made_up(36, "numbers"), "numbers", (1, 0.33), False),
        distances(made_up(36, "numbers"), "numbers", (5, 0.7), True),
        distances(made_up(100, "numbers"), "numbers", (2, 0.1), True),
    ]
    ratios = [ours / theirs for ours, theirs in told]
    assert np.mean(ratios) <= 1.15, ratios


# Laws ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [29, 100])
def test_a_candidate_does_not_depend_on_the_others(n: int, kind: str) -> None:
    """Bit by bit: in another order, and alone."""
    cohort, candidates = cohort_of(n, 12, kind, 4), spread_candidates(40)
    weights = np.random.default_rng(4).uniform(0.2, 3.0, size=n)
    margins, _ = forest_path(cohort.train, cohort.answers, weights, candidates, cohort.test, 11)
    order = np.random.default_rng(0).permutation(40)
    other, _ = forest_path(
        cohort.train, cohort.answers, weights, candidates[order].copy(), cohort.test, 11
    )
    np.testing.assert_array_equal(other, margins[order])
    for k in range(0, 40, 7):
        alone, _ = forest_path(
            cohort.train, cohort.answers, weights, candidates[k : k + 1].copy(), cohort.test, 11
        )
        np.testing.assert_array_equal(alone[0], margins[k])


@pytest.mark.parametrize("kind", KINDS)
def test_a_patient_is_told_the_same_alone(kind: str) -> None:
    """Branches that nobody reaches are not grown, and are not missed."""
    cohort, candidates = cohort_of(29, 30, kind, 5), spread_candidates(12)
    weights = np.ones(29)
    margins, _ = forest_path(cohort.train, cohort.answers, weights, candidates, cohort.test, 2)
    for t in range(0, 40, 9):
        alone, _ = forest_path(
            cohort.train, cohort.answers, weights, candidates, cohort.test[t : t + 1].copy(), 2
        )
        np.testing.assert_array_equal(alone[:, 0], margins[:, t])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [29, 100])
def test_the_order_of_patients_does_not_matter(n: int, kind: str) -> None:
    """Given who is in the bag: which patient a draw means does depend on their order."""
    cohort, candidates = cohort_of(n, 30, kind, 6), spread_candidates(12)
    counts = bootstrap_counts(np.ones(n), 30, 6)
    order = np.random.default_rng(6).permutation(n)
    margins, _ = forest_from_counts(
        cohort.train, cohort.answers, counts, candidates, cohort.test, 3
    )
    other, _ = forest_from_counts(
        cohort.train[order].copy(),
        cohort.answers[order].copy(),
        counts[:, order].copy(),
        candidates,
        cohort.test,
        3,
    )
    np.testing.assert_array_equal(other, margins)


def test_swapping_the_classes_turns_the_probability_round() -> None:
    cohort, candidates = cohort_of(29, 30, "classes", 7), spread_candidates(12)
    weights = np.ones(29)
    margins, _ = forest_path(cohort.train, cohort.answers, weights, candidates, cohort.test, 1)
    other, _ = forest_path(cohort.train, 1 - cohort.answers, weights, candidates, cohort.test, 1)
    np.testing.assert_allclose(other, 1 - margins, rtol=0.0, atol=1e-12)


def test_the_unit_of_the_numbers_does_not_matter() -> None:
    cohort, candidates = cohort_of(29, 30, "numbers", 8), spread_candidates(12)
    weights = np.ones(29)
    margins, _ = forest_path(cohort.train, cohort.answers, weights, candidates, cohort.test, 1)
    for unit in (2.0**-40, 2.0**40):
        other, _ = forest_path(
            cohort.train, unit * cohort.answers, weights, candidates, cohort.test, 1
        )
        np.testing.assert_array_equal(other, unit * margins)


def test_seeds_differ_and_a_seed_says_the_same_again_in_any_thread() -> None:
    cohort, candidates = cohort_of(29, 30, "classes", 9), spread_candidates(12)

    def margins(seed: int) -> Floats:
        told: Floats = forest_path(
            cohort.train, cohort.answers, np.ones(29), candidates, cohort.test, seed
        )[0]
        return told

    seeds = [0, 1, -1, 2**62]
    serial = [margins(seed) for seed in seeds]
    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(list(pool.map(margins, seeds)), serial)
    assert len({one.tobytes() for one in serial}) == len(seeds)


def test_the_stream_of_chance_has_not_changed() -> None:
    """Another sum here means that every forest ever stored would be another one now."""
    train = np.array([[(7 * i * (j + 2)) % 23 for j in range(6)] for i in range(24)], dtype=float)
    answers = np.array([(i * i) % 5 < 2 for i in range(24)], dtype=float)
    weights = np.array([1.0, 2.0, 3.0] * 8)
    margins, _ = forest_path(train, answers, weights, candidates_of((1, 0.4), (3, 0.7)), train, 42)
    np.testing.assert_allclose(
        margins.sum(axis=1), [13.34802380952381, 13.182925685425685], rtol=1e-12
    )


# What cannot be learnt -------------------------------------------------------------------------


@pytest.mark.parametrize("constant", [0.0, 1.0, 0.1, -1e300])
def test_a_constant_outcome_is_told_to_everybody(constant: float) -> None:
    cohort = cohort_of(22, 30, "classes", 0)
    margins, converged = forest_path(
        cohort.train, np.full(22, constant), np.ones(22), spread_candidates(3), cohort.test, 0
    )
    np.testing.assert_array_equal(margins, np.full((3, 40), constant))
    assert converged.tolist() == [1.0, 1.0, 1.0]


def test_probabilities_stay_within_0_and_1() -> None:
    cohort = separated(cohort_of(29, 5, "classes", 0))
    counts = np.ones((49, 29), dtype=np.int64)
    margins, _ = forest_from_counts(
        cohort.train, cohort.answers, counts, candidates_of((1, 1.0)), cohort.train, 0
    )
    np.testing.assert_array_equal(margins[0], cohort.answers)


def test_nobody_to_predict_and_nothing_to_learn_from_are_no_faults() -> None:
    cohort = cohort_of(22, 30, "classes", 0)
    margins, converged = forest_path(
        cohort.train, cohort.answers, np.ones(22), spread_candidates(3), np.empty((0, 30)), 0
    )
    assert margins.shape == (3, 0)
    assert converged.tolist() == [1.0, 1.0, 1.0]
    counts = np.ones((1, 22), dtype=np.int64)
    margins, _ = forest_from_counts(
        np.empty((22, 0)), cohort.answers, counts, spread_candidates(1), np.empty((2, 0)), 0
    )
    np.testing.assert_allclose(margins, cohort.answers.mean(), rtol=1e-12)


@pytest.mark.parametrize("place", ["train", "test", "answers", "patients"])
def test_what_it_cannot_hold_the_forest_declines(place: str) -> None:
    """scikit-learn refuses what overflows single precision; ours must not raise."""
    n = MOST_PATIENTS + 1 if place == "patients" else 22
    cohort = cohort_of(n, 2, "numbers", 0)
    if place in {"train", "test"}:
        getattr(cohort, place)[3, 1] = -1e39
    if place == "answers":
        cohort.answers[:2] = [-1.7e308, 1.7e308]
    margins, converged = forest_path(
        cohort.train, cohort.answers, np.ones(n), spread_candidates(2), cohort.test, 0
    )
    assert np.isfinite(margins).all()
    assert converged.tolist() == [0.0, 0.0]


def test_absurd_candidates_are_brought_within_reason() -> None:
    cohort = cohort_of(22, 5, "classes", 1)
    candidates = candidates_of((0, 1.0), (1, 1.0), (1, 7.0), (-3, 1.0), (1e12, 0.5), (23, 0.5))
    margins, _ = forest_path(cohort.train, cohort.answers, np.ones(22), candidates, cohort.test, 0)
    np.testing.assert_array_equal(margins[[0, 2, 3]], margins[[1, 1, 1]])
    np.testing.assert_array_equal(margins[4], margins[5])
