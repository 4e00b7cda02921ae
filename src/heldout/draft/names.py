"""What the names of columns and visits say, in literal tables.

Everything here reads one name at a time; whether the values agree is decided elsewhere.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from math import inf

# Squeezed names, the most telling first.
PATIENT_NAMES = (
    *("recordid", "participantid", "patientid", "usubjid", "subjectid", "subjid", "pid", "patid"),
    *("patient", "participant", "subject", "patientno", "patientnr", "patnr", "studyid", "id"),
    *("pseudonym", "patientcode", "codicepaziente", "paziente", "code", "case", "caseid"),
)
SITE_NAMES = re.compile(
    r"(study)?(site|cent(er|re)|clinic|klinik|hospital|zentrum|centro|redcapdataaccessgroup"
    r"|(pool(ed)?)?inv(estigator)?)(id|no|nr|code|name|num|number)?"
)
VISIT_NAMES = (
    *("redcapeventname", "visit", "visitname", "avisit", "visitnum", "avisitn", "event"),
    *("timepoint", "occasion", "wave", "session", "time", "week", "wk", "month", "day", "avisitdy"),
)
# Of the date of a row, the most usual; and what stands in names of a patient's day 0.
DATE_NAMES = frozenset(
    (
        *("date", "datum", "visitdate", "dateofvisit", "visdate", "data", "datavisita"),
        *("assessmentdate", "dateofassessment", "besuchsdatum", "testdatum"),
        *("untersuchungsdatum", "erhebungsdatum"),
    )
)
START_NAMES = ("start", "begin", "first", "baseline", "erst", "dose", "random", "inclu", "einschl")
# Words in codes, or in their labels, of people who are no patients.
CONTROLS = frozenset(
    (
        *("hc", "hv", "ctrl", "control", "controls", "healthy", "controllo", "controlli", "sani"),
        *("kontrolle", "kontrollen", "kontrollgruppe", "gesund", "gesunde"),
    )
)
# The instrument's family -> how columns call it; the first known key of a family is assumed.
FAMILIES = {
    "madrs": ("madrs", "montgomery", "montgomeryasberg"),
    "hamd": ("hamd", "hdrs", "hrsd", "hamilton", "ham"),
    "hama": ("hama", "hars", "hamanx"),
    "qids": ("qids", "qidssr", "qidsc"),
    "bdi": ("bdi", "beck"),
    "phq": ("phq",),
    "gad": ("gad",),
    "ymrs": ("ymrs", "young"),
    "rmet": ("rmet", "eyes"),
    "shaps": ("shaps", "snaith"),
    "tas": ("tas",),
    "cssrs": ("cssrs", "columbia"),
}
TOTAL = r"(?:totalscore|sumscore|gesamt|total|totl|summe|score|tot|sum|tl|ts)"
BASELINE_WORDS = ("baseline", "base", "basval", "bas", "bl", "bsl", "pre", "start")
# What is called so was, most often, made or known after treatment.
LATE_WORDS = frozenset(
    (
        *("change", "chg", "delta", "diff", "pct", "improvement", "resp", "response", "responder"),
        *("remission", "remitter", "remit", "relapse", "relapsed", "outcome", "endpoint", "end"),
        *("dropout", "dropped", "completer", "completed", "withdrawn", "lost", "discharge"),
        *("last", "locf", "final", "followup", "fu", "post"),
    )
)
_UNITS = {
    **dict.fromkeys(("h", "hr", "hour", "hours"), 1 / 24),
    **dict.fromkeys(("d", "day", "days", "tag"), 1.0),
    **dict.fromkeys(("w", "wk", "week", "weeks", "woche"), 7.0),
    **dict.fromkeys(("m", "mo", "mon", "month", "months", "mth", "monat"), 365.25 / 12),
    **dict.fromkeys(("y", "yr", "year", "years", "jahr"), 365.25),
}
_COUNTERS = ("t", "v", "p", "s", "visit", "time", "timepoint", "wave", "session", "fu", "visita")
_LAST = ("end", "endpoint", "post", "final", "followup", "fu", "discharge", "last", "eot")
_FIRST = ("screening", "scr", "screen")
_UNIT = "|".join(sorted((*_UNITS, *_COUNTERS, "b"), key=len, reverse=True))
_VISIT = re.compile(
    rf"(?P<unit>{_UNIT})[ _.-]?(?P<n>\d{{1,3}})|(?P<n2>\d{{1,3}})[ _.-]?(?P<unit2>{_UNIT})"
    rf"|(?P<word>{'|'.join((*BASELINE_WORDS, *_LAST, *_FIRST))})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitText:
    """A visit as a table writes it.

    Attributes
    ----------
    text : str
        Literally.
    day : float or None
        Days from baseline as the text says them; None if it does not.
    rank : float
        Where it stands among visits without a day.
    called : str
        What to call it: the text, with what a bare number counts.
    window : float or None
        Days before and after `day` that count too, where dates propose them.
    """

    text: str
    day: float | None
    rank: float
    called: str
    window: float | None = None

    @property
    def key(self) -> str:
        """What is equal for two texts that mean one visit."""
        return self.text.casefold() if self.day is None else f"day {self.day:g}"

    @property
    def order(self) -> tuple[float, float]:
        """Where it stands in time: by its day, and after all days by its rank."""
        return (inf if self.day is None else self.day, self.rank)


def squeezed(name: str) -> str:
    """Return a name's letters and digits, in lower case and without accents.

    Parameters
    ----------
    name : str
        Any.

    Returns
    -------
    str

    Examples
    --------
    >>> squeezed("HAM-D 17 (Größe)")
    'hamd17grosse'
    """
    return re.sub(r"[^a-z0-9]", "", _unaccented(name))


def _unaccented(text: str) -> str:
    """Return a text in lower case, its letters without accents."""
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return plain.encode("ascii", "ignore").decode().casefold()


def words_of(name: str) -> set[str]:
    """Return the words a name is made of, in lower case; ``BaseLine_x`` has three."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return set(re.findall(r"[a-z]+", f"{parted} {name}".casefold()))


def name_of(text: str, taken: set[str] | None = None) -> str:
    """Return a name that an experiment may use for a column or a visit, not taken yet.

    Parameters
    ----------
    text : str
        Of a table.
    taken : set of str, optional
        Names that it must not be.

    Returns
    -------
    str

    Examples
    --------
    >>> name_of("Größe (cm)"), name_of("01"), name_of("BMI", {"bmi"})
    ('grosse_cm', 'c_01', 'bmi_2')
    """
    name = re.sub(r"[^a-z0-9]+", "_", _unaccented(text)).strip("_")
    name = (name if name[:1].isalpha() else f"c_{name}".rstrip("_"))[:50]
    number, free = 2, name
    while free in (taken or ()):
        free, number = f"{name}_{number}", number + 1
    return free


def visit_text(text: str, *, unit: str = "") -> VisitText | None:
    """Return the visit that a whole text names, or None.

    Parameters
    ----------
    text : str
        Such as ``b0``, ``Week 6``, ``month3``, ``T1``, ``baseline_arm_1``.
    unit : str
        What a bare number counts, as in a column called ``week``.

    Returns
    -------
    VisitText or None

    Examples
    --------
    >>> [visit_text(text).day for text in ("b0", "d2", "w6", "month3", "T1", "Baseline")]
    [0.0, 2.0, 42.0, 91.0, None, 0.0]
    """
    plain = re.sub(r"_arm_\d+$", "", text).removesuffix(".0")
    called = unit + plain if plain.isdigit() else plain
    match = _VISIT.fullmatch(called)
    if match is None:
        return None
    day, rank = _day_and_rank(match)
    return VisitText(text=text, day=day, rank=rank, called=called)


def _day_and_rank(match: re.Match[str]) -> tuple[float | None, float]:
    """Return the day that a visit's text says, and where it stands among visits without one."""
    word = (match["word"] or "").casefold()
    if word in BASELINE_WORDS:
        return 0.0, 0.0
    if word:
        return None, -1.0 if word in _FIRST else 1e3
    number = int(match["n"] or match["n2"])
    scale = _UNITS.get((match["unit"] or match["unit2"]).casefold())
    if scale is None:
        return None if number else 0.0, float(number)
    # Visits are planned by the day; only within one does a part of it count.
    return float(round(number * scale)) if scale >= 1 else number * scale, float(number)


def visit_in(name: str) -> tuple[str, VisitText] | None:
    """Return the pattern and the visit that stand in a column's name, or None.

    Parameters
    ----------
    name : str
        Of a column.

    Returns
    -------
    tuple of (str, VisitText), or None

    Examples
    --------
    >>> visit_in("MADRS_Total_d10")[0], visit_in("V1_MADRS")[0], visit_in("BMI")
    ('MADRS_Total_{visit}', '{visit}_MADRS', None)
    """
    apart = rf"(?<![^\W_])(?:{_VISIT.pattern})(?![^\W_])"
    glued = r"(?<=[^\W_])(?:baseline|(?:day|week|month|visit)\d{1,3})$"
    for pattern in (apart, glued):
        for match in reversed(list(re.finditer(pattern, name, re.IGNORECASE))):
            visit = visit_text(match[0])
            stem = name[: match.start()] + "{visit}" + name[match.end() :]
            if visit is not None and squeezed(stem) != "visit":
                return stem, visit
    return None
