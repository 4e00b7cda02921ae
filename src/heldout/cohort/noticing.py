"""What is noticed while tables are read; `heldout.findings` makes numbered findings of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What was seen in one table: the finding's code, the words, and pseudonyms."""

    code: str
    text: str
    who: tuple[str, ...]
