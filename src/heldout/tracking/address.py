"""A store beyond the study folder: a PostgreSQL database, or an MLflow server.

It is named by the environment, not by an option: its address may hold a password, which a command
line would show to everybody on the machine. No message repeats one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from heldout.errors import TrackingError

VARIABLE = "HELDOUT_TRACKING_URI"
# Seconds in which a database or a server must answer.
_ANSWER = 10
_DATABASE = re.compile(r"postgresql(\+\w+)?")
_SECRETS = re.compile(r"(?i)\b(password|passwd|pwd|token|secret)=[^&\s]+")
# Library -> package, where they are not called alike.
_PACKAGES = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary"}
# MLflow itself would ask again and again for minutes.
_IMPATIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(_ANSWER),
}


def shared_uri() -> str | None:
    """Return the address of the store that the environment names, if it names one.

    Returns
    -------
    str or None

    Raises
    ------
    TrackingError
        If it is no address of a PostgreSQL database or an MLflow server.
    """
    uri = os.environ.get(VARIABLE, "").strip()
    if not uri:
        return None
    scheme = uri.partition("://")[0]
    known = _DATABASE.fullmatch(scheme) or scheme in ("http", "https")
    if "://" not in uri or not known or not _is_whole(uri):
        raise TrackingError(
            f"{VARIABLE}: {shown_uri(uri)} is no store. Give postgresql://USER@HOST/DATABASE or "
            f"http://HOST:PORT of an MLflow server, or unset {VARIABLE}: runs are then kept with "
            "the study."
        )
    return uri


def _is_whole(uri: str) -> bool:
    """Return whether an address can be taken apart: its port is a number, its brackets close."""
    import sqlalchemy

    try:
        if is_server(uri):
            return urlsplit(uri).port is None or bool(urlsplit(uri).hostname)
        sqlalchemy.make_url(uri)
    except (ValueError, sqlalchemy.exc.ArgumentError):
        return False
    return True


def is_server(uri: str) -> bool:
    """Return whether an address is that of an MLflow server rather than of a database.

    Parameters
    ----------
    uri : str
        Of a store.

    Returns
    -------
    bool
    """
    return uri.startswith(("http://", "https://"))


def shown_uri(uri: str) -> str:
    """Return an address as it may be shown: without its password and its parameters.

    Parameters
    ----------
    uri : str
        Of a store, or anything else that the environment holds.

    Returns
    -------
    str

    Examples
    --------
    >>> shown_uri("postgresql://ana:geheim@db:5432/mlflow?password=x")
    'postgresql://ana:***@db:5432/mlflow'
    >>> shown_uri("https://mlflow.clinic")
    'https://mlflow.clinic'
    >>> shown_uri("geheim")
    'what it holds'
    """
    scheme, mark, rest = uri.partition("://")
    if not mark:
        return "what it holds"
    rest = re.split(r"[?#]", rest)[0]
    # The last @ ends the user: a password may hold others that are not escaped, and slashes.
    user, mark, host = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    return f"{scheme}://{name}{colon and ':***'}{mark}{host}"


def redacted(text: str) -> str:
    """Return a text without the address and the password that the environment holds.

    Parameters
    ----------
    text : str
        Of an error, such as of MLflow or of the database.

    Returns
    -------
    str
    """
    uri = os.environ.get(VARIABLE, "").strip()
    if uri:
        text = text.replace(uri, shown_uri(uri))
        user = re.split(r"[?#]", uri.partition("://")[2])[0].rpartition("@")[0]
        password = user.partition(":")[2]
        for secret in {password, unquote(password)} - {""}:
            text = text.replace(secret, "***")
    return _SECRETS.sub(r"\1=***", text)


def check_answers(uri: str) -> None:
    """Raise what is wrong, within seconds, if a store does not answer.

    Parameters
    ----------
    uri : str
        Of a database or a server.

    Raises
    ------
    TrackingError
        If the database's driver is not installed.
    """
    if is_server(uri):
        from mlflow import MlflowClient

        with _settings(_IMPATIENT):
            MlflowClient(uri).search_experiments(max_results=1)
        return
    import sqlalchemy

    # As for MLflow: which library an address without one means depends on SQLAlchemy's version.
    driver = sqlalchemy.make_url(uri).get_driver_name()
    patience = {"connect_timeout": _ANSWER} if driver.startswith("psycopg") else {}
    try:
        engine = sqlalchemy.create_engine(
            uri, poolclass=sqlalchemy.pool.NullPool, connect_args=patience
        )
    except ImportError:
        raise TrackingError(
            f"{shown_uri(uri)}: MLflow needs the library {driver} to use a PostgreSQL database. "
            f"Install it: pip install '{_PACKAGES.get(driver, driver)}'."
        ) from None
    with engine.connect():
        pass


@contextmanager
def _settings(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for a while; what a user has set stays."""
    mine = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            os.environ.pop(name, None)
