"""The kernel of ridge regressions of numbers: beside scikit-learn, and its laws."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression, Ridge

from heldout.kernels.ridge_linear import ridge_linear_path
from tests.unit.kernels.coefficients import coefficients_of

Floats = NDArray[np.float64]
SHAPES = [(22, 30), (29, 5), (29, 30), (60, 8)]
# More shapes at which the smaller of patients and features is 1, or is both.
SMALL_SHAPES = [(2, 3), (3, 1), (2, 1), (30, 30), (31, 30)]
SPACE = np.geomspace(0.1, 1000, 12)[:, None]


class Cohort(NamedTuple):
    """A training set and patients left out of it."""

    train: Floats
    answers: Floats
    weights: Floats
    test: Floats
    answers_of_test: Floats


def cohort(n: int = 22, p: int = 30, *, seed: int = 0, weighted: bool = True) -> Cohort:
    """Return scores that hang together, and answers that depend on the first."""
    rng = np.random.default_rng((seed, n, p))
    scores = rng.normal(size=(n + 9, 3)) @ rng.normal(size=(3, p)) + rng.normal(size=(n + 9, p))
    answers = 20 + 8 * (scores[:, 0] + rng.normal(size=n + 9))
    weights = rng.uniform(0.2, 4, n) if weighted else np.ones(n)
    return Cohort(scores[:n].copy(), answers[:n], weights, scores[n:].copy(), answers[n:])


def predict(data: Cohort, candidates: Floats = SPACE) -> Floats:
    """Return what the path predicts, each candidate converged."""
    margins, converged = ridge_linear_path(*data[:3], candidates, data.test, 0)
    assert converged.all()
    return margins


def library(data: Cohort, alpha: float) -> Ridge:
    """Return the catalogue's model, fitted; it is direct and has no tolerance."""
    return Ridge(alpha=alpha).fit(data.train, data.answers, sample_weight=data.weights)


def same(found: Floats, expected: Floats) -> None:
    """Assert that predictions agree; ours and scikit-learn's were within 2e-12."""
    np.testing.assert_allclose(found, expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "p"), SHAPES + SMALL_SHAPES)
def test_predictions_and_coefficients_agree_with_scikit_learn(
    n: int, p: int, weighted: bool, seed: int
) -> None:
    data = cohort(n, p, seed=seed, weighted=weighted)
    margins = predict(data)
    expected = np.empty_like(margins)
    for row, alpha in zip(expected, SPACE[:, 0], strict=True):
        model = library(data, alpha)
        row[:] = model.predict(data.test)
        coefficients, intercept, converged = coefficients_of(ridge_linear_path, *data[:3], alpha)
        assert converged
        same(coefficients, model.coef_)
        assert intercept == pytest.approx(model.intercept_, abs=1e-10)
    same(margins, expected)
    errors, our_errors = (
        ((found - data.answers_of_test) ** 2).mean(axis=1) for found in (expected, margins)
    )
    assert np.argmin(errors) == np.argmin(our_errors)


def with_constant_column(data: Cohort) -> Cohort:
    data.train[:, 0] = 0
    return data


def with_doubled_column(data: Cohort) -> Cohort:
    data.train[:, 1] = data.train[:, 0]
    return data


def with_constant_columns_only(data: Cohort) -> Cohort:
    data.train[:] = 3
    return data


def with_one_column_many_times(data: Cohort) -> Cohort:
    data.train[:] = data.train[:, :1]
    return data


def with_constant_answers(data: Cohort) -> Cohort:
    return data._replace(answers=np.full(len(data.answers), 20.0))


def with_patients_all_alike(data: Cohort) -> Cohort:
    data.train[:] = data.train[0]
    return data


@pytest.mark.parametrize(("n", "p"), SHAPES)
@pytest.mark.parametrize(
    "spoil",
    [
        with_constant_column,
        with_doubled_column,
        with_constant_columns_only,
        with_one_column_many_times,
        with_constant_answers,
        with_patients_all_alike,
    ],
)
def test_degenerate_cohorts_agree_with_scikit_learn(
    spoil: Callable[[Cohort], Cohort], n: int, p: int
) -> None:
    data = spoil(cohort(n, p))
    expected = np.array([library(data, alpha).predict(data.test) for alpha in SPACE[:, 0]])
    same(predict(data), expected)


@pytest.mark.parametrize(("n", "p"), [(22, 30), (29, 30), (30, 30)])
def test_without_a_penalty_dependent_columns_are_declined(n: int, p: int) -> None:
    data = cohort(n, p)
    margins, converged = ridge_linear_path(
        *data[:3], np.array([[0.0], [1.0], [1e-16]]), data.test, 0
    )
    assert converged.tolist() == [0, 1, 0]
    mean = np.average(data.answers, weights=data.weights)
    np.testing.assert_allclose(margins[[0, 2]], mean)
    coefficients, intercept, done = coefficients_of(ridge_linear_path, *data[:3], 0.0)
    assert not done
    assert not coefficients.any()
    assert intercept == pytest.approx(mean)


def test_without_a_penalty_independent_columns_give_the_least_squares() -> None:
    data = cohort(29, 5)
    expected = LinearRegression().fit(data.train, data.answers, data.weights).predict(data.test)
    same(predict(data, np.array([[0.0]]))[0], expected)


@pytest.mark.parametrize("value", [1e-160, 1e-80, 1e100, 1e160])
def test_absurd_scores_give_finite_margins(value: float) -> None:
    data = cohort()
    data.train[:3, :4] *= value
    margins, _ = ridge_linear_path(*data[:3], SPACE, data.test, 0)
    assert np.isfinite(margins).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_order_of_patients_does_not_matter(shape: tuple[int, int]) -> None:
    data = cohort(*shape)
    order = np.random.default_rng(1).permutation(shape[0])
    shuffled = data._replace(
        train=data.train[order], answers=data.answers[order], weights=data.weights[order]
    )
    same(predict(shuffled), predict(data))


@pytest.mark.parametrize("shape", SHAPES)
def test_weight_two_is_the_patient_twice(shape: tuple[int, int]) -> None:
    """At (29, 30) the second copies also change which of patients and features are fewer."""
    n, _ = shape
    data = cohort(*shape, weighted=False)
    heavy = data._replace(weights=np.where(np.arange(n) < 4, 2.0, 1.0))
    twice = data._replace(
        train=np.vstack([data.train, data.train[:4]]),
        answers=np.append(data.answers, data.answers[:4]),
        weights=np.ones(n + 4),
    )
    same(predict(heavy), predict(twice))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_order_and_the_company_of_candidates_do_not_matter(shape: tuple[int, int]) -> None:
    data = cohort(*shape)
    margins = predict(data)
    order = np.random.default_rng(1).permutation(len(SPACE))
    np.testing.assert_array_equal(predict(data, SPACE[order]), margins[order])
    np.testing.assert_array_equal(predict(data, SPACE[4:5]), margins[4:5])


def test_predicted_numbers_follow_unit_and_origin() -> None:
    data = cohort()
    other = data._replace(answers=5 - 0.3 * data.answers)
    same(predict(other), 5 - 0.3 * predict(data))
