import numpy as np
import pytest

from heldout.instruments.scoring import score_array
from heldout.simulate.answers import (
    CONSTRUCTS,
    CORRELATIONS,
    QUESTIONNAIRES,
    SEVERITY,
    draw_answers,
    draw_traits,
    shipped_key,
)
from heldout.simulate.cohort import Simulation, simulate_table

SEED = 5


def answers_of(instrument: str, n_patients: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return traits, and the answers they lead to."""
    rng = np.random.default_rng(SEED)
    trait = rng.standard_normal(n_patients)
    questionnaire = QUESTIONNAIRES[instrument]
    return trait, draw_answers(questionnaire, shipped_key(instrument), trait, rng)


def scored_items(instrument: str, score: str, answers: np.ndarray) -> np.ndarray:
    """Return items as the score adds them up, by scoring them one at a time.

    Independent of how the package computes reliability.
    """
    key = shipped_key(instrument)
    raw, (low, high) = answers.copy(), key.bounds[0]
    for item in key.reverse:
        raw[:, item - 1] = low + high - raw[:, item - 1]
    raw = np.nan_to_num(raw, nan=0.0)
    for name, items in key.scores[score].recode.items():
        for item in items:
            counts_as = key.recodes[name]
            raw[:, item - 1] = [counts_as[int(answer)] for answer in raw[:, item - 1]]
    scored: np.ndarray = raw[:, [item - 1 for item in key.items_of(score)]]
    return scored


def alpha(items: np.ndarray) -> float:
    """Return Cronbach's alpha by its definition."""
    count = items.shape[1]
    total = items.sum(axis=1).var(ddof=1)
    return float(count / (count - 1) * (1 - items.var(axis=0, ddof=1).sum() / total))


@pytest.mark.parametrize(
    ("instrument", "score", "low", "high"),
    [
        ("rfq8", "certainty", 0.65, 0.77),
        ("rfq8", "uncertainty", 0.63, 0.84),
        ("pas13", "total", 0.97, 0.99),
        ("rmet36", "total", 0.57, 0.64),
        ("sidas", "total", 0.89, 0.93),
        ("cfi20", "total", 0.88, 0.92),
        ("ders16", "total", 0.90, 0.94),
        ("phq9", "total", 0.85, 0.89),
    ],
)
def test_reliability_is_as_published(instrument: str, score: str, low: float, high: float) -> None:
    """RFQ-8 and PHQ-9 are published as ranges; the others within .02, or .035 for 36 items."""
    _, answers = answers_of(instrument)
    assert low <= alpha(scored_items(instrument, score, answers)) <= high


@pytest.mark.parametrize("instrument", list(QUESTIONNAIRES))
def test_answers_are_whole_and_within_the_form(instrument: str) -> None:
    _, answers = answers_of(instrument)
    given = answers[~np.isnan(answers)]
    low, high = shipped_key(instrument).bounds[0]
    assert set(np.unique(given)) == set(np.arange(low, high + 1))


@pytest.mark.parametrize(
    ("instrument", "score", "sign"),
    [
        ("rfq8", "certainty", 1),
        ("rfq8", "uncertainty", -1),
        ("pas13", "total", 1),
        ("rmet36", "total", 1),
        ("sidas", "total", 1),
        ("cfi20", "total", -1),
        ("ders16", "total", 1),
        ("phq9", "total", 1),
    ],
)
def test_a_score_points_the_way_its_construct_does(instrument: str, score: str, sign: int) -> None:
    """Flexibility and uncertainty run against rigidity and mentalization."""
    trait, answers = answers_of(instrument)
    scores = score_array(shipped_key(instrument), answers)[score]
    assert sign * np.corrcoef(trait, scores)[0, 1] > 0.7


def test_reversed_items_run_against_the_others() -> None:
    _, answers = answers_of("cfi20")
    reverse = [item - 1 for item in shipped_key("cfi20").reverse]
    plain = [item for item in range(20) if item not in reverse]
    between = np.corrcoef(answers.T)[np.ix_(reverse, plain)]
    assert (between < 0).all()


def test_who_has_no_thoughts_of_suicide_is_asked_no_more() -> None:
    _, answers = answers_of("sidas")
    none = answers[:, 0] == 0
    assert 0.2 < none.mean() < 0.4
    assert np.isnan(answers[none, 1:]).all()
    assert not np.isnan(answers[~none]).any()
    assert (score_array(shipped_key("sidas"), answers[none])["total"] == 0).all()


def test_traits_correlate_as_the_table_says() -> None:
    traits = draw_traits(100_000, np.random.default_rng(SEED))
    assert list(traits) == [*CONSTRUCTS, SEVERITY]
    found = np.corrcoef(np.array(list(traits.values())))
    # Four standard errors of a correlation of 0.
    assert np.abs(found - CORRELATIONS).max() < 4 / np.sqrt(100_000)


def test_every_construct_has_a_questionnaire() -> None:
    assert {one.construct for one in QUESTIONNAIRES.values()} == set(CONSTRUCTS)


def test_the_share_of_missing_answers_is_as_asked() -> None:
    table = simulate_table(Simulation(n_patients=2000, missing_items=0.1))
    items = table.filter(regex="^(rfq8|pas13|rmet36|cfi20|ders16|phq9)_")
    # Four standard errors of a share of 1 in 10.
    error = 4 * np.sqrt(0.09 / items.size)
    assert abs(items.isna().to_numpy().mean() - 0.1) < error
