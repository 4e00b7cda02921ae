"""``python -m heldout`` is the command ``heldout``, whose process begins and ends here."""

from __future__ import annotations

import gc
import signal
import sys
from typing import NoReturn

from heldout.cli import main
from heldout.engine.processes import dismiss


def command() -> NoReturn:
    """Run the command of this process and end it at once."""
    status = main()
    # All is done and said: nobody need stop what follows, and nobody should wait for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    dismiss()
    # Python would look at each object of the libraries before it ends, for more than a second.
    gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    command()
