"""docs/models.md says of the catalogue what the catalogue says."""

import re
from pathlib import Path

import pytest
import yaml

from heldout.models.catalogue import MODELS
from heldout.models.definition import Choice, Model, Real, Whole, centre_of
from heldout.models.own import read_entry
from heldout.nested.judging import FIRST_FOLDS
from heldout.nested.search import FIRST_TRIALS

PAGE = Path(__file__).parents[3] / "docs" / "models.md"


def space_words(what: Real | Whole | Choice) -> str:
    """Return a part of a space as the table writes it."""
    assert not isinstance(what, Choice)
    return f"{what.low:g} to {what.high:g}{', log' if what.log else ''}"


def class_of(model: Model) -> str:
    """Return the class of a model's estimator."""
    candidate = centre_of(model.space)
    return f"`{type(model.estimator(candidate, 0)).__name__}`"


def row_of(model: Model) -> str:
    """Return what the table says of a model."""
    models = [one for one in (model, model.regressor) if one is not None]
    classes = list(dict.fromkeys(class_of(one) for one in models))
    parts = [f"`{name}` {space_words(what)}" for name, what in model.space.items()]
    other = {} if model.regressor is None else model.regressor.space
    differing = [name for name, what in other.items() if model.space.get(name) != what]
    parts += [
        f"{'' if number else 'for numbers '}`{name}` {space_words(other[name])}"
        for number, name in enumerate(differing)
    ]
    told = "; ".join(parts) or "nothing"
    return " | ".join(
        [
            f"| `{model.name}`",
            " / ".join(classes),
            told,
            f"`{model.preparation}`",
            "kernel" if model.kernel else "library",
            "yes |" if model.regressor else "no |",
        ]
    )


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_the_table_has_the_catalogues_row(model: Model) -> None:
    assert row_of(model) in PAGE.read_text(encoding="utf-8").splitlines()


def test_the_rule_of_dispatch_has_the_codes_bounds() -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    kernels = {one.name: one.kernel for one in MODELS.values() if one.kernel is not None}
    assert f"up to {kernels['ridge'].most_cells:,} cells".replace(",", " ") in page
    assert kernels["ridge_fixed"].most_cells == kernels["ridge"].most_cells
    assert f"up to {kernels['svc'].most_patients} patients for `svc` and `linear_svc`" in page
    bounded = {name for name, kernel in kernels.items() if not kernel.serves(10_000, 10_000)}
    assert bounded == {"ridge", "ridge_fixed", "svc", "linear_svc"}
    assert f"after {FIRST_FOLDS} inner folds" in page.replace("two", "2")
    assert f"the first {FIRST_TRIALS} candidates" in page.replace("five", "5")


def test_the_documented_and_the_shipped_entry_become_models() -> None:
    block = re.search(r"```yaml\n(# configs/models/knn\.yaml\n.*?)```", PAGE.read_text(), re.S)
    assert block is not None
    shipped = (PAGE.parents[1] / "configs" / "models" / "knn.yaml").read_text(encoding="utf-8")
    for text in (block[1], shipped):
        found = read_entry("knn", yaml.safe_load(text))
        assert found.faults == ()
        assert found.model is not None
        assert found.model.serves("number")
