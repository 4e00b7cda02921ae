"""Gradient-boosted trees of classes and of numbers, grown exactly as XGBoost grows them.

The problem
-----------
As XGBoost 3.2 to 3.4 state it for ``tree_method="exact"`` with ``binary:logistic`` and
``reg:squarederror``. The margin begins at the weighted mean answer, or at its log-odds. Each tree
keeps every patient with probability ``subsample``, draws ``max(1, int(colsample_bytree * p))``
features without replacement, and splits level by level at the cut with the highest ::

    loss change = G_left^2 / (H_left + lambda) + G_right^2 / (H_right + lambda) - G^2 / (H + lambda)

where G and H are sums of ``weight * gradient`` and ``weight * hessian`` of the loss. Both children
must hold a hessian of ``min_child_weight``, and the change must be above 1e-6. A cut lies halfway
between two values. Of equally good splits the lower feature wins, then the higher cut. A leaf says
``-learning_rate * G / (H + lambda)``.

Features, margins, gradients and loss changes are in single precision and sums in double, in the
places where XGBoost has them so. Single-precision numbers of like size add up in double without
rounding, whatever their order; so equally good splits are equally good to both, and where nothing
is drawn by chance the margins are XGBoost's: mostly to the last bit, always to 1e-6 of the largest
(``tests/unit/kernels/test_boosting.py``).

Chance is another than XGBoost's: SplitMix64, counted and not consumed. What a tree draws depends
on the seed and the tree's number alone; a smaller share of patients or features lies within every
larger one. So a candidate does not depend on the others.

The algorithm
-------------
* Every feature is sorted once per training set. A cell is a patient at a place in a feature's
  falling order: the rank of the value, and the patient.
* A node's cells stand together, feature by feature, with running sums beside them; its best cut is
  one pass without branches. A key of loss change and place finds the first of equal ones.
* Children are laid out from their parent, which keeps every order; two rooms take turns.
* A node whose hessian cannot fill two children is not looked at, and one that is not split further
  is not laid out.
* Candidates that differ in the number of trees alone are stations of one path.

There is no iteration and nothing to stop: `converged` is 1, or 0 where the kernel declines, as it
does for more than `MOST_PATIENTS` patients and for numbers that overflow single precision.

Cost: 0.07 ms per fit of 50 trees (22 to 29 patients, 30 features, depth 1 to 4).

Sources
-------
Chen and Guestrin, XGBoost: a scalable tree boosting system, KDD 2016. Friedman, Greedy function
approximation: a gradient boosting machine, Annals of Statistics 29 (2001) 1189-1232. XGBoost 3.2.0,
``updater_colmaker.cc``, ``split_evaluator.h``, ``regression_loss.h``, ``stats.cc``. Steele, Lea and
Flood, Fast splittable pseudorandom number generators, OOPSLA 2014 (SplitMix64).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats, Integers
from heldout.kernels.chance import random_bits
from heldout.kernels.compiled import PATH, compiled

_Cells = NDArray[np.uint32]
_Singles = NDArray[np.float32]
_Records = NDArray[np.void]
# Penalty of a leaf's value, least hessian of a leaf, learning rate, depth.
_Shape = tuple[float, float, np.float32, int]

MOST_PATIENTS = 65_536

_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
# XGBoost's kRtEps: what a split must gain, and how far from 0 and 1 a mean is kept.
_EPSILON = np.float32(1e-6)
# XGBoost's bounds of a patient's hessian and of an exponent.
_LEAST_HESSIAN = np.float32(1e-16)
_MOST_EXPONENT = np.float32(88.7)
# Of a child without patients nothing is left but rounding.
_NOBODY = 1e-12
_ROUNDING = 1e-9
_LARGEST = float(np.finfo(np.float32).max)
_LARGEST_SUM = _LARGEST**0.5 / 2.0
# A cell has the patient in its lower half and the rank in its upper one.
_PATIENT = np.uint32(0xFFFF)
_RANK = np.uint32(16)
_NEXT = np.uint64(1)
_LOWER = 0xFFFFFFFF
_LEAF = 0


def _record(**fields: str) -> np.dtype[np.void]:
    """Return the type of an array of records with these fields."""
    return np.dtype(list(fields.items()), align=True)


# Gradient and hessian in the tree at hand, 0 if the patient is not drawn; the same in the left
# child of the node at hand, 0 if he is not there.
_PERSON = _record(
    gradient="f8",
    hessian="f8",
    left_gradient="f8",
    left_hessian="f8",
    is_left="u8",
    is_drawn="u8",
    margin="f4",
    answer="f4",
    weight="f4",
)
# Patients, the first of the node's cells, the left of its children, and what it splits by or says.
_NODE = _record(
    gradient="f8",
    hessian="f8",
    size="i8",
    start="i8",
    left="i4",
    feature="i4",
    threshold="f4",
    value="f4",
)


class _Bench(NamedTuple):
    """All arrays of a training set: what is the same for all candidates, and room to grow in."""

    table: _Singles
    order: _Cells
    points: Floats
    turns: Integers
    people: _Records
    cells: _Cells
    sums: Floats
    nodes: _Records


@compiled()
def _sort_features(table: _Singles, n: int) -> _Cells:
    """Return the cells of the first n patients in the falling order of every feature."""
    p = table.shape[1]
    order = np.empty((p, n), dtype=np.uint32)
    for feature in range(p):
        negative = -table[:n, feature]
        places = np.argsort(negative)
        rank = np.uint32(0)
        for k in range(n):
            if k > 0 and negative[places[k]] != negative[places[k - 1]]:
                rank += np.uint32(1)
            order[feature, k] = (rank << _RANK) | np.uint32(places[k])
    return order


@compiled()
def _draw(seed: int, n_trees: int, n: int, p: int) -> tuple[Floats, Integers]:
    """Return a number from 0 to 1 for each tree and patient, and each feature's turn."""
    points = np.empty((n_trees, n))
    turns = np.empty((n_trees, p), dtype=np.int64)
    features = np.empty(p, dtype=np.int64)
    for tree in range(n_trees):
        key = random_bits(np.uint64(seed), tree)
        for patient in range(n):
            bits = random_bits(key, patient) >> np.uint64(11)
            points[tree, patient] = np.float64(bits) * 2.0**-53
        for feature in range(p):
            features[feature] = feature
        for turn in range(p):
            bits = random_bits(key, n + turn) >> np.uint64(32)
            pick = turn + np.int64((bits * np.uint64(p - turn)) >> np.uint64(32))
            turns[tree, features[pick]] = turn
            features[pick] = features[turn]
    return points, turns


@compiled()
def _differentiate(
    people: _Records, points: Floats, subsample: float, logistic: bool, root: _Records
) -> None:
    """Write gradients and hessians of the patients drawn, and their sums and number."""
    root["gradient"], root["hessian"], root["start"], root["size"] = 0.0, 0.0, 0, 0
    for k in range(len(points)):
        person = people[k]
        person["gradient"], person["hessian"] = 0.0, 0.0
        person["is_drawn"] = points[k] < subsample
        if points[k] < subsample:
            value, hessian = person["margin"], _ONE
            if logistic:
                value = _ONE / (math.exp(min(-value, _MOST_EXPONENT)) + _ONE)
                hessian = max(value * (_ONE - value), _LEAST_HESSIAN)
            person["gradient"] = np.float64((value - person["answer"]) * person["weight"])
            person["hessian"] = np.float64(hessian * person["weight"])
            root["gradient"] += person["gradient"]
            root["hessian"] += person["hessian"]
            root["size"] += 1


@compiled()
def _lay_out_root(
    order: _Cells, people: _Records, chosen: Integers, cells: _Cells, sums: Floats
) -> None:
    """Write the cells of the patients drawn, feature by feature, with running sums.

    The cell of a patient who is not drawn is overwritten by the next one. Places are unsigned, so
    that the compiler need not think of negative ones.
    """
    own_cells, gradients, hessians = cells[0], sums[0, 0], sums[0, 1]
    k = np.uint64(0)
    for feature in chosen:
        gradient, hessian = 0.0, 0.0
        for cell in order[feature]:
            person = people[cell & _PATIENT]
            gradient += person["gradient"]
            hessian += person["hessian"]
            own_cells[k] = cell
            gradients[k] = gradient
            hessians[k] = hessian
            k += person["is_drawn"]


@compiled()
def _lay_out_children(
    people: _Records,
    cells: _Cells,
    sums: Floats,
    side: int,
    n_features: int,
    node: _Records,
    left: _Records,
) -> None:
    """Write the cells of both children into the other room, in their parent's order.

    Behind each child a cell stays free, which takes what overflows.
    """
    size, n_left = node["size"], left["size"]
    to_left, to_right = left["start"], left["start"] + n_features * n_left + 1
    old_cells, old_gradients, old_hessians = cells[side], sums[side, 0], sums[side, 1]
    new_cells, new_gradients, new_hessians = cells[1 - side], sums[1 - side, 0], sums[1 - side, 1]
    k = np.uint64(node["start"])
    for f in range(n_features):
        a, b = np.uint64(to_left + f * n_left), np.uint64(to_right + f * (size - n_left))
        gradient, hessian = 0.0, 0.0
        for _ in range(size):
            cell = old_cells[k]
            person = people[cell & _PATIENT]
            gradient += person["left_gradient"]
            hessian += person["left_hessian"]
            new_cells[a] = cell
            new_gradients[a] = gradient
            new_hessians[a] = hessian
            new_cells[b] = cell
            new_gradients[b] = old_gradients[k] - gradient
            new_hessians[b] = old_hessians[k] - hessian
            a += person["is_left"]
            b += _NEXT - person["is_left"]
            k += _NEXT


@compiled()
def _bits(number: np.float32) -> np.int64:
    """Return the bits of a number: of two that are above 0, the larger has the larger ones."""
    return np.int64(np.float32(number).view(np.int32))


@compiled()
def _number(bits: np.int64) -> np.float32:
    """Return the number that has these bits."""
    return np.int32(bits).view(np.float32)


@compiled()
def _best_cut(
    cells: _Cells, sums: Floats, side: int, n_features: int, node: _Records, shape: _Shape
) -> tuple[np.float32, np.int64]:
    """Return the highest loss change in a node, and the first cell behind which to cut for it."""
    penalty, least = shape[0], shape[1]
    start, n_cells = node["start"], n_features * node["size"]
    gradient, hessian = node["gradient"], node["hessian"]
    whole = np.float32(gradient * gradient) / np.float32(hessian + penalty)
    own_cells = cells[side, start : start + n_cells + 1]
    gradients, hessians = sums[side, 0, start:], sums[side, 1, start:]
    best = np.int64(-n_cells)
    for k in range(n_cells):
        right, right_hessian = gradients[k], hessians[k]
        left, left_hessian = gradient - right, hessian - right_hessian
        gain = np.float32(left * left) / np.float32(left_hessian + penalty)
        gain += np.float32(right * right) / np.float32(right_hessian + penalty)
        allowed = (
            (right_hessian >= least)
            & (left_hessian >= least)
            & ((own_cells[k] ^ own_cells[k + 1]) > _PATIENT)
        )
        key = (_bits(gain - whole) << 32) - k if allowed else np.int64(-k)
        best = max(best, key)
    bits = (best + _LOWER) >> 32
    return _number(bits), np.int64(start + (bits << 32) - best)


@compiled()
def _divide(
    people: _Records,
    table: _Singles,
    chosen: Integers,
    cells: _Cells,
    node: _Records,
    cut: np.int64,
    children: _Records,
) -> None:
    """Write what a node splits by, who goes left, and what its children hold."""
    place = cut - node["start"]
    feature = chosen[place // node["size"]]
    first = cut - place % node["size"]
    upper = table[cells[cut] & _PATIENT, feature]
    lower = table[cells[cut + 1] & _PATIENT, feature]
    middle = (upper + lower) * _HALF
    node["feature"] = feature
    node["threshold"] = upper if middle == lower else middle
    left, right = children[0], children[1]
    left["gradient"], left["hessian"] = 0.0, 0.0
    for k in range(first, first + node["size"]):
        person = people[cells[k] & _PATIENT]
        person["is_left"] = k > cut
        person["left_gradient"] = person["gradient"] if k > cut else 0.0
        person["left_hessian"] = person["hessian"] if k > cut else 0.0
        left["gradient"] += person["left_gradient"]
        left["hessian"] += person["left_hessian"]
    right["gradient"] = node["gradient"] - left["gradient"]
    right["hessian"] = node["hessian"] - left["hessian"]
    left["size"] = first + node["size"] - 1 - cut
    right["size"] = node["size"] - left["size"]


@compiled()
def _has_room(node: _Records, shape: _Shape) -> bool:
    """Tell if a node's hessian could fill two children."""
    return bool(node["hessian"] >= 2.0 * shape[1] * (1.0 - _ROUNDING))


@compiled()
def _end(node: _Records, shape: _Shape) -> None:
    """Make a leaf of a node, for as long as it is not split."""
    penalty, least, rate, _ = shape
    value = np.float32(0.0)
    if node["hessian"] >= least:
        value = np.float32(-node["gradient"] / (node["hessian"] + penalty))
    node["value"] = value * rate
    node["left"] = _LEAF


@compiled()
def _grow(
    people: _Records,
    table: _Singles,
    chosen: Integers,
    cells: _Cells,
    sums: Floats,
    nodes: _Records,
    shape: _Shape,
) -> None:
    """Grow a tree from its root, level by level."""
    n_features, depth = len(chosen), shape[3]
    first, last = 0, 1
    for level in range(depth + 1):
        side, free, n_nodes = level & 1, 0, last
        for number in range(first, last):
            node = nodes[number]
            _end(node, shape)
            if level == depth or not _has_room(node, shape):
                continue
            change, cut = _best_cut(cells, sums, side, n_features, node, shape)
            if not change > _EPSILON:
                continue
            children = nodes[n_nodes : n_nodes + 2]
            left, right = children[0], children[1]
            _divide(people, table, chosen, cells[side], node, cut, children)
            node["left"] = n_nodes
            n_nodes += 2
            if level + 1 < depth and (_has_room(left, shape) or _has_room(right, shape)):
                left["start"] = free
                right["start"] = free + n_features * left["size"] + 1
                _lay_out_children(people, cells, sums, side, n_features, node, left)
                free += n_features * node["size"] + 2
        first, last = last, n_nodes


@compiled()
def _tell(people: _Records, table: _Singles, nodes: _Records) -> None:
    """Add to everybody's margin what a tree says."""
    for k in range(len(table)):
        node = nodes[0]
        while node["left"] != _LEAF:
            goes_right = table[k, node["feature"]] >= node["threshold"]
            node = nodes[node["left"] + goes_right]
        people[k]["margin"] += node["value"]


@compiled()
def _first_margin(answers: Floats, weights: Floats, logistic: bool) -> np.float32:
    """Return the margin before the first tree: that of the weighted mean answer."""
    total, mean = 0.0, 0.0
    for weight in weights:
        total += np.float64(np.float32(weight))
    for k in range(len(answers)):
        answer, weight = np.float32(answers[k]), np.float32(weights[k])
        mean += np.float64(answer) / total * np.float64(weight)
    if not logistic:
        return np.float32(mean)
    share = min(max(np.float32(mean), _EPSILON), _ONE - _EPSILON)
    return np.float32(-math.log(_ONE / share - _ONE))


@compiled()
def _make_bench(
    train: Floats, answers: Floats, weights: Floats, test: Floats, n_trees: int, seed: int
) -> _Bench:
    """Return the arrays of a training set."""
    n, p = train.shape
    table = np.empty((n + len(test), p), dtype=np.float32)
    table[:n], table[n:] = train, test
    points, turns = _draw(seed, n_trees, n, p)
    people = np.zeros(len(table), dtype=_PERSON)
    for k in range(n):
        people[k]["answer"], people[k]["weight"] = answers[k], weights[k]
    room = p * n + 2 * n + 2
    return _Bench(
        table,
        _sort_features(table, n),
        points,
        turns,
        people,
        np.zeros((2, room), dtype=np.uint32),
        np.zeros((2, 2, room)),
        np.zeros(2 * n + 2, dtype=_NODE),
    )


@compiled()
def _add_tree(
    bench: _Bench, tree: int, candidate: Floats, chosen: Integers, logistic: bool
) -> None:
    """Grow a candidate's next tree and add what it says."""
    table, order, points, turns, people, cells, sums, nodes = bench
    rate, depth, subsample = candidate[1], candidate[2], candidate[3]
    penalty, least = float(np.float32(candidate[5])), float(np.float32(candidate[6]))
    shape = (penalty, max(least, _NOBODY), np.float32(rate), int(depth))
    _differentiate(people, points[tree], np.float64(np.float32(subsample)), logistic, nodes[0])
    if _has_room(nodes[0], shape):
        n_chosen = 0
        for feature in range(table.shape[1]):
            if turns[tree, feature] < len(chosen):
                chosen[n_chosen] = feature
                n_chosen += 1
        _lay_out_root(order, people, chosen, cells, sums)
    _grow(people, table, chosen, cells, sums, nodes, shape)
    _tell(people, table, nodes)


@compiled()
def _follow(
    bench: _Bench,
    candidates: Floats,
    members: Integers,
    start: np.float32,
    logistic: bool,
    margins: Floats,
) -> None:
    """Boost once for candidates that differ in the number of trees alone; write their margins."""
    people = bench.people
    p, n = bench.order.shape
    for k in range(len(people)):
        people[k]["margin"] = start
    share = np.float32(candidates[members[0], 4])
    chosen = np.zeros(min(p, max(1, np.int64(share * np.float32(p)))), dtype=np.int64)
    done = 0
    for member in members:
        for tree in range(done, int(candidates[member, 0])):
            _add_tree(bench, tree, candidates[member], chosen, logistic)
        done = int(candidates[member, 0])
        for t in range(margins.shape[1]):
            margins[member, t] = people[n + t]["margin"]


@compiled()
def _overflows(train: Floats, answers: Floats, weights: Floats, test: Floats) -> bool:
    """Tell if the sum of two features or the square of all gradients is too large."""
    features = max(np.abs(train).max(), np.abs(test).max()) if train.size and test.size else 0.0
    return not (
        features <= _LARGEST / 2.0 and np.abs(answers).max() * weights.sum() <= _LARGEST_SUM
    )


@compiled()
def _boost(
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
    seed: int,
    logistic: bool,
) -> tuple[Floats, Floats]:
    """Return margins of the test patients and whether they could be told."""
    n_candidates = len(candidates)
    margins = np.zeros((n_candidates, len(test)))
    if len(train) > MOST_PATIENTS or _overflows(train, answers, weights, test):
        return margins, np.zeros(n_candidates)
    trees = candidates[:, 0]
    bench = _make_bench(train, answers, weights, test, int(trees.max()), seed)
    start = _first_margin(answers, weights, logistic)
    waiting = np.ones(n_candidates, dtype=np.bool_)
    for c in range(n_candidates):
        if waiting[c]:
            alike = np.flatnonzero((candidates[:, 1:] == candidates[c, 1:]).sum(axis=1) == 6)
            members = alike[np.argsort(trees[alike])]
            waiting[members] = False
            _follow(bench, candidates, members, start, logistic, margins)
    return margins, np.ones(n_candidates)


@compiled(PATH)
def boosted_log_odds_path(
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
    seed: int,
) -> tuple[Floats, Floats]:
    """Boost trees of classes for each candidate.

    Parameters
    ----------
    train : array of shape (n_train, n_features)
        Imputed features; scaling changes nothing.
    answers : array of shape (n_train,)
        0 and 1.
    weights : array of shape (n_train,)
        Patient weights.
    candidates : array of shape (n_candidates, 7)
        n_estimators, learning_rate, max_depth, subsample, colsample_bytree, reg_lambda and
        min_child_weight.
    test : array of shape (n_test, n_features)
        Patients to be predicted.
    seed : int
        Seed of the patients and features drawn.

    Returns
    -------
    margins : array of shape (n_candidates, n_test)
        Log-odds.
    converged : array of shape (n_candidates,)
        1, or 0 for all where the kernel declines.
    """
    return _boost(train, answers, weights, candidates, test, seed, True)


@compiled(PATH)
def boosted_numbers_path(
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
    seed: int,
) -> tuple[Floats, Floats]:
    """Boost trees of numbers for each candidate.

    Parameters
    ----------
    train : array of shape (n_train, n_features)
        Imputed features; scaling changes nothing.
    answers : array of shape (n_train,)
        Numbers.
    weights : array of shape (n_train,)
        Patient weights.
    candidates : array of shape (n_candidates, 7)
        n_estimators, learning_rate, max_depth, subsample, colsample_bytree, reg_lambda and
        min_child_weight.
    test : array of shape (n_test, n_features)
        Patients to be predicted.
    seed : int
        Seed of the patients and features drawn.

    Returns
    -------
    margins : array of shape (n_candidates, n_test)
        The numbers predicted.
    converged : array of shape (n_candidates,)
        1, or 0 for all where the kernel declines.
    """
    return _boost(train, answers, weights, candidates, test, seed, False)
