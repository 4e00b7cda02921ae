"""What a machine may run out of."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def files_up_to(limit: int) -> Iterator[None]:
    """Let no file grow beyond a limit in bytes, as on a disk that is full."""
    resource = pytest.importorskip("resource", reason="Windows limits no file")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
