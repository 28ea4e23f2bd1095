"""Pairwise network differential privacy: what each node learns of each other node's data."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

CLOSE = 1e-9  # singular values below this part of the largest are rounding errors
MANY = 256  # nodes, from which on eigenvalues take too long for every evaluation


def muffliato(
    mixing: Matrix, updates: int, uids: Sequence[int] | None = None
) -> Matrix:
    r"""Return how much of each node's updates each other one learns, by Muffliato's bound.

    In each round, every node adds an update with Gaussian noise of its own, and averages
    once. With sensitivity :math:`\Delta` of an update and standard deviation
    :math:`\sigma` of the noise, what node v receives in T rounds is

    .. math:: (\alpha, \frac{\alpha \Delta^2}{2 \sigma^2} F_{uv})\text{-Rényi-DP}, \quad
       F_{uv} = \min \Bigl( T, \sum_{t=1}^T \sum_{j=t}^T \sum_{w \in N(v)}
       \frac{(W^{j-t})_{uw}}{\lVert (W^{j-t})_{\cdot w} \rVert^2} \Bigr)

    towards the data of node u. Cyffers, Even, Bellet and Massoulié, Muffliato,
    arXiv:2206.05091, theorem 11, in the corrected form; T is what u's own noise promises
    against anyone. The sum counts messages one by one: if several rounds share one noise
    (``gossip_steps``), what they say together exceeds it, so use :func:`gaussian`.

    Parameters
    ----------
    mixing : array, shape (n, n)
        The averaging weights W, symmetric (``graph.mixing_matrix()``).
    updates : int
        The number of rounds, T.
    uids : sequence of int, optional
        The nodes u to return rows for; by default all.

    Returns
    -------
    array, shape (n, n) or (len(uids), n)
        Row u and column v; 0 where they are equal.

    Examples
    --------
    On a ring of five nodes, only neighbors learn anything in one round:

    >>> from decentralizepy.graphs.Ring import Ring
    >>> muffliato(Ring(5).mixing_matrix(), 1)[0].round(2).tolist()
    [0.0, 1.0, 0.0, 0.0, 1.0]
    """
    if not np.allclose(mixing, mixing.T):
        raise ValueError("averaging weights are not symmetric")
    nodes = [*range(len(mixing))] if uids is None else [*uids]
    values, vectors = np.linalg.eigh(mixing)
    total = np.zeros((len(nodes), len(mixing)))
    for steps in range(updates):
        powers = values**steps
        rows = (vectors[nodes] * powers) @ vectors.T
        squares = (vectors**2) @ powers**2  # of the norms of the columns of W^steps
        total += (updates - steps) * rows.clip(0) / squares
    factors = np.minimum(total @ _neighbors(mixing), updates)
    factors[range(len(nodes)), nodes] = 0
    return factors


def gaussian(mixing: Matrix, updates: int, gossip_steps: int = 1) -> Matrix:
    r"""Return the same factors from all that a node receives together.

    What node v receives is :math:`C (G + Z)`, of all updates G and noises Z. For updates
    of node u that differ by at most :math:`\Delta` each, the factor is the sum of the
    absolute values of the block of :math:`C^T (C C^T)^+ C` that belongs to u, at most T:
    the Gaussian mechanism with correlated noise (Denisov, McMahan, Rush, Smith and
    Thakurta, Improved Differential Privacy for SGD via Optimal Private Linear Operators on
    Adaptive Streams, NeurIPS 2022). Node v knows its own updates and noise.

    This takes time proportional to ``n^2 (updates * gossip_steps)^3``.

    Parameters
    ----------
    mixing : array, shape (n, n)
    updates : int
    gossip_steps : int, default 1
        How often nodes average after each update.

    Returns
    -------
    array, shape (n, n)
    """
    count = len(mixing)
    factors = np.zeros((count, count))
    neighbors = _neighbors(mixing)
    for observer in range(count):
        view = _view(
            mixing, np.flatnonzero(neighbors[:, observer]), updates, gossip_steps
        )
        view[:, :, observer] = 0
        flat = view.reshape(len(view), -1)
        _, sizes, right = np.linalg.svd(flat, full_matrices=False)
        known = right[sizes > CLOSE * sizes.max(initial=0)]
        known = known.reshape(len(known), updates, count)
        for uid in range(count):
            block = known[:, :, uid].T @ known[:, :, uid]
            factors[uid, observer] = min(np.abs(block).sum(), updates)
    np.fill_diagonal(factors, 0)
    return factors


def epsilon(factor: float, sensitivity: float, noise_std: float, delta: float) -> float:
    r"""Return epsilon at ``delta`` for a factor of the functions above.

    :math:`\rho + 2 \sqrt{\rho \ln(1 / \delta)}` with :math:`\rho = F \Delta^2 / (2
    \sigma^2)`; infinity without noise. Bun and Steinke, Concentrated Differential
    Privacy, TCC 2016, proposition 1.3.

    Examples
    --------
    >>> round(epsilon(1, sensitivity=1.0, noise_std=5.0, delta=1e-5), 4)
    0.9797
    """
    if not factor:
        return 0.0
    if not noise_std:
        return math.inf
    rho = factor * sensitivity**2 / (2 * noise_std**2)
    return rho + 2 * math.sqrt(rho * math.log(1 / delta))


def spent(
    graph: Any,
    uid: int,
    updates: int,
    sensitivity: float,
    noise_std: float,
    delta: float,
) -> dict[str, float]:
    """Return a node's epsilon against anyone, and the mean of those against other nodes.

    The second only for averages along an undirected graph that stays the same, of at most
    256 nodes.

    Parameters
    ----------
    graph : Graph
    uid : int
        The node.
    updates : int
        How many of its updates have been sent, each averaged once.
    sensitivity, noise_std, delta : float
        As for :func:`epsilon`.

    Returns
    -------
    dict of str to float
        ``local_epsilon`` and ``network_epsilon``.
    """
    known = sensitivity, noise_std, delta
    found = {"local_epsilon": epsilon(updates, *known)}
    if graph.fixed and not graph.directed and 1 < graph.n_procs <= MANY:
        factors = muffliato(graph.mixing_matrix(), updates, [uid])[0]
        total = sum(epsilon(each, *known) for each in factors)
        found["network_epsilon"] = total / (graph.n_procs - 1)
    return found


def _neighbors(mixing: Matrix) -> Matrix:
    """Return a matrix with 1 where nodes are neighbors."""
    found = (mixing > 0).astype(np.float64)
    np.fill_diagonal(found, 0)
    return found


def _view(
    mixing: Matrix, senders: npt.NDArray[np.intp], updates: int, gossip_steps: int
) -> npt.NDArray[np.float64]:
    """Return how each received message depends on each update: (messages, updates, n)."""
    held = np.zeros((len(mixing), updates, len(mixing)))
    messages = []
    for step in range(updates * gossip_steps):
        if step % gossip_steps == 0:
            held[:, step // gossip_steps] += np.eye(len(mixing))
        messages.append(held[senders])
        held = np.tensordot(mixing, held, 1)
    return np.concatenate(messages)
