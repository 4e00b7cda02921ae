"""Our own boosted trees against XGBoost's: exactly where nothing is drawn, else in the mean."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom
from xgboost import Booster, DMatrix

from heldout.kernels import load_kernel
from heldout.kernels.boosting import MOST_PATIENTS, boosted_log_odds_path, boosted_numbers_path

Floats = NDArray[np.float64]

KINDS = ["classes", "numbers"]
OBJECTIVES = {"classes": "binary:logistic", "numbers": "reg:squarederror"}
PATHS = {"classes": boosted_log_odds_path, "numbers": boosted_numbers_path}
SHAPES = [(12, 1), (29, 30), (60, 8), (138, 10), (200, 4)]
SETTINGS = (
    "n_estimators",
    "learning_rate",
    "max_depth",
    "subsample",
    "colsample_bytree",
    "reg_lambda",
    "min_child_weight",
)
PLAIN = (30, 0.2, 2, 1.0, 1.0, 1.0, 1.0)


class Cohort(NamedTuple):
    """Patients to learn from and patients to be predicted."""

    train: Floats
    answers: Floats
    weights: Floats
    test: Floats


def cohort_of(n: int, p: int, kind: str, seed: int, n_test: int = 30) -> Cohort:
    """Return patients whose answer depends on two features; every other cohort is weighted."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(n + n_test, p))
    numbers = features[:, 0] - features[:, -1] / 2 + generator.normal(size=n + n_test)
    answers = (numbers > 0.3).astype(np.float64) if kind == "classes" else 20.0 + 7.0 * numbers
    weights = generator.uniform(0.2, 3.0, size=n) if seed % 2 else np.ones(n)
    return Cohort(features[:n].copy(), answers[:n].copy(), weights, features[n:].copy())


def candidates_of(*candidates: tuple[float, ...]) -> Floats:
    return np.array(candidates, dtype=np.float64)


def changed(**settings: float) -> tuple[float, ...]:
    """Return the plain candidate with other settings."""
    told = dict(zip(SETTINGS, PLAIN, strict=True)) | settings
    return tuple(told[name] for name in SETTINGS)


def some_candidate(kind: str, seed: int, *, drawn: bool = False) -> tuple[float, ...]:
    """Return a candidate of the catalogue's space; without chance unless asked."""
    generator = np.random.default_rng(seed)
    unit = 4.0 if kind == "numbers" else 1.0
    shares = generator.uniform(0.5, 1.0, size=2) if drawn else (1.0, 1.0)
    return (
        generator.integers(10, 101),
        np.exp(generator.uniform(np.log(0.02), np.log(0.3))),
        generator.integers(1, 4),
        *shares,
        unit * np.exp(generator.uniform(np.log(0.1), np.log(30.0))),
        unit * np.exp(generator.uniform(np.log(0.5), np.log(5.0))),
    )


def told(cohort: Cohort, kind: str, candidates: Floats, seed: int = 0) -> Floats:
    """Return our margins of the test patients."""
    margins, converged = PATHS[kind](*cohort[:3], candidates, cohort.test, seed)
    assert converged.tolist() == [1.0] * len(candidates)
    assert isinstance(margins, np.ndarray)
    return margins


def by_xgboost(cohort: Cohort, kind: str, candidate: tuple[float, ...], seed: int = 0) -> Floats:
    """Return XGBoost's margins of the test patients."""
    settings: dict[str, Any] = dict(zip(SETTINGS, candidate, strict=True))
    rounds = int(settings.pop("n_estimators"))
    settings |= {"max_depth": int(settings["max_depth"]), "objective": OBJECTIVES[kind]}
    learn = DMatrix(cohort.train, label=cohort.answers, weight=cohort.weights, nthread=1)
    booster = Booster(settings | {"tree_method": "exact", "seed": seed, "nthread": 1}, [learn])
    for step in range(rounds):
        booster.update(learn, step)
    margins = booster.predict(DMatrix(cohort.test, nthread=1), output_margin=True)
    return np.asarray(margins, dtype=np.float64)


def assert_the_same(cohort: Cohort, kind: str, candidate: tuple[float, ...]) -> None:
    expected = by_xgboost(cohort, kind, candidate)
    (margins,) = told(cohort, kind, candidates_of(candidate))
    np.testing.assert_allclose(
        margins, expected, rtol=0, atol=1e-6 * max(np.abs(expected).max(), 0.01)
    )


# Exactly XGBoost's trees -----------------------------------------------------------------------


def as_drawn(cohort: Cohort) -> Cohort:
    return cohort


def questionnaire(cohort: Cohort) -> Cohort:
    """Small whole numbers: many cuts, of many features, are equally good."""
    return cohort._replace(train=np.round(2.0 * cohort.train), test=np.round(2.0 * cohort.test))


def yes_and_no(cohort: Cohort) -> Cohort:
    return cohort._replace(train=(cohort.train > 0.0).astype(np.float64))


def constant_columns(cohort: Cohort) -> Cohort:
    return cohort._replace(train=cohort.train * (np.arange(cohort.train.shape[1]) % 3 == 0))


def duplicated_columns(cohort: Cohort) -> Cohort:
    """The twins differ in the test patients: it is seen which one was taken."""
    twins = np.repeat(cohort.train[:, ::2], 2, axis=1)[:, : cohort.train.shape[1]]
    return cohort._replace(train=np.round(twins, 1))


def identical_patients(cohort: Cohort) -> Cohort:
    return cohort._replace(train=np.ones_like(cohort.train))


def separated(cohort: Cohort) -> Cohort:
    shift = 10.0 * (cohort.answers > np.median(cohort.answers))
    return cohort._replace(train=cohort.train + shift[:, np.newaxis])


def two_events(cohort: Cohort) -> Cohort:
    answers = np.zeros(len(cohort.answers))
    answers[:2] = 1.0
    return cohort._replace(answers=answers)


def some_without_weight(cohort: Cohort) -> Cohort:
    return cohort._replace(weights=cohort.weights * (np.arange(len(cohort.weights)) % 4 > 0))


@pytest.mark.parametrize(
    "spoil",
    [
        as_drawn,
        questionnaire,
        yes_and_no,
        constant_columns,
        duplicated_columns,
        identical_patients,
        separated,
        two_events,
        some_without_weight,
    ],
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_without_chance_margins_are_xgboosts(n: int, p: int, kind: str, spoil: Any) -> None:
    for seed in range(4):
        assert_the_same(spoil(cohort_of(n, p, kind, seed)), kind, some_candidate(kind, seed))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "setting",
    [
        {"max_depth": 1},
        {"max_depth": 6},
        {"reg_lambda": 0.0},
        {"min_child_weight": 0.0},
        {"min_child_weight": 1e9},
        {"n_estimators": 1, "learning_rate": 1.0},
    ],
)
def test_at_the_borders_of_a_setting_margins_are_xgboosts(
    setting: dict[str, float], kind: str
) -> None:
    for seed in range(4):
        assert_the_same(cohort_of(29, 6, kind, seed), kind, changed(**setting))


@pytest.mark.parametrize("answer", [0.0, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_if_all_answers_are_the_same_margins_are_near_xgboosts(kind: str, answer: float) -> None:
    """So near to a probability of 1 single precision has few digits, and its versions differ."""
    cohort = cohort_of(29, 6, kind, 1)
    same = cohort._replace(answers=np.full(29, answer))
    (margins,) = told(same, kind, candidates_of(PLAIN))
    np.testing.assert_allclose(margins, by_xgboost(same, kind, PLAIN), rtol=1e-3)


def test_a_far_origin_is_rounded_as_xgboost_rounds_it() -> None:
    cohort = cohort_of(60, 6, "numbers", 3)
    assert_the_same(cohort._replace(answers=5000.0 + cohort.answers), "numbers", PLAIN)


def test_features_are_read_in_single_precision() -> None:
    """Near 2^24 it knows even numbers only, and between two neighbours there is no middle."""
    near = 2.0**24
    train = near + np.array([0.0, 1.0, 2.0, 2.0, 4.0, 6.0, 6.0, 8.0])[:, np.newaxis]
    test = near + np.arange(10.0)[:, np.newaxis]
    answers = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    cohort = Cohort(train, answers, np.ones(8), test)
    for depth in (1, 2, 3):
        assert_the_same(cohort, "numbers", changed(max_depth=depth, min_child_weight=0.5))


# Which of equally good splits ------------------------------------------------------------------


def test_of_equally_good_features_the_first_wins() -> None:
    cohort = cohort_of(29, 1, "classes", 2)
    twins = cohort._replace(
        train=np.repeat(cohort.train, 3, axis=1),
        test=np.column_stack([cohort.test, -cohort.test, 0.0 * cohort.test]),
    )
    candidates = candidates_of(PLAIN)
    np.testing.assert_array_equal(
        told(twins, "classes", candidates), told(cohort, "classes", candidates)
    )


def test_of_equally_good_cuts_the_highest_wins() -> None:
    """To cut off the lowest or the highest patient gains the same."""
    train = np.array([0.0, 1.0, 2.0])[:, np.newaxis]
    cohort = Cohort(train, np.array([-3.0, 0.0, 3.0]), np.ones(3), train)
    candidate = changed(n_estimators=1, learning_rate=1.0, max_depth=1, reg_lambda=0.0)
    (margins,) = told(cohort, "numbers", candidates_of(candidate))
    np.testing.assert_array_equal(margins, [-1.5, -1.5, 3.0])


# Chance: who and what is drawn -----------------------------------------------------------------


def test_each_patient_is_drawn_with_the_probability_asked_for() -> None:
    """A tree without a split says something if it holds `min_child_weight` patients, not all."""
    cohort = Cohort(np.ones((10, 1)), np.sqrt(np.arange(10.0)), np.ones(10), np.ones((1, 1)))
    candidates = candidates_of(
        *(changed(n_estimators=1, subsample=0.7, min_child_weight=least) for least in (5, 7, 9, 11))
    )
    margins = np.array([told(cohort, "numbers", candidates, seed)[:, 0] for seed in range(4000)])
    said = (margins[:, :3] != margins[:, 3:]).mean(axis=0)
    expected = binom.sf(np.array([5, 7, 9]) - 1, 10, 0.7) - 0.7**10
    # Four standard errors.
    assert (np.abs(said - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000)).all()


@pytest.mark.parametrize(
    ("share", "n_tried"), [(0.01, 1), (0.35, 3), (0.5, 5), (0.7, 7), (0.89, 8), (1.0, 10)]
)
def test_a_share_of_the_features_is_tried(share: float, n_tried: int) -> None:
    """One feature of ten varies: there is a split if it is drawn."""
    train = np.zeros((10, 10))
    train[:, 6] = np.arange(10.0)
    cohort = Cohort(train, train[:, 6] ** 2, np.ones(10), train[:1])
    candidate = candidates_of(changed(n_estimators=1, colsample_bytree=share))
    said = [told(cohort, "numbers", candidate, seed)[0, 0] != 28.5 for seed in range(2000)]
    chance = n_tried / 10
    # Four standard errors.
    assert abs(np.mean(said) - chance) <= 4 * np.sqrt(chance * (1 - chance) / 2000)


def test_a_smaller_share_lies_within_a_larger_one() -> None:
    train = np.zeros((10, 10))
    train[:, 6] = np.arange(10.0)
    cohort = Cohort(train, train[:, 6] ** 2, np.ones(10), train[:1])
    candidates = candidates_of(
        *(changed(n_estimators=1, colsample_bytree=share) for share in (0.3, 0.6))
    )
    for seed in range(50):
        (fewer,), (more,) = told(cohort, "numbers", candidates, seed) != 28.5
        assert more or not fewer


# In the mean XGBoost's trees -------------------------------------------------------------------


def distances(n: int, p: int, kind: str, candidate: tuple[float, ...]) -> Floats:
    """Return mean distances: ours to XGBoost's, XGBoost's to itself; all pairs of six seeds."""
    cohort = cohort_of(n, p, kind, n + 1, n_test=100)
    theirs = np.array([by_xgboost(cohort, kind, candidate, seed) for seed in range(6)])
    ours = np.array([told(cohort, kind, candidates_of(candidate), seed)[0] for seed in range(6)])
    apart = np.abs(ours[:, None] - theirs[None]).mean()
    return np.array([apart, np.abs(theirs[:, None] - theirs[None]).mean() * 6 / 5])


@pytest.mark.parametrize("kind", KINDS)
def test_trees_are_as_far_from_xgboosts_as_its_own_seeds(kind: str) -> None:
    found = [
        distances(29, 30, kind, changed(subsample=0.6, colsample_bytree=0.5, max_depth=1)),
        distances(36, 30, kind, changed(subsample=0.8, colsample_bytree=0.7, max_depth=3)),
        distances(36, 8, kind, changed(subsample=0.5, learning_rate=0.1, n_estimators=60)),
        distances(138, 10, kind, changed(colsample_bytree=0.5, learning_rate=0.05)),
    ]
    ratios = [ours / theirs for ours, theirs in found]
    assert 0.9 <= np.mean(ratios) <= 1.1, ratios


# Laws ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [29, 100])
def test_a_candidate_does_not_depend_on_the_others(n: int, kind: str) -> None:
    """Bit by bit: in another order, alone, and among some that differ in their trees alone."""
    cohort = cohort_of(n, 12, kind, 5)
    plain = [some_candidate(kind, seed, drawn=True) for seed in range(12)]
    candidates = candidates_of(*plain, *((trees, *plain[3][1:]) for trees in (7, 70, 35, 7)))
    margins = told(cohort, kind, candidates, 11)
    order = np.random.default_rng(0).permutation(len(candidates))
    np.testing.assert_array_equal(told(cohort, kind, candidates[order].copy(), 11), margins[order])
    for k in range(len(candidates)):
        alone = told(cohort, kind, candidates[k : k + 1].copy(), 11)
        np.testing.assert_array_equal(alone[0], margins[k])


@pytest.mark.parametrize("kind", KINDS)
def test_patients_to_be_predicted_change_nothing(kind: str) -> None:
    """Everybody is told the same alone as among the others."""
    cohort = cohort_of(29, 30, kind, 5)
    candidates = candidates_of(*(some_candidate(kind, seed, drawn=True) for seed in range(5)))
    margins = told(cohort, kind, candidates, 2)
    for t in range(0, 30, 7):
        alone = told(cohort._replace(test=cohort.test[t : t + 1].copy()), kind, candidates, 2)
        np.testing.assert_array_equal(alone[:, 0], margins[:, t])


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_patients_does_not_matter(kind: str) -> None:
    """If all are taken: which patient a draw means does depend on their order."""
    cohort = questionnaire(cohort_of(60, 10, kind, 6))
    order = np.random.default_rng(6).permutation(60)
    moved = cohort._replace(
        train=cohort.train[order], answers=cohort.answers[order], weights=cohort.weights[order]
    )
    candidates = candidates_of(*(some_candidate(kind, seed) for seed in range(8)))
    margins = told(cohort, kind, candidates)
    np.testing.assert_allclose(told(moved, kind, candidates), margins, rtol=1e-6, atol=1e-6)


def test_swapping_the_classes_turns_the_log_odds_round() -> None:
    cohort = cohort_of(29, 30, "classes", 7)
    candidates = candidates_of(*(some_candidate("classes", seed, drawn=True) for seed in range(8)))
    margins = told(cohort, "classes", candidates, 1)
    other = told(cohort._replace(answers=1 - cohort.answers), "classes", candidates, 1)
    np.testing.assert_allclose(other, -margins, rtol=0.0, atol=1e-5)


def test_seeds_differ_and_a_seed_says_the_same_again_in_any_thread() -> None:
    cohort = cohort_of(29, 30, "classes", 9)
    candidates = candidates_of(*(some_candidate("classes", seed, drawn=True) for seed in range(8)))

    def margins(seed: int) -> Floats:
        return told(cohort, "classes", candidates, seed)

    seeds = [0, 1, -1, 2**62]
    serial = [margins(seed) for seed in seeds]
    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(list(pool.map(margins, seeds)), serial)
    assert len({one.tobytes() for one in serial}) == len(seeds)


def test_the_stream_of_chance_has_not_changed() -> None:
    """Another sum here means that every boosted model ever judged would be another one now."""
    train = np.array([[(7 * i * (j + 2)) % 23 for j in range(6)] for i in range(24)], dtype=float)
    answers = np.array([(i * i) % 5 for i in range(24)], dtype=float)
    cohort = Cohort(train, answers, np.array([1.0, 2.0, 3.0] * 8), train)
    candidate = changed(subsample=0.6, colsample_bytree=0.5)
    margins = told(cohort, "numbers", candidates_of(candidate), 42)
    np.testing.assert_allclose(margins.sum(), 49.2026095, rtol=1e-6)


# What cannot be learnt -------------------------------------------------------------------------


def test_nobody_to_predict_and_nothing_to_learn_from_are_no_faults() -> None:
    cohort = cohort_of(22, 3, "numbers", 0)
    candidates = candidates_of(PLAIN, changed(subsample=0.5))
    assert told(cohort._replace(test=np.empty((0, 3))), "numbers", candidates).shape == (2, 0)
    without = cohort._replace(train=np.empty((22, 0)), test=np.empty((2, 0)))
    (margins,) = told(without, "numbers", candidates_of(PLAIN))
    np.testing.assert_allclose(margins, cohort.answers.mean(), rtol=1e-6)


@pytest.mark.parametrize("place", ["train", "test", "answers", "patients"])
def test_what_it_cannot_hold_the_kernel_declines(place: str) -> None:
    """XGBoost refuses what overflows single precision; ours must not raise."""
    cohort = cohort_of(MOST_PATIENTS + 1 if place == "patients" else 22, 2, "numbers", 0)
    if place in {"train", "test"}:
        getattr(cohort, place)[3, 1] = -3e38
    if place == "answers":
        cohort.answers[3] = 1e20
    margins, converged = PATHS["numbers"](*cohort[:3], candidates_of(PLAIN), cohort.test, 0)
    assert np.isfinite(margins).all()
    assert converged.tolist() == [0.0]


def test_the_paths_have_names() -> None:
    assert load_kernel("boosted_log_odds") is boosted_log_odds_path
    assert load_kernel("boosted_numbers") is boosted_numbers_path
