"""What the documents show is what the project accepts: their YAML is validated here."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from heldout.spec.cohort import CohortSpec
from heldout.spec.faults import validated
from heldout.spec.features import FeatureSpec
from heldout.spec.instrument import InstrumentKey
from heldout.spec.models import ModelSpec
from heldout.spec.outcomes import OutcomeSpec

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# The first line of a block says what it is a piece of.
PIECES: dict[str, Any] = {
    "cohort": CohortSpec,
    "configs/cohort": CohortSpec,
    "configs/instruments": InstrumentKey,
    "configs/models": ModelSpec,
    "features": FeatureSpec,
    "outcomes": OutcomeSpec,
    "experiments": dict,
}
BLOCKS = [
    (page.name, number, block)
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)
    )
]


def kind_of(block: str) -> str:
    """Return what a block is a piece of, as its first line says."""
    first = re.match(r"# (\S+)", block)
    assert first is not None, "the first line of a YAML block says what it is a piece of"
    path = first[1]
    return path.rsplit("/", 1)[0] if path.endswith(".yaml") else path


@pytest.mark.parametrize(("page", "number", "block"), BLOCKS)
def test_every_piece_of_yaml_in_the_documents_is_valid(page: str, number: int, block: str) -> None:
    content, model = yaml.safe_load(block), PIECES[kind_of(block)]
    if model is dict:
        pieces: list[tuple[Any, Any]] = [(FeatureSpec, one) for one in content["features"]]
        pieces += [(OutcomeSpec, one) for one in content["outcomes"]]
    else:
        pieces = [(model, one) for one in (content if isinstance(content, list) else [content])]
    for kind, one in pieces:
        assert validated(kind, one, {})[1] == []


def test_every_builder_is_documented() -> None:
    from heldout.features.matrix import BUILDERS

    page = (ROOT / "docs" / "feature-builders.md").read_text(encoding="utf-8")
    assert [name for name in BUILDERS if f"build: {name}" not in page] == []
