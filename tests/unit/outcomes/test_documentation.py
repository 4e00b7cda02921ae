"""The definitions in docs/outcomes.md can be used as they stand."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.outcomes.studies import derived

TEXT = (Path(__file__).parents[3] / "docs" / "outcomes.md").read_text(encoding="utf-8")
RULES = re.findall(r"\| `(\{.*\})` \|$", TEXT, flags=re.MULTILINE)


@pytest.mark.parametrize("rule", [yaml.safe_load(re.sub("month", "m", rule)) for rule in RULES])
def test_every_documented_rule_gives_an_outcome(tmp_path: Path, rule: dict[str, Any]) -> None:
    assert derived(tmp_path, rule=rule).observed.any()


def test_all_documented_rules_were_found() -> None:
    assert len(RULES) == 14
