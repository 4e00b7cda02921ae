"""Firth's regression against its own likelihood, maximised another way, and against a 2x2 table."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import root
from scipy.special import expit

from heldout.kernels.firth_logistic import firth_logistic_fit, firth_logistic_path
from heldout.models.catalogue import MODELS

Floats = NDArray[np.float64]


def problem(n: int, p: int, seed: int, *, separated: bool = False) -> tuple[Floats, ...]:
    """Return features, answers and weights."""
    rng = np.random.default_rng(seed)
    train = rng.normal(size=(n, p))
    noise = 0 if separated else rng.normal(size=n)
    return train, (train[:, 0] + noise > 0).astype(np.float64), rng.uniform(0.3, 3, n)


def slopes_of(solution: Floats, train: Floats, answers: Floats, weights: Floats) -> Floats:
    """Return the gradient of the penalised likelihood, by complex steps: exact to rounding."""
    design = np.column_stack([train, np.ones(len(train))])

    def objective(at: NDArray[np.complex128]) -> complex:
        margins = design @ at
        share = 1 / (1 + np.exp(-margins))
        information = design.T @ ((weights * share * (1 - share))[:, None] * design)
        likelihood = np.sum(weights * (answers * margins - np.log(1 + np.exp(margins))))
        return complex(likelihood + 0.5 * np.log(np.linalg.det(information)))

    steps = 1e-30j * np.eye(len(solution))
    return np.array([objective(solution + step).imag / 1e-30 for step in steps])


@pytest.mark.parametrize("separated", [False, True])
@pytest.mark.parametrize(("n", "p"), [(20, 1), (36, 3), (29, 4), (200, 3)])
def test_coefficients_maximise_the_penalised_likelihood(n: int, p: int, *, separated: bool) -> None:
    patients = problem(n, p, n + p, separated=separated)
    expected = root(slopes_of, np.zeros(p + 1), args=patients, tol=1e-14)
    solution, converged = firth_logistic_fit(*patients)
    assert converged
    assert np.abs(expected.fun).max() < 1e-8
    np.testing.assert_allclose(solution[:-1], expected.x[:-1], rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("separated", [False, True])
def test_the_mean_probability_is_the_share_of_events(*, separated: bool) -> None:
    train, answers, weights = problem(36, 3, 1, separated=separated)
    solution, _ = firth_logistic_fit(train, answers, weights)
    told = expit(train @ solution[:-1] + solution[-1])
    assert np.average(told, weights=weights) == pytest.approx(
        np.average(answers, weights=weights), abs=1e-13
    )


@pytest.mark.parametrize("cells", [(9, 4, 3, 12), (7, 0, 5, 11), (0, 6, 8, 0)])
def test_of_two_by_two_cells_it_adds_a_half_to_each(cells: tuple[int, ...]) -> None:
    """Firth (1993): in a saturated model the prior is half a patient a cell; two are empty here."""
    exposed = np.repeat([1.0, 1.0, 0.0, 0.0], cells)
    answers = np.repeat([1.0, 0.0, 1.0, 0.0], cells)
    solution, _ = firth_logistic_fit(exposed[:, None].copy(), answers, np.ones(len(answers)))
    a, b, c, d = (count + 0.5 for count in cells)
    assert solution[0] == pytest.approx(np.log(a * d / (b * c)), abs=1e-9)


def test_a_column_that_others_determine_counts_nothing() -> None:
    train, answers, weights = problem(36, 2, 5)
    more = np.column_stack([train, train[:, 0] - 2 * train[:, 1], np.full(36, 3.0)])
    few, many = (firth_logistic_fit(table, answers, weights)[0] for table in (train, more))
    np.testing.assert_allclose(many, [*few[:2], 0, 0, few[2]], atol=1e-9)


@pytest.mark.parametrize("event", [0.0, 1.0])
def test_answers_of_one_class_do_not_converge(event: float) -> None:
    train, _, weights = problem(20, 2, 0)
    row = np.zeros((1, 1))
    margins, converged = firth_logistic_path(train, np.full(20, event), weights, row, train, 0)
    assert (margins.tolist(), converged.tolist()) == ([[0.0] * 20], [0.0])


def test_swapping_the_answers_turns_the_margins() -> None:
    train, answers, weights = problem(36, 3, 4)
    one, other = (firth_logistic_fit(train, given, weights)[0] for given in (answers, 1 - answers))
    np.testing.assert_allclose(one, -other, atol=1e-9)


def test_the_estimator_tells_what_the_kernel_tells() -> None:
    train, answers, weights = problem(36, 3, 6)
    estimator = MODELS["severity_age_sex"].estimator({}, 0)
    estimator.fit(train, answers.astype(np.int64), sample_weight=weights)
    margins, _ = firth_logistic_path(train, answers, weights, np.zeros((1, 1)), train, 0)
    np.testing.assert_allclose(estimator.decision_function(train), margins[0], atol=1e-13)
    np.testing.assert_allclose(estimator.predict_proba(train)[:, 1], expit(margins[0]))
    assert (estimator.predict(train) == (margins[0] > 0)).all()
