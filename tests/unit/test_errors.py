"""The words of errors."""

import pytest

from heldout import errors
from heldout.errors import CohortError, SpecError, StudyError, a_few, raise_faults, unknown_name


def test_no_fault_raises_nothing() -> None:
    raise_faults(CohortError, [])


def test_one_fault_is_the_whole_message() -> None:
    with pytest.raises(CohortError, match=r"^column 'age' is absent\.$"):
        raise_faults(CohortError, ["column 'age' is absent."])


def test_several_faults_are_counted_and_numbered_in_one_error() -> None:
    with pytest.raises(CohortError, match=r"^2 faults:\n  1\. a\.\n  2\. b\.$"):
        raise_faults(CohortError, ["a.", "b."])


def test_every_exception_a_user_can_meet_is_a_study_error() -> None:
    """The command line catches StudyError alone; anything else would be a traceback."""
    raised = [value for name, value in vars(errors).items() if name.endswith("Error")]
    assert len(raised) == 10
    assert all(issubclass(error, StudyError) for error in raised)


def test_a_wrong_experiment_file_is_wrong_usage() -> None:
    assert (StudyError.exit_status, SpecError.exit_status) == (1, 2)


def test_an_unknown_name_far_from_all_known_ones_gets_no_suggestion() -> None:
    message = unknown_name("models[0]", "model", "svm", ["ridge", "xgboost"])
    assert message == "models[0]: 'svm' is no known model. Known: ridge, xgboost."


def test_an_unknown_name_where_nothing_is_known_says_so() -> None:
    assert unknown_name("use.cohort", "piece", "trd", []).endswith("Known: none.")


@pytest.mark.parametrize(
    ("items", "text"), [([], ""), ([1, 2], "1, 2"), ([1, 2, 3, 4], "1, 2 and 2 more")]
)
def test_a_few_counts_what_it_leaves_out(items: list[int], text: str) -> None:
    assert a_few(items, limit=2) == text
