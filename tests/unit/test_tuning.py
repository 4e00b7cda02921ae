"""The search inside one training set."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import heldout.nested.judging
from heldout.errors import StudyError
from heldout.models.catalogue import MODELS
from heldout.models.definition import Choice, Model, Real, Whole, middle
from heldout.nested.judging import margins_by, runs_compiled
from heldout.nested.search import Search, Trial, tune_model
from heldout.nested.training import Patients, TrainingSets, draw_sets, prepare_features
from heldout.spec.experiment import TuningSpec
from tests.tables import a_training_set

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
TRAINING = a_training_set(60)


def sets_of(training: Patients = TRAINING) -> TrainingSets:
    """Return one outer training set with five inner folds."""
    nobody = np.zeros((1, len(training.answers)), dtype=np.bool_)
    return draw_sets(training, nobody, n_inner=5, seeds=[0])


def inner_folds(training: Patients = TRAINING) -> Ints:
    """Return the inner fold of every patient."""
    return sets_of(training).inner_folds(0)


def prepared(kind: str, training: Patients = TRAINING) -> Floats:
    """Return what models see in every training set."""
    return prepare_features(training.features["all"], sets_of(training), kind)


def tuned(
    model: Model,
    *,
    trials: int = 4,
    sampler: str = "qmc",
    search_seed: int = 3,
    training: Patients = TRAINING,
    seen: Floats | None = None,
    prune: bool = False,
    criterion: str = "brier",
) -> Search:
    """Return a search on the inner folds."""
    tuning = TuningSpec.model_validate(
        {"trials": trials, "sampler": sampler, "prune": prune, "criterion": criterion}
    )
    table = prepared(model.preparation, training) if seen is None else seen
    found = tune_model(
        model, table, sets_of(training), tuning, search_seeds=[search_seed], fit_seeds=[1]
    )
    return found.searches[0]


def brier_by_scikit_learn(pipeline: object) -> float:
    """Return the cross-validated Brier score of a pipeline, refitted whole in every fold."""
    features, events, weights = TRAINING.features["all"], TRAINING.answers, TRAINING.weights
    probability = np.full(len(events), np.nan)
    for train, test in PredefinedSplit(inner_folds()).split():
        step = pipeline.steps[-1][0]  # type: ignore[attr-defined]
        pipeline.fit(  # type: ignore[attr-defined]
            features[train], events[train], **{f"{step}__sample_weight": weights[train]}
        )
        probability[test] = pipeline.predict_proba(features[test])[:, 1]  # type: ignore[attr-defined]
    return float(brier_score_loss(events, probability, sample_weight=weights))


def test_the_criterion_is_the_cross_validated_brier_score_of_the_whole_pipeline() -> None:
    """Prepared once a fold or refitted whole: the same to rounding, or preparation leaks."""
    for trial in tuned(MODELS["ridge"]).trials:
        pipeline = make_pipeline(
            SimpleImputer(strategy="median"),
            StandardScaler(),
            LogisticRegression(C=trial.candidate["C"], solver="newton-cholesky", tol=1e-8),
        )
        assert trial.criterion == pytest.approx(brier_by_scikit_learn(pipeline), abs=1e-9)


def test_the_criterion_of_a_forest_is_that_of_the_whole_pipeline_too() -> None:
    [trial] = tuned(replace(MODELS["random_forest"], kernel=None), trials=1).trials
    pipeline = make_pipeline(
        SimpleImputer(strategy="median"),
        RandomForestClassifier(100, random_state=1, n_jobs=1, **trial.candidate),
    )
    assert trial.criterion == pytest.approx(brier_by_scikit_learn(pipeline), abs=1e-12)


def test_preparing_on_all_rows_would_give_another_criterion() -> None:
    """The negative control: a leak of the preparation would be seen above."""
    features = StandardScaler().fit_transform(
        SimpleImputer().fit_transform(TRAINING.features["all"])
    )
    leaked = np.broadcast_to(features, prepared("impute_scale").shape).copy()
    first = tuned(MODELS["ridge"], trials=1).best
    second = tuned(MODELS["ridge"], trials=1, seen=leaked).best
    assert abs(first.criterion - second.criterion) > 1e-6


def test_small_problems_are_judged_by_kernels_and_large_ones_by_libraries() -> None:
    """The rule of `runs_compiled`: a kernel, and a size at which it is the faster one."""
    assert runs_compiled(MODELS["ridge"], 36, 300)
    assert runs_compiled(MODELS["ridge"], 2000, 50)
    assert not runs_compiled(MODELS["ridge"], 2000, 51)
    assert runs_compiled(MODELS["svc"], 600, 1000)
    assert not runs_compiled(MODELS["svc"], 601, 1)
    assert runs_compiled(MODELS["elastic_net"], 5000, 300)
    assert runs_compiled(MODELS["random_forest"], 5000, 300)
    assert runs_compiled(MODELS["xgboost"], 65_536, 30)
    assert not runs_compiled(MODELS["xgboost"], 65_537, 30)


@pytest.mark.parametrize("sampler", ["qmc", "tpe", "random"])
def test_the_first_candidate_is_the_middle_of_the_space(sampler: str) -> None:
    assert tuned(MODELS["ridge"], trials=1, sampler=sampler).trials[0].candidate == {"C": 0.1}


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (Real(low=1, high=3), 2.0),
        (Real(low=0.01, high=100, log=True), 1.0),
        (Whole(low=1, high=8), 4),
        (Whole(low=10, high=1000, log=True), 100),
        (Choice(options=("first", "second")), "first"),
    ],
)
def test_the_middle_is_on_the_spaces_own_scale(
    what: Real | Whole | Choice, expected: float | str
) -> None:
    found = middle(what)
    assert found == (expected if isinstance(expected, str) else pytest.approx(expected))
    assert type(found) is type(expected)


def test_the_quasi_random_candidates_are_pinned() -> None:
    """Optuna calls this sampler experimental; another sequence would change every study."""
    candidates = [trial.candidate["C"] for trial in tuned(MODELS["ridge"]).trials]
    assert candidates == pytest.approx(
        [0.1, 0.6275141435812512, 0.014221831972480241, 0.0053670578901201015], rel=1e-12
    )


def test_quasi_random_candidates_of_several_dimensions_are_pinned() -> None:
    [_, second, third] = tuned(MODELS["random_forest"], trials=3).trials
    assert second.candidate == pytest.approx(
        {"min_samples_leaf": 6, "max_features": 0.5812230377458036}, rel=1e-12
    )
    assert third.candidate == pytest.approx(
        {"min_samples_leaf": 3, "max_features": 0.11597043657675386}, rel=1e-12
    )


@pytest.mark.parametrize("trials", [1, 2, 7])
def test_there_are_as_many_trials_as_were_asked_for(trials: int) -> None:
    assert len(tuned(MODELS["ridge"], trials=trials).trials) == trials


def test_more_trials_add_to_the_first_ones() -> None:
    more, few = (tuned(MODELS["ridge"], trials=trials).trials for trials in (5, 3))
    assert [one.candidate for one in more[:3]] == [one.candidate for one in few]
    # On a path of penalties each begins where the last one ended: equal but for rounding.
    assert [one.criterion for one in more[:3]] == pytest.approx(
        [one.criterion for one in few], abs=1e-12
    )


@pytest.mark.parametrize("sampler", ["qmc", "tpe", "random"])
def test_the_same_seed_tries_the_same(sampler: str) -> None:
    first, second = (tuned(MODELS["ridge"], sampler=sampler, trials=12) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("sampler", ["qmc", "tpe", "random"])
def test_another_seed_tries_something_else(sampler: str) -> None:
    first, second = (tuned(MODELS["ridge"], sampler=sampler, search_seed=seed) for seed in (3, 4))
    assert first != second


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the inner folds in which candidates were fitted by a library, one a fit."""
    folds: list[int] = []
    original, [seen], sets = margins_by, prepared("impute_scale"), sets_of()

    def counting(*arguments: Any) -> Any:
        tested = arguments[-1]
        folds.extend(
            fold
            for fold in range(len(seen))
            if np.array_equal(tested, seen[fold][sets.roles[0, fold] == 0])
        )
        return original(*arguments)

    monkeypatch.setattr(heldout.nested.judging, "margins_by", counting)
    return folds


UNCOMPILED = {
    name: replace(MODELS[name], kernel=None)
    for name in ("ridge", "svc", "random_forest", "xgboost")
}


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_pruning_makes_fewer_fits(sampler: str, fits: list[int]) -> None:
    model, trials = UNCOMPILED["ridge"], 30
    whole = tuned(model, trials=trials, sampler=sampler)
    without = len(fits)
    fits.clear()
    pruned = tuned(model, trials=trials, sampler=sampler, prune=True)
    assert without == trials * 5
    assert len(fits) <= without - 10
    given_up = [trial for trial in pruned.trials if trial.pruned]
    assert len(given_up) >= 5
    assert len(pruned.trials) == len(whole.trials) == trials


def test_random_candidates_are_the_same_whether_pruned_or_not() -> None:
    """Whoever comes through has the criterion of a search without pruning, to the last bit."""
    model = UNCOMPILED["xgboost"]
    whole = tuned(model, trials=12, sampler="random").trials
    pruned = tuned(model, trials=12, sampler="random", prune=True).trials
    assert [one.candidate for one in pruned] == [one.candidate for one in whole]
    assert any(one.pruned for one in pruned)
    for before, after in zip(whole, pruned, strict=True):
        assert (before.criterion == after.criterion) is not after.pruned


@pytest.mark.parametrize("criterion", ["brier", "log_loss", "auc"])
@pytest.mark.parametrize("name", ["ridge", "svc"])
def test_pruning_that_cannot_matter_changes_nothing(
    name: str, criterion: str, fits: list[int]
) -> None:
    """Five trials come through in any case: the same trials, the same best, the same fits."""
    model = UNCOMPILED[name]
    whole = tuned(model, trials=5, sampler="random", criterion=criterion)
    fits.clear()
    pruned = tuned(model, trials=5, sampler="random", criterion=criterion, prune=True)
    assert pruned == whole
    assert pruned.best == whole.best
    # A score's sigmoid is learnt from the best candidate's margins in all inner folds.
    assert len(fits) == (25 if name == "ridge" else 30)


def test_nobody_is_given_up_after_one_inner_fold(fits: list[int]) -> None:
    tuned(UNCOMPILED["ridge"], trials=30, sampler="random", prune=True)
    counts = [fits.count(fold) for fold in range(5)]
    assert counts[:2] == [30, 30]
    assert counts[2] < 30


def test_who_is_given_up_has_the_criterion_of_the_folds_before(fits: list[int]) -> None:
    """As a search over these folds alone would find it: nobody else is in it."""
    pruned = tuned(UNCOMPILED["ridge"], trials=30, sampler="random", prune=True)
    starts = [number for number, place in enumerate(fits) if place == 0]
    counts = np.diff([*starts, len(fits)])
    folds, answers, weights = inner_folds(), TRAINING.answers, TRAINING.weights
    seen, sets = prepared("impute_scale"), sets_of()
    for trial, count in zip(pruned.trials, counts.tolist(), strict=True):
        probability = np.full(len(answers), np.nan)
        for fold in range(count):
            learn = sets.roles[0, fold] == 1
            estimator = MODELS["ridge"].estimator(trial.candidate, 1)
            estimator.fit(seen[0, fold][learn], answers[learn], sample_weight=weights[learn])
            told = estimator.predict_proba(seen[0, fold][folds == fold])
            probability[folds == fold] = told[:, 1]
        judged = folds < count
        expected = brier_score_loss(
            answers[judged], probability[judged], sample_weight=weights[judged]
        )
        assert trial.criterion == pytest.approx(expected, abs=1e-12)
        assert trial.pruned is (count < 5)
    assert {2, 5} <= set(counts.tolist())


@pytest.mark.parametrize("finish", [True, False])
@pytest.mark.parametrize("name", ["ridge", "svc"])
def test_a_search_in_turn_ends_as_one_that_comes_at_once(name: str, finish: bool) -> None:
    """What the winners say of patients held out, and their sigmoids."""
    outer = np.arange(len(TRAINING.answers)) % 3 == np.arange(3)[:, None]
    sets = draw_sets(TRAINING, outer, n_inner=4, seeds=[0, 1, 2])
    seen = prepare_features(TRAINING.features["all"], sets, "impute_scale")
    at_once, in_turn = (
        tune_model(
            UNCOMPILED[name],
            seen,
            sets,
            TuningSpec(trials=5, sampler="random", prune=prune),
            search_seeds=[3, 3, 3],
            fit_seeds=[1, 2, 3],
            finish=finish,
        )
        for prune in (False, True)
    )
    assert in_turn.searches == at_once.searches
    np.testing.assert_array_equal(in_turn.margins, at_once.margins)
    np.testing.assert_array_equal(in_turn.predictions, at_once.predictions)
    np.testing.assert_array_equal(in_turn.sigmoids, at_once.sigmoids)
    assert bool(np.isnan(in_turn.margins).all()) is not finish
    assert bool(np.isnan(in_turn.sigmoids).all()) is (name == "ridge")


def test_a_kernel_is_not_pruned() -> None:
    whole = tuned(MODELS["ridge"], trials=12, sampler="random")
    pruned = tuned(MODELS["ridge"], trials=12, sampler="random", prune=True)
    assert not any(trial.pruned for trial in pruned.trials)
    assert [one.criterion for one in pruned.trials] == pytest.approx(
        [one.criterion for one in whole.trials], abs=1e-12
    )


def test_a_pruned_trial_is_never_best() -> None:
    trials = tuple(
        Trial(candidate={"C": number}, criterion=criterion, pruned=pruned)
        for number, (criterion, pruned) in enumerate([(0.1, True), (0.3, False), (0.2, False)])
    )
    assert Search(trials=trials).best.candidate == {"C": 2}


def test_the_library_looks_at_nothing_twice_and_finds_the_same() -> None:
    """Checks of what was checked before are left out; the figures stay to the last bit."""
    from sklearn import get_config

    seen: list[tuple[bool, bool]] = []

    def watched(candidate: Any, seed: int) -> Any:
        config = get_config()
        seen.append((config["assume_finite"], config["skip_parameter_validation"]))
        return MODELS["random_forest"].estimator(candidate, seed)

    model = replace(MODELS["random_forest"], kernel=None, estimator=watched)
    before = get_config()
    [trial] = tuned(model, trials=1).trials
    assert set(seen) == {(True, True)}
    assert get_config() == before
    pipeline = make_pipeline(
        SimpleImputer(strategy="median"),
        RandomForestClassifier(100, random_state=1, n_jobs=1, **trial.candidate),
    )
    assert trial.criterion == pytest.approx(brier_by_scikit_learn(pipeline), abs=1e-15)


@pytest.mark.parametrize("trouble", ["fit", "margin"])
def test_an_estimator_that_fails_is_named_without_its_words(trouble: str) -> None:
    class Failing(LogisticRegression):  # type: ignore[misc]
        def fit(self, *arguments: Any, **named: Any) -> Any:
            if trouble == "fit":
                raise KeyError("37.8125")
            return super().fit(*arguments, **named)

        def decision_function(self, features: Floats) -> Floats:
            return np.full(len(features), np.nan)

    model = replace(UNCOMPILED["ridge"], name="mine", estimator=lambda one, seed: Failing())
    expected = r"models: 'mine' with \{'C': 0\.1\} could not be fitted to \d+ patients \("
    with pytest.raises(StudyError, match=expected) as caught:
        tuned(model, trials=1)
    assert "37.8125" not in str(caught.value)


def test_an_estimator_without_weights_is_judged_too() -> None:
    from heldout.models.own import read_entry

    content = {"estimator": "sklearn.neighbors.KNeighborsClassifier", "settings": {"p": 1}}
    model = read_entry("knn", content).model
    assert model is not None
    even = replace(TRAINING, weights=np.ones(len(TRAINING.answers)))
    assert 0.1 < tuned(model, training=even).best.criterion < 0.4
    with pytest.raises(StudyError, match="'knn' learns from patients whose weights differ"):
        tuned(model)


def tuning_of(*criteria: float) -> Search:
    """Return trials with these criteria."""
    return Search(
        trials=tuple(Trial(candidate={"C": i}, criterion=c) for i, c in enumerate(criteria))
    )


def test_the_best_trial_has_the_smallest_criterion() -> None:
    assert tuning_of(0.25, 0.21, 0.23).best.candidate == {"C": 1}


def test_of_equal_trials_the_first_is_best() -> None:
    assert tuning_of(0.25, 0.21, 0.21).best.candidate == {"C": 1}


def test_a_difference_of_rounding_is_no_difference() -> None:
    """Another processor may round the last bit otherwise; the choice must not follow it."""
    assert tuning_of(0.21, 0.21 - 5e-14).best.candidate == {"C": 0}


def test_a_signal_is_found_and_noise_is_not() -> None:
    """The prevalence is the yardstick: tuned ridge beats it on a signal and not on noise."""
    gains = []
    for signal in (3.0, 0.0):
        training = a_training_set(80, seed=2, signal=signal)
        best = tuned(MODELS["ridge"], training=training).best.criterion
        gains.append(tuned(MODELS["prevalence"], training=training).best.criterion - best)
    assert gains[0] > 0.08
    assert gains[1] < 0.02


class Doubled:
    """Says twice the probability that it should."""

    def fit(self, features: Any, answers: Any) -> "Doubled":
        return self

    def predict_proba(self, features: Any) -> Any:
        return np.full((len(features), 2), 1.2)


def test_a_probability_beyond_1_is_refused() -> None:
    model = replace(MODELS["random_forest"], estimator=lambda candidate, seed: Doubled())
    features, answers = np.zeros((6, 2)), np.array([0, 1, 0, 1, 0, 1])
    with pytest.raises(ValueError, match="not between 0 and 1"):
        margins_by(model, {}, 0, (features, answers, {}), features)
