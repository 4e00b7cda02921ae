"""How sure one may be: the figures of a cell, the permutation test, and the verdict.

Both kinds of outcome go the same way; what differs is declared in `heldout.kinds`.
"""
