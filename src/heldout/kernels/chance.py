"""Chance that is counted, not consumed, and the bootstrap samples drawn with it.

**Problem.** Draws that depend on a key and a counter alone, so that they are the same on every
machine, in every thread and in whatever order they are made.

**Algorithm.** SplitMix64 [1]_ at any place of its sequence; a bootstrap sample draws patients with
replacement, in proportion to their weights.

References
----------
.. [1] Steele, Lea & Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.
"""

from __future__ import annotations

import numpy as np

from heldout.arrays import Floats, Integers
from heldout.kernels.compiled import compiled

_ONE = np.uint64(1)
_GAMMA = np.uint64(0x9E3779B97F4A7C15)


@compiled()
def random_bits(key: np.uint64, counter: int) -> np.uint64:
    """Return one output of SplitMix64 without the ones before it.

    Parameters
    ----------
    key : uint64
        The generator's seed.
    counter : int
        Which output, from 0.

    Returns
    -------
    uint64
        64 random bits.
    """
    bits = key + (np.uint64(counter) + _ONE) * _GAMMA
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@compiled()
def bootstrap_counts(weights: Floats, n_trees: int, seed: int) -> Integers:
    """Draw a bootstrap sample for every tree.

    Parameters
    ----------
    weights : array of shape (n_train,)
        Patient weights; a patient is drawn in proportion to them.
    n_trees : int
        How many samples.
    seed : int
        Seed of the forest.

    Returns
    -------
    array of shape (n_trees, n_train)
        How often each patient was drawn; every row adds up to n_train.
    """
    n = len(weights)
    bounds = np.empty(n, dtype=np.float64)
    total = 0.0
    for patient in range(n):
        total += weights[patient]
        bounds[patient] = total
    counts = np.zeros((n_trees, n), dtype=np.int64)
    for tree in range(n_trees):
        key = random_bits(np.uint64(seed), tree)
        for draw in range(n):
            point = np.float64(random_bits(key, draw) >> np.uint64(11)) * 2.0**-53 * total
            # At these sizes counting without a branch is faster than halving.
            patient = 0
            for other in range(n - 1):
                patient += bounds[other] <= point
            counts[tree, patient] += 1
    return counts
