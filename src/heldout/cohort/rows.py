"""The rows of every table, and whose they are: pseudonyms, REDCap's repeats, further tables."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from heldout.cohort.memory import texts_in_memory
from heldout.cohort.messages import at_rows, shown_ids
from heldout.cohort.notation import plain_code
from heldout.cohort.noticing import Notice
from heldout.cohort.sources import Source
from heldout.cohort.tables import file_in_study, read_table
from heldout.errors import CohortError, a_few, raise_faults
from heldout.spec import Experiment, TableSpec
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
        return ("cohort", "table") if self.name is None else ("cohort", "tables", self.name)

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
                texts, digest = _in_file(experiment, blank)
        except CohortError as error:
            faults += error.faults or [str(error)]
            continue
        tables[name] = replace(blank, texts=texts)
        digests.append(digest)
    raise_faults(CohortError, faults)
    if len(digests) == 1:
        return tables, digests[0]
    return tables, hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _in_file(experiment: Experiment, rows: Rows) -> tuple[pd.DataFrame, str]:
    """Return the texts of a table that is a file, and its digest."""
    table, where = rows.spec, experiment.where(*rows.path, "file")
    return read_table(
        file_in_study(experiment.folder, table.file, where),
        table.file,
        missing=table.missing,
        separator=table.separator,
        decimal=table.decimal,
        encoding=table.encoding,
        sheet=table.sheet,
    )


def _in_memory(
    experiment: Experiment, rows: Rows, sources: Sequence[Source]
) -> tuple[pd.DataFrame, str]:
    """Return the texts of a table in memory, and the digest of the columns that are read."""
    spec, table = experiment.cohort, rows.spec
    frame = experiment.tables[table.file]
    every = (spec.table, *spec.tables.values())
    dates = {column for one in every for column in (one.date, one.start)}
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
    held = [column for column in read if rows.texts.loc[repeated, column].notna().any()]
    faults = []
    if held:
        faults.append(_repeat_fault(rows, repeated, "instrument", held))
    return replace(rows, texts=rows.texts[~repeated]), faults


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
    held = [column for column in read if rows.texts.loc[several, column].notna().any()]
    return [_repeat_fault(rows, several, "event", held)] if held else []


def _repeat_fault(rows: Rows, repeated: pd.Series, unit: str, held: list[str]) -> str:
    """Return the fault of rows of which it is not declared which one counts."""
    one = int(repeated.sum()) == 1
    remedy = "or remove these columns" if unit == "instrument" else "or keep the rows of one repeat"
    return (
        f"{rows.file}: {counted(int(repeated.sum()), 'row')} ({at_rows(repeated.index[repeated])})"
        f" {'is' if one else 'are'} of a repeating {unit} and {'holds' if one else 'hold'} "
        f"{a_few(map(repr, held))}. Which repeat counts is not declared; export from REDCap "
        f"without repeating {unit}s, {remedy}."
    )


def id_faults(rows: Rows) -> list[str]:
    """Return the faults of a table's pseudonyms."""
    ids, faults = rows.ids, []
    lacking = ids.isna()
    if lacking.any():
        have, it = ("has", "it") if lacking.sum() == 1 else ("have", "them")
        faults.append(
            f"{rows.file}: {at_rows(ids.index[lacking])} {have} no patient in '{rows.patient}'. "
            f"Add or drop {it}."
        )
    odd = ids.str.contains(r"[\x00-\x1f\x7f]", na=False)
    if odd.any():
        have = "has" if odd.sum() == 1 else "have"
        faults.append(
            f"{rows.file}: {at_rows(ids.index[odd])} {have} a control character, such as a line "
            f"break, in '{rows.patient}'. Remove it."
        )
    return faults + _spelling_faults(rows)


def _spelling_faults(rows: Rows) -> list[str]:
    """Return the fault of pseudonyms that are one and the same, written in several ways.

    Read as they stand, a patient would be two: one with a baseline, one with a follow-up.
    """
    counts = rows.ids.value_counts()
    spelled: dict[str, list[str]] = {}
    for name in sorted(counts.index):
        spelled.setdefault(_plain_id(name), []).append(name)
    groups = [sorted(names, key=lambda name: -counts[name]) for names in spelled.values()]
    groups = [names for names in groups if len(names) > 1]
    if not groups:
        return []
    rare = {name for names in groups for name in names[1:]}
    at = at_rows(rows.ids.index[rows.ids.isin(rare)])
    shown = shown_ids(rows.ids, [" and ".join(sorted(names)) for names in groups])
    each = " each" if len(groups) > 1 else ""
    said = f"{shown} ({at}) are{each} one pseudonym"
    if shown is None:
        be = "is" if len(groups) == 1 else "are"
        said = f"{counted(len(groups), 'pseudonym')} ({at}) {be}"
    return [
        f"{rows.file}, column '{rows.patient}': {said} written in several ways (zeros lost where "
        "ids were read as numbers, '.0' added, or other capitals), and would be several patients. "
        "Make the column text, and write each pseudonym in one way."
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
        alike = {one: plain[_plain_id(one)] for one in strange if _plain_id(one) in plain}
        if alike:
            faults.append(_alike_fault(rows, first, alike))
        elif strange and len(strange) == len(there):
            faults.append(
                f"{rows.file}, column '{rows.patient}': none of its {len(there)} patients is in "
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
    one = len(alike) == 1
    cause = "ids with leading zeros read as numbers. Make the column text in both tables, and "
    cause += "restore the zeros."
    if all(name.casefold() == meant.casefold() for name, meant in alike.items()):
        cause = "the same ids with other capitals. Write each in one way in both tables."
    return (
        f"{rows.file}, column '{rows.patient}': patient{'s' * (not one)} {a_few(alike)} "
        f"{'is' if one else 'are'} not in {first.file}, but {a_few(alike.values())} "
        f"{'is' if one else 'are'}: {cause}"
    )


def _plain_id(text: str) -> str:
    """Return a pseudonym without what is lost or added on its way through programs.

    Examples
    --------
    >>> _plain_id("007"), _plain_id("7.0"), _plain_id("P007")
    ('7', '7', 'p007')
    """
    return plain_code(text).lstrip("0").casefold()
