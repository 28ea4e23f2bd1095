"""How fast averaging on a graph reaches consensus."""

import numpy as np

from decentralizepy.graphs.Graph import Graph

MAX_NODES = 1000  # eigenvalues take n ** 3 operations


def second_eigenvalue(graph: Graph) -> float:
    """Return the second largest eigenvalue modulus of the mixing matrix; n >= 2."""
    moduli = np.abs(np.linalg.eigvalsh(graph.mixing_matrix()))
    return float(np.sort(moduli)[-2])
