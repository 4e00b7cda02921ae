"""The catalogue of findings, its pages and their index."""

import re
from pathlib import Path

from heldout.findings.catalogue import CATALOGUE

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "findings"


def test_codes_are_counted_through() -> None:
    """A code is never used again, so none is left out either."""
    assert list(CATALOGUE) == [f"HO{number:03d}" for number in range(1, len(CATALOGUE) + 1)]


def test_every_code_has_a_page_of_its_title_and_every_page_a_code() -> None:
    assert {path.stem for path in FOLDER.glob("HO*.md")} == CATALOGUE.keys()
    for code, check in CATALOGUE.items():
        heading = (FOLDER / f"{code}.md").read_text(encoding="utf-8").partition("\n")[0]
        assert heading == f"# {code}: {check.title[:1].lower()}{check.title[1:]}"


def test_the_index_of_findings_names_every_page_with_its_title() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    entries = re.findall(r"^- \[(HO\d{3})\]\((HO\d{3}\.md)\) (.*)$", index, flags=re.MULTILINE)
    assert sorted(entries) == [
        (code, f"{code}.md", check.title) for code, check in CATALOGUE.items()
    ]


def test_every_check_says_what_it_looks_at() -> None:
    assert all(check.see.__doc__ for check in CATALOGUE.values())
