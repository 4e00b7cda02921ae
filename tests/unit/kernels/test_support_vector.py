"""The support-vector kernels against scikit-learn's SVC, which is libsvm, at tight tolerance."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.svm import SVC

from heldout.kernels.support_vector import linear_svc_path, rbf_svc_path
from heldout.kernels.svc_dual import (
    balance,
    find_intercept,
    gaussian_gram,
    new_machine,
    round_to_single,
    set_limits,
    solve,
    squared_distances,
)
from tests.unit.kernels.coefficients import coefficients_of

Floats = NDArray[np.float64]

KERNELS = ["linear", "rbf"]
SIZES = [(22, 30), (29, 5), (29, 30), (60, 8)]
# Libsvm's tolerance: 1e-10 left its margins off by up to 1e-9 in places.
TIGHT = 1e-11


def candidates_of(kernel: str, *, most: float = 1e3) -> Floats:
    """Return 12 candidates that fill the space, C from 1e-2 and gamma from 1e-3 to 1, shuffled."""
    rng = np.random.default_rng(0)
    penalties = rng.permutation(np.geomspace(1e-2, most, 12))
    if kernel == "linear":
        return penalties[:, None].copy()
    return np.column_stack([penalties, rng.permutation(np.geomspace(1e-3, 1.0, 12))])


class Problem:
    """One training set with the patients who were left out."""

    def __init__(self, train: Floats, answers: Floats, weights: Floats, test: Floats) -> None:
        self.train, self.answers, self.weights, self.test = train, answers, weights, test

    def path(self, kernel: str, candidates: Floats) -> Floats:
        """Return margins, all of which have converged."""
        fit = linear_svc_path if kernel == "linear" else rbf_svc_path
        margins, converged = fit(self.train, self.answers, self.weights, candidates, self.test, 0)
        assert converged.tolist() == [1.0] * len(candidates)
        assert np.isfinite(margins).all()
        return margins

    def reference(self, kernel: str, candidate: Floats, tolerance: float = TIGHT) -> SVC:
        """Return scikit-learn's fit."""
        gamma = candidate[1] if kernel == "rbf" else "scale"
        model = SVC(C=candidate[0], kernel=kernel, gamma=gamma, tol=tolerance)
        return model.fit(self.train, self.answers, sample_weight=self.weights)

    def expected(self, kernel: str, candidates: Floats) -> Floats:
        """Return scikit-learn's margins."""
        return np.array(
            [self.reference(kernel, one).decision_function(self.test) for one in candidates]
        )

    def of_patients(self, rows: NDArray[np.int64], weights: Floats | None = None) -> "Problem":
        """Return the same with those training patients."""
        new = self.weights[rows] if weights is None else weights
        return Problem(self.train[rows].copy(), self.answers[rows], new, self.test)


def simulated(n: int, p: int, seed: int, *, weighted: bool = True) -> Problem:
    """Return standardised features of which the first says something of the answer."""
    rng = np.random.default_rng(seed)
    train = rng.normal(size=(n, p))
    train = (train - train.mean(axis=0)) / train.std(axis=0)
    answers = (train[:, 0] + 1.5 * rng.normal(size=n) > 0.3).astype(np.float64)
    weights = rng.uniform(0.3, 3.0, n) if weighted else np.ones(n)
    return Problem(train, answers, weights, rng.normal(size=(9, p)))


def whole_numbers(n: int, p: int, seed: int) -> Problem:
    """Return standardised scores of 0 to 2: more patients on the margin than columns."""
    one = simulated(n, p, seed)
    scores = np.round(one.train).clip(-1.0, 1.0)
    one.train = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    return one


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "p"), SIZES)
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kernel", KERNELS)
def test_margins_are_scikit_learns(
    kernel: str, n: int, p: int, seed: int, *, weighted: bool
) -> None:
    # With 60 patients, 8 columns and C = 1000 libsvm itself takes more than a million steps.
    candidates = candidates_of(kernel, most=10.0 if kernel == "linear" and n > 2 * p else 1e3)
    problem = simulated(n, p, seed, weighted=weighted)
    margins = problem.path(kernel, candidates)
    expected = problem.expected(kernel, candidates)
    np.testing.assert_allclose(margins, expected, rtol=0, atol=1e-9)
    truth = np.arange(len(problem.test)) % 2

    def brier(values: Floats) -> Floats:
        return np.asarray(((expit(values) - truth) ** 2).mean(axis=1))

    assert brier(margins).argmin() == brier(expected).argmin()


@pytest.mark.parametrize("penalty", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize(("n", "p"), [(22, 30), (29, 30)])
def test_coefficients_are_scikit_learns(n: int, p: int, penalty: float) -> None:
    problem = simulated(n, p, 3)
    model = problem.reference("linear", np.array([penalty]))
    coefficients, intercept, converged = coefficients_of(
        linear_svc_path, problem.train, problem.answers, problem.weights, penalty
    )
    assert converged
    np.testing.assert_allclose(coefficients, model.coef_[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(intercept, model.intercept_[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("penalty", [1e-2, 1.0, 1e3])
def test_dual_variables_are_scikit_learns(penalty: float) -> None:
    problem = simulated(29, 5, 4)
    model = problem.reference("rbf", np.array([penalty, 0.1]))
    expected = np.zeros(29)
    expected[model.support_] = model.dual_coef_[0]
    machine, apart = new_machine(problem.answers), np.empty((29, 29))
    squared_distances(problem.train, problem.train, apart)
    gaussian_gram(apart, 0.1, machine.exact)
    round_to_single(machine)
    set_limits(machine, problem.weights, penalty, 0.0)
    assert solve(machine)
    # Dual variables are as large as C where margins are as 1.
    np.testing.assert_allclose(machine.dual, expected, rtol=0, atol=1e-8 * max(1.0, penalty))
    np.testing.assert_allclose(find_intercept(machine), model.intercept_[0], rtol=0, atol=1e-9)


def constant_column(problem: Problem) -> None:
    problem.train[:, 2] = 0.0


def constant_columns(problem: Problem) -> None:
    problem.train[:] = 0.0


def repeated_column(problem: Problem) -> None:
    problem.train[:, 1] = problem.train[:, 0]


def separated(problem: Problem) -> None:
    problem.train[:, 0] += 10.0 * problem.answers


def two_events(problem: Problem) -> None:
    problem.answers[:] = 0.0
    problem.answers[[3, 8]] = 1.0


def one_event(problem: Problem) -> None:
    problem.answers[:] = 0.0
    problem.answers[5] = 1.0


def repeated_patient(problem: Problem) -> None:
    problem.train[4] = problem.train[1]
    problem.answers[4] = problem.answers[1]


def contradicting_patients(problem: Problem) -> None:
    problem.train[4] = problem.train[1]
    problem.answers[4] = 1.0 - problem.answers[1]


def far_patient(problem: Problem) -> None:
    problem.train[7] *= 100.0


SPOILT = [
    constant_column,
    constant_columns,
    repeated_column,
    separated,
    repeated_patient,
    contradicting_patients,
]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("spoil", "p"),
    [
        *((one, 30) for one in (two_events, one_event, far_patient)),
        *((one, p) for one in SPOILT for p in (4, 30)),
    ],
)
def test_degenerate_problems_are_solved_as_scikit_learn_does(
    kernel: str, spoil: Callable[[Problem], None], p: int
) -> None:
    problem = simulated(22, p, 5)
    spoil(problem)
    candidates = candidates_of(kernel, most=10.0)
    np.testing.assert_allclose(
        problem.path(kernel, candidates), problem.expected(kernel, candidates), rtol=0, atol=1e-9
    )


def test_where_no_plane_is_better_than_none_all_margins_are_the_majoritys() -> None:
    """Two events among the others; of this libsvm's rounding makes 1e-6, without converging."""
    problem = simulated(22, 4, 5)
    two_events(problem)
    margins = problem.path("linear", candidates_of("linear"))
    np.testing.assert_allclose(margins, -1.0, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_intercept_that_is_left_open_is_the_middle_of_what_is_left(kernel: str) -> None:
    """So many patients of either class, and C so small that all are at their limits."""
    problem = simulated(22, 4, 6, weighted=False)
    problem.answers[:] = np.arange(22) % 2
    candidates = np.array([[1e-3, 0.1], [2e-3, 0.1]])[:, : 1 if kernel == "linear" else 2].copy()
    model = problem.reference(kernel, candidates[0])
    assert np.all(np.abs(model.dual_coef_) == candidates[0, 0])
    margins = problem.path(kernel, candidates)
    np.testing.assert_allclose(margins, problem.expected(kernel, candidates), rtol=0, atol=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_an_intercept_between_classes_of_weighted_patients_does_not_follow_rounding(
    kernel: str,
) -> None:
    """Of weights that add up in either class libsvm may leave one variable 1e-16 off its limit."""
    problem = simulated(20, 4, 7)
    problem.weights[:] = np.tile([1.0, 1.0, 3.0, 3.0, 0.1, 0.1, 0.7, 0.7, 2.3, 2.3], 2)
    problem.answers[:] = np.arange(20) % 2
    candidates = (
        np.array([[3e-4], [1e-3]]) if kernel == "linear" else np.array([[3e-4, 0.1], [1e-3, 0.1]])
    )
    margins = problem.path(kernel, candidates)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(20)
        np.testing.assert_allclose(
            problem.of_patients(order).path(kernel, candidates), margins, rtol=0, atol=1e-12
        )
    # All dual variables are at their limits, so that margins follow C but for the intercept.
    without = margins - margins.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(without[1], without[0] * 10 / 3, rtol=0, atol=1e-12)


def test_a_variable_that_only_rounding_keeps_off_its_limit_is_put_there() -> None:
    """Rounding adds up over steps to more than what counts as at the limit; the sum shows it."""
    machine = new_machine(np.array([1.0, 0.0, 1.0, 0.0]))
    set_limits(machine, np.ones(4), 2.0, 0.0)
    machine.dual[:] = [2.0, -2.0, 2.0, -2.0 + 4e-12]
    balance(machine)
    assert machine.dual.tolist() == [2.0, -2.0, 2.0, -2.0]


def problems_with_laws() -> list[Problem]:
    """Return drawn numbers, scores that single precision would decide, and repeated patients."""
    repeated = simulated(24, 3, 8)
    repeated.train[12:] = repeated.train[:12]
    return [
        simulated(22, 30, 9),
        simulated(29, 5, 10),
        *(whole_numbers(40, 3, seed) for seed in range(11, 17)),
        repeated,
    ]


@pytest.mark.parametrize("number", range(9))
@pytest.mark.parametrize("kernel", KERNELS)
class TestLaws:
    def test_the_order_of_patients_does_not_matter(self, kernel: str, number: int) -> None:
        problem, candidates = problems_with_laws()[number], candidates_of(kernel)
        order = np.random.default_rng(0).permutation(len(problem.train))
        np.testing.assert_allclose(
            problem.of_patients(order).path(kernel, candidates),
            problem.path(kernel, candidates),
            rtol=0,
            atol=1e-9,
        )

    def test_twice_the_weight_is_the_patient_twice(self, kernel: str, number: int) -> None:
        problem, candidates = problems_with_laws()[number], candidates_of(kernel)
        n = len(problem.train)
        twice = np.arange(n) % 3 == 0
        heavy = problem.of_patients(np.arange(n), problem.weights * (1.0 + twice))
        repeated = problem.of_patients(np.concatenate([np.arange(n), np.flatnonzero(twice)]))
        np.testing.assert_allclose(
            repeated.path(kernel, candidates), heavy.path(kernel, candidates), rtol=0, atol=1e-9
        )

    def test_the_company_of_candidates_does_not_matter(self, kernel: str, number: int) -> None:
        problem, candidates = problems_with_laws()[number], candidates_of(kernel)
        together = problem.path(kernel, candidates)
        backwards = problem.path(kernel, candidates[::-1].copy())[::-1]
        alone = np.vstack([problem.path(kernel, one[None, :].copy()) for one in candidates])
        np.testing.assert_allclose(backwards, together, rtol=0, atol=1e-12)
        np.testing.assert_allclose(alone, together, rtol=0, atol=1e-9)

    def test_swapping_the_classes_turns_the_sign(self, kernel: str, number: int) -> None:
        problem, candidates = problems_with_laws()[number], candidates_of(kernel)
        swapped = Problem(problem.train, 1.0 - problem.answers, problem.weights, problem.test)
        np.testing.assert_allclose(
            swapped.path(kernel, candidates), -problem.path(kernel, candidates), rtol=0, atol=1e-9
        )


@pytest.mark.parametrize("seed", range(11, 17))
@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_where_single_precision_would_decide_scikit_learn_is_near(
    seed: int, penalty: float
) -> None:
    """Its tolerance cannot be tight here: it moves to and fro in the flat directions for ever."""
    problem, candidate = whole_numbers(40, 3, seed), np.array([penalty])
    expected = problem.reference("linear", candidate, 1e-5).decision_function(problem.test)
    np.testing.assert_allclose(
        problem.path("linear", candidate[None, :])[0], expected, rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_one_class_is_declined(kernel: str, answer: float) -> None:
    problem, candidates = simulated(12, 4, 17), candidates_of(kernel)
    problem.answers[:] = answer
    path = linear_svc_path if kernel == "linear" else rbf_svc_path
    margins, converged = path(
        problem.train, problem.answers, problem.weights, candidates, problem.test, 0
    )
    assert converged.tolist() == [0.0] * len(candidates)
    assert margins.tolist() == np.zeros((len(candidates), len(problem.test))).tolist()


@pytest.mark.parametrize("kernel", KERNELS)
def test_impossible_candidates_are_declined_and_harm_no_others(kernel: str) -> None:
    problem = simulated(22, 4, 18)
    impossible = [(0.0, 1.0), (-1.0, 1.0), (np.inf, 1.0), (np.nan, 1.0), (1e308, 1.0)]
    if kernel == "rbf":
        impossible = [*impossible, (1.0, -1.0), (1.0, np.inf), (1.0, np.nan)]
    possible = [(0.1, 0.1), (3.0, 0.0), (3.0, 1e300)]
    columns = 1 if kernel == "linear" else 2
    candidates = np.array([*impossible, *possible])[:, :columns].copy()
    path = linear_svc_path if kernel == "linear" else rbf_svc_path
    margins, converged = path(
        problem.train, problem.answers, 10.0 * problem.weights, candidates, problem.test, 0
    )
    assert np.isfinite(margins).all()
    assert converged.tolist() == [0.0] * len(impossible) + [1.0] * len(possible)


@pytest.mark.parametrize("kernel", KERNELS)
def test_numbers_that_overflow_are_declined(kernel: str) -> None:
    problem = simulated(22, 4, 19)
    problem.train[3] = 1e200
    path = linear_svc_path if kernel == "linear" else rbf_svc_path
    margins, converged = path(
        problem.train,
        problem.answers,
        problem.weights,
        candidates_of(kernel),
        np.vstack([problem.test, problem.train[3]]),
        0,
    )
    assert np.isfinite(margins).all()
    if kernel == "linear":
        assert not converged.any()
