"""The ridge logistic kernel against scikit-learn at tight tolerance."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from heldout.kernels.ridge_logistic import ridge_logistic_fit, ridge_logistic_path

Floats = NDArray[np.float64]
# From the strongest penalty of the space to a hundred times weaker than its weakest.
PENALTIES = np.random.default_rng(0).permutation(np.geomspace(1e-3, 1e3, 12))
SIZES = [(22, 30), (29, 5), (29, 30), (60, 8)]


def problem(n: int, p: int, seed: int, *, weighted: bool = False) -> tuple[Floats, ...]:
    """Return standardised features, answers, weights, and features of patients left out."""
    rng = np.random.default_rng(seed)
    train = rng.normal(size=(n, p))
    train = (train - train.mean(axis=0)) / train.std(axis=0)
    answers = (train[:, 0] + rng.normal(size=n) > 0).astype(np.float64)
    weights = rng.uniform(0.3, 3, n) if weighted else np.ones(n)
    return train, answers, weights, rng.normal(size=(7, p))


def path(problem_: tuple[Floats, ...], penalties: Floats = PENALTIES) -> tuple[Floats, Floats]:
    """Return the kernel's margins and convergence."""
    train, answers, weights, test = problem_
    margins, converged = ridge_logistic_path(
        train, answers, weights, penalties[:, None].copy(), test, 0
    )
    return margins, converged


def reference(problem_: tuple[Floats, ...], c: float) -> LogisticRegression:
    """Return scikit-learn's solution; at its default tolerance it is off by more than ours."""
    train, answers, weights, _ = problem_
    model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=10_000)
    return model.fit(train, answers, sample_weight=weights)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "p"), SIZES)
@pytest.mark.parametrize("seed", [0, 1])
def test_margins_and_coefficients_are_scikit_learns(
    n: int, p: int, seed: int, *, weighted: bool
) -> None:
    one = problem(n, p, seed, weighted=weighted)
    margins, converged = path(one)
    train, answers, weights, _ = one
    solutions, _ = ridge_logistic_fit(train, answers, weights, PENALTIES)
    assert converged.all()
    for number, c in enumerate(PENALTIES):
        expected = reference(one, c)
        scale = max(1.0, float(np.abs(expected.decision_function(one[3])).max()))
        np.testing.assert_allclose(
            margins[number], expected.decision_function(one[3]), rtol=0, atol=1e-9 * scale
        )
        np.testing.assert_allclose(solutions[number, :-1], expected.coef_[0], atol=1e-6)
        np.testing.assert_allclose(solutions[number, -1], expected.intercept_[0], atol=1e-6)


@pytest.mark.parametrize(("n", "p"), SIZES)
def test_the_order_of_the_penalties_does_not_matter(n: int, p: int) -> None:
    one = problem(n, p, 3)
    order = np.random.default_rng(1).permutation(len(PENALTIES))
    np.testing.assert_array_equal(path(one, PENALTIES[order])[0], path(one)[0][order])


@pytest.mark.parametrize(("n", "p"), SIZES)
def test_swapping_the_answers_turns_the_margins(n: int, p: int) -> None:
    train, answers, weights, test = problem(n, p, 4, weighted=True)
    turned = path((train, 1 - answers, weights, test))[0]
    np.testing.assert_allclose(turned, -path((train, answers, weights, test))[0], atol=1e-8)


@pytest.mark.parametrize(("n", "p"), [(22, 30), (60, 8)])
def test_a_patient_of_weight_two_counts_as_two(n: int, p: int) -> None:
    train, answers, weights, test = problem(n, p, 5)
    heavy = np.where(np.arange(n) < 5, 2.0, 1.0)
    rows = np.concatenate([np.arange(n), np.arange(5)])
    twice = (train[rows], answers[rows], np.ones(len(rows)), test)
    np.testing.assert_allclose(
        path((train, answers, heavy, test))[0], path(twice)[0], rtol=1e-9, atol=1e-9
    )
    assert not np.allclose(
        path((train, answers, heavy, test))[0], path((train, answers, weights, test))[0]
    )


def test_the_order_of_the_patients_does_not_matter() -> None:
    train, answers, weights, test = problem(22, 30, 6, weighted=True)
    order = np.random.default_rng(2).permutation(22)
    moved = path((train[order], answers[order], weights[order], test))[0]
    np.testing.assert_allclose(moved, path((train, answers, weights, test))[0], atol=1e-9)


@pytest.mark.parametrize("kind", ["constant", "twice", "separated", "two events", "one column"])
@pytest.mark.parametrize(("n", "p"), [(22, 30), (30, 4)])
def test_awkward_training_sets_agree_with_scikit_learn(kind: str, n: int, p: int) -> None:
    train, answers, weights, test = problem(n, p, 7)
    if kind == "constant":
        train[:, 1] = 0.0
    if kind == "twice":
        train[:, 1] = train[:, 0]
    if kind == "separated":
        train[:, 1] = 10 * (answers - answers.mean())
    if kind == "two events":
        answers = np.where(np.arange(n) < 2, 1.0, 0.0)
    if kind == "one column":
        train, test = train[:, :1].copy(), test[:, :1].copy()
    one = (train, answers, weights, test)
    penalties = np.array([1e-3, 0.1, 10.0])
    margins, converged = path(one, penalties)
    assert converged.all()
    for number, c in enumerate(penalties):
        np.testing.assert_allclose(
            margins[number], reference(one, c).decision_function(test), atol=1e-8
        )


@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_one_class_alone_is_declined(answer: float) -> None:
    train, _, weights, test = problem(22, 30, 8)
    margins, converged = path((train, np.full(22, answer), weights, test))
    assert not converged.any()
    assert not margins.any()
