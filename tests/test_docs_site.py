"""The pages of docs/reference are what the code says, and the site loads nothing from outside."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

ROOT = Path(__file__).parents[1]


def script(name: str) -> ModuleType:
    """Return a script of docs as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_command_writes() -> None:
    command = [sys.executable, "docs/make_reference.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stderr}Run: python docs/make_reference.py"


def test_a_key_without_a_meaning_is_refused() -> None:
    class Mute(BaseModel):
        key: int

    with pytest.raises(SystemExit, match=r"Mute\.key has no description"):
        script("make_reference").meaning_of(Mute, "key", Mute.model_fields["key"])


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/a.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/a.css">',
        '<img alt="" src="http://example.org/a.png">',
        '<style>@import "https://example.org/a.css";</style>',
        "<style>a {background: url(https://example.org/a.png)}</style>",
    ],
)
def test_an_asset_from_outside_is_seen(tmp_path: Path, text: str) -> None:
    (tmp_path / "page.html").write_text(f'<a href="https://example.org">a link</a>{text}')
    assert len(script("site_hooks").outside_assets(tmp_path)) == 1


def test_every_page_stands_in_the_navigation() -> None:
    nav = re.findall(r"[\w./-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(nav) == sorted(pages)


def test_the_picture_of_the_house_is_that_of_the_contract() -> None:
    drawn = (ROOT / "docs" / "images" / "house.svg").read_text(encoding="utf-8")
    assert drawn == script("make_house").picture()
