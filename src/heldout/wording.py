"""How counts, areas, shares, probabilities and durations are said: one style, everywhere.

Terminal, page, MLflow, model card and error messages take their numbers from here, so that a
figure reads the same wherever it stands. A number that does not exist is said in words.
"""

from __future__ import annotations

_NOT_EVALUATED = "not evaluated"
MINUS = "\N{MINUS SIGN}"


def decimal(value: float | None, digits: int = 2) -> str:
    """Return an area, a rate or a score without a leading zero; zero has no sign.

    Parameters
    ----------
    value : float or None
        Usually between -1 and 1; below 0 it has a true minus sign.
    digits : int
        After the point.

    Returns
    -------
    str

    Examples
    --------
    >>> decimal(0.1077), decimal(-0.001), decimal(1.0), decimal(None, 3)
    ('.11', '.00', '1.00', 'not evaluated')
    """
    if value is None:
        return _NOT_EVALUATED
    text = f"{abs(value):.{digits}f}"
    return (MINUS if value < 0 and float(text) > 0 else "") + text.removeprefix("0")


def interval(low: float | None, high: float | None) -> str:
    """Return the limits of an interval of areas, rates or figures that can be below 0.

    Parameters
    ----------
    low, high : float or None
        Both or neither.

    Returns
    -------
    str

    Examples
    --------
    >>> interval(0.336, 0.897)
    '.34 to .90'
    """
    return _NOT_EVALUATED if low is None or high is None else f"{decimal(low)} to {decimal(high)}"


def p_value(p: float | None) -> str:
    """Return a p: two digits, more where it is small, never 0.

    Parameters
    ----------
    p : float or None
        In (0, 1]; None if nothing was tested.

    Returns
    -------
    str

    Examples
    --------
    >>> p_value(0.043), p_value(0.00012), p_value(0.1), p_value(1.0), p_value(None)
    ('.043', '.0001', '.10', '1.00', 'not tested')
    """
    if p is None:
        return "not tested"
    digits = 2 if p >= 0.1 else 3 if p >= 0.001 else 4 if p >= 0.0001 else 6
    return f"{p:.{digits}f}".removeprefix("0")


def percent(share: float | None) -> str:
    """Return a share in whole percent.

    Parameters
    ----------
    share : float or None
        Below 0, say, if a mean explains more; None counts as 0.

    Returns
    -------
    str

    Examples
    --------
    >>> percent(-0.042), percent(-0.001), percent(0.29)
    ('\N{MINUS SIGN}4 %', '0 %', '29 %')
    """
    return f"{round(100 * (share or 0.0))} %".replace("-", MINUS)


def share(part: float, whole: float) -> str:
    """Return a part of a whole in percent.

    Parameters
    ----------
    part, whole : float
        Counts.

    Returns
    -------
    str

    Examples
    --------
    >>> share(29, 36), share(0, 0)
    ('81 %', 'none')
    """
    return f"{100 * part / whole:.0f} %" if whole else "none"


def amount(value: float | None) -> str:
    """Return a number in its own unit, with about three digits; a dash where there is none.

    Parameters
    ----------
    value : float or None
        In any unit.

    Returns
    -------
    str

    Examples
    --------
    >>> amount(31.26), amount(-3.126), amount(1204.0)
    ('31.3', '\N{MINUS SIGN}3.13', '1204')
    """
    if value is None:
        return "\N{EN DASH}"
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:.{digits}f}".replace("-", MINUS)


def duration(seconds: float) -> str:
    """Return a duration in its natural unit.

    Parameters
    ----------
    seconds : float
        At least 0.

    Returns
    -------
    str

    Examples
    --------
    >>> duration(95.2), duration(12.4), duration(8000)
    ('1 min 35 s', '12 s', '2 h 13 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun.

    Parameters
    ----------
    n : int
        How many.
    noun, plural : str
        What is counted; the plural has an *s* if it is not given.

    Returns
    -------
    str

    Examples
    --------
    >>> counted(1, "repeat"), counted(0, "event"), counted(5, "study", "studies")
    ('1 repeat', '0 events', '5 studies')
    """
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


def spoken(name: str) -> str:
    """Return a name as it stands inside a sentence.

    Parameters
    ----------
    name : str
        Of an outcome, a column or a construct.

    Returns
    -------
    str

    Examples
    --------
    >>> spoken("reliable_change")
    'reliable change'
    """
    return name.replace("_", " ")


def shortened(text: str, limit: int) -> str:
    """Return a text that fits its place in a figure; the tables have it whole.

    Parameters
    ----------
    text : str
        Any.
    limit : int
        Letters.

    Returns
    -------
    str

    Examples
    --------
    >>> shortened("Beck Depression Inventory", 12), shortened("MADRS", 12)
    ('Beck Depres…', 'MADRS')
    """
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
