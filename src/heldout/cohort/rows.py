"""The rows of every table, and whose they are: pseudonyms, REDCap's repeats, further tables."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from heldout.cohort.noticing import Notice
from heldout.cohort.tables import file_in_study, read_table
from heldout.errors import CohortError, a_few, raise_faults
from heldout.spec import Experiment, TableSpec
from heldout.spec.places import KeyPath

__all__ = ["Rows", "Tables", "id_faults", "join_tables", "read_tables", "without_repeats"]

REPEATED, EVENT = "redcap_repeat_instrument", "redcap_event_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One table's rows.

    Attributes
    ----------
    name : str or None
        None for the first table, which says who the patients are.
    spec : TableSpec
        How it is laid out.
    patient : str
        Its column of pseudonyms.
    texts : DataFrame
        Every cell a text or missing; the index is the row number.
    """

    name: str | None
    spec: TableSpec
    patient: str
    texts: pd.DataFrame

    @property
    def file(self) -> str:
        """How messages call the table."""
        return self.spec.file

    @property
    def path(self) -> KeyPath:
        """Where the experiment describes the table."""
        return ("cohort", "table") if self.name is None else ("cohort", "tables", self.name)

    @property
    def ids(self) -> pd.Series:
        """The patient of each row."""
        return self.texts[self.patient]

    @property
    def complementary(self) -> bool:
        """Whether several rows of a patient and visit may complete each other, as in REDCap."""
        return EVENT in self.texts.columns


Tables = Mapping[str | None, Rows]


def read_tables(experiment: Experiment) -> tuple[dict[str | None, Rows], str]:
    """Return every table of a cohort, and one digest over their files.

    Parameters
    ----------
    experiment : Experiment
        Its cohort part says where the tables lie.

    Returns
    -------
    tables : dict
        Under None the first one, then the further ones by name.
    digest : str
        SHA-256 of the file, or of the digests of several.

    Raises
    ------
    CohortError
        With every fault of every file.
    """
    spec = experiment.cohort
    found: dict[str | None, Rows] = {}
    digests: list[str] = []
    faults: list[str] = []
    for name, table in [(None, spec.table), *spec.tables.items()]:
        empty = Rows(
            name=name, spec=table, patient=table.patient or spec.patient, texts=pd.DataFrame()
        )
        try:
            where = experiment.where(*empty.path, "file")
            texts, digest = read_table(
                file_in_study(experiment.folder, table.file, where),
                table.file,
                missing=table.missing,
                separator=table.separator,
                decimal=table.decimal,
                encoding=table.encoding,
                sheet=table.sheet,
            )
        except CohortError as error:
            faults += error.faults or [str(error)]
            continue
        found[name] = replace(empty, texts=texts)
        digests.append(digest)
    raise_faults(CohortError, faults)
    if len(digests) == 1:
        return found, digests[0]
    return found, hashlib.sha256("\n".join(digests).encode()).hexdigest()


def without_repeats(rows: Rows, read: list[str]) -> tuple[Rows, list[str]]:
    """Return a table without REDCap's repeating instruments, and the fault if they are read."""
    if REPEATED not in rows.texts.columns:
        return rows, []
    repeated = rows.texts[REPEATED].notna()
    held = [column for column in read if rows.texts.loc[repeated, column].notna().any()]
    faults = []
    if held:
        faults.append(
            f"{rows.file}: {int(repeated.sum())} rows (rows {a_few(repeated.index[repeated])}) are "
            f"of a repeating instrument and hold {a_few(map(repr, held))}. Which repeat counts is "
            "not declared; export from REDCap without repeating instruments, or remove these "
            "columns."
        )
    return replace(rows, texts=rows.texts[~repeated]), faults


def id_faults(rows: Rows) -> list[str]:
    """Return the faults of a table's pseudonyms."""
    ids, faults = rows.ids, []
    if ids.isna().any():
        at = a_few(ids.index[ids.isna()])
        faults.append(
            f"{rows.file}: rows {at} have no patient in '{rows.patient}'. Add or drop them."
        )
    odd = ids.str.contains(r"[\x00-\x1f\x7f]", na=False)
    if odd.any():
        faults.append(
            f"{rows.file}: rows {a_few(ids.index[odd])} have a control character, such as a line "
            f"break, in '{rows.patient}'. Remove it."
        )
    return faults


def join_tables(tables: Tables) -> tuple[list[Notice], list[str]]:
    """Return what was noticed about patients who stand in a further table only, and faults.

    Parameters
    ----------
    tables : mapping
        The first one, under None, says who the patients are.

    Returns
    -------
    noticed : list of Notice
        One a further table with such patients.
    faults : list of str
        Pseudonyms that lost their zeros, and tables of other patients.
    """
    first = tables[None]
    patients = set(first.ids.dropna())
    plain = {plain_id(patient): patient for patient in patients}
    noticed: list[Notice] = []
    faults: list[str] = []
    for rows in tables.values():
        there = set(rows.ids.dropna())
        strange = sorted(there - patients)
        alike = {one: plain[plain_id(one)] for one in strange if plain_id(one) in plain}
        if alike:
            faults.append(
                f"{rows.file}, column '{rows.patient}': patients {a_few(alike)} are not in "
                f"{first.file}, but {a_few(alike.values())} are: ids with leading zeros read as "
                "numbers. Make the column text in both tables, and restore the zeros."
            )
        elif strange and len(strange) == len(there):
            faults.append(
                f"{rows.file}, column '{rows.patient}': none of its {len(there)} patients is in "
                f"{first.file}. Check the columns of patients ('patient') of both tables."
            )
        elif strange:
            text = (
                f"{rows.file}: {len(strange)} of {len(there)} patients are not in {first.file} and "
                "are left out."
            )
            noticed.append(Notice(code="HO011", text=text, who=tuple(strange)))
    return noticed, faults


def plain_id(text: str) -> str:
    """Return a pseudonym as it looks once it was read as a number and written again."""
    return text.removesuffix(".0").lstrip("0")
