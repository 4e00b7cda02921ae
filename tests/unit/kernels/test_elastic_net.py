"""Elastic-net kernels: beside scikit-learn, beside the conditions of a minimum, and their laws."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.preprocessing import StandardScaler

from heldout.kernels.elastic_net_linear import elastic_net_linear_path
from heldout.kernels.elastic_net_logistic import (
    elastic_net_logistic_fit,
    elastic_net_logistic_path,
)
from tests.unit.kernels.coefficients import coefficients_of

Floats = NDArray[np.float64]
SHAPES = [(22, 30), (29, 5), (29, 30), (60, 8)]
Path = Callable[..., tuple[Floats, Floats]]
GOLDEN = (np.sqrt(5) - 1) / 2


class Cohort(NamedTuple):
    """A training set and patients left out of it."""

    train: Floats
    answers: Floats
    weights: Floats
    test: Floats
    answers_of_test: Floats


def cohort(
    n: int = 22, p: int = 30, *, seed: int = 0, weighted: bool = True, numbers: bool = False
) -> Cohort:
    """Return scaled scores that hang together, and answers that depend on two of them."""
    rng = np.random.default_rng((seed, n, p))
    common = rng.normal(size=(n + 9, 3)) @ rng.normal(size=(3, p))
    scores = 0.7 * common + rng.normal(size=(n + 9, p))
    scores = (scores - scores[:n].mean(axis=0)) / scores[:n].std(axis=0)
    signal = scores[:, 0] - 0.5 * scores[:, 1] + 1.5 * rng.normal(size=n + 9)
    answers = 20 + 8 * signal if numbers else (signal > 0.3).astype(np.float64)
    weights = rng.uniform(0.2, 4, n) if weighted else np.ones(n)
    return Cohort(scores[:n].copy(), answers[:n], weights, scores[n:].copy(), answers[n:])


def spread(low: float, high: float, count: int = 12) -> Floats:
    """Return candidates that fill the space: penalties in equal ratios, l1_ratio by gold."""
    ranks = np.arange(count)
    return np.column_stack(
        [
            np.geomspace(low, high, count),
            0.05 + 0.9 * ((0.5 + ranks * GOLDEN) % 1),
        ]
    )


SPACE_OF_CLASSES = spread(1e-3, 10)
SPACE_OF_NUMBERS = spread(0.003, 3)


def classes(data: Cohort, candidates: Floats = SPACE_OF_CLASSES) -> tuple[Floats, Floats]:
    """Return margins and convergence of the logistic path."""
    return elastic_net_logistic_path(*data[:3], candidates, data.test, 0)


def numbers(data: Cohort, candidates: Floats = SPACE_OF_NUMBERS) -> tuple[Floats, Floats]:
    """Return margins and convergence of the linear path."""
    return elastic_net_linear_path(*data[:3], candidates, data.test, 0)


def log_odds(data: Cohort) -> float:
    """Return the log-odds of the weighted share of events."""
    share = np.average(data.answers, weights=data.weights)
    return float(np.log(share / (1 - share)))


def saga(data: Cohort, c: float, l1_ratio: float) -> tuple[Floats, float]:
    """Return scikit-learn's coefficients and intercept.

    With tol=1e-13 margins were off by up to 7e-10, with 1e-14 by 3e-10. So small a change is below
    rounding in some cohorts, which then go on to the last round. Where all coefficients are 0,
    saga stops before its intercept is right. Its step does not know the weights, and weights
    beyond 1 can keep it from ever converging: here the largest is made 1 and C that much larger.
    """
    largest = data.weights.max()
    model = LogisticRegression(
        C=c * largest, l1_ratio=l1_ratio, solver="saga", tol=1e-14, max_iter=50_000, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(data.train, data.answers, sample_weight=data.weights / largest)
    coefficients: Floats = model.coef_[0]
    return coefficients, float(model.intercept_[0]) if coefficients.any() else log_odds(data)


def violations(data: Cohort, c: float, l1_ratio: float) -> float:
    """Return how far the kernel's fit is from a minimum, of the size of what is summed up."""
    b, intercept, converged = elastic_net_logistic_fit(*data[:3], c, l1_ratio)
    assert converged
    sign = np.where(data.answers > 0.5, -1, 1)
    margins = intercept + data.train @ b
    residuals = c * data.weights * sign / (1 + np.exp(-sign * margins))
    slopes = data.train.T @ residuals + (1 - l1_ratio) * b
    zero = np.maximum(np.abs(slopes) - l1_ratio, 0)
    found = np.where(b == 0, zero, np.abs(slopes + l1_ratio * np.sign(b)))
    return float(max(found.max(), abs(residuals.sum())) / np.abs(residuals).sum())


def brier_winner(margins: Floats, answers: Floats) -> int:
    """Return the candidate with the smallest Brier score."""
    return int(np.argmin(((1 / (1 + np.exp(-margins)) - answers) ** 2).mean(axis=1)))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_classes_agree_with_saga(n: int, p: int, weighted: bool) -> None:
    data = cohort(n, p, weighted=weighted)
    margins, converged = classes(data)
    expected = np.empty_like(margins)
    for row, (c, l1_ratio) in zip(expected, SPACE_OF_CLASSES, strict=True):
        coefficients, intercept = saga(data, c, l1_ratio)
        row[:] = intercept + data.test @ coefficients
        ours, our_intercept, _ = elastic_net_logistic_fit(*data[:3], c, l1_ratio)
        np.testing.assert_allclose(ours, coefficients, atol=1e-9, rtol=0)
        assert our_intercept == pytest.approx(intercept, abs=1e-9)
    assert converged.all()
    np.testing.assert_allclose(margins, expected, atol=1e-9, rtol=0)
    assert brier_winner(margins, data.answers_of_test) == brier_winner(
        expected, data.answers_of_test
    )


@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_classes_meet_the_conditions_of_a_minimum(n: int, p: int, seed: int) -> None:
    """Where saga would need hours: nearly no penalty, the ends of l1_ratio."""
    data = cohort(n, p, seed=seed)
    corners = [(c, l1_ratio) for c in (0.03, 3.0, 1e6) for l1_ratio in (0.0, 1.0)]
    for c, l1_ratio in [*spread(1e-3, 1e6), *corners]:
        assert violations(data, c, l1_ratio) < 1e-12


def test_without_a_column_that_passes_the_penalty_the_share_of_events_is_predicted() -> None:
    data = cohort()
    margins, converged = classes(data, np.array([[1e-3, 0.95]]))
    assert converged.all()
    np.testing.assert_allclose(margins, log_odds(data), atol=1e-12, rtol=0)


def test_one_class_is_declined() -> None:
    data = cohort()
    for answer in (0.0, 1.0):
        margins, converged = classes(data._replace(answers=np.full(22, answer)))
        assert not converged.any()
        assert not margins.any()


def separated(data: Cohort) -> Cohort:
    return data._replace(answers=(data.train[:, 3] > 0).astype(np.float64))


def two_events(data: Cohort) -> Cohort:
    return data._replace(answers=(np.arange(len(data.answers)) < 2).astype(np.float64))


def one_event(data: Cohort) -> Cohort:
    return data._replace(answers=(np.arange(len(data.answers)) < 1).astype(np.float64))


def with_constant_column(data: Cohort) -> Cohort:
    data.train[:, 0] = 0
    return data


def with_doubled_column(data: Cohort) -> Cohort:
    data.train[:, 1] = data.train[:, 0]
    data.test[:, 1] = data.test[:, 0]
    return data


DEGENERATE = [separated, two_events, one_event, with_constant_column, with_doubled_column]


@pytest.mark.parametrize(("n", "p"), SHAPES)
@pytest.mark.parametrize("spoil", DEGENERATE)
def test_degenerate_classes_meet_the_conditions_of_a_minimum(
    spoil: Callable[[Cohort], Cohort], n: int, p: int
) -> None:
    data = spoil(cohort(n, p))
    for c, l1_ratio in spread(1e-3, 1e5):
        assert violations(data, c, l1_ratio) < 1e-12


@pytest.mark.parametrize("spoil", DEGENERATE)
def test_degenerate_classes_agree_with_saga(spoil: Callable[[Cohort], Cohort]) -> None:
    data = spoil(cohort(29, 5))
    candidates = np.array([[0.3, 0.2], [1.0, 0.8]])
    margins, converged = classes(data, candidates)
    assert converged.all()
    for row, (c, l1_ratio) in zip(margins, candidates, strict=True):
        coefficients, intercept = saga(data, c, l1_ratio)
        np.testing.assert_allclose(row, intercept + data.test @ coefficients, atol=1e-9, rtol=0)


def test_doubled_columns_share_their_coefficient_and_constant_ones_have_none() -> None:
    data = with_doubled_column(cohort())
    data.train[:, 2] = 0
    for path, first in ((elastic_net_logistic_path, 3.0), (elastic_net_linear_path, 0.1)):
        b, _, converged = coefficients_of(path, *data[:3], first, 0.1)
        assert converged
        assert b[0] != 0
        assert b[0] == pytest.approx(b[1], abs=1e-11)
        assert b[2] == 0


@pytest.mark.parametrize("value", [1e100, 1e160])
def test_absurd_scores_give_finite_margins(value: float) -> None:
    for data, path in ((cohort(), classes), (cohort(numbers=True), numbers)):
        data.train[:3, :4] *= value
        assert np.isfinite(path(data)[0]).all()


def paths(seed: int = 0) -> list[tuple[Cohort, Path]]:
    """Return both paths with a cohort each."""
    return [(cohort(seed=seed), classes), (cohort(seed=seed, numbers=True), numbers)]


@pytest.mark.parametrize(("data", "path"), paths())
def test_the_order_of_patients_does_not_matter(data: Cohort, path: Path) -> None:
    order = np.random.default_rng(1).permutation(22)
    shuffled = data._replace(
        train=data.train[order], answers=data.answers[order], weights=data.weights[order]
    )
    np.testing.assert_allclose(path(shuffled)[0], path(data)[0], atol=1e-9, rtol=0)


@pytest.mark.parametrize(("data", "path"), paths())
def test_the_order_and_the_company_of_candidates_do_not_matter(data: Cohort, path: Path) -> None:
    space = SPACE_OF_CLASSES if path is classes else SPACE_OF_NUMBERS
    margins, _ = path(data, space)
    order = np.random.default_rng(1).permutation(len(space))
    np.testing.assert_array_equal(path(data, space[order])[0], margins[order])
    for row, candidate in zip(margins, space, strict=True):
        alone, _ = path(data, candidate[None, :])
        np.testing.assert_allclose(alone[0], row, atol=1e-10, rtol=0)


def test_weight_two_is_the_patient_twice_for_classes() -> None:
    data = cohort(weighted=False)
    heavy = data._replace(weights=np.where(np.arange(22) < 4, 2.0, 1.0))
    twice = data._replace(
        train=np.vstack([data.train, data.train[:4]]),
        answers=np.append(data.answers, data.answers[:4]),
        weights=np.ones(26),
    )
    np.testing.assert_allclose(classes(heavy)[0], classes(twice)[0], atol=1e-9, rtol=0)


def test_swapping_the_classes_turns_the_sign() -> None:
    data = cohort()
    swapped = data._replace(answers=1 - data.answers)
    np.testing.assert_allclose(classes(swapped)[0], -classes(data)[0], atol=1e-9, rtol=0)


def library(data: Cohort, alpha: float, l1_ratio: float) -> TransformedTargetRegressor:
    """Return the catalogue's model, fitted.

    With tol=1e-13 predictions, of a standard deviation of 15, were off by up to 8e-10; 1e-14
    brings them to 9e-11.
    """
    net = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, tol=1e-14, max_iter=1_000_000)
    model = TransformedTargetRegressor(regressor=net, transformer=StandardScaler())
    return model.fit(data.train, data.answers, sample_weight=data.weights)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_numbers_agree_with_scikit_learn(n: int, p: int, weighted: bool, seed: int) -> None:
    data = cohort(n, p, seed=seed, weighted=weighted, numbers=True)
    margins, converged = numbers(data)
    expected = np.empty_like(margins)
    for row, (alpha, l1_ratio) in zip(expected, SPACE_OF_NUMBERS, strict=True):
        model = library(data, alpha, l1_ratio)
        row[:] = model.predict(data.test)
        ours, _, _ = coefficients_of(elastic_net_linear_path, *data[:3], alpha, l1_ratio)
        theirs = model.regressor_.coef_ * data.answers.std()
        np.testing.assert_allclose(ours, theirs, atol=1e-9, rtol=0)
    assert converged.all()
    np.testing.assert_allclose(margins, expected, atol=1e-9, rtol=0)
    errors, our_errors = (
        ((found - data.answers_of_test) ** 2).mean(axis=1) for found in (expected, margins)
    )
    assert np.argmin(errors) == np.argmin(our_errors)


@pytest.mark.parametrize("l1_ratio", [0.05, 0.95, 1.0])
@pytest.mark.parametrize("spoil", [with_constant_column, with_doubled_column])
@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_degenerate_numbers_agree_or_are_declined(
    spoil: Callable[[Cohort], Cohort], n: int, p: int, l1_ratio: float
) -> None:
    data = spoil(cohort(n, p, numbers=True))
    candidates = np.array([[alpha, l1_ratio] for alpha in (0.03, 0.3)])
    margins, converged = numbers(data, candidates)
    assert np.isfinite(margins).all()
    assert converged.all() or l1_ratio == 1
    for row, (alpha, _), done in zip(margins, candidates, converged, strict=True):
        if done:
            expected = library(data, alpha, l1_ratio).predict(data.test)
            np.testing.assert_allclose(row, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("answer", [0.0, 0.1, 20.0, 1e9 / 3])
def test_of_constant_numbers_the_constant_is_predicted(answer: float) -> None:
    data = cohort(numbers=True)._replace(answers=np.full(22, answer))
    margins, converged = numbers(data)
    assert converged.all()
    np.testing.assert_allclose(margins, answer, rtol=1e-14)
    expected = library(data, 0.003, 0.05).predict(data.test)
    np.testing.assert_allclose(margins[0], expected, rtol=1e-14)


def test_without_a_penalty_dependent_columns_are_declined() -> None:
    data = cohort(numbers=True)
    margins, converged = numbers(data, np.array([[0.0, 0.5], [0.1, 0.5]]))
    assert converged.tolist() == [0, 1]
    assert np.isfinite(margins).all()
    np.testing.assert_allclose(
        margins[1], library(data, 0.1, 0.5).predict(data.test), atol=1e-9, rtol=0
    )


def test_weight_two_is_the_patient_twice_for_numbers_that_keep_their_unit() -> None:
    """The unit is the unweighted standard deviation: it must not change with the second copy."""
    data = cohort(weighted=False, numbers=True)
    rest = data.answers[2:]
    answers = np.append([rest.mean() - rest.std(), rest.mean() + rest.std()], rest)
    heavy = data._replace(answers=answers, weights=np.where(np.arange(22) < 2, 2.0, 1.0))
    twice = data._replace(
        train=np.vstack([data.train, data.train[:2]]),
        answers=np.append(answers, answers[:2]),
        weights=np.ones(24),
    )
    np.testing.assert_allclose(numbers(heavy)[0], numbers(twice)[0], atol=1e-9, rtol=0)


def test_weights_count_only_beside_each_other_for_numbers() -> None:
    data = cohort(numbers=True)
    tenfold = data._replace(weights=10 * data.weights)
    np.testing.assert_allclose(numbers(tenfold)[0], numbers(data)[0], atol=1e-9, rtol=0)


def test_predicted_numbers_follow_unit_and_origin() -> None:
    data = cohort(numbers=True)
    other = data._replace(answers=5 - 0.3 * data.answers)
    np.testing.assert_allclose(numbers(other)[0], 5 - 0.3 * numbers(data)[0], atol=1e-9, rtol=0)
