"""A simulated cohort as a study folder that is ready to run."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from heldout.errors import SpecError, raise_faults
from heldout.files import whole_folder, write_files
from heldout.simulate.cohort import Simulation, simulate_table
from heldout.simulate.forms import FORMS
from heldout.simulate.texts import study_texts
from heldout.simulate.truth import Truth, find_truth


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCohort:
    """A cohort that nobody belongs to.

    Attributes
    ----------
    spec : Simulation
        What was asked for.
    table : DataFrame of shape (n_patients, n_columns)
        Every item at every visit, from `simulate_table`.
    truth : Truth
        What is true in it.
    """

    spec: Simulation
    table: pd.DataFrame
    truth: Truth


def simulate_cohort(spec: Simulation) -> SimulatedCohort:
    """Return a cohort with known truth.

    Parameters
    ----------
    spec : Simulation
        What is asked for.

    Returns
    -------
    SimulatedCohort
        Equal for equal specs.

    Examples
    --------
    >>> cohort = simulate_cohort(Simulation(n_patients=20, effects={"psychache": 0.8}))
    >>> len(cohort.table), cohort.truth.scores
    (20, ('pas13',))
    """
    return SimulatedCohort(spec=spec, table=simulate_table(spec), truth=find_truth(spec))


def write_cohort(
    simulated: SimulatedCohort, folder: Path, *, form: str = "csv", name: str = "simulated"
) -> Path:
    """Write a study folder, whole or not at all, and return its experiment file.

    Parameters
    ----------
    simulated : SimulatedCohort
        From `simulate_cohort`.
    folder : Path
        New, or empty.
    form : {'csv', 'redcap', 'sav', 'xlsx'}
        What the table shall be.
    name : str
        Of the study: letters, digits and underscores.

    Returns
    -------
    Path
        ``experiments/NAME.yaml`` in the folder. Beside it stand ``configs/cohort/NAME.yaml``,
        ``configs/features/NAME.yaml`` and ``experiments/data/NAME/`` with the table, a page
        that explains it, and ``truth.json``.

    Raises
    ------
    SpecError
        If the folder holds anything, or form or name are none.
    RecordError
        If it cannot be written.
    """
    _check_place(folder, form, name)
    data = f"experiments/data/{name}"
    # Before the folder is begun, so that a text that fails leaves none.
    texts = study_texts(simulated.spec, simulated.truth, simulated.table, form=form, name=name)
    with whole_folder(folder) as new:
        write_files(new, {**texts, f"{data}/truth.json": _truth_json(simulated)})
        file, write = FORMS[form]
        write(simulated.table, new / data / file)
    return folder / "experiments" / f"{name}.yaml"


def _check_place(folder: Path, form: str, name: str) -> None:
    """Raise all faults of where and how a study shall be written."""
    faults = []
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        faults.append(f"{folder}: holds something already. Name a folder that is new or empty.")
    if form not in FORMS:
        faults.append(f"form: found '{form}'; required: one of {', '.join(FORMS)}. Change it.")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,59}", name):
        faults.append(
            f"name: found '{name}'; required: a letter, then letters, digits or underscores. "
            "Change it."
        )
    raise_faults(SpecError, faults)


def _truth_json(simulated: SimulatedCohort) -> str:
    """Return what was asked for and what is true, for machines."""
    content = {"simulation": asdict(simulated.spec), "truth": asdict(simulated.truth)}
    return json.dumps(_rounded(content), indent=2) + "\n"


def _rounded(value: object) -> object:
    """Return values with four decimals at most: what the Monte Carlo error leaves standing."""
    if isinstance(value, dict):
        return {key: _rounded(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_rounded, value))
    return round(value, 4) if isinstance(value, float) else value
