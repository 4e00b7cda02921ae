"""Support vector machines for two classes: C-SVC with a linear or a Gaussian kernel, as libsvm.

**Problem.** What scikit-learn's ``SVC(kernel="linear" or "rbf", C=C, gamma=gamma)`` minimises over
f and b, with patient weights ``w_i`` and ``s_i`` = 1 for answer 1 and -1 for answer 0::

    |f|^2 / 2 + C * sum_i w_i max(0, 1 - s_i (f(x_i) + b))

It is solved as libsvm's dual, in signed variables ``d_i = s_i alpha_i``: minimise ::

    d' K d / 2 - s' d   where   sum(d) = 0,   0 <= s_i d_i <= C w_i

with ``K_ij = x_i . x_j`` or ``exp(-gamma |x_i - x_j|^2)``. The margin of a patient z is
``sum_i d_i K(x_i, z) + b``, as `decision_function` and positive for answer 1. The intercept b is
libsvm's: the mean of the slacks ``s - K d`` of variables off their limits or, when all are at their
limits, the middle of the interval that the conditions of the optimum leave to it. (There libsvm
itself sometimes answers with an end of the interval, when rounding has left one of its variables
1e-16 off the limit.)

**Precision.** Libsvm rounds K between training patients to single precision, and so do we, because
it moves margins: by about 1e-7, and by up to 1e-3 with a linear kernel, fewer columns than patients
and C = 1000. Margins then agree with scikit-learn's to 1e-9. But where more patients are exactly on
the margin than K has ranks for, such as with few columns of whole numbers, rounding makes K
indefinite there, so that the answer would depend on the order of the patients. Such fits are
finished with K in double precision, as are all kernels with left-out patients; scikit-learn's
answers then differ by as much as rounding moves them.

**Algorithm.**

1. Sequential minimal optimisation [2]_: pairs of variables, chosen by second-order information
   [1]_, until the violation, the largest difference of slacks that a pair may still reduce, is
   below 0.3, or for two steps a patient.
2. Newton's step of the variables that are then off their limits, by elimination against one of
   them, so that a K that is singular but for the constraint does no harm. A step that meets a limit
   stops there and is repeated with the other variables [3]_. In a direction without curvature,
   such as with more free variables than columns, it goes down to a limit.
3. At the minimum of the free variables, four more pairs and 2 again.

The objective falls with every step. Pairs alone take some 400 steps at 22 patients, and hundreds of
thousands with few columns and large C; with Newton's steps it is some 20 of the one and 2 of the
other. Linear candidates are fitted in order of C, each from the last. Gaussian ones are taken in
order of gamma, so that equal ones share a kernel, but each starts from 0, which is no slower.

**Stopping rule.** When the violation is at most 1e-11, or 1e-15 of ``sum |d_i| max K_ii`` where
that is more, which rounding leaves of it. After 1000 times step 3 a candidate has not converged.

**Cost.** Inner products or squared distances once a path, ``n_train^2 n_features``; a candidate
takes some 20 ``n_train`` for pairs, two or three eliminations of ``n_free^3 / 6`` and, with a
Gaussian kernel, ``n_train^2 / 2 + n_train n_test`` exponentials.

References
----------
.. [1] Fan, Chen & Lin (2005), Working set selection using second order information for training
   support vector machines. JMLR 6:1889-1918.
.. [2] Chang & Lin (2011), LIBSVM: a library for support vector machines. ACM Transactions on
   Intelligent Systems and Technology 2:27.
.. [3] Scheinberg (2006), An efficient implementation of an active set method for SVMs. JMLR
   7:2237-2257.
"""

from __future__ import annotations

import numpy as np

from heldout.arrays import Floats
from heldout.kernels.compiled import PATH, compiled
from heldout.kernels.products import inner_products, predict
from heldout.kernels.svc_dual import (
    Machine,
    find_intercept,
    gaussian,
    gaussian_gram,
    new_machine,
    round_to_single,
    set_limits,
    solve,
    squared_distances,
    two_classes,
)


@compiled()
def _fit_and_predict(machine: Machine, across: Floats, margins: Floats) -> float:
    """Solve a problem and fill in the margins of left-out patients; return whether it converged.

    `across` (n_test, n_train) is the kernel, `margins` (n_test,).
    """
    converged = solve(machine)
    finite = predict(across, machine.dual, find_intercept(machine), margins)
    # A penalty so large that it overflowed: the next candidate must not set out from there.
    if not finite:
        margins[:] = 0.0
        machine.dual[:] = 0.0
    return 1.0 if converged and finite else 0.0


@compiled()
def _svc_path(
    radial: bool,
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
) -> tuple[Floats, Floats]:
    """Fit a support vector machine, with a Gaussian kernel or a linear one, for every candidate."""
    n_train, n_test = train.shape[0], test.shape[0]
    margins = np.zeros((candidates.shape[0], n_test))
    converged = np.zeros(candidates.shape[0])
    if not two_classes(answers):
        return margins, converged
    machine, across = new_machine(answers), np.empty((n_test, n_train))
    apart, apart_across = np.empty((n_train, n_train)), np.empty((n_test, n_train))
    if radial:
        squared_distances(train, train, apart)
        squared_distances(test, train, apart_across)
    else:
        inner_products(train, train, machine.exact)
        inner_products(test, train, across)
        round_to_single(machine)
    before, kernel_of = 0.0, np.nan
    # By gamma, or by C: the last of a candidate's numbers is what its neighbour shares.
    for row in np.argsort(candidates[:, -1]):
        penalty, gamma = candidates[row, 0], candidates[row, -1] if radial else 0.0
        if not (0.0 < penalty < np.inf and 0.0 <= gamma < np.inf):
            continue
        if radial:
            machine.dual[:] = 0.0
            if gamma != kernel_of:
                gaussian_gram(apart, gamma, machine.exact)
                gaussian(apart_across, gamma, across)
                round_to_single(machine)
                kernel_of = gamma
        set_limits(machine, weights, penalty, before)
        converged[row] = _fit_and_predict(machine, across, margins[row])
        before = penalty
    return margins, converged


@compiled(PATH)
def linear_svc_path(
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
    seed: int,
) -> tuple[Floats, Floats]:
    """Fit a linear support vector machine for every candidate.

    Parameters
    ----------
    train : array of shape (n_train, n_features)
    answers : array of shape (n_train,)
        0 or 1.
    weights : array of shape (n_train,)
        Positive; patient i has the penalty ``C * weights[i]``.
    candidates : array of shape (n_candidates, 1)
        C, positive.
    test : array of shape (n_test, n_features)
    seed : int
        Ignored.

    Returns
    -------
    margins : array of shape (n_candidates, n_test)
        Decision values, positive for answer 1; 0 where a fit was declined.
    converged : array of shape (n_candidates,)
        1, or 0 where there is one class only, C is not positive and finite, or numbers overflow.
    """
    return _svc_path(False, train, answers, weights, candidates, test)


@compiled(PATH)
def rbf_svc_path(
    train: Floats,
    answers: Floats,
    weights: Floats,
    candidates: Floats,
    test: Floats,
    seed: int,
) -> tuple[Floats, Floats]:
    """Fit a support vector machine with a Gaussian kernel for every candidate.

    Parameters
    ----------
    train : array of shape (n_train, n_features)
    answers : array of shape (n_train,)
        0 or 1.
    weights : array of shape (n_train,)
        Positive; patient i has the penalty ``C * weights[i]``.
    candidates : array of shape (n_candidates, 2)
        C, positive, and gamma, at least 0.
    test : array of shape (n_test, n_features)
    seed : int
        Ignored.

    Returns
    -------
    margins : array of shape (n_candidates, n_test)
        Decision values, positive for answer 1; 0 where a fit was declined.
    converged : array of shape (n_candidates,)
        1, or 0 where there is one class only, C or gamma is impossible, or numbers overflow.
    """
    return _svc_path(True, train, answers, weights, candidates, test)
