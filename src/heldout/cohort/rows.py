"""The rows of every table, and whose they are: pseudonyms, REDCap's repeats, further tables."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import pandas as pd

from heldout.cohort.memory import texts_in_memory
from heldout.cohort.messages import at_rows, rows_have, shown_ids
from heldout.cohort.notation import plain_code
from heldout.cohort.noticing import Notice
from heldout.cohort.sources import Source, table_path
from heldout.cohort.tables import file_in_study, read_table
from heldout.errors import CohortError, a_few, raise_faults
from heldout.spec.cohort import TableSpec
from heldout.spec.experiment import Experiment
from heldout.spec.places import KeyPath
from heldout.wording import counted

REPEATED, EVENT = "redcap_repeat_instrument", "redcap_event_name"
_INSTANCE = "redcap_repeat_instance"


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
        return ("cohort", *table_path(self.name))

    @property
    def ids(self) -> pd.Series:
        """The patient of each row."""
        return self.texts[self.patient]

    def where(self, column: str | None) -> str:
        """Return how messages call one of its columns."""
        return f"{self.file}, column '{column}'"

    def notices(self, code: str, text: str, at: pd.Index) -> list[Notice]:
        """Return what was noticed about the patients of some rows; nothing without rows."""
        who = tuple(sorted(set(self.ids[at].dropna())))
        return [Notice(code=code, text=text, who=who)] if len(at) else []

    @property
    def complementary(self) -> bool:
        """Whether several rows of a patient and visit may complete each other, as in REDCap."""
        return EVENT in self.texts.columns


Tables = Mapping[str | None, Rows]


def read_tables(
    experiment: Experiment, sources: Sequence[Source]
) -> tuple[dict[str | None, Rows], str]:
    """Return every table of a cohort, and one digest over their files.

    Parameters
    ----------
    experiment : Experiment
        Its cohort part says where the tables lie.
    sources : sequence of Source
        Of a table in memory, only the columns that they name are read.

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
    tables: dict[str | None, Rows] = {}
    digests: list[str] = []
    faults: list[str] = []
    for name, table in [(None, spec.table), *spec.tables.items()]:
        blank = Rows(
            name=name, spec=table, patient=table.patient or spec.patient, texts=pd.DataFrame()
        )
        try:
            if table.file in experiment.tables:
                texts, digest = _in_memory(experiment, blank, sources)
            else:
                path = file_in_study(
                    experiment.folder, table.file, experiment.where(*blank.path, "file")
                )
                texts, digest = read_table(path, table.file, **table.form)
        except CohortError as error:
            faults += error.faults or [str(error)]
            continue
        tables[name] = replace(blank, texts=texts)
        digests.append(digest)
    raise_faults(CohortError, faults)
    if len(digests) == 1:
        return tables, digests[0]
    return tables, hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _in_memory(
    experiment: Experiment, rows: Rows, sources: Sequence[Source]
) -> tuple[pd.DataFrame, str]:
    """Return the texts of a table in memory, and the digest of the columns that are read."""
    spec, table = experiment.cohort, rows.spec
    frame = experiment.tables[table.file]
    every = (spec.table, *spec.tables.values())
    dates = {column for described in every for column in (described.date, described.start)}
    # What is lacking of these, and where it may stand instead, is told with the other columns.
    keys = (spec.site, table.visit, table.day, *dates)
    used = {key for key in keys if key in frame.columns and key is not None}
    used |= {source.column for source in sources if source.table == rows.name}
    return texts_in_memory(
        frame,
        used,
        shown=table.file,
        patient=rows.patient,
        decimal=table.decimal,
        missing=table.missing,
        dates=dates,
    )


def without_repeats(rows: Rows, read: list[str]) -> tuple[Rows, list[str]]:
    """Return a table without REDCap's repeating instruments, and the fault if they are read."""
    if REPEATED not in rows.texts.columns:
        return rows, []
    repeated = rows.texts[REPEATED].notna()
    kept = replace(rows, texts=rows.texts[~repeated])
    return kept, _repeat_faults(rows, repeated, "instrument", read)


def instance_faults(rows: Rows, who: pd.Series, read: list[str]) -> list[str]:
    """Return the fault of REDCap's repeating events, whose rows do not complete each other.

    Parameters
    ----------
    rows : Rows
        A table of named visits.
    who : Series
        Patient and visit of each row; missing where the visit is ignored.
    read : list of str
        The table's columns that are read.

    Returns
    -------
    list of str
        One if a patient's rows of an event are of different instances and hold something.
    """
    if _INSTANCE not in rows.texts.columns:
        return []
    several = rows.texts[_INSTANCE].fillna("").groupby(who).transform("nunique") > 1
    return _repeat_faults(rows, several, "event", read)


def _repeat_faults(rows: Rows, repeated: pd.Series, unit: str, read: list[str]) -> list[str]:
    """Return the fault of rows with values of which it is not declared which one counts."""
    held = [column for column in read if rows.texts.loc[repeated, column].notna().any()]
    if not held:
        return []
    n, at = int(repeated.sum()), at_rows(repeated.index[repeated])
    be, hold = ("is", "holds") if n == 1 else ("are", "hold")
    remedy = "or remove these columns" if unit == "instrument" else "or keep the rows of one repeat"
    return [
        f"{rows.file}: {counted(n, 'row')} ({at}) {be} of a repeating {unit} and {hold} "
        f"{a_few(map(repr, held))}. Which repeat counts is not declared; export from REDCap "
        f"without repeating {unit}s, {remedy}."
    ]


def id_faults(rows: Rows) -> list[str]:
    """Return the faults of a table's pseudonyms."""
    ids, faults = rows.ids, []
    lacking = ids.index[ids.isna()]
    if len(lacking):
        it = "it" if len(lacking) == 1 else "them"
        faults.append(f"{rows_have(lacking)} no patient in '{rows.patient}'. Add or drop {it}.")
    odd = ids.index[ids.str.contains(r"[\x00-\x1f\x7f]", na=False)]
    if len(odd):
        faults.append(
            f"{rows_have(odd)} a control character, such as a line break, in '{rows.patient}'. "
            "Remove it."
        )
    return [f"{rows.file}: {fault}" for fault in faults] + _spelling_faults(rows)


def _spelling_faults(rows: Rows) -> list[str]:
    """Return the fault of pseudonyms that are one and the same, written in several ways.

    Read as they stand, a patient would be two: one with a baseline, one with a follow-up.
    """
    counts = rows.ids.value_counts()
    spelled: dict[str, list[str]] = {}
    for name in sorted(counts.index):
        spelled.setdefault(_plain_id(name), []).append(name)
    groups = [names for names in spelled.values() if len(names) > 1]
    if not groups:
        return []
    # The commonest spelling is taken for the right one.
    rare = set(chain(*groups)) - {max(names, key=counts.__getitem__) for names in groups}
    at = at_rows(rows.ids.index[rows.ids.isin(rare)])
    shown, single = shown_ids(rows.ids, list(map(" and ".join, groups))), len(groups) == 1
    if shown is None:
        said = f"{counted(len(groups), 'pseudonym')} ({at}) {'is' if single else 'are'}"
    else:
        said = f"{shown} ({at}) are{'' if single else ' each'} one pseudonym"
    return [
        f"{rows.where(rows.patient)}: {said} written in several ways (zeros lost where ids were "
        "read as numbers, '.0' added, or other capitals), and would be several patients. Make the "
        "column text, and write each pseudonym in one way."
    ]


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
    plain = {_plain_id(patient): patient for patient in sorted(patients)}
    noticed: list[Notice] = []
    faults: list[str] = []
    for rows in tables.values():
        there = set(rows.ids.dropna())
        strange = sorted(there - patients)
        alike = {name: plain[bare] for name in strange if (bare := _plain_id(name)) in plain}
        if alike:
            faults.append(_alike_fault(rows, first, alike))
        elif strange and len(strange) == len(there):
            faults.append(
                f"{rows.where(rows.patient)}: none of its {len(there)} patients is in "
                f"{first.file}. Check the columns of patients ('patient') of both tables."
            )
        elif strange:
            be = "is" if len(strange) == 1 else "are"
            text = (
                f"{rows.file}: {len(strange)} of {len(there)} patients {be} not in {first.file} "
                f"and {be} left out."
            )
            noticed.append(Notice(code="HO011", text=text, who=tuple(strange)))
    return noticed, faults


def _alike_fault(rows: Rows, first: Rows, alike: Mapping[str, str]) -> str:
    """Return the fault of pseudonyms of a further table that the first one spells otherwise."""
    patient, be = ("patient", "is") if len(alike) == 1 else ("patients", "are")
    cause = (
        "ids with leading zeros read as numbers. Make the column text in both tables, and restore "
        "the zeros."
    )
    if all(name.casefold() == meant.casefold() for name, meant in alike.items()):
        cause = "the same ids with other capitals. Write each in one way in both tables."
    return (
        f"{rows.where(rows.patient)}: {patient} {a_few(alike)} {be} not in {first.file}, but "
        f"{a_few(alike.values())} {be}: {cause}"
    )


def _plain_id(text: str) -> str:
    """Return a pseudonym without what is lost or added on its way through programs.

    Examples
    --------
    >>> _plain_id("007"), _plain_id("7.0"), _plain_id("P007")
    ('7', '7', 'p007')
    """
    return plain_code(text).lstrip("0").casefold()
