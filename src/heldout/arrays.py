"""The names that array types have in signatures, and the pieces that columns come in.

Shapes are said in docstrings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Neighbouring columns that models see, and the columns of the table they come from.

    Attributes
    ----------
    method : str
        ``as_is``: one column, untouched. ``mean``, ``principal``, ``factor``: learnt in each
        training set from standardised inputs.
    inputs : tuple of int
        Positions in the table.
    signs : tuple of int
        1 or -1 for each input; empty for ``as_is``.
    n : int
        How many columns come out.
    """

    inputs: tuple[int, ...]
    method: Literal["as_is", "mean", "principal", "factor"] = "as_is"
    signs: tuple[int, ...] = ()
    n: int = 1
