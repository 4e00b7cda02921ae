"""Gradient-boosted trees of classes and of numbers, as XGBoost grows them exactly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from heldout.arrays import Floats, Integers
from heldout.kernels.chance import random_bits
from heldout.kernels.compiled import PATH, compiled

_Cells = NDArray[np.uint32]
_Singles = NDArray[np.float32]
_Records = NDArray[np.void]
# Penalty of leaves, least hessian of a leaf, learning rate, depth.
_Shape = tuple[float, float, np.float32, int]

MOST_PATIENTS = 65_536

_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
# XGBoost's kRtEps: a split must gain more, and a mean stays that far from 0 and 1.
_LEAST_GAIN = np.float32(1e-6)
_LEAST_HESSIAN = np.float32(1e-16)
_MOST_EXPONENT = np.float32(88.7)
_PATIENT = np.uint32(0xFFFF)
_RANK = np.uint32(16)
_LARGEST = float(np.finfo(np.float32).max) / 2.0
_NONE = np.int64(-(2**63))


def _record(**fields: str) -> np.dtype[np.void]:
    """Return the type of an array of records with these fields."""
    return np.dtype(list(fields.items()), align=True)


# A patient: margin so far, gradient and hessian in the tree at hand (0 if not drawn), and those
# of the left child of the node at hand (0 if not there).
_PERSON = _record(
    gradient="f8", hessian="f8", left_gradient="f8", left_hessian="f8", is_left="i8", drawn="i8",
    margin="f4", answer="f4", weight="f4",
)
_NODE = _record(
    gradient="f8", hessian="f8", start="i8", size="i8", left="i4", feature="i4",
    threshold="f4", value="f4",
)


@compiled()
def _sorted_cells(table: _Singles, n: int) -> _Cells:
    """Return every feature's patients in falling order: rank of the value, and patient."""
    p = table.shape[1]
    cells = np.empty((p, n), dtype=np.uint32)
    values = np.empty(n, dtype=np.float32)
    for feature in range(p):
        for patient in range(n):
            values[patient] = -table[patient, feature]
        order = np.argsort(values)
        rank = np.uint32(0)
        for place in range(n):
            if place > 0 and values[order[place]] != values[order[place - 1]]:
                rank += np.uint32(1)
            cells[feature, place] = (rank << _RANK) | np.uint32(order[place])
    return cells


@compiled()
def _draw(seed: int, n_trees: int, n: int, p: int) -> tuple[Floats, Integers]:
    """Return a number in [0, 1) for each tree and patient, and the turn of each feature."""
    points = np.empty((n_trees, n))
    turns = np.empty((n_trees, p), dtype=np.int64)
    order = np.empty(p, dtype=np.int64)
    for tree in range(n_trees):
        key = random_bits(np.uint64(seed), tree)
        for patient in range(n):
            points[tree, patient] = np.float64(random_bits(key, patient) >> np.uint64(11)) * 2.0**-53
        for feature in range(p):
            order[feature] = feature
        for turn in range(p):
            bits = random_bits(key, n + turn) >> np.uint64(32)
            pick = turn + np.int64((bits * np.uint64(p - turn)) >> np.uint64(32))
            order[turn], order[pick] = order[pick], order[turn]
            turns[tree, order[turn]] = turn
    return points, turns


@compiled()
def _differentiate(
    people: _Records, points: Floats, subsample: float, logistic: bool
) -> tuple[float, float]:
    """Write gradients and hessians of the patients drawn for a tree; return their sums."""
    gradients, hessians = 0.0, 0.0
    for patient in range(len(points)):
        row = people[patient]
        row["gradient"], row["hessian"] = 0.0, 0.0
        row["drawn"] = points[patient] < subsample
        if points[patient] < subsample:
            value, hessian = row["margin"], _ONE
            if logistic:
                value = _ONE / (math.exp(min(-value, _MOST_EXPONENT)) + _ONE)
                hessian = max(value * (_ONE - value), _LEAST_HESSIAN)
            row["gradient"] = np.float64((value - row["answer"]) * row["weight"])
            row["hessian"] = np.float64(hessian * row["weight"])
            gradients += row["gradient"]
            hessians += row["hessian"]
    return gradients, hessians


@compiled()
def _fill_root(
    sorted_cells: _Cells, people: _Records, chosen: Integers, cells: _Cells, sums: Floats,
) -> None:
    """Lay out the drawn patients in every chosen feature's order, with running sums."""
    at = 0
    n = sorted_cells.shape[1]
    for f in range(len(chosen)):
        gradient, hessian = 0.0, 0.0
        for place in range(n):
            cell = sorted_cells[chosen[f], place]
            row = people[cell & _PATIENT]
            gradient += row["gradient"]
            hessian += row["hessian"]
            cells[0, at] = cell
            sums[0, 0, at] = gradient
            sums[0, 1, at] = hessian
            at += row["drawn"]


@compiled()
def _bits(number: np.float32) -> int:
    """Return a number that compares as the single-precision number does, if that is above 0."""
    return np.int64(np.float32(number).view(np.int32))


@compiled()
def _number(bits: int) -> np.float32:
    """Return the single-precision number of these bits."""
    return np.int32(bits).view(np.float32)


@compiled()
def _best_cut(
    cells: _Cells, sums: Floats, side: int, node: tuple[float, float, int, int], shape: _Shape
) -> tuple[np.float32, int]:
    """Return what the best cut gains and its cell, the first of equal ones."""
    gradient, hessian, start, end = node
    penalty, least = shape[0], shape[1]
    root = np.float32(gradient * gradient) / np.float32(hessian + penalty)
    best = _NONE
    for k in range(start, end):
        right, right_hessian = sums[side, 0, k], sums[side, 1, k]
        left, left_hessian = gradient - right, hessian - right_hessian
        gain = np.float32(left * left) / np.float32(left_hessian + penalty) + np.float32(
            right * right
        ) / np.float32(right_hessian + penalty)
        allowed = (
            (right_hessian >= least)
            & (left_hessian >= least)
            & ((cells[side, k] ^ cells[side, k + 1]) > _PATIENT)
        )
        key = (_bits(gain - root) << 32) - k if allowed else -k
        best = max(best, key)
    bits = (best + 0xFFFFFFFF) >> 32
    return _number(bits), (bits << 32) - best


@compiled()
def _partition(
    people: _Records, cells: _Cells, sums: Floats, side: int, n_features: int,
    node: tuple[int, int, int, int],
) -> None:
    """Lay out a node's patients in its children, which keep the order of every feature."""
    start, size, to, n_left = node
    right_start = to + n_features * n_left + 1
    other = 1 - side
    k = start
    for f in range(n_features):
        a, b = to + f * n_left, right_start + f * (size - n_left)
        gradient, hessian = 0.0, 0.0
        for _ in range(size):
            cell = cells[side, k]
            row = people[cell & _PATIENT]
            gradient += row["left_gradient"]
            hessian += row["left_hessian"]
            cells[other, a] = cell
            sums[other, 0, a] = gradient
            sums[other, 1, a] = hessian
            cells[other, b] = cell
            sums[other, 0, b] = sums[side, 0, k] - gradient
            sums[other, 1, b] = sums[side, 1, k] - hessian
            a += row["is_left"]
            b += 1 - row["is_left"]
            k += 1


@compiled()
def _leaf(node: _Records, shape: _Shape) -> None:
    penalty, least, rate, _ = shape
    weight = np.float32(0.0)
    if node["hessian"] >= least:
        weight = np.float32(-node["gradient"] / (node["hessian"] + penalty))
    node["value"] = weight * rate
    node["left"] = -1


@compiled()
def _split(
    people: _Records, table: _Singles, chosen: Integers, cells: _Cells, nodes: _Records,
    at: tuple[int, int, int, int],
) -> int:
    """Divide a node after a cell and describe its children; return how many go left."""
    side, number, cut, children = at
    node, left, right = nodes[number], nodes[children], nodes[children + 1]
    size = node["size"]
    row = (cut - node["start"]) // size
    first = node["start"] + row * size
    feature = chosen[row]
    upper = table[cells[side, cut] & _PATIENT, feature]
    lower = table[cells[side, cut + 1] & _PATIENT, feature]
    middle = (upper + lower) * _HALF
    node["feature"], node["left"] = feature, children
    node["threshold"] = upper if middle == lower else middle
    gradient, hessian = 0.0, 0.0
    for k in range(first, first + size):
        person = people[cells[side, k] & _PATIENT]
        goes_left = k > cut
        person["is_left"] = goes_left
        person["left_gradient"] = person["gradient"] if goes_left else 0.0
        person["left_hessian"] = person["hessian"] if goes_left else 0.0
        gradient += person["left_gradient"]
        hessian += person["left_hessian"]
    left["gradient"], left["hessian"] = gradient, hessian
    right["gradient"], right["hessian"] = node["gradient"] - gradient, node["hessian"] - hessian
    left["size"] = first + size - 1 - cut
    right["size"] = size - left["size"]
    return left["size"]


@compiled()
def _grow(
    people: _Records, table: _Singles, chosen: Integers, cells: _Cells, sums: Floats,
    nodes: _Records, shape: _Shape,
) -> None:
    """Grow a tree from its root, level by level."""
    first, last, n_features = 0, 1, len(chosen)
    side = 0
    for level in range(shape[3]):
        free, n_nodes = 0, last
        for number in range(first, last):
            node = nodes[number]
            start, size = node["start"], node["size"]
            _leaf(node, shape)
            if node["hessian"] < 2.0 * shape[1] * (1.0 - 1e-9):
                continue
            bounds = (node["gradient"], node["hessian"], start, start + n_features * size)
            gain, cut = _best_cut(cells, sums, side, bounds, shape)
            if not gain > _LEAST_GAIN:
                continue
            n_left = _split(people, table, chosen, cells, nodes, (side, number, cut, n_nodes))
            if level + 1 < shape[3]:
                nodes[n_nodes]["start"] = free
                nodes[n_nodes + 1]["start"] = free + n_features * n_left + 1
                _partition(people, cells, sums, side, n_features, (start, size, free, n_left))
                free += n_features * size + 2
            n_nodes += 2
        first, last, side = last, n_nodes, 1 - side
        if first == last:
            return
    for number in range(first, last):
        _leaf(nodes[number], shape)


@compiled()
def _tell(people: _Records, table: _Singles, nodes: _Records) -> None:
    """Add to everybody's margin what the tree says."""
    for patient in range(len(table)):
        k = 0
        while nodes[k]["left"] > 0:
            right = table[patient, nodes[k]["feature"]] >= nodes[k]["threshold"]
            k = nodes[k]["left"] + right
        people[patient]["margin"] += nodes[k]["value"]


@compiled()
def _start(answers: Floats, weights: Floats, logistic: bool) -> np.float32:
    """Return the margin before the first tree: that of the weighted mean."""
    total, mean = 0.0, 0.0
    for patient in range(len(answers)):
        total += np.float64(np.float32(weights[patient]))
    for patient in range(len(answers)):
        answer, weight = np.float32(answers[patient]), np.float32(weights[patient])
        mean += np.float64(answer) / total * np.float64(weight)
    if not logistic:
        return np.float32(mean)
    share = min(max(np.float32(mean), _LEAST_GAIN), _ONE - _LEAST_GAIN)
    return -math.log(_ONE / share - _ONE)


@compiled()
def _boost(
    train: Floats, answers: Floats, weights: Floats, candidates: Floats, test: Floats, seed: int,
    logistic: bool,
) -> tuple[Floats, Floats]:
    n, p = train.shape
    n_test, n_candidates = len(test), len(candidates)
    margins = np.zeros((n_candidates, n_test))
    table = np.empty((n + n_test, p), dtype=np.float32)
    table[:n] = train
    table[n:] = test
    sorted_cells = _sorted_cells(table, n)
    n_trees = np.int64(candidates[:, 0].max())
    points, turns = _draw(seed, n_trees, n, p)
    start = _start(answers, weights, logistic)
    room = p * n + 2 * n + 2
    cells = np.zeros((2, room), dtype=np.uint32)
    sums = np.zeros((2, 2, room))
    nodes = np.zeros(2 * n + 2, dtype=_NODE)
    people = np.zeros(n + n_test, dtype=_PERSON)
    for patient in range(n):
        people[patient]["answer"] = answers[patient]
        people[patient]["weight"] = weights[patient]
    features = np.empty(p, dtype=np.int64)
    for c in range(n_candidates):
        trees, rate, depth, subsample, columns, penalty, least = candidates[c]
        for patient in range(n + n_test):
            people[patient]["margin"] = start
        n_chosen = max(1, np.int64(np.float32(columns) * np.float32(p)))
        shape = (
            np.float64(np.float32(penalty)),
            np.float64(np.float32(least)),
            np.float32(rate),
            np.int64(depth),
        )
        subsample = np.float64(np.float32(subsample))
        for tree in range(np.int64(trees)):
            g, h = _differentiate(people, points[tree], subsample, logistic)
            nodes[0]["gradient"], nodes[0]["hessian"], nodes[0]["start"] = g, h, 0
            size = 0
            for patient in range(n):
                size += people[patient]["drawn"]
            nodes[0]["size"] = size
            if h >= 2.0 * shape[1] * (1.0 - 1e-9):
                k = 0
                for feature in range(p):
                    if turns[tree, feature] < n_chosen:
                        features[k] = feature
                        k += 1
                _fill_root(sorted_cells, people, features[:n_chosen], cells, sums)
            _grow(people, table, features[:n_chosen], cells, sums, nodes, shape)
            _tell(people, table, nodes)
        for t in range(n_test):
            margins[c, t] = people[n + t]["margin"]
    return margins, np.ones(n_candidates)


@compiled(PATH)
def boosted_log_odds_path(train, answers, weights, candidates, test, seed):
    return _boost(train, answers, weights, candidates, test, seed, True)


@compiled(PATH)
def boosted_numbers_path(train, answers, weights, candidates, test, seed):
    return _boost(train, answers, weights, candidates, test, seed, False)
