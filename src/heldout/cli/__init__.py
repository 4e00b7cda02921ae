"""The command line: thin commands over plain functions.

Exit status 0: done. 1: the study could not be carried out, and one message says why.
2: wrong usage. A traceback is shown for ``--debug`` and for our own faults only.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from heldout.cli.parser import parsed
from heldout.cli.studies import run
from heldout.cli.terminal import complain, spell_what_it_can
from heldout.errors import StudyError
from heldout.system import ENDINGS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the command's own name; those of the process by default.

    Returns
    -------
    int
        0 done, 1 could not be carried out, 2 wrong usage, 130 stopped from the keyboard.

    Raises
    ------
    StudyError, OSError
        What could not be carried out, with ``--debug`` only.
    """
    settle_environment()
    spell_what_it_can()
    options = parsed(arguments)
    try:
        return int(options.command(options))
    except BrokenPipeError:
        # Whoever read our output has left; that is not a fault.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (StudyError, OSError) as error:
        if options.debug:
            raise
        if isinstance(error, StudyError):
            complain(str(error))
            return error.exit_status
        remedy = "Check that it exists, and may be read and written."
        complain(f"{error.filename or 'A file'}: {error.strerror}. {remedy}")
        return 1
    except (KeyboardInterrupt, SystemExit) as ending:
        if options.command is run:
            complain("Stopped. The same command goes on from here.")
        return int(ending.code or 0) if isinstance(ending, SystemExit) else 130


def settle_environment() -> None:
    """Hold threads at one per worker before numpy is imported, and libraries quiet."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")
    for ending in ENDINGS:
        signal.signal(ending, stop)


def stop(number: int, frame: FrameType | None) -> None:
    """Turn a request to end into an ordinary exit, so that everything is closed.

    Parameters
    ----------
    number : int
        Of the signal.
    frame : frame or None
        Where the program was; given by Python, and not used.

    Raises
    ------
    SystemExit
        With the status that shells give a process ended by this signal.
    """
    raise SystemExit(128 + number)
