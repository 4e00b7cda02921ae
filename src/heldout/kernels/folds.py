"""The folds of permuted outcomes, drawn by the rule of `heldout.splits`, compiled.

**Problem, algorithm.** Those of `heldout.splits.draw_folds`: the text that is compiled here is the
very text that draws the folds of the observed outcome, and the chance it uses is drawn by NumPy
beforehand, so that both give the same folds.

**Cost.** Some ten microseconds for 36 patients.
"""

from __future__ import annotations

from heldout import splits
from heldout.kernels.compiled import compiled

place_patients = compiled()(splits.place_patients)
