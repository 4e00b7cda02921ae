"""docs/tutorial.md prints what its commands print.

``python -m tests.whole.test_tutorial`` writes the output of the commands into the page.
"""

import difflib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(console|yaml)\n(.*?)^```\n", re.S | re.M)
# What differs from one machine, commit or moment to the next; progress depends on its speed.
VARIES = (
    (re.compile(r"\b[0-9a-f]{12}\b"), "RUN"),
    (re.compile(r"About [^.]* on one core[^.]*\."), "TIME."),
    (re.compile(r"^ *(?:.*\.\.\.|\d+ of \d+ \w+.*)\n", re.M), ""),
)


def steady(text: str) -> str:
    """Return a text without what varies, whose lines may be broken elsewhere."""
    for pattern, replacement in VARIES:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


def printed(command: str, folder: Path) -> str:
    """Return what a command of the page prints."""
    words = command.split()
    assert words[0] == "heldout", command
    done = subprocess.run(
        [sys.executable, "-m", "heldout", *words[1:]],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def carried_out(page: str, folder: Path) -> str:
    """Return the page with the output that its commands have now, and its files written."""

    def renewed(block: re.Match[str]) -> str:
        kind, text = block.groups()
        first = text.split("\n", 1)[0]
        if kind == "yaml":
            path = folder / "my_study" / first.removeprefix("# ")
            path.write_text(text, encoding="utf-8")
            return block[0]
        return f"```console\n{first}\n{printed(first.removeprefix('$ '), folder).strip()}\n```\n"

    return BLOCK.sub(renewed, page)


def differences(page: str, now: str) -> list[str]:
    """Return the blocks of a page that are not what they are now."""
    pairs = zip(BLOCK.findall(page), BLOCK.findall(now), strict=True)
    return [
        "\n".join(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm=""))
        for (_, old), (_, new) in pairs
        if steady(old) != steady(new)
    ]


@pytest.mark.slow
def test_the_tutorial_prints_what_its_commands_print(tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert differences(page, carried_out(page, tmp_path)) == []


def test_a_figure_that_changed_is_seen_and_a_run_of_another_name_is_not() -> None:
    page = "```console\n$ heldout run\n  1 of 3 folds\nAUC .72, in 0123456789ab\n```\n"
    assert differences(page, page.replace("0123456789ab", "ba9876543210")) == []
    assert differences(page, page.replace("  1 of 3 folds\n", "")) == []
    assert len(differences(page, page.replace(".72", ".73"))) == 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(carried_out(text, Path(scratch)), encoding="utf-8")
