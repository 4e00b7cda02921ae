"""How numbers are said on the page; a number that does not exist is said in words."""

from __future__ import annotations

from heldout.inference import area, probability

_NOT_EVALUATED = "not evaluated"


def as_area(value: float | None) -> str:
    """Return an AUC with two digits, or words where there is none.

    Examples
    --------
    >>> as_area(0.685), as_area(None)
    ('.69', 'not evaluated')
    """
    return _NOT_EVALUATED if value is None else area(value)


def as_interval(low: float | None, high: float | None) -> str:
    """Return an interval of areas or rates.

    Examples
    --------
    >>> as_interval(0.336, 0.897)
    '.34 to .90'
    """
    return _NOT_EVALUATED if low is None or high is None else f"{area(low)} to {area(high)}"


def as_signed(value: float | None, digits: int) -> str:
    """Return a score without leading zero and with a true minus sign; zero has no sign.

    Examples
    --------
    >>> as_signed(0.1077, 2), as_signed(-0.001, 2), as_signed(None, 3)
    ('.11', '.00', 'not evaluated')
    """
    if value is None:
        return _NOT_EVALUATED
    text = f"{abs(value):.{digits}f}"
    minus = "\N{MINUS SIGN}" if value < 0 and float(text) > 0 else ""
    return minus + text.removeprefix("0")


def as_estimate(value: float | None, kind: str) -> str:
    """Return the figure that decides: the AUC of a class, the variance explained of a number.

    Examples
    --------
    >>> as_estimate(0.636, "class"), as_estimate(0.04, "number")
    ('.64', '.04')
    """
    return as_signed(value, 2) if kind == "number" else as_area(value)


def as_p(value: float | None) -> str:
    """Return a p-value.

    Examples
    --------
    >>> as_p(0.0214), as_p(0.64), as_p(0.0004), as_p(None)
    ('.021', '.64', '< .001', 'not tested')
    """
    if value is None:
        return "not tested"
    return "< .001" if value < 0.001 else probability(value)


def as_share(part: float, whole: float) -> str:
    """Return a part of a whole in percent.

    Examples
    --------
    >>> as_share(29, 36), as_share(0, 0)
    ('81 %', 'none')
    """
    return f"{100 * part / whole:.0f} %" if whole else "none"


def as_duration(seconds: float) -> str:
    """Return a duration in its natural unit.

    Examples
    --------
    >>> as_duration(95.2), as_duration(12.4), as_duration(8000)
    ('1 min 35 s', '12 s', '2 h 13 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def counted(n: int, one: str, several: str | None = None) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "repeat"), counted(0, "event"), counted(5, "study", "studies")
    ('1 repeat', '0 events', '5 studies')
    """
    return f"{n} {one if n == 1 else several or one + 's'}"


def shortened(text: str, limit: int) -> str:
    """Return a text that fits its place in a figure; the tables have it whole.

    Examples
    --------
    >>> shortened("Beck Depression Inventory", 12), shortened("MADRS", 12)
    ('Beck Depres…', 'MADRS')
    """
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def as_signed_interval(low: float | None, high: float | None) -> str:
    """Return an interval of scores that can be below 0.

    Examples
    --------
    >>> as_signed_interval(0.184, 0.38)
    '.18 to .38'
    """
    if low is None or high is None:
        return _NOT_EVALUATED
    return f"{as_signed(low, 2)} to {as_signed(high, 2)}"


def as_number(value: float | None) -> str:
    """Return a number in its own unit, with about three digits; a dash where there is none.

    Examples
    --------
    >>> as_number(31.26), as_number(3.126), as_number(1204.0)
    ('31.3', '3.13', '1204')
    """
    if value is None:
        return "\N{EN DASH}"
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")
