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

import pandas as pd
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
FLOAT = re.compile(r"\d+\.\d{13,}")
BLOCK = re.compile(r"^```(console|yaml|csv)\n(.*?)^```\n", re.S | re.M)
# What differs from one machine, commit or moment to the next.
VARIES = (
    (re.compile(r"\b[0-9a-f]{12}\b"), "RUN"),
    (re.compile(r"About [^.]* on one core[^.]*\."), "TIME."),
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
        if kind == "csv":
            lines = (folder / "predictions.csv").read_text(encoding="utf-8").splitlines()
            # The last digits of a probability are those of a machine's mathematics.
            told = [FLOAT.sub(lambda number: f"{float(number[0]):.10g}", line) for line in lines]
            return "\n".join(["```csv", *told[: len(text.splitlines())], "```", ""])
        lines = [first, *printed(first.removeprefix("$ "), folder).strip().splitlines()]
        return "\n".join(["```console", *lines, "```", ""])

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
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert len(predictions) == 60
    assert predictions["probability"].between(0, 1).all()
    files = {path.suffix for path in (tmp_path / "bundle").rglob("*")}
    assert {".md", ".json", ".py"} <= files
    assert not files & {".pkl", ".joblib", ".csv"}
    assert (tmp_path / "my_study/mlruns/mlflow.db").is_file()


def test_every_figure_of_the_page_that_changed_is_seen() -> None:
    page = PAGE.read_text(encoding="utf-8")
    blocks = [block for block in BLOCK.finditer(page) if block[1] != "yaml"]
    figures = [
        (block.start() + figure.start(), block.start() + figure.end(), figure[0])
        for block in blocks
        for figure in re.finditer(r"(?<![\w/])[0-9.]*[0-9](?![\w/])", block[0])
        if not re.search(r"About [^.]*$", block[0][: figure.start()])
    ]
    assert len(figures) > 150
    for begin, end, figure in figures:
        last = str((int(figure[-1]) + 1) % 10)
        changed = page[:begin] + figure[:-1] + last + page[end:]
        assert len(differences(page, changed)) == 1, page[begin - 20 : end + 20]


def test_a_figure_that_changed_is_seen_and_a_run_of_another_name_is_not() -> None:
    page = "```console\n$ heldout run\nAUC .72, in 0123456789ab\n```\n"
    assert differences(page, page.replace("0123456789ab", "ba9876543210")) == []
    assert len(differences(page, page.replace(".72", ".73"))) == 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(carried_out(text, Path(scratch)), encoding="utf-8")
