"""Random forests of classes and of numbers, grown for all candidates at once.

The problem
-----------
As scikit-learn 1.9 states it for `RandomForestClassifier` and `RandomForestRegressor`. Each tree
draws n of n patients with replacement, a patient with probability ``weight / sum(weights)``; from
then on a patient counts as often as drawn. A node draws features without replacement,
``max(1, int(max_features * p))`` of them and further ones while all drawn are constant in the
node, and takes the feature and the cut with the highest ::

    gain = (S_left W - S W_left)^2 / (W_left (W - W_left))

where W is the count and S the sum of answers in the node: W times the reduction of the sum of
squares. For answers of 0 and 1 Gini's impurity is twice the variance, so one criterion serves both
kinds. Both children must hold ``min_samples_leaf`` distinct patients. A cut lies halfway between
two values that differ by more than 1e-7; features are read in single precision. A node stops when
its answers are all the same, when it is too small to cut, or when no cut is allowed; a split that
gains nothing is taken. Of equally good splits the feature drawn first wins, then the lowest cut
(in scikit-learn the rounding of its sums decides between cuts). A leaf says the mean answer of its
patients, the forest the mean over its trees.

The algorithm
-------------
* Every feature is sorted once per training set. A node's patients get into a feature's order by
  setting one bit each and reading the bits back from the lowest.
* One pass over the cuts from the middle outward finds the best cut for every `min_samples_leaf`.
* Chance is counted, not consumed (SplitMix64): a node's draws depend on the seed, the tree and
  the way down to the node, and on nothing else. So all candidates see the same bootstrap samples
  and draw features in the same order; candidates that choose the same split in a node are one
  group, which grows the branch below it once. A candidate's result does not depend on the others.
* Patients to be predicted go down with the tree: no tree is stored, and no branch is grown that
  none of them reaches.
* Answers are whole numbers of 2^-30 (to choose splits) and 2^-46 (to predict) of their range.
  Whole numbers add up exactly, so that equally good splits compare equal and results are the
  same bit by bit on every machine, in every thread and whatever the order of candidates.

There is no iteration and nothing to stop: `converged` is 1, or 0 where the forest declines, as
it does for more than `MOST_PATIENTS` patients and for numbers that overflow.

Cost: 0.03 to 0.09 ms per fit of 100 trees for classes, 0.14 ms for numbers (22 patients, 30
features, 20 candidates of 1 to 8 patients per leaf and 3 to 30 features per split).

Sources
-------
Breiman, Random forests, Machine Learning 45 (2001) 5-32. Breiman, Friedman, Olshen and Stone,
Classification and regression trees (1984). Steele, Lea and Flood, Fast splittable pseudorandom
number generators, OOPSLA 2014 (SplitMix64). Leiserson, Prokop and Randall, Using de Bruijn
sequences to index a 1 in a computer word (1998).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats, Integers
from heldout.kernels.chance import bootstrap_counts, random_bits
from heldout.kernels.compiled import PATH, compiled

_Indices = NDArray[np.uint32]
_Words = NDArray[np.uint64]
_Records = NDArray[np.void]
# Where a node's patients and test patients begin and end, and the key of its draws. Arrays are
# passed one by one and not in such tuples: numba would count references to them in every call.
_Node = tuple[int, int, int, int, np.uint64]
# Where a group of candidates begins and ends.
_Group = tuple[int, int]

N_TREES = 100
MOST_PATIENTS = 4096

_ONE = np.uint64(1)
_HALF = np.uint64(32)
# Values that are no further apart than this are the same to scikit-learn.
_TIE = np.float32(1e-7)
_LARGEST = float(np.finfo(np.float32).max)
_COARSE = 2.0**30
_FINE = 2.0**46
# In a stack row: the node is to be looked at; otherwise it is to be split by this feature.
_NO_FEATURE = -1

# The place of the only bit that is set in a word, by the six highest bits of a product.
_DE_BRUIJN = np.uint64(0x022FDD63CC95386D)
_PLACE_OF_BIT = np.zeros(64, dtype=np.uint8)
for _place in range(64):
    _PLACE_OF_BIT[((int(_DE_BRUIJN) << _place) % 2**64) >> 58] = _place


def _record(**fields: str) -> np.dtype[np.void]:
    """Return the type of an array of records with these fields."""
    return np.dtype(list(fields.items()), align=True)


# (feature, place in rising order) -> value and patient; (feature, patient) -> place.
_GRID = _record(value="f4", patient="u4", place="u4")
# patient -> answer, count in the bootstrap sample, and sum and count in one word;
# position -> patient: a node's patients stand from its start to its end.
_PEOPLE = _record(coarse="i8", fine="i8", count="i8", packed="i8", listed="u4")
# position -> patient of the node at hand, up to a mark; rank -> place of a feature;
# number to the left -> sum and count; min_samples_leaf -> gain and last place left of the cut.
_BENCH = _record(sum="i8", gain="f8", patient="u4", place="u4", edge="u4")
# A candidate, what it asks for, and the best split it has seen in the node at hand.
_CHOICE = _record(gain="f8", leaf="u4", tried="u4", feature="u4", edge="u4", candidate="u4")
# A node with some of its candidates, to be looked at or to be split.
_STACK = _record(
    start="i8",
    end="i8",
    test_start="i8",
    test_end="i8",
    key="u8",
    first="i8",
    last="i8",
    feature="i8",
    edge="i8",
)


@compiled()
def _sort_features(train: Floats) -> tuple[_Records, _Words]:
    """Return the grid of sorted features, and every patient's place as a bit of one word."""
    n, p = train.shape
    grid = np.empty((p, n), dtype=_GRID)
    marks = np.zeros((p, (n + 63) >> 6, n), dtype=np.uint64)
    for feature in range(p):
        for patient in range(n):
            value = np.float32(train[patient, feature])
            place = patient
            while place > 0 and grid[feature, place - 1]["value"] > value:
                grid[feature, place]["value"] = grid[feature, place - 1]["value"]
                grid[feature, place]["patient"] = grid[feature, place - 1]["patient"]
                place -= 1
            grid[feature, place]["value"] = value
            grid[feature, place]["patient"] = patient
        for place in range(n):
            patient = grid[feature, place]["patient"]
            grid[feature, patient]["place"] = place
            marks[feature, place >> 6, patient] = _ONE << np.uint64(place & 63)
    return grid, marks


@compiled()
def _whole_answers(answers: Floats, low: float, high: float) -> _Records:
    """Return the patients with their answers as whole numbers."""
    people = np.zeros(len(answers), dtype=_PEOPLE)
    for patient in range(len(answers)):
        share = (answers[patient] - low) / (high - low)
        people[patient]["coarse"] = np.int64(np.rint(share * _COARSE))
        people[patient]["fine"] = np.int64(np.rint(share * _FINE))
    return people


@compiled()
def _fill_bag(people: _Records, counts: Integers, tree: int) -> int:
    """Take a tree's bootstrap sample and return how many distinct patients it holds."""
    size = 0
    for patient in range(len(people)):
        count = counts[tree, patient]
        people[patient]["count"] = count
        people[patient]["packed"] = ((count * people[patient]["coarse"]) << 16) + count
        if count > 0:
            people[size]["listed"] = patient
            size += 1
    return size


@compiled()
def _look_at(people: _Records, start: int, end: int) -> tuple[float, float]:
    """Return the gain of a split into pure children, and the mean answer.

    The gain is 0 for a pure node, and infinite where there are more than two different answers.
    """
    first = people[people[start]["listed"]]["coarse"]
    second = first
    several = False
    weight, weight_of_second, total = 0, 0, 0
    for k in range(start, end):
        patient = people[k]["listed"]
        answer, count = people[patient]["coarse"], people[patient]["count"]
        weight += count
        total += count * people[patient]["fine"]
        if answer != first:
            several |= second != first and answer != second
            second = answer
            weight_of_second += count
    apart = np.float64((second - first) * weight_of_second * (weight - weight_of_second))
    split = np.float64(max(1, weight_of_second * (weight - weight_of_second)))
    perfect = np.inf if several else apart * apart / split
    return perfect, np.float64(total) / np.float64(weight)


@compiled()
def _gain_of_cut(grid: _Records, bench: _Records, feature: int, left: int, whole: int) -> float:
    """Return what it gains to cut behind so many patients, or -1 between two equal values."""
    below = grid[feature, bench[left - 1]["place"]]["value"]
    part = bench[left]["sum"]
    weight, weight_left = whole & 0xFFFF, part & 0xFFFF
    apart = np.float64((part >> 16) * weight - (whole >> 16) * weight_left)
    gain = apart * apart / np.float64(weight_left * (weight - weight_left))
    tied = grid[feature, bench[left]["place"]]["value"] <= below + _TIE
    return -1.0 if tied else gain


@compiled()
def _weigh_feature(
    grid: _Records, marks: _Words, people: _Records, bench: _Records, feature: int, least: int
) -> bool:
    """Write the best cut for each `min_samples_leaf` from the least; tell if the feature varies.

    The list of patients ends with a mark rather than at a known length, which keeps the compiler
    from making a loop for long lists out of it, of which there are none.
    """
    size, whole = 0, 0
    for block in range(marks.shape[1]):
        word = np.uint64(0)
        k = 0
        while bench[k]["patient"] < len(people):
            word |= marks[feature, block, bench[k]["patient"]]
            k += 1
        while word != 0:
            lowest = word & (~word + _ONE)
            place = (block << 6) + np.int64(_PLACE_OF_BIT[(lowest * _DE_BRUIJN) >> np.uint64(58)])
            word ^= lowest
            whole += people[grid[feature, place]["patient"]]["packed"]
            bench[size]["place"] = place
            size += 1
            bench[size]["sum"] = whole
    best, edge = -1.0, np.uint32(0)
    for leaf in range(size >> 1, least - 1, -1):
        gain = _gain_of_cut(grid, bench, feature, leaf, whole)
        if gain >= best:
            best, edge = gain, bench[leaf - 1]["place"]
        gain = _gain_of_cut(grid, bench, feature, size - leaf, whole)
        if gain > best:
            best, edge = gain, bench[size - leaf - 1]["place"]
        bench[leaf]["gain"] = best
        bench[leaf]["edge"] = edge
    lowest_value = grid[feature, bench[0]["place"]]["value"]
    return bool(grid[feature, bench[size - 1]["place"]]["value"] > lowest_value + _TIE)


@compiled()
def _compare(
    bench: _Records, choices: _Records, group: _Group, feature: int, drawn: int, perfect: float
) -> int:
    """Let candidates take the feature if it is better; return how many need look no further."""
    n_perfect = 0
    for k in range(group[0], group[1]):
        leaf = choices[k]["leaf"]
        gain = bench[leaf]["gain"]
        if gain > choices[k]["gain"] and drawn < choices[k]["tried"]:
            choices[k]["gain"] = gain
            choices[k]["feature"] = feature
            choices[k]["edge"] = bench[leaf]["edge"]
            n_perfect += gain == perfect
    return n_perfect


@compiled()
def _choose_splits(  # noqa: PLR0913 - arrays go one by one
    grid: _Records,
    marks: _Words,
    people: _Records,
    bench: _Records,
    features: _Indices,
    choices: _Records,
    node: _Node,
    group: _Group,
    perfect: float,
) -> None:
    """Draw features for a node and find the best split for each of its candidates."""
    start, end, _, _, key = node
    first, last = group
    p, n = grid.shape
    least, most, searching = n, 0, last - first
    for k in range(first, last):
        choices[k]["gain"] = -1.0
        least = min(least, choices[k]["leaf"])
        most = max(most, choices[k]["tried"])
    for k in range(end - start):
        bench[k]["patient"] = people[start + k]["listed"]
    bench[end - start]["patient"] = n
    for feature in range(p):
        features[feature] = feature
    varied = False
    for drawn in range(p):
        if searching > 0 and (drawn < most or not varied):
            bits = random_bits(key, drawn) >> _HALF
            pick = drawn + np.int64((bits * np.uint64(p - drawn)) >> _HALF)
            feature = features[pick]
            features[pick] = features[drawn]
            if _weigh_feature(grid, marks, people, bench, feature, least):
                # Whoever has seen nothing but constants takes one more.
                seen = drawn if varied else 0
                searching -= _compare(bench, choices, group, feature, seen, perfect)
                varied = True


@compiled()
def _settle(
    choices: _Records, tests: _Indices, node: _Node, group: _Group, value: float, margins: Floats
) -> None:
    """Tell the node's test patients what its leaf says."""
    _, _, test_start, test_end, _ = node
    for k in range(group[0], group[1]):
        for t in range(test_start, test_end):
            margins[choices[k]["candidate"], tests[t]] += value


@compiled()
def _push(stack: _Records, top: int, node: _Node, group: _Group, feature: int, edge: int) -> int:
    """Put a node and its candidates on the stack and return the new top."""
    start, end, test_start, test_end, key = node
    first, last = group
    stack[top]["start"] = start
    stack[top]["end"] = end
    stack[top]["test_start"] = test_start
    stack[top]["test_end"] = test_end
    stack[top]["key"] = key
    stack[top]["first"] = first
    stack[top]["last"] = last
    stack[top]["feature"] = feature
    stack[top]["edge"] = edge
    return top + 1


@compiled()
def _swap(choices: _Records, a: int, b: int) -> None:
    """Let two candidates change places."""
    first, second = choices[a], choices[b]
    first["gain"], second["gain"] = second["gain"], first["gain"]
    first["leaf"], second["leaf"] = second["leaf"], first["leaf"]
    first["tried"], second["tried"] = second["tried"], first["tried"]
    first["feature"], second["feature"] = second["feature"], first["feature"]
    first["edge"], second["edge"] = second["edge"], first["edge"]
    first["candidate"], second["candidate"] = second["candidate"], first["candidate"]


@compiled()
def _retire_small(choices: _Records, first: int, last: int, size: int) -> int:
    """Put candidates to which the node is too small in front; return where the others begin."""
    for k in range(first, last):
        if size < 2 * np.int64(choices[k]["leaf"]):
            _swap(choices, k, first)
            first += 1
    return first


@compiled()
def _retire_unsplit(choices: _Records, first: int, last: int) -> int:
    """Put candidates that have found no split in front; return where the others begin."""
    for k in range(first, last):
        if choices[k]["gain"] < 0.0:
            _swap(choices, k, first)
            first += 1
    return first


@compiled()
def _push_groups(choices: _Records, stack: _Records, top: int, node: _Node, group: _Group) -> int:
    """Put each group of candidates with the same split on the stack; return the new top."""
    until = group[0]
    for head in range(group[0], group[1]):
        if head == until:
            feature, edge = choices[head]["feature"], choices[head]["edge"]
            for k in range(head, group[1]):
                if choices[k]["feature"] == feature and choices[k]["edge"] == edge:
                    _swap(choices, k, until)
                    until += 1
            top = _push(stack, top, node, (head, until), feature, edge)
    return top


@compiled()
def _divide(  # noqa: PLR0913 - arrays go one by one
    grid: _Records,
    people: _Records,
    tests: _Indices,
    test: Floats,
    stack: _Records,
    top: int,
    node: _Node,
    group: _Group,
    split: tuple[int, int],
) -> int:
    """Split a node for a group and put the children on the stack that test patients reach."""
    start, end, test_start, test_end, key = node
    feature, edge = split
    p, n = grid.shape
    middle, right = start, n
    for k in range(start, end):
        patient = people[k]["listed"]
        place = np.int64(grid[feature, patient]["place"])
        if place <= edge:
            people[k]["listed"] = people[middle]["listed"]
            people[middle]["listed"] = patient
            middle += 1
        else:
            right = min(right, place)
    below = np.float64(grid[feature, edge]["value"])
    threshold = below / 2.0 + np.float64(grid[feature, right]["value"]) / 2.0
    test_middle = test_start
    for t in range(test_start, test_end):
        patient = tests[t]
        if np.float32(test[patient, feature]) <= threshold:
            tests[t] = tests[test_middle]
            tests[test_middle] = patient
            test_middle += 1
    if test_middle < test_end:
        child = (middle, end, test_middle, test_end, random_bits(key, p + 1))
        top = _push(stack, top, child, group, _NO_FEATURE, 0)
    if test_middle > test_start:
        child = (start, middle, test_start, test_middle, random_bits(key, p))
        top = _push(stack, top, child, group, _NO_FEATURE, 0)
    return top


@compiled()
def _grow(  # noqa: PLR0913 - arrays go one by one
    grid: _Records,
    marks: _Words,
    people: _Records,
    bench: _Records,
    features: _Indices,
    choices: _Records,
    stack: _Records,
    tests: _Indices,
    test: Floats,
    root: _Node,
    margins: Floats,
) -> None:
    """Grow one tree for all candidates and add what it says, as a share of the range.

    A split waits on the stack until everything above it is done: below it, the same patients
    and candidates stand in the same range as before, in whatever order.
    """
    top = _push(stack, 0, root, (0, len(choices)), _NO_FEATURE, 0)
    while top > 0:
        top -= 1
        row = stack[top]
        start, end, first, last = row["start"], row["end"], row["first"], row["last"]
        node = (start, end, row["test_start"], row["test_end"], row["key"])
        split = (row["feature"], row["edge"])
        if split[0] != _NO_FEATURE:
            top = _divide(grid, people, tests, test, stack, top, node, (first, last), split)
        else:
            perfect, value = _look_at(people, start, end)
            going = last if perfect == 0.0 else _retire_small(choices, first, last, end - start)
            if going < last:
                group = (going, last)
                _choose_splits(grid, marks, people, bench, features, choices, node, group, perfect)
                going = _retire_unsplit(choices, going, last)
            _settle(choices, tests, node, (first, going), value, margins)
            top = _push_groups(choices, stack, top, node, (going, last))


@compiled()
def _new_choices(candidates: Floats, n: int, p: int) -> _Records:
    """Return the candidates in their first order."""
    choices = np.zeros(len(candidates), dtype=_CHOICE)
    for k in range(len(candidates)):
        choices[k]["candidate"] = k
        choices[k]["leaf"] = min(max(1.0, candidates[k, 0]), n + 1.0)
        choices[k]["tried"] = min(max(1.0, candidates[k, 1] * p), np.float64(p))
    return choices


@compiled()
def _overflows(matrix: Floats) -> bool:
    """Tell if a number is beyond single precision."""
    return bool((np.abs(matrix) > _LARGEST).any())


@compiled()
def forest_from_counts(
    train: Floats,
    answers: Floats,
    counts: Integers,
    candidates: Floats,
    test: Floats,
    seed: int,
) -> tuple[Floats, Floats]:
    """Grow forests on given bootstrap samples.

    Parameters
    ----------
    train : array of shape (n_train, n_features)
        Features; single precision is enough.
    answers : array of shape (n_train,)
        0 and 1, or numbers.
    counts : array of shape (n_trees, n_train)
        How often each patient stands in each tree's sample; a row adds up to 1 to 65535.
    candidates : array of shape (n_candidates, 2)
        min_samples_leaf, and max_features as a share.
    test : array of shape (n_test, n_features)
        Patients to be predicted.
    seed : int
        Seed of the features drawn.

    Returns
    -------
    margins : array of shape (n_candidates, n_test)
        Mean over trees of the mean answer in a patient's leaf: a probability, or a number.
    converged : array of shape (n_candidates,)
        1, or 0 for all where the forest declines.
    """
    n, p = train.shape
    n_trees, n_test, n_candidates = len(counts), len(test), len(candidates)
    margins = np.zeros((n_candidates, n_test))
    low, high = answers.min(), answers.max()
    if n > MOST_PATIENTS or _overflows(train) or _overflows(test) or not np.isfinite(high - low):
        return margins, np.zeros(n_candidates)
    if low < high and n_test > 0:
        grid, marks = _sort_features(train)
        people = _whole_answers(answers, low, high)
        bench = np.zeros(n + 1, dtype=_BENCH)
        features = np.empty(p, dtype=np.uint32)
        choices = _new_choices(candidates, n, p)
        # One split waits per candidate, and one right child per level of the tree.
        stack = np.zeros(n + n_candidates + 2, dtype=_STACK)
        tests = np.arange(n_test).astype(np.uint32)
        for tree in range(n_trees):
            size = _fill_bag(people, counts, tree)
            root = (0, size, 0, n_test, random_bits(random_bits(np.uint64(seed), tree), n))
            _grow(grid, marks, people, bench, features, choices, stack, tests, test, root, margins)
    return low + margins / (_FINE * n_trees) * (high - low), np.ones(n_candidates)


@compiled(PATH)
def forest_path(
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
    seed: int,
) -> tuple[Floats, Floats]:
    """Grow a forest of `N_TREES` trees for each candidate.

    Parameters
    ----------
    train : array of shape (n_train, n_features)
        Imputed features; scaling changes nothing.
    answers : array of shape (n_train,)
        0 and 1, or numbers.
    weights : array of shape (n_train,)
        Patient weights; a patient is drawn in proportion to them.
    candidates : array of shape (n_candidates, 2)
        min_samples_leaf, and max_features as a share.
    test : array of shape (n_test, n_features)
        Patients to be predicted.
    seed : int
        Seed of the bootstrap samples and of the features drawn.

    Returns
    -------
    margins : array of shape (n_candidates, n_test)
        The probability of an event, or the number predicted.
    converged : array of shape (n_candidates,)
        1, or 0 for all where the forest declines.
    """
    counts = bootstrap_counts(weights, N_TREES, seed)
    return forest_from_counts(train, answers, counts, candidates, test, seed)
