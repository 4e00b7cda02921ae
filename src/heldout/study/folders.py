"""The folders of runs: where each is kept, and which one a user means."""

from __future__ import annotations

from glob import escape
from pathlib import Path

from heldout.errors import RecordError


def mlruns(folder: Path) -> Path:
    """Return the folder of everything runs leave behind.

    Parameters
    ----------
    folder : Path
        The study folder.

    Returns
    -------
    Path
    """
    return folder / "mlruns"


def record_folder(folder: Path, name: str, run_id: str) -> Path:
    """Return the folder of a run's record.

    Parameters
    ----------
    folder : Path
        The study folder.
    name : str
        The experiment's.
    run_id : str
        The run's.

    Returns
    -------
    Path
    """
    return mlruns(folder) / "records" / name / run_id


def find_record(run: str, folder: Path) -> Path:
    """Return the folder of the record a user means.

    Parameters
    ----------
    run : str
        A record's folder, a run's name or its beginning, or an experiment's name or file (its
        newest run).
    folder : Path
        The study folder.

    Returns
    -------
    Path

    Raises
    ------
    RecordError
        If there is none, or more than one run begins like that.
    """
    if (Path(run) / "manifest.json").is_file():
        return Path(run)
    records = mlruns(folder) / "records"
    named = records / Path(run).stem
    if named.is_dir():
        finished = [path.parent for path in named.glob("[!.]*/manifest.json")]
        if finished:
            return max(finished, key=lambda path: (path / "manifest.json").stat().st_mtime)
    begun = sorted(path.parent for path in records.glob(f"*/{escape(run)}*/manifest.json"))
    if len(begun) == 1:
        return begun[0]
    if begun:
        listed = ", ".join(path.name for path in begun)
        raise RecordError(f"'{run}' begins several runs: {listed}. Write more of its name.")
    no_record = " The folder of this name is no record: it has no manifest.json."
    raise RecordError(
        f"'{run}': no finished run of this name under {records}."
        f"{no_record if Path(run).is_dir() else ''} Give a record's folder, a run's name or an "
        "experiment's name, name the study folder with --folder, or run the experiment first."
    )
