"""A sequence that is made when it is first read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, overload

T = TypeVar("T", covariant=True)


class Deferred(Sequence[T]):
    """A sequence that is made when it is first read, and reads like a tuple then.

    A study that is simulated a thousand times has a Table 1 a thousand times, and nobody looks.

    Parameters
    ----------
    make : callable
        () -> what the sequence holds; called once, if at all.

    Examples
    --------
    >>> numbers = Deferred(lambda: [1, 2])
    >>> len(numbers), numbers[0], numbers == (1, 2)
    (2, 1, True)
    """

    def __init__(self, make: Callable[[], Iterable[T]]) -> None:
        self._make: Callable[[], Iterable[T]] | None = make
        self._values: tuple[T, ...] = ()

    def _read(self) -> tuple[T, ...]:
        """Return the values, made if this is the first look."""
        if self._make is not None:
            self._values, self._make = tuple(self._make()), None
        return self._values

    def __len__(self) -> int:
        return len(self._read())

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[T, ...]: ...

    def __getitem__(self, place: int | slice) -> T | tuple[T, ...]:
        return self._read()[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple | Deferred) and self._read() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._read())

    def __repr__(self) -> str:
        return repr(self._read())

    def __reduce__(self) -> tuple[type[tuple[T, ...]], tuple[tuple[T, ...]]]:
        return tuple, (self._read(),)
