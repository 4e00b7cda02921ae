"""Tables in the docs are what their committed commands print of the committed data."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("honesty", "honesty"),
        ("power", "power"),
        ("interval_coverage", "intervals"),
        ("speed", "speed"),
    ],
)
def test_the_tables_of_a_page_are_those_its_command_prints(name: str, page: str) -> None:
    printed = subprocess.run(
        [sys.executable, f"benchmarks/{name}.py", f"benchmarks/data/{name}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [line for line in printed.splitlines() if line.strip()]
    assert len(lines) > 5
    shown = set((ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8").splitlines())
    assert [line for line in lines if line not in shown] == []
    tables = [line for line in shown if line.startswith("|")]
    assert [line for line in tables if line not in lines] == []
