import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from heldout.simulate.cohort import Simulation
from heldout.simulate.course import FOLLOW_UPS, NOISE, needed_correlation, response_rates
from heldout.simulate.truth import FollowUpTruth, find_truth, rank_auc


def at(spec: Simulation, follow_up: str) -> FollowUpTruth:
    """Return the truth of one follow-up."""
    return next(one for one in find_truth(spec).follow_ups if one.follow_up == follow_up)


def integrated_auc(rate: float, correlation: float) -> float:
    """Return the AUC of a construct for response, by numeric integration.

    Response is probit in the construct z: P(yes | z) = F((r z - c) / sqrt(1 - r^2)). A
    responder has density f(z) P(yes | z) / rate, and beats all non-responders below.
    """
    cut, rest = norm.ppf(1 - rate), np.sqrt(1 - correlation**2)

    def yes(z: float) -> float:
        return float(norm.cdf((correlation * z - cut) / rest) * norm.pdf(z))

    def below(z: float) -> float:
        return float(quad(lambda x: norm.pdf(x) - yes(x), -8, z)[0])

    return float(quad(lambda z: yes(z) * below(z), -8, 8)[0] / (rate * (1 - rate)))


def test_the_true_auc_agrees_with_numeric_integration() -> None:
    """The Monte Carlo error is .002; whole points and the floor leave a trace."""
    rate = response_rates(0.6)["month3"]
    spread = FOLLOW_UPS["month3"].spread
    weight = needed_correlation(0.8, rate, spread)
    correlation = weight * spread / np.hypot(spread, NOISE)
    found = at(Simulation(effects={"psychache": 0.8}), "month3").auc_constructs
    assert found == pytest.approx(integrated_auc(rate, correlation), abs=0.007)


def test_the_true_auc_is_near_that_of_two_normal_groups() -> None:
    """Two normal groups d apart have an AUC of F(d / sqrt(2)); these are nearly normal."""
    found = at(Simulation(effects={"mentalization": 0.6}), "month1").auc_constructs
    assert found == pytest.approx(norm.cdf(0.6 / np.sqrt(2)), abs=0.01)


def test_without_effects_nothing_but_arithmetic_is_true() -> None:
    truth = find_truth(Simulation())
    assert truth.effects == {}
    assert truth.scores == ()
    assert truth.effects_at == ()
    for one in truth.follow_ups:
        assert one.auc_constructs == 0.5
        # Four standard errors; scores hold baseline MADRS, and so its arithmetic.
        assert one.auc_scores == pytest.approx(one.auc_severity, abs=0.015)
        assert 0.51 < one.auc_severity < 0.56
        assert max(map(abs, one.differences.values())) < 0.035


def test_a_questionnaire_sees_less_than_the_construct() -> None:
    """Social cognition is measured with an alpha of .6; an AUC of .71 shrinks to about .67."""
    truth = at(Simulation(effects={"social_cognition": 0.8}), "month3")
    assert truth.auc_constructs == pytest.approx(0.713, abs=0.01)
    assert 0.64 < truth.auc_scores < truth.auc_constructs - 0.02


def test_constructs_that_go_along_differ_too() -> None:
    truth = at(Simulation(effects={"psychache": 0.8}), "month3")
    assert truth.differences["psychache"] == pytest.approx(0.8, abs=0.04)
    assert truth.differences["depression"] == pytest.approx(0.5, abs=0.06)
    assert truth.differences["mentalization"] < -0.2


def test_the_scores_that_matter_are_those_of_the_construct() -> None:
    truth = find_truth(Simulation(effects={"rigidity": 0.5, "psychache": 0.0}))
    assert truth.scores == ("cfi20", "ders16")
    assert truth.effects == {"rigidity": 0.5}


def test_the_truth_does_not_hang_on_the_cohort() -> None:
    one = find_truth(Simulation(effects={"psychache": 0.8}))
    two = find_truth(Simulation(effects={"psychache": 0.8}, seed=9, n_patients=99, dropout="none"))
    assert one == two


def test_an_effect_at_one_follow_up_is_true_there_alone() -> None:
    spec = Simulation(effects={"psychache": 0.8}, effects_at=("month1",))
    assert find_truth(spec).effects_at == ("month1",)
    assert at(spec, "month1").auc_constructs > 0.7
    assert at(spec, "month6").auc_constructs == 0.5


def test_the_area_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    rule, response = rng.integers(0, 9, 300).astype(float), rng.random(300) < 0.4
    assert rank_auc(rule, response) == pytest.approx(roc_auc_score(response, rule), abs=1e-12)
