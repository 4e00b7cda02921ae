"""The command that brings a study of real patients along and runs it."""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from heldout.cli import studies
from heldout.cli.terminal import complain, shown
from heldout.errors import StudyError
from heldout.files import write_files

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

EXPERIMENT = "experiments/nimh_ketamine.yaml"
# The experiment, the pieces it uses, the data, and the page with their licence.
FILES = (
    EXPERIMENT,
    "experiments/data/nimh_ketamine/README.md",
    "experiments/data/nimh_ketamine/data.csv",
    "configs/cohort/nimh_ketamine.yaml",
    "configs/features/nimh_ketamine.yaml",
    "configs/models/standard.yaml",
    "configs/validation/nested_5x5.yaml",
)


def demo(options: argparse.Namespace) -> int:
    """Write the study's folder and run the study in it.

    Parameters
    ----------
    options : Namespace
        As the parser read them.

    Returns
    -------
    int
        The exit status.
    """
    experiment = write_demo(options.folder)
    complain(f"Wrote the ketamine study into {shown(options.folder)}. Running it ...")
    nothing_else = {"experiment": experiment, "overrides": [], "sweep": [], "fresh": False}
    return studies.run(argparse.Namespace(**vars(options) | nothing_else))


def write_demo(folder: Path) -> Path:
    """Write the study into a folder and return its experiment file.

    Parameters
    ----------
    folder : Path
        New, or empty.

    Returns
    -------
    Path
        Of the experiment, below `folder`.

    Raises
    ------
    StudyError
        If the folder exists and is not empty.
    """
    experiment = folder / EXPERIMENT
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        further = f", or go on with: heldout run {shown(experiment)}" if experiment.exists() else ""
        raise StudyError(
            f"{shown(folder)}: exists and is not empty. Nothing was written; give a new folder"
            f"{further}."
        )
    write_files(folder, {name: _source().joinpath(name).read_bytes() for name in FILES})
    return experiment


def _source() -> Traversable:
    """Return where the study's files lie: in the installed package, or in the checkout."""
    package = resources.files("heldout")
    installed = package / "demo"
    return installed if installed.is_dir() else package.joinpath("..", "..")
